"""What must be true whatever happens, in whatever order: what has been promised so far, what was seen, and their agreement.

The test of any order tells of each event that it made; `hold` then looks at the whole database.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.http import HttpResponse
from django.utils import timezone

from blast_api.callcontrol import documents
from blast_api.carrierx.client import Accepted, Outcome, Unknown
from blast_api.carrierx.events import HEARD_BY
from blast_api.dispatch.jobs import PlaceCall
from blast_api.domain.states import CARRIER_ENDINGS, LIVE_SHOUTS, CallStatus, ShoutStatus
from blast_api.models import Attempt, Call, DoNotCallNumber, LogKind, Message
from blast_api.records import sources

MESSAGE = b"http://127.0.0.1:9/f/0a0a.wav"
FINAL_WORDS = {"completed", "failed", "busy", "noanswer", "cancel"}
CONFIRM_S = 100
LATE_WINDOW_H = 1
CAP = 2
# The window of the shouts that have one, by UTC's clock: open so long after midnight, and for so long.
OPENS_S, HOURS = 300, 2
WINDOW = {"from": "00:05", "to": "02:05", "zone": "UTC"}


@dataclass(frozen=True)
class Given:
    """A call that the carrier was given, by its address."""

    call: int
    serial: int
    number: str
    user: str


@dataclass(frozen=True)
class Callback:
    """What the carrier says or asks about an attempt."""

    about: Given
    step: str
    told: Mapping[str, str]

    @property
    def is_final(self) -> bool:
        return self.step == "status" and self.told["CallStatus"] in FINAL_WORDS

    @property
    def is_wish(self) -> bool:
        """Whether somebody wishes never to be called again."""
        return self.told.get("Digits") == "5"

    @property
    def proves(self) -> bool:
        """Whether it tells that the call is up."""
        return self.step in ("answered", "detected")


@dataclass
class Live:
    """The attempt by which a recipient may be heard, as far as we promised."""

    serial: int
    since: datetime  # in hand, and due
    proven: bool = False  # told to be at the carrier
    doubtful: bool = False  # somebody died over it: it may be over


@dataclass
class Rows:
    """The database at one moment."""

    calls: dict[int, Call] = field(default_factory=dict)
    shouts: dict[int, Message] = field(default_factory=dict)

    @classmethod
    def now(cls) -> Rows:
        return cls(Call.objects.in_bulk(), Message.objects.filter(author_call__attempts=0).in_bulk())


class Promises:
    """Kept, or an AssertionError says which one was broken."""

    def __init__(self) -> None:
        # What we promised.
        self.live: dict[int, Live] = {}
        self.opted_out: set[tuple[str, str]] = set()
        # What we saw.
        self.rows = Rows()
        self._recorded: Counter[tuple[str, int, bool]] = Counter()
        self._expected: Counter[tuple[str, int, bool]] = Counter()

    def is_live(self, attempt: Given) -> bool:
        """Whether a recipient may be heard by this attempt."""
        return self._live(attempt.call, attempt.serial) is not None

    def _live(self, pk: int, serial: int) -> Live | None:
        now_live = self.live.get(pk)
        return now_live if now_live and now_live.serial == serial else None

    # --- What happened -----------------------------------------------------------------------------------------------

    def claimed(self, pk: int, serial: int, *, now: datetime) -> None:
        """A call was taken in hand: from now on it may ring."""
        call = Call.objects.select_related("message").get(pk=pk)
        assert call.message.status in LIVE_SHOUTS
        assert call.message.paused_at is None, "placed while its shout is paused"
        assert (call.message.userdata, call.number) not in self.opted_out, "called again after opting out"
        former = self.live.get(pk)
        assert former is None or former.doubtful, "placed again, while the last attempt may still be heard"
        assert call.due_at is not None
        self.live[pk] = Live(serial, since=max(now, call.due_at))

    def kept(self, job: PlaceCall, outcome: Outcome | None, *, died: bool) -> None:
        """The answer to a placement was kept, or is lost with who died over it."""
        now_live = self._live(job.attempt.call_id, job.attempt.serial)
        if now_live is None:
            return
        if died:
            now_live.doubtful |= not isinstance(outcome, Accepted | Unknown)
            if isinstance(outcome, Accepted):  # it may have died after the commit, over what follows it
                now_live.proven |= not Call.objects.in_hand().filter(pk=job.attempt.call_id).exists()
        elif isinstance(outcome, Accepted):
            now_live.proven = True
        elif not isinstance(outcome, Unknown):
            del self.live[job.attempt.call_id]

    def lapsed(self, now: datetime, *, died: bool) -> None:
        """What nothing has proven in time may be placed again; if the sweep died, nobody knows."""
        before = now - timedelta(seconds=CONFIRM_S)
        for pk, now_live in list(self.live.items()):
            if not now_live.proven and now_live.since < before:
                if died:
                    now_live.doubtful = True
                else:
                    del self.live[pk]

    def taken_back(self, pk: int, serial: int, *, died: bool) -> None:
        """The carrier was asked for a call that waits there; if it is back with us, it may be placed again."""
        now_live = self._live(pk, serial)
        if now_live is None:
            return
        now_live.doubtful |= died
        if Call.objects.filter(pk=pk, status=CallStatus.READY, held_since=None).exclude(serial=serial).exists():
            del self.live[pk]

    def broke_off(self, callback: Callback) -> None:
        """The web server died over a callback: what it has committed counts, and the carrier has no answer."""
        about = callback.about
        if now_live := self._live(about.call, about.serial):
            now_live.doubtful |= callback.is_final
            if callback.proves:
                now_live.proven |= Call.objects.get(pk=about.call).status == CallStatus.ONGOING
        if callback.is_wish and (about.user, about.number) in listed():
            self.opted_out.add((about.user, about.number))

    def answered(self, callback: Callback, answer: HttpResponse, before: Call, *, now: datetime) -> None:
        """A callback was answered so; `before` is its call as it was then."""
        about = callback.about
        now_live = self._live(about.call, about.serial)
        if _is_long_over(callback, before, now=now):
            assert (answer.status_code, answer.content) == (403, b""), "an address outlived its call"
            assert _columns(Call.objects.get(pk=about.call)) == _columns(before), "changed by a dead address"
            return
        assert answer.status_code == 200
        assert answer.content != documents.apology()
        if callback.is_wish:
            self.opted_out.add((about.user, about.number))
        elif now_live and callback.is_final:
            del self.live[about.call]
        elif now_live and callback.proves and before.finished is None:
            now_live.proven = True
        heard = answer.content not in (b"", documents.hang_up()) and not callback.is_wish
        if now_live is None or before.finished:
            assert not heard, "heard by a dead address"
        if heard and callback.step != "key":
            assert before.recalled or not before.withdrawn, "heard although withdrawn"
        if MESSAGE in answer.content and callback.step == "detected":
            assert (about.user, about.number) not in self.opted_out, "heard after opting out"
        if now_live is None and not callback.is_wish:
            assert _columns(Call.objects.get(pk=about.call)) == _columns(before), "changed by a dead address"

    # --- What must be true then --------------------------------------------------------------------------------------

    def hold(self, event: str, *, swept: bool) -> None:
        """The promises are kept, after an event of that name; `swept`: nobody has died since the last sweep."""
        before, after = self.rows, Rows.now()
        for pk, call in after.calls.items():
            self._of_call(before.calls.get(pk), call, event)
        for pk, shout in after.shouts.items():
            calls = [call for call in after.calls.values() if call.message_id == pk]
            self._of_shout(before.shouts.get(pk), shout, calls, swept=swept)
        self.rows = after
        self._of_attempts()
        self._of_records()
        assert self.opted_out <= listed(), "an opt-out was lost"
        wished = {
            (after.shouts[call.message_id].userdata, call.number) for call in after.calls.values() if call.opted_out
        }
        assert wished == listed()

    def _of_call(self, before: Call | None, call: Call, event: str) -> None:
        if call.opted_out:
            assert call.finished is None or call.status in {CallStatus.OPTED_OUT, CallStatus.DO_NOT_CALL}
        if before is None:
            if call.finished:
                self._expected["cdr", call.pk, False] += 1
            return
        if before.finished is None:
            tried_again = call.finished is None and call.attempts == before.attempts and call.serial != before.serial
            if call.finished or tried_again:
                self._expected["cdr", call.pk, False] += 1
            return
        assert call.finished is not None, "an ending was left"
        if call.status == before.status:
            return
        if call.status == CallStatus.OPTED_OUT and event == "key":
            assert before.status != CallStatus.DO_NOT_CALL
            return
        assert (before.status, event) == (CallStatus.TIMED_OUT, "status"), "an ending was left"
        assert call.status in CARRIER_ENDINGS | {CallStatus.OPTED_OUT, CallStatus.DO_NOT_CALL}
        assert self.rows.shouts[call.message_id].closed is None, "news after the late window"
        self._expected["cdr", call.pk, True] += 1

    def _of_shout(self, before: Message | None, shout: Message, calls: list[Call], *, swept: bool) -> None:
        settled = all(call.finished for call in calls)
        if shout.status == ShoutStatus.FINISHED:
            assert settled, "finished before its calls"
            assert not any(call.status == CallStatus.TIMED_OUT for call in calls)
        if shout.status in LIVE_SHOUTS and swept:
            assert not settled, "all its calls are settled, and it is not finished"
        if before is None or before.status in LIVE_SHOUTS:
            if shout.status not in LIVE_SHOUTS:
                self._expected["bdr", shout.pk, False] += 1
            return
        if before.closed:
            assert shout.closed == before.closed
        if shout.status != before.status:
            assert (before.status, shout.status) == (ShoutStatus.TIMED_OUT, ShoutStatus.FINISHED)
            assert before.closed is None
            self._expected["bdr", shout.pk, True] += 1

    def _of_attempts(self) -> None:
        """A row for each placement that may have been one, and for an end without any; open is that which may be heard."""
        by_call: defaultdict[int, list[Attempt]] = defaultdict(list)
        for row in Attempt.objects.order_by("serial"):
            by_call[row.call_id].append(row)
        with_carrier = set(Call.objects.with_carrier().values_list("pk", flat=True))
        for pk, call in self.rows.calls.items():
            placed = [row for row in by_call[pk] if row.claimed]
            assert [row.number for row in placed] == list(range(1, call.attempts + 1)), "not one row for each attempt"
            assert all((row.message_id, row.slot is None) == (call.message_id, False) for row in placed)
            open_ = [row.serial for row in by_call[pk] if not row.record]
            assert open_ == ([call.serial] if pk in with_carrier else []), "an attempt is open that is none"
            at_rest = [(row.serial, row.ending) for row in by_call[pk] if not row.claimed]
            assert at_rest in ([], [(call.serial, call.status)]) or call.opted_out
            if call.finished:
                assert by_call[pk][-1].serial == call.serial, "an ending without a row"

    def _of_records(self) -> None:
        """Each line is written as soon as it waits."""
        for source in sources.ALL:
            waiting = source.rows.waiting()
            for line in list(source.lines(waiting)):
                about = json.loads(line.text)
                self._recorded[source.rows.log, about["pk"], about["late"]] += 1
                if source.rows.log == LogKind.CDR:
                    call = self.rows.calls[about["pk"]]
                    assert about["status"] == call.status or (call.finished is None and about["status"] != "timed-out")
            waiting.update(written=timezone.now())
        missing, extra = self._expected - self._recorded, self._recorded - self._expected
        assert not missing | extra, f"not one line for each ending: {missing=} {extra=}"


def listed() -> set[tuple[str, str]]:
    """Whose lists have which numbers."""
    return set(DoNotCallNumber.objects.values_list("userdata", "number"))


def _is_long_over(callback: Callback, call: Call, *, now: datetime) -> bool:
    """Whether nothing that is told of this attempt can be true any more; late news is, while its shout waits for it."""
    is_current = call.serial == callback.about.serial
    over_since = call.finished or (None if is_current else call.started)
    if over_since is None or over_since > now - timedelta(hours=LATE_WINDOW_H):
        return False
    is_news = is_current and callback.is_final and call.status == CallStatus.TIMED_OUT and call.message.closed is None
    return not is_news


def _columns(call: Call) -> dict[str, object]:
    return {column.attname: getattr(call, column.attname) for column in Call._meta.concrete_fields}


def goes_by_its_rules(call: Call, *, starts_at: datetime, now: datetime) -> None:
    """What a claim took, by an arithmetic of its own."""
    shout = call.message
    if shout.delivery and "window" in shout.delivery:
        since_midnight = starts_at - starts_at.replace(hour=0, minute=0, second=0)
        opens = timedelta(seconds=OPENS_S)
        assert opens <= since_midnight < opens + timedelta(hours=HOURS), "rung out of hours"
    assert shout.until is None or now < shout.until, "placed after its time"
    if shout.concurrent_calls is not None:
        assert shout.calls.with_carrier().count() <= shout.concurrent_calls, "too many at once"
    up = Call.objects.with_carrier().filter(number=call.number, message__userdata=shout.userdata)
    heard = Call.objects.filter(number=call.number, message__userdata=shout.userdata, answerer__in=HEARD_BY)
    assert up.union(heard).count() <= CAP, "called more often than the cap"
