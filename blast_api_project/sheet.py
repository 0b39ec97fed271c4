"""Write what tells of the operator's keys: the template of configuration.py, and the table of the documentation.

    python -m blast_api_project.sheet

A test compares both with `blast_api.domain.configuration`, which is where a key is changed.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

from blast_api.domain.configuration import KEYS, STATE_DIR
from blast_api.domain.keys import Key

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "blast_api_project/configuration.py.template"
PAGE = ROOT / "docs/reference/configuration.md"
_WIDTH = 118
_TABLE = "| key | default | meaning |\n|---|---|---|\n"
_OPENING = """\
# blast-api configuration. Copy this file to configuration.py and edit the copy:
#
#     cp blast_api_project/configuration.py.template blast_api_project/configuration.py
#
# It is a Python module of plain assignments; the last assignment of a name wins. A name that is missing
# keeps the default written here. Any name can also come from the environment as BLAST_<NAME>
# (BLAST_DID=15555550100; lists and mappings as JSON), which wins over this file.
# `python manage.py check` verifies all of it.
"""


def template() -> str:
    """A sheet with every key at its default; the one whose default is the settings' stands there as a comment."""
    return "\n".join([_OPENING, *map(_block, KEYS.values()), _block(STATE_DIR, mark="# ")])


def _block(key: Key, *, mark: str = "") -> str:
    heading = f"# --- {key.section} ".ljust(_WIDTH, "-") + "\n\n" if key.section else ""
    sentence = f"{key.meaning[0].upper()}{key.meaning[1:]}."
    comment = textwrap.fill(sentence, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
    return f"{heading}{comment}\n{mark}{key.name} = {_python(key.default)}\n"


def _python(value: object) -> str:
    """A default as an operator would write it."""
    match value:
        case dict() if value:
            return "{\n" + "".join(f"    {_python(name)}: {_python(of)},\n" for name, of in value.items()) + "}"
        case tuple():
            return f"({', '.join(map(_python, value))}{',' if len(value) == 1 else ''})"
        case str() if "\\" in value or value.startswith("^"):
            return f'r"{value}"'
        case str():
            return json.dumps(value)
    return repr(value)


def page(text: str) -> str:
    """The page of the documentation with its table as it should be."""
    before, _, rest = text.partition(_TABLE)
    _, _, after = rest.partition("\n\n")
    return f"{before}{_TABLE}{''.join(_rows())}\n{after}"


def _rows() -> Iterator[str]:
    for key in (*KEYS.values(), STATE_DIR):
        yield f"| `{key.name}` | {_shown(key.default)} | {key.meaning} |\n"


def _shown(default: object) -> str:
    if default == "":
        return "empty"
    return "see the template" if isinstance(default, dict) and default else f"`{_python(default)}`"


if __name__ == "__main__":
    TEMPLATE.write_text(template())
    PAGE.write_text(page(PAGE.read_text()))
