"""The database that a URL names. A URL that cannot be read is quoted nowhere, because a password stands in it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import environ

HOW = (
    "cannot be read: write sqlite:////folder/file or postgres://user:password@host:port/name, and in each part %40 for @, "
    "%2F for /, %3F for ?, %23 for #, %25 for %; a comment has a line of its own"
)
_PARTS = re.compile(r"(?P<scheme>[a-z0-9_+-]+)://(?P<network>[^/?#]*)(?P<path>[^?#]*)(?P<query>\?[^#]*)?")


def database_of(url: str) -> dict[str, Any]:
    """What Django is told of the database, with whatever login and path. Raises ValueError, which says how to write the URL and nothing of it."""
    try:
        return _read(url.strip())
    except Exception:  # noqa: S110  # whatever the parsers say of it may quote it, also as the cause of another error
        pass
    raise ValueError(HOW)


def _read(url: str) -> dict[str, Any]:
    if url == "sqlite://:memory:":
        return dict(environ.Env.db_url_config(url))
    found = _PARTS.fullmatch(url)
    if not found or found["scheme"] not in environ.Env.DB_SCHEMES:
        raise ValueError
    user, at, hosts = found["network"].rpartition("@")
    path, query = quote(unquote(found["path"]), safe="/") or "/", found["query"] or ""
    if not found["scheme"].endswith("sqlite") and "@" in found["path"] + query:
        raise ValueError  # a password that was not encoded ends the host's part too soon
    name, colon, password = user.partition(":")
    login = _encoded(name) + colon + _encoded(password) + at
    encoded = f"{found['scheme']}://{login}{hosts}{path}{query}"
    urlsplit(encoded)  # django-environ mends what cannot be split, and encodes the login once more
    database = dict(environ.Env.db_url_config(encoded))
    options = database.get("OPTIONS", {})
    if str(options.get("prepare_threshold", "")).lower() == "none":  # as psycopg calls it: nothing is ever prepared
        options["prepare_threshold"] = None
    return database


def _encoded(part: str) -> str:
    return quote(unquote(part), safe="")
