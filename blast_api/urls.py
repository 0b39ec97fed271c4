from __future__ import annotations

from django.conf import settings
from django.urls import include, path

urlpatterns = [
    path("api/v1/call-control/", include("blast_api.callcontrol.urls")),
    path("api/v1/", include("blast_api.rest.urls")),
    path("", include("blast_api.ops.urls")),
]
if settings.API_DOCS:
    urlpatterns.append(path("", include("blast_api.rest.docs_urls")))
