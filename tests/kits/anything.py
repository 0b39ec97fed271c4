"""Strategies: what strangers, and a carrier that has lost its mind, may put into a request."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

METHODS = st.sampled_from(["POST"] * 6 + ["GET", "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
CONTENT_TYPES = st.sampled_from(
    [
        "application/json",
        "application/json",
        "application/json; charset=utf-16",
        "application/json; charset=rot13",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "text/xml",
        "json",
        "/",
        "",
    ]
) | st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=30)
# Strings as Python reads them from JSON: lone surrogates, NULs and line ends of every kind among them.
WORDS = st.sampled_from(
    [
        *"0123456789*#ABCD",
        "completed",
        "no-answer",
        "No_Answer",
        "busy",
        "failed",
        "canceled",
        "app-error",
        "in-progress",
        "HUMAN",
        "machine",
        "NOTSURE",
        "HANGUP",
        "http://c/f.wav",
        "</Play><Hangup/>]]>&amp;\"'<!--",
        "\u2028\u2029\r\n\v\x85{}",
        "\ud800",
        "\0",
        "\ufffe\uffff",
        "1e999",
        "NaN",
        "9" * 5000,
    ]
) | st.text(max_size=30)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.integers(min_value=2**63 - 1, max_value=10**400)
    | WORDS
    | st.builds(lambda text: text * 3000, st.text(min_size=1, max_size=3))
)
VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=12
)


def objects(keys: Sequence[str]) -> st.SearchStrategy[dict[str, object]]:
    """Objects of which most keys are known ones."""
    return st.dictionaries(st.sampled_from(keys) | WORDS, VALUES, max_size=8)


def _deep(depth: int, opening: str) -> bytes:
    return (opening * depth).encode()


def _nested(keys: Sequence[str]) -> st.SearchStrategy[bytes]:
    depths = st.sampled_from([1, 15, 16, 17, 199, 200, 201, 330, 500, 960, 990, 1000, 20_000])
    closed = st.builds(
        lambda key, depth: b'{"%s": ' % key.encode() + b"[" * depth + b"]" * depth + b"}", st.sampled_from(keys), depths
    )
    return closed | st.builds(_deep, depths, st.sampled_from(["[", '{"a":', "[[", '[{"a":']))


def bodies(keys: Sequence[str]) -> st.SearchStrategy[bytes]:
    """Bodies of a request whose parameters have these names, most of them JSON."""
    told = objects(keys)
    forms = st.dictionaries(st.sampled_from(keys) | WORDS, WORDS, max_size=8)
    twice = st.builds(
        lambda one, other: (json.dumps(one)[:-1] + ", " + json.dumps(other)[1:]).encode(),
        told.filter(bool),
        told.filter(bool),
    )
    return (
        told.map(lambda body: json.dumps(body).encode())
        | told.map(lambda body: json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        | told.map(lambda body: json.dumps(body).encode("utf-16"))
        | st.tuples(told, st.integers(0, 60)).map(lambda cut: json.dumps(cut[0]).encode()[: cut[1]])
        | VALUES.map(lambda value: json.dumps(value).encode())
        | forms.map(lambda form: urlencode(form, errors="replace").encode())
        | twice
        | _nested(keys)
        | st.binary(max_size=200)
        | st.sampled_from([b"", b"{}", b"null", b"\xff\xfe", b"[" * 100_000, b'{"x": ' + b"9" * 10_000 + b"}"])
    )


# Percent-encoded and raw, valid and not.
QUERIES = (
    st.just("")
    | st.dictionaries(WORDS, WORDS, max_size=3).map(lambda query: urlencode(query, errors="replace"))
    | st.sampled_from(["%ff=%c3", "a=%00", "&" * 2000, "a=1&" * 1500, "%", "=", "format=xml", "a=%ud800"])
    | st.text(st.characters(max_codepoint=255, exclude_categories=["Cc", "Zs"]), max_size=20)
)
SEGMENTS = WORDS.map(lambda word: quote(word, safe="", errors="replace")) | st.sampled_from(
    ["", "%ff", "%00", "%0d%0a", "..", ".", "%2e%2e", "%2f", "%e2%80%a8", "9" * 30, "0", "-1", "1;cancel", "\u0661"]
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "Accept",
                "Authorization",
                "Idempotency-Key",
                "X-Forwarded-For",
                "X-Http-Method-Override",
                "Range",
                "Cookie",
            ]
        ),
        st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=40)
        | st.sampled_from(["", "*/*", "text/html", "Token", "Token x", "token x y", "a" * 256, "Basic Og=="]),
    ),
    max_size=3,
    unique_by=lambda header: header[0],
).map(tuple)
# Of a body whose length is another one, or none.
LENGTHS = st.sampled_from([None] * 9 + ["", "0", "3", "-1", "abc", "1e3", "9" * 12, "9" * 5000, "99999999999999999999"])
