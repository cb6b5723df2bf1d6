"""A, the floor of delivery: signed and posted with the service's client and settings, from memory. No database.

It reads a pickled Work from standard input. Unpaced it goes on until it is ended; paced it writes when it began each
delivery to standard output, as JSON by webhook-id. Any answer but a 2xx ends it.
"""

import asyncio
import gc
import itertools
import json
import pickle
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import aiohttp
import uvloop
from yarl import URL

from infra.egress import READ, client
from infra.secrets import signature
from infra.settings import Settings

LANES = 32
"""How many are on their way at once."""
Delivery = tuple[str, str, bytes]
"""Address, webhook-id, body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What to send."""

    deliveries: list[Delivery]
    secret: str
    again: bool = True
    """Whether to go on from the start when all were sent."""
    rate: float = 0.0
    """How many a second; 0 for as many as can be."""
    seconds: float = 0.0
    """How long, when there is a rate."""


parsed = lru_cache(1024)(URL)


class Sender:
    """Posts what it is given."""

    def __init__(self, http: aiohttp.ClientSession, secret: str) -> None:
        """Signs with this secret."""
        self._http, self._keys = http, [{"secret": secret}]

    async def post(self, url: str, id: str, body: bytes) -> None:
        """One delivery. Raises what the client raises, and for any answer but success."""
        now = int(time.time())
        headers = {
            "content-type": "application/json", "user-agent": "bravespace-webhooks", "webhook-id": id,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(self._keys, id, now, body, asymmetric=False),
            "bravespace-api-version": "v1",
        }  # fmt: skip
        target = parsed(url)
        async with self._http.post(target, data=body, headers=headers, allow_redirects=False) as answer:
            answer.raise_for_status()
            await answer.content.read(READ)

    async def post_all(self, turn: Iterator[Delivery]) -> None:
        """One after the other."""
        for delivery in turn:
            await self.post(*delivery)


async def send(work: Work) -> dict[str, float]:
    """Send it. When each was begun, by webhook-id, if it was paced."""
    turn = itertools.cycle(work.deliveries) if work.again else iter(work.deliveries)
    async with client(Settings()) as http:
        sender = Sender(http, work.secret)
        if work.rate:
            return await paced(sender, iter(work.deliveries), work.rate, work.seconds)
        async with asyncio.TaskGroup() as lanes:
            for _ in range(LANES):
                lanes.create_task(sender.post_all(turn))
    return {}


async def paced(sender: Sender, turn: Iterator[Delivery], rate: float, seconds: float) -> dict[str, float]:
    """So many a second, whether or not those before were answered."""
    loop, begun = asyncio.get_running_loop(), {}
    start = loop.time()
    async with asyncio.TaskGroup() as all_of_them:
        for number, (url, id, body) in enumerate(itertools.islice(turn, int(rate * seconds))):
            await asyncio.sleep(start + number / rate - loop.time())
            begun[id] = time.time()
            all_of_them.create_task(sender.post(url, id, body))
    return begun


if __name__ == "__main__":
    work: Work = pickle.load(sys.stdin.buffer)
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 1_000)
    print(json.dumps(uvloop.run(send(work))))
