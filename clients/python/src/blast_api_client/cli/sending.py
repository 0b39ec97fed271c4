"""`blast send`: foretold, confirmed, sent."""

from __future__ import annotations

import sys
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from blast_api_client import BlastError, Client, NewShout, Preflight

from . import screen
from .app import Exit, Session, as_json, of_user
from .watching import follow

_LISTED = 20  # recipients that are not called, at most, on a screen


@click.command()
@click.option(
    "--to",
    "recipients",
    multiple=True,
    required=True,
    metavar="LIST|NUMBER",
    help="A list as CSV or XLSX, or numbers, one each.",
)
@click.option("--text", metavar="WORDS", help="What is spoken.")
@click.option("--voice", metavar="NAME", help="Who speaks it.")
@click.option("--recording", metavar="FILE|ID", help="A sound file, or the id of a recording that the service has.")
@click.option("--caller", metavar="NUMBER", help="Who is called first, and records the message.")
@click.option("--again", type=int, metavar="ID", help="A former shout: what it played is played again.")
@click.option("--title", metavar="WORDS", help="Your name for it.")
@click.option(
    "--at", "schedule", metavar="TIME", help="When to begin: 2030-01-31T12:00, of this machine's zone, or with one."
)
@click.option("--from", "from_", metavar="NUMBER", help="The caller id.")
@click.option("--language", metavar="CODE", help="Of the prompts.")
@click.option("--preflight", is_flag=True, help="Tell what would happen, and send nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--watch", is_flag=True, help="Stay until it is over.")
@of_user
@as_json
@click.pass_obj
def send(
    session: Session,
    /,
    recipients: tuple[str, ...],
    recording: str | None,
    again: int | None,
    schedule: str | None,
    user: str | None,
    preflight: bool,
    yes: bool,
    watch: bool,
    machine: bool,
    **said: Any,
) -> None:
    """Send a shout: one of --text, --recording, --caller and --again says what is heard.

    It tells first how many people would be called, and asks.
    """
    if sum(value is not None for value in (said["text"], recording, said["caller"], again)) != 1:
        raise click.UsageError("Say one of --text, --recording, --caller and --again.")
    if not (preflight or yes or sys.stdin.isatty()):
        raise click.UsageError("Nobody is there to be asked: say --yes, or --preflight.")
    shout: NewShout = {
        "userdata": session.user(user),
        "recipients": _recipients(recipients),
        "schedule": _time(schedule),
        "old_shout_id": again,
        **said,  # type: ignore[typeddict-item]  # its options have these names
    }
    with ExitStack() as undone:  # what is uploaded for a shout that is not sent goes again
        if recording is not None:
            shout["recording"] = _recording(session.client, recording, shout["userdata"], undone)
        foretold = session.client.shouts.preflight(**shout)
        called = foretold.counts.get("call", 0) + foretold.counts.get("wait", 0)
        if preflight or not machine:
            _show(foretold, machine=machine)
        if preflight:
            return
        if not called:
            click.echo("Nobody would be called: nothing was sent.", err=True)
            sys.exit(Exit.REFUSED)
        if not yes and not click.confirm(f"Call {called} {'person' if called == 1 else 'people'}?", err=True):
            click.echo("Nothing was sent.", err=True)
            sys.exit(Exit.REFUSED)
        made = session.client.shouts.create(**shout)
        undone.pop_all()
    if watch:
        follow(session.client, made.id, machine=machine)
    elif machine:
        screen.document(made)
    else:
        screen.shout(made)
        click.echo(f"blast watch {made.id} shows how it goes on.")


def _recipients(given: tuple[str, ...]) -> Any:
    if len(given) == 1 and not Path(given[0]).is_file():
        if any(mark in given[0] for mark in ("/", "\\", ".csv", ".xlsx")):
            raise click.BadParameter(f"There is no file {given[0]}.", param_hint="--to")
    elif len(given) == 1:
        return Path(given[0])
    return list(given)


def _recording(client: Client, given: str, userdata: str, undone: ExitStack) -> int:
    if Path(given).is_file():
        uploaded = client.recordings.upload(Path(given), userdata=userdata, title=Path(given).name)
        undone.callback(_discard, client, uploaded.id)
        return uploaded.id
    if given.isascii() and given.isdigit():
        return int(given)
    raise click.BadParameter(f"{given} is neither a file nor an id.", param_hint="--recording")


def _discard(client: Client, recording_id: int) -> None:
    with suppress(BlastError):  # a shout of which we were not told may play it
        client.recordings.delete(recording_id)


def _time(given: str | None) -> datetime | None:
    if given is None:
        return None
    try:
        return datetime.fromisoformat(given).astimezone()
    except ValueError:
        raise click.BadParameter("Expected a time as 2030-01-31T12:00.", param_hint="--at") from None


def _show(foretold: Preflight, *, machine: bool) -> None:
    if machine:
        screen.document(foretold)
        return
    if foretold.listed:
        screen.listed(foretold.listed)
    click.echo(f"Recipients: {screen.counts(foretold.counts)}.")
    others = [one for one in foretold.recipients if one.verdict != "call"]
    if others:
        rows = [(one.number, one.verdict, one.at, one.reason) for one in others[:_LISTED]]
        screen.table(("number", "verdict", "from", "reason"), rows)
    if len(others) > _LISTED:
        click.echo(f"… and {len(others) - _LISTED} more; --json has them all.")
    if foretold.estimate.first_call:
        ends = screen.cell(foretold.estimate.finish)
        click.echo(f"First call {screen.cell(foretold.estimate.first_call)}, the last is over at {ends}.")
        click.echo(foretold.estimate.certainty)
