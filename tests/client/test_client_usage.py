"""`blast` typed wrong, or at a service that is away: what is wrong is said, and told by the exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kits.blast import typed
from tests.kits.raw_server import answer, raw_server


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A shell that knows a service at which nobody answers."""
    monkeypatch.setenv("BLAST_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("BLAST_USERDATA", "school-7")
    monkeypatch.setenv("BLAST_CONFIG", str(tmp_path / "config.toml"))


@pytest.mark.parametrize(
    "words",
    [
        ("send", "--to=15555551010"),  # what?
        ("send", "--to=15555551010", "--text=a", "--caller=15555551011"),
        ("send", "--to=15555551010", "--text=a"),  # nobody is there to be asked
        ("send", "--to=missing.csv", "--text=a", "--yes"),
        ("send", "--to=15555551010", "--recording=missing.wav", "--yes"),
        ("send", "--to=15555551010", "--text=a", "--at=tomorrow", "--yes"),
        ("send", "--text=a"),  # to whom?
        ("watch", "seven"),
        ("watch", "0"),
        ("dnc", "--user=a", "--application", "list"),
        ("unknown",),
        ("--url=ftp://127.0.0.1", "shouts"),
        ("--url=127.0.0.1:8000", "shouts"),
    ],
)
def test_a_command_that_cannot_be_meant_is_wrong_usage(words: tuple[str, ...]) -> None:
    result = typed(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr


@pytest.mark.parametrize("words", [("shouts",), ("dnc", "list"), ("why", "15555551010")])
def test_whose_is_asked_for(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BLAST_USERDATA")
    result = typed(*words)
    assert (result.exit_code, "Whose?" in result.stderr) == (2, True)


@pytest.mark.parametrize("content", ["token", "tokens = 'a'", "url = 7", b"\xff"])
def test_a_configuration_file_that_cannot_be_used_is_named(content: str | bytes, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = typed("shouts")
    assert result.exit_code == 2
    assert str(file) in "".join(result.stderr.split("\n"))


def test_a_service_that_has_trouble_is_told_apart_from_one_that_refuses() -> None:
    trouble = answer(b'{"detail": "No room.", "code": "storage-full"}', status="507 Insufficient Storage")
    with raw_server(trouble) as server:
        result = typed("--url", server.url, "shouts")
    assert (result.exit_code, result.stdout, result.stderr) == (3, "", "No room.\n")
