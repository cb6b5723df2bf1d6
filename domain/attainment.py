"""Goal attainment scaling: goals that were agreed on, and how far client and therapist each see them reached.

For every goal five levels are put in words before the work begins, from -2 to +2 around what is expected (0). Later
each of the two says where things are, and both views stand side by side: nothing blends them, and a client is not shown
the therapist's. What a rating comes to over all goals is the T-score of Kiresuk & Sherman (1968, Community Mental
Health Journal 4:443), 50 where everything turned out as expected:

    T = 50 + 10 sum(w x) / sqrt((1 - r) sum(w^2) + r (sum w)^2), with r = .30

A goal left out of a rating is not a zero: such a rating is incomplete and has no T-score. Once goals were rated, their
numbers and weights stay, so that ratings of one set can be laid side by side; other goals are another set.
LOINC calls the practitioner's ratings 107333-7, the patient's 107334-5, and the baseline 112296-9.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from math import fsum, sqrt
from typing import Annotated, Any
from uuid import UUID

from domain.access import Role
from domain.detection import Rater
from domain.errors import Incomplete, Refused
from domain.machine import Machine
from domain.move import NEW, Added, Advisory, Around, Move, as_said
from domain.relationship import Agreement
from domain.scoring import Completeness
from domain.values import Between, Day, Few, Private, Ref, Said, Summary, Token, texts

GoalNumber = Annotated[int, Between(1, 99)]
Level = Annotated[int, Between(-2, 2)]
Weight = Annotated[float, Between(0.01, 100.0)]
MOST = 20
"""How many goals one set may have. Three to five are usual."""
CORRELATION = 0.30
"""How much goals are taken to go together. A convention of the method's authors, not a finding about these goals."""
SOURCE = "Goal attainment scaling (Kiresuk & Sherman 1968)"


class AttainmentPhase(StrEnum):
    """Where a set of goals is."""

    AGREED = "agreed"
    """Put in words; nobody has rated it yet."""
    RATED = "rated"
    """Rated at least once; its numbers and weights stay."""
    ENTERED_IN_ERROR = "entered_in_error"
    """Recorded by mistake; kept and out of count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaledGoal(Agreement):
    """One shared goal, with what each level of reaching it would look like."""

    number: GoalNumber
    """Its number, by which it is rated. It stays the goal's own, wherever in the list the goal stands."""
    weight: Weight = 1.0
    """How much it counts beside the other goals: above 0, and only the ratio matters."""
    much_less: Summary | None = None
    """Level -2: much less than expected."""
    less: Summary | None = None
    """Level -1: somewhat less than expected."""
    expected: Summary | None = None
    """Level 0: the expected outcome."""
    more: Summary | None = None
    """Level +1: somewhat more than expected."""
    much_more: Summary | None = None
    """Level +2: much more than expected."""
    baseline: Level | None = None
    """The level where things were when the goal was agreed on. Null: nobody said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalSet(Said):
    """Goals that belong together, as they should read."""

    goals: Annotated[tuple[ScaledGoal, ...], Few(MOST, least=1)]
    """The goals, each with a number of its own."""
    agreed_on: Day | None = None
    """The day they were agreed on; the day they are recorded when left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalSetting(GoalSet):
    """Goals that client and therapist agreed on."""

    relationship_id: Annotated[UUID, Ref("relationship", above=True)]
    """The relationship whose goals they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalLevel(Said):
    """Where one goal is."""

    goal: GoalNumber
    """The goal's number."""
    level: Level | None = None
    """-2 much less, -1 less, 0 as, +1 more, +2 much more than expected. Null: not rated this time, which is no 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelsRated(Said):
    """How far the goals are reached, as one person sees it on one day."""

    levels: Annotated[tuple[GoalLevel, ...], Few(MOST, least=1)]
    """The level of each goal. With one left out or null there is no T-score."""
    rated_on: Day | None = None
    """The day it was rated; today when left out."""
    session_id: Annotated[UUID, Ref("session", within=True)] | None = None
    """The session it was rated in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingGoals(LevelsRated):
    """What somebody says about how far the goals are reached."""

    rater: Rater | None = None
    """Whose view it is: `client` or `therapist`. Left out: the caller's own role; an integration says whose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalRating(LevelsRated):
    """A rating on record."""

    by: Role
    """The role that recorded it."""
    t_score: float | None = None
    """What it comes to over all goals, unrounded. Null when it is incomplete."""
    completeness: Completeness = Completeness.INCOMPLETE
    """Complete when every goal was rated, else incomplete: nothing is filled in from the rest."""
    in_error: bool = False
    """Recorded by mistake; kept and out of count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attained(Said):
    """What one person's latest complete rating came to. Ratings recorded later for one day go before earlier ones."""

    t_score: float
    """The T-score, unrounded: 50 is as expected, above is more; ten points are a standard deviation, if the goals were
    scaled well."""
    rated_on: Day
    """The day it was rated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MistakenRating(Said):
    """A rating that was recorded by mistake."""

    rating: Annotated[int, Between(1, 10_000)]
    """Which one: its place in the rater's list, from 1."""
    rater: Rater | None = None
    """Whose it is: `client` or `therapist`. Left out: the caller's own role; an integration says whose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalAttainment(GoalSet):
    """Goals with levels said in advance, and how far each side sees them reached. Views are never blended."""

    id: UUID
    relationship_id: UUID
    """The relationship whose goals they are."""
    phase: AttainmentPhase = AttainmentPhase.AGREED
    """Where it is."""
    assumed_correlation: float = CORRELATION
    """How much the goals are taken to go together in every T-score here: .30 by the method's convention."""
    baseline_t_score: float | None = None
    """The T-score of the baselines. Null unless every goal has one."""
    client_ratings: tuple[GoalRating, ...] = ()
    """The client's ratings, in the order they were recorded."""
    client_attained: Attained | None = None
    """What the client's latest complete rating came to. Null when there is none."""
    therapist_ratings: Annotated[tuple[GoalRating, ...], Private()] = ()
    """The therapist's ratings, likewise. Never blended with the client's."""
    therapist_attained: Annotated[Attained | None, Private()] = None
    """What the therapist's latest complete rating came to."""
    recorded_by: Annotated[Token | None, Private()] = None
    """The token subject that recorded the goals."""


# -- the T-score -------------------------------------------------------------------------------------------------------


def t_score(rated: Iterable[tuple[float, int]]) -> float:
    """The T-score of at least one goal's weight and level."""
    weights, levels = zip(*rated, strict=True)
    shared = fsum(weights) ** 2
    spread = sqrt((1 - CORRELATION) * fsum(w * w for w in weights) + CORRELATION * shared)
    return 50 + 10 * fsum(w * x for w, x in zip(weights, levels, strict=True)) / spread


def t_score_of(goals: Iterable[ScaledGoal], levels: Mapping[int, int | None]) -> float | None:
    """The T-score of all goals, by the level of each number; none where one is not known: a blank is never zero."""
    rated = [(goal.weight, levels.get(goal.number)) for goal in goals]
    known = [(weight, level) for weight, level in rated if level is not None]
    return t_score(known) if len(known) == len(rated) else None


def attained(ratings: Iterable[GoalRating]) -> Attained | None:
    """What the latest complete rating came to; of one day, the last that was recorded."""
    found: Attained | None = None
    for one in ratings:
        if one.t_score is None or one.rated_on is None or one.in_error:
            continue
        if found is None or one.rated_on >= found.rated_on:
            found = Attained(t_score=one.t_score, rated_on=one.rated_on)
    return found


# -- agreeing on goals -------------------------------------------------------------------------------------------------


def can_be_agreed(state: Any, body: GoalSet, around: Around) -> Iterator[Advisory]:
    """Each goal has a number of its own; what is expected of it should be said."""
    around.has_come(body.agreed_on, "agreed_on")
    seen: set[int] = set()
    for place, goal in enumerate(body.goals):
        if goal.number in seen:
            raise Refused("Each goal has a number of its own; this one is taken.", at=f"goals/{place}/number")
        seen.add(goal.number)
    if vague := [goal.number for goal in body.goals if goal.expected is None]:
        detail = f"No words yet for what is expected (level 0): {listed(vague)}. Every other level is told from there."
        yield Advisory(code="expected_level_missing", detail=detail, source=SOURCE)


def listed(numbers: Iterable[int]) -> str:
    """Goals by their numbers."""
    return ", ".join(f"goal {number}" for number in sorted(numbers))


def agreed(state: Any, body: GoalSet, around: Around) -> Mapping[str, Any]:
    """The goals, since when, and where they start from."""
    baselines = {goal.number: goal.baseline for goal in body.goals}
    since = body.agreed_on or (state.agreed_on if state else around.today)
    scored = {"agreed_on": since, "baseline_t_score": t_score_of(body.goals, baselines)}
    return {**as_said(state, body, around), **scored, **({} if state else {"recorded_by": around.caller.id})}


def can_be_revised(state: GoalAttainment, body: GoalSet, around: Around) -> Iterator[Advisory]:
    """Once they were rated, goals keep numbers and weights; a wording is put right, and the earlier one is kept."""
    yield from can_be_agreed(state, body, around)
    if state.phase is not AttainmentPhase.RATED:
        return
    before = {goal.number: goal for goal in state.goals}
    for place, goal in enumerate(body.goals):
        was = before.pop(goal.number, None)
        if was is None:
            raise Refused(OTHER_GOALS, at=f"goals/{place}/number")
        if goal.weight != was.weight:
            raise Refused(OTHER_GOALS, at=f"goals/{place}/weight")
    if before:
        raise Refused(OTHER_GOALS, at="goals")
    if wording(body.goals) != wording(state.goals):
        detail = "What was rated so far was rated by the earlier wording, which the history keeps."
        yield Advisory(code="wording_changed", detail=detail, source=SOURCE)


OTHER_GOALS = "These goals were rated, so their numbers and weights stay; agree on other goals as a new set."


def wording(goals: Iterable[ScaledGoal]) -> dict[int, tuple[str | None, ...]]:
    """What is said of each goal, by its number."""
    return {goal.number: tuple(getattr(goal, name) for name in sorted(texts(ScaledGoal))) for goal in goals}


# -- rating them -------------------------------------------------------------------------------------------------------

OWN = {Role.CLIENT: Rater.CLIENT, Role.THERAPIST: Rater.THERAPIST}


def whose(named: Rater | None, around: Around) -> Rater:
    """Whose view a rating is. Raises Refused for one that is not the caller's to give."""
    own = OWN.get(around.caller.role)
    rater = named or own
    if rater is None:
        raise Incomplete([("rater", "Whose view it is: client or therapist.")])
    if rater not in OWN.values():
        raise Refused("Goals are rated by client and therapist, each for themselves.", at="rater")
    if own not in (None, rater):
        raise Refused(f"Your role rates as {own} only; leave rater out.", at="rater")
    return rater


def can_be_rated(state: GoalAttainment, body: RatingGoals, around: Around) -> Iterator[Advisory]:
    """Each rates for themselves, every goal once; a client is asked about no goal that is not shared with them."""
    around.has_come(body.rated_on, "rated_on")
    rater = whose(body.rater, around)
    goals = {goal.number: goal for goal in state.goals}
    seen: set[int] = set()
    for place, each in enumerate(body.levels):
        at = f"levels/{place}/goal"
        if each.goal not in goals:
            raise Refused(f"There is no such goal; there are: {listed(goals)}.", at=at)
        if each.goal in seen:
            raise Refused("Each goal is rated once.", at=at)
        if rater is Rater.CLIENT and not goals[each.goal].shared_with_client:
            raise Refused("This goal is a draft that is not shared with the client; it is theirs to rate then.", at=at)
        seen.add(each.goal)
    rated = {each.goal for each in body.levels if each.level is not None}
    if not rated:
        raise Incomplete([("levels", "The level of at least one goal.")])
    if blank := goals.keys() - rated:
        detail = f"Not rated: {listed(blank)}. So there is no T-score this time; a blank is never a zero."
        yield Advisory(code="incomplete", detail=detail, source=SOURCE)


def rated(state: GoalAttainment, body: RatingGoals, around: Around) -> Mapping[str, Any]:
    """One more rating of this rater's, with what it comes to."""
    rater = whose(body.rater, around)
    score = t_score_of(state.goals, {each.goal: each.level for each in body.levels})
    entry = GoalRating(
        levels=tuple(sorted(body.levels, key=lambda each: each.goal)), rated_on=body.rated_on or around.today,
        session_id=body.session_id, by=around.caller.role, t_score=score,
        completeness=Completeness.INCOMPLETE if score is None else Completeness.COMPLETE,
    )  # fmt: skip
    ratings = (*getattr(state, f"{rater}_ratings"), entry)
    return {f"{rater}_ratings": Added(entry), f"{rater}_attained": attained(ratings)}


def is_their_own(state: GoalAttainment, body: MistakenRating, around: Around) -> None:
    """Each takes back what is theirs; it is kept and out of count."""
    ratings = getattr(state, f"{whose(body.rater, around)}_ratings")
    if body.rating > len(ratings):
        raise Refused(f"There are {len(ratings)} ratings of this rater's.", at="rating")
    if ratings[body.rating - 1].in_error:
        raise Refused("This one is out of count already.", at="rating")


def taken_back(state: GoalAttainment, body: MistakenRating, around: Around) -> Mapping[str, Any]:
    """The rating no longer counts. With none left that does, the goals may be changed again."""
    rater, place = whose(body.rater, around), body.rating - 1
    ratings: dict[Rater, tuple[GoalRating, ...]] = {view: getattr(state, f"{view}_ratings") for view in OWN.values()}
    before = ratings[rater]
    left = ratings[rater] = (*before[:place], replace(before[place], in_error=True), *before[place + 1 :])
    counts = any(not one.in_error for view in ratings.values() for one in view)
    return {
        f"{rater}_ratings": left, f"{rater}_attained": attained(left),
        "phase": AttainmentPhase.RATED if counts else AttainmentPhase.AGREED,
    }  # fmt: skip


def leaves_the_clients(state: GoalAttainment, body: Any, around: Around) -> None:
    """What a client rated is the client's own: a therapist does not put it out of count with the goals."""
    if around.caller.role is Role.THERAPIST and any(not one.in_error for one in state.client_ratings):
        raise Refused("The client has rated these goals, and that is theirs to take back. Agree on other goals beside.")


P = AttainmentPhase
LIVE = (P.AGREED, P.RATED)
SCRIBES = frozenset({Role.THERAPIST, Role.INTEGRATION})
RATERS = SCRIBES | {Role.CLIENT}

GOAL_ATTAINMENT = Machine(
    "goal_attainment", "goal-attainments", GoalAttainment, AttainmentPhase,
    Move("agree", (NEW,), (P.AGREED,), "agreed", SCRIBES, GoalSetting, can_be_agreed, agreed,
         "Goals were agreed on, with what it would look like to reach them."),
    Move("rate", LIVE, (P.RATED,), "rated", RATERS, RatingGoals, can_be_rated, rated,
         "The client or the therapist said how far the goals are reached."),
    Move("mark_rating_in_error", (P.RATED,), LIVE, "rating_entered_in_error", RATERS, MistakenRating, is_their_own,
         taken_back, "A rating was recorded by mistake; kept and out of count."),
    Move("revise", LIVE, (), "revised", SCRIBES, GoalSet, can_be_revised, agreed,
         "The goals, or what was said of their levels, changed; earlier wordings are kept.", verb="PATCH"),
    Move("mark_in_error", LIVE, (P.ENTERED_IN_ERROR,), "entered_in_error", SCRIBES, guard=leaves_the_clients,
         says="Recorded by mistake; kept and out of count.", verb="DELETE"),
    together=LIVE,
)  # fmt: skip
