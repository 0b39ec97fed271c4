"""The rules of a shout by POST /shouts: read, refused by their path, stored, and told as they are in force."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from blast_api.conf import configuration
from blast_api.models import Call, Message
from tests.kits import factories
from tests.kits.factories import USER, number
from tests.kits.rest import BASE, OPERATORS_RULES, body, content, created, faults, nothing_is_stored, post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shut_gate")]

WINDOW = {"from": "09:00", "to": "20:30", "days": ["mon", "tue"], "zone": "recipient"}
NO_OBJECTS: list[object] = ["", "x", 1, True, [], [{}]]
NO_COUNTS: list[object] = [0, 102, 1.5, "3", True]
NO_NUMBERS: list[object] = ["x", "", [], {}, True, "15555550101 ext. 5"]
NO_TIME = "is not a time of day, as 09:00."


def delivery(**rules: object) -> dict[str, object]:
    return body(delivery=rules)


def of_window(**parts: object) -> dict[str, object]:
    return delivery(window={"from": "09:00", "to": "12:00"} | parts)


def later(**ahead: float) -> str:
    return (timezone.now() + timedelta(**ahead)).isoformat()


# --- Rules ---------------------------------------------------------------------------------------------------------


def test_what_a_shout_says_is_stored_and_told(client: Client) -> None:
    until = timezone.now() + timedelta(days=1)
    told = {
        "window": {"from": "09:00", "to": "20:30", "days": ["tue", "mon"]},
        "until": until.isoformat(),
        "attempts": 2,
        "retry": {"busy": 300, "machine": 3600},
        "machines": "retry",
        "calls_per_second": 0.5,
        "concurrent_calls": 3,
        "pause_at": None,
    }
    shout = created(post(client, body(delivery=told)))
    message = Message.objects.get()
    assert message.delivery == {
        "window": WINDOW,
        "attempts": 2,
        "retry": {"busy": 300.0, "machine": 3600.0},
        "machines": "retry",
        "pause_at": None,
    }
    assert (message.until, message.calls_per_second, message.concurrent_calls) == (until, 0.5, 3)
    in_force = {**message.delivery, "until": shout["delivery"]["until"], "calls_per_second": 0.5, "concurrent_calls": 3}
    assert shout["delivery"] == in_force
    assert shout["delivery"]["until"].endswith("Z")
    assert content(client.get(f"{BASE}/shouts/{shout['id']}")) == shout
    assert content(client.get(f"{BASE}/shouts", {"userdata": USER})) == [shout]


@pytest.mark.parametrize(
    "told", [body(), body(delivery=None), delivery(), delivery(window=None, until=None, retry=None)]
)
def test_who_says_nothing_has_the_operators_rules(client: Client, told: dict[str, object]) -> None:
    assert created(post(client, told))["delivery"] == OPERATORS_RULES
    assert Message.objects.get().delivery is None


def test_the_operators_hours_are_told_where_a_shout_has_none(client: Client, settings: Settings) -> None:
    settings.CALLING_WINDOW = WINDOW
    assert created(post(client, body()))["delivery"]["window"] == WINDOW


@pytest.mark.parametrize(
    ("told", "path", "sentence"),
    [
        *((body(delivery=written), "delivery", "Expected an object.") for written in NO_OBJECTS),
        (delivery(colour="red"), "delivery.colour", "There is no such key."),
        (delivery(**{"\ud800": 1}), "delivery.\\ud800", "There is no such key."),
        (delivery(window="always"), "delivery.window", "Expected an object."),
        (delivery(window={"to": "12:00"}), "delivery.window.from", "This key is required."),
        (delivery(window={"from": "12:00"}), "delivery.window.to", "This key is required."),
        (of_window(**{"from": "9"}), "delivery.window.from", f"'9' {NO_TIME}"),
        (of_window(**{"from": "9:00"}), "delivery.window.from", f"'9:00' {NO_TIME}"),
        (of_window(**{"from": 900}), "delivery.window.from", f"900 {NO_TIME}"),
        (of_window(to="24:30"), "delivery.window.to", f"'24:30' {NO_TIME}"),
        (of_window(to="09:00"), "delivery.window.to", "'09:00' is when it begins"),
        (of_window(days=[]), "delivery.window.days", "Expected a list of days"),
        (of_window(days="mon"), "delivery.window.days", "Expected a list of days"),
        (of_window(days=["monday"]), "delivery.window.days", "Expected a list of days"),
        (of_window(days=[[]]), "delivery.window.days", "Expected a list of days"),
        (of_window(zone="Mars/X"), "delivery.window.zone", "'Mars/X' is no time zone"),
        (of_window(zone=5), "delivery.window.zone", "5 is no time zone"),
        (of_window(zone="../UTC"), "delivery.window.zone", "'../UTC' is no time zone"),
        (of_window(colour="red"), "delivery.window.colour", "There is no such key."),
        (delivery(until="soon"), "delivery.until", "Expected a time as in RFC 3339"),
        (delivery(until=1900000000), "delivery.until", "Expected a time as in RFC 3339"),
        (delivery(until="2020-01-31T12:00:00Z"), "delivery.until", "This time has passed."),
        *((delivery(attempts=written), "delivery.attempts", f"{written!r} is not") for written in NO_COUNTS),
        (delivery(retry=300), "delivery.retry", "Expected an object."),
        (delivery(retry={"completed": 1}), "delivery.retry.completed", "There is no such key."),
        (delivery(retry={"busy": -1}), "delivery.retry.busy", "-1 is not a number from 0 to 86400."),
        (delivery(retry={"busy": "5"}), "delivery.retry.busy", "'5' is not a number from 0 to 86400."),
        (delivery(machines="shout"), "delivery.machines", "'shout' is none of message, hang up, retry."),
        (delivery(machines=["message"]), "delivery.machines", "['message'] is none of"),
        (delivery(calls_per_second=0), "delivery.calls_per_second", "0 is not a number from 0.01 to 10000."),
        (delivery(concurrent_calls=0.5), "delivery.concurrent_calls", "0.5 is not a whole number"),
        (delivery(pause_at={"of": 50}), "delivery.pause_at.failed_percent", "This key is required."),
        (delivery(pause_at={"failed_percent": 0, "of": 5}), "delivery.pause_at.failed_percent", "0 is not a number"),
        (delivery(pause_at="never"), "delivery.pause_at", "Expected an object."),
    ],
)
def test_a_rule_that_cannot_be_used_is_named_by_its_path_and_nothing_is_stored(
    client: Client, told: dict[str, object], path: str, sentence: str
) -> None:
    found = faults(post(client, told))
    assert set(found) == {path}
    assert found[path][0].startswith(sentence)
    assert nothing_is_stored()


def test_all_faults_are_told_at_once(client: Client) -> None:
    told = body(userdata="", delivery={"attempts": 0, "window": {"from": "9", "to": "x"}, "a.b": 1})
    assert set(faults(post(client, told))) == {
        "userdata",
        "delivery.attempts",
        "delivery.window.from",
        "delivery.window.to",
        "delivery.a.b",
    }


@pytest.mark.parametrize(
    ("window", "is_fine"),
    [
        ({"from": "09:00", "to": "20:00"}, True),
        ({"from": "08:00", "to": "21:00"}, True),
        ({"from": "07:59", "to": "21:00"}, False),
        ({"from": "09:00", "to": "02:00"}, False),
        ({"from": "09:00", "to": "20:00", "days": ["sun"]}, False),
        ({"from": "00:00", "to": "24:00", "zone": "America/Chicago"}, True),  # by another clock: nobody can tell
    ],
)
def test_a_shout_may_narrow_the_operators_hours_and_not_widen_them(
    client: Client, settings: Settings, window: dict[str, Any], is_fine: bool
) -> None:
    settings.CALLING_WINDOW = {"from": "08:00", "to": "21:00", "days": ["mon", "tue", "wed", "thu", "fri", "sat"]}
    answer = post(client, delivery(window={"days": ["mon"], **window}))
    if is_fine:
        created(answer)
        return
    hours = "08:00 to 21:00 on mon, tue, wed, thu, fri, sat, by the recipient's clock"
    assert faults(answer) == {"delivery.window": [f"It is wider than the operator's hours: {hours}."]}
    assert nothing_is_stored()


@pytest.mark.parametrize(("hours", "is_fine"), [(1, False), (2, False), (3, True)])
def test_the_time_limit_is_after_the_schedule(client: Client, hours: int, is_fine: bool) -> None:
    begin = timezone.now()
    told = body(
        schedule=(begin + timedelta(hours=2)).isoformat(),
        delivery={"until": (begin + timedelta(hours=hours)).isoformat()},
    )
    answer = post(client, told)
    if is_fine:
        created(answer)
    else:
        assert faults(answer) == {"delivery.until": ["This is not after the schedule."]}
        assert nothing_is_stored()


def test_bounds_may_be_wider_than_those_around_them(client: Client, settings: Settings) -> None:
    settings.MAX_CALLS_PER_SECOND = 10
    factories.application(calls_per_second=1, concurrent_calls=1)
    shout = created(post(client, delivery(calls_per_second=100, concurrent_calls=100)))
    assert (shout["delivery"]["calls_per_second"], shout["delivery"]["concurrent_calls"]) == (100, 100)


# --- An application's own rules ------------------------------------------------------------------------------------


def test_what_a_shout_does_not_say_its_application_says(client: Client) -> None:
    application = factories.application(delivery={"attempts": 7, "machines": "hang up", "pause_at": None})
    shout = created(post(client, delivery(attempts=2)))
    expected = OPERATORS_RULES | {"attempts": 2, "machines": "hang up", "pause_at": None}
    assert shout["delivery"] == expected
    application.delivery = None
    application.save(update_fields=["delivery"])
    assert content(client.get(f"{BASE}/shouts/{shout['id']}"))["delivery"] == expected
    assert created(post(client, body()))["delivery"] == OPERATORS_RULES


def test_an_old_recording_goes_with_new_rules(client: Client) -> None:
    old = factories.message(status="finished", delivery={"attempts": 9}, did="15555550199")
    factories.author_call(old, recorded=True)
    shout = created(post(client, body(old_shout_id=old.pk, delivery={"attempts": 2, "until": later(hours=1)})))
    assert (shout["status"], shout["delivery"]["attempts"], shout["from"]) == ("ready", 2, configuration().did)


# --- Who calls -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["15555550101", "+1 (555) 555-0101", 15555550101])
def test_a_shout_calls_from_a_caller_id_of_its_application(client: Client, written: object) -> None:
    factories.application(dids=["15555550101"])
    shout = created(post(client, body(**{"from": written})))
    assert (shout["from"], Message.objects.get().did) == ("15555550101", "15555550101")


@pytest.mark.parametrize("told", [body(), body(**{"from": None})])
def test_who_names_none_calls_from_the_operators(client: Client, settings: Settings, told: dict[str, object]) -> None:
    factories.application(dids=["15555550101"])
    assert created(post(client, told))["from"] == settings.DID
    assert Message.objects.get().did == ""


def test_the_operators_own_is_everybodys(client: Client, settings: Settings) -> None:
    assert created(post(client, body(**{"from": settings.DID})))["from"] == settings.DID


def test_another_caller_id_is_refused(client: Client, settings: Settings) -> None:
    settings.DIDS = ("15555550101", "15555550102")
    factories.application(dids=["15555550101"])
    factories.application(name="other", dids=["15555550102"])
    sentence = "15555550102 is not a caller id of this application."
    assert faults(post(client, body(**{"from": "+15555550102"}))) == {"from": [sentence]}
    for written in NO_NUMBERS:
        assert set(faults(post(client, body(**{"from": written})))) == {"from"}
    assert nothing_is_stored()


def test_no_caller_id_is_called(client: Client, settings: Settings) -> None:
    settings.DIDS = ("15555550101",)
    assert faults(post(client, body(caller="15555550101"))) == {"caller": ["15555550101 is the line of whoever calls."]}
    shout = created(post(client, body(recipients=["15555550101", number(1)])))
    assert shout["calls"] == {"failed": 1, "pending": 1}


# --- Recipients ----------------------------------------------------------------------------------------------------


def test_recipients_say_their_zone_and_reference(client: Client) -> None:
    first = {"number": "+1 (555) 555-0001", "zone": "America/Chicago", "reference": "pupil 12"}
    again = {"number": number(1), "reference": "again"}
    shout = created(post(client, body(recipients=[first, number(2), again, {"number": number(3)}])))
    assert shout["recipients"] == [number(1), number(2), number(3)]
    calls = content(client.get(f"{BASE}/calls", {"shout-id": shout["id"]}))
    assert [(call["phone"], call["zone"], call["reference"]) for call in calls] == [
        (number(1), "America/Chicago", "pupil 12"),
        (number(2), None, None),
        (number(3), None, None),
    ]
    assert Call.objects.filter(zone="", reference="").count() == 2


def test_a_recipient_that_cannot_be_used_is_named_by_its_position(client: Client) -> None:
    told = [
        number(1),
        {"number": "x"},
        {"number": number(2), "zone": "Mars/X"},
        {"number": number(2), "reference": "a\0", "colour": 1},
        {},
    ]
    assert faults(post(client, body(recipients=told))) == {
        "recipients": [
            "1: number: 'x' is not a phone number with country code.",
            "2: zone: 'Mars/X' is no time zone that this system knows, as America/Chicago.",
            "3: 'colour': There is no such key. reference: 'a\\x00' has characters that cannot be stored.",
            "4: number: This key is required.",
        ]
    }
    assert nothing_is_stored()


# --- What it costs -------------------------------------------------------------------------------------------------


def test_rules_cost_a_list_no_query(client: Client) -> None:
    queries = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            content(client.get(f"{BASE}/shouts", {"userdata": USER}))
        queries.append(len(captured))
        for index in range(5):
            told = {"attempts": index + 1, "window": WINDOW, "until": later(hours=1)}
            created(post(client, body(delivery=told)))
    with CaptureQueriesContext(connection) as captured:
        assert len(content(client.get(f"{BASE}/shouts", {"userdata": USER}))) == 10
    assert queries[1] == len(captured)


def test_the_number_of_queries_is_the_same_for_recipients_that_say_more(client: Client) -> None:
    created(post(client, body()))
    queries = []
    for count in (10, 2000):
        told = [{"number": number(index), "zone": "UTC", "reference": str(index)} for index in range(count)]
        with CaptureQueriesContext(connection) as captured:
            created(post(client, body(recipients=told)))
        queries.append(len(captured))
    assert queries[0] == queries[1]
