"""Series of ratings as the tests of the detectors need them: one session a week, unless they say otherwise."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from domain.detection import Finding, Rater, Scale, Series, Sitting

FIRST = datetime(2026, 1, 5, 9, tzinfo=UTC)
WAI = Scale(low=1, high=5, items=12)
"""Twelve items from 1 to 5; no norms, so that the floor is one step of one item."""
NORMED = Scale(low=1, high=5, items=12, mean=3.36, sd=0.80, reliability=0.92)
SRS = Scale(low=0, high=10, items=4, step=0.1)
GOLD = (4.00, 4.17, 4.08, 4.25, 3.08, 3.42, 4.17, 4.25)
"""A V: item means of eight sessions, with the fall at the fifth (project's gold vector)."""
STEADY = (4.0, 4.25, 4.0, 4.25)


def sitting(number: int, score: float | None = None, *, days: int | None = None, **said: Any) -> Sitting:
    """The session of this number, from 1."""
    at = FIRST + timedelta(days=7 * (number - 1) if days is None else days)
    return Sitting(**{"session_id": UUID(int=number), "at": at, "ordinal": number, "score": score, **said})


def series(scores: Sequence[float | None], scale: Scale = WAI, **said: Any) -> Series:
    """What one rater said in sessions of one week each; None: not scored."""
    return of([sitting(number, score) for number, score in enumerate(scores, 1)], scale, **said)


def of(sittings: Iterable[Sitting], scale: Scale = WAI, **said: Any) -> Series:
    """A series of these sittings."""
    known = {"rater": Rater.CLIENT, "instrument": "wai-sr", "version": "1", "scale": scale}
    return Series(**{**known, **said, "sittings": tuple(sittings)})


def numbers(findings: Iterable[Finding]) -> list[int]:
    """At which sessions something was found."""
    return [finding.session_id.int for finding in findings]
