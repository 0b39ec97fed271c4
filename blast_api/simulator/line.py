"""The carrier's own HTTP client: how the application is asked and told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from http.cookiejar import DefaultCookiePolicy

import requests
from requests.adapters import HTTPAdapter


class Style(Enum):
    """How parameters travel: as the method wants (JSON body, or query for GET), as a form, or as a query always."""

    DOCUMENTED = "documented"
    FORM = "form"
    QUERY = "query"


@dataclass(frozen=True)
class Reply:
    """What the application answered."""

    status: int
    body: bytes


class LineFault(Exception):
    """The application could not be reached or did not answer in time."""


class Line:
    """A pool of connections to the application; `timeout_s` real seconds for each answer, no redirect is followed."""

    def __init__(self, *, timeout_s: float, pool_size: int) -> None:
        self._timeout_s = timeout_s
        self._session = requests.Session()
        self._session.trust_env = False  # neither a proxy nor a netrc of the developer
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # a carrier keeps no cookies
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=pool_size))

    def ask(self, *, url: str, method: str, parameters: Mapping[str, str | int | None], style: Style) -> Reply:
        """Make one request; raises LineFault when there is no answer."""
        in_query = style is Style.QUERY or method in {"GET", "HEAD"}
        filled = {name: str(value) for name, value in parameters.items() if value is not None}
        try:
            response = self._session.request(
                "GET" if style is Style.QUERY else method,
                url,
                params=filled if in_query else None,
                json=dict(parameters) if not in_query and style is Style.DOCUMENTED else None,
                data=filled if not in_query and style is Style.FORM else None,
                timeout=self._timeout_s,
                allow_redirects=False,
            )
        except (requests.RequestException, ValueError) as error:
            raise LineFault(f"{type(error).__name__}: {error}") from error
        return Reply(response.status_code, response.content)

    def close(self) -> None:
        """Close every connection."""
        self._session.close()
