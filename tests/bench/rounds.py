"""One measurement, and rounds of them in turn: what is compared is measured alternately, minutes never lie between."""

import json
import os
import pickle
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.bench.cpu import wait_for_quiet
from tests.bench.load import Load, Request
from tests.bench.servers import ROOT, BenchError, Server


@dataclass(frozen=True, slots=True)
class Measured:
    """One window."""

    rate: float
    """Requests per second."""
    p50: float
    p99: float
    """Milliseconds."""
    service: float
    postgres: float
    """CPU milliseconds per request, which is CPU-seconds per 1,000 requests."""
    busy: float
    """How much of its core the server used. Much below 1, something else was the limit."""
    generator: float
    """How much of its core the load generator used."""
    others: float
    """How many cores other work on the machine kept busy meanwhile."""

    @property
    def total(self) -> float:
        """CPU of service and Postgres together."""
        return self.service + self.postgres


@dataclass(frozen=True, slots=True)
class Rig:
    """What every measurement has in common."""

    postmaster: int
    core: int | None
    """Of Postgres and the load generator."""
    seconds: float
    warm_up: float
    rounds: int
    patience: float = 0.0
    """How long to wait for other work on the machine to pause, before each window."""

    def measure(
        self, server: Server, connections: list[list[Request]], key: str = "", rate: float = 0.0,
        beside: Mapping[str, int] | None = None,
    ) -> Measured:  # fmt: skip
        """One window against one server. Raises BenchError if anything but success came back.

        `beside` are processes whose work is not other work.
        """
        load = Load(port=server.port, connections=connections, seconds=self.seconds, warm_up=self.warm_up, key=key,
                    rate=rate, watch={"service": server.pid, "postgres": self.postmaster, **(beside or {})})  # fmt: skip
        wait_for_quiet(self.patience)
        prepare = None if self.core is None else partial(os.sched_setaffinity, 0, {self.core})
        process = subprocess.run(
            [sys.executable, "-m", "tests.bench.load"], input=pickle.dumps(load), capture_output=True, cwd=ROOT,
            preexec_fn=prepare, check=False,
        )  # fmt: skip
        if process.returncode:
            raise BenchError(f"The load generator failed against {server.name}:\n{process.stderr.decode()[-3000:]}")
        return measured(server, json.loads(process.stdout))


def measured(server: Server, result: dict[str, object]) -> Measured:
    """A window's figures."""
    requests, took, cpu = result["requests"], result["took"], result["cpu"]
    if result["refused"] or not requests:
        raise BenchError(f"{server.name} refused:\n{result['refused'] or 'everything'}")
    assert isinstance(requests, int) and isinstance(took, float) and isinstance(cpu, dict)
    each, known = 1000 / requests, sum(spent for name, spent in cpu.items() if name != "machine")
    return Measured(
        rate=requests / took, p50=1000 * float(str(result["p50"])), p99=1000 * float(str(result["p99"])),
        service=cpu["service"] * each, postgres=cpu["postgres"] * each, busy=cpu["service"] / took,
        generator=cpu["generator"] / took,
        others=max(0.0, cpu["machine"] - known) / took,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    """A median with its extremes."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle."""
        return statistics.median(self.values)

    def __str__(self) -> str:
        """As it stands in a table."""
        digits = 0 if self.median >= 100 else 1 if self.median >= 10 else 2 if self.median >= 1 else 3
        low, high = min(self.values), max(self.values)
        return f"{self.median:,.{digits}f} [dim]{low:,.{digits}f}-{high:,.{digits}f}[/dim]"


@dataclass(frozen=True, slots=True)
class Series:
    """The windows of one server at one operation, each with the same figures."""

    windows: tuple[Any, ...]

    def figure(self, name: str) -> Figure:
        """One of their figures."""
        return Figure(tuple(getattr(window, name) for window in self.windows))


def ratio(above: Series, below: Series, name: str) -> Figure:
    """How many times more of something, round by round: the two windows of a round share most of their noise."""
    return Figure(tuple(
        getattr(a, name) / getattr(b, name) for a, b in zip(above.windows, below.windows, strict=True)
    ))  # fmt: skip


def alternate(names: Iterable[str], rounds: int, once: Callable[[str, int], Any]) -> dict[str, Series]:
    """Every one in turn, round after round."""
    names = list(names)
    windows: dict[str, list[Any]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names:
            windows[name].append(once(name, number))
    return {name: Series(tuple(found)) for name, found in windows.items()}
