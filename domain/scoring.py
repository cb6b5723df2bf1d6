"""Scoring: from the answers to a form, or from subscale scores, to scores. A blank is `incomplete`, never zero.

Blanks: a subscale is scored from the answered items if the form's share of them (three in four, a convention) is there;
the total only if every subscale could be scored. The total of a form with subscales is the mean of the subscales,
weighted by their items. Nothing is rounded.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import fsum, isfinite
from typing import Any

from domain.errors import Refused
from domain.form import TOTAL, Form, ItemNumber, Points, Scoring, Subscale
from domain.values import Said, Token

MOST = 20
"""How many faults a refusal names one by one."""
HAIR = 1e-6
"""How far off a step an answer may be, as a share of the step: what arithmetic in another system leaves."""


class Completeness(StrEnum):
    """How much of a form was answered."""

    COMPLETE = "complete"
    """Every item."""
    PRORATED = "prorated"
    """Enough of every subscale to score it from the rest."""
    INCOMPLETE = "incomplete"
    """Too little for a total. Not a low score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemAnswer(Said):
    """The answer to one item."""

    item: ItemNumber
    """The item's number."""
    value: Points | None
    """The answer as it was given, before any reversal. Null: the item was left blank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscaleScore(Said):
    """The score of one subscale."""

    subscale: Token
    """The subscale, as the instrument names it; `total` for the whole form."""
    score: Points | None
    """Its score, in the unit of the instrument's scores. Null: it could not be scored."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What a form came to."""

    subscales: Mapping[str, float | None]
    """Each subscale's score, in the form's order; nothing of a form that is one scale."""
    total: float | None
    """The score of the whole form; none when it is incomplete."""
    completeness: Completeness
    """How much of it was answered."""


Fault = tuple[str, str]
"""A field of the body, and what is wrong there."""


def scored(form: Form, answers: Sequence[ItemAnswer], at: str = "answers") -> Scored:
    """The scores of a form from its answers.

    Raises Refused, naming each item that is unknown, named twice, not sent, or out of range. `at` is the body's field.
    """
    insist(form, faults(form, answers, at))
    values = {a.item: turned(form, a) for a in answers if a.value is not None}
    points = [points_of(form, part, values) for part in form.parts]
    known = [p for p in points if p is not None]
    total = mean_or_sum(form, fsum(known), form.keyed) if len(known) == len(points) else None
    parts = zip(form.subscales, points, strict=False)
    complete = len(values) == len(form.items)
    return Scored(
        {s.name: None if p is None else mean_or_sum(form, p, len(s.items)) for s, p in parts}, total,
        Completeness.INCOMPLETE if total is None else Completeness.COMPLETE if complete else Completeness.PRORATED,
    )  # fmt: skip


def turned(form: Form, answer: ItemAnswer) -> float:
    """An answer as it is scored."""
    value = float(answer.value or 0.0)
    return form.low + form.high - value if answer.item in form.reversed_items else value


def points_of(form: Form, part: Subscale, values: Mapping[int, float]) -> float | None:
    """The points of all items of a part, the blanks at the mean of the rest; none when too few were answered."""
    given = [values[item] for item in part.items if item in values]
    if not given or len(given) < form.least_answered * len(part.items) - HAIR:
        return None
    return fsum(given) * (len(part.items) / len(given))


def mean_or_sum(form: Form, points: float, items: int) -> float:
    """Points of so many items as a score."""
    return points if form.scoring is Scoring.SUM else points / items


def faults(form: Form, answers: Sequence[ItemAnswer], at: str) -> Iterator[Fault]:
    """Everything that is wrong with the answers to a form."""
    if not form.items:
        yield at, f"{form.code} is scored elsewhere; send its scores."
        return
    known, times = set(form.items), Counter(a.item for a in answers)
    for place, answer in enumerate(answers):
        if answer.item not in known:
            yield f"{at}/{place}/item", f"{form.code} {form.edition} has no item of this number: {listed(form.items)}."
        elif times[answer.item] > 1:
            yield f"{at}/{place}/item", f"Item {answer.item} is answered twice."
        elif answer.value is not None and not fits(answer.value, form):
            detail = f"Item {answer.item} goes from {form.low:g} to {form.high:g} in steps of {form.step:g}."
            yield f"{at}/{place}/value", detail
    if unsent := [item for item in form.items if item not in times]:
        yield at, f"Not sent: {'item' if len(unsent) == 1 else 'items'} {listed(unsent)}. A blank is sent as null."


def fits(value: Any, form: Form) -> bool:
    """Whether it is a number in the range of an item, on a step."""
    if not within(value, form.low, form.high):
        return False
    steps: float = (value - form.low) / form.step
    return abs(steps - round(steps)) <= HAIR


def within(value: Any, low: float, high: float) -> bool:
    """Whether it is a number in a range."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    return bool(number and low <= value <= high)


def given(form: Form, scores: Sequence[SubscaleScore], at: str = "scores") -> Scored:
    """The scores of a form that was scored elsewhere: of every subscale, or the total alone.

    Raises Refused, naming each score that is unknown, named twice, not sent, or out of range. `at` is the body's field.
    """
    insist(form, score_faults(form, scores, at))
    told = {s.subscale: None if s.score is None else float(s.score) for s in scores}
    total = told.get(TOTAL)
    if form.subscales and TOTAL not in told:
        total = weighted(form, told)
    subscales = {part.name: told.get(part.name) for part in form.subscales}
    return Scored(subscales, total, Completeness.INCOMPLETE if total is None else Completeness.COMPLETE)


def weighted(form: Form, told: Mapping[str, float | None]) -> float | None:
    """The total from subscale scores, each with the weight of its items."""
    scores = [(told[s.name], len(s.items) or 1) for s in form.subscales]
    if any(score is None for score, _ in scores):
        return None
    if form.scoring is Scoring.SUM:
        return fsum(score for score, _ in scores if score is not None)
    return fsum(score * items for score, items in scores if score is not None) / sum(n for _, n in scores)


def score_faults(form: Form, scores: Sequence[SubscaleScore], at: str) -> Iterator[Fault]:
    """Everything that is wrong with scores."""
    sizes = {s.name: len(s.items) for s in form.subscales}
    times = Counter(s.subscale for s in scores)
    wanted = {TOTAL} if set(times) <= {TOTAL} else set(sizes)
    for place, one in enumerate(scores):
        low, high = form.reach(sizes.get(one.subscale, form.keyed) or 1)
        if one.subscale not in {*sizes, TOTAL}:
            yield f"{at}/{place}/subscale", f"{form.code} {form.edition} has: {listed([*sizes, TOTAL])}."
        elif one.subscale not in wanted:
            yield f"{at}/{place}/subscale", "The total follows from the subscales; send them, or the total alone."
        elif times[one.subscale] > 1:
            yield f"{at}/{place}/subscale", f"{one.subscale} is given twice."
        elif one.score is not None and not within(one.score, low, high):
            unit = "the sum" if form.scoring is Scoring.SUM else "the mean"
            yield f"{at}/{place}/score", f"{one.subscale} is {unit} of its items, from {low:g} to {high:g}."
    if unsent := sorted(wanted - set(times)):
        yield at, f"Not sent: {listed(unsent)}. What could not be scored is sent as null."


def insist(form: Form, found: Iterable[Fault]) -> None:
    """Raises Refused for faults, each by the name of its field."""
    named = [{"pointer": f"#/{at}", "detail": detail} for at, detail in found]
    if named:
        more = f" The first {MOST} of {len(named)} are named." if len(named) > MOST else ""
        raise Refused(f"This does not fit {form.code} {form.edition}.{more}", errors=named[:MOST])


def listed(names: Iterable[object]) -> str:
    """Names, with commas."""
    return ", ".join(map(str, names))
