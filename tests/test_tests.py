"""How the tests are kept: each fixture has one home, and what several tests share lies in the kits. Read from the source."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

TESTS = Path(__file__).resolve().parent
# Of pytest and its plugins: a fixture of ours by such a name would be another one in one file than in the next.
TAKEN = {
    "admin_client",
    "caplog",
    "capsys",
    "client",
    "db",
    "live_server",
    "monkeypatch",
    "request",
    "rf",
    "settings",
    "tmp_path",
}
APART = {"bench", "kits"}  # programs of their own, and what is shared


@cache
def modules() -> dict[Path, ast.Module]:
    return {file.relative_to(TESTS): ast.parse(file.read_text()) for file in TESTS.rglob("*.py")}


def fixtures() -> Iterator[tuple[str, str]]:
    """Name and place of each."""
    for file, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                made_by = {
                    ast.unparse(each.func if isinstance(each, ast.Call) else each) for each in node.decorator_list
                }
                if "pytest.fixture" in made_by:
                    yield node.name, f"{file}:{node.lineno}"


def test_no_two_fixtures_have_one_name() -> None:
    places = defaultdict(list)
    for name, place in fixtures():
        places[name].append(place)
    assert len(places) > 50
    assert {name: found for name, found in places.items() if len(found) > 1 or name in TAKEN} == {}


def names_of(tree: ast.Module) -> Iterator[str]:
    """What a module imports; that which it names by dots, as such."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


def test_what_is_shared_comes_from_the_kits_by_its_whole_name() -> None:
    for file, tree in modules().items():
        if file.parts[0] != "bench":
            ours = {name for name in names_of(tree) if name.startswith((".", "tests"))}
            assert not {name for name in ours if not name.startswith("tests.kits.")}, file


def test_a_folder_of_tests_holds_tests() -> None:
    known = {"__init__", "conftest", "settings"}
    loose = {file for file in modules() if file.parts[0] not in APART and file.stem not in known}
    assert not {str(file) for file in loose if not file.stem.startswith("test_")}
    assert not {str(file) for file in modules() if file.parts[0] == "kits" and file.stem.startswith("test_")}
