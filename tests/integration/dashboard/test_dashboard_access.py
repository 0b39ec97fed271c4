"""Who sees a page and who may do something there, over every address that there is."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

import pytest
from django.test import Client
from django.urls import URLPattern, reverse
from django.utils import timezone
from pytest_django import Settings

from blast_api.dashboard.page import POLICY, GuardedPage, OpenPage
from blast_api.dashboard.urls import urlpatterns
from blast_api.domain.roles import RIGHTS, Right, Role, may
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Deed, Message, Person
from blast_api.services import people
from tests.kits import factories
from tests.kits.pages import PASSWORD, person, reads, signed_in, token

pytestmark = pytest.mark.usefixtures("guarded")

FOR_ALL = {"sign-in", "sign-out"}
PAGES: list[URLPattern] = [pattern for pattern in urlpatterns if pattern.name not in FOR_ALL]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))


def right_of(page: URLPattern) -> Right:
    right: Right = page.callback.view_class.right  # type: ignore[attr-defined]  # of as_view
    return right


def method_of(page: URLPattern) -> str:
    return "post" if page.callback.view_class.http_method_names == ("post",) else "get"  # type: ignore[attr-defined]


def a_shout(name: str) -> Message:
    message = factories.message(
        application=factories.application(name=name), status=ShoutStatus.ONGOING, title=f"of {name}"
    )
    factories.author_call(message, recorded=True)
    message.save()
    factories.call(
        message, status=CallStatus.COMPLETED, number="15555551020", answerer="HUMAN", reference=f"ref {name}"
    )
    factories.call(message, status=CallStatus.READY)
    return message


def address(page: URLPattern, message: Message) -> str:
    arguments = {"pk": message.pk, "number": "15555551020"}
    names = page.pattern.converters
    return reverse(str(page.name), kwargs={name: arguments[name] for name in names})


def ask(client: Client, page: URLPattern, message: Message) -> int:
    path = address(page, message)
    if method_of(page) == "get":
        return client.get(path).status_code
    return client.post(
        path,
        {
            "to": "15555551020",
            "application": str(message.application_id),
            "number": "15555551020",
            "csrfmiddlewaretoken": token(client),
        },
    ).status_code


def test_every_page_guards_itself() -> None:
    for page in urlpatterns:
        view = page.callback.view_class  # type: ignore[attr-defined]
        assert issubclass(view, GuardedPage) or page.name in FOR_ALL
        assert issubclass(view, OpenPage)


@each_page
def test_nobody_sees_a_page_without_signing_in(page: URLPattern) -> None:
    message = a_shout("school")
    client = Client()
    answer = getattr(client, method_of(page))(address(page, message))
    assert answer.status_code == HTTPStatus.FOUND
    assert answer["Location"].startswith("/sign-in?next=")
    message.refresh_from_db()
    assert (message.paused_at, message.status, Deed.objects.count()) == (None, ShoutStatus.ONGOING, 0)
    assert client.get(address(page, message), headers={"HX-Request": "true"}).status_code in (401, 405)


@each_page
@pytest.mark.parametrize("role", Role.values)
def test_a_role_has_its_rights_and_no_others(page: URLPattern, role: str) -> None:
    message = a_shout("school")
    client = signed_in(role, message.application)
    status = ask(client, page, message)
    assert (status == HTTPStatus.FORBIDDEN) is not may(role, right_of(page))
    assert status in (HTTPStatus.OK, HTTPStatus.FOUND, HTTPStatus.FORBIDDEN)


@each_page
@pytest.mark.parametrize("role", [Role.VIEWER, Role.SENDER])
def test_nothing_of_another_application_is_seen_guessed_or_done(page: URLPattern, role: str) -> None:
    mine, theirs = a_shout("school"), a_shout("church")
    client = signed_in(role, mine.application)
    answer = client.get(address(page, theirs))
    if "pk" in page.pattern.converters and may(role, right_of(page)):
        gone = theirs.pk + 1000
        unknown = reverse(str(page.name), kwargs={"pk": gone})
        if method_of(page) == "get":
            assert answer.status_code == client.get(unknown).status_code == HTTPStatus.NOT_FOUND
            assert reads(client.get(unknown).content.decode()).words == reads(answer.content.decode()).words
        else:
            assert ask(client, page, theirs) == HTTPStatus.NOT_FOUND
    assert "church" not in answer.content.decode()
    theirs.refresh_from_db()
    assert (theirs.paused_at, theirs.status, Deed.objects.count()) == (None, ShoutStatus.ONGOING, 0)


@each_page
def test_a_form_of_somebody_elses_does_nothing(page: URLPattern) -> None:
    if method_of(page) == "get":
        return
    message = a_shout("school")
    client = signed_in(Role.OPERATOR)
    assert client.post(address(page, message)).status_code == HTTPStatus.FORBIDDEN
    assert Deed.objects.count() == 0


@pytest.mark.parametrize("page", urlpatterns, ids=lambda page: str(page.name))
def test_a_page_takes_nothing_from_elsewhere(page: URLPattern) -> None:
    message = a_shout("school")
    if method_of(page) != "get":
        return
    answer = (Client() if page.name in FOR_ALL else signed_in()).get(address(page, message))
    assert answer["Content-Security-Policy"] == POLICY
    assert answer["Cache-Control"] == "private, no-cache"
    html = answer.content.decode()
    assert reads(html).inside == []
    assert "http://" not in html.replace("http://www.w3.org", "").replace("http://testserver", "")


# --- In and out ------------------------------------------------------------------------------------------------------


def sign_in(client: Client, name: str, password: str = PASSWORD, back: str = "") -> int:
    return client.post("/sign-in", {"username": name, "password": password, "next": back}).status_code


def test_somebody_signs_in_goes_where_they_wanted_and_out_again() -> None:
    person("ann", Role.OPERATOR)
    client = Client()
    assert client.get("/operations")["Location"] == "/sign-in?next=%2Foperations"
    answer = client.post("/sign-in", {"username": "ann", "password": PASSWORD, "next": "/operations"})
    assert (answer.status_code, answer["Location"]) == (HTTPStatus.FOUND, "/operations")
    assert client.get("/operations").status_code == HTTPStatus.OK
    assert client.post("/sign-out").status_code == HTTPStatus.FOUND
    assert client.get("/operations").status_code == HTTPStatus.FOUND


@pytest.mark.parametrize(
    "back", ["//evil.example/", "https://evil.example/", "javascript:alert(1)", "\\\\evil.example"]
)
def test_nobody_is_sent_elsewhere_after_signing_in(back: str) -> None:
    person("ann", Role.OPERATOR)
    answer = Client().post("/sign-in", {"username": "ann", "password": PASSWORD, "next": back})
    assert answer["Location"] == "/"


def test_who_guesses_passwords_is_locked_out_and_nobody_else_is() -> None:
    person("ann", Role.OPERATOR)
    person("bob", Role.OPERATOR)
    client = Client()
    for _ in range(9):
        assert sign_in(client, "ann", "wrong") == HTTPStatus.FORBIDDEN
    assert sign_in(client, "ann", "wrong") == HTTPStatus.TOO_MANY_REQUESTS
    assert sign_in(client, "ann") == HTTPStatus.TOO_MANY_REQUESTS
    assert sign_in(client, "bob") == HTTPStatus.FOUND
    assert sign_in(Client(REMOTE_ADDR="10.0.0.7"), "ann") == HTTPStatus.FOUND


@pytest.mark.parametrize("name", ["nobody", "", "ann\0", "é" * 300])
def test_a_name_that_nobody_has_is_told_as_a_wrong_password_is(name: str) -> None:
    person("ann", Role.OPERATOR)
    wrong = Client().post("/sign-in", {"username": "ann", "password": "wrong"})
    answer = Client(REMOTE_ADDR="10.0.0.8").post("/sign-in", {"username": name, "password": PASSWORD})
    assert answer.status_code == wrong.status_code
    assert reads(answer.content.decode()).words == reads(wrong.content.decode()).words


def test_a_disabled_person_and_a_former_password_are_out_with_the_next_request() -> None:
    ann, bob = person("ann", Role.OPERATOR), person("bob", Role.OPERATOR)
    clients = [Client(), Client()]
    for client, who in zip(clients, (ann, bob), strict=True):
        client.force_login(who)
        assert client.get("/").status_code == HTTPStatus.OK
    people.enable("ann", enabled=False)
    people.renew("bob")
    assert [client.get("/").status_code for client in clients] == [HTTPStatus.FOUND] * 2
    assert sign_in(Client(), "ann") == HTTPStatus.FORBIDDEN


def test_a_session_ends(settings: Settings) -> None:
    client = signed_in()
    session = client.session
    assert timedelta(0) < session.get_expiry_date() - timezone.now() <= timedelta(hours=12)
    session.set_expiry(-1)
    session.save()
    assert client.get("/").status_code == HTTPStatus.FOUND


# --- Development -----------------------------------------------------------------------------------------------------


def test_development_is_open_on_this_host_only(settings: Settings) -> None:
    settings.DASHBOARD_OPEN = True
    assert Client().get("/operations").status_code == HTTPStatus.OK
    for elsewhere in ("10.0.0.1", "::2", "", "unix:"):
        assert Client(REMOTE_ADDR=elsewhere).get("/operations").status_code == HTTPStatus.FOUND
    assert (
        Client(REMOTE_ADDR="10.0.0.1").get("/", headers={"X-Forwarded-For": "127.0.0.1"}).status_code
        == HTTPStatus.FOUND
    )


def test_the_roles_rights_grow() -> None:
    assert RIGHTS[Role.VIEWER] < RIGHTS[Role.SENDER] < RIGHTS[Role.OPERATOR]
    assert not may("nobody", Right.SEE)
    assert Person.IMPLIED not in Role.values
