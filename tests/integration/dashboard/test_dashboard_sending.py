"""A new shout by form: every bad input has its answer, what is sent is what was checked, and twice is once."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from blast_api.domain.roles import Role
from blast_api.models import Application, Deed, Message
from tests.kits import factories
from tests.kits.library import recording
from tests.kits.pages import reads, signed_in, token
from tests.kits.rest import shut_the_gate

pytestmark = pytest.mark.usefixtures("guarded")

NEW = "/shouts/new"


@pytest.fixture
def sending_school(db: None) -> Application:
    shut_the_gate()
    return factories.application(name="school")


@pytest.fixture
def sender(sending_school: Application) -> Client:
    return signed_in(Role.SENDER, sending_school)


def form(sending_school: Application, **fields: Any) -> dict[str, Any]:
    given = {
        "application": sending_school.pk,
        "userdata": "user",
        "message": "phone",
        "caller": factories.AUTHOR,
        "numbers": "15555551020\n+1 555 555 1021\n",
        "once": str(uuid.uuid4()),
    }
    return {name: value for name, value in (given | fields).items() if value is not None}


def post(client: Client, given: dict[str, Any], **headers: str) -> Any:
    return client.post(NEW, given | {"csrfmiddlewaretoken": token(client, NEW)}, headers=headers)


def test_what_was_checked_is_sent_and_twice_is_once(sender: Client, sending_school: Application) -> None:
    given = form(sending_school, title="Snow day", opens="09:00", closes="21:00")
    checked = reads(post(sender, given).content.decode())
    assert "2 are called" in checked.text.replace("2 wait for their hours", "2 are called")
    assert checked.fields["expected"] == "2"
    assert Message.objects.count() == 0
    places = {post(sender, given | {"do": "send", "expected": "2"})["Location"] for _ in range(3)}
    message = Message.objects.get()
    assert places == {f"/shouts/{message.pk}"}
    assert (message.title, message.caller, message.calls.count()) == ("Snow day", factories.AUTHOR, 2)
    assert message.delivery is not None
    assert message.delivery["window"]["from"] == "09:00"
    assert list(Deed.objects.values_list("who", "action", "message_id")) == [(Role.SENDER, "send", message.pk)]


@pytest.mark.parametrize("expected", ["", "3", "1", "two", "02"])
def test_a_list_that_is_not_as_it_was_checked_is_not_sent(
    sender: Client, sending_school: Application, expected: str
) -> None:
    answer = post(sender, form(sending_school) | {"do": "send", "expected": expected})
    assert answer.status_code == HTTPStatus.OK
    assert ("something has changed" in reads(answer.content.decode()).text) is (expected != "")
    assert Message.objects.count() == 0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"userdata": ""}, "This field is required."),
        ({"caller": ""}, "Say what is to be heard."),
        ({"caller": "soon"}, "'soon' is not a phone number"),
        ({"message": "letter"}, "letter is not one of the available choices"),
        ({"message": "text"}, "Say what is to be heard."),
        ({"message": "file"}, "Say what is to be heard."),
        ({"message": "recording", "recording": "987654"}, "recording"),
        ({"message": "recording", "recording": "-1"}, "greater than or equal to 1"),
        ({"numbers": ""}, "Paste numbers, or choose a file."),
        ({"numbers": "15555551020\nsoon\n"}, "Line 2:"),
        ({"schedule": "2001-01-01T10:00"}, "This time is past."),
        ({"schedule": "soon"}, "Enter a valid date/time."),
        ({"opens": "09:00"}, "Say both, or neither."),
        ({"once": "x"}, "This cannot be sent yet"),
        ({"application": "987654"}, "Select a valid choice."),
        ({"application": ""}, "This field is required."),
        ({"title": "x" * 256}, "at most 255 characters"),
        ({"userdata": "a\0b"}, "Null characters are not allowed."),
    ],
)
def test_every_bad_input_is_named_and_nothing_is_stored(
    sender: Client, sending_school: Application, fields: dict[str, str], words: str
) -> None:
    answer = post(sender, form(sending_school, **fields) | {"do": "send", "expected": "2"})
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert words in reads(answer.content.decode()).text
    assert (Message.objects.count(), Deed.objects.count()) == (0, 0)


def test_a_file_is_read_as_a_pasted_list_is(sender: Client, sending_school: Application) -> None:
    content = "Nombre;Teléfono\nAna;15555551020\nLuis;nada\n".encode("cp1252")
    answer = post(sender, form(sending_school, numbers=None, file=SimpleUploadedFile("lista.csv", content)))
    assert "Line 3:" in reads(answer.content.decode()).text
    both = post(sender, form(sending_school, file=SimpleUploadedFile("lista.csv", content)))
    assert "Paste numbers, or choose a file." in reads(both.content.decode()).text
    no_sound = form(sending_school, message="file", sound=SimpleUploadedFile("a.wav", b"no sound"))
    assert post(sender, no_sound).status_code == HTTPStatus.BAD_REQUEST


def test_another_application_is_neither_offered_nor_taken(sender: Client, sending_school: Application) -> None:
    church = factories.application(name="church")
    assert "church" not in sender.get(NEW).content.decode()
    answer = post(sender, form(church) | {"do": "send", "expected": "2"})
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    theirs = recording(application=church)
    given = form(sending_school, message="recording", recording=str(theirs.pk))
    assert post(sender, given | {"do": "send", "expected": "2"}).status_code == HTTPStatus.BAD_REQUEST
    assert Message.objects.count() == 0


def test_a_recording_that_is_there_is_sent(sender: Client, sending_school: Application) -> None:
    mine = recording(application=sending_school)
    given = form(sending_school, message="recording", recording=str(mine.pk), caller="")
    assert post(sender, given | {"do": "send", "expected": "2"}).status_code == HTTPStatus.FOUND
    assert Message.objects.get().recording == mine


def test_what_is_too_large_is_refused_before_it_is_read(
    sender: Client, sending_school: Application, settings: Settings
) -> None:
    settings.MAX_UPLOAD_BYTES = 100_000
    given = form(sending_school, file=SimpleUploadedFile("list.csv", b"1" * 3_000_000), numbers=None)
    assert post(sender, given).status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert sender.post("/sign-out", {"x": "y" * 100_000}).status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_without_an_application_the_page_says_what_to_do(db: None) -> None:
    client = signed_in(Role.OPERATOR)
    assert "There is no application to send for." in reads(client.get(NEW).content.decode()).text
