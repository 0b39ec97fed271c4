"""`manage.py check` as the operator reads it: the key, the fault and a hint for each."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import Client
from pytest_django import Settings

from blast_api import conf
from blast_api.db.clock import database_now
from blast_api.domain.configuration import RETIRED
from blast_api.monitoring import health


def told(*, deploy: bool = False) -> str:
    """What the command prints, its errors included."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("check", deploy=deploy, stdout=out, stderr=err)
    except SystemCheckError as error:
        return str(error)
    return out.getvalue() + err.getvalue()


@pytest.fixture
def production(settings: Settings) -> Settings:
    """A configuration that may go into production."""
    settings.BASE_CALLCONTROL_API_URL = "https://blast.example/api/v1/call-control"
    settings.DID = "12125550100"
    settings.API_TOKEN_REQUIRED = True
    return settings


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the host that the tests run on has in its environment."""
    for name in [name for name in os.environ if name.lower().endswith(("_proxy", "_ca_bundle"))]:
        monkeypatch.delenv(name)


def test_the_defaults_pass() -> None:
    assert told() == "System check identified no issues (1 silenced).\n"


@pytest.mark.parametrize(
    ("key", "written", "problem", "hint"),
    [
        ("DID", "call me", "'call me' is not a phone number of 7 to 15 digits with country code.", "15555550100"),
        ("MAX_CALLS_PER_SECOND", 0, "0 is not between 1 and 10000.", "cps_limit"),
        ("CALL_LENGTH_RATIO", "long", "'long' is not a number.", "1.5"),
        ("BASE_CARRIERX_API_URL", "carrierx", "'carrierx' is not an absolute http or https URL.", "api.carrierx.com"),
        ("VOICE_MENU", {}, "lacks no_key_pressed, goodbye,", "configuration.py.template"),
        ("REC_CALL_STATUS_TIMEOUTS", {"PLACED": 1}, "lacks NO_REC_CALL,", "seven states"),
        ("VALID_NUMBER_PATTERN", "(", "'(' is not a regular expression: ", "A regular expression"),
        ("RETRY_STATUSES", ["completed"], "completed cannot be retried.", "failed, busy, no-answer, app-error"),
        ("RECORD_ALL_CALLS", "maybe", "'maybe' is neither True nor False.", "True or False."),
        ("FLEXML_API_PASSWORD", "hush-hush\n", "has a space or a line end around it", "password"),
    ],
)
def test_a_key_at_fault_is_named_with_the_fault_and_a_hint(
    settings: Settings, key: str, written: object, problem: str, hint: str
) -> None:
    setattr(settings, key, written)
    text = told()
    assert f"?: (blast_api.E001) {key}: " in text
    assert problem in text
    assert hint in text.split("HINT: ")[1]
    assert "hush" not in text


def test_all_keys_at_fault_are_named_at_once(settings: Settings) -> None:
    settings.DID, settings.MAX_RETRIES = "", "many"
    text = told()
    assert "System check identified 2 issues" in text
    assert "DID: " in text
    assert "MAX_RETRIES: " in text


def test_a_missing_key_is_an_error(settings: Settings) -> None:
    del settings.PLACEMENT_HORIZON
    assert "PLACEMENT_HORIZON: is missing." in told()


@pytest.mark.parametrize("key", sorted(RETIRED))
def test_a_sheet_of_a_former_release_is_a_good_one_with_a_warning(settings: Settings, key: str) -> None:
    setattr(settings, key, 20)
    text = told()
    assert f"?: (blast_api.W003) {key}: is no longer read.\n\tHINT: " in text
    assert "System check identified 1 issue (1 silenced)." in text


# --- Proxies ---------------------------------------------------------------------------------------------------------

PROXY = "http://me:hush@proxy.example:3128"
CARRIER = "https://api.carrierx.com/"


@pytest.mark.parametrize(
    ("carrier", "environ", "warned"),
    [
        (CARRIER, {"HTTPS_PROXY": PROXY}, "HTTPS_PROXY"),
        (CARRIER, {"https_proxy": PROXY, "HTTP_PROXY": PROXY}, "HTTPS_PROXY"),
        (CARRIER, {"ALL_PROXY": PROXY}, "ALL_PROXY"),
        (CARRIER, {"HTTPS_PROXY": PROXY, "NO_PROXY": "localhost,example.org"}, "HTTPS_PROXY"),
        ("http://carrier.example", {"HTTP_PROXY": PROXY}, "HTTP_PROXY"),
        (CARRIER, {}, ""),
        (CARRIER, {"HTTPS_PROXY": ""}, ""),
        (CARRIER, {"HTTP_PROXY": PROXY}, ""),
        (CARRIER, {"HTTPS_PROXY": PROXY, "NO_PROXY": "api.carrierx.com"}, ""),
        (CARRIER, {"HTTPS_PROXY": PROXY, "no_proxy": ".carrierx.com"}, ""),
        ("http://127.0.0.1:8001", {"HTTP_PROXY": PROXY}, ""),
        ("http://localhost:8001", {"ALL_PROXY": PROXY}, ""),
    ],
)
def test_a_proxy_that_would_not_be_asked_is_warned_of(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, carrier: str, environ: dict[str, str], warned: str
) -> None:
    settings.BASE_CARRIERX_API_URL = carrier
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    text = told()
    assert (f"(blast_api.W103) {warned}: is set in the environment" in text) == bool(warned)
    assert ("W103" in text) == bool(warned)
    assert "hush" not in text


@pytest.mark.django_db
def test_the_cron_jobs_do_not_speak_of_a_proxy_or_an_old_key_each_minute(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.BASE_CARRIERX_API_URL = "http://carrier.example"
    settings.MAX_LIMIT = 20
    monkeypatch.setenv("HTTP_PROXY", PROXY)
    call_command("runcrons", skip_checks=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_authorities_that_are_not_there_are_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    settings.BASE_CARRIERX_API_URL = CARRIER
    monkeypatch.setenv(name, str(tmp_path / "missing.pem"))
    assert f"?: (blast_api.E107) {name}: '{tmp_path}/missing.pem' cannot be read" in told()
    (tmp_path / "missing.pem").touch()
    assert "E107" not in told()


# --- ALLOWED_HOSTS ---------------------------------------------------------------------------------------------------


def _callback(url: str) -> int:
    """How a callback to this address is answered, when the carrier writes its host as the address does."""
    address, host = "/api/v1/call-control/calls/1/1/forged/status", {"host": urlsplit(url).netloc}
    return Client().post(address, data="{}", content_type="application/json", headers=host).status_code


@pytest.mark.parametrize(
    ("allowed", "host", "works"),
    [
        (["*"], "anything.example", True),
        (["blast.example.org"], "blast.example.org", True),
        (["blast.example.org"], "blast.example.org:8443", True),
        (["blast.example.org"], "Blast.Example.ORG.", True),
        (["Blast.Example.ORG"], "blast.example.org", True),
        ([".example.org"], "blast.example.org", True),
        ([".example.org"], "example.org", True),
        (["[::1]"], "[::1]:8000", True),
        (["127.0.0.1", "blast.example.org"], "blast.example.org", True),
        ([], "blast.example.org", False),
        (["127.0.0.1"], "blast.example.org", False),
        (["127.0.0.1", " blast.example.org"], "blast.example.org", False),
        (["example.org"], "blast.example.org", False),
        ([".example.org"], "blastexample.org", False),
        (["https://blast.example.org"], "blast.example.org", False),
        (["blast.example.org:443"], "blast.example.org:443", False),
        (["blast.example.org."], "blast.example.org.", False),
        (["*.example.org"], "blast.example.org", False),
        (["::1"], "[::1]:8000", False),
        (["*"], "blast_api:8000", False),
    ],
)
def test_the_check_finds_a_host_at_fault_if_and_only_if_callbacks_to_it_are_refused(
    settings: Settings, allowed: list[str], host: str, works: bool
) -> None:
    settings.ALLOWED_HOSTS = allowed
    settings.BASE_CALLCONTROL_API_URL = f"https://{host}/api/v1/call-control"
    assert _callback(settings.BASE_CALLCONTROL_API_URL) == (403 if works else 400)
    assert ("blast_api.E105" not in told()) == works


@pytest.mark.parametrize(
    "entry",
    [" blast.example.org", "https://blast.example.org", "blast.example.org:443", "blast.example.org.", "*.example.org",
     "::1", "", ".", "blast.example.org/api", "blast_api", "a b"],
)  # fmt: skip
def test_an_entry_that_matches_no_request_is_named(settings: Settings, entry: str) -> None:
    settings.ALLOWED_HOSTS = ["*", entry]
    assert f"(blast_api.E106) ALLOWED_HOSTS: {entry!r} matches no request." in told()


def test_the_host_that_is_missing_is_named_with_what_comes_of_it(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    settings.BASE_CALLCONTROL_API_URL = "https://carrier:secret@Blast.example.org:8443/api/v1/call-control"
    text = told()
    assert "ALLOWED_HOSTS: lacks blast.example.org, the host of BASE_CALLCONTROL_API_URL" in text
    assert "HINT: Add blast.example.org, without a port." in text
    assert "secret" not in text


def test_a_name_in_another_alphabet_is_compared_as_it_is_sent(settings: Settings) -> None:
    settings.BASE_CALLCONTROL_API_URL = "https://grün.example/api/v1/call-control"
    settings.ALLOWED_HOSTS = ["xn--grn-ioa.example"]
    assert "blast_api." not in told()
    settings.ALLOWED_HOSTS = ["grün.example"]
    assert "blast_api.E105" in told()
    assert "blast_api.E106" in told()


def test_development_answers_to_this_host_without_a_list(settings: Settings) -> None:
    settings.DEBUG, settings.ALLOWED_HOSTS = True, []
    settings.BASE_CALLCONTROL_API_URL = "http://localhost:8000/api/v1/call-control"
    assert "blast_api." not in told()


@pytest.mark.django_db
def test_nothing_is_placed_where_no_callback_would_be_taken(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    settings.BASE_CALLCONTROL_API_URL = "https://blast.example.org/api/v1/call-control"
    with pytest.raises(SystemCheckError, match=r"blast_api\.E105"):
        call_command("runcrons", skip_checks=False)


# --- STATE_DIR -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "problem", "hint"),
    [
        ("state", "'state' is not an absolute path.", "For example /var/lib/blast-api."),
        ("", "'' is not an absolute path.", "/var/lib/blast-api"),
        (" /var/lib/blast-api", "is not an absolute path.", "/var/lib/blast-api"),
        (7, "7 is not an absolute path.", "/var/lib/blast-api"),
        ("/nowhere/at/all", "'/nowhere/at/all' does not exist.", "install -d -o USER -g GROUP -m 0750 /nowhere/at/all"),
        ("/dev/null", "'/dev/null' is not a folder.", "install -d"),
        ("/dev/null/state", "'/dev/null/state' is not a folder.", "install -d"),
    ],
)
def test_a_folder_of_state_that_will_not_do_is_named_with_the_fault_and_a_hint(
    settings: Settings, written: object, problem: str, hint: str
) -> None:
    settings.STATE_DIR = written
    text = told()
    assert "?: (blast_api.E002) STATE_DIR: " in text
    assert problem in text
    assert hint in text.split("HINT: ")[1]


@pytest.fixture
def ours() -> Iterator[Path]:
    """A folder of ours that its mode can close to us. To root none is closed: then we are somebody else meanwhile."""
    told()  # which imports what somebody else may not read
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        folder = Path(name, "state")
        folder.mkdir()
        if user == 0:
            os.chown(folder, 65534, 65534)
            os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(user)
            folder.chmod(0o700)


@pytest.mark.parametrize("mode", [0o500, 0o300])
def test_a_folder_of_state_that_is_not_ours_to_read_and_write_is_an_error(
    settings: Settings, ours: Path, mode: int
) -> None:
    settings.STATE_DIR = str(ours)
    assert told() == "System check identified no issues (1 silenced).\n"
    ours.chmod(mode)
    assert f"STATE_DIR: {str(ours)!r} cannot be used by this user: Permission denied." in told()


def test_the_folder_of_the_logs_is_no_folder_of_state(settings: Settings, tmp_path: Path) -> None:
    settings.STATE_DIR = str(tmp_path)
    assert "(blast_api.E002) STATE_DIR: " in told()
    assert "is the folder of the logs." in told()
    (tmp_path.parent / "another name of it").symlink_to(tmp_path)
    settings.STATE_DIR = str(tmp_path.parent / "another name of it")
    assert "is the folder of the logs." in told()


def test_a_folder_of_state_in_the_folder_of_the_logs_is_warned_of(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    settings.STATE_DIR = str(tmp_path / "state")
    assert "(blast_api.W002) STATE_DIR: " in told()


def test_the_check_leaves_nothing_in_the_folder_of_state(settings: Settings) -> None:
    told()
    assert list(Path(settings.STATE_DIR).iterdir()) == []


@pytest.mark.django_db
@pytest.mark.parametrize("command", ["runcrons", "shouts"])
def test_work_goes_on_while_the_folder_of_state_is_out_of_reach(settings: Settings, command: str) -> None:
    settings.STATE_DIR = "/nowhere/at/all"
    health.cron_ran("here", now=database_now())  # or `shouts` says first that it has not
    call_command(command, skip_checks=False, stdout=io.StringIO())


@pytest.mark.django_db
@pytest.mark.parametrize("command", ["runcrons", "shouts"])
def test_no_work_begins_with_a_sheet_at_fault(settings: Settings, command: str) -> None:
    settings.DID = "call me"
    with pytest.raises(SystemCheckError, match=r"blast_api\.E001"):
        call_command(command, skip_checks=False)


def test_silence_that_is_never_recognised_is_warned_of(settings: Settings) -> None:
    settings.AMD_TOTAL_ANALYSIS_TIME = 4000
    assert "(blast_api.W001) AMD_TOTAL_ANALYSIS_TIME: is shorter than AMD_INITIAL_SILENCE" in told()


def test_what_development_leaves_open_is_an_error_in_production(settings: Settings) -> None:
    for key in conf.SECRETS:
        setattr(settings, key, "")
    settings.DID = "15555550100"
    text = told(deploy=True)
    for key in conf.SECRETS:
        assert f"(blast_api.E101) {key}: is empty." in text
    assert "(blast_api.E102) DID: is the fictional one." in text
    assert "(blast_api.E103) BASE_CALLCONTROL_API_URL: the carrier cannot reach a loopback address." in text
    assert "(blast_api.E104) API_TOKEN_REQUIRED: is off" in text


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1", "127.9.9.9", "[::1]:80", "0.0.0.0"])
def test_an_address_that_only_this_host_knows_is_an_error_in_production(production: Settings, host: str) -> None:
    production.BASE_CALLCONTROL_API_URL = f"https://{host}/api/v1/call-control"
    assert "blast_api.E103" in told(deploy=True)


def test_secrets_in_the_clear_are_warned_of(production: Settings) -> None:
    production.BASE_CALLCONTROL_API_URL = "http://blast.example/api/v1/call-control"
    assert "(blast_api.W101) BASE_CALLCONTROL_API_URL: call-control addresses are secrets" in told(deploy=True)


def test_metrics_for_everybody_are_warned_of(production: Settings) -> None:
    production.METRICS_ALLOWED = ["127.0.0.1", "0.0.0.0/0"]
    assert "(blast_api.W102) METRICS_ALLOWED: lets everybody read" in told(deploy=True)


@pytest.mark.parametrize("key", ["SECRET_KEY", *sorted(conf.SECRETS)])
def test_a_secret_with_what_may_be_a_comment_is_warned_of_and_not_quoted(production: Settings, key: str) -> None:
    setattr(production, key, "hush-hush  # of the test account")
    text = told(deploy=True)
    assert f"(blast_api.W104) {key}: has a # after a space" in text
    assert "hush" not in text
    setattr(production, key, "hush-#hush")
    assert "W104" not in told(deploy=True)


@pytest.mark.usefixtures("production")
def test_a_filled_in_sheet_has_no_faults_of_ours() -> None:
    assert "blast_api." not in told(deploy=True)


def test_development_is_not_asked_what_production_is() -> None:
    assert "E10" not in told()


def test_the_deployment_check_survives_a_configuration_at_fault(production: Settings) -> None:
    production.DID, production.BASE_CALLCONTROL_API_URL = None, None
    text = told(deploy=True)
    assert text.count("blast_api.E001") == 2
