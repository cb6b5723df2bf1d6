"""What a client is owed before an ending that is not theirs, and what of it an exception excuses (APA 10.10).

An exception opens the way, whatever it says: the ending is then done, and on record. It does not excuse more than the
ethics code does. What it leaves out is named when it is used, and stands in the report.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any

from domain.access import Role
from domain.consent import ConsentGiver
from domain.endings import EndingKind, Reason
from domain.move import Advisory, Around
from domain.outreach import PRACTICE, SAFE
from domain.relationship import Risk
from domain.values import Day, Said, Summary, Token


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


class ExceptionCode(StrEnum):
    """Why a duty was not met (APA 10.10 b, c). On record, with who and when."""

    CLIENT_DECLINED = "client_declined"
    """The client declined what was offered: excuses counselling and alternatives."""
    THREAT = "threat"
    """The therapist was threatened or endangered: excuses notice, counselling and alternatives."""
    PAYER = "payer"
    """The payer precluded it: excuses notice, counselling and alternatives."""
    EMERGENCY_HANDOVER = "emergency_handover"
    """Handed over to emergency care: excuses notice, counselling and alternatives, and ends with high risk open."""
    OTHER = "other"
    """Something else; say what. Excuses nothing in general."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exempt(Said):
    """An exception, on record."""

    code: ExceptionCode
    """Which one."""
    detail: Summary
    """What happened, for whoever audits it. With `other` at least ten characters, with a letter among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Excepted(Exempt):
    """The same, with who put it on record and when."""

    recorded_by: Token | None = None
    """The token subject that recorded it."""
    recorded_as: Role | None = None
    """Their role."""
    recorded_on: Day | None = None
    """The day."""


OWED = frozenset({EndingKind.THERAPIST_INITIATED, EndingKind.FORCED_ADMINISTRATIVE})
"""Kinds in which the client is owed notice, counselling, alternatives and a risk screen (APA 10.10)."""
AGREED = frozenset({EndingKind.PLANNED_MUTUAL, EndingKind.CLIENT_INITIATED})
"""Kinds that rest on what the client says; so they are no way around what is owed."""
APA = "APA Ethical Principles 10.10"
CLOSING = "Clinical practice on closing: at least four sessions' notice, four weeks where one meets weekly"
OFFERS = frozenset({Duty.COUNSELLING, Duty.ALTERNATIVES})
EXCUSES: Mapping[ExceptionCode, frozenset[Duty]] = {
    ExceptionCode.CLIENT_DECLINED: OFFERS, ExceptionCode.PAYER: OFFERS | {Duty.NOTICE},
    ExceptionCode.THREAT: OFFERS | {Duty.NOTICE},
    ExceptionCode.EMERGENCY_HANDOVER: OFFERS | {Duty.NOTICE, Duty.HIGH_RISK_HANDED_OVER},
    ExceptionCode.OTHER: frozenset(),
}  # fmt: skip
"""What each exception excuses, by APA 10.10 (b) and (c). None excuses a reason, nor looking at risk."""
WAYS = {
    Duty.REASONS: ("reasons", "Say why."),
    Duty.NOTICE: ("notice_given_on", "Give notice and revise the plan with its day."),
    Duty.COUNSELLING: ("counselling_offered", "Offer pre-termination counselling and revise the plan."),
    Duty.ALTERNATIVES: ("alternative_providers", "Suggest at least one and revise the plan."),
    Duty.RISK_SCREEN: ("risk_screen", "Screen risk: POST …/relationships/{id}/screen-risk."),
}
"""Where each is said, and how to see to it."""
NOT_THE_CLIENTS = frozenset({Reason.THERAPIST_LEAVING, Reason.AGENCY_CLOSED, Reason.SAFETY_THREAT})
"""Reasons that are the therapist's or the service's."""
NOTICE_DAYS = 28
"""Fewer days of notice than this are short."""
SCREEN_DAYS = 30
"""A screening of risk that is older than this, in days, is old."""
LEAST_SAID = 10
"""The least an exception of no code of its own says, in characters."""


def not_given(state: Any, body: Any, around: Around) -> list[Duty]:
    """What is owed in an ending of this kind and was not given, in order."""
    if state.kind not in OWED:
        return []
    place = around.relationship
    given = {
        Duty.REASONS: body.reasons or state.reasons, Duty.NOTICE: state.notice_given_on,
        Duty.COUNSELLING: state.counselling_offered, Duty.ALTERNATIVES: state.alternative_providers,
        Duty.RISK_SCREEN: place.screened_on and place.risk is not Risk.UNKNOWN,
    }  # fmt: skip
    return [duty for duty, done in given.items() if not done]


def still_owed(state: Any, body: Any, around: Around) -> list[tuple[str, str]]:
    """What keeps it from ending, by the name of what is missing; nothing under an exception."""
    if body.exception:
        return said_well(body.exception)
    ways = (WAYS[duty] for duty in not_given(state, body, around))
    return [(name, f"{way} Or record an exception. ({APA})") for name, way in ways]


def said_well(exception: Exempt | None) -> list[tuple[str, str]]:
    """An exception that has no code of its own says what happened."""
    if exception is None or exception.code is not ExceptionCode.OTHER:
        return []
    if len(exception.detail) >= LEAST_SAID and any(map(str.isalpha, exception.detail)):
        return []
    return [("exception/detail", f"Say what happened, in words: at least {LEAST_SAID} characters.")]


def emergency(exception: Exempt | None) -> bool:
    """Whether the client was handed over to emergency care."""
    return exception is not None and exception.code is ExceptionCode.EMERGENCY_HANDOVER


def excepted(exception: Exempt, around: Around) -> Excepted:
    """An exception, signed and dated."""
    said = {f.name: getattr(exception, f.name) for f in fields(exception)}
    who = around.caller
    return Excepted(**said, recorded_by=who.id, recorded_as=who.role, recorded_on=around.today)


# -- what is said of it, and stops nobody ------------------------------------------------------------------------------


def excuses_less(state: Any, body: Any, around: Around) -> Iterator[Advisory]:
    """What is missing and the exception does not excuse. It ends all the same."""
    if body.exception is None:
        return
    excused = EXCUSES[body.exception.code]
    if left := [WAYS[duty][0] for duty in not_given(state, body, around) if duty not in excused]:
        detail = f"{body.exception.code} does not excuse what is not on record here: {', '.join(left)}."
        yield Advisory(code="exception_excuses_less", detail=detail, source=APA)


def contradicted(kind: EndingKind | None, reasons: Sequence[Reason]) -> Iterator[Advisory]:
    """A reason that is not the client's, in an ending that is said to be."""
    against = [reason for reason in reasons if reason in NOT_THE_CLIENTS]
    if kind in AGREED and against:
        detail = (
            f"{', '.join(against)} is no reason of the client's. Where the ending is not theirs either, its kind is "
            "therapist_initiated or forced_administrative, and more is owed."
        )
        yield Advisory(code="reason_contradicts_kind", detail=detail, source=APA)


def short_notice(kind: EndingKind | None, told_on: date | None, until: date | None) -> Iterator[Advisory]:
    """Less notice than is usual, where it is owed."""
    if kind in OWED and told_on and until and (days := (until - told_on).days) < NOTICE_DAYS:
        told = f"Notice of {max(days, 0)} day{'s' if days != 1 else ''}."
        detail = f"{told} Four weeks leave time to say goodbye, where nothing speaks against it."
        yield Advisory(code="short_notice", detail=detail, source=CLOSING)


def risk_looked_at(around: Around, on: date) -> Iterator[Advisory]:
    """Whether risk was looked at before the end, and lately."""
    place = around.relationship
    if place.risk is Risk.UNKNOWN or not place.screened_on:
        detail = "Risk is not known. Screen it before they go: POST …/relationships/{id}/screen-risk."
        yield Advisory(code="risk_unknown", detail=detail, source=PRACTICE)
    elif (on - place.screened_on).days > SCREEN_DAYS:
        detail = f"Risk was last screened on {place.screened_on.isoformat()}, more than {SCREEN_DAYS} days before."
        yield Advisory(code="risk_screen_old", detail=detail, source=PRACTICE)


def left_at_risk(state: Any, around: Around) -> Iterator[Advisory]:
    """For those who record that a client left; the client is talked into nothing."""
    if around.relationship.risk not in SAFE:
        detail = (
            "Risk is open. Try to reach the client, offer a way back, name other help and the crisis line, and record "
            "what you did."
        )
        yield Advisory(code="risk_when_leaving", detail=detail, source=PRACTICE)
    if state and state.consent and state.consent.given_by is not ConsentGiver.SELF:
        detail = "Consent is held by somebody else. See whom you must tell."
        yield Advisory(code="consent_held_by_another", detail=detail, source="The law of the place decides")
