"""The processes under measurement: the service as it is shipped, and the references, each pinned to its core."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.bench.cpu import pin

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0
UVICORN = ("--loop=uvloop", "--http=httptools", "--no-access-log", "--log-level=warning", "--no-server-header")
REFERENCES = {"F": "tests.bench.floor:app", "B": "tests.bench.bare:app", "U": "tests.bench.usual:app"}


class BenchError(Exception):
    """Something was wrong besides speed, so that no number would mean anything."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    name: str
    port: int
    pid: int


def free_port() -> int:
    """A port nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(data_dir: Path, dsn: str) -> dict[str, str]:
    """What a server is told. Imports are compiled once, whatever the shell says."""
    kept = {n: v for n, v in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE" and not n.startswith("BRAVESPACE_")}
    return kept | {
        "BENCH_DATA_DIR": str(data_dir), "BENCH_DATABASE_URL": dsn, "BRAVESPACE_DATABASE_URL": dsn,
        "BRAVESPACE_DATA_DIR": str(data_dir), "BRAVESPACE_WEBHOOK_ALLOW_LOOPBACK": "1",
    }  # fmt: skip


def command(name: str, port: int) -> list[str]:
    """How a server is started. `ours` is the shipped command; `delivering` is too, and delivers its webhooks itself."""
    folder = Path(sys.executable).parent
    if name.startswith("ours"):
        return [str(folder / "bravespace"), "serve", "--port", str(port), "--no-dispatch"]
    if name == "delivering":
        return [str(folder / "bravespace"), "serve", "--port", str(port)]
    return [sys.executable, "-m", "uvicorn", REFERENCES[name], "--port", str(port), *UVICORN]


@contextmanager
def running(
    words: list[str], log: Path, around: Mapping[str, str], core: int | None, said: bytes = b""
) -> Iterator[subprocess.Popen[bytes]]:
    """A command, for as long as it is measured. `said` is its standard input; what it writes goes to `log`."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            words, cwd=ROOT, env=around, stdin=subprocess.PIPE, stdout=file, stderr=subprocess.STDOUT
        )  # fmt: skip
    try:
        pin(process.pid, core)
        assert process.stdin
        with suppress(BrokenPipeError), process.stdin:
            process.stdin.write(said)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


@contextmanager
def serving(name: str, data_dir: Path, dsn: str, core: int | None) -> Iterator[Server]:
    """A server, for as long as it is measured."""
    port, log = free_port(), data_dir / f"{name}.log"
    with running(command(name, port), log, environment(data_dir, dsn), core) as process:
        answering(process, name, port, log)
        yield Server(name, port, process.pid)


def answering(process: subprocess.Popen[bytes], name: str, port: int, log: Path) -> None:
    """Wait until it answers at all: it listens once its pool is open."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/readyz", headers={"authorization": "none"})
            connection.getresponse().read()
            return
        except OSError:
            time.sleep(0.02)
        finally:
            connection.close()
    raise BenchError(f"{name} did not start:\n{log.read_text(errors='replace')[-3000:]}")
