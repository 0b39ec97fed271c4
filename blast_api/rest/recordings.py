"""The requests of applications about what is heard: uploaded, spoken or recorded by phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from itertools import chain
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO

from django.http import FileResponse, Http404, HttpResponse, StreamingHttpResponse
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from blast_api.audio.intake import telephone_sound
from blast_api.audio.sound import Sound
from blast_api.conf import configuration
from blast_api.db.clock import database_now
from blast_api.domain.errors import SoundTooLarge, UnusableSound
from blast_api.models import Recording, RecordingQuerySet
from blast_api.services import recordings, uploads

from . import recording_docs as docs
from .lists import Listed, answer
from .pages import LARGEST_ID, NEWEST_FIRST, page
from .parsers import BoundedJSONParser, TooLarge, UploadParser, refuse_unmeasured
from .recording_serializers import NewRecordingSerializer, RecordingSerializer
from .speaking import spoken
from .tables import ListViewSet, csv_asked
from .views import application_of, required

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_PIECE = 64 * 1024  # bytes


class RecordingViewSet(ListViewSet):
    """Recordings of the requesting application."""

    lookup_value_converter = "int"
    parser_classes = (BoundedJSONParser, UploadParser)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """A player accepts sound, and our errors are JSON all the same."""
        return super().perform_content_negotiation(request, force=force or self.action == "audio")

    @docs.list_recordings
    def list(self, request: Request) -> Listed:
        userdata = required(request, "userdata")
        asked = page(
            request, _usable(request).filter(userdata=userdata), NEWEST_FIRST, path=request.path, userdata=userdata
        )
        rows = chain.from_iterable(asked.chunks())
        file = csv_asked(request, "recordings")
        return answer(application_of(request), rows, RecordingSerializer(), asked.headers, file)

    @docs.create_recording
    def create(self, request: Request) -> Response:
        refuse_unmeasured(request)
        serializer = NewRecordingSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given = serializer.validated_data
        about = (application_of(request), given["userdata"])
        title = given.get("title") or ""
        if file := given.get("file"):
            recording = uploads.upload(*about, _sound_of(file), title=title)
        else:
            recording = spoken(*about, (given["text"], given.get("voice") or ""), title=title, lasting=True)
        return Response(RecordingSerializer(recording).data, status=HTTPStatus.CREATED)

    @docs.retrieve_recording
    def retrieve(self, request: Request, pk: int) -> Response:
        return Response(RecordingSerializer(_recording(request, pk)).data)

    @docs.delete_recording
    def destroy(self, request: Request, pk: int) -> Response:
        if not recordings.discard(application_of(request), pk, now=database_now()):
            raise Http404
        return Response(status=HTTPStatus.NO_CONTENT)

    @docs.hear_recording
    def audio(self, request: Request, pk: int) -> HttpResponse | StreamingHttpResponse:
        recording = _recording(request, pk)
        if not recording.file_sid:
            raise NotFound("The carrier says its text: there is no sound of it.")
        file = TemporaryFile()  # noqa: SIM115  # the answer closes it
        try:
            uploads.download(recording, file)
            return _part(file, request.headers.get("Range", ""))
        except BaseException:
            file.close()
            raise


def _usable(request: Request) -> RecordingQuerySet:
    return Recording.objects.usable().filter(application=application_of(request))


def _recording(request: Request, pk: int) -> Recording:
    recording = _usable(request).filter(pk=pk).first() if pk <= LARGEST_ID else None
    if recording is None:
        raise Http404
    return recording


def _sound_of(file: BinaryIO) -> Sound:
    config = configuration()
    try:
        return telephone_sound(file, longest_s=config.max_recording_seconds, largest_bytes=config.max_upload_bytes)
    except SoundTooLarge:
        raise TooLarge from None
    except UnusableSound as refusal:
        raise ValidationError({"file": [refusal.reason]}) from None


def _part(file: IO[bytes], asked: str) -> HttpResponse | StreamingHttpResponse:
    """The file, or the one range that is asked for; several at once, and other units, are answered by the whole."""
    size = file.seek(0, 2)
    bounds = _bounds(asked, size)
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "private"}
    if bounds is None:
        file.seek(0)
        return FileResponse(file, content_type="audio/wav", headers=headers)
    first, last = bounds
    if first >= size or first > last:
        file.close()
        told = {"Content-Range": f"bytes */{size}", **headers}
        return Response(
            {"detail": f"The sound has {size} bytes.", "code": "range"},
            status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            headers=told,
        )
    last = min(last, size - 1)
    file.seek(first)
    told = {"Content-Range": f"bytes {first}-{last}/{size}", "Content-Length": str(last - first + 1), **headers}
    part = StreamingHttpResponse(
        _pieces(file, last - first + 1),
        content_type="audio/wav",
        headers=told,
        status=HTTPStatus.PARTIAL_CONTENT,
    )
    return part


def _bounds(asked: str, size: int) -> tuple[int, int] | None:
    """The first and the last byte that a header names; the first may be past the end. None: the whole."""
    found = _RANGE.fullmatch(asked.replace(" ", ""))
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:  # so many at the end
        return (max(size - int(last), 0), size - 1) if int(last) else (size, size)
    if last and int(last) < int(first):
        return None  # RFC 9110, 14.1.1: it is no range at all
    return int(first), int(last) if last else max(size - 1, int(first))


def _pieces(file: IO[bytes], left: int) -> Iterator[bytes]:
    with file:
        while left and (piece := file.read(min(left, _PIECE))):
            left -= len(piece)
            yield piece
