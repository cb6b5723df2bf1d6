"""Courses of therapy as the pictures' tests have them: sessions a week apart, and who rated them how."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from domain.detection import Certainty, Detector, Rater, Scale, Series, SignalKind, Sitting
from domain.repair import Outcome
from domain.rupture import RupturePhase, RuptureType
from domain.session import SessionPhase
from domain.signal import SignalPhase
from domain.telling import in_words
from domain.trajectory import RepairMark, RuptureMark, Seat, SignalMark, Trajectory, trajectory

WAI = ("wai-sr", "2006", Scale(1, 5, 12))
SRS = ("srs", "3", Scale(0, 10, 4, step=0.1))
TITLES = {"wai-sr": "Working Alliance Inventory – Short Revised", "srs": "Session Rating Scale"}
# The course of clinical.md 1.9: a drop of more than a point at session 5, regained at session 7.
V = (4.00, 4.17, 4.08, 4.25, 3.08, 3.42, 4.17, 4.25)
BEGUN = datetime(2026, 3, 3, 10, tzinfo=UTC)


def seats(count: int, missed: Sequence[int] = (), long_break_after: int | None = None) -> tuple[Seat, ...]:
    """Sessions in order; those at the places `missed` were not held."""
    found: list[Seat] = []
    at, ordinal = BEGUN, 0
    for place in range(count):
        held = place not in missed
        ordinal += held
        status = SessionPhase.HELD if held else SessionPhase.MISSED
        found.append(
            Seat(session_id=UUID(int=100 + place), starts_at=at, status=status, ordinal=ordinal if held else None)
        )
        at += timedelta(weeks=10 if place == long_break_after else 1)
    return tuple(found)


def rated(
    row: Sequence[Seat], rater: str, scores: Sequence[float | None], form: tuple[str, str, Scale] = WAI, after: int = 0
) -> Series:  # fmt: skip
    """What somebody said of the held sessions, from the one after so many on."""
    held = [seat for seat in row if seat.ordinal]
    said = dict(zip((seat.session_id for seat in held[after:]), scores, strict=False))
    sittings = tuple(
        Sitting(session_id=s.session_id, at=s.starts_at, ordinal=s.ordinal or 0, score=said.get(s.session_id))
        for s in held
    )  # fmt: skip
    return Series(rater=Rater(rater), instrument=form[0], version=form[1], scale=form[2], sittings=sittings)


def drawn(row: tuple[Seat, ...], *series: Series, **more: Any) -> Trajectory:
    return in_words(trajectory(UUID(int=1), seats=row, series=series, titles=TITLES, **more))


def seen(row: Sequence[Seat], place: int, certainty: str = "confirmed", rater: str | None = "client") -> SignalMark:
    return SignalMark(
        id=UUID(int=500 + place), session_id=row[place].session_id, detector=Detector.RCI_DROP, kind=SignalKind.DROP,
        rater=rater and Rater(rater), instrument=WAI[0], instrument_version=WAI[1],
        reference_session_id=row[place - 1].session_id if place else None, certainty=Certainty(certainty), phase=SignalPhase.RAISED,
    )  # fmt: skip


def said(row: Sequence[Seat], place: int, rater: str = "client") -> SignalMark:
    """That somebody said, when asked, that there was a problem."""
    mark = seen(row, place, rater=rater)
    return replace(mark, id=UUID(int=900 + place), detector=Detector.DIRECT_REPORT, kind=SignalKind.DIRECT_REPORT,
                   instrument=None, instrument_version=None, reference_session_id=None)  # fmt: skip


def ruptured(
    row: Sequence[Seat], place: int, kind: str = "withdrawal", phase: str = "confirmed", *repairs: RepairMark
) -> RuptureMark:  # fmt: skip
    return RuptureMark(
        id=UUID(int=600 + place), type=RuptureType(kind), phase=RupturePhase(phase), session_id=row[place].session_id,
        happened_on=row[place].starts_at.date(), repairs=repairs,
    )  # fmt: skip


def mended(row: Sequence[Seat], begun: int, over: int | None = None, outcome: str = "repaired") -> RepairMark:
    over_on = None if over is None else row[over].starts_at.date()
    return RepairMark(
        id=UUID(int=700 + begun), begun_on=row[begun].starts_at.date(), concluded_on=over_on,
        outcome=None if over is None else Outcome(outcome),
    )  # fmt: skip


def v_shaped() -> Trajectory:
    """A drop that the client's scores show, the rupture behind it and its repair."""
    row = seats(8)
    therapist = [score - 0.3 for score in V]
    return drawn(
        row, rated(row, "client", V), rated(row, "therapist", therapist), signals=(seen(row, 4),),
        ruptures=(ruptured(row, 4, "withdrawal", "repaired", mended(row, 5, 6)),),
    )  # fmt: skip
