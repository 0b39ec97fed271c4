"""The rows: who asked for what, what became of it, and the one gate that every call passes.

A change of status is a guarded move: `rows.filter(...).update(status=...)` with the statuses that may move there in the
WHERE. Constraints stand here first, in code second; a partial index is named for its reader.
"""

from __future__ import annotations

from .applications import Application as Application
from .applications import DoNotCallNumber as DoNotCallNumber
from .applications import OperatorsNumber as OperatorsNumber
from .carrier import Container as Container
from .carrier import CronHost as CronHost
from .carrier import Gate as Gate
from .outboxes import OUTBOXES as OUTBOXES
from .people import Deed as Deed
from .people import Person as Person
from .recordings import WITH_ITS_SHOUTS as WITH_ITS_SHOUTS
from .recordings import Recording as Recording
from .recordings import RecordingQuerySet as RecordingQuerySet
from .records import WAITS_TO_BE_WRITTEN as WAITS_TO_BE_WRITTEN
from .records import LogKind as LogKind
from .records import Record as Record
from .records import Recorded as Recorded
from .shouts import Attempt as Attempt
from .shouts import AuthorCall as AuthorCall
from .shouts import Call as Call
from .shouts import CallQuerySet as CallQuerySet
from .shouts import Message as Message
from .shouts import MessageQuerySet as MessageQuerySet
from .webhooks import DeliveryState as DeliveryState
from .webhooks import Webhook as Webhook
from .webhooks import WebhookDelivery as WebhookDelivery
from .webhooks import WebhookQuerySet as WebhookQuerySet
