"""Where detectors have nothing to go by, they say so beforehand."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from domain.choosing import Choice, chosen
from domain.detection import Detector, EpisodeState, Finding, Rater, RepairRule, SignalKind
from domain.detectors import DETECTORS, detect
from domain.episodes import episode
from domain.form import Form, Norm
from domain.instruments import ARM_5, SRS, WAI_SR
from domain.series import blanks, gathered, sheet_of
from domain.silence import COMPARED, NEEDS, advice, lacking, measures
from tests.domain.ratings import FIRST

FORMS = measures(())
HELD = {UUID(int=number): FIRST + timedelta(weeks=number) for number in range(1, 10)}
MINE = Norm(mean=5.5, sd=0.9, reliability=0.9, population="Ours.", source="Ours.")
FALL = (0.95, 0.9, 0.95, 0.9, 0.05, 0.0, 0.05, 0.0, 0.05)
"""A loss that lasts, as shares of the range: nobody could miss it."""


def course(form: Form, shares: dict[Rater, tuple[float, ...]]):
    """What raters said on a form, session by session."""
    readings = [
        sheet_of(form, rater).read(session, (form.low + share * (form.high - form.low)))
        for rater, said in shares.items()
        for session, share in zip(HELD, said, strict=True)
    ]
    return gathered(blanks(HELD, [], []), readings)


def raters(name: Detector | RepairRule, form: Form) -> list[tuple[Rater, ...]]:
    """Whose ratings are looked at together."""
    if DETECTORS[name].beside:
        return [COMPARED] if set(COMPARED) <= set(form.rated_by) else []
    return [(rater,) for rater in form.rated_by]


def found(name: Detector, form: Form, *who: Rater) -> bool:
    """Whether a detector finds anything where nobody could miss it; two raters take turns in rising and falling."""
    said = {rater: FALL if place == 0 else tuple(1 - share for share in FALL) for place, rater in enumerate(who)}
    return bool(detect(course(form, said), {name: DETECTORS[name].parameters()}))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.code)
@pytest.mark.parametrize("name", [name for name in NEEDS if isinstance(name, Detector)])
def test_a_detector_is_silent_about_exactly_the_forms_it_is_said_to_be_silent_about(name, form):
    gaps = lacking(name, form)
    for who in raters(name, form):
        assert found(name, form, *who) is not bool(gaps.keys() & set(who)), who
        norms = tuple(replace(MINE, rater=rater) for rater in who)
        assert found(name, replace(form, norms=norms), *who), "with what is missing it speaks"
        assert not lacking(name, replace(form, norms=norms)).keys() & set(who)


BY_SCORE = (Detector.WITHIN_CLIENT_DROP, Detector.SHEWHART_XMR, Detector.EWMA, Detector.SHRUNK_PREDICTION)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.code)
@pytest.mark.parametrize("name", BY_SCORE)
def test_the_other_detectors_of_drops_speak_about_every_form(name, form):
    assert name not in NEEDS
    assert all(found(name, form, rater) for rater in form.rated_by)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.code)
@pytest.mark.parametrize("rule", [rule for rule in RepairRule if rule is not RepairRule.DIRECT])
def test_a_rule_of_repair_can_not_judge_exactly_where_it_lacks_the_norms(rule, form):
    for rater in form.rated_by:
        (series,) = course(form, {rater: FALL})
        dip = Finding(
            detector=Detector.EWMA, version=1, parameters={}, kind=SignalKind.DROP, rater=rater, inputs_hash="",
            instrument=form.code, instrument_version=form.edition, session_id=UUID(int=5),
        )  # fmt: skip
        mute = episode(series, dip, [rule]).state is EpisodeState.NOT_ASSESSABLE
        assert mute is (rule in NEEDS and rater in lacking(rule, form))


def test_a_form_that_one_of_the_two_does_not_fill_in_is_no_gap_in_norms():
    assert SRS.rated_by == (Rater.CLIENT,)
    assert lacking(Detector.DIVERGENCE, SRS) == {}


def told(*names, rules=(), own=(), **parameters):
    run = chosen([Choice(detector=name, parameters=parameters) for name in names])
    return [(one.code, one.detail) for one in advice(run, rules, own)]


def test_whoever_chooses_a_detector_is_told_where_it_is_silent_and_what_to_give():
    ((code, detail),) = told(Detector.DIVERGENCE)
    assert code == "norms_missing"
    assert "wai-sr 2006 by the therapist (mean, sd)" in detail and "/v1/instruments" in detail
    assert "arm-5 2012 by the client (mean, sd, reliability), by the therapist (mean, sd, reliability)" in detail
    assert len(told(Detector.RCI_DROP, Detector.SUDDEN_LOSS, rules=[RepairRule.WITHIN_SDIFF])) == 3


def test_what_needs_no_norms_comes_without_advice():
    assert told(*set(Detector) - set(NEEDS), rules=set(RepairRule) - set(NEEDS)) == []
    assert told() == []


def test_norms_that_a_practice_has_given_are_not_asked_for():
    own = tuple(replace(form, norms=(replace(MINE, mean=form.high),)) for form in FORMS)
    assert told(*NEEDS.keys() & set(Detector), rules=(RepairRule.WITHIN_SDIFF,), own=own) == []
    ((_, detail),) = told(Detector.RCI_DROP, own=(replace(ARM_5, norms=(MINE,)),))
    assert "arm-5" not in detail and WAI_SR.code in detail


def test_a_form_that_nobody_has_is_named():
    assert told(Detector.CUTOFF, instruments=["srs"]) == []
    ((code, detail),) = told(Detector.CUTOFF, instruments=["srs", "wai-sr-de", "phq-9"])
    assert code == "form_unknown" and "called phq-9, wai-sr-de;" in detail
    assert told(Detector.CUTOFF, instruments=["wai-sr-de"], own=(replace(WAI_SR, code="wai-sr-de"),)) == []
