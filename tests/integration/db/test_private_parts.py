"""The private parts of Django and psycopg that prepared statements rely on: who upgrades either learns here which has changed.

Each part says what it must do, and where to look if it does not: then `db/prepared.py` has to do what Django does now.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from blast_api.db import prepared
from blast_api.db.upserts import Upsert
from blast_api.models import Attempt, Call, CallQuerySet, Gate

pytestmark = pytest.mark.django_db(transaction=True)

Holds = Callable[[], bool]
PARTS: dict[str, tuple[Holds, str]] = {}
_ON_POSTGRESQL = "on PostgreSQL: "


def part(names: str, look_at: str) -> Callable[[Holds], Holds]:
    """A check that these names, as `db/prepared.py` uses them, do what it needs; and where to look if they do not."""

    def entered(holds: Holds) -> Holds:
        PARTS[names] = holds, look_at
        return holds

    return entered


def _rows() -> CallQuerySet:
    return Call.objects.filter(pk=1, serial=2)


def _update() -> Any:
    query: Any = _rows().query.chain(import_module("django.db.models.sql").UpdateQuery)
    query.add_update_values({"sid": "s", "attempts": F("attempts") - 1})
    return query


# --- Django: how a queryset becomes SQL ----------------------------------------------------------------------------------


@part(
    "rows.query, query.chain, UpdateQuery",
    "QuerySet.update(): how it makes the query of an update of that of its rows. `Update._compile` does the same.",
)
def _a_query_of_rows_becomes_one_that_updates_them() -> bool:
    kind = import_module("django.db.models.sql").UpdateQuery
    query = _rows().query.chain(kind)
    return type(query) is kind and query.where == _rows().query.where


@part(
    "query.add_update_values",
    "QuerySet.update(): how it tells the query the new values, expressions among them, and whether it does more with it "
    "by now. `Update._compile` does the same.",
)
def _it_takes_the_new_values_by_field() -> bool:
    sql, params = _update().get_compiler(connection=connection).as_sql()
    return sql.startswith("UPDATE") and "s" in params and '("blast_api_call"."attempts" - ' in sql


@part(
    "query.get_compiler, connection (the proxy)",
    "Query.get_compiler() and SQLCompiler.connection. A compiler is kept for all threads, so what it keeps must be the "
    "proxy, which is each thread's own connection. A connection itself would be used by threads that it does not belong to.",
)
def _a_compiler_keeps_the_proxy() -> bool:
    compiler: Any = _rows().query.get_compiler(connection=connection)
    return compiler.connection is connection


@part(
    "compiler.as_sql",
    "SQLCompiler.as_sql() and execute_sql(): what they hand to the cursor. The SQL that is kept needs one `%s` for each "
    "parameter, in their order, and parameters that are equal to the values of which the queryset was made.",
)
def _sql_and_params_are_those_of_the_cursor() -> bool:
    sql, params = _rows().values_list("pk").query.get_compiler(connection=connection).as_sql()
    return sql.count("%s") == len(params) == 2 and list(params) == [1, 2]


@part(
    "connection.ops.adapt_datetimefield_value",
    "DateTimeField.get_db_prep_value(): how it adapts a time for the database. `prepared._adapted` does the same with the "
    "times that are filled in.",
)
def _a_time_among_the_params_is_as_we_adapt_it() -> bool:
    time = datetime(1, 1, 1, tzinfo=UTC)  # as the stand-ins are
    _, params = Call.objects.filter(due_at=time).query.get_compiler(connection=connection).as_sql()
    return list(params) == [connection.ops.adapt_datetimefield_value(time)]


@part(
    "compiler.select",
    "SQLCompiler.results_iter(): from where it takes the expressions whose values it converts. `Select._compile` takes "
    "them from there, once the SQL is made.",
)
def _the_columns_are_known_once_the_sql_is_made() -> bool:
    compiler: Any = _rows().values_list("pk", "sid").query.get_compiler(connection=connection)
    compiler.as_sql()
    return [expression.target.attname for expression, *_ in compiler.select] == ["id", "sid"]


@part(
    "compiler.get_converters, compiler.apply_converters",
    "SQLCompiler.results_iter(): how it makes Python's values of the driver's. `Select._compile` does the same, and leaves "
    "rows alone where there is nothing to convert.",
)
def _values_are_converted_where_they_have_to_be() -> bool:
    compiler: Any = Gate.objects.values_list("lane", "starts").query.get_compiler(connection=connection)
    compiler.as_sql()
    lane, starts = (expression for expression, *_ in compiler.select)
    converters = compiler.get_converters([lane, starts])
    (converted,) = compiler.apply_converters([("calls", "[1]")], converters)
    return not compiler.get_converters([lane]) and list(converted) == ["calls", [1]]


@part(
    "model._meta.db_table, model._meta.concrete_fields, column, db_type",
    "Options.db_table, Field.column and Field.db_type(): what `db/upserts.py` makes the statement of that inserts a row.",
)
def _a_model_knows_its_table_and_columns() -> bool:
    table = Attempt._meta.db_table
    with connection.cursor() as cursor:
        columns = {column.name for column in connection.introspection.get_table_description(cursor, table)}
    fields = Attempt._meta.concrete_fields
    return columns == {field.column for field in fields} and all(field.db_type(connection) for field in fields)


# --- Django: how SQL comes to the driver ---------------------------------------------------------------------------------


@part(
    "connection.queries_logged",
    "BaseDatabaseWrapper.queries_logged and _cursor(): when cursors are made that log their statements. A kept cursor logs "
    "none, so while it is true none is kept; else assertNumQueries and the log of DEBUG miss what callbacks ask.",
)
def _whether_statements_are_logged_is_told() -> bool:
    before = connection.queries_logged
    with CaptureQueriesContext(connection) as captured:
        within = connection.queries_logged
        prepared._cursor().execute("SELECT 1")
    return not before and within and len(captured) == 1


@part(
    "here.connection",
    "BaseDatabaseWrapper.connection: the driver's own. A kept cursor is of one of them: `prepared._cursor` must see that "
    "another was made, or statements go to a connection that is closed.",
)
def _another_connection_of_the_driver_is_seen() -> bool:
    prepared._cursor().execute("SELECT 1")
    former = connection.connection
    connection.close()
    prepared._cursor().execute("SELECT 1")
    return former is not None and connection.connection not in (former, None)


@part(
    "here._kept_cursor",
    "BaseDatabaseWrapper: whether an attribute of ours may stand beside its own, none of which has that name.",
)
def _a_cursor_may_be_kept_beside_the_connection() -> bool:
    connection.close()
    kept = prepared._cursor()
    return kept is prepared._cursor() and not hasattr(connection.copy(), "_kept_cursor")


@part(
    "here.cursor, cursor.execute",
    "BaseDatabaseWrapper.cursor(), CursorWrapper and commit(): whether a cursor outlives its transaction and an error in it. "
    "If not, `prepared._cursor` must make one for each statement.",
)
def _a_cursor_outlives_its_transaction() -> bool:
    kept = prepared._cursor()
    with transaction.atomic():
        kept.execute("SELECT 1")
    with pytest.raises(Exception, match="nothing_of_ours"), transaction.atomic():
        kept.execute("SELECT * FROM nothing_of_ours")
    kept.execute("SELECT 2")
    return prepared._cursor() is kept and tuple(kept.fetchone()) == (2,)


@part(
    "cursor.cursor.execute",
    "CursorWrapper._execute(): by which name it asks the driver's cursor. `prepared._cursor` puts an `execute` of its own "
    "there, which has each statement prepared.",
)
def _what_is_executed_goes_by_the_drivers_execute() -> bool:
    asked: list[tuple[object, ...]] = []

    class Driver:
        def execute(self, *told: object) -> None:
            raise AssertionError

    driver = Driver()
    driver.execute = lambda *told: asked.append(told)  # type: ignore[method-assign]  # as ours is
    cursor = connection.cursor()
    cursor.cursor.close()
    cursor.cursor = driver
    cursor.execute("SELECT %s", [1])
    return asked == [("SELECT %s", [1])]


@part(
    "connection.health_check_done",
    "BaseDatabaseWrapper.close_if_health_check_failed(): how it knows that it has looked. Callbacks set it, so that none "
    "asks whether the connection works before it asks for what it came for.",
)
def _who_says_that_the_connection_is_healthy_is_believed() -> bool:
    here: Any = connection.copy()
    here.connect()
    try:
        here.is_usable = lambda: False
        here.health_check_enabled, here.health_check_done = True, True
        here.ensure_connection()
        here.close_if_health_check_failed()
        return here.connection is not None
    finally:
        here.close()


# --- psycopg -------------------------------------------------------------------------------------------------------------


@part(
    f"{_ON_POSTGRESQL}execute(prepare=True), prepare_threshold, server_side_binding",
    "psycopg's Cursor.execute() and PrepareManager.get(), and the OPTIONS of `settings/base.py`: a statement is prepared "
    "when it asks for that, at once, and no other is. Without it PostgreSQL plans each callback's statement anew.",
)
def _a_statement_is_prepared_when_it_asks() -> bool:
    asks, does_not = "SELECT %s::int AS asks", "SELECT %s::int AS does_not"
    prepared._cursor().execute(asks, [1])
    with connection.cursor() as cursor:
        cursor.execute(does_not, [1])
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        known = " ".join(statement for (statement,) in cursor.fetchall())
    return "AS asks" in known and "AS does_not" not in known


@pytest.mark.parametrize("names", PARTS)
def test_each_private_part_does_what_prepared_statements_need(names: str) -> None:
    holds, look_at = PARTS[names]
    if names.startswith(_ON_POSTGRESQL) and connection.vendor != "postgresql":
        pytest.skip("SQLite plans a statement each time that it is run")
    told = f"`{names}` is not what prepared statements rely on. Look at {look_at}"
    try:
        held = holds()
    except Exception as error:
        pytest.fail(f"{told} ({type(error).__name__}: {error})")
    assert held, told


# Of Python, of the database API for Python (PEP 249), and what Django documents.
_PUBLIC = {"join", "items", "execute", "executemany", "fetchall", "rowcount", "vendor", "cursor", "atomic"}


def test_no_other_private_part_is_relied_on() -> None:
    """Every attribute that `db/prepared.py` uses is its own, public, or of a part above."""
    tree = ast.parse(Path(prepared.__file__).read_text())
    nodes = list(ast.walk(tree))
    defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    fields = {node.target.id for node in nodes if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)}
    attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
    of_self = {node.attr for node in attributes if ast.unparse(node.value) == "self"}
    used = {node.attr for node in attributes} - _PUBLIC - defined - fields - of_self - set(dir(Upsert))
    named = {word for names in PARTS for word in names.replace(",", " ").replace(".", " ").split()}
    assert used <= named


def test_only_prepared_statements_rely_on_them() -> None:
    compiles = {
        "get_compiler",
        "add_update_values",
        "get_converters",
        "apply_converters",
        "queries_logged",
        "UpdateQuery",
    }
    app = Path(prepared.__file__).parents[1]
    for file in app.rglob("*.py"):
        words = {getattr(node, "attr", getattr(node, "id", "")) for node in ast.walk(ast.parse(file.read_text()))}
        assert file.name == "prepared.py" or not words & compiles, file.relative_to(app)
