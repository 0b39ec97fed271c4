"""What the operator may set: how one key is described, once, for everyone who reads it or tells of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, Generic, TypeVar, cast

from . import values

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Allowed(Generic[Value]):
    """What may be written for a key: how it is read, and a sentence on what would do; `{default}` there is the key's own."""

    parse: Callable[[object], Value]
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """One key: what is written if nobody writes anything, what may be, and what it means."""

    name: str
    default: object
    allowed: Allowed[Any]
    meaning: str
    hint: str
    section: str = ""  # the part of the sheet that begins with this key; empty: the one before goes on
    secret: bool = False


def key(
    default: object, allowed: Allowed[Value], meaning: str, *, hint: str = "", section: str = "", secret: bool = False
) -> Value:
    """A field of a dataclass that is a key. `hint` says more than the advice on what is allowed."""
    advice = allowed.advice.replace("{default}", str(default))
    described = Key("", default, allowed, meaning, f"{advice} {hint}".strip(), section, secret)
    return cast(Value, field(repr=not secret, metadata={"key": described}))


def keys_of(sheet: type) -> dict[str, Key]:
    """The keys of such a dataclass by their names, in their order."""
    return {named.name: named for named in map(_named, fields(sheet))}


def _named(of: Field[Any]) -> Key:
    described: Key = of.metadata["key"]
    return replace(described, name=of.name.upper())


def whole(low: int, high: int, unit: str = "A whole number") -> Allowed[int]:
    return Allowed(values.whole(low, high), f"{unit} from {low} to {high}, for example {{default}}.")


def number(low: float, high: float, unit: str = "A number") -> Allowed[float]:
    return Allowed(values.number(low, high), f"{unit} from {low:.0f} to {high:.0f}, for example {{default}}.")


def carriers_own(high: int, unit: str) -> Allowed[int | None]:
    return Allowed(values.optional(values.whole(1, high)), f"{unit} from 1 to {high}, or None: the carrier's own.")
