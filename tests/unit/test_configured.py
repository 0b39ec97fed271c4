"""Where configuration comes from: the defaults, the operator's sheet, the environment; the later one wins."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blast_api.domain.configuration import RETIRED
from blast_api_project import configured, sheet

Load = Callable[..., dict[str, Any]]
ENVIRON = os.environ | {"PYTHONPATH": str(sheet.ROOT)}  # of a process that finds the folder's own module first


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder of its own, without configuration.py."""
    for file in (Path(configured.__file__), sheet.TEMPLATE):
        shutil.copy(file, tmp_path)
    return tmp_path


@pytest.fixture
def load(project: Path) -> Load:
    loaded: Load = runpy.run_path(str(project / "configured.py"))["load"]
    return loaded


def test_without_a_sheet_the_defaults_hold(load: Load) -> None:
    values = load(environ={})
    assert values["MAX_CALLS_PER_SECOND"] == 25
    assert values["RETRY_STATUSES"] == ("failed",)
    assert len(values["VOICE_MENU"]) == 13


def test_the_last_assignment_of_the_sheet_wins(project: Path, load: Load) -> None:
    shutil.copy(project / "configuration.py.template", project / "configuration.py")
    with (project / "configuration.py").open("a") as sheet:
        sheet.write('\nDID = "15555550111"\nMAX_RETRIES = 1\nMAX_RETRIES = MAX_RETRIES + 1\n')
    values = load(environ={}, sheet_required=True)
    assert (values["DID"], values["MAX_RETRIES"], values["CALL_BATCH_SIZE"]) == ("15555550111", 2, 50)


def test_a_short_sheet_keeps_the_other_defaults_and_brings_no_names_of_its_own(project: Path, load: Load) -> None:
    (project / "configuration.py").write_text('DID = "15555550111"\nDEBUG = True\nimport os\nlower = 1\n')
    values = load(environ={})
    assert values["DID"] == "15555550111"
    assert values["MAX_RETRIES"] == 3
    assert not {"DEBUG", "os", "lower"} & set(values)


def test_the_environment_wins_over_the_sheet_and_stays_text(project: Path, load: Load) -> None:
    (project / "configuration.py").write_text("MAX_RETRIES = 1\n")
    values = load(environ={"BLAST_MAX_RETRIES": "7", "MAX_RETRIES": "8", "BLAST_UNKNOWN": "9"})
    assert values["MAX_RETRIES"] == "7"
    assert "UNKNOWN" not in values


def test_a_key_of_which_the_settings_say_the_default_is_there_only_if_it_is_written(project: Path, load: Load) -> None:
    assert "STATE_DIR" not in load(environ={})
    assert load(environ={"BLAST_STATE_DIR": "/srv/state"})["STATE_DIR"] == "/srv/state"
    (project / "configuration.py").write_text('STATE_DIR = "/srv/of/the/sheet"\n')
    assert load(environ={})["STATE_DIR"] == "/srv/of/the/sheet"


def test_a_key_of_a_former_release_is_there_only_if_it_is_written(project: Path, load: Load) -> None:
    assert not RETIRED & set(load(environ={}))
    (project / "configuration.py").write_text("MAX_LIMIT = 100\n")
    values = load(environ={"BLAST_MAX_OFFSET": "100"})
    assert (values["MAX_LIMIT"], values["MAX_OFFSET"]) == (100, "100")


def test_every_key_can_come_from_the_environment(load: Load) -> None:
    names = set(load(environ={}))
    values = load(environ={f"BLAST_{name}": name for name in names})
    assert values == {name: name for name in names}


def test_production_without_a_sheet_says_which_file_is_missing(project: Path, load: Load) -> None:
    with pytest.raises(SystemExit) as refusal:
        load(sheet_required=True, environ={})
    assert str(refusal.value) == (
        f"blast-api does not start in production without {project / 'configuration.py'}: "
        "copy configuration.py.template to configuration.py in the same folder and fill it in."
    )


def test_production_ends_with_one_sentence_and_no_traceback(project: Path) -> None:
    """As the operator meets it: a process that stops with a sentence."""
    script = "import configured; configured.load(sheet_required=True)"
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=project, env=ENVIRON, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("blast-api does not start in production without ")
    assert ended.stderr.count("\n") == 1


# --- Secrets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "secret", ["$hush", "$", "$$HOME", "", " hush # hush ", "{hush}", "'\"\\", "a,b", "[hush", "h\u00fcsh"]
)
def test_a_secret_may_be_any_text(secret: str) -> None:
    assert configured.text("SECRET_KEY", environ={"SECRET_KEY": secret, "hush": "of another"}) == secret


def test_a_variable_that_is_missing_or_no_text_is_named_and_not_quoted() -> None:
    assert configured.text("SECRET_KEY", default="d", environ={}) == "d"
    for environ in ({}, {"SECRET_KEY": "hush\udcff"}):
        with pytest.raises(SystemExit, match="SECRET_KEY") as refusal:
            configured.text("SECRET_KEY", environ=environ)
        assert "hush" not in str(refusal.value)


@pytest.mark.parametrize(
    ("written", "entries"),
    [
        ("", []),
        ("$a,b", ["$a", "b"]),
        (" a , b,, ", ["a", "b"]),
        ('["a,b", " c "]', ["a,b", " c "]),
        ("[a", ["[a"]),
        ("[::1],127.0.0.1", ["[::1]", "127.0.0.1"]),
        ("[1, 2]", ["[1", "2]"]),
    ],
)
def test_a_list_is_separated_by_commas_or_json(written: str, entries: list[str]) -> None:
    assert configured.texts(written) == entries


@pytest.mark.parametrize(
    ("sheet", "where"),
    [
        ('\nCARRIERX_API_TOKEN = "hush', ", line 2: SyntaxError"),
        ("FLEXML_API_PASSWORD = hush", ", line 1: NameError"),
        ("FLEXML_API_PASSWORD = 'hush' 1", ", line 1: SyntaxError"),
        ("\n\nFLEXML_API_PASSWORD = int('hush')", ", line 3: ValueError"),
        ("CARRIERX_API_TOKEN = 'hush\udcff'", ": SyntaxError"),
        ("import hush", ", line 1: ModuleNotFoundError"),
    ],
)
def test_a_sheet_that_cannot_be_run_is_named_by_its_line_and_not_quoted(project: Path, sheet: str, where: str) -> None:
    path = project / "configuration.py"
    path.write_bytes(sheet.encode(errors="surrogateescape"))
    script = "import configured; configured.load(environ={})"
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=project, env=ENVIRON, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith(str(path))
    assert where in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert "hush" not in ended.stderr
