"""The load generator: keep-alive connections in a process of its own, each with one request on its way at a time.

It reads a pickled Load from standard input and writes what it measured to standard output, as JSON. It samples the CPU
of the processes it is told to watch itself, so that the window of the requests and that of the CPU are the same.
"""

import asyncio
import gc
import itertools
import json
import pickle
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import uvloop

from tests.bench.cpu import busy, spent

HEAD_END, LENGTH = b"\r\n\r\n", b"content-length: "
PATIENCE = 20.0
"""How long first meetings and last answers may take, in seconds beside the warm-up and the window."""

Request = tuple[bytes, bytes, bytes]
"""Request line, headers that many requests share, and the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What to send, how long, and whose CPU to watch."""

    port: int
    connections: list[list[Request]]
    """The requests of each connection, in turn and over again; those that are the first with a token come first."""
    seconds: float
    warm_up: float
    """At least so long, and until every connection has used each of its tokens."""
    watch: dict[str, int]
    """Name to process id."""
    key: str = ""
    """When set, every request carries an Idempotency-Key of its own, which begins like this."""
    rate: float = 0.0
    """Requests per second, sent when their moment comes, while a connection is free. 0 for as many as can be."""


@dataclass(slots=True)
class Run:
    """What is measured."""

    load: Load
    done: asyncio.Event
    measuring: bool = False
    stopping: bool = False
    under_way: int = 0
    unmet: int = 0
    """Requests with tokens not used before that are yet to be answered."""
    latencies: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    started: float = 0.0
    took: float = 0.0
    before: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    keys: Iterator[int] = field(default_factory=itertools.count)
    moments: Iterator[float] | None = None
    """When, on the loop's clock, each request is due; none when it is due at once."""

    def sample(self) -> dict[str, float]:
        """CPU-seconds of those watched, of this process, and of the whole machine."""
        return {**spent(self.load.watch), "generator": time.process_time(), "machine": busy()}

    def begin(self) -> None:
        """The window opens, as soon as every token has been used."""
        loop = asyncio.get_running_loop()
        if self.unmet > 0:
            loop.call_later(0.02, self.begin)
            return
        loop.call_later(self.load.seconds, self.end)
        self.before = self.sample()
        self.started, self.measuring = time.perf_counter(), True

    def end(self) -> None:
        """The window closes; what is on its way is waited for and not counted."""
        self.measuring, self.stopping = False, True
        self.took = time.perf_counter() - self.started
        after = self.sample()
        self.cpu = {name: after[name] - self.before[name] for name in after}

    def written(self, request: Request) -> bytes:
        """A request as it goes over the wire."""
        if not self.load.key:
            return b"".join(request)
        start, shared, rest = request
        return b"%b%bidempotency-key: %b-%d\r\n%b" % (start, shared, self.load.key.encode(), next(self.keys), rest)

    def result(self) -> dict[str, object]:
        """What came out, in seconds."""
        times = sorted(self.latencies)
        at = {f"p{p}": times[min(len(times) - 1, len(times) * p // 100)] if times else 0.0 for p in (50, 99)}
        return {"requests": len(times), "took": self.took, "cpu": self.cpu, "refused": self.refused[:3], **at}


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, run: Run, requests: list[Request]) -> None:
        """Sends `requests` in turn and over again."""
        self._run, self._turn = run, itertools.cycle(requests)
        self._head, self._missing, self._sent, self._status = b"", 0, 0.0, b""
        self._unmet = len({shared for _, shared, _ in requests})
        run.unmet += self._unmet

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first."""
        self._transport = cast(asyncio.Transport, transport)
        self._run.under_way += 1
        self._send_in_time()

    def _send_in_time(self) -> None:
        if self._run.moments is None:
            self._send()
        else:
            asyncio.get_running_loop().call_at(next(self._run.moments), self._send)

    def _send(self) -> None:
        if self._run.stopping:
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(self._run.written(next(self._turn)))

    def data_received(self, data: bytes) -> None:
        """Part of an answer, most often all of it."""
        if self._missing:
            self._missing -= len(data)
            if self._status[:1] != b"2":
                self._head += data
        else:
            self._head += data
            end = self._head.find(HEAD_END)
            if end < 0:
                return
            at = self._head.index(LENGTH) + len(LENGTH)
            length = int(self._head[at : self._head.index(b"\r", at)])
            self._status = self._head[9:12]
            self._missing = end + len(HEAD_END) + length - len(self._head)
        if self._missing <= 0:
            self._answered()

    def _answered(self) -> None:
        run = self._run
        if self._status[:1] != b"2":
            run.refused.append(self._head.decode(errors="replace")[:2000])
        elif run.measuring:
            run.latencies.append(time.perf_counter() - self._sent)
        elif self._unmet:
            self._unmet, run.unmet = self._unmet - 1, run.unmet - 1
        self._head = b""
        if run.stopping or run.refused:
            self._transport.close()
        else:
            self._send_in_time()

    def connection_lost(self, exc: Exception | None) -> None:
        """The last one out ends the run."""
        run = self._run
        if not (run.stopping or run.refused):
            run.refused.append(f"The server closed the connection: {exc}")
        run.under_way -= 1
        if not run.under_way:
            run.done.set()


async def drive(load: Load) -> dict[str, object]:
    """Send the load and measure."""
    loop, run = asyncio.get_running_loop(), Run(load=load, done=asyncio.Event())
    if load.rate:
        run.moments = itertools.count(loop.time(), 1 / load.rate)
    for requests in load.connections:
        await loop.create_connection(partial(Connection, run, requests), "127.0.0.1", load.port)
    loop.call_later(load.warm_up, run.begin)
    await asyncio.wait_for(run.done.wait(), load.warm_up + load.seconds + PATIENCE)
    return run.result()


if __name__ == "__main__":
    ordered: Load = pickle.load(sys.stdin.buffer)
    gc.freeze()
    gc.disable()
    print(json.dumps(uvloop.run(drive(ordered))))
