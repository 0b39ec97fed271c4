"""`blast why`: what became of a phone, in words."""

from __future__ import annotations

import click

from blast_api_client import CallDetail

from . import screen
from .app import Session, as_json, of_user

_HEARD = {
    "HUMAN": "a person heard the message",
    "MACHINE": "an answering machine has the message",
    "NOTSURE": "somebody, or a machine, heard the message",
}
_WORDS = {
    "added to do not call": "a person answered and pressed 5: never again",
    "busy": "the line was busy",
    "no-answer": "nobody answered",
    "app-error": "the service failed, and the person heard an apology",
    "cancelled": "the shout was canceled first",
    "timed-out": "the carrier never told how it ended",
    "ongoing": "it rings, or somebody listens",
    "expired": "its time was over before it could be placed",
}
_WAITS = {
    "recording": "for the author's message",
    "scheduled": "for the shout's time",
    "batch": "for the batches before it",
    "window": "for the hours in which people are called",
    "retry": "for the next attempt",
    "paused": "until somebody resumes the shout",
    "rate": "for its turn",
    "concurrency": "until others have ended",
    "carrier": "for the carrier",
}


def sentence(call: CallDetail) -> str:
    """Why, in one sentence."""
    if call.waiting:
        until = f", until {screen.cell(call.waiting.until)}" if call.waiting.until else ""
        zone = f" ({call.waiting.zone})" if call.waiting.zone else ""
        return f"It waits {_WAITS.get(call.waiting.because, call.waiting.because)}{zone}{until}."
    told = _HEARD.get(call.answerer) if call.status == "completed" else _WORDS.get(call.status)
    told = (call.reason or told or call.status).rstrip(".")
    tried = f", after {len(call.attempts)} attempts" if len(call.attempts) > 1 else ""
    lasted = f", {call.duration} s" if call.duration else ""
    return f"{told[:1].upper()}{told[1:]}{tried}{lasted}."


@click.command()
@click.argument("phone")
@click.option("-n", "newest", type=click.IntRange(min=1, max=1000), default=5, show_default=True, help="So many calls.")
@of_user
@as_json
@click.pass_obj
def why(session: Session, phone: str, newest: int, user: str | None, machine: bool) -> None:
    """Tell why a phone was called, or was not: its newest calls, with each attempt."""
    calls = list(session.client.calls.why(phone, userdata=session.user(user), newest=newest))
    if machine:
        screen.document(calls)
        return
    if not calls:
        click.echo("No shout of this user had to do with it.")
    for call in calls:
        ended = screen.cell(call.finished) or "not over"
        click.echo(f"Shout {call.shout_id}, call {call.id}: {call.status} ({ended}). {sentence(call)}")
        rows = [
            (one.number, one.claimed, one.ending or "open", one.answerer, one.keys, one.reason) for one in call.attempts
        ]
        if rows:
            screen.table(("attempt", "at", "ending", "answered by", "keys", "the carrier says"), rows)
