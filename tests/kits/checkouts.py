"""Checkouts of the service beside this one, as an operator has them: anywhere, with files made of their templates."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from django.conf import settings

_ROOT = Path(settings.BASE_DIR)
# What production does not start without.
NEEDED = {
    "DJANGO_SETTINGS_MODULE": "blast_api_project.settings.prod",
    "SECRET_KEY": "c2Vjc-" * 12,
    "DATABASE_URL": "postgres://blast_api:secret@127.0.0.1/blast_api",
    "ALLOWED_HOSTS": "blast.example.org",
    "BLAST_BASE_CALLCONTROL_API_URL": "https://blast.example.org/api/v1/call-control",
    "BLAST_DID": "15555550111",
    "BLAST_CARRIERX_API_TOKEN": "token",
    "BLAST_FLEXML_API_USER": "user",
    "BLAST_FLEXML_API_PASSWORD": "password",
}


def installed_at(root: Path) -> Path:
    """A checkout with the two files that its operator makes of their templates, and an environment in `env`."""
    for name in ("blast_api", "blast_api_project", "etc", "prompts"):
        shutil.copytree(_ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(_ROOT / "manage.py", root)
    for made in ("configuration.py", "settings/prod.py"):
        shutil.copy(root / f"blast_api_project/{made}.template", root / "blast_api_project" / made)
    (root / "env").symlink_to(sys.prefix)
    return root


def python(root: Path) -> Path:
    """The interpreter of its environment."""
    return root / "env/bin" / Path(sys.executable).name


def manage(root: Path, *arguments: str, environment: dict[str, str]) -> str:
    """What the command says, in an environment of nothing else."""
    command = [str(python(root)), str(root / "manage.py"), *arguments]
    done = subprocess.run(command, env=surroundings(root) | environment, capture_output=True, text=True)
    return done.stdout + done.stderr


def surroundings(root: Path) -> dict[str, str]:
    """An environment of nothing else, with logs and a state beside the checkout."""
    return {
        "PATH": os.environ["PATH"],
        "BLAST_LOG_DIR": str(root.with_name("log")),
        "BLAST_STATE_DIR": str(root.with_name("state")),
    }
