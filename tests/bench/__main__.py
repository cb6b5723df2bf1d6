"""The bench: what the service promises about speed, measured. `uv run python -m tests.bench`

Everything is measured in one run on one embedded database with durable commits, alternately: each round measures the
floor, the service and the other references one after the other, and each promise is a ratio of windows that lie side by
side. The service is the shipped command with every feature on (but the dispatcher, which would be a second load), one
worker. Its process has one core; Postgres and the load generator share another. CPU is CPU-seconds per 1,000 requests,
which are milliseconds per request, of the service's process and of Postgres apart. Any answer but success ends the run.

    F   the floor of the stack: the smallest ordinary FastAPI application on asyncpg, tuned, with the same SQL
    B   what Python itself allows: a bare ASGI function on asyncpg, with the same SQL
    U   the usual way: FastAPI and an SQLModel session, with every default

32 connections, each in a practice of its own, with 128 therapists' tokens and random ids. Each practice has a webhook
endpoint, so a move writes four rows: the repair, the practice's counter, the event, the delivery. Each window of a
write begins with the same rows. Linux only: CPU and cores are read from /proc.

`webhooks` measures what delivering them costs, on the same cores: the sender on the one, Postgres and a receiver on the
other. CPU is of the sender and of Postgres for it.

    A   the floor: a bare loop that signs and posts the same webhooks with the service's client, without a database
    B   the usual way: a worker with a SQLModel session and httpx, one statement for each step

First with a backlog, then at 100 events a second, then with a backlog where 20 of 200 receivers hang, fail or refuse.

`ratings` measures what the detectors add to a write in a therapy of 200 sessions, how long they look at a practice of
100,000 ratings on one core, and how long pictures take.

    --big     the service with a million events in 200 practices beside a small database; 32 writers in one practice.
              With `webhooks`: 100,000 deliveries beside the bad receivers instead of 20,000
    --start   from the command to the first answer, on a new and on an existing database; where imports take their time
    --check   leave non-zero when a budget is missed; otherwise budgets are only shown
"""

import asyncio
import json
import logging
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from tests.bench import contest, ratings, report, scale, startup, webhooks
from tests.bench.contest import Budget
from tests.bench.cpu import cores
from tests.bench.rounds import Rig
from tests.bench.servers import BenchError

Tell = Callable[[str], None]


class Part(StrEnum):
    """What is measured."""

    REQUESTS = "requests"
    WEBHOOKS = "webhooks"
    RATINGS = "ratings"


def main(
    part: Annotated[Part, typer.Argument(help="What is measured.")] = Part.REQUESTS,
    seconds: Annotated[
        float | None, typer.Option(min=0.5, help="Length of one window; 2.5, for webhooks 5.", show_default=False)
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Windows of each server at each operation.")] = 3,
    quick: Annotated[bool, typer.Option("--quick", help="One short round: whether it works, not how fast.")] = False,
    big: Annotated[bool, typer.Option("--big", help="The large database instead.")] = False,
    start: Annotated[bool, typer.Option("--start", help="Start-up instead.")] = False,
    patience: Annotated[float, typer.Option(help="Seconds to wait before each window for other work to pause.")] = 0.0,
    to: Annotated[Path | None, typer.Option("--json", help="Write everything to this file as well.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Non-zero when a budget is missed.")] = False,
) -> None:
    """Measure what the service promises about speed."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    console = report.wide()
    sending, rated = part is Part.WEBHOOKS, part is Part.RATINGS
    seconds, rounds = (1.0, 1) if quick else (seconds or (5.0 if sending else 2.5), rounds)
    if part is not Part.REQUESTS and start:
        raise typer.BadParameter("Start-up is measured by itself.", param_hint="--start")

    def rig_of(postmaster: int) -> Rig:
        return Rig(postmaster, cores()[1], seconds, min(1.0, seconds / 3), rounds, patience)

    with tempfile.TemporaryDirectory(prefix="bravespace-bench-") as folder, console.status("starting") as status:
        try:
            delivering = partial(delivering_at, webhooks.QUICK if quick else webhooks.BIG if big else webhooks.SMALL)
            looking = partial(looking_at, ratings.QUICK if quick else ratings.USUAL)
            others = starting if start else growing if big else contesting
            measure = delivering if sending else looking if rated else others
            budgets, found = measure(console, Path(folder), rig_of, status.update)
        except BenchError as error:
            console.print(f"[red]{error}[/red]", markup=True)
            raise typer.Exit(2) from None
    report.show_budgets(console, budgets)
    if to:
        whole = {"machine": report.machine(), "budgets": [report.budget_json(b) for b in budgets], **found}
        to.write_text(json.dumps(whole, indent=1))
    missed = [budget for budget in budgets if budget.judged and not budget.met]
    raise typer.Exit(1 if check and missed else 0)


def contesting(
    console: Console, folder: Path, rig_of: Callable[[int], Rig], tell: Tell
) -> tuple[list[Budget], dict[str, Any]]:
    """The default run."""
    results = asyncio.run(contest.contest(folder, rig_of, tell))
    report.show_windows(console, results)
    report.show_ratios(console, results)
    report.show_doubts(console, results)
    found = {name: {server: report.as_json(s) for server, s in by.items()} for name, by in results.items()}
    return contest.budgets(results), {"operations": found}


def growing(
    console: Console, folder: Path, rig_of: Callable[[int], Rig], tell: Tell
) -> tuple[list[Budget], dict[str, Any]]:
    """The large database."""
    results, crowd = asyncio.run(scale.grow(folder, rig_of, tell))
    report.show_windows(console, {**results, "crowd": crowd})
    report.show_doubts(console, results)
    every = {**results, "crowd": crowd}
    found = {name: {size: report.as_json(s) for size, s in by.items()} for name, by in every.items()}
    return scale.budgets(results), {"scale": found}


def starting(
    console: Console, folder: Path, rig_of: Callable[[int], Rig], tell: Tell
) -> tuple[list[Budget], dict[str, Any]]:
    """Start-up."""
    times, imports = startup.starts(folder, tell), startup.imports()
    report.show_start(console, times, imports)
    seconds = {kind: {"took": start.took.values, "cpu": start.cpu.values} for kind, start in times.items()}
    return startup.budgets(times), {"start": seconds, "imports": imports}


def delivering_at(
    scale: webhooks.Scale, console: Console, folder: Path, rig_of: Callable[[int], Rig], tell: Tell
) -> tuple[list[Budget], dict[str, Any]]:
    """Webhooks."""
    found = asyncio.run(webhooks.deliver(folder, rig_of, scale, tell))
    report.show_webhooks(console, found)
    parts = {"backlogs": found.backlogs, "delays": found.delays, "drains": found.drains}
    told = {part: {sender: report.as_json(s) for sender, s in by.items()} for part, by in parts.items()}
    return webhooks.budgets(found), {"webhooks": told}


def looking_at(
    scale: ratings.Scale, console: Console, folder: Path, rig_of: Callable[[int], Rig], tell: Tell
) -> tuple[list[Budget], dict[str, Any]]:
    """Ratings."""
    found = asyncio.run(ratings.rate(folder, rig_of, scale, tell))
    report.show_ratings(console, found)
    told = {part: {name: report.as_json(s) for name, s in by.items()}
            for part, by in (("writes", found.writes), ("pictures", found.pictures))}  # fmt: skip
    return ratings.budgets(found, scale), {**told, "whole": asdict(found.whole)}


if __name__ == "__main__":
    typer.run(main)
