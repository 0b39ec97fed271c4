"""Do-not-call lists: which there are, who is on one, and by what; put numbers on, take one off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages as told
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from blast_api.conf import configuration
from blast_api.domain.errors import UnusableList
from blast_api.domain.numbers import normalise
from blast_api.domain.roles import Right
from blast_api.domain.rules.listing import ListedBy
from blast_api.models import Application, DoNotCallNumber, OperatorsNumber
from blast_api.services import dnc, people
from blast_api.services.dnc import DoNotCallList

from . import pasted
from .access import Viewer, id_of
from .page import GuardedPage

_EVERYONE = "*"  # in an address: the operator's list; no application may have this name's digits as its id
_PAGE = 50
_MOST_LISTS = 200
_LONGEST_NAME = 255
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class NamedList:
    """A list that a viewer may see, and what it is called."""

    application: Application | None  # None: the operator's, which holds for all
    userdata: str = ""  # empty: the application's own

    @property
    def key(self) -> DoNotCallList:
        return DoNotCallList(self.application.pk if self.application else None, self.userdata)

    @property
    def query(self) -> str:
        """How an address names it."""
        if self.application is None:
            return urlencode({"application": _EVERYONE})
        return urlencode({"application": str(self.application.pk), "userdata": self.userdata})

    @property
    def words(self) -> str:
        if self.application is None:
            return _("Nobody calls them: the operator's list")
        if not self.userdata:
            return _("All users of %(application)s") % {"application": self.application.name}
        return f"{self.userdata} · {self.application.name}"


def asked(viewer: Viewer, given: Any) -> NamedList:
    """The list that an address or a form names. Raises Http404 for one that is not the viewer's to see."""
    which, userdata = given.get("application", ""), given.get("userdata", "")
    if which == _EVERYONE:
        return NamedList(None)
    pk = id_of(which)
    if pk is None or len(userdata) > _LONGEST_NAME or "\0" in userdata:
        raise Http404
    application = viewer.own_applications().filter(pk=pk).first()
    if application is None:
        raise Http404
    return NamedList(application, userdata)


class DoNotCallPage(GuardedPage):
    """All lists, or the numbers on one."""

    template = "dashboard/do_not_call.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        if "application" not in request.GET:
            return self.show({"here": "dnc", "lists": self._lists(), "applications": self.viewer.own_applications()})
        named = asked(self.viewer, request.GET)
        search = "".join(filter(str.isdigit, request.GET.get("q", "")[:_LONGEST_NAME]))
        rows: Any = (
            OperatorsNumber.objects.order_by("-pk")
            if named.application is None
            else dnc.entries(named.application, named.userdata)
        )
        if search:
            rows = rows.filter(number__contains=search)
        if (before := id_of(request.GET.get("before", ""))) is not None:
            rows = rows.filter(pk__lt=before)
        found = list(rows[: _PAGE + 1])
        context = {"named": named, "entries": found[:_PAGE], "search": search, "here": "dnc"}
        more = found[_PAGE - 1].pk if len(found) > _PAGE else None
        return self.show(context | {"more": more, "may_change": may_change(self.viewer, named)})

    def _lists(self) -> list[tuple[NamedList, int, Any]]:
        mine = {application.name: application for application in self.viewer.own_applications()}
        lengths = dnc.lengths(limit=_MOST_LISTS)
        return [
            (NamedList(mine.get(one.application or ""), one.userdata or ""), one.numbers, one.last)
            for one in lengths
            if one.application is None or one.application in mine
        ]


def may_change(viewer: Viewer, named: NamedList) -> bool:
    """Senders change the lists of their applications; the operator's list binds everybody, and is the operator's alone."""
    return viewer.may(Right.OPERATE if named.application is None else Right.SEND)


class ListChange(GuardedPage):
    """A button or a form of such a page."""

    right = Right.SEND
    http_method_names = ("post",)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        named = asked(self.viewer, request.POST)
        if not may_change(self.viewer, named):
            raise PermissionDenied
        self.change(named, request)
        back = request.POST.get("number", "") if request.POST.get("back") == "number" else ""
        if back.isdigit():
            return redirect("number", number=back)
        return redirect(f"{reverse('do-not-call')}?{named.query}")

    def change(self, named: NamedList, request: HttpRequest) -> None:
        """Do it, and say what was done or why not."""
        raise NotImplementedError

    def did(self, action: str, named: NamedList, *, number: str = "", detail: str = "") -> None:
        pk = named.application.pk if named.application else None
        words = named.userdata if named.application else _EVERYONE
        people.did(self.viewer.name, action, application_id=pk, number=number, detail=detail or words)


class PutNumbers(ListChange):
    """Pasted, or in a file: all of them, or none if any is none."""

    @property
    def largest_bytes(self) -> int:  # type: ignore[override]  # by the operator's sheet
        return configuration().max_upload_bytes + 2 * _MIB

    def change(self, named: NamedList, request: HttpRequest) -> None:
        file = request.FILES.get("file")
        try:
            listed = pasted.listed(file, request.POST.get("numbers", ""))
        except UnusableList as error:
            told.error(request, str(error))
            return
        if listed.faulty:
            for words in pasted.faults(listed):
                told.error(request, words)
            told.error(request, _("Nothing was listed."))
            return
        by = ListedBy.OPERATOR if named.application is None else ListedBy.IMPORT if file else ListedBy.API
        put = dnc.put(named.key, (one.number for one in listed.recipients), by=by)
        numbers = {one.number for one in listed.recipients}
        self.did("list", named, number=numbers.pop() if len(numbers) == 1 else "", detail="")
        words = ngettext("%(n)s number was listed", "%(n)s numbers were listed", put.added) % {"n": put.added}
        if put.there_before:
            words += _("; %(n)s were there before") % {"n": put.there_before}
        told.success(request, words + ".")


class TakeNumberOff(ListChange):
    """One number; whoever has it may be called again."""

    def change(self, named: NamedList, request: HttpRequest) -> None:
        try:
            number = normalise(request.POST.get("number", "")[:_LONGEST_NAME])
        except ValueError:
            raise Http404 from None
        if dnc.remove(named.key, [number]):
            self.did("unlist", named, number=number)
            told.success(request, _("%(number)s may be called again.") % {"number": f"+{number}"})
        else:
            told.error(request, _("It was not on this list."))


def lists_with(viewer: Viewer, number: str) -> list[dict[str, Any]]:
    """The lists that a viewer sees on which a number is; and whether they may take it off."""
    rows = DoNotCallNumber.objects.filter(number=number).select_related("application").order_by("pk")
    if viewer.applications is not None:
        rows = rows.filter(application__in=viewer.applications)
    found = [_entry(viewer, NamedList(row.application, row.userdata), row) for row in rows]
    found += [_entry(viewer, NamedList(None), row) for row in OperatorsNumber.objects.filter(number=number)]
    return found


def _entry(viewer: Viewer, named: NamedList, row: DoNotCallNumber | OperatorsNumber) -> dict[str, Any]:
    return {
        "words": named.words,
        "query": named.query,
        "application": named.application.pk if named.application else _EVERYONE,
        "userdata": named.userdata,
        "since": row.created,
        "by": row.by if isinstance(row, DoNotCallNumber) else ListedBy.OPERATOR.value,
        "may_change": may_change(viewer, named),
    }
