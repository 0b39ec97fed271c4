"""A real browser: Debian's Chromium, or whichever CHROMIUM names. Where there is none, these tests are skipped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests.kits.browsing import Surf

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

_CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
_WORDS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Playwright runs a loop in the thread of the test, which asks the database in between.
    if any("browser" in item.nodeid for item in items):
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    api = pytest.importorskip("playwright.sync_api", reason="requirements-browser.txt is not installed")
    if _CHROMIUM is None:
        pytest.skip("there is no Chromium")
    with api.sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=list(_WORDS))
    yield browser
    browser.close()


@pytest.fixture
def window(
    chromium: Browser, transactional_db: None, live_server: LiveServer, request: pytest.FixtureRequest
) -> Iterator[Surf]:
    """A window of 1280 × 900 in New York; `indirect` says otherwise. It ends without any trouble."""
    options = {"viewport": {"width": 1280, "height": 900}, "timezone_id": "America/New_York"}
    context = chromium.new_context(**options | getattr(request, "param", {}))
    surf = Surf(context.new_page(), live_server.url)
    here = urlsplit(live_server.url).netloc

    surf.page.on("console", lambda word: surf.troubles.append(word.text) if word.type in ("error", "warning") else None)
    surf.page.on("pageerror", lambda error: surf.troubles.append(str(error)))
    surf.page.on(
        "request", lambda asked: surf.troubles.append(asked.url) if urlsplit(asked.url).netloc != here else None
    )
    yield surf
    context.close()
    assert surf.troubles == []


@pytest.fixture
def signing_in(settings: Settings) -> None:
    """As in production: people sign in."""
    settings.DASHBOARD_OPEN = False
