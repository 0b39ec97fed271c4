"""A receiver of webhooks that only counts: `python -m tests.bench.receiver PORT`. GET tells how many came, and how many differ."""

from __future__ import annotations

import asyncio
import json
import sys

_SEEN: set[bytes] = set()
_COUNT = [0]


class Counting(asyncio.Protocol):
    """HTTP as far as our sender speaks it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._left = transport, b""

    def data_received(self, data: bytes) -> None:
        self._left += data
        while b"\r\n\r\n" in self._left:
            head, _, rest = self._left.partition(b"\r\n\r\n")
            if head.startswith(b"GET"):
                told = json.dumps([_COUNT[0], len(_SEEN)]).encode()
                self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(told), told))
                self._left = rest
                continue
            lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
            length = int(lines[b"Content-Length"])
            if len(rest) < length:
                return
            _COUNT[0] += 1
            _SEEN.add(lines[b"webhook-id"])
            self._left = rest[length:]
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Counting, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
