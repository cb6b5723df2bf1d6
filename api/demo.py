"""`bravespace demo`: the real service on a database of its own, stories over plain HTTP, every webhook verified.

Who came to which session is read from a public data set.
"""

import asyncio
import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from io import TextIOWrapper
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import aiohttp
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from api.courses import GOES_ON, SESSIONS, SOURCE, STAYED, THERAPISTS, became, bring_in_all, courses
from api.goodbye import good_goodbye
from api.partings import client_falls_silent, client_leaves, learnt, therapist_falls_ill, transfer
from api.receiver import Heard, Receiver
from api.simulated import rated_course
from api.stage import Failed, Pair, Stage, Voice
from api.stories import dismissed_suspicion, rupture_and_repair
from domain.access import Role
from infra.database import UNREACHABLE
from infra.embedded import EmbeddedPostgresError
from infra.keys import Keys
from infra.settings import Settings
from infra.standalone import found

TOLD = [
    "signal.*",
    "rupture.*",
    "repair.*",
    "termination_plan.*",
    "relationship.transition_entered",
    "relationship.ended",
]
"""What the webhook endpoint subscribes to."""
PING = "webhook_endpoint.pinged"
"""What it is sent before anything else."""
PATIENCE = 15
"""How long the last webhook may take, in seconds."""
START, STOP = 120, 30
"""How long the service may take to start and to stop, in seconds."""
WIDTH = 100
SCOPE = (
    "relationships.read sessions.read alliance-ratings.read signals.read ruptures.read ruptures.write repairs.read "
    "events.read"
)
"""What the token that is shown may do."""
STRETCH = 100
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def walk(*, once: bool, port: int, data_dir: Path | None) -> int:
    """The whole demo. Returns the exit code: 1 when something failed, 2 when the port cannot be had."""
    if isinstance(sys.stdout, TextIOWrapper):
        # A terminal that has no arrows and ticks shows question marks instead.
        sys.stdout.reconfigure(errors="replace")
    show, complain = Console(highlight=False, markup=False), Console(stderr=True, highlight=False, markup=False)
    show.width = min(show.width, WIDTH) if show.is_terminal else WIDTH
    try:
        port = free(port)
    except (OSError, OverflowError) as error:
        why = "is taken" if getattr(error, "errno", None) == errno.EADDRINUSE else "cannot be used"
        complain.print(f"Port {port} {why}. Choose another with --port; --port 0 finds a free one.", soft_wrap=True)
        return 2
    try:
        folder = home(data_dir)
        asyncio.run(tour(show, folder, port, once=once))
    except (Failed, EmbeddedPostgresError, aiohttp.ClientError, OSError) as failed:
        complain.print(f"The demo failed: {str(failed) or type(failed).__name__}", soft_wrap=True)
        return 1
    except (asyncio.CancelledError, KeyboardInterrupt):
        complain.print("Stopped half-way.")
        return 130
    if once and not data_dir:
        shutil.rmtree(folder, ignore_errors=True)
        show.print("Its folder is gone with it; --data-dir keeps one.")
    return 0


def home(data_dir: Path | None) -> Path:
    """Where the data is kept: as told, or in a fresh folder."""
    if data_dir is None:
        return Path(tempfile.mkdtemp(prefix="bravespace-demo-"))
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Failed(f"{data_dir} cannot be the data directory ({error.strerror}).") from None
    return data_dir.absolute()


def free(port: int) -> int:
    """The port, or any free one for 0. Raises OSError when it is taken."""
    with socket.socket() as probe:
        # As the service will: a port whose last user has just gone is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        chosen: int = probe.getsockname()[1]
        return chosen


async def tour(show: Console, folder: Path, port: int, *, once: bool) -> None:
    """From the first start to the last line."""
    cancelled_by_signals(show)
    address = f"http://127.0.0.1:{port}"
    quick = aiohttp.ClientTimeout(total=30)
    began = time.monotonic()
    async with (
        Receiver() as receiver, service(folder, port) as child, aiohttp.ClientSession(address, timeout=quick) as http
    ):  # fmt: skip
        show.print("Starting Bravespace with a PostgreSQL of its own.", style="bold")
        show.print(f"  Data, keys and log go to {folder}", soft_wrap=True)
        keys_and_practice, _ = await asyncio.gather(new_practice(folder), ready(http, child, folder))
        stage = Stage(show, http, address, *keys_and_practice)
        show.print(f"  It answers at {address} after {time.monotonic() - began:.1f} s.")
        story = await told(stage, receiver)
        await all_arrived(stage, receiver)
        await timeline(stage, story.pair)
        await where_to_look(stage, story, folder, min(receiver.heard) - 1)
        show.print(f"\nAll of this took {time.monotonic() - began:.1f} s.")
        if once:
            show.print("This was --once: the service stops now. Without it, it goes on for you to try these.")
            return
        receiver.tell = lambda heard: show.print(Text("  ").join(row_of(heard)))
        show.print("The service goes on until you press Ctrl-C; webhooks that arrive meanwhile are shown here.\n")
        with suppress(asyncio.CancelledError):
            await asyncio.to_thread(child.wait)
            raise Failed(f"the service stopped by itself; its log is {folder / 'service.log'}")
    show.print("Stopped. Everything that was recorded is kept; to go on with it:")
    show.print(f"  bravespace serve --data-dir {folder}", soft_wrap=True)


def cancelled_by_signals(show: Console) -> None:
    """Let Ctrl-C and its like cancel this task once: what is open is closed in order, whatever comes after."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def stop() -> None:
        for name in SIGNALS:
            loop.add_signal_handler(name, lambda: None)
        if task and task.cancel():
            show.print("\nStopping.")

    for name in SIGNALS:
        loop.add_signal_handler(name, stop)


# -- the service ---------------------------------------------------------------------------------------------------


def started(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """The service, as a child process with nothing but the demo's own settings."""
    around = {name: value for name, value in os.environ.items() if not name.startswith("BRAVESPACE_")}
    here = str(Path(str(files("api"))).parent)
    around["PYTHONPATH"] = os.pathsep.join(filter(None, [here, around.get("PYTHONPATH")]))
    with (folder / "service.log").open("ab") as log:
        return subprocess.Popen(
            # -P: a folder called api where the demo is started must not be taken for ours.
            [sys.executable, "-P", "-m", "api.cli", "serve", "--port", str(port), "--data-dir", str(folder)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=around | {"BRAVESPACE_WEBHOOK_ALLOW_LOOPBACK": "1"},
            # Ctrl-C reaches everything in a terminal at once; the service is to be stopped after what it serves.
            start_new_session=True,
        )  # fmt: skip


@asynccontextmanager
async def service(folder: Path, port: int) -> AsyncIterator[subprocess.Popen[bytes]]:
    """The service, stopped when the context is left."""
    child = started(folder, port)
    try:
        yield child
    finally:
        child.terminate()
        try:
            await asyncio.to_thread(child.wait, STOP)
        except subprocess.TimeoutExpired:
            child.kill()


async def ready(http: aiohttp.ClientSession, child: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait until the service answers that it is."""
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        if child.poll() is not None:
            said = (folder / "service.log").read_text(errors="replace").split("\n")
            raise Failed(f"the service did not start: {' '.join(said[-4:]).strip()}")
        with suppress(aiohttp.ClientError, TimeoutError):
            async with http.get("/readyz") as answer:
                if answer.status == 200:
                    return
        await asyncio.sleep(0.02)
    raise Failed(f"GET /readyz was not answered with 200 within {START} s; the log is {folder / 'service.log'}")


async def new_practice(folder: Path) -> tuple[Keys, UUID]:
    """The keys of the installation and a new practice, as `practice add` and `token` go about it."""
    # The defaults: what the environment says is for a service of somebody's own.
    settings, practice = Settings.model_construct(data_dir=folder), uuid4()
    try:
        await found(settings, practice, "A practice to look at")
    except UNREACHABLE as error:
        raise Failed(f"the practice could not be founded ({type(error).__name__}).") from None
    return Keys(settings), practice


# -- the walk ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Story:
    """What there is to look at afterwards: the first story, the planned ending, and the simulated course."""

    pair: Pair
    rupture_id: str
    ended: Pair
    """Those whose ending was planned."""
    plan: str
    """The address of its plan."""
    rated_id: str
    """The relationship with the simulated ratings."""


async def told(stage: Stage, receiver: Receiver) -> Story:
    """Everything that happens, in its order."""
    desk = stage.voice(Role.INTEGRATION, "demo")
    stage.headline("Before anything happens")
    endpoint = await stage.step("A webhook endpoint. Its secret is shown this once; the receiver verifies with it.",
        desk, "POST /v1/webhook-endpoints", {"url": receiver.url, "event_types": TOLD})  # fmt: skip
    receiver.trust(endpoint["secret"])
    policy = await stage.step("The practice adopts a policy on late cancellations.", desk, "POST /v1/policies", {
        "kind": "late_cancellation", "title": "Late cancellation", "edition": "1",
        "wording": "A session missed, or cancelled less than 24 hours ahead, is charged in full."})  # fmt: skip
    pairs = await imported(stage, desk)
    rupture_id = await rupture_and_repair(stage, pairs[12], policy["id"])
    await dismissed_suspicion(stage, pairs[28])
    plan = await good_goodbye(stage, desk, pairs[31])
    await client_leaves(stage, pairs[8])
    await client_falls_silent(stage, desk, pairs[15])
    await transfer(stage, desk, pairs[4])
    await therapist_falls_ill(stage, desk, pairs[14], pairs[13])
    rated_id = await rated_course(stage, desk, pairs[12])
    await learnt(stage)
    return Story(pairs[12], rupture_id, pairs[31], plan, rated_id)


async def imported(stage: Stage, desk: Voice) -> dict[int, Pair]:
    """The public data, in the service, with what was made of it."""
    everybody, began = courses(), time.monotonic()
    sessions, missed = SESSIONS * len(everybody), sum(course.attended.count(False) for course in everybody)
    stage.headline(
        f"{len(everybody)} courses of therapy from public example data ({SOURCE}, MIT)",
        "A session with a depression or rumination score was held; one with neither is recorded as missed. Nothing "
        "is filled in. Baseline and follow-ups are no sessions. The last session lies in the past week. The "
        "depression scores come along, as those of an instrument of the practice's own. Made up is how they ended (as "
        f"planned for who came to {STAYED} sessions or more, the others left) and what happens in the stories below.",
    )
    pairs = await bring_in_all(stage, desk, everybody)
    scores = sum(score is not None for course in everybody for score in course.depression)
    stage.say(
        f"{len(pairs)} courses of therapy imported: {sessions - missed} sessions held, {missed} missed, "
        f"{scores} scores, {len(THERAPISTS)} therapists, {len(pairs) - len(GOES_ON)} endings, "
        f"in {time.monotonic() - began:.1f} s."
    )
    await became(stage, pairs[31], 31)
    return pairs


async def all_arrived(stage: Stage, receiver: Receiver) -> None:
    """Hold what the receiver verified against the change feed. Raises Failed when they differ."""
    expected = await everything(stage.voice(Role.INTEGRATION, "demo"), "/v1/events", {"types": ",".join((*TOLD, PING))})
    missing = await receiver.wait_for((event["seq"] for event in expected), PATIENCE)
    if receiver.refused:
        raise Failed(f"a webhook's signature does not hold: {receiver.refused[0]}.")
    if missing:
        names = ", ".join(f"{event['seq']} {event['type']}" for event in expected if event["seq"] in missing)
        raise Failed(f"webhooks that did not arrive within {PATIENCE} s: {names}.")
    for event in expected:
        if receiver.heard[event["seq"]] != Heard(event["seq"], event["type"], event["from"], event["to"]):
            raise Failed(f"the webhook and the feed tell event {event['seq']} differently.")
    if len(receiver.heard) > len(expected):
        raise Failed("a webhook arrived of which the change feed knows nothing.")
    stage.headline(
        "What the webhook receiver was told",
        "Each signature verified with the standardwebhooks library. What went the same way is told in one line.",
    )
    table = Table(box=None, padding=(0, 2, 0, 2), show_header=False)
    for whole in (True, False, True):
        table.add_column(no_wrap=whole)
    for who, names, count in gathered(expected):
        table.add_row(Text(who, "dim"), names, Text(f"✓ {count} verified", "green"))
    stage.show.print(table)
    stage.show.print(f"  All {len(expected)} events arrived, as the change feed has them, and all signatures hold.")


def gathered(events: list[dict[str, Any]]) -> Iterator[tuple[str, str, int]]:
    """What the events were about, their names, and how many; things of one kind that went the same way together."""
    of_each: dict[str, list[str]] = {}
    for event in events:
        of_each.setdefault(event["id"], []).append(event["type"])
    alike: dict[tuple[str, ...], list[str]] = {}
    for id, types in of_each.items():
        alike.setdefault(tuple(types), []).append(id)
    for same, ids in alike.items():
        kind = same[0].partition(".")[0].replace("_", " ")
        names = ", ".join(often(name.partition(".")[2], len(list(run))) for name, run in groupby(same))
        yield f"{kind} ..{ids[0][-4:]}" if len(ids) == 1 else f"{len(ids)} {kind}s", names, len(same) * len(ids)


def often(words: str, times: int) -> str:
    """Something that happened so many times in a row."""
    return f"{words} ({times} times)" if times > 1 else words


def row_of(heard: Heard) -> tuple[Text, Text, Text, Text]:
    """A verified webhook as it is shown."""
    moved = f"{heard.source} → {heard.to}" if heard.source != heard.to else f"stays {heard.to}"
    return Text(f"{heard.seq:>4}", "dim"), Text(heard.type), Text(moved, "cyan"), Text("✓ verified", "green")


async def everything(who: Voice, path: str, query: dict[str, str]) -> list[dict[str, Any]]:
    """Every entry of the feed or a timeline, stretch by stretch."""
    entries: list[dict[str, Any]] = []
    after, more = 0, True
    while more:
        stretch = await who.get(f"{path}?{urlencode({**query, 'after': after, 'limit': STRETCH})}")
        entries += stretch["items"]
        after, more = stretch["next_after"], len(stretch["items"]) == STRETCH
    return entries


async def timeline(stage: Stage, pair: Pair) -> None:
    """What the therapist reads in the relationship of the first story."""
    stage.headline("The timeline of the first story", "GET /v1/relationships/{id}/timeline, as the therapist sees it.")
    who = {"client": "the client", "therapist": pair.name, "integration": "the system", "policy": "by itself"}
    table = Table(box=None, padding=(0, 2), show_header=False)
    entries = await everything(pair.therapist, f"/v1/relationships/{pair.relationship_id}/timeline", {})
    for (kind, says), same in groupby(entries, lambda entry: (entry["actor"]["kind"], entry["says"])):
        table.add_row(Text(who[kind], "dim"), often(says, len(list(same))))
    stage.show.print(table)


async def where_to_look(stage: Stage, story: Story, folder: Path, after: int) -> None:
    """Pages to open, and requests to copy."""
    stage.headline("Where to look")
    pages = {"/docs": "every call, to try out", "/openapi.json": "the same for machines", "/metrics": "for Prometheus"}
    for page, what in pages.items():
        async with stage.http.get(page) as answer:
            if answer.status != 200:
                raise Failed(f"GET {page} answered {answer.status}.")
        stage.show.print(Text.assemble(f"  {stage.address}{page}", (f"  {what}", "dim")))
    await kept(stage, story, folder)
    voice = stage.voice(Role.THERAPIST, story.pair.therapist_id, SCOPE)
    picture, feed = f"/v1/relationships/{story.rated_id}/trajectory.svg", f"/v1/events?after={after}&wait=20"
    for path in (picture, feed):
        await voice.page(path)
    stage.headline("Copy into another terminal", f"With a token of {story.pair.name}'s, good for a day.")
    lines = {
        "": f"AUTH='Authorization: Bearer {voice.token}'",
        "The simulated ratings as a picture (.png too; without an ending, as JSON and in words):":
            f'curl -sH "$AUTH" {stage.address}{picture} > alliance.svg',
        "The rupture of the first story came back (a move; its webhook arrives here):":
            f'curl -sXPOST -H "$AUTH" {stage.address}/v1/ruptures/{story.rupture_id}/recur',
        "What has changed since; from the next_after it gives you, it waits for more:":
            f'curl -sH "$AUTH" "{stage.address}{feed}"',
    }  # fmt: skip
    for what, line in lines.items():
        if what:
            stage.show.print(Padding(what, (0, 0, 0, 2), expand=False), style="dim")
        # Not wrapped: a line that was broken for the eye cannot be copied.
        stage.show.print(line, soft_wrap=True)


async def kept(stage: Stage, story: Story, folder: Path) -> None:
    """The letter and the report of the planned ending as files, and where they came from."""
    pages = {"letter.html": (story.ended.client, "the letter of story C"), "letter.pdf": (story.ended.client, "")}
    pages |= {"report.html": (story.ended.therapist, "its ending report")}
    for page, (who, what) in pages.items():
        (folder / page).write_bytes(await who.page(f"{story.plan}/{page}"))
        if what:
            stage.show.print(Text.assemble(f"  {folder / page}", (f"  {what}, saved from", "dim")), soft_wrap=True)
            stage.show.print(Text(f"    {stage.address}{story.plan}/{page}", "dim"), soft_wrap=True)
