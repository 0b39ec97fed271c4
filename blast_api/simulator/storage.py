"""The carrier's storage: containers, and files that live until their time is over."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import cast
from urllib.parse import urlsplit

from .audio import Sound, read_sound, silence, tone
from .clock import Clock
from .elsewhere import Elsewhere
from .steps import Kept, NoRoom, StudioFault
from .verbs import Record
from .wire import Refusal

Settings = Mapping[str, object]

FILE_DEFAULTS: Settings = {
    "name": "",
    "type": "file",
    "publish": "file_sid",
    "file_access_name": "",
    "lifecycle_action": "no_action",
    "lifecycle_ttl": -1,
    "desired_format": "",
    "desired_bitrate": 0,
    **{f"string_key_{n}": None for n in range(1, 5)},
    **{f"integer_key_{n}": None for n in range(1, 3)},
    "unique": False,
    "threshold_include": True,
}
CONTAINER_DEFAULTS: Settings = {
    "name": "N/A",
    "parent_container_sid": None,
    "quota_bytes": 1073741824,
    "quota_files": 100,
    "unique": False,
    **{f"string_key_{n}": None for n in range(1, 5)},
    **{f"integer_key_{n}": None for n in range(1, 3)},
    "allow_publish": True,
    "allowed_classifications": [],
    "blocked_classifications": [],
    "default_file_publish": "file_sid",
    "default_file_lifecycle_action": "no_action",
    "default_file_lifecycle_ttl": -1,
    "default_file_unique": False,
    "default_file_threshold_include": True,
    "external_attributes": {},
    "type": "internal",
    "durability_class": "unassigned",
}
_INHERITED = ("publish", "lifecycle_action", "lifecycle_ttl", "unique", "threshold_include")
# By default, the account's own default container among them; more are to be asked for.
MOST_CONTAINERS = 2


@dataclass(frozen=True)
class Container:
    """A container; `settings` are its changeable fields."""

    sid: str
    settings: Settings


@dataclass(frozen=True)
class StoredFile:
    """A file; `sound` is what it lets hear, if anything, `stored_at` when its content came, simulator seconds."""

    sid: str
    container_sid: str
    content: bytes
    sound: Sound | None
    stored_at: float
    modified_at: float
    mime_type: str
    settings: Settings
    is_recording: bool = False

    @property
    def seconds(self) -> float | None:
        """The length of the sound, None for a file that is none."""
        return self.sound.seconds if self.sound else None

    @property
    def public_name(self) -> str:
        """The last part of the public URL."""
        return f"{self.sid}.{_extension(self.sound)}"

    @property
    def ttl_s(self) -> int:
        """Seconds from storing to the end, -1 for never."""
        return cast("int", self.settings["lifecycle_ttl"]) if self.settings["lifecycle_action"] == "delete" else -1

    def is_over(self, now: float) -> bool:
        """Tell whether the file's time is over; it counts from the content, as a change of fields is no new content."""
        return self.ttl_s >= 0 and now >= self.stored_at + self.ttl_s


class Storage:
    """Containers and files, safe to use from any thread; the studio of the player of calls.

    The account has a default container from the first; `most_containers` counts it.
    """

    def __init__(
        self, clock: Clock, *, base_url: Callable[[], str], elsewhere: Elsewhere, complain: Callable[[str], None]
    ) -> None:
        self._clock = clock
        self._base_url = base_url
        self._elsewhere = elsewhere
        self._lock = threading.RLock()
        self._containers: dict[str, Container] = {}
        self._files: dict[str, StoredFile] = {}
        self.most_containers = MOST_CONTAINERS
        self.complain = complain
        self._make_default()

    @property
    def containers(self) -> dict[str, Container]:
        """Every container by its sid."""
        with self._lock:
            return dict(self._containers)

    @property
    def files(self) -> dict[str, StoredFile]:
        """Every file by its sid whose time is not over."""
        with self._lock:
            now = self._clock.now()
            self._files = {sid: file for sid, file in self._files.items() if not file.is_over(now)}
            return dict(self._files)

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._containers.clear()
            self._files.clear()
            self._make_default()

    def _make_default(self) -> None:
        self.default_sid = self.set_container({"name": "default"}).sid

    def container(self, sid: str) -> Container:
        """Return a container; raises Refusal 404."""
        container = self.containers.get(sid)
        if container is None:
            raise Refusal(HTTPStatus.NOT_FOUND)
        return container

    def file(self, sid: str) -> StoredFile:
        """Return a file; raises Refusal 404 when it is unknown or its time is over."""
        file = self.files.get(sid)
        if file is None:
            raise Refusal(HTTPStatus.NOT_FOUND)
        return file

    def publish_uri(self, file: StoredFile) -> str:
        """Return the public URL of a file."""
        return f"{self._base_url()}/f/{file.public_name}"

    def totals(self, container_sid: str) -> tuple[int, int]:
        """Return the bytes and the number of files in a container."""
        sizes = [len(file.content) for file in self.files.values() if file.container_sid == container_sid]
        return sum(sizes), len(sizes)

    def set_container(self, settings: Settings, *, sid: str | None = None) -> Container:
        """Make a container, or change one.

        Raises Refusal 404, 409 when it is to be unique and its key is taken, or 422 when the account has all it may have.
        """
        with self._lock:
            before = CONTAINER_DEFAULTS if sid is None else self.container(sid).settings
            container = Container(sid or str(uuid.uuid4()), {**before, **settings})
            others = (other.settings for other in self._containers.values() if other.sid != sid)
            _refuse_taken(container.settings, others)
            if sid is None and len(self._containers) >= self.most_containers:
                raise _unprocessable("container_sid", "the account may have no more containers")
            self._containers[container.sid] = container
            return container

    def add_file(self, container_sid: str, content: bytes, settings: Settings, *, mime_type: str) -> StoredFile:
        """Store a new file.

        Raises Refusal 422 for an unknown container or one that is full, and 409 when the file is to be unique there and
        its key is taken.
        """
        with self._lock:
            container = self._containers.get(container_sid)
            if container is None:
                raise _unprocessable("container_sid", "is not a known container")
            self._make_room(container, len(content), files=1)
            inherited = {name: container.settings[f"default_file_{name}"] for name in _INHERITED}
            now, sid, sound = self._clock.now(), str(uuid.uuid4()), read_sound(content)
            named = {
                **FILE_DEFAULTS,
                **inherited,
                "file_access_name": f"{sid}.{_extension(sound)}",
                **settings,
            }
            file = StoredFile(sid, container_sid, content, sound, now, now, mime_type, named)
            self._check_unique(file)
            self._files[sid] = file
            return file

    def change_file(self, sid: str, settings: Settings) -> StoredFile:
        """Change fields of a file; raises Refusal 404, or 409 when it is to be unique and its key is taken."""
        with self._lock:
            file = self.file(sid)
            changed = replace(file, settings={**file.settings, **settings}, modified_at=self._clock.now())
            self._check_unique(changed)
            self._files[sid] = changed
            return changed

    def delete_file(self, sid: str) -> None:
        """Remove a file; raises Refusal 404."""
        with self._lock:
            self.file(sid)
            del self._files[sid]

    def _check_unique(self, file: StoredFile) -> None:
        in_container = (other for other in self.files.values() if other.container_sid == file.container_sid)
        _refuse_taken(file.settings, (other.settings for other in in_container if other.sid != file.sid))

    def _make_room(self, container: Container, size: int, *, files: int) -> None:
        total_bytes, total_files = self.totals(container.sid)
        quota_bytes = cast("int | None", container.settings["quota_bytes"])
        quota_files = cast("int | None", container.settings["quota_files"])
        if quota_bytes is not None and total_bytes + size > quota_bytes:
            raise _Full("quota_bytes")
        if quota_files is not None and total_files + files > quota_files:
            raise _Full("quota_files")

    # The studio of the player

    def seconds_of(self, url: str) -> float:
        """Return the length of the sound at a URL in seconds; raises StudioFault when there is none."""
        if not url.startswith(f"{self._base_url()}/"):
            return self._elsewhere.seconds_of(url)
        return self.seconds_of_file(_sid_in(url))

    def is_recording(self, url: str) -> bool:
        """Tell whether the sound at a URL was recorded on a call."""
        file = self.files.get(_sid_in(url)) if url.startswith(f"{self._base_url()}/f/") else None
        return file is not None and file.is_recording

    def seconds_of_file(self, file_sid: str) -> float:
        """Return the length of a stored sound in seconds; raises StudioFault when it is gone, or no sound."""
        file = self.files.get(file_sid)
        if file is None:
            raise StudioFault(f"a file is to be played that does not exist: {file_sid}")
        if file.sound is None:
            raise StudioFault(f"a file is to be played that is no sound: {file_sid}")
        return file.sound.seconds

    def keep(self, verb: Record, seconds: float, *, silent: bool = False) -> Kept:
        """Store a recording of so many seconds, in which nobody speaks if `silent`; raises StudioFault when it has no place, NoRoom when that is full."""
        content = silence(seconds) if silent else tone(seconds)
        asked: dict[str, object] = {
            "lifecycle_action": verb.lifecycle_action,
            "lifecycle_ttl": verb.lifecycle_ttl_s,
            "string_key_1": verb.string_keys[0],
            "string_key_2": verb.string_keys[1],
            "integer_key_1": verb.integer_keys[0],
            "integer_key_2": verb.integer_keys[1],
        }
        settings = {name: value for name, value in asked.items() if value is not None}
        try:
            with self._lock:
                if verb.file_sid is not None:
                    file = self._overwrite(verb.file_sid, content, settings)
                else:
                    sid = verb.container_sid or self.default_sid
                    file = replace(self.add_file(sid, content, settings, mime_type="audio/x-wav"), is_recording=True)
                    self._files[file.sid] = file
        except _Full as refusal:
            raise NoRoom(f"a recording has no room: {refusal.errors}") from refusal
        except Refusal as refusal:
            raise StudioFault(f"a recording has no place: {refusal.errors}") from refusal
        return Kept(self.publish_uri(file), file.sid)

    def _overwrite(self, sid: str, content: bytes, settings: Settings) -> StoredFile:
        before = self.file(sid)
        self._make_room(self._containers[before.container_sid], len(content) - len(before.content), files=0)
        now, sound = self._clock.now(), read_sound(content)
        file = replace(self.change_file(sid, settings), content=content, sound=sound, stored_at=now)
        self._files[sid] = file
        return file


def _sid_in(url: str) -> str:
    """Clients append `?format=<time>.wav` to get past a cache; it is no part of the name."""
    return urlsplit(url).path.rpartition("/")[2].partition(".")[0]


def _extension(sound: Sound | None) -> str:
    return sound.format if sound else "bin"


def _refuse_taken(settings: Settings, others: Iterable[Settings]) -> None:
    """Raise Refusal 409 when these settings are to be unique and others that are, too, have their key."""
    key = settings["string_key_1"]
    if not settings["unique"] or key is None:
        return
    if any(other["unique"] and other["string_key_1"] == key for other in others):
        raise Refusal(HTTPStatus.CONFLICT, {"field": "string_key_1", "message": "is taken"})


class _Full(Refusal):
    """The quota of this name is used up."""

    def __init__(self, quota: str) -> None:
        super().__init__(HTTPStatus.UNPROCESSABLE_ENTITY, {"field": quota, "message": "is used up"})


def _unprocessable(name: str, message: str) -> Refusal:
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, {"field": name, "message": message})
