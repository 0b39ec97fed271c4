from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from pytest_django import Settings

from blast_api.simulator import Carrier
from tests.kits.stand_in import CALLER, Application, Place, running


@pytest.fixture
def application() -> Iterator[Application]:
    with running() as application:
        yield application


@pytest.fixture
def flexml(carrier: Carrier, settings: Settings) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.auth = (settings.FLEXML_API_USER, settings.FLEXML_API_PASSWORD)
        session.trust_env = False
        yield session


@pytest.fixture
def core(carrier: Carrier, settings: Settings) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {settings.CARRIERX_API_TOKEN}"
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
