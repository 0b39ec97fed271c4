"""The only reader of our settings: one frozen, typed object per process, and the faults that stand in its way."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.core.signals import setting_changed

from .domain.configuration import KEYS
from .domain.configuration import SECRETS as SECRETS
from .domain.configuration import Configuration as Configuration
from .domain.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a key cannot be used, and what would do. Never quotes a secret."""

    key: str
    problem: str
    hint: str


def read() -> tuple[dict[str, object], list[Fault]]:
    """The usable values by lower-case key, and one Fault for each key that cannot be used."""
    usable: dict[str, object] = {}
    faults: list[Fault] = []
    for name, key in KEYS.items():
        if not hasattr(settings, name):
            faults.append(Fault(name, "is missing", key.hint))
            continue
        written = getattr(settings, name)
        try:
            usable[name.lower()] = key.allowed.parse(written)
        except ValueError as error:
            shown = "" if key.secret or isinstance(written, dict) else f"{written!r:.200} "
            faults.append(Fault(name, f"{shown}{error}", key.hint))
    return usable, faults


@cache
def configuration() -> Configuration:
    """The configuration of this process. Raises ConfigurationError that names every key at fault."""
    usable, faults = read()
    if faults:
        raise ConfigurationError("; ".join(f"{fault.key}: {fault.problem}" for fault in faults))
    return Configuration(**usable)  # type: ignore[arg-type]  # each parser returns its field's type


def _forget(*, setting: str, **_: object) -> None:
    if setting in KEYS:
        configuration.cache_clear()


setting_changed.connect(_forget)  # only tests change settings
