"""The command line itself: its options, and what errors become."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Any, NoReturn

import click
import httpx

from blast_api_client import ApiError, BlastError, Client, NotAuthenticated, ServerTrouble, Throttled, __version__

from . import settings


class Exit(IntEnum):
    """What `blast` ends with."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    AWAY = 3
    NOT_AUTHENTICATED = 4
    INTERRUPTED = 130


@dataclass
class Session:
    """What a command works with."""

    context: click.Context
    url: str | None
    settings: settings.Settings = field(default_factory=settings.load)

    @cached_property
    def client(self) -> Client:
        """Closed when the command is over. Raises UsageError for an address that is none."""
        try:
            client = Client(self.url or self.settings.url, self.settings.token)
        except (ValueError, httpx.InvalidURL) as fault:
            raise click.UsageError(str(fault)) from None
        return self.context.with_resource(client)

    def user(self, named: str | None) -> str:
        """Whose shouts, recordings or list: named, or as the settings say. Raises UsageError."""
        if user := named or self.settings.userdata:
            return user
        raise click.UsageError("Whose? Say --user, or set BLAST_USERDATA.")


class _Group(click.Group):
    """Turns our errors into a line on standard error and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (ServerTrouble, Throttled) as error:
            _fail(error, Exit.AWAY)
        except NotAuthenticated as error:
            _fail(error, Exit.NOT_AUTHENTICATED)
        except ApiError as error:
            _fail(error, Exit.REFUSED)
        except BlastError as error:
            _fail(error, Exit.AWAY)


def _fail(error: Exception, code: Exit) -> NoReturn:
    for name, sentences in getattr(error, "fields", {}).items():
        for sentence in sentences:
            click.echo(f"{name}: {sentence}", err=True)
    if not getattr(error, "fields", None):
        click.echo(str(error), err=True)
    sys.exit(code)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--url", metavar="URL", help="Of the service; else BLAST_URL, or the configuration file.")
@click.version_option(__version__, package_name="blast-api-client")
@click.pass_context
def cli(ctx: click.Context, url: str | None) -> None:
    """Send shouts, watch them, and learn why somebody was called, or was not.

    BLAST_URL and BLAST_TOKEN say which service and which application; or `url` and `token` in a configuration file, which
    BLAST_CONFIG names. Exit codes: 0 done; 1 refused, or a watched shout did not finish; 2 wrong usage; 3 the service is away or
    has trouble, try again later; 4 no token, or a wrong one.
    """
    ctx.obj = Session(ctx, url)


def as_json(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--json`: for machines."""
    return click.option("--json", "machine", is_flag=True, help="One JSON document, for machines.")(command)


def of_user(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--user`."""
    return click.option("-u", "--user", metavar="NAME", help="The application's own user; else BLAST_USERDATA.")(
        command
    )
