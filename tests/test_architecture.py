"""Which way imports may point: down only. Read from the source, so that no import need be run."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from itertools import permutations
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APP = ROOT / "blast_api"
LONGEST = 400  # lines
NO_NAMES = {"utils", "helpers", "util", "common", "misc", "manager", "managers"}

# Floors, the highest first. A module may import from lower floors, and within its own room.
FLOORS: list[set[str]] = [
    {"management", "blast_api_project"},
    {"cron", "urls"},
    {"webhooks"},  # it tells of resources in the words of `rest`
    {"rest", "callcontrol", "probes", "dashboard"},
    {"dispatch", "operations"},
    {"services"},
    {"records"},
    {"monitoring", "logs"},
    {"models"},
    {"carrierx", "checks"},
    {"conf"},
    {"db"},
    {"audio", "lists"},
    {"sandbox"},
    {"domain"},
]
LOOSE = {"__init__", "apps", "checks", "conf", "cron", "urls"}  # what Django and the operator expect there
BESIDE = {"simulator", "apps", "migrations", "__init__", "demo"}  # with rules of their own
# Within the services: who may ask whom.
SERVICES = {
    "authors": {"shouts"},
    "recordings": set[str](),
    "sweeps": {"authors", "creation", "recordings", "shouts", "silence"},
    "claiming": {"caps", "dnc", "rules", "schedule", "shouts"},
    "delivery": {"attempts", "dnc", "events", "history", "pauses", "rules", "scripts", "shouts", "transfers"},
    "silence": {"delivery", "transfers"},
    "scripts": {"rules"},
    "takes": set[str](),
    "transfers": {"attempts", "events", "scripts"},
    "postponed": {"authors", "delivery", "transfers"},
    "attempts": {"dnc", "events", "history", "shouts"},
    "events": set[str](),
    "deliveries": {"webhooks"},
    "webhooks": set[str](),
    "creation": {"dnc", "events", "history", "recordings", "shouts"},
    "auditions": {"dnc", "recordings", "rules", "schedule", "shouts"},
    "shouts": {"events", "history", "rules", "schedule", "withdrawals"},
    "schedule": {"rules"},
    "history": set[str](),
    "applications": {"rules"},
    "rules": set[str](),
    "people": set[str](),
    "pauses": {"events", "rules", "schedule", "withdrawals"},
    "withdrawals": set[str](),
    "up": set[str](),
    "waiting": {"estimates", "rules", "schedule", "up"},
    "caps": set[str](),
    "estimates": set[str](),
    "preflight": {"caps", "dnc", "creation", "estimates", "schedule"},
    "dnc": {"events", "withdrawals"},
    "storage": set[str](),
    "uploads": {"storage"},
    "__init__": set[str](),
}


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the project by its dotted name."""
    files = [*APP.rglob("*.py"), *(ROOT / "blast_api_project").rglob("*.py")]
    return {".".join(file.relative_to(ROOT).with_suffix("").parts): ast.parse(file.read_text()) for file in files}


def imports_of(name: str) -> Iterator[tuple[str, ast.stmt]]:
    """The absolute dotted names that a module imports, type-checking ones among them."""
    for node in ast.walk(modules()[name]):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = name.split(".")[: -node.level] if node.level else []
            base = ".".join([*package, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield (inner if inner in modules() or f"{inner}.__init__" in modules() else base), node


def names_of(name: str) -> set[str]:
    return {imported for imported, _ in imports_of(name)}


def room(name: str) -> str:
    """`blast_api.rest.views` -> `rest`."""
    parts = name.split(".")
    if parts[0] == "blast_api_project":
        return parts[0]
    return parts[1] if len(parts) > 1 else "__init__"


def ours(imported: str) -> bool:
    return imported.split(".")[0] in ("blast_api", "blast_api_project")


def floor(of: str) -> int:
    """0 is the highest."""
    return next(index for index, rooms in enumerate(FLOORS) if of in rooms)


def in_rooms(*rooms: str) -> list[str]:
    return sorted(name for name in modules() if room(name) in rooms)


def test_nothing_lies_loose() -> None:
    assert {file.stem for file in APP.glob("*.py")} == LOOSE


def test_every_room_has_a_floor() -> None:
    known = set().union(*FLOORS) | BESIDE
    assert {room(name) for name in modules()} <= known


@pytest.mark.parametrize("name", sorted(modules()))
def test_imports_point_down(name: str) -> None:
    here = room(name)
    if here in BESIDE:
        return
    for imported in names_of(name):
        there = room(imported)
        if not ours(imported) or there == here or there in BESIDE:
            continue
        assert floor(there) > floor(here), f"{name} imports {imported}"


def test_the_faces_do_not_know_each_other() -> None:
    for here, other in permutations(("rest", "callcontrol", "probes", "dashboard"), 2):
        for name in in_rooms(here):
            assert not [found for found in names_of(name) if ours(found) and room(found) == other], name


def test_the_services_ask_each_other_one_way() -> None:
    for name in in_rooms("services"):
        module = name.split(".")[-1]
        asked = {found.split(".")[-1] for found in names_of(name) if found.startswith("blast_api.services.")}
        assert asked <= SERVICES[module], name


@pytest.mark.parametrize(
    ("rooms", "strangers"),
    [
        (
            ["services"],
            ["django.http", "rest_framework", "requests", "blast_api.carrierx.flexml", "blast_api.rest", "xml"],
        ),
        (
            ["services"],
            ["blast_api.monitoring.health", "blast_api.monitoring.exposition"],
        ),  # they count, and ask no probe
        (
            ["cron"],
            ["blast_api.rest", "blast_api.callcontrol", "blast_api.probes", "blast_api.dashboard"],
        ),  # it enters by services
        (["models"], ["blast_api.services", "requests", "django.http", "rest_framework"]),
        (["carrierx"], ["blast_api.models", "django.db", "rest_framework", "blast_api.services"]),
        (["domain"], ["django.conf", "django.http", "rest_framework", "requests"]),
        # Their children are small.
        (["audio", "lists", "sandbox"], ["django", "rest_framework", "requests", "blast_api.models"]),
        (["dispatch"], ["requests", "urllib3", "http"]),
        (["rest"], ["requests", "blast_api.carrierx.flexml", "xml"]),
        (["probes"], ["requests", "rest_framework", "blast_api.models", "django.db", "blast_api.carrierx"]),
        (["monitoring"], ["requests", "rest_framework", "django.http"]),
        (["callcontrol"], ["requests", "rest_framework", "json"]),
        (["simulator"], ["blast_api", "blast_api_project", "django", "rest_framework"]),
    ],
)
def test_what_a_room_must_not_know(rooms: list[str], strangers: list[str]) -> None:
    for name in in_rooms(*rooms):
        for found in names_of(name):
            if rooms == ["simulator"] and found.startswith("blast_api.simulator"):
                continue
            assert not [one for one in strangers if found == one or found.startswith(f"{one}.")], f"{name}: {found}"


def test_only_commands_see_the_simulator() -> None:
    for name in modules():
        if any(found.startswith("blast_api.simulator") for found in names_of(name)):
            assert room(name) in ("management", "simulator"), name


def test_the_app_does_not_know_its_project() -> None:
    for name in modules():
        if name.startswith("blast_api."):
            assert not [found for found in names_of(name) if found.startswith("blast_api_project")], name


def test_only_conf_reads_the_operators_sheet() -> None:
    """What checks, addresses, authentication, records, state_dir and URLs read is of the settings file, not of the sheet."""
    readers = {room(name) for name in modules() if "django.conf" in names_of(name) and name.startswith("blast_api.")}
    assert readers <= {
        "callcontrol",
        "conf",
        "checks",
        "carrierx",
        "db",
        "dashboard",
        "rest",
        "records",
        "urls",
        "management",
    }


def test_no_import_hides_in_a_function() -> None:
    """A circle confessed. `AppConfig.ready` is Django's own way."""
    for name, tree in modules().items():
        if name in ("blast_api.apps",):
            continue
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                hidden = [node for node in ast.walk(function) if isinstance(node, ast.Import | ast.ImportFrom)]
                assert not hidden, f"{name}.{function.name}"


def test_the_client_knows_nothing_of_ours() -> None:
    """It is a package of its own. Its modules are held to the same bounds."""
    files = [*(ROOT / "clients/python/src").rglob("*.py")]
    assert files
    for file in files:
        text = file.read_text()
        assert not re.search(
            r"^ *(?:from|import) (?:blast_api(?!_client)|django|rest_framework|tests)", text, re.MULTILINE
        ), file
        assert len(text.splitlines()) <= LONGEST, file
        assert file.stem not in NO_NAMES, file


def test_imports_make_no_circle() -> None:
    graph = {name: {found for found in names_of(name) if found in modules()} for name in modules()}
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path, name))
        if name not in done:
            for found in graph[name]:
                walk(found, (*path, name))
            done.add(name)

    sys.setrecursionlimit(max(sys.getrecursionlimit(), 5000))
    for name in graph:
        walk(name, ())


def test_no_module_is_too_long_or_named_for_nothing() -> None:
    for file in APP.rglob("*.py"):
        if "migrations" not in file.parts:
            assert len(file.read_text().splitlines()) <= LONGEST, file.relative_to(ROOT)
            assert file.stem not in NO_NAMES, file.relative_to(ROOT)


def test_a_class_shares_its_name_with_no_other() -> None:
    """One name, one thing. Django asks for `Command` and `Meta`; the carrier's double speaks the carrier's language."""
    homes: dict[str, str] = {}
    for name, tree in modules().items():
        if room(name) in ("simulator", "migrations"):
            continue
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.ClassDef)
                and not node.name.startswith("_")
                and node.name not in ("Command", "Meta")
            ):
                assert node.name not in homes, f"{node.name}: {name}, {homes[node.name]}"
                homes[node.name] = name


def test_no_cursor_of_the_server_stays_open() -> None:
    """An error would leave it behind, and PgBouncer in transaction mode loses it: `bulk.read` reads in chunks."""
    calls = {
        f"{name}:{node.lineno}"
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "iterator"
    }
    assert not calls
