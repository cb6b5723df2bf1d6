"""The ending report: for whoever has to see, in two minutes, whether an ending was done as it should be.

It is drawn from the plan, the relationship, the log and what readiness is computed from. The only free text in it is
what an exception rests on. Names of people are left out but for those of the therapists who acted or took over.

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
from domain.handover import OPEN_RISK, HandoverTask, ReferralAnswer, not_handed
from domain.outreach import WRITTEN, Channel
from domain.owed import AGREED, EXCUSES, OWED, Duty, ExceptionCode, emergency
from domain.readiness import Course, FactFindings, Known, readiness
from domain.relationship import Risk
from domain.telling import day
from domain.termination import TERMINATION_PLAN, PlanPhase, TerminationPlan


class DutyStatus(StrEnum):
    """What became of a duty."""

    MET = "met"
    """It is on record."""
    EXCEPTED = "excepted"
    """Not on record; the exception excuses it."""
    NOT_EXCUSED = "not_excused"
    """Not given; the exception on record does not excuse it (APA 10.10)."""
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
    detail: str
    """Who has consented, in words and without a name."""
    assent_on: date | None = None
    """Where somebody else consents: the day the client said yes for themselves."""
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
    receiver_name: str | None
    """Their name, as the practice shows it; null for somebody elsewhere."""
    begun_on: date | None
    """The day it began."""
    accepted_on: date | None
    """The day the receiver accepted; null where they have not."""
    referrals: int
    """How many were asked."""
    handover: tuple[HandoverTask, ...]
    """What was seen to for the one who takes over."""
    handover_missing: tuple[HandoverTask, ...]
    """Of what nothing is on record."""


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
    client_agreed_on: date | None
    """The day the client agreed to the ending themselves; null while others only say so for them."""
    notice_days: int | None
    """From notice to the end, or to the day planned for it; below zero where it came after that."""
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
        notice_given_on=plan.notice_given_on, client_agreed_on=plan.client_agreed_on, notice_days=notice(plan),
        reviews=tuple(ReviewOnRecord(reviewed_on=r.reviewed_on, recorded_by=r.by) for r in plan.reviews),
        readiness=tuple(map(wordless, readiness(plan, evidence).facts)), outcomes=tuple(map(outcome, evidence.courses)),
        goals=tuple(map(scaled, evidence.goals)),
        closure=tuple(TaskOnRecord(task=c.task, done_on=c.done_on, recorded_by=c.by) for c in plan.closure),
        closure_left_out=tuple(task for task in ClosureTask if task not in {c.task for c in plan.closure}),
        risk=evidence.relationship.risk, screened_on=evidence.relationship.screened_on,
        screenings=tuple(found for _, found in screened(evidence.screenings)), open_ruptures=evidence.ruptures.open,
        ended_unrepaired=evidence.ruptures.ended_unrepaired, open_ruptures_acknowledged=plan.open_ruptures_acknowledged,
        outreach=tuple(
            AttemptOnRecord(attempted_on=o.attempted_on, channel=o.channel, written=o.channel in WRITTEN,
                            offered_return=o.offered_return)
            for o in plan.outreach
        ),
        transfer=transfer(plan, evidence),
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
        yield judged(plan, Duty.AGREEMENT, plan.agreed_by_client, whose_word(plan), plan.client_agreed_on)
    if plan.kind in OWED:
        yield from owed_before(plan, evidence)
    if plan.kind is EndingKind.LAPSED_NO_CONTACT or plan.phase is PlanPhase.OUTREACH:
        yield tried_enough(plan, evidence)
    if (moved := transfer(plan, evidence)) is not None:
        on = moved.accepted_on
        yield judged(plan, Duty.ACCEPTANCE, on, "Accepted.", on)
    if risk_at(plan.ended_on, evidence) is Risk.HIGH:
        handed = emergency(plan.exception)
        accepted = moved and moved.accepted_on
        yield judged(plan, Duty.HIGH_RISK_HANDED_OVER, handed or accepted,
                     "Handed over to emergency care." if handed else "The receiver accepted.")  # fmt: skip
    # What is reported after the end did not stand open at it.
    standing = evidence.ruptures.ended_unrepaired + (0 if plan.ended_on else evidence.ruptures.open)
    if standing and plan.kind in (*AGREED, *OWED):
        detail = f"{standing} stood open; it was acknowledged."
        yield judged(plan, Duty.RUPTURES_FACED, plan.open_ruptures_acknowledged, detail)


def whose_word(plan: TerminationPlan) -> str:
    """Whether the client said themselves that they agree, or others say it for them."""
    if plan.client_agreed_on:
        return "The client said so themselves."
    return "The therapist recorded that the client agrees; the client has not said so themselves."


def owed_before(plan: TerminationPlan, evidence: Evidence) -> Iterator[DutyOnRecord]:
    """What a client is owed before an ending that is not theirs (APA 10.10)."""
    named, days, risk = plan.alternative_providers, notice(plan), risk_at(plan.ended_on, evidence)
    before, _ = around_the_end(plan.ended_on, evidence)
    found_on = before[-1].screened_on if before else evidence.relationship.screened_on
    screened = found_on if risk is not Risk.UNKNOWN else None
    why = ", ".join(map(words, plan.reasons)).capitalize()
    ahead = f"{told_ahead(days, plan.ended_on)}." if days is not None else "Given."
    yield judged(plan, Duty.REASONS, plan.reasons, f"{why}.")
    yield judged(plan, Duty.NOTICE, plan.notice_given_on, ahead, plan.notice_given_on)
    yield judged(plan, Duty.COUNSELLING, plan.counselling_offered, "Offered.")
    yield judged(plan, Duty.ALTERNATIVES, named, f"{len(named)} suggested.")
    yield judged(plan, Duty.RISK_SCREEN, screened, f"{words(risk).capitalize()}.", screened)


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
        if duty in EXCUSES[plan.exception.code]:
            detail = f"Exception: {words(plan.exception.code)}."
            return DutyOnRecord(duty=duty, status=DutyStatus.EXCEPTED, detail=detail)
        return DutyOnRecord(duty=duty, status=DutyStatus.NOT_EXCUSED, detail=UNEXCUSED)
    status = DutyStatus.NOT_ON_RECORD if plan.ended_on else DutyStatus.OUTSTANDING
    return DutyOnRecord(duty=duty, status=status, detail="Nothing is on record.")


EXCEPTED = frozenset({Duty.REASONS, Duty.NOTICE, Duty.COUNSELLING, Duty.ALTERNATIVES, Duty.RISK_SCREEN})
"""What an exception opens the way past."""
UNEXCUSED = "Not given; the exception does not excuse it."


ENDS = frozenset(TERMINATION_PLAN.type_of(m) for m in TERMINATION_PLAN.moves if m.to == (PlanPhase.ENDED,))
LEFT = TERMINATION_PLAN.type_of(TERMINATION_PLAN.by_name["client_ends"])
DIED = TERMINATION_PLAN.type_of(TERMINATION_PLAN.by_name["client_died"])


def planned_with(log: Sequence[Logged]) -> bool:
    """Whether the client's ending was planned and ended by the pair, not left by the client."""
    ends = [entry.type for entry in log if entry.type in ENDS - {DIED}]
    return not ends or ends[-1] != LEFT


# -- risk at the end ---------------------------------------------------------------------------------------------------


def risk_at(over_on: date | None, evidence: Evidence, *, died: bool = False) -> Risk:
    """The risk as it was known when it was over, or the client `died`; as it is known now, where neither is so."""
    place = evidence.relationship
    before, after = around_the_end(over_on, evidence, died=died)
    if before:
        return before[-1].risk
    since = over_on and place.screened_on and place.screened_on > over_on
    return Risk.UNKNOWN if since or after else place.risk


def around_the_end(
    over_on: date | None, evidence: Evidence, *, died: bool = False
) -> tuple[list[Screening], list[Screening]]:
    """The screenings up to the end, or to the death where the client `died`, and those after it.

    What was known when the end was recorded was known at the end, on whatever day that is said to have been. On the day
    itself the log tells which came first.
    """
    of = ENDS if died else ENDS - {DIED}
    ended = [entry.at for entry in evidence.log if entry.type in of]
    before: list[Screening] = []
    after: list[Screening] = []
    for entry, found in screened(evidence.screenings):
        recorded_later = entry.at > ended[-1] if ended else over_on and found.screened_on > over_on
        later = over_on and recorded_later and found.screened_on >= over_on
        (after if later else before).append(found)
    return before, after


def gone_at_risk(plan: TerminationPlan, evidence: Evidence) -> str | None:
    """What is told of somebody who left, or died, while risk was high; None of all others."""
    died = plan.died_on or (plan.ended_on if plan.kind is EndingKind.CLIENT_DECEASED else None)
    left = plan.ended_on if plan.kind is EndingKind.CLIENT_INITIATED and not planned_with(evidence.log) else None
    gone = died or left
    if gone is None or risk_at(gone, evidence, died=bool(died)) is not Risk.HIGH:
        return None
    around = around_the_end(gone, evidence, died=bool(died))
    done = "; ".join(done_about_it(plan, gone, evidence, *around)) or "nothing on record"
    return f"Risk was high when the client {'died' if died else 'left'}; what was done about it: {done}."


def done_about_it(
    plan: TerminationPlan, gone: date, evidence: Evidence, before: Sequence[Screening], after: Sequence[Screening]
) -> Iterator[str]:
    """Attempts to reach them, and what was handed over, since risk was found high; and screenings after they went."""
    since = before[-1].screened_on if before else evidence.relationship.screened_on or gone
    for tried in plan.outreach:
        if tried.attempted_on and tried.attempted_on >= since:
            yield f"reached for by {words(tried.channel)} on {day(tried.attempted_on)}"
    for entry in plan.handover:
        if entry.done_on and entry.done_on >= since:
            yield f"{words(entry.task)} on {day(entry.done_on)}"
    for found in after:
        yield f"screened again on {day(found.screened_on)}: {found.risk}"


# -- the rest ----------------------------------------------------------------------------------------------------------


def in_short(plan: TerminationPlan, evidence: Evidence, owed: Sequence[DutyOnRecord]) -> Iterator[str]:
    """What there is to know first."""
    kind = f"Kind: {words(plan.kind)}" if plan.kind else "The kind of ending is not said yet"
    yield f"{kind}; {f'ended on {day(plan.ended_on)}' if plan.ended_on else 'not ended yet'}."
    yield from in_duty(plan, evidence, owed)
    if told := gone_at_risk(plan, evidence):
        yield told
    elif risk_at(plan.ended_on, evidence) is Risk.HIGH:
        yield "Risk was high at the last screening."
    if plan.consent and plan.consent.holders:
        yield consented(plan.consent)
    if unrepaired := evidence.ruptures.ended_unrepaired:
        yield f"Ruptures that ended unrepaired: {unrepaired}."


def in_duty(plan: TerminationPlan, evidence: Evidence, owed: Sequence[DutyOnRecord]) -> Iterator[str]:
    """What became of the duties that are checked, and of the handover."""
    of: dict[DutyStatus, list[Duty]] = {status: [d.duty for d in owed if d.status is status] for status in DutyStatus}
    missing = [*of[DutyStatus.OUTSTANDING], *of[DutyStatus.NOT_ON_RECORD]]
    unexcused, left = of[DutyStatus.NOT_EXCUSED], not_yet_handed(plan, evidence)
    if not owed:
        yield "No duty is checked for an ending of this kind." if plan.kind else "What is owed depends on its kind."
    elif len(of[DutyStatus.MET]) == len(owed):
        yield f"Checked duties are on record{f', but not this of the handover: {left}' if left else ''}."
    elif left:
        yield f"Not on record of the handover: {left}."
    if of[DutyStatus.EXCEPTED]:
        yield f"Under an exception: {in_a_row(of[DutyStatus.EXCEPTED])}."
    if unexcused:
        yield f"Not given, and the exception does not excuse it: {in_a_row(unexcused)}."
    if missing:
        yield f"Not on record: {in_a_row(missing)}."
    if plan.agreed_by_client and not plan.client_agreed_on and any(d.duty is Duty.AGREEMENT for d in owed):
        yield whose_word(plan)


def not_yet_handed(plan: TerminationPlan, evidence: Evidence) -> str:
    """What of a handover that is over nothing is on record of; risk apart, where it was open."""
    moved = transfer(plan, evidence)
    if moved is None or not moved.accepted_on:
        return ""
    open_risk = risk_at(plan.ended_on, evidence) in OPEN_RISK
    apart = {HandoverTask.RISK_TOLD: "risk told (risk was open)"} if open_risk else {}
    return ", ".join(apart.get(task, words(task)) for task in moved.handover_missing)


def in_a_row(values: Sequence[StrEnum]) -> str:
    """Values of a vocabulary, one after the other."""
    return ", ".join(map(words, values))


def words(value: StrEnum) -> str:
    """A value of a vocabulary, as one would write it."""
    return value.value.replace("_", " ")


def consent(given: Consent) -> ConsentOnRecord:
    """A consent, without names."""
    holders = tuple(holder.consented_on for holder in given.holders)
    return ConsentOnRecord(
        text_version=given.text_version, given_on=given.given_on, given_by=given.given_by, detail=consented(given),
        assent_on=given.assent_on, holders=holders, awaited=holders.count(None),
    )  # fmt: skip


HOLDER = {ConsentGiver.SELF: "client", ConsentGiver.GUARDIAN: "guardian", ConsentGiver.COURT: "holder of consent",
          ConsentGiver.PROXY: "proxy"}  # fmt: skip
HOLDERS = {ConsentGiver.SELF: "holders of consent", ConsentGiver.GUARDIAN: "guardians",
           ConsentGiver.COURT: "holders of consent", ConsentGiver.PROXY: "proxies"}  # fmt: skip


def consented(given: Consent) -> str:
    """How many of those who hold consent have given it."""
    if len(given.holders) > 1:
        agreed = sum(holder.consented_on is not None for holder in given.holders)
        return f"{agreed} of {len(given.holders)} {HOLDERS[given.given_by]} have consented."
    awaited = any(holder.consented_on is None for holder in given.holders)
    if given.given_by is ConsentGiver.SELF:
        return "The client has consented."
    return f"The {HOLDER[given.given_by]} has {'yet to consent' if awaited else 'consented'}."


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


def told_ahead(days: int, ended_on: date | None) -> str:
    """How long before the end the client was told, or how long after."""
    end, many = "the end" if ended_on else "the day planned for it", "day" if abs(days) == 1 else "days"
    if days == 0:
        return f"Told on {'the day of the end' if ended_on else end}"
    return f"Told {-days} {many} after {end}" if days < 0 else f"{days} {many} ahead"


def exception(plan: TerminationPlan) -> ExceptionOnRecord | None:
    """The exception, with who recorded it and when."""
    said = plan.exception
    if said is None:
        return None
    return ExceptionOnRecord(
        code=said.code, detail=said.detail, recorded_by=said.recorded_as, recorded_by_id=said.recorded_by,
        recorded_on=said.recorded_on,
    )  # fmt: skip


def screened(log: Sequence[Logged]) -> Iterator[tuple[Logged, Screening]]:
    """Every screening, with its entry. The log tells only what changed, so what goes unsaid is as it was."""
    known: dict[str, str] = {}
    for entry in log:
        known |= {n: v for n, v in entry.data.get("set", {}).items() if n in ("risk", "screened_on")}
        if len(known) == 2:
            on, risk = date.fromisoformat(known["screened_on"]), Risk(known["risk"])
            yield entry, Screening(screened_on=on, risk=risk, recorded_by=entry.actor_kind)


BEGUN = frozenset(TERMINATION_PLAN.type_of(m) for m in TERMINATION_PLAN.moves if m.to == (PlanPhase.TRANSFERRING,))
ACCEPTED = TERMINATION_PLAN.type_of(TERMINATION_PLAN.by_name["transfer_accepted"])


def transfer(plan: TerminationPlan, evidence: Evidence) -> TransferOnRecord | None:
    """The transfer that is under way or was the end, with its days as the referrals and the log have them."""
    if plan.kind not in (EndingKind.TRANSFER, EndingKind.THERAPIST_INCAPACITY):
        return None
    begun = [entry.at.date() for entry in evidence.log if entry.type in BEGUN]
    accepted = [entry.at.date() for entry in evidence.log if entry.type == ACCEPTED]
    accepted += [r.answered_on for r in plan.referrals if r.answer is ReferralAnswer.ACCEPTED and r.answered_on]
    receiver = plan.receiver.therapist_id if plan.receiver else None
    return TransferOnRecord(
        receiver_therapist_id=receiver, receiver_name=(evidence.names or {}).get(str(receiver)),
        begun_on=begun[-1] if begun else None, accepted_on=accepted[-1] if accepted and plan.ended_on else None,
        referrals=len(plan.referrals), handover=tuple(dict.fromkeys(h.task for h in plan.handover)),
        handover_missing=tuple(not_handed(plan)),
    )  # fmt: skip


def steps(evidence: Evidence) -> Iterator[StepOnRecord]:
    """Everything that happened to the plan."""
    known = evidence.names or {}
    for entry in evidence.log:
        yield StepOnRecord(
            at=entry.at, says=SAYS[entry.type], phase=PlanPhase(entry.target), by=entry.actor_kind,
            by_id=entry.actor_id, name=known.get(entry.actor_id),
        )  # fmt: skip
