"""PgBouncer in transaction mode hands each transaction to any session: a statement that one session has prepared is none of another's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from tests.kits.cluster import free_port
from tests.kits.processes import environment, wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="it is PostgreSQL's"),
    pytest.mark.skipif(shutil.which("pgbouncer") is None, reason="PgBouncer is not installed"),
]
_VERSION: tuple[int, ...] = ()
if pgbouncer := shutil.which("pgbouncer"):
    _said = subprocess.run([pgbouncer, "--version"], capture_output=True, text=True, check=True).stdout
    _VERSION = tuple(map(int, re.findall(r"\d+", _said)[:2]))
_SESSIONS = 2
# Twice as many threads as sessions, each with a connection that it keeps, as a web server's; half of them begin with another
# question, so that a name that a session knows is not always that of the same statement.
_ASKING = f"""
import django; django.setup()
from django.conf import settings; settings.DEBUG = False  # what is logged is not prepared
from collections import Counter
from threading import Barrier, Thread
from django.db import DatabaseError
from blast_api.services import scripts, shouts
begun, answers = Barrier({2 * _SESSIONS}), Counter()
questions = [lambda: shouts._AN_OPEN_CALL(message_id=1), lambda: scripts.of_call(1)]
def ask(first):
    begun.wait()
    for index in range(200):
        try:
            answers[str(questions[(first + index) % 2]())] += 1
        except DatabaseError:
            answers["error"] += 1
threads = [Thread(target=ask, args=(index,)) for index in range({2 * _SESSIONS})]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(answers["[]"], answers["error"])
"""


@pytest.fixture
def bouncer() -> Iterator[str]:
    """The URL of the test's database behind a PgBouncer of the test's own."""
    server, port = connection.settings_dict, free_port()
    with tempfile.TemporaryDirectory() as folder:  # and not pytest's, which nobody else may enter
        os.chmod(folder, 0o777)
        login = f"user={server['USER']}" + (f" password={server['PASSWORD']}" if server["PASSWORD"] else "")
        told = f"""
            [databases]
            * = host={server["HOST"]} port={server["PORT"]} {login}
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            auth_type = any
            pool_mode = transaction
            default_pool_size = {_SESSIONS}
            unix_socket_dir =
            logfile = {folder}/log
        """
        file = Path(folder, "pgbouncer.ini")
        file.write_text("\n".join(line.strip() for line in told.splitlines()))
        not_root = ("-u", "nobody") if os.getuid() == 0 else ()
        child = subprocess.Popen(["pgbouncer", "-q", *not_root, str(file)], stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: "process up" in _text(Path(folder, "log")))
            yield f"postgres://{server['USER']}@127.0.0.1:{port}/{server['NAME']}"
        finally:
            child.terminate()
            child.wait(30)


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def _asked(url: str) -> tuple[int, int]:
    """How many questions of a hot statement were answered, and how many failed."""
    told = environment() | {"DATABASE_URL": url}
    done = subprocess.run(
        [sys.executable, "-c", _ASKING], env=told, cwd=settings.BASE_DIR, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    answered, failed = map(int, done.stdout.split())
    return answered, failed


def test_nothing_is_prepared_where_the_url_says_so(bouncer: str) -> None:
    assert _asked(f"{bouncer}?prepare_threshold=none") == (2 * _SESSIONS * 200, 0)


@pytest.mark.skipif(_VERSION >= (1, 21), reason="from 1.21 on it may be told to keep prepared statements")
def test_without_that_statements_go_astray(bouncer: str) -> None:
    """The control, which shows that sessions are shared."""
    assert _asked(bouncer)[1] > 0
