"""The claim goes by the recipients' clocks: who sleeps is not rung, and costs nothing while they wait."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from blast_api.db import bulk
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Attempt, Call, Message
from blast_api.services import pauses, schedule, shouts
from tests.kits import factories
from tests.kits.released import claim, placed_of, released

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("wide_gate")]

NEW_YORK, CHICAGO, DENVER, LOS_ANGELES = "1212555", "1312555", "1303555", "1213555"
IN_TWO = "1219555"  # Indiana's north-west: New York's time and Chicago's
HOUR = timedelta(hours=1)


def _window(since: datetime, until: datetime, **more: Any) -> dict[str, object]:
    """Open from one moment until another, by UTC's clock."""
    times = {"from": f"{since.astimezone(UTC):%H:%M}", "to": f"{until.astimezone(UTC):%H:%M}"}
    return {"window": {**times, "zone": "UTC", **more}}


def _open_now() -> dict[str, object]:
    now = timezone.now()
    return _window(now - HOUR, now + 2 * HOUR)


def _closed_now() -> dict[str, object]:
    """It opens in some two hours."""
    now = timezone.now()
    return _window(now + 2 * HOUR, now + 3 * HOUR)


def _until_due(call: Call) -> timedelta:
    assert call.due_at is not None
    return call.due_at - timezone.now()


def test_who_is_open_is_rung_and_who_is_closed_waits_for_the_opening() -> None:
    released(3, delivery=_open_now())
    closed = released(3, delivery=_closed_now())
    assert {call.message_id for call in placed_of(claim())} == set(
        Message.objects.exclude(pk=closed.pk).values_list("pk", flat=True)
    )
    for call in closed.calls.all():
        assert (call.status, call.held_since) == (CallStatus.READY, None)
        assert HOUR < _until_due(call) <= 2 * HOUR
    assert not Attempt.objects.filter(message=closed).exists()


def test_the_operators_hours_hold_for_every_shout(settings: Settings) -> None:
    settings.CALLING_WINDOW = _closed_now()["window"]
    released(1)
    wide = released(1, delivery=_open_now())
    assert claim().jobs == []
    wide_call = wide.calls.get()
    assert wide_call.status == CallStatus.FAILED  # its hours and the operator's are never open at once
    (other,) = Call.objects.exclude(message=wide)
    assert _until_due(other) > HOUR


def test_the_clock_is_that_of_each_recipient(settings: Settings) -> None:
    """At 9 in New York, which is 8 in Chicago."""
    settings.CALLING_WINDOW = {"from": "09:00", "to": "20:30"}
    with time_machine.travel(datetime(2030, 1, 31, 14, 0, 1, tzinfo=UTC), tick=True):
        message = _to(NEW_YORK, CHICAGO, IN_TWO, LOS_ANGELES)
        schedule.put_off(message, now=timezone.now())
        due = {call.number[:7]: call.due_at for call in message.calls.all() if call.due_at}
    assert due[NEW_YORK] < datetime(2030, 1, 31, 14, 0, 1, tzinfo=UTC)
    assert due[CHICAGO] == due[IN_TWO] == datetime(2030, 1, 31, 15, tzinfo=UTC)
    assert due[LOS_ANGELES] == datetime(2030, 1, 31, 17, tzinfo=UTC)


def _to(*prefixes: str, each: int = 1, zone: str = "", **fields: Any) -> Message:
    message = released(0, **fields)
    numbers = [f"{prefix}{index:04d}" for index in range(each) for prefix in prefixes]
    bulk.insert(
        Call,
        ["position", "number"],
        enumerate(numbers),
        message_id=message.pk,
        status=CallStatus.READY,
        zone=zone,
        due_at=timezone.now() - timedelta(seconds=1),
    )
    return message


def test_a_zone_that_was_given_counts_instead_of_those_of_the_number() -> None:
    moved = _to(LOS_ANGELES, zone="Pacific/Auckland", delivery={"window": {"from": "00:00", "to": "24:00"}})
    assert schedule.zones(LOS_ANGELES + "0000", moved.calls.get().zone) == ("Pacific/Auckland",)
    assert len(placed_of(claim())) == 1


def test_many_that_are_closed_are_put_off_some_at_a_time_and_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "_PUT_OFF_AT_ONCE", 10)
    closed = released(25, delivery=_closed_now())
    turns = 0
    while Call.objects.due(timezone.now()).exists():
        assert claim().jobs == []
        turns += 1
    assert turns == 3
    order = closed.calls.order_by("due_at", "pk").values_list("position", flat=True)
    assert list(order) == list(range(25))


def test_they_go_on_in_batches_after_the_opening(settings: Settings) -> None:
    settings.CALL_BATCH_SIZE, settings.CALL_LENGTH_RATIO = 10, 2
    closed = released(25, delivery=_closed_now())
    length_s = closed.author_call.length_s
    claim()
    by_time = Counter(call.due_at for call in closed.calls.all() if call.due_at)
    assert [by_time[moment] for moment in sorted(by_time)] == [10, 10, 5]
    assert length_s is not None
    assert {later - earlier for earlier, later in pairwise(sorted(by_time))} == {timedelta(seconds=2 * length_s)}


def test_held_calls_cost_the_next_claim_nothing() -> None:
    claim()
    with CaptureQueriesContext(connection) as without:
        claim()
    released(300, delivery=_closed_now())
    claim()
    with CaptureQueriesContext(connection) as held:
        assert claim().jobs == []
    assert len(held) == len(without)


def test_a_call_is_not_handed_over_ahead_if_its_hours_may_end_on_the_way(settings: Settings) -> None:
    now = timezone.now()
    soon = timedelta(seconds=115)
    # Hours end with a minute: they are open for one more at least, and not until somebody would have answered.
    ends = released(1, due=soon, delivery=_window(now - HOUR, now + timedelta(minutes=2)))
    goes_on = released(1, due=soon, delivery=_open_now())
    assert [call.message_id for call in placed_of(claim())] == [goes_on.pk]
    assert ends.calls.get().held_since is None


@pytest.mark.parametrize("given", ["", "America/Chicago"])
def test_a_released_shout_has_its_calls_planned_by_zone(settings: Settings, given: str) -> None:
    settings.CALLING_WINDOW = {"from": "09:00", "to": "20:30"}
    message = factories.message(status=ShoutStatus.PENDING)
    factories.author_call(message, recorded=True)
    for position, prefix in enumerate([NEW_YORK, DENVER, NEW_YORK]):
        factories.call(message, position=position, number=f"{prefix}010{position}", zone=given)
    night = datetime(2030, 1, 31, 8, tzinfo=UTC)
    assert shouts.release(message, length_s=5, now=night)
    openings = {
        "": [night.replace(hour=14), night.replace(hour=16), night.replace(hour=14)],
        "America/Chicago": [night.replace(hour=15)] * 3,
    }
    assert list(message.calls.order_by("position").values_list("due_at", flat=True)) == openings[given]
    assert set(message.calls.values_list("status", flat=True)) == {CallStatus.READY}


def test_whose_hours_never_open_has_failed_at_the_release(settings: Settings) -> None:
    """A number of no known area has every zone of its country, and these are never all open."""
    settings.CALLING_WINDOW = {"from": "09:00", "to": "10:00"}
    message = factories.message(status=ShoutStatus.PENDING)
    factories.author_call(message, recorded=True)
    reached = factories.call(message, position=0, number=f"{NEW_YORK}0100")
    nowhere = factories.call(message, position=1, number="12005550100")
    shouts.release(message, length_s=5, now=timezone.now())
    for call in (reached, nowhere):
        call.refresh_from_db()
    assert reached.status == CallStatus.READY
    assert (nowhere.status, nowhere.q850) == (CallStatus.FAILED, 1)


def test_after_a_pause_hours_are_planned_anew() -> None:
    waits = released(2, delivery=_closed_now())
    claim()
    before = set(waits.calls.values_list("due_at", flat=True))
    pauses.pause(waits, now=timezone.now())
    pauses.resume(waits, now=timezone.now() + timedelta(minutes=10))
    assert set(waits.calls.values_list("due_at", flat=True)) == before
