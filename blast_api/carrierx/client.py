"""The carrier over HTTP: what we ask of it, and three outcomes, not two.

A lost answer is no refusal: the call may have been placed. Whatever may mean that is `Unknown`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from mimetypes import guess_type
from typing import IO, Any, Self
from urllib.parse import quote

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from blast_api import __version__
from blast_api.conf import Configuration
from blast_api.domain.pacing import Departure

from .storage import new_container
from .wire import Answer, NoAnswer, Request, Unreachable, Wire

_CONNECT_TIMEOUT_S = 2.0
_ANSWER_TIMEOUT_S = 6.0
_LONGEST_RETRY_AFTER_S = 3600.0
_PAGE = 1000  # most items a list answers with
_MOST_PAGES = 1000
_QUOTED = 300  # characters of a foreign answer that we keep
_LONGEST_SID = 64  # characters
_ANY_TYPE = "application/octet-stream"
_CONTAINERS = "/core/v2/storage/containers"


class Refusal(Enum):
    """How far a refusal reaches."""

    THIS_REQUEST = auto()  # it is not acceptable as it is: asking again is useless
    THIS_FOR_NOW = auto()  # something is in its way: it may pass later, and others pass now
    THIS_OR_ALL = auto()  # forbidden: for this number, as a barred one, or for all of us; other answers tell
    FOR_NOW = auto()  # the carrier is busy: the same request may pass later
    ALL_OF_US = auto()  # credentials, permission or address are wrong: no request would pass
    THIS_HOST = auto()  # the carrier was not reached from here, so that it was not asked


@dataclass(frozen=True, slots=True)
class Accepted:
    """The carrier has it: its SID and the object it answered with."""

    sid: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """The carrier surely did not do it; retry_after_s is its own wish, if it told one."""

    reach: Refusal
    reason: str
    status: int | None = None
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The answer was lost or says nothing: the carrier may have done it."""

    reason: str


Outcome = Accepted | Refused | Unknown


@dataclass(frozen=True, slots=True)
class CallOrder:
    """A call to place: digits, the two call-control addresses, and whole seconds until it rings.

    The caller id is the endpoint's own number, the operator's `DID`, unless another is named.
    """

    number: str
    url: str
    status_callback_url: str
    delay_s: int
    did: str = ""


def _segment(sid: str) -> str:
    """A SID as one segment of a path. It comes from the carrier's words: it must not lead anywhere else, as `..` would."""
    return quote(sid, safe="") if sid.strip(".") else "-"


def _file_path(file_sid: str) -> str:
    return f"/core/v2/storage/files/{_segment(file_sid)}"


class BearerAuth(AuthBase):
    """Core API authentication."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class CarrierClient:
    """Speaks to the carrier; safe to share between threads. The timeouts are in seconds, the second for each answer.

    What is given a `departure` is written at its slot, or raises SlotMissed and is not written at all.
    """

    def __init__(
        self,
        config: Configuration,
        *,
        connections: int = 10,
        connect_timeout_s: float = _CONNECT_TIMEOUT_S,
        answer_timeout_s: float = _ANSWER_TIMEOUT_S,
    ) -> None:
        self._base = config.base_carrierx_api_url
        self._flexml = HTTPBasicAuth(config.flexml_api_user, config.flexml_api_password)
        self._core = BearerAuth(config.carrierx_api_token)
        self._wire = Wire(
            self._base,
            connections=connections,
            connect_timeout_s=connect_timeout_s,
            answer_timeout_s=answer_timeout_s,
        )
        self._call = {
            "calling_did": config.did,
            "method": "POST",
            "status_callback_method": "POST",
            "timeout": config.ring_timeout,
        }
        self._placement = self._prepare("POST", "/flexml/v1/calls", self._flexml, json=self._call)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the pooled connections."""
        self._wire.close()

    # --- Calls ---------------------------------------------------------------------------------------------------

    def prepare_call(self, order: CallOrder) -> Request:
        """The request that places a call. It is the one that must be cheap: only its body is made for each call."""
        call = self._call | {
            "called_did": order.number,
            "url": order.url,
            "status_callback_url": order.status_callback_url,
            "delay": order.delay_s,
        }
        if order.did:
            call["calling_did"] = order.did
        body = json.dumps(call).encode()
        headers = {**self._placement.headers, "Content-Length": str(len(body))}
        return replace(self._placement, headers=headers, body=body)

    def place(self, prepared: Request, departure: Departure | None = None) -> Outcome:
        """Send a prepared call. Never repeats it: a second POST would be a second call."""
        return self._outcome(prepared, "call_sid", departure)

    def prepare_withdrawal(self, sid: str) -> Request:
        """The request that takes back a call which waits for its delay."""
        return self._prepare("DELETE", f"/flexml/v1/calls/{_segment(sid)}", self._flexml)

    def withdraw(self, prepared: Request, departure: Departure | None = None) -> Outcome:
        """Send a prepared withdrawal. Refused with status 404: the call no longer waits."""
        return self._outcome(prepared, None, departure)

    def prepare_waiting_calls(self) -> Request:
        """The request for the calls that wait for their delay: for the first page of their list."""
        return self._first_page("/flexml/v1/calls", self._flexml)

    def waiting_calls(self, prepared: Request, departure: Departure | None = None) -> Iterator[Mapping[str, Any]]:
        """All calls that wait for their delay at the carrier. Raises CarrierTrouble if the list cannot be had whole."""
        yield from self._items(prepared, departure)

    def prepare_detail_records(self, *, started: tuple[datetime, datetime]) -> Request:
        """The request for what became of the calls that began between two moments: for the first page of their list."""
        first, last = (moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z") for moment in started)
        between = f"date_stop ge {first} and date_start lt {last}"
        return self._first_page("/core/v2/calls/call_drs", self._core, filter=between, order="date_stop asc")

    def detail_records(self, prepared: Request, departure: Departure | None = None) -> Iterator[Mapping[str, Any]]:
        """The records of calls that have ended. Raises CarrierTrouble if the list cannot be had whole."""
        yield from self._items(prepared, departure)

    # --- Storage -------------------------------------------------------------------------------------------------

    def prepare_keeping(self, file_sid: str) -> Request:
        """The request that makes a recording permanent."""
        return self._prepare("PATCH", _file_path(file_sid), self._core, json={"lifecycle_ttl": -1})

    def change(self, prepared: Request, departure: Departure | None = None) -> Outcome:
        """Send a prepared change of a file."""
        return self._outcome(prepared, "file_sid", departure)

    def file(self, file_sid: str) -> Outcome:
        """What the carrier knows of a stored file."""
        return self._outcome(self._prepare("GET", _file_path(file_sid), self._core), "file_sid")

    def upload_file(self, container_sid: str, name: str, data: IO[bytes], *, key: str) -> Outcome:
        """Store a file in a container, for ever; `publish_uri` of the answer is where anyone can fetch it."""
        fields = {
            "container_sid": container_sid,
            "name": name,
            "string_key_1": key,
            "publish": "file_sid",
            "lifecycle_action": "no_action",
            "lifecycle_ttl": -1,
        }
        parts = {"file_object": (None, json.dumps(fields)), "data": (name, data, guess_type(name)[0] or _ANY_TYPE)}
        prepared = self._prepare("POST", "/core/v2/storage/files", self._core, files=parts)
        return self._outcome(prepared, "file_sid")

    def delete_file(self, file_sid: str) -> Outcome:
        """Delete a stored file. Refused with status 404: it was gone already."""
        return self._outcome(self._prepare("DELETE", _file_path(file_sid), self._core), None)

    def stored_files(self, container_sid: str, key: str) -> Iterator[Mapping[str, Any]]:
        """The files stored in a container with this key (letters, digits, `-`, `_`). Raises CarrierTrouble."""
        filter_ = f'container_sid eq "{container_sid}" and string_key_1 eq "{key}"'
        yield from self._items(self._first_page("/core/v2/storage/files", self._core, filter=filter_))

    def container(self, key: str) -> Mapping[str, Any] | None:
        """The container made with this key (letters, digits, hyphens), or None. Raises CarrierTrouble."""
        return self.found_container(self.prepare_search(key), key)

    def prepare_search(self, key: str) -> Request:
        """The request for the container made with this key."""
        return self._first_page(_CONTAINERS, self._core, filter=f'string_key_1 eq "{key}"')

    def found_container(
        self, prepared: Request, key: str, departure: Departure | None = None
    ) -> Mapping[str, Any] | None:
        """Send a prepared search. Raises CarrierTrouble."""
        found = self._items(prepared, departure)
        return next((item for item in found if item.get("string_key_1") == key), None)

    def create_container(self) -> Outcome:
        """Make the container of ours. Refused with 409 or 422: somebody was first, look it up again."""
        return self.tell_container(self.prepare_new_container())

    def prepare_new_container(self) -> Request:
        """The request that makes the container of ours, unless there is one."""
        return self._prepare("POST", _CONTAINERS, self._core, json=new_container())

    def prepare_look(self, container_sid: str) -> Request:
        """The request for how full a container is."""
        return self._prepare("GET", f"{_CONTAINERS}/{_segment(container_sid)}", self._core)

    def prepare_quotas(self, container_sid: str, quotas: Mapping[str, int]) -> Request:
        """The request that sets a container's quotas."""
        return self._prepare("PATCH", f"{_CONTAINERS}/{_segment(container_sid)}", self._core, json=dict(quotas))

    def tell_container(self, prepared: Request, departure: Departure | None = None) -> Outcome:
        """Send a prepared request that is answered with a container."""
        return self._outcome(prepared, "container_sid", departure)

    # --- HTTP ----------------------------------------------------------------------------------------------------

    def _prepare(self, method: str, path: str, auth: AuthBase, **content: Any) -> Request:
        headers = requests.utils.default_headers()
        headers["User-Agent"] = f"blast-api/{__version__}"
        prepared = requests.Request(method, self._base + path, headers, auth=auth, **content).prepare()
        body = prepared.body or b""
        assert isinstance(body, bytes)
        return Request(method, prepared.path_url, dict(prepared.headers), body)

    def _first_page(self, path: str, auth: AuthBase, **query: str) -> Request:
        return self._prepare("GET", path, auth, params={"limit": str(_PAGE)} | query)

    def _items(self, first: Request, departure: Departure | None = None) -> Iterator[Mapping[str, Any]]:
        page, offset = first, 0
        for _ in range(_MOST_PAGES):
            outcome = self._outcome(page, None, departure)
            if not isinstance(outcome, Accepted):
                raise CarrierTrouble(outcome)
            items = outcome.content.get("items")
            if not isinstance(items, list):
                raise CarrierTrouble(Unknown("a list without items"))
            yield from (item for item in items if isinstance(item, dict))
            offset += len(items)
            if not items or not outcome.content.get("has_more"):
                return
            page = replace(first, target=f"{first.target}&offset={offset}")
            departure = None  # one slot is enough for a list
        raise CarrierTrouble(Unknown("a list without end"))

    def _outcome(self, prepared: Request, sid_key: str | None, departure: Departure | None = None) -> Outcome:
        try:
            answer = self._wire.exchange(prepared, departure)
        except Unreachable as error:
            return Refused(Refusal.THIS_HOST, f"the carrier cannot be reached: {error}")
        except NoAnswer as error:
            return Unknown(f"no answer: {error}")
        return _refusal(answer) or _acceptance(answer, sid_key)


class CarrierTrouble(Exception):
    """A list could not be had; `outcome` says why."""

    def __init__(self, outcome: Refused | Unknown) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


def _refusal(answer: Answer) -> Refused | Unknown | None:
    """What a status other than 2xx means; None for 2xx. 500, 502 and 504 may come after the call was placed.

    So may 303, which says that what was posted is done, and where to look at it. No redirect is followed.
    """
    status = answer.status
    if 200 <= status < 300:
        return None
    reason = f"{status} {_printable(answer.reason)} {_quoted(answer.body)}".strip()
    if status in (429, 503):
        return Refused(Refusal.FOR_NOW, reason, status, _retry_after_s(answer.retry_after))
    if status >= 500 or status == 303:
        return Unknown(reason)
    if status in (408, 409, 425):  # 408: it waited in vain for our request, as on a connection that was long idle
        return Refused(Refusal.THIS_FOR_NOW, reason, status)
    if status in (400, 422):
        return Refused(Refusal.THIS_REQUEST, reason, status)
    if status == 403:
        return Refused(Refusal.THIS_OR_ALL, reason, status)
    return Refused(Refusal.ALL_OF_US, reason, status)


def _acceptance(answer: Answer, sid_key: str | None) -> Accepted | Unknown:
    """Success is 2xx, a JSON object, no `errors`, and the SID that was asked for; a plain 204 if none was."""
    status, body = answer.status, answer.body
    if answer.broke_off:
        return Unknown(f"the answer ({status}) broke off: {answer.broke_off}")
    try:
        content = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        return Unknown(f"{status} with a body that is not JSON: {_quoted(body)}")
    if not isinstance(content, dict):
        return Unknown(f"{status} without a JSON object: {_quoted(body)}")
    if content.get("errors"):
        return Unknown(f"{status} with errors: {_quoted(body)}")
    if sid_key is None:
        return Accepted("", content)
    sid = usable_sid(content.get(sid_key))
    if sid is None:
        return Unknown(f"{status} without a usable {sid_key}: {_quoted(body)}")
    return Accepted(sid, content)


def usable_sid(value: object) -> str | None:
    """A SID that can be stored and sent back as it is; None for anything else the carrier may have written."""
    usable = isinstance(value, str) and 0 < len(value) <= _LONGEST_SID and value.isprintable()
    return str(value) if usable else None


def _quoted(body: bytes) -> str:
    return _printable(body[:_QUOTED].decode("utf-8", "replace"))


def _printable(text: str) -> str:
    """Reasons are logged and stored: PostgreSQL takes no NUL, and a refusal must not fail for its wording."""
    return "".join(character if character.isprintable() else " " for character in text[:_QUOTED])


def _retry_after_s(header: str | None) -> float | None:
    """Seconds to wait, from either form of the header (RFC 9110, 10.2.3), bounded; None if absent or unreadable."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            at = parsedate_to_datetime(header)
        except (ValueError, OverflowError):
            return None
        seconds = (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER_S) if seconds == seconds else None
