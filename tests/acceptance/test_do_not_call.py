"""Three lists keep a telephone from ringing: a user's, an application's own, and the operator's."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

import pytest
from django.db import connection
from django.utils import timezone

from blast_api.domain.rules.listing import ListedBy
from blast_api.models import Call
from blast_api.services import dnc
from blast_api.services.dnc import DoNotCallList
from tests.kits import unhurried
from tests.kits.commands import run
from tests.kits.ears import calls_to, heard
from tests.kits.world import World, recipient

OTHER = "another user"


def test_each_list_binds_whom_it_should(world: World, tmp_path: Path) -> None:
    of_user, of_all, of_everybody, free = (recipient(0, index=index) for index in range(4))
    for path, number in (("/dnc?userdata=user", of_user), ("/dnc", of_all)):
        assert world.post(path, {"numbers": [number]}).json() == {"added": 1, "there_before": 0}
    register = tmp_path / "register.csv"
    register.write_text(f"number\n{of_everybody}\n")
    assert run("dnc", "import", str(register), "--everyone").code == 0

    shouts = {user: world.recorded(of_user, of_all, of_everybody, free, userdata=user) for user in ("user", OTHER)}
    world.play()

    assert [len(calls_to(world.carrier, number)) for number in (of_user, of_all, of_everybody, free)] == [1, 0, 0, 2]
    listed = {of_all: "do not call", of_everybody: "do not call", free: "completed"}
    assert world.calls(shouts["user"]) == {of_user: "do not call", **listed}
    assert world.calls(shouts[OTHER]) == {of_user: "completed", **listed}
    why = {
        number: world.get("/calls", phone=number, userdata="user")[0]["reason"]
        for number in (of_user, of_all, of_everybody)
    }
    assert why[of_user].startswith("on the do-not-call list since ")
    assert why[of_all].endswith(", by a request")
    assert why[of_everybody].startswith("on the operator's do-not-call list since ")
    assert world.carrier.faults == []


def test_who_presses_5_is_told_with_the_call_and_comes_off_again(world: World) -> None:
    number = recipient(8)
    shout = world.recorded(number)
    world.play()
    (call,) = world.get("/calls", **{"shout-id": shout})
    (entry,) = world.get("/dnc", userdata="user")
    assert (entry["number"], entry["by"], entry["call"]) == (number, "key", call["id"])
    assert world.delete(f"/dnc?userdata=user&number={number}").status_code == 204
    assert world.dnc() == []


@pytest.mark.parametrize("everybody", [False, True])
def test_what_waits_at_the_carrier_is_withdrawn_and_never_rings(world: World, everybody: bool) -> None:
    """Handed over ahead of its time, and listed then: by a request, or by the operator."""
    number, other = recipient(0), recipient(0, index=1)
    at = (timezone.now() + timedelta(seconds=20)).isoformat()
    shout = world.recorded(number, other, schedule=at)
    unhurried.run_once()
    waiting = Call.objects.get(message=shout, number=number)
    assert (waiting.status, bool(waiting.sid)) == ("pending", True)
    if everybody:
        dnc.put(DoNotCallList(), [number], by=ListedBy.OPERATOR)
    else:
        world.post("/dnc", {"numbers": [number]})
    unhurried.run_once()
    world.carrier.advance_until_idle()
    world.sweep()
    assert world.calls(shout)[number] == "do not call"
    assert all(heard(call) == [] and call.answered_at is None for call in calls_to(world.carrier, number))


def test_an_import_beside_a_running_dispatcher_costs_no_call_and_lets_nobody_hear(world: World) -> None:
    """The lists grow by thousands while calls are claimed, placed and answered."""
    people = [recipient(0, index=index) for index in range(60)]
    shout = world.recorded(*people)
    stop = Event()

    def importing() -> None:
        try:
            fillers = [f"1555{700 + index // 10000}{index % 10000:04d}" for index in range(6000)]
            dnc.put(DoNotCallList(), [*fillers, *people[::2]], by=ListedBy.OPERATOR)
        finally:
            connection.close()
            stop.set()

    thread = Thread(target=importing)
    thread.start()
    world.play()
    thread.join()
    world.play()
    assert stop.is_set()
    calls = world.calls(shout)
    assert {calls[number] for number in people[1::2]} == {"completed"}
    assert {calls[number] for number in people[::2]} <= {"completed", "do not call"}
    for number in people[::2]:
        ends = [heard(call) for call in calls_to(world.carrier, number)]
        assert (calls[number] == "completed") == any(ends)
    assert world.status(shout) == "finished"
    assert world.carrier.faults == []


def test_a_client_that_means_one_user_does_not_change_the_list_of_all(world: World) -> None:
    for path in ("/dnc?userdata=", "/dnc?user=user"):
        answer = world.post(path, {"numbers": [recipient(0)]})
        assert answer.status_code == 400
    assert world.get("/dnc") == []
