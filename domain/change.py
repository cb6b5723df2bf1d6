"""Change: what became of a client between the first and the last score of one form. Evidence beside others, no verdict.

Two questions, answered apart: is the change more than the form's own error, and did it lead across the line between
those who are in treatment and those who are not (see `thresholds`)? The line is cut-off c where a functional sample is
known, else the form's caseness line; the answer says which, with every number it rests on. Editions are never compared,
and what was too incomplete for a score is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from domain.form import Form, Norm, NormGroup
from domain.scoring import Completeness
from domain.thresholds import (
    ClinicalLine,
    CutOff,
    Figure,
    LineKind,
    Missing,
    Reach,
    ReliableChange,
    cutoffs,
    figure,
    in_whole_points,
    is_clinical,
    is_reliable,
    line_of,
    reliable_change,
    sample,
    up,
)


class OutcomeClass(StrEnum):
    """What became of somebody, by one form."""

    RECOVERED = "recovered"
    """Reliably better, from the clinical side of the line to the other. Who began on the other side cannot."""
    IMPROVED = "improved"
    """Reliably better."""
    UNCHANGED = "unchanged"
    """Whatever changed is within the form's error."""
    DETERIORATED = "deteriorated"
    """Reliably worse."""
    NOT_COMPUTABLE = "not_computable"
    """A number is missing that the class rests on."""


WORDS = {
    Missing.NO_SCORE: "No class: no form was complete enough for a score.",
    Missing.ONE_SCORE: "No class: there is one score only, and a change takes two.",
    Missing.NO_SD: "No class: no norm gives the SD of this form's scores.",
    Missing.NO_RELIABILITY: "No class: no norm gives this form's reliability.",
}
IN_NORMS = (Missing.NO_SD, Missing.NO_RELIABILITY)
"""What the practice can supply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """One score."""

    id: UUID
    """The outcome score."""
    rated_on: date
    """The day it was filled in."""
    score: float
    """The whole form, unrounded."""
    completeness: Completeness
    """How much was answered; a prorated score counts, an incomplete form has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeChange:
    """What became of a client by one edition of one instrument, and everything that this rests on."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"use_attribute_docstrings": True}

    instrument: str
    """The instrument's code."""
    instrument_version: str
    """Its edition. Another edition has an entry of its own."""
    title: str
    """Its name."""
    higher_is_better: bool
    """Which way is up."""
    scores: int
    """How many forms had a score."""
    left_out: int
    """How many were too incomplete for one."""
    first: Reached | None
    """The first score, where the change is counted from."""
    last: Reached | None
    """The last, if there is more than one."""
    change: float | None
    """The last score less the first."""
    outcome_class: OutcomeClass
    """What that comes to."""
    not_computable: Missing | None
    """Why there is no class."""
    reliable_change: ReliableChange | None
    """What a change must come to."""
    line: ClinicalLine | None
    """The line that `recovered` was judged by; without one nobody is said to have recovered."""
    cutoffs: tuple[CutOff, ...]
    """The cut-offs a, b and c."""
    sd: Figure | None
    """The SD between people that reliable change rests on."""
    reliability: Figure | None
    """The reliability that it rests on."""
    clinical_sample: Norm | None
    """The clinical sample that the cut-offs rest on."""
    functional_sample: Norm | None
    """The functional sample that they rest on."""
    formula: str
    """How reliable change was computed."""
    says: tuple[str, ...]
    """The same in words, one sentence after the other."""


# -- the class ----------------------------------------------------------------------------------------------------


def change(
    form: Form, reached: Sequence[Reached], left_out: int = 0, *, to_client: bool = False
) -> OutcomeChange:  # fmt: skip
    """What became of a client by a form. `reached` are the scores on it, in the order in which they were filled in.

    What the practice could do about its norms is left out of what is said `to_client`.
    """
    sd, reliability = figure(form, "sd"), figure(form, "reliability")
    first, last = (reached[0], reached[-1] if len(reached) > 1 else None) if reached else (None, None)
    needed = reliable_change(sd.value, reliability.value, whole=in_whole_points(form)) if sd and reliability else None
    line, found = line_of(form), OutcomeClass.NOT_COMPUTABLE
    if first and last and needed:
        found = classified(form, first.score, last.score, needed, line)
    told = OutcomeChange(
        instrument=form.code, instrument_version=form.edition, title=form.title,
        higher_is_better=form.higher_is_better, scores=len(reached), left_out=left_out, first=first, last=last,
        change=last.score - first.score if first and last else None, outcome_class=found,
        not_computable=missing(first, last, sd, reliability), reliable_change=needed, line=line, cutoffs=cutoffs(form),
        sd=sd, reliability=reliability, clinical_sample=sample(form, NormGroup.CLINICAL),
        functional_sample=sample(form, NormGroup.FUNCTIONAL), formula=formula(sd, reliability, needed), says=(),
    )  # fmt: skip
    return replace(told, says=tuple(in_words(form, told, to_client=to_client)))


def missing(
    first: Reached | None, last: Reached | None, sd: Figure | None, reliability: Figure | None
) -> Missing | None:
    """The first thing that a class cannot do without and that is not there."""
    if first is None:
        return Missing.NO_SCORE
    if last is None:
        return Missing.ONE_SCORE
    if sd is None:
        return Missing.NO_SD
    return None if reliability else Missing.NO_RELIABILITY


def classified(
    form: Form, first: float, last: float, needed: ReliableChange, line: ClinicalLine | None
) -> OutcomeClass:
    """The class of a change from the first score to the last."""
    gain = up(form) * (last - first)
    if is_reliable(form, -gain, needed):
        return OutcomeClass.DETERIORATED
    if not is_reliable(form, gain, needed):
        return OutcomeClass.UNCHANGED
    crossed = line and is_clinical(form, first, line) and not is_clinical(form, last, line)
    return OutcomeClass.RECOVERED if crossed else OutcomeClass.IMPROVED


# -- in words -----------------------------------------------------------------------------------------------------


def formula(sd: Figure | None, reliability: Figure | None, needed: ReliableChange | None) -> str:
    """How reliable change is computed, with the numbers where there are some."""
    s, r = f"{sd.value:g}" if sd else "sd", f"{reliability.value:g}" if reliability else "reliability"
    said = f"1.96 * sqrt(2) * {s} * sqrt(1 - {r})"
    if needed is None:
        return said
    rounded = f", so {needed.points:g} or more" if needed.reach is Reach.AT_LEAST else ", to be exceeded"
    return f"{said} = {needed.unrounded:.2f} points{rounded}"


SAID = {
    OutcomeClass.RECOVERED: "That is clearly better, and now on the better side of {line}.",
    OutcomeClass.IMPROVED: "That is clearly better.",
    OutcomeClass.UNCHANGED: "The difference is too small to tell from chance.",
    OutcomeClass.DETERIORATED: "The score is clearly worse than at the start. Talk it over together.",
}


def in_words(form: Form, told: OutcomeChange, *, to_client: bool) -> Iterator[str]:
    """What became of somebody, and which line it was judged by; to the practice, what is missing as well."""
    if told.not_computable:
        yield WORDS[told.not_computable]
    elif told.first and told.last:
        became = SAID[told.outcome_class].format(line=which(form, told.line))
        yield f"From {told.first.score:g} to {told.last.score:g} points. {became}"
        if told.line and not is_clinical(form, told.first.score, told.line):
            yield "The first score was already on the better side of the line, so 'recovered' does not apply."
    yield from judged_by(told.line)
    if not to_client:
        yield from lacking(told)


def which(form: Form, line: ClinicalLine | None) -> str:
    """A line by its number, and which side of it is the better one."""
    better = "higher" if form.higher_is_better else "lower"
    return f"the line of {rounded(line.value)} ({better} is better)" if line else ""


def rounded(value: float) -> str:
    """A score as it is told; the number beside it is exact."""
    return f"{round(value, 2):g}"


def judged_by(line: ClinicalLine | None) -> Iterator[str]:
    """Which line tells who recovered, and what it is not."""
    if line is None:
        yield "This form has no line that tells 'recovered' from 'improved'."
    elif line.kind is LineKind.CUTOFF_C:
        yield f"The line is cut-off c, {rounded(line.value)}: between the clinical and the functional sample."
    else:
        convention = "a convention" if line.verified else "a convention that was not checked at its source"
        yield f"The line is the caseness line, {rounded(line.value)}: {convention}."
        yield "This is one form only; it is not the NHS recovery figure."


def lacking(told: OutcomeChange) -> Iterator[str]:
    """What the practice's norms lack, and the way to it."""
    if told.not_computable in IN_NORMS:
        yield "Give the instrument a norm that has it."
    _, _, c = told.cutoffs
    if c.not_computable:
        yield UNKNOWN[c.not_computable]


UNKNOWN: Mapping[Missing, str] = {
    Missing.NO_CLINICAL_SAMPLE: "Cut-off c needs a clinical sample with its mean and SD: give the instrument one.",
    Missing.NO_FUNCTIONAL_SAMPLE: "Cut-offs b and c need a functional sample with its mean and SD, and these norms "
    "hold none: give the instrument one.",
    Missing.NO_GAP: "Cut-off c needs a functional sample that is better off than the clinical one: look at the norms.",
}
