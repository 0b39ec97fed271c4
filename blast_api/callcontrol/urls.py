"""The addresses that `carrierx.addresses` makes."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from . import views


def _step(kind: str, step: str, view: type[View]) -> URLPattern:
    return path(f"{kind}/<int:row>/<int:serial>/<str:token>/{step}", csrf_exempt(view.as_view()), name=f"{kind}-{step}")


urlpatterns = [
    _step("calls", "answered", views.CallAnswered),
    _step("calls", "detected", views.CallDetected),
    _step("calls", "key", views.CallKey),
    _step("calls", "status", views.CallStatus),
    _step("recordings", "answered", views.AuthorAnswered),
    _step("recordings", "welcome", views.AuthorAtWelcome),
    _step("recordings", "recorded", views.AuthorRecorded),
    _step("recordings", "not-recorded", views.AuthorNotRecorded),
    _step("recordings", "nothing-recorded", views.NothingRecorded),
    _step("recordings", "verification", views.AuthorAtVerification),
    _step("recordings", "status", views.RecordingStatus),
    re_path("", csrf_exempt(views.NoAddress.as_view())),
]
