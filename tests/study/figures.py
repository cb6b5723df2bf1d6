"""The study itself: which courses are drawn, and what is counted on them."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from random import Random

from domain.default_set import DEFAULT_SET
from domain.detection import Detector, Parameters, canonical, fingerprint
from domain.detectors import DETECTORS
from domain.shrunk import ShrunkPrediction, reference
from tests.study import oracle
from tests.study.count import Chosen, Sensitivity, Share, false_alarms, first_in, raised, sensitivity
from tests.study.courses import OTHERS, Course, Kind, stable, v_shaped
from tests.study.mending import Mended, mending
from tests.study.population import NORMS, Population

SEED = 20_260
"""The detectors' limits were set on courses from other seeds."""
RATE = 0.03
"""The false alarms allowed for each scored session."""
DEPTHS = (0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
"""In the client's stable SD. At 0 nothing happens: what is seen there is chance."""
SMALL, LARGE = 1.5, 3.0


@dataclass(frozen=True)
class Sizes:
    """How many courses are drawn."""

    stable: int = 600
    v_shaped: int = 600
    other: int = 100
    """Of each other kind."""
    curve: int = 20_000
    """More stable and V-shaped ones for the default set alone, of each: a standard error is below 0.004."""
    oracle: int = 1_500
    """So many of those for the oracle."""
    wrong: int = 800
    """Stable and V-shaped ones, of each, for every line of what happens when the figures are wrong."""
    mended: int = 1_000
    """Lasting and V-shaped ones, of each depth, for the rules of repair."""

    @property
    def labelled(self) -> int:
        """Of all kinds together."""
        return self.stable + self.v_shaped + self.other * len(OTHERS)


SIZES = Sizes()


@dataclass(frozen=True)
class Row:
    """What one detector, or one set of them, does on the labelled courses."""

    name: str
    alarms: Share
    small: Sensitivity
    large: Sensitivity
    slow: Sensitivity
    unrepaired: Sensitivity
    apart: Sensitivity
    no_dip: Sensitivity
    quiet: tuple[Share, ...]
    """Signals for each scored session in the four kinds in which nothing happens but something about the measuring."""


QUIET = (Kind.CEILING, Kind.HIGH_VARIANCE, Kind.GAP, Kind.SWITCH)


@dataclass(frozen=True)
class Point:
    """Sensitivity at one depth."""

    depth: float
    scores: Share
    reported: Share
    """With direct reports in half of the ruptures."""
    oracle: float


@dataclass(frozen=True)
class Curve:
    """The default set on V's of every depth."""

    alarms: Share
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Wrong:
    """What is left when a figure that the detector starts from, or the study draws from, is another."""

    says: str
    alarms: Share
    small: Share
    large: Share


@dataclass(frozen=True)
class Study:
    """All of it."""

    rows: tuple[Row, ...]
    curve: Curve
    wrong: tuple[Wrong, ...]
    mended: tuple[Mended, ...]


def seeded(name: str) -> Random:
    """Its own source of chance for every part, so that one part does not move another."""
    return Random(f"{SEED}/{name}")


def ran(sizes: Sizes = SIZES) -> Study:
    """The whole study."""
    return Study(rows(sizes), curve(sizes), tuple(wrong(sizes)), mending(seeded("mending"), sizes.mended))


def identity(sizes: Sizes = SIZES) -> str:
    """A hash over what the figures hang on: the detectors with their defaults, the population, sizes and seed."""
    known = {name: [k.version, k.parameters().plain()] for name, k in DETECTORS.items()}
    chosen = {name: said.plain() for name, said in DEFAULT_SET.items()}
    told = [known, chosen, astuple(Population()), astuple(NORMS), astuple(sizes), DEPTHS, SEED]
    return fingerprint(map(canonical, told))


LEFT_OUT = {
    Detector.CUTOFF: "it judges by the level of a form, by default of the Session Rating Scale, which these clients do not "
    "fill in; how often it would fire hangs on where scores lie, which no norm tells",
    Detector.RISK_ITEM: "it looks at single answers about a client's life, not at the alliance, and finds each of them",
    Detector.OBSERVER_3RS: "it repeats what an observer coded, and nobody observes these courses",
}
"""The detectors that these courses cannot move, and why."""


def sets() -> dict[str, Chosen]:
    """Every detector that these courses can move, each alone; then the default set."""
    alone: dict[str, Chosen] = {
        name.value: {name: known.parameters()} for name, known in DETECTORS.items() if name not in LEFT_OUT
    }
    strict: Parameters = replace(DETECTORS[Detector.WITHIN_CLIENT_DROP].parameters(), limit=2.0)
    alone["within_client_drop, 2 SD"] = {Detector.WITHIN_CLIENT_DROP: strict}
    return alone | {"default set": DEFAULT_SET, "default set, scores alone": from_scores(DEFAULT_SET)}


def from_scores(chosen: Chosen) -> Chosen:
    """What needs no word of the client's."""
    return {name: said for name, said in chosen.items() if name != Detector.DIRECT_REPORT}


def rows(sizes: Sizes) -> tuple[Row, ...]:
    """The labelled courses, through every detector."""
    population, random = Population(), seeded("labelled")
    calm = [stable(random, population) for _ in range(sizes.stable)]
    dips = [v_shaped(random, population, (SMALL, LARGE)) for _ in range(sizes.v_shaped)]
    small, large = ([dip[which] for dip in dips] for which in (0, 1))
    other = {kind: [made(random, population) for _ in range(sizes.other)] for kind, made in OTHERS.items()}
    return tuple(
        Row(
            name,
            false_alarms(calm, chosen),
            sensitivity(small, chosen),
            sensitivity(large, chosen),
            *(
                sensitivity(other[kind], chosen)
                for kind in (Kind.DECLINE_REPAIRED, Kind.DECLINE, Kind.DIVERGENCE, Kind.NO_DIP)
            ),
            quiet=tuple(false_alarms(other[kind], chosen) for kind in QUIET),
        )
        for name, chosen in sets().items()
    )


def curve(sizes: Sizes, depths: tuple[float, ...] = DEPTHS) -> Curve:
    """The default set at every depth, and the oracle beside it."""
    population, random = Population(), seeded("curve")
    calm = [replace(stable(random, population), therapist=()) for _ in range(sizes.curve)]
    dips = [v_shaped(random, population, depths) for _ in range(sizes.curve)]
    points = []
    for place, depth in enumerate(depths):
        courses = [dip[place] for dip in dips]
        seen = [first_in(c.rupture, raised(c, from_scores(DEFAULT_SET))) is not None for c in courses]
        told = [by_score or c.reported is not None for by_score, c in zip(seen, courses, strict=True)]
        best = oracle.sensitivity(depth, RATE, calm[: sizes.oracle], courses[: sizes.oracle]) if depth else float("nan")
        points.append(Point(depth, Share(sum(seen), len(seen)), Share(sum(told), len(told)), best))
    return Curve(false_alarms(calm, from_scores(DEFAULT_SET)), tuple(points))


def wrong(sizes: Sizes) -> Iterable[Wrong]:
    """The figures thirty per cent off, and other clients than those assumed."""
    population = Population()
    calm, dips = drawn(population, sizes)
    for says, said in misinformed().items():
        yield judged(says, {Detector.SHRUNK_PREDICTION: said}, calm, dips)
    for says, changed in elsewhere(population).items():
        yield judged(says, from_scores(DEFAULT_SET), *drawn(changed, sizes))


def misinformed() -> dict[str, ShrunkPrediction]:
    """The detector with a reference population that is thirty per cent off."""
    right = ShrunkPrediction()
    mean, sd = reference(NORMS, right)
    width = NORMS.high - NORMS.low
    mean, sd = (mean - NORMS.low) / width, sd / width
    told = {"as it is": right}
    for says, factor in (("30 % too low", 0.7), ("30 % too high", 1.3)):
        # The swing alone: the SD between clients stays what it is.
        within = (1 - right.between_share) * factor**2
        whole = right.between_share + within
        told |= {
            f"the mean {says}": replace(right, population_mean=mean * factor),
            f"the SD {says}": replace(right, population_sd=sd * factor),
            f"the SD within clients {says}": replace(
                right, population_sd=sd * whole**0.5, between_share=right.between_share / whole
            ),
            f"the spread of those {says}": replace(right, within_spread=right.within_spread * factor),
            f"the memory {says}": replace(right, memory=right.memory * factor),
        }
    return told


def elsewhere(usual: Population) -> dict[str, Population]:
    """Clients of another kind than the study's."""
    return {
        "clients who remember nothing": replace(usual, memory=(0.0, 0.0)),
        "clients who remember much": replace(usual, memory=(0.5, 0.7)),
        "clients close to the ceiling": replace(usual, mean=4.5, between=0.4),
        "twelve sessions": replace(usual, sessions=12),
        "sixty sessions": replace(usual, sessions=60),
        "one form in ten is missing": replace(usual, unscored=0.1),
    }


def drawn(population: Population, sizes: Sizes) -> tuple[list[Course], list[list[Course]]]:
    """Stable courses, and V's of both depths."""
    random = seeded("wrong")
    calm = [replace(stable(random, population), therapist=()) for _ in range(sizes.wrong)]
    return calm, [v_shaped(random, population, (SMALL, LARGE)) for _ in range(sizes.wrong)]


def judged(says: str, chosen: Chosen, calm: list[Course], dips: list[list[Course]]) -> Wrong:
    """One line of it."""
    small, large = (sensitivity((dip[which] for dip in dips), chosen).seen for which in (0, 1))
    return Wrong(says, false_alarms(calm, chosen), small, large)
