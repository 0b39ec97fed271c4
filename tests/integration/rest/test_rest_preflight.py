"""POST /shouts;preflight: what POST /shouts would do, told without doing it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.rest.throttling import LongList
from tests.kits import factories
from tests.kits.factories import AUTHOR, listed, number
from tests.kits.rest import BASE, NO_LISTS, NO_NUMBERS, NO_TEXTS, body, code, content, faults, post

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shut_gate")]

NEW_YORK, CHICAGO, LONDON, JAMAICA = "12125550150", "13125550150", "442079460018", "18765550150"
VERDICTS = ("call", "wait", "do not call", "capped", "invalid", "refused", "duplicate")


def preflight(client: Client, told: object, query: str = "") -> Answer:
    data = told if isinstance(told, str | bytes) else json.dumps(told)
    return client.post(f"{BASE}/shouts;preflight{query}", data, content_type="application/json")


def foretold(client: Client, query: str = "", **fields: object) -> Any:
    answer = preflight(client, body(**fields), query)
    told = content(answer)
    assert answer.status_code == 200, told
    assert answer["Content-Type"] == "application/json"
    return told


def counts(**of: int) -> dict[str, int]:
    return dict.fromkeys(VERDICTS, 0) | {name.replace("_", " "): count for name, count in of.items()}


def test_every_verdict_with_its_rule_and_its_figures(client: Client, settings: Settings) -> None:
    settings.FREQUENCY_CAP = {"calls": 1, "days": 30}
    entry = listed("12125550151")
    heard = {"status": CallStatus.COMPLETED, "answerer": "HUMAN", "answered": timezone.now()}
    factories.call(factories.message(), number="12125550152", **heard)
    there = "Asia/Tokyo" if 6 <= timezone.now().hour < 18 else "Pacific/Honolulu"
    recipients = [
        NEW_YORK,
        "12125550151",
        "12125550152",
        LONDON,
        JAMAICA,
        "+1 (212) 555-0150",
        AUTHOR,
        {"number": CHICAGO, "zone": there, "reference": "r"},
    ]
    before = timezone.now()
    told = foretold(client, recipients=recipients, delivery={"window": _hours_that_are_shut(there)})
    by_position = told["recipients"]
    assert list(told) == ["counts", "recipients", "estimate"]
    assert told["counts"] == counts(call=0, wait=2, do_not_call=1, capped=1, invalid=1, refused=2, duplicate=1)
    assert [list(each) for each in by_position] == [["position", "number", "verdict", "reason", "at"]] * len(recipients)
    assert [each["position"] for each in by_position] == list(range(len(recipients)))
    since = entry.created.isoformat().replace("+00:00", "Z")
    assert [(each["number"], each["verdict"], each["reason"]) for each in by_position] == [
        (NEW_YORK, "wait", by_position[0]["reason"]),
        ("12125550151", "do not call", f"on the do-not-call list since {since}"),
        ("12125550152", "capped", "the cap of 1 in 30 days is reached"),
        (LONDON, "invalid", f"{LONDON} is not a number that this service calls"),
        (JAMAICA, "refused", f"{JAMAICA} is in JM where this service does not call"),
        (NEW_YORK, "duplicate", "it is at position 0 already"),
        (AUTHOR, "refused", f"{AUTHOR} is the line of whoever calls"),
        (CHICAGO, "wait", by_position[7]["reason"]),
    ]
    assert by_position[7]["reason"].startswith(f"{there} opens at ")
    assert all(each["at"] is None for each in by_position[1:7])
    assert all(datetime.fromisoformat(by_position[index]["at"]) > before for index in (0, 7))


def _hours_that_are_shut(zone: str) -> dict[str, object]:
    """An hour of every day that is neither now nor next, neither there nor in New York."""
    now = timezone.now()
    taken = {now.astimezone(ZoneInfo(name)).hour for name in (zone, "America/New_York")}
    hour = next(hour for hour in range(23) if not {hour, (hour - 1) % 24} & taken)
    return {"from": f"{hour:02d}:00", "to": f"{hour + 1:02d}:00"}


def test_without_hours_calls_begin_now_and_by_batches(client: Client, settings: Settings) -> None:
    settings.CALL_BATCH_SIZE, settings.CALL_LENGTH_RATIO = 1, 1
    before = timezone.now()
    told = foretold(client, recipients=[number(1), number(2)])
    first, second = (datetime.fromisoformat(each["at"]) for each in told["recipients"])
    assert told["counts"] == counts(call=2)
    assert [each["reason"] for each in told["recipients"]] == [None, None]
    assert before <= first <= timezone.now()
    assert second - first == timedelta(seconds=told["estimate"]["assumes"]["recording_length"]) == timedelta(seconds=30)


def test_a_scheduled_one_begins_then(client: Client) -> None:
    schedule = (timezone.now() + timedelta(days=2)).replace(microsecond=0).isoformat().replace("+00:00", "Z")
    told = foretold(client, schedule=schedule)
    assert {each["at"] for each in told["recipients"]} == {schedule}
    assert told["estimate"]["first_call"] == schedule


def test_the_length_of_an_old_recording_is_known(client: Client, settings: Settings) -> None:
    settings.CALL_BATCH_SIZE, settings.CALL_LENGTH_RATIO = 1, 2
    old = factories.message(status=ShoutStatus.FINISHED)
    factories.author_call(old, recorded=True)
    told = foretold(client, old_shout_id=old.pk)
    first, second = (datetime.fromisoformat(each["at"]) for each in told["recipients"])
    assert second - first == timedelta(seconds=16)
    assumes = told["estimate"]["assumes"]
    assert (assumes["recording_length"], assumes["recording_length_known"]) == (8, True)


def test_the_estimate_says_what_it_goes_by(client: Client, settings: Settings) -> None:
    settings.CALLING_WINDOW = {"from": "00:00", "to": "24:00"}
    told = foretold(client, delivery={"calls_per_second": 0.5})
    assert list(told["estimate"]) == ["first_call", "last_call", "finish", "assumes", "certainty"]
    assert told["estimate"]["assumes"] == {
        "calls_per_second": 0.5,
        "queued_ahead": 0,
        "windows": "00:00 to 24:00 every day, by the recipient's clock",
        "recording_length": 30,
        "recording_length_known": False,
        "answer_rate": 0.5,
        "answer_rate_of": "assumed",
        "retries": 0,
    }
    first, last, finish = (
        datetime.fromisoformat(told["estimate"][each]) for each in ("first_call", "last_call", "finish")
    )
    assert (last - first, finish - last) == (timedelta(seconds=2), timedelta(seconds=75))
    assert "estimate" in told["estimate"]["certainty"]


def test_how_the_users_last_calls_ended_is_assumed_of_the_next_and_else_how_the_applications_did(
    client: Client,
) -> None:
    others = factories.message(userdata="another", status=ShoutStatus.FINISHED)
    for ending in (CallStatus.COMPLETED, CallStatus.FAILED, CallStatus.FAILED, CallStatus.FAILED):
        factories.call(others, status=ending, attempts=1)
    factories.call(others, status=CallStatus.CAPPED)  # nobody was called
    assumes = foretold(client, recipients=[number(index) for index in range(16)])["estimate"]["assumes"]
    assert (assumes["answer_rate"], assumes["answer_rate_of"]) == (0.25, "application")
    assert assumes["retries"] == 12 + 9 + 7  # of 16, as RETRY_STATUSES and MAX_RETRIES are
    factories.call(factories.message(status=ShoutStatus.FINISHED), status=CallStatus.OPTED_OUT, attempts=1)
    assumes = foretold(client)["estimate"]["assumes"]
    assert (assumes["answer_rate"], assumes["answer_rate_of"]) == (1, "user")


def test_what_waits_already_is_ahead_in_fair_shares(client: Client) -> None:
    now = timezone.now()
    for application in (None, factories.application_with_token("another")):
        fields = {} if application is None else {"application": application}
        for _ in range(2):
            shout = factories.message(status=ShoutStatus.ONGOING, starts_at=now, **fields)
            for _ in range(3):
                factories.call(shout, status=CallStatus.READY, due_at=now - timedelta(seconds=5))
    paused = factories.message(status=ShoutStatus.ONGOING, starts_at=now, paused_at=now)
    factories.call(paused, status=CallStatus.READY, due_at=now)
    # Two of each shout of the application, and two of another application.
    assert foretold(client)["estimate"]["assumes"]["queued_ahead"] == 6


def test_where_nobody_would_be_called_there_is_no_time(client: Client) -> None:
    listed(number(1))
    told = foretold(client, recipients=[number(1)])
    assert told["counts"] == counts(do_not_call=1)
    assert [told["estimate"][each] for each in ("first_call", "last_call", "finish")] == [None] * 3


def test_counts_and_estimate_alone(client: Client) -> None:
    told = foretold(client, "?recipients=none")
    assert list(told) == ["counts", "estimate"]
    assert told["counts"] == counts(call=2)
    assert set(faults(preflight(client, body(), "?recipients=all"))) == {"recipients"}


def test_whose_hours_open_too_late_is_refused(client: Client) -> None:
    until = (timezone.now() + timedelta(minutes=10)).isoformat().replace("+00:00", "Z")
    window = _hours_that_are_shut("America/Chicago")
    told = foretold(client, recipients=[NEW_YORK, CHICAGO], delivery={"window": window, "until": until})
    assert told["counts"] == counts(refused=2)
    assert all(each["reason"].endswith(f"; it was to be placed before {until}") for each in told["recipients"])


@pytest.mark.parametrize(
    "told",
    [
        "{",
        "[]",
        body(caller=...),
        body(userdata=...),
        body(recipients=...),
        body(recipients=[]),
        *(body(caller=written) for written in NO_NUMBERS[:8]),
        *(body(recipients=[number(1), written]) for written in NO_NUMBERS),
        *(body(recipients=written) for written in NO_LISTS),
        *(body(title=written) for written in NO_TEXTS),
        body(caller=LONDON),
        body(old_shout_id=987654321),
        body(schedule="yesterday"),
        body(delivery={"window": {"from": "9"}}),
        body(recipients=[{"number": number(1), "zone": "Moon/Crater"}]),
    ],
)
def test_a_bad_body_has_the_same_answer_as_for_a_shout(client: Client, told: object) -> None:
    expected, answer = post(client, told), preflight(client, told)
    assert (answer.status_code, content(answer)) == (400, content(expected))


def test_only_json_is_read(client: Client) -> None:
    answer = client.post(f"{BASE}/shouts;preflight", "x", content_type="text/plain")
    assert code(answer) == (415, "unsupported_media_type")


def test_nothing_is_stored(client: Client, settings: Settings) -> None:
    settings.CALLING_WINDOW, settings.FREQUENCY_CAP = {"from": "09:00", "to": "10:00"}, {"calls": 1, "days": 1}
    listed(number(1))
    old = factories.message(status=ShoutStatus.FINISHED)
    factories.author_call(old, recorded=True)
    models = list(apps.get_app_config("blast_api").get_models())

    def stored() -> dict[str, list[Any]]:
        return {model.__name__: list(model._default_manager.order_by("pk").values_list()) for model in models}

    before = stored()
    with CaptureQueriesContext(
        connection,
    ) as asked:
        foretold(client, recipients=[number(index) for index in range(20)], old_shout_id=old.pk)
    assert stored() == before
    assert all(query["sql"].startswith(("SELECT", "BEGIN", "SAVEPOINT", "RELEASE")) for query in asked), list(asked)


def test_however_many_recipients_there_are_the_queries_are_as_many(client: Client, settings: Settings) -> None:
    settings.FREQUENCY_CAP = {"calls": 1, "days": 1}
    foretold(client)  # whoever asks is looked up once

    def asked(many: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            foretold(client, recipients=[number(index) for index in range(many)])
        return len(queries)

    assert asked(10) == asked(1000)


def test_a_long_answer_is_streamed_and_counts_as_a_long_list(client: Client, settings: Settings) -> None:
    settings.MAX_LONG_LISTS = 1
    told = body(recipients=[number(index) for index in range(1000)])
    first = preflight(client, told)
    assert first.streaming
    assert code(preflight(client, told)) == (429, "throttled")
    assert preflight(client, told, "?recipients=none").status_code == 200
    assert len(content(first)["recipients"]) == 1000
    assert len(content(preflight(client, told))["recipients"]) == 1000
    assert not LongList._open[factories.application().pk]


def test_another_applications_lists_and_calls_are_none_of_ours(client: Client, settings: Settings) -> None:
    settings.FREQUENCY_CAP = {"calls": 1, "days": 30, "scope": "application"}
    another = factories.application_with_token("another")
    listed(number(1), application=another)
    heard = {"status": CallStatus.COMPLETED, "answerer": "HUMAN", "answered": timezone.now()}
    factories.call(factories.message(application=another), number=number(2), **heard)
    assert foretold(client)["counts"] == counts(call=2)
