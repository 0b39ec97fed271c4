"""The carrier over HTTP: what we ask of it. What its answers mean stands in `outcomes`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from mimetypes import guess_type
from typing import IO, Any, Self
from urllib.parse import quote

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from blast_api import __version__
from blast_api.conf import Configuration
from blast_api.domain.pacing import Departure

from .outcomes import Accepted as Accepted
from .outcomes import CarrierTrouble as CarrierTrouble
from .outcomes import Outcome as Outcome
from .outcomes import Refusal as Refusal
from .outcomes import Refused as Refused
from .outcomes import Unknown as Unknown
from .outcomes import acceptance, is_gone, refusal
from .outcomes import usable_sid as usable_sid
from .storage import new_container
from .wire import NoAnswer, Request, Unreachable, Wire

_CONNECT_TIMEOUT_S = 2.0
_ANSWER_TIMEOUT_S = 6.0
_PAGE = 1000  # most items a list answers with
_MOST_PAGES = 1000
_ANY_TYPE = "application/octet-stream"
_CONTAINERS = "/core/v2/storage/containers"


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

    def download(self, file_sid: str, into: IO[bytes], *, most: int) -> Outcome:
        """Write what a stored file holds, at most so many bytes; what is longer, or breaks off, is Unknown."""
        prepared = self._prepare("GET", f"{_file_path(file_sid)}/data", self._core)
        return self._outcome(prepared, None, into=into, most=most)

    def upload_file(self, container_sid: str, name: str, data: IO[bytes], *, key: str, unique: bool = False) -> Outcome:
        """Store a file in a container, for ever; `publish_uri` of the answer is where anyone can fetch it.

        Refused with status 409: it is to be `unique`, and the container has one with this key.
        """
        fields = {
            "container_sid": container_sid,
            "name": name,
            "string_key_1": key,
            "publish": "file_sid",
            "lifecycle_action": "no_action",
            "lifecycle_ttl": -1,
            "unique": unique,
        }
        parts = {"file_object": (None, json.dumps(fields)), "data": (name, data, guess_type(name)[0] or _ANY_TYPE)}
        prepared = self._prepare("POST", "/core/v2/storage/files", self._core, files=parts)
        return self._outcome(prepared, "file_sid")

    def delete_file(self, file_sid: str) -> Outcome:
        """Delete a stored file. Refused with status 404: it was gone already."""
        return self._outcome(self._prepare("DELETE", _file_path(file_sid), self._core), None)

    def prepare_discarding(self, file_sid: str, key: str) -> Request:
        """The request that deletes a stored file; without its SID, the search for what has its key."""
        if file_sid:
            return self._prepare("DELETE", _file_path(file_sid), self._core)
        return self.prepare_files_by_key(key)

    def discard(self, prepared: Request, file_sid: str, key: str, departure: Departure | None = None) -> Outcome:
        """Send what `prepare_discarding` prepared, and delete what is found. Refused with status 404: there was none."""
        if file_sid:
            return self._outcome(prepared, None, departure)
        outcome: Outcome = Refused(Refusal.THIS_REQUEST, "no file has this key", 404)
        try:  # one slot is enough for all of them: there is one, if any
            for file in list(self.files_by_key(prepared, key, departure)):
                if not (sid := usable_sid(file.get("file_sid"))):
                    return Unknown("a file without a usable file_sid")
                if not is_gone(outcome := self.delete_file(sid)):
                    return outcome
        except CarrierTrouble as trouble:
            return trouble.outcome
        return outcome

    def prepare_files_by_key(self, key: str) -> Request:
        """The request for the files stored with this key (letters, digits, `-`, `_`), in whichever container."""
        return self._first_page("/core/v2/storage/files", self._core, filter=f'string_key_1 eq "{key}"')

    def files_by_key(
        self, prepared: Request, key: str, departure: Departure | None = None
    ) -> Iterator[Mapping[str, Any]]:
        """Send a prepared search for files. Raises CarrierTrouble."""
        # A carrier that did not understand the filter would answer with all files there are.
        yield from (item for item in self._items(prepared, departure) if item.get("string_key_1") == key)

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

    def _outcome(
        self, prepared: Request, sid_key: str | None, departure: Departure | None = None, **content: Any
    ) -> Outcome:
        try:
            answer = self._wire.exchange(prepared, departure, **content)
        except Unreachable as error:
            return Refused(Refusal.THIS_HOST, f"the carrier cannot be reached: {error}")
        except NoAnswer as error:
            return Unknown(f"no answer: {error}")
        return refusal(answer) or acceptance(answer, sid_key)
