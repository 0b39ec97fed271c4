"""How often an application may ask, how many long lists it may read at once, and how often an address be wrong about its token.

DRF counts requests in Django's cache, which is the memory of each process (`CACHES` in the settings).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from threading import Lock
from typing import TYPE_CHECKING, ClassVar

from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from blast_api.conf import configuration
from blast_api.models import Application

if TYPE_CHECKING:  # DRF's views import this module
    from rest_framework.views import APIView

_TRUST_S = 86400.0
_AGAIN_S = 1.0


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


class LongList(Iterator[bytes]):
    """A long list on its way to an application that may read slowly: each holds a thread until it is closed.

    Raises Throttled if as many as one application may have are on their way from this process.
    """

    _open: ClassVar[Counter[int]] = Counter()  # by application
    _lock: ClassVar[Lock] = Lock()

    def __init__(self, application: Application, pieces: Iterator[bytes]) -> None:
        self._application, self._pieces = application.pk, pieces
        self._is_open = True
        with self._lock:
            if self._open[self._application] >= configuration().max_long_lists:
                raise Throttled(_AGAIN_S)
            self._open[self._application] += 1

    def __next__(self) -> bytes:
        return next(self._pieces)

    def close(self) -> None:
        """It is sent, or nobody reads it any more; whoever serves it says so, once or more."""
        with self._lock:
            self._open[self._application] -= self._is_open
            self._is_open = False


class WrongTokenThrottle(SimpleRateThrottle):
    """Wrong tokens by address: one that sent too many of them is refused before its next token is looked up.

    Not so a token that was right from there within a day, so that nobody is locked out by a neighbour who guesses.
    Of each request: `refuse_guesser`, then `note` what the token was.
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

    def note(self, *, right: bool) -> None:
        """What the token was that `refuse_guesser` let pass."""
        if right:
            self.cache.set(self._trust, True, _TRUST_S)
        else:
            self.cache.delete(self._trust)
            if self._has_room:
                super().throttle_success()
