"""The service's addresses, and the floor that its callbacks are compared with."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def empty(request: HttpRequest) -> HttpResponse:
    """What Django itself costs."""
    return HttpResponse()


urlpatterns = [path("empty", empty), path("", include("blast_api_project.urls"))]
