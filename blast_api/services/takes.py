"""What an author's phone has recorded, before it is anybody's message."""

from __future__ import annotations

import io
import logging

from blast_api.audio import silence
from blast_api.carrierx.client import Accepted, CarrierClient
from blast_api.carrierx.events import RecordingReport
from blast_api.conf import configuration

log = logging.getLogger(__name__)

# The author waits on the line meanwhile.
_CONNECT_TIMEOUT_S = 1.0
_ANSWER_TIMEOUT_S = 1.5
_LARGEST_BYTES = 4 * 2**20
_SILENCE_COUNTED_S = 2  # where the carrier counts the silence that ends a recording in, and rounds


def is_silent(report: RecordingReport) -> bool:
    """Whether nobody speaks in a take. False where that does not turn out at once: the author hears it played back.

    Only one that silence itself may have ended, or a key before that, is fetched from the carrier.
    """
    config = configuration()
    if (
        not report.file_sid
        or not report.duration_s
        or report.duration_s > config.recording_silence + _SILENCE_COUNTED_S
    ):
        return False
    content = io.BytesIO()
    with CarrierClient(
        config, connections=1, connect_timeout_s=_CONNECT_TIMEOUT_S, answer_timeout_s=_ANSWER_TIMEOUT_S
    ) as client:
        outcome = client.download(report.file_sid, content, most=_LARGEST_BYTES)
    if not isinstance(outcome, Accepted):
        log.warning("a take is not examined", extra={"action": "take_not_examined", "reason": outcome.reason})
        return False
    return silence.is_silent(content.getvalue())
