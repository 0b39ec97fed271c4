"""What every page is made of: the middleware that pages need and nothing else has, who may come in, and how it stays alive.

A page has a part that is alive, `live`. The script asks for it again and again, with the ETag of what it has; what is
unchanged costs no rendering, and what was read is kept for all viewers.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar
from zoneinfo import ZoneInfo

from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.cache import caches
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.decorators import decorator_from_middleware, method_decorator
from django.utils.http import quote_etag, urlencode
from django.utils.translation import gettext as _
from django.views import View

from blast_api.db.clock import AWAY
from blast_api.domain import zones
from blast_api.domain.roles import Right

from .access import Viewer, viewer_of

log = logging.getLogger(__name__)

T = TypeVar("T")

# Only what comes from here, and no script or style inside a page. Nobody frames it.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Figures are kept for a second, or for so many times what it took to read them: they cost no more than a hundredth of a
# core, however many look.
_KEPT_S = 1.0
_SHARE = 100
_LONGEST_KEPT_S = 60.0


def kept(key: str, read: Callable[[], T], *, fresh: bool = False) -> T:
    """What `read` answers, or answered to another viewer a moment ago; `fresh`: as it is now."""
    cache = caches["pages"]
    found: T | None = None if fresh else cache.get(key)
    if found is None:
        begun = time.monotonic()
        found = read()
        cost_s = time.monotonic() - begun
        cache.set(key, found, min(max(_KEPT_S, _SHARE * cost_s), _LONGEST_KEPT_S))
    return found


class OpenPage(View):
    """A page for whoever comes."""

    template: ClassVar[str]
    largest_bytes: ClassVar[int] = 64 * 1024  # of a form

    @method_decorator(decorator_from_middleware(SessionMiddleware))
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        zone, language = request.COOKIES.get("zone", ""), translation.get_language_from_request(request)
        with timezone.override(ZoneInfo(zone) if zones.exists(zone) else None), translation.override(language):
            try:
                response = self._too_large(request) or self.enter(request, *args, **kwargs)
            except AWAY:
                log.exception("a page could not be shown", extra={"action": "page_failed", "path": request.path[:200]})
                response = self._excuse(503, _("The database does not answer just now."))
        response["Content-Security-Policy"] = POLICY
        response["Content-Language"] = language
        patch_vary_headers(response, ("HX-Request", "Cookie", "Accept-Language"))
        response["Referrer-Policy"] = "same-origin"
        response["X-Content-Type-Options"] = "nosniff"
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "private, no-cache"
        return response

    def enter(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Let in who may; a form is read no earlier. Raises what a database raises that is away."""
        return self._guarded(request, *args, **kwargs)

    @method_decorator(decorator_from_middleware(CsrfViewMiddleware))
    @method_decorator(decorator_from_middleware(MessageMiddleware))
    def _guarded(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return self.answer(request, *args, **kwargs)
        except Http404:
            return self._excuse(404, _("There is no such page, or it is not yours to see."))
        except PermissionDenied:
            return self._excuse(403, _("Your role does not include this."))

    def answer(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """By the method that bears the request's. Raises Http404 and PermissionDenied."""
        return super().dispatch(request, *args, **kwargs)

    def show(self, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
        """The page with this context."""
        return render(self.request, self.template, self.shared() | context, status=status)

    def shared(self) -> dict[str, Any]:
        """What the frame of every page needs."""
        return {"zone": timezone.get_current_timezone_name()}

    def _too_large(self, request: HttpRequest) -> HttpResponse | None:
        told = request.META.get("CONTENT_LENGTH") or "0"
        if told.isdigit() and int(told) <= self.largest_bytes:
            return None
        return HttpResponse(_("This is larger than the service takes."), status=413, content_type="text/plain")

    def _excuse(self, status: int, words: str) -> HttpResponse:
        context = self.shared() | {"words": words, "status": status}
        return render(self.request, "dashboard/excuse.html", context, status=status)


class GuardedPage(OpenPage):
    """A page for who is in, and has the right."""

    right: ClassVar[Right] = Right.SEE
    viewer: Viewer

    def enter(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        viewer = viewer_of(request)
        if viewer is None:
            return self._to_sign_in(request)
        self.viewer = viewer
        return super().enter(request, *args, **kwargs)

    def answer(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not self.viewer.may(self.right):
            raise PermissionDenied
        return super().answer(request, *args, **kwargs)

    def shared(self) -> dict[str, Any]:
        return super().shared() | {"viewer": getattr(self, "viewer", None)}

    def _to_sign_in(self, request: HttpRequest) -> HttpResponse:
        back = request.get_full_path() if request.method == "GET" and "HX-Request" not in request.headers else "/"
        there = f"{reverse('sign-in')}?{urlencode({'next': back})}"
        if "HX-Request" in request.headers:
            return HttpResponse(status=401, headers={"HX-Redirect": there})
        return redirect(there)


class LivePage(GuardedPage):
    """A page of which a part is alive: `live` is its template, `figures` what it shows."""

    live: ClassVar[str]
    calm_s: ClassVar[int] = 15  # between two looks while nothing moves

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        which = hashlib.sha256(f"{self.viewer.scope} {request.get_full_path()}".encode()).hexdigest()
        is_whole = "HX-Request" not in request.headers  # of somebody who has perhaps just changed it
        figures, moves = kept(f"figures:{which}", lambda: self.figures(*args, **kwargs), fresh=is_whole)
        context = self.shared() | figures | {"poll_s": 2 if moves else self.calm_s}
        if is_whole:
            return self.show(context | self.frame(figures))
        about = (self.live, figures, timezone.get_current_timezone_name(), translation.get_language(), self.viewer.role)
        digest = hashlib.sha256(repr(about).encode()).hexdigest()
        etag = quote_etag(digest)
        headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
        if request.headers.get("If-None-Match") == etag:
            return HttpResponseNotModified(headers=headers)
        shown = kept(f"shown:{digest}", lambda: render_to_string(self.live, context, request))
        return HttpResponse(shown, headers=headers)

    def figures(self, *args: Any, **kwargs: Any) -> tuple[dict[str, Any], bool]:
        """What the live part shows, whose `repr` changes when that does; and whether it may soon be something else."""
        raise NotImplementedError

    def frame(self, figures: dict[str, Any]) -> dict[str, Any]:
        """What else the page shows around it."""
        return {}
