"""Readiness, fact by fact: what the record answers by itself, beside what somebody said. Never one number.

What was computed and what was said stand beside each other, and neither takes the other's place. Every form, every set
of goals and everybody who spoke has a finding of their own. Where there is nothing to go by the answer is `unsure`,
never `no`: a blank holds nobody back. A finding is evidence for a talk; it opens and closes nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from domain.access import Role
from domain.attainment import AttainmentPhase, GoalAttainment, GoalRating
from domain.change import OutcomeClass, Reached, change
from domain.closure import ClosureTask
from domain.form import Form
from domain.move import STABLE_SESSIONS
from domain.relationship import Relationship, Risk
from domain.review import Answer, Informant, ReadinessFact, Review
from domain.scoring import Completeness
from domain.telling import counted, day
from domain.termination import TerminationPlan
from domain.thresholds import ReliableChange, is_clinical, is_reliable, up


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One answer to whether a fact holds."""

    holds: Answer
    """Whether it holds; `unsure` where there is nothing to go by."""
    computed: bool
    """True: drawn from the record by rule. False: somebody said so."""
    source: str
    """Where it comes from, in words."""
    said_by: Informant | None = None
    """Who says so: of what was computed, whose view it was computed from."""
    on: date | None = None
    """The day it is of; null for what holds as the record stands now."""
    recorded_as: Role | None = None
    """Who put it on record, by role, where somebody said so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactFindings:
    """One readiness fact, and every answer there is to it."""

    fact: ReadinessFact
    """Which one."""
    findings: tuple[Finding, ...]
    """What was computed, then what each last said of it. They are never put together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Every readiness fact, with what the record and people say of it. There is no verdict in it, and no number."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"use_attribute_docstrings": True}

    termination_plan_id: UUID
    """The plan."""
    facts: tuple[FactFindings, ...]
    """One entry for each fact, in one order."""


# -- what it is drawn from ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruptures:
    """How many ruptures of a relationship there are; none that was dismissed or a mistake is among them."""

    recorded: int = 0
    open: int = 0
    """Confirmed or in repair."""
    suspected: int = 0
    """Suspected, and looked at by nobody yet."""
    unrepaired: int = 0
    """Left unrepaired by somebody's decision."""
    ended_unrepaired: int = 0
    """Open when the relationship ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The scores on one edition of one form."""

    form: Form
    reached: Sequence[Reached] = ()
    """In the order in which they were filled in."""
    left_out: int = 0
    """How many were too incomplete for a score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What of the record readiness is computed from, beside the plan."""

    relationship: Relationship
    ruptures: Ruptures = Ruptures()
    courses: Sequence[Course] = ()
    goals: Sequence[GoalAttainment] = ()
    stable_sessions: int = STABLE_SESSIONS
    """Over so many complete scores in a row somebody is looked at for being stable."""


def readiness(plan: TerminationPlan, known: Known, but: frozenset[ReadinessFact] = frozenset()) -> Readiness:
    """Every fact `but` these. `plan` and `known` hold what the reader may see, and no more."""
    facts = [fact for fact in ReadinessFact if fact not in but]
    return Readiness(
        termination_plan_id=plan.id,
        facts=tuple(FactFindings(fact=fact, findings=tuple(findings(fact, plan, known))) for fact in facts),
    )


def findings(fact: ReadinessFact, plan: TerminationPlan, known: Known) -> Iterator[Finding]:
    """Every answer there is to one fact."""
    drawn = list(COMPUTED[fact](plan, known)) if fact in COMPUTED else []
    told = said(fact, plan.reviews)
    yield from drawn
    yield from told
    if not drawn and not told:
        yield Finding(holds=Answer.UNSURE, computed=False, source="Nobody has said.")


# -- what people said --------------------------------------------------------------------------------------------------


def said(fact: ReadinessFact, reviews: Sequence[Review]) -> list[Finding]:
    """What everybody last said of a fact, by who says so and who recorded it; of one day, what was recorded last."""
    latest: dict[tuple[Informant | None, Role], Finding] = {}
    for review in reviews:
        for found in said_in(fact, review):
            key = (found.said_by, review.by)
            before = latest.get(key)
            if before is None or (found.on or date.min) >= (before.on or date.min):
                latest[key] = found
    return list(latest.values())


def said_in(fact: ReadinessFact, review: Review) -> Iterator[Finding]:
    """What one review says of a fact: the two views it asks for, then what was recorded as a fact."""
    talk = f"The readiness review of {day(review.reviewed_on)}." if review.reviewed_on else "A readiness review."
    views = {
        ReadinessFact.CLIENT_SAYS_READY: (review.client_ready, Informant.CLIENT),
        ReadinessFact.THERAPIST_SAYS_READY: (review.therapist_ready, Informant.THERAPIST),
    }  # fmt: skip
    view, whose = views.get(fact, (None, None))
    if view:
        yield Finding(
            holds=view, computed=False, source=talk, said_by=whose, on=review.reviewed_on, recorded_as=review.by
        )
    for one in review.facts:
        if one.fact is fact:
            yield Finding(
                holds=one.holds, computed=False, source=one.source or talk, said_by=one.said_by,
                on=one.on or review.reviewed_on, recorded_as=review.by,
            )  # fmt: skip


# -- what the record answers -------------------------------------------------------------------------------------------


def by_rule(holds: Answer, source: str, on: date | None = None, said_by: Informant | None = None) -> Finding:
    """What was computed."""
    return Finding(holds=holds, computed=True, source=source, on=on, said_by=said_by)


def goals_attained(plan: TerminationPlan, known: Known) -> Iterator[Finding]:
    """Goal attainment scaling: every goal at the expected level or better, as each of the two sees it."""
    sets = [goals for goals in known.goals if goals.phase is not AttainmentPhase.ENTERED_IN_ERROR]
    if not sets:
        yield by_rule(Answer.UNSURE, "No goals were scaled.")
    for goals in sets:
        views = {Informant.CLIENT: goals.client_ratings, Informant.THERAPIST: goals.therapist_ratings}
        rated = {whose: found for whose, ratings in views.items() if (found := last_complete(ratings))}
        for whose, rating in rated.items():
            yield as_scaled(rating, whose)
        if not rated:
            yield by_rule(Answer.UNSURE, f"{counted(len(goals.goals), 'goal')} scaled, and not yet rated completely.")


def last_complete(ratings: Sequence[GoalRating]) -> GoalRating | None:
    """The latest rating in which no goal was left out; of one day, the last that was recorded."""
    complete = [r for r in ratings if r.t_score is not None and not r.in_error]
    return max(reversed(complete), key=lambda r: r.rated_on or date.min, default=None)


def as_scaled(rating: GoalRating, whose: Informant) -> Finding:
    """What a complete rating says of its goals, one by one: an average would let one goal make up for another."""
    levels = [each.level for each in rating.levels if each.level is not None]
    met = sum(level >= 0 for level in levels)
    reached = f"{met} of {counted(len(levels), 'goal')} at the expected level or better, T = {rating.t_score:.1f}."
    holds = Answer.YES if met == len(levels) else Answer.NO
    return by_rule(holds, f"Goal attainment scaling as the {whose} sees it: {reached}", rating.rated_on, whose)


def reliable_change(plan: TerminationPlan, known: Known) -> Iterator[Finding]:
    """Reliable and clinically significant change, by each form."""
    if not known.courses:
        yield by_rule(Answer.UNSURE, NO_SCORES)
    for course in known.courses:
        yield changed(course)


def changed(course: Course) -> Finding:
    """What became of the client by one form. Better within the clinical side is not yet clinically significant."""
    form, found = course.form, change(course.form, course.reached, course.left_out)
    told, on = f"{form.title}: {found.says[0]}", found.last.rated_on if found.last else None
    if found.outcome_class is OutcomeClass.NOT_COMPUTABLE:
        return by_rule(Answer.UNSURE, told, on)
    if found.outcome_class is OutcomeClass.IMPROVED:
        began_as_case = found.line and found.first and is_clinical(form, found.first.score, found.line)
        if began_as_case:
            return by_rule(Answer.NO, f"{told} It has not led across the line.", on)
        return by_rule(Answer.UNSURE, f"{told} {found.says[1]}", on)
    return by_rule(Answer.YES if found.outcome_class is OutcomeClass.RECOVERED else Answer.NO, told, on)


def stable(plan: TerminationPlan, known: Known) -> Iterator[Finding]:
    """Stable over several scores, by each form."""
    if not known.courses:
        yield by_rule(Answer.UNSURE, NO_SCORES)
    for course in known.courses:
        yield held_steady(course, known.stable_sessions)


def held_steady(course: Course, count: int) -> Finding:
    """Whether the last so many complete scores lie within one reliable change of each other, and none led to worse."""
    form, title = course.form, course.form.title
    complete = [one for one in course.reached if one.completeness is Completeness.COMPLETE]
    needed = change(form, course.reached).reliable_change
    if len(complete) < count:
        return by_rule(Answer.UNSURE, f"{title}: {len(complete)} of the {count} complete scores that it takes.")
    if needed is None:
        return by_rule(Answer.UNSURE, f"{title}: no norm says what a reliable change is.", complete[-1].rated_on)
    scores, on = [one.score for one in complete[-count:]], complete[-1].rated_on
    return by_rule(*steadiness(form, scores, needed), on)


def steadiness(form: Form, scores: Sequence[float], needed: ReliableChange) -> tuple[Answer, str]:
    """Whether scores stand still, and why."""
    last, spread = f"{form.title}: over the last {len(scores)} complete scores", max(scores) - min(scores)
    if is_reliable(form, up(form) * (scores[0] - scores[-1]), needed):
        return Answer.NO, f"{last} it grew reliably worse, from {scores[0]:g} to {scores[-1]:g} points."
    if is_reliable(form, spread, needed):
        return Answer.NO, f"{last} it moved by {spread:g} points, which is more than the form's error."
    return Answer.YES, f"{last} it moved by {spread:g} points, within the form's error."


NO_SCORES = "No outcome score is on record."


def relapse_plan(plan: TerminationPlan, known: Known) -> Iterator[Finding]:
    """Early signs, a safety plan, or the closure task."""
    done = [c.done_on for c in plan.closure if c.task is ClosureTask.RELAPSE_PLAN]
    kept = {"early signs": plan.relapse_signature, "a safety plan": plan.safety_plan, "the closure task": done}
    there = [name for name, found in kept.items() if found]
    if there:
        yield by_rule(Answer.YES, f"On record: {', '.join(there)}.", max(filter(None, done), default=None))
    else:
        yield by_rule(Answer.UNSURE, "No plan for slips is on record.")


def no_open_rupture(plan: TerminationPlan, known: Known) -> Iterator[Finding]:
    """Whether any stands open. That none was ever recorded is no sign of a good alliance."""
    ruptures = known.ruptures
    if ruptures.open:
        yield by_rule(Answer.NO, f"{counted(ruptures.open, 'rupture')} confirmed or in repair.")
    elif ruptures.ended_unrepaired:
        yield by_rule(Answer.NO, f"{counted(ruptures.ended_unrepaired, 'rupture')} open when the work ended.")
    elif ruptures.suspected:
        yield by_rule(Answer.UNSURE, f"{counted(ruptures.suspected, 'rupture')} suspected, and not yet looked at.")
    elif not ruptures.recorded:
        yield by_rule(Answer.UNSURE, "No rupture is on record, which does not say that there was none.")
    else:
        left = f"; {ruptures.unrepaired} left unrepaired" if ruptures.unrepaired else ""
        yield by_rule(Answer.YES, f"None is open, of {counted(ruptures.recorded, 'rupture')} on record{left}.")


def no_open_risk(plan: TerminationPlan, known: Known) -> Iterator[Finding]:
    """What the last screening found. The screening is a clinician's judgement; only reading it is computed."""
    place = known.relationship
    if place.risk is Risk.UNKNOWN or place.screened_on is None:
        yield by_rule(Answer.UNSURE, "Risk was not screened.")
    else:
        holds = Answer.NO if place.risk in (Risk.MODERATE, Risk.HIGH) else Answer.YES
        yield by_rule(holds, f"Risk at the last screening: {place.risk}.", place.screened_on)


COMPUTED: Mapping[ReadinessFact, Callable[[TerminationPlan, Known], Iterator[Finding]]] = {
    ReadinessFact.GOALS_ATTAINED: goals_attained, ReadinessFact.RELIABLE_CHANGE: reliable_change,
    ReadinessFact.STABLE: stable, ReadinessFact.RELAPSE_PLAN: relapse_plan,
    ReadinessFact.NO_OPEN_RUPTURE: no_open_rupture, ReadinessFact.NO_OPEN_RISK: no_open_risk,
}  # fmt: skip
"""The facts that the record can answer. The others are people's to say: readiness, skills used outside, supports."""
