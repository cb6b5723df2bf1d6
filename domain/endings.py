"""How therapies end: kinds, timing and reasons, with the national codes they answer to where such codes exist.

NHS Talking Therapies end codes for those taken on: 46 mutually agreed completion, 47 earlier than the care professional
planned, 48 earlier than the patient requested, 49 deceased, 96 not known. Colorado BHA reasons 1 to 11.
Where no code fits there is none: none is invented.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum


class EndingKind(StrEnum):
    """Who or what brings the therapy to its end (interview study doi 10.1007/s12144-021-01725-4; APA 10.10)."""

    PLANNED_MUTUAL = "planned_mutual"
    """Both agree that it is time."""
    CLIENT_INITIATED = "client_initiated"
    """The client ends it. That can never be refused, and leaving because one is better is not dropout."""
    THERAPIST_INITIATED = "therapist_initiated"
    """The therapist ends it: notice, counselling and alternatives are owed (APA 10.10)."""
    FORCED_ADMINISTRATIVE = "forced_administrative"
    """An agency, payer or move ends it: the same is owed."""
    TRANSFER = "transfer"
    """The work goes on with somebody else, who has accepted."""
    LAPSED_NO_CONTACT = "lapsed_no_contact"
    """The client fell silent and did not come back after an outreach; said by a clinician, never by a clock."""
    CLIENT_DECEASED = "client_deceased"
    """The client died."""
    THERAPIST_INCAPACITY = "therapist_incapacity"
    """The therapist died or cannot work; the professional will says who takes over."""


class Timing(StrEnum):
    """When it ended, against what was planned."""

    AS_PLANNED = "as_planned"
    """When both had planned."""
    EARLIER_THAN_CLINICIAN_PLANNED = "earlier_than_clinician_planned"
    """About one in three coded endings in England."""
    EARLIER_THAN_CLIENT_WANTED = "earlier_than_client_wanted"
    """Earlier than the client asked for."""
    EXTENDED = "extended"
    """Later than first planned."""


class Reason(StrEnum):
    """Why it ended. Several may be true."""

    GOALS_MET = "goals_met"
    """What they set out to do is done."""
    SUFFICIENT_GAIN = "sufficient_gain"
    """Better enough, as the client sees it."""
    NO_PROGRESS = "no_progress"
    """The work did not help."""
    NOT_SUITED = "not_suited"
    """This therapy or therapist does not fit."""
    COST_OR_COVERAGE = "cost_or_coverage"
    """Money or insurance."""
    RELOCATION = "relocation"
    """The client moved."""
    SCHEDULE = "schedule"
    """Time or distance."""
    THERAPIST_LEAVING = "therapist_leaving"
    """The therapist moves on."""
    AGENCY_CLOSED = "agency_closed"
    """The service closed."""
    SAFETY_THREAT = "safety_threat"
    """The therapist was threatened or endangered (APA 10.10 b)."""
    NON_ATTENDANCE = "non_attendance"
    """Sessions were not attended."""
    STOPPED_RESPONDING = "stopped_responding"
    """The client stopped coming and could not be reached."""
    DISSATISFACTION = "dissatisfaction"
    """The client was not content."""
    RUPTURE_UNREPAIRED = "rupture_unrepaired"
    """A rupture was not mended."""
    MEDICAL = "medical"
    """Illness."""
    MILITARY_DEPLOYMENT = "military_deployment"
    """Deployed."""
    INCARCERATED = "incarcerated"
    """In custody."""
    CLIENT_CHOICE = "client_choice"
    """The client decided, and need not say why."""
    OTHER = "other"
    """Something else."""
    UNKNOWN = "unknown"
    """Not known."""


class Premature(StrEnum):
    """Whether the ending was premature. Meaningless without the definition used."""

    YES = "yes"
    """By the definition named."""
    NO = "no"
    """Not by the definition named."""
    UNDETERMINED = "undetermined"
    """Nobody can say."""


class PrematureDefinition(StrEnum):
    """What "premature" was taken to mean; the share varies with it (Swift & Greenberg 2012)."""

    CLINICIAN_JUDGEMENT = "clinician_judgement"
    """The therapist's judgement."""
    PROTOCOL_INCOMPLETE = "protocol_incomplete"
    """The protocol was not finished."""
    SESSION_COUNT = "session_count"
    """Fewer sessions than a named number."""
    LAST_SESSION_MISSED = "last_session_missed"
    """The last session booked was missed."""
    NO_RELIABLE_CHANGE = "no_reliable_change"
    """No reliable change was reached."""


BHA_REASON = {
    Reason.NON_ATTENDANCE: 1, Reason.CLIENT_CHOICE: 2, Reason.DISSATISFACTION: 2, Reason.STOPPED_RESPONDING: 3,
    Reason.COST_OR_COVERAGE: 4, Reason.NO_PROGRESS: 5, Reason.MEDICAL: 6, Reason.MILITARY_DEPLOYMENT: 7,
    Reason.RELOCATION: 8, Reason.INCARCERATED: 9, Reason.AGENCY_CLOSED: 11,
}  # fmt: skip
"""Colorado BHA end-of-treatment reasons."""
BHA_KIND: dict[EndingKind | None, frozenset[int]] = {
    EndingKind.CLIENT_DECEASED: frozenset({10}), EndingKind.LAPSED_NO_CONTACT: frozenset({3}),
}  # fmt: skip
"""The same, where the kind of ending says it and not the reason."""

NHS_SHARES: Mapping[int, float] = {46: 0.605, 47: 0.348, 48: 0.026, 49: 0.0001, 96: 0.021}
"""How often each NHS end code is given: the share of all courses of therapy that have one."""
NHS_SOURCE = "NHS Talking Therapies, England: 3,118,520 endings with a code, of 3,504,945 finished courses."
"""Where these shares are from: counts 1,887,595 (46), 1,084,070 (47), 81,755 (48), 340 (49), 64,760 (96)."""


def nhs_code(kind: EndingKind | None, timing: Timing | None) -> int | None:
    """The NHS Talking Therapies end code (v2) of a finished course: 46 to 49 or 96; None while nothing is said."""
    if kind is None:
        return None
    if kind is EndingKind.CLIENT_DECEASED:
        return 49
    if timing is Timing.EARLIER_THAN_CLIENT_WANTED:
        return 48
    if timing is Timing.EARLIER_THAN_CLINICIAN_PLANNED or kind is EndingKind.LAPSED_NO_CONTACT:
        return 47
    return 46 if kind is EndingKind.PLANNED_MUTUAL else 96


def bha_codes(kind: EndingKind | None, reasons: tuple[Reason, ...]) -> tuple[int, ...]:
    """The Colorado BHA end-of-treatment reasons that fit, in order; empty where none does.

    A client who ended it, for no reason that has a code, chose to: 2.
    """
    found = BHA_KIND.get(kind, frozenset()) | {BHA_REASON[r] for r in reasons if r in BHA_REASON}
    if not found and kind is EndingKind.CLIENT_INITIATED:
        return (BHA_REASON[Reason.CLIENT_CHOICE],)
    return tuple(sorted(found))


FOR_STAFF = frozenset({Reason.SAFETY_THREAT})
"""Reasons that are not shown to a client's own token: whoever threatened is not told that it is on record."""


def reasons_for_client(reasons: Sequence[str]) -> list[str]:
    """The reasons that a client is shown."""
    return [reason for reason in reasons if reason not in FOR_STAFF]
