from __future__ import annotations

import pytest
import requests

from blast_api.simulator import Bridge, Carrier, Leaves, Person
from tests.kits.stand_in import CALLER, Application, Place, gather, play, respond

AGENT = "15555551000"
GOODBYE = "<Say>Goodbye</Say>"


def dial(attributes: str = 'action="/dialled"', number: str = AGENT) -> str:
    return f"<Dial {attributes}>{number}</Dial>"


def transfers(application: Application, verb: str) -> None:
    """Let the application connect who presses 1: /deliver is the first document."""
    application.answers("/deliver", respond('<Amd action="/ask"/>'))
    application.answers("/ask", respond(gather("/key", play("message")), "<Hangup/>"))
    application.answers("/key", respond(verb, GOODBYE))
    application.answers("/dialled", respond(play("after")))


def told(application: Application) -> list[tuple[object, object]]:
    return [(told["DialCallStatus"], told["DialCallDuration"]) for told in application.at("/dialled")]


# The recipient has answered at 2, hears the message from 3.5 to 6.5, and presses 1 at 7.5.
ANSWERS = [
    # ending, attributes, status and seconds, answered, ended
    ("00", "", ("completed", 20), 9.5, 29.5),
    ("00", 'timeLimit="60"', ("completed", 20), 9.5, 29.5),
    ("00", 'timeLimit="6"', ("completed", 6), 9.5, 15.5),
    ("00", 'timeout="1"', ("no-answer", 0), None, 8.5),
    ("01", "", ("completed", 20), 9.5, 29.5),
    ("03", "", ("busy", 0), None, 8.5),
    ("04", "", ("no-answer", 0), None, 37.5),
    ("04", 'timeout="12"', ("no-answer", 0), None, 19.5),
    ("05", "", ("failed", 0), None, 8.5),
    ("14", "", ("no-answer", 0), None, 8.5),
]


@pytest.mark.parametrize(("ending", "attributes", "says", "answered_at", "ended_at"), ANSWERS)
def test_a_dial_meets_whoever_lives_there_and_its_action_is_told(
    carrier: Carrier,
    application: Application,
    place: Place,
    ending: str,
    attributes: str,
    says: tuple[str, int],
    answered_at: float | None,
    ended_at: float,
) -> None:
    number = f"155555510{ending}"
    transfers(application, dial(f'action="/dialled" callerId="{CALLER}" {attributes}', number))
    place("15555550115")
    assert carrier.advance_until_idle()
    (call,) = carrier.calls
    assert call.bridges == [Bridge(number, CALLER, 7.5, answered_at, ended_at, says[0])]
    assert (call.bridges[0].seconds, told(application), carrier.faults) == (says[1], [says], [])
    assert [heard.kind for heard in call.heard] == ["play", "play"]  # what follows the Dial is dead
    assert (call.status, call.ended_at) == ("completed", ended_at + 3)
    (request,) = application.at("/dialled")
    assert (request["CallSid"], request["To"], request["RequestUrl"]) == (
        call.sid,
        call.number,
        f"{application.url}/key",
    )


def test_without_an_action_the_document_goes_on(carrier: Carrier, application: Application, place: Place) -> None:
    transfers(application, dial(""))
    place("15555550115")
    carrier.advance_until_idle()
    (call,) = carrier.calls
    assert (call.heard[-1], call.heard[-1].at) == ((29.5, "say", "Goodbye"), call.bridges[0].ended_at)
    assert call.bridges[0].caller == CALLER
    assert told(application) == []


@pytest.mark.parametrize(
    ("person", "answered_at", "ended_at", "seconds", "status"),
    [
        (Person(keys=("1",), leaves=Leaves.IN_BRIDGE), 9.5, 19.5, 10, "completed"),
        (Person(keys=("1",), leaves=Leaves.IN_RINGING), None, 8.5, 0, "no-answer"),
    ],
)
def test_who_hangs_up_meanwhile_is_asked_nothing_more(
    carrier: Carrier,
    application: Application,
    place: Place,
    person: Person,
    answered_at: float | None,
    ended_at: float,
    seconds: int,
    status: str,
) -> None:
    transfers(application, dial())
    carrier.script("15555550100", person)
    place("15555550100")
    carrier.advance_until_idle()
    (call,) = carrier.calls
    assert carrier.bridges == [Bridge(AGENT, CALLER, 7.5, answered_at, ended_at, status)]
    assert carrier.bridges[0].seconds == seconds
    assert (call.status, call.ended_at, told(application)) == ("completed", ended_at, [])
    assert application.paths[-1] == "/status"


def test_a_number_that_no_call_came_from_may_not_be_shown(
    carrier: Carrier, application: Application, place: Place
) -> None:
    transfers(application, dial('action="/dialled" callerId="15555550115"'))
    place("15555550115")
    carrier.advance_until_idle()
    assert (carrier.bridges, told(application)) == ([], [("failed", 0)])
    assert carrier.faults == ["a Dial shows a number that no call came from: 15555550115"]


def test_another_number_of_ours_may_be_shown(carrier: Carrier, application: Application, place: Place) -> None:
    transfers(application, dial('callerId="15555550001"'))
    place("15555550104", calling_did="15555550001")
    place("15555550115")
    carrier.advance_until_idle()
    assert [bridge.caller for bridge in carrier.bridges] == ["15555550001"]
    assert carrier.faults == []


def test_bridges_can_be_seen_while_they_last(
    carrier: Carrier, application: Application, place: Place, flexml: requests.Session
) -> None:
    transfers(application, dial())
    for number in ("15555550115", "15555550215"):
        place(number)
        carrier.advance(2)
    carrier.advance(6)
    first, second = carrier.bridges
    assert (first.answered_at, second.answered_at) == (9.5, None)
    assert (first.ended_at, first.seconds, first.status) == (None, 0, None)
    shown = [call["bridges"][0] for call in flexml.get(f"{carrier.base_url}/_simulator/calls").json()]
    assert [(bridge["number"], bridge["answered_at"], bridge["seconds"]) for bridge in shown] == [
        (AGENT, 9.5, 0),
        (AGENT, None, 0),
    ]


def test_who_presses_1_again_after_a_prompt_is_rung_through_again(
    carrier: Carrier, application: Application, place: Place
) -> None:
    transfers(application, dial())
    application.answers("/dialled", respond(gather("/again", play("busy"))))
    application.answers("/again", respond(dial('timeLimit="5"')))
    place("15555550116")
    carrier.advance_until_idle()
    assert [bridge.seconds for bridge in carrier.bridges] == [20, 5]
    assert carrier.calls[0].keys == ["1", "1"]


def test_the_seconds_of_a_talk_may_be_null(carrier: Carrier, application: Application, place: Place) -> None:
    transfers(application, dial())
    carrier.inject("nulls")
    place("15555550115")
    carrier.advance_until_idle()
    assert told(application) == [("completed", None)]


def test_an_agent_may_answer_only_the_second_time(carrier: Carrier, application: Application, place: Place) -> None:
    transfers(application, dial(number="15555551006"))
    for _ in range(2):
        place("15555550115")
        carrier.advance_until_idle()
    assert told(application) == [("failed", 0), ("completed", 20)]
