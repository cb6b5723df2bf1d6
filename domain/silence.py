"""Where a detector or a rule of repair can say nothing, for want of norms; and what would give it a voice.

A detector that stays silent for want of norms looks like an alliance without a strain, so whoever chooses it is told.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from domain.detection import Detector, Parameters, Rater, RepairRule
from domain.detectors import DETECTORS, Cutoff
from domain.form import Form, InstrumentKind
from domain.instruments import BUILT_IN
from domain.move import Advisory
from domain.scoring import listed

S_DIFF = ("sd", "reliability")
"""What the error of a form follows from."""
NEEDS: Mapping[Detector | RepairRule, tuple[tuple[str, ...], ...]] = MappingProxyType({
    Detector.RCI_DROP: (S_DIFF,),
    Detector.SUDDEN_LOSS: (S_DIFF,),
    Detector.DIVERGENCE: (("mean", "sd"), S_DIFF),
    RepairRule.WITHIN_SDIFF: (S_DIFF,),
})  # fmt: skip
"""What needs norms, and which; of several sets one is enough. All else goes by the client's own scores, by the range of
the form, or by what somebody said."""
COMPARED = (Rater.CLIENT, Rater.THERAPIST)
"""Where two views are compared, both need the norms; else whoever rates."""
WAY_OUT = "Define the instrument at /v1/instruments with norms of yours (one that is built in with its own key)."


def lacking(name: Detector | RepairRule, form: Form) -> dict[Rater, tuple[str, ...]]:
    """The norms that are missing of a form where nothing can be told, by rater; empty where something can."""
    beside = isinstance(name, Detector) and DETECTORS[name].beside
    found: dict[Rater, tuple[str, ...]] = {}
    for raters in [COMPARED] if beside else [(rater,) for rater in form.rated_by]:
        if not set(raters) <= set(form.rated_by):
            continue
        short = [{r: [n for n in one if form.norm(n, rater=r) is None] for r in raters} for one in NEEDS[name]]
        if all(any(each.values()) for each in short):
            found |= {r: tuple(dict.fromkeys(n for each in short for n in each[r])) for r in raters}
    return {rater: names for rater, names in found.items() if names}


def measures(own: Iterable[Form]) -> list[Form]:
    """The forms of the alliance there are: those of the practice, which stand in for built-in ones, and the others."""
    known = {(form.code, form.edition): form for form in (*BUILT_IN, *own)}
    return [form for form in known.values() if form.kind is InstrumentKind.ALLIANCE]


def advice(
    chosen: Mapping[Detector, Parameters], rules: Iterable[RepairRule], own: Iterable[Form]
) -> Iterator[Advisory]:
    """What of a choice will say nothing about the forms there are, and what to do about it."""
    forms = measures(own)
    names: list[Detector | RepairRule] = [*chosen, *rules]
    for name in names:
        if name in NEEDS and (told := [said(form, gaps) for form in forms if (gaps := lacking(name, form))]):
            detail = f"{name} says nothing about {'; '.join(told)}: these norms are missing. {WAY_OUT}"
            yield Advisory(code="norms_missing", detail=detail, source="The norms of the forms that ratings may name")
    cutoff = chosen.get(Detector.CUTOFF)
    if isinstance(cutoff, Cutoff) and (unknown := set(cutoff.instruments) - {form.code for form in forms}):
        detail = f"No form of the alliance is called {listed(sorted(unknown))}; {Detector.CUTOFF} says nothing of it."
        yield Advisory(code="form_unknown", detail=detail, source="The codes of the forms that ratings may name")


def said(form: Form, gaps: Mapping[Rater, tuple[str, ...]]) -> str:
    """A form, whose ratings it is about, and what is missing there."""
    by = [f"by the {rater} ({listed(names)})" for rater, names in gaps.items()]
    return f"{form.code} {form.edition} {', '.join(by)}"
