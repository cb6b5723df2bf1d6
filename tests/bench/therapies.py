"""Therapies with their ratings: decided by the domain and written by the service's own statements, many rows at once.

Scores are those of the study's clients (`tests/study/population`): answers to the WAI-SR after every weekly session.
`bravespace verify` finds no fault in the result.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from domain.access import Caller, Role
from domain.attachment import ProfileRecording
from domain.catalog import BY_SUBJECT
from domain.detection import Rater
from domain.move import Around, Decision
from domain.people import ClientDetails, TherapistDetails
from domain.rating import Recording
from domain.relationship import Beginning
from domain.scoring import ItemAnswer
from domain.session import SessionPhase, SessionRecord
from infra.consequences import APPEND
from infra.rows import changed_values, event_row
from infra.shelves import SHELVES
from infra.store import Store
from tests.study.courses import v_of
from tests.study.population import Population, client, felt, ticked

BEGUN = datetime(2022, 1, 3, 10, tzinfo=UTC)
SCRIPT = "bench"
ITEMS = 12
BOTH = (Rater.CLIENT, Rater.THERAPIST)
APART = 20
"""So many sessions lie between two ruptures of a disturbed course."""


@dataclass(frozen=True, slots=True)
class Therapy:
    """One relationship, and what has been said of its sessions."""

    practice_id: UUID
    id: UUID
    last_rating: UUID
    """The client's, of the last session."""
    last_answers: tuple[ItemAnswer, ...]
    profile: UUID
    """The client's attachment profile: scored like a rating, and no detector looks at it."""


@dataclass(frozen=True, slots=True)
class Course:
    """How a therapy goes."""

    sessions: int = 200
    raters: tuple[Rater, ...] = BOTH
    disturbed: bool = True
    """Whether there are ruptures that the scores show: a V of three SD, every twentieth session."""


async def practice(pool: Any, name: str, courses: Iterable[Course], seed: int = 1) -> list[Therapy]:
    """A new practice with one therapist and a client for each of the courses. Nobody has looked at the ratings yet."""
    id, random = uuid7(), Random(seed)
    await Store(pool).found_practice(id, name)
    around = Around(caller=Caller(practice_id=id, role=Role.INTEGRATION, id=SCRIPT, origin=SCRIPT), now=BEGUN)
    therapist = decided("therapist", TherapistDetails(display_name="T."), around)
    await write(pool, [therapist], around)
    found = []
    for course in courses:
        decisions = list(told(course, therapist.after.id, around, random))
        await write(pool, decisions, around)
        last = next(d.after for d in reversed(decisions) if is_clients_rating(d))
        kept = {d.machine.subject: d.after.id for d in decisions}
        found.append(Therapy(id, kept["relationship"], last.id, last.answers, kept["attachment_profile"]))
    return found


def is_clients_rating(decision: Decision) -> bool:
    return decision.machine.subject == "alliance_rating" and decision.after.rater is Rater.CLIENT


def told(course: Course, therapist_id: UUID, around: Around, random: Random) -> Iterator[Decision]:
    """A therapy from its beginning, as an integration tells it."""
    yield (them := decided("client", ClientDetails(label="C."), around))
    body = Beginning(client_id=them.after.id, therapist_ids=(therapist_id,))
    yield (pair := decided("relationship", body, around))
    within = Around(caller=around.caller, now=around.now, relationship=pair.after)
    yield decided("attachment_profile", ProfileRecording(
        relationship_id=pair.after.id, instrument="ecr-r", rated_on=BEGUN.date(), anxiety_score=3.0, avoidance_score=2.0,
    ), within)  # fmt: skip
    scores = {rater: list(scored(course, random)) for rater in course.raters}
    for place in range(course.sessions):
        at = BEGUN + timedelta(weeks=place)
        now = Around(caller=around.caller, now=at + timedelta(hours=1), relationship=pair.after)
        held = SessionRecord(relationship_id=pair.after.id, starts_at=at, status=SessionPhase.HELD)
        yield (session := decided("session", held, now))
        over = Around(caller=now.caller, now=now.now, relationship=pair.after, parent=session.after)
        for rater in course.raters:
            yield decided("alliance_rating", Recording(
                session_id=session.after.id, rater=rater, instrument="wai-sr", answers=answers(scores[rater][place]),
                shared_with_therapist=rater is Rater.CLIENT,
            ), over)  # fmt: skip


def decided(subject: str, body: Any, around: Around) -> Decision:
    machine = BY_SUBJECT[subject]
    return machine.decide(machine.begin, None, body, around, id=uuid7())


def scored(course: Course, random: Random) -> Iterator[float]:
    """One person's scores, as item means."""
    who = client(random, Population(sessions=course.sessions))
    dip = dict(enumerate(v_of(3), APART // 2)) if course.disturbed else {}
    for place, score in enumerate(felt(random, who, course.sessions)):
        yield ticked(score - 3 * who.shown[1] * dip.get(place % APART, 0.0))


def answers(score: float) -> tuple[ItemAnswer, ...]:
    """Answers that make this score, as alike as they can be."""
    each, more = divmod(round(score * ITEMS), ITEMS)
    return tuple(ItemAnswer(item=item, value=each + (item <= more)) for item in range(1, ITEMS + 1))


async def write(pool: Any, decisions: Sequence[Decision], around: Around) -> None:
    """Every row and every event of these decisions, in one transaction. What would follow from them does not."""
    rows: dict[str, list[list[Any]]] = {}
    for decision in decisions:
        shelf = SHELVES[decision.machine.subject]
        values = changed_values(shelf, decision, around, 0) | {"new_secrets": None}
        rows.setdefault(shelf.machine.subject, []).append(shelf.insert().args(values))
    events = [event_row(decision, around, 0, place) for place, decision in enumerate(decisions, 1)]
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL synchronous_commit = off")
        for subject, values in rows.items():
            await connection.executemany(SHELVES[subject].insert().sql, values)
        await connection.fetchval(APPEND, around.caller.practice_id, len(events), events)
