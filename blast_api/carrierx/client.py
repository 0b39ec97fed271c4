"""The carrier over HTTP: pooled connections, a bound on every wait and every body, and three outcomes, not two.

A lost answer is no refusal: the call may have been placed. Whatever may mean that is `Unknown`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import IO, Any, Self
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import MaxRetryError as NoConnection

from blast_api.conf import Configuration

_CONNECT_TIMEOUT_S = 2.0
_ANSWER_TIMEOUT_S = 6.0
_LARGEST_ANSWER = 1024 * 1024  # bytes; a page of 1000 waiting calls is about half of it
_LONGEST_RETRY_AFTER_S = 3600.0
_PAGE = 1000  # most items a list answers with
_MOST_PAGES = 1000
_QUOTED = 300  # characters of a foreign answer that we keep
_LONGEST_SID = 64  # characters


class Refusal(Enum):
    """How far a refusal reaches."""

    THIS_REQUEST = auto()  # it is not acceptable as it is: asking again is useless
    FOR_NOW = auto()  # the carrier is busy: the same request may pass later
    ALL_OF_US = auto()  # credentials, permission or address are wrong: no request would pass


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
    """A call to place: digits, the two call-control addresses, and whole seconds until it rings."""

    number: str
    url: str
    status_callback_url: str
    delay_s: int


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
    """Speaks to the carrier; safe to share between threads. The timeouts are in seconds, the second for each answer."""

    def __init__(
        self,
        config: Configuration,
        *,
        connections: int = 10,
        connect_timeout_s: float = _CONNECT_TIMEOUT_S,
        answer_timeout_s: float = _ANSWER_TIMEOUT_S,
    ) -> None:
        self._did = config.did
        self._base = config.base_carrierx_api_url
        self._flexml = HTTPBasicAuth(config.flexml_api_user, config.flexml_api_password)
        self._core = BearerAuth(config.carrierx_api_token)
        self._timeout = (connect_timeout_s, answer_timeout_s)
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy, no .netrc: where we send credentials is the operator's word alone
        adapter = HTTPAdapter(pool_connections=2, pool_maxsize=connections)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()

    # --- Calls ---------------------------------------------------------------------------------------------------

    def prepare_call(self, order: CallOrder) -> requests.PreparedRequest:
        """The request that places a call, ready to leave at its slot."""
        body = {
            "calling_did": self._did,
            "called_did": order.number,
            "url": order.url,
            "method": "POST",
            "status_callback_url": order.status_callback_url,
            "status_callback_method": "POST",
            "delay": order.delay_s,
        }
        return self._prepare("POST", "/flexml/v1/calls", self._flexml, json=body)

    def place(self, prepared: requests.PreparedRequest) -> Outcome:
        """Send a prepared call. Never repeats it: a second POST would be a second call."""
        return self._outcome(prepared, "call_sid")

    def prepare_withdrawal(self, sid: str) -> requests.PreparedRequest:
        """The request that takes back a call which waits for its delay."""
        return self._prepare("DELETE", f"/flexml/v1/calls/{_segment(sid)}", self._flexml)

    def withdraw(self, prepared: requests.PreparedRequest) -> Outcome:
        """Send a prepared withdrawal. Refused with status 404: the call no longer waits."""
        return self._outcome(prepared, None)

    def waiting_calls(self) -> Iterator[Mapping[str, Any]]:
        """All calls that wait for their delay at the carrier. Raises CarrierTrouble if the list cannot be had whole."""
        yield from self._items("/flexml/v1/calls", self._flexml)

    # --- Storage -------------------------------------------------------------------------------------------------

    def prepare_keeping(self, file_sid: str) -> requests.PreparedRequest:
        """The request that makes a recording permanent."""
        return self._prepare("PATCH", _file_path(file_sid), self._core, json={"lifecycle_ttl": -1})

    def change(self, prepared: requests.PreparedRequest) -> Outcome:
        """Send a prepared change of a file."""
        return self._outcome(prepared, "file_sid")

    def file(self, file_sid: str) -> Outcome:
        """What the carrier knows of a stored file."""
        return self._outcome(self._prepare("GET", _file_path(file_sid), self._core), "file_sid")

    def upload_file(self, container_sid: str, name: str, data: IO[bytes]) -> Outcome:
        """Store a file in a container; `publish_uri` of the answer is where anyone can fetch it."""
        parts = {
            "file_object": (None, json.dumps({"container_sid": container_sid, "name": name})),
            "data": (name, data),
        }
        prepared = self._prepare("POST", "/core/v2/storage/files", self._core, files=parts)
        return self._outcome(prepared, "file_sid")

    def delete_file(self, file_sid: str) -> Outcome:
        """Delete a stored file. Refused with status 404: it was gone already."""
        return self._outcome(self._prepare("DELETE", _file_path(file_sid), self._core), None)

    def files(self, container_sid: str) -> Iterator[Mapping[str, Any]]:
        """All files of a container. Raises CarrierTrouble if the list cannot be had whole."""
        yield from self._items("/core/v2/storage/files", self._core, f'container_sid eq "{container_sid}"')

    def container(self, key: str) -> Mapping[str, Any] | None:
        """The container made with this key (letters, digits, hyphens), or None. Raises CarrierTrouble."""
        return next(self._items("/core/v2/storage/containers", self._core, f'string_key_1 eq "{key}"'), None)

    def create_container(self, key: str, name: str, *, quota_files: int, quota_bytes: int) -> Outcome:
        """Make a container, one per key. Refused with 409 or 422: somebody was first, look it up again."""
        body = {
            "name": name,
            "string_key_1": key,
            "unique": True,
            "quota_files": quota_files,
            "quota_bytes": quota_bytes,
        }
        prepared = self._prepare("POST", "/core/v2/storage/containers", self._core, json=body)
        return self._outcome(prepared, "container_sid")

    # --- HTTP ----------------------------------------------------------------------------------------------------

    def _prepare(self, method: str, path: str, auth: AuthBase, **content: Any) -> requests.PreparedRequest:
        return self._session.prepare_request(requests.Request(method, self._base + path, auth=auth, **content))

    def _items(self, path: str, auth: AuthBase, filter_: str | None = None) -> Iterator[Mapping[str, Any]]:
        offset = 0
        for _ in range(_MOST_PAGES):
            query = {"limit": str(_PAGE), "offset": str(offset)} | ({"filter": filter_} if filter_ else {})
            outcome = self._outcome(self._prepare("GET", path, auth, params=query), None)
            if not isinstance(outcome, Accepted):
                raise CarrierTrouble(outcome)
            items = outcome.content.get("items")
            if not isinstance(items, list):
                raise CarrierTrouble(Unknown("a list without items"))
            yield from (item for item in items if isinstance(item, dict))
            offset += len(items)
            if not items or not outcome.content.get("has_more"):
                return
        raise CarrierTrouble(Unknown("a list without end"))

    def _outcome(self, prepared: requests.PreparedRequest, sid_key: str | None) -> Outcome:
        deadline = time.monotonic() + sum(self._timeout)
        try:
            response = self._session.send(prepared, timeout=self._timeout, allow_redirects=False, stream=True)
        except (requests.ConnectTimeout, requests.ConnectionError) as error:
            if _never_left(error):
                return Refused(Refusal.FOR_NOW, f"the carrier cannot be reached: {type(error).__name__}")
            return Unknown(f"the connection broke: {type(error).__name__}")
        except requests.RequestException as error:
            return Unknown(f"no answer: {type(error).__name__}")
        with response:
            try:
                body = _read(response, deadline)
            except (requests.RequestException, HTTPError, _AnswerTooLong) as error:
                body = None
                reason = f"the answer ({response.status_code}) broke off: {type(error).__name__}"
        if body is None:
            return _refusal(response, "") or Unknown(reason)
        return _refusal(response, _quoted(body)) or _acceptance(response.status_code, body, sid_key)


def _read(response: requests.Response, deadline: float) -> bytes:
    """The whole body, within the bounds of time and size: a trickle would pass any timeout per packet."""
    body = bytearray()
    while chunk := response.raw.read1(65536, decode_content=True):
        body += chunk
        if len(body) > _LARGEST_ANSWER or time.monotonic() > deadline:
            raise _AnswerTooLong
    return bytes(body)


class CarrierTrouble(Exception):
    """A list could not be had; `outcome` says why."""

    def __init__(self, outcome: Refused | Unknown) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


class _AnswerTooLong(Exception):
    pass


def _never_left(error: requests.RequestException) -> bool:
    """Whether no byte of the request can have reached the carrier: there was no connection to send it on."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(cause, NoConnection) and isinstance(cause.reason, NewConnectionError)


def _refusal(response: requests.Response, quoted: str) -> Refused | Unknown | None:
    """What a status other than 2xx means; None for 2xx. 500, 502 and 504 may come after the call was placed."""
    status = response.status_code
    if 200 <= status < 300:
        return None
    reason = f"{status} {_printable(response.reason or '')} {quoted}".strip()
    if status in (429, 503):
        return Refused(Refusal.FOR_NOW, reason, status, _retry_after_s(response.headers.get("Retry-After")))
    if status >= 500:
        return Unknown(reason)
    if status == 409:
        return Refused(Refusal.FOR_NOW, reason, status)
    if status in (400, 422):
        return Refused(Refusal.THIS_REQUEST, reason, status)
    return Refused(Refusal.ALL_OF_US, reason, status)


def _acceptance(status: int, body: bytes, sid_key: str | None) -> Accepted | Refused | Unknown:
    """Success is 2xx, a JSON object, no `errors`, and the SID that was asked for; a plain 204 if none was."""
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
