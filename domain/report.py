"""The ending report: for whoever has to see, in two minutes, whether an ending was done as it should be.

It is drawn from the plan, the relationship, the log and what readiness is computed from. The only free text in it is
what an exception rests on. Names of people are left out but for those of the therapists who acted.

In one file, however long: what a report says is read beside how it comes to say so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from domain.access import Role
from domain.attainment import Attained, GoalAttainment
from domain.change import OutcomeClass, Reached, change
from domain.closure import ClosureTask
from domain.consent import Consent, ConsentGiver
from domain.endings import EndingKind, Premature, PrematureDefinition, Reason, Timing, bha_codes, nhs_code
from domain.handover import HandoverTask
from domain.outreach import WRITTEN, Channel
from domain.readiness import Course, FactFindings, Known, readiness
from domain.relationship import Relationship, Risk
from domain.telling import day
from domain.termination import (
    AGREED,
    OWED,
    TERMINATION_PLAN,
    ExceptionCode,
    PlanPhase,
    TerminationPlan,
)


class Duty(StrEnum):
    """Something that is owed before, or at, an ending of a certain kind."""

    AGREEMENT = "agreement"
    """The client's own word, where the ending rests on it."""
    REASONS = "reasons"
    """A reason."""
    NOTICE = "notice"
    """Notice."""
    COUNSELLING = "counselling"
    """Pre-termination counselling, offered (APA 10.10 c)."""
    ALTERNATIVES = "alternatives"
    """At least one other provider, suggested (APA 10.10 c)."""
    RISK_SCREEN = "risk_screen"
    """A screening of risk."""
    HIGH_RISK_HANDED_OVER = "high_risk_handed_over"
    """Open high risk is left to nobody: an accepted transfer, or emergency care."""
    OUTREACH = "outreach"
    """Attempts to reach a silent client, over several channels, one in writing that offers a way back."""
    ACCEPTANCE = "acceptance"
    """The receiver's word that they have the client now."""
    RUPTURES_FACED = "ruptures_faced"
    """Whoever ended it said that they saw which ruptures stood open."""


class DutyStatus(StrEnum):
    """What became of a duty."""

    MET = "met"
    """It is on record."""
    EXCEPTED = "excepted"
    """Not on record; the exception covers it."""
    OUTSTANDING = "outstanding"
    """Not on record, and the ending has not come yet."""
    NOT_ON_RECORD = "not_on_record"
    """Not on record, and the ending has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyOnRecord:
    """A duty, and what became of it."""

    duty: Duty
    """Which one."""
    status: DutyStatus
    """What became of it."""
    on: date | None = None
    """The day, where it has one."""
    detail: str
    """What is on record, in few words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionOnRecord:
    """Under what a duty was not met."""

    code: ExceptionCode
    """Which one."""
    detail: str
    """What happened, as it was recorded for whoever audits it."""
    recorded_by: Role | None = None
    """Who recorded it, by role."""
    recorded_by_id: str | None = None
    """The subject of their token."""
    recorded_on: date | None = None
    """When."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentOnRecord:
    """The informed consent into which the ending was woven."""

    text_version: str
    """The version of the text."""
    given_on: date
    """The day."""
    given_by: ConsentGiver
    """In what capacity."""
    holder_on_record: bool
    """Whether it is on record who holds consent, when it is not the client."""
    holders: tuple[date | None, ...] = ()
    """Where several hold it together: for each the day of their own word, null while it is awaited."""
    awaited: int = 0
    """How many of them have yet to give it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewOnRecord:
    """A readiness review."""

    reviewed_on: date | None
    """The day."""
    recorded_by: Role
    """The role that recorded it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOnRecord:
    """A closure task."""

    task: ClosureTask
    """Which one."""
    done_on: date | None
    """The day."""
    recorded_by: Role
    """The role that recorded it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """A screening of risk."""

    screened_on: date
    """The day."""
    risk: Risk
    """What was found."""
    recorded_by: Role
    """The role that recorded it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptOnRecord:
    """An attempt to reach a silent client."""

    attempted_on: date | None
    """The day."""
    channel: Channel
    """How."""
    written: bool
    """Whether it was in writing."""
    offered_return: bool | None
    """Whether it offered a way back; null where nobody said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeOnRecord:
    """What became of the client by one edition of one form."""

    instrument: str
    """The instrument's code."""
    instrument_version: str
    """Its edition."""
    title: str
    """Its name."""
    first: Reached | None
    """The first score."""
    last: Reached | None
    """The last, if there is more than one."""
    outcome_class: OutcomeClass
    """What that comes to. Norms and formula are at `/v1/relationships/{id}/outcomes`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalsOnRecord:
    """A set of scaled goals. The two views are never blended."""

    goals: int
    """How many."""
    client: Attained | None
    """What the client's latest complete rating came to."""
    therapist: Attained | None
    """What the therapist's came to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferOnRecord:
    """A transfer to somebody else."""

    receiver_therapist_id: UUID | None
    """The therapist of this practice who takes over; null for somebody elsewhere."""
    begun_on: date | None
    """The day it began."""
    accepted_on: date | None
    """The day the receiver accepted; null where they have not."""
    referrals: int
    """How many were asked."""
    handover: tuple[HandoverTask, ...]
    """What was seen to for the one who takes over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StayOnRecord:
    """What stays after the end."""

    return_route: bool
    """Whether a way back is on record."""
    early_signs: bool
    """Whether early signs of a slip are."""
    safety_plan: bool
    """Whether a safety plan is."""
    boosters: tuple[date, ...]
    """Booster sessions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOnRecord:
    """Something that happened to the plan."""

    at: datetime
    """When it was recorded."""
    says: str
    """What happened, in plain words."""
    phase: PlanPhase
    """Where it left the plan."""
    by: Role
    """Who recorded it, by role."""
    by_id: str
    """The subject of their token."""
    name: str | None = None
    """The therapist's name, as the practice shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndingReport:
    """How an ending was prepared, done and recorded."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"use_attribute_docstrings": True}

    termination_plan_id: UUID
    """The plan."""
    relationship_id: UUID
    """The relationship."""
    as_of: date
    """The day of the last change to the plan."""
    in_short: tuple[str, ...]
    """What there is to know first."""
    phase: PlanPhase
    """Where the ending is."""
    kind: EndingKind | None
    """Who or what brought it to its end."""
    timing: Timing | None
    """When, against what was planned."""
    reasons: tuple[Reason, ...]
    """Why."""
    nhs_code: int | None
    """The NHS Talking Therapies end code that fits kind and timing."""
    bha_codes: tuple[int, ...]
    """The Colorado BHA end-of-treatment reasons that fit."""
    premature: Premature | None
    """Whether it was premature, by the definition beside it."""
    premature_definition: PrematureDefinition | None
    """The definition used."""
    ended_on: date | None
    """The day."""
    ended_by: Role | None
    """The role that recorded the end."""
    duties: tuple[DutyOnRecord, ...]
    """What is owed in an ending of this kind, and what became of each."""
    exception: ExceptionOnRecord | None
    """The exception on record, if any."""
    consent: ConsentOnRecord | None
    """The informed consent; null where there was none."""
    earlier_consents: tuple[ConsentOnRecord, ...]
    """Those it took the place of, in order."""
    first_mentioned_on: date | None
    """The day the ending was first mentioned; null where that is not on record, as when a client left or fell silent
    before anybody spoke of it."""
    notice_given_on: date | None
    """The day the client was told."""
    notice_days: int | None
    """From notice to the end, or to the day planned for it."""
    reviews: tuple[ReviewOnRecord, ...]
    """Every readiness review."""
    readiness: tuple[FactFindings, ...]
    """Every readiness fact as the record stands: what was computed beside what was said, without anybody's words."""
    outcomes: tuple[OutcomeOnRecord, ...]
    """What became of the client, by each form."""
    goals: tuple[GoalsOnRecord, ...]
    """Goal attainment, by each set of goals and each side."""
    closure: tuple[TaskOnRecord, ...]
    """Closure tasks done."""
    closure_left_out: tuple[ClosureTask, ...]
    """Those of which nothing is on record. None of them is owed."""
    risk: Risk
    """What the last screening found."""
    screened_on: date | None
    """Its day."""
    screenings: tuple[Screening, ...]
    """Every screening in the log."""
    open_ruptures: int
    """Ruptures that are confirmed or in repair now."""
    ended_unrepaired: int
    """Ruptures that stood open when it ended."""
    open_ruptures_acknowledged: bool
    """Somebody said that they saw them."""
    outreach: tuple[AttemptOnRecord, ...]
    """Every attempt to reach a silent client."""
    transfer: TransferOnRecord | None
    """The transfer, if there is one."""
    stays: StayOnRecord
    """What stays after the end."""
    history: tuple[StepOnRecord, ...]
    """Everything that happened to the plan, in order."""
    history_complete: bool
    """False where the log no longer goes back to the beginning."""


# -- what it is drawn from ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """An event of the log."""

    type: str
    version: int
    at: datetime
    actor_kind: Role
    actor_id: str
    target: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence(Known):
    """What the report needs beside the plan: what readiness rests on, and the log."""

    log: tuple[Logged, ...] = ()
    """The plan's events, in order."""
    screenings: tuple[Logged, ...] = ()
    """The relationship's screenings of risk, in order."""
    attempts_asked: int = 0
    """How many attempts the practice asks for before a lapse."""
    channels_asked: int = 0
    names: Mapping[str, str] | None = None
    """Therapists' names by id."""


SAYS = {TERMINATION_PLAN.type_of(move): move.says for move in TERMINATION_PLAN.moves}


def report(plan: TerminationPlan, evidence: Evidence, as_of: date) -> EndingReport:
    """The report."""
    owed = tuple(duties(plan, evidence))
    history = tuple(steps(evidence))
    return EndingReport(
        termination_plan_id=plan.id, relationship_id=plan.relationship_id, as_of=as_of,
        in_short=tuple(in_short(plan, evidence, owed)), phase=plan.phase, kind=plan.kind, timing=plan.timing,
        reasons=plan.reasons, nhs_code=nhs_code(plan.kind, plan.timing),
        bha_codes=bha_codes(plan.kind, plan.reasons), premature=plan.premature,
        premature_definition=plan.premature_definition, ended_on=plan.ended_on, ended_by=plan.ended_by, duties=owed,
        exception=exception(plan), consent=consent(plan.consent) if plan.consent else None,
        earlier_consents=tuple(map(consent, plan.earlier_consents)), first_mentioned_on=plan.ending_mentioned_on,
        notice_given_on=plan.notice_given_on, notice_days=notice(plan),
        reviews=tuple(ReviewOnRecord(reviewed_on=r.reviewed_on, recorded_by=r.by) for r in plan.reviews),
        readiness=tuple(map(wordless, readiness(plan, evidence).facts)), outcomes=tuple(map(outcome, evidence.courses)),
        goals=tuple(map(scaled, evidence.goals)),
        closure=tuple(TaskOnRecord(task=c.task, done_on=c.done_on, recorded_by=c.by) for c in plan.closure),
        closure_left_out=tuple(task for task in ClosureTask if task not in {c.task for c in plan.closure}),
        risk=evidence.relationship.risk, screened_on=evidence.relationship.screened_on,
        screenings=tuple(screened(evidence.screenings)), open_ruptures=evidence.ruptures.open,
        ended_unrepaired=evidence.ruptures.ended_unrepaired, open_ruptures_acknowledged=plan.open_ruptures_acknowledged,
        outreach=tuple(
            AttemptOnRecord(attempted_on=o.attempted_on, channel=o.channel, written=o.channel in WRITTEN,
                            offered_return=o.offered_return)
            for o in plan.outreach
        ),
        transfer=transfer(plan, evidence.log),
        stays=StayOnRecord(return_route=plan.return_route is not None, early_signs=bool(plan.relapse_signature),
                           safety_plan=plan.safety_plan is not None, boosters=plan.boosters),
        history=history, history_complete=bool(evidence.log) and evidence.log[0].version == 1,
    )  # fmt: skip


# -- duties ------------------------------------------------------------------------------------------------------------


def duties(plan: TerminationPlan, evidence: Evidence) -> Iterator[DutyOnRecord]:
    """What this ending owes, and what became of each; nothing where a client left or died."""
    by_client = plan.kind is EndingKind.CLIENT_INITIATED and not planned_with(evidence.log)
    if plan.kind is EndingKind.CLIENT_DECEASED or by_client:
        return
    if plan.kind in AGREED:
        yield judged(plan, Duty.AGREEMENT, plan.agreed_by_client, "The client's own word is on record.")
    if plan.kind in OWED:
        yield from owed_before(plan, evidence)
    if plan.kind is EndingKind.LAPSED_NO_CONTACT or plan.phase is PlanPhase.OUTREACH:
        yield tried_enough(plan, evidence)
    if (moved := transfer(plan, evidence.log)) is not None:
        on = moved.accepted_on
        yield judged(plan, Duty.ACCEPTANCE, on, "Accepted.", on)
    if high_at_the_end(plan, evidence.relationship):
        handed = plan.exception and plan.exception.code is ExceptionCode.EMERGENCY_HANDOVER
        accepted = moved and moved.accepted_on
        yield judged(plan, Duty.HIGH_RISK_HANDED_OVER, handed or accepted,
                     "Handed over to emergency care." if handed else "The receiver accepted.")  # fmt: skip
    standing = evidence.ruptures.open + evidence.ruptures.ended_unrepaired
    if standing and plan.kind in (*AGREED, *OWED):
        detail = f"{standing} stood open; it was acknowledged."
        yield judged(plan, Duty.RUPTURES_FACED, plan.open_ruptures_acknowledged, detail)


def owed_before(plan: TerminationPlan, evidence: Evidence) -> Iterator[DutyOnRecord]:
    """What a client is owed before an ending that is not theirs (APA 10.10)."""
    named, place, days = plan.alternative_providers, evidence.relationship, notice(plan)
    screened = place.screened_on if place.risk is not Risk.UNKNOWN else None
    why = ", ".join(map(words, plan.reasons)).capitalize()
    ahead = f"{days} days ahead." if days is not None else "Given."
    yield judged(plan, Duty.REASONS, plan.reasons, f"{why}.")
    yield judged(plan, Duty.NOTICE, plan.notice_given_on, ahead, plan.notice_given_on)
    yield judged(plan, Duty.COUNSELLING, plan.counselling_offered, "Offered.")
    yield judged(plan, Duty.ALTERNATIVES, named, f"{len(named)} suggested.")
    yield judged(plan, Duty.RISK_SCREEN, screened, f"{words(place.risk).capitalize()}.", screened)


def tried_enough(plan: TerminationPlan, evidence: Evidence) -> DutyOnRecord:
    """The outreach ladder, as far as it was climbed."""
    channels = {o.channel for o in plan.outreach}
    written = any(o.channel in WRITTEN and o.offered_return for o in plan.outreach)
    enough = len(plan.outreach) >= evidence.attempts_asked and len(channels) >= evidence.channels_asked and written
    detail = (
        f"{len(plan.outreach)} of {evidence.attempts_asked} attempts, {len(channels)} of {evidence.channels_asked} "
        f"channels, {'one' if written else 'none'} in writing with a way back."
    )
    found = judged(plan, Duty.OUTREACH, enough, detail)
    return DutyOnRecord(duty=found.duty, status=found.status, detail=detail)


def judged(plan: TerminationPlan, duty: Duty, given: Any, detail: str, on: date | None = None) -> DutyOnRecord:
    """One duty, by whether what it asks for was `given`."""
    if given:
        return DutyOnRecord(duty=duty, status=DutyStatus.MET, on=on, detail=detail)
    if plan.exception and duty in EXCEPTED:
        return DutyOnRecord(duty=duty, status=DutyStatus.EXCEPTED, detail=f"Exception: {words(plan.exception.code)}.")
    status = DutyStatus.NOT_ON_RECORD if plan.ended_on else DutyStatus.OUTSTANDING
    return DutyOnRecord(duty=duty, status=status, detail="Nothing is on record.")


EXCEPTED = frozenset({Duty.REASONS, Duty.NOTICE, Duty.COUNSELLING, Duty.ALTERNATIVES, Duty.RISK_SCREEN})
"""What an exception covers."""


def high_at_the_end(plan: TerminationPlan, relationship: Relationship) -> bool:
    """Whether risk is high now or, once it is over, was when it ended."""
    since = plan.ended_on and relationship.screened_on and relationship.screened_on > plan.ended_on
    return relationship.risk is Risk.HIGH and not since


ENDS = frozenset(TERMINATION_PLAN.type_of(m) for m in TERMINATION_PLAN.moves if m.to == (PlanPhase.ENDED,))
LEFT = TERMINATION_PLAN.type_of(TERMINATION_PLAN.by_name["client_ends"])


def planned_with(log: Sequence[Logged]) -> bool:
    """Whether the client's ending was planned and ended by the pair, not left by the client."""
    ends = [entry.type for entry in log if entry.type in ENDS]
    return not ends or ends[-1] != LEFT


# -- the rest ----------------------------------------------------------------------------------------------------------


def in_short(plan: TerminationPlan, evidence: Evidence, owed: Sequence[DutyOnRecord]) -> Iterator[str]:
    """What there is to know first."""
    kind = f"Kind: {words(plan.kind)}" if plan.kind else "The kind of ending is not said yet"
    yield f"{kind}; {f'ended on {day(plan.ended_on)}' if plan.ended_on else 'not ended yet'}."
    open_duties = [d.duty for d in owed if d.status in (DutyStatus.OUTSTANDING, DutyStatus.NOT_ON_RECORD)]
    excepted = [d.duty for d in owed if d.status is DutyStatus.EXCEPTED]
    if not owed:
        yield "Nothing is owed in an ending of this kind." if plan.kind else "What is owed depends on its kind."
    elif not open_duties and not excepted:
        yield "Everything that is owed is on record."
    if excepted:
        yield f"Under an exception: {', '.join(map(words, excepted))}."
    if open_duties:
        yield f"Not on record: {', '.join(map(words, open_duties))}."
    if high_at_the_end(plan, evidence.relationship):
        yield "Risk was high at the last screening."
    if unrepaired := evidence.ruptures.ended_unrepaired:
        yield f"Ruptures that ended unrepaired: {unrepaired}."


def words(value: StrEnum) -> str:
    """A value of a vocabulary, as one would write it."""
    return value.value.replace("_", " ")


def consent(given: Consent) -> ConsentOnRecord:
    """A consent, without names."""
    holders = tuple(holder.consented_on for holder in given.holders)
    return ConsentOnRecord(
        text_version=given.text_version, given_on=given.given_on, given_by=given.given_by,
        holder_on_record=bool(given.holder or holders), holders=holders, awaited=holders.count(None),
    )  # fmt: skip


def wordless(fact: FactFindings) -> FactFindings:
    """What people said of a fact, without the source they gave in words of their own."""
    kept = (replace(one, source=SAID) if one.recorded_as else one for one in fact.findings)
    return replace(fact, findings=tuple(kept))


SAID = "Said in a readiness review."


def outcome(course: Course) -> OutcomeOnRecord:
    """What became of the client by one form, in short."""
    found = change(course.form, course.reached, course.left_out)
    return OutcomeOnRecord(
        instrument=found.instrument, instrument_version=found.instrument_version, title=found.title,
        first=found.first, last=found.last, outcome_class=found.outcome_class,
    )  # fmt: skip


def scaled(goals: GoalAttainment) -> GoalsOnRecord:
    """What a set of goals came to, as each side sees it."""
    return GoalsOnRecord(
        goals=len(goals.goals), client=goals.client_attained, therapist=goals.therapist_attained
    )  # fmt: skip


def notice(plan: TerminationPlan) -> int | None:
    """Days from notice to the end, or to the day planned for it."""
    until = plan.ended_on or plan.target_date
    return (until - plan.notice_given_on).days if until and plan.notice_given_on else None


def exception(plan: TerminationPlan) -> ExceptionOnRecord | None:
    """The exception, with who recorded it and when."""
    said = plan.exception
    if said is None:
        return None
    return ExceptionOnRecord(
        code=said.code, detail=said.detail, recorded_by=said.recorded_as, recorded_by_id=said.recorded_by,
        recorded_on=said.recorded_on,
    )  # fmt: skip


def screened(log: Sequence[Logged]) -> Iterator[Screening]:
    """Every screening. The log tells only what changed, so what goes unsaid is as it was."""
    known: dict[str, str] = {}
    for entry in log:
        known |= {n: v for n, v in entry.data.get("set", {}).items() if n in ("risk", "screened_on")}
        if len(known) == 2:
            on, risk = date.fromisoformat(known["screened_on"]), Risk(known["risk"])
            yield Screening(screened_on=on, risk=risk, recorded_by=entry.actor_kind)


BEGUN = frozenset(TERMINATION_PLAN.type_of(m) for m in TERMINATION_PLAN.moves if m.to == (PlanPhase.TRANSFERRING,))
ACCEPTED = TERMINATION_PLAN.type_of(TERMINATION_PLAN.by_name["transfer_accepted"])


def transfer(plan: TerminationPlan, log: Sequence[Logged]) -> TransferOnRecord | None:
    """The transfer that is under way or was the end, with its days as the log has them."""
    if plan.kind not in (EndingKind.TRANSFER, EndingKind.THERAPIST_INCAPACITY):
        return None
    begun = [entry.at.date() for entry in log if entry.type in BEGUN]
    accepted = [entry.at.date() for entry in log if entry.type == ACCEPTED]
    return TransferOnRecord(
        receiver_therapist_id=plan.receiver.therapist_id if plan.receiver else None,
        begun_on=begun[-1] if begun else None, accepted_on=accepted[-1] if accepted and plan.ended_on else None,
        referrals=len(plan.referrals), handover=tuple(dict.fromkeys(h.task for h in plan.handover)),
    )  # fmt: skip


def steps(evidence: Evidence) -> Iterator[StepOnRecord]:
    """Everything that happened to the plan."""
    known = evidence.names or {}
    for entry in evidence.log:
        yield StepOnRecord(
            at=entry.at, says=SAYS[entry.type], phase=PlanPhase(entry.target), by=entry.actor_kind,
            by_id=entry.actor_id, name=known.get(entry.actor_id),
        )  # fmt: skip
