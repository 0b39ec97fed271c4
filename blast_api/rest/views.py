"""The requests of applications: check the shape, call one service, answer."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from itertools import chain
from urllib.parse import unquote

from django.db.models import F
from django.db.models.lookups import Exact
from django.http import Http404, HttpRequest, JsonResponse
from django.utils import timezone
from rest_framework.decorators import action
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from blast_api.db.clock import database_now
from blast_api.dispatch import nudge
from blast_api.domain.states import CallStatus
from blast_api.models import Application, Call, CallQuerySet, Message, MessageQuerySet
from blast_api.services import auditions, creation, history, pauses, preflight, shouts, uploads, waiting

from . import docs, foretelling, lists
from .fields import NumberField
from .forms import given_shout
from .lists import Listed, answer
from .pages import BY_POSITION, LARGEST_ID, NEWEST_FIRST, Page, named, page
from .parsers import BoundedJSONParser, UploadParser, refuse_unmeasured
from .serializers import (
    CallDetailSerializer,
    CallSerializer,
    NewAuditionSerializer,
    NewShoutSerializer,
    ShoutSerializer,
)
from .speaking import spoken
from .tables import ListViewSet, csv_asked

_NO_RECIPIENTS = "none"
_LONGEST_ID = 100  # digits, zeros in front among them
_LONGEST_KEY = 255  # characters, as the column has them


class ShoutViewSet(ListViewSet):
    """Shouts of the requesting application."""

    lookup_value_converter = "int"
    parser_classes = (BoundedJSONParser, UploadParser)

    @docs.list_shouts
    def list(self, request: Request) -> Listed:
        userdata = required(request, "userdata")
        messages = _messages(request).filter(userdata=userdata).select_related("author_call", "recording", "voicemail")
        asked = page(request, messages, NEWEST_FIRST, path=request.path, userdata=userdata)
        rows, file = lists.shouts(asked.chunks()), csv_asked(request, "shouts")
        return answer(application_of(request), rows, ShoutSerializer(), asked.headers, file)

    @docs.create_shout
    def create(self, request: Request) -> Response:
        refuse_unmeasured(request)
        key = _idempotency_key(request)
        given = given_shout(request)
        digest = given.digest if key else ""
        message = creation.replayed(application_of(request), key, digest, now=timezone.now())
        created = False
        if message is None:
            serializer = NewShoutSerializer(data=given.body, context={"application": application_of(request)})
            serializer.is_valid(raise_exception=True)
            new = serializer.to_new_shout(idempotency_key=key, request_digest=digest)
            if serializer.to_speak:
                about = (application_of(request), new.userdata, serializer.to_speak)
                new = replace(new, spoken=spoken(*about, title=new.title, lasting=False))
            message, created = creation.create(application_of(request), new, now=timezone.now())
        if created:
            nudge.ring_author(message.pk)
        headers = {} if created else {"Idempotent-Replayed": "true"}
        of_file = {"list": given.file.described} if given.file else {}
        return Response(_shout(message.pk) | of_file, status=HTTPStatus.CREATED, headers=headers)

    @docs.preflight_shout
    @action(detail=False, methods=["post"], name="Shout List")
    def preflight(self, request: Request) -> Listed:
        refuse_unmeasured(request)
        which = named(request, "recipients")
        if which not in ("", _NO_RECIPIENTS):
            raise ValidationError({"recipients": [f"Expected {_NO_RECIPIENTS}, or no such parameter."]})
        given = given_shout(request)
        serializer = NewShoutSerializer(data=given.body, context={"application": application_of(request)})
        serializer.is_valid(raise_exception=True)
        new = serializer.to_new_shout(idempotency_key=None, request_digest="")
        if serializer.to_speak:
            new = replace(new, spoken=uploads.estimated(*serializer.to_speak))
        foretold = preflight.preflight(application_of(request), new, now=database_now())
        listed = given.file.described if given.file else None
        return foretelling.answer(application_of(request), foretold, each=which != _NO_RECIPIENTS, listed=listed)

    @docs.retrieve_shout
    def retrieve(self, request: Request, pk: int) -> Response:
        return Response(_shout(_message(request, pk).pk))

    @docs.cancel_shout
    @action(detail=True, methods=["delete"], name="Shout")  # as OPTIONS names the others
    def cancel(self, request: Request, pk: int) -> Response:
        message = _message(request, pk)
        shouts.cancel(message, now=timezone.now())
        nudge.withdraw(message.pk)
        return Response(_shout(message.pk))

    @docs.pause_shout
    @action(detail=True, methods=["post"], name="Shout")
    def pause(self, request: Request, pk: int) -> Response:
        message = _message(request, pk)
        pauses.pause(message, now=database_now())
        nudge.withdraw(message.pk, for_good=False)
        return Response(_shout(message.pk))

    @docs.resume_shout
    @action(detail=True, methods=["post"], name="Shout")
    def resume(self, request: Request, pk: int) -> Response:
        message = _message(request, pk)
        pauses.resume(message, now=database_now())
        nudge.resume(message.pk)
        return Response(_shout(message.pk))

    @docs.audition_shout
    @action(detail=True, methods=["post"], name="Shout", parser_classes=[BoundedJSONParser])
    def audition(self, request: Request, pk: int) -> Response:
        refuse_unmeasured(request)
        message = _message(request, pk)
        serializer = NewAuditionSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        call = auditions.audition(message, serializer.validated_data["to"], now=database_now())
        (told,) = history.with_reasons([_calls(request).get(pk=call.pk)])
        return Response(CallSerializer(told).data, status=HTTPStatus.ACCEPTED)


class CallViewSet(ListViewSet):
    """Calls of one shout, or to one phone."""

    lookup_value_converter = "int"

    @docs.list_calls
    def list(self, request: Request) -> Listed:
        query = request.query_params
        if "phone" in query and "shout-id" in query:
            raise ValidationError({"phone": ["Not together with shout-id: that names the calls of one shout."]})
        asked, name = self._to_phone(request) if "phone" in query else self._of_shout(request)
        calls = chain.from_iterable(map(history.with_reasons, asked.chunks()))
        return answer(application_of(request), calls, CallSerializer(), asked.headers, csv_asked(request, name))

    @docs.retrieve_call
    def retrieve(self, request: Request, pk: int) -> Response:
        calls = _calls(request).select_related("message__application")
        call = calls.filter(pk=pk).first() if pk <= LARGEST_ID else None
        if call is None:
            raise Http404
        # Beside its columns: what else is told of it.
        call.placed, call.why = history.of_call(call)  # type: ignore[attr-defined]
        call.waiting = waiting.of_call(call, now=timezone.now())  # type: ignore[attr-defined]
        return Response(CallDetailSerializer(call).data)

    def _of_shout(self, request: Request) -> tuple[Page[Call], str]:
        """A page, and what a file of it is called."""
        message = shout_asked(request)
        calls, status = _with_status(request, _calls(request).filter(message=message))
        asked = page(request, calls, BY_POSITION, path=request.path, **{"shout-id": str(message.pk)}, **status)
        return asked, f"calls-of-shout-{message.pk}"

    def _to_phone(self, request: Request) -> tuple[Page[Call], str]:
        userdata, number = required(request, "userdata"), phone(request, "phone")
        to_phone = _calls(request).proper().filter(number=number, message__userdata=userdata)
        calls, status = _with_status(request, to_phone)
        asked = page(request, calls, NEWEST_FIRST, path=request.path, phone=number, userdata=userdata, **status)
        return asked, f"calls-to-{number}"


def unknown(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    """No request of ours has this path; said in the one shape of errors."""
    return JsonResponse({"detail": "Not found.", "code": "not_found"}, status=HTTPStatus.NOT_FOUND)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    """What Django itself takes for an attack, such as a wrong Host."""
    return JsonResponse({"detail": "Bad request.", "code": "bad_request"}, status=HTTPStatus.BAD_REQUEST)


def server_error(request: HttpRequest) -> JsonResponse:
    """An error of our own, of which nothing is told but that it is one; the log has the rest."""
    return JsonResponse({"detail": "Internal error.", "code": "error"}, status=HTTPStatus.INTERNAL_SERVER_ERROR)


def application_of(request: Request) -> Application:
    """Who asks."""
    application = request.user
    assert isinstance(application, Application)  # the permission of every view
    return application


def _messages(request: Request) -> MessageQuerySet:
    return Message.objects.proper().filter(application=application_of(request))


def _message(request: Request, pk: int) -> Message:
    message = _messages(request).filter(pk=pk).first() if pk <= LARGEST_ID else None
    if message is None:
        raise Http404
    return message


def shout_asked(request: Request) -> Message:
    """The application's shout that the query names. Raises ValidationError, or Http404."""
    written = required(request, "shout-id")
    if not (written.isascii() and written.isdigit()):
        raise ValidationError({"shout-id": ["Expected the id of a shout."]})
    if len(written) > _LONGEST_ID:
        raise Http404
    return _message(request, int(written))


def _calls(request: Request) -> CallQuerySet:
    return lists.calls_of(Call.objects.filter(message__application=application_of(request)))


def _with_status(request: Request, calls: CallQuerySet) -> tuple[CallQuerySet, dict[str, str]]:
    """Those of the status that the query names, and how a link names it."""
    if "status" not in request.query_params:
        return calls, {}
    status = required(request, "status")
    if status not in CallStatus.values:
        raise ValidationError({"status": [f"Expected one of: {', '.join(CallStatus.values)}."]})
    return calls.filter(Exact(F("public_status"), status)), {"status": status}


def phone(request: Request, name: str) -> str:
    """The number that the query gives under this name. Raises ValidationError."""
    written = required(request, name)
    try:
        return NumberField().to_internal_value(written)
    except ValidationError as error:
        raise ValidationError({name: error.detail}) from None


def _shout(pk: int) -> dict[str, object]:
    (shout,) = lists.shouts_of([Message.objects.select_related("author_call", "recording", "voicemail").get(pk=pk)])
    return ShoutSerializer(shout).data


def required(request: Request, name: str) -> str:
    """What the query says under this name. Raises ValidationError, or ParseError."""
    value = optional(request, name)
    if not value:
        raise ValidationError({name: ["This query parameter is required."]})
    return value


def optional(request: Request, name: str) -> str:
    """What the query says under this name; empty if it says nothing. Raises ValidationError, or ParseError."""
    try:
        unquote(request.META.get("QUERY_STRING", ""), errors="strict")
    except UnicodeDecodeError:  # Django would read another name out of it
        raise ParseError("The query is not UTF-8.") from None
    return storable(name, named(request, name))


def storable(name: str, value: str) -> str:
    """What no database refuses. Raises ValidationError."""
    if "\0" in value:
        raise ValidationError({name: ["Null characters are not allowed."]})  # no database has a row with one
    return value


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (0 < len(key) <= _LONGEST_KEY and key.isprintable()):
        raise ValidationError({"Idempotency-Key": [f"Expected 1 to {_LONGEST_KEY} printable characters."]})
    return key
