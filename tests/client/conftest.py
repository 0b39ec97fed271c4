from __future__ import annotations

from collections.abc import Iterator

import pytest

from blast_api_client import Client
from tests.kits.library import ours
from tests.kits.world import World


@pytest.fixture
def blast(world: World) -> Iterator[Client]:
    """The client, on the service on loopback, whose carrier has room for recordings."""
    ours(world.carrier)
    with Client(world.url) as client:
        yield client
