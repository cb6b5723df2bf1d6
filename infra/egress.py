"""The way out: one signed POST to an address of somebody else's, which may be slow, broken or hostile."""

import math
import re
import socket
import ssl
import time
from asyncio import Semaphore, get_running_loop
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cache, lru_cache, partial
from typing import Any

from domain.errors import Refused
from infra.addresses import Forbidden, Network, check_url, is_allowed, is_loopback
from infra.settings import Settings

READ = 64 * 1024
"""How much of an answer's body is read, in bytes. None of it is kept."""
CONNECT = 5.0
"""The most of an attempt that may go into a connection, in seconds."""
KEEP = 30.0
"""How long an idle connection is kept, in seconds."""
LOOKUPS = 128
"""How many names are looked up at once. One that is never answered holds a place until the system gives it up, however
many wait for it; those that did so before have half of the places. So nobody waits for another's name unless half as
many as this, all asked for the first time, hang at one moment."""
HUNG = 1.0
"""A name that was not answered for so many seconds hung."""
REMEMBERED = 10_000
"""How many names that hung are remembered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How an attempt went."""

    outcome: str
    """`delivered` (2xx), `gone` (410), `redirect` (3xx), `throttled` (429), `http_4xx`, `http_5xx`, `timeout`, `dns`,
    `connection`, `tls`, `forbidden_address`, or `protocol`: what came is no answer to a POST."""
    status: int | None
    """The status that came, even when the rest of the answer did not."""
    retry_after: float | None
    """How long a 429 or a 503 asks to wait, in seconds; as it was said, so without a bound."""
    took_ms: int
    """The whole attempt, in milliseconds."""


class Egress:
    """Sends to addresses that may be sent to. Never follows a redirect; heeds no proxy of the environment."""

    def __init__(self, settings: Settings) -> None:
        """Opens nothing: the HTTP client is imported with the first attempt."""
        self._settings = settings
        self._rules = rules_of(settings)
        self._guard = {name: self._rules[name] for name in ("allow_loopback", "forbidden")}
        self._target = lru_cache(4096)(self._checked)
        self._names = Names(**self._guard)
        self._session: Any = None
        self._failures: tuple[type[Exception], ...] = ()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], before: float = math.inf) -> Answer | None:
        """One attempt, over within `webhook_timeout`. Never raises for what the other side does.

        Nothing is sent after `before`, on the monotonic clock, not even if a connection came about only then: None.

        A 2xx counts once its body has come whole, or READ bytes of it; any other status counts as it comes.
        """
        session = self._session or self._open()
        began = time.monotonic()
        try:
            target = self._target(url)
        except Refused:
            return Answer("forbidden_address", None, None, 0)
        outcome, status, wait = "", None, None
        try:
            data = punctual()(body, before)
            answer = await session.post(target, data=data, headers=headers, allow_redirects=False)
            status = answer.status
            outcome = outcome_of(status)
            if status in (429, 503):
                wait = retry_after(answer.headers.get("Retry-After"), time.time())
            if not answer.content.is_eof():
                await drain(answer)
        except self._failures as error:
            if isinstance(error.__cause__, Late):
                return None
            if status is None or outcome == "delivered":
                outcome = failure(error)
        return Answer(outcome, status, wait, round((time.monotonic() - began) * 1000))

    async def close(self) -> None:
        """Connections are closed; an attempt under way fails, or is cancelled if it still looks a name up."""
        if self._session is not None:
            await self._session.close()
        await self._names.close()

    def _checked(self, url: str) -> Any:
        from yarl import URL

        return URL(check_url(url, **self._rules), encoded=True)

    def _open(self) -> Any:
        import aiohttp

        guard: dict[str, Any] = {}
        if not self._settings.webhook_proxy:  # else every connection leads there, and where names lead is its business
            guard = {"resolver": self._names, "socket_factory": partial(open_socket, **self._guard)}
        self._failures = (aiohttp.ClientError, OSError, ValueError)
        self._session = client(self._settings, **guard)
        return self._session


def client(settings: Settings, **guard: Any) -> Any:
    """The HTTP client. `guard` is what decides where its connections may lead."""
    import aiohttp

    total = settings.webhook_timeout
    return aiohttp.ClientSession(
        # The dispatcher keeps its own limits: one that waited for a connection here would be taken for a bad host.
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP, **guard),
        # aiohttp would round longer deadlines up to a whole second of the clock.
        timeout=aiohttp.ClientTimeout(total=total, connect=min(CONNECT, total), ceil_threshold=math.inf),
        proxy=settings.webhook_proxy or None, trust_env=False, auto_decompress=False, read_bufsize=READ // 2,
        cookie_jar=aiohttp.DummyCookieJar(), skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
    )  # fmt: skip


class Late(Exception):
    """It is too late to send this."""


@cache
def punctual() -> Any:
    """The class of bodies that are not sent too late. A process that was stopped wakes up to connections made since."""
    from aiohttp import BytesPayload

    class Punctual(BytesPayload):
        def __init__(self, value: bytes, before: float) -> None:
            super().__init__(value, content_type="application/json")
            self._before = before

        async def write_with_length(self, writer: Any, content_length: int | None) -> None:
            # The headers are sent with the body's first bytes, so neither of them is.
            if time.monotonic() >= self._before:
                raise Late
            await super().write_with_length(writer, content_length)

    return Punctual


def rules_of(settings: Settings) -> dict[str, Any]:
    """What `check_url` holds an address against."""
    return {
        "allow_loopback": settings.webhook_allow_loopback, "ports": tuple(settings.webhook_ports),
        "forbidden": tuple(settings.webhook_forbidden_networks),
    }  # fmt: skip


def open_socket(info: tuple[Any, ...], *, allow_loopback: bool, forbidden: tuple[Network, ...]) -> socket.socket:
    """A socket for an address. The last look at what is connected to, and the only one at literals.

    Raises Forbidden.
    """
    family, kind, protocol, _, address = info
    if not is_allowed(address[0], allow_loopback=allow_loopback, forbidden=forbidden):
        raise Forbidden("This address must not be sent to.")
    return socket.socket(family, kind, protocol)


class Names:
    """Asks the system what a name leads to, and gives no address of one that leads, even in part, where it must not."""

    def __init__(self, *, allow_loopback: bool, forbidden: tuple[Network, ...]) -> None:
        """The same rules as those of `is_allowed`."""
        self._allow_loopback, self._forbidden = allow_loopback, forbidden
        # The loop's own threads are few, and others need them: names that are never answered would use them up.
        self._threads = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="names")
        self._hung, self._patient = set[str](), Semaphore(LOOKUPS // 2)

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_UNSPEC) -> list[dict[str, Any]]:
        """Every address of a name, in the shape that aiohttp asks for. Raises Forbidden, and OSError for no answer."""
        ask = partial(self._ask, host, port, family)
        # A loopback name leads to loopback and nowhere else, any other name only outside.
        inside = is_loopback(host)
        found = []
        async with self._patient if host in self._hung else nullcontext():
            answers = await get_running_loop().run_in_executor(self._threads, ask)
        for kind, _, protocol, _, address in answers:
            to = str(address[0])
            if not is_allowed(to, allow_loopback=inside and self._allow_loopback, forbidden=self._forbidden) or (
                inside and not is_loopback(to)
            ):
                raise Forbidden("The name leads to an address that must not be sent to.")
            found.append({"hostname": host, "host": to, "port": port, "family": kind, "proto": protocol, "flags": 0})
        return found

    def _ask(self, host: str, port: int, family: int) -> list[Any]:
        """In a thread: what the system says, and whether it took its time."""
        began = time.monotonic()
        try:
            return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        finally:
            if time.monotonic() - began < HUNG:
                self._hung.discard(host)
            else:
                if len(self._hung) >= REMEMBERED:
                    self._hung.clear()
                self._hung.add(host)

    async def close(self) -> None:
        """Nothing more is asked."""
        self._threads.shutdown(wait=False, cancel_futures=True)


async def drain(answer: Any) -> None:
    """Reads a body to its end, so that the connection can serve again; or READ bytes of it, and closes."""
    left = READ
    try:
        while left > 0 and not answer.content.is_eof():
            left -= len(await answer.content.readany())
    finally:
        # Releasing closes what is not at its end.
        answer.release()


def outcome_of(status: int) -> str:
    """The class of a status that came."""
    if 200 <= status < 300:
        return "delivered"
    if status in (410, 429):
        return "gone" if status == 410 else "throttled"
    return {3: "redirect", 4: "http_4xx", 5: "http_5xx"}.get(status // 100, "protocol")


def failure(error: Exception) -> str:
    """The class of an attempt that brought no answer, or not all of it."""
    import aiohttp

    kinds = (error, error.__cause__)
    if any(isinstance(kind, Forbidden) for kind in kinds):
        return "forbidden_address"
    if any(isinstance(kind, ssl.SSLError | aiohttp.ClientSSLError) for kind in kinds):
        return "tls"
    for kind, outcome in (
        (TimeoutError, "timeout"),
        (aiohttp.ClientConnectorDNSError, "dns"),
        (aiohttp.ClientHttpProxyError, "connection"),
        (aiohttp.ClientResponseError, "protocol"),
        (ValueError, "protocol"),
    ):
        if isinstance(error, kind):
            return outcome
    return "connection"


def retry_after(said: str | None, now: float) -> float | None:
    """The seconds that a Retry-After asks for, from seconds or a date; None when it says neither."""
    if said is None:
        return None
    if re.fullmatch("[0-9]{1,9}", said):
        return float(said)
    try:
        at = parsedate_to_datetime(said)
        return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
