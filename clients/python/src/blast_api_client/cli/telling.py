"""`blast webhooks`: where the service tells what happens."""

from __future__ import annotations

from itertools import islice

import click

from . import screen
from .app import Session, as_json

_WEBHOOK = click.argument("webhook_id", metavar="WEBHOOK", type=click.IntRange(min=1))
_COLUMNS = ("webhook", "url", "events", "failing since", "disabled")


@click.group()
def webhooks() -> None:
    """Webhooks: list, create, test, rotate, enable, delete, deliveries."""


@webhooks.command("list")
@as_json
@click.pass_obj
def list_(session: Session, machine: bool) -> None:
    """The application's webhooks."""
    rows = list(session.client.webhooks.list())
    if machine:
        screen.document(rows)
        return
    screen.table(
        _COLUMNS, [(one.id, one.url, ",".join(one.events), one.failing_since, one.disabled_because) for one in rows]
    )


@webhooks.command()
@click.argument("url")
@click.argument("events", nargs=-1, required=True, metavar="EVENT...")
@as_json
@click.pass_obj
def create(session: Session, url: str, events: tuple[str, ...], machine: bool) -> None:
    """Have events sent to a URL: shout.ended, call.ended, … Prints the secret, this once."""
    made = session.client.webhooks.create(url, events)
    screen.document(made) if machine else click.echo(f"Webhook {made.id}. Its secret, told this once: {made.secret}")


@webhooks.command()
@_WEBHOOK
@as_json
@click.pass_obj
def rotate(session: Session, webhook_id: int, machine: bool) -> None:
    """Change the secret, and print it, this once. For a day both sign."""
    made = session.client.webhooks.rotate(webhook_id)
    screen.document(made) if machine else click.echo(f"The new secret, told this once: {made.secret}")


@webhooks.command()
@_WEBHOOK
@as_json
@click.pass_obj
def test(session: Session, webhook_id: int, machine: bool) -> None:
    """Have an event sent there for a trial."""
    sent = session.client.webhooks.test(webhook_id)
    screen.document(sent) if machine else click.echo(f"Delivery {sent.id} is {sent.state}.")


@webhooks.command()
@_WEBHOOK
@as_json
@click.pass_obj
def enable(session: Session, webhook_id: int, machine: bool) -> None:
    """Let one that was disabled be told again."""
    told = session.client.webhooks.enable(webhook_id)
    screen.document(told) if machine else click.echo(f"Webhook {told.id} is enabled.")


@webhooks.command()
@_WEBHOOK
@click.pass_obj
def delete(session: Session, webhook_id: int) -> None:
    """Have nothing more sent there."""
    session.client.webhooks.delete(webhook_id)
    click.echo(f"Webhook {webhook_id} is deleted.")


@webhooks.command()
@_WEBHOOK
@click.option("-n", "newest", type=click.IntRange(min=1), default=20, show_default=True, help="So many.")
@click.option("--state", metavar="WORD", help="Only waiting, delivered, failed or gone ones.")
@as_json
@click.pass_obj
def deliveries(session: Session, webhook_id: int, newest: int, state: str | None, machine: bool) -> None:
    """What it was told, or is to be told, the newest first."""
    found = session.client.webhooks.deliveries(webhook_id, state=state, page_size=min(newest, 500))
    rows = list(islice(found, newest))
    if machine:
        screen.document(rows)
        return
    screen.table(
        ("delivery", "event", "of", "state", "attempts", "next", "status", "trouble"),
        [
            (one.id, one.type, one.subject, one.state, one.attempts, one.next_attempt, one.status, one.trouble)
            for one in rows
        ],
    )
