"""A list that somebody pastes or brings as a file: read in one way, and its faults in words, wherever a form takes one."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from blast_api.conf import configuration
from blast_api.domain.errors import UnusableList
from blast_api.lists.reader import ListRead, read

_SHOWN = 20  # faults


def listed(file: UploadedFile[Any] | None, pasted: str) -> ListRead:
    """What the one or the other says. Raises UnusableList, also for both and for neither."""
    if bool(file) == bool(pasted.strip()):
        raise UnusableList(_("Paste numbers, or choose a file."))
    config = configuration()
    written = cast(BinaryIO, file.file) if file else io.BytesIO(pasted.strip().encode())
    return read(written, region=config.default_region, most=config.max_recipients)


def faults(of: ListRead) -> Iterator[str]:
    """A sentence for each line that names nobody; after many, how many more there are."""
    shown = of.faults[:_SHOWN]
    for line, words in shown:
        yield _("Line %(line)s: %(words)s") % {"line": line, "words": words}
    if more := of.faulty - len(shown):
        yield ngettext("%(more)s more line like this.", "%(more)s more lines like this.", more) % {"more": more}
