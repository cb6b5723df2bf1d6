"""Receivers on loopback that do as they please, over bare sockets."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from infra.egress import Answer, Egress
from infra.settings import Settings

DEADLINE = 0.4
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def way_out(**said: Any) -> AsyncIterator[Egress]:
    """As a developer has it, but for what is said otherwise."""
    egress = Egress(Settings(**{"webhook_timeout": DEADLINE, "webhook_allow_loopback": True} | said))
    try:
        yield egress
    finally:
        await egress.close()


async def send(egress: Egress, url: str) -> Answer:
    return await egress.post(
        url, b'{"type":"repair.begun"}', {"content-type": "application/json", "webhook-id": "evt_1"}
    )


@asynccontextmanager
async def served(handler: Handler, **more: Any) -> AsyncIterator[str]:
    """A receiver: its URL."""
    tasks: set[asyncio.Task[None]] = set()

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(handled, "127.0.0.1", 0, **more)
    try:
        yield f"{'https' if 'ssl' in more else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


async def request(reader: asyncio.StreamReader) -> bytes:
    """One request's head, once its body has come, too."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
    await reader.readexactly(int(length.partition(b":")[2]))
    return head


def says(head: bytes, body: bytes = b"", heard: list[bytes] | None = None) -> Handler:
    """Answers every request, however many come."""
    length = b"" if head[:3] == b"204" else b"\r\nContent-Length: %d" % len(body)

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            said = await request(reader)
            if heard is not None:
                heard.append(said)
            writer.write(b"HTTP/1.1 " + head + length + b"\r\n\r\n" + body)
            await writer.drain()

    return handler


def raw(said: bytes, then: str = "close") -> Handler:
    """Says these bytes, then closes, halves or resets the connection, or holds it."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(said)
        await writer.drain()
        if then == "reset":
            await asyncio.sleep(0.02)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        if then == "half":
            writer.write_eof()
        if then in ("half", "hold"):
            await asyncio.sleep(60)

    return handler


def drips(said: bytes, drop: bytes, every: float = 0.0) -> Handler:
    """Says these bytes, then one drop after another, for ever."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(said)
        while True:
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(every)

    return handler
