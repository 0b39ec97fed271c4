"""Lists as CSV: for spreadsheets, which run nothing of what stands in them, and for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import SuspiciousOperation
from rest_framework.exceptions import NotAcceptable, ValidationError
from rest_framework.fields import DateTimeField
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer, ListSerializer, Serializer
from rest_framework.viewsets import ViewSet

from blast_api.domain import zones
from blast_api.lists.formulas import harmless

CONTENT_TYPE = "text/csv; charset=utf-8; header=present"  # RFC 4180
_FORMATS = ("json", "csv")
_PIECE = 32 * 1024  # characters


class CSVRenderer(BaseRenderer):
    """CSV, for the choice of a format alone: `pieces` writes it."""

    media_type = "text/csv"
    format = "csv"


class ListViewSet(ViewSet):
    """Views whose lists are CSV for who asks for it; errors are JSON all the same."""

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        is_list = (getattr(self, "action", None) or "").startswith("list")
        return super().perform_content_negotiation(request, force=force or (is_list and _is_chosen(request)))


@dataclass(frozen=True, slots=True)
class CSVFile:
    """That a list is asked for as CSV: the name of the file without its ending, and the zone that times are told in."""

    name: str
    zone: ZoneInfo


def csv_asked(request: Request, name: str) -> CSVFile | None:
    """How a list is asked for as CSV: by `?format=csv` or `Accept`, `?zone=` tells the zone; None: it is asked for as JSON.

    Raises ValidationError.
    """
    written = request.query_params.get("format")
    if written is not None and written not in _FORMATS:
        raise ValidationError({"format": [f"Expected one of: {', '.join(_FORMATS)}."]})
    is_csv = _accepts_csv(request) if written is None else written == "csv"
    zone = request.query_params.get("zone")
    if zone is not None and not is_csv:
        raise ValidationError({"zone": ["Only with format=csv: JSON tells times in UTC."]})
    if zone is not None and not (zone and zones.exists(zone)):
        raise ValidationError({"zone": [f"{zone!r:.80} is no time zone that this system knows, as America/Chicago."]})
    return CSVFile(name, zones.zone(zone or "UTC")) if is_csv else None


def pieces(rows: Iterable[object], shape: BaseSerializer[Any], zone: ZoneInfo) -> Iterator[bytes]:
    """A line with the names of the columns, then a line for each row in this shape; in pieces of some size.

    Columns are the fields of the shape, or its `csv_columns`, where `a.b` is the part b of a. A list is told by how many it
    has, any other object as JSON.
    """
    assert isinstance(shape, Serializer)
    _tell_in(zone, shape)
    columns = getattr(shape, "csv_columns", None) or tuple(shape.fields)
    paths = [column.split(".") for column in columns]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        told = shape.to_representation(row)
        writer.writerow([_cell(reduce(_part, path, told)) for path in paths])
        if text.tell() >= _PIECE:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def _is_chosen(request: Request) -> bool:
    """Whether `csv_asked` will say as what the list is sent."""
    with suppress(SuspiciousOperation):  # a query that cannot be read: the view says so
        return "format" in request.query_params or _accepts_csv(request)
    return False


def _accepts_csv(request: Request) -> bool:
    offered: Sequence[BaseRenderer] = (JSONRenderer(), CSVRenderer())
    try:
        chosen, _ = DefaultContentNegotiation().select_renderer(request, offered)
    except NotAcceptable:
        return False
    return isinstance(chosen, CSVRenderer)


def _tell_in(zone: ZoneInfo, shape: Serializer[Any]) -> None:
    for field in shape.fields.values():
        inner = field.child if isinstance(field, ListSerializer) else field
        if isinstance(inner, Serializer):
            _tell_in(zone, inner)
        elif isinstance(inner, DateTimeField):
            inner.timezone = zone


def _part(told: Any, name: str) -> Any:
    return None if told is None else told.get(name)


def _cell(value: object) -> object:
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return len(value)
    return json.dumps(value) if isinstance(value, dict) else value
