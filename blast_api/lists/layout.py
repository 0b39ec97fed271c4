"""Where in a table the numbers are: by the names of its columns, or by what looks like numbers. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from blast_api.domain import zones
from blast_api.domain.errors import UnusableList

from .bounds import MOST_COLUMNS
from .cells import likeness

_CELLS = 20_000  # of a sample that are looked at
_ZONE_MARK = "/"  # in every name of a zone that is a place's

# In the order in which they count, as `_words` makes them.
_NAMES: dict[str, tuple[str, ...]] = {
    "number": (
        *("number", "numero", "phone", "phone number", "phonenumber", "telephone", "telephone number", "telefono"),
        *("numero de telefono", "mobile", "mobile number", "mobile phone", "movil", "telefono movil", "cell"),
        *(
            "cell phone",
            "cellphone",
            "cell number",
            "celular",
            "numero de celular",
            "telefono celular",
            "tel",
            "msisdn",
        ),
        *("phone no", "tel no", "contact number", "recipient", "recipients", "destinatario", "destinatarios", "to"),
    ),
    "zone": ("zone", "time zone", "timezone", "tz", "zona", "zona horaria", "huso horario", "huso"),
    "reference": (
        *("reference", "referencia", "ref", "your reference", "external id", "id", "customer id", "id externo"),
        *("id cliente", "identificador"),
    ),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One that is read: the first is 1, as a person counts; `header` None if the table does not name it."""

    position: int
    header: str | None


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns are read as what (`number`, `zone`, `reference`); with a header, how many columns it names."""

    columns: dict[str, Column]
    header_width: int | None
    fitness: tuple[int, int, int]  # how well it fits the sample


def layout(sample: Sequence[list[str]], *, region: str | None) -> Layout:
    """The layout of a table that begins with these lines, none of them empty. Raises UnusableList."""
    width = max(map(len, sample))
    if width > MOST_COLUMNS:
        raise UnusableList(f"The table has more than {MOST_COLUMNS} columns.")
    sample = sample[: max(_CELLS // width, 5)]
    looks = [[likeness(cell, region=region) for cell in line] for line in sample]
    named = {} if any(looks[0]) else _named(sample[0])
    scores = [_score(looks[bool(named) :], column) for column in range(width)]
    number = _best_named(named.get("number", []), scores)
    if number is None or not any(scores[number]):
        number = _guessed(scores, otherwise=number)
    has_header = bool(named) or not (any(looks[0]) or _has_digit(sample[0], number))
    found = {"number": number}
    for what in ("zone", "reference"):
        candidates = [column for column in named.get(what, []) if column != number]
        if candidates:
            found[what] = candidates[0]
    body = sample[has_header:]
    if not named and (zone := _zones(body, width)) is not None:
        found["zone"] = zone
    header = sample[0] if has_header else None
    columns = {what: Column(at + 1, _cell(header, at) if header else None) for what, at in found.items()}
    return Layout(columns, len(header) if header else None, (*scores[number], len(named)))


def _words(name: str) -> str:
    """A column's name without case, accents and what is no letter: " Teléfono_móvil " -> "telefono movil"."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    letters = "".join(each if each.isalnum() else "" if unicodedata.combining(each) else " " for each in plain)
    return " ".join(letters.split())


def _named(line: list[str]) -> dict[str, list[int]]:
    """The columns that this line names, the better name first. Raises UnusableList if two of one kind have the same."""
    words = [_words(cell) for cell in line]
    found: dict[str, list[int]] = {}
    for what, names in _NAMES.items():
        for name in names:
            columns = [column for column, word in enumerate(words) if word == name]
            if len(columns) > 1:
                raise UnusableList(f"Two columns are named {line[columns[0]].strip()!r}: {_places(columns)}.")
            if columns:
                found.setdefault(what, []).extend(columns)
    return found


def _score(looks: Sequence[list[int]], column: int) -> tuple[int, int]:
    """How many cells of a column are numbers by their country's plan, and how many may be numbers."""
    kinds = [line[column] for line in looks if column < len(line)]
    return kinds.count(2), len(kinds) - kinds.count(0)


def _best_named(columns: list[int], scores: list[tuple[int, int]]) -> int | None:
    """The first by name of those in which there are numbers; if there are in none, the first."""
    return next((column for column in columns if any(scores[column])), columns[0] if columns else None)


def _guessed(scores: list[tuple[int, int]], *, otherwise: int | None) -> int:
    """The column that alone looks like numbers. Raises UnusableList."""
    best = max(range(len(scores)), key=scores.__getitem__)
    if not any(scores[best]):
        if otherwise is None:
            raise UnusableList("No column looks like phone numbers. Name it `number` in the first line.")
        return otherwise
    kind = 0 if scores[best][0] else 1
    rivals = [column for column, score in enumerate(scores) if 2 * score[kind] > scores[best][kind]]
    if len(rivals) > 1:
        raise UnusableList(
            f"More than one column looks like phone numbers: {_places(rivals)}. "
            "Name the one to be called `number` in the first line."
        )
    return best


def _zones(lines: Sequence[list[str]], width: int) -> int | None:
    """The column in which every cell that is not empty names a time zone."""
    for column in range(width):
        cells = [cell.strip() for line in lines if (cell := _cell(line, column))]
        if cells and all(_ZONE_MARK in cell and zones.exists(cell) for cell in cells):
            return column
    return None


def _has_digit(line: list[str], column: int) -> bool:
    return any(map(str.isdecimal, _cell(line, column)))


def _cell(line: list[str], column: int) -> str:
    return line[column].strip() if column < len(line) else ""


def _places(columns: list[int]) -> str:
    return ", ".join(str(column + 1) for column in columns)
