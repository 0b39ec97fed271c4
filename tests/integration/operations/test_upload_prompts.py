"""`manage.py upload_prompts` at the simulated carrier: stored once, kept for ever, and what it prints is true."""

from __future__ import annotations

import ast
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings as project
from django.core.management import CommandError, call_command
from pytest_django import Settings

from blast_api.conf import configuration
from blast_api.domain.prompts import ALL, LATER, PROMPTS
from blast_api.simulator import Carrier
from blast_api.simulator.audio import tone

SHIPPED = Path(project.BASE_DIR) / "prompts"
CONTAINERS = "/core/v2/storage/containers"
FILES = "/core/v2/storage/files"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def prompts_folder(tmp_path: Path) -> Path:
    """Ten prompts of different lengths."""
    folder = tmp_path / "prompts"
    folder.mkdir()
    for length, name in enumerate(PROMPTS, start=1):
        (folder / f"{name}.wav").write_bytes(tone(length / 10))
    return folder


@pytest.fixture
def spanish_folder(prompts_folder: Path) -> Path:
    """All prompts in Spanish, beside the ten; `goodbye` sounds the same in both."""
    spanish = prompts_folder / "es"
    spanish.mkdir()
    for length, name in enumerate(ALL, start=30):
        (spanish / f"{name}.wav").write_bytes(tone(length / 10))
    shutil.copy(prompts_folder / "goodbye.wav", spanish)
    return spanish


def run(*words: str, err: io.StringIO | None = None) -> tuple[str, str]:
    """What the command prints: its output, and its remarks."""
    out, err = io.StringIO(), err or io.StringIO()
    call_command("upload_prompts", *words, stdout=out, stderr=err, no_color=True)
    return out.getvalue(), err.getvalue()


def upload(folder: Path, *words: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(run(f"--folder={folder}", "--json", *words)[0])
    return told


def assigned(out: str) -> dict[str, Any]:
    """The keys that lines of configuration.py set."""
    return {
        assignment.targets[0].id: ast.literal_eval(assignment.value)
        for assignment in ast.parse(out).body
        if isinstance(assignment, ast.Assign) and isinstance(assignment.targets[0], ast.Name)
    }


def uploaded(told: dict[str, Any]) -> list[str]:
    return [file["prompt"] for file in told["files"] if file["uploaded"]]


def made_containers(carrier: Carrier) -> list[str]:
    """Those that the account has beside its own."""
    return [sid for sid in carrier.containers if sid != carrier.storage.default_sid]


def refusal(*words: str) -> CommandError:
    with pytest.raises(CommandError) as refused:
        run(*words)
    return refused.value


# --- What is stored, and what is printed -----------------------------------------------------------------------------


def test_what_is_printed_are_menus_that_play_all_prompts_in_all_languages(carrier: Carrier, settings: Settings) -> None:
    out, err = run()
    keys = assigned(out)
    settings.VOICE_MENU, settings.VOICE_MENUS = keys["VOICE_MENU"], keys["VOICE_MENUS"]
    menus = {"": configuration().voice_menu, **configuration().voice_menus}  # they pass the check of the configuration
    assert list(menus) == ["", "es"]
    for language, menu in menus.items():
        assert tuple(menu) == ALL
        for prompt, url in menu.items():
            assert requests.get(url, timeout=60).content == (SHIPPED / language / f"{prompt}.wav").read_bytes()
    assert "26 uploaded, 0 were there." in err
    assert len(carrier.files) == 26


def test_a_prompt_is_kept_for_ever_whatever_the_container_gives_to_its_files(
    prompts_folder: Path, carrier: Carrier
) -> None:
    sid = carrier.storage.set_container(
        {"default_file_lifecycle_action": "delete", "default_file_lifecycle_ttl": 60}
    ).sid
    upload(prompts_folder, f"--container={sid}")
    carrier.advance(10**9)
    assert {(file.settings["lifecycle_action"], file.settings["lifecycle_ttl"]) for file in carrier.files.values()} == {
        ("no_action", -1)
    }
    assert len(carrier.files) == 10


def test_the_container_has_the_quotas_that_were_asked_for(prompts_folder: Path, carrier: Carrier) -> None:
    told = upload(prompts_folder)
    container = carrier.storage.container(told["container_sid"])
    assert container.settings["quota_files"] == 1000
    assert container.settings["quota_bytes"] == 1024 * 1024 * 1024


def test_json_and_python_tell_the_same(prompts_folder: Path, spanish_folder: Path, carrier: Carrier) -> None:
    told = upload(prompts_folder)
    menus = {"": told["VOICE_MENU"], **told["VOICE_MENUS"]}
    assert assigned(run(f"--folder={prompts_folder}")[0]) == {key: told[key] for key in ("VOICE_MENU", "VOICE_MENUS")}
    for file in told["files"]:
        assert menus[file["language"]][file["prompt"]] == file["publish_uri"]
    assert len(told["files"]) == sum(map(len, menus.values()))
    assert {file["file_sid"] for file in told["files"]} == set(carrier.files)


def test_the_later_prompts_may_lack_where_the_carrier_can_say_them(prompts_folder: Path, carrier: Carrier) -> None:
    told = upload(prompts_folder)
    assert (tuple(told["VOICE_MENU"]), told["VOICE_MENUS"]) == (PROMPTS, {})
    assert list(assigned(run(f"--folder={prompts_folder}")[0])) == ["VOICE_MENU"]
    (prompts_folder / "transfer_busy.wav").write_bytes(tone(2))
    assert tuple(upload(prompts_folder)["VOICE_MENU"]) == (*PROMPTS, "transfer_busy")


def test_the_same_sound_in_two_languages_is_two_files(
    prompts_folder: Path, spanish_folder: Path, carrier: Carrier
) -> None:
    told = upload(prompts_folder)
    assert told["VOICE_MENU"]["goodbye"] != told["VOICE_MENUS"]["es"]["goodbye"]
    assert len(carrier.files) == len(PROMPTS) + len(ALL)


# --- Again -----------------------------------------------------------------------------------------------------------


def test_a_second_run_uploads_nothing_and_says_the_same(prompts_folder: Path, carrier: Carrier) -> None:
    first = upload(prompts_folder)
    files = carrier.files
    second = upload(prompts_folder)
    assert (len(uploaded(first)), uploaded(second)) == (10, [])
    assert second["VOICE_MENU"] == first["VOICE_MENU"]
    assert second["container_sid"] == first["container_sid"]
    assert carrier.files == files
    assert made_containers(carrier) == [first["container_sid"]]


def test_a_prompt_that_was_recorded_anew_gets_another_address_and_the_old_one_stays(
    prompts_folder: Path, carrier: Carrier
) -> None:
    first = upload(prompts_folder)
    anew = (prompts_folder / "goodbye.wav").read_bytes()[:-2] + b"\x01\x00"  # as long as before
    (prompts_folder / "goodbye.wav").write_bytes(anew)
    second = upload(prompts_folder)
    assert uploaded(second) == ["goodbye"]
    before, after = first["VOICE_MENU"], second["VOICE_MENU"]
    assert {prompt for prompt in PROMPTS if before[prompt] != after[prompt]} == {"goodbye"}
    assert requests.get(after["goodbye"], timeout=60).content == anew
    assert requests.get(before["goodbye"], timeout=60).ok  # a call may be playing it


def test_a_language_that_is_added_leaves_the_others_as_they_are(
    prompts_folder: Path, spanish_folder: Path, carrier: Carrier
) -> None:
    first = upload(prompts_folder)
    spanish_folder.rename(spanish_folder.with_name("pt-BR"))
    assert upload(prompts_folder)["VOICE_MENU"] == first["VOICE_MENU"]
    shutil.copytree(spanish_folder.with_name("pt-BR"), spanish_folder)
    third = upload(prompts_folder)
    assert uploaded(third) == []
    assert list(third["VOICE_MENUS"]) == ["es", "pt-BR"]
    assert third["VOICE_MENUS"]["es"] == first["VOICE_MENUS"]["es"]


def test_two_prompts_with_the_same_sound_are_two_files(prompts_folder: Path, carrier: Carrier) -> None:
    shutil.copy(prompts_folder / "goodbye.wav", prompts_folder / "invalid_entry.wav")
    assert len(set(upload(prompts_folder)["VOICE_MENU"].values())) == 10


def test_a_file_that_was_given_an_end_is_kept_again(prompts_folder: Path, carrier: Carrier) -> None:
    sid = upload(prompts_folder)["files"][0]["file_sid"]
    carrier.storage.change_file(sid, {"lifecycle_action": "delete", "lifecycle_ttl": 60})
    assert uploaded(upload(prompts_folder)) == []
    carrier.advance(3600)
    assert sid in carrier.files


def test_a_file_that_is_not_whole_at_the_carrier_is_uploaded_again(prompts_folder: Path, carrier: Carrier) -> None:
    told = upload(prompts_folder)
    keys = {file.settings["name"]: file.settings["string_key_1"] for file in carrier.files.values()}
    carrier.storage.delete_file({file["prompt"]: file["file_sid"] for file in told["files"]}["goodbye"])
    stump = {"name": "goodbye.wav", "string_key_1": keys["goodbye.wav"]}
    carrier.storage.add_file(told["container_sid"], b"RIFF", stump, mime_type="audio/x-wav")
    assert uploaded(upload(prompts_folder)) == ["goodbye"]
    assert uploaded(upload(prompts_folder)) == []


def test_the_same_prompts_in_another_container_are_other_files(prompts_folder: Path, carrier: Carrier) -> None:
    upload(prompts_folder)
    sid = carrier.storage.default_sid
    told = upload(prompts_folder, f"--container={sid}")
    assert (told["container_sid"], len(uploaded(told))) == (sid, 10)
    assert {carrier.files[file["file_sid"]].container_sid for file in told["files"]} == {sid}


def test_a_container_that_an_earlier_version_made_for_prompts_is_found_and_used(
    prompts_folder: Path, carrier: Carrier
) -> None:
    sid = carrier.storage.set_container({"string_key_1": "blast-api-prompts", "unique": True}).sid
    assert upload(prompts_folder)["container_sid"] == sid
    assert made_containers(carrier) == [sid]


def test_prompts_go_where_the_operator_has_recordings_go(
    prompts_folder: Path, carrier: Carrier, settings: Settings
) -> None:
    settings.RECORDING_CONTAINER = carrier.storage.default_sid
    assert upload(prompts_folder)["container_sid"] == carrier.storage.default_sid
    assert made_containers(carrier) == []


# --- Lost answers, and others at the same work -----------------------------------------------------------------------


def test_an_upload_whose_answer_is_lost_is_found_and_not_repeated(prompts_folder: Path, carrier: Carrier) -> None:
    carrier.inject("drop", method="POST", path=FILES)
    told = upload(prompts_folder)
    assert len(carrier.files) == 10
    assert {file["file_sid"] for file in told["files"]} == set(carrier.files)


def test_a_container_whose_answer_is_lost_is_found_and_not_made_twice(prompts_folder: Path, carrier: Carrier) -> None:
    carrier.inject("drop", method="POST", path=CONTAINERS)
    sid = upload(prompts_folder)["container_sid"]
    assert made_containers(carrier) == [sid]


def test_a_run_that_broke_off_is_continued(prompts_folder: Path, carrier: Carrier) -> None:
    upload(prompts_folder)
    for file in list(carrier.files.values())[4:]:
        carrier.storage.delete_file(file.sid)
    carrier.inject("refuse", status=503, method="POST", path=FILES)
    error = refusal(f"--folder={prompts_folder}")
    assert error.returncode == 75
    assert "what is stored by now is not stored again" in str(error)
    assert len(uploaded(upload(prompts_folder))) == 6


# --- Refusals --------------------------------------------------------------------------------------------------------


def test_refused_credentials_are_said_and_the_token_is_not(
    prompts_folder: Path, carrier: Carrier, settings: Settings
) -> None:
    settings.CARRIERX_API_TOKEN = "not-the-right-one"
    error = refusal(f"--folder={prompts_folder}")
    assert error.returncode == 1
    assert "401" in str(error)
    assert "CARRIERX_API_TOKEN" in str(error)
    assert "not-the-right-one" not in str(error)


@pytest.mark.parametrize(
    ("fault", "where", "code"),
    [
        ({"status": 403}, FILES, 1),
        ({"status": 404}, CONTAINERS, 1),
        ({"status": 422}, FILES, 1),
        ({"status": 429}, FILES, 75),
        ({"status": 500}, CONTAINERS, 75),
    ],
)
def test_the_exit_code_tells_whether_it_may_pass_later(
    prompts_folder: Path, carrier: Carrier, fault: dict[str, Any], where: str, code: int
) -> None:
    carrier.inject("refuse", times=-1, method="POST", path=where, **fault)
    error = refusal(f"--folder={prompts_folder}")
    assert (error.returncode, str(fault["status"]) in str(error)) == (code, True)


def test_a_carrier_that_is_not_there_may_be_there_later(prompts_folder: Path) -> None:
    error = refusal(f"--folder={prompts_folder}")
    assert error.returncode == 75
    assert "cannot be reached" in str(error)


def test_a_full_container_is_told_of(prompts_folder: Path, carrier: Carrier) -> None:
    sid = carrier.storage.set_container({"quota_files": 3}).sid
    error = refusal(f"--folder={prompts_folder}", f"--container={sid}")
    assert (error.returncode, "--container" in str(error)) == (1, True)
    assert len(carrier.files) == 3


@pytest.mark.parametrize("sid", ['a" and name eq "b', "a b", "", "ä"])
def test_a_container_that_can_be_none_is_refused_before_anything_is_asked(prompts_folder: Path, sid: str) -> None:
    assert refusal(f"--folder={prompts_folder}", f"--container={sid}").returncode == 2


@pytest.mark.parametrize("uri", ["null", '""', '"javascript:alert(1)"', '"https://a b"', '"https://\\n"', "7"])
def test_a_file_without_a_public_address_is_no_prompt(prompts_folder: Path, carrier: Carrier, uri: str) -> None:
    body = f'{{"file_sid": "f", "publish_uri": {uri}}}'
    carrier.inject("refuse", status=201, body=body, method="POST", path=FILES)
    error = refusal(f"--folder={prompts_folder}")
    assert (error.returncode, "no public address" in str(error)) == (1, True)


# --- What is not fit to be heard -------------------------------------------------------------------------------------


def test_every_file_that_is_missing_or_unfit_is_named_and_nothing_is_uploaded(
    prompts_folder: Path, carrier: Carrier
) -> None:
    (prompts_folder / "goodbye.wav").unlink()
    (prompts_folder / "opt_out.wav").write_bytes(b"ID3 an mp3")
    (prompts_folder / "invalid_entry.wav").write_bytes(tone(1)[:20])
    (prompts_folder / "record_welcome.wav").write_bytes(tone(0))
    faster = bytearray(tone(1))
    faster[24:28] = (16000).to_bytes(4, "little")
    (prompts_folder / "recording_saved.wav").write_bytes(faster)
    error = refusal(f"--folder={prompts_folder}")
    for name in ("goodbye", "opt_out", "invalid_entry", "record_welcome", "recording_saved"):
        assert f"{name}.wav: " in str(error)
    assert "no_key_pressed" not in str(error)
    assert error.returncode == 1
    assert carrier.files == {}
    assert made_containers(carrier) == []


def test_a_language_lacks_no_prompt(prompts_folder: Path, spanish_folder: Path, carrier: Carrier) -> None:
    for name in ("goodbye", *LATER):
        (spanish_folder / f"{name}.wav").unlink()
    error = str(refusal(f"--folder={prompts_folder}"))
    assert [line.partition(": ")[0] for line in error.splitlines()[1:]] == [
        str(spanish_folder / f"{name}.wav") for name in ("goodbye", *LATER)
    ]
    assert carrier.files == {}


def test_a_folder_with_sounds_that_is_no_language_is_named(prompts_folder: Path, carrier: Carrier) -> None:
    for name in ("notes", "Spanish"):
        (prompts_folder / name).mkdir()
    shutil.copy(prompts_folder / "goodbye.wav", prompts_folder / "Spanish")
    error = str(refusal(f"--folder={prompts_folder}"))
    assert f"{prompts_folder / 'Spanish'}: is no language" in error
    assert "notes" not in error
    assert carrier.files == {}


# --- How it is told --------------------------------------------------------------------------------------------------


def test_without_a_terminal_each_file_is_a_line_of_the_remarks(prompts_folder: Path, carrier: Carrier) -> None:
    out, err = run(f"--folder={prompts_folder}")
    assert [line for line in err.splitlines() if ".wav" in line] == [
        f"{number}/10 {prompt}.wav" for number, prompt in enumerate(PROMPTS, start=1)
    ]
    assert ".wav\n" not in out


def test_on_a_terminal_a_bar_shows_how_far_it_is(
    prompts_folder: Path, carrier: Carrier, capsys: pytest.CaptureFixture[str]
) -> None:
    out, err = run(f"--folder={prompts_folder}", err=Terminal())
    assert out.startswith("VOICE_MENU = {")
    assert "goodbye.wav" not in err
    assert "10/10" in capsys.readouterr().err
