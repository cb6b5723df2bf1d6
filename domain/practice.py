"""The practice: the tenant, and the policies it lives by, each with the wording it was agreed in."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, ClassVar
from uuid import UUID

from domain.access import CALLERS, Role
from domain.choosing import Choice, chosen
from domain.detection import Detector, RepairRule
from domain.episodes import REPAIR_RULES, WINDOW
from domain.errors import Refused
from domain.machine import Machine
from domain.measure import in_force
from domain.move import ATTEMPTS, CHANNELS, NEW, STABLE_SESSIONS, Advisory, Around, Move, as_said
from domain.silence import advice
from domain.values import Between, Few, Name, Ref, Said, Token, Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """A practice: the tenant. Everything belongs to exactly one, and nothing crosses."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"use_attribute_docstrings": True}

    id: UUID
    name: str
    seq: int
    """The number of the last event; the change feed ends here."""


class PolicyKind(StrEnum):
    """What a policy is about."""

    LATE_CANCELLATION = "late_cancellation"
    """Boundaries that feel unfair are a source of rupture (founding text)."""
    NO_CONTACT = "no_contact"
    """When silence starts an outreach, and how many attempts it takes. No standard exists: it is the practice's."""
    CONFIDENTIALITY = "confidentiality"
    """What is kept private, and its limits."""
    INFORMED_CONSENT = "informed_consent"
    """The consent text into which the ending is woven (founding text)."""
    PROFESSIONAL_WILL = "professional_will"
    """Who takes over when a therapist dies or cannot work (APA guidance on incapacity)."""
    TRANSITION = "transition"
    """When an ending is brought to mind, and how often readiness is talked over. No standard exists here either."""
    DETECTION = "detection"
    """Which detectors raise signals in alliance ratings. Until there is one, a cautious set of our own does."""
    OTHER = "other"
    """Any other named policy."""


class PolicyPhase(StrEnum):
    """Where a policy is."""

    CURRENT = "current"
    """In force."""
    RETIRED = "retired"
    """Kept, no longer in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTerms(Said):
    """What a policy says."""

    kind: PolicyKind
    """What the policy is about."""
    title: Name
    """Its name, as the practice uses it."""
    edition: Token = "1"
    """The version of the wording, as the practice counts it."""
    wording: Annotated[str, Words(20_000)] | None = None
    """The text that clients are given. Earlier editions stay in the history."""
    outreach_attempts: Annotated[int, Between(1, 20)] = ATTEMPTS
    """No contact: how many attempts to reach the client come before `lapse`."""
    outreach_channels: Annotated[int, Between(1, 5)] = CHANNELS
    """No contact: over how many different channels."""
    missed_sessions: Annotated[int, Between(1, 20)] = 2
    """No contact: missed sessions in a row that start an outreach."""
    silent_days: Annotated[int, Between(1, 365)] = 14
    """No contact: days without an answer that start an outreach."""
    successor_therapist_id: Annotated[UUID, Ref("therapist")] | None = None
    """Professional will: the therapist who takes over."""
    deputy_therapist_id: Annotated[UUID, Ref("therapist")] | None = None
    """Professional will: who takes over where the successor cannot: archived, or the very one who fell away."""
    therapist_id: Annotated[UUID, Ref("therapist")] | None = None
    """Professional will: whose it is. Left out: the practice's own, for every therapist who has none."""
    days_before_ending: Annotated[tuple[Annotated[int, Between(0, 365)], ...], Few(12, distinct=True)] = (28, 14, 7)
    """Transition: so many days before the target date the ending is brought to mind."""
    mention_days: Annotated[int, Between(1, 365)] = 28
    """Transition: so long after the work began somebody is reminded of an ending that was never mentioned."""
    review_every_days: Annotated[int, Between(1, 730)] = 90
    """Transition: so long after a readiness review the next is due."""
    transfer_days: Annotated[int, Between(1, 365)] = 14
    """Transition: so long a transfer may wait for an answer before somebody is reminded of it."""
    stable_sessions: Annotated[int, Between(2, 20)] = STABLE_SESSIONS
    """Transition: over so many complete outcome scores in a row a client is looked at for being stable. No standard
    says how many: three is our own default."""
    detectors: Annotated[tuple[Choice, ...], Few(len(Detector))] = ()
    """Detection: those that raise signals, and no others. None: no ratings are looked at."""
    repair_rules: Annotated[tuple[RepairRule, ...], Few(len(RepairRule), distinct=True)] = REPAIR_RULES
    """Detection: what says that a dip is over; of several that are met at one session the first here is named. None: it
    is left open what became of any."""
    repair_window: Annotated[int, Between(1, 20)] = WINDOW
    """Detection: so many held sessions after the onset, scored or not, may bring the repair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy(PolicyTerms):
    """A named policy of the practice."""

    id: UUID
    phase: PolicyPhase = PolicyPhase.CURRENT
    """Where it is in its life."""
    edition_since: date | None = None
    """The day the practice adopted this edition."""


def can_be_run(state: Any, body: PolicyTerms, around: Around) -> Iterator[Advisory]:
    """Detectors are set as they can be, and they and what counts as repaired by the policy that is for it.

    Which of them lack the norms to say anything comes as advice.
    """
    run = chosen(body.detectors)
    if body.detectors and body.kind is not PolicyKind.DETECTION:
        raise Refused("Detectors are chosen by a policy of the kind detection.", at="detectors")
    if body.repair_rules != REPAIR_RULES and body.kind is not PolicyKind.DETECTION:
        raise Refused("What counts as repaired is chosen by a policy of the kind detection.", at="repair_rules")
    return advice(run, body.repair_rules, in_force(around.forms))


def makes_sense(state: Any, body: PolicyTerms, around: Around) -> Iterator[Advisory]:
    """A policy says what its kind can say, and a consent text that says something else is another edition.

    For a choice of detectors it is told which of them can say nothing for want of norms.
    """
    silent = can_be_run(state, body, around)
    if body.kind is not PolicyKind.PROFESSIONAL_WILL and (body.therapist_id or body.deputy_therapist_id):
        raise Refused("This is said in a policy of the kind professional_will.", at="therapist_id")
    named = [i for i in (body.therapist_id, body.successor_therapist_id, body.deputy_therapist_id) if i]
    if len(set(named)) < len(named):
        raise Refused("Somebody else takes over, and somebody else again is the deputy.", at="successor_therapist_id")
    other = state and state.wording not in (None, body.wording) and state.edition == body.edition
    if other and PolicyKind.INFORMED_CONSENT in (state.kind, body.kind):
        raise Refused("People said yes to this wording: give the new one an edition of its own.", at="edition")
    return silent


def dated(state: Any, body: PolicyTerms, around: Around) -> dict[str, Any]:
    """An edition holds from the day it is adopted."""
    same = state and state.edition == body.edition
    return {**as_said(state, body, around), "edition_since": state.edition_since if same else around.today}


P = PolicyPhase
KEEPERS = frozenset({Role.ADMIN, Role.SUPERVISOR, Role.INTEGRATION})


POLICY = Machine(
    "policy", "policies", Policy, PolicyPhase,
    Move("adopt", (NEW,), (P.CURRENT,), "adopted", KEEPERS, PolicyTerms, makes_sense,
         dated, "The practice adopts a policy.", knows="forms"),
    Move("revise", (P.CURRENT,), (), "revised", KEEPERS, PolicyTerms, makes_sense,
         dated, "Its wording or terms changed.", verb="PATCH", knows="forms"),
    Move("retire", (P.CURRENT,), (P.RETIRED,), "retired", KEEPERS, says="The policy is no longer in force.",
         verb="DELETE"),
    Move("reinstate", (P.RETIRED,), (P.CURRENT,), "reinstated", KEEPERS, says="The policy is in force again."),
    read_by=CALLERS,
)  # fmt: skip
