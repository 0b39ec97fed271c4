"""Which service, as whom: the environment, else the configuration file. A token is never an argument, which others can see."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

import click

_KNOWN = {"url", "token", "userdata"}


@dataclass(frozen=True, slots=True)
class Settings:
    """What is left unsaid is None."""

    url: str | None
    token: str | None
    userdata: str | None


def path() -> Path:
    """Where the file is: BLAST_CONFIG, or the platform's folder for such files."""
    return Path(os.environ.get("BLAST_CONFIG") or Path(click.get_app_dir("blast"), "config.toml"))


def load() -> Settings:
    """Raises UsageError for a file that cannot be used."""
    told = _file(path())
    named = {name: os.environ.get(f"BLAST_{name.upper()}") or told.get(name) for name in _KNOWN}
    return Settings(**named)


def _file(file: Path) -> dict[str, str]:
    try:
        told = tomllib.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as fault:
        raise click.UsageError(f"{file}: {fault}") from None
    for name, value in told.items():
        if name not in _KNOWN or not isinstance(value, str):
            raise click.UsageError(f"{file}: expected texts for {', '.join(sorted(_KNOWN))}, not {name}")
    return told
