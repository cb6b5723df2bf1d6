"""The way out."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.addresses import Forbidden, PublicOnly
from infra.settings import Settings

READ = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """How an attempt was answered."""

    outcome: str
    status: int | None
    retry_after: float | None
    took_ms: int


class Egress:
    """Posts."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is opened yet."""
        self._settings = settings
        self._client: Any = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post."""
        started = time.monotonic()
        outcome, status = await self._post(url, body, headers)
        return Answer(outcome, status, None, round((time.monotonic() - started) * 1000))

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[str, int | None]:
        import aiohttp

        if self._client is None:
            resolver: Any = PublicOnly(aiohttp.ThreadedResolver(), allow_loopback=self._settings.webhook_allow_loopback)
            connector = aiohttp.TCPConnector(limit=512, limit_per_host=64, keepalive_timeout=30, resolver=resolver)
            self._client = aiohttp.ClientSession(connector=connector, trust_env=False, auto_decompress=False)
        deadline = aiohttp.ClientTimeout(total=self._settings.webhook_timeout, connect=5)
        try:
            async with self._client.post(
                url, data=body, headers=headers, allow_redirects=False, timeout=deadline
            ) as answer:  # fmt: skip
                await answer.content.read(READ)
                if answer.status == 410:
                    return "gone", 410
                return ("delivered" if 200 <= answer.status < 300 else f"http_{answer.status // 100}xx"), answer.status
        except TimeoutError:
            return "timeout", None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error.__cause__ or error, Forbidden):
                return "forbidden_address", None
            return ("tls" if isinstance(error, aiohttp.ClientSSLError) else "connection"), None

    async def close(self) -> None:
        """Close."""
        if self._client:
            await self._client.close()
