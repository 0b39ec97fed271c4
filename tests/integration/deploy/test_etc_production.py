"""Production as its files say it: the settings that their template makes, the units, the cron line."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from blast_api_project.settings import base
from tests.kits.checkouts import NEEDED, installed_at, manage, surroundings
from tests.kits.commands import in_turn

ROOT = Path(settings.BASE_DIR)
ETC = ROOT / "etc"
UNITS = ("blast-api.service", "blast-api-runcrons.service", "blast-api-callbacks.service")


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    return installed_at(tmp_path / "blast-api")


def test_the_settings_of_production_pass_the_check_for_deployment(installed: Path) -> None:
    said = manage(installed, "check", "--deploy", environment=NEEDED)
    assert said == "System check identified no issues (4 silenced).\n"


def test_other_hosts_are_bound_to_tls_by_the_operators_choice_only(installed: Path) -> None:
    names = ("SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_HSTS_PRELOAD")
    asked = f"from django.conf import settings as s; print(s.SECURE_HSTS_SECONDS, *[getattr(s, n) for n in {names}])"
    for chosen in ({}, dict.fromkeys(names, "True")):
        told = manage(installed, "shell", "-v", "0", "-c", asked, environment=NEEDED | chosen)
        assert told == f"31536000 {bool(chosen)} {bool(chosen)}\n"


@pytest.mark.parametrize(
    ("name", "written", "asked", "told"),
    [
        ("ALLOWED_HOSTS", " 127.0.0.1, blast.example.org ,", "ALLOWED_HOSTS", ["127.0.0.1", "blast.example.org"]),
        ("SECRET_KEY_FALLBACKS", "one , two,", "SECRET_KEY_FALLBACKS", ["one", "two"]),
        ("DATABASE_URL", f" {NEEDED['DATABASE_URL']} ", "DATABASES['default']['NAME']", "blast_api"),
        ("BLAST_METRICS_ALLOWED", " 10.0.0.0/8 , ::1 ", "METRICS_ALLOWED and 'read'", "read"),
    ],
)
def test_spaces_around_what_is_written_are_nobodys(
    installed: Path, tmp_path: Path, name: str, written: str, asked: str, told: object
) -> None:
    asking = ["shell", "-v", "0", "-c", f"from django.conf import settings; print(settings.{asked})"]
    environment = surroundings(installed) | NEEDED | {name: written}
    (_, said), (_, checked) = in_turn([asking, ["check"]], environment=environment, folder=tmp_path, root=installed)
    assert said.stdout.decode() == f"{told}\n"
    assert b"no issues" in checked.stdout


@pytest.mark.parametrize("allowed", ["", " , ", "127.0.0.1"])
def test_production_is_refused_where_every_callback_would_be(installed: Path, allowed: str) -> None:
    said = manage(installed, "check", environment=NEEDED | {"ALLOWED_HOSTS": allowed})
    assert "(blast_api.E105) ALLOWED_HOSTS: lacks blast.example.org" in said


def test_production_makes_the_folder_of_state_that_is_named_where_it_may(installed: Path) -> None:
    state = installed.with_name("state")
    manage(installed, "check", environment=NEEDED)
    assert stat.S_IMODE(state.stat().st_mode) == 0o750


def test_a_prod_py_of_an_older_template_knows_the_folder_of_state(installed: Path) -> None:
    prod = installed / "blast_api_project/settings/prod.py"
    older = (
        prod.read_text().replace("make_folder(STATE_DIR)\n", "").replace("STATE_DIR, ", "").replace(", make_folder", "")
    )
    assert "STATE_DIR" not in older
    prod.write_text(older)
    assert base.STATE_DIR == "/var/lib/blast-api"
    named = NEEDED | {"BLAST_STATE_DIR": "/nowhere/at/all"}
    assert "STATE_DIR: '/nowhere/at/all' does not exist." in manage(installed, "check", environment=named)


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "ALLOWED_HOSTS"])
def test_production_does_not_start_without(installed: Path, name: str) -> None:
    environment = {key: value for key, value in NEEDED.items() if key != name}
    assert f"Set the {name} environment variable" in manage(installed, "check", environment=environment)


HUSH = "$hush-hush, hush" * 4


@pytest.mark.parametrize("kind", ["dev", "prod"])
def test_secrets_may_be_any_text(installed: Path, tmp_path: Path, kind: str) -> None:
    secrets = {
        "DJANGO_SETTINGS_MODULE": f"blast_api_project.settings.{kind}",
        "SECRET_KEY": HUSH,
        "SECRET_KEY_FALLBACKS": json.dumps([HUSH]),
        "DATABASE_URL": f"postgres://$me:{HUSH.replace(' ', '%20')}@127.0.0.1:9/blast_api",
        "BLAST_CARRIERX_API_TOKEN": HUSH,
        "BLAST_FLEXML_API_USER": HUSH,
        "BLAST_FLEXML_API_PASSWORD": HUSH,
    }
    asked = (
        "from django.conf import settings as s; d = s.DATABASES['default']; "
        "print([s.SECRET_KEY, d['PASSWORD'], s.CARRIERX_API_TOKEN, s.FLEXML_API_USER, s.FLEXML_API_PASSWORD, "
        "*s.SECRET_KEY_FALLBACKS])"
    )
    commands = [["shell", "-v", "0", "-c", asked], ["check", "--deploy"], ["shouts"], ["runcrons"], ["migrate"]]
    (_, told), *others = in_turn(
        commands, environment=surroundings(installed) | NEEDED | secrets, folder=tmp_path, root=installed
    )
    assert told.stdout.decode() == f"{[HUSH] * (6 if kind == 'prod' else 5)}\n"
    for words, ran in others:  # that database is away
        assert b"hush" not in ran.stdout + ran.stderr, words


@pytest.mark.parametrize("kind", ["dev", "prod"])
@pytest.mark.parametrize(
    "url", ["hush", "hush://me:hush@db/d", "postgres://me:hu/hush@db/d", "postgres://me:hush@db:x/d"]
)
def test_a_database_url_that_cannot_be_read_ends_with_a_sentence_that_does_not_quote_it(
    installed: Path, kind: str, url: str
) -> None:
    written = {"DJANGO_SETTINGS_MODULE": f"blast_api_project.settings.{kind}", "DATABASE_URL": url}
    said = manage(installed, "check", environment=NEEDED | written)
    assert said.startswith("DATABASE_URL: cannot be read: write ")
    assert (said.count("\n"), "hush" in said) == (1, False)


def test_a_checkout_may_lie_anywhere(installed: Path) -> None:
    place = installed.rename(installed.with_name("it's 100%25 #1 + ? here"))
    assert "OK" in manage(place, "migrate", environment={"DJANGO_SETTINGS_MODULE": "blast_api_project.settings.dev"})
    assert (place / "db.sqlite3").stat().st_size


def test_the_page_about_an_error_in_development_hides_the_databases_url(installed: Path) -> None:
    asked = (
        "from django.views.debug import get_default_exception_reporter_filter as f; from django.http import HttpRequest; "
        "r = HttpRequest(); r.META = {'DATABASE_URL': 'hush', 'SECRET_KEY': 'hush', 'HOME': '/'}; "
        "print(f().get_safe_request_meta(r))"
    )
    told = manage(
        installed,
        "shell",
        "-v",
        "0",
        "-c",
        asked,
        environment={"DJANGO_SETTINGS_MODULE": "blast_api_project.settings.dev"},
    )
    assert "hush" not in told
    assert "'HOME': '/'" in told


def test_the_settings_of_production_are_as_the_operator_expects(installed: Path) -> None:
    asked = (
        "from django.conf import settings as s; d = s.DATABASES['default']; "
        "print(s.DEBUG, s.API_TOKEN_REQUIRED, s.API_DOCS, d['ENGINE'].split('.')[-1], d['CONN_MAX_AGE'], "
        "s.REST_FRAMEWORK['DEFAULT_RENDERER_CLASSES'], s.SESSION_COOKIE_SECURE, s.SECURE_SSL_REDIRECT, s.MIDDLEWARE[0])"
    )
    told = manage(installed, "shell", "-v", "0", "-c", asked, environment=NEEDED)
    assert told == (
        "False True False postgresql None ['rest_framework.renderers.JSONRenderer'] True True "
        "blast_api_project.access.RequestLog\n"
    )


def test_the_form_of_the_environment_names_what_is_needed_and_holds_no_secret() -> None:
    form = dict(re.findall(r"(?m)^(\w+)='(.*)'$", (ETC / "default/blast-api").read_text()))
    assert {"DJANGO_SETTINGS_MODULE", "SECRET_KEY", "DATABASE_URL", "ALLOWED_HOSTS"} <= set(form)
    secret = [name for name in form if re.search("SECRET|TOKEN|FLEXML", name)]
    assert secret
    assert not any(form[name] for name in secret)


def test_units_hold_no_secret_and_are_as_hardened_as_each_other() -> None:
    hardening = []
    for unit in UNITS:
        text = (ETC / unit).read_text()
        assert "EnvironmentFile=/etc/default/blast-api\n" in text
        assert set(re.findall(r"(?m)^Environment=(\w+)", text)) <= {"LISTEN", "LISTEN_CALLBACKS", "CALLBACK_WORKERS"}
        hardening.append(text.partition("# It reads its code")[2])
    assert len(set(hardening)) == 1
    assert hardening[0]


def test_where_cores_are_short_callbacks_and_calls_go_before_applications() -> None:
    nice = {unit: re.findall(r"(?m)^Nice=(\d+)$", (ETC / unit).read_text()) for unit in UNITS}
    assert {unit: told for unit, told in nice.items() if told} == {"blast-api.service": ["10"]}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("unit", UNITS)
def test_systemd_finds_no_fault_in_a_unit_and_little_that_it_may_do(unit: str, tmp_path: Path) -> None:
    (tmp_path / "env/bin").mkdir(parents=True)
    for program in ("python", "uwsgi"):
        (tmp_path / "env/bin" / program).symlink_to(sys.executable)
    file = tmp_path / unit
    file.write_text((ETC / unit).read_text().replace("/opt/blast-api", str(tmp_path)))
    assert _said("systemd-analyze", "verify", "--man=no", str(file)) == ""
    told = _said("systemd-analyze", "security", "--offline=true", "--no-pager", str(file))
    (exposure,) = re.findall(r"exposure level for .*: ([0-9.]+) ", told)
    assert float(exposure) < 2.0


def _said(*command: str) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout.strip()


def test_cron_and_the_units_say_where_the_same_things_are() -> None:
    (line,) = re.findall(r"(?m)^\* .*$", (ETC / "cron.d/blast-api").read_text())
    assert line.endswith(" runcrons --linger 90 --take-over >>/var/log/blast-api/blast-api-message-check.log 2>&1")
    assert "%" not in line  # cron's end of line
    assert _folders(*(ETC / unit for unit in UNITS), ETC / "manage", ETC / "cron.d/blast-api") <= {
        "/opt/blast-api",
        "/etc/default/blast-api",
        "/var/log/blast-api",
    }
    for unit in UNITS:
        folders = dict(re.findall(r"(?m)^(\w+Directory)=(.*)$", (ETC / unit).read_text()))
        assert (folders["LogsDirectory"], folders["StateDirectory"]) == ("blast-api", "blast-api")
    assert os.access(ETC / "manage", os.X_OK)


def _folders(*files: Path) -> set[str]:
    return {
        found
        for file in files
        for found in re.findall(r"/(?:opt|etc/default|var/log|var/lib)/[\w-]+", file.read_text())
    }


def test_the_deploy_page_installs_every_file() -> None:
    page = (ROOT / "docs/how-to/deploy.md").read_text()
    installed = set(re.findall(r"(?m)^(?:cp|install .*) (?:/opt/blast-api/)?etc/(\S+) /etc/\S+$", page))
    files = ("cron.d/blast-api", "blast-api.logrotate", "nginx/blast-api.conf", "default/blast-api")
    assert installed == {*UNITS, *files}
