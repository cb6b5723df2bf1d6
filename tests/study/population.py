"""The simulated clients: the population they come from, and how a form would have shown them.

The figures are chosen from what is published or generally known, before any detector was run on them, and they are not
those that `shrunk_prediction` starts from: its reference is the form's norm, a sample of another kind of client.

- Mean 3.85: the published means of the WAI-SR are 3.36 and 3.64 (users of digital agents) and about 4.0 for the bond
  with a therapist.
- SD between clients 0.65 and a median SD within them of 0.35: together an SD of 0.77, where published samples have .80.
  A standard error of 0.23 (alpha .92 at that SD) is a part of the 0.35.
- Clients differ in how far they swing (SD of the logarithm 0.4), and in how long a good or bad session lasts
  (autocorrelation .1 to .5): both general knowledge.
- Thirty sessions, as in the therapies in which charts of session ratings were tried (Lipner et al. 2022).
"""

from dataclasses import dataclass
from functools import cached_property
from math import erf, exp, sqrt
from random import Random

from domain.detection import Scale

NORMS = Scale(low=1, high=5, items=12, mean=3.64, sd=0.81, reliability=0.91)
"""The WAI-SR with the norms that a practice would have: the larger published mean, from users of a digital agent."""
LEVELS = [NORMS.low + place / NORMS.items for place in range(49)]


@dataclass(frozen=True)
class Population:
    """Whom the clients are drawn from, in points of the item mean."""

    mean: float = 3.85
    between: float = 0.65
    within: float = 0.35
    """The median of the SDs within clients."""
    spread: float = 0.4
    memory: tuple[float, float] = (0.1, 0.5)
    sessions: int = 30
    unscored: float = 0.0
    """The share of sessions without a form."""


@dataclass(frozen=True)
class Client:
    """One client, as they are while nothing happens."""

    mean: float
    """Of what they would say if the form did not end at 5."""
    swing: float
    memory: float

    @cached_property
    def shown(self) -> tuple[float, float]:
        """Mean and SD of the scores of a stable client, with the form's steps and its ceiling: `the stable SD`."""
        half = 1 / NORMS.items / 2
        up_to = [0.5 * (1 + erf((level + half - self.mean) / self.swing / sqrt(2))) for level in LEVELS[:-1]] + [1.0]
        share = [b - a for a, b in zip([0.0, *up_to[:-1]], up_to, strict=True)]
        mean = sum(p * level for p, level in zip(share, LEVELS, strict=True))
        return mean, sqrt(sum(p * (level - mean) ** 2 for p, level in zip(share, LEVELS, strict=True)))


def client(random: Random, population: Population) -> Client:
    """Somebody from the population whose mean the form can show."""
    mean = random.gauss(population.mean, population.between)
    while not 1.5 < mean < NORMS.high:
        mean = random.gauss(population.mean, population.between)
    swing = population.within * exp(random.gauss(0, population.spread))
    return Client(mean, swing, random.uniform(*population.memory))


def felt(random: Random, who: Client, sessions: int) -> list[float]:
    """How the client finds each session while nothing happens; the form ends at its ceiling."""
    fresh = sqrt(1 - who.memory**2)
    away, found = random.gauss(0, 1), []
    for _ in range(sessions):
        found.append(min(NORMS.high, who.mean + who.swing * away))
        away = who.memory * away + fresh * random.gauss(0, 1)
    return found


def ticked(score: float) -> float:
    """The nearest score that twelve whole answers can make."""
    place = round((score - NORMS.low) * NORMS.items)
    return LEVELS[max(0, min(place, len(LEVELS) - 1))]
