"""The requests of applications about whom their users, or one of them, must never call."""

from __future__ import annotations

from dataclasses import asdict
from itertools import chain

from django.http import Http404, HttpResponse
from django.urls import reverse
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_204_NO_CONTENT

from blast_api.conf import configuration
from blast_api.domain import numbers
from blast_api.services import dnc
from blast_api.services.dnc import DoNotCallList

from . import do_not_call_docs as docs
from .do_not_call_serializers import DoNotCallSerializer, NewNumbersSerializer, NumbersListedSerializer
from .lists import Listed, answer
from .pages import NEWEST_FIRST, page
from .parsers import BoundedJSONParser, UploadParser, refuse_unmeasured
from .tables import ListViewSet, csv_asked
from .views import application_of, optional, phone, required, storable

_USER = ("userdata", "userdata64")
_PARAMETERS = {*_USER, "number", "number64", "limit", "offset", "before", "after", "format", "zone"}
_LONGEST_NAME = 255  # characters, as the column has them


class DoNotCallViewSet(ListViewSet):
    """A user's list, named in the query, or in the path as far as a path can carry it; unnamed, that of all users."""

    parser_classes = (BoundedJSONParser, UploadParser)

    @docs.list_dnc
    def list(self, request: Request) -> Listed:
        return _entries(request, _user(request))

    @docs.add_dnc
    def create(self, request: Request) -> Response:
        refuse_unmeasured(request)
        userdata = _user(request)
        if len(userdata) > _LONGEST_NAME:
            raise ValidationError({"userdata": [f"Expected {_LONGEST_NAME} characters at most."]})
        serializer = NewNumbersSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        named = serializer.validated_data["numbers"]
        put = dnc.put(DoNotCallList(application_of(request).pk, userdata), named.numbers, by=named.by)
        told = {**asdict(put), **({"list": named.listed} if named.listed else {})}
        return Response(NumbersListedSerializer(told).data)

    @docs.delete_dnc
    def destroy(self, request: Request) -> HttpResponse:
        return _taken_off(request, _user(request), phone(request, "number"))

    @docs.list_dnc_of_path
    def list_of_path(self, request: Request, userdata: str) -> Listed:
        return _entries(request, storable("userdata", userdata))

    @docs.undocumented
    def list_of_longer_path(self, request: Request, userdata: str, number: str) -> Listed:
        """The list of a user whose name has a slash in it."""
        return _entries(request, storable("userdata", f"{userdata}/{number}"))

    @docs.delete_dnc_of_path
    def destroy_of_path(self, request: Request, userdata: str, number: str) -> HttpResponse:
        userdata = storable("userdata", userdata)
        try:
            digits = numbers.normalise(number, region=configuration().default_region)
        except ValueError:
            raise Http404 from None
        return _taken_off(request, userdata, digits)


def _user(request: Request) -> str:
    """Whose list the query names; empty if it names nobody, which is the list of all users. Raises ValidationError.

    A user who is named and empty, or named by a misspelt parameter, is none: a request that means one user must not change
    the list of all.
    """
    if any(name in request.query_params for name in _USER):
        return required(request, "userdata")
    if strangers := sorted(set(request.query_params) - _PARAMETERS):
        raise ValidationError({name[:80]: ["There is no such query parameter."] for name in strangers})
    return optional(request, "userdata")


def _entries(request: Request, userdata: str) -> Listed:
    """Links lead by the query, which can say every name."""
    entries = dnc.entries(application_of(request), userdata)
    called = {"userdata": userdata} if userdata else {}
    asked = page(request, entries, NEWEST_FIRST, path=reverse("dnc"), **called)
    rows, file = chain.from_iterable(asked.chunks()), csv_asked(request, "dnc")
    return answer(application_of(request), rows, DoNotCallSerializer(), asked.headers, file)


def _taken_off(request: Request, userdata: str, digits: str) -> HttpResponse:
    if not dnc.remove(DoNotCallList(application_of(request).pk, userdata), [digits]):
        raise Http404
    return Response(status=HTTP_204_NO_CONTENT)
