"""From a text to a sound for the telephone, by the synthesizer of the extra `speech`."""

from __future__ import annotations

from importlib.util import find_spec
from tempfile import TemporaryFile

from blast_api.domain.errors import UnusableSound
from blast_api.sandbox.child import Limits
from blast_api.sandbox.parent import run

from .sound import NO_SOUND, Sound, sound_of

_MIB = 1 << 20
SPEECH_LIMITS = Limits(memory_bytes=1024 * _MIB, cpu_s=40, wall_s=45, output_bytes=512 * _MIB)
_VOICES = ("heart",)  # what is in the package: it would fetch others from the network when they are first used


def is_installed() -> bool:
    """Whether this server can speak a text by itself."""
    return find_spec("hibari") is not None


def voices() -> tuple[str, ...]:
    """The names of the voices that `speak` knows, the default first; all speak English."""
    return _VOICES if is_installed() else ()


def speak(text: str, *, voice: str = "", longest_s: int, limits: Limits = SPEECH_LIMITS) -> Sound:
    """Make the telephone's sound of a text as it stands (see `domain.speech.spoken`); the same text sounds the same.

    A child process speaks it. Raises UnusableSound with the reason.
    """
    if not is_installed():
        raise UnusableSound("To speak a text needs the extra `speech` on the server.")
    if voice and voice not in _VOICES:
        raise UnusableSound(f"No voice has this name: expected one of {', '.join(_VOICES)}.")
    with TemporaryFile(buffering=0) as file:
        file.write(text.encode(errors="replace"))
        file.seek(0)
        arguments = (voice or _VOICES[0], str(longest_s))
        return sound_of(run("blast_api.audio.synthesizer", *arguments, given=file, limits=limits, failure=NO_SOUND))
