"""`manage.py dnc`: lists in, out, shown and changed."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from blast_api.models import Application, Call
from blast_api.services import dnc
from blast_api.services.dnc import DoNotCallList
from tests.kits import factories
from tests.kits.commands import Ran, run, spawn
from tests.kits.do_not_call import on_lists, operators, waiting_with_the_carrier
from tests.kits.factories import USER, number
from tests.kits.listed import csv_of, xlsx_of

pytestmark = pytest.mark.django_db

APPLICATION = ("--application", Application.IMPLIED)
EVERYONE = ("--everyone",)
LINES = [["Name", "Phone"], ["Ana", number(1)], ["Ben", "+1 (555) 555-0002"], ["Ana again", number(1)]]


@pytest.fixture(autouse=True)
def _application(db: None) -> None:
    factories.application()


def imported(tmp_path: Path, *words: str, content: bytes = csv_of(LINES)) -> Ran:
    file = tmp_path / "list"
    file.write_bytes(content)
    return run("dnc", "import", str(file), *words)


@pytest.mark.parametrize("content", [csv_of(LINES), csv_of(LINES, delimiter="\t", encoding="utf-16"), xlsx_of(LINES)])
def test_a_file_is_listed_for_a_user(tmp_path: Path, content: bytes) -> None:
    ran = imported(tmp_path, *APPLICATION, "--userdata", USER, content=content)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "2 numbers listed, 0 were there before. They stand in column 2, 'Phone'.\n"
    assert on_lists() == [(USER, number(1), "import"), (USER, number(2), "import")]


def test_without_a_user_it_is_the_applications_own_list(tmp_path: Path) -> None:
    assert imported(tmp_path, *APPLICATION).code == 0
    assert on_lists() == [("", number(1), "import"), ("", number(2), "import")]


def test_everyone_is_the_operators_list(tmp_path: Path) -> None:
    ran = imported(tmp_path, *EVERYONE, "--json")
    assert (ran.json["added"], ran.json["there_before"], ran.json["list"]["rows"]) == (2, 0, 3)
    assert (operators(), on_lists()) == ([number(1), number(2)], [])


@pytest.mark.parametrize("words", [APPLICATION, EVERYONE])
def test_again_is_harmless(tmp_path: Path, words: tuple[str, ...]) -> None:
    imported(tmp_path, *words)
    before = [dnc.newest(DoNotCallList(), limit=9), on_lists()]
    assert imported(tmp_path, *words, "--json").json["there_before"] == 2
    assert [dnc.newest(DoNotCallList(), limit=9), on_lists()] == before


@pytest.mark.parametrize("words", [APPLICATION, EVERYONE])
def test_lines_that_are_no_numbers_are_named_and_nothing_is_listed(tmp_path: Path, words: tuple[str, ...]) -> None:
    ran = imported(tmp_path, *words, content=csv_of([["number"], [number(1)], ["911"], *[["x"]] * 12]))
    assert ran.code == 1
    first, *_, more, last = ran.err.splitlines()
    assert "line 3: '911'" in first
    assert (more, last) == ("And 3 more.", "Nothing was listed.")
    assert (operators(), on_lists()) == ([], [])


@pytest.mark.parametrize("content", [b"", b"\0\1", b"name\nAna\n"])
def test_a_file_that_is_no_list_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    ran = imported(tmp_path, *EVERYONE, content=content)
    assert (ran.code, len(ran.err.splitlines()), operators()) == (1, 1, [])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    ran = run("dnc", "import", str(tmp_path / "nothing"), *EVERYONE)
    assert ran.code == 1
    assert "nothing" in ran.err


def test_what_waits_at_the_carrier_is_withdrawn_in_every_application(tmp_path: Path) -> None:
    own, elsewhere = waiting_with_the_carrier(), waiting_with_the_carrier(application=factories.application(name="b"))
    waiting_with_the_carrier(3)
    imported(tmp_path, *EVERYONE)
    assert set(Call.objects.filter(withdrawn=True)) == {own, elsewhere}


@pytest.mark.parametrize(
    "words",
    [
        ["import", "f"],
        ["export"],
        ["remove", number(1)],
        ["list", "--userdata", USER],
        ["list", *EVERYONE, *APPLICATION],
        ["export", *EVERYONE, "--userdata", USER],
        ["export", *APPLICATION, "--userdata", ""],
        ["export", *APPLICATION, "--userdata", "a" * 256],
        ["list", *EVERYONE, "--limit", "0"],
        ["remove", "911", *EVERYONE],
    ],
    ids=" ".join,
)
def test_a_command_that_names_no_list_or_two_is_a_wrong_use(words: list[str]) -> None:
    ran = run("dnc", *words)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1)


def test_an_application_that_nobody_knows_is_named() -> None:
    ran = run("dnc", "list", "--application", "nobody")
    assert ran.code == 1
    assert "nobody" in ran.err


# --- Out --------------------------------------------------------------------------------------------------------------


def test_a_list_goes_out_as_csv_and_comes_back(tmp_path: Path) -> None:
    factories.listed(number(1), by="key", call_id=7)
    factories.listed(number(2), by="api")
    out = run("dnc", "export", *APPLICATION, "--userdata", USER).out
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(row["number"], row["by"], row["call"]) for row in rows] == [
        (number(1), "key", "7"),
        (number(2), "api", ""),
    ]
    assert all(row["created"].endswith("Z") for row in rows)
    assert imported(tmp_path, *EVERYONE, content=out.encode()).code == 0
    assert operators() == [number(1), number(2)]


def test_the_operators_list_goes_out_into_a_file(tmp_path: Path) -> None:
    imported(tmp_path, *EVERYONE)
    file = tmp_path / "out.csv"
    assert run("dnc", "export", *EVERYONE, "--to", str(file)).out == ""
    told = list(csv.reader(file.read_text().splitlines()))
    assert told[0] == ["number", "created", "by", "call"]
    assert [(row[0], row[2]) for row in told[1:]] == [(number(1), "operator"), (number(2), "operator")]
    rows = run("dnc", "export", *EVERYONE, "--json").json
    assert [(row["number"], row["by"], row["call"]) for row in rows] == [(row[0], "operator", None) for row in told[1:]]


def test_the_newest_entries_are_shown() -> None:
    for index in range(3):
        factories.listed(number(index), by="api")
    shown = run("dnc", "list", *APPLICATION, "--userdata", USER, "--limit", "2")
    assert [(row[0], row[2], row[3]) for row in shown.rows] == [(number(2), "api", ""), (number(1), "api", "")]
    as_json = run("dnc", "list", *APPLICATION, "--userdata", USER, "--limit", "1", "--json").json
    assert (as_json[0]["number"], as_json[0]["call"]) == (number(2), None)
    assert run("dnc", "list", *APPLICATION).rows == []


def test_it_is_told_which_lists_there_are(tmp_path: Path) -> None:
    factories.listed(number(1))
    factories.listed(number(1), userdata=dnc.ALL_USERS)
    imported(tmp_path, *EVERYONE)
    told = [(row["application"], row["userdata"], row["numbers"]) for row in run("dnc", "list", "--json").json]
    assert told[0] == (None, None, 2)
    assert sorted(told[1:], key=str) == [(Application.IMPLIED, USER, 1), (Application.IMPLIED, None, 1)]
    assert len(run("dnc", "list", "--limit", "1").rows) == 1
    assert Application.IMPLIED in run("dnc", "list", terminal=True).out


@pytest.mark.parametrize("words", [APPLICATION, EVERYONE])
def test_numbers_are_taken_off(tmp_path: Path, words: tuple[str, ...]) -> None:
    imported(tmp_path, *words)
    assert run("dnc", "remove", "+1 555 555 0001", *words).code == 0
    ran = run("dnc", "remove", number(1), number(2), *words, "--json")
    assert (ran.code, ran.json) == (1, {"removed": 1, "not_there": 1})
    assert (operators(), on_lists()) == ([], [])


@pytest.mark.django_db(transaction=True)
def test_standard_input_is_read() -> None:
    ran = spawn("dnc", "import", *EVERYONE, "--json", stdin=csv_of(LINES))
    assert (ran.code, ran.err) == (0, "")
    assert operators() == [number(1), number(2)]
