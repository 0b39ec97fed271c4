"""Logstash's pipelines and Elasticsearch's templates name fields that our records have, in the types that they have."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from pytest_django import Settings

from blast_api import records
from blast_api.carrierx.events import StatusReport
from blast_api.services import delivery
from blast_api.states import CallStatus, ShoutStatus
from tests import factories
from tests.acceptance.processes import wait_until
from tests.world import World, lines, recipient

ETC = Path(settings.BASE_DIR) / "etc/logstash"
LOGS = {"blasts": "bdr.log", "calls": "cdr.log", "recordings": "rec_cdr.log"}
OURS = {"@timestamp", "@metadata", "@version", "tags", "host", "path"}  # Logstash's own fields, that is
PYTHON = {"long": int, "integer": int, "short": int, "boolean": bool, "keyword": str, "text": str, "date": str}


def pipeline(name: str) -> str:
    """What it says, without comments."""
    return re.sub(r"(?m)^\s*#.*$", "", (ETC / f"{name}.conf").read_text())


def template(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ETC / f"{name}.template.json").read_text())
    return content


def properties(name: str) -> dict[str, dict[str, Any]]:
    """The types of the fields that come from us."""
    mapped: dict[str, dict[str, Any]] = template(name)["template"]["mappings"]["properties"]
    return {field: how for field, how in mapped.items() if field not in OURS}


def named(name: str) -> set[str]:
    """The fields of ours that a pipeline reads."""
    written = pipeline(name)
    read = re.findall(r"%\{(\w+)\}", written) + re.findall(r'(?<![%{"\]])\[(\w+)\]', written)
    matched = re.findall(r'match => [\[{] "?(\w+)"?', written) + re.findall(r'match => \["(\w+)"', written)
    return {*read, *matched} - OURS


@pytest.fixture
def written(world: World, settings: Settings) -> dict[str, list[dict[str, Any]]]:
    """Records of each kind, made by a whole shout."""
    at = (timezone.now() + timedelta(seconds=1)).isoformat()
    world.recorded(*map(recipient, (0, 3, 8)), title="Snow day", schedule=at)
    wait_until(lambda: timezone.now().isoformat() > at)
    world.play()
    return {
        "blasts": lines(settings.BDR_LOG_PATH),
        "calls": lines(settings.CDR_LOGGER_PATH),
        "recordings": lines(settings.REC_CDR_LOG_PATH),
    }


def test_every_field_that_is_named_is_written_and_of_its_type(written: dict[str, list[dict[str, Any]]]) -> None:
    for name, records_ in written.items():
        assert records_, name
        types = properties(name)
        assert named(name) <= set(types), name
        for field, how in types.items():
            told = [record[field] for record in records_ if record[field] is not None]
            assert told, f"{name}: no record tells {field}"
            assert {type(value) for value in told} == {PYTHON[how["type"]]}, f"{name}: {field}"
            if how["type"] == "date":
                assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value) for value in told)


def test_every_field_of_ours_is_in_a_template(written: dict[str, list[dict[str, Any]]]) -> None:
    for name in ("blasts", "calls"):
        assert set(written[name][0]) == set(properties(name)), name


@pytest.mark.parametrize("name", LOGS)
def test_a_pipeline_reads_its_log_into_the_index_of_its_template(name: str) -> None:
    written = pipeline(name)
    assert f'path => ["/var/log/blast-api/{LOGS[name]}", "/var/log/blast-api/{LOGS[name]}-*"]' in written
    (index,) = re.findall(r'index => "([^"]+)"', written)
    (pattern,) = template(name)["index_patterns"]
    assert index.startswith(pattern.rstrip("*"))
    assert f'template => "/etc/logstash/blast-api/{name}.template.json"' in written
    assert f'path.config: "/etc/logstash/blast-api/{name}.conf"' in (ETC / "pipelines.yml").read_text()


@pytest.mark.django_db
def test_only_a_line_that_said_timed_out_is_corrected_by_a_late_one() -> None:
    """The pipeline gives both the same document: no third line may share it."""
    now = timezone.now()
    message = factories.message(status=ShoutStatus.TIMED_OUT, finished=now)
    factories.recording(message, recorded=True)
    call = factories.call(
        message, status=CallStatus.TIMED_OUT, sid="s", serial=1, attempts=2, finished=now, answerer="HUMAN"
    )
    records.add_cdrs([factories.call(message, status=CallStatus.FAILED), call], message)
    for _ in range(2):
        ended = StatusReport(CallStatus.COMPLETED, "completed", "s", 3, {})
        delivery.settled(delivery.Attempt(call.pk, call.serial), ended, now=now)
    records.write_due()
    told = [(line["pk"], line["status"], line["late"]) for line in lines(settings.CDR_LOGGER_PATH)]
    assert told[1:] == [(call.pk, "timed-out", False), (call.pk, "completed", True)]
    assert 'if [status] == "timed-out" or [late] {' in pipeline("calls")
