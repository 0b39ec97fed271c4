"""Who looks at a page, and which applications they see."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address

from django.conf import settings
from django.contrib.auth import get_user
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from blast_api.domain.roles import Right, Role, may
from blast_api.models import Application, Call, Message, Person

_LARGEST_ID = 2**63 - 1
_NO_ADDRESS = "::"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who is in; `applications` are ids, None: all."""

    name: str
    role: str
    applications: frozenset[int] | None

    def may(self, right: Right) -> bool:
        """Whether their role lets them."""
        return may(self.role, right)

    @property
    def may_send(self) -> bool:
        return self.may(Right.SEND)

    @property
    def may_operate(self) -> bool:
        return self.may(Right.OPERATE)

    @property
    def scope(self) -> str:
        """Whose figures they see, as part of a key."""
        return "all" if self.applications is None else ",".join(map(str, sorted(self.applications)))

    def own_applications(self) -> QuerySet[Application]:
        """The applications that they see, by name."""
        known = Application.objects.order_by("name")
        return known if self.applications is None else known.filter(pk__in=self.applications)

    def message(self, pk: int) -> Message:
        """A shout that they see. Raises Http404: that there is another is nobody's business."""
        messages = Message.objects.proper().select_related("application", "author_call", "recording", "voicemail")
        if self.applications is not None:
            messages = messages.filter(application__in=self.applications)
        found = messages.filter(pk=pk).first() if pk <= _LARGEST_ID else None
        if found is None:
            raise Http404
        return found

    def calls(self) -> QuerySet[Call]:
        """Calls of the shouts that they see, auditions among them."""
        calls = Call.objects.all()
        return calls if self.applications is None else calls.filter(message__application__in=self.applications)


def id_of(written: str) -> int | None:
    """The id that a query or a form names; None: that is none."""
    return int(written) if written.isascii() and written.isdigit() and len(written) < len(str(_LARGEST_ID)) else None


def viewer_of(request: HttpRequest) -> Viewer | None:
    """Who is in; None: nobody, or somebody who is disabled by now. One or two short queries."""
    if settings.DASHBOARD_OPEN and _is_on_this_host(request):
        return Viewer(Person.IMPLIED, Role.OPERATOR, None)
    person = get_user(request)
    if not isinstance(person, Person) or not person.is_active:
        return None
    if person.role == Role.OPERATOR:
        return Viewer(person.name, person.role, None)
    return Viewer(person.name, person.role, frozenset(person.applications.values_list("pk", flat=True)))


def _is_on_this_host(request: HttpRequest) -> bool:
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:  # a socket of this host, behind which may be anybody
        return False


def address_of(request: HttpRequest) -> str:
    """Where a request comes from, past as many proxies as `NUM_PROXIES` says; who guesses passwords is counted by it."""
    for told in (BaseThrottle().get_ident(Request(request)), request.META.get("REMOTE_ADDR")):
        with suppress(ValueError):
            return str(ip_address(told or ""))
    return _NO_ADDRESS  # a proxy that writes something else, behind a socket: all its clients are one
