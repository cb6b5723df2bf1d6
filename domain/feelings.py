"""What an ending brings up: six feelings, and how each went from review to review. They are never one number."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from domain.access import Role
from domain.move import Advisory
from domain.values import Feeling, Said


class FeelingKind(StrEnum):
    """A feeling about the ending. The founding text names the first three."""

    LOSS = "loss"
    """Loss."""
    UNCERTAINTY = "uncertainty"
    """Uncertainty."""
    ABANDONMENT = "abandonment"
    """Abandonment."""
    RELIEF = "relief"
    """Relief."""
    PRIDE = "pride"
    """Pride."""
    GRATITUDE = "gratitude"
    """Gratitude."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feelings(Said):
    """What the ending brings up, each 0 (not at all) to 4 (very much). The founding text names the first three."""

    loss: Feeling | None = None
    """Loss."""
    uncertainty: Feeling | None = None
    """Uncertainty."""
    abandonment: Feeling | None = None
    """Abandonment."""
    relief: Feeling | None = None
    """Relief."""
    pride: Feeling | None = None
    """Pride."""
    gratitude: Feeling | None = None
    """Gratitude."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Felt:
    """A feeling as it was at one review."""

    reviewed_on: date
    """The day of the review."""
    value: int
    """0 (not at all) to 4 (very much)."""
    session_id: UUID | None = None
    """The session it was part of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeelingCourse:
    """One feeling over time, as one side recorded it."""

    feeling: FeelingKind
    """Which one."""
    recorded_by: Role
    """Who recorded it: the client themselves, or a therapist of what the client said."""
    points: tuple[Felt, ...]
    """Its values in order of their days. A review at which nothing was said of it has no point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeelingsOverTime:
    """How the feelings about an ending went from review to review."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"use_attribute_docstrings": True}

    termination_plan_id: UUID
    """The plan."""
    courses: tuple[FeelingCourse, ...]
    """One for each feeling and each side that recorded it. What the two recorded is never put together."""


STRONG = 3
"""From here on a feeling of loss, uncertainty or abandonment is worth a talk (0 to 4)."""
SORE = (FeelingKind.LOSS, FeelingKind.UNCERTAINTY, FeelingKind.ABANDONMENT)


def strong_feelings(felt: Feelings | None) -> Iterator[Advisory]:
    """Advice for staff on what the ending brings up; whoever feels it knows."""
    strong = [kind for kind in SORE if felt and (getattr(felt, kind) or 0) >= STRONG]
    if strong:
        detail = (
            f"The client named strong {listed(strong)} about the ending. Ask about it. It may be a rupture "
            "(`ending_of_therapy`)."
        )
        yield Advisory(code="ending_as_rupture", detail=detail, source="Founding text")


def listed(words: Sequence[str]) -> str:
    """`loss, uncertainty and abandonment`."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def over_time(plan_id: UUID, reviews: Iterable[Any]) -> FeelingsOverTime:
    """The course of every feeling that was spoken of in `reviews`."""
    found: dict[tuple[str, Role], list[Felt]] = {}
    for review in sorted(reviews, key=lambda review: review.reviewed_on):
        for name in (f.name for f in fields(Feelings)) if review.feelings else ():
            if (value := getattr(review.feelings, name)) is not None:
                point = Felt(reviewed_on=review.reviewed_on, value=value, session_id=review.session_id)
                found.setdefault((name, review.by), []).append(point)
    order = list(FeelingKind)
    courses = [
        FeelingCourse(feeling=FeelingKind(name), recorded_by=by, points=tuple(points))
        for (name, by), points in found.items()
    ]
    return FeelingsOverTime(
        termination_plan_id=plan_id,
        courses=tuple(sorted(courses, key=lambda course: (order.index(course.feeling), course.recorded_by))),
    )
