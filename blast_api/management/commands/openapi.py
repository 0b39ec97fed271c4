"""`manage.py openapi`: the REST API as an OpenAPI document, also where the service does not show its documentation."""

from __future__ import annotations

from django.core.management.base import BaseCommand

from blast_api.rest.docs import INFO
from blast_api.rest.inspectors import SchemaGenerator
from blast_api.rest.openapi3 import written


class Command(BaseCommand):
    help = "Prints the REST API as a document of OpenAPI 3, from which tools make clients."

    def handle(self, *args: object, **options: object) -> None:
        self.stdout.write(written(SchemaGenerator(INFO).get_schema(public=True)), ending="")
