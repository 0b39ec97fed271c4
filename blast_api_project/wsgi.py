from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.http.response import HttpResponseBase

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "blast_api_project.settings.prod")

_django = get_wsgi_application()
_BOUNDARY = re.compile(r"boundary=(\"[^\"\s;]{1,70}\"|[^\"\s;]{1,70})(?=\s*(;|$))", re.IGNORECASE)  # RFC 2046, 5.1.1


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> HttpResponseBase:
    """The service; of what a request says beside its type, it is told the boundary of a form alone, and no charset.

    Django would read the query by that charset, before any handler of errors stands: some raise (`rot13`), and others
    read another query than was sent. What we take is UTF-8 alone.
    """
    kind, _, parameters = environ.get("CONTENT_TYPE", "").partition(";")
    boundary = _BOUNDARY.search(parameters)  # of an upload
    environ["CONTENT_TYPE"] = f"{kind}; boundary={boundary[1]}" if boundary else kind
    return _django(environ, start_response)
