"""An outcome score: how the client is doing, by their own answers. Evidence beside others, never a verdict.

It is the client's own report, so it is shown to them and to those who treat them alike. A risk item is never only a
number: staff who record it are told to ask, in the response; of what came from the client's own app those who treat
them are reminded (`risk_to_ask`). The client is told of neither.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from domain.access import EVERYONE, Role
from domain.errors import Refused
from domain.form import TOTAL, Form, InstrumentKind, Points
from domain.instruments import RISK_WORDS, form_of
from domain.machine import Machine
from domain.move import NEW, Advisory, Around, Move, as_said
from domain.scoring import Completeness, ItemAnswer, Scored, SubscaleScore, given, scored
from domain.values import Day, Few, Private, Ref, Said, Token


class OutcomePhase(StrEnum):
    """Whether a score counts."""

    RECORDED = "recorded"
    """It stands."""
    ENTERED_IN_ERROR = "entered_in_error"
    """Recorded by mistake; kept and out of count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeCorrection(Said):
    """What was filled in, as it should read."""

    answers: Annotated[tuple[ItemAnswer, ...], Few(500)] = ()
    """The answer to every item, blanks as null. Either these or `total`."""
    total: Points | None = None
    """The score, where the form was scored elsewhere."""
    rated_on: Day | None = None
    """The day it was filled in; the day it is recorded when left out."""
    session_id: Annotated[UUID, Ref("session", within=True)] | None = None
    """The session it was filled in for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRecording(OutcomeCorrection):
    """A form that a client filled in about how they are."""

    relationship_id: Annotated[UUID, Ref("relationship", above=True)]
    """The relationship in which it was asked."""
    instrument: Token
    """The instrument's code: `phq-9`, `gad-7`, or one of the practice's own."""
    instrument_version: Token | None = None
    """Its version. Left out where there is only one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeScore(OutcomeCorrection):
    """How the client is doing by one form, on one day."""

    id: UUID
    relationship_id: UUID
    """The relationship in which it was asked."""
    phase: OutcomePhase = OutcomePhase.RECORDED
    """Whether it counts."""
    instrument: Token
    """The instrument's code."""
    instrument_version: Token
    """Its version."""
    score: float | None = None
    """The whole form, in the unit of the instrument's scores, unrounded. Null when it is incomplete."""
    subscales: tuple[SubscaleScore, ...] = ()
    """The score of each subscale, of a form that has some."""
    completeness: Completeness = Completeness.INCOMPLETE
    """How much was answered."""
    recorded_by: Annotated[Token | None, Private()] = None
    """The token subject that recorded it."""


def named(told: Any, around: Around) -> Form:
    """The form that a score names."""
    return form_of(told.instrument, told.instrument_version, around.forms, InstrumentKind.OUTCOME)


def tallied(form: Form, body: OutcomeCorrection) -> Scored:
    """What was filled in, scored. Raises Refused for what does not fit the form."""
    if body.total is None:
        return scored(form, body.answers)
    if body.answers:
        detail = "The total follows from the answers: send one, and null for the other where a score had it."
        raise Refused(detail, at="total")
    low, high = form.reach(form.keyed or 1)
    if not low <= body.total <= high:
        raise Refused(f"{form.code} {form.edition} goes from {low:g} to {high:g}.", at="total")
    return given(form, (SubscaleScore(subscale=TOTAL, score=body.total),))


def tally(form: Form, body: OutcomeCorrection) -> Mapping[str, Any]:
    """The fields that follow from what was filled in."""
    found = tallied(form, body)
    parts = () if body.total is not None else found.subscales.items()
    return {
        "score": found.total, "completeness": found.completeness,
        "subscales": tuple(SubscaleScore(subscale=name, score=score) for name, score in parts),
        "answers": tuple(sorted(body.answers, key=lambda a: a.item)),
    }  # fmt: skip


def at_risk(form: Form, body: OutcomeCorrection) -> Iterator[int]:
    """The risk items that were answered with anything but the lowest."""
    for answer in body.answers:
        if answer.item in form.risk_items and answer.value is not None and answer.value > form.low:
            yield answer.item


def ask(form: Form, body: OutcomeCorrection, around: Around) -> Iterator[Advisory]:
    """To those who treat the client: ask. Not to the client's own app, which is no place to be told so."""
    if around.caller.role is Role.CLIENT:
        return
    for item in at_risk(form, body):
        meaning, lowest = RISK_WORDS.get((form.code, form.edition, item), ("", "at its lowest"))
        answered = f"Item {item}{meaning} was not answered {lowest}."
        detail = f"{answered} This is not a diagnosis. Ask the client today, and record a risk screening."
        yield Advisory(code="risk_item", detail=detail, source=f"{form.code} {form.edition}, item {item}")
    blank = {a.item for a in body.answers if a.value is None}
    for item in sorted(blank.intersection(form.risk_items)):
        detail = f"Item {item} was left blank, which says nothing either way: ask."
        yield Advisory(code="risk_item_blank", detail=detail, source=f"{form.code} {form.edition}, item {item}")
    if body.total is not None and body.total > form.reach(form.keyed or 1)[0]:
        for item in form.risk_items:
            detail = f"A total does not say how item {item} was answered: look at the form, or ask."
            yield Advisory(code="risk_item_not_sent", detail=detail, source=f"{form.code} {form.edition}, item {item}")


def can_be_recorded(state: Any, body: OutcomeRecording, around: Around) -> Iterator[Advisory]:
    """The answers or the total fit the instrument."""
    around.has_come(body.rated_on, "rated_on")
    form = named(body, around)
    tallied(form, body)
    return ask(form, body, around)


def recorded(state: Any, body: OutcomeRecording, around: Around) -> Mapping[str, Any]:
    """By which form, on which day, and what it came to."""
    form = named(body, around)
    return {
        **as_said(state, body, around), "instrument": form.code, "instrument_version": form.edition,
        "rated_on": body.rated_on or around.today, "recorded_by": around.caller.id, **tally(form, body),
    }  # fmt: skip


def is_theirs(state: OutcomeScore, body: Any, around: Around) -> None:
    """What a client sent is the client's own; what staff took down is theirs to put right."""
    caller, theirs = around.caller, state.recorded_by == str(around.relationship.client_id)
    if caller.role is not Role.INTEGRATION and theirs is not (caller.role is Role.CLIENT):
        raise Refused("A score is corrected by whoever sent it: the client, or those who took it down.")


def can_be_corrected(state: OutcomeScore, body: OutcomeCorrection, around: Around) -> Iterator[Advisory]:
    """Whoever sent it says how it should read; instrument and version stay."""
    is_theirs(state, body, around)
    around.has_come(body.rated_on, "rated_on")
    form = named(state, around)
    tallied(form, body)
    return ask(form, body, around)


def corrected(state: OutcomeScore, body: OutcomeCorrection, around: Around) -> Mapping[str, Any]:
    """Scored anew. The log keeps what it was."""
    said = {**as_said(state, body, around), "rated_on": body.rated_on or state.rated_on}
    return {**said, **tally(named(state, around), body)}


P = OutcomePhase

OUTCOME_SCORE = Machine(
    "outcome_score", "outcome-scores", OutcomeScore, OutcomePhase,
    Move("record", (NEW,), (P.RECORDED,), "recorded", EVERYONE, OutcomeRecording, can_be_recorded, recorded,
         "The client filled in a form on how they are.", knows="forms"),
    Move("correct", (P.RECORDED,), (), "revised", EVERYONE, OutcomeCorrection, can_be_corrected, corrected,
         "What was filled in was corrected; the log keeps what it was.", verb="PATCH", knows="forms"),
    Move("mark_in_error", (P.RECORDED,), (P.ENTERED_IN_ERROR,), "entered_in_error", EVERYONE, guard=is_theirs,
         says="Recorded by mistake; kept and out of count.", verb="DELETE"),
)  # fmt: skip
