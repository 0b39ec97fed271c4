"""Every key that the operator may set, each written once: its name, type, default, bounds, meaning and hint.

`conf` reads them for the service, `check` tells their hints, and the template and the page of the documentation are made of
them (`python -m blast_api_project.sheet`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network

from . import values
from .billing import Increments
from .carrier_keys import CarrierKeys
from .destinations import TYPES, Destinations
from .keys import Allowed, Key, key, keys_of, number, whole
from .rules.delivery import Delivery
from .rules.limits import FrequencyCap, PauseAt, Scope
from .rules.retry import RetryPolicy
from .rules.said import Machines
from .rules.window import Window
from .states import CallStatus, RecordingState
from .values import RETRYABLE

# The prompt and the beep before a recording, and the carrier's report after it.
_AROUND_A_RECORDING_S = 60
_BOOLEAN = Allowed(values.boolean, "True or False.")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Configuration(CarrierKeys):
    """What the operator chose. Fields are the configuration keys in lower case, in the units that the keys have."""

    max_calls_per_second: int = key(
        25,
        whole(1, 10000),
        "most calls handed to the carrier in any one second, and most that begin to ring in any one second (delays counted "
        "in), over all processes and hosts",
        hint="The carrier's cps_limit is the most that is useful.",
        section="Placing calls",
    )
    max_placements_up: int = key(
        400,
        whole(1, 10000),
        "most requests to the carrier that wait for its answer at once, in each process that places calls. You need rate × "
        "latency: 125 at 25 a second and a carrier that takes 5 s",
        hint="Rate times the carrier's latency is needed.",
    )
    max_concurrent_calls: int | None = key(
        None,
        Allowed(values.optional(values.whole(1, 10**6)), "A whole number from 1 to 1000000, or None: no bound."),
        "most calls that ring or are up at once, over everything; None: no bound. Where there is a bound, here, of an "
        "application or of a shout, the service hands such calls to the carrier only when they are due",
    )
    max_waiting_authors: int = key(
        100,
        whole(1, 10**6),
        "most authors of one application that wait for their call; beyond, its `POST /shouts` gets 429",
    )
    call_batch_size: int = key(50, whole(1, 10**6), "calls of one shout that begin with the same delay")
    call_length_ratio: float = key(
        1.5,
        number(0, 1000),
        "expected call length / recording length; batch k starts k × recording length × this after the shout",
    )
    placement_horizon: float = key(
        120,
        number(0, 86400, "Seconds"),
        "seconds before its start at which the service may hand a call to the carrier; later ones wait with us",
    )
    placement_confirm_timeout: float = key(
        120,
        number(1, 86400, "Seconds"),
        "seconds past a call's start after which the service places it anew, if the carrier's answer was lost and no callback "
        "came",
    )
    ring_timeout: int = key(30, whole(5, 600, "Seconds"), "seconds that a phone rings before the carrier gives up")
    retry_statuses: tuple[CallStatus, ...] = key(
        (CallStatus.FAILED.value,),
        Allowed(values.retry_statuses, f"Any of {', '.join(RETRYABLE)}."),
        "endings after which the service calls again, of `failed`, `busy`, `no-answer`, `app-error`. It never calls somebody "
        "again who has heard the message",
    )
    max_retries: int = key(
        3, whole(0, 100), "how often the service calls again at most", hint="0 switches retries off."
    )
    retry_delay: float | Mapping[str, float] = key(
        60,
        Allowed(values.retry_delay, "Seconds from 0 to 86400: a number, or a mapping from status to number."),
        'seconds after which the service calls again: one number, or one per status as in `{"failed": 60, "busy": 300}`',
    )
    calling_window: Window | None = key(
        None,
        Allowed(
            values.optional(values.window),
            'As {"from": "09:00", "to": "20:30", "days": ["mon", "tue"], "zone": "recipient"}, or None.',
        ),
        "hours in which the service calls people, for every shout: a mapping with `from` and `to`, and perhaps `days` and a "
        '`zone` of the time zone database (without one, and for `"recipient"`, each recipient\'s own clock counts). A shout may '
        "narrow them, never widen them. None: at any hour",
        section="Whom to call, and when",
    )
    fallback_zone: str | None = key(
        None,
        Allowed(values.optional(values.zone), "A time zone, as America/Chicago, or None."),
        "time zone of numbers that tell none of their own, as mobile numbers of many countries; None: every zone of the "
        "number's country must be open",
    )
    frequency_cap: FrequencyCap | None = key(
        None,
        Allowed(values.optional(values.frequency_cap), 'As {"calls": 3, "days": 30, "scope": "user"}, or None.'),
        "most calls to one number that were heard or are up, within so many days, counted over all shouts of the user or of "
        'the application (`scope`: `"user"` or `"application"`). A call beyond ends as `capped`. None: no cap',
    )
    pause_at: PauseAt | None = key(
        {"failed_percent": 80, "of": 50},
        Allowed(values.optional(values.pause_at), 'As {"failed_percent": 80, "of": 50}, or None.'),
        "the service pauses a shout by itself when so many percent of its last `of` ended attempts have failed; None: never",
    )
    opt_out_scope: Scope = key(
        "user",
        Allowed(values.scope, "user or application."),
        "on whose list the key 5 puts a number: the user's (`\"user\"`), or the application's, which holds for all its users "
        '(`"application"`)',
    )
    message_timeout: float = key(
        300,
        number(0, 10**7, "Seconds"),
        "seconds that the carrier may stay silent about a call past its expected end (start + `RING_TIMEOUT` + recording "
        "length × `CALL_LENGTH_RATIO`). Then the service asks the carrier's detail records how the call ended, and ends a call "
        "that is not there as `timed-out`. A call that waits for its turn never times out",
        section="Time limits",
    )
    message_timeout_check_window: float = key(
        12,
        number(0, 10**4, "Hours"),
        "hours in which late news of a timed-out call still count, and in which a timed-out shout may turn out finished",
    )
    rec_call_status_timeouts: Mapping[RecordingState, float | None] = key(
        {
            "NO_REC_CALL": None,
            "PLACED": 300,
            "USER_ANSWERED": 15,
            "PRESSED_STAR": 600,
            "RECORDED": 600,
            "CONFIRMED": None,
            "CARRIERX_ERROR": None,
        },
        Allowed(values.state_timeouts, "Seconds from 1 to 86400, or None, for each of the seven states."),
        "seconds that a recording call may stay in each of its states; None: as long as it likes. `PRESSED_STAR` needs at "
        "least a minute more than the longest recording",
    )
    valid_number_pattern: re.Pattern[str] = key(
        r"^1([2-9][0-9]{2})([2-9](?!11)[0-9]{2})([0-9]{4})$",
        Allowed(values.pattern, "A regular expression over digits with country code."),
        "the service calls no recipient whose number does not match; that one ends as `failed`, cause 1, without a call. The "
        "default is the North American Numbering Plan",
        section="Numbers",
    )
    default_region: str | None = key(
        None,
        Allowed(values.region, "A region of ISO 3166, as US, or None: each number must have its country code."),
        'region (`"US"`) by which the service reads numbers without country code; None: each number needs one',
    )
    allowed_regions: frozenset[str] | None = key(
        ("US", "CA", "PR", "VI", "GU", "AS", "MP"),
        Allowed(values.regions, 'Regions of ISO 3166, as ("US", "CA"), or None: every region.'),
        "regions that the service calls (ISO 3166), or None for all: the North American Numbering Plan holds some twenty "
        "countries where calls are dear. A recipient elsewhere ends as `failed`, cause 1, without a call",
    )
    refused_number_types: frozenset[int] = key(
        ("premium rate", "shared cost"),
        Allowed(values.number_types, f"Any of {', '.join(TYPES)}."),
        'types of number that the service does not call, likewise: `"premium rate"`, `"toll free"`, `"mobile"`, `"pager"` and others',
    )
    caller_as_recipient: bool = key(
        False,
        _BOOLEAN,
        "whether the service calls an author who is also a recipient. If not, that recipient ends as `failed`, cause 1, "
        "without a call, as `DID` always does",
    )
    max_recipients: int = key(
        100000, whole(1, 10**7), "most recipients of one shout; the service refuses a longer list"
    )
    max_requests_per_minute: int = key(
        600,
        whole(1, 10000),
        "most requests of one application in any minute, in each process of the web server",
        section="Applications",
    )
    max_wrong_tokens_per_minute: int = key(
        20, whole(1, 10000), "most wrong tokens from one address in any minute, in each process"
    )
    max_long_lists: int = key(
        2,
        whole(1, 10000),
        "most lists of more than some hundred rows that one application may read at once, in each process; 429 beyond",
        hint="Each holds a thread for as long as its reader takes.",
    )
    idempotency_key_window: float = key(
        24, number(1, 10**4, "Hours"), "hours for which an `Idempotency-Key` stands for the shout that it made"
    )
    max_body_bytes: int = key(
        8388608,
        whole(1024, 2**30, "Bytes"),
        "most bytes of a request's body; 413 beyond. 100,000 recipients are about 2 MB",
    )
    max_upload_bytes: int = key(
        20971520,
        whole(1024, 2**30, "Bytes"),
        "most bytes of a file that an application uploads, a sound or a list; 413 beyond. Ten minutes of CD sound are about "
        "100 MB as WAV, 10 MB as MP3",
    )
    webhook_networks: tuple[IPv4Network | IPv6Network, ...] = key(
        (),
        Allowed(values.networks, 'Networks, for example ("10.1.0.0/16", "fd00::/8").'),
        "networks or addresses that webhooks may go to although they are not public; there alone plain http may be used. "
        "Name hosts that every application may send requests to",
        hint="Empty: https to public addresses only.",
    )
    billing_increments: Increments = key(
        "60/60",
        Allowed(values.increments, "First and further seconds, as 60/60 or 6/6."),
        "first and further seconds by which the carrier bills a call, for `report` (`6/6`: tenths of a minute)",
        section="Reports",
    )
    cron_timeout: float = key(
        180,
        number(30, 86400, "Seconds"),
        "seconds without a run of the cron jobs on any host, after which `/readyz` fails",
        hint="Cron comes once a minute.",
        section="Watching",
    )
    metrics_allowed: tuple[IPv4Network | IPv6Network, ...] = key(
        ("127.0.0.0/8", "::1"),
        Allowed(values.networks, 'Networks, for example ("127.0.0.0/8", "::1", "10.1.2.3").'),
        "networks or addresses that may read `/metrics`: of whoever connects, and of everybody that `X-Forwarded-For` names",
    )
    record_all_calls: bool = key(
        False,
        _BOOLEAN,
        "whether the carrier records whole calls, for debugging; it keeps them for 3 days",
        section="Debugging",
    )
    debug_recording_container: str = key(
        "",
        Allowed(values.string, "The container's SID, or an empty string."),
        "SID of the container for these; empty: the endpoint's own",
    )

    @property
    def late_window(self) -> timedelta:
        """How long after its end a call may still be told of: an hour at least, or a key would be lost by a slow network."""
        return timedelta(hours=max(self.message_timeout_check_window, 1))

    @property
    def longest_recording(self) -> int:
        """Seconds that an author may speak: no more than the call to them may stay in that state."""
        limit = self.rec_call_status_timeouts[RecordingState.PRESSED_STAR]
        return self.max_recording_seconds if limit is None else min(self.max_recording_seconds, int(limit))

    @property
    def recording_state_limits(self) -> Mapping[RecordingState, float | None]:
        """How long a recording call may stay in each state: while an author speaks, until the carrier has told of the longest take."""
        limit = self.rec_call_status_timeouts[RecordingState.PRESSED_STAR]
        speaks = None if limit is None else max(limit, self.longest_recording + _AROUND_A_RECORDING_S)
        return {**self.rec_call_status_timeouts, RecordingState.PRESSED_STAR: speaks}

    @property
    def patience(self) -> timedelta:
        """How long the carrier may say nothing of a call, beside the time that its message takes."""
        return timedelta(seconds=self.ring_timeout + self.message_timeout)

    @property
    def destinations(self) -> Destinations:
        """The rule that says which numbers are called."""
        own = frozenset({self.did, *self.dids})
        return Destinations(self.valid_number_pattern, self.allowed_regions, self.refused_number_types, own)

    @property
    def delivery(self) -> Delivery:
        """The rules of a shout that says none."""
        delay = self.retry_delay
        delays = {
            str(status): float(delay.get(status, 0) if isinstance(delay, Mapping) else delay)
            for status in self.retry_statuses
        }
        return Delivery(
            window=None,
            calling_window=self.calling_window,
            until=None,
            retry=RetryPolicy(delays, self.max_retries),
            machines=Machines.MESSAGE,
            calls_per_second=None,
            concurrent_calls=None,
            pause_at=self.pause_at,
        )


KEYS: Mapping[str, Key] = keys_of(Configuration)
SECRETS = frozenset(name for name, described in KEYS.items() if described.secret)
# Of the settings, where development and production differ in its default; the operator may set it all the same.
STATE_DIR = Key(
    "STATE_DIR",
    "/var/lib/blast-api",
    Allowed(values.string),
    "folder on each host for postponed callbacks, counts and locks, which must outlive processes: an absolute path, not in the "
    "folder of the logs. All processes of a host share one; nobody may clean it. In development the default is `state` in the "
    "checkout",
    hint="For example /var/lib/blast-api.",
    section="This host",
)
# Keys of former releases: a sheet may still set them, and `check` says that nobody reads them.
RETIRED = frozenset(
    {
        "MAX_IDEMPOTENCY_KEY_LENGTH",
        "MAX_JSON_DEPTH",
        "MAX_LIMIT",
        "MAX_NUMBER_LENGTH",
        "MAX_OFFSET",
        "MAX_TITLE_LENGTH",
        "MAX_USERDATA_LENGTH",
    }
)
