"""`manage.py upload_prompts`: the prompts stored at the carrier, and the VOICE_MENU and VOICE_MENUS that name them."""

from __future__ import annotations

import hashlib
import io
import json
import re
import wave
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from blast_api.carrierx.client import Accepted, CarrierClient, CarrierTrouble, Refusal, Refused, Unknown, usable_sid
from blast_api.carrierx.storage import KEYS
from blast_api.conf import configuration
from blast_api.domain.prompts import ALL, LANGUAGE, LATER
from blast_api.management.operating import USAGE, OperatorCommand

_ANSWER_TIMEOUT_S = 60.0  # a prompt is up to some hundred kilobytes, over any line
_FORMAT = (8000, 2, 1)  # samples a second, bytes a sample, channels
_FILTERABLE = re.compile(r"[A-Za-z0-9_-]+")  # how the carrier's filters escape anything else is not known

_TRY_AGAIN = 75  # exit code, EX_TEMPFAIL of sysexits.h: the same again may pass


class Command(OperatorCommand):
    needs_database = False
    help = (
        "Stores the prompts at the carrier, for ever and for anyone to fetch, and prints the VOICE_MENU, and the VOICE_MENUS "
        "of other languages, to paste into configuration.py. Safe to repeat: what is stored already is not stored again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--folder",
            type=Path,
            default=Path(settings.BASE_DIR) / "prompts",
            help="where the WAV files are; those of another language in a folder of its name there (default: %(default)s)",
        )
        parser.add_argument(
            "--container",
            metavar="SID",
            help=f'one of your containers (default: RECORDING_CONTAINER, or the one with the key "{KEYS[0]}", which is made '
            "if there is none)",
        )

    def handle(self, *args: object, folder: Path, container: str | None, as_json: bool, **options: object) -> None:
        prompts = _read(folder)
        with CarrierClient(configuration(), answer_timeout_s=_ANSWER_TIMEOUT_S) as client:
            try:
                shelf = _Shelf(client, configuration().recording_container or None if container is None else container)
                stored = [shelf.store(prompt) for prompt in self._counting(prompts)]
            except CarrierTrouble as trouble:
                raise _error("looking for what is stored", trouble.outcome) from trouble
        uploaded = sum(one.uploaded for one in stored)
        self.stderr.write(f"{uploaded} uploaded, {len(stored) - uploaded} were there.", self.style.NOTICE)
        if as_json:
            self.tell_json(_document(shelf, stored))
        else:
            self.stdout.write(_as_python(stored))

    def _counting(self, prompts: Sequence[_Prompt]) -> Iterator[_Prompt]:
        """The prompts one by one, with a bar on a terminal, else a line for each."""
        if not self.stderr.isatty():
            for number, prompt in enumerate(prompts, start=1):
                self.stderr.write(f"{number}/{len(prompts)} {prompt.file}", self.style.NOTICE)
                yield prompt
            return
        columns = (TextColumn("{task.description:24}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task("", total=len(prompts))
            for prompt in prompts:
                progress.update(task, description=prompt.file)
                yield prompt
                progress.advance(task)


@dataclass(frozen=True, slots=True)
class _Prompt:
    """A prompt on our disk."""

    language: str  # empty: that of VOICE_MENU
    name: str
    content: bytes

    @property
    def file(self) -> str:
        return f"{self._title}.wav"

    @property
    def key(self) -> str:
        """Of these very sounds: a prompt that is recorded anew has another, and so another address. Some cache by it."""
        return f"{self._title}-{hashlib.sha256(self.content).hexdigest()[:32]}"

    @property
    def _title(self) -> str:
        return f"{self.language}-{self.name}" if self.language else self.name


@dataclass(frozen=True, slots=True)
class _Stored:
    """A prompt at the carrier; `uploaded` if it came there just now."""

    prompt: _Prompt
    sid: str
    url: str
    uploaded: bool


class _Shelf:
    """The container in which the prompts are stored, beside the recordings. Raises CommandError and CarrierTrouble.

    No prompt is ever deleted, because a call may be playing it.
    """

    def __init__(self, client: CarrierClient, sid: str | None) -> None:
        self._client = client
        self.sid = (self._found() or self._made()) if sid is None else sid
        if not _FILTERABLE.fullmatch(self.sid):
            raise CommandError(f"{self.sid!r} is not a container's SID.", returncode=USAGE)

    def store(self, prompt: _Prompt) -> _Stored:
        """The prompt at the carrier: as it is there, or uploaded."""
        if there := self._there(prompt):
            return there
        outcome = self._client.upload_file(self.sid, prompt.file, io.BytesIO(prompt.content), key=prompt.key)
        match outcome:
            case Accepted():
                if (stored := _stored(prompt, outcome.content, uploaded=True)) is None:
                    problem = "stored, but at no public address. Does the container allow publishing?"
                    raise CommandError(f"{prompt.file}: {problem}")
                return stored
            case Unknown() if there := self._there(prompt):  # the answer was lost on its way
                return there
            case _:
                raise _error(f"uploading {prompt.file}", outcome)

    def _there(self, prompt: _Prompt) -> _Stored | None:
        for item in self._client.stored_files(self.sid, prompt.key):
            stored = _stored(prompt, item, uploaded=False)
            if stored and item.get("file_bytes") in (None, len(prompt.content)):
                if item.get("lifecycle_action") == "delete" and item.get("lifecycle_ttl") != -1:
                    self._keep(prompt, stored.sid)
                return stored
        return None

    def _keep(self, prompt: _Prompt, sid: str) -> None:
        """Somebody has given it an end, as the container may give to what is in it."""
        outcome = self._client.change(self._client.prepare_keeping(sid))
        if not isinstance(outcome, Accepted):
            raise _error(f"keeping {prompt.file}", outcome)

    def _found(self) -> str | None:
        for key in KEYS:
            if container := self._client.container(key):
                return usable_sid(container.get("container_sid"))
        return None

    def _made(self) -> str:
        outcome = self._client.create_container()
        if isinstance(outcome, Accepted):
            return outcome.sid
        if sid := self._found():  # somebody was first, or the answer was lost on its way
            return sid
        raise _error("making a container", outcome)


def _stored(prompt: _Prompt, item: Mapping[str, Any], *, uploaded: bool) -> _Stored | None:
    """What the carrier tells of a file; None if it cannot be fetched from anywhere."""
    sid, url = usable_sid(item.get("file_sid")), item.get("publish_uri")
    if sid is None or not isinstance(url, str) or not re.fullmatch(r"https?://[!-~]+", url):
        return None
    return _Stored(prompt, sid, url, uploaded)


def _read(folder: Path) -> list[_Prompt]:
    """The prompts in a folder. Raises CommandError that names every one that is missing or cannot be played.

    Those of VOICE_MENU lie in the folder itself, and the carrier says the later ones that it lacks. Each folder in it with
    sounds is a language and must have all prompts, because the carrier's words for them are English.
    """
    prompts, faults = [], []
    for language in ("", *sorted({file.parent.name for file in folder.glob("*/*.wav")})):
        if language and not LANGUAGE.fullmatch(language):
            faults.append(f"{folder / language}: is no language, as es or pt-BR, but has WAV files")
            continue
        for name in ALL:
            file = folder / language / f"{name}.wav"
            if not language and name in LATER and not file.exists():
                continue
            try:
                prompts.append(_Prompt(language, name, file.read_bytes()))
                if fault := _fault(prompts[-1].content):
                    faults.append(f"{file}: {fault}")
            except OSError as error:
                faults.append(f"{file}: {error.strerror}")
    if faults:
        raise CommandError("\n".join(["Nothing was uploaded.", *faults]))
    return prompts


def _fault(content: bytes) -> str | None:
    """Why the carrier could not play it."""
    try:
        with wave.open(io.BytesIO(content)) as sound:
            if (sound.getframerate(), sound.getsampwidth(), sound.getnchannels()) != _FORMAT:
                return "is not 8 kHz, 16-bit, mono"
            return None if sound.getnframes() else "is empty"
    except (wave.Error, EOFError) as error:
        return f"is not a WAV file of plain samples ({error or 'it breaks off'})"


def _error(doing: str, outcome: Refused | Unknown) -> CommandError:
    """Why it was not done, what would help, and whether to try again."""
    match outcome:
        case Refused(status=401 | 403):
            hint, code = "See CARRIERX_API_TOKEN: the token must be valid and have the scope storage.manage.", 1
        case Refused(reach=Refusal.ALL_OF_US):
            hint, code = "See BASE_CARRIERX_API_URL and --container.", 1
        case Refused(reach=Refusal.THIS_REQUEST):
            hint, code = "A container may be full, and an account may have few: see --container.", 1
        case _:
            hint, code = "Run this again later: what is stored by now is not stored again.", _TRY_AGAIN
    return CommandError(f"The carrier failed us in {doing}: {outcome.reason}\n{hint}", returncode=code)


def _menus(stored: Sequence[_Stored]) -> dict[str, dict[str, str]]:
    """By language, that of VOICE_MENU first, the address of each prompt."""
    menus: dict[str, dict[str, str]] = {}
    for one in stored:
        menus.setdefault(one.prompt.language, {})[one.prompt.name] = one.url
    return menus


def _as_python(stored: Sequence[_Stored]) -> str:
    """The keys as they stand in configuration.py; VOICE_MENUS only if there are other languages."""
    menus = _menus(stored)
    written = f"VOICE_MENU = {_python(menus.pop(''))}"
    return f"{written}\nVOICE_MENUS = {_python(menus)}" if menus else written


def _python(menu: Mapping[str, object]) -> str:
    """JSON, which is Python where all is text and mappings, with a comma after each last entry as the template has it."""
    return re.sub(r'(?<=["}])\n', ",\n", json.dumps(menu, indent=4))


def _document(shelf: _Shelf, stored: Sequence[_Stored]) -> dict[str, object]:
    menus = _menus(stored)
    return {
        "container_sid": shelf.sid,
        "files": [
            {
                "language": one.prompt.language,
                "prompt": one.prompt.name,
                "file_sid": one.sid,
                "publish_uri": one.url,
                "uploaded": one.uploaded,
            }
            for one in stored
        ],
        "VOICE_MENU": menus.pop(""),
        "VOICE_MENUS": menus,
    }
