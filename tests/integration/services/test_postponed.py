"""A database that does not come back in time: what must not be lost waits on disk, and counts when it is taken up."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, ProgrammingError, connection
from django.test import Client
from django.utils import timezone

from blast_api.callcontrol import documents, views
from blast_api.cron import run_once
from blast_api.domain.breaker import Breaker
from blast_api.domain.callbacks import Callback, Party
from blast_api.domain.menus import Wish
from blast_api.domain.states import CallStatus, RecordingState, ShoutStatus
from blast_api.models import DoNotCallNumber, LogKind
from blast_api.services import postponed
from tests.kits import factories
from tests.kits.callbacks import ask, delivered, lines, path
from tests.kits.spool import all_is_taken_up_at_once as all_is_taken_up_at_once
from tests.kits.spool import away, spooled, tell

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_opt_out_is_promised_and_kept(client: Client) -> None:
    call = delivered(answered=timezone.now(), answerer="HUMAN")
    with away():
        answer = tell(client, call, "key", Digits="5")
    assert (answer.status_code, answer.content) == (200, documents.after_key(Wish.OPT_OUT, None, str))
    assert not DoNotCallNumber.objects.exists()
    run_once()
    assert list(DoNotCallNumber.objects.values_list("number", flat=True)) == [call.number]
    assert spooled() == []


def test_an_ending_is_kept_with_the_time_at_which_it_was_told(client: Client) -> None:
    call = delivered(started=timezone.now(), due_at=timezone.now(), answerer="HUMAN")
    with away():
        before = timezone.now()
        assert tell(client, call, "status", CallStatus="completed", CallDuration=7).status_code == 200
        after = timezone.now()
    run_once()
    call.refresh_from_db()
    assert (call.status, call.duration) == (CallStatus.COMPLETED, 7)
    assert call.finished is not None
    assert before <= call.finished <= after
    assert len(lines(LogKind.CDR)) == 1


def test_the_end_of_a_call_to_an_author_is_kept(client: Client) -> None:
    message = factories.message()
    recording = factories.author_call(message, state=RecordingState.USER_ANSWERED, serial=1, attempts=1, sid="sid")
    with away():
        ask(client, path(Party.AUTHOR, recording.pk, 1, "status"), CallStatus="completed")
    postponed.take_up()
    recording.refresh_from_db()
    assert recording.ended is not None


@pytest.mark.parametrize(
    ("step", "told", "apologised"),
    [("answered", {}, True), ("detected", {"AMDStatus": "HUMAN"}, True), ("key", {"Digits": "0"}, False)],
)
def test_what_only_asks_for_words_gets_the_last_resort_and_one_in_place_of_the_message_is_kept(
    client: Client, step: str, told: dict[str, Any], *, apologised: bool
) -> None:
    call = delivered()
    with away():
        assert tell(client, call, step, **told).content == documents.apology()
    assert len(spooled()) == apologised
    postponed.take_up()
    call.refresh_from_db()
    assert (call.apologised, spooled()) == (apologised, [])


def test_a_forged_address_writes_nothing(client: Client) -> None:
    call = delivered()
    with away():
        forged = path(Party.RECIPIENT, call.pk, call.serial, "status", token="A" * 27)
        assert ask(client, forged, CallStatus="completed").status_code == 403
    assert spooled() == []


def test_while_the_database_is_away_everything_stays_on_disk(client: Client) -> None:
    call = delivered()
    with away():
        tell(client, call, "status", CallStatus="busy")
        with pytest.raises(OperationalError):
            postponed.take_up()
    assert len(spooled()) == 1
    assert postponed.take_up() == 1
    call.refresh_from_db()
    assert call.status == CallStatus.BUSY


def test_taken_up_twice_counts_once(client: Client) -> None:
    call = delivered(shout={"status": ShoutStatus.ONGOING})
    with away():
        tell(client, call, "status", CallStatus="busy")
        tell(client, call, "status", CallStatus="completed")
    (file,) = spooled()
    left_by_the_dead = file.with_name("callbacks.spool.left")
    left_by_the_dead.write_bytes(file.read_bytes())
    assert postponed.take_up() == 4
    call.refresh_from_db()
    assert call.status == CallStatus.BUSY
    assert len(lines(LogKind.CDR)) == 1


def test_lines_that_nobody_understands_stand_in_nobodys_way(client: Client) -> None:
    call = delivered()
    with away():
        tell(client, call, "status", CallStatus="busy")
    (file,) = spooled()
    whole = file.read_text()
    other = json.loads(whole) | {"step": "welcome"}
    strange = [
        "",
        "{",
        "[]",
        "null",
        '{"kind": "calls"}',
        json.dumps(other),
        "\udcff".encode("utf-8", "replace").decode(),
    ]
    file.write_text("\n".join(strange) + "\n" + whole + whole[: len(whole) // 2])
    postponed.take_up()
    call.refresh_from_db()
    assert call.status == CallStatus.BUSY
    assert spooled() == []


def test_one_that_fails_is_put_aside_and_holds_up_no_other(client: Client) -> None:
    first, second = delivered(), delivered(answerer="HUMAN")
    with away():
        tell(client, first, "status", CallStatus="busy")
        tell(client, second, "status", CallStatus="busy")
    faults = [ProgrammingError("a fault of ours")]

    def fail_once(execute: Callable[..., Any], *statement: Any) -> Any:
        if faults:
            raise faults.pop()
        return execute(*statement)

    with connection.execute_wrapper(fail_once):
        postponed.take_up()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == (CallStatus.ONGOING, CallStatus.BUSY)
    assert spooled() == []
    unusable = Path(settings.STATE_DIR, "callbacks.unusable")
    assert json.loads(unusable.read_text())["row"] == first.pk
    unusable.unlink()


def test_who_places_takes_up_nothing_but_opt_outs(client: Client) -> None:
    ended, opted_out = delivered(), delivered(answered=timezone.now(), answerer="HUMAN", number=factories.number(1))
    with away():
        tell(client, ended, "status", CallStatus="busy")
        tell(client, opted_out, "key", Digits="5")
    assert postponed.take_up(only_opt_outs=True) == 1
    assert list(DoNotCallNumber.objects.values_list("number", flat=True)) == [opted_out.number]
    assert postponed.take_up(only_opt_outs=True) == 0
    assert postponed.take_up() == 1


# --- Who asks a database that is away ---------------------------------------------------------------------------------


def test_who_knows_that_the_database_is_away_asks_it_no_more(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(views, "breakers", defaultdict(lambda: Breaker(again_s=3600.0)))
    call = delivered()
    with away() as asked:
        for _ in range(20):
            assert tell(client, call, "status", CallStatus="busy").status_code == 200
            assert tell(client, call, "detected", AMDStatus="HUMAN").content == documents.apology()
    assert len(asked) == 2  # each kind of callback for itself
    assert postponed.take_up() == 40  # the endings, and that apologies were heard


def test_one_row_that_others_hold_stops_only_those_who_need_it(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one callback waits in vain, another is answered."""
    monkeypatch.setattr(views, "breakers", defaultdict(lambda: Breaker(again_s=3600.0)))
    held, free = delivered(), delivered(number=factories.number(1))

    def answer(view: views.CallEnded, told: Any) -> Any:
        if view.row == held.pk:
            views.breakers[Callback.CALL_ENDED].answered()  # of another thread
            raise OperationalError("as the test wishes")
        return original(view, told)

    original = views.CallEnded.answer
    monkeypatch.setattr(views.CallEnded, "answer", answer)
    tell(client, held, "status", CallStatus="busy")
    tell(client, free, "status", CallStatus="busy")
    free.refresh_from_db()
    assert free.status == CallStatus.BUSY
    assert len(spooled()) == 1
