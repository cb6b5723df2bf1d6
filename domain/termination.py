"""A termination plan: a good goodbye, or an honest record of one that did not come.

Introduced early, woven into informed consent, reviewed regularly, closed with reflection and ritual (founding text). A
client can always leave. What a therapist owes before ending is a guard, and every exception is on record (APA 10.10).

The aggregate is in this one file: its words with their sources (most of its length), its table, its guards. What is
written at the end, felt about it, and put down for later has files of its own: `closure`, `feelings`, `aftercare`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from domain.access import Role
from domain.aftercare import Aftercare, Lines, PlanAhead, SafetyPlan, planned_ahead, says_something, suggests_boosters
from domain.closure import (
    Closed,
    Closing,
    Reflecting,
    Reflection,
    Sharing,
    in_few_words,
    is_own,
    is_own_ritual,
    reflected,
    shared_or_not,
)
from domain.endings import EndingKind, Premature, PrematureDefinition, Reason, Timing
from domain.errors import Incomplete, Refused
from domain.feelings import Feelings, strong_feelings
from domain.machine import Machine
from domain.move import NEW, Added, Advisory, Around, Endings, Move, as_said
from domain.relationship import Risk
from domain.values import Day, Few, Name, Private, Ref, Said, Summary, Token


class PlanPhase(StrEnum):
    """Where the ending is."""

    INTRODUCED = "introduced"
    """Mentioned, best in the informed consent at intake."""
    REVIEWING = "reviewing"
    """Progress and readiness are discussed regularly."""
    PLANNED = "planned"
    """Kind and date are agreed."""
    CLOSING = "closing"
    """The last sessions: reflection and closure."""
    TRANSFERRING = "transferring"
    """Waiting for the receiver to accept."""
    OUTREACH = "outreach"
    """The client is silent; somebody is trying to reach them."""
    ENDED = "ended"
    """The therapy is over."""
    AFTERCARE = "aftercare"
    """Over, with a way back."""
    ARCHIVED = "archived"
    """Filed; may be reopened."""


class ConsentGiver(StrEnum):
    """In what capacity somebody consented."""

    SELF = "self"
    """The client."""
    GUARDIAN = "guardian"
    """A parent or guardian, for a minor."""
    COURT = "court"
    """A court, with a consent holder."""


class ReadinessFact(StrEnum):
    """One indicator of readiness. Each is a fact of its own; they are never one number."""

    GOALS_ATTAINED = "goals_attained"
    """The goals are reached."""
    RELIABLE_CHANGE = "reliable_change"
    """Reliable and clinically significant change."""
    STABLE = "stable"
    """Stable over several sessions."""
    CLIENT_SAYS_READY = "client_says_ready"
    """The client says so."""
    THERAPIST_SAYS_READY = "therapist_says_ready"
    """The therapist says so."""
    SKILLS_USED_OUTSIDE = "skills_used_outside"
    """What was learnt is used outside."""
    RELAPSE_PLAN = "relapse_plan"
    """There is a plan for slips."""
    SUPPORTS = "supports"
    """There are people to turn to."""
    NO_OPEN_RUPTURE = "no_open_rupture"
    """No rupture is open."""
    NO_OPEN_RISK = "no_open_risk"
    """No risk is open."""


class Answer(StrEnum):
    """Whether a fact holds."""

    YES = "yes"
    """It does."""
    NO = "no"
    """It does not."""
    UNSURE = "unsure"
    """Not sure."""


class Channel(StrEnum):
    """How somebody was reached for."""

    PHONE = "phone"
    """Telephone."""
    MESSAGE = "message"
    """Text message or app; counts as writing."""
    EMAIL = "email"
    """E-mail; counts as writing."""
    LETTER = "letter"
    """Letter; counts as writing."""
    CONTACT_PERSON = "contact_person"
    """The contact person the client named."""


WRITTEN = frozenset({Channel.EMAIL, Channel.LETTER, Channel.MESSAGE})


class ExceptionCode(StrEnum):
    """Why a duty was not met (APA 10.10 b, c). On record, with who and when."""

    CLIENT_DECLINED = "client_declined"
    """The client declined what was offered."""
    THREAT = "threat"
    """The therapist was threatened or endangered."""
    PAYER = "payer"
    """The payer precluded it."""
    EMERGENCY_HANDOVER = "emergency_handover"
    """Handed over to emergency care."""
    OTHER = "other"
    """Something else; say what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent(Said):
    """The informed consent into which the ending was woven."""

    text_version: Token
    """The version of the consent text."""
    given_on: Day
    """The day it was given."""
    given_by: ConsentGiver = ConsentGiver.SELF
    """In what capacity."""
    holder: Name | None = None
    """Who holds consent, when it is not the client: a reference, not a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact(Said):
    """One readiness fact, and where it comes from."""

    fact: ReadinessFact
    """Which one."""
    holds: Answer
    """Whether it holds."""
    source: Name
    """Where it comes from: an instrument, the client, the therapist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadinessReview(Said):
    """A talk about progress and readiness."""

    reviewed_on: Day | None = None
    """The day; today when left out."""
    session_id: Annotated[UUID, Ref("session", within=True)] | None = None
    """The session it was part of."""
    facts: Annotated[tuple[Fact, ...], Few(20)] = ()
    """Readiness facts, each with its source."""
    client_ready: Answer | None = None
    """The client's view."""
    therapist_ready: Annotated[Answer | None, Private()] = None
    """The therapist's view. Not blended with the client's."""
    feelings: Feelings | None = None
    """What the client feels about the ending."""
    note: Summary | None = None
    """Up to 280 characters of ordinary record."""
    shared_with_client: bool | None = None
    """Whether the note is shown in the client's own app. Left out: true for the client's own words, else false."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review(ReadinessReview):
    """A readiness review on record."""

    by: Role = Role.THERAPIST
    """The role that recorded it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outreach(Said):
    """One attempt to reach a silent client."""

    channel: Channel
    """How."""
    attempted_on: Day | None = None
    """The day; today when left out."""
    offered_return: bool = True
    """It said that they are welcome back, without reproach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver(Said):
    """Who takes over."""

    therapist_id: Annotated[UUID, Ref("therapist")] | None = None
    """A therapist of this practice."""
    name: Name | None = None
    """A person or service elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exempt(Said):
    """An exception, on record."""

    code: ExceptionCode
    """Which one."""
    detail: Summary
    """What happened, for whoever audits it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms(Said):
    """What is said of the ending, and may be said better later, with its history kept."""

    kind: EndingKind | None = None
    """Who or what brings it to its end."""
    timing: Timing | None = None
    """When, against what was planned."""
    reasons: Annotated[tuple[Reason, ...], Few(10)] = ()
    """Why; several may be true."""
    premature: Premature | None = None
    """Whether it was premature, by `premature_definition`."""
    premature_definition: PrematureDefinition | None = None
    """The definition used. Needed with a yes or no."""
    target_date: Day | None = None
    """The day of the last session, as planned."""
    notice_given_on: Day | None = None
    """The day the client was told."""
    agreed_by_client: bool | None = None
    """The client agrees to the plan."""
    counselling_offered: bool | None = None
    """Pre-termination counselling was offered (APA 10.10 c)."""
    alternative_providers: Annotated[tuple[Name, ...], Few(10)] = ()
    """Other providers that were suggested (APA 10.10 c)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminationPlan(Terms):
    """The plan for the ending of one relationship."""

    id: UUID
    relationship_id: UUID
    """The relationship it is to bring to a good end."""
    phase: PlanPhase = PlanPhase.INTRODUCED
    """Where the ending is."""
    consent: Consent | None = None
    """The informed consent; null when the client was gone before there was one."""
    reviews: tuple[Review, ...] = ()
    """Every readiness review, in order."""
    closure: tuple[Closed, ...] = ()
    """Every closure task done, in order."""
    reflections: tuple[Reflection, ...] = ()
    """What the two wrote about the ending, each for themselves, in order."""
    outreach: tuple[Outreach, ...] = ()
    """Every attempt to reach a silent client, in order."""
    receiver: Receiver | None = None
    """Who takes over, in a transfer."""
    incapacitated_therapist_id: UUID | None = None
    """The therapist who died or can not work."""
    exception: Annotated[Exempt | None, Private()] = None
    """The exception under which a duty was not met."""
    open_ruptures_acknowledged: bool = False
    """Ruptures were open at the end, and somebody faced that."""
    died_on: date | None = None
    """The day the client died."""
    ended_on: date | None = None
    """The day the therapy ended."""
    ended_by: Role | None = None
    """The role that recorded the end."""
    farewell: Summary | None = None
    """The summary kept for aftercare."""
    return_route: Summary | None = None
    """How to come back."""
    boosters: tuple[date, ...] = ()
    """Booster sessions, at chosen points."""
    relapse_signature: Lines = ()
    """The client's own early signs of a slip."""
    safety_plan: SafetyPlan | None = None
    """What to do when it becomes dangerous."""
    shared_with_client: bool = True
    """Farewell, return route, early signs and safety plan are written for the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction(Said):
    """The first mention of the ending, in the informed consent."""

    relationship_id: Annotated[UUID, Ref("relationship", above=True)]
    """The relationship. One plan each."""
    consent: Consent
    """Text version, date, and who consented."""
    target_date: Day | None = None
    """The day of the last session, where a fixed number was agreed at the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending(Said):
    """The end itself."""

    ended_on: Day | None = None
    """The day; today when left out."""
    timing: Timing | None = None
    """When, against what was planned; what the plan says when left out."""
    reasons: Annotated[tuple[Reason, ...], Few(10)] = ()
    """Why; what the plan says when left out."""
    premature: Premature | None = None
    """Whether it was premature."""
    premature_definition: PrematureDefinition | None = None
    """The definition used. Needed with a yes or no."""
    acknowledge_open_ruptures: bool = False
    """Needed when a rupture is open: it never blocks the ending, but somebody faces it."""
    exception: Exempt | None = None
    """Under which a duty is not met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure(Said):
    """A client leaves. Everything here may be left out, and nothing here can stop them."""

    ended_on: Day | None = None
    """The day; today when left out."""
    reasons: Annotated[tuple[Reason, ...], Few(10)] = ()
    """Why, if they care to say."""
    timing: Timing | None = None
    """When, against what was planned."""
    premature: Premature | None = None
    """Whether it was premature. "Better, and stopped" is not dropout."""
    premature_definition: PrematureDefinition | None = None
    """The definition used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Death(Said):
    """A client has died."""

    died_on: Day | None = None
    """The day, where it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable(Said):
    """A therapist has died or can not work."""

    therapist_id: Annotated[UUID, Ref("therapist")]
    """Which therapist."""
    successor_therapist_id: Annotated[UUID, Ref("therapist")] | None = None
    """Who takes over. Left out: who the practice's professional will names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapse(Said):
    """A clinician closes the outreach. Never automatic."""

    exception: Exempt | None = None
    """With open high risk: the emergency handover."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(Said):
    """A transfer to somebody named."""

    receiver: Receiver
    """Who is to take over."""
    reasons: Annotated[tuple[Reason, ...], Few(10)] = ()
    """Why."""


OWN_MOVE = {
    EndingKind.TRANSFER: "begin_transfer", EndingKind.LAPSED_NO_CONTACT: "suspect_lapse",
    EndingKind.CLIENT_DECEASED: "client_died", EndingKind.THERAPIST_INCAPACITY: "therapist_unavailable",
}  # fmt: skip
OWED = frozenset({EndingKind.THERAPIST_INITIATED, EndingKind.FORCED_ADMINISTRATIVE})
"""Kinds in which the client is owed notice, counselling, alternatives and a risk screen (APA 10.10)."""
AGREED = frozenset({EndingKind.PLANNED_MUTUAL, EndingKind.CLIENT_INITIATED})
"""Kinds that rest on what the client says; so they are no way around what is owed."""
APA = "APA Ethical Principles 10.10"


def by_definition(state: Any, body: Any, around: Around) -> None:
    """Premature means nothing without the definition used, and notice is given before it counts."""
    around.has_come(getattr(body, "notice_given_on", None), "notice_given_on")
    if body.premature in (Premature.YES, Premature.NO) and not body.premature_definition:
        raise Incomplete([("premature_definition", "Say which definition of premature was used.")])


def agreed(state: Any, body: Terms, around: Around) -> Iterator[Advisory]:
    """A plan says what kind of ending it is; a mutual one has the client's agreement."""
    missing = []
    if body.kind is None:
        missing.append(("kind", "Say what kind of ending it is."))
    elif move := OWN_MOVE.get(body.kind):
        raise Refused(f"An ending of this kind has its own move: {move}.", at="kind")
    if body.target_date is None:
        missing.append(("target_date", "Name the day of the last session."))
    if body.kind in AGREED and not body.agreed_by_client:
        missing.append(("agreed_by_client", "An ending of this kind needs the client's own word."))
    if missing:
        raise Incomplete(missing)
    by_definition(state, body, around)
    return plan_advice(state)


def plan_advice(state: TerminationPlan) -> Iterator[Advisory]:
    """An ending that was never talked over comes as a surprise."""
    if not state.reviews:
        detail = "Readiness was never reviewed with the client; regular talk about progress makes a better goodbye."
        yield Advisory(code="no_readiness_review", detail=detail, source="Founding text; Norcross et al. 2017")


def feelings_heard(state: Any, body: ReadinessReview, around: Around) -> Iterator[Advisory]:
    """Each speaks for themselves; strong loss, uncertainty or abandonment is a rupture that wants repair."""
    around.has_come(body.reviewed_on, "reviewed_on")
    if body.therapist_ready and around.caller.role is Role.CLIENT:
        raise Refused("The therapist's view is the therapist's to say.", at="therapist_ready")
    return strong_feelings(body.feelings)


def reviewed(state: Any, body: ReadinessReview, around: Around) -> dict[str, Any]:
    """The review joins the list."""
    return {"reviews": Added(on_record(Review, body, around, "reviewed_on"))}


def closed(state: Any, body: Closing, around: Around) -> dict[str, Any]:
    """The task joins the list."""
    return {"closure": Added(on_record(Closed, body, around, "done_on"))}


def on_record(record: type, body: Any, around: Around, day: str) -> Any:
    """A record of `body`, dated, with the role that made it; a client's own words are shared with them."""
    said = {name: getattr(body, name) for name in type(body).__dataclass_fields__}
    said[day] = said[day] or around.today
    if said["shared_with_client"] is None:
        said["shared_with_client"] = around.caller.role is Role.CLIENT
    return record(**said, by=around.caller.role)


def may_end(state: TerminationPlan, body: Ending, around: Around) -> Iterator[Advisory]:
    """What is owed was given or excepted; high risk is handed over; open ruptures are faced."""
    around.has_come(body.ended_on, "ended_on")
    missing = its_own_kind(state) + duties(state, body, around)
    if around.relationship.risk is Risk.HIGH and not emergency(body.exception):
        missing.append(("exception", "Open high risk: only an accepted transfer or an emergency_handover ends this."))
    open_ruptures = around.endings.open_ruptures if around.endings else 0
    if open_ruptures and not body.acknowledge_open_ruptures:
        missing.append(
            ("acknowledge_open_ruptures", f"{open_ruptures} rupture(s) stand open; say that you have seen it.")
        )
    if missing:
        raise Incomplete(missing)
    by_definition(state, body, around)
    return ending_advice(state, open_ruptures)


def duties(state: TerminationPlan, body: Ending, around: Around) -> list[tuple[str, str]]:
    """What is still owed to the client, by the name of what is missing."""
    if state.kind not in OWED or body.exception:
        return []
    risk = around.relationship
    owed = {
        "reasons": (body.reasons or state.reasons, "Say why."),
        "notice_given_on": (state.notice_given_on, "Give notice and revise the plan with its day."),
        "counselling_offered": (state.counselling_offered, "Offer pre-termination counselling and revise the plan."),
        "alternative_providers": (state.alternative_providers, "Suggest at least one and revise the plan."),
        "risk_screen": (
            risk.screened_on and risk.risk is not Risk.UNKNOWN, "Screen risk: POST …/relationships/{id}/screen-risk.",
        ),
    }  # fmt: skip
    return [(name, f"{way} Or record an exception. ({APA})") for name, (given, way) in owed.items() if not given]


def its_own_kind(state: TerminationPlan) -> list[tuple[str, str]]:
    """An ending by agreement has the client's, and one that has its own move takes it. No exception changes that."""
    if state.kind in AGREED and not state.agreed_by_client:
        return [("agreed_by_client", "An ending of this kind needs the client's own word; revise the plan.")]
    if state.kind is None:
        return [("kind", "Say what kind of ending it is; revise the plan.")]
    move = OWN_MOVE.get(state.kind)
    return [("kind", f"An ending of this kind has its own move: {move}.")] if move else []


def emergency(exception: Exempt | None) -> bool:
    """Whether the client was handed over to emergency care."""
    return exception is not None and exception.code is ExceptionCode.EMERGENCY_HANDOVER


def ending_advice(state: TerminationPlan, open_ruptures: int) -> Iterator[Advisory]:
    """What a good goodbye would still have."""
    if open_ruptures:
        detail = f"{open_ruptures} rupture(s) end unrepaired and are kept on record."
        yield Advisory(code="ends_with_open_rupture", detail=detail, source="Founding text")
    if not state.closure:
        detail = "No closure task is on record: no reflection, no ritual."
        yield Advisory(code="no_closure", detail=detail, source="Founding text; Norcross et al. 2017")


def ended(state: Any, body: Any, around: Around) -> dict[str, Any]:
    """The end, dated, with what was said of it."""
    said = {n: v for n, v in as_said(state, body, around).items() if v not in (None, ())}
    acknowledged = said.pop("acknowledge_open_ruptures", False)
    ending = {"ended_on": around.today, **said, "ended_by": around.caller.role}
    return {**ending, "open_ruptures_acknowledged": True} if acknowledged else ending


def client_left(state: Any, body: Departure, around: Around) -> dict[str, Any]:
    """The client ended it; what others had planned about its timing is not what happened."""
    return {"timing": None, **ended(state, body, around), "kind": EndingKind.CLIENT_INITIATED}


def has_died(state: Any, body: Death, around: Around) -> None:
    """The day has come."""
    around.has_come(body.died_on, "died_on")


def client_died(state: Any, body: Death, around: Around) -> dict[str, Any]:
    """Nothing more is planned, sent or asked. A therapy that had ended before keeps the ending it had."""
    day = body.died_on
    if state and state.phase is PlanPhase.AFTERCARE:
        return {"died_on": day, "boosters": ()}
    return {
        "kind": EndingKind.CLIENT_DECEASED, "died_on": day, "ended_on": day or around.today, "target_date": None,
        "boosters": (), "ended_by": around.caller.role,
    }  # fmt: skip


def successor(body: Unavailable, around: Around) -> UUID | None:
    """Who takes over: as said, or by the professional will."""
    return body.successor_therapist_id or (around.endings.successor_therapist_id if around.endings else None)


def names_a_successor(state: Any, body: Unavailable, around: Around) -> None:
    """Somebody else takes over."""
    if successor(body, around) in (None, body.therapist_id):
        detail = "Name who takes over, or adopt a professional_will policy that does."
        raise Incomplete([("successor_therapist_id", detail)])


def handed_on(state: Any, body: Unavailable, around: Around) -> dict[str, Any]:
    """The professional will names who takes over."""
    return {
        "kind": EndingKind.THERAPIST_INCAPACITY, "receiver": Receiver(therapist_id=successor(body, around)),
        "incapacitated_therapist_id": body.therapist_id,
    }  # fmt: skip


def by_policy(state: Any, body: Any, around: Around) -> Iterator[Advisory]:
    """The ladder is the practice's own."""
    if not (around.endings and around.endings.no_contact_policy):
        detail = "The practice has no no_contact policy; by default: 3 attempts, 2 channels, one in writing."
        yield Advisory(
            code="no_contact_policy_missing", detail=detail, source="Clinical practice; no field standard exists"
        )


def fell_silent(state: Any, body: Any, around: Around) -> dict[str, Any]:
    """A new ladder starts at its foot."""
    return {"outreach": ()}


def was_tried(state: Any, body: Outreach, around: Around) -> None:
    """An attempt to come is none."""
    around.has_come(body.attempted_on, "attempted_on")


def tried(state: Any, body: Outreach, around: Around) -> dict[str, Any]:
    """One more attempt."""
    day = body.attempted_on or around.today
    return {"outreach": Added(Outreach(channel=body.channel, attempted_on=day, offered_return=body.offered_return))}


def tried_enough(state: TerminationPlan, body: Lapse, around: Around) -> None:
    """The whole ladder was climbed, and no high risk is left alone."""
    rule = around.endings or Endings()
    attempts, channels = rule.outreach_attempts, rule.outreach_channels
    used = {o.channel for o in state.outreach}
    missing = []
    if len(state.outreach) < attempts:
        missing.append(("outreach", f"{len(state.outreach)} of {attempts} attempts; record_outreach first."))
    if len(used) < channels:
        missing.append(("outreach", f"{len(used)} of {channels} channels."))
    if not any(o.channel in WRITTEN and o.offered_return for o in state.outreach):
        missing.append(("outreach", "One attempt in writing, that offers a way back."))
    if around.relationship.risk is Risk.HIGH and not emergency(body.exception):
        missing.append(("exception", "Open high risk: only through a recorded emergency_handover."))
    if missing:
        raise Incomplete(missing)


def lapsed(state: Any, body: Lapse, around: Around) -> dict[str, Any]:
    """The client did not come back."""
    return {**ended(state, body, around), "kind": EndingKind.LAPSED_NO_CONTACT}


def is_named(state: Any, body: Transfer, around: Around) -> None:
    """A transfer goes to somebody."""
    if not (body.receiver.therapist_id or body.receiver.name):
        raise Incomplete([("receiver", "Name who is to take over: a therapist_id or a name.")])


def transferring(state: Any, body: Transfer, around: Around) -> dict[str, Any]:
    """A transfer goes on with somebody else."""
    return {
        "kind": EndingKind.TRANSFER,
        "receiver": body.receiver,
        **({"reasons": body.reasons} if body.reasons else {}),
    }


def accepted(state: Any, body: Any, around: Around) -> dict[str, Any]:
    """The receiver has the client now."""
    return {"ended_on": around.today, "ended_by": around.caller.role}


def back_to_work(state: Any, body: Any, around: Around) -> dict[str, Any]:
    """What was agreed about the end no longer holds."""
    return {
        "kind": None, "timing": None, "reasons": (), "target_date": None, "notice_given_on": None,
        "agreed_by_client": None, "counselling_offered": None, "alternative_providers": (), "premature": None,
        "premature_definition": None, "receiver": None, "incapacitated_therapist_id": None, "exception": None,
        "open_ruptures_acknowledged": False, "died_on": None, "ended_on": None, "ended_by": None, "farewell": None,
        "return_route": None, "boosters": (),
    }  # fmt: skip


def planned(state: TerminationPlan, body: Terms, around: Around) -> dict[str, Any]:
    """What is said now stands; what was said before and not now stays."""
    return {n: v for n, v in as_said(state, body, around).items() if v not in (None, ())}


P = PlanPhase
ACTIVE = (P.INTRODUCED, P.REVIEWING, P.PLANNED, P.CLOSING, P.TRANSFERRING, P.OUTREACH)
ALWAYS = (NEW, *ACTIVE)
OVER = (P.ENDED, P.AFTERCARE, P.ARCHIVED)
LIVED = (*ACTIVE, P.ENDED, P.AFTERCARE)
"""While there is something to reflect on, and to put down for later."""
T, C, S, API, A = Role.THERAPIST, Role.CLIENT, Role.SUPERVISOR, Role.INTEGRATION, Role.ADMIN


def by(*roles: Role) -> frozenset[Role]:
    """Who may make a move."""
    return frozenset(roles)


TERMINATION_PLAN = Machine(
    "termination_plan", "termination-plans", TerminationPlan, PlanPhase,
    Move("introduce", (NEW,), (P.INTRODUCED,), "introduced", by(T, API), Introduction,
         says="The ending is mentioned, woven into informed consent."),
    Move("begin_review", (P.INTRODUCED,), (P.REVIEWING,), "review_begun", by(T, C),
         says="Regular talk about progress and readiness begins."),
    Move("review_readiness", (P.INTRODUCED, P.REVIEWING, P.PLANNED), (), "readiness_reviewed", by(T, C),
         ReadinessReview, feelings_heard, reviewed, "Progress, readiness and feelings about the end are talked over."),
    Move("plan_ending", (P.INTRODUCED, P.REVIEWING), (P.PLANNED,), "ending_planned", by(T), Terms, agreed, planned,
         "Kind and date of the ending are agreed."),
    Move("return_to_work", (P.PLANNED, P.CLOSING), (P.REVIEWING,), "returned_to_work", by(T, C), effect=back_to_work,
         says="The pair goes on working."),
    Move("begin_closing", (P.PLANNED,), (P.CLOSING,), "closing_begun", by(T, C), says="The last sessions begin."),
    Move("complete_task", (P.PLANNED, P.CLOSING), (), "task_completed", by(T, C), Closing, is_own_ritual, closed,
         "A closure task is done: reflection, a ritual, the terms of coming back."),
    Move("reflect", LIVED, (), "reflected", by(T, C), Reflecting, in_few_words, reflected,
         "One of the two put into words what the work and its ending mean to them."),
    Move("share_reflection", LIVED, (), "reflection_sharing_decided", by(T, C), Sharing, is_own, shared_or_not,
         "Whoever wrote a reflection decided whether the other may read it."),
    Move("plan_ahead", LIVED, (), "planned_ahead", by(T, C), PlanAhead, says_something, planned_ahead,
         "Early signs of a slip, and what to do then, are put down."),
    Move("end", (P.PLANNED, P.CLOSING), (P.ENDED,), "ended", by(T), Ending, may_end, ended, "The therapy ends.",
         knows="endings"),
    Move("client_ends", ALWAYS, (P.ENDED,), "client_ended", by(C, T, API), Departure, effect=client_left,
         says="The client leaves. This can never be refused."),
    Move("client_died", (*ALWAYS, P.AFTERCARE), (P.ENDED,), "client_died", by(T, API, A), Death, has_died, client_died,
         "The client has died. Every reminder and message stops."),
    Move("therapist_unavailable", ALWAYS, (P.TRANSFERRING,), "therapist_became_unavailable", by(T, S, A), Unavailable,
         names_a_successor, handed_on, "The therapist died or can not work; somebody takes over.", knows="endings"),
    Move("suspect_lapse", ALWAYS[:-1], (P.OUTREACH,), "lapse_suspected", by(T, API), guard=by_policy,
         effect=fell_silent, says="The client is silent; an outreach begins.", knows="endings"),
    Move("record_outreach", (P.OUTREACH,), (), "outreach_recorded", by(T, API), Outreach, was_tried, tried,
         "An attempt to reach the client."),
    Move("client_returned", (P.OUTREACH,), (P.REVIEWING,), "client_returned", by(T, API), effect=back_to_work,
         says="The client is back, without shame."),
    Move("lapse", (P.OUTREACH,), (P.ENDED,), "lapsed", by(T), Lapse, tried_enough, lapsed,
         "A clinician closes the outreach.", knows="endings"),
    Move("begin_transfer", ALWAYS, (P.TRANSFERRING,), "transfer_begun", by(T, S, A), Transfer, is_named, transferring,
         "A transfer to somebody named begins."),
    Move("transfer_accepted", (P.TRANSFERRING,), (P.ENDED,), "transfer_accepted", by(T, S, API), effect=accepted,
         says="The receiver accepted, and the therapy ends here."),
    Move("transfer_declined", (P.TRANSFERRING,), (P.REVIEWING,), "transfer_declined", by(T, S, API),
         effect=back_to_work, says="The receiver declined; the work goes on."),
    Move("open_aftercare", (P.ENDED,), (P.AFTERCARE,), "aftercare_opened", by(T), Aftercare, suggests_boosters,
         says="A way back, and perhaps a booster."),
    Move("archive", (P.ENDED, P.AFTERCARE), (P.ARCHIVED,), "archived", by(T), says="The plan is filed."),
    Move("reopen", OVER, (P.REVIEWING,), "reopened", by(T), effect=back_to_work, says="The therapy is taken up again."),
    Move("revise", (*ACTIVE, *OVER), (), "revised", by(T, API), Terms, by_definition,
         says="What is said of the ending changed; its history is kept.", verb="PATCH"),
    together=ACTIVE,
)  # fmt: skip
