"""`blast dnc`: lists of numbers that are not called."""

from __future__ import annotations

from pathlib import Path

import click

from blast_api_client import NumbersListed

from . import screen
from .app import Session, as_json, of_user

_USER = "blast_api_client.cli.user"
_NUMBERS = click.argument("numbers", nargs=-1, required=True, metavar="NUMBER...")


@click.group()
@of_user
@click.option("--application", is_flag=True, help="The application's own list, which holds for all its users.")
@click.pass_context
def dnc(ctx: click.Context, user: str | None, application: bool) -> None:
    """Do-not-call lists: add, remove, list, import."""
    if application and user is not None:
        raise click.UsageError("Say --user or --application, not both.")
    ctx.meta[_USER] = None if application else ctx.find_object(Session).user(user)  # type: ignore[union-attr]


def _user() -> str | None:
    """Whose list; None: the application's."""
    user: str | None = click.get_current_context().meta[_USER]
    return user


@dnc.command("list")
@as_json
@click.pass_obj
def list_(session: Session, machine: bool) -> None:
    """The numbers, the newest first."""
    entries = session.client.dnc.list(userdata=_user())
    if machine:
        screen.document(list(entries))
        return
    screen.table(("number", "since", "by", "call"), ((one.number, one.created, one.by, one.call) for one in entries))


@dnc.command()
@_NUMBERS
@as_json
@click.pass_obj
def add(session: Session, numbers: tuple[str, ...], machine: bool) -> None:
    """Let numbers not be called any more."""
    _show(session.client.dnc.add(numbers, userdata=_user()), machine=machine)


@dnc.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@as_json
@click.pass_obj
def import_(session: Session, file: Path, machine: bool) -> None:
    """The same of a list, CSV or XLSX."""
    _show(session.client.dnc.import_list(file, userdata=_user()), machine=machine)


def _show(told: NumbersListed, *, machine: bool) -> None:
    if machine:
        screen.document(told)
        return
    if told.listed:
        screen.listed(told.listed)
    click.echo(f"{told.added} added, {told.there_before} were there already.")


@dnc.command()
@_NUMBERS
@click.pass_obj
def remove(session: Session, numbers: tuple[str, ...]) -> None:
    """Take numbers off: they may be called again."""
    for number in numbers:
        session.client.dnc.remove(number, userdata=_user())
    click.echo(f"{len(numbers)} taken off.")
