"""The client: one service, asked as one application."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

from ._version import __version__
from .calls import Calls
from .dnc import DoNotCallLists
from .recordings import Recordings
from .retrying import Retrying
from .shouts import Shouts
from .transport import Transport
from .webhooks import Webhooks

_LOCAL = "http://127.0.0.1:8000"


class Client:
    """Asks the service at `url` with an application's `token`; without them, as BLAST_URL and BLAST_TOKEN say.

    Threads may share it. `timeout_s` bounds each exchange; `retrying` says how often one is tried.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout_s: float = 30.0,
        retrying: Retrying = Retrying(),  # noqa: B008  # frozen
    ) -> None:
        self._transport = Transport(
            url or os.environ.get("BLAST_URL") or _LOCAL,
            token or os.environ.get("BLAST_TOKEN"),
            timeout_s=timeout_s,
            retrying=retrying,
            agent=f"blast-api-client/{__version__}",
        )
        self.shouts = Shouts(self._transport)
        self.calls = Calls(self._transport)
        self.recordings = Recordings(self._transport)
        self.dnc = DoNotCallLists(self._transport)
        self.webhooks = Webhooks(self._transport)

    def close(self) -> None:
        """Let the connections go."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
