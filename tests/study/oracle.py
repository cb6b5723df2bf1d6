"""What could be seen at best: an oracle that knows what no practice knows.

It knows the client's stable mean and SD, their memory, the depth of the V and its shape; not when it comes, nor how
long it lasts. At each session it asks how much better a V that is under way, and that it has not raised yet, explains
the last three scores than none does. Its limit is set to the same rate of false alarms. A detector that beats it is
counted wrongly.
"""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from math import exp

from tests.study.courses import SILENT, Course, v_of

LENGTHS = (1, 2, 3)


def evidence(course: Course, depth: float) -> list[tuple[float, ...]]:
    """At each session, the likelihood ratios of a V that began in it, one session ago, two sessions ago."""
    mean, sd = course.client.shown
    memory = course.client.memory
    away = [(score - mean) / sd for score in course.scores if score is not None]
    news = [away[0], *(b - memory * a for a, b in pairwise(away))]
    variance = 1 - memory**2
    due = [[now - memory * last for last, now in pairwise((0.0, *v))] for v in dips(depth)]
    found = []
    for place in range(len(news)):
        ratios = [0.0] * len(LENGTHS)
        for ago in range(min(len(LENGTHS), place - SILENT + 1)):
            since = news[place - ago : place + 1]
            for expected in due[ago:]:
                told = sum(e * (n - e / 2) for e, n in zip(expected, since, strict=False)) / variance
                ratios[ago] += exp(min(told, 50.0)) / len(LENGTHS)
        found.append(tuple(ratios))
    return found


@cache
def dips(depth: float) -> list[list[float]]:
    """The V's of each length, in the client's SD."""
    return [[-depth * share for share in v_of(length)] for length in LENGTHS]


def raised(told: Sequence[tuple[float, ...]], limit: float) -> list[int]:
    """The sessions at which the oracle speaks up. What it has raised is no evidence any more."""
    found: list[int] = []
    last = -len(LENGTHS)
    for place in range(SILENT, len(told)):
        if sum(told[place][: place - last]) > limit:
            found.append(place)
            last = place
    return found


def limit_for(rate: float, stable: Sequence[Sequence[tuple[float, ...]]]) -> float:
    """The lowest limit that keeps the false alarms at `rate` for each scored session."""
    allowed = rate * sum(map(len, stable))
    low, high = 0.0, 64.0
    for _ in range(14):
        middle = (low + high) / 2
        if sum(len(raised(told, middle)) for told in stable) > allowed:
            low = middle
        else:
            high = middle
    return high


def sensitivity(depth: float, rate: float, stable: Sequence[Course], ruptured: Sequence[Course]) -> float:
    """The share of V's of `depth` that the oracle raises in time, at `rate` false alarms for each scored session."""
    limit = limit_for(rate, [evidence(course, depth) for course in stable])
    seen = (any(p in course.rupture for p in raised(evidence(course, depth), limit)) for course in ruptured)
    return sum(seen) / len(ruptured)
