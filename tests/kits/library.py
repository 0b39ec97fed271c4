"""What the tests of recordings share: rows with a file at the simulated carrier, and a request that uploads."""

from __future__ import annotations

import io
import math
import struct
import wave
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from blast_api.domain.states import RecordingSource
from blast_api.models import Recording
from blast_api.simulator import Carrier
from tests.kits import factories
from tests.kits.rest import BASE

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer  # a name that only the stubs have


def a_wav(seconds: float = 1.0) -> bytes:
    """A tone as a telephone's WAV."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        samples = (round(9000 * math.sin(2 * math.pi * 440 * n / 8000)) for n in range(round(8000 * seconds)))
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return content.getvalue()


def kept(carrier: Carrier, wav: bytes | None = None, **fields: Any) -> Recording:
    """A recording that the carrier has for good."""
    container = fields.pop("container", carrier.storage.default_sid)
    settings = {"name": "a.wav", "string_key_1": fields.get("key") or None}
    file = carrier.storage.add_file(container, wav or a_wav(), settings, mime_type="audio/x-wav")
    return recording(**{"file_sid": file.sid, "url": carrier.storage.publish_uri(file)} | fields)


def recording(**fields: Any) -> Recording:
    """A row of what was uploaded; the carrier does not know of it."""
    defaults: dict[str, Any] = {
        "userdata": factories.USER,
        "created": timezone.now(),
        "source": RecordingSource.UPLOAD,
        "file_sid": "0b0b",
        "url": "http://127.0.0.1:9/f/0b0b.wav",
        "length_s": 8,
        "lasting": True,
    }
    if "application" not in fields:
        defaults["application"] = factories.application()
    return Recording.objects.create(**defaults | fields)


def ours(carrier: Carrier, **quotas: int) -> str:
    """The container of ours, at the carrier and as the service knows it; answers its SID."""
    sid = carrier.storage.set_container({"string_key_1": "blast-api", **quotas}).sid
    factories.container(sid=sid)
    return sid


def upload(client: Client, wav: bytes | None = None, **fields: Any) -> Answer:
    """POST /recordings with a file; fields that are `...` are left out."""
    given = {"file": SimpleUploadedFile("a.wav", wav or a_wav()), "userdata": factories.USER} | fields
    return client.post(f"{BASE}/recordings", {name: value for name, value in given.items() if value is not ...})


def doomed_at(row: Recording) -> datetime | None:
    """Since when, or from when on, it is to vanish."""
    return Recording.objects.get(pk=row.pk).doomed_at
