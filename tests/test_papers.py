"""What the documents say is there, is there: tests, files and settings that they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from blast_api import __version__

ROOT = Path(__file__).resolve().parent.parent
PAPERS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMED = re.compile(r"`((?:tests/|)[\w/]*test_\w+(?:\.py)?|tests/\w+(?:/\w+)*)`")
TESTS = {file.name: file for file in (ROOT / "tests").rglob("test_*.py")}
FUNCTIONS = {name for file in TESTS.values() for name in re.findall(r"^\s*def (test_\w+)", file.read_text(), re.M)}


def named() -> list[tuple[str, str]]:
    return [(paper.name, name) for paper in PAPERS for name in sorted(set(NAMED.findall(paper.read_text())))]


@pytest.mark.parametrize(("paper", "name"), named())
def test_a_test_that_a_paper_names_is_there(paper: str, name: str) -> None:
    if "/" in name:
        assert (ROOT / name).exists()
    elif name.endswith(".py"):
        assert name in TESTS
    else:
        assert name in FUNCTIONS


def test_the_security_paper_names_tests() -> None:
    assert len([paper for paper, _ in named() if paper == "security.md"]) > 30


def test_the_newest_release_in_the_changelog_is_the_version_of_the_code() -> None:
    unreleased, *released = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert unreleased == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", heading) for heading in released)
    assert released[0].startswith(f"{__version__} - ")
