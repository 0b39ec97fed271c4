"""How a sound comes to the carrier: by a row that knows of it before the carrier does, so that nothing is stored for ever by mistake.

1. The row is stored, with a key of its own, and doomed. 2. The file is uploaded under that key. 3. If the answer is lost, it
is asked for by the key, once. 4. What is stored is told to the row, which then stays. Whoever dies in between leaves a
doomed row, by whose key the file is found and deleted: see `recordings.claim_to_discard`.
"""

from __future__ import annotations

import io
import logging
import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from math import ceil
from typing import IO, Any

from blast_api.audio import speech as synthesizer
from blast_api.audio.sound import Sound
from blast_api.carrierx.client import Accepted, CarrierClient, CarrierTrouble, Refusal, Refused, usable_sid
from blast_api.conf import configuration
from blast_api.db.clock import database_now
from blast_api.domain import speech
from blast_api.domain.errors import NotStored, SoundAway, StorageFull
from blast_api.domain.states import RecordingSource
from blast_api.models import Application, Recording

from . import storage

log = logging.getLogger(__name__)

SAY_VOICES = ("man", "woman")  # of the carrier's Say, the default first; others are to be paid for
_ON_ITS_WAY = timedelta(minutes=15)  # an upload, or a shout that is made with its text, takes less
_ANSWER_TIMEOUT_S = 60.0
_LARGEST_BYTES = 64 * 1024 * 1024  # of a file that is read from the carrier: an hour by phone
_URL = re.compile(r"https?://[!-~]{1,2000}")


def upload(application: Application, userdata: str, sound: Sound, *, title: str = "") -> Recording:
    """Store a sound at the carrier, for good. Raises NotStored or StorageFull; then nothing stays of it."""
    row = _row(application, userdata, title=title, source=RecordingSource.UPLOAD)
    return _stored(row, sound, lasting=True)


def from_text(
    application: Application, userdata: str, text: str, voice: str = "", *, title: str = "", lasting: bool = True
) -> Recording:
    """A recording of a text, spoken by our synthesizer, or else said by the carrier. One that is not `lasting` is doomed,
    until a new shout takes it.

    Raises UnusableSound, NotStored or StorageFull; then nothing stays of it.
    """
    row = _row(application, userdata, title=title, source=RecordingSource.TEXT, text=text, voice=voice)
    said = speech.spoken(text)
    if synthesizer.is_installed():
        sound = synthesizer.speak(said, voice=voice, longest_s=configuration().max_recording_seconds)
        return _stored(row, sound, lasting=lasting)
    row.length_s, row.lasting = speech.length_s(said), lasting
    row.doomed_at = None if lasting else database_now() + _ON_ITS_WAY
    row.save(force_insert=True)
    return row


def estimated(text: str, voice: str = "") -> Recording:
    """The recording that `from_text` would make, as far as it can be told beforehand; nothing is stored."""
    return Recording(source=RecordingSource.TEXT, text=text, voice=voice, length_s=speech.length_s(speech.spoken(text)))


def voices() -> tuple[str, ...]:
    """Whose voices a text may be spoken with, the default first."""
    return synthesizer.voices() or SAY_VOICES


def download(recording: Recording, into: IO[bytes]) -> None:
    """Write the sound that the carrier has. Raises SoundAway."""
    with _client() as client:
        outcome = client.download(recording.file_sid, into, most=_LARGEST_BYTES)
    if not isinstance(outcome, Accepted):
        about = {"action": "recording_not_read", "recording": recording.pk, "reason": outcome.reason}
        log.warning("the carrier does not hand out a recording", extra=about)
        raise SoundAway("The carrier does not hand it out just now.")


def _row(application: Application, userdata: str, **columns: Any) -> Recording:
    return Recording(application=application, userdata=userdata, created=database_now(), **columns)


def _client() -> CarrierClient:
    return CarrierClient(configuration(), connections=1, answer_timeout_s=_ANSWER_TIMEOUT_S)


def _stored(row: Recording, sound: Sound, *, lasting: bool) -> Recording:
    container_sid = storage.sid()
    if not container_sid:
        raise NotStored("The container of recordings is not known yet.")
    row.key, row.length_s, row.doomed_at = secrets.token_hex(16), ceil(sound.length_s), database_now() + _ON_ITS_WAY
    row.save(force_insert=True)
    with _client() as client:
        file = _uploaded(client, container_sid, row, sound)
    sid, url = usable_sid(file.get("file_sid")), file.get("publish_uri")
    if sid is None or not isinstance(url, str) or not _URL.fullmatch(url):
        log.error(
            "a recording is stored at no public address: does the container allow publishing?",
            extra={"action": "recording_not_published", "recording": row.pk},
        )
        raise NotStored("The carrier stored it at no address from which it can be played.")
    mine = Recording.objects.filter(pk=row.pk, doomed_at=row.doomed_at, held_since=None)
    row.file_sid, row.url, row.lasting = sid, url, lasting
    row.doomed_at = None if lasting else row.doomed_at
    if not mine.update(file_sid=sid, url=url, lasting=lasting, doomed_at=row.doomed_at):
        raise NotStored("It took too long.")  # somebody is about to delete it
    return row


def _uploaded(client: CarrierClient, container_sid: str, row: Recording, sound: Sound) -> Mapping[str, Any]:
    """The carrier's object of the file. If it surely has none, the row is gone; otherwise somebody will look by its key."""
    outcome = client.upload_file(
        container_sid, f"recording-{row.pk}.wav", io.BytesIO(sound.wav), key=row.key, unique=True
    )
    if isinstance(outcome, Accepted):
        return outcome.content
    about = {"action": "recording_not_stored", "recording": row.pk, "reason": outcome.reason}
    if isinstance(outcome, Refused) and outcome.reach is not Refusal.THIS_FOR_NOW:
        row.delete()
        log.error("the carrier did not take a recording", extra=about)
        if outcome.reach is Refusal.THIS_REQUEST:
            storage.look_again(database_now())
            raise StorageFull("The carrier did not take it: there may be no room left.")
        raise NotStored("The carrier did not take it.")
    log.warning("the answer to a recording was lost", extra=about)
    try:
        found = next(client.files_by_key(client.prepare_files_by_key(row.key), row.key), None)
    except CarrierTrouble:
        found = None
    if found is None:
        raise NotStored("The carrier does not tell whether it took it. What it has of this will be deleted.")
    return found
