"""Where the operator's sheet comes from: template, then configuration.py, then the environment."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

HERE = Path(__file__).resolve().parent
TEMPLATE = HERE / "configuration.py.template"
SHEET = HERE / "configuration.py"
PREFIX = "BLAST_"


class SheetMissing(SystemExit):
    """Production was started without its configuration file; the text is for the operator."""


def load(*, sheet_required: bool = False, environ: os._Environ[str] | dict[str, str] = os.environ) -> dict[str, object]:
    """Every configuration key with its value, later sources winning; values from the environment stay text.

    Raises SheetMissing if `sheet_required` and there is no configuration.py.
    """
    values = _assignments(TEMPLATE)
    names = set(values)
    if SHEET.exists():
        values |= {name: value for name, value in _assignments(SHEET).items() if name in names}
    elif sheet_required:
        raise SheetMissing(
            f"blast-api does not start in production without {SHEET}: "
            f"copy {TEMPLATE.name} to {SHEET.name} in the same folder and fill it in."
        )
    values |= {name: environ[PREFIX + name] for name in names if PREFIX + name in environ}
    return values


def _assignments(module: Path) -> dict[str, object]:
    return {name: value for name, value in runpy.run_path(str(module)).items() if name.isupper()}
