"""GET /dnc/{userdata} and DELETE /dnc/{userdata}/{number}: one list per user."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from django.http import StreamingHttpResponse
from django.test import Client
from django.utils.dateparse import parse_datetime
from pytest_django import DjangoAssertNumQueries

from blast_api.models import DoNotCallNumber
from tests import factories
from tests.factories import USER, number

from .rest import code, content, faults

pytestmark = pytest.mark.django_db


def path(*parts: str) -> str:
    return "/".join(["/api/v1/dnc", *(quote(part, safe="") for part in parts)])


def test_the_list_is_the_users_own_newest_first(client: Client) -> None:
    factories.listed(number(1))
    factories.listed(number(2))
    factories.listed(number(3), userdata="somebody else")
    answer = client.get(path(USER))
    assert isinstance(answer, StreamingHttpResponse)
    entries = content(answer)
    assert [entry["number"] for entry in entries] == [number(2), number(1)]
    assert all(set(entry) == {"number", "created"} and parse_datetime(entry["created"]) for entry in entries)


def test_a_user_nobody_knows_has_an_empty_list(client: Client) -> None:
    assert content(client.get(path("nobody"))) == []


@pytest.mark.parametrize(
    "userdata", ["a b", "50%", "\u00fc", "a?b#c", "a;b", "a+b", "\n", "7", "%2F", "org/team", "a/b\n/7", "a" * 255]
)
def test_any_users_list_can_be_read_paged_and_changed(client: Client, userdata: str) -> None:
    for index in range(3):
        factories.listed(number(index), userdata=userdata)
    answer = client.get(f"{path(userdata)}?limit=1")
    assert [entry["number"] for entry in content(answer)] == [number(2)]
    assert answer["X-Total-Count"] == "3"
    following = answer["Link"].split(";  rel")[0].removeprefix("<").split(">")[0]
    assert [entry["number"] for entry in content(client.get(following))] == [number(1)]
    assert client.delete(path(userdata, number(0))).status_code == 204
    assert len(content(client.get(path(userdata)))) == 2


@pytest.mark.parametrize(
    "written", ["15555550001", "+15555550001", "+1 555 555 0001", "1 (555) 555-0001", "1.555.555.0001", " 15555550001 "]
)
def test_a_number_is_taken_off_in_any_writing(client: Client, written: str) -> None:
    factories.listed(number(1))
    answer = client.delete(path(USER, written))
    assert answer.status_code == 204
    assert answer.content == b""
    assert not DoNotCallNumber.objects.exists()
    assert code(client.delete(path(USER, written))) == (404, "not_found")


@pytest.mark.parametrize("written", ["15555550002", "me", "0", "-1", "9" * 5000, "\0", "%", "15555550001x", "\u0661"])
def test_a_number_that_is_not_there_is_404(client: Client, written: str) -> None:
    factories.listed(number(1))
    assert code(client.delete(path(USER, written))) == (404, "not_found")
    assert DoNotCallNumber.objects.count() == 1


def test_another_users_entry_stays(client: Client) -> None:
    factories.listed(number(1), userdata="somebody else")
    assert code(client.delete(path(USER, number(1)))) == (404, "not_found")
    assert DoNotCallNumber.objects.count() == 1


def test_a_null_character_is_no_user(client: Client) -> None:
    assert set(faults(client.get("/api/v1/dnc/a%00b"))) == {"userdata"}
    assert set(faults(client.delete(f"/api/v1/dnc/a%00b/{number(1)}"))) == {"userdata"}


@pytest.mark.parametrize("written", ["0", "-1", "x"])
def test_a_bad_page_is_named(client: Client, written: str) -> None:
    assert set(faults(client.get(path(USER), {"limit": written}))) == {"limit"}


@pytest.mark.parametrize("count", [1, 100])
def test_the_number_of_queries_does_not_grow_with_the_list(
    client: Client, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for index in range(count):
        factories.listed(number(index))
    with django_assert_num_queries(2):
        assert len(content(client.get(path(USER)))) == count
