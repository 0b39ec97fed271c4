"""etc/blast-api.ini as shipped: the service under uWSGI, reloaded, stopped, and discreet in what uWSGI itself says."""

from __future__ import annotations

import json
import shutil
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from django.conf import settings

from blast_api.domain.callbacks import Party
from blast_api.models import DoNotCallNumber
from tests.kits.behind_nginx import nginx
from tests.kits.callbacks import delivered, path
from tests.kits.processes import wait_until
from tests.kits.uwsgi import PROCESSES, SHIPPED, Server, serving

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(settings.BASE_DIR)
ADDRESS = "/api/v1/call-control/calls/7/1/a-token-of-twenty-bytes/status"


@pytest.fixture
def uwsgi(tmp_path: Path) -> Iterator[Server]:
    with serving(SHIPPED, tmp_path) as server:
        yield server


def test_there_is_a_process_for_each_core_and_one_more(uwsgi: Server) -> None:
    assert len(uwsgi.workers()) == PROCESSES


def test_a_body_in_chunks_is_heard(uwsgi: Server) -> None:
    call = delivered(answerer="HUMAN")
    address = f"{uwsgi.url}{path(Party.RECIPIENT, call.pk, 1, 'key')}"
    chunks = iter([b'{"Digits"', b':"5"}'])  # requests sends what has no length in chunks
    answer = requests.post(address, data=chunks, headers={"X-Forwarded-Proto": "https"}, timeout=60)
    assert answer.status_code == 200
    assert DoNotCallNumber.objects.filter(number=call.number).exists()


def test_a_reload_replaces_every_process_and_everybody_is_answered(uwsgi: Server) -> None:
    before = uwsgi.workers()
    answered: list[int] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            answered.append(requests.get(f"{uwsgi.url}/healthz", timeout=30).status_code)

    asking = threading.Thread(target=ask)
    asking.start()
    uwsgi.process.send_signal(signal.SIGHUP)
    wait_until(lambda: not uwsgi.workers() & before)
    over.set()
    asking.join()
    assert set(answered) == {200}
    assert uwsgi.answers()


def test_sigterm_ends_it_in_good_order(uwsgi: Server) -> None:
    uwsgi.process.send_signal(signal.SIGTERM)
    assert uwsgi.process.wait(20) == 0
    assert not uwsgi.stats.exists()


_LOADS = """
import pathlib, time, uwsgi
from blast_api_project.wsgi import application

if uwsgi.worker_id() == 1:
    pathlib.Path({here!r}, "loading").touch()
    time.sleep(60)
"""


def test_sigterm_ends_it_while_a_process_still_loads(tmp_path: Path) -> None:
    (tmp_path / "loads.py").write_text(_LOADS.format(here=str(tmp_path)))
    ini = _changed(tmp_path, {"blast_api_project.wsgi": "loads", "module =": f"pythonpath = {tmp_path}\nmodule ="})
    with serving(ini, tmp_path, ready=(tmp_path / "loading").exists) as server:
        wait_until(lambda: server.loaded() == PROCESSES - 1)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0


def _changed(folder: Path, changes: dict[str, str]) -> Path:
    """A copy of what is shipped, for the same checkout, with other words for these."""
    text = SHIPPED.read_text()
    for shipped, ours in ({"chdir = %d..": f"chdir = {ROOT}"} | changes).items():
        assert text.count(shipped) == 1
        text = text.replace(shipped, ours)
    ini = folder / "changed.ini"
    ini.write_text(text)
    return ini


# --- An application that hangs ---------------------------------------------------------------------------------------

_HANGS = """
import os, time

def application(environ, start_response):
    asked = environ["QUERY_STRING"]
    while not os.path.exists(asked) if asked.startswith("/") else time.sleep(float(asked or 0)):
        time.sleep(0.02)
    start_response("200 OK", [])
    return [b"." * 100000]
"""


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[Server]:
    """The same server for an application that takes as long as it is told, and with less patience with it."""
    with serving(_hanging(tmp_path), tmp_path) as server:
        yield server


def _hanging(folder: Path) -> Path:
    (folder / "hanging.py").write_text(_HANGS)
    return _changed(
        folder,
        {
            "blast_api_project.wsgi": "hanging",
            "module =": f"pythonpath = {folder}\nmodule =",
            "harakiri:13": "harakiri:2",
        },
    )


def test_a_callback_that_hangs_is_ended_and_its_address_is_told_nobody(hanging: Server) -> None:
    with pytest.raises(requests.ConnectionError):
        requests.post(f"{hanging.url}{ADDRESS}?60", timeout=30)
    wait_until(lambda: b"HARAKIRI" in hanging.log.read_bytes())
    with pytest.raises(requests.ReadTimeout):  # gone before the answer
        requests.post(f"{hanging.url}{ADDRESS}?0.5", timeout=0.1)
    wait_until(hanging.answers)
    said = hanging.log.read_text()
    assert "/api/v1/call-control" in said
    assert "a-token" not in said
    assert "?60" not in said


def test_the_stats_tell_of_no_request(hanging: Server) -> None:
    asking = threading.Thread(target=requests.get, args=(f"{hanging.url}{ADDRESS}?1",))
    asking.start()
    wait_until(lambda: any(worker["status"] != "idle" for worker in hanging.told()["workers"]))
    assert "a-token" not in json.dumps(hanging.told())
    asking.join()


def test_sigterm_waits_for_answers_that_have_begun(hanging: Server) -> None:
    answers: list[int] = []
    asking = threading.Thread(
        target=lambda: answers.append(requests.get(f"{hanging.url}/a?1.5", timeout=30).status_code)
    )
    asking.start()
    wait_until(lambda: any(worker["status"] != "idle" for worker in hanging.told()["workers"]))
    hanging.process.send_signal(signal.SIGTERM)
    asking.join()
    assert answers == [200]
    assert hanging.process.wait(20) == 0


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_callbacks_are_answered_while_applications_hold_every_thread_of_theirs(tmp_path: Path) -> None:
    ini, over = _hanging(tmp_path), tmp_path / "over"
    folders = [tmp_path / name for name in ("web", "callbacks")]
    for folder in folders:
        folder.mkdir()
    few = {"WORKERS": "1", "THREADS": "2"}
    with (
        serving(ini, folders[0], more=few) as web,
        serving(ini, folders[1], more=few) as callbacks,
        nginx(tmp_path, web=_place(web), callbacks=_place(callbacks)) as front,
        ThreadPoolExecutor(2) as pool,
    ):
        try:
            held = [pool.submit(requests.get, f"http://{front}/api/v1/shouts?{over}") for _ in range(2)]
            wait_until(lambda: web.told()["workers"][0]["status"] == "busy")
            for _ in range(8):
                assert requests.post(f"http://{front}{ADDRESS}", timeout=60).status_code == 200
            assert not any(answer.done() for answer in held)
        finally:
            over.touch()
        assert [answer.result().status_code for answer in held] == [200, 200]
        callbacks.process.kill()
        wait_until(lambda: not callbacks.answers())  # its worker has seen that its master is gone
        assert requests.post(f"http://{front}{ADDRESS}", timeout=60).status_code == 200


def _place(server: Server) -> str:
    return server.url.removeprefix("http://")
