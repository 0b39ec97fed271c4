"""Do-not-call lists on pages: who sees and changes which, and that every change holds and is kept."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from blast_api.domain.roles import Role
from blast_api.domain.rules.listing import ListedBy
from blast_api.models import Application, Deed, DoNotCallNumber, OperatorsNumber
from blast_api.services import dnc
from blast_api.services.dnc import DoNotCallList
from tests.kits import factories
from tests.kits.pages import reads, signed_in, token

pytestmark = pytest.mark.usefixtures("guarded")

PAGE = "/do-not-call"
NUMBER = "15555551020"


@pytest.fixture
def listing_school(db: None) -> Application:
    return factories.application(name="school")


def post(client: Client, path: str, **given: Any) -> Any:
    return client.post(PAGE + path, given | {"csrfmiddlewaretoken": token(client, PAGE)}, follow=True)


def words(answer: Any) -> str:
    return reads(answer.content.decode()).text


def listed() -> set[tuple[str, str, str]]:
    return set(DoNotCallNumber.objects.values_list("userdata", "number", "by"))


def test_numbers_are_pasted_imported_found_and_taken_off_again(listing_school: Application) -> None:
    client = signed_in(Role.SENDER, listing_school)
    which = {"application": str(listing_school.pk), "userdata": "a/b?&=é"}
    answer = post(client, "/put", **which, numbers=f"{NUMBER}\n+1 555 555 1021\n")
    assert "2 numbers were listed." in words(answer)
    file = SimpleUploadedFile("list.csv", f"number\n{NUMBER}\n15555551022\n".encode())
    assert "1 number was listed; 1 were there before." in words(post(client, "/put", **which, file=file))
    assert {(number, by) for _, number, by in listed()} == {
        (NUMBER, ListedBy.API),
        ("15555551021", ListedBy.API),
        ("15555551022", ListedBy.IMPORT),
    }
    assert "+1 555 555 1022" in words(client.get(PAGE, which | {"q": "1022"}))
    assert "No number is on this list." in words(client.get(PAGE, which | {"q": "999"}))
    assert "may be called again" in words(post(client, "/take-off", **which, number=NUMBER))
    assert "It was not on this list." in words(post(client, "/take-off", **which, number=NUMBER))
    deeds = list(Deed.objects.order_by("pk").values_list("who", "action", "number", "detail"))
    assert deeds == [
        (Role.SENDER, "list", "", "a/b?&=é"),
        (Role.SENDER, "list", "", "a/b?&=é"),
        (Role.SENDER, "unlist", NUMBER, "a/b?&=é"),
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"numbers": ""}, "Paste numbers, or choose a file."),
        ({"numbers": f"{NUMBER}\nsoon\n"}, "Line 2:"),
        ({"file": SimpleUploadedFile("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))}, ""),
    ],
)
def test_what_is_no_list_lists_nobody(listing_school: Application, given: dict[str, Any], said: str) -> None:
    answer = post(signed_in(Role.SENDER, listing_school), "/put", application=str(listing_school.pk), **given)
    assert said in words(answer)
    assert (listed(), Deed.objects.count()) == (set(), 0)


@pytest.mark.parametrize("which", [{}, {"application": "x"}, {"application": "987654"}, {"application": "9" * 30}])
def test_a_list_of_nobody_is_none(listing_school: Application, which: dict[str, str]) -> None:
    client = signed_in(Role.SENDER, listing_school)
    assert post(client, "/put", **which, numbers=NUMBER).status_code == HTTPStatus.NOT_FOUND
    if which:
        assert client.get(PAGE, which).status_code == HTTPStatus.NOT_FOUND
    long = {"application": str(listing_school.pk), "userdata": "x" * 256}
    assert client.get(PAGE, long).status_code == post(client, "/put", **long).status_code == HTTPStatus.NOT_FOUND


def test_another_applications_lists_are_neither_seen_nor_changed(listing_school: Application) -> None:
    church = factories.application(name="church")
    dnc.put(DoNotCallList(church.pk, "choir"), [NUMBER], by=ListedBy.API)
    client = signed_in(Role.SENDER, listing_school)
    which = {"application": str(church.pk), "userdata": "choir"}
    assert client.get(PAGE, which).status_code == HTTPStatus.NOT_FOUND
    assert "church" not in client.get(PAGE).content.decode()
    assert "choir" not in client.get(f"/numbers/{NUMBER}").content.decode()
    for path in ("/put", "/take-off"):
        assert post(client, path, **which, numbers=NUMBER, number=NUMBER).status_code == HTTPStatus.NOT_FOUND
    assert len(listed()) == 1


def test_the_operators_list_is_seen_by_all_and_changed_by_operators(listing_school: Application) -> None:
    operator, sender = signed_in(Role.OPERATOR), signed_in(Role.SENDER, listing_school)
    assert "1 number was listed." in words(post(operator, "/put", application="*", numbers=NUMBER))
    assert "+1 555 555 1020" in words(sender.get(PAGE, {"application": "*"}))
    assert "the operator's list" in words(sender.get(f"/numbers/{NUMBER}"))
    for path in ("/put", "/take-off"):
        answer = post(sender, path, application="*", numbers="15555551021", number=NUMBER)
        assert answer.status_code == HTTPStatus.FORBIDDEN
    assert list(OperatorsNumber.objects.values_list("number", flat=True)) == [NUMBER]
    assert "may be called again" in words(post(operator, "/take-off", application="*", number=NUMBER))
    assert Deed.objects.filter(application=None, detail="*").count() == 2


def test_a_number_is_listed_from_its_own_page(listing_school: Application) -> None:
    client = signed_in(Role.SENDER, listing_school)
    answer = post(client, "/put", application=str(listing_school.pk), numbers=NUMBER, number=NUMBER, back="number")
    assert answer.redirect_chain[-1][0] == f"/numbers/{NUMBER}"
    assert "All users of school" in words(answer)
    assert Deed.objects.get().number == NUMBER


def test_a_long_list_has_pages_each_number_once(listing_school: Application) -> None:
    dnc.put(DoNotCallList(listing_school.pk), [factories.number(index) for index in range(120)], by=ListedBy.IMPORT)
    client, path, seen = signed_in(Role.VIEWER, listing_school), f"{PAGE}?application={listing_school.pk}", list[str]()
    while path:
        page = reads(client.get(path).content.decode())
        assert "/do-not-call/put" not in page.actions
        seen += [link for link in page.links if link.startswith("/numbers/")]
        path = next((PAGE + link for link in page.links if "before=" in link), "")
    assert len(seen) == len(set(seen)) == 120
