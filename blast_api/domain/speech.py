"""Text as a person reads it aloud, in pieces that a voice takes at once, and how long that lasts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from math import ceil

LONGEST_TEXT = 5_000  # characters: of prose some six minutes
LONGEST_S = 600  # only columns of figures would take longer than that, and no recording may
_LONGEST_PIECE = 1_024  # characters: what the carrier's Say takes at once

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn"}  # categories of Unicode: nobody can say them, and XML may not hold some
_HALF = r"(?P<half>[ap])\.?m(?![a-z])\.?"  # of the day
_HOUR = r"(?<![\d.,:$/-])(?P<hour>2[0-3]|[01]?\d)"
_EXTENSION = r"(?: ?(?:x|ext\.?|extension) ?(?P<extension>\d{1,6}))?"
_ALONE, _OVER = r"(?<![\w.,$#/-])", r"(?![\w/]|[.,:-]\d)"  # part of no longer name, number or address

_NORTH_AMERICAN = re.compile(
    rf"{_ALONE}(?P<country>\+?1[ .-]?)?(?:\((?P<in_brackets>[2-9]\d\d)\) ?|(?P<area>[2-9]\d\d)[ .-]?)"
    rf"(?P<exchange>[2-9]\d\d)[ .-]?(?P<line>\d{{4}}){_EXTENSION}{_OVER}",
    re.IGNORECASE,
)
_LOCAL = re.compile(rf"{_ALONE}(?P<exchange>[2-9]\d\d)-(?P<line>\d{{4}}){_EXTENSION}{_OVER}", re.IGNORECASE)
_ABROAD = re.compile(rf"{_ALONE}\+(?P<number>[1-9]\d{{0,14}}(?:[ .-]\(?\d{{1,12}}\)?|\(\d{{1,4}}\)){{0,6}}){_OVER}")
_UNTIL = re.compile(
    r"(?<![\d.,:$/-])(\d{1,2}(?::\d\d)?(?: ?[ap]\.?m\.?)?) ?[-–—] ?(?=\d{1,2}(?::\d\d| ?[ap]\.?m\b))",
    re.IGNORECASE,
)
_CLOCK = re.compile(rf"{_HOUR}:(?P<minute>[0-5]\d)(?: ?{_HALF})?(?![\w:]|[.,]\d)", re.IGNORECASE)
_FULL_HOUR = re.compile(rf"{_HOUR} ?{_HALF}(?![\w:])", re.IGNORECASE)
_DOLLARS = re.compile(
    r"(?<![\w$])\$(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?:\.(?P<part>\d+))?"
    r"(?: ?(?P<scale>thousand|million|billion|trillion)\b| ?(?P<letter>[kKmMbB])(?!\w))?(?![\w]|[,.]\d)"
)
_PERCENT = re.compile(r"(?<=\d) ?%(?!\w)")
_SCALES = {"k": "thousand", "m": "million", "b": "billion"}

_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)]*(?= )|[。！？]")  # noqa: RUF001  # those of Chinese
_PAUSE = re.compile(r"[,;:–—](?= )")

# What a voice takes for each; 4.7 letters are a word, and 155 words a minute.
_WORD_S, _LETTER_S, _DIGIT_S, _PAUSE_S = 0.15, 0.05, 0.4, 0.25


def spoken(text: str) -> str:
    """The text as a person reads it aloud: phone numbers by digits, times, dollars and percents by words.

    White space becomes one blank, what nobody can say is dropped. What is spoken already stays as it is.
    """
    visible = "".join(" " if each.isspace() else each for each in text if _is_visible(each))
    text = " ".join(visible.split())
    text = _NORTH_AMERICAN.sub(_north_american, text)
    text = _LOCAL.sub(lambda found: _number([found["exchange"], found["line"]], found["extension"]), text)
    text = _ABROAD.sub(_abroad, text)
    text = _UNTIL.sub(r"\1 to ", text)
    text = _FULL_HOUR.sub(_time, _CLOCK.sub(_time, text))
    return _PERCENT.sub(" percent", _DOLLARS.sub(_dollars, text))


def _is_visible(each: str) -> bool:
    return each.isspace() or unicodedata.category(each) not in _INVISIBLE


def _number(groups: list[str], extension: str | None = None) -> str:
    """Digits with blanks between are read one by one, and a comma is a pause."""
    told = ", ".join(" ".join(group) for group in groups)
    return f"{told}, extension {' '.join(extension)}" if extension else told


def _north_american(found: re.Match[str]) -> str:
    country = ["1"] if found["country"] else []
    area = found["in_brackets"] or found["area"]
    return _number([*country, area, found["exchange"], found["line"]], found["extension"])


def _abroad(found: re.Match[str]) -> str:
    digits = sum(each.isdigit() for each in found["number"])
    if not 7 <= digits <= 15:  # E.164's bounds
        return found[0]
    return "plus " + _number([part for group in re.findall(r"\d+", found["number"]) for part in _parts(group)])


def _parts(group: str) -> Iterator[str]:
    """Three digits at a time, and what is left, as people remember them."""
    while len(group) > 4:
        yield group[:3]
        group = group[3:]
    yield group


def _time(found: re.Match[str]) -> str:
    hour, minute = int(found["hour"]), found.groupdict().get("minute")
    half = found["half"]
    if half and not 1 <= hour <= 12:
        return found[0]
    if not half and (hour == 0 or hour > 12):
        half = "p" if hour else "a"
    told = str((hour - 1) % 12 + 1)
    if minute and minute != "00":
        told += f" oh {minute[1]}" if minute[0] == "0" else f" {minute}"
    elif not half:
        told += " o'clock"
    if half:
        told += f" {half.upper()} M"
    rest = found.string[found.end() :]
    ends_a_sentence = found[0].endswith(".") and (not rest or (rest[:1] == " " and not rest[1:2].islower()))
    return told + "." * ends_a_sentence


def _dollars(found: re.Match[str]) -> str:
    whole, part = found["whole"], found["part"]
    scale = found["scale"] or _SCALES.get((found["letter"] or "").lower())
    if scale or (part and len(part) != 2):
        amount = f"{whole}.{part}" if part else whole
        return f"{amount} {scale} dollars" if scale else f"{amount} dollars"
    dollars = f"{whole} dollar{'' if whole == '1' else 's'}"
    cents = f"{int(part)} cent{'' if int(part) == 1 else 's'}" if part and int(part) else ""
    if not cents:
        return dollars
    return f"{dollars} and {cents}" if whole.strip("0") else cents


def pieces(text: str, longest: int = _LONGEST_PIECE) -> list[str]:
    """The text cut at the ends of sentences, else at pauses, else between words; none is longer, and nothing is lost."""
    text, cut = text.strip(), []
    while len(text) > longest:
        at = _last_break(text, longest)
        cut.append(text[:at].rstrip())
        text = text[at:].lstrip()
    return [*cut, text] if text else cut


def _last_break(text: str, longest: int) -> int:
    for kind in (_SENTENCE_END, _PAUSE):
        if ends := [found.end() for found in kind.finditer(text[: longest + 1]) if found.end() <= longest]:
            return ends[-1]
    return text.rfind(" ", 1, longest + 1) if " " in text[1 : longest + 1] else longest


def length_s(text: str) -> int:
    """About how many seconds a voice needs for what `spoken` returned: at least 1, at most 600."""
    words = re.findall(r"[^\W\d_]+", text)
    letters, digits = sum(map(len, words)), sum(each.isdigit() for each in text)
    pauses = len(re.findall(r"[,;:.!?…–—](?= |$)", text))
    seconds = len(words) * _WORD_S + letters * _LETTER_S + digits * _DIGIT_S + pauses * _PAUSE_S
    return min(max(ceil(round(seconds, 3)), 1), LONGEST_S)
