from __future__ import annotations

import threading
import time

import pytest
import requests

from blast_api.simulator import Carrier, RealClock, VirtualClock, run, serve
from blast_api.simulator.agenda import Agenda, Runner
from tests.kits.stand_in import CALLER, PATIENCE_S, Application, Place, delivers_shouts, respond, wait_until


def order(application: Application, number: str, **fields: object) -> dict[str, object]:
    return {
        "called_did": number,
        "calling_did": CALLER,
        "url": f"{application.url}/deliver",
        "status_callback_url": f"{application.url}/status",
        **fields,
    }


def test_nothing_happens_by_itself_in_virtual_time(carrier: Carrier, application: Application, place: Place) -> None:
    place("15555550103")
    assert application.received == []
    carrier.advance(0.5)
    assert application.received == []
    carrier.advance(0.5)
    assert application.paths == ["/status"]
    assert carrier.clock.now() == 1.0


def test_events_come_in_the_order_of_their_time(carrier: Carrier, application: Application, place: Place) -> None:
    delivers_shouts(application)
    for number, delay in [("15555550103", 3), ("15555550100", 0), ("15555550105", 3), ("15555550114", 1)]:
        place(number, delay=delay)
    carrier.advance_until_idle()
    ended = sorted(carrier.calls, key=lambda call: call.ended_at or 0)
    assert [(call.number[-2:], call.ended_at) for call in ended] == [
        ("14", 2.0),
        ("03", 4.0),
        ("05", 4.0),
        ("00", 19.5),
    ]
    assert [parameters["To"] for parameters in application.at("/status")] == [call.number for call in ended]


def test_the_clock_stands_still_while_the_application_answers(
    carrier: Carrier, application: Application, place: Place
) -> None:
    def slow(_: object) -> str:
        time.sleep(0.05)
        return respond("<Pause/>")

    application.answers("/slow", slow)
    place("15555550100", "/slow")
    carrier.advance_until_idle()
    assert carrier.calls[0].ended_at == 3.0


def test_the_application_may_call_back_while_it_answers(
    carrier: Carrier, application: Application, place: Place, flexml: requests.Session
) -> None:
    waiting = place("15555550103", delay=500).json()["call_sid"]
    calls = f"{carrier.base_url}/flexml/v1/calls"

    def answer(_: object) -> str:
        body = {"called_did": "15555550103", "calling_did": CALLER}
        assert requests.post(calls, json=body, auth=flexml.auth, timeout=60).status_code == 200
        assert requests.delete(f"{calls}/{waiting}", auth=flexml.auth, timeout=60).status_code == 204
        return respond()

    application.answers("/busy-body", answer)
    place("15555550100", "/busy-body")
    assert carrier.advance_until_idle(limit=1000)
    assert [call.status for call in carrier.calls] == [None, "completed", "busy"]
    assert carrier.withdrawn == [waiting]


def test_time_cannot_be_advanced_from_within(carrier: Carrier, application: Application, place: Place) -> None:
    failures: list[RuntimeError] = []

    def answer(_: object) -> str:
        try:
            carrier.advance(1)
        except RuntimeError as error:
            failures.append(error)
        return respond()

    application.answers("/first", answer)
    place("15555550100", "/first")
    carrier.advance_until_idle()
    assert len(failures) == 1


def test_idle_is_only_what_leaves_nothing_behind(carrier: Carrier, place: Place) -> None:
    place("15555550103", delay=100)
    assert not carrier.advance_until_idle(limit=50)
    assert carrier.advance_until_idle()
    assert carrier.clock.now() == 101.0


def test_a_reset_forgets_everything(carrier: Carrier, application: Application, place: Place) -> None:
    delivers_shouts(application)
    carrier.inject("silent", number="15555550199")
    place("15555550100")
    place("15555550100", delay=50)
    carrier.advance(3)
    assert requests.post(f"{carrier.base_url}/_simulator/reset", timeout=60).status_code == 204
    seen = len(application.received)
    assert carrier.advance_until_idle()
    assert (carrier.calls, carrier.waiting, carrier.arrivals, carrier.faults) == ([], [], [], [])
    assert (carrier.files, carrier.injections.waiting) == ({}, ())
    assert list(carrier.containers) == [carrier.storage.default_sid]
    assert len(application.received) == seen
    place("15555550103")
    carrier.advance_until_idle()
    assert carrier.calls[0].attempt_index == 0


def test_virtual_and_real_time_are_not_mixed_up() -> None:
    virtual, real = Carrier(VirtualClock()), Carrier(RealClock())
    with pytest.raises(TypeError):
        virtual.start()
    with pytest.raises(TypeError):
        real.advance(1)
    with pytest.raises(ValueError, match="positive"):
        RealClock(0)
    virtual.close()
    real.close()


def test_calls_proceed_by_themselves_in_real_time(application: Application) -> None:
    delivers_shouts(application)
    carrier = Carrier(RealClock(speed=200))
    with serve(carrier) as url, requests.Session() as session:
        carrier.start()
        carrier.start()  # twice is once
        numbers = [f"15555550{n}{ending}" for n in range(100, 110) for ending in ("00", "03", "08")]
        for number in numbers:
            assert session.post(f"{url}/flexml/v1/calls", json=order(application, number[-11:])).status_code == 200
        wait_until(lambda: all(call.status for call in carrier.calls))
        wait_until(lambda: len(application.at("/status")) == 30)
    assert sorted({call.status for call in carrier.calls if call.status}) == ["busy", "completed"]
    assert carrier.faults == []
    for sid in {call.sid for call in carrier.calls}:
        own = [received.path for received in application.received if received.parameters["CallSid"] == sid]
        assert own in (["/status"], ["/deliver", "/amd", "/status"], ["/deliver", "/amd", "/key", "/status"])


def test_real_time_can_be_stopped_and_started_again(application: Application) -> None:
    carrier = Carrier(RealClock(speed=200))
    with serve(carrier) as url:
        requests.post(f"{url}/flexml/v1/calls", json=order(application, "15555550103"), timeout=60)
        carrier.start()
        wait_until(lambda: carrier.calls[0].status == "busy")
        carrier.stop()
        carrier.stop()
        requests.post(f"{url}/flexml/v1/calls", json=order(application, "15555550105"), timeout=60)
        assert carrier.calls[1].status is None
        carrier.start()
        wait_until(lambda: carrier.calls[1].status == "failed")


def test_a_crash_of_the_simulator_is_no_silence() -> None:
    agenda, crashes = Agenda(), list[str]()

    def crash() -> None:
        raise LookupError("lost")

    runner = Runner(agenda, RealClock(), workers=1, on_crash=crashes.append)
    agenda.at(0, crash)
    wait_until(lambda: bool(crashes))
    runner.stop()
    assert crashes == ["the simulator itself failed: LookupError('lost')"]


def test_a_command_can_run_it_until_told_to_stop(application: Application) -> None:
    stop, ready = threading.Event(), threading.Event()
    urls: list[str] = []

    def on_ready(url: str) -> None:
        urls.append(url)
        ready.set()

    def command() -> None:
        run("127.0.0.1", 0, speed=100, user="", password="", token="", stop=stop, on_ready=on_ready)

    thread = threading.Thread(target=command)
    thread.start()
    assert ready.wait(PATIENCE_S)
    requests.post(f"{urls[0]}/flexml/v1/calls", json=order(application, "15555550103"), timeout=60)
    wait_until(lambda: "/status" in application.paths)
    stop.set()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    with pytest.raises(requests.ConnectionError):
        requests.get(urls[0], timeout=60)
