"""Recordings: what shouts play."""

from __future__ import annotations

from collections.abc import Iterator

from .files import Given, file_of
from .models import Recording
from .transport import Transport

_PAGE = 500


class Recordings:
    """`client.recordings`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def upload(self, file: Given, *, userdata: str, title: str = "") -> Recording:
        """Store a sound file: WAV, MP3, OGG, FLAC, or M4A where the service can read it.

        It is sent again only if the service surely has not stored it.
        """
        return self._transport.post(
            "/recordings",
            Recording,
            fields={"userdata": userdata, "title": title},
            files={"file": file_of(file, "recording.wav")},
        )

    def say(self, text: str, *, userdata: str, voice: str | None = None, title: str = "") -> Recording:
        """Have a text spoken, and keep that."""
        body = {"text": text, "voice": voice, "userdata": userdata, "title": title}
        return self._transport.post("/recordings", Recording, body=body)

    def get(self, recording_id: int) -> Recording:
        """One recording."""
        return self._transport.get(f"/recordings/{recording_id}", Recording)

    def list(self, *, userdata: str, page_size: int = _PAGE) -> Iterator[Recording]:
        """A user's recordings, newest first; those recorded by phone are among them."""
        return self._transport.pages("/recordings", Recording, page_size=page_size, userdata=userdata)

    def delete(self, recording_id: int) -> None:
        """Delete it, at the carrier too. Raises Conflict while a shout plays it."""
        self._transport.discard(f"/recordings/{recording_id}")

    def audio(self, recording_id: int) -> bytes:
        """Its sound, a WAV. Raises NotFound for a text that the carrier says."""
        return self._transport.send("GET", f"/recordings/{recording_id}/audio", repeatable=True).content
