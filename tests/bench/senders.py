"""The processes that send webhooks, the one that receives them, and what is measured of both."""

import http.client
import json
import pickle
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

from tests.bench.bare_sender import Work
from tests.bench.cpu import busy, cores, spent
from tests.bench.ground import Ground
from tests.bench.receiver import TAKEN
from tests.bench.rounds import Rig
from tests.bench.servers import BenchError, environment, free_port, running

HOSTS = [f"127.0.1.{number + 1}" for number in range(200)]
"""Loopback addresses, so that each endpoint may have a host of its own."""
PATIENCE = 30.0
"""How long a sender may take to send its first, in seconds."""
LOOK = 0.05
ENOUGH = 0.9
"""A window ends early when so much of the backlog is gone: what is measured is a backlog, not its end."""
COMMANDS = {
    "ours": [str(Path(sys.executable).parent / "bravespace"), "dispatch"],
    "bare": [sys.executable, "-m", "tests.bench.bare_sender"],
    "usual": [sys.executable, "-m", "tests.bench.usual_sender"],
}


@dataclass(frozen=True, slots=True)
class Receiver:
    """The running receiver."""

    port: int
    pid: int

    def address(self, number: int, path: str) -> str:
        """The address of an endpoint by its number; two have one host when there are more than hosts."""
        return f"http://{HOSTS[number % len(HOSTS)]}:{self.port}{path}"

    def ask(self, method: str = "GET", path: str = "/") -> Any:
        """What it says."""
        connection = http.client.HTTPConnection(HOSTS[0], self.port, timeout=30)
        try:
            connection.request(method, path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def count(self, path: str = TAKEN) -> int:
        """How many came there."""
        counted: int = self.ask()["counts"][path]
        return counted

    def forget(self) -> None:
        """As if nothing had come."""
        self.ask("DELETE")


@contextmanager
def receiving(ground: Ground) -> Iterator[Receiver]:
    """The receiver, on the core of the database."""
    port, log = free_port(), ground.data_dir / "receiver.log"
    words = [sys.executable, "-m", "tests.bench.receiver", str(port), *HOSTS]
    with running(words, log, environment(ground.data_dir, ground.dsn), cores()[1]) as process:
        receiver = Receiver(port, process.pid)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                receiver.ask()
                break
            except OSError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise BenchError(f"The receiver did not start:\n{log.read_text()[-3000:]}") from None
                time.sleep(0.02)
        yield receiver


@contextmanager
def sending(
    name: str, ground: Ground, work: Work | None = None, timeout: float | None = None
) -> Iterator[Popen[bytes]]:
    """A sender on its core. `work` is what the bare one sends; `timeout` is the service's, in seconds."""
    around = environment(ground.data_dir, ground.dsn)
    if timeout is not None:
        around["BRAVESPACE_WEBHOOK_TIMEOUT"] = str(timeout)
    said = pickle.dumps(work) if work else b""
    with running(COMMANDS[name], log_of(name, ground), around, cores()[0], said) as process:
        yield process


def log_of(name: str, ground: Ground) -> Path:
    """Where a sender's words go."""
    return ground.data_dir / f"sender-{name}.log"


def still_running(name: str, ground: Ground, process: Popen[bytes]) -> None:
    """Raises BenchError when a sender gave up."""
    if process.poll() is not None:
        raise BenchError(f"The sender {name} ended by itself:\n{log_of(name, ground).read_text()[-3000:]}")


@dataclass(frozen=True, slots=True)
class Sent:
    """One window of a sender with a backlog."""

    rate: float
    """Deliveries per second."""
    sender: float
    postgres: float
    """CPU milliseconds per delivery, which is CPU-seconds per 1,000 deliveries."""
    busy: float
    """How much of its core the sender used."""
    receiver: float
    """How much of its core the receiver used."""
    others: float
    """How many cores other work on the machine kept busy meanwhile."""

    @property
    def total(self) -> float:
        """CPU of the sender and of Postgres for it."""
        return self.sender + self.postgres


def window(rig: Rig, name: str, ground: Ground, receiver: Receiver, process: Popen[bytes], backlog: int) -> Sent:
    """The warm-up and one window. A sender without a database is charged none. Raises BenchError if it ends or stalls."""
    first_arrival(name, ground, receiver, process)
    time.sleep(rig.warm_up)
    roots = {"sender": process.pid, "postgres": rig.postmaster, "receiver": receiver.pid}

    def sample() -> dict[str, float]:
        own = {"bench": time.process_time(), "machine": busy()}
        return {**spent(roots), **own, "at": time.perf_counter(), "came": receiver.count()}

    before = after = sample()
    while after["at"] - before["at"] < rig.seconds and after["came"] < ENOUGH * backlog:
        time.sleep(min(4 * LOOK, rig.seconds))
        after = sample()
    still_running(name, ground, process)
    used = {what: after[what] - before[what] for what in before}
    came, took = used["came"], used["at"]
    if not came:
        raise BenchError(f"The sender {name} sent nothing for {took:.0f} s: {log_of(name, ground).read_text()[-3000:]}")
    known = used["sender"] + used["postgres"] + used["receiver"] + used["bench"]
    return Sent(
        rate=came / took, sender=1000 * used["sender"] / came,
        postgres=0.0 if name == "bare" else 1000 * used["postgres"] / came,
        busy=used["sender"] / took, receiver=used["receiver"] / took, others=max(0.0, used["machine"] - known) / took,
    )  # fmt: skip


def first_arrival(name: str, ground: Ground, receiver: Receiver, process: Popen[bytes]) -> float:
    """Wait for the first request to arrive, on any path. When it came, in seconds since 1970."""
    deadline = time.monotonic() + PATIENCE
    while not (first := receiver.ask()["first"]):
        still_running(name, ground, process)
        if time.monotonic() > deadline:
            raise BenchError(f"The sender {name} sent nothing:\n{log_of(name, ground).read_text()[-3000:]}")
        time.sleep(LOOK)
    return float(first)


def wait_for(receiver: Receiver, path: str, many: int, patience: float) -> bool:
    """Wait until so many came there. False when they did not."""
    deadline = time.monotonic() + patience
    while receiver.count(path) < many:
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK)
    return True
