"""What stands on the pages is true, and costs little however many look."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from blast_api.domain.outcomes import OUTCOME, Outcome, by_outcome
from blast_api.domain.roles import Role
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Call, Deed, Message
from tests.kits import factories
from tests.kits.pages import reads, signed_in, token

pytestmark = pytest.mark.usefixtures("guarded")

LIVE = {"HX-Request": "true"}


def a_shout(*statuses: str, **fields: object) -> Message:
    message = factories.message(**{"status": ShoutStatus.ONGOING, "starts_at": timezone.now()} | fields)
    factories.author_call(message, recorded=True)
    message.save()
    for status in statuses:
        factories.call(message, status=status, attempts=1, due_at=timezone.now())
    return message


def text(client: Client, path: str, **headers: str) -> str:
    answer = client.get(path, headers=headers)
    assert answer.status_code == HTTPStatus.OK, answer.content
    return reads(answer.content.decode()).text


def test_every_status_means_something() -> None:
    assert set(OUTCOME) == set(CallStatus)
    assert set(OUTCOME.values()) == set(Outcome)
    assert by_outcome({"busy": 2, "no-answer": 3, "ready": 1})[Outcome.MISSED] == 5


def test_a_shout_tells_how_far_it_is_and_what_runs_comes_first() -> None:
    a_shout(*["completed"] * 3, "busy", "added to do not call", "ready", "ongoing", title="Snow day")
    a_shout("completed", title="Flood", status=ShoutStatus.FINISHED, finished=timezone.now())
    words = text(signed_in(), "/")
    assert words.index("Snow day") < words.index("Flood")
    assert "3 heard it 1 opted out 1 not reached 1 under way 1 waiting" in words
    assert "5 of 7 recipients" in words


def test_an_empty_installation_says_what_to_do_first() -> None:
    assert "There is no shout yet." in text(signed_in(), "/")
    assert "No shout is like this." in text(signed_in(), "/?q=snow")


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("snow", True),
        ("SNOW", True),
        ("user", True),
        ("use", False),
        ("15555550000", True),
        ("no", True),
        ("15555559999", False),
        ("%", False),
        ("9" * 40, False),
        ("\0", True),
    ],
)
def test_shouts_are_found_by_title_user_number_and_id(search: str, found: bool) -> None:
    message = a_shout("completed", title="Snow day")
    client = signed_in()
    assert ("Snow day" in text(client, f"/?{'q'}={search.replace('%', '%25').replace(chr(0), '%00')}")) is found
    assert "Snow day" in text(client, f"/?q={message.pk}")


def test_older_shouts_are_on_further_pages_each_once() -> None:
    made = [
        a_shout("completed", status=ShoutStatus.FINISHED, finished=timezone.now(), title=f"Shout-{n}-")
        for n in range(60)
    ]
    client, path, seen = signed_in(), "/", []
    while path:
        page = reads(client.get(path).content.decode())
        seen += [int(link.rpartition("/")[2]) for link in page.links if link.rpartition("/")[2].isdigit()]
        path = next((f"/{link}" for link in page.links if link.startswith("?before=")), "")
    assert seen == [message.pk for message in reversed(made)]


def test_recipients_are_listed_by_outcome_and_number_each_once() -> None:
    message = a_shout(*["completed"] * 120, *["busy"] * 3)
    client, path, seen = signed_in(), f"/shouts/{message.pk}", []
    while path:
        page = reads(client.get(path).content.decode())
        seen += [link for link in page.links if link.startswith("/numbers/")]
        path = next((f"/shouts/{message.pk}{link}" for link in page.links if "after=" in link), "")
    assert len(seen) == len(set(seen)) == 123
    busy = reads(client.get(f"/shouts/{message.pk}?outcome=missed").content.decode())
    assert len([link for link in busy.links if link.startswith("/numbers/")]) == 3
    assert "+1 555 555 0007" in text(client, f"/shouts/{message.pk}?q=0007")
    assert "No recipient is like this." in text(client, f"/shouts/{message.pk}?q=abc")
    assert client.get(f"/shouts/{message.pk}?outcome=no&after=x&q=%00").status_code == HTTPStatus.OK


# --- Alive -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/shouts/{pk}", "/numbers/15555550000"])
def test_what_is_unchanged_is_not_sent_again(path: str) -> None:
    message = a_shout("completed", status=ShoutStatus.FINISHED, finished=timezone.now())
    client, path = signed_in(), path.format(pk=message.pk)
    first = client.get(path, headers=LIVE)
    again = client.get(path, headers=LIVE | {"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (HTTPStatus.NOT_MODIFIED, b"", first["ETag"])
    assert "HX-Request" in first["Vary"]
    assert reads(first.content.decode()).text in text(client, path)


def test_what_has_changed_is_sent_in_the_viewers_zone() -> None:
    message = a_shout("ready", title="Snow day")
    client = signed_in()
    first = client.get("/", headers=LIVE)
    Call.objects.filter(message=message).update(status=CallStatus.COMPLETED, finished=timezone.now())
    unkept()
    again = client.get("/", headers=LIVE | {"If-None-Match": first["ETag"]})
    assert "1 heard it" in reads(again.content.decode()).text
    client.cookies["zone"] = "Asia/Kolkata"
    Message.objects.update(created=datetime(2020, 1, 1, 20, 30, tzinfo=UTC))
    unkept()
    assert "2020-01-02 02:00:00" in text(client, "/")
    client.cookies["zone"] = "../../etc/passwd"
    assert "Times are of UTC." in text(client, "/")


def unkept() -> None:
    """What was read for another viewer a moment ago is forgotten."""
    caches["pages"].clear()


def test_ten_viewers_cost_no_more_queries_than_one() -> None:
    message = a_shout(*["completed"] * 5, "ready")
    clients = [signed_in() for _ in range(10)]
    path = f"/shouts/{message.pk}"
    first = clients[0].get(path, headers=LIVE)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        for client in clients:
            client.get(path, headers=LIVE | {"If-None-Match": first["ETag"]})
    tables = [
        query["sql"] for query in asked if "blast_api_call" in query["sql"] or "blast_api_message" in query["sql"]
    ]
    assert tables == []


def test_figures_of_a_shout_take_as_many_queries_however_many_calls_it_has() -> None:
    counts = []
    for recipients in (1, 150):
        message = a_shout(*["completed"] * recipients, "ready")
        client = signed_in()
        with CaptureQueriesContext(connection) as asked:
            client.get(f"/shouts/{message.pk}", headers=LIVE)
        counts.append(len(asked))
    assert counts[0] == counts[1]


# --- Deeds -----------------------------------------------------------------------------------------------------------


def act(client: Client, message: Message, action: str, **fields: str) -> str:
    form = {"csrfmiddlewaretoken": token(client, f"/shouts/{message.pk}"), **fields}
    answer = client.post(f"/shouts/{message.pk}/{action}", form, follow=True)
    assert answer.status_code == HTTPStatus.OK
    return reads(answer.content.decode()).text


def test_a_sender_pauses_resumes_and_cancels_and_it_is_kept_who_did() -> None:
    message = a_shout("ready")
    client = signed_in(Role.SENDER, message.application)
    assert "Paused." in act(client, message, "pause")
    message.refresh_from_db()
    assert message.paused_at is not None
    assert "It goes on." in act(client, message, "resume")
    words = act(client, message, "cancel")
    assert "Cancelled. Nobody else is called." in words
    message.refresh_from_db()
    assert message.status == ShoutStatus.CANCELED
    told = Deed.objects.order_by("pk").values_list("who", "action", "message_id")
    assert list(told) == [(Role.SENDER, action, message.pk) for action in ("pause", "resume", "cancel")]
    assert f"{Role.SENDER} paused it" in words.replace("  ", " ")


def test_what_cannot_be_done_is_said_and_is_no_deed() -> None:
    message = a_shout("completed", status=ShoutStatus.FINISHED, finished=timezone.now())
    open_ = a_shout("ready")
    client = signed_in()
    form = {"csrfmiddlewaretoken": token(client)}
    answer = client.post(f"/shouts/{message.pk}/pause", form, follow=True)
    assert "The shout has already ended: it is finished." in reads(answer.content.decode()).text
    assert "“soon” is not a phone number" in act(client, open_, "audition", to="soon")
    assert Deed.objects.count() == 0


# --- A number --------------------------------------------------------------------------------------------------------


def test_a_number_tells_what_happened_and_why_and_what_time_it_is_there() -> None:
    message = a_shout("completed", title="Snow day")
    Call.objects.update(number="12125550123")
    factories.call(message, number="12125550199", status=CallStatus.DO_NOT_CALL)
    client = signed_in()
    words = text(client, "/numbers/12125550123")
    assert "Snow day" in words
    assert "heard it" in words
    assert "America/New_York" in words
    assert client.get("/numbers?q=%2B1 (212) 555-0123")["Location"] == "/numbers/12125550123"
    assert client.get("/numbers?q=soon").status_code == HTTPStatus.BAD_REQUEST
    assert client.get("/numbers/1").status_code == client.get("/numbers/x").status_code == HTTPStatus.NOT_FOUND
    assert "Nobody has called this number." in text(client, "/numbers/12125550111")


def test_the_database_that_is_away_is_said_so(transactional_db: None) -> None:
    client = signed_in()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE blast_api_message RENAME TO blast_api_message_away")
    try:
        answer = client.get("/")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE blast_api_message_away RENAME TO blast_api_message")
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert "The database does not answer just now." in reads(answer.content.decode()).text


def test_operations_tell_how_the_service_stands() -> None:
    words = text(signed_in(), "/operations")
    assert "Cap, calls a second" in words
    assert "runcrons has not run yet." in words
