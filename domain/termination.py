"""A termination plan: a good goodbye, or an honest record of one that did not come.

Introduced early, woven into informed consent, reviewed regularly, closed with reflection and ritual (founding text). A
client can always leave. What a therapist owes before ending is a guard, and every exception is on record (APA 10.10).

The aggregate is in this one file: its words with their sources (most of its length), its table, its guards. What is
owed, talked over on the way, felt about it, written at the end and put down for later has files of its own: `owed`,
`review`, `feelings`, `closure`, `aftercare`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import chain
from typing import Annotated, Any
from uuid import UUID

from domain.access import POLICY, Role
from domain.aftercare import (
    Aftercare,
    AftercareRevision,
    Lines,
    PlanAhead,
    SafetyPlan,
    for_the_living,
    lives,
    planned_ahead,
    revised,
    says_anew,
    says_something,
)
from domain.closure import (
    Closed,
    Closing,
    Reflecting,
    Reflection,
    Sharing,
    closed,
    in_few_words,
    is_own,
    is_own_ritual,
    reflected,
    shared_or_not,
)
from domain.consent import Consent, Renewal, given_well, renewed, renewed_well
from domain.endings import EndingKind, Premature, PrematureDefinition, Reason, Timing
from domain.errors import Incomplete, Refused
from domain.handover import (
    Acceptance,
    Handed,
    Handing,
    Receiver,
    Referral,
    ReferralAnswer,
    Transfer,
    Unavailable,
    accepted,
    answered,
    for_this_client,
    handed,
    handed_on,
    is_named,
    seen_to,
    transferring,
    well_handed,
)  # fmt: skip
from domain.machine import Machine
from domain.move import NEW, Advisory, Around, Endings, Move, as_said
from domain.outreach import WRITTEN, Outreach, by_policy, fell_silent, let_go, tried, was_tried
from domain.owed import (
    AGREED,
    Excepted,
    Exempt,
    contradicted,
    emergency,
    excepted,
    excuses_less,
    left_at_risk,
    risk_looked_at,
    said_well,
    short_notice,
    still_owed,
)
from domain.relationship import Risk
from domain.reminders import Reminded, Reminding, not_told_yet, risk_waits, told
from domain.review import ReadinessReview, Review, feelings_heard, reviewed
from domain.values import Day, Few, Name, Private, Ref, Said, Summary


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms(Said):
    """What is said of the ending, and may be said better later, with its history kept."""

    kind: EndingKind | None = None
    """Who or what brings it to its end."""
    timing: Timing | None = None
    """When, against what was planned."""
    reasons: Annotated[tuple[Reason, ...], Few(10, distinct=True)] = ()
    """Why; several may be true."""
    premature: Annotated[Premature | None, Private()] = None
    """Whether it was premature, by `premature_definition`."""
    premature_definition: Annotated[PrematureDefinition | None, Private()] = None
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
    client_asked: bool | None = None
    """The client was asked how they see the end. Only they know whether they left because they are better."""
    ending_mentioned_on: Day | None = None
    """The day the ending was first mentioned; that of the first consent, unless said otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminationPlan(Terms):
    """The plan for the ending of one relationship."""

    id: UUID
    relationship_id: UUID
    """The relationship it is to bring to a good end."""
    phase: PlanPhase = PlanPhase.INTRODUCED
    """Where the ending is."""
    client_agreed_on: date | None = None
    """The day the client agreed to the ending themselves, in their own app; null while others only say so for them."""
    consent: Consent | None = None
    """The informed consent; null when the client was gone before there was one."""
    earlier_consents: tuple[Consent, ...] = ()
    """The consents it took the place of, in order."""
    reviews: tuple[Review, ...] = ()
    """Every readiness review, in order."""
    closure: tuple[Closed, ...] = ()
    """Every closure task done, in order."""
    reflections: tuple[Reflection, ...] = ()
    """What the two wrote about the ending, each for themselves, in order."""
    outreach: tuple[Outreach, ...] = ()
    """Every attempt to reach a silent client, in order."""
    silent_since: date | None = None
    """The day the outreach to a silent client began; null once they are back."""
    returned_on: date | None = None
    """The day they last came back from a silence."""
    receiver: Receiver | None = None
    """Who takes over, in a transfer."""
    referrals: tuple[Referral, ...] = ()
    """Everybody who was asked to take over, in order, and what they answered."""
    handover: tuple[Handed, ...] = ()
    """What was seen to for the one who takes over."""
    incapacitated_therapist_id: UUID | None = None
    """The therapist who died or cannot work."""
    exception: Annotated[Excepted | None, Private()] = None
    """The exception under which a duty was not met."""
    open_ruptures_acknowledged: bool = False
    """Ruptures were open at the end, and somebody faced that."""
    died_on: date | None = None
    """The day the client died; of a death in aftercare whose day is not known, the day it was recorded."""
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
    reminders: Annotated[tuple[Reminded, ...], Private()] = ()
    """The reminders that were told, in order. What is due now is read at `/v1/reminders`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction(Said):
    """The first mention of the ending, in the informed consent."""

    relationship_id: Annotated[UUID, Ref("relationship", above=True)]
    """The relationship. One plan each."""
    consent: Consent
    """Text version, date, and who consented."""
    target_date: Day | None = None
    """The day of the last session, where a fixed number was agreed at the start."""
    ending_mentioned_on: Day | None = None
    """The day the ending was first mentioned; that of the consent when left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending(Said):
    """The end itself."""

    ended_on: Day | None = None
    """The day; today when left out."""
    timing: Timing | None = None
    """When, against what was planned; what the plan says when left out."""
    reasons: Annotated[tuple[Reason, ...], Few(10, distinct=True)] = ()
    """Why; what the plan says when left out."""
    premature: Premature | None = None
    """Whether it was premature."""
    premature_definition: PrematureDefinition | None = None
    """The definition used. Needed with a yes or no."""
    client_asked: bool | None = None
    """The client was asked how they see it."""
    acknowledge_open_ruptures: bool = False
    """Needed when a rupture is open: it never blocks the ending, but somebody faces it."""
    exception: Exempt | None = None
    """Under which a duty is not met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure(Said):
    """A client leaves. Everything here may be left out, and nothing here can stop them."""

    ended_on: Day | None = None
    """The day; today when left out."""
    reasons: Annotated[tuple[Reason, ...], Few(10, distinct=True)] = ()
    """Why, if they care to say."""
    timing: Timing | None = None
    """When, against what was planned."""
    premature: Premature | None = None
    """Whether it was premature. "Better, and stopped" is not dropout."""
    premature_definition: PrematureDefinition | None = None
    """The definition used."""
    client_asked: bool | None = None
    """The client was asked how they see it, where somebody else records that they left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Death(Said):
    """A client has died."""

    died_on: Day | None = None
    """The day, where it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapse(Said):
    """A clinician closes the outreach. Never automatic."""

    exception: Exempt | None = None
    """With open high risk: the emergency handover."""


OWN_MOVE = {
    EndingKind.TRANSFER: "begin_transfer", EndingKind.LAPSED_NO_CONTACT: "suspect_lapse",
    EndingKind.CLIENT_DECEASED: "client_died", EndingKind.THERAPIST_INCAPACITY: "therapist_unavailable",
}  # fmt: skip
UNILATERAL = "PMC2924572, clients who ended by themselves"
BETTER = frozenset({Reason.GOALS_MET, Reason.SUFFICIENT_GAIN})
"""Who leaves for one of these did not drop out."""


def mentioned(state: Any, body: Introduction, around: Around) -> Iterator[Advisory]:
    """Consent has been given, by whoever holds it, and the ending was mentioned with it or before."""
    around.has_come(body.ending_mentioned_on, "ending_mentioned_on")
    return given_well(body.consent, around)


def introduced(state: Any, body: Introduction, around: Around) -> dict[str, Any]:
    """The ending is mentioned when consent is given, unless somebody says otherwise."""
    first = body.ending_mentioned_on or body.consent.given_on
    return {**as_said(state, body, around), "ending_mentioned_on": first}


def by_definition(state: Any, body: Any, around: Around) -> None:
    """Premature means nothing without the definition used, and notice is given before it counts."""
    for day in ("notice_given_on", "ending_mentioned_on"):
        around.has_come(getattr(body, day, None), day)
    if body.premature in (Premature.YES, Premature.NO) and not body.premature_definition:
        raise Incomplete([("premature_definition", "Say which definition of premature was used.")])


def put_right(state: TerminationPlan, body: Terms, around: Around) -> Iterator[Advisory]:
    """Premature means nothing without the definition used, and notice is given before it counts."""
    by_definition(state, body, around)
    told = body.notice_given_on
    if told and state.ended_on and told > state.ended_on and told != state.notice_given_on:
        raise Refused(told_late(state.ended_on), at="notice_given_on")
    return chain(as_they_see_it(state, body, around), contradicted(body.kind, body.reasons))


def as_they_see_it(state: Any, body: Any, around: Around) -> Iterator[Advisory]:
    """Whether an ending was premature is for the client to say as well: "better, and stopped" is not dropout."""
    if around.caller.role is Role.CLIENT or body.premature not in (Premature.YES, Premature.NO):
        return
    heard = state and (state.client_asked or state.ended_by is Role.CLIENT)
    if body.premature is Premature.YES and BETTER.intersection(body.reasons or (state.reasons if state else ())):
        detail = "They left because they are better, by the reasons given. That is not dropout."
        yield Advisory(code="better_is_not_dropout", detail=detail, source=UNILATERAL)
    elif not (body.client_asked or heard):
        detail = "Ask the client how they see it: therapists know only in part why clients leave."
        yield Advisory(code="ask_the_client", detail=detail, source=UNILATERAL)


def agreed(state: Any, body: Terms, around: Around) -> Iterator[Advisory]:
    """A plan says what kind of ending it is; a mutual one has the client's agreement."""
    missing = []
    if body.kind is None:
        missing.append(("kind", "Say what kind of ending it is."))
    elif move := OWN_MOVE.get(body.kind):
        raise Refused(f"An ending of this kind has its own move: {move}.", at="kind")
    if body.target_date is None:
        missing.append(("target_date", "Name the day of the last session."))
    agrees = state.agreed_by_client if body.agreed_by_client is None else body.agreed_by_client
    if body.kind in AGREED and not agrees:
        missing.append(("agreed_by_client", "An ending of this kind needs the client's own word."))
    if missing:
        raise Incomplete(missing)
    by_definition(state, body, around)
    told = body.notice_given_on or state.notice_given_on
    return chain(
        plan_advice(state), contradicted(body.kind, body.reasons or state.reasons),
        short_notice(body.kind, told, body.target_date),
    )  # fmt: skip


def plan_advice(state: TerminationPlan) -> Iterator[Advisory]:
    """An ending that was never talked over comes as a surprise."""
    if not state.reviews:
        detail = "Readiness was never reviewed with the client; regular talk about progress makes a better goodbye."
        yield Advisory(code="no_readiness_review", detail=detail, source="Founding text; Norcross et al. 2017")


def may_end(state: TerminationPlan, body: Ending, around: Around) -> Iterator[Advisory]:
    """What is owed was given or excepted; high risk is handed over; open ruptures are faced."""
    around.has_come(body.ended_on, "ended_on")
    on = body.ended_on or around.today
    missing = its_own_kind(state) + still_owed(state, body, around)
    if state.notice_given_on and state.notice_given_on > on:
        missing.append(("notice_given_on", told_late(on)))
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
    return chain(
        risk_waits(around), ending_advice(state, open_ruptures), as_they_see_it(state, body, around),
        excuses_less(state, body, around), contradicted(state.kind, body.reasons or state.reasons),
        short_notice(state.kind, state.notice_given_on, on), risk_looked_at(around, on),
    )  # fmt: skip


def told_late(ended_on: date) -> str:
    """What is wrong with notice that came after the end."""
    return f"Notice comes before the end, which was on {ended_on.isoformat()}; put one of the two days right."


def its_own_kind(state: TerminationPlan) -> list[tuple[str, str]]:
    """An ending by agreement has the client's, and one that has its own move takes it. No exception changes that."""
    if state.kind in AGREED and not state.agreed_by_client:
        return [("agreed_by_client", "An ending of this kind needs the client's own word; revise the plan.")]
    if state.kind is None:
        return [("kind", "Say what kind of ending it is; revise the plan.")]
    move = OWN_MOVE.get(state.kind)
    return [("kind", f"An ending of this kind has its own move: {move}.")] if move else []


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
    if "exception" in said:
        said["exception"] = excepted(said["exception"], around)
    acknowledged = said.pop("acknowledge_open_ruptures", False)
    ending = {"ended_on": around.today, **said, "ended_by": around.caller.role}
    return {**ending, "open_ruptures_acknowledged": True} if acknowledged else ending


def leaves(state: Any, body: Departure, around: Around) -> Iterator[Advisory]:
    """Nothing stops them, and in their own app nothing is said. Whoever else records it is told what to think of."""
    if around.caller.role is Role.CLIENT:
        return
    yield from risk_waits(around)
    yield from as_they_see_it(state, body, around)
    yield from contradicted(EndingKind.CLIENT_INITIATED, body.reasons)
    yield from left_at_risk(state, around)


def client_left(state: Any, body: Departure, around: Around) -> dict[str, Any]:
    """The client ended it; what others had planned about its timing is not what happened."""
    return {
        "timing": None, **ended(state, body, around), "kind": EndingKind.CLIENT_INITIATED, **unasked(state, around)
    }  # fmt: skip


def unasked(state: Any, around: Around) -> dict[str, Any]:
    """Nobody is waited for any more to take over."""
    return {"referrals": answered(state, ReferralAnswer.WITHDRAWN, around.today)} if state else {}


def has_died(state: Any, body: Death, around: Around) -> None:
    """The day has come."""
    around.has_come(body.died_on, "died_on")


def client_died(state: Any, body: Death, around: Around) -> dict[str, Any]:
    """Nothing more is planned, sent or asked. A therapy that had ended before keeps the ending it had."""
    day = body.died_on
    if state and state.phase in OVER and state.kind is not EndingKind.CLIENT_DECEASED:
        return {"died_on": day or state.died_on or around.today, "boosters": ()}
    if state and state.phase in OVER:
        return {"died_on": day or state.died_on, "ended_on": day or state.ended_on}
    return {
        "kind": EndingKind.CLIENT_DECEASED, "died_on": day, "ended_on": day or around.today, "target_date": None,
        "boosters": (), "ended_by": around.caller.role, **unasked(state, around),
    }  # fmt: skip


def tried_enough(state: TerminationPlan, body: Lapse, around: Around) -> Iterator[Advisory]:
    """The whole ladder was climbed, and no high risk is left alone."""
    rule = around.endings or Endings()
    attempts, channels = rule.outreach_attempts, rule.outreach_channels
    used = {o.channel for o in state.outreach}
    missing = said_well(body.exception)
    if len(state.outreach) < attempts:
        missing.append(("outreach", f"{len(state.outreach)} of {attempts} attempts; record_outreach first."))
    if len(used) < channels:
        missing.append(("outreach", f"{len(used)} of {channels} channels."))
    if not any(o.channel in WRITTEN and o.offered_return for o in state.outreach):
        missing.append(("outreach", "One attempt in writing, that offers a way back: offered_return."))
    if around.relationship.risk is Risk.HIGH and not emergency(body.exception):
        missing.append(("exception", "Open high risk: only through a recorded emergency_handover."))
    if missing:
        raise Incomplete(missing)
    return chain(risk_waits(around), let_go(state, body, around))


def lapsed(state: Any, body: Lapse, around: Around) -> dict[str, Any]:
    """The client did not come back."""
    return {**ended(state, body, around), "kind": EndingKind.LAPSED_NO_CONTACT}


def back_to_work(state: Any, body: Any, around: Around) -> dict[str, Any]:
    """What was agreed about the end no longer holds."""
    return {
        "kind": None, "timing": None, "reasons": (), "target_date": None, "notice_given_on": None,
        "agreed_by_client": None, "counselling_offered": None, "alternative_providers": (), "premature": None,
        "premature_definition": None, "receiver": None, "incapacitated_therapist_id": None, "exception": None,
        "open_ruptures_acknowledged": False, "died_on": None, "ended_on": None, "ended_by": None, "farewell": None,
        "return_route": None, "boosters": (), "client_asked": None, "handover": (), "client_agreed_on": None,
        "silent_since": None, **since_then(state, around),
    }  # fmt: skip


def since_then(state: TerminationPlan, around: Around) -> dict[str, Any]:
    """What the return itself says: the silence is over, or somebody could not take over."""
    if state.phase is PlanPhase.OUTREACH:
        return {"returned_on": around.today}
    declined = state.phase is PlanPhase.TRANSFERRING
    return {"referrals": answered(state, ReferralAnswer.DECLINED, around.today)} if declined else {}


def planned(state: TerminationPlan, body: Terms, around: Around) -> dict[str, Any]:
    """What is said now stands; what was said before and not now stays."""
    said = {n: v for n, v in as_said(state, body, around).items() if v not in (None, ())}
    return {**said, **agreed_to_another(state, said)}


def said_anew(state: TerminationPlan, body: Terms, around: Around) -> dict[str, Any]:
    """What is said now stands."""
    said = {**as_said(state, body, around)}
    return {**said, **agreed_to_another(state, said)}


def agreed_to_another(state: TerminationPlan, said: Mapping[str, Any]) -> dict[str, Any]:
    """What the client said yes to was this ending on this day, and no other."""
    others = [n for n in ("kind", "target_date") if getattr(state, n) and said.get(n) not in (None, getattr(state, n))]
    taken_back = "agreed_by_client" in said and not said["agreed_by_client"]
    return {"client_agreed_on": None} if state.client_agreed_on and (others or taken_back) else {}


def says_yes(state: TerminationPlan, body: Any, around: Around) -> dict[str, Any]:
    """The client's own word, in their own app."""
    return {"agreed_by_client": True, "client_agreed_on": around.today}


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
    Move("introduce", (NEW,), (P.INTRODUCED,), "introduced", by(T, API), Introduction, mentioned,
         introduced, "The ending is mentioned, woven into informed consent.", knows="endings"),
    Move("renew_consent", ACTIVE, (), "consent_renewed", by(T, C, API), Renewal, renewed_well, renewed,
         "Consent is given anew: to a newer text, or by whoever holds it now.", knows="endings"),
    Move("begin_review", (P.INTRODUCED,), (P.REVIEWING,), "review_begun", by(T, C),
         says="Regular talk about progress and readiness begins."),
    Move("review_readiness", (P.INTRODUCED, P.REVIEWING, P.PLANNED), (), "readiness_reviewed", by(T, C),
         ReadinessReview, feelings_heard, reviewed, "Progress, readiness and feelings about the end are talked over."),
    Move("plan_ending", (P.INTRODUCED, P.REVIEWING), (P.PLANNED,), "ending_planned", by(T), Terms, agreed, planned,
         "Kind and date of the ending are agreed."),
    Move("agree_to_ending", (P.REVIEWING, P.PLANNED, P.CLOSING), (), "agreed", by(C), effect=says_yes,
         says="The client says themselves that they agree to the ending."),
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
    Move("client_ends", ALWAYS, (P.ENDED,), "client_ended", by(C, T, API), Departure, leaves, client_left,
         "The client leaves. This can never be refused.", knows="endings"),
    Move("client_died", (*ALWAYS, *OVER), (P.ENDED,), "client_died", by(T, API, A), Death, has_died, client_died,
         "The client has died. Every reminder and message stops."),
    Move("therapist_unavailable", ALWAYS, (P.TRANSFERRING,), "therapist_became_unavailable", by(T, S, A), Unavailable,
         for_this_client, handed_on, "The therapist died or cannot work; somebody takes over.", knows="endings"),
    Move("suspect_lapse", ALWAYS[:-1], (P.OUTREACH,), "lapse_suspected", by(T, API), guard=by_policy,
         effect=fell_silent, says="The client is silent; an outreach begins.", knows="endings"),
    Move("record_outreach", (P.OUTREACH, P.ENDED), (), "outreach_recorded", by(T, API), Outreach, was_tried, tried,
         "An attempt to reach the client."),
    Move("client_returned", (P.OUTREACH,), (P.REVIEWING,), "client_returned", by(T, C, API), effect=back_to_work,
         says="The client is back, without shame."),
    Move("lapse", (P.OUTREACH,), (P.ENDED,), "lapsed", by(T), Lapse, tried_enough, lapsed,
         "A clinician closes the outreach.", knows="endings"),
    Move("begin_transfer", ALWAYS, (P.TRANSFERRING,), "transfer_begun", by(T, S, A), Transfer, is_named, transferring,
         "A transfer to somebody named begins."),
    Move("transfer_accepted", (P.TRANSFERRING,), (P.ENDED,), "transfer_accepted", by(T, S, API), Acceptance,
         well_handed, accepted, "The receiver accepted, and the therapy ends here.", knows="endings"),
    Move("transfer_declined", (P.TRANSFERRING,), (P.REVIEWING,), "transfer_declined", by(T, S, API),
         effect=back_to_work, says="The receiver declined; the work goes on."),
    Move("record_handover", (P.TRANSFERRING, P.ENDED), (), "handover_recorded", by(T, S, API), Handing, seen_to, handed,
         "Something was seen to for whoever takes over."),
    Move("open_aftercare", (P.ENDED,), (P.AFTERCARE,), "aftercare_opened", by(T), Aftercare, for_the_living,
         says="A way back, and perhaps a booster."),
    Move("revise_aftercare", (P.AFTERCARE,), (), "aftercare_revised", by(T), AftercareRevision, says_anew, revised,
         "The way back, or the days to look in, are others now."),
    Move("archive", (P.ENDED, P.AFTERCARE), (P.ARCHIVED,), "archived", by(T), says="The plan is filed."),
    Move("reopen", OVER, (P.REVIEWING,), "reopened", by(T), guard=lives, effect=back_to_work,
         says="The therapy is taken up again."),
    Move("remind", (*ACTIVE, P.AFTERCARE), (), "reminder_due", POLICY, Reminding, not_told_yet, told,
         "Something about the ending is due, and somebody is told.", private=True),
    Move("revise", (*ACTIVE, *OVER), (), "revised", by(T, API), Terms, put_right, said_anew,
         "What is said of the ending changed; its history is kept.", verb="PATCH"),
    together=ACTIVE,
)  # fmt: skip
