from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blast_api.lists.formulas import as_it_was, harmless

RISKY = ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"]


@pytest.mark.parametrize("begin", RISKY)
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(begin: str) -> None:
    assert harmless(f"{begin}1+1") == f"'{begin}1+1"
    assert harmless(f"1{begin}1") == f"1{begin}1"
    assert as_it_was(f"'{begin}1+1") == f"{begin}1+1"


@given(st.text() | st.builds("{}{}{}".format, st.sampled_from(["", "'", "''"]), st.sampled_from(RISKY), st.text()))
def test_every_text_comes_back(text: str) -> None:
    assert not harmless(text).startswith(tuple(RISKY))
    assert as_it_was(harmless(text)) == text


@pytest.mark.parametrize("text", ["", "'", "'tis", "15555551010", "Muñoz, Ana", " =1"])
def test_other_texts_are_left(text: str) -> None:
    assert harmless(text) == as_it_was(text) == text
