"""Numbers that outlive the processes that count them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blast_api.monitoring.shared_counts import Tally

Process = Callable[..., Tally]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    """Begins a process that counts; two have two locks, in one process of the system, too."""
    begun: list[Tally] = []

    def begin(
        *, folder: Path = tmp_path / "counts", former: Path | None = None, layout: str = "three numbers", size: int = 3
    ) -> Tally:
        begun.append(Tally(lambda: [folder, former] if former else [folder], layout, size))
        return begun[-1]

    yield begin
    for tally in begun:
        tally.forget()


def files(tmp_path: Path) -> list[str]:
    return sorted(file.name for file in (tmp_path / "counts").iterdir())


def test_what_each_process_counts_is_summed(process: Process) -> None:
    one, another = process(), process()
    one.add((0, 1))
    another.add((0, 2), (2, 0.5))
    assert list(one.read()) == list(another.read()) == [3, 0, 0.5]


def test_who_has_counted_nothing_has_no_file(process: Process, tmp_path: Path) -> None:
    assert list(process().read()) == [0, 0, 0]
    assert not (tmp_path / "counts").exists()


def test_the_next_process_goes_on_where_a_dead_one_left_off(process: Process, tmp_path: Path) -> None:
    for _ in range(50):
        short_lived = process()
        short_lived.add((1, 1))
        short_lived.forget()  # as its end does
    assert list(process().read()) == [0, 50, 0]
    assert files(tmp_path) == ["0"]


def test_there_are_as_many_files_as_processes_at_once(process: Process, tmp_path: Path) -> None:
    for _ in range(5):
        several = [process() for _ in range(3)]
        for each in several:
            each.add((0, 1))
        for each in several:
            each.forget()
    assert files(tmp_path) == ["0", "1", "2"]
    assert process().read()[0] == 15


def test_a_forked_process_counts_for_itself(process: Process, tmp_path: Path) -> None:
    tally = process()
    tally.add((0, 1))
    child = os.fork()
    if child == 0:
        tally.add((0, 10))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    tally.add((0, 100))
    assert tally.read()[0] == 111
    assert files(tmp_path) == ["0", "1"]


def test_numbers_of_another_release_are_not_mixed_with_ours(process: Process) -> None:
    former = process(layout="what was counted then")
    former.add((0, 7))
    assert list(process().read()) == [0, 0, 0]
    former.forget()
    later = process()
    later.add((1, 1))
    assert list(later.read()) == [0, 1, 0]


@pytest.mark.parametrize("content", [b"", b"x", bytes(56), bytes(1000)])
def test_a_file_that_is_torn_is_begun_anew(process: Process, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "counts").mkdir()
    (tmp_path / "counts" / "0").write_bytes(content)
    tally = process()
    tally.add((2, 4))
    assert list(tally.read()) == [0, 0, 4]
    assert files(tmp_path) == ["0"]


def test_what_cannot_be_written_is_kept_in_memory(process: Process, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    tally = process(folder=tmp_path / "file" / "counts")
    tally.add((0, 1))
    tally.add((0, 1))
    assert list(tally.read()) == [2, 0, 0]


def test_what_was_kept_in_memory_is_written_when_it_can_be(
    process: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blast_api.monitoring.shared_counts._AGAIN_S", 0.0)
    (tmp_path / "counts").write_text("in the way")
    tally = process()
    tally.add((0, 1))
    (tmp_path / "counts").unlink()
    tally.add((0, 1))
    tally.forget()
    assert process().read()[0] == 2


# --- Files that were elsewhere before --------------------------------------------------------------------------------


@pytest.fixture
def former(tmp_path: Path) -> Path:
    """Where an earlier release has its files."""
    return tmp_path / "log" / "counts"


@pytest.fixture
def of_former(process: Process, former: Path) -> Callable[[], Tally]:
    """Begins a process of the earlier release, which knows only its own place."""
    former.parent.mkdir()
    return lambda: process(folder=former)


def test_what_the_dead_left_elsewhere_is_brought_over_once(
    process: Process, former: Path, of_former: Callable[[], Tally]
) -> None:
    dead = [of_former() for _ in range(3)]
    for number, tally in enumerate(dead):
        tally.add((0, 10**number), (2, 0.5))
    for tally in dead:
        tally.forget()
    before = process(former=former)
    assert list(before.read()) == [111, 0, 1.5]
    for _ in range(3):
        before.add((1, 1))
        before.forget()
    assert list(process(former=former).read()) == [111, 3, 1.5]
    assert not former.exists()


def test_what_the_living_count_elsewhere_is_read_there_and_brought_over_when_they_are_dead(
    process: Process, former: Path, of_former: Callable[[], Tally], tmp_path: Path
) -> None:
    living, ours = of_former(), process(former=former)
    living.add((0, 1))
    ours.add((1, 1))
    living.add((0, 1))
    assert list(ours.read()) == [2, 1, 0]
    assert files(tmp_path / "log") == ["0"]
    living.forget()
    later = process(former=former)
    later.add((2, 1))
    assert list(ours.read()) == [2, 1, 1]
    assert not former.exists()


def test_what_another_release_counted_elsewhere_goes_and_what_is_not_ours_stays(
    process: Process, former: Path, of_former: Callable[[], Tally], tmp_path: Path
) -> None:
    other = process(folder=former, layout="what was counted then")
    other.add((0, 7))
    other.forget()
    (former / "notes").write_text("of an operator")
    ours = process(former=former)
    ours.add((0, 1))
    assert list(ours.read()) == [1, 0, 0]
    assert files(tmp_path / "log") == ["notes"]


def test_many_who_begin_at_once_bring_it_over_once(
    process: Process, former: Path, of_former: Callable[[], Tally]
) -> None:
    dead = [of_former() for _ in range(20)]
    for tally in dead:
        tally.add((0, 1))
    for tally in dead:
        tally.forget()
    ours = [process(former=former) for _ in range(8)]
    threads = [threading.Thread(target=tally.add, args=((1, 1),)) for tally in ours]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(ours[0].read()) == [20, 8, 0]
    assert not former.exists()


def test_what_cannot_be_brought_over_stays_and_is_read(
    process: Process, former: Path, of_former: Callable[[], Tally], tmp_path: Path
) -> None:
    dead = of_former()
    dead.add((0, 1))
    dead.forget()
    (tmp_path / "counts").write_text("in the way")
    ours = process(former=former)
    ours.add((1, 1))
    assert list(ours.read()) == [1, 1, 0]
    assert (former / "0").exists()
