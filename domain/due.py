"""What is due: computed from what stands in the record whenever it is asked for, and kept nowhere."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, ClassVar
from uuid import UUID

from domain.endings import EndingKind
from domain.handover import ReferralAnswer
from domain.relationship import RelationshipPhase
from domain.reminders import ReminderKind
from domain.termination import PlanPhase, TerminationPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """When a practice wants to be reminded. No standard exists for any of it: these are what holds until it says."""

    days_before_ending: tuple[int, ...] = (28, 14, 7)
    mention_days: int = 28
    review_every_days: int = 90
    transfer_days: int = 14
    missed_sessions: int = 2
    silent_days: int = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskAnswer:
    """An answer to a risk item that nobody has looked at."""

    signal_id: UUID
    seen_on: date
    """The day of the form; the day its signal was raised, where that was earlier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What of a relationship its reminders rest on."""

    relationship_id: UUID
    phase: RelationshipPhase
    begun_on: date
    plan: TerminationPlan | None = None
    edition: str | None = None
    """The current edition of the text that the plan's consent names; none where it names none in force."""
    edition_since: date | None = None
    missed_on: tuple[date, ...] = ()
    """The days of the sessions missed since the last one the client came to, or cancelled late; in order."""
    risk_answers: tuple[RiskAnswer, ...] = ()
    """What of the client's answers waits to be asked about, as far as their therapist is shown it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """Something that is due, or soon will be."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"use_attribute_docstrings": True}

    kind: ReminderKind
    """What of."""
    due_on: date
    """The day it fell, or falls, due."""
    relationship_id: UUID
    """The relationship it is about."""
    termination_plan_id: UUID | None = None
    """Its termination plan, where there is one."""
    days_before: int | None = None
    """For `ending_near`: which point it is, in days before the target date."""
    text_version: str | None = None
    """For `consent_to_renew`: the edition that asks for a new consent."""
    signal_id: UUID | None = None
    """For `risk_to_ask`: the signal to review once the client was asked."""


P = PlanPhase
AT_WORK = frozenset({P.INTRODUCED, P.REVIEWING, P.PLANNED, P.CLOSING})


def due(standing: Standing, clock: Clock, *, today: date, until: date) -> tuple[Reminder, ...]:
    """What is due by `until`, the earliest first.

    Of the points before an ending, and of boosters, the last one reached counts and those still to come: nobody is
    told of four weeks when one is left.
    """
    plan = standing.plan
    found = [
        *asking(standing),
        *unmentioned(standing, clock),
        *(silence(standing, clock) if may_be_silent(standing) else ()),
    ]
    if plan:
        found += [*consent(standing, plan), *ending(plan, clock, today), *review(standing, plan, clock)]
        found += [*transfer(plan, clock), *boosters(plan, today)]
    id, plan_id = standing.relationship_id, plan.id if plan else None
    told = [
        Reminder(kind=kind, due_on=day, relationship_id=id, termination_plan_id=plan_id, **more)
        for kind, day, more in found if day <= until
    ]  # fmt: skip
    return tuple(sorted(told, key=lambda r: (r.due_on, r.kind)))


Found = Iterator[tuple[ReminderKind, date, dict[str, Any]]]


def consent(standing: Standing, plan: TerminationPlan) -> Found:
    """The text has an edition that nobody consented to."""
    said = plan.consent and plan.consent.text_version
    if plan.phase in AT_WORK and standing.edition_since and said and standing.edition != said:
        yield ReminderKind.CONSENT_TO_RENEW, standing.edition_since, {"text_version": standing.edition}


def asking(standing: Standing) -> Found:
    """An answer that nobody has looked at is asked about on its day, and waits however the work stands."""
    plan = standing.plan
    if plan is None or not (plan.died_on or plan.kind is EndingKind.CLIENT_DECEASED):
        for answer in standing.risk_answers:
            yield ReminderKind.RISK_TO_ASK, answer.seen_on, {"signal_id": answer.signal_id}


def unmentioned(standing: Standing, clock: Clock) -> Found:
    """The ending belongs into informed consent, at the beginning of the work (founding text)."""
    plan = standing.plan
    untold = plan is None or (plan.phase in AT_WORK and plan.ending_mentioned_on is None)
    if standing.phase is RelationshipPhase.ACTIVE and untold:
        yield ReminderKind.ENDING_NOT_MENTIONED, standing.begun_on + timedelta(clock.mention_days), {}


def ending(plan: TerminationPlan, clock: Clock, today: date) -> Found:
    """The points before the last session."""
    if plan.phase in AT_WORK and plan.target_date:
        points = {plan.target_date - timedelta(days): days for days in clock.days_before_ending}
        for day in reached_or_to_come(points, today):
            yield ReminderKind.ENDING_NEAR, day, {"days_before": points[day]}


def reached_or_to_come(days: Iterable[date], today: date) -> list[date]:
    """The last day that has come, and all that have not."""
    come = [day for day in days if day <= today]
    return sorted([*([max(come)] if come else []), *(day for day in days if day > today)])


def review(standing: Standing, plan: TerminationPlan, clock: Clock) -> Found:
    """So long after the last talk, or after the ending was first mentioned."""
    if plan.phase in (P.INTRODUCED, P.REVIEWING):
        talks = [r.reviewed_on for r in plan.reviews if r.reviewed_on]
        last = max(talks) if talks else plan.ending_mentioned_on or standing.begun_on
        yield ReminderKind.READINESS_REVIEW, last + timedelta(clock.review_every_days), {}


def may_be_silent(standing: Standing) -> bool:
    """Whether anybody waits for the client: not in a pause that was agreed, and not once an outreach is under way."""
    if standing.phase not in (RelationshipPhase.ACTIVE, RelationshipPhase.IN_TRANSITION):
        return False
    return standing.plan is None or standing.plan.phase in AT_WORK


def silence(standing: Standing, clock: Clock) -> Found:
    """So many sessions missed in a row, or so many days since the first of them without a sign."""
    back = standing.plan and standing.plan.returned_on
    missed = [day for day in standing.missed_on if not back or day > back]
    if missed:
        in_a_row = missed[clock.missed_sessions - 1 : clock.missed_sessions]
        yield ReminderKind.OUTREACH, min([*in_a_row, missed[0] + timedelta(clock.silent_days)]), {}


def transfer(plan: TerminationPlan, clock: Clock) -> Found:
    """Somebody was asked, and has not answered."""
    if plan.phase is P.TRANSFERRING:
        asked = [r.asked_on for r in plan.referrals if r.answer is ReferralAnswer.AWAITED]
        for day in asked:
            yield ReminderKind.TRANSFER_WAITING, day + timedelta(clock.transfer_days), {}


def boosters(plan: TerminationPlan, today: date) -> Found:
    """The days that were agreed for coming back once more."""
    if plan.phase is P.AFTERCARE:
        for day in reached_or_to_come(set(plan.boosters), today):
            yield ReminderKind.BOOSTER, day, {}
