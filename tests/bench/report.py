"""What came out, as tables and as JSON."""

import os
import platform
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.contest import NOISY, Budget, Results
from tests.bench.operations import OPERATIONS
from tests.bench.ratings import Found as Ratings
from tests.bench.rounds import Series, ratio
from tests.bench.startup import Start
from tests.bench.webhooks import RATE, Found
from tests.bench.webhooks import SAYS as SENDERS

SAYS = {"crowd": "the same move, 32 writers", **{operation.name: operation.says for operation in OPERATIONS}}
SERVERS = {
    "small": "small database", "large": "large database", "one practice": "in one practice",
    "32 practices": "in 32 practices",
    "ours": "the service", "keyed": "the service, with an Idempotency-Key", "F": "F: tuned FastAPI + asyncpg",
    "B": "B: bare ASGI + asyncpg", "U": "U: FastAPI + SQLModel session",
}  # fmt: skip
COLUMNS = {
    "service": "service CPU ms", "postgres": "Postgres CPU ms", "rate": "requests/s", "p50": "p50 ms", "p99": "p99 ms"
}  # fmt: skip
BESIDE = (("F", "service"), ("F", "total"), ("B", "service"), ("U", "service"), ("U", "total"))
FULL = 0.90
"""A server that used less of its core than this was held up by something else."""


def wide() -> Console:
    """A console that cuts no figure off."""
    console = Console()
    console.width = max(console.width, 150)
    return console


def table(title: str, *columns: str) -> Table:
    """A table whose first column holds words and whose others hold figures."""
    made = Table(title=title, title_justify="left", title_style="bold")
    for place, column in enumerate(columns):
        made.add_column(column, justify="right" if place else "left", no_wrap=bool(place))
    return made


def show_windows(console: Console, results: Results) -> None:
    """What each server needed for each operation."""
    for name, by_server in results.items():
        made = table(SAYS[name], "median [dim]min-max[/dim]", *COLUMNS.values(), "core", "load")
        for server in sorted(by_server, key=list(SERVERS).index):
            series = by_server[server]
            cells = [str(series.figure(n)) for n in COLUMNS]
            shares = [f"{series.figure(n).median:.0%}" for n in ("busy", "generator")]
            made.add_row(SERVERS[server], *cells, *shares)
        console.print(made)


def show_ratios(console: Console, results: Results) -> None:
    """How many times the CPU of the service each reference needs."""
    made = table("Times the service's CPU", "", "F", "F, with Postgres", "B", "U", "U, with Postgres")
    for name, by_server in results.items():
        for own in ("ours", "keyed"):
            if own in by_server:
                cells = [str(ratio(by_server[other], by_server[own], what)) for other, what in BESIDE]
                made.add_row(SAYS["keyed" if own == "keyed" else name], *cells)
    console.print(made)


def show_budgets(console: Console, budgets: list[Budget]) -> None:
    """The promises, and how they came out."""
    made = table("Budgets", "", "measured", "promised", "")
    for budget in budgets:
        verdict = "[green]met[/green]" if budget.met else "[red]missed[/red]"
        if not (budget.met or budget.judged):
            verdict = "[yellow]not judged: the machine was busy[/yellow]"
        made.add_row(budget.says, str(budget.figure), f"{'<=' if budget.at_most else '>='} {budget.limit:g}", verdict)
    console.print(made)


def show_doubts(console: Console, results: Results) -> None:
    """What a reader should know before believing the figures."""
    every = [(name, server, series) for name, found in results.items() for server, series in found.items()]
    others = max(series.figure("others").median for _, _, series in every)
    if others > NOISY:
        console.print(
            f"[yellow]Other work kept up to {others:.1f} cores busy meanwhile: CPU per request is higher than on a "
            "quiet machine, requests/s and p99 mean little; ratios are of windows side by side.[/yellow]"
        )  # fmt: skip
    held = [f"{server} at {name}" for name, server, series in every if series.figure("busy").median < FULL]
    if held:
        console.print(
            "[yellow]Held up by something else than their own core (Postgres and the load share the other): "
            f"{', '.join(held)}. Their CPU per request stands; their requests/s could be higher.[/yellow]"
        )  # fmt: skip


def show_webhooks(console: Console, found: Found) -> None:
    """What was measured of webhooks."""
    parts = (
        ("A backlog", found.backlogs,
         {"sender": "sender CPU ms", "postgres": "Postgres CPU ms", "rate": "deliveries/s", "busy": "sender's core",
          "receiver": "receiver's"}),
        (f"{RATE:g} a second, from event to receipt; floors: A, a commit", found.delays,
         {"p50": "p50 ms", "p99": "p99 ms", "longest": "longest ms"}),
        ("A backlog with bad receivers", found.drains, {"rate": "healthy deliveries/s", "share": "came in time"}),
    )  # fmt: skip
    for title, by_sender, columns in parts:
        made = table(title, "median [dim]min-max[/dim]", *columns.values())
        for sender, series in by_sender.items():
            made.add_row(SENDERS[sender], *(str(series.figure(name)) for name in columns))
        console.print(made)
    others = max(s.figure("others").median for s in (*found.backlogs.values(), *found.delays.values()))
    if others > NOISY:
        console.print(
            f"[yellow]Other work kept up to {others:.1f} cores busy meanwhile: only ratios mean much.[/yellow]"
        )


def show_ratings(console: Console, found: Ratings) -> None:
    """What looking and drawing need."""
    for title, windows in (("Corrections", found.writes), ("Pictures", found.pictures)):
        made = table(title, "median [dim]min-max[/dim]", *COLUMNS.values())
        for name, series in windows.items():
            made.add_row(name, *(str(series.figure(column)) for column in COLUMNS))
        console.print(made)
    whole = found.whole
    console.print(f"{whole.ratings:,} ratings looked at in {whole.took:.1f} s, {whole.cpu:.1f} s of it Postgres.")


def show_start(console: Console, times: dict[str, Start], imports: list[tuple[str, float, float]]) -> None:
    """How long a start takes, and what is imported meanwhile."""
    made = table(
        "Start", "median [dim]min-max[/dim]", "s to the first 200 on /readyz", "CPU s of the command until then"
    )
    for kind, start in times.items():
        made.add_row(kind, str(start.took), str(start.cpu))
    console.print(made)
    made = table("Imports of a start", "", "its own ms", "with all it brings along")
    for name, own, whole in imports:
        made.add_row(name, f"{own:.1f}", f"{whole:.1f}")
    console.print(made)


def as_json(series: Series) -> dict[str, Any]:
    """The medians, and every window."""
    windows = [asdict(window) for window in series.windows]
    return {"median": {name: series.figure(name).median for name in windows[0]}, "windows": windows}


def machine() -> dict[str, Any]:
    """Where it was measured."""
    return {"cpus": len(os.sched_getaffinity(0)), "kernel": platform.release(), "python": platform.python_version()}


def budget_json(budget: Budget) -> dict[str, Any]:
    """One promise."""
    return {
        "says": budget.says, "median": budget.figure.median, "values": budget.figure.values, "limit": budget.limit,
        "at_most": budget.at_most, "met": budget.met, "judged": budget.judged,
    }  # fmt: skip
