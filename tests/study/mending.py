"""How far the rules that say a dip is over can be believed: on dips that last, and on V's that do end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from domain.default_set import DEFAULT_SET
from domain.detection import Detector, EpisodeState, RepairRule
from domain.detectors import detect
from domain.episodes import WINDOW, episode
from tests.study.count import Share
from tests.study.courses import SILENT, Course, Kind, lowered, v_shaped
from tests.study.population import Population, client, felt

DEPTHS = (1.5, 2.0, 3.0)
"""In the client's stable SD."""
WINDOWS = (WINDOW, 5)
SCORES = {Detector.SHRUNK_PREDICTION: DEFAULT_SET[Detector.SHRUNK_PREDICTION]}
RULES = tuple(rule for rule in RepairRule if rule is not RepairRule.DIRECT)
Made = Callable[[Random, Population, float], Course]


@dataclass(frozen=True)
class Mended:
    """How often one rule, with one window, says that a dip is over: at each depth."""

    rule: RepairRule
    window: int
    lasting: tuple[Share, ...]
    """Of the dips that last. It is wrong about all of these."""
    ended: tuple[Share, ...]
    """Of the V's."""


def lasting(random: Random, population: Population, depth: float) -> Course:
    """A drop from one session to the next, and the alliance stays there."""
    who = client(random, population)
    onset = random.randint(SILENT, population.sessions - 8)
    shape = [1.0] * (population.sessions - onset)
    course = Course(Kind.DECLINE, who, (), range(onset, onset + 3))
    return lowered(course, onset, shape, depth, felt(random, who, population.sessions))


def ending(random: Random, population: Population, depth: float) -> Course:
    """A V."""
    return v_shaped(random, population, (depth,))[0]


def mending(random: Random, count: int) -> tuple[Mended, ...]:
    """Every rule by score with every window, on so many courses of each kind and depth."""
    drawn = {made: [courses(random, made, depth, count) for depth in DEPTHS] for made in (lasting, ending)}
    return tuple(
        Mended(rule, window, *(tuple(over(c, rule, window) for c in drawn[made]) for made in (lasting, ending)))
        for window in WINDOWS
        for rule in RULES
    )


def courses(random: Random, made: Made, depth: float, count: int) -> list[Course]:
    """Courses of one kind."""
    return [made(random, Population(), depth) for _ in range(count)]


def over(drawn: Sequence[Course], rule: RepairRule, window: int) -> Share:
    """Of the dips that are seen while they last, the share that a rule says is over."""
    said = []
    for course in drawn:
        (series,) = course.series()
        seen = [f for f in detect([series], SCORES) if f.session_id.int in course.rupture]
        said += [episode(series, f, [rule], window).state is EpisodeState.REPAIRED for f in seen[:1]]
    return Share(sum(said), len(said))
