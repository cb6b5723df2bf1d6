"""A trajectory: how the alliance was rated from session to session, and what happened beside it.

It is built from what one caller may see. Nothing is interpolated, averaged or blended: a session without a score
breaks the line, every rater has a line of their own, every instrument and version a panel of its own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import pairwise
from types import MappingProxyType
from uuid import UUID

from domain.detection import (
    Certainty,
    Detector,
    Episode,
    Rater,
    Run,
    Scale,
    Series,
    SignalKind,
)
from domain.detectors import BASELINE, ShewhartXmr, chart
from domain.episodes import MENDING, Mending, episodes, reports_of
from domain.relationship import Transition
from domain.repair import Outcome
from domain.rupture import RupturePhase, RuptureType
from domain.session import SessionPhase
from domain.signal import Disposition, SignalPhase


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A session that was held, or that the client did not come to."""

    session_id: UUID
    """Its id."""
    starts_at: datetime
    """When it started, or would have."""
    status: SessionPhase
    """`held`, `missed` or `late_cancelled`: an appointment cancelled in good time is no gap."""
    ordinal: int | None = None
    """Which of the held sessions it is; nothing for one that was not held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The frozen control limits of a baseline: fixed by its first scores, never moved by later ones."""

    mean: float
    """Of the first scores, in points of the item mean."""
    lower: float
    """The lower limit, in points of the item mean. It may lie below the scale."""
    start: int
    """The position of the first score they hold for."""
    end: int
    """The position of the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A score in its place."""

    session_id: UUID
    """The session that was rated."""
    position: int
    """The place of its session in the row of sessions."""
    score: float
    """The item mean, higher is better."""
    run: int
    """Scores of one run may be compared: a long gap, another therapist or modality starts the next one."""
    piece: int
    """Scores of one piece are joined by a line: no session without a score lies between them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one rater said with one instrument."""

    rater: Rater
    """Whose view it is. Views are never blended."""
    rater_id: str | None = None
    """Who it is: two therapists, or two observers, have a line each."""
    points: tuple[Point, ...]
    """Every score, in order. A session without one is left out, never filled in."""
    limits: tuple[Limits, ...] = ()
    """The frozen control limits, for those who may see signals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One instrument in one version: an axis of its own."""

    instrument: str
    """The instrument's code."""
    version: str
    """Its version: two are never on one axis."""
    title: str
    """As people know it."""
    low: float
    """The lowest item mean it allows."""
    high: float
    """The highest."""
    lines: tuple[Line, ...]
    """A line for every rater, the client's first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalMark:
    """What a detector saw. A question, not a rupture."""

    id: UUID
    """The signal's."""
    session_id: UUID
    """The session it was seen at."""
    detector: Detector
    """Which detector saw it."""
    kind: SignalKind
    """What it saw."""
    rater: Rater | None = None
    """Whose line it was seen in; none where two are compared."""
    instrument: str | None = None
    """The form it was seen in; none where somebody was asked without one."""
    instrument_version: str | None = None
    """Its version."""
    reference_session_id: UUID | None = None
    """The session it is compared with, where it is one."""
    certainty: Certainty
    """Whether later sessions can still change it."""
    phase: SignalPhase
    """Whether a clinician has looked at it."""
    disposition: Disposition | None = None
    """What a clinician made of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairMark:
    """An attempt at mending a rupture."""

    id: UUID
    """The repair's."""
    begun_on: date
    """The day of its first step, or the day it was recorded where that was earlier."""
    concluded_on: date | None = None
    """The day it was concluded."""
    outcome: Outcome | None = None
    """How it came out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuptureMark:
    """A rupture that somebody reported, with the attempts at mending it."""

    id: UUID
    """The rupture's."""
    type: RuptureType
    """Which way the strain moves; `unspecified` to a client with whom it is not shared."""
    phase: RupturePhase
    """Where it is."""
    session_id: UUID | None = None
    """The session it happened in."""
    happened_on: date
    """The day it happened; the day it was recorded, where nobody said."""
    repairs: tuple[RepairMark, ...] = ()
    """Every attempt at mending it, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """The whole picture, as one caller may see it."""

    relationship_id: UUID
    sessions: tuple[Seat, ...]
    """The sessions in order. A `position` elsewhere counts the places of this row from 0."""
    panels: tuple[Panel, ...] = ()
    """A panel for each instrument and version: two are never on one axis."""
    signals: tuple[SignalMark, ...] = ()
    """What detectors saw, for those who may see signals."""
    episodes: tuple[Episode, ...] = ()
    """What became of the dips that signals mark, by the scores or the client's word, for those who may see signals."""
    ruptures: tuple[RuptureMark, ...] = ()
    """Ruptures that somebody reported, suspected ones among them; not what was dismissed."""
    transitions: tuple[Transition, ...] = ()
    """When the relationship was in its transition phase."""
    summary: str = ""
    """The picture in plain words, for those who do not see it (`telling`)."""

    @property
    def last_day(self) -> date:
        """The day of the last session."""
        return self.sessions[-1].starts_at.date() if self.sessions else date.min

    def position(self, session_id: UUID | None, on: date) -> float:
        """Where something belongs: at its session, else at the last one up to its day, or halfway to the next."""
        for place, seat in enumerate(self.sessions):
            if seat.session_id == session_id:
                return place
        days = [seat.starts_at.date() for seat in self.sessions]
        before = sum(day <= on for day in days)
        return before - 1 if before and days[before - 1] == on else before - 0.5


# -- putting it together ---------------------------------------------------------------------------------------------


def trajectory(
    relationship_id: UUID, *, seats: tuple[Seat, ...] = (), series: Iterable[Series] = (),
    titles: Mapping[str, str] = MappingProxyType({}), limited: bool = True, signals: tuple[SignalMark, ...] = (),
    ruptures: tuple[RuptureMark, ...] = (), transitions: tuple[Transition, ...] = (), mending: Mending = MENDING,
) -> Trajectory:  # fmt: skip
    """Everything in its place, without its summary. `titles` by instrument; without control limits unless `limited`.

    `mending`: when a dip counts as over.
    """
    rated = [s for s in series if s.alliance]
    drawn = panels(seats, rated, titles)
    if not limited:
        drawn = tuple(replace(p, lines=tuple(replace(one, limits=()) for one in p.lines)) for p in drawn)
    return Trajectory(
        relationship_id=relationship_id, sessions=seats, panels=drawn, signals=signals,
        episodes=dips(rated, signals, mending), ruptures=ruptures, transitions=transitions,
    )  # fmt: skip


RATERS = tuple(Rater)


def panels(seats: Sequence[Seat], series: Iterable[Series], titles: Mapping[str, str]) -> tuple[Panel, ...]:
    """Every instrument in its panel, in the order in which they came into use."""
    places = {seat.session_id: place for place, seat in enumerate(seats)}
    found: dict[tuple[str, str], list[tuple[Series, Line]]] = {}
    for one in sorted(series, key=lambda s: RATERS.index(s.rater)):
        drawn = line(one, places)
        if drawn.points:
            found.setdefault((one.instrument, one.version), []).append((one, drawn))
    begun = {form: min(drawn.points[0].position for _, drawn in lines) for form, lines in found.items()}
    return tuple(
        Panel(instrument=form[0], version=form[1], title=titles.get(form[0], form[0]),
              low=lines[0][0].scale.low, high=lines[0][0].scale.high, lines=tuple(drawn for _, drawn in lines))
        for form, lines in sorted(found.items(), key=lambda entry: (begun[entry[0]], entry[0]))
    )  # fmt: skip


def line(series: Series, places: Mapping[UUID, int]) -> Line:
    """A rater's scores: in runs, as the detectors see them, and in pieces wherever a session has no score."""
    points: list[Point] = []
    limits: list[Limits] = []
    for place_of_run, run in enumerate(series.runs):
        mine = [places[sitting.session_id] for sitting in run.sittings]
        for sitting, place, score in zip(run.sittings, mine, run.scores, strict=True):
            last = points[-1] if points else None
            broken = last is not None and (last.run < place_of_run or place > last.position + 1)
            piece = last.piece + broken if last else 0
            points.append(
                Point(session_id=sitting.session_id, position=place, score=score, run=place_of_run, piece=piece)
            )
        limits += frozen(series.scale, run, mine)
    return Line(rater=series.rater, rater_id=series.rater_id or None, points=tuple(points), limits=tuple(limits))


def frozen(scale: Scale, run: Run, places: Sequence[int]) -> Iterator[Limits]:
    """The limits of every baseline of a run that is long enough to have any: those of `shewhart_xmr`."""
    for start, end in pairwise((*run.baselines, len(places))):
        if fixed := chart(scale, run.scores[start:end][:BASELINE]):
            mean, sigma = fixed
            yield Limits(
                mean=mean, lower=mean - ShewhartXmr().limit * sigma, start=places[start], end=places[end - 1]
            )  # fmt: skip


def dips(series: Sequence[Series], signals: Iterable[SignalMark], mending: Mending) -> tuple[Episode, ...]:
    """What became of the dips that signals mark, in every rater's series. A slip of the measurement is none."""
    marks = [mark for mark in signals if mark.disposition is not Disposition.MEASUREMENT_ARTIFACT]
    said = reports_of(series)
    return tuple(
        dip for one in sorted(series, key=lambda s: RATERS.index(s.rater))
        for dip in episodes(one, marks, mending.repair_rules, mending.repair_window, said)
    )  # fmt: skip
