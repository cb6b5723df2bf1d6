"""A rupture: a moment of misattunement, misunderstanding or conflict. Inevitable, and an invitation.

It is reported, never detected: no number opens or closes one. Both parties can strain an alliance, so a marker names
its party and nobody is "the cause".

The whole aggregate is in this one file: its words with their sources (most of its length), its table, its guards.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from domain.access import CLINICIANS, EVERYONE, POLICY, Role
from domain.errors import Incomplete, Refused
from domain.machine import Machine
from domain.move import NEW, Advisory, Around, Move, as_said
from domain.relationship import RelationshipPhase
from domain.values import Day, Few, OnceShared, Private, Ref, Said, Scale, Summary, Token, marked


class RuptureType(StrEnum):
    """Which way the strain moves (3RS; Eubanks & Muran 2022). Movement is described, not motive."""

    WITHDRAWAL = "withdrawal"
    """Moving away from the therapist or the work; often with good scores."""
    CONFRONTATION = "confrontation"
    """Moving against the therapist or the work."""
    MIXED = "mixed"
    """Both at once."""
    UNSPECIFIED = "unspecified"
    """Not said. A rupture needs no type to be one."""


class Party(StrEnum):
    """One of the two in the room."""

    CLIENT = "client"
    """The client."""
    THERAPIST = "therapist"
    """The therapist."""


class Reporter(StrEnum):
    """Who says there is a rupture."""

    CLIENT = "client"
    """The client: a direct report, which outranks every inference."""
    THERAPIST = "therapist"
    """The therapist."""
    SUPERVISOR = "supervisor"
    """A supervisor or observer."""
    INTEGRATION = "integration"
    """Another system passed a hint on; somebody has yet to say so."""


class PrecipitantKind(StrEnum):
    """What a rupture arose from, in the founding text's words."""

    THERAPIST_STATEMENT = "therapist_statement"
    """Something the therapist said at a crucial moment (founding text)."""
    THERAPIST_OMISSION = "therapist_omission"
    """Something the therapist did not say at a crucial moment (founding text)."""
    FELT_MISUNDERSTOOD = "felt_misunderstood"
    """The client felt misunderstood (founding text)."""
    FELT_INVALIDATED = "felt_invalidated"
    """The client felt invalidated (founding text)."""
    FELT_UNSEEN = "felt_unseen"
    """The client felt unseen (founding text)."""
    BOUNDARY_OR_POLICY = "boundary_or_policy"
    """A boundary that feels unfair, a late-cancellation policy for one (founding text)."""
    MISSED_CUE = "missed_cue"
    """A cue that was missed (founding text)."""
    MISCOMMUNICATION = "miscommunication"
    """They talked past each other (founding text)."""
    THERAPIST_ABSENCE = "therapist_absence"
    """Holiday, illness, lateness."""
    ENDING_OF_THERAPY = "ending_of_therapy"
    """Termination, the ultimate rupture and repair opportunity (founding text)."""
    EXTERNAL_EVENT = "external_event"
    """Something outside the room."""
    UNKNOWN = "unknown"
    """Nobody knows yet."""


class Strain(StrEnum):
    """The component of the alliance under threat (founding text: bonds, goals, tasks)."""

    BOND = "bond"
    """The emotional connection."""
    GOAL = "goal"
    """The shared objectives."""
    TASK = "task"
    """The collaborative work."""


class MarkerCode(StrEnum):
    """3RS markers (Eubanks, Muran & Safran 2015; regrouped in Eubanks & Muran 2022)."""

    DENIAL = "denial"
    """Withdrawal, shutting down."""
    MINIMAL_RESPONSE = "minimal_response"
    """Withdrawal, shutting down. Brevity alone is none."""
    GIVING_UP = "giving_up"
    """Withdrawal, shutting down (2022)."""
    ABSTRACT_COMMUNICATION = "abstract_communication"
    """Withdrawal, avoiding."""
    AVOIDANT_STORYTELLING = "avoidant_storytelling"
    """Withdrawal, avoiding."""
    TOPIC_SHIFT = "topic_shift"
    """Withdrawal, avoiding."""
    DEFERENTIAL_APPEASING = "deferential_appeasing"
    """Withdrawal, masking experience; often with high scores."""
    CONTENT_AFFECT_SPLIT = "content_affect_split"
    """Withdrawal, masking experience."""
    SELF_CRITICISM_HOPELESSNESS = "self_criticism_hopelessness"
    """Withdrawal (2015)."""
    COMPLAINT_THERAPIST = "complaint_therapist"
    """Confrontation: concerns about the therapist."""
    REJECTS_INTERVENTION = "rejects_intervention"
    """Confrontation: rejects what is offered."""
    COMPLAINT_ACTIVITIES = "complaint_activities"
    """Confrontation: about the activities of therapy."""
    COMPLAINT_PARAMETERS = "complaint_parameters"
    """Confrontation: about the frame, a policy or boundary."""
    COMPLAINT_PROGRESS = "complaint_progress"
    """Confrontation: about progress."""
    DEFENDS_SELF = "defends_self"
    """Confrontation: defends themselves against the other."""
    CONTROLS_PRESSURES = "controls_pressures"
    """Confrontation: efforts to control or pressure the other."""


class Echo(StrEnum):
    """Whether it echoes past relational wounds (founding text)."""

    YES = "yes"
    """It does."""
    NO = "no"
    """It does not."""
    UNKNOWN = "unknown"
    """Nobody has asked yet."""


class Certainty(StrEnum):
    """Whether a report is a suspicion."""

    SUSPECTED = "suspected"
    """To be confirmed or dismissed by a person."""
    CONFIRMED = "confirmed"
    """There is one."""


class DismissalReason(StrEnum):
    """Why a suspicion is dismissed."""

    NOT_A_RUPTURE = "not_a_rupture"
    """Disagreement, silence or a cancelled appointment is not a rupture by itself."""
    ALREADY_ADDRESSED = "already_addressed"
    """It was dealt with in the room."""
    MEASUREMENT_ARTIFACT = "measurement_artifact"
    """A form was misread or mis-scored; the note says how."""
    DUPLICATE = "duplicate"
    """It is recorded elsewhere."""
    OTHER = "other"
    """Something else; the note says what."""


class LeftReason(StrEnum):
    """Why a rupture is left without repair."""

    CLIENT_PREFERS_NOT = "client_prefers_not"
    """The client does not want to go back to it."""
    NOT_THE_TIME = "not_the_time"
    """Something else comes first."""
    PARTED = "parted"
    """They no longer meet."""
    OTHER = "other"
    """Something else."""


class RupturePhase(StrEnum):
    """Where a rupture is."""

    SUSPECTED = "suspected"
    """Somebody wonders."""
    CONFIRMED = "confirmed"
    """The client or a clinician says there is one."""
    IN_REPAIR = "in_repair"
    """A repair is under way."""
    REPAIRED = "repaired"
    """Mended. Whose word that is stands in the repair: the client's, an account of it, or their scores alone."""
    PARTIALLY_REPAIRED = "partially_repaired"
    """Mended in part; repair may begin again."""
    UNREPAIRED = "unrepaired"
    """Not mended; repair may begin again."""
    DISMISSED = "dismissed"
    """Found not to be one; may be reconsidered."""
    ENDED_UNREPAIRED = "ended_unrepaired"
    """The relationship ended with it open. It is kept."""
    ENTERED_IN_ERROR = "entered_in_error"
    """Recorded by mistake; kept and out of count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precipitant(Said):
    """One thing it arose from, and who names it."""

    kind: PrecipitantKind
    """What it arose from."""
    named_by: Party | None = None
    """Who names it. The two may see it differently. Left out: the one who reports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker(Said):
    """One 3RS marker, with its party."""

    code: MarkerCode
    """What was seen."""
    party: Party
    """Whose movement it was. Therapists withdraw and confront as well (3RS 2022)."""
    salience: Scale | None = None
    """1 one unclear marker, 3 at least one clear marker of moderate intensity, 5 very clear, multiple or sustained
    (3RS 2022)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account(Said):
    """What is said of a rupture, and may be said better later."""

    precipitants: Annotated[tuple[Precipitant, ...], Few(20, distinct=True)] = ()
    """What it arose from; often more than one thing."""
    policy_id: Annotated[Annotated[UUID, Ref("policy")] | None, OnceShared()] = None
    """The practice policy that felt unfair, for `boundary_or_policy`."""
    type: Annotated[RuptureType, OnceShared()] = RuptureType.UNSPECIFIED
    """Which way the strain moves."""
    markers: Annotated[tuple[Marker, ...], Few(40), Private()] = ()
    """3RS markers, where somebody rates them: an observer's ratings, for clinicians."""
    strains: Annotated[tuple[Strain, ...], Few(3, distinct=True), OnceShared()] = ()
    """The components of the alliance under threat."""
    client_intensity: Scale | None = None
    """How intense it is for the client, 1 to 5."""
    therapist_intensity: Annotated[Scale | None, Private()] = None
    """How intense it is for the therapist, 1 to 5. Not blended with the client's."""
    echoes_past: Annotated[Echo, OnceShared()] = Echo.UNKNOWN
    """Whether it echoes past relational wounds."""
    session_id: Annotated[UUID, Ref("session", within=True)] | None = None
    """The session it happened in."""
    happened_on: Day | None = None
    """The day it happened."""
    summary: Summary | None = None
    """Up to 280 characters of ordinary record, not process notes: a client may ask for it."""
    shared_with_client: bool | None = None
    """Whether the client's own app shows the summary and how clinicians describe it: type, strains, echoes, policy,
    reasons, and the precipitants that the client did not name. Left out: true for the client's own words, else false.
    That there is a rupture is shown either way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Account):
    """A report of a rupture. No score is ever required for it."""

    relationship_id: Annotated[UUID, Ref("relationship", above=True)]
    """The relationship it happened in."""
    reported_by: Reporter | None = None
    """Who says so. Left out: the caller's own role. Only an integration may speak for somebody else."""
    certainty: Certainty | None = None
    """Left out: confirmed when the client or a clinician reports it, suspected when a system does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark(Said):
    """A few words with a decision."""

    note: Summary | None = None
    """Why, if it helps."""
    shared_with_client: bool | None = None
    """Whether the note is shown in the client's own app. Left out: true for the client's own words, else false."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dismissal(Remark):
    """Why a suspicion is dismissed."""

    reason: DismissalReason
    """Why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving(Remark):
    """Why a rupture is left without repair."""

    reason: LeftReason
    """Why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(Said):
    """What was noted with a decision, and by whom."""

    text: Summary
    """What was noted."""
    by: Role
    """The role that noted it."""
    shared_with_client: bool
    """Whether it is shown in the client's own app."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rupture(Account):
    """A rupture in the therapeutic alliance."""

    id: UUID
    relationship_id: UUID
    """The relationship it happened in."""
    phase: RupturePhase = RupturePhase.SUSPECTED
    """Where it is."""
    reported_by: Reporter = Reporter.INTEGRATION
    """Who says there is one."""
    recorded_by: Annotated[Token | None, Private()] = None
    """The token subject that reported it."""
    confirmed_by: Reporter | None = None
    """Who confirmed a suspicion."""
    confirmer: Annotated[Token | None, Private()] = None
    """The token subject that confirmed it."""
    recurrences: int = 0
    """How often it came back after a repair."""
    repair_asked_on: date | None = None
    """The day the client last asked for a repair."""
    dismissal_reason: Annotated[DismissalReason | None, OnceShared()] = None
    """Why it was dismissed."""
    left_reason: Annotated[LeftReason | None, OnceShared()] = None
    """Why it was left without repair."""
    note: Note | None = None
    """What was noted when it was last dismissed, withdrawn or left."""


def speaker(body: Any, around: Around) -> Reporter:
    """Who is speaking: the caller, or the person an integration speaks for."""
    return getattr(body, "reported_by", None) or Reporter(around.caller.role)


def speaks_for_themselves(state: Any, body: Report, around: Around) -> None:
    """A report names its reporter truly, and a direct report is never a mere suspicion."""
    role = around.caller.role
    if role is not Role.INTEGRATION and speaker(body, around) is not Reporter(role):
        raise Refused("Only an integration may report for somebody else; leave reported_by out.", at="reported_by")
    if speaker(body, around) is Reporter.CLIENT and body.certainty is Certainty.SUSPECTED:
        raise Refused("A client's direct report is never a mere suspicion; leave certainty out.", at="certainty")
    happened_before(state, body, around)


def happened_before(state: Any, body: Account, around: Around) -> None:
    """A rupture lies in the past; and what clinicians rate is not the client's to say."""
    around.has_come(body.happened_on, "happened_on")
    if len(set(body.strains)) < len(body.strains):
        raise Refused("Each strain is named once.", at="strains")
    before = state or Account()
    for name in sorted(marked(Account, Private)):
        if around.caller.role is Role.CLIENT and getattr(body, name) != getattr(before, name):
            raise Refused("This is for clinicians to say; leave it out.", at=name)


def standing(around: Around) -> RupturePhase:
    """Where a rupture stands once somebody has said that it is one."""
    over = around.relationship.phase is RelationshipPhase.ENDED
    return RupturePhase.ENDED_UNREPAIRED if over else RupturePhase.CONFIRMED


def reported(state: Any, body: Report, around: Around) -> dict[str, Any]:
    """A person's report is confirmed, a system's is a suspicion, unless it says otherwise."""
    who = speaker(body, around)
    certainty = body.certainty or (Certainty.SUSPECTED if who is Reporter.INTEGRATION else Certainty.CONFIRMED)
    shared = body.shared_with_client if body.shared_with_client is not None else who is Reporter.CLIENT
    return {
        **as_said(state, body, around), "reported_by": who, "recorded_by": around.caller.id,
        "precipitants": named(body.precipitants, who), "shared_with_client": shared,
        "phase": RupturePhase.SUSPECTED if certainty is Certainty.SUSPECTED else standing(around),
    }  # fmt: skip


def named(precipitants: tuple[Precipitant, ...], who: Reporter) -> tuple[Precipitant, ...]:
    """A precipitant nobody is named for is named by the one who reports."""
    party = Party.CLIENT if who is Reporter.CLIENT else Party.THERAPIST if who is Reporter.THERAPIST else None
    return tuple(p if p.named_by or not party else Precipitant(kind=p.kind, named_by=party) for p in precipitants)


def named_by_client(precipitants: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What the client named. What others did is theirs to share."""
    return [p for p in precipitants if p["named_by"] == Party.CLIENT]


def confirmed(state: Any, body: Any, around: Around) -> dict[str, Any]:
    """Who confirmed it may also take that back."""
    return {
        "confirmed_by": Reporter(around.caller.role), "confirmer": around.caller.id, "phase": standing(around)
    }  # fmt: skip


def is_theirs(state: Rupture, body: Any, around: Around) -> None:
    """Who reported or confirmed it may take it back; nobody takes back a client's word but the client."""
    caller = around.caller
    if Reporter.CLIENT in (state.reported_by, state.confirmed_by):
        if caller.role is not Role.CLIENT:
            raise Refused("The client said there was a rupture; only the client can take that back.")
    elif caller.id not in (state.recorded_by, state.confirmer):
        raise Refused("Only who reported or confirmed it can take it back.")


def is_not_the_clients(state: Rupture, body: Any, around: Around) -> None:
    """What the client said is not struck out over their head."""
    if around.caller.role is Role.CLIENT or Reporter.CLIENT in (state.reported_by, state.confirmed_by):
        is_theirs(state, body, around)


def their_own_words(state: Rupture, body: Account, around: Around) -> Iterator[Advisory]:
    """A client corrects their own report; nobody rewrites the client's words, unshares them or rates in their place."""
    client = around.caller.role is Role.CLIENT
    clients = state.reported_by is Reporter.CLIENT
    if client and not clients:
        raise Refused("A client revises their own report.")
    if clients and not client:
        for name in ("summary", "shared_with_client", "client_intensity"):
            if getattr(body, name) != getattr(state, name):
                raise Refused("The client said this themselves; only the client changes it.", at=name)
        if not {p for p in state.precipitants if p.named_by is Party.CLIENT} <= set(body.precipitants):
            raise Refused("What the client named stays; add to it.", at="precipitants")
    happened_before(state, body, around)
    return seen_by_client(state, body) if clients and not client else iter(())


def seen_by_client(state: Rupture, body: Account) -> Iterator[Advisory]:
    """Whoever describes what a client told of describes it before their eyes."""
    labels = marked(Account, OnceShared)
    if state.shared_with_client and any(getattr(body, name) != getattr(state, name) for name in labels):
        detail = "The client reported this, and their own app shows it whole: they will read how you describe it."
        yield Advisory(code="client_reads_this", detail=detail, source="The client's own report")


def says_what(state: Any, body: Dismissal, around: Around) -> Iterator[Advisory]:
    """A reason that is no reason needs a few words; and what was dealt with was there."""
    if body.reason in (DismissalReason.OTHER, DismissalReason.MEASUREMENT_ARTIFACT) and not body.note:
        raise Incomplete([("note", "Say what it was.")])
    return was_one(body)


def was_one(body: Dismissal) -> Iterator[Advisory]:
    """Dismissed means found to be none: a rupture that was mended in the room would be lost to the record."""
    if body.reason is DismissalReason.ALREADY_ADDRESSED:
        detail = "Then there was one. Reconsider and confirm it, and conclude a repair within the session."
        yield Advisory(code="was_one", detail=detail, source="Founding text: ruptures are not failures")


def heard_first(state: Rupture, body: Leaving, around: Around) -> Iterator[Advisory]:
    """A client who asked for a repair does not prefer to go without."""
    if state.repair_asked_on and body.reason is LeftReason.CLIENT_PREFERS_NOT:
        detail = (
            "The client asked for a repair. If they see it otherwise now, say so in a note with the reason `other`."
        )
        raise Refused(detail, at="reason")
    return asked_before(state)


def asked_before(state: Rupture) -> Iterator[Advisory]:
    """The client's wish stands beside the decision."""
    if state.repair_asked_on:
        detail = "The client asked for a repair. Tell them why it is left, and when you come back to it."
        yield Advisory(code="client_asked_for_repair", detail=detail, source="The client's own wish")


def decided(state: Any, body: Account, around: Around) -> dict[str, Any]:
    """Whether it is shared stays a plain yes or no."""
    return {**as_said(state, body, around), "shared_with_client": bool(body.shared_with_client)}


def noted(state: Any, body: Remark, around: Around) -> dict[str, Any]:
    """A note with its author; what the client writes is theirs to see."""
    role = around.caller.role
    shared = role is Role.CLIENT if body.shared_with_client is None else body.shared_with_client
    return {"note": Note(text=body.note, by=role, shared_with_client=shared) if body.note else None}


def dismissed(state: Any, body: Dismissal, around: Around) -> dict[str, Any]:
    """The reason is kept with it."""
    return {"dismissal_reason": body.reason, **noted(state, body, around)}


def left(state: Any, body: Leaving, around: Around) -> dict[str, Any]:
    """The reason is kept with it."""
    return {"left_reason": body.reason, **noted(state, body, around)}


def came_back(state: Rupture, body: Any, around: Around) -> dict[str, Any]:
    """Recurrences are counted."""
    return {"recurrences": state.recurrences + 1, "phase": standing(around)}


def asked(state: Any, body: Any, around: Around) -> dict[str, Any]:
    """The wish is on record; where the rupture stands is unchanged."""
    return {"repair_asked_on": around.today}


P = RupturePhase
OPEN = (P.CONFIRMED, P.IN_REPAIR)
MENDABLE = (P.CONFIRMED, P.PARTIALLY_REPAIRED, P.UNREPAIRED)
REVISABLE = (P.SUSPECTED, P.CONFIRMED, P.IN_REPAIR, P.PARTIALLY_REPAIRED, P.UNREPAIRED)
STANDING = (P.CONFIRMED, P.ENDED_UNREPAIRED)
RESOLVERS = frozenset({Role.CLIENT, Role.THERAPIST, Role.SUPERVISOR})

RUPTURE = Machine(
    "rupture", "ruptures", Rupture, RupturePhase,
    Move("report", (NEW,), (P.SUSPECTED, *STANDING), "reported", EVERYONE, Report, speaks_for_themselves, reported,
         "A rupture, or the suspicion of one, is reported."),
    Move("confirm", (P.SUSPECTED,), STANDING, "confirmed", RESOLVERS, effect=confirmed,
         says="Somebody who was there says: yes, there was one.", knows="where"),
    Move("dismiss", (P.SUSPECTED,), (P.DISMISSED,), "dismissed", CLINICIANS, Dismissal, says_what, dismissed,
         "The suspicion is dismissed, with a reason."),
    Move("withdraw", (P.CONFIRMED,), (P.DISMISSED,), "withdrawn", EVERYONE, Remark, is_theirs, noted,
         says="Who reported or confirmed it takes that back."),
    Move("reconsider", (P.DISMISSED,), (P.SUSPECTED,), "reconsidered", CLINICIANS,
         says="It may have been one after all."),
    Move("begin_repair", MENDABLE, (P.IN_REPAIR,), "repair_begun", POLICY, says="A repair is under way."),
    Move("mend", (P.IN_REPAIR,), (P.REPAIRED,), "repaired", POLICY, says="The repair held."),
    Move("contest", (P.REPAIRED,), (P.PARTIALLY_REPAIRED,), "contested", POLICY,
         says="The client sees it otherwise: it counts as repaired in part."),
    Move("mend_in_part", (P.IN_REPAIR,), (P.PARTIALLY_REPAIRED,), "partially_repaired", POLICY,
         says="The repair held in part."),
    Move("stay_unmended", (P.IN_REPAIR,), (P.UNREPAIRED,), "unrepaired", POLICY, says="The repair did not hold."),
    Move("recur", (P.REPAIRED, P.PARTIALLY_REPAIRED), STANDING, "recurred",
         frozenset({Role.CLIENT, Role.THERAPIST}), effect=came_back, says="It came back.", knows="where"),
    Move("leave_unrepaired", (P.CONFIRMED, P.IN_REPAIR, P.PARTIALLY_REPAIRED), (P.UNREPAIRED,), "left_unrepaired",
         frozenset({Role.THERAPIST}), Leaving, heard_first, left, says="It is left without repair, with a reason."),
    Move("ask_for_repair", (P.SUSPECTED, *OPEN, P.PARTIALLY_REPAIRED, P.UNREPAIRED), (), "repair_asked_for",
         frozenset({Role.CLIENT}), effect=asked, says="The client asks to talk about it."),
    Move("revise", REVISABLE, (), "revised", EVERYONE, Account, their_own_words, decided,
         "The account of it changed.", verb="PATCH"),
    Move("end_unrepaired", OPEN, (P.ENDED_UNREPAIRED,), "ended_unrepaired", POLICY,
         says="The relationship ended with it open."),
    Move("carry_over", (P.ENDED_UNREPAIRED,), (P.UNREPAIRED,), "carried_over", POLICY,
         says="The pair returned to the work, and this came with them."),
    Move("mark_in_error", (*REVISABLE, P.REPAIRED, P.DISMISSED, P.ENDED_UNREPAIRED), (P.ENTERED_IN_ERROR,),
         "entered_in_error", EVERYONE,
         guard=is_not_the_clients, says="Recorded by mistake; kept and out of count.", verb="DELETE"),
)  # fmt: skip
MENDED = RUPTURE.type_of(RUPTURE.by_name["mend"])
