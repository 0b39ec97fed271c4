from __future__ import annotations

from django.apps import AppConfig


class BlastApiConfig(AppConfig):
    name = "blast_api"
    verbose_name = "blast-api"

    def ready(self) -> None:
        from . import checks  # noqa: F401  # registers itself
