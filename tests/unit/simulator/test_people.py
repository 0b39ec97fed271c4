from __future__ import annotations

import re
from pathlib import Path

import pytest
import requests
from django.conf import settings

from blast_api.simulator import Carrier, Leaves, Person, Phone, Press, describe, serve
from blast_api.simulator.people import PEOPLE
from tests.kits.stand_in import (
    CALLER,
    SOUNDS,
    Application,
    Parameters,
    Place,
    Received,
    delivers_shouts,
    gather,
    play,
    records_shouts,
    respond,
)

MESSAGE, OPT_OUT, GOODBYE = "message", "opt_out", "goodbye"

RECIPIENTS = [
    # ending, status, seconds, played, keys
    ("00", "completed", 17, [MESSAGE, OPT_OUT], []),
    ("01", "completed", 10, [MESSAGE], []),
    ("02", "completed", 17, [MESSAGE, MESSAGE], []),
    ("03", "busy", 0, [], []),
    ("04", "noanswer", 0, [], []),
    ("05", "failed", 0, [], []),
    ("07", "completed", 24, [MESSAGE, OPT_OUT, MESSAGE, OPT_OUT], ["0"]),
    ("08", "completed", 11, [MESSAGE, OPT_OUT, GOODBYE], ["5"]),
    ("09", "completed", 3, [MESSAGE], []),
    ("10", "completed", 1, [], []),
    ("11", "completed", 5, [MESSAGE, GOODBYE], ["5"]),
    ("12", "completed", 8, [MESSAGE, OPT_OUT], ["9"]),
    ("14", "cancel", 0, [], []),
    ("15", "completed", 8, [MESSAGE, OPT_OUT], ["1"]),
    ("16", "completed", 8, [MESSAGE, OPT_OUT], ["1"]),
    ("17", "completed", 25, [MESSAGE], []),
    ("18", "completed", 8, [MESSAGE, OPT_OUT], ["1"]),
    ("90", "completed", 17, [MESSAGE, OPT_OUT], []),
    ("93", "completed", 17, [MESSAGE, OPT_OUT], []),
]


@pytest.mark.parametrize(("ending", "status", "seconds", "played", "keys"), RECIPIENTS)
def test_each_recipient_does_what_the_table_says(
    carrier: Carrier,
    application: Application,
    place: Place,
    ending: str,
    status: str,
    seconds: int,
    played: list[str],
    keys: list[str],
) -> None:
    delivers_shouts(application)
    assert place(f"155555501{ending}").status_code == 200
    assert carrier.advance_until_idle()
    (call,) = carrier.calls
    assert (call.status, call.duration, call.keys) == (status, seconds, keys)
    assert call.played == [f"{SOUNDS}/{name}.wav" for name in played]
    assert carrier.faults == []
    (report,) = application.at("/status")
    assert (report["CallStatus"], report["CallDuration"], report["CallSid"]) == (status, seconds, call.sid)
    assert application.paths[-1] == "/status"


@pytest.mark.parametrize(("ending", "failures"), [("06", 1), ("13", 2)])
def test_some_answer_only_after_failures(
    carrier: Carrier, application: Application, place: Place, ending: str, failures: int
) -> None:
    delivers_shouts(application)
    for _ in range(failures + 1):
        place(f"155555501{ending}")
        carrier.advance_until_idle()
    assert [call.status for call in carrier.calls] == ["failed"] * failures + ["completed"]
    assert [call.attempt_index for call in carrier.calls] == list(range(failures + 1))


AUTHORS = [
    ("00", "completed", ["welcome", "start", "verify", "saved"], ["*", "#", "2"]),
    ("90", "completed", ["welcome", "start", "verify", "saved"], ["*", "#", "2"]),
    ("91", "completed", ["welcome", "start", "verify", "OWN", "verify", "start", "verify", "saved"], list("*#13#2")),
    ("92", "completed", ["welcome", "start", "verify", "cancelled", "goodbye"], ["*", "#", "7"]),
    ("93", "completed", ["welcome", "no_key"], []),
    ("94", "busy", [], []),
    ("95", "noanswer", [], []),
    (
        "96",
        "completed",
        ["welcome", "invalid", "welcome", "start", "verify", "invalid", "verify", "saved"],
        list("9*#92"),
    ),
    ("97", "completed", ["welcome", "start"], ["*"]),
    ("98", "completed", ["welcome", "start", "nothing"], ["*", "#"]),
    ("99", "completed", ["welcome", "start"], ["*"]),
]


@pytest.mark.parametrize(("ending", "status", "played", "keys"), AUTHORS)
def test_each_author_does_what_the_table_says(
    carrier: Carrier,
    application: Application,
    place: Place,
    ending: str,
    status: str,
    played: list[str],
    keys: list[str],
) -> None:
    records_shouts(application)
    place(f"155555501{ending}", "/author")
    assert carrier.advance_until_idle()
    (call,) = carrier.calls
    assert (call.status, call.keys) == (status, keys)
    recordings = application.at("/recorded")
    own = f"{recordings[0]['RecordingUrl']}?format=1.wav" if recordings else ""
    assert call.played == [own if name == "OWN" else f"{SOUNDS}/{name}.wav" for name in played]
    assert carrier.faults == []
    assert any(heard.what == "It broke." for heard in call.heard) == (ending == "99")
    assert all(recording["RecordingDuration"] == 8 for recording in recordings)


@pytest.mark.parametrize(
    ("verbs", "keys"),
    [
        (gather("/key", play("message"), play("opt_out")), []),
        (gather("/key", "<Say>The school is closed.</Say>", play("opt_out")), []),
        (gather("/key", play("welcome")), ["*"]),
    ],
)
def test_who_hears_a_message_and_a_question_is_a_recipient(
    carrier: Carrier, application: Application, place: Place, verbs: str, keys: list[str]
) -> None:
    application.answers("/first", respond(verbs))
    application.answers("/key", respond())
    place("15555550100", "/first")
    carrier.advance_until_idle()
    assert carrier.calls[0].keys == keys


def test_what_was_heard_has_its_time(carrier: Carrier, application: Application, place: Place) -> None:
    records_shouts(application)
    place("15555550190", "/author", delay=10)
    carrier.advance_until_idle()
    (call,) = carrier.calls
    assert call.heard == [
        (12.0, "play", f"{SOUNDS}/welcome.wav"),
        (16.0, "play", f"{SOUNDS}/start.wav"),
        (19.0, "beep", ""),
        (27.5, "play", f"{SOUNDS}/verify.wav"),
        (31.5, "play", f"{SOUNDS}/saved.wav"),
    ]
    assert (call.answered_at, call.ended_at, call.duration) == (12.0, 34.5, 22)
    assert [document.url.removeprefix(application.url) for document in call.documents] == [
        "/author",
        "/welcome-key",
        "/recorded",
        "/menu-key",
    ]


def test_the_application_is_told_the_documented_parameters(
    carrier: Carrier, application: Application, place: Place
) -> None:
    delivers_shouts(application)
    sid = place("15555550112").json()["call_sid"]
    carrier.advance_until_idle()
    first, amd, key, status = application.received
    assert {received.method for received in application.received} == {"POST"}
    assert {received.content_type for received in application.received} == {"application/json"}
    common = {
        "AccountSid": "",
        "ApiVersion": "2.0",
        "CallSid": sid,
        "CallerName": "",
        "Direction": "outbound",
        "ForwardedFrom": "",
        "From": CALLER,
        "To": "15555550112",
        "OriginalFrom": f"+{CALLER}",
        "OriginalTo": "15555550112",
    }
    sids = {"EndpointSid", "PartnerSid"}
    expected: list[tuple[Received, str, Parameters]] = [
        (first, "/deliver", {}),
        (amd, "/deliver", {"AMDStatus": "HUMAN", "AMDCause": "HUMAN"}),
        (key, "/amd", {"Digits": "9", "FinishKey": None}),
        (status, "/key", {"CallStatus": "completed", "CallDuration": 8}),
    ]
    for received, document, extra in expected:
        rest = {name: value for name, value in received.parameters.items() if name not in sids}
        assert rest == {**common, "RequestUrl": application.url + document, **extra}
        assert sids <= set(received.parameters)


def test_a_get_call_is_asked_with_a_query(carrier: Carrier, application: Application, place: Place) -> None:
    application.answers("/get", respond('<Redirect method="GET">next?a=1</Redirect>'))
    application.answers("/next", respond("<Say>Hi</Say>"))
    place("15555550100", "/get", method="GET", status_callback_method="GET")
    carrier.advance_until_idle()
    assert [received.method for received in application.received] == ["GET"] * 3
    assert application.at("/next")[0]["a"] == "1"
    assert application.at("/status")[0]["CallDuration"] == "1"


def test_a_scripted_person_overrides_the_table(carrier: Carrier, application: Application, place: Place) -> None:
    delivers_shouts(application)
    carrier.script("15555550103", Person(keys=(Press("5", after_s=4.0),), rings_s=7.0))
    place("15555550103")
    carrier.advance_until_idle()
    assert carrier.calls[0].played == [f"{SOUNDS}/{name}.wav" for name in (MESSAGE, OPT_OUT, GOODBYE)]
    assert carrier.calls[0].answered_at == 7.0


def test_nobody_answers_who_is_slower_than_the_ringing(
    carrier: Carrier, application: Application, place: Place
) -> None:
    place("15555550100", timeout=1)
    place("15555550104", timeout=12)
    carrier.advance_until_idle()
    assert [call.status for call in carrier.calls] == ["noanswer", "noanswer"]
    assert [call.ended_at for call in carrier.calls] == [1.0, 12.0]


def test_the_carrier_can_spell_no_answer_as_its_own_client_reads_it() -> None:
    carrier = Carrier(no_answer="no-answer")
    with serve(carrier) as url:
        body = {"called_did": "15555550104", "calling_did": CALLER}
        requests.post(f"{url}/flexml/v1/calls", json=body, timeout=60)
        carrier.advance(30)
    assert carrier.calls[0].status == "no-answer"


def test_the_carrier_can_be_told_to_act_on_every_empty_gather(application: Application) -> None:
    application.answers("/first", respond(gather("/key")))
    application.answers("/key", respond())
    carrier = Carrier(empty_result_always_acts=True)
    with serve(carrier) as url:
        body = {"called_did": "15555550193", "calling_did": CALLER, "url": f"{application.url}/first"}
        requests.post(f"{url}/flexml/v1/calls", json=body, timeout=60)
        carrier.advance_until_idle()
    assert application.at("/key")[0]["Digits"] == ""


def test_a_person_may_hang_up_after_the_prompts(carrier: Carrier, application: Application, place: Place) -> None:
    application.answers("/first", respond(gather("/key", play("message")), play("goodbye")))
    carrier.script("15555550100", Person(leaves=Leaves.IN_GATHER))
    place("15555550100", "/first")
    carrier.advance_until_idle()
    assert carrier.calls[0].played == [f"{SOUNDS}/message.wav"]
    assert application.paths == ["/first", "/status"]


def test_the_manual_lists_everybody() -> None:
    page = Path(settings.BASE_DIR, "docs/reference/simulator.md").read_text()
    listed = re.findall(r"^\| `(\d\d)` \| (\w+) \| (.*) \|$", page, re.MULTILINE)
    assert listed == [(ending, person.role.value, person.name) for ending, person in PEOPLE.items()]


def test_the_table_is_described_for_a_terminal() -> None:
    lines = describe().splitlines()
    assert len(lines) == len(PEOPLE) + 1
    assert all(person.name in line for person, line in zip(PEOPLE.values(), lines, strict=False))
    assert Person().phone is Phone.ANSWERED
