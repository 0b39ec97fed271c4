"""In and out."""

from __future__ import annotations

from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth import authenticate, login, logout
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from blast_api.models import Person

from .access import viewer_of
from .page import OpenPage

_LONGEST = 200  # characters of a name or a password


class SignIn(OpenPage):
    """A name and a password; after ten wrong ones from one address, a quarter of an hour of rest for both."""

    template = "dashboard/sign_in.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        if viewer_of(request):
            return redirect(_back(request.GET.get("next", "")))
        return self.show({"next": request.GET.get("next", "")})

    def post(self, request: HttpRequest) -> HttpResponse:
        # No database has a row with a null character; as another one it is nobody's either.
        name = request.POST.get("username", "")[:_LONGEST].replace("\0", "\ufffd")
        password = request.POST.get("password", "")[:_LONGEST]
        back = request.POST.get("next", "")
        credentials = {"username": name}
        person = None
        if AxesProxyHandler.is_allowed(request, credentials):
            person = authenticate(request, username=name, password=password)
        if isinstance(person, Person):
            login(request, person)
            return redirect(_back(back))
        if AxesProxyHandler.is_allowed(request, credentials):
            words, status = _("That is not the name and password of anybody here."), 403
        else:
            words, status = _("Too many wrong passwords. Wait a quarter of an hour, then try again."), 429
        return self.show({"words": words, "name": name, "next": back}, status=status)


class SignOut(OpenPage):
    """Out, from this browser."""

    http_method_names = ("post",)

    def post(self, request: HttpRequest) -> HttpResponse:
        logout(request)
        return redirect("sign-in")


def _back(path: str) -> str:
    """Where somebody wanted to go, if that is here."""
    return path if url_has_allowed_host_and_scheme(path, allowed_hosts=None) and path.startswith("/") else "/"


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that does not come from a page of ours, or from one that was open for too long."""
    return HttpResponse(
        "This page was open for too long. Go back, reload it, and try again.\n", status=403, content_type="text/plain"
    )
