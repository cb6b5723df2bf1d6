"""The receiver's process, as a test sees it: what it is to do, and what it wrote down."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.fault.checker import Request
from tests.fault.conftest import NO_TLS, ROOT


class Postbox:
    """Runs the receiver as long as its context lasts."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "received"
        self.read = 0
        self.requests: list[Request] = []
        self.poured: list[int] = []
        """How much was taken of each answer that had no end, as of the last look."""
        self.secrets: dict[str, list[str]] = {}

    async def __aenter__(self) -> "Postbox":
        command = [sys.executable, "-m", "tests.fault.receiver", str(self.file)]
        self.process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE)
        assert self.process.stdout
        self.port = int(await self.process.stdout.readline())
        self.control = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", verify=NO_TLS)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.control.aclose()
        self.process.kill()
        await self.process.wait()

    async def behave(self, path: str, **behaviour: Any) -> None:
        """What a path does from now on; left out: it answers 200 at once."""
        said = {"secrets": self.secrets.get(path, []), **behaviour}
        assert (await self.control.put(path, json=said)).status_code == 204

    def heard(self, path: str = "") -> list[Request]:
        """Every request so far, in the order of the file."""
        for line in self.new_lines():
            if "poured" in line:
                self.poured.append(line["poured"])
            else:
                self.requests.append(Request(**line))
        return [r for r in self.requests if path in ("", r.path)]

    def new_lines(self) -> Iterator[dict[str, Any]]:
        if not self.file.exists():
            return
        with self.file.open("rb") as file:
            file.seek(self.read)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self.read += len(whole)
        yield from map(json.loads, whole.splitlines())
