"""What a practice may learn from all its ruptures and endings at once: for asking better questions, never for ranking.

Nothing here is counted by therapist. A count under five is kept back, whether it is none or four. What is told is told
to the nearest five: then what one number leaves of another, or one answer of the next, is never as exact as a single
case. (OpenSAFELY rounds likewise, https://github.com/opensafely-core/ehrql/pull/1746; five as the least is ours.)
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from domain.endings import (
    NHS_SHARES,
    NHS_SOURCE,
    EndingKind,
    Premature,
    PrematureDefinition,
    Reason,
    Timing,
    nhs_code,
)
from domain.repair import Step
from domain.rupture import PrecipitantKind

Word = TypeVar("Word", bound=StrEnum)
Cell = TypeVar("Cell")

FEWEST = 5
"""Smaller counts are kept back: a practice knows its clients."""
STEP = 5
"""What counts are rounded to."""
SHARE_STEPS = 20
"""A share is told to the nearest twentieth, or it would give an exact count away."""
AGES = {"under_a_week": 7, "under_a_month": 28, "under_a_quarter": 91, "longer": None}
"""How long a rupture has been open: names and days, exclusive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyCount:
    """How often one policy of the practice was named."""

    policy_id: UUID
    """The policy."""
    count: int
    """In how many ruptures, to the nearest five."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecipitantCount:
    """How often one kind of precipitant was named."""

    kind: PrecipitantKind
    """What ruptures arose from."""
    count: int
    """In how many ruptures, to the nearest five."""
    policies: tuple[PolicyCount, ...] = ()
    """For `boundary_or_policy`: which policies were named in five ruptures or more, most often first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedCount:
    """How often one step was skipped on purpose."""

    step: Step
    """Which of the five."""
    count: int
    """How often, to the nearest five."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeCount:
    """How many open ruptures are so old."""

    age: str
    """Since when: `under_a_week`, `under_a_month` (28 days), `under_a_quarter` (91 days), `longer`."""
    count: int | None
    """How many, to the nearest five; null: fewer than five, or it would give another away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindCount:
    """How many endings are of one kind."""

    kind: EndingKind
    """Who or what brought them about."""
    count: int | None
    """How many, to the nearest five; null: fewer than five, or it would give another away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimingCount:
    """How many endings came at one time, against what was planned."""

    timing: Timing | None
    """When; null: nobody said."""
    count: int | None
    """How many, to the nearest five; null: fewer than five, or it would give another away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NhsCount:
    """How many endings answer to one NHS Talking Therapies end code, and how often it is given in England."""

    code: int
    """46 mutually agreed, 47 earlier than the clinician planned, 48 earlier than the client wanted, 49 deceased,
    96 not known."""
    count: int | None
    """How many, to the nearest five; null: fewer than five, or it would give another away."""
    base_rate: float
    """The share, 0 to 1, of all coded endings in England; see `base_rates_from`. No target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonCount:
    """How often one reason was given."""

    reason: Reason
    """Why therapies ended."""
    count: int
    """In how many endings, to the nearest five."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrematureCount:
    """How many endings were premature by one definition.

    By any definition taken together it is about one in five (19.7 % of 83,834 clients in 669 studies: Swift & Greenberg
    2012, doi 10.1037/a0028226); how many it is hangs on the definition, so they are never added up.
    """

    definition: PrematureDefinition
    """What "premature" was taken to mean."""
    premature: int | None
    """How many were, to the nearest five, without clients who left because they are better; null: fewer than five."""
    not_premature: int | None
    """How many were not, to the nearest five; null: fewer than five."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndingInsights:
    """What a practice's endings have in common: therapies that ended and were not taken up again."""

    endings: int | None
    """How many there were."""
    by_kind: tuple[KindCount, ...]
    """The same, by who or what brought them about."""
    by_timing: tuple[TimingCount, ...]
    """The same, by when they came, against what was planned."""
    by_nhs_code: tuple[NhsCount, ...]
    """The same, by the NHS end code that fits kind and timing, with national base rates."""
    base_rates_from: str
    """The source of the base rates."""
    reasons: tuple[ReasonCount, ...]
    """Reasons that were given in five endings or more, most often first. An ending may have several."""
    premature: tuple[PrematureCount, ...]
    """Whether they were premature, by each definition that was used."""
    better_and_stopped: int | None
    """Clients who ended it themselves because they are better. That is not dropout, and never counted as premature."""
    with_unrepaired_rupture: int | None
    """Endings at which a rupture stood open and was never mended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Insights:
    """What a practice's ruptures, repairs and endings have in common.

    Counts are to the nearest five. Null: fewer than five, none included, or it would give such a number away.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"use_attribute_docstrings": True}

    since: date
    """The first of a month. Ruptures recorded and therapies ended from this day on count; those open now always do."""
    open_ruptures: int | None
    """Confirmed or in repair now."""
    open_by_age: tuple[AgeCount, ...]
    """The same, by how long ago they were recorded."""
    ruptures: int | None
    """Ruptures recorded, other than suspicions and what was dismissed or entered in error."""
    repair_begun: float | None
    """The share of these, 0 to 1 to the nearest 0.05, with which a repair was begun."""
    repair_concluded: float | None
    """The share of these, 0 to 1 to the nearest 0.05, whose repair was concluded, with whatever outcome."""
    precipitants: tuple[PrecipitantCount, ...]
    """What five of them or more arose from, most often first. A rupture may have several."""
    skipped_steps: tuple[SkippedCount, ...]
    """Steps that were skipped on purpose five times or more, most often first."""
    signals_awaiting_review: int | None
    """Signals that nobody has looked at yet."""
    endings: EndingInsights
    """How therapies ended."""


def told(count: int) -> int | None:
    """A count to the nearest five, unless it is small."""
    return (count + STEP // 2) // STEP * STEP if count >= FEWEST else None


def parted(cells: Mapping[Cell, int], whole: int) -> tuple[int | None, dict[Cell, int | None]]:
    """A whole and its parts.

    What the told ones leave of the whole may be more than all but one of those kept back can make up, which proves that
    this one is not none. Then the smallest of the others are kept back with them; where there is no other, the whole.
    """
    shown = {name: told(count) for name, count in cells.items()}
    counts = [count for count in shown.values() if count is not None]
    hidden, total = len(shown) - len(counts), told(whole)
    if not hidden or total is None:
        return total, shown
    rest = least(total) - sum(map(most, counts))
    if rest <= (hidden - 1) * (FEWEST - 1):
        return total, shown
    if not counts:
        return None, shown
    return total, {name: None if count == min(counts) else count for name, count in shown.items()}


def least(count: int) -> int:
    """The smallest count that is told as `count`."""
    return max(count - STEP // 2, FEWEST)


def most(count: int) -> int:
    """The largest count that is told as `count`."""
    return count + STEP // 2


def share(part: int, whole: int) -> float | None:
    """A share to the nearest twentieth, unless it would tell of fewer than five, on either side."""
    return None if part < FEWEST or small(whole - part) else round(part / whole * SHARE_STEPS) / SHARE_STEPS


def concluded_share(ruptures: int, begun: int, concluded: int) -> float | None:
    """The share whose repair was concluded, unless it would tell how few repairs were begun and not, or not begun."""
    few = small(begun - concluded) or share(begun, ruptures) is None
    return None if few else share(concluded, ruptures)


def small(count: int) -> bool:
    """Whether a count is of some, but of too few to be told of."""
    return 0 < count < FEWEST


def most_first(counts: Mapping[str, int], kind: type[Word]) -> list[tuple[Word, int]]:
    """Those of a vocabulary that may be told of; the most frequent first, and equals in the vocabulary's order."""
    shown = [(word, told(counts.get(word, 0))) for word in kind]
    return sorted(((word, count) for word, count in shown if count is not None), key=lambda item: -item[1])


def insights(since: date, found: Mapping[str, Any]) -> Insights:
    """What may be told of the counts that were found."""
    ages = {age: int(found["ages"].get(age, 0)) for age in AGES}
    standing, by_age = parted(ages, sum(ages.values()))
    ruptures, begun, concluded = found["ruptures"], found["begun"], found["concluded"]
    return Insights(
        since=since, open_ruptures=standing,
        open_by_age=tuple(AgeCount(age=a, count=n) for a, n in by_age.items()),
        ruptures=told(ruptures), repair_begun=share(begun, ruptures),
        repair_concluded=concluded_share(ruptures, begun, concluded),
        precipitants=tuple(
            PrecipitantCount(kind=kind, count=count, policies=policies(found["policies"].get(kind, {})))
            for kind, count in most_first(found["precipitants"], PrecipitantKind)
        ),
        skipped_steps=tuple(SkippedCount(step=s, count=n) for s, n in most_first(found["skipped"], Step)),
        signals_awaiting_review=told(found["signals"]), endings=ending_insights(found),
    )  # fmt: skip


def policies(named: Mapping[str, int]) -> tuple[PolicyCount, ...]:
    """Which policies were named, the most frequent first. Equals stand by id, or their order would tell of more."""
    shown = [(UUID(id), told(count)) for id, count in sorted(named.items())]
    counts = (PolicyCount(policy_id=id, count=count) for id, count in shown if count is not None)
    return tuple(sorted(counts, key=lambda policy: -policy.count))


def ending_insights(found: Mapping[str, Any]) -> EndingInsights:
    """What may be told of the endings that were found."""
    ends = [(EndingKind(k) if k else None, Timing(t) if t else None, n) for k, t, n in found["endings"]]
    whole = sum(n for _, _, n in ends)
    of_kinds, kinds = parted(summed(((k, n) for k, _, n in ends), EndingKind), whole)
    of_timings, timings = parted(summed(((t, n) for _, t, n in ends), (*Timing, None)), whole)
    of_codes, codes = parted(summed(((nhs_code(k, t), n) for k, t, n in ends), NHS_SHARES), whole)
    judged = summed((((d, p), n) for d, p, better, n in found["premature"] if not (better and p == Premature.YES)))
    return EndingInsights(
        endings=None if None in (of_kinds, of_timings, of_codes) else told(whole),
        by_kind=tuple(KindCount(kind=kind, count=n) for kind, n in kinds.items()),
        by_timing=tuple(TimingCount(timing=timing, count=n) for timing, n in timings.items()),
        by_nhs_code=tuple(NhsCount(code=c, count=n, base_rate=NHS_SHARES[c]) for c, n in codes.items()),
        base_rates_from=NHS_SOURCE,
        reasons=tuple(ReasonCount(reason=r, count=n) for r, n in most_first(found["reasons"], Reason)),
        premature=tuple(
            PrematureCount(definition=d, premature=told(judged.get((d, Premature.YES), 0)),
                           not_premature=told(judged.get((d, Premature.NO), 0)))
            for d in PrematureDefinition
        ),
        better_and_stopped=told(found["better"]), with_unrepaired_rupture=told(found["unrepaired"]),
    )  # fmt: skip


def summed(counts: Iterable[tuple[Any, int]], names: Iterable[Any] | None = None) -> dict[Any, int]:
    """Counts added up by name; of `names`, where they are given, each in its place and no other."""
    found: Counter[Any] = Counter()
    for name, count in counts:
        found[name] += count
    return {name: found[name] for name in names} if names is not None else dict(found)
