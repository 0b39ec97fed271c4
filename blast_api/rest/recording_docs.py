"""The interactive documentation of recordings."""

from __future__ import annotations

from drf_yasg import openapi
from drf_yasg.utils import swagger_auto_schema

from .documenting import (
    AS_CSV,
    COMMON,
    INVALID,
    JSON_OR_CSV,
    NEWEST_FIRST,
    NO_BODY,
    NO_TOKEN,
    NOT_FOUND,
    RETRY_AFTER,
    TOO_LARGE,
    TOO_MANY,
    UNSTORED,
    answer,
    error,
    listed,
    query,
)
from .recording_serializers import NewRecordingSerializer, RecordingSerializer

_RECORDING = {
    "id": 1,
    "created": "2030-01-31T12:00:00Z",
    "title": "Snow day",
    "userdata": "school-7",
    "source": "upload",
    "length": 8,
    "estimated": False,
    "text": None,
    "url": "https://storage.carrierx.com/f/0a0a.wav",
}
_SOUND = openapi.Schema(type=openapi.TYPE_FILE)
_ACCEPT_RANGES = {"Accept-Ranges": {"type": "string", "description": "`bytes`."}}
_PART = {**_ACCEPT_RANGES, "Content-Range": {"type": "string", "description": "Which bytes of how many."}}

list_recordings = swagger_auto_schema(
    operation_summary="A user's recordings, newest first",
    manual_parameters=[query("userdata", openapi.TYPE_STRING, "The user.", required=True), *NEWEST_FIRST, *AS_CSV],
    produces=JSON_OR_CSV,
    responses={
        "200": listed(RecordingSerializer(many=True), "The recordings.", _RECORDING),
        "400": INVALID,
        **COMMON,
    },
)
create_recording = swagger_auto_schema(
    operation_summary="Upload a recording, or have a text spoken",
    operation_description="A file comes as multipart/form-data, with its `userdata` and perhaps a `title`: WAV, MP3, OGG "
    "(Vorbis, Opus), FLAC or M4A. It is made into sound for the telephone, at even loudness, and stored for good. A text "
    "comes as JSON.",
    consumes=["multipart/form-data", "application/json"],
    request_body=NewRecordingSerializer,
    responses={
        "201": answer("The recording.", RecordingSerializer, _RECORDING),
        "400": INVALID,
        "413": TOO_LARGE,
        "415": NO_BODY,
        **UNSTORED,
        **COMMON,
    },
)
retrieve_recording = swagger_auto_schema(
    operation_summary="One recording",
    responses={"200": answer("The recording.", RecordingSerializer, _RECORDING), "404": NOT_FOUND, **COMMON},
)
delete_recording = swagger_auto_schema(
    operation_summary="Delete a recording",
    operation_description="Shouts that are over keep what is told of them. Its file vanishes from the carrier soon after.",
    responses={
        "204": answer("Nobody sees it any more."),
        "404": NOT_FOUND,
        "409": error("A shout that is not over plays it.", "Shout 1 plays it, and is not over.", "in-use"),
        **COMMON,
    },
)
hear_recording = swagger_auto_schema(
    operation_summary="Its sound",
    operation_description="A WAV, for players: whole, or the one range of bytes that the header `Range` names.",
    manual_parameters=[
        openapi.Parameter(
            "Range", openapi.IN_HEADER, "One range, as `bytes=0-65535`.", type=openapi.TYPE_STRING, required=False
        )
    ],
    produces=["audio/wav", "application/json"],
    responses={
        "200": openapi.Response("The sound.", _SOUND, headers=_ACCEPT_RANGES),
        "206": openapi.Response(
            "The range that was asked for.",
            _SOUND,
            headers=_PART,
        ),
        "401": NO_TOKEN,
        "404": NOT_FOUND,
        "416": error("The range begins past its end.", "The sound has 64044 bytes.", "range", _PART),
        "429": TOO_MANY,
        "503": error(
            "The carrier does not hand it out; Retry-After says for how many seconds to wait.",
            "The carrier does not hand it out just now.",
            "sound-away",
            RETRY_AFTER,
        ),
    },
)
