"""A whole shout in a real browser, over the simulator: watched, paused, resumed, cancelled; and what may go wrong meanwhile."""

from __future__ import annotations

from blast_api.domain.roles import Role
from blast_api.models import Application
from tests.kits.browsing import Surf
from tests.kits.pages import PASSWORD, person
from tests.kits.world import World, recipient

_SOON_MS = 10_000


def see(window: Surf, words: str) -> None:
    """What appears without reloading."""
    window.page.get_by_text(words, exact=False).first.wait_for(timeout=_SOON_MS)


def test_a_shout_is_watched_paused_and_goes_on(window: Surf, world: World) -> None:
    shout = world.recorded(*(recipient(0, index=index) for index in range(3)), recipient(8), title="Snow day")
    window.open("/")
    window.page.get_by_role("link", name="Snow day").click()
    see(window, "4 waiting")
    window.page.get_by_role("button", name="Pause").click()
    see(window, "Paused. Nobody new is called")
    assert window.page.get_by_role("button", name="Resume").is_visible()
    assert not window.page.get_by_role("button", name="Pause").is_visible()
    world.play()
    assert world.calls(shout) == dict.fromkeys(world.calls(shout), "ready")
    window.page.get_by_role("button", name="Resume").click()
    see(window, "It goes on.")
    world.play()
    see(window, "1 opted out")
    see(window, "3 heard it")
    see(window, "finished")
    see(window, "development resumed it")


def test_a_shout_is_cancelled_by_keyboard_alone(window: Surf, world: World) -> None:
    shout = world.recorded(recipient(0), title="Snow day")
    window.open(f"/shouts/{shout}")

    def to(name: str) -> None:
        for _ in range(60):
            window.page.keyboard.press("Tab")
            if window.page.evaluate("document.activeElement.textContent.trim()") == name:
                return
        raise AssertionError(f"no key leads to {name}")

    to("Cancel…")
    window.page.keyboard.press("Enter")
    to("Cancel the shout")
    window.page.keyboard.press("Enter")
    see(window, "Cancelled. Nobody else is called.")
    assert world.status(shout) == "canceled"


def test_a_server_that_is_away_is_said_so_and_found_again(window: Surf, world: World) -> None:
    shout = world.recorded(recipient(0), title="Snow day")
    window.open(f"/shouts/{shout}")
    window.page.route("**/*", lambda route: route.abort())
    see(window, "No answer since")
    window.page.unroute("**/*")
    world.play()
    see(window, "finished")
    window.page.locator("#trouble").wait_for(state="hidden", timeout=_SOON_MS * 3)
    window.troubles = [word for word in window.troubles if "ailed to" not in word and "ERR_FAILED" not in word]


def test_who_is_signed_out_in_the_middle_is_asked_in_again(window: Surf, world: World, signing_in: None) -> None:
    shout = world.recorded(recipient(0), title="Snow day")
    somebody = person("ann", Role.OPERATOR)
    window.open(f"/shouts/{shout}")
    window.page.get_by_label("Name").fill("ann")
    window.page.get_by_label("Password").fill(PASSWORD)
    window.page.get_by_role("button", name="Sign in").click()
    see(window, "Snow day")
    somebody.is_active = False
    somebody.save()
    window.page.wait_for_url("**/sign-in?next=*", timeout=_SOON_MS)
    window.troubles = [word for word in window.troubles if "401" not in word]


def test_a_viewer_has_no_buttons(window: Surf, world: World, signing_in: None) -> None:
    shout = world.recorded(recipient(0), title="Snow day")
    person("vic", Role.VIEWER, *Application.objects.all())
    window.open(f"/shouts/{shout}")
    window.page.get_by_label("Name").fill("vic")
    window.page.get_by_label("Password").fill(PASSWORD)
    window.page.get_by_role("button", name="Sign in").click()
    see(window, "Snow day")
    assert window.page.get_by_role("button", name="Cancel…").count() == 0
