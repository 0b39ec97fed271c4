"""One request and its answer: sent again where that is safe, errors raised, the rest decoded."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import httpx
import msgspec

from .errors import ApiError, NoAnswer, NotFound, UnexpectedAnswer, error_of
from .retrying import Retrying, asked_s

T = TypeVar("T")
File = tuple[str, bytes, str]  # name, content, type
Query = Mapping[str, str | int | None]
_API = "/api/v1"
_NEXT = re.compile(r'<([^>]*)>; rel="next"')
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Transport:
    """Speaks HTTP with one service, as one application. Threads may share it."""

    def __init__(self, url: str, token: str | None, *, timeout_s: float, retrying: Retrying, agent: str) -> None:
        """Raises ValueError for an address that is none."""
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"Expected an address that begins with https:// or http://, not {url}")
        base = url.rstrip("/").removesuffix(_API)
        headers = {"Accept": "application/json", "User-Agent": agent}
        if token:
            headers["Authorization"] = f"Token {token}"
        self._client = httpx.Client(base_url=f"{base}{_API}", headers=headers, timeout=timeout_s)
        self._retrying = retrying

    def close(self) -> None:
        self._client.close()

    def get(self, path: str, shape: type[T], **query: str | int | None) -> T:
        return decoded(self.send("GET", path, query=query, repeatable=True), shape)

    def post(
        self,
        path: str,
        shape: type[T],
        *,
        body: object = None,
        fields: Mapping[str, str] | None = None,
        files: Mapping[str, File] | None = None,
        headers: Mapping[str, str] | None = None,
        query: Query | None = None,
        repeatable: bool = False,
    ) -> T:
        """`repeatable`: the service does it once however often it is asked."""
        answer = self.send(
            "POST", path, body=body, fields=fields, files=files, headers=headers, query=query, repeatable=repeatable
        )
        return decoded(answer, shape)

    def delete(self, path: str, shape: type[T], **query: str | int | None) -> T:
        return decoded(self.send("DELETE", path, query=query, repeatable=True), shape)

    def discard(self, path: str, **query: str | int | None) -> None:
        """Delete for good. What is gone when it is asked for again, because an answer was lost, is deleted."""
        self.send("DELETE", path, query=query, repeatable=True, gone_is_done=True)

    def pages(self, path: str, shape: type[T], *, page_size: int, **query: str | int | None) -> Iterator[T]:
        """Each row of a list, page by page. Rows that come or go meanwhile make none appear twice, and none missing."""
        asked: Query | None = {**query, "limit": page_size}
        while asked is not None:
            answer = self.send("GET", path, query=asked, repeatable=True)
            yield from decoded(answer, list[shape])  # type: ignore[valid-type]  # mypy takes no variable for a type
            found = _NEXT.search(answer.headers.get("Link", ""))
            # The parameters alone, so that a link that names another host or scheme takes the token nowhere.
            asked = dict(parse_qsl(urlsplit(found[1]).query, keep_blank_values=True)) if found else None

    def send(
        self,
        method: str,
        path: str,
        *,
        repeatable: bool,
        body: object = None,
        fields: Mapping[str, str] | None = None,
        files: Mapping[str, File] | None = None,
        headers: Mapping[str, str] | None = None,
        query: Query | None = None,
        gone_is_done: bool = False,
    ) -> httpx.Response:
        """The answer, if it is no error. Raises ApiError, NoAnswer or UnexpectedAnswer."""
        sent: dict[str, Any] = {"params": {name: value for name, value in (query or {}).items() if value is not None}}
        if files or fields:
            sent |= {"data": fields, "files": files}
        elif body is not None:
            sent["content"] = msgspec.json.encode(body)
            headers = {"Content-Type": "application/json", **(headers or {})}
        attempt, uncertain = 0, False
        while True:
            attempt += 1
            error: NoAnswer | ApiError
            try:
                answer = self._client.request(method, path, headers=headers, **sent)
            except httpx.TransportError as trouble:
                error = _no_answer(trouble)
            except httpx.HTTPError as trouble:
                raise UnexpectedAnswer(str(trouble)) from trouble
            else:
                if answer.is_success:
                    return answer
                error = _error(answer)
                if gone_is_done and uncertain and isinstance(error, NotFound):
                    return answer
            wait_s = self._wait_s(attempt, error, repeatable)
            if wait_s is None:
                raise error
            uncertain = uncertain or not isinstance(error, ApiError) or error.status >= 500
            time.sleep(wait_s)

    def _wait_s(self, attempt: int, error: NoAnswer | ApiError, repeatable: bool) -> float | None:
        if isinstance(error, NoAnswer):
            return self._retrying.again_in_s(attempt, repeatable=repeatable, status=None, was_sent=error.was_sent)
        return self._retrying.again_in_s(
            attempt, repeatable=repeatable, status=error.status, code=error.code, asked_s=error.retry_after_s
        )


def decoded(answer: httpx.Response, shape: type[T]) -> T:
    """What the answer says. Raises UnexpectedAnswer."""
    try:
        return msgspec.json.decode(answer.content, type=shape)
    except msgspec.MsgspecError as fault:
        raise UnexpectedAnswer(f"{answer.request.method} {answer.request.url.path}: {fault}") from fault


def _no_answer(trouble: httpx.TransportError) -> NoAnswer:
    return NoAnswer(f"No answer: {trouble or type(trouble).__name__}", was_sent=not isinstance(trouble, _NEVER_SENT))


def _error(answer: httpx.Response) -> ApiError:
    if answer.status_code < 400:  # httpx does not follow, nor would a token be sent elsewhere
        raise UnexpectedAnswer(f"The service answered {answer.status_code}, to {answer.headers.get('Location')}.")
    try:
        told: object = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        told = None
    retry_after_s = asked_s(answer.headers.get("Retry-After"), datetime.now(UTC))
    return error_of(answer.status_code, told, retry_after_s=retry_after_s)
