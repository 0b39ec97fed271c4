"""All that must hold before a change lands: format, lint, types, settings, migrations, tests; on PostgreSQL too.

    python .ci/checks.py [lint]

`lint` stops before the tests. Where a PostgreSQL server answers (at DATABASE_URL, or at
postgres://postgres@127.0.0.1:5432/postgres), the same suite runs there once more, but for the tests that may not ask a database
at all (`not database`, as tests/conftest.py finds out): those would do the same again.
"""

from __future__ import annotations

import os
import subprocess
import sys

import psycopg

POSTGRES = os.environ.pop("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
PYTHON = sys.executable
LINT = (
    ("-m", "ruff", "format", "--check", "."),
    ("-m", "ruff", "check", "."),
    ("-m", "mypy"),
    ("manage.py", "check"),
    ("manage.py", "makemigrations", "--check", "--dry-run"),
)
TESTS = ("-m", "pytest", "-n", "3", "--dist", "worksteal")


def run(*arguments: str, **environment: str) -> None:
    print("$ python", *arguments, flush=True)  # noqa: T201
    done = subprocess.run([PYTHON, *arguments], env=os.environ | environment)  # noqa: S603
    if done.returncode:
        sys.exit(done.returncode)


for command in LINT:
    run(*command)
if "lint" not in sys.argv[1:]:
    run(*TESTS)
    try:
        psycopg.connect(POSTGRES, connect_timeout=3).close()
    except psycopg.OperationalError as error:
        reason = str(error).splitlines()[0]
        print(f"No PostgreSQL answers, so the suite ran on SQLite alone ({reason})")  # noqa: T201
    else:
        print("Once more, on PostgreSQL", flush=True)  # noqa: T201
        run(*TESTS, "-m", "database", DATABASE_URL=POSTGRES)
