"""A new shout in a real browser: said, checked and sent, once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from blast_api.models import Deed, Message
from tests.kits import factories, sounds
from tests.kits.browsing import Surf
from tests.kits.library import ours
from tests.kits.world import World, recipient

_SOON_MS = 15_000


def say(window: Surf, **fields: str) -> None:
    for name, value in fields.items():
        window.page.locator(f"[name={name}]").fill(value)


def check(window: Surf) -> None:
    window.page.get_by_role("button", name="Check").click()


def see(window: Surf, words: str) -> None:
    window.page.get_by_text(words, exact=False).first.wait_for(timeout=_SOON_MS)


@pytest.fixture
def place_for_sounds(world: World) -> None:
    """An application, and a carrier with a place for its recordings."""
    factories.application()
    ours(world.carrier)


def test_a_text_goes_to_a_pasted_list_after_a_look_at_who_is_called(
    window: Surf, place_for_sounds: None, world: World
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    window.open("/shouts/new")
    say(window, userdata="user", title="Snow day", text="School is closed on Monday.")
    check(window)
    see(window, "Paste numbers, or choose a file.")
    say(window, numbers=f"Name\tPhone\nAnn\t{recipient(0)}\nBob\t{recipient(0, index=1)}\nAnn again\t{recipient(0)}\n")
    check(window)
    see(window, "2 are called")
    see(window, "1 named twice")
    see(window, "column 2 “Phone”")
    assert axe.run(window.page).violations_count == 0
    assert Message.objects.count() == 0
    window.page.get_by_role("button", name="Send to 2 recipients").click()
    window.page.wait_for_url(re.compile(r"/shouts/\d+$"), timeout=_SOON_MS)
    world.play()
    see(window, "2 heard it")
    assert Deed.objects.get().action == "send"


def test_a_sound_goes_to_a_file(window: Surf, place_for_sounds: None, world: World, tmp_path: Path) -> None:
    sound, numbers = tmp_path / "notice.wav", tmp_path / "list.csv"
    sound.write_bytes(sounds.pcm(sounds.speech(3)))
    numbers.write_text(f"number;reference\n{recipient(0)};ann\n")
    window.open("/shouts/new")
    say(window, userdata="user")
    window.page.get_by_label("A sound file").check()
    window.page.locator("[name=sound]").set_input_files(sound)
    window.page.locator("[name=file]").set_input_files(numbers)
    check(window)
    window.page.get_by_role("button", name="Send to 1 recipient").click(timeout=_SOON_MS)
    window.page.wait_for_url(re.compile(r"/shouts/\d+$"), timeout=_SOON_MS)
    world.play()
    see(window, "1 heard it")
