"""The practice: the tenant, and the policies it lives by, each with the wording it was agreed in."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar
from uuid import UUID

from domain.access import CALLERS, Role
from domain.choosing import Choice, chosen
from domain.detection import Detector, RepairRule
from domain.episodes import REPAIR_RULES, WINDOW
from domain.errors import Refused
from domain.machine import Machine
from domain.move import ATTEMPTS, CHANNELS, NEW, Around, Move
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
    """Who takes over when a therapist dies or can not work (APA guidance on incapacity)."""
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
    detectors: Annotated[tuple[Choice, ...], Few(len(Detector))] = ()
    """Detection: those that raise signals, and no others. None: no ratings are looked at."""
    repair_rules: Annotated[tuple[RepairRule, ...], Few(len(RepairRule))] = REPAIR_RULES
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


def can_be_run(state: Any, body: PolicyTerms, around: Around) -> None:
    """Detectors are set as they can be, and they and what counts as repaired by the policy that is for it."""
    if body.detectors and body.kind is not PolicyKind.DETECTION:
        raise Refused("Detectors are chosen by a policy of the kind detection.", at="detectors")
    if body.repair_rules != REPAIR_RULES and body.kind is not PolicyKind.DETECTION:
        raise Refused("What counts as repaired is chosen by a policy of the kind detection.", at="repair_rules")
    if len(set(body.repair_rules)) < len(body.repair_rules):
        raise Refused("Each rule is named once.", at="repair_rules")
    chosen(body.detectors)


P = PolicyPhase
KEEPERS = frozenset({Role.ADMIN, Role.SUPERVISOR, Role.INTEGRATION})


POLICY = Machine(
    "policy", "policies", Policy, PolicyPhase,
    Move("adopt", (NEW,), (P.CURRENT,), "adopted", KEEPERS, PolicyTerms, can_be_run,
         says="The practice adopts a policy."),
    Move("revise", (P.CURRENT,), (), "revised", KEEPERS, PolicyTerms, can_be_run,
         says="Its wording or terms changed.", verb="PATCH"),
    Move("retire", (P.CURRENT,), (P.RETIRED,), "retired", KEEPERS, says="The policy is no longer in force.",
         verb="DELETE"),
    Move("reinstate", (P.RETIRED,), (P.CURRENT,), "reinstated", KEEPERS, says="The policy is in force again."),
    read_by=CALLERS,
)  # fmt: skip
