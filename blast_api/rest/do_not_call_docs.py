"""The interactive documentation of do-not-call lists."""

from __future__ import annotations

from drf_yasg import openapi
from drf_yasg.utils import swagger_auto_schema

from .do_not_call_serializers import DoNotCallSerializer, NewNumbersSerializer, NumbersListedSerializer
from .documenting import (
    AS_CSV,
    COMMON,
    INVALID,
    JSON_OR_CSV,
    NEWEST_FIRST,
    NO_BODY,
    NOT_FOUND,
    TOO_LARGE,
    answer,
    listed,
    query,
)

_ENTRY = {"number": "15555551010", "created": "2030-01-31T12:01:00Z", "by": "key", "call": 1}
_ENTRIES = {"200": listed(DoNotCallSerializer(many=True), "The numbers.", _ENTRY), "400": INVALID, **COMMON}
_TAKEN_OFF = {"204": answer("It is off the list."), "400": INVALID, "404": NOT_FOUND, **COMMON}
_USER = query(
    "userdata",
    openapi.TYPE_STRING,
    "The user, by any name; without it, the application's own list, which holds for all its users.",
)
_IN_A_PATH = (
    "For names without a `.` or `..` of its own between slashes: clients and proxies take those for a way up. "
    "Slashes in the name are escaped, or not."
)
_FORM = openapi.Schema(
    type=openapi.TYPE_OBJECT,
    required=["numbers"],
    properties={"numbers": openapi.Schema(type=openapi.TYPE_FILE, description="CSV or XLSX.")},
)
list_dnc = swagger_auto_schema(
    operation_id="dnc_list",
    operation_summary="A user's do-not-call list, or the application's own, newest first",
    manual_parameters=[_USER, *NEWEST_FIRST, *AS_CSV],
    produces=JSON_OR_CSV,
    responses=_ENTRIES,
)
add_dnc = swagger_auto_schema(
    operation_id="dnc_create",
    operation_summary="Put numbers on the list",
    operation_description="All or nothing: every entry that is no number is named by its place, from 0. Numbers that are "
    "listed already stay as they are, so again is fine. What waits at the carrier for any of them is withdrawn. "
    "A file (CSV or XLSX) comes as multipart/form-data, its part named `numbers`; what is no number there is named by its line.",
    request_body=NewNumbersSerializer,
    form=_FORM,
    manual_parameters=[_USER],
    responses={
        "200": answer("All of them are listed.", NumbersListedSerializer, {"added": 2, "there_before": 1}),
        "400": INVALID,
        "413": TOO_LARGE,
        "415": NO_BODY,
        **COMMON,
    },
)
delete_dnc = swagger_auto_schema(
    operation_id="dnc_delete",
    operation_summary="Take a number off the list",
    manual_parameters=[
        _USER,
        query("number", openapi.TYPE_STRING, "The number with country code, in any usual writing.", required=True),
    ],
    responses=_TAKEN_OFF,
)
list_dnc_of_path = swagger_auto_schema(
    operation_id="dnc_list_of_path",
    operation_summary="The same list, by a path",
    operation_description=_IN_A_PATH,
    manual_parameters=[*NEWEST_FIRST, *AS_CSV],
    produces=JSON_OR_CSV,
    responses=_ENTRIES,
)
delete_dnc_of_path = swagger_auto_schema(
    operation_id="dnc_delete_of_path",
    operation_summary="Take a number off the list, by a path",
    operation_description=f"{_IN_A_PATH} The number is what follows the last slash.",
    responses=_TAKEN_OFF,
)
undocumented = swagger_auto_schema(auto_schema=None)
