from __future__ import annotations

import pytest

from blast_api.simulator import Greeting, Leaves, Person, Press
from blast_api.simulator.directory import Directory
from blast_api.simulator.document import read_document
from blast_api.simulator.player import Player
from blast_api.simulator.steps import Fetch, Habits, Heard, Kept, Notice, Pressed, Step, StudioFault, Wait
from blast_api.simulator.verbs import Record

FIRST = "http://app/first"
RECORDING = "http://carrier/f/1.wav"


class Shelf:
    """A studio in memory: sounds are 3 s long, `gone` ones do not exist, and nothing can be kept when it is full."""

    def __init__(self, *, gone: frozenset[str] = frozenset(), full: bool = False) -> None:
        self.gone = gone
        self.full = full
        self.kept: list[tuple[Record, float]] = []
        self.complaints: list[str] = []

    def seconds_of(self, url: str) -> float:
        if url in self.gone:
            raise StudioFault("gone")
        return 3.0

    def seconds_of_file(self, file_sid: str) -> float:
        return self.seconds_of(file_sid)

    def is_recording(self, url: str) -> bool:
        return url == RECORDING

    def keep(self, verb: Record, seconds: float, *, silent: bool = False) -> Kept:
        if self.full:
            raise StudioFault("full")
        self.kept.append((verb, seconds))
        return Kept(RECORDING, "1")

    def complain(self, fault: str) -> None:
        self.complaints.append(fault)


def acted(
    inner: str, person: Person | None = None, shelf: Shelf | None = None, *, habits: Habits | None = None
) -> list[Step]:
    """Return the steps of a call whose first document is given and whose later ones are all empty."""
    documents = iter([read_document(f"<Response>{inner}</Response>".encode())])
    player = Player(person or Person(), shelf or Shelf(), habits or Habits(), Directory()).play(FIRST, "POST")
    steps: list[Step] = []
    step = next(player)
    while True:
        steps.append(step)
        try:
            step = player.send(next(documents, ()) if isinstance(step, Fetch) else None)
        except StopIteration:
            return steps[1:]  # the first is always the fetch of the first document


def fetched(path: str, *parameters: tuple[str, str | int | None], method: str = "POST") -> Fetch:
    return Fetch(f"http://app/{path}", method, parameters, FIRST)


def seconds_in(steps: list[Step]) -> float:
    return sum(step.seconds for step in steps if isinstance(step, Wait))


def test_an_empty_document_ends_the_call() -> None:
    assert acted("") == []


def test_a_hangup_ends_it_before_the_rest() -> None:
    assert acted("<Hangup/><Say>never</Say>") == []


def test_relative_urls_are_resolved_against_the_running_document() -> None:
    assert acted("<Play>a.wav</Play><Redirect>sub/next?x=1</Redirect>") == [
        Heard("play", "http://app/a.wav"),
        Wait(3.0),
        fetched("sub/next?x=1"),
    ]


def test_a_play_goes_to_its_action_when_it_is_over() -> None:
    steps = acted('<Play action="/done" method="GET" timeLimit="2">http://x/a.wav</Play><Say>never</Say>')
    assert steps == [Heard("play", "http://x/a.wav"), Wait(2.0), fetched("done", method="GET")]


def test_a_play_in_the_background_takes_no_time() -> None:
    steps = acted('<Play background="true">http://x/a.wav</Play><Pause/>')
    assert steps == [Heard("play", "http://x/a.wav"), Wait(1.0)]


@pytest.mark.parametrize(("attribute", "steps"), [("", [Wait(1.0)]), ('errorAction="/e"', [fetched("e")])])
def test_a_sound_that_is_gone_is_a_fault(attribute: str, steps: list[Step]) -> None:
    shelf = Shelf(gone=frozenset({"1"}))
    assert acted(f"<Play {attribute}><File>1</File></Play><Pause/>", shelf=shelf) == steps
    assert shelf.complaints == ["gone"]


def test_keys_may_be_sent_instead_of_sound() -> None:
    assert acted('<Play digits="12"/>') == [Heard("digits", "12"), Wait(1.0)]


def test_a_text_is_repeated_with_pauses() -> None:
    said = [Heard("say", "Hi"), Wait(1.0)]
    assert acted('<Say loop="2" loopPause="4">Hi</Say>') == [*said, Wait(4.0), *said]


def test_a_text_is_spoken_at_150_words_a_minute_anywhere() -> None:
    text = " ".join(["words"] * 150)  # six characters with the space
    said: list[Step] = [Heard("say", text), Wait(899 / 15)]
    assert acted(f"<Say>{text}</Say>") == said
    assert acted(f'<Gather action="/k" timeout="1"><Say>{text}</Say></Gather>') == [*said, Wait(1)]


def test_nobody_listens_to_an_endless_text_for_ever() -> None:
    steps = acted('<Say loop="0">Hi</Say><Say>never</Say>')
    assert seconds_in(steps) == 300
    assert Heard("say", "never") not in steps


@pytest.mark.parametrize(
    ("attributes", "seconds"),
    [
        ('length="60" silence="true" minSilence="2000"', 7.0),
        ('length="4" silence="true" minSilence="2000"', 4.0),
        ('length="60" noise="true" minNoise="500"', 0.5),
        ('length="60" noise="true" minNoise="6000"', 60.0),
        ('length="60"', 60.0),
    ],
)
def test_a_wait_ends_with_silence_or_noise(attributes: str, seconds: float) -> None:
    assert acted(f"<Wait {attributes}/>", Person(greeting=Greeting((5.0,)))) == [Wait(seconds)]


PROMPT = "<Play>http://x/a.wav</Play><Say>Press</Say>"
PROMPTS: list[Step] = [Heard("play", "http://x/a.wav"), Wait(3.0), Heard("say", "Press"), Wait(1.0)]

GATHERS: list[tuple[str, Person, list[Step]]] = [
    ("", Person(), [*PROMPTS, Wait(5), Heard("say", "fallen through"), Wait(1.0)]),
    (
        'actionOnEmptyResult="true"',
        Person(),
        [*PROMPTS, Wait(5), fetched("k", ("Digits", ""), ("FinishKey", None))],
    ),
    (
        'numDigits="1"',
        Person(keys=("7",)),
        [*PROMPTS, Wait(1.0), Pressed("7"), fetched("k", ("Digits", "7"), ("FinishKey", None))],
    ),
    (
        "",
        Person(keys=("7",)),
        [*PROMPTS, Wait(1.0), Pressed("7"), Wait(5), fetched("k", ("Digits", "7"), ("FinishKey", None))],
    ),
    (
        "",
        Person(keys=("78#9",)),
        [
            *PROMPTS,
            Wait(1.0),
            Pressed("7"),
            Wait(0.5),
            Pressed("8"),
            Wait(0.5),
            Pressed("#"),
            fetched("k", ("Digits", "78"), ("FinishKey", "#")),
        ],
    ),
    (
        "",
        Person(keys=("#",)),
        [*PROMPTS, Wait(1.0), Pressed("#"), fetched("k", ("Digits", ""), ("FinishKey", "#"))],
    ),
    (
        'numDigits="1" validDigits="5"',
        Person(keys=("75",)),
        [
            *PROMPTS,
            Wait(1.0),
            Pressed("7"),
            Wait(0.5),
            Pressed("5"),
            fetched("k", ("Digits", "5"), ("FinishKey", None)),
        ],
    ),
    (
        'validDigits="5"',
        Person(keys=(Press("7", after_s=1.0),)),
        [*PROMPTS, Pressed("7"), Wait(5), Heard("say", "fallen through"), Wait(1.0)],
    ),
    (
        'numDigits="1"',
        Person(keys=(Press("7", after_s=1.0),)),
        [Heard("play", "http://x/a.wav"), Wait(1.0), Pressed("7"), fetched("k", ("Digits", "7"), ("FinishKey", None))],
    ),
    (
        'numDigits="1"',
        Person(keys=(Press("7", after_s=3.0),)),
        [Heard("play", "http://x/a.wav"), Wait(3.0), Pressed("7"), fetched("k", ("Digits", "7"), ("FinishKey", None))],
    ),
    (
        'numDigits="1"',
        Person(keys=(Press("7", after_s=60.0),)),
        [*PROMPTS, Wait(5), Heard("say", "fallen through"), Wait(1.0)],
    ),
    (
        'numDigits="1" timeout="1"',
        Person(keys=("7",)),
        [*PROMPTS, Wait(0.5), Pressed("7"), fetched("k", ("Digits", "7"), ("FinishKey", None))],
    ),
]


@pytest.mark.parametrize(("attributes", "person", "steps"), GATHERS)
def test_a_gather_collects_keys(attributes: str, person: Person, steps: list[Step]) -> None:
    assert acted(f'<Gather action="/k" {attributes}>{PROMPT}</Gather><Say>fallen through</Say>', person) == steps


def test_the_carrier_may_act_on_every_empty_gather() -> None:
    steps = acted('<Gather action="/k"/>', habits=Habits(empty_result_always_acts=True))
    assert steps[-1] == fetched("k", ("Digits", ""), ("FinishKey", None))


def recorded(seconds: int) -> Fetch:
    url = "http://carrier/f/1.wav"
    return fetched("r", ("RecordingUrl", url), ("RecordingFileSid", "1"), ("RecordingDuration", seconds))


BEEP: list[Step] = [Heard("beep", ""), Wait(0.5)]
NEXT: list[Step] = [Heard("say", "next"), Wait(1.0)]

RECORDS: list[tuple[str, Person, list[Step]]] = [
    ('action="/r"', Person(), [*BEEP, Wait(8.0), Pressed("#"), recorded(8)]),
    ('action="/r" playBeep="false"', Person(), [Wait(8.0), Pressed("#"), recorded(8)]),
    ('action="/r" maxLength="6"', Person(), [*BEEP, Wait(6), recorded(6)]),
    ("", Person(), [*BEEP, Wait(8.0), Pressed("#"), *NEXT]),
    ('action="/r"', Person(speaks_s=0.0), [*BEEP, Pressed("#"), *NEXT]),
    ('action="/r" timeout="4"', Person(record_key=None), [*BEEP, Wait(8.0), Wait(4), recorded(8)]),
    (
        'action="/r" timeout="4" trim="do-not-trim"',
        Person(record_key=None),
        [*BEEP, Wait(8.0), Wait(4), recorded(12)],
    ),
    ('action="/r" timeout="4"', Person(record_key=None, speaks_s=0.0), [*BEEP, Wait(4), *NEXT]),
    ('action="/r" finishOnKey="1"', Person(), [*BEEP, Wait(8.0), Pressed("#"), Wait(5), recorded(8)]),
    ('action="/r" finishOnKey="none"', Person(), [*BEEP, Wait(8.0), Pressed("#"), Wait(5), recorded(8)]),
    ('action="/r"', Person(speaks_s=0.2), [*BEEP, Wait(0.2), Pressed("#"), recorded(1)]),
    ('action="/r"', Person(record_fails=True), [*BEEP, *NEXT]),
    ('action="/r" errorAction="/e"', Person(record_fails=True), [*BEEP, fetched("e")]),
    ('action="/r"', Person(leaves=Leaves.IN_RECORD), [*BEEP, Wait(4.0)]),
]


@pytest.mark.parametrize(("attributes", "person", "steps"), RECORDS)
def test_a_record_takes_what_is_said(attributes: str, person: Person, steps: list[Step]) -> None:
    assert acted(f"<Record {attributes}/><Say>next</Say>", person) == steps


@pytest.mark.parametrize(("attribute", "steps"), [("", NEXT), ('errorAction="/e"', [fetched("e")])])
def test_a_recording_without_a_place_has_failed(attribute: str, steps: list[Step]) -> None:
    shelf = Shelf(full=True)
    acted_steps = acted(f'<Record action="/r" {attribute}/><Say>next</Say>', shelf=shelf)
    assert acted_steps == [*BEEP, Wait(8.0), Pressed("#"), *steps]
    assert shelf.complaints == ["full"]


def test_a_recording_is_announced_to_its_callback() -> None:
    steps = acted('<Record action="/r" callbackUrl="/c"/>')
    assert steps[-2:] == [Notice("http://app/c", recorded(8).parameters, FIRST), recorded(8)]


def test_the_carrier_may_report_a_recording_cut_short() -> None:
    habits = Habits(record_acts_on_hangup=True)
    person = Person(leaves=Leaves.IN_RECORD)
    assert acted('<Record action="/r"/>', person, habits=habits) == [*BEEP, Wait(4.0), recorded(4)]
    assert acted("<Record/>", person, habits=habits) == [*BEEP, Wait(4.0)]
    assert acted('<Record action="/r"/>', person, Shelf(full=True), habits=habits) == [*BEEP, Wait(4.0)]


@pytest.mark.parametrize("person", [Person(), Person(leaves=Leaves.IN_PLAY)])
def test_a_session_is_recorded_to_the_end_whoever_ends_it(person: Person) -> None:
    shelf = Shelf()
    steps = acted('<Pause/><Record recordSession="true"/><Play>http://x/a.wav</Play>', person, shelf)
    assert [seconds for _, seconds in shelf.kept] == [seconds_in(steps) - 1]


def test_a_session_that_cannot_be_kept_is_a_fault() -> None:
    shelf = Shelf(full=True)
    acted('<Record recordSession="true"/><Pause/>', shelf=shelf)
    assert shelf.complaints == ["a session was not recorded: full"]


def test_a_gather_goes_on_when_a_prompt_is_gone() -> None:
    shelf = Shelf(gone=frozenset({"http://x/a.wav"}))
    assert acted(f'<Gather action="/k">{PROMPT}</Gather>', shelf=shelf) == [*PROMPTS[2:], Wait(5)]
    assert shelf.complaints == ["gone"]
