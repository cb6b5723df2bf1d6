"""A webhook receiver such as an integrator would write: it verifies every delivery and answers."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

HEARD, REFUSED = 204, 400


@dataclass(frozen=True, slots=True)
class Heard:
    """A webhook whose signature held."""

    seq: int
    type: str
    source: str
    to: str


class Receiver:
    """Listens on a free port of this machine. Leaving its context stops it."""

    def __init__(self) -> None:
        """Nothing heard yet."""
        self.heard: dict[int, Heard] = {}
        """By number: the same event may be delivered more than once."""
        self.refused: list[str] = []
        """Why deliveries were refused."""
        self.tell: Callable[[Heard], None] = lambda heard: None
        """Called with each event that is new."""
        self.url = ""
        self._webhook: Webhook | None = None
        self._trusted = asyncio.Event()
        self._grown = asyncio.Event()
        app = web.Application()
        app.router.add_post("/webhooks", self._hear)
        self._runner = web.AppRunner(app, access_log=None)

    async def __aenter__(self) -> "Receiver":
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/webhooks"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def trust(self, secret: str) -> None:
        """Verify with this secret from now on."""
        self._webhook = Webhook(secret)
        self._trusted.set()

    async def _hear(self, request: web.Request) -> web.Response:
        body = await request.read()
        # The first ping may be here before the answer that brings the secret.
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                await self._trusted.wait()
        try:
            if self._webhook is None:
                raise WebhookVerificationError("no secret is known yet")
            said: dict[str, Any] = self._webhook.verify(body, dict(request.headers))
        except (WebhookVerificationError, ValueError) as error:
            self.refused.append(str(error))
            self._grown.set()
            return web.Response(status=REFUSED)
        data = said["data"]
        heard = Heard(data["seq"], said["type"], data["from"], data["to"])
        if heard.seq not in self.heard:
            self.heard[heard.seq] = heard
            self.tell(heard)
            self._grown.set()
        return web.Response(status=HEARD)

    async def wait_for(self, numbers: Iterable[int], patience: float) -> set[int]:
        """Wait for these events, or until one is refused. What is still missing after `patience` seconds."""
        wanted = set(numbers)
        try:
            async with asyncio.timeout(patience):
                while not wanted <= self.heard.keys() and not self.refused:
                    self._grown.clear()
                    await self._grown.wait()
        except TimeoutError:
            pass
        return wanted - self.heard.keys()
