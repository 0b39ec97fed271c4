"""Errors as answers: 400 names each field; all others are `{"detail", "code"}`."""

from __future__ import annotations

from http import HTTPStatus

from django.core.exceptions import SuspiciousOperation
from django.core.signals import got_request_exception
from django.utils.log import log_response
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler

from blast_api.domain.errors import (
    AlreadyEnded,
    BlastError,
    InvalidField,
    KeyReused,
    NotRecorded,
    NotStored,
    RecordingInUse,
    SoundAway,
    StorageFull,
    TooManyAuditions,
    TooManyWaiting,
    WebhookDisabled,
)

_STATUSES: dict[type[BlastError], int] = {
    AlreadyEnded: status.HTTP_409_CONFLICT,
    NotRecorded: status.HTTP_409_CONFLICT,
    TooManyAuditions: status.HTTP_409_CONFLICT,
    KeyReused: status.HTTP_422_UNPROCESSABLE_ENTITY,
    TooManyWaiting: status.HTTP_429_TOO_MANY_REQUESTS,
    RecordingInUse: status.HTTP_409_CONFLICT,
    WebhookDisabled: status.HTTP_409_CONFLICT,
    NotStored: status.HTTP_503_SERVICE_UNAVAILABLE,
    SoundAway: status.HTTP_503_SERVICE_UNAVAILABLE,
    StorageFull: status.HTTP_507_INSUFFICIENT_STORAGE,
}


def handle(error: Exception, context: dict[str, object]) -> Response:
    """DRF's exception handler, with our own family of errors and one shape for all but field errors."""
    if isinstance(error, SuspiciousOperation):  # Django's word for what no client of good will sends
        error = ParseError("The request cannot be read.")
    elif isinstance(error, InvalidField):
        error = ValidationError({error.field: [str(error)]})
    if isinstance(error, BlastError) and type(error) in _STATUSES:
        again_s = getattr(error, "retry_after_s", None)
        headers = {"Retry-After": str(again_s)} if again_s else None
        return Response({"detail": str(error), "code": error.code}, status=_STATUSES[type(error)], headers=headers)
    response = exception_handler(error, context)
    if response is None:
        return _failed(error, context["request"])
    if "detail" in response.data and len(response.data) == 1:
        code = error.get_codes() if isinstance(error, APIException) else "not_found"
        response.data["code"] = code if isinstance(code, str) else "invalid"
    return response


def _failed(error: Exception, request: object) -> Response:
    """An error of our own: logged as Django does, and answered here, because Django would answer with HTML.

    In development that would be the whole traceback, with settings and local variables.
    """
    assert isinstance(request, Request)
    response = Response({"detail": "Internal error.", "code": "error"}, status=HTTPStatus.INTERNAL_SERVER_ERROR)
    got_request_exception.send(sender=None, request=request._request)
    log_response(
        "%s: %s",
        response.reason_phrase,
        request.path,
        response=response,
        request=request._request,
        exception=error,
    )
    return response
