"""The REST face of storage: /core/v2/storage, as documented, and the public address of files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus

from .carrier import Carrier
from .fields import Check, boolean, listing, mapping, nullable, one_of, read_fields, text, whole
from .listing import envelope
from .storage import Container, StoredFile
from .wire import NO_CONTENT, Answer, Refusal, Request, json_answer, parse_object, read_json

_KEYS: Mapping[str, Check] = {
    **{f"string_key_{n}": nullable(text) for n in range(1, 5)},
    **{f"integer_key_{n}": nullable(whole()) for n in range(1, 3)},
    "unique": boolean,
    "name": text,
}
_LIFECYCLE = one_of("no_action", "delete")
_PUBLISH = one_of("file_sid", "file_access_name")
FILE_FIELDS: Mapping[str, Check] = {
    **_KEYS,
    "type": text,
    "publish": _PUBLISH,
    "file_access_name": text,
    "lifecycle_action": _LIFECYCLE,
    "lifecycle_ttl": whole(-1),
    "desired_format": text,
    "desired_bitrate": whole(0),
    "threshold_include": boolean,
}
FILE_READ_ONLY = (
    "file_sid",
    "container_sid",
    "partner_sid",
    "parent_file_sid",
    "mime_type",
    "file_bytes",
    "content_format",
    "content_duration",
    "content_classification",
    "content_transcoding_progress",
    "publish_uri",
    "date_created",
    "date_modified",
    "date_last_accessed",
)
CONTAINER_FIELDS: Mapping[str, Check] = {
    **_KEYS,
    "parent_container_sid": nullable(text),
    "quota_bytes": nullable(whole(0)),
    "quota_files": nullable(whole(0)),
    "allow_publish": boolean,
    "allowed_classifications": listing,
    "blocked_classifications": listing,
    "default_file_publish": _PUBLISH,
    "default_file_lifecycle_action": _LIFECYCLE,
    "default_file_lifecycle_ttl": whole(-1),
    "default_file_unique": boolean,
    "default_file_threshold_include": boolean,
    "external_attributes": mapping,
    "type": text,
    "durability_class": text,
}
CONTAINER_READ_ONLY = (
    "container_sid",
    "partner_sid",
    "total_bytes",
    "total_files",
    "available_bytes_percent",
    "available_files_percent",
    "publish_domain",
)


def answer_storage(carrier: Carrier, request: Request) -> Answer:
    """Answer a request below /core/v2; raises Refusal."""
    match request.path.split("/")[3:]:
        case ["storage", "containers", *rest]:
            return _containers(carrier, request, rest)
        case ["storage", "files", *rest]:
            return _files(carrier, request, rest)
        case _:
            raise Refusal(HTTPStatus.NOT_FOUND)


def answer_public_file(carrier: Carrier, request: Request) -> Answer:
    """Answer a request for the public address of a file, /f/<file_sid>.<ext>; raises Refusal."""
    found = re.fullmatch(r"/f/([0-9a-f-]+)\.(?:wav|mp3|bin)", request.path)
    if found is None:
        raise Refusal(HTTPStatus.NOT_FOUND)
    if request.method not in {"GET", "HEAD"}:
        raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED)
    return _content(carrier.storage.file(found[1]))


def _content(file: StoredFile) -> Answer:
    return Answer(HTTPStatus.OK, file.content, file.mime_type)


def _containers(carrier: Carrier, request: Request, rest: list[str]) -> Answer:
    storage = carrier.storage
    match request.method, rest:
        case "POST", []:
            fields = read_fields(read_json(request), CONTAINER_FIELDS)
            return json_answer(show_container(carrier, storage.set_container(fields)))
        case "GET", []:
            items = [show_container(carrier, container) for container in storage.containers.values()]
            return json_answer(envelope(items, request, base_url=carrier.base_url))
        case "GET", [sid]:
            return json_answer(show_container(carrier, storage.container(sid)))
        case ("PATCH" | "PUT") as method, [sid]:
            storage.container(sid)
            required = CONTAINER_FIELDS if method == "PUT" else ()
            body = read_json(request)
            fields = read_fields(body, CONTAINER_FIELDS, required=list(required), ignored=CONTAINER_READ_ONLY)
            return json_answer(show_container(carrier, storage.set_container(fields, sid=sid)))
        case _, [] | [_]:
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED)
        case _:
            raise Refusal(HTTPStatus.NOT_FOUND)


def _files(carrier: Carrier, request: Request, rest: list[str]) -> Answer:
    storage = carrier.storage
    match request.method, rest:
        case "POST", []:
            fields, content, mime_type = _upload(request)
            container_sid = fields.pop("container_sid", None)
            if not isinstance(container_sid, str):
                raise Refusal(
                    HTTPStatus.UNPROCESSABLE_ENTITY, {"field": "container_sid", "message": "must be a string"}
                )
            file = storage.add_file(container_sid, content, read_fields(fields, FILE_FIELDS), mime_type=mime_type)
            return json_answer(show_file(carrier, file), status=HTTPStatus.CREATED)
        case "GET", []:
            items = [show_file(carrier, file) for file in storage.files.values()]
            return json_answer(envelope(items, request, base_url=carrier.base_url))
        case "GET", [sid]:
            return json_answer(show_file(carrier, storage.file(sid)))
        case "GET", [sid, "data"]:
            return _content(storage.file(sid))
        case ("PATCH" | "PUT") as method, [sid]:
            storage.file(sid)
            required = FILE_FIELDS if method == "PUT" else ()
            fields = read_fields(read_json(request), FILE_FIELDS, required=list(required), ignored=FILE_READ_ONLY)
            return json_answer(show_file(carrier, storage.change_file(sid, fields)))
        case "DELETE", [sid]:
            storage.delete_file(sid)
            return NO_CONTENT
        case _, [] | [_] | [_, "data"]:
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED)
        case _:
            raise Refusal(HTTPStatus.NOT_FOUND)


def _upload(request: Request) -> tuple[dict[str, object], bytes, str]:
    """Return the fields, the content and the media type of an upload, multipart or raw; raises Refusal."""
    if request.content_type == "application/octet-stream":
        fields = {name: _typed(name, raw) for name, raw in request.query.items()}
        return fields, request.body, "audio/x-wav" if request.body.startswith(b"RIFF") else "application/octet-stream"
    if request.content_type != "multipart/form-data":
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, {"message": "send multipart/form-data or the bare content"})
    parts = _parts(request)
    for name in ("file_object", "data"):
        if name not in parts:
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, {"field": name, "message": "is required"})
    content, mime_type = parts["data"]
    return parse_object(parts["file_object"][0]), content, mime_type or "application/octet-stream"


def _typed(name: str, raw: str) -> object:
    """Return a field of a query as what it must be: there, numbers and booleans are texts, too."""
    check = FILE_FIELDS.get(name)
    if check is None or check(raw) is None:
        return raw
    try:
        value: object = json.loads(raw)
    except ValueError:
        return raw
    return value


def _parts(request: Request) -> dict[str, tuple[bytes, str]]:
    """Return the parts of a multipart body by name, each with its media type; raises Refusal 400.

    The standard library's parser is for mail: it mends line ends, which destroys sound.
    """
    boundary = re.search(r'boundary="?([^";]+)"?', request.headers.get("content-type", ""))
    if boundary is None:
        raise Refusal(HTTPStatus.BAD_REQUEST, {"message": "multipart without a boundary"})
    parts: dict[str, tuple[bytes, str]] = {}
    for piece in (b"\r\n" + request.body).split(b"\r\n--" + boundary[1].encode())[1:]:
        if piece.startswith(b"--"):
            return parts
        head, blank, content = piece.partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]*)"', head)
        if not blank or name is None:
            break
        kind = re.search(rb"(?im)^content-type:\s*(\S+)", head)
        parts[name[1].decode("utf-8", "replace")] = (content, kind[1].decode("ascii", "replace") if kind else "")
    raise Refusal(HTTPStatus.BAD_REQUEST, {"message": "multipart that cannot be read"})


def show_container(carrier: Carrier, container: Container) -> dict[str, object]:
    """Return a container as the carrier shows it."""
    total_bytes, total_files = carrier.storage.totals(container.sid)
    return {
        **container.settings,
        "container_sid": container.sid,
        "partner_sid": carrier.partner_sid,
        "total_bytes": total_bytes,
        "total_files": total_files,
        "available_bytes_percent": _available(total_bytes, container.settings["quota_bytes"]),
        "available_files_percent": _available(total_files, container.settings["quota_files"]),
        "publish_domain": carrier.base_url,
    }


def _available(used: int, quota: object) -> float:
    """Return the percentage of a quota that is left; all of it when there is none."""
    if not isinstance(quota, int):
        return 100.0
    return round(max(0.0, 100.0 * (quota - used) / quota), 2) if quota else 0.0


def show_file(carrier: Carrier, file: StoredFile) -> dict[str, object]:
    """Return a file as the carrier shows it."""
    return {
        **file.settings,
        "file_sid": file.sid,
        "container_sid": file.container_sid,
        "partner_sid": carrier.partner_sid,
        "parent_file_sid": None,
        "mime_type": file.mime_type,
        "file_bytes": len(file.content),
        "content_format": file.sound.format if file.sound else None,
        "content_duration": file.seconds,
        "content_classification": "media" if file.sound else "unknown",
        "content_transcoding_progress": None,
        "publish_uri": carrier.storage.publish_uri(file),
        "date_created": carrier.date(file.stored_at),
        "date_modified": carrier.date(file.modified_at),
        "date_last_accessed": None,
    }
