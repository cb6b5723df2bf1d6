"""A line between two ends that can be made to fail."""

import asyncio
import socket
import struct
from contextlib import suppress
from pathlib import Path

PACKET = 65536
SYNC = 5
"""How long PostgreSQL's Sync message is: the last one of a statement, and what commits it."""


class Proxy:
    """Listens on a port of its own and passes everything on, unless `fault` says otherwise:

    `refuse` (reset as soon as it is there), `reset` (reset at the next byte), `blackhole` (nothing passes until it is
    lifted), `half_close` (the answer's side is closed instead of answering), `cut` (reset behind the answer's headers),
    `drip` (an answer comes a byte a second). Lifting a fault lets new connections pass.
    """

    def __init__(self, to: Path | int) -> None:
        self.to = to
        self.fault = ""
        self.asked = 0
        """Connections so far."""
        self.marker, self.marked = b"", asyncio.Event()
        """Words of a request to PostgreSQL at which it stops: see `stop_at`."""
        self.writers: set[asyncio.StreamWriter] = set()
        self.tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Proxy":
        self.server = await asyncio.start_server(self.connect, "127.0.0.1", 0)
        self.port: int = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        self.reset_all()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def reset_all(self) -> None:
        """Breaks every connection there is."""
        for writer in list(self.writers):
            reset(writer)

    def stop_at(self, marker: bytes, *, committed: bool) -> None:
        """Stop the connection that says these words: before its commit, or before the answer to it."""
        self.marker, self.committed = marker, committed
        self.marked.clear()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self.tasks.add(task)
        self.writers.add(writer)
        self.asked += 1
        with suppress(OSError, asyncio.CancelledError):  # in Python 3.11 asyncio complains of a cancelled handler
            if self.fault != "refuse":
                await self.join(reader, writer)
        reset(writer)
        self.writers.discard(writer)
        self.tasks.discard(task)

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if isinstance(self.to, int):
            answers, questions = await asyncio.open_connection("127.0.0.1", self.to)
        else:
            answers, questions = await asyncio.open_unix_connection(self.to)
        self.writers.add(questions)
        line = Line(self)
        try:
            await asyncio.gather(line.ask(reader, questions), line.answer(answers, writer))
        finally:
            reset(questions)
            self.writers.discard(questions)


class Line:
    """One connection through it."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy, self.stopped = proxy, False

    async def ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(PACKET):
            await self.wait()
            marker = self.proxy.marker
            if marker and marker in chunk:
                self.stopped, self.proxy.marker = True, b""
                writer.write(chunk if self.proxy.committed else chunk[:-SYNC])
                self.proxy.marked.set()
            elif not self.stopped:
                writer.write(chunk)
            await writer.drain()
        writer.close()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(PACKET):
            await self.wait()
            fault = self.proxy.fault
            if fault == "reset":
                reset(writer)
            elif fault == "half_close":
                writer.write_eof()
            elif fault == "cut":
                writer.write(chunk.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
                await asyncio.sleep(0.05)
                reset(writer)
            elif fault == "drip":
                for byte in chunk:
                    writer.write(bytes([byte]))
                    await asyncio.sleep(1)
            elif not self.stopped:
                writer.write(chunk)
            await writer.drain()
        writer.close()

    async def wait(self) -> None:
        while self.proxy.fault == "blackhole":
            await asyncio.sleep(0.02)


def reset(writer: asyncio.StreamWriter) -> None:
    """RST, and not FIN."""
    connection = writer.get_extra_info("socket")
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
