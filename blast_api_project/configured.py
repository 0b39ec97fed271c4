"""Where the operator's sheet comes from: template, then configuration.py, then the environment."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

HERE = Path(__file__).resolve().parent
TEMPLATE = HERE / "configuration.py.template"
SHEET = HERE / "configuration.py"
PREFIX = "BLAST_"
# Keys whose default differs between development and production: the settings say it, and the template only tells of it.
OF_SETTINGS = frozenset({"STATE_DIR"})


class FileMissing(SystemExit):
    """Production was started without a file that its operator makes; the text is for them."""


def load(*, sheet_required: bool = False, environ: os._Environ[str] | dict[str, str] = os.environ) -> dict[str, object]:
    """Every configuration key with its value, later sources winning; values from the environment stay text.

    Those of OF_SETTINGS are among them only if somebody wrote one.
    Raises FileMissing if `sheet_required` and there is no configuration.py.
    """
    values = _assignments(TEMPLATE)
    names = set(values) | OF_SETTINGS
    if sheet_required:
        require(SHEET)
    if SHEET.exists():
        values |= {name: value for name, value in _assignments(SHEET).items() if name in names}
    values |= {name: environ[PREFIX + name] for name in names if PREFIX + name in environ}
    return values


def require(file: Path) -> None:
    """Raises FileMissing, with what to do, if a file that is made from a template of the same name is not there."""
    if not file.exists():
        raise FileMissing(
            f"blast-api does not start in production without {file}: "
            f"copy {file.name}.template to {file.name} in the same folder and fill it in."
        )


def _assignments(module: Path) -> dict[str, object]:
    return {name: value for name, value in runpy.run_path(str(module)).items() if name.isupper()}
