"""From a file that somebody sends to a sound for the telephone."""

from __future__ import annotations

from importlib.util import find_spec
from tempfile import TemporaryFile
from typing import BinaryIO

from blast_api.domain.errors import SoundTooLarge, UnusableSound
from blast_api.sandbox.child import Limits
from blast_api.sandbox.parent import run

from .sound import NO_SOUND, Sound, sound_of

_MIB = 1 << 20
LIMITS = Limits(memory_bytes=1024 * _MIB, cpu_s=25, wall_s=30, output_bytes=512 * _MIB)
_LIBSNDFILE, _FFMPEG = "blast_api.audio.decoder", "blast_api.audio.m4a"


def telephone_sound(
    file: BinaryIO, *, longest_s: int, largest_bytes: int | None = None, limits: Limits = LIMITS
) -> Sound:
    """Make the telephone's sound of a WAV, MP3, Ogg (Vorbis, Opus), FLAC or M4A, read from where it stands.

    A child process decodes it. Raises UnusableSound with the reason, SoundTooLarge of a file with more bytes than that.
    """
    with TemporaryFile(buffering=0) as copy:  # the child shares its position, so nothing of it may be kept here
        size = 0
        while block := file.read(_MIB):
            size += len(block)
            if largest_bytes is not None and size > largest_bytes:
                raise SoundTooLarge(f"The file is larger than {largest_bytes} bytes.")
            copy.write(block)
        copy.seek(0)
        program, kind = _decoder_for(copy.read(12))
        copy.seek(0)
        return sound_of(run(program, kind, str(longest_s), given=copy, limits=limits, failure=NO_SOUND))


def _decoder_for(head: bytes) -> tuple[str, str]:
    """Which program decodes a file that begins so, and what it calls the kind of file."""
    if not head:
        raise UnusableSound("The file is empty.")
    if head.startswith((b"RIFF", b"RF64")) and head[8:12] == b"WAVE":
        return _LIBSNDFILE, "wav"
    if head.startswith(b"OggS"):
        return _LIBSNDFILE, "ogg"
    if head.startswith(b"fLaC"):
        return _LIBSNDFILE, "flac"
    if head[4:8] == b"ftyp":
        return _ffmpeg("mov")
    # Frames of MPEG begin with eleven ones; the layer is 0 in those of AAC.
    if head[0] == 0xFF and head[1:2] >= b"\xe0" and head[1] & 0b110 == 0:
        return _ffmpeg("aac")
    if head.startswith(b"ID3") or (head[0] == 0xFF and head[1:2] >= b"\xe0"):
        return _LIBSNDFILE, "mp3"
    raise UnusableSound("The file is no sound that we know: expected WAV, MP3, OGG, FLAC or M4A.")


def _ffmpeg(kind: str) -> tuple[str, str]:
    if not find_spec("av"):
        raise UnusableSound("M4A needs the extra `m4a` on the server. Send WAV, MP3, OGG or FLAC.")
    return _FFMPEG, kind
