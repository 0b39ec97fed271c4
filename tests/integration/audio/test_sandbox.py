"""A file costs what it may, and no more; why a process ended is told to the operator, and not to the application."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
import pytest
import soundfile

from blast_api.audio.intake import LIMITS, telephone_sound
from blast_api.audio.sound import NO_SOUND
from blast_api.domain.errors import UnusableSound
from blast_api.sandbox.child import Limits
from blast_api.sandbox.parent import run
from tests.kits import sounds

TOO_MUCH = "To make sound of this takes more time or memory than it may."
# In a server of its own, because the kernel keeps the highest of all children that a process ever had.
SERVER = """
import json, resource, sys
from blast_api.audio.intake import telephone_sound
outcome = telephone_sound(sys.stdin.buffer, longest_s=600).length_s
kibibytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([outcome, kibibytes, sorted({"numpy", "django"} & sys.modules.keys())]))
"""


def long_sound() -> bytes:
    """Nearly ten minutes, soft but for its peaks: of all that is taken it makes most work."""
    samples = np.tile(sounds.speech(10, rate=16_000, level=0.1), 59)
    samples[:: 5 * 16_000] = 0.9
    content = io.BytesIO()
    soundfile.write(content, samples, 16_000, format="WAV")
    return content.getvalue()


def test_a_decoder_takes_bounded_memory_and_the_server_loads_none_of_its_libraries() -> None:
    done = subprocess.run([sys.executable, "-c", SERVER], input=long_sound(), capture_output=True, check=True)
    found, kibibytes, loaded = json.loads(done.stdout)
    assert (found, loaded) == (590.0, [])
    assert kibibytes < 160 * 1024


@pytest.mark.parametrize(
    "limits",
    [replace(LIMITS, wall_s=0.05), replace(LIMITS, cpu_s=1), replace(LIMITS, memory_bytes=220 << 20)],
    ids=["wall", "cpu", "memory"],
)
def test_a_decoder_that_takes_too_much_is_ended(limits: Limits, caplog: pytest.LogCaptureFixture) -> None:
    hour = io.BytesIO(sounds.pcm(np.tile(sounds.tone(100, 10, rate=1000), 360), rate=1000, bits=8))
    with pytest.raises(UnusableSound) as caught:
        telephone_sound(hour, longest_s=4000, limits=limits)
    assert caught.value.reason == TOO_MUCH
    assert [vars(record)["action"] for record in caplog.records] == ["sound_not_made"]


def ran(work: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **limits: float) -> str:
    """What a process writes whose work this is, some lines of Python."""
    lines = work.replace("\n", "\n    ")
    (folder / "worker.py").write_text(
        f"from blast_api.sandbox.child import confined\n\ndef work(*arguments):\n    {lines}\n\nconfined(work)\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    with TemporaryFile(buffering=0) as given:
        given.write(b"given")
        given.seek(0)
        bounds = replace(LIMITS, **limits)  # type: ignore[arg-type]
        return run("worker", "an argument", given=given, limits=bounds, failure=NO_SOUND).decode()


def test_a_process_sees_what_it_is_given_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLAST_CARRIERX_API_TOKEN", "core-token")
    work = "import json, os, sys\nseen = [arguments, sys.stdin.read(), dict(os.environ), os.getcwd(), os.listdir()]\n"
    arguments, given, environment, folder, files = json.loads(
        ran(work + "return json.dumps(seen).encode()", tmp_path, monkeypatch)
    )
    assert (arguments, given, files) == (["an argument"], "given", [])
    assert environment.keys() == {
        *("PYTHONPATH", "LC_ALL", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "HOME", "TMPDIR"),
    }
    assert environment["HOME"] == folder
    assert not Path(folder).exists()


def test_a_fault_is_told_to_the_operator_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(UnusableSound) as caught:
        ran('raise RuntimeError("a secret of the house")', tmp_path, monkeypatch)
    assert caught.value.reason == "No sound can be made of this."
    (record,) = caplog.records
    assert "a secret of the house" in vars(record)["said"]
    assert vars(record)["status"] == 1


def test_what_a_process_has_started_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe ends when the last who writes into it has ended."""
    os.mkfifo(pipe := tmp_path / "pipe")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    work = f"""import subprocess
subprocess.Popen(["sh", "-c", "sleep 20; echo still here"], stdout=open({str(pipe)!r}, "w"))
return b'done'"""
    with open(reader) as heard:
        assert ran(work, tmp_path, monkeypatch) == "done"
        assert heard.read() == ""


def test_a_process_that_writes_without_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = "import sys\nwhile True:\n    sys.stderr.write('again and again')"
    with pytest.raises(UnusableSound):
        ran(work, tmp_path, monkeypatch, output_bytes=100_000)
