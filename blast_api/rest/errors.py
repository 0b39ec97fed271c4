"""Errors as answers: 400 names each field; all others are `{"detail", "code"}`."""

from __future__ import annotations

from django.core.exceptions import RequestDataTooBig
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

from blast_api.errors import AlreadyEnded, BlastError, InvalidField, KeyReused

_STATUSES: dict[type[BlastError], int] = {
    AlreadyEnded: status.HTTP_409_CONFLICT,
    KeyReused: status.HTTP_422_UNPROCESSABLE_ENTITY,
}


class TooLarge(APIException):
    """The body is over the bound of the settings."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The request's body is too large."
    default_code = "too_large"


def handle(error: Exception, context: dict[str, object]) -> Response | None:
    """DRF's exception handler, with our own family of errors and one shape for all but field errors."""
    if isinstance(error, RequestDataTooBig):
        error = TooLarge()
    elif isinstance(error, RecursionError):  # nothing but a body's own nesting goes so deep
        error = ParseError("The JSON is nested too deep.")
    elif isinstance(error, InvalidField):
        error = ValidationError({error.field: [str(error)]})
    if isinstance(error, BlastError):
        http_status = _STATUSES.get(type(error), status.HTTP_500_INTERNAL_SERVER_ERROR)
        return Response({"detail": str(error), "code": error.code}, status=http_status)
    response = exception_handler(error, context)
    if response is not None and "detail" in response.data and len(response.data) == 1:
        code = error.get_codes() if isinstance(error, APIException) else "not_found"
        response.data["code"] = code if isinstance(code, str) else "invalid"
    return response
