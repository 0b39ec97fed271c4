"""The two phone menus, key by key."""

from __future__ import annotations

import pytest

from blast_api.domain.menus import Choice, Wish, at_delivery, at_verification, at_welcome

KEYS = [*"0123456789*#", ""]


@pytest.mark.parametrize("key", KEYS)
def test_only_the_star_records_at_the_welcome(key: str) -> None:
    expected = {"*": Choice.RECORD, "": Choice.NOTHING}
    assert at_welcome(key) is expected.get(key, Choice.INVALID)


@pytest.mark.parametrize("key", KEYS)
def test_the_verification_menu_knows_five_keys(key: str) -> None:
    expected = {
        "1": Choice.PLAY_BACK,
        "2": Choice.CONFIRM,
        "3": Choice.RECORD,
        "7": Choice.CANCEL,
        "0": Choice.HEAR_MENU,
        "": Choice.NOTHING,
    }
    assert at_verification(key) is expected.get(key, Choice.INVALID)


@pytest.mark.parametrize("key", KEYS)
def test_a_recipient_may_hear_it_again_or_opt_out_and_all_else_ends_the_call(key: str) -> None:
    expected = {"0": Wish.REPLAY, "5": Wish.OPT_OUT}
    assert at_delivery(key) is expected.get(key, Wish.END)


@pytest.mark.parametrize("digits", ["5#", "55", "50", "5" * 1000])
def test_the_first_key_counts(digits: str) -> None:
    assert at_delivery(digits) is Wish.OPT_OUT
    assert at_verification(f"2{digits}") is Choice.CONFIRM
    assert at_welcome(f"*{digits}") is Choice.RECORD


@pytest.mark.parametrize("digits", [" ", "a", "\0", "\u0665", "-5", "None"])
def test_what_no_telephone_sends_is_no_choice(digits: str) -> None:
    assert at_welcome(digits) is Choice.INVALID
    assert at_verification(digits) is Choice.INVALID
    assert at_delivery(digits) is Wish.END
