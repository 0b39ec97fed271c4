"""Where the operator's sheet comes from: the defaults, then configuration.py, then the environment. And the secrets.

Whatever cannot be used ends the process with a sentence that quotes nothing: secrets stand in all of these places.
"""

from __future__ import annotations

import json
import os
import runpy
from contextlib import suppress
from pathlib import Path

from blast_api.domain.configuration import KEYS, RETIRED, STATE_DIR

HERE = Path(__file__).resolve().parent
SHEET = HERE / "configuration.py"
PREFIX = "BLAST_"
# Keys without a default here: the settings say that of STATE_DIR, and the others have no meaning any more.
ONLY_IF_WRITTEN = RETIRED | {STATE_DIR.name}


class FileMissing(SystemExit):
    """Production was started without a file that its operator makes; the text is for them."""


class Unusable(SystemExit):
    """What the operator wrote, or did not write, cannot be used; the text is for them."""


def load(*, sheet_required: bool = False, environ: os._Environ[str] | dict[str, str] = os.environ) -> dict[str, object]:
    """Every configuration key with its value, later sources winning; values from the environment stay text.

    Those of ONLY_IF_WRITTEN are among them only if somebody wrote one.
    Raises FileMissing if `sheet_required` and there is no configuration.py, and Unusable for one that Python cannot run.
    """
    values = {name: key.default for name, key in KEYS.items()}
    names = set(values) | ONLY_IF_WRITTEN
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


def text(name: str, default: str | None = None, *, environ: os._Environ[str] | dict[str, str] = os.environ) -> str:
    """A variable of the environment as it stands. Raises Unusable if it is not there and has no default.

    django-environ would take one that begins with $ for the name of another, and quote it as missing.
    """
    value = environ.get(name, default)
    if value is None:
        raise Unusable(f"Set the {name} environment variable.")
    if not value.isascii() and value != value.encode(errors="replace").decode():
        raise Unusable(f"{name}: is no UTF-8.")
    return value


def texts(written: str) -> list[str]:
    """The entries of a list: JSON, or separated by commas; spaces around an entry that is not JSON are nobody's."""
    if written.startswith("["):
        with suppress(ValueError):
            entries = json.loads(written)
            if all(isinstance(entry, str) for entry in entries):
                return list(entries)
    return [entry.strip() for entry in written.split(",") if entry.strip()]


def _assignments(module: Path) -> dict[str, object]:
    try:
        values = runpy.run_path(str(module))
    except Exception as error:
        problem = _what_is_wrong(error, module)
    else:
        return {name: value for name, value in values.items() if name.isupper()}
    raise Unusable(f"{module}{problem}.")


def _what_is_wrong(error: Exception, module: Path) -> str:
    """Where, and of what kind: the text of an error, or the line that Python shows of a file, may be a secret."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    at = error.__traceback__
    while at and not line:
        line = at.tb_lineno if at.tb_frame.f_code.co_filename == str(module) else None
        at = at.tb_next
    return f"{f', line {line}' if line else ''}: {type(error).__name__}"
