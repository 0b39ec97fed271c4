"""A number: everything that happened with it and why, what time it is there, and the lists that it is on."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from blast_api.conf import configuration
from blast_api.domain import zones
from blast_api.domain.numbers import normalise
from blast_api.models import Call
from blast_api.services import history, waiting
from blast_api.services.attempts import public_status

from .do_not_call import lists_with
from .page import GuardedPage, LivePage

_CALLS = 50
_LONGEST = 100


class NumberSearch(GuardedPage):
    """Which number?"""

    template = "dashboard/number_search.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        written = request.GET.get("q", "")[:_LONGEST]
        if not written:
            return self.show({"here": "numbers"})
        try:
            return redirect("number", number=normalise(written, region=configuration().default_region))
        except ValueError as error:
            return self.show({"here": "numbers", "search": written, "words": f"“{written}” {error}."}, status=400)


class NumberPage(LivePage):
    """Calls to one number, the latest first, each with its attempts."""

    template = "dashboard/number.html"
    live = "dashboard/number_live.html"

    def figures(self, number: str) -> tuple[dict[str, Any], bool]:
        try:
            if normalise(number) != number:
                raise Http404
        except ValueError:
            raise Http404 from None
        now = timezone.now()
        calls = list(
            self.viewer.calls()
            .filter(number=number)
            .select_related("message__application")
            .annotate(public_status=public_status(now), shout_id=Coalesce("message__audition_of", "message"))
            .order_by("-pk")[:_CALLS]
        )
        told = []
        for call in calls:
            placed, why = history.of_call(call)
            told.append(
                {"call": _shown(call), "attempts": placed, "why": why, "waiting": waiting.of_call(call, now=now)}
            )
        is_open = any(call.finished is None for call in calls)
        return {
            "number": number,
            "calls": told,
            "clocks": _clocks(number),
            "entries": lists_with(self.viewer, number),
        }, is_open

    def frame(self, figures: dict[str, Any]) -> dict[str, Any]:
        return {"here": "numbers", "applications": self.viewer.own_applications()}


def _shown(call: Call) -> dict[str, Any]:
    return {
        "id": call.pk,
        "shout_id": call.shout_id,  # type: ignore[attr-defined]  # annotated
        "title": call.message.title or _("Shout %(id)s") % {"id": call.message_id},
        "userdata": call.message.userdata,
        "application": call.message.application.name,
        "is_audition": call.message.audition_of_id is not None,
        "status": call.public_status,  # type: ignore[attr-defined]  # annotated
        "reference": call.reference,
    }


def _clocks(number: str) -> list[tuple[str, str]]:
    """Each zone in which the number may be, and the time there, to the minute."""
    now = timezone.now()
    return [(name, f"{now.astimezone(ZoneInfo(name)):%H:%M}") for name in zones.zones_of(number).names]
