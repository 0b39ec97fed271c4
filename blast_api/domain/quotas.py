"""How full a container at the carrier is, when that is too full, and what to ask for then. Pure."""

from __future__ import annotations

from dataclasses import dataclass

# Of a quota that is left: less than the first is raised, less than the second is an alarm. Between them lies the time to
# do something about a carrier that does not raise it.
SHORT = 0.2
NEARLY_FULL = 0.1
# A container is made with these, and none is raised to less. The carrier gives as many bytes free of charge.
LEAST_FILES = 1000
LEAST_BYTES = 1073741824


@dataclass(frozen=True, slots=True)
class Quota:
    """What is used of what there may be; no limit is None."""

    total: int
    limit: int | None

    @property
    def free(self) -> float:
        """The part that is left, from 0 to 1."""
        if self.limit is None:
            return 1.0
        return max(self.limit - self.total, 0) / self.limit if self.limit else 0.0

    @property
    def is_short(self) -> bool:
        return self.free < SHORT

    def raised(self, least: int) -> int:
        """The limit to ask for: half of it is free then."""
        return max(2 * (self.limit or 0), 2 * self.total, least)


@dataclass(frozen=True, slots=True)
class Room:
    """What a container may hold and holds."""

    files: Quota
    bytes: Quota

    @property
    def free(self) -> float:
        """The part that is left of the quota that will be used up first, from 0 to 1."""
        return min(self.files.free, self.bytes.free)

    @property
    def is_short(self) -> bool:
        return self.files.is_short or self.bytes.is_short

    def wanted(self) -> dict[str, int]:
        """The limits to ask for, by the carrier's names; none if no quota is short."""
        wanted = {"quota_files": (self.files, LEAST_FILES), "quota_bytes": (self.bytes, LEAST_BYTES)}
        return {name: quota.raised(least) for name, (quota, least) in wanted.items() if quota.is_short}
