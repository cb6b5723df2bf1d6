"""The detectors: pure functions over a series, each with a version and parameters. What they find is a question.

What holds for all of them:

- A threshold has to be exceeded; a tie is not, but where a rule says "at least" (`sudden_loss` 1 and 2, `cutoff`,
  `observer_3rs`).
- Nothing is compared across the end of a run (`Series.runs`), and a session without a score changes nothing.
- A departure is raised ONCE: at the first session beyond the limits. It is not raised again while every scored session
  after it is beyond them as well; one that is back within ends it.
  What a person said or coded is no standing level: reports, codes and risk items are raised each time.
- Limits are in standard deviations or in shares of the range, never in points, so that one choice fits every form.

Every detector but `shrunk_prediction`, which is ours and has a file to say so, is in this one: that is its length.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from math import sqrt
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple, TypeVar

from domain.detection import (
    HAIR,
    Certainty,
    Detector,
    Finding,
    Known,
    Parameters,
    Rater,
    Rule,
    Run,
    Scale,
    Series,
    SignalKind,
    Sitting,
    canonical,
    fingerprint,
)
from domain.shrunk import VERSION as SHRUNK_VERSION
from domain.shrunk import ShrunkPrediction
from domain.shrunk import see as shrunk_prediction
from domain.values import Between, Few, Token

Deviations = Annotated[float, Between(0.1, 10.0)]
"""A limit in standard deviations of what the detector goes by."""
BASELINE = 4
"""So many first scores of a run fix its limits, and are not judged themselves."""
SIGMA = 1.128
"""The mean moving range of two, in standard deviations (the control chart constant d2)."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A session beyond the limits."""

    at: int
    """Its position in the run."""
    used: Sequence[int]
    """The positions of all scores that this rests on."""
    raw: float
    sd: float
    threshold: float
    reference: int | None = None
    kind: SignalKind = SignalKind.DROP
    grade: str | None = None
    certainty: Certainty = Certainty.CONFIRMED


P = TypeVar("P", bound=Parameters)
Look = Callable[[Series, Run, P], Iterator[Sight]]


def once(name: Detector, series: Series, parameters: P, look: Look[P]) -> tuple[Finding, ...]:
    """The first session of every departure."""
    found, rule = [], rule_of(name, parameters)
    for run in series.runs:
        last = -1
        for sight in look(series, run, parameters):
            if last < 0 or sight.at != last + 1:
                found.append(told(rule, series, run, sight))
            last = sight.at
    return tuple(found)


@lru_cache(maxsize=1024)
def rule_of(name: Detector, parameters: Parameters) -> Rule:
    """A detector as it is run. Practices choose seldom and ratings come often, so it is put together once."""
    return Rule(name, DETECTORS[name].version, parameters.plain())


def told(rule: Rule, series: Series, run: Run, sight: Sight) -> Finding:
    """What was seen in the scores of one run."""
    inputs = [series.norms, *(run.entries[position] for position in sight.used)]
    reference = None if sight.reference is None else run.sittings[sight.reference].session_id
    private = bool(run.private) and not run.private.isdisjoint(sight.used)
    return finding(
        rule, series, sight.kind, run.sittings[sight.at], inputs, private=private,
        reference_session_id=reference, magnitude_raw=sight.raw, magnitude_sd=sight.sd, threshold=sight.threshold,
        grade=sight.grade, certainty=sight.certainty,
    )  # fmt: skip


def finding(
    rule: Rule,
    series: Series,
    kind: SignalKind,
    at: Sitting,
    inputs: Iterable[str],
    *,
    compared: bool = False,
    private: bool = False,
    **more: Any,
) -> Finding:
    """A finding at the sitting `at`, with a hash over `inputs`. One where two views are compared has no rater."""
    return Finding(
        detector=rule.detector, version=rule.version, parameters=rule.parameters, kind=kind,
        rater=None if compared else series.rater, instrument=series.instrument, instrument_version=series.version,
        session_id=at.session_id, inputs_hash=fingerprint((series.name, *inputs)),
        private_to_client=private or at.private_to_client, **more,
    )  # fmt: skip


def graded(size: float, grades: Mapping[float, str]) -> str | None:
    """The strictest grade that is exceeded."""
    return next((word for least, word in sorted(grades.items(), reverse=True) if size > least + HAIR), None)


# -- D1: a drop larger than the form's error --------------------------------------------------------------------------


class Reference(StrEnum):
    """What a score is compared with."""

    PREVIOUS = "previous"
    """The scored session before: the onset of a V."""
    RUNNING_MAX = "running_max"
    """The best so far. It alarms in over a quarter of stable sessions (simulated)."""
    BASELINE_MEAN = "baseline_mean"
    """The mean of the first four scores of the run."""


@dataclass(frozen=True, slots=True)
class RciDrop(Parameters):
    """`rci_drop`: reliable change (Jacobson & Truax 1991). Needs norms: without them it sees nothing."""

    reference: Reference = Reference.PREVIOUS
    """What a score is compared with."""
    limit: Deviations = 1.96
    """How many S_diff have to be exceeded: 1.96 (5 % two-tailed), or 1.645 (10 %)."""


RELIABLE = {1.645: "1.645", 1.96: "1.96"}


def rci_drop(series: Series, parameters: RciDrop) -> tuple[Finding, ...]:
    """RCI = (score - reference) / S_diff below -limit. Its grade is the strictest of 1.645 and 1.96 it exceeds."""
    return once(Detector.RCI_DROP, series, parameters, rci_looks)


def rci_looks(series: Series, run: Run, parameters: RciDrop) -> Iterator[Sight]:
    """Every score reliably below its reference."""
    s_diff = series.scale.s_diff
    if s_diff is None:
        return
    limit = -parameters.limit * s_diff
    for at, against, reference, used in REFERENCES[parameters.reference](run, series.scale.hair):
        drop = run.scores[at] - against
        if drop < limit - series.scale.hair:
            rci = drop / s_diff
            yield Sight(at, (*used, at), drop, rci, limit, reference, grade=graded(-rci, RELIABLE))


Compared = tuple[int, float, int | None, Sequence[int]]
"""A position, the score it is compared with, that score's position where it is one, and what that rests on."""


def with_previous(run: Run, hair: float) -> Iterator[Compared]:
    """Each score with the one before."""
    for at in range(1, len(run.scores)):
        yield at, run.scores[at - 1], at - 1, (at - 1,)


def with_best(run: Run, hair: float) -> Iterator[Compared]:
    """Each score with the best before it, the latest of equals, by whichever answers they are equal."""
    best = 0
    for at in range(1, len(run.scores)):
        yield at, run.scores[best], best, range(at)
        if run.scores[at] >= run.scores[best] - hair:
            best = at


def with_baseline(run: Run, hair: float) -> Iterator[Compared]:
    """Each score after a baseline with its mean."""
    for start, end in judged(run):
        mean = sum(run.scores[start : start + BASELINE]) / BASELINE
        for at in range(start + BASELINE, end):
            yield at, mean, None, range(start, start + BASELINE)


def judged(run: Run) -> Iterator[tuple[int, int]]:
    """Where each baseline of a run begins, and where the scores end that are judged by it."""
    return pairwise((*run.baselines, len(run.scores)))


REFERENCES: Mapping[Reference, Callable[[Run, float], Iterator[Compared]]] = {
    Reference.PREVIOUS: with_previous,
    Reference.RUNNING_MAX: with_best,
    Reference.BASELINE_MEAN: with_baseline,
}


# -- D2: a drop large for this client ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WithinClientDrop(Parameters):
    """`within_client_drop`: a drop from the session before, in the client's own standard deviations."""

    limit: Deviations = 1.0
    """How many standard deviations have to be exceeded for a finding at all."""
    within_sd: Annotated[float, Between(0.001, 1.0)] | None = None
    """The least SD that is believed, as a share of the scale's range. Left out: one step of one item or the form's
    standard error, whichever is larger."""


WITHIN = {1.0: "1_sd", 2.0: "2_sd"}


def within_client_drop(series: Series, parameters: WithinClientDrop) -> tuple[Finding, ...]:
    """A drop of more than `limit` times the larger of the SD of all scores before (at least four) and the floor.

    The stricter of the two spreads is taken, so that neither steady courses alarm on trifles nor restless ones on
    noise; both grades, more than 1 and more than 2 SD, are told (Gumz et al. 2012).
    """
    return once(Detector.WITHIN_CLIENT_DROP, series, parameters, within_looks)


def within_looks(series: Series, run: Run, parameters: WithinClientDrop) -> Iterator[Sight]:
    """Every drop that is large for this client."""
    floor = least_sd(series.scale, parameters)
    mean = squares = 0.0
    for at, score in enumerate(run.scores):
        if at >= BASELINE:
            spread = max(sqrt(squares / (at - 1)), floor)
            drop = score - run.scores[at - 1]
            if drop < -parameters.limit * spread - series.scale.hair:
                size = drop / spread
                grade = graded(-size, WITHIN)
                yield Sight(at, range(at + 1), drop, size, -parameters.limit * spread, at - 1, grade=grade)
        # Welford's running sums: one pass, and no loss where scores lie close together.
        away = score - mean
        mean += away / (at + 1)
        squares += away * (score - mean)


def least_sd(scale: Scale, parameters: WithinClientDrop) -> float:
    """The least SD that is believed, in points."""
    return scale.floor if parameters.within_sd is None else parameters.within_sd * (scale.high - scale.low)


# -- D3, D4: control charts with a frozen baseline --------------------------------------------------------------------


def chart(scale: Scale, baseline: Sequence[float]) -> tuple[float, float] | None:
    """Mean and sigma of a baseline, which is frozen: a rupture must not widen its own limits.

    Sigma is the mean moving range / 1.128, or the floor of the scale if that is more. None: fewer than four scores.
    """
    if len(baseline) < BASELINE:
        return None
    moved = sum(abs(b - a) for a, b in pairwise(baseline)) / (len(baseline) - 1)
    return sum(baseline) / len(baseline), max(moved / SIGMA, scale.floor)


@dataclass(frozen=True, slots=True)
class ShewhartXmr(Parameters):
    """`shewhart_xmr`: a chart of single scores against the run's first four."""

    limit: Deviations = 3.0
    """How many sigma below the mean the lower limit is."""
    western_electric: bool = False
    """Also two of three below 2 sigma, four of five below 1 sigma, eight in a row below the mean: more is seen, and
    more of it is noise."""


def shewhart_xmr(series: Series, parameters: ShewhartXmr) -> tuple[Finding, ...]:
    """A score below the lower control limit. By the additional rules the kind is `level_shift`.

    The grade is the rule: `limit`, `2_of_3`, `4_of_5` or `8_in_a_row`.
    """
    return once(Detector.SHEWHART_XMR, series, parameters, xmr_looks)


Hit = tuple[str, float, int]
"""A rule of the chart, its limit in sigma below the mean, and how many scores it looks at."""


def xmr_looks(series: Series, run: Run, parameters: ShewhartXmr) -> Iterator[Sight]:
    """Every score out of control."""
    for start, end in judged(run):
        if not (fixed := chart(series.scale, run.scores[start:end][:BASELINE])):
            continue
        mean, sigma = fixed
        hair = series.scale.hair / sigma
        zones = Zones() if parameters.western_electric else None
        for at in range(start + BASELINE, end):
            sigmas = (run.scores[at] - mean) / sigma
            hit = zones.hit(sigmas, hair) if zones else None
            if sigmas < -parameters.limit - hair:
                hit = "limit", parameters.limit, 1
            if hit:
                rule, limit, reach = hit
                used = (*range(start, start + BASELINE), *range(at + 1 - reach, at + 1))
                kind = SignalKind.DROP if rule == "limit" else SignalKind.LEVEL_SHIFT
                yield Sight(at, used, sigmas * sigma, sigmas, -limit * sigma, kind=kind, grade=rule)


@dataclass(slots=True)
class Zones:
    """How the latest scores lie, for the rules that look at more than one."""

    low: deque[bool] = field(default_factory=lambda: deque(maxlen=3))
    lowish: deque[bool] = field(default_factory=lambda: deque(maxlen=5))
    below: int = 0

    def hit(self, sigmas: float, hair: float) -> Hit | None:
        """The first rule that the next score fulfils."""
        self.low.append(sigmas < -2 - hair)
        self.lowish.append(sigmas < -1 - hair)
        self.below = self.below + 1 if sigmas < -hair else 0
        if self.low[-1] and sum(self.low) >= 2:
            return "2_of_3", 2.0, len(self.low)
        if self.lowish[-1] and sum(self.lowish) >= 4:
            return "4_of_5", 1.0, len(self.lowish)
        return ("8_in_a_row", 0.0, 8) if self.below >= 8 else None


@dataclass(frozen=True, slots=True)
class Ewma(Parameters):
    """`ewma`: a weighted mean that forgets slowly."""

    weight: Annotated[float, Between(0.01, 1.0)] = 0.3
    """How much the newest score counts."""
    limit: Deviations = 3.0
    """How many of its own standard deviations below the mean the lower limit is."""


def ewma(series: Series, parameters: Ewma) -> tuple[Finding, ...]:
    """The weighted mean falls below its limit: a slow erosion, raised once.

    It stays beyond long after the scores are back, so it never says anything about repair.
    """
    return once(Detector.EWMA, series, parameters, ewma_looks)


def ewma_looks(series: Series, run: Run, parameters: Ewma) -> Iterator[Sight]:
    """Every session at which the weighted mean is below its limit."""
    for at, start, mean, sigma, smooth, limit in smoothed(series.scale, run, parameters):
        away = smooth - mean
        if away < limit - mean - series.scale.hair:
            kind = SignalKind.LEVEL_SHIFT
            yield Sight(at, range(start, at + 1), away, away / sigma, limit - mean, kind=kind)


def smoothed(scale: Scale, run: Run, parameters: Ewma) -> Iterator[tuple[int, int, float, float, float, float]]:
    """Position, start of the baseline, its mean and sigma, the weighted mean and its lower limit, at every score."""
    weight = parameters.weight
    for start, end in judged(run):
        if not (fixed := chart(scale, run.scores[start:end][:BASELINE])):
            continue
        mean, sigma = fixed
        smooth, rest = mean, 1.0
        for at in range(start + BASELINE, end):
            smooth = weight * run.scores[at] + (1 - weight) * smooth
            rest *= (1 - weight) ** 2
            limit = mean - parameters.limit * sigma * sqrt(weight / (2 - weight) * (1 - rest))
            yield at, start, mean, sigma, smooth, limit


# -- D5: a loss that lasts --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SuddenLoss(Parameters):
    """`sudden_loss`: a large drop between two sessions that holds for three."""

    limit: Deviations = 1.96
    """Criterion 1: at least so many S_diff. Needs norms."""
    share: Annotated[float, Between(0.0, 1.0)] = 0.25
    """Criterion 2: at least this share of what there was to lose, from the scale's minimum."""


CRITICAL = {6: 2.776, 5: 3.182, 4: 4.303}
"""Of t, 5 % two-tailed, by the number of scores in both windows together."""
WINDOW = 3


def sudden_loss(series: Series, parameters: SuddenLoss) -> tuple[Finding, ...]:
    """A drop that meets (1) size and (2) share, and (3) holds: the means of three scores before and after differ.

    Provisional on 1 and 2 until three scores from the drop on are known; then 3 decides: it is confirmed, or no longer
    there. If the run ends sooner, two scores have to do. As in the published code, 3 multiplies t by the pooled SD and
    is no t-test. It needs two scores before, so the earliest drop it judges is from the second score to the third.
    """
    return once(Detector.SUDDEN_LOSS, series, parameters, loss_looks)


def loss_looks(series: Series, run: Run, parameters: SuddenLoss) -> Iterator[Sight]:
    """Every drop that meets the criteria, as far as they can be judged yet."""
    scale, scores = series.scale, run.scores
    if scale.s_diff is None:
        return
    limit = parameters.limit * scale.s_diff
    open_run = run is series.runs[-1]
    for at in range(2, len(scores)):
        before, loss = scores[at - 1], scores[at - 1] - scores[at]
        if loss < limit - scale.hair or loss < parameters.share * (before - scale.low) - scale.hair:
            continue
        first, end = max(at - WINDOW, 0), min(at + WINDOW, len(scores))
        sure = end - at == WINDOW or not open_run
        if sure and not lasts(scores[first:at], scores[at:end], scale.hair):
            continue
        used = range(first, end) if sure else (at - 1, at)
        certainty = Certainty.CONFIRMED if sure else Certainty.PROVISIONAL
        kind = SignalKind.LEVEL_SHIFT
        yield Sight(at, used, -loss, -loss / scale.s_diff, -limit, at - 1, kind, certainty=certainty)


def lasts(before: Sequence[float], after: Sequence[float], hair: float) -> bool:
    """Criterion 3, which cannot be met with fewer than two scores on either side."""
    if min(len(before), len(after)) < 2:
        return False
    (mean_before, squares_before), (mean_after, squares_after) = map(centred, (before, after))
    count = len(before) + len(after)
    pooled = sqrt((squares_before + squares_after) / (count - 2))
    return mean_before - mean_after > CRITICAL[count] * pooled + hair


def centred(scores: Sequence[float]) -> tuple[float, float]:
    """The mean, and the sum of the squared distances from it."""
    mean = sum(scores) / len(scores)
    return mean, sum((score - mean) ** 2 for score in scores)


# -- D6, D9 and the risk items: what somebody said or coded -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reported(Parameters):
    """`direct_report`: what people said when asked."""

    least_intensity: Annotated[int, Between(1, 5)] = 1
    """Weaker ones are left out; one without an intensity counts."""


def direct_report(series: Series, parameters: Reported) -> tuple[Finding, ...]:
    """Somebody said that there was a problem. Then there was one: it counts from the first session, and each time.

    The grade `resolved_in_session` says that they called it resolved (4 or 5 of 5) in the same breath.
    """
    rule = rule_of(Detector.DIRECT_REPORT, parameters)
    return tuple(
        finding(
            rule, series, SignalKind.DIRECT_REPORT, s, [canonical([s.session_id, astuple(said)])],
            magnitude_raw=said.intensity,
            grade="resolved_in_session" if (said.resolved or 0) >= RESOLVED else None,
        )
        for s in series.sittings
        if (said := s.direct) and said.problem
        and (said.intensity is None or said.intensity >= parameters.least_intensity)
    )  # fmt: skip


RESOLVED = 4
"""So much of 5 is called resolved."""


@dataclass(frozen=True, slots=True)
class Observer3rs(Parameters):
    """`observer_3rs`: what an observer coded."""

    least: Annotated[int, Between(1, 5)] = 3
    """The least salience that counts: 3 is somewhat salient; some projects take anything above 1 for present."""


def observer_3rs(series: Series, parameters: Observer3rs) -> tuple[Finding, ...]:
    """At least one of the four codes is salient, the therapist's as much as the client's. The grade names them."""
    rule = rule_of(Detector.OBSERVER_3RS, parameters)
    found = []
    for s in series.sittings:
        if not s.observer:
            continue
        salient = sorted((code, salience) for code, salience in s.observer if salience >= parameters.least)
        if salient:
            found.append(
                finding(
                    rule, series, SignalKind.OBSERVER_MARKER, s, [canonical([s.session_id, sorted(s.observer)])],
                    magnitude_raw=max(salience for _, salience in salient), threshold=parameters.least,
                    grade="+".join(code for code, _ in salient),
                )
            )  # fmt: skip
    return tuple(found)


@dataclass(frozen=True, slots=True)
class RiskItem(Parameters):
    """`risk_item` has nothing to set: nobody turns down what somebody says about their life."""


def risk_item(series: Series, parameters: RiskItem) -> tuple[Finding, ...]:
    """An answer above the lowest to an item that is never only a number; each time. No diagnosis. The grade names it.

    An incomplete form counts: what was answered was answered.
    """
    rule = rule_of(Detector.RISK_ITEM, parameters)
    low = series.scale.low
    return tuple(
        finding(
            rule, series, SignalKind.RISK_ITEM, s, [canonical([s.session_id, item, float(answer)])],
            magnitude_raw=answer, threshold=low, grade=f"item_{item}",
        )
        for s in series.sittings
        for item, answer in s.answers
        if item in series.risk_items and answer > low + series.scale.hair
    )  # fmt: skip


# -- D7 and the ceiling: the level itself -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cutoff(Parameters):
    """`cutoff`: a published cut-off, as shares of the range from its worst end (SRS: 36 of 40 and 9 of 10 are 0.9)."""

    instruments: Annotated[tuple[Token, ...], Few(20, least=1, distinct=True)] = ("srs",)
    """The forms it is for, by their codes."""
    total: Annotated[float, Between(0.0, 1.0)] = 0.9
    """Of the total's range."""
    total_at: bool = True
    """Whether a total at the cut-off counts as low (36 does)."""
    item: Annotated[float, Between(0.0, 1.0)] | None = 0.9
    """Of an item's range; null: items are not looked at."""
    item_at: bool = False
    """Whether an item at the cut-off counts as low (9 does not)."""


def cutoff(series: Series, parameters: Cutoff) -> tuple[Finding, ...]:
    """The total, or any item, is low in itself. From the first session on; a level that stays low is raised once.

    The grade is `total` or `item`; the magnitude is that number itself. An incomplete form is not a low score.
    """
    if series.instrument not in parameters.instruments:
        return ()
    rule, found = rule_of(Detector.CUTOFF, parameters), []
    for run in series.runs:
        was_low = False
        for s in run.sittings:
            low = lowest(series, s, parameters)
            if low and not was_low:
                grade, number, limit = low
                inputs = [series.norms, canonical([s.session_id, grade, float(number)])]
                found.append(
                    finding(
                        rule, series, SignalKind.LOW_LEVEL, s, inputs, magnitude_raw=number, threshold=limit,
                        grade=grade,
                    )
                )  # fmt: skip
            was_low = low is not None
    return tuple(found)


def lowest(series: Series, sitting: Sitting, parameters: Cutoff) -> tuple[str, float, float] | None:
    """What is low, the number and the cut-off. A reversed item is turned, so that low is bad in all of them."""
    scale = series.scale
    reach = scale.high - scale.low
    if sitting.total is not None:
        limit = scale.items * (scale.low + parameters.total * reach)
        if sitting.total < limit + (scale.hair if parameters.total_at else -scale.hair) * scale.items:
            return "total", sitting.total, limit
    if sitting.answers and parameters.item is not None:
        limit = scale.low + parameters.item * reach
        turned = scale.low + scale.high
        least = min(turned - answer if item in series.downward else answer for item, answer in sitting.answers)
        if least < limit + (scale.hair if parameters.item_at else -scale.hair):
            return "item", least, limit
    return None


@dataclass(frozen=True, slots=True)
class CeilingRun(Parameters):
    """`ceiling_run`: perfect scores in a row."""

    sessions: Annotated[int, Between(2, 50)] = 4
    """How many."""


def ceiling_run(series: Series, parameters: CeilingRun) -> tuple[Finding, ...]:
    """So many scored sessions of one run at the form's maximum: a prompt to check in, not a drop. Raised once."""
    rule, found = rule_of(Detector.CEILING_RUN, parameters), []
    top = series.scale.high - series.scale.hair
    for run in series.runs:
        count = 0
        for at, score in enumerate(run.scores):
            count = count + 1 if score >= top else 0
            if count == parameters.sessions:
                used = range(at + 1 - count, at + 1)
                inputs = [canonical(float(series.scale.high)), *(run.entries[position] for position in used)]
                private = not run.private.isdisjoint(used)
                found.append(
                    finding(
                        rule, series, SignalKind.CEILING_RUN, run.sittings[at], inputs, private=private,
                        threshold=count,
                    )
                )  # fmt: skip
    return tuple(found)


# -- D8: two views ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Divergence(Parameters):
    """`divergence`: client and therapist on the same form, each by the norms of their own."""

    limit: Deviations = 1.0
    """By how many SD the two levels have to differ."""
    change: Deviations = 1.0
    """How many S_diff each has to have moved for opposite changes to count: else every third stable session would."""


class Both(NamedTuple):
    """A session that both have scored."""

    client: Sitting
    therapist: Sitting
    scores: tuple[float, float]
    runs: tuple[int, int]


def divergence(client: Series, therapist: Series, parameters: Divergence) -> tuple[Finding, ...]:
    """Their levels, standardised, are apart, or they have moved apart since the last session that both scored.

    Grade `level`: the magnitude is the client's z minus the therapist's. Grade `opposite_change`: the smaller of the
    two changes in S_diff, signed as the client's is. Raised once for as long as every session both score diverges. The
    first session that both score is not judged: session 1 tells of the form as much as of the pair.
    """
    found = []
    scales = (client.scale, therapist.scale)
    previous: Both | None = None
    diverged = False
    for both in scored_by_both(client, therapist):
        last = previous if previous and previous.runs == both.runs else None
        apart = previous and (
            apart_in_level(both.scores, scales, parameters)
            or (last and apart_in_change(both.scores, last.scores, scales, parameters))
        )
        if apart and not (last and diverged):
            found.append(parted(client, therapist, both, last, apart, parameters))
        previous, diverged = both, bool(apart)
    return tuple(found)


def scored_by_both(client: Series, therapist: Series) -> Iterator[Both]:
    """The sessions that both have scored, in order."""
    theirs = {s.session_id: (s, score, number) for number, s, score in numbered(therapist)}
    for number, s, score in numbered(client):
        if other := theirs.get(s.session_id):
            yield Both(s, other[0], (score, other[1]), (number, other[2]))


def numbered(series: Series) -> Iterator[tuple[int, Sitting, float]]:
    """Every scored sitting with the number of its run."""
    for number, run in enumerate(series.runs):
        for sitting, score in zip(run.sittings, run.scores, strict=True):
            yield number, sitting, score


Apart = tuple[str, float, float]
"""In what, how far, and the limit."""


def apart_in_level(scores: tuple[float, float], scales: tuple[Scale, Scale], parameters: Divergence) -> Apart | None:
    """The levels differ by more than the limit. Needs the norms of both."""
    (x, y), (one, other) = scores, scales
    if one.mean is None or other.mean is None or not one.sd or not other.sd:
        return None
    size = (x - one.mean) / one.sd - (y - other.mean) / other.sd
    return ("level", size, parameters.limit) if abs(size) > parameters.limit + HAIR else None


def apart_in_change(
    now: tuple[float, float], before: tuple[float, float], scales: tuple[Scale, Scale], parameters: Divergence
) -> Apart | None:
    """One went up and the other down, each by more than its error."""
    client, therapist = (a - b for a, b in zip(now, before, strict=True))
    if client * therapist >= 0:
        return None
    errors = [scale.s_diff for scale in scales]
    moved = [abs(change) / error for change, error in zip((client, therapist), errors, strict=True) if error]
    if len(moved) < 2 or min(moved) <= parameters.change + HAIR:
        return None
    return "opposite_change", min(moved) if client > 0 else -min(moved), parameters.change


def parted(
    client: Series, therapist: Series, both: Both, last: Both | None, apart: Apart, parameters: Divergence
) -> Finding:
    """Two views that part at a session."""
    grade, size, threshold = apart
    reference = last if last and grade == "opposite_change" else None
    used = [both, reference] if reference else [both]
    return finding(
        rule_of(Detector.DIVERGENCE, parameters), client, SignalKind.DIVERGENCE, both.client,
        [client.norms, therapist.name, therapist.norms, *(canonical([b.client.session_id, b.scores]) for b in used)],
        compared=True, private=any(s.private_to_client for b in used for s in (b.client, b.therapist)),
        reference_session_id=reference.client.session_id if reference else None,
        magnitude_sd=size, threshold=threshold, grade=grade,
    )  # fmt: skip


# -- the registry -----------------------------------------------------------------------------------------------------


def each(
    see: Callable[[Series, P], tuple[Finding, ...]], *, alliance: bool = True
) -> Callable[[Sequence[Series], P], Iterator[Finding]]:
    """A detector that looks at one series after another."""

    def over_all(seriess: Sequence[Series], parameters: P) -> Iterator[Finding]:
        for series in seriess:
            if series.alliance or not alliance:
                yield from see(series, parameters)

    over_all.__doc__ = see.__doc__
    return over_all


def two_views(seriess: Sequence[Series], parameters: Divergence) -> Iterator[Finding]:
    """Client and therapist on every form that both fill in; two forms are not compared.

    Grade `level`: their levels differ, each standardised by its own norms. Grade `opposite_change`: one went up and the
    other down, each by more than its error. Raised once for as long as every session both score diverges; the first
    that both score is not judged.
    """
    for client in seriess:
        for therapist in seriess:
            raters = (client.rater, therapist.rater) == (Rater.CLIENT, Rater.THERAPIST)
            if raters and client.alliance and client.instrument == therapist.instrument:
                yield from divergence(client, therapist, parameters)


DETECTORS: Mapping[Detector, Known] = MappingProxyType({
    Detector.RCI_DROP: Known(1, RciDrop, each(rci_drop)),
    Detector.WITHIN_CLIENT_DROP: Known(1, WithinClientDrop, each(within_client_drop)),
    Detector.SHEWHART_XMR: Known(1, ShewhartXmr, each(shewhart_xmr)),
    Detector.EWMA: Known(1, Ewma, each(ewma)),
    Detector.SUDDEN_LOSS: Known(1, SuddenLoss, each(sudden_loss)),
    Detector.DIRECT_REPORT: Known(1, Reported, each(direct_report)),
    Detector.CUTOFF: Known(2, Cutoff, each(cutoff)),
    Detector.DIVERGENCE: Known(1, Divergence, two_views, beside=True),
    Detector.CEILING_RUN: Known(1, CeilingRun, each(ceiling_run)),
    Detector.RISK_ITEM: Known(1, RiskItem, each(risk_item, alliance=False)),
    Detector.OBSERVER_3RS: Known(1, Observer3rs, each(observer_3rs)),
    Detector.SHRUNK_PREDICTION: Known(SHRUNK_VERSION, ShrunkPrediction, shrunk_prediction),
})  # fmt: skip
"""Every detector there is. A new one is a function, its parameters and a line here; a changed one has a new version."""


def rules(chosen: Mapping[Detector, Parameters]) -> dict[Detector, Rule]:
    """The detectors as they will run."""
    return {name: rule_of(name, parameters) for name, parameters in chosen.items()}


def detect(seriess: Sequence[Series], chosen: Mapping[Detector, Parameters]) -> tuple[Finding, ...]:
    """Everything that the chosen detectors see in the series of one relationship, in the order they are chosen."""
    return tuple(f for name, parameters in chosen.items() for f in DETECTORS[name].see(seriess, parameters))
