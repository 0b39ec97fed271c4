"""GET and DELETE /dnc?userdata=U, and the same by paths: one list per user."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote, urlencode

import pytest
from django.test import Client
from django.utils.dateparse import parse_datetime
from pytest_django import DjangoAssertNumQueries

from blast_api.models import DoNotCallNumber
from blast_api.services import dnc
from tests.kits import factories
from tests.kits.do_not_call import put
from tests.kits.factories import USER, number
from tests.kits.rest import code, content, faults, next_page

pytestmark = pytest.mark.django_db

Form = Callable[..., str]


def path(*parts: str) -> str:
    return "/".join(["/api/v1/dnc", *(quote(part, safe="") for part in parts)])


def query(*parts: str) -> str:
    return "/api/v1/dnc?" + urlencode(dict(zip(("userdata", "number"), parts, strict=False)))


both_forms = pytest.mark.parametrize("form", [path, query])
# Names that servers, clients or our own table of addresses might read as something else.
NAMES = [
    *["a b", "50%", "\u00fc", "a?b#c", "a;b", "a+b", "a&number=1", "\n", "\r\n\u2028", "%2F", "%00", "a" * 255, "\\"],
    *["org/team", "a/b\n/7", "a/", "/a", "/", "//", "a//b", "//a//", "https://school.example/", "/\n/"],
    *["7", "15555550001", "org/15555550001", "15555550001/15555550002", "/15555550001", "15555550001/"],
]


@both_forms
def test_the_list_is_the_users_own_newest_first(client: Client, form: Form) -> None:
    factories.listed(number(1))
    factories.listed(number(2))
    factories.listed(number(3), userdata="somebody else")
    answer = client.get(form(USER))
    entries = content(answer)
    assert [entry["number"] for entry in entries] == [number(2), number(1)]
    assert all(set(entry) == {"number", "created", "by", "call"} for entry in entries)
    assert all(parse_datetime(entry["created"]) and entry["by"] == "key" for entry in entries)


@both_forms
def test_a_user_nobody_knows_has_an_empty_list(client: Client, form: Form) -> None:
    assert content(client.get(form("nobody"))) == []


@pytest.mark.parametrize(
    ("form", "userdata"),
    [(form, name) for form in (path, query) for name in NAMES]
    + [(query, name) for name in (".", "..", "../..", "a/../b", "./a", "a/.")],
)
def test_any_users_list_can_be_read_paged_and_changed(client: Client, form: Form, userdata: str) -> None:
    for index in range(3):
        factories.listed(number(index), userdata=userdata)
        factories.listed(number(index), userdata=f"{userdata}/{number(0)}x"[-255:])
    address = form(userdata)
    answer = client.get(f"{address}{'&' if '?' in address else '?'}limit=1")
    assert [entry["number"] for entry in content(answer)] == [number(2)]
    assert answer["X-Total-Count"] == "3"
    assert [entry["number"] for entry in content(client.get(next_page(answer) or ""))] == [number(1)]
    assert client.delete(form(userdata, number(0))).status_code == 204
    assert len(content(client.get(form(userdata)))) == 2
    assert DoNotCallNumber.objects.count() == 5


def test_what_follows_the_last_slash_is_the_number_that_is_taken_off(client: Client) -> None:
    factories.listed(number(1), userdata="org")
    factories.listed(number(1), userdata=f"org/{number(1)}")
    assert len(content(client.get(f"/api/v1/dnc/org/{number(1)}"))) == 1
    assert client.delete(f"/api/v1/dnc/org/{number(1)}").status_code == 204
    assert [entry.userdata for entry in DoNotCallNumber.objects.all()] == [f"org/{number(1)}"]


@both_forms
@pytest.mark.parametrize(
    "written", ["15555550001", "+15555550001", "+1 555 555 0001", "1 (555) 555-0001", "1.555.555.0001", " 15555550001 "]
)
def test_a_number_is_taken_off_in_any_writing(client: Client, form: Form, written: str) -> None:
    factories.listed(number(1))
    answer = client.delete(form(USER, written))
    assert answer.status_code == 204
    assert answer.content == b""
    assert not DoNotCallNumber.objects.exists()
    assert code(client.delete(form(USER, written))) == (404, "not_found")


def test_a_plus_that_is_not_escaped_in_the_query_is_no_harm(client: Client) -> None:
    factories.listed(number(1))
    assert client.delete(f"/api/v1/dnc?userdata={USER}&number=+{number(1)}").status_code == 204


NO_NUMBERS = ["me", "0", "-1", "9" * 5000, "\0", "%", "15555550001x", "\u0661"]


@pytest.mark.parametrize(
    ("form", "written"), [(path, written) for written in NO_NUMBERS] + [(form, number(2)) for form in (path, query)]
)
def test_a_number_that_is_not_there_is_404(client: Client, form: Form, written: str) -> None:
    factories.listed(number(1))
    assert code(client.delete(form(USER, written))) == (404, "not_found")
    assert DoNotCallNumber.objects.count() == 1


@pytest.mark.parametrize("written", ["", *NO_NUMBERS])
def test_a_parameter_that_is_no_number_is_named(client: Client, written: str) -> None:
    factories.listed(number(1))
    assert set(faults(client.delete(query(USER, written)))) == {"number"}
    assert DoNotCallNumber.objects.count() == 1


def test_a_user_who_is_named_has_a_name_and_what_is_taken_off_is_named(client: Client) -> None:
    factories.listed(number(1))
    factories.listed(number(1), userdata=dnc.ALL_USERS)
    for query_ in ("userdata=", "userdata64=", "userdata=&userdata64="):
        for answer in (client.get(f"/api/v1/dnc?{query_}"), client.delete(f"/api/v1/dnc?{query_}&number={number(1)}")):
            assert set(faults(answer)) == {"userdata"}
    assert set(faults(client.delete(query(USER)))) == {"number"}
    assert set(faults(client.delete("/api/v1/dnc"))) == {"number"}
    assert DoNotCallNumber.objects.count() == 2


@pytest.mark.parametrize("misspelt", ["user", "Userdata", "userData", "user-data", "numbers"])
def test_a_misspelt_user_is_not_everybody(client: Client, misspelt: str) -> None:
    factories.listed(number(1), userdata=dnc.ALL_USERS)
    asked = f"/api/v1/dnc?{misspelt}=u&number={number(1)}"
    for answer in (client.get(asked), client.delete(asked), put(client, {"numbers": [number(2)]}, **{misspelt: "u"})):
        assert set(faults(answer)) == {misspelt}
    assert DoNotCallNumber.objects.count() == 1


@both_forms
def test_another_users_entry_stays(client: Client, form: Form) -> None:
    factories.listed(number(1), userdata="somebody else")
    assert code(client.delete(form(USER, number(1)))) == (404, "not_found")
    assert DoNotCallNumber.objects.count() == 1


@both_forms
def test_a_null_character_is_no_user(client: Client, form: Form) -> None:
    assert set(faults(client.get(form("a\0b")))) == {"userdata"}
    assert set(faults(client.delete(form("a\0b", number(1))))) == {"userdata"}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_query_that_is_not_utf_8_is_no_other_users(client: Client, method: str) -> None:
    factories.listed(number(1), userdata="a\ufffd")
    answer = client.generic(method, "/api/v1/dnc", QUERY_STRING=f"userdata=a%ff&number={number(1)}")
    assert code(answer) == (400, "parse_error")
    assert DoNotCallNumber.objects.count() == 1


@both_forms
@pytest.mark.parametrize("written", ["0", "-1", "x"])
def test_a_bad_page_is_named(client: Client, form: Form, written: str) -> None:
    address = form(USER)
    assert set(faults(client.get(f"{address}{'&' if '?' in address else '?'}limit={written}"))) == {"limit"}


@pytest.mark.parametrize("count", [1, 100])
def test_the_number_of_queries_does_not_grow_with_the_list(
    client: Client, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for index in range(count):
        factories.listed(number(index))
    with django_assert_num_queries(3):  # the application, the newest, the list
        assert len(content(client.get(query(USER)))) == count


def test_a_number_that_is_not_given_is_named_once(client: Client) -> None:
    required = {"number": ["This query parameter is required."]}
    assert faults(client.delete(f"/api/v1/dnc?userdata={USER}")) == required
    assert faults(client.delete(f"/api/v1/dnc?userdata={USER}&number=")) == required
