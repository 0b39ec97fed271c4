"""The development settings, with nothing that a test could share with a checkout in use."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

SCRATCH = tempfile.mkdtemp(prefix="blast-api-tests-")
os.environ["BLAST_LOG_DIR"] = str(Path(SCRATCH, "log"))
os.environ["BLAST_STATE_DIR"] = str(Path(SCRATCH, "state"))
os.environ.setdefault("SECRET_KEY", "a secret of the tests, which is none")

from blast_api_project.settings.dev import *  # noqa: E402, F403
from blast_api_project.settings.dev import DATABASES  # noqa: E402

DEBUG = False
# A file, not memory: the live server's threads and other processes open connections of their own. That the disk has what is
# committed is asked for on neither database: tests survive a power cut as well as anything, and commit some ten thousand times.
if "sqlite3" in str(DATABASES["default"]["ENGINE"]):
    DATABASES["default"]["TEST"] = {"NAME": str(Path(SCRATCH) / "test.sqlite3")}
    _careless = {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"}
else:
    _careless = {"options": "-c synchronous_commit=off"}
DATABASES["default"]["OPTIONS"] = DATABASES["default"]["OPTIONS"] | _careless  # type: ignore[operator]

# No factory makes it, so that it is nobody's number.
DID = "15555540100"
# The default of every test: a carrier that nobody answers for. Tests that place calls name their simulator.
BASE_CARRIERX_API_URL = "http://127.0.0.1:9/"
FLEXML_API_USER = "endpoint"
FLEXML_API_PASSWORD = "endpoint-password"
CARRIERX_API_TOKEN = "core-token"
