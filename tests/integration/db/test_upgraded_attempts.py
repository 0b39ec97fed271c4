"""A database with open shouts and unwritten records, as the release before attempts were rows left it: all of it goes on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from blast_api.cron import run_once
from blast_api.domain.callbacks import Party
from blast_api.models import Application, Attempt, Call, LogKind, Message, Record
from blast_api.records import writer
from blast_api.services import sweeps
from tests.kits import factories
from tests.kits.callbacks import ask, path
from tests.kits.records import unwritten
from tests.kits.world import lines

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("migrations_asked_anew")]

_BEFORE = "0012_calls_by_number"


def _migrate(name: str) -> None:
    MigrationExecutor(connection).migrate([("blast_api", name)])


@pytest.fixture
def newest() -> Iterator[str]:
    (name,) = MigrationLoader(None).graph.leaf_nodes("blast_api")
    _migrate(_BEFORE)
    try:
        yield name[1]
    finally:
        _migrate(name[1])


def _filled() -> dict[str, int]:
    """An ongoing shout, by the models of that release; answers its calls by what they do."""
    old = MigrationLoader(connection).project_state(("blast_api", _BEFORE)).apps
    now = timezone.now()
    application = old.get_model("blast_api", "application").objects.create(name=Application.IMPLIED)
    message = old.get_model("blast_api", "message").objects.create(
        application=application,
        userdata=factories.USER,
        caller=factories.AUTHOR,
        status="ongoing",
        created=now,
        starts_at=now,
        started=now,
    )
    old.get_model("blast_api", "recording").objects.create(
        message=message,
        state="CONFIRMED",
        state_since=now,
        recorded=now,
        ended=now,
        take=1,
        url="http://c/f.wav",
        file_sid="f",
        length_s=8,
        kept=True,
        attempts=1,
        serial=1,
    )
    placed: dict[str, Any] = {"serial": 3, "attempts": 2}
    calls: dict[str, dict[str, Any]] = {
        "in hand": {"status": "ready", "held_since": now, "due_at": now, **placed},
        "rings": {"status": "ongoing", "sid": "sid 1", "started": now, "due_at": now, **placed},
        "listens": {
            "status": "ongoing",
            "sid": "sid 2",
            "started": now,
            "answered": now,
            "answerer": "HUMAN",
            **placed,
        },
        "timed out": {"status": "timed-out", "sid": "sid 3", "started": now, "finished": now, **placed},
        "to be tried again": {"status": "ready", "due_at": now + timedelta(hours=1), "serial": 3, "attempts": 1},
        "over": {"status": "busy", "q850": 17, "finished": now, "serial": 1, "attempts": 1},
    }
    made = {}
    for position, (name, fields) in enumerate(calls.items()):
        number = factories.number(position)
        call = old.get_model("blast_api", "call").objects.create(
            message=message, position=position, number=number, **fields
        )
        made[name] = call.pk
    record = old.get_model("blast_api", "record")
    for name, status in (("timed out", "timed-out"), ("to be tried again", "failed"), ("over", "busy")):
        line = {"pk": made[name], "status": status, "late": False, "duration": 0, "record": f"r {name}"}
        record.objects.create(kind="cdr", line=json.dumps(line))
    record.objects.filter(line__contains="r over").update(taken=now, writer="lost host")
    return made


def _told() -> Counter[tuple[int, str, bool]]:
    told = lines(str(writer.path_of(LogKind.CDR)))
    return Counter((line["pk"], line["status"], line["late"]) for line in told)


def test_open_calls_end_and_every_line_is_written_once(client: Client, settings: Settings, newest: str) -> None:
    settings.MAX_RETRIES = 0
    calls = _filled()
    _migrate(newest)
    for name, word in (("in hand", "busy"), ("rings", "failed"), ("listens", "completed"), ("timed out", "completed")):
        Message.objects.filter(status="ongoing").exists()
        told = ask(client, path(Party.RECIPIENT, calls[name], 3, "status"), CallStatus=word, CallDuration=7)
        assert told.status_code == 200
    Call.objects.filter(pk=calls["to be tried again"]).update(due_at=timezone.now())
    message = Message.objects.get()
    message.status = "canceled"
    message.finished = timezone.now()
    message.save()
    sweeps.finish(timezone.now())
    writer.write_due()
    assert unwritten() == 1  # another host has it in hand
    Record.objects.update(taken=timezone.now() - timedelta(hours=2))
    writer.write_due()
    assert unwritten() == 0
    assert _told() == {
        (calls["in hand"], "busy", False): 1,
        (calls["rings"], "failed", False): 1,
        (calls["listens"], "completed", False): 1,
        (calls["timed out"], "timed-out", False): 1,
        (calls["timed out"], "no-answer", True): 1,
        (calls["to be tried again"], "failed", False): 1,
        (calls["to be tried again"], "cancelled", False): 1,
        (calls["over"], "busy", False): 1,
    }
    ended = Attempt.objects.get(call=calls["listens"])
    assert (ended.number, ended.serial, ended.sid, ended.answerer, ended.slot) == (2, 3, "sid 2", "HUMAN", None)
    assert ended.claimed
    run_once()
    assert sum(_told().values()) == 8


def test_code_of_the_former_release_goes_on_beside_ours_and_each_ending_has_one_line(newest: str) -> None:
    """It claims without a row, and ends what ours has claimed with a record of its own."""
    calls = _filled()
    _migrate(newest)
    old = MigrationLoader(connection).project_state(("blast_api", _BEFORE)).apps
    now = timezone.now()
    message = Message.objects.get()
    ours = Call.objects.get(pk=calls["rings"])
    Attempt.objects.create(message=message, call=ours, serial=3, number=2, claimed=now)
    # As its status callback does.
    old.get_model("blast_api", "call").objects.filter(pk=ours.pk).update(status="busy", q850=17, finished=now)
    line = {"pk": ours.pk, "status": "busy", "late": False, "duration": 0, "record": "of the former release"}
    old.get_model("blast_api", "record").objects.create(kind="cdr", line=json.dumps(line))
    writer.write_due()
    assert _told()[ours.pk, "busy", False] == 1
    assert Attempt.objects.get().record == ""
    message.delete()
    assert not Attempt.objects.exists()
