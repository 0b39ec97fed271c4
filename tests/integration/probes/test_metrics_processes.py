"""Two web servers, cron runs that come and go, and one scrape of one of them: the sums are those of all."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
import requests
from pytest_django import Settings

from blast_api.domain.callbacks import Party
from blast_api.domain.states import CallStatus
from blast_api.models import Call
from blast_api.simulator import Carrier
from tests.kits.callbacks import path
from tests.kits.processes import Processes, processes, wait_until
from tests.kits.released import released
from tests.kits.scraped import numbers

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def group(carrier: Carrier, settings: Settings) -> Iterator[Processes]:
    settings.MAX_CALLS_PER_SECOND = 100
    with processes() as group:
        yield group


def _web(group: Processes) -> str:
    """A web server as a process of its own, when it answers; its address."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    group.manage("runserver", "--noreload", str(port))
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: _answers(url))
    return url


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=60).ok
    except requests.ConnectionError:
        return False


def _scraped(url: str) -> dict[str, float]:
    answer = requests.get(f"{url}/metrics", timeout=60)
    answer.raise_for_status()
    return numbers(answer.text)


def test_one_scrape_tells_what_all_processes_of_the_host_have_counted(group: Processes, carrier: Carrier) -> None:
    webs = [_web(group), _web(group)]
    for count in (6, 4):
        released(count)
        assert group.manage("runcrons").wait(300) == 0
    assert len(carrier.calls) == 10
    for at, call in enumerate(Call.objects.filter(status=CallStatus.ONGOING)):
        for step in ("answered", "status"):
            address = path(Party.RECIPIENT, call.pk, call.serial, step)
            body = {"CallStatus": "completed" if step == "status" else "in-progress"}
            assert requests.post(f"{webs[at % 2]}{address}", json=body, timeout=60).status_code == 200
    assert group.manage("runcrons").wait(300) == 0  # writes the records
    first, second = (_scraped(url) for url in webs)
    for told in (first, second):
        assert told["placements_total calls accepted"] == 10
        assert told["callbacks_total CallAnswered 200"] == 10
        assert told["callbacks_total CallStatus 200"] == 10
        assert told["callback_seconds_count CallAnswered"] == 10
        assert told["attempts_ended_total no-answer"] == 10  # nobody was told to have heard anything
        assert told["shouts_ended_total finished"] == 2
        assert told["queue_depth calls"] == 0
        assert told["database_up"] == 1


def test_what_was_counted_is_there_after_a_web_server_was_killed(group: Processes) -> None:
    url = _web(group)
    for _ in range(3):
        assert requests.post(f"{url}/api/v1/call-control/nothing", timeout=60).status_code == 403
    assert _scraped(url)["callbacks_refused_total no_address"] == 3
    group.kill(group.children[-1])
    url = _web(group)
    assert requests.post(f"{url}/api/v1/call-control/nothing", timeout=60).status_code == 403
    assert _scraped(url)["callbacks_refused_total no_address"] == 4
