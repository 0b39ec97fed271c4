"""What tests of pages share: people who are in, and what stands on a page."""

from __future__ import annotations

from html.parser import HTMLParser

from django.test import Client

from blast_api.domain.roles import Role
from blast_api.models import Application, Person

PASSWORD = "a password for nobody else"


def person(name: str, role: str, *applications: Application) -> Person:
    """Somebody who may sign in with `PASSWORD`."""
    row = Person(name=name, role=role)
    row.set_password(PASSWORD)
    row.save()
    row.applications.set(applications)
    return row


def signed_in(role: str = Role.OPERATOR, *applications: Application) -> Client:
    """A browser in which somebody is in; it checks tokens of forms as Django does."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(Person.objects.filter(name=role).first() or person(role, role, *applications))
    return client


def token(client: Client, path: str = "/") -> str:
    """The token that forms of a page carry."""
    return reads(client.get(path).content.decode()).fields.get("csrfmiddlewaretoken", "")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.actions: list[str] = []
        self.fields: dict[str, str] = {}
        self.inside: list[str] = []  # what a strict policy forbids: scripts, styles and handlers in the page
        self._tag = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._tag = tag
        if tag == "a":
            self.links.append(given.get("href", ""))
        elif tag == "form":
            self.actions.append(given.get("action", ""))
        elif tag == "input":
            self.fields[given.get("name", "")] = given.get("value", "")
        if (tag == "script" and "src" not in given) or tag == "style":
            self.inside.append(tag)
        self.inside += [name for name in given if name == "style" or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        return " ".join(self.words)


def reads(html: str) -> _Reader:
    """A page as it is read."""
    reader = _Reader()
    reader.feed(html)
    return reader
