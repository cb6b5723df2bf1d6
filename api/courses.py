"""Courses of therapy from a public data set: clients, relationships, sessions and depression scores of a practice."""

import asyncio
import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from api.stage import Pair, Stage, Voice
from domain.access import Role

SOURCE = "github.com/milanwiedemann/suddengains"
SESSIONS = 12
BDI = {
    "code": "bdi", "edition": "1", "title": "Depression score (BDI)", "kind": "outcome",
    "items": list(range(1, 22)), "low": 0, "high": 3, "scoring": "sum", "higher_is_better": False,
    "norms": [{"sd": 10.5, "reliability": 0.961, "population": "Not said.", "verified": True,
               "source": "The tests of the R package suddengains."}],
}  # fmt: skip
"""The depression score of the public data, as an instrument of the practice's own: 21 items, 0 to 63, more is worse."""
THERAPISTS = ("Ana Ruiz", "Ben Okafor", "Chitra Rao", "Dana Weiss")
AT_ONCE = 8
"""How many courses are imported side by side."""
GOES_ON = frozenset({4, 8, 12, 14, 15, 28, 31})
"""Of whom the stories tell: their therapies have not ended yet."""
STAYED = 10
"""Who came to so many sessions is taken to have ended as planned, who came to fewer to have left. Made up."""


@dataclass(frozen=True, slots=True)
class Course:
    """One person's course of therapy, as the public file tells it."""

    person: int
    attended: tuple[bool, ...]
    """For each of the sessions 1 to 12, whether a form was filled in: depression, rumination, or both."""
    depression: tuple[int | None, ...] = ()
    """The depression score at baseline and before each of the sessions 1 to 12."""

    def starts_at(self, number: int, today: date) -> datetime:
        """Weekly sessions up to this week, spread so that no therapist sees two people at once."""
        place = self.person - 1
        day = today - timedelta(days=1 + place % 5, weeks=SESSIONS - number)
        return datetime.combine(day, time(9 + place // 20), UTC)


def courses() -> list[Course]:
    """Every course in the public file. Baseline and follow-ups are no sessions, and are left out."""
    with (files("api") / "data" / "session-scores-wide.csv").open(encoding="utf-8") as file:
        return [
            Course(
                int(row["id"]), tuple(bool(row[f"bdi_s{n}"] or row[f"rq_s{n}"]) for n in range(1, SESSIONS + 1)),
                tuple(int(row[f"bdi_s{n}"]) if row[f"bdi_s{n}"] else None for n in range(SESSIONS + 1)),
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip


async def bring_in_all(stage: Stage, desk: Voice, everybody: list[Course]) -> dict[int, Pair]:
    """Import every course of therapy, several side by side; by the person's number in the file."""
    therapists = [((await desk.post("/v1/therapists", {"display_name": name}))["id"], name) for name in THERAPISTS]
    room, today = asyncio.Semaphore(AT_ONCE), datetime.now(UTC).date()
    await desk.post("/v1/instruments", BDI)

    async def one(course: Course, done: Callable[[], None]) -> tuple[int, Pair]:
        async with room:
            pair = await bring_in(stage, desk, course, *therapists[(course.person - 1) % len(therapists)], today)
            if course.person not in GOES_ON:
                await end(desk, pair, as_planned=sum(course.attended) >= STAYED)
            done()
            return course.person, pair

    with progress(stage.show, len(everybody)) as done:
        return dict(await asyncio.gather(*(one(course, done) for course in everybody)))


async def bring_in(stage: Stage, desk: Voice, course: Course, therapist_id: str, name: str, today: date) -> Pair:
    """One client, their relationship, its twelve sessions, and every depression score there is."""
    known_as = [{"system": f"https://{SOURCE}", "value": str(course.person)}]
    client = await desk.post("/v1/clients", {"label": f"Person {course.person}", "external_identifiers": known_as})
    days = [course.starts_at(number, today) for number in range(1, SESSIONS + 1)]
    relationship = await desk.post("/v1/relationships", {
        "client_id": client["id"], "therapist_ids": [therapist_id], "started_on": days[0].date().isoformat(),
    })  # fmt: skip
    sessions = [
        await desk.post("/v1/sessions", {
            "relationship_id": relationship["id"], "starts_at": day.isoformat(), "duration_minutes": 50,
            "status": "held" if attended else "missed"})
        for day, attended in zip(days, course.attended, strict=True)
    ]  # fmt: skip
    # The baseline was filled in a week before the first session, and is of none.
    dates = [(days[0] - timedelta(weeks=1)).date(), *(day.date() for day in days)]
    for day, session, total in zip(dates, [None, *sessions], course.depression, strict=True):
        if total is not None:
            await desk.post("/v1/outcome-scores", {
                "relationship_id": relationship["id"], "instrument": BDI["code"], "total": total,
                "rated_on": day.isoformat(), "session_id": session and session["id"]})  # fmt: skip
    return Pair(
        client=stage.voice(Role.CLIENT, client["id"]), therapist=stage.voice(Role.THERAPIST, therapist_id),
        therapist_id=therapist_id, name=name, relationship_id=relationship["id"],
        session_ids=tuple(session["id"] for session in sessions), last_day=days[-1].date(),
    )  # fmt: skip


async def end(desk: Voice, pair: Pair, *, as_planned: bool) -> None:
    """How one of them ended."""
    plans, ended_on = "/v1/termination-plans", pair.last_day.isoformat()
    if not as_planned:
        await desk.post(f"{plans}/client-ends", {
            "relationship_id": pair.relationship_id, "ended_on": ended_on, "timing": "earlier_than_clinician_planned",
        })  # fmt: skip
        return
    given = {"text_version": "1", "given_on": (pair.last_day - timedelta(weeks=SESSIONS - 1)).isoformat()}
    plan = await pair.therapist.post(plans, {"relationship_id": pair.relationship_id, "consent": given})
    await pair.therapist.post(f"{plans}/{plan['id']}/plan-ending", {
        "kind": "planned_mutual", "timing": "as_planned", "agreed_by_client": True, "target_date": ended_on,
    })  # fmt: skip
    await pair.therapist.post(f"{plans}/{plan['id']}/end", {"ended_on": ended_on})


async def became(stage: Stage, pair: Pair, person: int) -> None:
    """What the depression scores of one of them come to."""
    path = f"/v1/relationships/{pair.relationship_id}/outcomes"
    (found,) = (await stage.step(f"What became of person {person} by these scores; the client may read the same.",
        pair.client, f"GET {path}"))["items"]  # fmt: skip
    for said in (f"{found['outcome_class']}: {found['says'][0]}", found["formula"], *found["says"][1:]):
        stage.aside(said)


@contextmanager
def progress(show: Console, total: int) -> Iterator[Callable[[], None]]:
    """A bar in a terminal, a line now and then elsewhere. Call what it gives after each."""
    if show.is_terminal:
        with Progress(TextColumn("  Importing"), BarColumn(), MofNCompleteColumn(), console=show) as bar:
            task = bar.add_task("", total=total)
            yield lambda: bar.advance(task)
        return
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        if done % 10 == 0 or done == total:
            show.print(f"  Importing {done} of {total}")

    yield count
