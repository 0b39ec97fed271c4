"""Shouts that are under way: listed, watched, stopped."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import islice

import click

from blast_api_client import Client, Shout

from . import screen
from .app import Exit, Session, as_json, of_user

_SHOUT = click.argument("shout_id", metavar="SHOUT", type=click.IntRange(min=1))


@click.command()
@click.option("-n", "newest", type=click.IntRange(min=1), default=20, show_default=True, help="So many.")
@of_user
@as_json
@click.pass_obj
def shouts(session: Session, newest: int, user: str | None, machine: bool) -> None:
    """List a user's shouts, the newest first."""
    found = session.client.shouts.list(userdata=session.user(user), page_size=min(newest, 100))
    rows = list(islice(found, newest))
    if machine:
        screen.document(rows)
        return
    table = [(one.id, one.created, one.status, one.title, screen.counts(one.calls)) for one in rows]
    screen.table(("shout", "created", "status", "title", "calls"), table)


@click.command()
@_SHOUT
@as_json
@click.pass_obj
def watch(session: Session, shout_id: int, machine: bool) -> None:
    """Show a shout until it is over. Exits with 1 if it did not finish."""
    follow(session.client, shout_id, machine=machine)


def follow(client: Client, shout_id: int, *, machine: bool) -> None:
    """A progress bar until the shout is over, then what became of it."""
    with screen.Bar() as bar:
        for shout in client.shouts.watch(shout_id):
            bar.show(shout)
    screen.document(shout) if machine else screen.shout(shout)
    if shout.status != "finished":
        sys.exit(Exit.REFUSED)


def _verb(name: str, does: str, act: Callable[[Client, int], Shout]) -> click.Command:
    @click.command(name, help=does)
    @_SHOUT
    @as_json
    @click.pass_obj
    def verb(session: Session, shout_id: int, machine: bool) -> None:
        shout = act(session.client, shout_id)
        screen.document(shout) if machine else screen.shout(shout)

    return verb


pause = _verb("pause", "Let nobody else be called until it is resumed.", lambda client, pk: client.shouts.pause(pk))
resume = _verb("resume", "Let a paused shout go on.", lambda client, pk: client.shouts.resume(pk))
cancel = _verb("cancel", "Call nobody else, for good.", lambda client, pk: client.shouts.cancel(pk))
