"""How long from the command to the first answer, with the environment ready, and which imports that goes to."""

import http.client
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.bench.contest import Budget
from tests.bench.cpu import spent
from tests.bench.rounds import Figure
from tests.bench.servers import ROOT, BenchError, free_port

STARTS = 5
LIMITS = {"new": 1.5, "existing": 0.8}
"""Seconds to the first 200 on /readyz, by what the data directory holds."""
REFERENCE = 0.42
"""Seconds that the bare stack took on the machine those limits were set on; elsewhere the shares of it are what counts."""
BARE = "bare stack"
PATIENCE = 60.0
LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| +(\S+)")
TOP = 15


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds to the first answer, and CPU-seconds of the command until then."""

    took: Figure
    cpu: Figure


def bare_environment() -> dict[str, str]:
    """Imports compiled once and kept, and nothing of this service set."""
    return {n: v for n, v in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE" and not n.startswith("BRAVESPACE_")}


@contextmanager
def started(kind: str, data_dir: Path) -> Iterator[tuple[int, int, float]]:
    """The service by its own command, or the bare stack. `uv run` stays between us and it, and passes signals on."""
    uv, port = shutil.which("uv"), free_port()
    run, tools = ([uv, "run", "--no-sync"], "") if uv else ([], f"{Path(sys.executable).parent}/")
    ours = [f"{tools}bravespace", "serve", "--port", str(port), "--data-dir", str(data_dir)]
    words = [f"{tools}python", "-m", "tests.bench.nothing", str(port)] if kind == BARE else ours
    since = time.perf_counter()
    process = subprocess.Popen(
        [*run, *words], cwd=ROOT, env=bare_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )  # fmt: skip
    try:
        yield process.pid, port, since
    finally:
        process.terminate()
        process.wait(PATIENCE)
        # The embedded server may outlive the service by a moment, and the next start is not to find it running.
        while (data_dir / "postgres" / "postmaster.pid").exists():
            time.sleep(0.02)


def first_answer(port: int, since: float) -> float:
    """Seconds until the first 200 on /readyz."""
    while time.perf_counter() - since < PATIENCE:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with suppress(OSError):
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return time.perf_counter() - since
        connection.close()
        time.sleep(0.004)
    raise BenchError("The service did not start.")


def starts(folder: Path, tell: Callable[[str], None]) -> dict[str, Start]:
    """A new and then the same database, again and again. The very first start, which compiles, does not count."""
    found: dict[str, list[tuple[float, float]]] = {BARE: [], "new": [], "existing": []}
    for number in range(STARTS + 1):
        for kind, times in found.items():
            tell(f"start: {kind}, {number} of {STARTS}")
            with started(kind, folder / f"start-{number}") as (pid, port, since):
                took = first_answer(port, since)
                times.append((took, spent({"start": pid})["start"]))
    return {kind: Start(*(Figure(values) for values in zip(*times[1:], strict=True))) for kind, times in found.items()}


def budgets(found: dict[str, Start]) -> list[Budget]:
    """The promises about starting."""
    seconds = [Budget(f"start, {kind} database, s", found[kind].took, LIMITS[kind], at_most=True) for kind in LIMITS]
    bare = found[BARE].took.median
    shares = [
        Budget(
            f"start, {kind} database, times the bare stack", Figure(tuple(took / bare for took in found[kind].took.values)),
            LIMITS[kind] / REFERENCE, at_most=True,
        )
        for kind in LIMITS
    ]  # fmt: skip
    return seconds + shares


def imports() -> list[tuple[str, float, float]]:
    """Where importing takes its time: module or package, own milliseconds, and those of all that it brings along."""
    code = "import uvicorn, api.cli, infra.database, api.app, uvloop, httptools"
    run = [sys.executable, "-X", "importtime", "-c", code]
    best: dict[str, tuple[float, float]] = {}
    for _ in range(STARTS):
        said = subprocess.run(run, cwd=ROOT, env=bare_environment(), capture_output=True, check=True).stderr.decode()
        for own, whole, name in LINE.findall(said):
            before = best.get(name, (float("inf"), float("inf")))
            best[name] = (min(before[0], int(own) / 1000), min(before[1], int(whole) / 1000))
    packages: dict[str, float] = {}
    for name, (own, _) in best.items():
        packages[name.partition(".")[0]] = packages.get(name.partition(".")[0], 0.0) + own
    modules = sorted(((name, own, whole) for name, (own, whole) in best.items()), key=lambda row: -row[1])[:TOP]
    largest = sorted(((f"{n} (all of it)", own, own) for n, own in packages.items()), key=lambda row: -row[1])[:TOP]
    return [*largest, *modules]
