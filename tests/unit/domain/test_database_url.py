"""A database's URL gives just the login that it names, or is refused; a password in it is quoted nowhere."""

from __future__ import annotations

import traceback
import warnings
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blast_api.domain.database_url import database_of

PASSWORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=8, max_size=30) | st.text(
    "ab19$#@/?:%&=+[]{}'\"\\ ", min_size=8, max_size=30
)


@given(password=PASSWORDS, user=PASSWORDS)
@example(password="$ecret$x", user="$someone")
def test_any_login_can_be_written_encoded(password: str, user: str) -> None:
    for end in ("@127.0.0.1:5433/blast", "@127.0.0.1:5433/blast?sslmode=require"):
        told = database_of(f"postgres://{quote(user, safe='')}:{quote(password, safe='')}{end}")
        assert (told["USER"], told["PASSWORD"]) == (user, password)
        assert (told["HOST"], told["PORT"], told["NAME"]) == ("127.0.0.1", 5433, "blast")


@given(
    password=PASSWORDS, end=st.sampled_from(["@db:5433/blast", "@db/blast", "@db", "@db:5433/blast?sslmode=require"])
)
@example(password="$ecret$x", end="@db/blast")
@example(password="hush#hush", end="@db/blast")
@example(password="hush/hush", end="@db/blast")
@example(password="hush?hush", end="@db")
@example(password="hush[hush", end="@db/blast")
@example(password="hush@hush", end="@db/blast")
@example(password="12#hushhush", end="@db/blast")
def test_a_password_as_it_is_is_read_as_it_is_or_refused_without_a_word_of_it(password: str, end: str) -> None:
    with warnings.catch_warnings(action="error"):
        refusal, told = _tried(f"postgres://user:{password}{end}")
    if refusal:
        assert password not in "".join(traceback.format_exception(refusal))
        assert refusal.__context__ is None
    else:
        assert (told["USER"], told["HOST"], told["PASSWORD"]) == ("user", "db", unquote(password))


def _tried(url: str) -> tuple[ValueError | None, dict[str, Any]]:
    try:
        return None, database_of(url)
    except ValueError as error:
        return error, {}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hush",
        "hush://user:hush@db/blast",
        "postgres//user:hush@db/blast",
        "postgres://user:hush@db:hush/blast",
        "postgres://user:hush@db:99999999/blast",
        "postgres://user:hush@[db/blast",
        "postgres://user:hush@db/blast # a comment",
        "sqlite:////opt/hush#1/db.sqlite3",
    ],
)
def test_what_is_no_such_url_is_refused_without_a_word_of_it(url: str) -> None:
    with (
        warnings.catch_warnings(action="error"),
        pytest.raises(ValueError, match=r"^cannot be read: write ") as refusal,
    ):
        database_of(url)
    assert "hush" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:////opt/a b+c/db.sqlite3", "/opt/a b+c/db.sqlite3"),
        ("sqlite:////opt/100%25/%23%3F/me@home/db.sqlite3?timeout=1", "/opt/100%/#?/me@home/db.sqlite3"),
        ("sqlite:///db.sqlite3", "db.sqlite3"),
        ("sqlite://:memory:", ":memory:"),
        ("postgres:///blast", "blast"),
        ("postgresql://user@%2Fvar%2Frun%2Fpostgresql/blast", "blast"),
        ("postgres://user:password@one:5432,two:5432/blast?target_session_attrs=read-write", "blast"),
    ],
)
def test_usual_urls_are_read(url: str, name: str) -> None:
    assert database_of(url)["NAME"] == name


def test_a_url_may_say_that_nothing_is_prepared() -> None:
    """As psycopg calls it; for PgBouncer in transaction mode."""
    assert database_of("postgres://me@db/blast?prepare_threshold=none")["OPTIONS"]["prepare_threshold"] is None
    assert database_of("postgres://me@db/blast?prepare_threshold=7")["OPTIONS"]["prepare_threshold"] == 7
