"""A receiver in a process of its own: what it was sent is on its disk before it answers.

`python -m tests.fault.receiver FILE` prints the port it listens on. `POST /path` is a webhook, and one line in the
file. `PUT /path` with a `Behaviour` in JSON says what that path does from now on.
"""

import asyncio
import gzip
import itertools
import json
import os
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop
from standardwebhooks import Webhook, WebhookVerificationError

from tests.fault.proxy import reset


@dataclass
class Behaviour:
    """What a path does with a webhook."""

    secrets: list[str] = field(default_factory=list)
    status: int = 200
    """What it answers, and what stands in the file as its answer; 0 where it means to give none."""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0
    """Seconds between the file and the answer."""
    body: str = ""
    """What stands in the answer."""
    only: str = ""
    """The id of the one resource, or the one event, all this is for; every other is answered 200 at once."""
    times: int = -1
    """How many requests it is for; what comes after is answered 200 at once."""
    first: bool = False
    """It is for the first request with each id."""
    hold: bool = False
    """Never answer, though it is in the file."""
    reset: bool = False
    """Reset the connection instead of answering."""
    flood: str = ""
    """A body that has no end, as far as a sender can care: `large` (100 MB), `endless`, `bomb` (100 MB in gzip)."""


FINE = Behaviour()


class Ledger:
    """The file. Lines that come while one flush is under way share the next."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("ab", buffering=0)
        self.lines: list[bytes] = []
        self.flush: asyncio.Future[None] | None = None
        self.writing = asyncio.Lock()

    async def write(self, **said: Any) -> None:
        """Returns when it is on the disk."""
        self.lines.append(json.dumps(said).encode() + b"\n")
        self.flush = self.flush or asyncio.ensure_future(self.write_all())
        await asyncio.shield(self.flush)

    async def write_all(self) -> None:
        async with self.writing:
            self.flush, lines = None, b"".join(self.lines)
            self.lines.clear()
            self.file.write(lines)
            await asyncio.to_thread(os.fsync, self.file.fileno())


class Receiver:
    """Plain HTTP/1.1, as little of it as there is to know."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.paths: dict[str, Behaviour] = {}
        self.told = asyncio.Condition()
        self.seen: set[tuple[str, str]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                method, path, *_ = head.split(" ", 2)
                headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in head.split("\r\n")[1:])}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                if method == "PUT":
                    await self.learn(path, Behaviour(**json.loads(body)))
                    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                else:
                    await self.hear(path, head, headers, body, writer)
                await writer.drain()
        writer.close()

    async def learn(self, path: str, behaviour: Behaviour) -> None:
        async with self.told:
            self.paths[path] = behaviour
            self.told.notify_all()

    async def hear(
        self, path: str, head: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter
    ) -> None:
        # An endpoint's first webhook can come before the test had its secret to pass on.
        async with asyncio.timeout(5), self.told:
            await self.told.wait_for(lambda: path in self.paths)
        at, said = time.time(), json.loads(body)
        known = self.paths[path]
        does = self.choose(known, path, headers["webhook-id"], said["data"]["id"])
        await self.ledger.write(
            at=at, path=path, id=headers["webhook-id"], type=said["type"], resource=said["data"]["id"],
            version=said["data"]["version"], timestamp=int(headers["webhook-timestamp"]),
            verified=any(verifies(secret, headers, body) for secret in known.secrets),
            keys=[n for n, secret in enumerate(known.secrets) if signed_by(secret, headers, body)],
            signatures=len(headers["webhook-signature"].split()), status=does.status, body=body.decode(), head=head,
        )  # fmt: skip
        await asyncio.sleep(does.delay)
        await self.answer(does, path, writer)

    def choose(self, known: Behaviour, path: str, id: str, resource: str) -> Behaviour:
        again = (path, id) in self.seen
        self.seen.add((path, id))
        if not known.times or known.only not in ("", resource, id) or (known.first and again):
            return FINE
        known.times -= known.times > 0
        return known

    async def answer(self, does: Behaviour, path: str, writer: asyncio.StreamWriter) -> None:
        if does.hold:
            await asyncio.sleep(3600)
        if does.reset:
            reset(writer)
            raise ConnectionResetError
        more = FLOODS[does.flood] if does.flood else {"Content-Length": str(len(does.body))}
        lines = [f"HTTP/1.1 {does.status} As told", *(f"{n}: {v}" for n, v in (does.headers | more).items())]
        writer.write("\r\n".join([*lines, "", does.body]).encode())
        if does.flood:
            await self.pour(path, does.flood, writer)

    async def pour(self, path: str, kind: str, writer: asyncio.StreamWriter) -> None:
        """Writes down how much of it was taken."""
        poured = 0
        try:
            for chunk in chunks(kind):
                writer.write(chunk)
                await writer.drain()
                poured += len(chunk)
        finally:
            await self.ledger.write(path=path, poured=poured)


PIECE = bytes(65536)
BOMB = gzip.compress(PIECE * 16) * 100
FLOODS = {
    "endless": {"Transfer-Encoding": "chunked"},
    "large": {"Content-Length": str(1600 * len(PIECE))},
    "bomb": {"Content-Length": str(len(BOMB)), "Content-Encoding": "gzip"},
}


def chunks(kind: str) -> Iterable[bytes]:
    """A flood in pieces."""
    if kind == "endless":
        return itertools.repeat(b"10000\r\n" + PIECE + b"\r\n")
    return itertools.repeat(PIECE, 1600) if kind == "large" else [BOMB]


def verifies(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Whether the library that is not ours takes it, now."""
    try:
        Webhook(secret).verify(body, headers)
    except (WebhookVerificationError, ValueError):
        return False
    return True


def signed_by(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Whether a key signed it, whatever the time it says."""
    when = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    return Webhook(secret).sign(headers["webhook-id"], when, body.decode()) in headers["webhook-signature"].split()


async def main(path: Path) -> None:
    server = await asyncio.start_server(Receiver(Ledger(path)).serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1])))
