"""What stays after the end: a way back, one's own early signs, a safety plan, and days to look in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from domain.endings import EndingKind
from domain.errors import Incomplete, Refused
from domain.move import Advisory, Around, as_said
from domain.values import Day, Few, Said, Summary

Lines = Annotated[tuple[Summary, ...], Few(10)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyPlan(Said):
    """What to do when it becomes dangerous, in six steps from what one can do alone to the means being out of reach.

    Each step is there for when the one before does not help. The words are the client's own.
    """

    warning_signs: Lines = ()
    """How I notice that a crisis is coming."""
    internal_coping: Lines = ()
    """What I can do by myself."""
    social_distraction: Lines = ()
    """People and places that take my mind off it."""
    help_contacts: Lines = ()
    """Whom I can ask for help."""
    professionals: Lines = ()
    """Professionals and services I can turn to, the crisis line and emergency number among them."""
    means_safety: Lines = ()
    """What keeps means of harm out of reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanAhead(Said):
    """What is put down for hard times. What is said now stands; what is left out stays as it was."""

    relapse_signature: Lines = ()
    """One's own early signs of a slip, in one's own words."""
    safety_plan: SafetyPlan | None = None
    """The safety plan, whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftercare(Said):
    """What stays after the end."""

    farewell: Summary | None = None
    """A summary the client may keep."""
    return_route: Summary
    """How to come back."""
    boosters: Annotated[tuple[Day, ...], Few(12, distinct=True)] = ()
    """Booster sessions, at chosen points. Left out: the ones that are usual come as an advisory, and none is set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AftercareRevision(Said):
    """What stays after the end, said anew. What is left out stays as it was."""

    farewell: Summary | None = None
    """A summary the client may keep."""
    return_route: Summary | None = None
    """How to come back."""
    boosters: Annotated[tuple[Day, ...], Few(12, distinct=True)] | None = None
    """Booster sessions, all of them; an empty list takes back those that were set."""


USUAL_MONTHS = (1, 3, 6)
"""When booster sessions are usual after an ending, in months. Practice, not evidence; any days may be chosen."""


def lives(state: Any, body: Any, around: Around) -> None:
    """Raises Refused once the client has died."""
    if state.died_on or state.kind is EndingKind.CLIENT_DECEASED:
        raise Refused(
            "The client has died; nothing more is planned, sent or taken up again. Was that a mistake, begin a new "
            "relationship: this record stays as it is."
        )


def says_something(state: Any, body: PlanAhead, around: Around) -> None:
    """There is something to put down, and somebody to put it down for."""
    lives(state, body, around)
    if not body.relapse_signature and body.safety_plan is None:
        raise Incomplete([("relapse_signature", "Put down early signs, a safety_plan, or both.")])


def planned_ahead(state: Any, body: PlanAhead, around: Around) -> Mapping[str, Any]:
    """What is said now stands."""
    return {n: v for n, v in as_said(state, body, around).items() if v not in (None, ())}


def looks_in_later(state: Any, boosters: tuple[date, ...]) -> None:
    """Raises Refused for a booster before the end."""
    for place, day in enumerate(boosters):
        if state.ended_on and day < state.ended_on:
            detail = f"A booster comes after the end, which was on {state.ended_on.isoformat()}."
            raise Refused(detail, at=f"boosters/{place}")


def says_anew(state: Any, body: AftercareRevision, around: Around) -> None:
    """There is something to say anew, and no booster lies before the end."""
    if body == AftercareRevision():
        raise Incomplete([("return_route", "Say what is different now: return_route, farewell or boosters.")])
    looks_in_later(state, body.boosters or ())


def revised(state: Any, body: AftercareRevision, around: Around) -> Mapping[str, Any]:
    """What is said now stands; what was said before is kept with its wording."""
    return {n: v for n, v in as_said(state, body, around).items() if v is not None}


def for_the_living(state: Any, body: Aftercare, around: Around) -> Iterator[Advisory]:
    """Nobody is looked after who has died; without boosters, the usual days are suggested."""
    lives(state, body, around)
    return suggests_boosters(state, body, around)


def suggests_boosters(state: Any, body: Aftercare, around: Around) -> Iterator[Advisory]:
    """Without boosters, the usual days are suggested; none is set by itself, and none before the end."""
    looks_in_later(state, body.boosters)
    if not body.boosters:
        end = state.ended_on or around.today
        days = ", ".join(later(end, months).isoformat() for months in USUAL_MONTHS)
        detail = f"No booster is set. One, three and six months after the end are usual: {days}."
        yield Advisory(code="boosters_suggested", detail=detail, source="Clinical practice; no field standard exists")


def later(day: date, months: int) -> date:
    """The same day so many months later; the last of the month where there is no such day."""
    year, month = divmod(day.month - 1 + months, 12)
    first = date(day.year + year, month + 1, 1)
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return first.replace(day=min(day.day, (following - first).days))
