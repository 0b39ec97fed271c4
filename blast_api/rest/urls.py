from __future__ import annotations

from django.urls import path, re_path

from .views import CallViewSet, DoNotCallViewSet, ShoutViewSet, unknown

urlpatterns = [
    path("shouts", ShoutViewSet.as_view({"get": "list", "post": "create"}), name="shouts"),
    path("shouts/<int:pk>", ShoutViewSet.as_view({"get": "retrieve"}), name="shout"),
    path("shouts/<int:pk>;cancel", ShoutViewSet.as_view({"delete": "cancel"}), name="shout-cancel"),
    path("calls", CallViewSet.as_view({"get": "list"}), name="calls"),
    path("dnc/<str:userdata>", DoNotCallViewSet.as_view({"get": "list"}), name="dnc"),
    path("dnc/<str:userdata>/<str:number>", DoNotCallViewSet.as_view({"delete": "destroy"}), name="dnc-number"),
    re_path("", unknown),
]
