"""Shouts: all that a viewer sees, and one of them, with what may be done to it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import messages as said
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from blast_api.conf import configuration
from blast_api.db.clock import database_now
from blast_api.dispatch import nudge
from blast_api.domain.errors import BlastError, InvalidField
from blast_api.domain.numbers import normalise
from blast_api.domain.outcomes import Outcome, statuses
from blast_api.domain.roles import Right
from blast_api.models import Call, Message
from blast_api.operations import board, course
from blast_api.services import auditions, history, pauses, people, rules, shouts
from blast_api.services.attempts import public_status

from .access import id_of
from .page import GuardedPage, LivePage, kept

_STATES = ("", "open", "ended")
_LONGEST_SEARCH = 100
_PAGE = 50  # recipients


class ShoutsPage(LivePage):
    """What runs first, then what was."""

    template = "dashboard/shouts.html"
    live = "dashboard/shouts_live.html"

    def figures(self) -> tuple[dict[str, Any], bool]:
        query = self.request.GET
        search, state = query.get("q", "")[:_LONGEST_SEARCH], query.get("state", "")
        shown = board.board(
            applications=self.viewer.applications,
            search=search,
            state=state if state in _STATES else "",
            before=id_of(query.get("before", "")),
        )
        return {"board": shown, "search": search, "state": state}, shown.moves

    def frame(self, figures: dict[str, Any]) -> dict[str, Any]:
        return {"here": "shouts"}


class ShoutPage(LivePage):
    """One shout: how far it is and what it waits for; its recipients by outcome."""

    template = "dashboard/shout.html"
    live = "dashboard/shout_live.html"

    def figures(self, pk: int) -> tuple[dict[str, Any], bool]:
        message = self.viewer.message(pk)
        card = board.card(message)
        over_time = kept(f"course:{pk}", lambda: course.of_shout(message, now=database_now()))
        return {
            "card": card,
            "message": message,
            "delivery": rules.in_force(message).told(),
            "caller_id": rules.caller_id(message),
            "course": over_time,
            "deeds": people.deeds_of_shout(pk),
        }, card.is_open

    def frame(self, figures: dict[str, Any]) -> dict[str, Any]:
        outcome = self.request.GET.get("outcome", "")
        chosen = Outcome(outcome) if outcome in Outcome.values else None
        search = self.request.GET.get("q", "")[:_LONGEST_SEARCH].strip()
        found = _recipients(figures["message"], chosen, search, after=id_of(self.request.GET.get("after", "")))
        more = found[_PAGE - 1].position if len(found) > _PAGE else None
        return {
            "here": "shouts",
            "recipients": history.with_reasons(found[:_PAGE]),
            "more": more,
            "outcome": chosen,
            "search": search,
        }


def _recipients(message: Message, outcome: Outcome | None, search: str, *, after: int | None) -> list[Call]:
    """One more than a page of a shout's calls, in their order."""
    calls = Call.objects.filter(message=message).annotate(public_status=public_status(timezone.now()))
    if outcome:
        calls = calls.filter(public_status__in=statuses(outcome))
    if search:
        calls = calls.filter(number__contains="".join(filter(str.isdigit, search)) or "none")
    if after is not None:
        calls = calls.filter(position__gt=after)
    return list(calls.order_by("position")[: _PAGE + 1])


# --- What may be done ------------------------------------------------------------------------------------------------


class ShoutAction(GuardedPage):
    """A button of a shout's page. What was done is kept with who did it."""

    right = Right.SEND
    http_method_names = ("post",)
    action: ClassVar[str]

    def post(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        message = self.viewer.message(pk)
        try:
            words = self.do(message, request)
        except BlastError as error:
            said.error(request, str(error))
        else:
            said.success(request, words)
        return redirect("shout", pk=pk)

    def do(self, message: Message, request: HttpRequest) -> str:
        """Do it, and say what was done. Raises BlastError."""
        raise NotImplementedError

    def did(self, message: Message, *, number: str = "") -> None:
        people.did(
            self.viewer.name, self.action, application_id=message.application_id, message_id=message.pk, number=number
        )


class PauseShout(ShoutAction):
    action = "pause"

    def do(self, message: Message, request: HttpRequest) -> str:
        pauses.pause(message, now=database_now())
        self.did(message)
        nudge.withdraw(message.pk, for_good=False)
        return _("Paused. Nobody new is called; who listens hears it out.")


class ResumeShout(ShoutAction):
    action = "resume"

    def do(self, message: Message, request: HttpRequest) -> str:
        pauses.resume(message, now=database_now())
        self.did(message)
        nudge.resume(message.pk)
        return _("It goes on.")


class CancelShout(ShoutAction):
    action = "cancel"

    def do(self, message: Message, request: HttpRequest) -> str:
        shouts.cancel(message, now=timezone.now())
        self.did(message)
        nudge.withdraw(message.pk)
        return _("Cancelled. Nobody else is called.")


class AuditionShout(ShoutAction):
    action = "audition"

    def do(self, message: Message, request: HttpRequest) -> str:
        written = request.POST.get("to", "")[:_LONGEST_SEARCH]
        try:
            number = normalise(written, region=configuration().default_region)
        except ValueError as error:
            raise InvalidField("to", f"“{written}” {error}.") from None
        auditions.audition(message, number, now=database_now())
        self.did(message, number=number)
        return _("%(number)s is called and hears it.") % {"number": number}
