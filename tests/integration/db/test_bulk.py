"""Many rows in one statement, exactly as they were given."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from blast_api.db import bulk
from blast_api.domain.states import CallStatus
from blast_api.models import Call
from tests.kits import factories

pytestmark = pytest.mark.django_db


def test_rows_keep_their_order_and_what_is_shared(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    message, now = factories.message(), timezone.now()
    rows = [[index, factories.number(index), None if index % 2 else 17] for index in range(3000)]
    with django_assert_num_queries(1):
        columns = ["position", "number", "q850"]
        bulk.insert(Call, columns, rows, message_id=message.pk, status=CallStatus.READY, due_at=now)
    stored = Call.objects.order_by("pk")
    assert [[call.position, call.number, call.q850] for call in stored] == rows
    assert {(call.status, call.due_at, call.serial, call.sid) for call in stored} == {("ready", now, 0, "")}


@pytest.mark.parametrize("text", ['it\'s "quoted"', "%s %% ?", "é € 😀", "a\\b", "null", "", "[1]"])
def test_any_text_arrives_as_it_was(text: str) -> None:
    message = factories.message()
    bulk.insert(Call, ["position", "number"], [[0, text[:15]]], message_id=message.pk, sid=text)
    call = Call.objects.get()
    assert (call.number, call.sid) == (text[:15], text)


def test_no_rows_are_no_error() -> None:
    bulk.insert(Call, ["position"], [], message_id=factories.message().pk, number="1")
    assert not Call.objects.exists()


def test_rows_beyond_a_bound_travel_in_further_statements(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(bulk, "_CHUNK", 4)
    message = factories.message()
    rows = ((index, factories.number(index)) for index in range(10))
    with django_assert_num_queries(3):
        bulk.insert(Call, ["position", "number"], rows, message_id=message.pk)
    assert list(Call.objects.order_by("pk").values_list("position", flat=True)) == list(range(10))


def test_each_row_gets_its_own_values(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(bulk, "_CHUNK", 4)
    message, now = factories.message(), timezone.now()
    bulk.insert(Call, ["position", "number"], [[i, factories.number(i)] for i in range(7)], message_id=message.pk)
    pks = list(Call.objects.order_by("position").values_list("pk", flat=True))
    wanted = {pk: (now + timedelta(seconds=i), i % 2 or None) for i, pk in enumerate(pks[1:])}
    with django_assert_num_queries(2):
        changed = bulk.update(
            Call, ["due_at", "q850"], ([pk, bulk.written(due), cause] for pk, (due, cause) in wanted.items())
        )
    assert changed == 6
    assert {pk: (due, cause) for pk, due, cause in Call.objects.values_list("pk", "due_at", "q850")} == {
        pks[0]: (None, None),
        **wanted,
    }
    assert bulk.update(Call, ["q850"], [[pks[-1] + 1000, 17]]) == 0


@pytest.mark.parametrize("count", [0, 3, 4, 8, 9])
def test_rows_are_read_each_once_whatever_is_removed_meanwhile(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(bulk, "_READ_AT_ONCE", 4)
    message = factories.message()
    bulk.insert(
        Call,
        ["position", "number"],
        [[index, factories.number(index)] for index in range(count)],
        message_id=message.pk,
    )
    read = []
    for call in bulk.read(Call.objects.all(), "position", lambda call: call.position):
        read.append(call.position)
        Call.objects.filter(pk=call.pk).delete()
    assert read == list(range(count))
