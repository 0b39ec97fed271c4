"""The application in the client's paper: word for word, but for its addresses."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path

import pytest
from pytest_django import Settings

from blast_api.webhooks.wire import WebhookWire
from tests.kits.receiver import send
from tests.kits.world import World

NETWORK = "127.0.0.1/32"
PACKAGE = Path(__file__).resolve().parents[2] / "clients/python"
(APPLICATION,) = re.findall(r"^```python\n(.*?)^```$", (PACKAGE / "README.md").read_text(), re.DOTALL | re.MULTILINE)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_it_has_thirty_lines() -> None:
    assert len(APPLICATION.splitlines()) <= 30


@pytest.mark.usefixtures("blast")
def test_an_application_that_is_written_from_the_paper_works(world: World, settings: Settings) -> None:
    settings.WEBHOOK_NETWORKS = [NETWORK]
    wire = WebhookWire(opened=[ip_network(NETWORK)])
    program = APPLICATION.replace("http://127.0.0.1:8000", world.url).replace("9000", str(free_port()))
    environment = os.environ | {"PYTHONPATH": str(PACKAGE / "src")}
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while process.poll() is None:
            world.play()
            send(wire)
        assert process.stdout is not None
        assert process.stderr is not None
        said, complaints = process.stdout.read().decode(), process.stderr.read().decode()
    assert process.returncode == 0, complaints
    first, *calls, last = said.splitlines()
    assert "'call': 2" in first
    assert [line.split()[:2] for line in calls] == [["15555551020", "completed"], ["15555551021", "completed"]]
    assert last == "shout.ended finished"
