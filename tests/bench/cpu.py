"""CPU-seconds and cores of processes, read from /proc, so that no cgroup is needed. Linux only."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")
QUIET = 0.15
"""So many cores kept busy by others are quiet."""
PARENT, TIMES = 1, slice(11, 15)
"""Where a process's `stat` line, after its name, has its parent, and utime, stime, cutime and cstime."""


def stats() -> dict[int, list[str]]:
    """Every live process's `stat` line, after its name, which may contain anything."""
    found = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
    return found


def family(root: int, table: dict[int, list[str]]) -> Iterator[int]:
    """A process and all that live below it."""
    yield root
    for pid, line in table.items():
        if int(line[PARENT]) == root:
            yield from family(pid, table)


def spent(roots: dict[str, int]) -> dict[str, float]:
    """CPU-seconds of each process with its children, those that have exited included."""
    table = stats()
    return {
        name: sum(int(ticks) for pid in family(root, table) if pid in table for ticks in table[pid][TIMES]) / TICK
        for name, root in roots.items()
    }  # fmt: skip


def busy() -> float:
    """CPU-seconds that the whole machine has spent, what a hypervisor took from it included."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, (PROC / "stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICK


def wait_for_quiet(patience: float) -> None:
    """Wait until nobody else keeps the machine busy, for so many seconds at most."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        before, since = busy(), time.monotonic()
        time.sleep(0.25)
        if busy() - before < QUIET * (time.monotonic() - since):
            return


def pin(root: int, core: int | None) -> None:
    """Keep a process, its threads and its children on one core; what they start later inherits it."""
    if core is None:
        return
    for pid in family(root, stats()):
        for thread in (PROC / str(pid) / "task").glob("*"):
            try:
                os.sched_setaffinity(int(thread.name), {core})
            except ProcessLookupError:
                continue


def cores() -> tuple[int | None, int | None]:
    """One core for the service, another for the database and the load; nothing is pinned where there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else (None, None)
