"""Whatever happens in whatever order: placing, callbacks, cancelling, opting out, sweeps, and deaths at any statement.

Real services and real views on the real database. The carrier is a model that has no manners: it may report anything
about any call that it was ever given, at any time, as often as it likes, by any address. Hypothesis looks for an order
of events that breaks a promise; BLAST_ANY_ORDER=500 lets it look at so many lives, instead of some, as `make fuzz` does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import hypothesis
import pytest
import time_machine
from django.db import connection, transaction
from django.test import Client
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as live
from pytest_django import Settings

from blast_api.carrierx.client import Accepted, Outcome, Refusal, Refused, Unknown
from blast_api.dispatch.claims import claim_placements
from blast_api.dispatch.clock import DatabaseClock
from blast_api.dispatch.errands import Withdraw, claim_errands
from blast_api.dispatch.jobs import Job, PlaceCall, keep_all
from blast_api.domain.callbacks import Party
from blast_api.domain.errors import AlreadyEnded
from blast_api.domain.recipients import Recipient
from blast_api.domain.rules import said
from blast_api.domain.states import ENDED_SHOUTS, LIVE_SHOUTS, CallStatus, ShoutStatus
from blast_api.models import Application, Attempt, AuthorCall, Call, DoNotCallNumber, Gate, Message, Recording
from blast_api.services import creation, delivery, pauses, shouts, sweeps
from tests.kits import factories
from tests.kits.callbacks import ask, path
from tests.kits.promises import CAP, CONFIRM_S, LATE_WINDOW_H, WINDOW, Callback, Given, Promises, goes_by_its_rules

pytestmark = pytest.mark.django_db(transaction=True)

LIVES = int(os.environ.get("BLAST_ANY_ORDER", "15"))
EVENTS = 40  # in each life
USERS = ("user", "another")
NUMBERS = [factories.number(index) for index in range(3)]
BEGINNING = datetime(2030, 1, 1, tzinfo=UTC)


class Fate(Enum):
    """What becomes of a placement."""

    ACCEPTED = "the carrier has it"
    UNCLEAR = "the carrier has it, its answer is lost"
    LOST = "the carrier has it, the dispatcher dies before it keeps the answer"
    NOT_SENT = "its slot is missed"
    DIED = "the dispatcher dies before it is sent"
    REFUSED = "the carrier does not want this one"
    NOT_NOW = "the carrier is busy"
    PUT_OFF = "the carrier does not want this one now"
    FORBIDDEN = "the carrier does not want this number, or none of ours"


AT_THE_CARRIER = {Fate.ACCEPTED, Fate.UNCLEAR, Fate.LOST}
KEPT = {Fate.ACCEPTED, Fate.UNCLEAR, Fate.NOT_SENT, Fate.REFUSED, Fate.NOT_NOW, Fate.PUT_OFF, Fate.FORBIDDEN}

CALLBACKS: list[tuple[str, dict[str, str]]] = [
    ("answered", {}),
    *(("detected", {"AMDStatus": word}) for word in ("HUMAN", "MACHINE", "NOTSURE", "HANGUP", "?")),
    *(("key", {"Digits": digits}) for digits in ("0", "5", "9", "")),
    *(("status", {"CallStatus": word}) for word in ("completed", "failed", "busy", "noanswer", "cancel", "ringing")),
]
RECIPIENTS = st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=2, unique=True)
AHEAD_S = st.sampled_from((None, None, 60))
SAID: list[dict[str, Any]] = [
    {"window": WINDOW},
    {"until": (BEGINNING + timedelta(seconds=500)).isoformat()},
    {"concurrent_calls": 1},
    {"calls_per_second": 0.01},
    {"retry": {"busy": 5}, "attempts": 2},
    {"machines": "retry", "retry": {"machine": 10}},
    {"machines": "hang up"},
    {"pause_at": {"failed_percent": 50, "of": 2}},
]
RULES = st.sampled_from((*[{}] * 6, *SAID))


class Died(BaseException):
    """The process is gone; nothing catches it."""


@contextmanager
def dying(after: int | None) -> Iterator[None]:
    """In the block, the process dies before the statement after so many; None: it does not."""
    if after is None:
        yield
        return
    left = after

    def count(execute: Callable[..., Any], *statement: Any) -> Any:
        nonlocal left
        left -= 1
        if left == -1:
            raise Died
        return execute(*statement)

    with connection.execute_wrapper(count):
        yield


class Clock(DatabaseClock):
    """The database's clock, as the test has it."""

    def __init__(self, time: Callable[[], datetime]) -> None:
        super().__init__()
        self._time = time

    def read(self) -> datetime:
        return self._time()


class AnyOrder(RuleBasedStateMachine):
    attempts: Bundle[Given] = Bundle("attempts")
    deaths = st.sampled_from((*[None] * 8, *range(12), 15, 20))

    def __init__(self) -> None:
        super().__init__()
        for model in (Attempt, Call, AuthorCall, Message, Recording, DoNotCallNumber, Gate, Application):
            model._default_manager.all().delete()
        self.client = Client()
        self.now = BEGINNING
        self.clock = Clock(lambda: self.now)
        self.application = factories.application()
        self.sources = {user: factories.message(userdata=user, status=ShoutStatus.FINISHED) for user in USERS}
        for source in self.sources.values():
            factories.author_call(source, recorded=True)
        self.promises = Promises()
        self.answers: list[tuple[PlaceCall, Outcome | None]] = []
        self.given: list[Given] = []
        self.unswept = False  # somebody died since the last sweep
        self.swept_at = self.now
        self.cancelled = 0
        self.event = ""

    @contextmanager
    def happening(self, event: str, *, dies_after: int | None = None) -> Iterator[list[bool]]:
        """One event, at its time, in a process that may die in it; tells by a list whether it did."""
        self.event = event
        died: list[bool] = []
        try:
            with time_machine.travel(self.now, tick=False), dying(dies_after):
                yield died
        except Died:
            died.append(True)
            self.unswept = True
            connection.close()

    # --- Applications ------------------------------------------------------------------------------------------------

    @initialize(other=st.sampled_from(USERS), numbers=RECIPIENTS, ahead_s=AHEAD_S)
    def begin(self, other: str, numbers: list[str], ahead_s: int | None) -> None:
        self._create(USERS[0], NUMBERS[:2], None, {}, None)
        self._create(other, numbers, ahead_s, {}, None)

    @precondition(lambda self: len(self.promises.rows.shouts) < 4)
    @rule(user=st.sampled_from(USERS), numbers=RECIPIENTS, ahead_s=AHEAD_S, rules=RULES, dies_after=deaths)
    def create(
        self, user: str, numbers: list[str], ahead_s: int | None, rules: dict[str, Any], dies_after: int | None
    ) -> None:
        self._create(user, numbers, ahead_s, rules, dies_after)

    def _create(
        self, user: str, numbers: list[str], ahead_s: int | None, rules: dict[str, Any], dies_after: int | None
    ) -> None:
        schedule = None if ahead_s is None else self.now + timedelta(seconds=ahead_s)
        new = creation.NewShout(
            userdata=user,
            caller=factories.AUTHOR,
            recipients=[Recipient(number) for number in numbers],
            schedule=schedule,
            old_shout_id=self.sources[user].pk,
            delivery=said.delivery(rules, now=BEGINNING),
        )
        with self.happening("create", dies_after=dies_after):
            creation.create(self.application, new, now=self.now)

    @precondition(lambda self: self.cancelled < 2 and len(self.promises.live) > 1)
    @rule(which=st.integers(0, 3), dies_after=deaths)
    def cancel(self, which: int, dies_after: int | None) -> None:
        self.cancelled += 1
        pk = sorted(self.promises.rows.shouts)[which % len(self.promises.rows.shouts)]
        was_over = self.promises.rows.shouts[pk].status in {ShoutStatus.FINISHED, ShoutStatus.TIMED_OUT}
        with self.happening("cancel", dies_after=dies_after):
            try:
                shouts.cancel(Message.objects.get(pk=pk), now=self.now)
            except AlreadyEnded:
                assert was_over
            else:
                assert not was_over

    @precondition(lambda self: self.promises.live)
    @rule(which=st.integers(0, 3), dies_after=deaths)
    def pause(self, which: int, dies_after: int | None) -> None:
        self._of_a_pause(pauses.pause, which, dies_after)

    @precondition(lambda self: any(shout.paused_at for shout in self.promises.rows.shouts.values()))
    @rule(which=st.integers(0, 3), dies_after=deaths)
    def resume(self, which: int, dies_after: int | None) -> None:
        self._of_a_pause(pauses.resume, which, dies_after)

    def _of_a_pause(self, act: Callable[..., None], which: int, dies_after: int | None) -> None:
        pk = sorted(self.promises.rows.shouts)[which % len(self.promises.rows.shouts)]
        was_over = self.promises.rows.shouts[pk].status in ENDED_SHOUTS
        with self.happening(act.__name__, dies_after=dies_after):
            try:
                act(Message.objects.get(pk=pk), now=self.now)
            except AlreadyEnded:
                assert was_over
            else:
                assert not was_over

    # --- The dispatcher ----------------------------------------------------------------------------------------------

    @precondition(lambda self: any(self._waits(call) for call in self.promises.rows.calls.values()))
    @rule(
        target=attempts,
        room=st.integers(1, 9),
        fates=st.lists(st.sampled_from((*[Fate.ACCEPTED] * 5, *Fate)), min_size=3, max_size=3),
        dies_after=deaths,
    )
    def place(self, room: int, fates: list[Fate], dies_after: int | None) -> Any:
        jobs: list[Job] = []
        with self.happening("place", dies_after=dies_after) as died:
            jobs = claim_placements(self.clock, room=room).jobs
        if died:  # the claim may stand, and nobody has sent what was claimed
            for pk, call in Call.objects.in_bulk().items():
                if call.serial != self._serial(pk) and call.held_since == self.now:
                    self.promises.claimed(pk, call.serial, now=self.now)
            return multiple()
        given = []
        for index, job in enumerate(jobs):
            assert isinstance(job, PlaceCall)
            fate = fates[index % len(fates)]
            call = Call.objects.select_related("message").get(pk=job.attempt.call_id)
            self.promises.claimed(call.pk, job.attempt.serial, now=self.now)
            goes_by_its_rules(call, starts_at=self.now + timedelta(seconds=job.delay_s), now=self.now)
            if fate in KEPT:
                self.answers.append((job, self._outcome(fate, job)))
            if fate in AT_THE_CARRIER:
                given.append(Given(call.pk, job.attempt.serial, call.number, call.message.userdata))
        self.given += given
        return multiple(*given)

    def _waits(self, call: Call) -> bool:
        is_ready = call.status == CallStatus.READY and call.held_since is None
        shout = self.promises.rows.shouts[call.message_id]
        return is_ready and shout.status in LIVE_SHOUTS and shout.paused_at is None

    def _serial(self, pk: int) -> int:
        return self.promises.rows.calls[pk].serial if pk in self.promises.rows.calls else 0

    @staticmethod
    def _outcome(fate: Fate, job: PlaceCall) -> Outcome | None:
        match fate:
            case Fate.ACCEPTED:
                return Accepted(f"sid-{job.attempt.call_id}-{job.attempt.serial}", {})
            case Fate.REFUSED:
                return Refused(Refusal.THIS_REQUEST, "no")
            case Fate.NOT_NOW:
                return Refused(Refusal.FOR_NOW, "busy", retry_after_s=1)
            case Fate.PUT_OFF:
                return Refused(Refusal.THIS_FOR_NOW, "in the way", 409)
            case Fate.FORBIDDEN:
                return Refused(Refusal.THIS_OR_ALL, "forbidden", 403)
            case Fate.NOT_SENT:
                return None
        return Unknown("lost")

    @precondition(lambda self: self.answers)
    @rule(first=st.booleans(), many=st.booleans(), dies_after=deaths)
    def keep(self, *, first: bool, many: bool, dies_after: int | None) -> None:
        """The answers to placements are kept, some time after; what a dying dispatcher has not kept is lost."""
        kept = self.answers[:] if many else [self.answers[0 if first else -1]]
        self.answers = [answer for answer in self.answers if answer not in kept]
        with self.happening("keep", dies_after=dies_after) as died, transaction.atomic():  # one, as the dispatcher's
            keep_all(kept, now=self.now)
        for job, outcome in kept:
            self.promises.kept(job, outcome, died=bool(died))

    @precondition(
        lambda self: any(c.withdrawn and c.status == CallStatus.PENDING for c in self.promises.rows.calls.values())
    )
    @rule(room=st.integers(1, 3), outcome=st.sampled_from(("waited", "gone", "?", "lost")), dies_after=deaths)
    def withdraw(self, room: int, outcome: str, dies_after: int | None) -> None:
        asked: list[delivery.CallAttempt] = []
        with self.happening("withdraw", dies_after=dies_after) as died:
            for job in claim_errands(self.clock, room=room):
                assert isinstance(job, Withdraw)
                asked.append(job.attempt)
                match outcome:
                    case "waited":
                        job.keep(Accepted("", {}), now=self.now)
                    case "gone":
                        job.keep(Refused(Refusal.THIS_REQUEST, "gone", status=404), now=self.now)
                    case "?":
                        job.keep(Unknown("lost"), now=self.now)
        for attempt in asked:
            self.promises.taken_back(attempt.call_id, attempt.serial, died=bool(died))

    # --- The carrier -------------------------------------------------------------------------------------------------

    @rule(attempt=attempts, callback=st.sampled_from(CALLBACKS), dies_after=deaths)
    def says_anything(self, attempt: Given, callback: tuple[str, dict[str, str]], dies_after: int | None) -> None:
        self._call_back(attempt, *callback, dies_after)

    @rule(attempt=attempts, dies_after=deaths)
    def picks_up(self, attempt: Given, dies_after: int | None) -> None:
        self._call_back(attempt, "answered", {}, dies_after)
        self.keeps_its_promises()
        self._call_back(attempt, "detected", {"AMDStatus": "HUMAN"}, dies_after)

    @rule(attempt=attempts, dies_after=deaths)
    def opts_out(self, attempt: Given, dies_after: int | None) -> None:
        self._call_back(attempt, "key", {"Digits": "5"}, dies_after)

    @rule(attempt=attempts, word=st.sampled_from(("completed", "failed", "busy", "cancel")), dies_after=deaths)
    def ends(self, attempt: Given, word: str, dies_after: int | None) -> None:
        self._call_back(attempt, "status", {"CallStatus": word}, dies_after)

    @precondition(lambda self: self.promises.live)
    @rule(word=st.sampled_from(("completed", "busy", "noanswer")), dies_after=deaths)
    def all_end(self, word: str, dies_after: int | None) -> None:
        for attempt in self.given:
            if self.promises.is_live(attempt):
                self._call_back(attempt, "status", {"CallStatus": word}, dies_after)
                self.keeps_its_promises()

    def _call_back(self, attempt: Given, step: str, told: dict[str, str], dies_after: int | None) -> None:
        callback = Callback(attempt, step, told)
        before = Call.objects.select_related("message").get(pk=attempt.call)
        with self.happening(step, dies_after=dies_after) as died:
            answer = ask(self.client, path(Party.RECIPIENT, attempt.call, attempt.serial, step), **told)
        if died:
            self.promises.broke_off(callback)
        else:
            self.promises.answered(callback, answer, before, now=self.now)

    # --- Time --------------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from((1, 5, 31, 101, 101, 101, 101, 400, 400, 4000)))
    def wait(self, seconds: float) -> None:
        self.event = "wait"
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: self.unswept or self.now > self.swept_at)
    @rule(dies_after=deaths)
    def sweep(self, dies_after: int | None) -> None:
        with self.happening("sweep", dies_after=dies_after) as died:
            delivery.lapse(self.now)
            shouts.begin_due(self.now)
            sweeps.expire(self.now)
            sweeps.finish(self.now)
        self.promises.lapsed(self.now, died=bool(died))
        self.unswept, self.swept_at = bool(died), self.now

    def teardown(self) -> None:
        """In the end all is over but what waits for its turn, whatever has happened, without another word from the carrier."""
        for _ in range(4):
            self.now += timedelta(hours=2)
            self.sweep(None)
            self.keeps_its_promises()
        waiting = Call.objects.at_rest().filter(message__status__in=LIVE_SHOUTS)
        assert not Call.objects.unfinished().exclude(pk__in=waiting.values("pk")).exists()
        unclosed = Message.objects.unclosed().filter(author_call__attempts=0)
        assert not unclosed.exclude(pk__in=waiting.values("message")).exists()

    @invariant()
    def keeps_its_promises(self) -> None:
        self.promises.hold(self.event, swept=not self.unswept)


@pytest.fixture(autouse=True)
def _eventful(settings: Settings) -> None:
    settings.CARRIERX_API_TOKEN = ""  # nobody can be asked what became of a call
    settings.MAX_CALLS_PER_SECOND = 1000
    settings.CALL_BATCH_SIZE = 1
    settings.CALL_LENGTH_RATIO = 1.5
    settings.PLACEMENT_HORIZON = 120
    settings.PLACEMENT_CONFIRM_TIMEOUT = CONFIRM_S
    settings.MAX_RETRIES = 2
    settings.RETRY_STATUSES = ("failed", "busy")
    settings.RETRY_DELAY = {"busy": 30}
    settings.MESSAGE_TIMEOUT = 300
    settings.MESSAGE_TIMEOUT_CHECK_WINDOW = LATE_WINDOW_H
    settings.FREQUENCY_CAP = {"calls": CAP, "days": 30}


def test_whatever_happens_in_whatever_order_the_promises_are_kept() -> None:
    # The same lives each time, so that a change is judged by what it changes; a longer search is by chance.
    same = "BLAST_ANY_ORDER" not in os.environ
    live(AnyOrder, settings=hypothesis.settings(max_examples=LIVES, stateful_step_count=EVENTS, derandomize=same))
