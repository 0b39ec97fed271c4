"""A shout as a form: `shout`, which is the JSON of one without its recipients, and `recipients`, a list as a file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO, cast

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.request import Request

from blast_api.conf import configuration
from blast_api.domain.errors import UnusableList
from blast_api.lists.reader import ListRead, read

from .parsers import TooLarge, json_of

_PARTS = ("shout", "recipients")


class ListFile:
    """A list of recipients that came as a file; it is read once."""

    def __init__(self, file: UploadedFile[Any]) -> None:
        if (file.size or 0) > configuration().max_upload_bytes:
            raise TooLarge
        self._file = file

    @cached_property
    def read(self) -> ListRead:
        """What it says. Raises UnusableList."""
        config = configuration()
        return read(cast(BinaryIO, self._file.file), region=config.default_region, most=config.max_recipients)

    @property
    def described(self) -> dict[str, object] | None:
        """How it was read; None if it cannot be any more, because the operator has changed what is taken."""
        try:
            return self.read.described()
        except UnusableList:
            return None

    @property
    def digest(self) -> str:
        """Of its bytes."""
        self._file.seek(0)
        whole = hashlib.sha256()
        for chunk in self._file.chunks():
            whole.update(chunk)
        return whole.hexdigest()


@dataclass(frozen=True, slots=True)
class GivenShout:
    """What a request says of a new shout: `body` as in JSON, but that its recipients may be a file."""

    body: Any
    file: ListFile | None

    @property
    def digest(self) -> str:
        """Of all that is said, the same for the same request."""
        if self.file is None:
            said = json.dumps(self.body, sort_keys=True)
        else:
            said = json.dumps({**self.body, "recipients": None}, sort_keys=True) + self.file.digest
        return hashlib.sha256(said.encode()).hexdigest()


def given_shout(request: Request) -> GivenShout:
    """The shout of a request, which is JSON or a form. Raises ParseError, ValidationError or TooLarge."""
    form = request.data
    if not isinstance(form, QueryDict):
        return GivenShout(form, None)
    faults = {name: ["There is no such part."] for name in form if name not in _PARTS}
    faults |= {name: ["This part is required."] for name in _PARTS if name not in form}
    if faults:
        raise ValidationError(faults)
    body, file = _body(cast("UploadedFile[Any] | str", form["shout"])), form["recipients"]
    if not isinstance(file, UploadedFile):
        raise ValidationError({"recipients": ["Expected a file: CSV or XLSX."]})
    listed = ListFile(file)
    return GivenShout({**body, "recipients": listed}, listed)


def _body(part: UploadedFile[Any] | str) -> dict[str, Any]:
    """The JSON of the part `shout`, with or without a file's name."""
    written = part.read() if isinstance(part, UploadedFile) else part.encode(errors="replace")
    if len(written) > configuration().max_body_bytes:
        raise TooLarge
    try:
        body = json_of(written)
    except ParseError as error:
        raise ValidationError({"shout": [str(error.detail)]}) from None
    if not isinstance(body, dict):
        raise ValidationError({"shout": ["Expected an object."]})
    if "recipients" in body:
        raise ValidationError({"shout.recipients": ["The recipients are in the part of this name."]})
    return body
