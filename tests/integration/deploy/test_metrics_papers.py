"""What is shipped for Prometheus and Grafana asks for what /metrics tells, and docs/reference/metrics.md tells what that is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.test import Client
from django.utils import timezone

from blast_api.monitoring import health
from tests.kits import factories
from tests.kits.scraped import samples

pytestmark = pytest.mark.django_db

_ROOT = Path(settings.BASE_DIR)
_PROMETHEUS = _ROOT / "etc" / "prometheus"
_UNITS = {"none", "short", "s", "bytes", "reqps", "opm"}
_NAME = re.compile(r"\bblast_api_\w+")


@pytest.fixture
def exported(client: Client) -> dict[str, set[str]]:
    """Every name that can be asked for, with the labels that it has."""
    health.cron_ran("a host", now=timezone.now())
    factories.container()
    names: dict[str, set[str]] = {}
    for sample in samples(client.get("/metrics").content.decode()):
        names.setdefault(sample.name, set()).update(sample.labels)
    return names


def _rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((_PROMETHEUS / "blast-api.rules.yml").read_text())["groups"]
    return list(group["rules"])


def _dashboard() -> dict[str, Any]:
    return dict(json.loads((_ROOT / "etc" / "grafana" / "blast-api.json").read_text()))


def _panels() -> list[dict[str, Any]]:
    return [panel for panel in _dashboard()["panels"] if panel["type"] != "row"]


def _expressions() -> list[str]:
    asked = [target["expr"] for panel in _panels() for target in panel["targets"]]
    return [rule["expr"] for rule in _rules()] + asked


def test_rules_and_dashboard_ask_for_what_is_exported(exported: dict[str, set[str]]) -> None:
    asked = {name for expression in _expressions() for name in _NAME.findall(expression)}
    assert len(asked) > 15
    assert asked <= set(exported)


def test_their_labels_are_those_of_the_metrics(exported: dict[str, set[str]]) -> None:
    of_prometheus = {"job", "instance"}
    for expression in _expressions():
        labels = set().union(*(exported[name] for name in _NAME.findall(expression)), of_prometheus)
        selected = re.findall(r"(\w+)(?:=~|!~|!=|=)\"", expression)
        grouped = [word for group in re.findall(r"(?:by|on) \(([^)]*)\)", expression) for word in group.split(", ")]
        assert {*selected, *grouped} <= labels, expression


def test_every_state_that_is_exported_is_on_the_dashboard(exported: dict[str, set[str]]) -> None:
    shown = {name for panel in _panels() for target in panel["targets"] for name in _NAME.findall(target["expr"])}
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in exported} <= {
        re.sub("_(bucket|sum|count)$", "", name) for name in shown
    }


@pytest.mark.parametrize("rule", _rules(), ids=lambda rule: str(rule["alert"]))
def test_each_alert_says_what_is_wrong_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule["annotations"]) == {"summary", "runbook"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["runbook"].endswith(".")
    assert rule["labels"]["severity"] in ("critical", "warning", "info")


def test_each_alert_is_tried() -> None:
    tried = (_PROMETHEUS / "blast-api.tests.yml").read_text()
    for rule in _rules():
        quiet = f"alertname: {rule['alert']}, exp_alerts: []"
        assert tried.count(rule["alert"]) > tried.count(quiet) > 0, rule["alert"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
@pytest.mark.parametrize(
    "command", ["check rules blast-api.rules.yml", "check config prometheus.yml", "test rules blast-api.tests.yml"]
)
def test_prometheus_itself_accepts_them(command: str) -> None:
    done = subprocess.run(["promtool", *command.split()], cwd=_PROMETHEUS, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_can_be_imported() -> None:
    dashboard = _dashboard()
    assert (dashboard["id"], dashboard["uid"], dashboard["title"]) == (None, "blast-api", "blast-api")
    assert {"schemaVersion", "templating", "time", "panels"} <= set(dashboard)
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert not [pair for pair in combinations(places, 2) if _overlap(*pair)]


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(one[at] < other[at] + other[by] and other[at] < one[at] + one[by] for at, by in (("x", "w"), ("y", "h")))


@pytest.mark.parametrize("panel", _panels(), ids=lambda panel: str(panel["title"]))
def test_each_panel_has_a_unit_and_asks_the_source_that_its_reader_chose(panel: dict[str, Any]) -> None:
    assert panel["fieldConfig"]["defaults"]["unit"] in _UNITS
    assert panel["type"] in ("stat", "timeseries")
    assert panel["targets"]
    for asking in (panel, *panel["targets"]):
        assert asking["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert all('job=~"$job"' in target["expr"] for target in panel["targets"])


def test_the_manual_tells_of_every_metric(exported: dict[str, set[str]]) -> None:
    rows = [
        line
        for line in (_ROOT / "docs/reference/metrics.md").read_text().splitlines()
        if line.startswith("| `blast_api_")
    ]
    told = {name for row in rows for name in _NAME.findall(row)}
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in exported} == told
