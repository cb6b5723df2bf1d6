"""A letter for the client to keep: what is on record, in plain words, and nothing besides.

It is put together from what the client may see. What was not recorded has no section; there are no numbers in it but
days and how often the two met; people are quoted in their own words. Nobody's private words are in it, the client's own
neither: a page is read by whoever finds it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from domain.access import Role
from domain.aftercare import SafetyPlan
from domain.closure import ClosureTask
from domain.endings import EndingKind, Timing
from domain.feelings import FeelingKind
from domain.relationship import Relationship
from domain.rituals import TITLES
from domain.telling import day
from domain.termination import TerminationPlan


class LetterPart(StrEnum):
    """What a section of the letter is about."""

    TOGETHER = "together"
    """When the work began and ended."""
    GOALS = "goals"
    """What both had agreed to work towards."""
    GAINS = "gains"
    """What was said of what was gained."""
    FEELINGS = "feelings"
    """What the client said the ending brought up."""
    GOODBYE = "goodbye"
    """How they said goodbye."""
    WORDS = "words"
    """What the two wrote to each other that belongs to none of the others."""
    AHEAD = "ahead"
    """Early signs, and what helps then."""
    COMING_BACK = "coming_back"
    """How to come back, and when they meet again."""
    ELSEWHERE = "elsewhere"
    """Where else to turn."""
    RECORDS = "records"
    """What was agreed about records and contact."""
    FAREWELL = "farewell"
    """What is wished in the end."""


HEADINGS = {
    LetterPart.TOGETHER: "Our work together", LetterPart.GOALS: "What you set out to do",
    LetterPart.GAINS: "What you take with you", LetterPart.FEELINGS: "What this ending brought up",
    LetterPart.GOODBYE: "How we said goodbye", LetterPart.WORDS: "Words to keep",
    LetterPart.AHEAD: "If it gets hard again",
    LetterPart.COMING_BACK: "Coming back", LetterPart.ELSEWHERE: "Where else to turn",
    LetterPart.RECORDS: "Your records, and keeping in touch", LetterPart.FAREWELL: "To close",
}  # fmt: skip
WITHOUT_THEM = {LetterPart.TOGETHER: "Your work together", LetterPart.GOODBYE: "How you said goodbye"}
"""The same, where the therapist cannot write it any more: nobody else says "we" for them."""
BEFORE = {LetterPart.FEELINGS: "What the thought of an ending brings up", LetterPart.GOODBYE: "How we say goodbye"}
"""Headings while nothing has ended yet, where they differ."""
OF_TASK = {
    ClosureTask.PROCESS_FEELINGS_CLIENT: LetterPart.FEELINGS,
    ClosureTask.PROCESS_FEELINGS_THERAPIST: LetterPart.FEELINGS,
    ClosureTask.FUTURE_COPING: LetterPart.AHEAD, ClosureTask.RELAPSE_PLAN: LetterPart.AHEAD,
    ClosureTask.FAREWELL_RITUAL: LetterPart.GOODBYE, ClosureTask.DOOR_OPEN_TERMS: LetterPart.COMING_BACK,
    ClosureTask.REFERRAL: LetterPart.ELSEWHERE, ClosureTask.RECORDS_AND_CONTACT_TERMS: LetterPart.RECORDS,
}  # fmt: skip
"""Where the words that belong to a closure task are quoted. All other tasks are about what was gained."""
SAFETY = {
    "warning_signs": "How you notice that a crisis is coming", "internal_coping": "What you can do by yourself",
    "social_distraction": "Who and what takes your mind off it", "help_contacts": "Whom you can ask for help",
    "professionals": "Where there is professional help", "means_safety": "What keeps you safe",
}  # fmt: skip
IN_WORDS = {FeelingKind.ABANDONMENT: "feeling left alone"}
"""A feeling as one would say it, where the word is the field's."""
OFTEN = ("once", "twice", *(f"{number} times" for number in (
    "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)))  # fmt: skip
"""How often, in words, as far as one would write it so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Somebody's own words."""

    words: str
    """As they were recorded, unchanged."""
    by: Role
    """Whose they are: the client's or the therapist's."""
    said_on: date | None = None
    """The day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Lines that belong together."""

    title: str | None = None
    """What they are."""
    lines: tuple[str, ...]
    """As they were recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterSection:
    """One section of the letter."""

    part: LetterPart
    """What it is about."""
    heading: str
    """In plain words."""
    paragraphs: tuple[str, ...] = ()
    """What is told."""
    lists: tuple[Listed, ...] = ()
    """What is listed."""
    quotes: tuple[Quote, ...] = ()
    """What was said, by whom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a client may keep of a therapy, put together from what was recorded."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"use_attribute_docstrings": True}

    termination_plan_id: UUID
    """The plan it is drawn from."""
    title: str
    """Its title."""
    as_of: date
    """The day of the last change to the plan; what is recorded later is not in it."""
    sections: tuple[LetterSection, ...]
    """Only those for which something was recorded."""
    signed_by: tuple[str, ...] = ()
    """The therapists, as the practice shows them; neither one who died or could not go on, nor who took over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meetings:
    """The sessions that were held."""

    count: int = 0
    """How many."""
    first_on: date | None = None
    """The day of the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What the letter needs to know beside the plan."""

    relationship: Relationship
    meetings: Meetings = Meetings()
    therapists: Mapping[UUID, str] = field(default_factory=dict)
    """The therapists' names, as far as they have one."""
    receiver: str | None = None
    """The name of whoever takes over."""


def letter(plan: TerminationPlan, pair: Pair, as_of: date) -> Letter:
    """The letter. `plan` and `pair` hold what the client may see, and no more."""
    quoted = list(quotes(plan))
    paragraphs: dict[LetterPart, Iterable[str]] = {
        LetterPart.TOGETHER: together(plan, pair), LetterPart.FEELINGS: feelings(plan),
        LetterPart.GOODBYE: goodbyes(plan), LetterPart.COMING_BACK: coming_back(plan),
        LetterPart.FAREWELL: filter(None, [plan.farewell]),
    }  # fmt: skip
    set_aside = [day(on) for on in sorted(plan.boosters)]
    days = "this day" if len(set_aside) == 1 else "these days"
    again = f"We have set {days} aside to meet again"
    headings = HEADINGS if plan.ended_on else HEADINGS | BEFORE
    if plan.kind is EndingKind.THERAPIST_INCAPACITY:
        headings = headings | WITHOUT_THEM
        again = f"For {days} a meeting is planned"
    listed: dict[LetterPart, Iterable[Listed]] = {
        LetterPart.GOALS: lists(None, goals(pair.relationship)), LetterPart.AHEAD: ahead(plan),
        LetterPart.COMING_BACK: lists(again, set_aside),
        LetterPart.ELSEWHERE: lists(None, plan.alternative_providers),
    }  # fmt: skip
    sections = [
        LetterSection(
            part=part, heading=headings[part], paragraphs=tuple(paragraphs.get(part, ())),
            lists=tuple(listed.get(part, ())), quotes=tuple(quote for where, quote in quoted if where is part),
        )
        for part in LetterPart
    ]  # fmt: skip
    return Letter(
        termination_plan_id=plan.id, title="Looking back, and ahead", as_of=as_of,
        signed_by=tuple(signers(plan, pair)),
        sections=tuple(s for s in sections if s.paragraphs or s.lists or s.quotes),
    )  # fmt: skip


def signers(plan: TerminationPlan, pair: Pair) -> Iterator[str]:
    """Those who did the work. Who takes over is told of, and does not sign for what they were no part of."""
    gone = {plan.incapacitated_therapist_id, plan.receiver and plan.receiver.therapist_id}
    yield from (name for id, name in pair.therapists.items() if id not in gone)


def lists(title: str | None, lines: Sequence[str]) -> tuple[Listed, ...]:
    """A list, where there is anything to list."""
    return (Listed(title=title, lines=tuple(lines)),) if lines else ()


def together(plan: TerminationPlan, pair: Pair) -> Iterator[str]:
    """When the work began, how often they met, how it ended, and when it goes on with somebody else."""
    if plan.kind is EndingKind.THERAPIST_INCAPACITY:
        yield from without_them(plan, pair)
        return
    began = pair.relationship.started_on or pair.meetings.first_on
    met = often(pair.meetings.count)
    if began and met:
        yield f"We began on {day(began)} and met {met}."
    elif began:
        yield f"We began on {day(began)}."
    elif met:
        yield f"We met {met}."
    if plan.ended_on:
        yield ended(plan, pair, day(plan.ended_on))
        yield from first_appointment(plan)
    elif plan.target_date:
        yield f"We plan to meet for the last time on {day(plan.target_date)}."


def ended(plan: TerminationPlan, pair: Pair, on: str) -> str:
    """How it ended, as it would be said to the person it ended for."""
    goes_on = f"{pair.receiver or 'somebody else'} now continues this work with you"
    if plan.kind is EndingKind.PLANNED_MUTUAL:
        when = "as we had planned" if plan.timing is Timing.AS_PLANNED else "as we both agreed"
        return f"We brought our work to an end on {on}, {when}."
    if plan.kind is EndingKind.CLIENT_INITIATED:
        return f"You brought our work to an end on {on}. The choice was always yours."
    if plan.kind is EndingKind.TRANSFER:
        return f"On {on} our work together ended, and {goes_on}."
    if plan.kind is EndingKind.LAPSED_NO_CONTACT:
        return f"We tried to reach you and could not, and on {on} we closed our work for now."
    if plan.kind in (EndingKind.THERAPIST_INITIATED, EndingKind.FORCED_ADMINISTRATIVE):
        return f"Our work ended on {on}. This was not your decision."
    return f"Our work ended on {on}."


def without_them(plan: TerminationPlan, pair: Pair) -> Iterator[str]:
    """What is told where the therapist died or cannot work: who it was, and who is there now. Not why."""
    gone = plan.incapacitated_therapist_id
    name = pair.therapists.get(gone) if gone else None
    began, met = pair.relationship.started_on or pair.meetings.first_on, often(pair.meetings.count)
    work = f"Your work with {name}" if name else "Your work"
    if began:
        yield f"{work} began on {day(began)}{f', and you met {met}' if met else ''}."
    elif met:
        yield f"You and {name or 'your therapist'} met {met}."
    yield f"{name or 'Your therapist'} can no longer work with you. We are sorry."
    if plan.ended_on:
        yield f"From {day(plan.ended_on)}, {pair.receiver or 'somebody else'} is there for you."
        yield from first_appointment(plan)
    elif pair.receiver:
        yield f"{pair.receiver} was asked to be there for you."


def first_appointment(plan: TerminationPlan) -> Iterator[str]:
    """When they first meet whoever took over."""
    made = [done.appointment_on for done in plan.handover if done.appointment_on]
    if made and plan.kind in (EndingKind.TRANSFER, EndingKind.THERAPIST_INCAPACITY):
        yield f"Your first appointment with them is on {day(made[-1])}."


def often(count: int) -> str | None:
    """Once, twice, three times."""
    return None if not count else OFTEN[count - 1] if count <= len(OFTEN) else f"{count} times"


def goals(relationship: Relationship) -> list[str]:
    """What both had agreed to work towards."""
    return [goal.text for goal in relationship.goals if goal.agreed_by_client and goal.text]


def feelings(plan: TerminationPlan) -> Iterator[str]:
    """What the client themselves said the ending brings up. How strong it was is between the two."""
    for review in plan.reviews:
        if review.by is Role.CLIENT and review.feelings and review.reviewed_on:
            felt = [IN_WORDS.get(k, k.value) for k in FeelingKind if getattr(review.feelings, k)]
            if felt:
                yield f"On {day(review.reviewed_on)} you named {in_a_row(felt)}."


def in_a_row(words: Sequence[str]) -> str:
    """Loss, pride and gratitude."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def goodbyes(plan: TerminationPlan) -> list[str]:
    """The rituals: as they were described, else by their names."""
    done = [c for c in plan.closure if c.task is ClosureTask.FAREWELL_RITUAL]
    told = [c.ritual or (c.ritual_code and f"{TITLES[c.ritual_code]}.") for c in done]
    return [said for said in told if said]


def ahead(plan: TerminationPlan) -> Iterator[Listed]:
    """Early signs, then the safety plan step by step."""
    yield from lists("Your early signs", plan.relapse_signature)
    if plan.safety_plan:
        for step in fields(SafetyPlan):
            yield from lists(SAFETY[step.name], getattr(plan.safety_plan, step.name))


def coming_back(plan: TerminationPlan) -> Iterator[str]:
    """The way back, in the words it was offered in; and for those who fell silent, that it was offered."""
    if plan.return_route:
        yield plan.return_route
    elif plan.kind is EndingKind.LAPSED_NO_CONTACT and any(o.offered_return for o in plan.outreach):
        yield "You are welcome back, and need not explain anything."


def quotes(plan: TerminationPlan) -> Iterator[tuple[LetterPart, Quote]]:
    """What was said and shared, and the section it belongs to: first what was reviewed, then what was reflected on."""
    for review in plan.reviews:
        if review.note:
            yield LetterPart.FEELINGS, Quote(words=review.note, by=review.by, said_on=review.reviewed_on)
    for done in plan.closure:
        if done.reflection:
            yield part_of(done.task), Quote(words=done.reflection, by=done.by, said_on=done.done_on)
    for one in plan.reflections:
        if one.shared and one.words:
            yield part_of(one.task), Quote(words=one.words, by=one.by, said_on=one.written_on)


def part_of(task: ClosureTask | None) -> LetterPart:
    """The section in which the words of a closure task are quoted, and words that belong to none."""
    return OF_TASK.get(task, LetterPart.GAINS) if task else LetterPart.WORDS
