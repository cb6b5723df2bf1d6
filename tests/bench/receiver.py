"""The receiver of the bench's webhooks: a process of its own that keeps connections alive and does next to nothing.

The path says what becomes of a POST. `/taken` is counted and answered 204; so is `/timed`, with the moment it came
noted by its webhook-id, and `/kept`, remembered to the last byte. `/failing` gets a 500 and `/hanging` no answer, ever.
`GET /` tells what came, as JSON, `GET /timed` and `GET /kept` what was noted; `DELETE /` forgets it all.
"""

import asyncio
import gc
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any, cast

import uvloop

HEAD_END, LENGTH, ID = b"\r\n\r\n", b"\r\ncontent-length:", b"\r\nwebhook-id:"
TAKEN, TIMED, KEPT, FAILING, HANGING = "/taken", "/timed", "/kept", "/failing", "/hanging"
ANSWERS = {
    TAKEN: b"HTTP/1.1 204 No Content\r\n\r\n", TIMED: b"HTTP/1.1 204 No Content\r\n\r\n",
    KEPT: b"HTTP/1.1 204 No Content\r\n\r\n",
    FAILING: b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n", HANGING: b"",
}  # fmt: skip


@dataclass(slots=True)
class Heard:
    """What came since it was last told to forget. Times are seconds since 1970."""

    first: float = 0.0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ANSWERS, 0))
    last: dict[str, float] = field(default_factory=lambda: dict.fromkeys(ANSWERS, 0.0))
    timed: dict[str, float] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)

    def take(self, path: str, request: bytes, head: bytes) -> None:
        """One more."""
        now = time.time()
        self.first = self.first or now
        self.counts[path] += 1
        self.last[path] = now
        if path == TIMED:
            self.timed.setdefault(value(head, ID).decode(), now)
        elif path == KEPT:
            self.kept.append(request.decode("latin-1"))


def value(head: bytes, name: bytes) -> bytes:
    """A header's value; nothing where it is missing. `head` is in lower case."""
    start = head.find(name)
    if start < 0:
        return b""
    end = head.find(b"\r\n", start + 2)
    return head[start + len(name) : end if end > 0 else None].strip()


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, all_heard: list[Heard]) -> None:
        """`all_heard` ends with what is being filled."""
        self._all, self._rest = all_heard, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Nothing is said until something came."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Part of a request, most often all of it."""
        data = self._rest + data if self._rest else data
        while (end := data.find(HEAD_END)) >= 0:
            head = data[:end].lower()
            whole = end + len(HEAD_END) + int(value(head, LENGTH) or 0)
            if len(data) < whole:
                break
            self._answer(data[:whole], head)
            data = data[whole:]
        self._rest = data

    def _answer(self, request: bytes, head: bytes) -> None:
        method, path = request[: request.index(b" HTTP/1.1\r\n")].decode().split(" ")
        if method == "POST":
            self._all[-1].take(path, request, head)
            self._transport.write(ANSWERS[path])
        else:
            said = json.dumps(self._told(method, path)).encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(said), said))

    def _told(self, method: str, path: str) -> Any:
        heard = self._all[-1]
        if method == "DELETE":
            self._all[:] = [Heard()]
            return {}
        noted = {TIMED: heard.timed, KEPT: heard.kept}
        return noted.get(path, {"first": heard.first, "counts": heard.counts, "last": heard.last})


async def listen(hosts: list[str], port: int) -> None:
    """Until it is ended."""
    heard = [Heard()]
    server = await asyncio.get_running_loop().create_server(lambda: Connection(heard), hosts, port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    gc.freeze()
    gc.disable()
    uvloop.run(listen(sys.argv[2:], int(sys.argv[1])))
