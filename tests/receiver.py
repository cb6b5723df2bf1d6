"""A receiver of webhooks over real HTTP: it keeps what it was sent, and answers as it was told."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Heard = tuple[dict[str, str], bytes]
"""Headers and body of one request."""


@dataclass
class Receiver:
    """Listens on a free port of this machine, under every path. Leaving its context stops it."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    """What it answers to the next requests."""
    decides: Callable[[Any], int] = lambda event: 200
    """What it answers to the others."""
    headers: dict[str, str] = field(default_factory=dict)
    """What it says besides, unless it takes the event."""
    slow: float = 0.0
    """How long it thinks, in seconds."""
    over: str = ""
    """Which resource it thinks about; empty: any."""
    got: list[Heard] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    """When each came, on the monotonic clock."""
    busy: int = 0
    most: int = 0
    """The most it was sent at once."""
    taken: list[Any] = field(default_factory=list)
    """The events it answered 2xx, in the order of its answers."""

    async def __aenter__(self) -> "Receiver":
        await self.up(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()

    async def up(self, port: int | None = None) -> None:
        """Listen: again on the same port, unless another is said."""
        app = web.Application()
        app.router.add_post("/{path:.*}", self.receive)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port if port is None else port).start()
        self.port = self.runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}/hook"

    async def down(self) -> None:
        """Hang up, and refuse connections from now on."""
        await self.runner.cleanup()

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.got.append(({k.lower(): v for k, v in request.headers.items()}, body))
        self.at.append(time.monotonic())
        self.busy += 1
        self.most = max(self.most, self.busy)
        event = json.loads(body)
        if not self.over or self.over == event["data"]["id"]:
            await asyncio.sleep(self.slow)
        self.busy -= 1
        status = self.answers.pop(0) if self.answers else self.decides(event)
        if 200 <= status < 300:
            self.taken.append(event)
            return web.Response(status=status)
        return web.Response(status=status, headers={"Location": self.url, **self.headers})

    def forget(self) -> None:
        """As if it had heard nothing yet."""
        self.got, self.at, self.taken, self.most = [], [], [], 0

    def events(self) -> list[Any]:
        return [json.loads(body) for _, body in self.got]

    def types(self) -> list[str]:
        return [event["type"] for event in self.events()]

    def ids(self) -> list[str]:
        """The `webhook-id` of each request."""
        return [headers["webhook-id"] for headers, _ in self.got]

    async def until(self, count: int, patience: float = 10) -> list[Heard]:
        """Wait for so many requests."""
        async with asyncio.timeout(patience):
            while len(self.got) < count:
                await asyncio.sleep(0.005)
        return self.got

    async def until_taken(self, count: int, patience: float = 10) -> list[Any]:
        """Wait until it has answered 2xx so often."""
        async with asyncio.timeout(patience):
            while len(self.taken) < count:
                await asyncio.sleep(0.005)
        return self.taken
