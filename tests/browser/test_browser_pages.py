"""Every page in a real browser: for a screen reader, a keyboard, a telephone, by day and by night."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import CronHost, Message
from blast_api.monitoring import counters
from tests.kits import factories
from tests.kits.browsing import Surf

SIZES = [
    pytest.param(
        {
            "viewport": {"width": width, "height": 800},
            "color_scheme": scheme,
            "locale": locale,
            "timezone_id": "America/New_York",
        },
        id=f"{width} {scheme} {locale}",
    )
    for width, scheme, locale in (
        (360, "light", "en-US"),
        (360, "dark", "es-MX"),
        (1280, "dark", "en-US"),
        (2560, "light", "es-ES"),
    )
]
PAGES = [
    "/",
    "/?q=nothing",
    "/shouts/{pk}",
    "/shouts/{paused}",
    "/shouts/new",
    "/numbers",
    "/do-not-call",
    "/do-not-call?application=*",
    "/numbers/15555550000",
    "/operations",
    "/shouts/987654",
]


def shouts() -> dict[str, int]:
    """One that goes on, with a title as long as may be, and one that is paused."""
    made: dict[str, int] = {}
    now = timezone.now()
    for name, title, fields in (
        ("pk", "😀" * 255, {}),
        ("paused", "إغلاق المدرسة", {"paused_at": now, "paused_because": "asked"}),
    ):
        message = factories.message(title=title, status=ShoutStatus.ONGOING, starts_at=now, started=now, **fields)
        factories.author_call(message, recorded=True)
        message.save()
        for index, status in enumerate(CallStatus.values * 3):
            began = now - timedelta(seconds=index * 2)
            factories.call(message, status=status, attempts=1, due_at=now, started=began, reference="ref" * 20)
        made[name] = message.pk
    return made


@pytest.mark.parametrize("window", SIZES, indirect=True)
def test_every_page_is_for_everybody(window: Surf) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    made = shouts()
    CronHost.objects.create(
        name="a-host-with-a-long-name.of.a.long.domain.example", last_run=timezone.now() - timedelta(days=1)
    )
    for family in counters.families():  # the longest of each
        if isinstance(family, counters.Counter):
            family.add(
                *max((values for values, _ in family.samples(counters.read())), key=lambda one: len("".join(one)))
            )
    for path in PAGES:
        window.open(path.format(**made))
        found = axe.run(window.page).response["violations"]
        assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == [], path
        assert window.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    # One of them is an answer of 404, which a browser notes.
    window.troubles = [word for word in window.troubles if "404" not in word]


def test_an_empty_installation_and_the_way_in(window: Surf, signing_in: None) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    window.open("/")
    assert window.page.url.endswith("/sign-in?next=%2F")
    assert axe.run(window.page).violations_count == 0
    assert Message.objects.count() == 0


def test_the_keys_search_help_and_go_home(window: Surf) -> None:
    window.open("/")
    window.page.keyboard.press("/")
    assert window.page.evaluate("document.activeElement.id") == "q"
    window.page.keyboard.type("snow?g")
    assert window.page.input_value("#q") == "snow?g"
    window.page.locator("h1").click()
    window.page.keyboard.press("?")
    assert window.page.locator("#keys-help").is_visible()
    window.page.keyboard.press("Escape")
    assert not window.page.locator("#keys-help").is_visible()
    window.open("/operations")
    window.page.keyboard.press("g")
    window.page.wait_for_url(window.url + "/")


def test_times_are_the_viewers_own(window: Surf) -> None:
    window.open("/")
    window.page.get_by_text("Times are of America/New_York.").wait_for()
