from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import requests

from blast_api.simulator import Carrier, VirtualClock, serve
from tests.kits.stand_in import Application, running

CALLER = "15555550000"
KEYS = ("u", "p", "t")

Place = Callable[..., requests.Response]


@pytest.fixture
def carrier() -> Iterator[Carrier]:
    user, password, token = KEYS
    carrier = Carrier(VirtualClock(), user=user, password=password, token=token)
    with serve(carrier):
        yield carrier


@pytest.fixture
def application() -> Iterator[Application]:
    with running() as application:
        yield application


@pytest.fixture
def flexml(carrier: Carrier) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.auth = KEYS[:2]
        session.trust_env = False
        yield session


@pytest.fixture
def core(carrier: Carrier) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {KEYS[2]}"
        session.trust_env = False
        yield session


@pytest.fixture
def place(carrier: Carrier, application: Application, flexml: requests.Session) -> Place:
    """Ask the carrier for a call; the first argument is the number, the second the path of the first document."""

    def place(number: str, path: str = "/deliver", **fields: object) -> requests.Response:
        body = {
            "called_did": number,
            "calling_did": CALLER,
            "url": application.url + path,
            "status_callback_url": application.url + "/status",
            **fields,
        }
        return flexml.post(f"{carrier.base_url}/flexml/v1/calls", json=body, timeout=60, allow_redirects=False)

    return place
