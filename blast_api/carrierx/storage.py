"""What is stored at the carrier: how the one container of ours is found and made, what it tells of that, and of a file."""

from __future__ import annotations

from collections.abc import Mapping

from blast_api.conf import Configuration
from blast_api.domain.quotas import LEAST_BYTES, LEAST_FILES, Quota, Room

# The second is of a version that kept prompts alone in it. An account has room for one container beside its default, so
# recordings go where the prompts are.
KEYS = ("blast-api", "blast-api-prompts")
_MOST = 2**63 - 1  # more cannot be stored, and is nothing that a carrier has


def key_in_use(config: Configuration) -> str:
    """By which name the container is known to us: the SID that the operator names, or our key."""
    return config.recording_container or KEYS[0]


def new_container() -> dict[str, object]:
    """A container as we ask for it. What its files inherit keeps them; each recording says itself how long it lives."""
    return {
        "name": KEYS[0],
        "string_key_1": KEYS[0],
        "unique": True,
        "quota_files": LEAST_FILES,
        "quota_bytes": LEAST_BYTES,
        "allow_publish": True,
        "default_file_lifecycle_action": "no_action",
        "default_file_lifecycle_ttl": -1,
    }


def play_url(url: str, take: int) -> str:
    """Where a recording is heard; later takes overwrite the file, and the carrier caches audio by URL."""
    if take <= 1 or not url:
        return url
    return f"{url}{'&' if '?' in url else '?'}format={take}.wav"


def is_kept(file: Mapping[str, object]) -> bool | None:
    """Whether a file stays for good by the carrier's object of it; None if that does not tell. A number may be a text."""
    lives_s = file.get("lifecycle_ttl")
    return None if lives_s is None else str(lives_s).strip() in ("-1", "-1.0")


def room(container: Mapping[str, object]) -> Room | None:
    """How full a container is by the carrier's object of it; None if that does not tell. A missing quota is no limit."""
    files, bytes_ = _quota(container, "files"), _quota(container, "bytes")
    return Room(files, bytes_) if files and bytes_ else None


def _quota(container: Mapping[str, object], of: str) -> Quota | None:
    total, limit = _count(container.get(f"total_{of}")), _count(container.get(f"quota_{of}"))
    if total is None or (limit is None and container.get(f"quota_{of}") is not None):
        return None
    return Quota(total, limit)


def _count(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST:
        return None
    return value
