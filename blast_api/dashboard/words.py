"""How pages say things: numbers, times, outcomes, and what somebody waits for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils import formats, timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from blast_api.domain.outcomes import Outcome
from blast_api.domain.rules.listing import ListedBy
from blast_api.domain.rules.preflight import Foretold
from blast_api.domain.rules.verdict import Because
from blast_api.domain.rules.waiting import Waiting
from blast_api.domain.states import PAUSED, CallStatus, ShoutStatus
from blast_api.operations.board import Card
from blast_api.operations.course import ShoutCourse

register = template.Library()

_BAR = 1000  # units of a bar's width
_CHART = (720, 160)

_OUTCOMES = {
    Outcome.HEARD: gettext_lazy("heard it"),
    Outcome.OPTED_OUT: gettext_lazy("opted out"),
    Outcome.MISSED: gettext_lazy("not reached"),
    Outcome.FAILED: gettext_lazy("failed"),
    Outcome.SPARED: gettext_lazy("not called"),
    Outcome.CANCELLED: gettext_lazy("cancelled"),
    Outcome.UP: gettext_lazy("under way"),
    Outcome.WAITING: gettext_lazy("waiting"),
}
_SHOUTS = {
    ShoutStatus.PENDING: gettext_lazy("being recorded"),
    ShoutStatus.READY: gettext_lazy("about to start"),
    ShoutStatus.SCHEDULED: gettext_lazy("scheduled"),
    ShoutStatus.ONGOING: gettext_lazy("calling"),
    ShoutStatus.FINISHED: gettext_lazy("finished"),
    ShoutStatus.CANCELED: gettext_lazy("cancelled"),
    ShoutStatus.TIMED_OUT: gettext_lazy("timed out"),
    ShoutStatus.ERROR: gettext_lazy("could not be recorded"),
    PAUSED: gettext_lazy("paused"),
}
_CALLS = {
    CallStatus.PENDING: gettext_lazy("waits"),
    CallStatus.READY: gettext_lazy("waits"),
    CallStatus.ONGOING: gettext_lazy("rings or listens"),
    CallStatus.COMPLETED: gettext_lazy("heard it"),
    CallStatus.NO_ANSWER: gettext_lazy("did not answer"),
    CallStatus.FAILED: gettext_lazy("could not be reached"),
    CallStatus.BUSY: gettext_lazy("was busy"),
    CallStatus.APP_ERROR: gettext_lazy("heard an error of ours"),
    CallStatus.OPTED_OUT: gettext_lazy("opted out with 5"),
    CallStatus.DO_NOT_CALL: gettext_lazy("not called: on a do-not-call list"),
    CallStatus.CAPPED: gettext_lazy("not called: heard enough lately"),
    CallStatus.EXPIRED: gettext_lazy("not called: time was over"),
    CallStatus.CANCELLED: gettext_lazy("cancelled"),
    CallStatus.TIMED_OUT: gettext_lazy("unknown: the carrier told no end"),
}
_WAITS = {
    Because.RECORDING: gettext_lazy("Waits for its recording"),
    Because.SCHEDULED: gettext_lazy("Waits for its time"),
    Because.BATCH: gettext_lazy("Waits for its batch"),
    Because.WINDOW: gettext_lazy("Waits for the recipients' hours"),
    Because.RETRY: gettext_lazy("Waits before it tries again"),
    Because.PAUSED: gettext_lazy("Paused"),
    Because.RATE: gettext_lazy("Waits for its share of the rate"),
    Because.CONCURRENCY: gettext_lazy("Waits: as many calls are up as may be"),
    Because.CARRIER: gettext_lazy("Waits: the carrier takes no calls just now"),
}

_BY = {
    ListedBy.KEY: gettext_lazy("the key 5"),
    ListedBy.API: gettext_lazy("the application"),
    ListedBy.IMPORT: gettext_lazy("a file"),
    ListedBy.OPERATOR: gettext_lazy("the operator"),
}
_VERDICTS = {
    Foretold.CALL: gettext_lazy("are called"),
    Foretold.WAIT: gettext_lazy("wait for their hours"),
    Foretold.DO_NOT_CALL: gettext_lazy("on a do-not-call list"),
    Foretold.CAPPED: gettext_lazy("heard enough lately"),
    Foretold.INVALID: gettext_lazy("no phone number"),
    Foretold.REFUSED: gettext_lazy("not called by a rule"),
    Foretold.DUPLICATE: gettext_lazy("named twice"),
}
_DEEDS = {
    "send": gettext_lazy("sent it"),
    "pause": gettext_lazy("paused it"),
    "resume": gettext_lazy("resumed it"),
    "cancel": gettext_lazy("cancelled it"),
    "audition": gettext_lazy("had it played to"),
    "list": gettext_lazy("listed the number"),
    "unlist": gettext_lazy("took the number off the list"),
}


@register.filter
def named(card: Card) -> str:
    """A shout's title, or what stands for one."""
    return card.title or _("Shout %(id)s") % {"id": card.id}


@register.filter
def count(number: int) -> str:
    """12345 -> 12,345, as the language writes it."""
    return formats.number_format(number, decimal_pos=0, use_l10n=True, force_grouping=True)


@register.filter
def rate(number: float) -> str:
    """Calls a second, to a tenth."""
    return formats.number_format(round(number, 1), decimal_pos=1, use_l10n=True)


@register.filter
def moment(at: datetime | None) -> str:
    """A time in the viewer's zone; the day where it is not today."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    clock = formats.date_format(local, "H:i:s")
    if local.date() == timezone.localdate():
        return clock
    return (
        f"{formats.date_format(local, 'j M')} {clock}"
        if local.year == timezone.localdate().year
        else f"{local:%Y-%m-%d} {clock}"
    )


@register.filter
def soon(at: datetime | None) -> str:
    """A time that is only estimated: to the minute."""
    if at is None:
        return ""
    local = timezone.localtime(at + timedelta(seconds=30))
    clock = formats.date_format(local, "H:i")
    return clock if local.date() == timezone.localdate() else f"{formats.date_format(local, 'j M')} {clock}"


@register.filter
def seconds(number: float | None) -> str:
    """75 -> 1:15"""
    if number is None:
        return ""
    minutes, rest = divmod(round(number), 60)
    return f"{minutes}:{rest:02d}"


@register.filter
def phone(digits: str) -> str:
    """15555551020 -> +1 555 555 1020; other countries' without groups, which would be a guess."""
    if len(digits) == 11 and digits.startswith("1"):
        return f"+1 {digits[1:4]} {digits[4:7]} {digits[7:]}"
    return f"+{digits}" if digits else ""


@register.filter
def status_word(status: str) -> str:
    """What is told of a shout."""
    return str(_SHOUTS[status]) if status in _SHOUTS else status


@register.filter
def call_word(status: str) -> str:
    """What is told of a call."""
    return str(_CALLS[CallStatus(status)]) if status in CallStatus.values else status


@register.filter
def by_word(by: str) -> str:
    """By what a number came onto a list."""
    return str(_BY[ListedBy(by)])


@register.filter
def verdict_word(verdict: str) -> str:
    """What would become of a recipient."""
    return str(_VERDICTS[Foretold(verdict)])


@register.filter
def deed_word(action: str) -> str:
    """What somebody did."""
    return str(_DEEDS.get(action, action))


@register.filter
def outcome_word(outcome: str) -> str:
    """What is told of an outcome."""
    return str(_OUTCOMES[Outcome(outcome)])


@register.filter
def in_words(card: Card) -> str:
    """How far it is, in a sentence that says the same as the bar."""
    total = ngettext("%(n)s recipient", "%(n)s recipients", card.total) % {"n": count(card.total)}
    if not card.is_open:
        return total
    words = _("%(settled)s of %(total)s") % {"settled": count(card.settled), "total": total}
    if card.calls_per_second:
        words += " · " + _("%(rate)s calls a second") % {"rate": rate(card.calls_per_second)}
    if card.outlook.expected_finish:
        words += " · " + _("over about %(time)s") % {"time": soon(card.outlook.expected_finish)}
    return words


@register.filter
def waits_for(card: Card) -> str:
    """Why nothing of it moves, if nothing does."""
    if card.paused_at is not None and card.is_open:
        since = _("Paused since %(time)s") % {"time": moment(card.paused_at)}
        return since + (": " + _("too many calls failed") if card.paused_because == "pause_at" else "")
    waiting = card.outlook.waiting
    if waiting and waiting.because is Because.RATE and card.calls_per_second:
        return ""
    return waiting_words(waiting)


def waiting_words(waiting: Waiting | None) -> str:
    """For what, and until when if anybody can tell."""
    if waiting is None or waiting.because not in _WAITS:
        return ""
    words = str(_WAITS[waiting.because])
    return _("%(words)s, until %(time)s") % {"words": words, "time": moment(waiting.at)} if waiting.at else words


@register.filter
def call_waits(waiting: Waiting | None) -> str:
    """The same of one call."""
    return waiting_words(waiting)


@register.inclusion_tag("dashboard/bar.html")
def bar(card: Card) -> dict[str, object]:
    """A shout's outcomes as parts of a whole, with words for each."""
    total, x = max(card.total, 1), 0.0
    parts = []
    for outcome, number in card.outcomes.items():
        if number:
            width = number / total * _BAR
            parts.append({"outcome": outcome.value, "count": number, "x": f"{x:.2f}", "width": f"{width:.2f}"})
            x += width
    return {"parts": parts}


@register.inclusion_tag("dashboard/chart.html")
def chart(course: ShoutCourse) -> dict[str, object]:
    """Calls over time, stacked by outcome, with the cap as a line; a table beside it says the same."""
    width, height = _CHART
    if not course.points:
        return {"points": ()}
    first, last = course.points[0].at, course.points[-1].at
    spans = round((last - first).total_seconds() / course.span_s) + 1
    top = float(max(course.highest, 1))
    cap_is_near = course.cap <= top * 3
    top = max(top, course.cap) if cap_is_near else top
    step = width / spans
    bars = []
    for point in course.points:
        x = round((point.at - first).total_seconds() / course.span_s) * step
        y = float(height)
        for outcome, number in point.counts.items():
            if number:
                tall = number / top * height
                y -= tall
                bars.append({"outcome": outcome.value, "x": f"{x:.2f}", "y": f"{y:.2f}", "height": f"{tall:.2f}"})
    return {
        "points": course.points,
        "bars": bars,
        "width": width,
        "height": height,
        "step": f"{max(step * 0.9, 0.5):.2f}",
        "cap_y": f"{height - course.cap / top * height:.2f}" if cap_is_near else "",
        "cap": course.cap,
        "highest": course.highest,
        "span": {"second": _("second"), "minute": _("minute"), "hour": _("hour")}[course.span],
        "first": first,
        "last": last,
    }


@register.simple_tag
def query(**named: Any) -> str:
    """A query of what is not empty."""
    return urlencode({name: value for name, value in named.items() if value not in (None, "")})
