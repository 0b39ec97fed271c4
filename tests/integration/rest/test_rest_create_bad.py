"""POST /shouts with bad input: one error per field, nothing stored, never a 500."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from blast_api.models import Call, Message
from tests.kits import factories
from tests.kits.factories import number
from tests.kits.rest import NO_LISTS, NO_NUMBERS, NO_TEXTS, body, code, created, faults, nothing_is_stored, post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shut_gate")]

REQUIRED = "This field is required."
NO_IDS: list[object] = [0, -1, 2**63, 10**30, 1.5, "", "one", True, [], {}, 987654321]


@pytest.mark.parametrize(
    ("told", "field"),
    [
        (body(caller=...), "caller"),
        (body(userdata=...), "userdata"),
        (body(recipients=...), "recipients"),
        *((body(caller=written), "caller") for written in NO_NUMBERS),
        (body(caller="442079460018"), "caller"),  # no number that this service calls
        *((body(recipients=[written]), "recipients") for written in NO_NUMBERS),
        *((body(recipients=written), "recipients") for written in NO_LISTS),
        *((body(userdata=written), "userdata") for written in [None, "", *NO_TEXTS]),
        *((body(title=written), "title") for written in NO_TEXTS),
        *((body(old_shout_id=written), "old-shout-id") for written in NO_IDS),
    ],
)
def test_a_field_that_cannot_be_used_is_named_and_nothing_is_stored(
    client: Client, told: dict[str, object], field: str
) -> None:
    told_faults = faults(post(client, told))
    assert set(told_faults) == {field}
    assert all(isinstance(sentence, str) and sentence for sentence in told_faults[field])
    assert nothing_is_stored()


def test_all_fields_at_fault_are_named_at_once(client: Client) -> None:
    assert faults(post(client, {})) == {
        "caller": [REQUIRED],
        "recipients": [REQUIRED],
        "userdata": [REQUIRED],
    }
    told = {"caller": "me", "recipients": [], "userdata": "", "title": [], "schedule": "soon", "old-shout-id": "x"}
    assert set(faults(post(client, told))) == set(told)
    assert nothing_is_stored()


def test_bad_recipients_are_named_by_their_position(client: Client) -> None:
    recipients = [number(1), "x", number(2), None, number(3)]
    assert faults(post(client, body(recipients=recipients)))["recipients"] == [
        "1: 'x' is not a phone number with country code.",
        "3: None is not a phone number.",
    ]


def test_ten_bad_recipients_are_told_and_the_others_counted(client: Client) -> None:
    sentences = faults(post(client, body(recipients=["x"] * 500 + ["y" * 10_000])))["recipients"]
    assert len(sentences) == 11
    assert sentences[-1] == "And 491 more."
    assert all(len(sentence) < 200 for sentence in sentences)


def test_more_recipients_than_allowed_are_refused(client: Client, settings: Settings) -> None:
    settings.MAX_RECIPIENTS = 3
    told = [number(1)] * 4
    sentence = "4 recipients are more than the 3 that one shout may have."
    assert faults(post(client, body(recipients=told))) == {"recipients": [sentence]}
    created(post(client, body(recipients=told[:3])))


# --- The body itself -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "told",
    [
        " ",
        "{",
        "{'caller': 1}",
        '{"caller": NaN}',
        '{"caller": 1e}',
        b"\xff\xfe",
        b'{"caller": "\xff"}',
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"caller": ' + "9" * 10_000 + "}",
        "userdata=user&caller=15555552090",
    ],
)
def test_what_is_no_json_is_400_with_a_detail(client: Client, told: str | bytes) -> None:
    assert code(post(client, told)) == (400, "parse_error")
    assert nothing_is_stored()


def test_an_empty_body_lacks_every_field(client: Client) -> None:
    assert set(faults(post(client, ""))) == {"caller", "recipients", "userdata"}


@pytest.mark.parametrize("told", [[], [body()], "text", 5, None, True])
def test_json_that_is_no_object_is_400(client: Client, told: object) -> None:
    assert faults(post(client, json.dumps(told)))
    assert nothing_is_stored()


@pytest.mark.parametrize("depth", [10, 500, 900, 950, 980, 990, 1000])
def test_a_nested_recipient_is_refused_however_deep(client: Client, depth: int) -> None:
    nested = "[" * depth + "]" * depth
    told = json.dumps(body(recipients=["?"])).replace('"?"', nested)
    assert faults(post(client, told))
    assert faults(post(client, told, **{"Idempotency-Key": "nested"}))
    assert nothing_is_stored()


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/xml",
        "json",
        "",
    ],
)
def test_what_is_not_called_json_is_415(client: Client, content_type: str) -> None:
    answer = client.generic("POST", "/api/v1/shouts", json.dumps(body()), content_type=content_type)
    assert code(answer) == (415, "unsupported_media_type")
    assert nothing_is_stored()


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", "no-such-charset", "latin-1"])
def test_the_charset_of_json_is_what_json_says_it_is(client: Client, charset: str) -> None:
    answer = client.generic(
        "POST", "/api/v1/shouts", json.dumps(body()), content_type=f"application/json; charset={charset}"
    )
    created(answer)


@pytest.mark.parametrize("charset", ["zlib", "rot13", "hex", "idna", "utf-16"])
def test_a_charset_that_is_none_is_no_error_of_ours(client: Client, charset: str) -> None:
    answer = client.generic(
        "POST", "/api/v1/shouts", json.dumps(body()), content_type=f"application/json; charset={charset}"
    )
    assert answer.status_code in (201, 400)


def test_a_body_over_the_bound_is_413(client: Client, settings: Settings) -> None:
    settings.MAX_BODY_BYTES = 1024
    assert code(post(client, body(title="a" * 1024))) == (413, "too_large")
    assert code(post(client, body(title="a" * 1024), **{"Idempotency-Key": "large"})) == (413, "too_large")
    assert nothing_is_stored()
    created(post(client, body()))


def test_unknown_fields_are_no_reason_to_refuse(client: Client) -> None:
    created(post(client, body(colour="red", id=7, status="finished")))
    assert Message.objects.get().status == "pending"


# --- Schedule ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        "soon",
        "",
        "2030-01-31",
        "2030-01-31T12:00:00",  # whose noon?
        "2030-01-31T12:00Z",
        "20300131T120000Z",
        "2030-02-30T12:00:00Z",
        "2030-13-01T12:00:00Z",
        "2030-01-31T24:00:00Z",
        "2030-01-31T12:00:60Z",
        "2030-01-31T12:00:00+24:00",
        "2030-01-31T12:00:00+99:99",
        "2030-01-31T12:00:00-00:60",
        "2030-01-31T12:00:00 Z",
        "\uff12030-01-31T12:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "2020-01-31T12:00:00Z",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-23:59",
        1900000000,
        1.9e9,
        True,
        [],
        {},
    ],
)
def test_a_schedule_is_a_time_to_come_with_zone(client: Client, written: object) -> None:
    assert set(faults(post(client, body(schedule=written)))) == {"schedule"}
    assert nothing_is_stored()


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2027-01-31T12:00:00Z", datetime(2027, 1, 31, 12, tzinfo=UTC)),
        ("2027-01-31t12:00:00z", datetime(2027, 1, 31, 12, tzinfo=UTC)),
        ("2027-01-31 12:00:00Z", datetime(2027, 1, 31, 12, tzinfo=UTC)),
        ("2027-01-31T07:00:00-05:00", datetime(2027, 1, 31, 12, tzinfo=UTC)),
        ("2027-01-31T12:00:00.5+00:00", datetime(2027, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2027-01-31T12:00:00.123456789Z", datetime(2027, 1, 31, 12, 0, 0, 123_456, tzinfo=UTC)),
    ],
)
def test_a_schedule_may_be_written_in_all_ways_of_rfc_3339(client: Client, written: str, moment: datetime) -> None:
    created(post(client, body(schedule=written)))
    assert Message.objects.get().schedule == moment


def test_a_schedule_far_away_is_a_mistake(client: Client) -> None:
    near = timezone.now() + timedelta(days=365)
    created(post(client, body(schedule=near.isoformat())))
    far = timezone.now() + timedelta(days=365 * 11)
    assert set(faults(post(client, body(schedule=far.isoformat())))) == {"schedule"}


# --- The old shout -------------------------------------------------------------------------------------------------


def test_an_old_shout_must_be_this_users_and_recorded(client: Client) -> None:
    other = factories.application(name="other")
    unrecorded = factories.message()
    factories.author_call(unrecorded)
    not_kept = factories.message()
    factories.author_call(not_kept, recorded=True, kept=False)
    another_user = factories.message(userdata="somebody else")
    factories.author_call(another_user, recorded=True)
    another_application = factories.message(application=other)
    factories.author_call(another_application, recorded=True)
    for old in (unrecorded, not_kept, another_user, another_application):
        sentence = "This user has no shout of that id with a recording."
        assert faults(post(client, body(old_shout_id=old.pk))) == {"old-shout-id": [sentence]}
    assert Message.objects.count() == 4
    assert Call.objects.count() == 0
