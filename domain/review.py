"""Readiness reviews: progress, readiness and feelings about the ending, talked over again and again (founding text).

A readiness fact is one indicator, with where it comes from; facts stand beside each other and are never one number.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from domain.access import Role
from domain.closure import on_record
from domain.errors import Refused
from domain.feelings import Feelings, strong_feelings
from domain.move import Added, Advisory, Around
from domain.values import Day, Few, Name, Private, Ref, Said, Summary


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


class Informant(StrEnum):
    """Who says that a fact holds or does not."""

    CLIENT = "client"
    """The client."""
    THERAPIST = "therapist"
    """The therapist."""
    GUARDIAN = "guardian"
    """A parent or guardian."""
    COLLATERAL = "collateral"
    """Somebody else who knows the client: a partner, a teacher, another professional."""
    RECORD = "record"
    """Nobody in particular: it stands in the record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact(Said):
    """One readiness fact, and where it comes from."""

    fact: ReadinessFact
    """Which one."""
    holds: Answer
    """Whether it holds."""
    source: Name
    """Where it comes from: a talk, a goal sheet, an instrument."""
    said_by: Informant | None = None
    """Who says so. Left out: the client of what the client says, the therapist of what the therapist says, and else
    whoever records it."""
    on: Day | None = None
    """The day they said so, or it was found; the review's when left out."""


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


FOR_CLINICIANS = frozenset({ReadinessFact.THERAPIST_SAYS_READY, ReadinessFact.NO_OPEN_RISK})
"""Facts that repeat what is for clinicians elsewhere: the therapist's own view, and risk."""


def facts_for_client(facts: Sequence[Mapping[str, Any]], by: str) -> list[Mapping[str, Any]]:
    """The facts of a review that a client is shown: all that they said themselves, else those not for clinicians."""
    return [fact for fact in facts if by == Role.CLIENT or fact["fact"] not in FOR_CLINICIANS]


OWN_WORD = {
    ReadinessFact.CLIENT_SAYS_READY: Informant.CLIENT, ReadinessFact.THERAPIST_SAYS_READY: Informant.THERAPIST,
}  # fmt: skip
"""Facts that are one person's word, and whose."""


def feelings_heard(state: Any, body: ReadinessReview, around: Around) -> Iterator[Advisory]:
    """Each speaks for themselves; strong loss, uncertainty or abandonment is a rupture that wants repair."""
    around.has_come(body.reviewed_on, "reviewed_on")
    for place, fact in enumerate(body.facts):
        around.has_come(fact.on, f"facts/{place}/on")
        own_word(fact, f"facts/{place}/said_by")
    if around.caller.role is Role.CLIENT:
        for_themselves(body)
        return iter(())
    return strong_feelings(body.feelings)


def own_word(fact: Fact, at: str) -> None:
    """Raises Refused where one person's own word is put into another's mouth."""
    whose = OWN_WORD.get(fact.fact)
    if whose and fact.said_by not in (None, whose):
        raise Refused(f"{fact.fact} is the {whose}'s own word; leave said_by out.", at=at)


def for_themselves(body: ReadinessReview) -> None:
    """Raises Refused where a client says what is the therapist's to say."""
    fields = {f"facts/{n}/fact": fact.fact is ReadinessFact.THERAPIST_SAYS_READY for n, fact in enumerate(body.facts)}
    fields |= {f"facts/{n}/said_by": fact.said_by is Informant.THERAPIST for n, fact in enumerate(body.facts)}
    for at in (at for at, theirs in {"therapist_ready": body.therapist_ready, **fields}.items() if theirs):
        raise Refused("The therapist's view is the therapist's to say.", at=at)


def reviewed(state: Any, body: ReadinessReview, around: Around) -> dict[str, Any]:
    """The review joins the list, and each of its facts has its day and whoever says so."""
    facts = tuple(signed(fact, body.reviewed_on or around.today, around) for fact in body.facts)
    return {"reviews": Added(on_record(Review, replace(body, facts=facts), around, "reviewed_on"))}


def signed(fact: Fact, day: date, around: Around) -> Fact:
    """A fact with its day, and with who says so."""
    recorder = Informant.CLIENT if around.caller.role is Role.CLIENT else Informant.THERAPIST
    return replace(fact, said_by=fact.said_by or OWN_WORD.get(fact.fact, recorder), on=fact.on or day)
