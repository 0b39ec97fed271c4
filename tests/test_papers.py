"""What the documents say is there, is there: tests, files, settings, commands and pages that they name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from blast_api import __version__

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
PAPERS = [*(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY", "CHANGELOG")), *PAGES]
LINKED = [
    *PAPERS,
    ROOT / "prompts/README.md",
    ROOT / "clients/python/README.md",
    *sorted((ROOT / ".github").rglob("*.md")),
]
NAMED = re.compile(r"`((?:tests/|)[\w/]*test_\w+(?:\.py)?|tests/\w+(?:/\w+)*)`")
FILE = re.compile(r"`([.\w-]+/[\w./-]*\.(?:py|md|ini|conf|yml|json|service|template|logrotate|wav|toml))`")
TESTS = {file.name: file for file in (ROOT / "tests").rglob("test_*.py")}
FUNCTIONS = {name for file in TESTS.values() for name in re.findall(r"^\s*def (test_\w+)", file.read_text(), re.M)}
LONGEST_README = 150  # lines


def named() -> list[tuple[str, str]]:
    return [(paper.name, name) for paper in PAPERS for name in sorted(set(NAMED.findall(paper.read_text())))]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(paper: Path) -> str:
    """The text without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```$", "", paper.read_text(), flags=re.DOTALL | re.MULTILINE)


def links(paper: Path) -> list[str]:
    """Where its relative links lead."""
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(paper)))
    return [target for target in targets if "://" not in target]


def anchors(paper: Path) -> set[str]:
    """The names of its headings, as the site and the repository's host both make them."""
    headings = re.findall(r"^#+ (.*)$", prose(paper), re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def rows(paper: Path, section: str = "") -> Iterator[list[str]]:
    """The names in the first column of its tables, row by row."""
    for line in paper.read_text().partition(section)[2].splitlines() if section else paper.read_text().splitlines():
        if line.startswith("| `"):
            yield re.findall(r"`([^`]+)`", line.split(" | ")[0])


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


@pytest.mark.parametrize("paper", [paper for paper in LINKED if paper.name != "CHANGELOG.md"], ids=relative)
def test_a_file_that_a_paper_names_is_there(paper: Path) -> None:
    """From the top, or as the plan of `blast_api` names it. An operator's own files are made from templates."""
    made = {"blast_api_project/configuration.py", "site/index.html"}
    for name in set(FILE.findall(paper.read_text())) - made:
        assert (ROOT / name).exists() or (ROOT / "blast_api" / name).exists(), name


@pytest.mark.parametrize("paper", LINKED, ids=relative)
def test_links_lead_somewhere(paper: Path) -> None:
    for link in links(paper):
        name, _, anchor = link.partition("#")
        target = (paper.parent / name).resolve() if name else paper
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_site_has_every_page_and_its_first_page_leads_to_each() -> None:
    pages = [str(page.relative_to(DOCS)) for page in PAGES]
    assert sorted(re.findall(r"(?m)^ +- .+: (\S+\.md)$", (ROOT / "mkdocs.yml").read_text())) == pages
    assert sorted({*links(DOCS / "index.md"), "index.md"}) == pages


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_blocks_begin_at_the_margin(page: Path) -> None:
    """In a list the site takes them for words of the sentence."""
    assert not re.search(r"^[ \t]+```", page.read_text(), re.MULTILINE)


def test_the_readme_is_short_and_leads_on() -> None:
    readme = ROOT / "README.md"
    assert len(readme.read_text().splitlines()) <= LONGEST_README
    pages = {str((ROOT / link).relative_to(DOCS)) for link in links(readme) if link.startswith("docs/")}
    assert {"index.md", "quickstart.md", "how-to/deploy.md", "reference/api.md", "glossary.md"} <= pages


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md"])
def test_a_newcomer_finds_the_commands_that_set_the_service_up(page: str) -> None:
    text = (ROOT / page).read_text()
    for line in (
        "python -m venv env; source env/bin/activate; pip install -r requirements.txt\n",
        "cp blast_api_project/configuration.py.template blast_api_project/configuration.py\n",
        "python manage.py makemigrations\n",
        "python manage.py migrate\n",
        "python manage.py runserver\n",
        "python manage.py runcrons\n",
        "http://localhost:8000/docs",
        "make demo",
    ):
        assert line in text


def test_the_configuration_page_tells_of_every_key_and_of_no_other() -> None:
    template = (ROOT / "blast_api_project/configuration.py.template").read_text()
    told = {name for row in rows(DOCS / "reference/configuration.md") for name in row}
    # What production takes from its own settings stands in the template as a comment, if at all.
    assert set(re.findall(r"^([A-Z]\w+) = ", template, re.MULTILINE)) == told - {"STATE_DIR"}


def test_the_commands_page_tells_of_every_command_and_of_no_other() -> None:
    commands = {file.stem for file in (ROOT / "blast_api/management/commands").glob("[!_]*.py")}
    assert {row[0].split()[0] for row in rows(DOCS / "reference/commands.md")} == commands


def test_an_action_that_the_manual_tells_of_is_logged() -> None:
    code = "".join(file.read_text() for file in (ROOT / "blast_api").rglob("*.py"))
    actions = [name for row in rows(DOCS / "reference/logs.md", "\n## Actions to watch\n") for name in row]
    assert len(actions) > 20
    assert [name for name in actions if f'"{name}"' not in code] == []


def test_the_newest_release_in_the_changelog_is_the_version_of_the_code() -> None:
    unreleased, *released = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert unreleased == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", heading) for heading in released)
    assert released[0].startswith(f"{__version__} - ")
