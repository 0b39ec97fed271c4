"""A checkout as it comes: SQLite, logs beside the code, no account and no token needed."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

import environ

from blast_api_project.configured import load, text
from blast_api_project.settings.base import *  # noqa: F403
from blast_api_project.settings.base import BASE_DIR, database, logging_to, make_folder, sqlite


def _own_secret(path: Path) -> str:
    """The secret of this checkout, made at first use: call-control addresses are unguessable here too."""
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=path.name) as draft:  # made with mode 0600
            draft.write(secrets.token_urlsafe(48))
            draft.flush()
            with suppress(FileExistsError):  # another process was first: its secret is everybody's
                os.link(draft.name, path)
    return path.read_text()


env = environ.Env()
STATE_DIR = str(BASE_DIR / "state")
globals().update(load())

DEBUG = True
ALLOWED_HOSTS = ["*"]
SECRET_KEY = text("SECRET_KEY", default="") or _own_secret(BASE_DIR / ".secret_key")
_url = text("DATABASE_URL", default="")
DATABASES = {"default": database(_url) if _url else sqlite(BASE_DIR / "db.sqlite3")}
DEFAULT_EXCEPTION_REPORTER_FILTER = "blast_api_project.discreet.Filter"

LOG_DIR = env.path("BLAST_LOG_DIR", default=str(BASE_DIR / "log"))
Path(LOG_DIR).mkdir(parents=True, exist_ok=True)
CDR_LOGGER_PATH = str(LOG_DIR("cdr.log"))
BDR_LOG_PATH = str(LOG_DIR("bdr.log"))
REC_CDR_LOG_PATH = str(LOG_DIR("rec_cdr.log"))
LOGGING = logging_to(Path(LOG_DIR))
make_folder(STATE_DIR)

# Open in development: a request without a token is the one implied application's.
API_TOKEN_REQUIRED = False
API_DOCS = True
# So are the pages, to whoever is on this host.
DASHBOARD = DASHBOARD_OPEN = True
