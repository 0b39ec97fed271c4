"""`manage.py webhooks`: which webhooks applications have, what became of what they were told, and what may be done about it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from blast_api.management.operating import USAGE, OperatorCommand
from blast_api.models import DeliveryState, Webhook, WebhookDelivery
from blast_api.services import webhooks

_COLUMNS = ("id", "application", "url", "events", "state", "waiting", "failed", "because")
_DELIVERY = ("id", "type", "subject", "created", "state", "attempts", "next attempt", "status", "trouble")
_BECAUSE = "the operator disabled it"


class Command(OperatorCommand):
    help = (
        "Lists the webhooks of all applications; shows what one was told; disables or enables it, tries again what it did not "
        "take, or sends it a test. Secrets are never shown."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(
            dest="action", required=True, metavar="list|deliveries|disable|enable|retry|test"
        )
        lists = actions.add_parser("list", help="list the webhooks", description="Lists all webhooks.")
        shows = actions.add_parser(
            "deliveries",
            help="show what a webhook was told, or is to be told, newest first",
            description="Shows what a webhook was told, or is to be told, newest first.",
        )
        shows.add_argument("--state", choices=DeliveryState.values, help="only those in this state")
        shows.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many (default: %(default)s)")
        disable = actions.add_parser(
            "disable", help="send nothing more to it", description="Sends nothing more to it until it is enabled."
        )
        enable = actions.add_parser(
            "enable",
            help="send to it again",
            description="Tells it of what happens from now on, and of what still waits for it.",
        )
        retry = actions.add_parser(
            "retry",
            help="try again what it did not take",
            description="Tries at once what waits to be tried again, and for three days more what was given up.",
        )
        test = actions.add_parser("test", help="send it a test", description="Sends it an event webhook.test.")
        for one in (shows, disable, enable, retry, test):
            one.add_argument("id", type=int, metavar="ID", help="of the webhook")
        for one in (lists, shows, disable, enable, retry, test):
            one.add_argument("--json", action="store_true", dest="as_json", help="one JSON document, for programs")

    def handle(self, *args: object, action: str, as_json: bool, **options: Any) -> None:
        if action == "list":
            self._list(as_json=as_json)
            return
        webhook = _named(options["id"])
        if action == "deliveries":
            self._deliveries(webhook, state=options["state"], limit=options["limit"], as_json=as_json)
            return
        done = _do(action, webhook)
        if as_json:
            self.tell_json({"id": webhook.pk, "done": done})
        else:
            self.stdout.write(f"Webhook {webhook.pk}: {done}.")

    def _list(self, *, as_json: bool) -> None:
        found = [_told(webhook) for webhook in Webhook.objects.kept().select_related("application").order_by("pk")]
        if as_json:
            self.tell_json(found)
        else:
            self.tell_rows(_COLUMNS, [[row[column] or "" for column in _COLUMNS] for row in found])

    def _deliveries(self, webhook: Webhook, *, state: str | None, limit: int, as_json: bool) -> None:
        if limit < 1:
            raise CommandError("--limit takes a whole number, 1 or more.", returncode=USAGE)
        found = [_delivery(row) for row in webhooks.deliveries(webhook, state=state)[:limit]]
        if as_json:
            self.tell_json(found)
        else:
            self.tell_rows(
                _DELIVERY, [["" if row[column] is None else row[column] for column in _DELIVERY] for row in found]
            )


def _named(pk: int) -> Webhook:
    webhook = Webhook.objects.kept().filter(pk=pk).first() if abs(pk) < 2**63 else None
    if webhook is None:
        raise CommandError(f"There is no webhook {pk}.")
    return webhook


def _do(action: str, webhook: Webhook) -> str:
    """Do it, and say what was done."""
    now = timezone.now()
    if action == "disable":
        done = webhooks.disable(webhook.pk, because=_BECAUSE, now=now)
        return "disabled" if done else "was disabled before"
    if action == "enable":
        return "enabled" if webhooks.enable(webhook.pk) else "was enabled before"
    if action == "retry":
        return f"{webhooks.retry(webhook, now=now)} deliveries are tried again"
    return f"delivery {webhooks.test(webhook).pk} is to be sent"


def _told(webhook: Webhook) -> dict[str, object]:
    deliveries = WebhookDelivery.objects.filter(webhook=webhook)
    return {
        "id": webhook.pk,
        "application": webhook.application.name,
        "url": webhook.url,
        "events": webhook.events,
        "state": "disabled" if webhook.disabled else "failing" if webhook.failing_since else "enabled",
        "waiting": deliveries.filter(state=DeliveryState.WAITING).count(),
        "failed": deliveries.filter(state=DeliveryState.FAILED).count(),
        "because": webhook.disabled_because,
    }


def _delivery(row: WebhookDelivery) -> dict[str, object]:
    return {
        "id": row.pk,
        "type": row.event,
        "subject": row.subject,
        "created": row.created,
        "state": row.state,
        "attempts": row.attempts,
        "next attempt": row.due_at if row.state == DeliveryState.WAITING else None,
        "status": row.status,
        "trouble": row.trouble or None,
    }
