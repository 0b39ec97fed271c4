from __future__ import annotations

import re

import pytest

from blast_api.domain import recipients
from blast_api.domain.recipients import Recipient

NUMBER = "15555551010"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("+1 (555) 555-1010", Recipient(NUMBER)),
        (15555551010, Recipient(NUMBER)),
        ({"number": "+1 (555) 555-1010"}, Recipient(NUMBER)),
        ({"number": 15555551010, "zone": None, "reference": None}, Recipient(NUMBER)),
        ({"number": NUMBER, "zone": "America/Chicago"}, Recipient(NUMBER, "America/Chicago")),
        ({"number": NUMBER, "reference": "pupil 12"}, Recipient(NUMBER, "", "pupil 12")),
        ({"reference": " \u00fc\n", "zone": "UTC", "number": NUMBER}, Recipient(NUMBER, "UTC", " \u00fc\n")),
        ({"number": NUMBER, "reference": ""}, Recipient(NUMBER)),
        ({"number": NUMBER, "reference": "a" * 255}, Recipient(NUMBER, "", "a" * 255)),
    ],
)
def test_a_recipient_is_a_number_or_an_object(written: object, read: Recipient) -> None:
    assert recipients.recipient(written, region=None) == read


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("x", "'x' is not a phone number with country code."),
        (None, "None is not a phone number."),
        (True, "True is not a phone number."),
        ([NUMBER], f"['{NUMBER}'] is not a phone number."),
        ("1" * 65, f"{'1' * 65!r:.80} is too long for a phone number."),
        ({}, "number: This key is required."),
        ({"number": None}, "number: None is not a phone number."),
        ({"number": "x"}, "number: 'x' is not a phone number with country code."),
        ({"number": {"number": NUMBER}}, f"number: {{'number': '{NUMBER}'}} is not a phone number."),
        (
            {"number": NUMBER, "zone": "Mars/X"},
            "zone: 'Mars/X' is no time zone that this system knows, as America/Chicago.",
        ),
        ({"number": NUMBER, "zone": "recipient"}, "zone: 'recipient' is no time zone that this system knows"),
        ({"number": NUMBER, "zone": ""}, "zone: '' is no time zone"),
        ({"number": NUMBER, "zone": 1}, "zone: 1 is no time zone"),
        ({"number": NUMBER, "zone": ["UTC"]}, "zone: ['UTC'] is no time zone"),
        ({"number": NUMBER, "reference": 12}, "reference: 12 is not a text."),
        ({"number": NUMBER, "reference": "a" * 256}, "reference: has more than 255 characters."),
        ({"number": NUMBER, "reference": "a\0"}, "reference: 'a\\x00' has characters that cannot be stored."),
        ({"number": NUMBER, "reference": "\ud800"}, "reference: '\\ud800' has characters that cannot be stored."),
        ({"number": NUMBER, "colour": "red"}, "'colour': There is no such key."),
        ({"phone": "x"}, "'phone': There is no such key. number: This key is required."),
        ({"number": NUMBER, "\ud800": 1}, "'\\ud800': There is no such key."),
        ({"number": NUMBER, "x" * 1000: 1}, f"'{'x' * 79}: There is no such key."),
    ],
)
def test_what_is_none_is_told_in_a_sentence(written: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)) as fault:
        recipients.recipient(written, region=None)
    assert str(fault.value).startswith(sentence)
    assert str(fault.value).encode()  # as an answer can carry it


def test_of_a_number_that_comes_twice_the_first_counts() -> None:
    first, other, again = Recipient(NUMBER, "UTC", "first"), Recipient("15555551011"), Recipient(NUMBER, "", "again")
    assert recipients.each_once([first, other, again, other]) == [first, other]
