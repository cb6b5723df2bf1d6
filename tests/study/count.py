"""What counts as seen, and what as a false alarm.

- A signal counts at the session at which it is RAISED, with nothing known but the sessions up to then. One that is
  raised before a rupture, or after its last session, has not seen it. Nothing stands for ever: what was raised before
  and still stands is no new signal.
- A false alarm is any signal on a course in which nothing happens, provisional ones included. It is counted for each
  SCORED session, the silent first four among them; never for each course.
- How deep a drop is, is counted in the SD of the client's scores while nothing happens: not in that of the whole
  course, which the drop itself widens, and not by the score that came out, which noise has chosen.
- A client's report is no false alarm. Stable courses hold none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt

from domain.detection import Detector, Parameters, Series
from domain.detectors import DETECTORS
from tests.study.courses import Course

TWO_VIEWS = {Detector.DIVERGENCE}
"""They compare the client's scores with the therapist's; all others look at the client's alone here."""
WAITING = {Detector.SUDDEN_LOSS}
"""They look at later sessions, so they are run again after each; the others tell the same either way."""

Chosen = Mapping[Detector, Parameters]


def raised(course: Course, chosen: Chosen) -> set[int]:
    """The sessions at which the chosen detectors raise a signal, each with what is known by then."""
    seriess = course.series()
    return {place for name, said in chosen.items() for place in by_one(seriess, name, said)}


def by_one(seriess: list[Series], name: Detector, said: Parameters) -> set[int]:
    """The same for one detector."""
    looked_at = seriess if name in TWO_VIEWS else seriess[:1]
    if name not in WAITING:
        return found(looked_at, name, said)
    places: set[int] = set()
    known: set[int] = set()
    for end in range(1, len(looked_at[0].sittings) + 1):
        so_far = found([replace(s, sittings=s.sittings[:end]) for s in looked_at], name, said)
        if so_far - known:
            places.add(end - 1)
        known |= so_far
    return places


def found(seriess: Sequence[Series], name: Detector, said: Parameters) -> set[int]:
    """The sessions that a detector names when it knows all of these."""
    return {finding.session_id.int for finding in DETECTORS[name].see(seriess, said)}


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    hits: int
    of: int

    @property
    def value(self) -> float:
        """The share; nan of nothing."""
        return self.hits / self.of if self.of else float("nan")

    @property
    def error(self) -> float:
        """Its standard error."""
        return sqrt(self.value * (1 - self.value) / self.of) if self.of else float("nan")


@dataclass(frozen=True)
class Sensitivity:
    """How many ruptures were seen in time, and how soon."""

    seen: Share
    delay: float
    """Mean sessions from the onset to the signal, of those seen; 0 is the same session."""


def false_alarms(courses: Iterable[Course], chosen: Chosen) -> Share:
    """Signals for each scored session, where nothing happened."""
    signals = sessions = 0
    for course in courses:
        signals += len(raised(course, chosen))
        sessions += sum(score is not None for score in course.scores)
    return Share(signals, sessions)


def sensitivity(courses: Iterable[Course], chosen: Chosen) -> Sensitivity:
    """The share of ruptures raised while they last."""
    delays = [first_in(course.rupture, raised(course, chosen)) for course in courses]
    seen = [delay for delay in delays if delay is not None]
    return Sensitivity(Share(len(seen), len(delays)), sum(seen) / len(seen) if seen else float("nan"))


def first_in(rupture: range, places: set[int]) -> int | None:
    """Sessions from the onset to the first signal within the rupture."""
    return next((place - rupture.start for place in rupture if place in places), None)
