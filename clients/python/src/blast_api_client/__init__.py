"""A client of blast-api: send shouts, watch them, and learn why somebody was called, or was not.

with Client("https://blast.example.org", token="…") as blast:
    shout = blast.shouts.create(userdata="school-7", text="School is closed.", recipients=["15555551020"])
    print(blast.shouts.wait(shout.id).calls)
"""

from __future__ import annotations

from ._version import __version__
from .client import Client
from .errors import (
    ApiError,
    BadInput,
    BlastError,
    Conflict,
    NoAnswer,
    NotAuthenticated,
    NotFound,
    ServerTrouble,
    Throttled,
    UnexpectedAnswer,
)
from .models import (
    Attempt,
    Call,
    CallDetail,
    CallWaiting,
    CreatedShout,
    Delivery,
    DoNotCall,
    Estimate,
    Foretold,
    ListColumn,
    ListedAttempt,
    ListLine,
    ListRead,
    NumbersListed,
    Preflight,
    Recording,
    SecretWebhook,
    Shout,
    ShoutWaiting,
    Transfer,
    Voice,
    Webhook,
    WebhookDelivery,
    Window,
)
from .requests import NewDelivery, NewRecipient, NewShout, NewTransfer
from .retrying import Retrying
from .verification import Event, NotGenuine, verify

__all__ = [
    "ApiError",
    "Attempt",
    "BadInput",
    "BlastError",
    "Call",
    "CallDetail",
    "CallWaiting",
    "Client",
    "Conflict",
    "CreatedShout",
    "Delivery",
    "DoNotCall",
    "Estimate",
    "Event",
    "Foretold",
    "ListColumn",
    "ListLine",
    "ListRead",
    "ListedAttempt",
    "NewDelivery",
    "NewRecipient",
    "NewShout",
    "NewTransfer",
    "NoAnswer",
    "NotAuthenticated",
    "NotFound",
    "NotGenuine",
    "NumbersListed",
    "Preflight",
    "Recording",
    "Retrying",
    "SecretWebhook",
    "ServerTrouble",
    "Shout",
    "ShoutWaiting",
    "Throttled",
    "Transfer",
    "UnexpectedAnswer",
    "Voice",
    "Webhook",
    "WebhookDelivery",
    "Window",
    "__version__",
    "verify",
]
