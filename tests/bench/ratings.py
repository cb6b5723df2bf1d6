"""The run of `ratings`: what looking costs a write, how long a whole practice takes, and how fast pictures come.

A rating of a therapy of 200 sessions is corrected, to and fro; beside it a profile that no detector looks at. What the
one costs more than the other is the looking. Twice: with the default set, and with every detector there is.
"""

import asyncio
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from domain.access import Role
from domain.detection import Detector
from domain.values import plain
from infra.database import open_pool
from infra.keys import Keys
from infra.schema import upgrade
from infra.settings import Settings
from tests.bench.contest import NOISY, Budget
from tests.bench.cpu import cores, pin, spent
from tests.bench.ground import cluster
from tests.bench.load import Request
from tests.bench.operations import get, headers
from tests.bench.rounds import Figure, Measured, Rig, Series, alternate
from tests.bench.servers import ROOT, BenchError, Server, environment, serving
from tests.bench.therapies import SCRIPT, Course, Therapy, practice

DEFAULT, ALL = "the default set", "every detector"
CONNECTIONS = 8
"""Writers, each in a practice of its own."""
ADDED, WHOLE, DRAWN = 3.0, 60.0, 150.0
"""CPU ms that looking adds to a write; seconds for a practice on one core; ms to a picture, the slowest of a hundred."""
SHORT = 30
"""Sessions of a therapy as many are; the others have 200."""
WIDTHS = (360, 1200)


@dataclass(frozen=True, slots=True)
class Scale:
    """How many therapies the whole practice has, of 200 sessions with two ratings each."""

    therapies: int


USUAL, QUICK = Scale(250), Scale(3)


@dataclass(frozen=True, slots=True)
class Whole:
    """One look at a whole practice, by the command and the database on one core together."""

    ratings: int
    took: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured."""

    writes: dict[str, Series]
    pictures: dict[str, Series]
    whole: Whole


@dataclass(frozen=True, slots=True)
class Stage:
    """Where all parts play."""

    rig: Rig
    server: Server
    data_dir: Path
    dsn: str
    pool: Any
    keys: Keys
    tell: Callable[[str], None]

    def token(self, practice_id: UUID) -> str:
        """The script's own, so that it may correct what it sent."""
        return self.keys.issue(practice_id, Role.INTEGRATION, SCRIPT, None, 7200)


async def rate(data_dir: Path, rig_of: Callable[[int], Rig], scale: Scale, tell: Callable[[str], None]) -> Found:
    """Measure everything."""
    async with cluster(data_dir) as (dsn, postmaster):
        await asyncio.to_thread(upgrade, dsn)
        pool = await open_pool(dsn, 2)
        try:
            with serving("ours", data_dir, dsn, cores()[0]) as ours:
                keys = Keys(Settings(data_dir=data_dir))
                stage = Stage(rig_of(postmaster), ours, data_dir, dsn, pool, keys, tell)
                written = await writes(stage)
                drawn = await pictures(stage)
            return Found(written, drawn, await whole(stage, postmaster, scale))
        finally:
            await pool.close()


# -- what a write costs ------------------------------------------------------------------------------------------------


async def writes(stage: Stage) -> dict[str, Series]:
    """Corrections of the last rating and of the profile, in turn."""
    stage.tell("writing therapies of 200 sessions")
    sets = {}
    for name in (DEFAULT, ALL):
        therapies = [(await practice(stage.pool, f"{name} {n}", [Course()], n))[0] for n in range(CONNECTIONS)]
        if name == ALL:
            for therapy in therapies:
                await adopt_all(stage, therapy)
        sets[name] = therapies
    await stage.pool.execute("VACUUM (ANALYZE)")
    lanes = {
        f"{what}, {name}": [corrections(stage, therapy) for therapy in therapies]
        for name, therapies in sets.items()
        for what, corrections in (("rating", of_rating), ("profile", of_profile))
    }

    def once(name: str, number: int) -> Measured:
        stage.tell(f"a {name}, round {number + 1} of {stage.rig.rounds}")
        return stage.rig.measure(stage.server, lanes[name])

    return await asyncio.to_thread(alternate, lanes, stage.rig.rounds, once)


async def adopt_all(stage: Stage, therapy: Therapy) -> None:
    """The practice lets every detector look."""
    body = {"kind": "detection", "title": "All", "wording": "All.",
            "detectors": [{"detector": detector.value} for detector in Detector]}  # fmt: skip
    auth = {"authorization": f"Bearer {stage.keys.issue(therapy.practice_id, Role.ADMIN, 'bench', None, 600)}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{stage.server.port}/v1/", headers=auth) as http:
        answer = await http.post("policies", json=body)
        if answer.is_error:
            raise BenchError(f"The policy was not adopted: {answer.text}")


def of_rating(stage: Stage, therapy: Therapy) -> list[Request]:
    """The last rating, a point down and up again."""
    bodies = []
    for moved in (0, -1):
        said = [plain(answer) for answer in therapy.last_answers]
        said[0] |= {"value": max(1, said[0]["value"] + moved) if said[0]["value"] > 1 else 1 - moved}
        bodies.append({"answers": said})
    return patches(stage, therapy, f"/v1/alliance-ratings/{therapy.last_rating}", bodies)


def of_profile(stage: Stage, therapy: Therapy) -> list[Request]:
    """The profile, likewise."""
    bodies = [{"anxiety_score": score} for score in (3.1, 3.0)]
    return patches(stage, therapy, f"/v1/attachment-profiles/{therapy.profile}", bodies)


def patches(stage: Stage, therapy: Therapy, path: str, bodies: list[dict[str, Any]]) -> list[Request]:
    """Revisions of whatever version there is, so that they can be repeated. The second undoes the first."""
    shared = headers(stage.token(therapy.practice_id))
    found = []
    for body in reversed(bodies):
        raw = json.dumps(body).encode()
        rest = b"content-type: application/json\r\nif-match: *\r\ncontent-length: %d\r\n\r\n%b" % (len(raw), raw)
        found.append((f"PATCH {path} HTTP/1.1\r\n".encode(), shared, rest))
    return found


# -- pictures ----------------------------------------------------------------------------------------------------------


async def pictures(stage: Stage) -> dict[str, Series]:
    """Pictures of a short and a long therapy, one after another, as one reader's pages ask for them."""
    stage.tell("writing therapies to draw")
    short, long = await practice(stage.pool, "drawn", [Course(sessions=SHORT), Course()])
    shared = headers(stage.token(short.practice_id))
    lanes = {
        f"{ending[1:].upper()}, {sessions} sessions": [[
            get(f"/v1/relationships/{therapy.id}/trajectory{ending}?width={width}&theme={theme}", shared)
            for width, theme in itertools.product(WIDTHS, ("light", "dark"))
        ]]
        for (sessions, therapy), ending in itertools.product(((SHORT, short), (200, long)), (".svg", ".png"))
    }  # fmt: skip

    def once(name: str, number: int) -> Measured:
        stage.tell(f"{name}, round {number + 1} of {stage.rig.rounds}")
        return stage.rig.measure(stage.server, lanes[name])

    return await asyncio.to_thread(alternate, lanes, stage.rig.rounds, once)


# -- a whole practice --------------------------------------------------------------------------------------------------


async def whole(stage: Stage, postmaster: int, scale: Scale) -> Whole:
    """`bravespace redetect` on a practice nobody has looked at, with the database on the same core."""
    stage.tell(f"writing {scale.therapies} therapies of 200 sessions")
    therapies = await practice(stage.pool, "whole", [Course()] * scale.therapies)
    id = therapies[0].practice_id
    ratings = await stage.pool.fetchval("SELECT count(*) FROM alliance_rating WHERE practice_id = $1", id)
    await stage.pool.execute("VACUUM (ANALYZE)")
    stage.tell(f"looking at {ratings:,} ratings")
    pin(postmaster, cores()[0])
    command = [Path(sys.executable).parent / "bravespace", "redetect", "--practice", str(id), "--json"]
    before, began = spent({"all": postmaster})["all"], time.perf_counter()
    process = subprocess.run(
        list(map(str, command)), cwd=ROOT, env=environment(stage.data_dir, stage.dsn), capture_output=True, check=False,
        preexec_fn=None if cores()[0] is None else lambda: os.sched_setaffinity(0, {cores()[0] or 0}),
    )  # fmt: skip
    took = time.perf_counter() - began
    if process.returncode or json.loads(process.stdout)["relationships"] != scale.therapies:
        raise BenchError(f"redetect failed: {process.stderr.decode()[-2000:]}")
    return Whole(ratings, took, spent({"all": postmaster})["all"] - before)


def budgets(found: Found, scale: Scale) -> list[Budget]:
    """What was promised, and how it came out."""
    told = []
    for name in (DEFAULT, ALL):
        rating, profile = (found.writes[f"{what}, {name}"].figure("total").values for what in ("rating", "profile"))
        added = Figure(tuple(a - b for a, b in zip(rating, profile, strict=True)))
        told.append(Budget(f"looking at 200 sessions, {name}: CPU ms added to a write", added, ADDED, at_most=True))
    for name, series in found.pictures.items():
        quiet = series.figure("others").median <= NOISY
        told.append(Budget(f"{name}: p99 in ms", series.figure("p99"), DRAWN, at_most=True, judged=quiet))
    if scale is USUAL:
        says = f"looking at {found.whole.ratings:,} ratings on one core, s"
        told.append(Budget(says, Figure((found.whole.took,)), WHOLE, at_most=True))
    return told
