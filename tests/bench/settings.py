"""The development settings as production would have them: no debugging, and one empty view beside the service's."""

from __future__ import annotations

from blast_api_project.settings.dev import *  # noqa: F403

DEBUG = False
ROOT_URLCONF = "tests.bench.urls"
