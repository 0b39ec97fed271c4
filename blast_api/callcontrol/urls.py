"""The addresses that `carrierx.addresses` makes."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path
from django.views.decorators.csrf import csrf_exempt

from blast_api.carrierx.addresses import route

from . import views


def _at_its_step(view: type[views.CallbackView]) -> URLPattern:
    kind, step = view.callback.party, view.callback.step
    return path(route(kind, step), csrf_exempt(view.as_view()), name=f"{kind}-{step}")


urlpatterns = [
    _at_its_step(views.CallAnswered),
    _at_its_step(views.CallDetected),
    _at_its_step(views.CallKey),
    _at_its_step(views.CallBridged),
    _at_its_step(views.CallEnded),
    _at_its_step(views.AuthorAnswered),
    _at_its_step(views.AuthorAtWelcome),
    _at_its_step(views.AuthorRecorded),
    _at_its_step(views.AuthorNotRecorded),
    _at_its_step(views.NothingRecorded),
    _at_its_step(views.AuthorAtVerification),
    _at_its_step(views.RecordingEnded),
    re_path("", csrf_exempt(views.NoAddress.as_view())),
]
