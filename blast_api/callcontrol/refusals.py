"""What comes to an address that is not, or no longer, somebody's: 403, nothing told, and a line for the operator.

`LOGGING` in the settings bounds how many lines a minute strangers can cause.
"""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponseForbidden

from blast_api.domain.callbacks import Reason
from blast_api.monitoring import counters

log = logging.getLogger(__name__)

_LONGEST = 200


def refuse(request: HttpRequest, reason: Reason) -> HttpResponseForbidden:
    """The answer, the same for every reason."""
    log.warning(
        "a callback was refused",
        extra={
            "action": "callback_refused",
            "reason": reason.value,
            "peer": request.META.get("REMOTE_ADDR", ""),
            "forwarded_for": request.headers.get("X-Forwarded-For", "")[:_LONGEST],
            "path": request.path[:_LONGEST],
        },
    )
    counters.CALLBACKS_REFUSED.add(reason.label)
    return HttpResponseForbidden()
