"""`shrunk_prediction`: a score far below what the client's own scores, and the reference sample, let one expect.

This detector is this project's own. No published rule is behind it, and no author's name belongs on it; what it finds
on simulated series, and what it misses, is in `openapi/detection.md`.

Empirical Bayes on two things nobody knows of a new client: where their scores lie, and how far they swing. Both begin
at what the reference sample says and move to the client's own with every score. The mean is a normal mean with a
normal prior; the swing (the SD within the client) is one of five values around the reference sample's, weighed by how
well each has predicted so far. A score is expected to keep a part of the previous one's distance from the mean.

A session is found when its score lies more than `limit` of these SDs below the prediction, or less far when the
session before was low too and was not found itself: half of its residual counts then. A drop is raised once; while the
scores after it are low as well it is raised again only if they fall further.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, log, sqrt
from typing import Annotated, NamedTuple

from domain.detection import Detector, Finding, Parameters, Run, Scale, Series, SignalKind, canonical, fingerprint
from domain.values import Between

VERSION = 1
WIDTHS = (-2.4, -1.2, 0.0, 1.2, 2.4)
"""Where the five swings lie, in log SDs around the reference sample's median. More of them find nothing more."""


@dataclass(frozen=True, slots=True)
class ShrunkPrediction(Parameters):
    """What the prediction starts from. A practice that knows its own clients' figures sets them here.

    Few norms part the variance between clients from the variance within them: `between_share`, `within_spread` and
    `memory` are general knowledge, not a published standard. Thirty per cent off, they cost little
    (`openapi/detection.md`).
    """

    limit: Annotated[float, Between(0.5, 10)] = 2.02
    """How many SDs below the prediction a score has to be. The default raises just under three in a hundred stable
    sessions."""
    silent: Annotated[int, Between(1, 20)] = 4
    """The first scores of a run, which are learnt from and not judged."""
    population_mean: Annotated[float, Between(0, 1)] | None = None
    """The reference sample's mean, as a share of the range from its low end. Left out: the form's norm, else 2/3."""
    population_sd: Annotated[float, Between(0.001, 1)] | None = None
    """The reference sample's SD over clients and sessions, as a share of the range. Left out: the form's norm, else
    0.2."""
    between_share: Annotated[float, Between(0.05, 0.95)] = 0.7
    """The share of that variance that lies between clients, 0 to 1."""
    within_spread: Annotated[float, Between(0.05, 1.5)] = 0.4
    """How much clients differ in their swing: the SD of its logarithm."""
    memory: Annotated[float, Between(0, 0.9)] = 0.3
    """The part of a session's distance from the client's mean that is left at the next one, 0 to 1."""
    carry: Annotated[float, Between(0, 1)] = 0.5
    """How much of the session before counts, where nothing was found in it."""


class Step(NamedTuple):
    """What one guess at the swing does with one score. It hangs on no score, so it is worked out once for all clients.

    Variances are those of a normal mean with a normal prior (a Kalman filter of one number).
    """

    precision: float
    """One divided by the SD of the prediction."""
    height: float
    """The logarithm of `precision`: how high the prediction's bell is."""
    gain: float
    """How much of a residual goes into the mean."""


def see(seriess: Sequence[Series], said: ShrunkPrediction) -> Iterator[Finding]:
    """What lies too far below its prediction, in the series of each rater apart.

    The client's mean and swing begin at what the reference sample says and move to the client's own with every score
    (empirical Bayes). A drop is raised once, and again only if the scores after it fall further.
    """
    for series in seriess:
        if series.alliance:
            for run in series.runs:
                yield from in_run(series, run, said)


def in_run(series: Series, run: Run, said: ShrunkPrediction) -> Iterator[Finding]:
    """The findings in scores that may be compared with each other."""
    scale, parameters = series.scale, said.plain()
    read, private = 0, False
    told = fingerprint((series.name, canonical([*reference(scale, said), scale.step / scale.items])))
    together = said.limit * sqrt(1 + said.carry**2)
    before, low = 0.0, False
    for place, (expected, sd) in enumerate(predictions(scale, run.scores, said)):
        if place < said.silent:
            continue
        off = run.scores[place] - expected
        limit = -min(said.limit, together + said.carry * before) * sd
        was_low, low = low, off < limit - scale.hair
        before = 0.0 if low else off / sd
        if not low or (was_low and run.scores[place] >= run.scores[place - 1] - scale.hair):
            continue
        # It rests on every score so far: each hash takes in the one before it, so that no score is hashed twice.
        fresh = range(read, place + 1)
        read, told = place + 1, fingerprint((told, *(run.entries[n] for n in fresh)))
        private |= not run.private.isdisjoint(fresh)
        yield Finding(
            detector=Detector.SHRUNK_PREDICTION, version=VERSION, parameters=parameters, kind=SignalKind.DROP,
            rater=series.rater, instrument=series.instrument, instrument_version=series.version,
            session_id=run.sittings[place].session_id, magnitude_raw=off, magnitude_sd=off / sd, threshold=limit,
            inputs_hash=told, private_to_client=private,
        )  # fmt: skip


def reference(scale: Scale, said: ShrunkPrediction) -> tuple[float, float]:
    """The mean and SD that are shrunk towards, in points: the practice's, else the norms, else a guess."""
    width = scale.high - scale.low
    norm = (scale.low + width * 2 / 3 if scale.mean is None else scale.mean, scale.sd or width / 5)
    mean, sd = said.population_mean, said.population_sd
    return norm[0] if mean is None else scale.low + mean * width, norm[1] if sd is None else sd * width


def predictions(scale: Scale, scores: Sequence[float], said: ShrunkPrediction) -> Iterator[tuple[float, float]]:
    """What each score was expected to be, and the SD of that, from the scores before it; one pass over them.

    The residual from these two is the mean of the residuals from each guess at the swing, as the guesses are weighed.
    """
    mean, sd = reference(scale, said)
    between = sqrt(said.between_share) * sd
    # The mean square of log-normal SDs is the square of their median times exp(2 spread²).
    median = sqrt(1 - said.between_share) * sd / exp(said.within_spread**2)
    swings = tuple(max(median * exp(said.within_spread * u), scale.step / scale.items) for u in WIDTHS)
    weights = [exp(-(u**2) / 2) for u in WIDTHS]
    means = [mean] * len(WIDTHS)
    kept, own = 0.0, 1.0
    # Lengths are rounded up, so that few of them are ever worked out.
    for score, steps in zip(scores, path(swings, between, said.memory, 1 << len(scores).bit_length()), strict=False):
        whole = inverse = pull = 0.0
        told = []
        for guess, (precision, height, gain) in enumerate(steps):
            weight = weights[guess]
            expected = own * means[guess] + kept
            off = score - expected
            whole += weight
            inverse += weight * precision
            pull += weight * precision * expected
            told.append(height - (off * precision) ** 2 / 2)
            means[guess] += gain * off
        yield pull / inverse, whole / inverse
        best = max(told)
        weights = [weight / whole * exp(each - best) for weight, each in zip(weights, told, strict=True)]
        kept, own = said.memory * score, 1 - said.memory


@lru_cache(maxsize=256)
def path(swings: tuple[float, ...], between: float, memory: float, length: int) -> tuple[tuple[Step, ...], ...]:
    """The steps of each guess through a run of some length. The first score has no score before it."""
    doubts, rows = [between**2] * len(swings), []
    own, fresh = 1.0, 1.0
    for _ in range(length):
        row = []
        for place, swing in enumerate(swings):
            variance = fresh * swing**2 + own**2 * doubts[place]
            gain = doubts[place] * own / variance
            doubts[place] *= 1 - gain * own
            row.append(Step(1 / sqrt(variance), -log(variance) / 2, gain))
        rows.append(tuple(row))
        own, fresh = 1 - memory, 1 - memory**2
    return tuple(rows)
