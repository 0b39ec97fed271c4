"""The operator's sheet: what each key may be, and how a key at fault is named."""

from __future__ import annotations

import json
from datetime import time
from ipaddress import ip_network
from typing import Any

import pytest
from pytest_django import Settings

from blast_api import conf
from blast_api.conf import configuration
from blast_api.domain.billing import Increments
from blast_api.domain.errors import ConfigurationError
from blast_api.domain.prompts import ALL, LATER, PROMPTS
from blast_api.domain.rules.limits import FrequencyCap, PauseAt, Scope
from blast_api.domain.rules.window import Window
from blast_api.domain.states import CallStatus, RecordingState

C = CallStatus
MENU: dict[object, object] = {prompt: f"https://storage.example.com/{prompt}.wav" for prompt in PROMPTS}
WHOLE_MENU = MENU | {prompt: f"https://storage.example.com/{prompt}.wav" for prompt in LATER}
NO_SECONDS: list[object] = [0, -1, 86401, "soon", True, []]
TIMEOUTS: dict[object, object] = dict.fromkeys(RecordingState.values, 60)
DOCUMENTED = {
    "base_callcontrol_api_url": "http://127.0.0.1:8000/api/v1/call-control",
    "amd": True,
    "voice_menus": {},
    "announce_opt_out": "last",
    "amd_initial_silence": 5000,
    "amd_greeting": 2000,
    "amd_after_greeting_silence": 500,
    "amd_total_analysis_time": 10000,
    "amd_between_word_silence": None,
    "amd_minimum_word_length": None,
    "amd_maximum_word_length": None,
    "amd_maximum_number_of_words": None,
    "amd_silence_threshold": None,
    "max_recording_seconds": 600,
    "recording_silence": 10,
    "max_replays": 3,
    "max_calls_per_second": 25,
    "call_batch_size": 50,
    "call_length_ratio": 1.5,
    "max_retries": 3,
    "message_timeout": 300,
    "message_timeout_check_window": 12,
    "recording_container": "",
    "record_all_calls": False,
    "debug_recording_container": "",
    "placement_horizon": 120,
    "placement_confirm_timeout": 120,
    "retry_statuses": (C.FAILED,),
    "ring_timeout": 30,
    "retry_delay": 60,
    "default_region": None,
    "allowed_regions": frozenset({"US", "CA", "PR", "VI", "GU", "AS", "MP"}),
    "refused_number_types": frozenset({4, 5}),  # premium rate, shared cost
    "caller_as_recipient": False,
    "max_recipients": 100000,
    "max_body_bytes": 8388608,
    "max_requests_per_minute": 600,
    "max_wrong_tokens_per_minute": 20,
    "idempotency_key_window": 24,
    "billing_increments": Increments(60, 60),
    "cron_timeout": 180,
    "metrics_allowed": (ip_network("127.0.0.0/8"), ip_network("::1/128")),
    "dids": (),
    "calling_window": None,
    "fallback_zone": None,
    "frequency_cap": None,
    "pause_at": PauseAt(failed_percent=80, of=50),
    "max_concurrent_calls": None,
    "opt_out_scope": Scope.USER,
}


def faults_of(settings: Settings, **written: object) -> list[conf.Fault]:
    for key, value in written.items():
        setattr(settings, key, value)
    return conf.read()[1]


@pytest.mark.parametrize(("field", "default"), DOCUMENTED.items())
def test_the_defaults_are_the_documented_ones(field: str, default: object) -> None:
    assert getattr(configuration(), field) == default


def test_the_default_timeouts_and_numbers_are_the_documented_ones() -> None:
    config = configuration()
    assert config.rec_call_status_timeouts == {
        RecordingState.NO_REC_CALL: None,
        RecordingState.PLACED: 300,
        RecordingState.USER_ANSWERED: 15,
        RecordingState.PRESSED_STAR: 600,
        RecordingState.RECORDED: 600,
        RecordingState.CONFIRMED: None,
        RecordingState.CARRIERX_ERROR: None,
    }
    assert config.valid_number_pattern.search("15555551010")
    assert not config.valid_number_pattern.search("15559111010")
    assert not config.valid_number_pattern.search("442079460018")
    assert set(config.voice_menu) == set(ALL)


@pytest.mark.parametrize(
    ("key", "written", "value"),
    [
        ("BASE_CARRIERX_API_URL", "https://api.carrierx.com/", "https://api.carrierx.com"),
        ("BASE_CARRIERX_API_URL", "https://api.carrierx.com", "https://api.carrierx.com"),
        ("BASE_CARRIERX_API_URL", "http://[::1]:9000", "http://[::1]:9000"),
        ("BASE_CALLCONTROL_API_URL", "https://x.example/api/v1/call-control/", "https://x.example/api/v1/call-control"),
        ("CARRIERX_API_TOKEN", "", ""),
        ("FLEXML_API_PASSWORD", "pass word: \u00fc", "pass word: \u00fc"),
        ("AMD_GREETING", "2000", 2000),
        ("AMD_GREETING", 2000.0, 2000),
        ("AMD_GREETING", 0, 0),
        ("AMD", "no", False),
        ("CALLING_WINDOW", {"from": "09:00", "to": "20:30"}, Window(time(9), time(20, 30))),
        ("CALLING_WINDOW", '{"from": "09:00", "to": "24:00", "zone": "UTC"}', Window(time(9), time(0), zone="UTC")),
        ("CALLING_WINDOW", "none", None),
        ("FALLBACK_ZONE", "America/Chicago", "America/Chicago"),
        ("FREQUENCY_CAP", {"calls": 3, "days": 30}, FrequencyCap(3, 30, Scope.USER)),
        ("FREQUENCY_CAP", {"calls": 3, "days": 30, "scope": "application"}, FrequencyCap(3, 30, Scope.APPLICATION)),
        ("PAUSE_AT", None, None),
        ("MAX_CONCURRENT_CALLS", "300", 300),
        ("DIDS", ["+15555550101", 15555550102], ("15555550101", "15555550102")),
        ("OPT_OUT_SCOPE", "application", Scope.APPLICATION),
        ("AMD_BETWEEN_WORD_SILENCE", None, None),
        ("AMD_BETWEEN_WORD_SILENCE", "none", None),
        ("AMD_BETWEEN_WORD_SILENCE", "50", 50),
        ("MAX_REPLAYS", 0, 0),
        ("BILLING_INCREMENTS", " 30/6 ", Increments(30, 6)),
        ("DID", "15555550100", "15555550100"),
        ("DID", "+15555550100", "15555550100"),
        ("DID", 15555550100, "15555550100"),
        ("MAX_CALLS_PER_SECOND", 1, 1),
        ("MAX_CALLS_PER_SECOND", "25", 25),
        ("CALL_LENGTH_RATIO", "1.5", 1.5),
        ("CALL_LENGTH_RATIO", 0, 0),
        ("MAX_RETRIES", 0, 0),
        ("VOICE_MENU", MENU, MENU),
        ("VOICE_MENUS", {"es": WHOLE_MENU, "pt-BR": WHOLE_MENU}, {"es": WHOLE_MENU, "pt-BR": WHOLE_MENU}),
        ("ANNOUNCE_OPT_OUT", "first", "first"),
        ("VOICE_MENU", json.dumps(MENU), MENU),
        ("REC_CALL_STATUS_TIMEOUTS", json.dumps(TIMEOUTS | {"PLACED": None}), TIMEOUTS | {"PLACED": None}),
        ("RECORDING_CONTAINER", "0a0a0a0a-0000-4000-8000-000000000001", "0a0a0a0a-0000-4000-8000-000000000001"),
        ("RECORD_ALL_CALLS", True, True),
        ("RECORD_ALL_CALLS", "yes", True),
        ("RECORD_ALL_CALLS", "False", False),
        ("RECORD_ALL_CALLS", 0, False),
        ("RETRY_STATUSES", "failed", (C.FAILED,)),
        ("RETRY_STATUSES", "failed, busy", (C.FAILED, C.BUSY)),
        ("RETRY_STATUSES", '["failed", "no-answer"]', (C.FAILED, C.NO_ANSWER)),
        ("RETRY_STATUSES", ["app-error"], (C.APP_ERROR,)),
        ("RETRY_STATUSES", (), ()),
        ("RETRY_STATUSES", "", ()),
        ("METRICS_ALLOWED", "10.0.0.0/8, ::1", (ip_network("10.0.0.0/8"), ip_network("::1/128"))),
        ("METRICS_ALLOWED", '["192.0.2.7"]', (ip_network("192.0.2.7/32"),)),
        ("METRICS_ALLOWED", "", ()),
        ("WEBHOOK_NETWORKS", "10.1.0.0/16, fd00::/8", (ip_network("10.1.0.0/16"), ip_network("fd00::/8"))),
        ("WEBHOOK_NETWORKS", "", ()),
        ("DEFAULT_REGION", "us", "US"),
        ("DEFAULT_REGION", "", None),
        ("DEFAULT_REGION", "null", None),
        ("ALLOWED_REGIONS", "us, ca", frozenset({"US", "CA"})),
        ("ALLOWED_REGIONS", '["DE"]', frozenset({"DE"})),
        ("ALLOWED_REGIONS", None, None),
        ("ALLOWED_REGIONS", "null", None),
        ("REFUSED_NUMBER_TYPES", "premium_rate", frozenset({4})),
        ("REFUSED_NUMBER_TYPES", (), frozenset()),
        ("RETRY_DELAY", "60", 60),
        ("RETRY_DELAY", {"failed": 0, "busy": "300"}, {"failed": 0, "busy": 300}),
        ("RETRY_DELAY", '{"busy": 300}', {"busy": 300}),
        ("MAX_RECIPIENTS", "10", 10),
    ],
)
def test_a_key_may_be_written_so(settings: Settings, key: str, written: object, value: object) -> None:
    assert faults_of(settings, **{key: written}) == []
    assert getattr(configuration(), key.lower()) == value


NOT_NUMBERS: list[object] = [None, True, "", "many", "nan", float("nan"), float("inf"), 10**400, [], {}, -1, "-1"]
NOT_URLS: list[object] = [
    None,
    7,
    "",
    "example.com",
    "/api",
    "//example.com",
    "ftp://example.com",
    "javascript:alert(1)",
    "http://",
    "https:///path",
    "http://[",
    "http://host:port",
    "http://host:99999",
    "http://exa mple.com",
    "http://example.com\n",
    " http://example.com",
]
NOT_NUMBERS_OR_NONE = [bad for bad in NOT_NUMBERS if bad not in (None, "")]
BAD: dict[str, list[object]] = {
    "AMD": [None, "", "maybe", 2, [], {}],
    "CALLING_WINDOW": ["9-5", 9, [], {"from": "09:00"}, {"from": "9", "to": "20:00"}, {"from": "09:00", "to": "09:00"}],
    "FALLBACK_ZONE": ["Mars", 5, []],
    "FREQUENCY_CAP": [3, "many", {"calls": 3}, {"calls": 0, "days": 30}, {"calls": 3, "days": 30, "scope": "all"}],
    "PAUSE_AT": [80, {"of": 50}, {"failed_percent": 0, "of": 50}, {"failed_percent": 80, "of": 50, "then": 1}],
    "MAX_CONCURRENT_CALLS": [*NOT_NUMBERS_OR_NONE, 1.5, 0],
    "DIDS": [5, "anonymous", ["5"], {}],
    "OPT_OUT_SCOPE": [None, "", "all", 5, []],
    "AMD_INITIAL_SILENCE": [*NOT_NUMBERS, 1.5, 60001],
    "AMD_GREETING": [*NOT_NUMBERS, 1.5, 60001],
    "AMD_AFTER_GREETING_SILENCE": [*NOT_NUMBERS, 1.5, 60001],
    "AMD_TOTAL_ANALYSIS_TIME": [*NOT_NUMBERS, 1.5, 60001],
    "AMD_BETWEEN_WORD_SILENCE": [*NOT_NUMBERS_OR_NONE, 0, 1.5, 60001],
    "AMD_MINIMUM_WORD_LENGTH": [*NOT_NUMBERS_OR_NONE, 0, 1.5, 60001],
    "AMD_MAXIMUM_WORD_LENGTH": [*NOT_NUMBERS_OR_NONE, 0, 1.5, 60001],
    "AMD_MAXIMUM_NUMBER_OF_WORDS": [*NOT_NUMBERS_OR_NONE, 0, 1.5, 101],
    "AMD_SILENCE_THRESHOLD": [*NOT_NUMBERS_OR_NONE, 0, 1.5, 32768],
    "MAX_RECORDING_SECONDS": [*NOT_NUMBERS, 0, 1.5, 7201],
    "RECORDING_SILENCE": [*NOT_NUMBERS, 0, 1.5, 601],
    "MAX_REPLAYS": [*NOT_NUMBERS, 1.5, 100],
    "MAX_CALLS_PER_SECOND": [*NOT_NUMBERS, 0, 0.5, 10**8],
    "MAX_PLACEMENTS_UP": [*NOT_NUMBERS, 0, 0.5, 10001],
    "MAX_WAITING_AUTHORS": [*NOT_NUMBERS, 0, 0.5, 10**7],
    "CALL_BATCH_SIZE": [*NOT_NUMBERS, 0, 0.5, 10**8],
    "MAX_RECIPIENTS": [*NOT_NUMBERS, 0, 0.5, 10**8],
    "MAX_BODY_BYTES": [*NOT_NUMBERS, 1023, 0.5, 2**31],
    "MAX_UPLOAD_BYTES": [*NOT_NUMBERS, 1023, 0.5, 2**31],
    "MAX_REQUESTS_PER_MINUTE": [*NOT_NUMBERS, 0, 0.5, 10001],
    "MAX_WRONG_TOKENS_PER_MINUTE": [*NOT_NUMBERS, 0, 0.5, 10001],
    "MAX_LONG_LISTS": [*NOT_NUMBERS, 0, 0.5, 10001],
    "IDEMPOTENCY_KEY_WINDOW": [*NOT_NUMBERS, 0, 0.5, 10**8],
    "BILLING_INCREMENTS": [None, "", 60, "60", "60/", "0/6", "6/0", "60/60/60", "-6/6", "6.5/6", "six/six", [60, 60]],
    "CRON_TIMEOUT": [*NOT_NUMBERS, 0, 29, 10**8],
    "WEBHOOK_NETWORKS": [None, 7, "here", "10.1.2.3/8", ["10.0.0.0/33"], [7], {"10.0.0.1": 1}],
    "METRICS_ALLOWED": [None, 7, "here", "127.0.0.1/8", ["10.0.0.0/33"], [7], {"127.0.0.1": 1}, "::1 127.0.0.1"],
    "MAX_RETRIES": [*NOT_NUMBERS, 0.5, 101],
    "CALL_LENGTH_RATIO": [*NOT_NUMBERS, 10**8],
    "MESSAGE_TIMEOUT": [*NOT_NUMBERS, 10**8],
    "MESSAGE_TIMEOUT_CHECK_WINDOW": [*NOT_NUMBERS, 10**8],
    "PLACEMENT_HORIZON": [*NOT_NUMBERS, 86401],
    "PLACEMENT_CONFIRM_TIMEOUT": [*NOT_NUMBERS, 86401],
    "BASE_CALLCONTROL_API_URL": [*NOT_URLS, "https://example.com?a=b", "https://example.com/#top"],
    "BASE_CARRIERX_API_URL": [*NOT_URLS, "https://example.com?a=b"],
    "VOICE_MENUS": [
        "es",
        {"es": MENU},  # without the later ones
        {"español": WHOLE_MENU},
        {"es": WHOLE_MENU | {"goodbye": "here"}},
        {1: WHOLE_MENU},
    ],
    "ANNOUNCE_OPT_OUT": ["never", "", True, None],
    "VOICE_MENU": [
        None,
        "",
        "{",
        [],
        {},
        {name: url for name, url in MENU.items() if name != "goodbye"},
        MENU | {"hello": "https://example.com"},
        MENU | {7: "https://example.com"},
        *(MENU | {"goodbye": url} for url in NOT_URLS),
    ],
    "DID": [None, "", "555", "05555550100", "1555555010x", "+1 (555) 555-0100", "1" * 16, 1.5, True, -1],
    "REC_CALL_STATUS_TIMEOUTS": [
        None,
        "",
        [],
        {},
        {"PLACED": 300},
        TIMEOUTS | {"SLEEPING": 1},
        TIMEOUTS | {7: 1},
        *(TIMEOUTS | {"PLACED": limit} for limit in NO_SECONDS),
    ],
    "RECORD_ALL_CALLS": [None, "", "maybe", 2, [], {}],
    "RECORDING_CONTAINER": [None, 7, [], "a b", "../files", 'a" and name eq "b', "\u0661", "a\n", "x" * 65],
    "DEBUG_RECORDING_CONTAINER": [None, 7, []],
    "DEFAULT_REGION": ["USA", "XX", 1, [], "us,ca"],
    "ALLOWED_REGIONS": [7, "", [], ["XX"], ("US", 1), {"US": True}],
    "REFUSED_NUMBER_TYPES": [7, ["dear"], None, "premium rate, dear"],
    "CALLER_AS_RECIPIENT": [None, "", "maybe", 2, [], {}],
    "RING_TIMEOUT": [4, 601, "long", None],
    "VALID_NUMBER_PATTERN": [None, 7, "(", "[", "a{99999999999}"],
    "RETRY_STATUSES": [
        None,
        7,
        "completed",
        ["failed", "fine"],
        [["failed"]],
        [7],
        {"failed": 1},
        "added to do not call",
    ],
    "RETRY_DELAY": [
        *(bad for bad in NOT_NUMBERS if bad != {}),
        {"completed": 1},
        {"failed": -1},
        {"busy": "soon"},
        {7: 1},
    ],
    "CARRIERX_API_TOKEN": [None, 7, [], "token\n", " token", "to\0ken", "tok\u20acn"],
    "CARRIERX_SIDS": [None, "", "{", [], {"EndpointSid": 7}, {"EndpointSid": "a\n"}, {"CallSid": "a"}, {7: "a"}],
    "FLEXML_API_USER": [None, 7, "user\n"],
    "FLEXML_API_PASSWORD": [None, 7, "pass\r\nX-Evil: 1", "password "],
}


@pytest.mark.parametrize(("key", "written"), [(key, written) for key, bad in BAD.items() for written in bad])
def test_a_key_that_cannot_be_used_is_named_with_its_fault_and_a_hint(
    settings: Settings, key: str, written: object
) -> None:
    (fault,) = faults_of(settings, **{key: written})
    assert fault.key == key
    assert fault.problem
    assert fault.hint
    with pytest.raises(ConfigurationError, match=f"^{key}: "):
        configuration()


def test_every_key_is_tried_with_bad_values() -> None:
    assert {field.upper() for field in conf.Configuration.__dataclass_fields__} == set(BAD)


@pytest.mark.parametrize("key", BAD)
def test_a_missing_key_is_named(settings: Settings, key: str) -> None:
    delattr(settings, key)
    (fault,) = conf.read()[1]
    assert (fault.key, fault.problem) == (key, "is missing")


def test_all_faults_are_told_at_once(settings: Settings) -> None:
    faults = faults_of(settings, DID="", MAX_RETRIES=-1, RETRY_DELAY="soon")
    assert [fault.key for fault in faults] == ["DID", "MAX_RETRIES", "RETRY_DELAY"]
    with pytest.raises(ConfigurationError, match=r"DID: .*; MAX_RETRIES: .*; RETRY_DELAY: "):
        configuration()


@pytest.mark.parametrize("key", sorted(conf.SECRETS))
@pytest.mark.parametrize(
    "secret", ["hush-hush\n", ["hush-hush"], {"token": "hush-hush"}, b"hush-hush", "hush-hush\u20ac"]
)
def test_a_secret_is_never_quoted(settings: Settings, key: str, secret: object) -> None:
    (fault,) = faults_of(settings, **{key: secret})
    assert "hush" not in fault.problem + fault.hint
    with pytest.raises(ConfigurationError) as error:
        configuration()
    assert "hush" not in str(error.value)


def test_the_configuration_does_not_show_its_secrets(settings: Settings) -> None:
    for key in conf.SECRETS:
        setattr(settings, key, "hush-hush")
    assert "hush" not in repr(configuration())


@pytest.mark.parametrize(
    ("written", "entry"),
    [
        ({"VOICE_MENU": MENU | {"opt_out": "here"}}, "opt_out"),
        ({"VOICE_MENU": {}}, "no_key_pressed, goodbye"),
        ({"REC_CALL_STATUS_TIMEOUTS": TIMEOUTS | {"RECORDED": 0}}, "RECORDED"),
        ({"REC_CALL_STATUS_TIMEOUTS": {}}, "NO_REC_CALL, PLACED"),
        ({"RETRY_DELAY": {"failed": 1, "busy": -1}}, "busy"),
        ({"RETRY_STATUSES": ["failed", "completed"]}, "completed"),
    ],
)
def test_a_fault_inside_a_key_names_the_entry(settings: Settings, written: dict[str, Any], entry: str) -> None:
    (fault,) = faults_of(settings, **written)
    assert entry in fault.problem


def test_the_retry_policy_takes_each_status_by_its_delay(settings: Settings) -> None:
    settings.RETRY_STATUSES, settings.RETRY_DELAY, settings.MAX_RETRIES = "failed,busy", {"busy": 300}, 2
    policy = configuration().delivery.retry
    assert policy.delays_s == {C.FAILED: 0, C.BUSY: 300}
    assert policy.limit == 2


def test_the_configuration_is_read_once(settings: Settings) -> None:
    assert configuration() is configuration()
    settings.MAX_RETRIES = 7
    assert configuration().max_retries == 7
