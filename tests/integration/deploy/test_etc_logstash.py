"""Logstash's pipelines and Elasticsearch's templates name fields that our records have, in the types that they have."""

from __future__ import annotations

import json
import re
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from pytest_django import Settings

from blast_api.carrierx.events import StatusReport
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Message
from blast_api.records import writer
from blast_api.services import delivery, history
from tests.kits import factories
from tests.kits.logstash import Pipeline
from tests.kits.world import World, lines, recipient

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
    later = (timezone.now() + timedelta(hours=1)).isoformat()
    transfer = {"key": "1", "to": recipient(0, index=7)}
    shout = world.shout(*map(recipient, (0, 3, 8, 15)), title="Snow day", schedule=later, transfer=transfer)
    Message.objects.filter(pk=shout).update(schedule=timezone.now())  # the hour has passed
    world.carrier.advance_until_idle()
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


def copied(folder: Path) -> dict[str, str]:
    """`cp etc/logstash/* FOLDER`; answers the environment that names it."""
    shutil.copytree(ETC, folder)
    return {"BLAST_API_LOGSTASH": str(folder)}


def pipelines(folder: Path, way: str) -> list[Pipeline]:
    """What Logstash runs with all our files in a folder: all that is there as one, as by default, or by our pipelines.yml."""
    environment = copied(folder)
    if way == "one folder":
        return [Pipeline(*sorted(folder.glob("*.conf")), environment=environment)]
    listed = re.findall(
        r'path.config: "\$\{BLAST_API_LOGSTASH:/etc/logstash/conf.d\}/(.*)"', (ETC / "pipelines.yml").read_text()
    )
    return [Pipeline(folder / name, environment=environment) for name in listed]


@pytest.mark.parametrize("way", ["one folder", "pipelines.yml"])
def test_a_line_of_each_log_is_one_document_in_its_own_index(way: str, tmp_path: Path) -> None:
    common = {"created": "2030-01-31T12:00:00.000Z", "finished": "2030-02-01T12:00:00.000Z", "pk": 7, "record": "r"}
    found = pipelines(tmp_path / "conf.d", way)
    reached = {}
    for log in LOGS.values():
        for rotated in ("", "-20300201"):
            for late in (False, True):
                line = json.dumps(common | {"late": late, "status": "completed"})
                path = f"/var/log/blast-api/{log}{rotated}"
                (document,) = (each for pipeline in found for each in pipeline.read(path, line))
                assert document.source == {**json.loads(line), "@timestamp": common["finished"]}
                reached[log, late] = (document.index, document.id, document.version)
    assert reached == {
        ("bdr.log", False): ("blast-api-blasts-2030.01", "7", "1"),
        ("bdr.log", True): ("blast-api-blasts-2030.01", "7", "2"),
        ("cdr.log", False): ("blast-api-calls-2030.01", "r", "1"),
        ("cdr.log", True): ("blast-api-calls-2030.01", "7-timed-out", "2"),
        ("rec_cdr.log", False): ("blast-api-recordings-2030.02", "r", "1"),
        ("rec_cdr.log", True): ("blast-api-recordings-2030.02", "r", "1"),
    }


def test_a_strangers_event_passes_our_files_untouched(tmp_path: Path) -> None:
    """All of /etc/logstash/conf.d/ is one pipeline by default, with whatever else lies there."""
    (all_of_it,) = pipelines(tmp_path / "conf.d", "one folder")
    theirs = {"message": "not ours", "host": "there", "tags": ["_jsonparsefailure"], "@metadata": {}}
    event = json.loads(json.dumps(theirs))
    assert all_of_it.run(event) == []
    assert event == theirs


@pytest.mark.parametrize("way", ["one folder", "pipelines.yml"])
def test_each_index_has_its_template_in_the_folder_of_the_pipelines(way: str, tmp_path: Path) -> None:
    found = [template for pipeline in pipelines(tmp_path / "conf.d", way) for template in pipeline.templates()]
    patterns = [json.loads(template.read_text())["index_patterns"] for template in found]
    assert sorted(patterns) == [["blast-api-blasts-*"], ["blast-api-calls-*"], ["blast-api-recordings-*"]]


def test_what_logstash_reads_is_where_the_manual_puts_it() -> None:
    assert (
        "cp etc/logstash/* /etc/logstash/conf.d/\n"
        in (Path(settings.BASE_DIR) / "docs/how-to/read-the-logs.md").read_text()
    )
    for name in LOGS:
        assert "${BLAST_API_LOGSTASH:/etc/logstash/conf.d}/" in pipeline(name)


@pytest.mark.django_db
def test_only_a_line_that_said_timed_out_is_corrected_by_a_late_one() -> None:
    """The pipeline gives both the same document: no third line may share it."""
    now = timezone.now()
    message = factories.message(status=ShoutStatus.TIMED_OUT, finished=now)
    factories.author_call(message, recorded=True)
    call = factories.call(
        message, status=CallStatus.TIMED_OUT, sid="s", serial=1, attempts=2, finished=now, answerer="HUMAN"
    )
    failed = factories.call(message, status=CallStatus.FAILED, finished=now - timedelta(seconds=1))
    history.end_all(message, [failed, call], now=now)
    writer.write_due()
    for _ in range(2):
        ended = StatusReport(CallStatus.COMPLETED, "completed", "s", 3, {})
        delivery.settled(delivery.CallAttempt(call.pk, call.serial), ended, now=now)
    writer.write_due()
    told = [(line["pk"], line["status"], line["late"]) for line in lines(settings.CDR_LOGGER_PATH)]
    assert told[1:] == [(call.pk, "timed-out", False), (call.pk, "completed", True)]
    assert 'if [status] == "timed-out" or [late] {' in pipeline("calls")
