"""What became of a dip: its onset, depth and length, and by which rule it is over, if it is.

By the scores or by the client's word; what clinicians record about the repair is a separate fact, and where the two
disagree both are shown. A repair within the session it happened in leaves no dip at all, and needs none.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Protocol
from uuid import UUID

from domain.detection import (
    DirectReport,
    Episode,
    EpisodeState,
    Rater,
    RepairRule,
    Run,
    Scale,
    Series,
    SignalKind,
    Sitting,
)
from domain.detectors import BASELINE, RESOLVED, centred, chart

REPAIR_RULES = (RepairRule.DIRECT, RepairRule.FULL_RETURN)
"""What says that a dip is over unless the practice chooses otherwise: the client's word, and of the rules by score the
strictest. A dip called over that is not is one nobody asks about again; one called `unrepaired_so_far` too long costs a
question. `openapi/detection.md` has how often each rule is wrong."""
WINDOW = 3
"""In held sessions, where nobody says otherwise. A longer one lets more chance scores pass for a repair."""
LIMIT = 3.0
"""The lower limit of `in_control`, in sigma below the mean of the frozen chart."""
SAID = SignalKind.DIRECT_REPORT
DIPS = frozenset({SignalKind.DROP, SignalKind.LEVEL_SHIFT, SAID})
"""What an episode can begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mending:
    """When a practice takes a dip for over."""

    repair_rules: tuple[RepairRule, ...] = REPAIR_RULES
    repair_window: int = WINDOW


MENDING = Mending()
"""Unless the practice chooses otherwise."""


class Noticed(Protocol):
    """What an episode needs to know of what a detector saw: a finding, or the signal that was raised for it."""

    @property
    def kind(self) -> SignalKind:
        """What was seen."""

    @property
    def rater(self) -> Rater | None:
        """Whose series."""

    @property
    def instrument(self) -> str | None:
        """The form; none where somebody was asked without one."""

    @property
    def instrument_version(self) -> str | None:
        """Its version."""

    @property
    def session_id(self) -> UUID:
        """The onset."""

    @property
    def reference_session_id(self) -> UUID | None:
        """The session it is compared with, where it is one."""


@dataclass(frozen=True, slots=True)
class Dip:
    """What the rules know of a dip at one of its sessions."""

    scale: Scale
    pre: float | None
    """What the onset is compared with."""
    lower: float | None
    """The lower limit of the frozen chart, where the run had one before the onset."""
    scores: tuple[float, ...] = ()
    """From the onset on, one for each scored session of the run; the last is the one that is judged."""

    @property
    def trough(self) -> float:
        """The lowest so far."""
        return min(self.scores)

    @property
    def dipped(self) -> bool:
        """Whether the scores show it at all, and there is one after the onset."""
        return self.pre is not None and len(self.scores) > 1 and self.trough < self.pre - self.scale.hair

    def reaches(self, least: float, place: int = -1) -> bool:
        """Whether a score is at least so high. A tie is."""
        return self.scores[place] >= least - self.scale.hair


def back(dip: Dip) -> float | None:
    """Where it was before."""
    return dip.pre


def nearly_back(dip: Dip) -> float | None:
    """One S_diff below that."""
    s_diff = dip.scale.s_diff
    return None if dip.pre is None or s_diff is None else dip.pre - s_diff


def half_way(dip: Dip) -> float | None:
    """Half of the way up from the lowest so far."""
    return None if dip.pre is None else dip.trough + 0.5 * (dip.pre - dip.trough)


def in_control(dip: Dip) -> float | None:
    """The lower limit."""
    return dip.lower


AIMS: Mapping[RepairRule, Callable[[Dip], float | None]] = {
    RepairRule.FULL_RETURN: back,
    RepairRule.WITHIN_SDIFF: nearly_back,
    RepairRule.HALF_RECOVERY: half_way,
    RepairRule.IN_CONTROL: in_control,
}
"""How high a score has to be again, by each rule; none where the rule lacks what it needs."""


def mended(rule: RepairRule, dip: Dip) -> bool:
    """Whether the latest score says by this rule that the dip is over."""
    aim = AIMS[rule](dip) if dip.dipped else None
    if aim is None or not dip.reaches(aim):
        return False
    return rule is not RepairRule.IN_CONTROL or (len(dip.scores) > 2 and dip.reaches(aim, -2))


# -- one episode ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Course:
    """A dip while it is followed, session by session."""

    dip: Dip
    onset: Sitting
    last: Sitting
    trough: Sitting | None = None
    mended_by: RepairRule | None = None
    run_ended: bool = False


def reports_of(seriess: Iterable[Series]) -> dict[UUID, DirectReport]:
    """What the client said when asked, by session, on whatever form."""
    return {s.session_id: s.direct for x in seriess if x.rater is Rater.CLIENT for s in x.sittings if s.direct}


def episode(
    series: Series,
    finding: Noticed,
    rules: Sequence[RepairRule],
    window: int = WINDOW,
    reports: Mapping[UUID, DirectReport] | None = None,
) -> Episode:
    """What became of what was found. At one session the first of `rules` that is met is the one that counts.

    `reports` are the client's answers by session (`reports_of`); by default those in the series, if it is the client's.
    """
    said = reports_of([series]) if reports is None else reports
    began = next(n for n, s in enumerate(series.sittings) if s.session_id == finding.session_id)
    onset = series.sittings[began]
    run, at = place(series, onset)
    course = Course(begun(series, run, at, finding), onset, onset)
    ahead = series.sittings[began : began + window + 1]
    members = set() if run is None else {s.session_id for s in run.sittings[at:]}
    for sitting in ahead:
        follow(course, sitting, sitting.session_id in members, rules, said)
        if course.mended_by:
            break
    return concluded(series, course, run, at, rules, over=len(ahead) > window)


def place(series: Series, sitting: Sitting) -> tuple[Run | None, int]:
    """The run a sitting is scored in, and its position there."""
    for run in series.runs:
        for at, other in enumerate(run.sittings):
            if other.session_id == sitting.session_id:
                return run, at
    return None, 0


def begun(series: Series, run: Run | None, at: int, finding: Noticed) -> Dip:
    """The dip as it is at its onset: the score of the reference session before it, or the mean of a frozen baseline.

    A direct report is compared with nothing, so the last score before it stands for how it was.
    """
    dip = Dip(series.scale, None, None)
    if run is None:
        return dip
    start = max(position for position in run.baselines if position <= at)
    fixed = chart(series.scale, run.scores[start:at][:BASELINE])
    if fixed:
        dip = replace(dip, lower=fixed[0] - LIMIT * fixed[1])
    for sitting, score in zip(run.sittings, run.scores, strict=True):
        if sitting.session_id == finding.reference_session_id:
            return replace(dip, pre=score)
    if fixed and finding.kind is not SAID:
        return replace(dip, pre=fixed[0])
    return replace(dip, pre=run.scores[at - 1] if at else None)


def follow(
    course: Course, sitting: Sitting, in_run: bool, rules: Sequence[RepairRule], said: Mapping[UUID, DirectReport]
) -> None:
    """One session further."""
    course.last = sitting
    course.run_ended |= sitting.score is not None and not in_run
    scored = sitting.score is not None and in_run and not course.run_ended
    if scored and sitting.score is not None:
        if not course.dip.scores or sitting.score < course.dip.trough:
            course.trough = sitting
        course.dip = replace(course.dip, scores=(*course.dip.scores, float(sitting.score)))
    for rule in rules:
        if rule is RepairRule.DIRECT:
            report = said.get(sitting.session_id)
            met = report is not None and (report.resolved or 0) >= RESOLVED
        else:
            met = scored and mended(rule, course.dip)
        if met:
            course.mended_by = rule
            return


def concluded(
    series: Series, course: Course, run: Run | None, at: int, rules: Sequence[RepairRule], over: bool
) -> Episode:
    """The episode as far as it is known."""
    dip = course.dip
    depth = min(dip.trough - dip.pre, 0.0) if dip.pre is not None and dip.scores else None
    return Episode(
        rater=series.rater,
        instrument=series.instrument,
        instrument_version=series.version,
        onset_session_id=course.onset.session_id,
        trough_session_id=course.trough.session_id if course.trough else None,
        length_sessions=course.last.ordinal - course.onset.ordinal,
        magnitude_raw=depth,
        magnitude_sd=None if depth is None or run is None else depth / spread(dip.scale, run.scores[:at]),
        state=state(course, rules, over),
        repaired_session_id=course.last.session_id if course.mended_by else None,
        rule=course.mended_by,
    )


def state(course: Course, rules: Sequence[RepairRule], over: bool) -> EpisodeState:
    """Where it stands. Scores of two runs are not compared, so the end of a run leaves a score rule without answer."""
    if course.mended_by:
        return EpisodeState.REPAIRED
    by_score = [rule for rule in rules if rule is not RepairRule.DIRECT]
    usable = [rule for rule in by_score if course.dip.scores and AIMS[rule](course.dip) is not None]
    if (course.run_ended and by_score) or not (usable or RepairRule.DIRECT in rules):
        return EpisodeState.NOT_ASSESSABLE
    return EpisodeState.UNREPAIRED_SO_FAR if over else EpisodeState.OPEN


def spread(scale: Scale, before: Sequence[float]) -> float:
    """The client's standard deviation before the onset, or the floor of the scale if that is more."""
    return max(sqrt(centred(before)[1] / (len(before) - 1)), scale.floor) if len(before) >= BASELINE else scale.floor


# -- all of them ------------------------------------------------------------------------------------------------------


def episodes(
    series: Series,
    findings: Iterable[Noticed],
    rules: Sequence[RepairRule],
    window: int = WINDOW,
    reports: Mapping[UUID, DirectReport] | None = None,
) -> tuple[Episode, ...]:
    """The episodes of one series, in order. What is found while one lasts belongs to it, whichever detector found it.

    Of several findings at one session one with a reference session tells what it was like before, else one in scores.
    """
    order = {s.session_id: s.ordinal for s in series.sittings}
    voice = (series.rater, series.instrument, series.version)
    dips = [f for f in findings if f.kind in DIPS and f.session_id in order]
    mine = [f for f in dips if (f.rater, f.instrument or "", f.instrument_version or "") == voice]
    found: list[Episode] = []
    end = 0
    for finding in sorted(mine, key=lambda f: (order[f.session_id], f.reference_session_id is None, f.kind is SAID)):
        if order[finding.session_id] > end:
            found.append(episode(series, finding, rules, window, reports))
            end = order[finding.session_id] + found[-1].length_sessions
    return tuple(found)
