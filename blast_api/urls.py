from __future__ import annotations

from django.conf import settings
from django.urls import include, path, re_path

from .rest.views import unknown

urlpatterns = [
    path("api/v1/call-control/", include("blast_api.callcontrol.urls")),
    path("api/v1/", include("blast_api.rest.urls")),
    re_path(r"^api(?:/[\s\S]*)?$", unknown),  # in development, too, where Django would answer with a page for people
    path("", include("blast_api.probes.urls")),
]
if settings.DASHBOARD:
    urlpatterns.append(path("", include("blast_api.dashboard.urls")))
if settings.API_DOCS:
    urlpatterns.append(path("", include("blast_api.rest.docs_urls")))
