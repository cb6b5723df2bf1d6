"""Thresholds: what the norms of a form say of any change on it, before anybody has filled it in.

How large a change must be to be more than the form's own error, and where the line lies between those who are in
treatment and those who are not (Jacobson & Truax 1991, JCCP 59:12-19, doi 10.1037/0022-006X.59.1.12). M1 and s1 are
mean and SD of the clinical sample, M0 and s0 of the functional one. Where a number is missing, it says which.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import NamedTuple

from domain.detection import Rater, s_diff
from domain.form import Form, Norm, NormGroup, Scoring
from domain.scoring import HAIR

LIMIT = 1.96
"""How many standard errors of a difference a change must come to: beyond them lie 5 % of the changes that are none."""


class Missing(StrEnum):
    """Why something cannot be computed."""

    NO_SCORE = "no_score"
    """No form was complete enough for a score."""
    ONE_SCORE = "one_score"
    """There is one score only, and a change takes two."""
    NO_SD = "no_sd"
    """No sample is known that gives the SD of the form's scores."""
    NO_RELIABILITY = "no_reliability"
    """The form's reliability is not known."""
    NO_CLINICAL_SAMPLE = "no_clinical_sample"
    """No sample of people in treatment is known with its mean and SD."""
    NO_FUNCTIONAL_SAMPLE = "no_functional_sample"
    """No sample of people who are not in treatment is known with its mean and SD."""
    NO_GAP = "no_gap"
    """The functional sample is no better off than the clinical one, so there is nothing between them."""


class CutOffName(StrEnum):
    """Which cut-off between the clinical and the functional group."""

    A = "a"
    """Two SD from the mean of the clinical sample, towards health."""
    B = "b"
    """Two SD of the functional sample from its own mean, towards illness."""
    C = "c"
    """Where the two samples meet: between their means, in the ratio of their SDs."""


class LineKind(StrEnum):
    """What somebody must have crossed to have recovered."""

    CUTOFF_C = "cutoff_c"
    """Cut-off c, from a clinical and a functional sample."""
    CASENESS_LINE = "caseness_line"
    """The instrument's caseness line: a service's convention, used while no functional sample is known."""


class Reach(StrEnum):
    """Whether the points of reliable change must be reached or exceeded."""

    AT_LEAST = "at_least"
    """So many points are enough: on a form of whole points they are rounded up."""
    MORE_THAN = "more_than"
    """It must be more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number of a sample, with where it is from."""

    value: float
    """The number."""
    population: str
    """Who was measured."""
    source: str
    """Where it is published."""
    verified: bool
    """Whether it was read at that source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOff:
    """One cut-off, or why there is none."""

    cutoff: CutOffName
    """Which one."""
    value: float | None
    """The score, in the form's own unit."""
    not_computable: Missing | None
    """Why there is none."""
    formula: str
    """How it is computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliableChange:
    """What a change must come to, in points of the form, to be more than its error."""

    points: float
    """The points, either way."""
    reach: Reach
    """Whether they must be reached or exceeded."""
    s_diff: float
    """The standard error of a difference of two scores."""
    unrounded: float
    """1.96 times that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClinicalLine:
    """The line that tells the clinical side from the other. A score on it is on the clinical side."""

    kind: LineKind
    """What line it is."""
    value: float
    """The score, in the form's own unit."""
    source: str
    """Where it is from."""
    verified: bool
    """Whether that was read at the source. A convention that was not is no standard to quote."""


# -- what a change must come to ------------------------------------------------------------------------------------


def in_whole_points(form: Form) -> bool:
    """Whether every complete score of the form is a whole number."""
    whole = float(form.step).is_integer() and float(form.low).is_integer()
    return bool(form.items) and whole and (form.scoring is Scoring.SUM or form.keyed == 1)


def reliable_change(sd: float, reliability: float, *, whole: bool) -> ReliableChange:
    """What a change must come to: of whole points the fewest that reach it before rounding (5.61 takes 6)."""
    error = s_diff(sd, reliability)
    unrounded = LIMIT * error
    points = float(max(1, ceil(unrounded - HAIR))) if whole else unrounded
    reach = Reach.AT_LEAST if whole else Reach.MORE_THAN
    return ReliableChange(points=points, reach=reach, s_diff=error, unrounded=unrounded)


def figure(form: Form, name: str) -> Figure | None:
    """The `sd` or `reliability` that reliable change rests on, with where it is from."""
    norm = form.sample(name, rater=Rater.CLIENT)
    if norm is None:
        return None
    value = float(getattr(norm, name))
    return Figure(value=value, population=norm.population, source=norm.source, verified=norm.verified)


def is_reliable(form: Form, gain: float, needed: ReliableChange) -> bool:
    """Whether a change of so many points is more than the form's error."""
    hair = HAIR * form.step
    return gain >= needed.points - hair if needed.reach is Reach.AT_LEAST else gain > needed.points + hair


# -- the line -----------------------------------------------------------------------------------------------------


def up(form: Form) -> int:
    """1 where more is better, -1 where less is."""
    return 1 if form.higher_is_better else -1


def sample(form: Form, group: NormGroup) -> Norm | None:
    """The sample of a group that cut-offs rest on."""
    return form.sample("mean", "sd", rater=Rater.CLIENT, group=group)


class Moments(NamedTuple):
    """The mean and the SD of a sample."""

    mean: float
    sd: float


def moments(norm: Norm | None) -> Moments | None:
    """What cut-offs take of a sample."""
    return Moments(norm.mean, norm.sd) if norm and norm.mean is not None and norm.sd is not None else None


def cutoffs(form: Form) -> tuple[CutOff, CutOff, CutOff]:
    """The cut-offs a, b and c, each with its value or why there is none."""
    clinical, functional = (moments(sample(form, group)) for group in NormGroup)
    better, worse = ("+", "-") if form.higher_is_better else ("-", "+")
    a = clinical.mean + up(form) * 2 * clinical.sd if clinical else Missing.NO_CLINICAL_SAMPLE
    b = functional.mean - up(form) * 2 * functional.sd if functional else Missing.NO_FUNCTIONAL_SAMPLE
    return (
        cutoff(CutOffName.A, a, f"M1 {better} 2 * s1"), cutoff(CutOffName.B, b, f"M0 {worse} 2 * s0"),
        cutoff(CutOffName.C, between(form, clinical, functional), "(s1 * M0 + s0 * M1) / (s0 + s1)"),
    )  # fmt: skip


def between(form: Form, clinical: Moments | None, functional: Moments | None) -> float | Missing:
    """Cut-off c, or why there is none."""
    if clinical is None:
        return Missing.NO_CLINICAL_SAMPLE
    if functional is None:
        return Missing.NO_FUNCTIONAL_SAMPLE
    if up(form) * (functional.mean - clinical.mean) <= 0:
        return Missing.NO_GAP
    return (clinical.sd * functional.mean + functional.sd * clinical.mean) / (functional.sd + clinical.sd)


def cutoff(name: CutOffName, found: float | Missing, formula: str) -> CutOff:
    """One cut-off, from its value or from why there is none."""
    if isinstance(found, Missing):
        return CutOff(cutoff=name, value=None, not_computable=found, formula=formula)
    return CutOff(cutoff=name, value=found, not_computable=None, formula=formula)


def line_of(form: Form) -> ClinicalLine | None:
    """Cut-off c where both samples are known, else the caseness line, if the form has one."""
    clinical, functional = (sample(form, group) for group in NormGroup)
    _, _, c = cutoffs(form)
    if c.value is not None and clinical and functional:
        return ClinicalLine(
            kind=LineKind.CUTOFF_C, value=c.value, verified=clinical.verified and functional.verified,
            source=f"Clinical: {clinical.source} Functional: {functional.source}",
        )  # fmt: skip
    if (known := form.caseness) is None:
        return None
    return ClinicalLine(
        kind=LineKind.CASENESS_LINE, value=known.line, source=known.source, verified=known.verified
    )  # fmt: skip


def is_clinical(form: Form, score: float, line: ClinicalLine) -> bool:
    """Whether a score is on the line or beyond it, away from health."""
    return up(form) * (score - line.value) <= HAIR * form.step
