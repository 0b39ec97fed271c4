"""How drf-yasg reads our views: what it cannot see by itself."""

from __future__ import annotations

from typing import Any

from drf_yasg import openapi
from drf_yasg.generators import OpenAPISchemaGenerator
from drf_yasg.inspectors import SwaggerAutoSchema

from .docs import NEW_SHOUT
from .serializers import NewShoutSerializer


class SchemaGenerator(OpenAPISchemaGenerator):
    """Ids in paths are numbers; no model of a view says so."""

    def get_path_parameters(self, path: str, view_cls: Any) -> list[openapi.Parameter]:
        parameters: list[openapi.Parameter] = super().get_path_parameters(path, view_cls)
        for one in parameters:
            if one.name == "id":
                one.type = openapi.TYPE_INTEGER
        return parameters


class Schema(SwaggerAutoSchema):
    """Operations grouped by what they are about, not by the version in their path."""

    def get_tags(self, operation_keys: list[str] | None = None) -> list[str]:
        return [next(part for part in self.path.replace(";", "/").split("/") if part not in ("", "api", "v1"))]

    def get_operation_id(self, operation_keys: list[str] | None = None) -> str:
        """`shouts_pause`: drf-yasg would leave out what a verb behind a semicolon is about."""
        name: str = super().get_operation_id(operation_keys)
        (about,) = self.get_tags(operation_keys)
        return name if name.startswith(f"{about}_") else f"{about}_{name}"

    def get_consumes(self) -> Any:
        """Forms, where one may be sent: drf-yasg would tell of JSON alone."""
        return self.overrides.get("consumes") or super().get_consumes()

    def get_produces(self) -> Any:
        return self.overrides.get("produces") or super().get_produces()

    def get_operation(self, operation_keys: list[str]) -> openapi.Operation:
        operation = super().get_operation(operation_keys)
        if form := self.overrides.get("form"):
            operation.x_form = form
        return operation

    def get_request_body_schema(self, serializer: Any) -> Any:
        schema = super().get_request_body_schema(serializer)
        if isinstance(serializer, NewShoutSerializer):
            self.components.get("NewShout", "definitions")["example"] = NEW_SHOUT
        return schema
