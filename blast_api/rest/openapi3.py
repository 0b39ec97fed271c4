"""The documentation's document in OpenAPI 3: drf-yasg writes Swagger 2, and this says the same in the newer words.

It knows the words that stand in our own document. Any other raises ValueError, so that nothing goes lost unseen.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from drf_yasg import openapi
from drf_yasg.renderers import _SpecRenderer

VERSION = "3.0.3"
# Swagger 2 has no word for either of two bodies, nor for either of two shapes.
FORM = "x-form"  # of an operation: what it takes as a form beside its JSON
ANY_OF = "x-anyOf"  # of a schema
_JSON = "application/json"
_MULTIPART = "multipart/form-data"
_METHODS = ("get", "put", "post", "delete", "patch")
_WERE, _ARE = "#/definitions/", "#/components/schemas/"  # where shapes are that have a name
_SAME = {  # words of a schema that mean the same in both
    "type",
    "format",
    "title",
    "description",
    "enum",
    "default",
    "example",
    "pattern",
    "required",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "uniqueItems",
}
# Of a parameter and of a header, Swagger 2 says the shape beside the name.
_SHAPE = (_SAME | {"items", "x-nullable"}) - {"description", "required"}
_FILE = {"type": "string", "format": "binary"}
_TEXT = {"type": "string"}
_Json = dict[str, Any]


class OpenApi3Renderer(_SpecRenderer):
    """`/docs/openapi.json`."""

    media_type = _JSON
    format = "openapi3"

    def render(
        self, data: Any, media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> str:
        return written(data)


def written(swagger: openapi.Swagger) -> str:
    """The document as the file `docs/reference/openapi.json` has it."""
    plain = json.loads(json.dumps(swagger.as_dict()))
    return json.dumps(converted(plain), ensure_ascii=False, indent=1) + "\n"


def converted(swagger: _Json) -> _Json:
    """A document of Swagger 2 as one of OpenAPI 3. Raises ValueError if it has a word that this does not know.

    Its server is this path on whichever host hands it out.
    """
    told = _Words(swagger, "the document")
    told.drop("swagger", "host", "schemes", "consumes", "produces")  # bodies name their types, each for itself
    named: _Json = {}
    document = {
        "openapi": VERSION,
        "info": told.pop("info"),
        "servers": [{"url": told.pop("basePath")}],
        "security": told.pop("security"),
        "paths": {path: _path(item, named) for path, item in told.pop("paths").items()},
    }
    definitions = {name: _schema(shape) for name, shape in told.pop("definitions").items()}
    document["components"] = {
        "schemas": dict(sorted((definitions | named).items())),
        "securitySchemes": told.pop("securityDefinitions"),
    }
    told.done()
    return document


class _Words:
    """What one object says; each word is to be asked for."""

    def __init__(self, told: _Json, where: str) -> None:
        self._told, self._where = dict(told), where

    def pop(self, word: str, default: Any = None) -> Any:
        return self._told.pop(word, default)

    def some(self, words: Iterable[str]) -> _Json:
        """Those of these words that are there, in the order of the document."""
        wanted = set(words)
        return {word: self._told.pop(word) for word in list(self._told) if word in wanted}

    def drop(self, *words: str) -> None:
        self.some(words)

    def done(self) -> None:
        if self._told:
            raise ValueError(f"No word of OpenAPI 3 is known for {', '.join(self._told)} in {self._where}")


def _path(item: _Json, named: _Json) -> _Json:
    told = _Words(item, "a path")
    shared = [_parameter(one) for one in told.pop("parameters", [])]
    path: _Json = {"parameters": shared} if shared else {}
    path |= {method: _operation(one, named) for method, one in told.some(_METHODS).items()}
    told.done()
    return path


def _operation(operation: _Json, named: _Json) -> _Json:
    told = _Words(operation, str(operation.get("operationId")))
    consumes, produces = told.pop("consumes", [_JSON]), told.pop("produces", [_JSON])
    parameters, form = told.pop("parameters", []), told.pop(FORM)
    answers = told.pop("responses")
    new = told.some(("operationId", "summary", "description", "tags", "deprecated", "security"))
    outside = [one for one in parameters if one["in"] not in ("body", "formData")]
    if outside:
        new["parameters"] = [_parameter(one) for one in outside]
    if body := _body([one for one in parameters if one["in"] in ("body", "formData")], consumes, form):
        new["requestBody"] = body
    new["responses"] = {status: _answer(one, status, produces, named) for status, one in answers.items()}
    told.done()
    return new


def _parameter(parameter: _Json) -> _Json:
    told = _Words(parameter, parameter["name"])
    new: _Json = told.some(("name", "in", "description", "required"))
    new["schema"] = _schema(told.some(_SHAPE))
    told.done()
    return new


def _body(parameters: list[_Json], consumes: list[str], form: _Json | None) -> _Json:
    """One body of JSON, or the members of a form, which may come as JSON as well, but for files."""
    content: _Json = {}
    for one in parameters:
        if one["in"] == "body":
            content[_JSON] = {"schema": _schema(one["schema"])}
    members = [one for one in parameters if one["in"] == "formData"]
    if members:
        content = {media: {"schema": _form(members, files=media == _MULTIPART)} for media in consumes}
    if form:
        content[_MULTIPART] = {"schema": _schema(form)}
    return {"required": True, "content": content} if content else {}


def _form(members: list[_Json], *, files: bool) -> _Json:
    shapes = {
        one["name"]: _schema({word: one[word] for word in one if word in _SHAPE | {"description"}})
        for one in members
        if files or one["type"] != "file"
    }
    required = [one["name"] for one in members if one.get("required") and one["name"] in shapes]
    return {"type": "object", "properties": shapes} | ({"required": required} if required else {})


def _answer(answer: _Json, status: str, produces: list[str], named: _Json) -> _Json:
    told = _Words(answer, f"an answer {status}")
    new: _Json = {"description": told.pop("description")}
    headers, shape, examples = told.pop("headers", {}), told.pop("schema"), told.pop("examples", {})
    if headers:
        new["headers"] = {name: _header(one) for name, one in headers.items()}
    if shape == {"type": "file"}:
        new["content"] = {media: {"schema": _FILE} for media in produces if media != _JSON}
    elif shape:
        # An error is JSON, whatever else the request is answered with.
        media_of = produces if status < "300" else [_JSON]
        new["content"] = {media: {"schema": _named(shape, named) if media == _JSON else _TEXT} for media in media_of}
        for media, example in examples.items():
            new["content"][media]["example"] = example
    told.done()
    return new


def _named(shape: _Json, named: _Json) -> _Json:
    """A shape that has a title of its own stands among the schemas, once. Errors do."""
    title = shape.get("title")
    if title is None:
        return _schema(shape)
    named[title] = _schema({word: value for word, value in shape.items() if word != "title"})
    return {"$ref": f"{_ARE}{title}"}


def _header(header: _Json) -> _Json:
    told = _Words(header, "a header")
    new = {"description": told.pop("description"), "schema": _schema(told.some(_SHAPE))}
    told.done()
    return new


def _schema(shape: _Json) -> _Json:
    told = _Words(shape, "a schema")
    if ref := told.pop("$ref"):
        told.done()
        return {"$ref": ref.replace(_WERE, _ARE)}
    new: _Json = told.some(_SAME)
    if new.get("type") == "file":
        new |= _FILE
    if properties := told.pop("properties"):
        new["properties"] = {name: _schema(one) for name, one in properties.items()}
    if items := told.pop("items"):
        new["items"] = _schema(items)
    if either := told.pop(ANY_OF):
        new["anyOf"] = [{"$ref": f"{_ARE}{one['title']}"} if "title" in one else _schema(one) for one in either]
    others = told.pop("additionalProperties")
    if others is not None:
        new["additionalProperties"] = others if isinstance(others, bool) else _schema(others)
    if told.pop("x-nullable"):
        new["nullable"] = True
        if "enum" in new:
            new["enum"] = [*new["enum"], None]
    told.done()
    return new
