"""Closure: what a good goodbye attends to, and room for each of the two to reflect in words of their own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from domain.access import Role
from domain.errors import Refused
from domain.move import Added, Around
from domain.rituals import RitualCode
from domain.values import Between, Day, Ref, Said, Summary, Words


class ClosureTask(StrEnum):
    """What a good ending attends to (Norcross et al. 2017; founding text)."""

    REVIEW_GAINS = "review_gains"
    """Look back on what was gained."""
    PROCESS_FEELINGS_CLIENT = "process_feelings_client"
    """Make room for what the client feels."""
    PROCESS_FEELINGS_THERAPIST = "process_feelings_therapist"
    """Make room for what the therapist feels."""
    FUTURE_COPING = "future_coping"
    """What will help in times to come."""
    RELAPSE_PLAN = "relapse_plan"
    """What a slip looks like, and what to do."""
    ACKNOWLEDGE_GROWTH = "acknowledge_growth"
    """Say what has grown."""
    FAREWELL_RITUAL = "farewell_ritual"
    """A closure ritual (founding text)."""
    DOOR_OPEN_TERMS = "door_open_terms"
    """Whether and how to come back."""
    REFERRAL = "referral"
    """Where else to turn."""
    RECORDS_AND_CONTACT_TERMS = "records_and_contact_terms"
    """What happens to records and contact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing(Said):
    """A closure task done."""

    task: ClosureTask
    """Which one."""
    done_on: Day | None = None
    """The day; today when left out."""
    session_id: Annotated[UUID, Ref("session", within=True)] | None = None
    """The session it was part of."""
    ritual_code: RitualCode | None = None
    """The ritual, for `farewell_ritual`, when it is one of those in `GET /v1/rituals`."""
    ritual: Summary | None = None
    """The ritual, for `farewell_ritual`, when it is their own, or how they did it: a letter, an object, a walk."""
    reflection: Summary | None = None
    """What was said of it: part of the ordinary record. For words of one's own, private or shared: `reflect`."""
    shared_with_client: bool | None = None
    """Whether the words are shown in the client's own app. Left out: true for the client's own words, else false."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed(Closing):
    """A closure task on record."""

    by: Role = Role.THERAPIST
    """The role that recorded it."""


LONGEST = 1_000
"""How long a client's reflection may be. A therapist's is a summary like any other: there is no place for notes."""
SUMMARY = 280


@dataclass(frozen=True, slots=True, kw_only=True)
class Reflecting(Said):
    """Words of one's own about the ending."""

    words: Annotated[str, Words(LONGEST)]
    """The words, as they are to be kept. A client's may have 1,000 characters, a therapist's 280."""
    task: ClosureTask | None = None
    """The closure task they belong to, if any."""
    written_on: Day | None = None
    """The day; today when left out."""
    session_id: Annotated[UUID, Ref("session", within=True)] | None = None
    """The session they belong to."""
    shared: bool = False
    """Whether the other side may read them. Private until whoever wrote them says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reflection(Reflecting):
    """A reflection on record. A client's private one is read by the client alone; a therapist's by clinicians."""

    by: Role = Role.THERAPIST
    """Who wrote it."""
    words: Annotated[str, Words(LONGEST)] | None = None  # type: ignore[assignment]  # null where it is not shown
    """The words, where the caller may read them; else null."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing(Said):
    """A choice about a reflection of one's own."""

    reflection: Annotated[int, Between(1, 10_000)]
    """Which one: its place in `reflections`, from 1."""
    shared: bool
    """Whether the other side may read it from now on. What is taken back is no longer shown, in its history neither."""


def kept_from(by: str, shared: bool, reader: Role) -> bool:
    """Whether a reflection is not for a reader: a private one is its own side's."""
    return not shared and (by == Role.CLIENT) != (reader is Role.CLIENT)


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


def is_own_ritual(state: Any, body: Closing, around: Around) -> None:
    """A ritual belongs to the farewell."""
    for name in ("ritual", "ritual_code"):
        if getattr(body, name) and body.task is not ClosureTask.FAREWELL_RITUAL:
            raise Refused("A ritual is recorded with the task farewell_ritual.", at=name)


def in_few_words(state: Any, body: Reflecting, around: Around) -> None:
    """A therapist's reflection is a summary; a client's has more room. Neither is written ahead of its day."""
    around.has_come(body.written_on, "written_on")
    if around.caller.role is not Role.CLIENT and len(body.words) > SUMMARY:
        raise Refused(f"A therapist's reflection has up to {SUMMARY} characters.", at="words")


def reflected(state: Any, body: Reflecting, around: Around) -> Mapping[str, Any]:
    """The reflection joins the list, signed and dated."""
    entry = Reflection(
        words=body.words, task=body.task, written_on=body.written_on or around.today, session_id=body.session_id,
        shared=body.shared, by=around.caller.role,
    )  # fmt: skip
    return {"reflections": Added(entry)}


def is_own(state: Any, body: Sharing, around: Around) -> None:
    """Whoever wrote it decides who reads it, and nobody else."""
    written: tuple[Reflection, ...] = state.reflections
    if body.reflection > len(written):
        raise Refused(f"There are {len(written)} reflections.", at="reflection")
    if written[body.reflection - 1].by is not around.caller.role:
        raise Refused("Who wrote a reflection decides who reads it.", at="reflection")


def shared_or_not(state: Any, body: Sharing, around: Around) -> Mapping[str, Any]:
    """The same words, with the choice as it is now."""
    place = body.reflection - 1
    chosen = replace(state.reflections[place], shared=body.shared)
    return {"reflections": (*state.reflections[:place], chosen, *state.reflections[place + 1 :])}
