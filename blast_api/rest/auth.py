"""Who makes a request: an application with its token; in development the implied one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from blast_api.models import Application
from blast_api.services import applications

from .throttling import WrongTokenThrottle

if TYPE_CHECKING:  # DRF's views import this module
    from rest_framework.views import APIView


class ApplicationTokenAuthentication(BaseAuthentication):
    """`Authorization: Token <key>`."""

    keyword = "Token"

    def authenticate(self, request: Request) -> tuple[Application, None] | None:
        words = get_authorization_header(request).decode("latin-1").split()
        if not words or words[0].lower() != self.keyword.lower():
            return None if settings.API_TOKEN_REQUIRED else (_implied(), None)
        if len(words) != 2:
            raise AuthenticationFailed("The Authorization header must be: Token <key>.")
        digest, throttle = applications.digest(words[1]), WrongTokenThrottle()
        throttle.refuse_guesser(request, digest)
        application = applications.with_digest(digest)
        throttle.note(right=application is not None)
        if application is None:
            raise AuthenticationFailed("Unknown or revoked token.")
        return application, None

    def authenticate_header(self, request: Request) -> str:
        return self.keyword


def _implied() -> Application:
    found = Application.objects.filter(name=Application.IMPLIED).first()
    return found or Application.objects.get_or_create(name=Application.IMPLIED)[0]


class IsApplication(BasePermission):
    """Every request is some application's."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.user, Application)
