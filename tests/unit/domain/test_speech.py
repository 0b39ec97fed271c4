"""Text as a person reads it aloud."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blast_api.domain.speech import LONGEST_S, LONGEST_TEXT, length_s, pieces, spoken

# What people write to be called about: figures and marks in any order, more often than chance would have it.
WRITTEN = st.one_of(
    st.text(max_size=300),
    st.text(alphabet="0123456789 .,:-–+()$%apmPMkx", max_size=80),
    st.lists(
        st.sampled_from(["555", "1010", "+1", "(555)", "7:30", "pm", "a.m.", "$1,250.50", "5%", "x12", "-", ",", ". "])
    ).map(" ".join),
)


NUMBERS = [
    ("Call 555-555-1010 now", "Call 5 5 5, 5 5 5, 1 0 1 0 now"),
    ("Call (555) 555-1010.", "Call 5 5 5, 5 5 5, 1 0 1 0."),
    ("(555)555-1010", "5 5 5, 5 5 5, 1 0 1 0"),
    ("555.555.1010, or 555 555 1010", "5 5 5, 5 5 5, 1 0 1 0, or 5 5 5, 5 5 5, 1 0 1 0"),
    ("5555551010", "5 5 5, 5 5 5, 1 0 1 0"),
    ("15555551010", "1, 5 5 5, 5 5 5, 1 0 1 0"),
    ("1-555-555-1010", "1, 5 5 5, 5 5 5, 1 0 1 0"),
    ("+1 (555) 555-1010", "1, 5 5 5, 5 5 5, 1 0 1 0"),
    ("+15555551010", "1, 5 5 5, 5 5 5, 1 0 1 0"),
    ("555-555-1010 ext. 42", "5 5 5, 5 5 5, 1 0 1 0, extension 4 2"),
    ("555-555-1010x7", "5 5 5, 5 5 5, 1 0 1 0, extension 7"),
    ("call 555-1010!", "call 5 5 5, 1 0 1 0!"),
    ("+44 20 7946 0958", "plus 4 4, 2 0, 7 9 4 6, 0 9 5 8"),
    ("+442079460958", "plus 4 4 2, 0 7 9, 4 6 0, 9 5 8"),
    ("+49 (30) 123456", "plus 4 9, 3 0, 1 2 3, 4 5 6"),
]


@pytest.mark.parametrize(("written", "read"), NUMBERS)
def test_a_phone_number_is_read_digit_by_digit(written: str, read: str) -> None:
    assert spoken(written) == read


TIMES = [
    ("at 7:30 pm", "at 7 30 P M"),
    ("at 7:30PM sharp", "at 7 30 P M sharp"),
    ("at 7:05 a.m. we", "at 7 oh 5 A M we"),
    ("at 7 p.m. Bring food.", "at 7 P M. Bring food."),
    ("It ends at 7 p.m.", "It ends at 7 P M."),
    ("at 9am", "at 9 A M"),
    ("at 12:00 pm", "at 12 P M"),
    ("at 19:00", "at 7 P M"),
    ("at 19:45, at 00:15", "at 7 45 P M, at 12 15 A M"),
    ("at 10:00", "at 10 o'clock"),
    ("at 12:30", "at 12 30"),
    ("7:30-8:30 pm", "7 30 to 8 30 P M"),
    ("9 – 11am", "9 to 11 A M"),
]


@pytest.mark.parametrize(("written", "read"), TIMES)
def test_a_time_is_read_as_one(written: str, read: str) -> None:
    assert spoken(written) == read


AMOUNTS = [
    ("$1,250.50", "1,250 dollars and 50 cents"),
    ("$1", "1 dollar"),
    ("$1.01", "1 dollar and 1 cent"),
    ("$0.99", "99 cents"),
    ("$0", "0 dollars"),
    ("$5.00.", "5 dollars."),
    ("$20, please", "20 dollars, please"),
    ("$3.2 million", "3.2 million dollars"),
    ("$10k", "10 thousand dollars"),
    ("$3.459", "3.459 dollars"),
    ("5% off", "5 percent off"),
    ("up to 12.5 %.", "up to 12.5 percent."),
]


@pytest.mark.parametrize(("written", "read"), AMOUNTS)
def test_an_amount_is_read_with_its_unit(written: str, read: str) -> None:
    assert spoken(written) == read


@pytest.mark.parametrize(
    "text",
    [
        "In 2026 we had 1,250 members and 3 dogs.",
        "The ratio is 16:9, the address 192.168.100.1, the order 12345678901234.",
        "It was 25:00 and 13 pm and 7:75.",
        "US$5, 100%sure, 5551010, B-555-555-1010, and www.example.org/555-555-1010",
        "1-800-FLOWERS",
        "+" + "1" * 60,
        "I am 30 amazed people",
        "-",
    ],
)
def test_what_is_none_of_these_stays(text: str) -> None:
    assert spoken(text) == text


def test_what_nobody_can_say_is_dropped_and_white_space_is_one_blank() -> None:
    assert spoken(" Hello,\r\n\tthere\u00a0\u2003you\0\x07\u200b\u202e\ud800!\n") == "Hello, there you!"


@given(st.lists(st.sampled_from([written for written, _ in (*NUMBERS, *TIMES, *AMOUNTS)])))
def test_what_is_spoken_already_stays(parts: list[str]) -> None:
    said = spoken(" and ".join(parts))
    assert spoken(said) == said


@given(WRITTEN)
def test_every_word_and_every_digit_is_still_there(text: str) -> None:
    """Not the ciphers of a clock, nor `$0.99`: those are in the tables above."""
    said = spoken(text)
    for word in text.replace("\0", "").split():
        if word.isascii() and word.isalpha() and len(word) > 3:
            assert word in said
    assert said.isprintable()


@given(WRITTEN.map(spoken), st.integers(1, 60))
def test_pieces_are_short_and_lose_nothing(text: str, longest: int) -> None:
    cut = pieces(text, longest)
    assert all(0 < len(piece) <= longest and piece == piece.strip() for piece in cut)
    assert "".join(cut).replace(" ", "") == text.replace(" ", "")


@given(WRITTEN.map(spoken))
def test_words_stay_whole_where_they_are_short(text: str) -> None:
    if max(map(len, text.split()), default=0) <= 100:
        assert " ".join(pieces(text, 100)).split() == text.split()


def test_a_text_is_cut_at_the_end_of_a_sentence_else_at_a_pause_else_between_words() -> None:
    assert pieces("Yes. It is so. Really, it is.", 20) == ["Yes. It is so.", "Really, it is."]
    assert pieces("One, two, three four five", 12) == ["One, two,", "three four", "five"]
    assert pieces("abcdefghij", 4) == ["abcd", "efgh", "ij"]
    assert pieces("That is $1,250.50 or 1.5 more", 20) == ["That is $1,250.50 or", "1.5 more"]
    assert pieces("") == []
    assert [len(piece) for piece in pieces("word " * 500)] == [1024, 1024, 449]


@given(WRITTEN)
def test_a_length_is_whole_seconds_and_bounded(text: str) -> None:
    assert 1 <= length_s(text) <= LONGEST_S


def test_a_length_is_near_what_a_voice_needs() -> None:
    """130 to 180 words a minute is how people read aloud."""
    sentence = "This is a message from your school about the bus that your children take in the morning. "
    assert 60 * len(sentence.split()) * 10 / 180 < length_s(sentence * 10) < 60 * len(sentence.split()) * 10 / 130
    assert length_s("") == length_s("Hi") == 1
    assert length_s(spoken("555-555-1010")) > 3 * length_s("school bus")
    assert length_s((sentence * 100)[:LONGEST_TEXT]) < LONGEST_S
    assert length_s("5 " * (LONGEST_TEXT // 2)) == LONGEST_S
