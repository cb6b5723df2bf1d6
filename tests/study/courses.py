"""The labelled courses: ten kinds of things that happen to an alliance, or to its measurement."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from random import Random
from uuid import UUID

from domain.detection import DirectReport, Rater, Series, Sitting
from tests.study.population import NORMS, Client, Population, client, felt, ticked

SILENT = 4
"""Nothing happens in the first sessions, in which most detectors learn. They count as sessions all the same."""
REGAINED = 0.34 / 1.17
"""The share of its depth that a V regains at each session, as in the gold vector: 4.25, then 3.08, 3.42, 4.17."""
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
DAYS = [START + timedelta(days=day) for day in range(1_000)]
IDS = [UUID(int=place) for place in range(100)]
"""The id of each session says which one it is."""


class Kind(StrEnum):
    """What happens."""

    STABLE = "stable"
    V_SHAPED = "V-shaped"
    DECLINE_REPAIRED = "slow decline, sudden repair"
    DECLINE = "decline without repair"
    CEILING = "flat ceiling"
    HIGH_VARIANCE = "high variance"
    GAP = "gap"
    SWITCH = "instrument switch"
    DIVERGENCE = "divergence"
    NO_DIP = "repaired within the session"


@dataclass(frozen=True)
class Course:
    """One simulated therapy, with what happened in it."""

    kind: Kind
    client: Client
    scores: tuple[float | None, ...]
    rupture: range = range(0)
    """The sessions in which it can be noticed in time; empty where there is none."""
    days: tuple[int, ...] = ()
    versions: tuple[str, ...] = ()
    therapist: tuple[float, ...] = ()
    """The therapist's scores, where they were asked."""
    reported: int | None = None
    """The session at which the client said so."""

    def series(self) -> list[Series]:
        """As a detector gets it."""
        views = [(Rater.CLIENT, self.scores), (Rater.THERAPIST, self.therapist)]
        return [
            Series(rater=rater, instrument="wai-sr", version="2006", scale=NORMS, sittings=self.sittings(scores, rater))
            for rater, scores in views
            if scores
        ]

    def sittings(self, scores: tuple[float | None, ...], rater: Rater) -> tuple[Sitting, ...]:
        """The sessions as one of the two rated them."""
        said = self.reported if rater == Rater.CLIENT else None
        return tuple(
            Sitting(
                session_id=IDS[place],
                at=DAYS[self.days[place] if self.days else 7 * place],
                ordinal=place + 1,
                run=self.versions[place] if self.versions else "",
                score=score,
                direct=DirectReport(problem=True, resolved=5) if place == said else None,
            )
            for place, score in enumerate(scores)
        )


def v_of(sessions: int) -> list[float]:
    """A fall from one session to the next that is regained by steps, as shares of its depth."""
    return [1 - REGAINED * place for place in range(sessions)]


def lowered(course: Course, onset: int, shape: list[float], depth: float, base: list[float]) -> Course:
    """The course with a drop of `depth` of the client's stable SDs, in what the form shows."""
    _, sd = course.client.shown
    scores = list(base)
    for place, share in enumerate(shape):
        scores[onset + place] -= share * depth * sd
    return replace(course, scores=tuple(map(ticked, scores)))


def stable(random: Random, population: Population, kind: Kind = Kind.STABLE) -> Course:
    """Nothing happens; the therapist rates too, and sees the client's alliance with a correlation of about .4."""
    who = client(random, population)
    shown = map(ticked, felt(random, who, population.sessions))
    own = 0.4 * (who.mean - population.mean) + population.mean
    other = Client(random.gauss(own, 0.92 * population.between), population.within, 0.3)
    blank = [random.random() < population.unscored for _ in range(population.sessions)]
    therapist = tuple(map(ticked, felt(random, other, population.sessions)))
    scores = tuple(None if without else score for score, without in zip(shown, blank, strict=True))
    return Course(kind, who, scores, therapist=therapist)


def v_shaped(random: Random, population: Population, depths: tuple[float, ...]) -> list[Course]:
    """One V over one to three sessions at each depth, with the same noise; the client reports half of them."""
    who = client(random, population)
    base = felt(random, who, population.sessions)
    length = random.randint(1, 3)
    onset = random.randint(SILENT, population.sessions - length - 1)
    said = onset + random.randrange(length) if random.random() < 0.5 else None
    blank = [random.random() < population.unscored for _ in range(population.sessions)]
    course = Course(Kind.V_SHAPED, who, (), range(onset, onset + length), reported=said)
    made = [lowered(course, onset, v_of(length), depth, base) for depth in depths]
    return [
        replace(v, scores=tuple(None if without else s for s, without in zip(v.scores, blank, strict=True)))
        for v in made
    ]


def declining(kind: Kind, *, repaired: bool) -> Callable[[Random, Population], Course]:
    """Three SD down over four to six sessions; then back at once, or not at all."""

    def made(random: Random, population: Population) -> Course:
        who = client(random, population)
        length = random.randint(4, 6)
        onset = random.randint(SILENT, population.sessions - length - 1)
        after = 0 if repaired else population.sessions - onset - length
        shape = [(place + 1) / length for place in range(length)] + [1.0] * after
        course = Course(kind, who, (), range(onset, onset + length))
        return lowered(course, onset, shape, 3.0, felt(random, who, population.sessions))

    return made


def at_ceiling(random: Random, population: Population) -> Course:
    """Somebody who says that all is perfect, nearly always."""
    who = Client(random.uniform(5.2, 5.8), population.within, 0.3)
    return Course(Kind.CEILING, who, tuple(map(ticked, felt(random, who, population.sessions))))


def restless(random: Random, population: Population) -> Course:
    """Two and a half times the usual swing, and nothing happens."""
    who = replace(client(random, population), swing=2.5 * population.within)
    return Course(Kind.HIGH_VARIANCE, who, tuple(map(ticked, felt(random, who, population.sessions))))


def restarted(kind: Kind) -> Callable[[Random, Population], Course]:
    """Halfway, two months without a session or another version of the form; scores are 2 SD lower from then on."""

    def made(random: Random, population: Population) -> Course:
        who = client(random, population)
        half = population.sessions // 2
        shape = [1.0] * (population.sessions - half)
        course = lowered(Course(kind, who, ()), half, shape, 2.0, felt(random, who, population.sessions))
        if kind == Kind.SWITCH:
            return replace(course, versions=tuple("old" if p < half else "new" for p in range(population.sessions)))
        return replace(course, days=tuple(7 * p + (56 if p >= half else 0) for p in range(population.sessions)))

    return made


def parting(random: Random, population: Population) -> Course:
    """The therapist's scores fall by two norm SD from one session on; the client's do not."""
    course = stable(random, population, Kind.DIVERGENCE)
    onset = random.randint(SILENT, population.sessions - 6)
    fallen = [ticked(s - 1.62 * (p >= onset)) for p, s in enumerate(course.therapist)]
    return replace(course, therapist=tuple(fallen), rupture=range(onset, onset + 3))


def without_dip(random: Random, population: Population) -> Course:
    """A rupture that is repaired before the session ends: the client says so, and the score shows nothing."""
    session = random.randint(SILENT, population.sessions - 1)
    course = replace(stable(random, population, Kind.NO_DIP), therapist=())
    return replace(course, rupture=range(session, session + 1), reported=session)


OTHERS: dict[Kind, Callable[[Random, Population], Course]] = {
    Kind.DECLINE_REPAIRED: declining(Kind.DECLINE_REPAIRED, repaired=True),
    Kind.DECLINE: declining(Kind.DECLINE, repaired=False),
    Kind.CEILING: at_ceiling,
    Kind.HIGH_VARIANCE: restless,
    Kind.GAP: restarted(Kind.GAP),
    Kind.SWITCH: restarted(Kind.SWITCH),
    Kind.DIVERGENCE: parting,
    Kind.NO_DIP: without_dip,
}
"""All kinds but the stable and the V-shaped, which come in larger numbers."""
