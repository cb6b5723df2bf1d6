"""Detection: the words for what detectors see in ratings, and the series they see it in.

A detector is a pure function over a series; what it finds is a question for a clinician, never a rupture. No published
rule is a standard (Lipner et al. 2022, doi 10.1002/cpp.2606; Gumz et al. 2012, doi 10.1186/1471-2288-12-10), so every
finding names its detector, version and parameters, and carries a hash of exactly the inputs it rests on.

Scores are item means, higher is better. `detectors` holds the detectors, `episodes` what became of a drop.

The vocabulary is its length: every word a detector may say, and what each stands for, in one place.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from math import sqrt
from typing import Any, NamedTuple
from uuid import UUID

from domain.values import Said

LONGEST_GAP = timedelta(days=42)
"""Scored sessions further apart than this are not compared: a run starts anew (six weeks, the project's choice)."""
HAIR = 1e-9
"""Rounding, as a share of the scale's range: what differs by less than this is a tie."""


class Rater(StrEnum):
    """Whose view a series is. Views are never blended."""

    CLIENT = "client"
    """The client."""
    THERAPIST = "therapist"
    """The therapist."""
    OBSERVER = "observer"
    """Somebody who codes recordings, or sits in."""
    SUPERVISOR = "supervisor"
    """The therapist's supervisor."""


class Detector(StrEnum):
    """A way of seeing a strain. None is named after an author: the published rules are not reproduced to the letter."""

    RCI_DROP = "rci_drop"
    """A drop that is larger than the form's error (reliable change: Jacobson & Truax 1991, doi
    10.1037/0022-006X.59.1.12)."""
    WITHIN_CLIENT_DROP = "within_client_drop"
    """A drop that is large for this client, and not small for the form (after Gumz et al. 2012)."""
    SHEWHART_XMR = "shewhart_xmr"
    """A score below the control limits of the run's first scores (individuals chart)."""
    EWMA = "ewma"
    """A slow erosion: the exponentially weighted mean leaves its limits."""
    SUDDEN_LOSS = "sudden_loss"
    """A large drop that lasts (after Tang & DeRubeis 1999, doi 10.1037/0022-006X.67.6.894). It misses every V."""
    SHRUNK_PREDICTION = "shrunk_prediction"
    """A score far below what the client's own run, shrunk towards the reference sample, predicts (ours)."""
    DIRECT_REPORT = "direct_report"
    """Somebody who was there said so. It outranks every inference."""
    CUTOFF = "cutoff"
    """A score at or below the form's published cut-off (Session Rating Scale: Duncan et al. 2003)."""
    DIVERGENCE = "divergence"
    """Client and therapist see it differently."""
    CEILING_RUN = "ceiling_run"
    """Perfect scores, again and again: a reason to ask, not a good sign."""
    RISK_ITEM = "risk_item"
    """An answer that is never only a number (PHQ-9, item 9)."""
    OBSERVER_3RS = "observer_3rs"
    """An observer coded a salient marker (Eubanks & Muran 2022, doi 10.13140/RG.2.2.29780.17282)."""


class SignalKind(StrEnum):
    """What was seen."""

    DROP = "drop"
    """A score fell."""
    LEVEL_SHIFT = "level_shift"
    """The level sank, suddenly or little by little, and stayed."""
    LOW_LEVEL = "low_level"
    """The score is low in itself."""
    CEILING_RUN = "ceiling_run"
    """Perfect scores in a row: a prompt to check in."""
    DIVERGENCE = "divergence"
    """Two views part."""
    DIRECT_REPORT = "direct_report"
    """Somebody said so."""
    OBSERVER_MARKER = "observer_marker"
    """An observer saw a marker."""
    RISK_ITEM = "risk_item"
    """An answer that somebody has to ask about."""


class Certainty(StrEnum):
    """Whether later sessions can still change it."""

    PROVISIONAL = "provisional"
    """It waits for later sessions."""
    CONFIRMED = "confirmed"
    """All that the detector needs is known. Not that there was a rupture: a person says that."""


class RepairRule(StrEnum):
    """When a dip counts as over, by the scores or by the client's word. What clinicians record is a separate fact."""

    FULL_RETURN = "full_return"
    """The score is back where it was."""
    WITHIN_SDIFF = "within_sdiff"
    """It is back to within the form's error (one S_diff)."""
    HALF_RECOVERY = "half_recovery"
    """Half of the way down is regained."""
    IN_CONTROL = "in_control"
    """Two scores in a row are within the frozen limits of the chart; dated at the second."""
    DIRECT = "direct"
    """The client says it is resolved, 4 or 5 of 5."""


class EpisodeState(StrEnum):
    """What became of a dip."""

    OPEN = "open"
    """The window is not over."""
    REPAIRED = "repaired"
    """A rule says it is over."""
    UNREPAIRED_SO_FAR = "unrepaired_so_far"
    """The window is over and no rule was met. Not a failure."""
    NOT_ASSESSABLE = "not_assessable"
    """The run ended, or the rule lacks what it needs: before and after cannot be compared."""


class ObserverCode(StrEnum):
    """The four constructs of the 3RS (Eubanks & Muran 2022): both parties can strain an alliance."""

    WD_P = "wd_p"
    """The client withdraws."""
    CF_P = "cf_p"
    """The client confronts."""
    WD_T = "wd_t"
    """The therapist withdraws."""
    CF_T = "cf_t"
    """The therapist confronts."""


def s_diff(sd: float, reliability: float) -> float:
    """The standard error of a difference of two scores (Jacobson & Truax 1991, doi 10.1037/0022-006X.59.1.12)."""
    return sqrt(2 * (1 - reliability)) * sd


@dataclass(frozen=True, slots=True)
class Scale:
    """The range and the norms of one instrument, as one rater uses it. Points are those of the item mean."""

    low: float
    """The lowest item mean."""
    high: float
    """The highest."""
    items: int
    """How many items it has."""
    step: float = 1.0
    """The smallest difference between two answers to one item."""
    mean: float | None = None
    """Of the reference sample."""
    sd: float | None = None
    """Of the reference sample."""
    reliability: float | None = None
    """0 to 1; for change from session to session, the internal consistency."""

    @property
    def s_diff(self) -> float | None:
        """The standard error of a difference of two scores, where there are norms."""
        if self.sd is None or self.reliability is None:
            return None
        return s_diff(self.sd, self.reliability) or None

    @property
    def floor(self) -> float:
        """The least spread that is believed: one step of one item, or the standard error of a score if that is more.

        A client at the ceiling would else alarm on a single item.
        """
        return max(self.step / self.items, (self.s_diff or 0.0) / sqrt(2))

    @property
    def hair(self) -> float:
        """What differs by no more than this is a tie."""
        return HAIR * (self.high - self.low)


@dataclass(frozen=True, slots=True)
class DirectReport:
    """What somebody said when they were asked whether there was tension, a problem or a misunderstanding."""

    problem: bool
    """Whether there was."""
    intensity: int | None = None
    """How strong it was, 1 to 5."""
    resolved: int | None = None
    """How far it is resolved by now, 1 to 5."""


class Sitting(NamedTuple):
    """A held session, as one rater rated it, or did not.

    A tuple, since a relationship has hundreds of them: a frozen dataclass takes two and a half times as long to make.
    """

    session_id: UUID
    at: datetime
    ordinal: int = 0
    """Which of the held sessions it is, from 1."""
    run: str = ""
    """What has to stay the same for scores to be compared: form, version, therapists, modality."""
    score: float | None = None
    """The item mean, higher is better. None: not scored, or incomplete; never zero."""
    total: float | None = None
    """The sum of all items, higher is better, where the form has one."""
    answers: tuple[tuple[int, float], ...] = ()
    """Item numbers with answers, as they were given."""
    direct: DirectReport | None = None
    """What the rater said when asked."""
    observer: tuple[tuple[ObserverCode, int], ...] = ()
    """3RS codes with their salience, 1 to 5."""
    new_baseline: bool = False
    """A confirmed repair, or a clinician, has a new baseline begin here."""
    private_to_client: bool = False
    """The client chose not to show this rating to the therapist."""


@dataclass(frozen=True)
class Run:
    """Scores that may be compared with each other, in order."""

    sittings: tuple[Sitting, ...]
    """Scored ones only."""
    scores: tuple[float, ...]
    baselines: tuple[int, ...]
    """The positions at which a baseline begins; the first is 0."""

    @cached_property
    def entries(self) -> tuple[str, ...]:
        """Sessions and scores as a hash takes them: told once, however many findings rest on them."""
        both = zip(self.sittings, self.scores, strict=True)
        return tuple(f'["{sitting.session_id}",{score!r}]' for sitting, score in both)

    @cached_property
    def private(self) -> frozenset[int]:
        """The positions of what the client does not show the therapist."""
        return frozenset(at for at, sitting in enumerate(self.sittings) if sitting.private_to_client)


@dataclass(frozen=True, kw_only=True)
class Series:
    """Every held session of one relationship, in order, as one rater rated it on one version of one form."""

    rater: Rater
    instrument: str
    version: str
    scale: Scale
    sittings: tuple[Sitting, ...]
    alliance: bool = True
    """Whether it measures the alliance. Of any other form only the risk items are read."""
    risk_items: tuple[int, ...] = ()
    """The items of the form that are never only numbers."""
    downward: tuple[int, ...] = ()
    """Those in which a higher answer is a worse one; of all others a higher one is better."""
    rater_id: str = ""
    """Who of those who rate in that role."""

    @cached_property
    def name(self) -> str:
        """Which series it is, as a hash takes it."""
        return canonical([self.rater, self.rater_id, self.instrument, self.version])

    @cached_property
    def norms(self) -> str:
        """The scale, as a hash takes it."""
        return canonical([float(v) if v is not None else v for v in astuple(self.scale)])

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """The scored sessions, parted where nothing may be compared: a gap of more than 42 days, another `run`.

        Only scored sessions decide: a session without a score changes nothing.
        """
        parts: list[list[Sitting]] = []
        starts: list[list[int]] = []
        last: Sitting | None = None
        fresh = False
        for sitting in self.sittings:
            fresh |= sitting.new_baseline
            if sitting.score is None:
                continue
            if last is None or sitting.run != last.run or sitting.at - last.at > LONGEST_GAP:
                parts.append([])
                starts.append([0])
            elif fresh:
                starts[-1].append(len(parts[-1]))
            fresh = False
            parts[-1].append(sitting)
            last = sitting
        return tuple(
            Run(tuple(part), tuple(float(s.score) for s in part if s.score is not None), tuple(start))
            for part, start in zip(parts, starts, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Parameters(Said):
    """What a practice may set about a detector. Every detector has its own, with defaults."""

    def plain(self) -> dict[str, Any]:
        """As JSON holds them."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Rule:
    """A detector as it is run: what a finding has to have been made by to be compared with another."""

    detector: Detector
    version: int
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a detector saw at one session."""

    detector: Detector
    version: int
    """The detector's version: findings of two versions are not mixed."""
    parameters: Mapping[str, Any]
    """What it ran with."""
    kind: SignalKind
    rater: Rater | None
    """Whose series; none where two are compared."""
    instrument: str
    instrument_version: str
    session_id: UUID
    """The onset: where it was first to be seen."""
    reference_session_id: UUID | None = None
    """The session it is compared with, where it is one. None where no single session stands for how it was: a score is
    compared with the mean of a baseline (`shewhart_xmr`, `ewma`, `rci_drop` from `baseline_mean`), with a prediction
    from all scores before it (`shrunk_prediction`) or with a level (`cutoff`, `ceiling_run`, `risk_item`), and what
    somebody said, coded or sees differently with nothing before it."""
    magnitude_raw: float | None = None
    """How far from the reference, in points of the item mean, a drop being negative; without a reference, the number
    itself."""
    magnitude_sd: float | None = None
    """The same in the standard deviations that the detector goes by."""
    threshold: float | None = None
    """The limit that `magnitude_raw` went past, or `magnitude_sd` where there is no raw one."""
    grade: str | None = None
    """The strictest of the detector's grades that it reaches, or what exactly was seen."""
    certainty: Certainty = Certainty.CONFIRMED
    inputs_hash: str
    """SHA-256 (the first 128 bits) over the inputs it was computed from and nothing else."""
    private_to_client: bool = False
    """It rests on a rating that the client does not show the therapist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A dip in one series: where it began, how deep and long it was, and whether it is over."""

    rater: Rater
    """Whose series it is in."""
    instrument: str
    """The code of the form; empty where somebody was asked without one."""
    instrument_version: str
    """Its version."""
    onset_session_id: UUID
    """The session it began in."""
    trough_session_id: UUID | None
    """Its lowest score so far; none if nothing in it was scored."""
    length_sessions: int
    """Held sessions from the onset to the repair, or to the last one looked at."""
    magnitude_raw: float | None
    """From the last score before it to the trough, in points of the item mean; negative."""
    magnitude_sd: float | None
    """The same in the client's own standard deviations before it, floored as `within_client_drop` does."""
    state: EpisodeState
    """What became of it, by the practice's rules. A clinician's record of the repair is a separate fact."""
    repaired_session_id: UUID | None = None
    """The session at which it was over."""
    rule: RepairRule | None = None
    """The rule by which it was."""


@dataclass(frozen=True, slots=True)
class Known:
    """A detector in the registry."""

    version: int
    parameters: type[Parameters]
    see: Callable[[Sequence[Series], Any], Iterable[Finding]]
    """Over all series of one relationship."""
    beside: bool = False
    """Whether it holds one rater's series against another's. Of the others each series may be looked at by itself."""


def canonical(inputs: Any) -> str:
    """JSON in the one spelling that is hashed."""
    return json.dumps(inputs, separators=(",", ":"), sort_keys=True, default=str)


def fingerprint(told: Iterable[str]) -> str:
    """SHA-256 over inputs as canonical JSON, the first 128 bits as hexadecimal digits."""
    return sha256(f"[{','.join(told)}]".encode()).hexdigest()[:32]
