from __future__ import annotations

from django.apps import AppConfig
from django.db.backends.signals import connection_created

from .db import sessions


class BlastApiConfig(AppConfig):
    name = "blast_api"
    verbose_name = "blast-api"

    def ready(self) -> None:
        from . import checks  # noqa: F401  # registers itself

        connection_created.connect(sessions.bound)
