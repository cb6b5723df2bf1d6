"""Pictures of Vega-Lite specifications, and pages as PDF, drawn in a process beside this one."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from enum import IntEnum
from pathlib import Path

from infra import painter

PATIENCE = 20.0
"""The longest a picture may take, in seconds. The first one takes the longest: about a second."""
LARGEST = 2**24
"""The most bytes that are read of a picture at once."""


class Kind(IntEnum):
    """What is drawn: a picture of either sort, or a page."""

    SVG = 0
    PNG = 1
    PDF = 2


class Undrawn(Exception):
    """The picture could not be drawn. That is our fault: the specification is ours."""


class Pictures:
    """Draws one picture at a time. Its process is started by the first one, so a service without pictures has none."""

    def __init__(self) -> None:
        """Nothing is started yet."""
        self._process: Process | None = None
        self._turn = asyncio.Lock()

    async def draw(self, specification: bytes, kind: Kind) -> bytes:
        """The picture. Raises Undrawn."""
        async with self._turn:
            if self._process is None or self._process.returncode is not None:
                self._process = await started()
            try:
                async with asyncio.timeout(PATIENCE):
                    return await exchange(self._process, specification, kind)
            except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
                self._end()
                raise Undrawn(type(error).__name__) from None
            except asyncio.CancelledError:
                # Its answer would be taken for the next one's.
                self._end()
                raise

    def _end(self) -> None:
        if self._process:
            with suppress(ProcessLookupError):
                self._process.kill()
        self._process = None

    async def close(self) -> None:
        """End the process."""
        process = self._process
        self._end()
        if process:
            await process.wait()


async def started() -> Process:
    """The process, with nothing of our environment: it needs no settings, and must know no secrets."""
    # What it says on standard error may quote what it draws, so nobody hears it.
    return await asyncio.create_subprocess_exec(
        sys.executable, "-I", Path(painter.__file__), stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={},
        start_new_session=True, limit=LARGEST,
    )  # fmt: skip


async def exchange(process: Process, specification: bytes, kind: Kind) -> bytes:
    """One picture."""
    assert process.stdin and process.stdout
    process.stdin.write(painter.REQUEST.pack(kind, len(specification)) + specification)
    await process.stdin.drain()
    drawn, length = painter.ANSWER.unpack(await process.stdout.readexactly(painter.ANSWER.size))
    picture = await process.stdout.readexactly(length)
    if not drawn:
        raise Undrawn("The specification does not fit the schema, or a font cannot be read.")
    return picture
