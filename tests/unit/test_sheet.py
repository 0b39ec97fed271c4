"""What tells of the operator's keys is made of their one description: the template, and the table of the documentation."""

from __future__ import annotations

import runpy

import pytest

from blast_api.conf import configuration
from blast_api.domain.configuration import KEYS, RETIRED, SECRETS
from blast_api.domain.keys import Key
from blast_api_project import sheet

AGAIN = "run `python -m blast_api_project.sheet`"


def test_the_template_is_made_of_the_keys() -> None:
    assert sheet.TEMPLATE.read_text() == sheet.template(), AGAIN


def test_the_page_of_the_documentation_is_made_of_the_keys() -> None:
    page = sheet.PAGE.read_text()
    assert all(f"\n| `{name}` | " in page for name in KEYS)
    assert page == sheet.page(page), AGAIN


def test_the_template_says_the_defaults() -> None:
    written = runpy.run_path(str(sheet.TEMPLATE))
    assert {name: value for name, value in written.items() if name.isupper()} == {
        name: key.default for name, key in KEYS.items()
    }


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_key_is_described_for_everyone_who_tells_of_it(key: Key) -> None:
    key.allowed.parse(key.default)  # raises nothing
    assert key.hint
    assert "{default}" not in key.hint
    assert not key.meaning.endswith(".")
    assert not set("|\n") & set(key.meaning)


def test_a_key_of_a_former_release_is_none_of_this_one() -> None:
    assert not RETIRED & KEYS.keys()


def test_the_configuration_does_not_show_its_secrets() -> None:
    shown = repr(configuration())
    assert "max_retries=3" in shown
    assert not any(name.lower() in shown for name in SECRETS)
