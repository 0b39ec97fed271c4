"""What is heard, word for word: every document of both flows compared whole, and read by the carrier's strict eyes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_django import Settings

from blast_api.callcontrol import documents
from blast_api.carrierx.events import Answerer
from blast_api.carrierx.storage import play_url
from blast_api.domain.menus import Wish
from blast_api.domain.prompts import PROMPTS
from blast_api.models import AuthorCall
from blast_api.services.authors import Reply
from blast_api.simulator.document import read_document
from tests.kits.callbacks import script

Write = Callable[[], bytes]

UNTAKEN = AuthorCall(file_sid="", url="", take=0)
TAKEN = AuthorCall(file_sid="f-1", url="http://c/f.wav", take=1)
TAKEN_TWICE = AuthorCall(file_sid="f-1", url="http://c/f.wav", take=2)
MESSAGE = "http://c/f.wav"


@pytest.fixture(autouse=True)
def _short_addresses(settings: Settings) -> None:
    settings.VOICE_MENU = {name: f"http://p/{name}" for name in PROMPTS}


def us(step: str) -> str:
    return f"http://us/{step}"


def author(step: Reply, recording: AuthorCall | None = None) -> Write:
    return lambda: documents.for_author(step, us, recording)


def recipient(who: Answerer, url: str = MESSAGE) -> Write:
    return lambda: documents.deliver(who, script(url), us)


def after(wish: Wish) -> Write:
    return lambda: documents.after_key(wish, script(MESSAGE), us)


def gather(action: str, *inside: str, timeout: int = 5) -> str:
    return (
        f'<Gather action="http://us/{action}" method="POST" timeout="{timeout}" numDigits="1" finishOnKey="_" '
        f'actionOnEmptyResult="true">{"".join(inside)}</Gather>'
    )


def play(*names: str) -> str:
    return "".join(f"<Play>http://p/{name}</Play>" for name in names)


NO_KEY = play("no_key_pressed") + "<Hangup />"
RECORD = (
    '<Record action="http://us/recorded?take={}" method="POST" errorAction="http://us/not-recorded" errorMethod="POST" '
    'direction="out" finishOnKey="#" playBeep="true" maxLength="600" timeout="10" trim="do-not-trim" {}'
    'lifecycleAction="delete" '
    'lifecycleTtl="86400" />'
)
FIRST_TAKE = (
    play("start_recording") + RECORD.format(1, "") + '<Redirect method="POST">http://us/nothing-recorded</Redirect>'
)
NEXT_TAKE = (
    play("start_recording")
    + RECORD.format(2, 'fileSid="f-1" fileMode="overwrite" ')
    + '<Redirect method="POST">http://us/nothing-recorded</Redirect>'
)
AMD = (
    '<Amd action="http://us/detected" method="POST" initialSilence="5000" greeting="2000" '
    'afterGreetingSilence="500" totalAnalysisTime="10000" />'
)
HEARD = f"<Play>{MESSAGE}</Play>"

DOCUMENTS: dict[str, tuple[Write, str]] = {
    "welcome": (author(Reply.WELCOME), gather("welcome", play("record_welcome")) + NO_KEY),
    "welcome again": (
        author(Reply.WELCOME_AGAIN),
        gather("welcome", play("invalid_entry", "record_welcome")) + NO_KEY,
    ),
    "record": (author(Reply.RECORD), FIRST_TAKE),
    "record before there is a file": (author(Reply.RECORD, UNTAKEN), FIRST_TAKE),
    "record again": (author(Reply.RECORD_AGAIN, TAKEN), NEXT_TAKE),
    "record again when nothing was recorded": (author(Reply.RECORD_AGAIN, UNTAKEN), FIRST_TAKE),
    "verify": (author(Reply.VERIFY, TAKEN), gather("verification?take=1", play("record_verification")) + NO_KEY),
    "verify again": (
        author(Reply.VERIFY_AGAIN, TAKEN),
        gather("verification?take=1", play("invalid_entry", "record_verification")) + NO_KEY,
    ),
    "play back": (
        author(Reply.PLAY_BACK, TAKEN),
        gather("verification?take=1", HEARD, play("record_verification")) + NO_KEY,
    ),
    "play back the second take, past the carrier's cache": (
        author(Reply.PLAY_BACK, TAKEN_TWICE),
        gather("verification?take=2", "<Play>http://c/f.wav?format=2.wav</Play>", play("record_verification")) + NO_KEY,
    ),
    "saved": (author(Reply.SAVED, TAKEN), play("recording_saved", "ready_for_delivery", "goodbye") + "<Hangup />"),
    "cancelled": (author(Reply.CANCELLED, TAKEN), play("recording_cancelled", "goodbye") + "<Hangup />"),
    "no key": (author(Reply.NO_KEY), NO_KEY),
    "goodbye": (author(Reply.GOODBYE), play("goodbye") + "<Hangup />"),
    "who is it": (lambda: documents.detect(us), AMD),
    "a person": (recipient(Answerer.HUMAN), gather("key", HEARD, play("opt_out")) + "<Hangup />"),
    "a machine": (
        recipient(Answerer.MACHINE),
        2 * '<Pause length="60" silence="true" minSilence="2000" />' + gather("key", HEARD, timeout=1) + "<Hangup />",
    ),
    "perhaps a person": (
        recipient(Answerer.NOT_SURE),
        gather("key", HEARD, '<Pause length="1" />', HEARD) + "<Hangup />",
    ),
    "nobody any more": (recipient(Answerer.HANGUP), "<Hangup />"),
    "at once, a person or a machine": (
        lambda: documents.at_once(script(MESSAGE), us),
        gather("key", HEARD, play("opt_out")) + "<Hangup />",
    ),
    "key 0": (after(Wish.REPLAY), gather("key?replays=1", HEARD, play("opt_out")) + "<Hangup />"),
    "key 0 for the third time": (
        lambda: documents.after_key(Wish.REPLAY, script(MESSAGE), us, replays=2),
        gather("key?replays=3", HEARD, play("opt_out")) + "<Hangup />",
    ),
    "a key that nobody could read": (
        lambda: documents.ask_again(script(MESSAGE), us, times=1, replays=2),
        gather("key?asked=1&amp;replays=2", play("opt_out")) + "<Hangup />",
    ),
    "key 5": (after(Wish.OPT_OUT), play("goodbye") + "<Hangup />"),
    "another key": (after(Wish.END), "<Hangup />"),
    "nothing more": (documents.hang_up, "<Hangup />"),
    "our own error": (
        documents.apology,
        "<Say>We are sorry, an error has occurred. Goodbye.</Say><Hangup />",
    ),
}


def whole(inner: str) -> bytes:
    return f"<?xml version='1.0' encoding='utf-8'?>\n<Response>{inner}</Response>".encode()


@pytest.mark.parametrize(("write", "inner"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_this_is_what_is_heard(write: Write, inner: str) -> None:
    assert write() == whole(inner)


@pytest.mark.parametrize("write", [write for write, _ in DOCUMENTS.values()], ids=DOCUMENTS)
def test_the_carriers_strict_reader_takes_it(write: Write) -> None:
    assert read_document(write())


def test_every_step_of_the_author_has_its_document() -> None:
    assert {step for step in Reply if documents.for_author(step, us, TAKEN)} == set(Reply)


# --- A record of the whole call, for finding faults ----------------------------------------------------------------

SESSION = '<Record direction="out" {}recordSession="true" lifecycleAction="delete" lifecycleTtl="259200" />'
FIRST_DOCUMENTS = {
    "the author's": (author(Reply.WELCOME), DOCUMENTS["welcome"][1]),
    "the recipient's": (DOCUMENTS["who is it"][0], AMD),
    "the recipient's, of whom nobody asks who it is": DOCUMENTS["at once, a person or a machine"],
}


FIRST_WRITERS = [write for write, _ in FIRST_DOCUMENTS.values()] + [DOCUMENTS["welcome"][0]]


@pytest.mark.parametrize(
    ("container", "attribute"), [("", ""), ("c-1", 'containerSid="c-1" ')], ids=["default container", "own container"]
)
@pytest.mark.parametrize(("write", "inner"), FIRST_DOCUMENTS.values(), ids=FIRST_DOCUMENTS)
def test_a_whole_call_is_recorded_when_the_operator_says_so(
    settings: Settings, write: Write, inner: str, container: str, attribute: str
) -> None:
    settings.RECORD_ALL_CALLS = True
    settings.DEBUG_RECORDING_CONTAINER = container
    assert write() == whole(SESSION.format(attribute) + inner)
    assert read_document(write())


@pytest.mark.parametrize("name", [name for name, (write, _) in DOCUMENTS.items() if write not in FIRST_WRITERS])
def test_only_the_first_document_of_a_call_starts_that_record(settings: Settings, name: str) -> None:
    settings.RECORD_ALL_CALLS = True
    write, inner = DOCUMENTS[name]
    assert write() == whole(inner)


# --- What the operator sets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("longest_s", "speaks_s", "max_length"), [(300, 600, 300), (600, 120.5, 120), (7200, None, 7200)]
)
def test_an_author_speaks_no_longer_than_the_operator_says(
    settings: Settings, longest_s: int, speaks_s: float | None, max_length: int
) -> None:
    settings.MAX_RECORDING_SECONDS, settings.RECORDING_SILENCE = longest_s, 3
    settings.REC_CALL_STATUS_TIMEOUTS = settings.REC_CALL_STATUS_TIMEOUTS | {"PRESSED_STAR": speaks_s}
    written = documents.for_author(Reply.RECORD, us, None)
    bounds = f'maxLength="{max_length}" timeout="3"'
    assert written == whole(FIRST_TAKE.replace('maxLength="600" timeout="10"', bounds))
    assert read_document(written)


def test_the_detections_other_measures_are_told_if_the_operator_has_them(settings: Settings) -> None:
    settings.AMD_BETWEEN_WORD_SILENCE, settings.AMD_SILENCE_THRESHOLD = 50, 256
    settings.AMD_MINIMUM_WORD_LENGTH, settings.AMD_MAXIMUM_WORD_LENGTH, settings.AMD_MAXIMUM_NUMBER_OF_WORDS = (
        90,
        4000,
        3,
    )
    more = (
        'betweenWordSilence="50" minimumWordLength="90" maximumWordLength="4000" maximumNumberOfWords="3" '
        'silenceThreshold="256" />'
    )
    assert documents.detect(us) == whole(AMD.replace("/>", more))
    assert read_document(documents.detect(us))


# --- Where a recording goes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [Reply.RECORD, Reply.RECORD_AGAIN])
def test_a_new_recording_goes_to_the_container_and_another_take_over_its_file(step: Reply) -> None:
    first = documents.for_author(step, us, UNTAKEN, container_sid="c-1")
    assert first == whole(FIRST_TAKE.replace('trim="do-not-trim" ', 'trim="do-not-trim" containerSid="c-1" '))
    assert read_document(first)
    assert documents.for_author(step, us, TAKEN, container_sid="c-1") == whole(NEXT_TAKE)


# --- Played back ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "take", "played"),
    [
        ("http://c/f.wav", 0, "http://c/f.wav"),
        ("http://c/f.wav", 1, "http://c/f.wav"),
        ("http://c/f.wav", 2, "http://c/f.wav?format=2.wav"),
        ("http://c/f.wav", 3, "http://c/f.wav?format=3.wav"),
        ("http://c/f?sid=1", 2, "http://c/f?sid=1&format=2.wav"),
        ("", 2, ""),
    ],
)
def test_each_take_is_played_from_a_url_of_its_own(url: str, take: int, played: str) -> None:
    assert play_url(url, take) == played


HOSTILE = {
    "an ampersand": ("http://c/f?a=1&b=2", "http://c/f?a=1&amp;b=2"),
    "a tag": ("http://c/</Play><Hangup/>", "http://c/&lt;/Play&gt;&lt;Hangup/&gt;"),
    "quotes": ("http://c/\"'", "http://c/\"'"),
    "a section end": ("http://c/]]>", "http://c/]]&gt;"),
    "an entity": ("http://c/&lt;", "http://c/&amp;lt;"),
    "letters of the world": ("http://c/früh-早.wav", "http://c/früh-早.wav"),
}


@pytest.mark.parametrize(("url", "escaped"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_url_of_a_recording_stays_a_text(url: str, escaped: str) -> None:
    document = documents.deliver(Answerer.HUMAN, script(url), us)
    assert document == whole(gather("key", f"<Play>{escaped}</Play>", play("opt_out")) + "<Hangup />")


def test_a_hostile_address_stays_an_attribute() -> None:
    document = documents.detect(lambda step: f'http://us/"><Hangup/>&{step}')
    assert document == whole(AMD.replace("http://us/detected", "http://us/&quot;&gt;&lt;Hangup/&gt;&amp;detected"))


def test_a_hostile_name_of_a_file_stays_an_attribute() -> None:
    document = documents.for_author(
        Reply.RECORD_AGAIN, us, AuthorCall(file_sid='"/><Hangup/>', url="http://c/f", take=1)
    )
    assert document == whole(NEXT_TAKE.replace("f-1", "&quot;/&gt;&lt;Hangup/&gt;"))


def test_the_menus_sounds_are_the_operators(settings: Settings) -> None:
    settings.VOICE_MENU = {name: f"https://cdn/{name}?v=1&lang=en" for name in PROMPTS}
    assert documents.for_author(Reply.NO_KEY, us, None) == whole(
        "<Play>https://cdn/no_key_pressed?v=1&amp;lang=en</Play><Hangup />"
    )
