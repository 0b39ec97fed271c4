"""The prompts as they are shipped: the words, and the sound of each."""

from __future__ import annotations

import hashlib
import math
import re
import runpy
import struct
import tomllib
import wave
from contextlib import closing
from functools import cache
from itertools import product
from pathlib import Path
from xml.etree import ElementTree

import pytest
from django.conf import settings as project
from django.test import RequestFactory
from django.urls.resolvers import RegexPattern, URLResolver
from pytest_django import Settings

from blast_api.callcontrol import documents
from blast_api.conf import configuration
from blast_api.domain import menus
from blast_api.domain.menus import Choice, Wish
from blast_api.domain.prompts import ALL, LATER
from blast_api.domain.states import RecordingState
from blast_api.services.authors import Reply

FOLDER = Path(project.BASE_DIR) / "prompts"
RATE = 8000
FULL_SCALE = 32768
KEYS = "0123456789*#"
SAID = {"en": {"*": "star", "#": "pound"}, "es": {"*": "asterisco", "#": "numeral"}}
PRESS = {"en": "press", "es": "presione(?: la tecla)?"}
LANGUAGES = tuple(PRESS)
FILES = {"en": FOLDER, "es": FOLDER / "es"}

each_language = pytest.mark.parametrize("language", LANGUAGES)
each_prompt = pytest.mark.parametrize(("language", "prompt"), list(product(LANGUAGES, ALL)))


@cache
def words() -> dict[str, dict[str, str]]:
    written: dict[str, dict[str, str]] = tomllib.loads((FOLDER / "words.toml").read_text())
    return written


@cache
def samples(language: str, prompt: str) -> tuple[int, ...]:
    with wave.open(str(FILES[language] / f"{prompt}.wav")) as sound:
        assert (sound.getframerate(), sound.getsampwidth(), sound.getnchannels()) == (RATE, 2, 1)
        return struct.unpack(f"<{sound.getnframes()}h", sound.readframes(sound.getnframes()))


def seconds(language: str, prompt: str) -> float:
    return len(samples(language, prompt)) / RATE


# --- Words -----------------------------------------------------------------------------------------------------------


def test_every_prompt_has_words_and_a_file_in_every_language_and_there_are_no_others() -> None:
    assert tuple(words()) == LANGUAGES
    assert {file.parent for file in FOLDER.rglob("*.wav")} == set(FILES.values())
    for language, folder in FILES.items():
        assert sorted(words()[language]) == sorted(ALL)
        assert sorted(file.stem for file in folder.glob("*.wav")) == sorted(ALL)


def test_the_carrier_says_the_words_of_the_files_where_a_menu_lacks_them() -> None:
    assert {prompt: words()["en"][prompt] for prompt in LATER} == LATER


def test_the_page_tells_the_words_of_the_list() -> None:
    """Language by language, in its order."""
    rows = re.findall(r"^\| `(\w+)\.wav` \| (.+?) \|", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert rows == [row for prompts in words().values() for row in prompts.items()]


def title(language: str, prompt: str) -> str:
    """`opt_out`, `es/opt_out`."""
    return (FILES[language] / prompt).relative_to(FOLDER).as_posix()


@each_prompt
def test_the_file_was_made_of_these_words(language: str, prompt: str) -> None:
    """Whoever changes one of them runs prompts/make.py, which notes both."""
    lines = map(str.split, (FOLDER / "made.txt").read_text().splitlines())
    (made_of,) = [line[1:] for line in lines if line[0] == title(language, prompt)]
    contents = (words()[language][prompt].encode(), (FILES[language] / f"{prompt}.wav").read_bytes())
    assert made_of == [hashlib.sha256(content).hexdigest() for content in contents]


def told(language: str, prompt: str) -> set[str]:
    """The keys that a prompt tells of."""
    said = re.findall(rf"{PRESS[language]} (\w+)", words()[language][prompt])
    return {key for key in KEYS if SAID[language].get(key, key) in said}


@each_language
def test_each_menu_tells_all_its_keys_and_no_other(language: str) -> None:
    assert told(language, "record_welcome") == {key for key in KEYS if menus.at_welcome(key) is not Choice.INVALID}
    assert told(language, "record_verification") == {
        key for key in KEYS if menus.at_verification(key) is not Choice.INVALID
    }
    assert told(language, "opt_out_first") == {"5"}
    assert told(language, "opt_out") == {key for key in KEYS if menus.at_delivery(key) is not Wish.END}


@each_language
def test_the_opt_out_is_said_in_the_same_words_before_the_message_and_after_it(language: str) -> None:
    assert words()[language]["opt_out_first"] in words()[language]["opt_out"]


@each_language
def test_the_recording_ends_with_the_key_that_is_told(language: str) -> None:
    record = ElementTree.fromstring(documents.for_author(Reply.RECORD, lambda step: f"http://us/{step}", None)).find(
        "Record"
    )
    assert record is not None
    assert told(language, "start_recording") == {record.attrib["finishOnKey"]}


@each_language
def test_development_serves_the_file(language: str, settings: Settings, rf: RequestFactory) -> None:
    settings.DEBUG = True
    addresses = runpy.run_path(str(Path(project.BASE_DIR) / "blast_api_project" / "urls.py"))["urlpatterns"]
    found = URLResolver(RegexPattern("^/"), addresses).resolve(f"/prompts/{title(language, 'opt_out')}.wav")
    with closing(found.func(rf.get("/"), *found.args, **found.kwargs)) as response:
        assert b"".join(response) == (FILES[language] / "opt_out.wav").read_bytes()


# --- Sound -----------------------------------------------------------------------------------------------------------


@each_prompt
def test_the_file_is_a_plain_head_and_samples(language: str, prompt: str) -> None:
    """Some players on telephone switches take whatever follows the samples for sound."""
    assert (FILES[language] / f"{prompt}.wav").stat().st_size == 44 + 2 * len(samples(language, prompt))


@each_prompt
def test_a_prompt_begins_and_ends_in_silence_of_a_quarter_of_a_second(language: str, prompt: str) -> None:
    """Nothing is cut off: between the silence and the first sound, and the last, it swells and fades."""
    for sound in (samples(language, prompt), samples(language, prompt)[::-1]):
        first = next(at for at, sample in enumerate(sound) if abs(sample) > FULL_SCALE / 1000)
        assert 0.2 <= first / RATE <= 0.35
        assert max(map(abs, sound[: round(0.2 * RATE)])) <= 1
        assert max(map(abs, sound[: round(0.255 * RATE)])) < FULL_SCALE / 100


@each_prompt
def test_no_sample_comes_near_full_scale(language: str, prompt: str) -> None:
    assert max(map(abs, samples(language, prompt))) <= 0.9 * FULL_SCALE


@each_prompt
def test_a_prompt_is_as_loud_as_all_others(language: str, prompt: str) -> None:
    assert loudness(samples(language, prompt)) == pytest.approx(-22.0, abs=0.3)


@each_prompt
def test_a_prompt_is_spoken_at_an_even_pace(language: str, prompt: str) -> None:
    """At most four and a half words a second, pauses between sentences included."""
    count = len(words()[language][prompt].split())
    assert 0.22 <= (seconds(language, prompt) - 0.5) / count <= 0.75


def test_all_prompts_together_are_small() -> None:
    assert sum(file.stat().st_size for file in FOLDER.rglob("*.wav")) < 4_000_000


@each_language
def test_who_pressed_a_wrong_key_can_hear_the_welcome_out_and_still_has_time_for_a_key(language: str) -> None:
    """The author's call is given up when it stays in one state for too long, and this is one state."""
    document = documents.for_author(Reply.WELCOME_AGAIN, lambda step: f"http://us/{step}", None)
    gather = ElementTree.fromstring(document).find("Gather")
    assert gather is not None
    heard = [Path(play.text or "").stem for play in gather.iter("Play")]
    limit = configuration().rec_call_status_timeouts[RecordingState.USER_ANSWERED]
    assert limit is not None
    assert sum(seconds(language, prompt) for prompt in heard) + float(gather.attrib["timeout"]) < limit


# --- Loudness as ITU-R BS.1770-4 measures it ---------------------------------------------------------------------------


def loudness(sound: tuple[int, ...]) -> float:
    """LUFS: the mean power of what is heard, of blocks of 0.4 s, without those that are silent beside the others."""
    heard = _filtered(_filtered([sample / FULL_SCALE for sample in sound], *_head_shelf()), *_low_cut())
    step = round(0.1 * RATE)
    powers = [sum(x * x for x in heard[at : at + step]) / step for at in range(0, len(heard) - step + 1, step)]
    blocks = [sum(powers[at : at + 4]) / 4 for at in range(len(powers) - 3)]
    loud = [power for power in blocks if _lufs(power) > -70]
    threshold = _lufs(sum(loud) / len(loud)) - 10
    louder = [power for power in loud if _lufs(power) > threshold]
    return _lufs(sum(louder) / len(louder))


def _lufs(power: float) -> float:
    return -0.691 + 10 * math.log10(power) if power else -math.inf


def _head_shelf() -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What a head adds above 1.5 kHz, +4 dB, for our rate; the constants are those from which the standard's come."""
    k, q, high = math.tan(math.pi * 1681.974450955533 / RATE), 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    middle = high**0.4996667741545416
    a0 = 1 + k / q + k * k
    b = (high + middle * k / q + k * k, 2 * (k * k - high), high - middle * k / q + k * k)
    return tuple(x / a0 for x in b), (2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0)


def _low_cut() -> tuple[tuple[float, ...], tuple[float, ...]]:
    k, q = math.tan(math.pi * 38.13547087602444 / RATE), 0.5003270373238773
    a0 = 1 + k / q + k * k
    return (1.0, -2.0, 1.0), (2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0)


def _filtered(sound: list[float], b: tuple[float, ...], a: tuple[float, ...]) -> list[float]:
    x1 = x2 = y1 = y2 = 0.0
    out = []
    for x in sound:
        y = b[0] * x + b[1] * x1 + b[2] * x2 - a[0] * y1 - a[1] * y2
        x1, x2, y1, y2 = x, x1, y, y1
        out.append(y)
    return out
