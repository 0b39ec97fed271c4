from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.http.response import HttpResponseBase

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "blast_api_project.settings.prod")

_django = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> HttpResponseBase:
    """The service; a charset that a request names is not told to it.

    Django would read the query by that charset, before any handler of errors stands: some raise (`rot13`), and others
    read another query than was sent. What we take is UTF-8 alone.
    """
    environ["CONTENT_TYPE"] = environ.get("CONTENT_TYPE", "").partition(";")[0]
    return _django(environ, start_response)
