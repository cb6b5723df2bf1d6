"""What a practice may learn from all its ruptures at once: numbers for asking better questions, never for ranking.

Nothing here is counted by therapist. A count under five is left out, and so is whatever would give it away.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from domain.repair import Step
from domain.rupture import PrecipitantKind

FEWEST = 5
"""Smaller counts are left out: a practice knows its clients."""
AGES = {"under_a_week": 7, "under_a_month": 28, "under_a_quarter": 91, "longer": None}
"""How long a rupture has been open: names and days, exclusive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyCount:
    """How often one policy of the practice was named."""

    policy_id: UUID
    """The policy."""
    count: int | None
    """How often; null: fewer than five, or it would give another away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecipitantCount:
    """How often one kind of precipitant was named."""

    kind: PrecipitantKind
    """What ruptures arose from."""
    count: int | None
    """In how many ruptures; null: fewer than five."""
    policies: tuple[PolicyCount, ...] = ()
    """For `boundary_or_policy`: which policy it was, where one was named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedCount:
    """How often one step was skipped on purpose."""

    step: Step
    """Which of the five."""
    count: int | None
    """How often; null: fewer than five."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeCount:
    """How many open ruptures are so old."""

    age: str
    """Since when: `under_a_week`, `under_a_month` (28 days), `under_a_quarter` (91 days), `longer`."""
    count: int | None
    """How many; null: fewer than five, or it would give another away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Insights:
    """What a practice's ruptures and repairs have in common. Counts under five are null."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"use_attribute_docstrings": True}

    since: date
    """Ruptures that were recorded from this day on count; those open now count whenever they were."""
    open_ruptures: int | None
    """Confirmed or in repair now."""
    open_by_age: tuple[AgeCount, ...]
    """The same, by how long ago they were recorded."""
    ruptures: int | None
    """Ruptures recorded, other than suspicions and what was dismissed or entered in error."""
    repair_begun: float | None
    """The share of these, 0 to 1, with which a repair was begun."""
    repair_concluded: float | None
    """The share of these, 0 to 1, whose repair was concluded, with whatever outcome."""
    precipitants: tuple[PrecipitantCount, ...]
    """What they arose from, most often first."""
    skipped_steps: tuple[SkippedCount, ...]
    """Steps that were skipped on purpose, most often first."""
    signals_awaiting_review: int | None
    """Signals that nobody has looked at yet."""


def told(count: int) -> int | None:
    """A count, unless it is small."""
    return count if count >= FEWEST else None


def parted(cells: Mapping[Any, int], whole: int | None) -> dict[Any, int | None]:
    """The parts of a whole. When a single part is small, the next smallest is left out with it: the rest would tell.

    The part called None is told to nobody anyway, so it is the first to keep another company.
    """
    small = [name for name, count in cells.items() if 0 < count < FEWEST]
    if len(small) == 1 and whole is not None:
        others = [name for name, count in cells.items() if count >= FEWEST]
        small += [min(others, key=lambda name: (name is not None, cells[name]))] if others else []
    return {name: None if name in small or whole is None else count for name, count in cells.items()}


def share(part: int, whole: int) -> float | None:
    """A share to two places, unless it would tell of fewer than five, on either side."""
    small = any(0 < count < FEWEST for count in (part, whole - part))
    return None if small or whole < FEWEST else round(part / whole, 2)


def insights(since: date, found: Mapping[str, Any]) -> Insights:
    """What may be told of the counts that were found."""
    ages = {age: int(found["ages"].get(age, 0)) for age in AGES}
    standing = told(sum(ages.values()))
    named: dict[str, dict[str, int]] = found["policies"]
    return Insights(
        since=since, open_ruptures=standing,
        open_by_age=tuple(AgeCount(age=a, count=n) for a, n in parted(ages, standing).items()),
        ruptures=told(found["ruptures"]), repair_begun=share(found["begun"], found["ruptures"]),
        repair_concluded=share(found["concluded"], found["ruptures"]),
        precipitants=tuple(
            PrecipitantCount(kind=PrecipitantKind(k), count=told(n), policies=policies(named.get(k, {}), n))
            for k, n in most_first(found["precipitants"])
        ),
        skipped_steps=tuple(SkippedCount(step=Step(s), count=told(n)) for s, n in most_first(found["skipped"])),
        signals_awaiting_review=told(found["signals"]),
    )  # fmt: skip


def policies(named: Mapping[str, int], whole: int) -> tuple[PolicyCount, ...]:
    """Which policies were named. Those that are not named at all are a part as well."""
    rest = whole - sum(named.values())
    cells = parted({**dict(most_first(named)), None: rest} if rest else dict(most_first(named)), told(whole))
    return tuple(PolicyCount(policy_id=UUID(id), count=count) for id, count in cells.items() if id is not None)


def most_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """The most frequent first; small ones by name, or their order would tell which is more."""
    return sorted(counts.items(), key=lambda item: (-item[1] if item[1] >= FEWEST else 0, item[0]))
