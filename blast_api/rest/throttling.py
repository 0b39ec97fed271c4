"""How often an application may ask, and an address be wrong about its token.

DRF counts in Django's cache, which is the memory of each process (`CACHES` in the settings).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from blast_api.conf import configuration
from blast_api.models import Application

if TYPE_CHECKING:  # DRF's views import this module
    from rest_framework.views import APIView

_TRUST_S = 86400.0


class ApplicationThrottle(SimpleRateThrottle):
    """So many requests a minute for each application with a token; the one of development has none."""

    scope = "application"

    def get_rate(self) -> str:
        return f"{configuration().max_requests_per_minute}/minute"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        application = request.user
        if not isinstance(application, Application) or application.token_digest is None:
            return None
        return self.cache_format % {"scope": self.scope, "ident": application.pk}


class WrongTokenThrottle(SimpleRateThrottle):
    """Wrong tokens by address: one that sent too many of them is refused before its next token is looked up.

    Not so a token that was right from there within a day, so that nobody is locked out by a neighbour who guesses.
    Of each request: `refuse_guesser`, then `told` what the token was.
    """

    scope = "wrong-token"

    def get_rate(self) -> str:
        return f"{configuration().max_wrong_tokens_per_minute}/minute"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        address = hashlib.sha256(str(self.get_ident(request)).encode()).hexdigest()  # a header may say anything
        return self.cache_format % {"scope": self.scope, "ident": address}

    def throttle_success(self) -> bool:
        return True  # counted when the token has turned out wrong

    def refuse_guesser(self, request: Request, token_digest: str) -> None:
        """Raises Throttled."""
        self._has_room = self.allow_request(request, request.parser_context["view"])
        self._trust = f"{self.key}_{token_digest}"
        if not self._has_room and not self.cache.get(self._trust):
            raise Throttled(self.wait())

    def told(self, *, right: bool) -> None:
        """What the token was that `refuse_guesser` let pass."""
        if right:
            self.cache.set(self._trust, True, _TRUST_S)
        else:
            self.cache.delete(self._trust)
            if self._has_room:
                super().throttle_success()
