"""Lines that a former release stored as text: written, told, replayed, counted and deleted like ours; nothing adds to them."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from blast_api.db import state_dir
from blast_api.models import LogKind, Record
from blast_api.records import writer
from tests.kits.commands import run
from tests.kits.records import KINDS, crash_before_marking, waiting, waiting_of_a_former_release, written
from tests.kits.scraped import numbers
from tests.kits.world import World, recipient

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_written_before_ours_and_once(kind: str) -> None:
    ours = waiting(2, kind)
    former = waiting_of_a_former_release(3, kind)
    assert writer.write_due() == 5
    assert writer.write_due() == 0
    assert writer.path_of(LogKind(kind)).read_text().splitlines() == former + ours


@pytest.mark.parametrize("got_there", range(6))
def test_a_writer_that_died_over_both_leaves_nothing_out_and_nothing_twice(got_there: int) -> None:
    lines = waiting_of_a_former_release(3) + waiting(2)
    crash_before_marking(got_there)
    lines += waiting_of_a_former_release(2)
    writer.write_due()
    assert written() == sorted(lines)


def test_what_a_writer_of_a_former_release_died_over_is_found_under_the_name_of_the_host() -> None:
    lines = waiting_of_a_former_release(3, taken=timezone.now() - timedelta(seconds=61), writer=writer.HOST)
    writer.path_of(LogKind.CDR).write_text(f"{lines[0]}\n")
    assert writer.write_due() == 3
    assert writer.path_of(LogKind.CDR).read_text().splitlines() == lines
    assert set(Record.objects.values_list("writer", flat=True)) == {state_dir.host()}


def test_a_lost_log_comes_back_with_both() -> None:
    lines = waiting_of_a_former_release(3) + waiting(2)
    writer.write_due()
    writer.path_of(LogKind.CDR).unlink()
    ran = run("replay_records", "--json", "--since", "2000-01-01")
    assert ran.json["cdr"] == {"stored": 5, "written": 5, "present": 0}
    assert writer.path_of(LogKind.CDR).read_text().splitlines() == lines


def test_both_are_reported() -> None:
    about = {
        "pk": 12345,
        "status": "completed",
        "duration": 61,
        "finished": "2030-01-31T12:00:00.000Z",
        "answerer": "HUMAN",
        "record": "r",
    }
    Record.objects.create(kind=LogKind.CDR, line=json.dumps(about))
    waiting(3)
    total = run("report", "--json").json["total"]
    assert (total["attempts"], total["minutes"], total["outcomes"]) == (4, 1.017, {"busy": 3, "completed": 1})


def test_both_are_counted_while_they_wait(client: Client) -> None:
    waiting_of_a_former_release(2)
    waiting(3)
    assert numbers(client.get("/metrics").content.decode())["records_waiting"] == 5


def test_nothing_adds_to_them(world: World) -> None:
    world.recorded(*(recipient(ending) for ending in (0, 3, 6, 8)))
    world.play()
    assert not Record.objects.exists()
