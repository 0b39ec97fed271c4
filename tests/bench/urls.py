"""The service's addresses, and the floor that its callbacks are compared with."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from blast_api_project import urls as project


@csrf_exempt
def empty(request: HttpRequest) -> HttpResponse:
    """What Django itself costs."""
    return HttpResponse()


urlpatterns = [path("empty", empty), *project.urlpatterns]
