"""The `bravespace` command."""

import gc
import os
import signal
import sys
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid4

import typer

from domain.access import Role

app = typer.Typer(
    help="Bravespace: the alliance layer of a mental-health record.", no_args_is_help=True, add_completion=False,
    context_settings={"auto_envvar_prefix": "BRAVESPACE"},
    pretty_exceptions_enable=False,
)  # fmt: skip
practices = typer.Typer(help="Practices: the tenants.", no_args_is_help=True)
app.add_typer(practices, name="practice")

DataDir = Annotated[
    Path, typer.Option(envvar="BRAVESPACE_DATA_DIR", help="Keys, and the embedded database when no URL is set.")
]  # fmt: skip
Bearer = Enum("Bearer", {role.name: role.value for role in Role if role is not Role.POLICY})  # type: ignore[misc]
"""Who bears a token; what follows by itself bears none."""
HERE = Path(".bravespace")
Json = Annotated[bool, typer.Option("--json", help="Say it in JSON.")]


def configured(data_dir: Path, **more: Any) -> Any:
    """The settings, with what the command line says; child processes see the same."""
    from infra.settings import settings

    said = {"data_dir": data_dir, **{n: v for n, v in more.items() if v is not None}}
    os.environ |= {f"BRAVESPACE_{n.upper()}": str(v) for n, v in said.items()}
    settings.cache_clear()
    return settings()


@app.command()
def serve(
    host: Annotated[str, typer.Option(envvar="BRAVESPACE_HOST")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="BRAVESPACE_PORT")] = 8000,
    workers: Annotated[
        int,
        typer.Option(
            envvar="BRAVESPACE_WORKERS",
            min=1,
            help="Processes behind this one port. /metrics is that of whichever answers: run several services instead "
            "where it is scraped.",
        ),
    ] = 1,
    dispatch: Annotated[bool, typer.Option(envvar="BRAVESPACE_DISPATCH", help="Deliver webhooks as well.")] = True,
    data_dir: DataDir = HERE,
) -> None:
    """The service: the API, and webhook delivery unless told otherwise."""
    # What is imported now stays: nothing to collect until it is all there (`api.app` freezes it and collects again).
    gc.disable()
    # The embedded server starts while everything else is still being imported.
    cluster = None if os.environ.get("BRAVESPACE_DATABASE_URL") else begin(data_dir)
    config = configured(data_dir, dispatch=dispatch)
    if config.database_url:
        from infra.database import reachable

        run(lambda: reachable(config.database_url))
    import uvicorn

    # The server hands the signal on when it is done; by default that ends the process with the database still held.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        uvicorn.run(
            "api.app:create_app", factory=True, host=host, port=port, workers=workers, access_log=False,
            log_level="warning", loop="uvloop", http="httptools", timeout_graceful_shutdown=3, server_header=False,
        )  # fmt: skip
    finally:
        if cluster:
            cluster().release()


def begin(data_dir: Path) -> Callable[[], Any]:
    """Begin to start the embedded server; what comes back waits for it."""
    from infra import embedded

    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    durable = os.environ.get("BRAVESPACE_DURABLE", "1").lower() not in ("0", "false", "no", "off")
    return embedded.start_in_background(data_dir.resolve(), durable=durable)


@app.command()
def dispatch(
    metrics_port: Annotated[
        int | None, typer.Option(envvar="BRAVESPACE_METRICS_PORT", help="Serve its metrics here, for Prometheus.")
    ] = None,
    host: Annotated[str, typer.Option(envvar="BRAVESPACE_HOST", help="Where its metrics are served.")] = "127.0.0.1",
    data_dir: DataDir = HERE,
) -> None:
    """Webhook delivery only. Any number of these may run beside any number of services."""
    config = configured(data_dir)
    from infra.standalone import deliver

    def begun(dispatcher: Any) -> None:
        if metrics_port is not None:
            from api.metrics import Metrics

            Metrics(dispatcher.tally).serve(host, metrics_port)

    run(lambda: deliver(config, begun), lasting=True)


@practices.command("add")
def add_practice(name: Annotated[str, typer.Argument(help="What it is called.")], data_dir: DataDir = HERE) -> None:
    """A new practice. Prints its id and nothing else."""
    config = configured(data_dir)
    from infra.standalone import found

    if not name.strip() or len(name) > 200 or "\x00" in name:
        raise typer.BadParameter("A name has 1 to 200 characters.")
    id = uuid4()
    run(lambda: found(config, id, name.strip()))
    typer.echo(id)


@app.command()
def token(
    practice: Annotated[UUID, typer.Option(help="The practice's id.")],
    role: Annotated[Bearer, typer.Option(help="What the bearer is to the practice.")],
    subject: Annotated[str | None, typer.Option(help="The therapist's or client's id, or the script's name.")] = None,
    scope: Annotated[
        str | None, typer.Option(help="Scopes, with spaces; all that the role can use when left out.")
    ] = None,
    ttl: Annotated[int, typer.Option(min=1, help="Seconds until it expires.")] = 3600,
    data_dir: DataDir = HERE,
) -> None:
    """A token signed with the local keys. Prints the token and nothing else."""
    from domain.catalog import scopes_of
    from infra.keys import Keys
    from infra.standalone import known

    who = Role(role.value)
    if unknown := set((scope or "").split()) - scopes_of(who):
        can = ", ".join(sorted(scopes_of(who)))
        detail = f"No use to the role {who}: {', '.join(sorted(unknown))}. It can use: {can}."
        raise typer.BadParameter(detail, param_hint="--scope")
    if who in (Role.THERAPIST, Role.CLIENT):
        try:
            UUID(subject or "")
        except ValueError:
            raise typer.BadParameter(f"The {who}'s id.", param_hint="--subject") from None
    config = configured(data_dir)
    if not run(lambda: known(config, practice)):
        raise typer.BadParameter("There is no such practice here; bravespace practice add.", param_hint="--practice")
    typer.echo(Keys(config).issue(practice, who, subject or f"{who}-script", scope, ttl))


@app.command()
def migrate(data_dir: DataDir = HERE) -> None:
    """Bring a database up to date. `serve` does it for the embedded one."""
    config = configured(data_dir)
    from infra.standalone import bring_up_to_date

    run(lambda: bring_up_to_date(config))


@app.command()
def verify(data_dir: DataDir = HERE, as_json: Json = False) -> None:
    """Prove that the log and the rows agree: fold(events) == row, dense numbers, no orphan deliveries."""
    config = configured(data_dir)
    from infra.standalone import proof

    report = run(lambda: proof(config))
    if as_json:
        import json

        typer.echo(json.dumps(report))
    else:
        for fault in report["faults"]:
            typer.echo(fault, err=True)
        counts = ", ".join(f"{count} {name}" for name, count in report["counted"].items())
        typer.echo(f"{len(report['faults'])} faults in {counts}.")
    raise typer.Exit(1 if report["faults"] else 0)


@app.command()
def redetect(
    practice: Annotated[UUID | None, typer.Option(help="One practice's id; all of them when left out.")] = None,
    data_dir: DataDir = HERE,
    as_json: Json = False,
) -> None:
    """Look at all ratings again: after a practice chose other detectors, or an update brought new versions of them.

    Signals that no longer hold are superseded, new ones raised. It may be stopped and run again, beside the service.
    """
    config = configured(data_dir)
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from infra.standalone import redetect as looked_again

    columns = TextColumn("relationships"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("", total=None)
        try:
            found = run(lambda: looked_again(
                config, practice, lambda total: progress.update(bar, total=total), lambda: progress.advance(bar)
            ))  # fmt: skip
        except LookupError as error:
            raise typer.BadParameter(str(error), param_hint="--practice") from None
    told = {"relationships": found["relationships"]} | {
        event: found[f"signal.{event}"] for event in ("raised", "superseded", "firmed_up")
    }  # fmt: skip
    if as_json:
        import json

        typer.echo(json.dumps(told))
    else:
        from domain.telling import counted

        typer.echo(
            f"{counted(told['relationships'], 'relationship')} looked at; signals: {told['raised']} raised, "
            f"{told['superseded']} superseded, {told['firmed_up']} firmed up."
        )


@app.command()
def document(
    folder: Annotated[Path, typer.Argument(help="Where to.")] = Path("openapi"),
) -> None:
    """Write the documents anew from the tables."""
    from api.document import write

    for path in write(folder):
        typer.echo(path)


@app.command()
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Leave after the walk; non-zero if a step or signature failed.")
    ] = False,
    port: Annotated[int, typer.Option(envvar="BRAVESPACE_PORT")] = 8000,
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep its data here. Left out: a folder of its own, fresh.")
    ] = None,
) -> None:
    """See it all: public example data, a rupture and its repair, endings, and every webhook verified."""
    from api.demo import walk

    raise typer.Exit(walk(once=once, port=port, data_dir=data_dir))


def run(work: Callable[[], Any], *, lasting: bool = False) -> Any:
    """Run something that talks to the database; say plainly what is wrong when it cannot.

    `lasting`: it goes on until it is stopped, and a faster event loop is worth loading.
    """
    import asyncio

    from infra.database import UNREACHABLE
    from infra.embedded import EmbeddedPostgresError

    try:
        with asyncio.Runner(loop_factory=fast_loop if lasting else None) as runner:
            return runner.run(work())
    except EmbeddedPostgresError as error:
        typer.echo(str(error), err=True)
    except UNREACHABLE as error:
        typer.echo(
            f"The database cannot be reached ({type(error).__name__}); look at BRAVESPACE_DATABASE_URL.", err=True
        )
    raise typer.Exit(3)


def fast_loop() -> Any:
    """The event loop that `serve` has as well."""
    import uvloop

    return uvloop.new_event_loop()


if __name__ == "__main__":
    app()
