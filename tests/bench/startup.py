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
from pathlib import Path

from tests.bench.contest import Budget
from tests.bench.rounds import Figure
from tests.bench.servers import ROOT, BenchError, free_port

STARTS = 5
LIMITS = {"new": 1.5, "existing": 0.8}
"""Seconds to the first 200 on /readyz, by what the data directory holds."""
PATIENCE = 60.0
LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| ( *)(\S+)")
TOP = 15


def bare_environment() -> dict[str, str]:
    """Imports compiled once and kept, and nothing of this service set."""
    return {n: v for n, v in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE" and not n.startswith("BRAVESPACE_")}


@contextmanager
def started(data_dir: Path) -> Iterator[tuple[int, float]]:
    """The service by its own command. `uv run` stays between us and it, and passes signals on."""
    uv, port = shutil.which("uv"), free_port()
    command = [uv, "run", "--no-sync", "bravespace"] if uv else [str(Path(sys.executable).parent / "bravespace")]
    process = subprocess.Popen(
        [*command, "serve", "--port", str(port), "--data-dir", str(data_dir)], cwd=ROOT, env=bare_environment(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield port, time.perf_counter()
    finally:
        process.terminate()
        process.wait(30)


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


def starts(folder: Path, tell: Callable[[str], None]) -> dict[str, Figure]:
    """A new and then the same database, again and again. The very first start, which compiles, does not count."""
    times: dict[str, list[float]] = {"new": [], "existing": []}
    for number in range(STARTS + 1):
        data_dir = folder / f"start-{number}"
        for kind, found in times.items():
            tell(f"start on a {kind} database, {number} of {STARTS}")
            with started(data_dir) as (port, since):
                took = first_answer(port, since)
            if number:
                found.append(took)
        shutil.rmtree(data_dir)
    return {kind: Figure(tuple(found)) for kind, found in times.items()}


def budgets(times: dict[str, Figure]) -> list[Budget]:
    """The promises about starting."""
    return [Budget(f"start on a {kind} database, s", times[kind], LIMITS[kind], at_most=True) for kind in LIMITS]


def imports() -> list[tuple[str, float, float]]:
    """The modules that take longest themselves or with what they import: name, own and whole milliseconds."""
    code = "import uvicorn, api.cli, infra.database, api.app, uvloop, httptools"
    run = [sys.executable, "-X", "importtime", "-c", code]
    subprocess.run(run, cwd=ROOT, env=bare_environment(), capture_output=True, check=True)
    said = subprocess.run(run, cwd=ROOT, env=bare_environment(), capture_output=True, check=True).stderr.decode()
    found = [(name, int(own) / 1000, int(whole) / 1000) for own, whole, _, name in LINE.findall(said)]
    packages: dict[str, float] = {}
    for name, own, _ in found:
        packages[name.partition(".")[0]] = packages.get(name.partition(".")[0], 0.0) + own
    whole = {name: total for name, _, total in found}
    ranked = sorted(packages.items(), key=lambda item: -item[1])[:TOP]
    return [(name, own, whole.get(name, own)) for name, own in ranked]
