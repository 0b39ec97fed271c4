"""The two phone menus as tables: what a person pressed, and what happens next. Nothing here knows of XML or rows."""

from __future__ import annotations

from enum import Enum, auto


class Choice(Enum):
    """What the author may choose, at the welcome or at the verification menu."""

    RECORD = auto()
    PLAY_BACK = auto()
    CONFIRM = auto()
    CANCEL = auto()
    HEAR_MENU = auto()
    INVALID = auto()
    NOTHING = auto()


class Wish(Enum):
    """What a recipient may ask for."""

    REPLAY = auto()
    OPT_OUT = auto()
    TRANSFER = auto()  # granted: the person is put through
    TRANSFER_LATER = auto()  # too many others are at the moment
    END = auto()


_WELCOME = {"*": Choice.RECORD}
_VERIFICATION = {
    "1": Choice.PLAY_BACK,
    "2": Choice.CONFIRM,
    "3": Choice.RECORD,
    "7": Choice.CANCEL,
    "0": Choice.HEAR_MENU,
}
_DELIVERY = {"0": Wish.REPLAY, "5": Wish.OPT_OUT}


def at_welcome(digits: str) -> Choice:
    """The author's choice at the welcome; the first key counts, no key is NOTHING."""
    return _WELCOME.get(digits[:1], Choice.INVALID) if digits else Choice.NOTHING


def at_verification(digits: str) -> Choice:
    """The author's choice at the verification menu; the first key counts, no key is NOTHING."""
    return _VERIFICATION.get(digits[:1], Choice.INVALID) if digits else Choice.NOTHING


def at_delivery(digits: str) -> Wish:
    """The recipient's wish; the first key counts, any other key and no key both end the call."""
    return _DELIVERY.get(digits[:1], Wish.END)
