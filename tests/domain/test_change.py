"""What became of somebody by a form: the field's worked numbers, its traps, and what must hold whatever the numbers are."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from math import sqrt
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pytest import approx

from domain.change import OutcomeClass, Reached, change
from domain.detection import Rater
from domain.form import KEY, Caseness, Form, InstrumentKind, Norm, NormGroup, Scoring
from domain.instruments import BUILT_IN, GAD_7, PHQ_9, WAI_SR
from domain.scoring import Completeness
from domain.thresholds import (
    CutOffName,
    LineKind,
    Missing,
    Reach,
    cutoffs,
    in_whole_points,
    line_of,
    reliable_change,
    s_diff,
)

CLINICAL, FUNCTIONAL = NormGroup
RECOVERED, IMPROVED, UNCHANGED, DETERIORATED, NOT_COMPUTABLE = OutcomeClass
A, B, C = CutOffName


def norm(mean=None, sd=None, reliability=None, group=CLINICAL, **said):
    who = {"population": f"The {group} sample.", "source": f"Source of the {group} sample."}
    return Norm(mean=mean, sd=sd, reliability=reliability, group=group, **{**who, **said})


def scale(*norms, low=0.0, high=100.0, **said):
    """A form that is scored elsewhere, from 0 to 100 unless it says otherwise; more is better."""
    known = {"code": "own", "edition": "1", "title": "Our own", "kind": InstrumentKind.OUTCOME}
    return Form(**{**known, "low": low, "high": high, "norms": norms, **said})


WORKED = scale(norm(mean=40, sd=7.5, reliability=0.80), norm(mean=60, sd=7.5, group=FUNCTIONAL))
"""The numbers that the field's own example is worked with."""


def reached(*scores):
    """Scores a week apart."""
    return [
        Reached(id=UUID(int=n), rated_on=date(2026, 3, 2) + timedelta(weeks=n), score=float(score),
                completeness=Completeness.COMPLETE)
        for n, score in enumerate(scores)
    ]  # fmt: skip


def became(form, *scores):
    return change(form, reached(*scores)).outcome_class


def values(form):
    return {c.cutoff: c.value for c in cutoffs(form)}


def gaps(form):
    return {c.cutoff: c.not_computable for c in cutoffs(form)}


# -- worked numbers ----------------------------------------------------------------------------------------------------


def test_the_worked_example_of_the_field_comes_out_as_printed():
    found = change(WORKED, reached(32.5, 47.5))
    assert s_diff(7.5, 0.80) / sqrt(2) == approx(3.354, abs=5e-4)
    assert found.reliable_change.s_diff == approx(4.743, abs=5e-4)
    assert found.change / found.reliable_change.s_diff == approx(3.16, abs=5e-3)
    assert values(WORKED) == {A: approx(55), B: approx(45), C: approx(50)}
    assert found.outcome_class is IMPROVED, "47.5 is short of c, which is 50"
    assert became(WORKED, 32.5, 50.5) is RECOVERED


def test_the_formulas_are_told_in_words_and_in_numbers():
    found = change(WORKED, reached(32.5, 47.5))
    assert found.formula == "1.96 * sqrt(2) * 7.5 * sqrt(1 - 0.8) = 9.30 points, to be exceeded"
    assert {c.cutoff: c.formula for c in found.cutoffs} == {
        A: "M1 + 2 * s1", B: "M0 - 2 * s0", C: "(s1 * M0 + s0 * M1) / (s0 + s1)",
    }  # fmt: skip
    assert change(PHQ_9, []).formula == "1.96 * sqrt(2) * 6.1 * sqrt(1 - 0.89) = 5.61 points, so 6 or more"
    assert [c.formula for c in cutoffs(PHQ_9)][:2] == ["M1 - 2 * s1", "M0 + 2 * s0"]


def test_b_is_reckoned_with_the_functional_samples_own_sd():
    """A package in wide use takes the clinical SD here, which with unlike SDs is another line."""
    form = scale(norm(mean=40, sd=10, reliability=0.8), norm(mean=60, sd=4, group=FUNCTIONAL))
    assert values(form)[B] == 52
    assert values(form)[B] != 60 - 2 * 10
    assert values(form)[C] == approx((10 * 60 + 4 * 40) / 14)


def test_c_lies_nearer_to_the_sample_that_scatters_less():
    form = scale(norm(mean=40, sd=10, reliability=0.8), norm(mean=60, sd=4, group=FUNCTIONAL))
    assert abs(values(form)[C] - 60) < abs(values(form)[C] - 40)


@pytest.mark.parametrize(
    ("sd", "reliability", "unrounded", "points"),
    [(6.1, 0.89, 5.61, 6), (5.1, 0.92, 3.998, 4), (10.5, 0.961, 5.747681, 6), (11.826, 0.88, 11.355, 12)],
)
def test_of_whole_points_it_takes_the_fewest_that_reach_the_criterion_before_rounding(
    sd, reliability, unrounded, points
):
    needed = reliable_change(sd, reliability, whole=True)
    assert (needed.unrounded, needed.points) == (approx(unrounded, abs=5e-3), points)
    assert needed.reach is Reach.AT_LEAST


def test_elsewhere_the_criterion_is_to_be_exceeded():
    needed = reliable_change(7.5, 0.80, whole=False)
    form = scale(*WORKED.norms, low=-100)
    assert (needed.points, needed.reach) == (needed.unrounded, Reach.MORE_THAN)
    assert became(form, 0, needed.points) is UNCHANGED
    assert became(form, 0, needed.points + 0.01) is IMPROVED
    assert became(form, 0, -needed.points - 0.01) is DETERIORATED


def test_a_perfect_form_still_takes_a_point():
    assert reliable_change(6, 1, whole=True).points == 1
    assert reliable_change(6, 1, whole=False).points == 0


def test_six_to_seven_of_the_gold_series_is_a_reliable_recovery_of_the_alliance():
    """Vector of the project's reference: +.75 with s .80 and r .92, where .627 is the criterion."""
    form = replace(WAI_SR, norms=(norm(mean=3.36, sd=0.80, reliability=0.92),))
    found = change(form, reached(3.42, 4.17))
    assert found.change == approx(0.75)
    assert found.reliable_change.points == approx(0.627, abs=5e-4)
    assert found.outcome_class is IMPROVED
    assert became(form, 4.17, 4.25) is UNCHANGED


@pytest.mark.parametrize(
    ("form", "whole"),
    [
        (PHQ_9, True),
        (GAD_7, True),
        (WAI_SR, False),
        (scale(items=(1,)), True),
        (scale(items=(1,), step=0.5), False),
        (scale(items=(1, 2), scoring=Scoring.SUM, low=0.5), False),
        (scale(items=(1, 2)), False),
        (scale(), False),
    ],
)
def test_a_form_is_of_whole_points_if_its_scores_can_be_nothing_else(form, whole):
    assert in_whole_points(form) is whole


# -- what a clinician would laugh at -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        (14, 12, UNCHANGED), (14, 9, UNCHANGED), (15, 10, UNCHANGED), (15, 9, RECOVERED), (16, 10, IMPROVED),
        (10, 4, RECOVERED), (9, 3, IMPROVED), (9, 0, IMPROVED), (27, 21, IMPROVED), (5, 10, UNCHANGED),
        (5, 11, DETERIORATED), (3, 27, DETERIORATED), (12, 12, UNCHANGED),
    ],
)  # fmt: skip
def test_the_phq_9_takes_six_points_and_begins_at_ten(first, last, found):
    """A wiggle of 2 is none, 5 is not reliable, at 10 one is on the clinical side, and who began at 9 cannot recover."""
    assert became(PHQ_9, first, last) is found


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [(8, 4, RECOVERED), (7, 3, IMPROVED), (12, 8, IMPROVED), (12, 9, UNCHANGED), (8, 12, DETERIORATED)],
)
def test_the_gad_7_takes_four_points_and_begins_at_eight(first, last, found):
    assert became(GAD_7, first, last) is found


def test_where_more_is_better_the_line_is_crossed_upwards():
    form = scale(*WORKED.norms)
    assert values(form)[C] == 50
    assert [became(form, *pair) for pair in ((30, 60), (50, 60), (51, 70), (60, 30), (30, 50))] == [
        RECOVERED, RECOVERED, IMPROVED, DETERIORATED, IMPROVED,
    ]  # fmt: skip


def test_only_the_first_and_the_last_score_count_and_what_lies_between_does_not():
    assert became(PHQ_9, 18, 2, 27, 16) is UNCHANGED
    found = change(PHQ_9, reached(18, 2, 27, 16))
    assert (found.first.score, found.last.score, found.scores, found.change) == (18, 16, 4, -2)


def test_a_prorated_score_is_not_rounded_into_the_class():
    assert became(PHQ_9, 14.625, 9) is UNCHANGED
    assert became(PHQ_9, 15.75, 9.75) is RECOVERED


# -- which line ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "line"), [(PHQ_9, 10), (GAD_7, 8)])
def test_without_functional_norms_it_is_the_caseness_line_and_the_answer_says_so(form, line):
    found = change(form, reached(20, 3))
    assert (found.line.kind, found.line.value, found.line.verified) == (LineKind.CASENESS_LINE, line, False)
    said = " ".join(found.says)
    assert f"The line is the caseness line, {line}: a convention that was not checked at its source." in found.says
    assert "This is one form only; it is not the NHS recovery figure." in found.says
    assert "these norms hold none" in said
    assert "hold no functional norms" in found.sd.source
    assert gaps(form) == {A: None, B: Missing.NO_FUNCTIONAL_SAMPLE, C: Missing.NO_FUNCTIONAL_SAMPLE}
    assert found.functional_sample is None


def test_functional_norms_of_the_practice_take_the_caseness_lines_place():
    form = replace(PHQ_9, norms=(*PHQ_9.norms, norm(mean=3, sd=3, group=FUNCTIONAL)))
    found = change(form, reached(20, 8))
    c = (6.1 * 3 + 3 * 14.2) / 9.1
    assert (found.line.kind, found.line.value) == (LineKind.CUTOFF_C, approx(c))
    assert values(form) == {A: approx(2), B: approx(9), C: approx(c)}
    assert (became(PHQ_9, 20, 8), found.outcome_class) == (RECOVERED, IMPROVED), "8 is below 10, and not below c"
    assert any("The line is cut-off c, 6.69:" in said for said in found.says)
    assert "Source of the functional sample." in found.line.source and "NHS England" in found.line.source
    assert found.line.verified is False, "one of the two was not read at its source"
    assert found.sd.value == 6.1, "the criterion stays that of the clinical sample"


def test_without_any_line_nobody_is_said_to_have_recovered():
    form = replace(PHQ_9, caseness=None)
    found = change(form, reached(27, 0))
    assert (found.outcome_class, found.line) == (IMPROVED, None)
    assert "This form has no line that tells 'recovered' from 'improved'." in found.says


def test_samples_of_which_the_well_are_worse_off_draw_no_line():
    crossed = scale(norm(mean=60, sd=5, reliability=0.9), norm(mean=40, sd=5, group=FUNCTIONAL))
    assert gaps(crossed) == {A: None, B: None, C: Missing.NO_GAP}
    assert line_of(crossed) is None
    assert gaps(replace(crossed, higher_is_better=False)) == {A: None, B: None, C: None}


def test_functional_norms_alone_draw_b_and_no_c():
    form = scale(norm(mean=60, sd=5, reliability=0.9, group=FUNCTIONAL))
    assert gaps(form) == {A: Missing.NO_CLINICAL_SAMPLE, B: None, C: Missing.NO_CLINICAL_SAMPLE}
    assert change(form, reached(10, 90)).sd.population == "The functional sample."


def test_a_mean_of_one_sample_is_never_put_to_the_sd_of_another():
    form = scale(norm(mean=40), norm(sd=7, reliability=0.8), norm(mean=60, sd=7, group=FUNCTIONAL))
    assert gaps(form)[A] is Missing.NO_CLINICAL_SAMPLE
    assert values(form)[C] is None
    assert change(form, reached(40, 60)).sd.value == 7


def test_norms_of_a_subscale_or_of_another_rater_are_not_the_clients_total():
    other = (
        norm(mean=40, sd=7, reliability=0.8, of="mood"),
        norm(mean=40, sd=7, reliability=0.8, rater=Rater.THERAPIST),
    )
    assert change(scale(*other), reached(40, 60)).not_computable is Missing.NO_SD


def test_scores_are_held_against_the_clinical_sample_first_wherever_it_stands():
    form = scale(norm(mean=60, sd=5, reliability=0.9, group=FUNCTIONAL), norm(mean=40, sd=9))
    assert (form.norm("sd"), form.norm("mean"), form.norm("reliability")) == (9, 40, 0.9)


def test_a_caseness_line_is_no_part_of_the_key():
    assert "caseness" not in KEY
    assert {f.code: f.caseness.line for f in BUILT_IN if f.caseness} == {"phq-9": 10, "gad-7": 8}
    assert replace(PHQ_9, caseness=Caseness(line=12, source="Our own.")).caseness.verified is False


# -- what is not there -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "scores", "why"),
    [
        (PHQ_9, (), Missing.NO_SCORE),
        (PHQ_9, (14,), Missing.ONE_SCORE),
        (scale(), (14, 3), Missing.NO_SD),
        (scale(norm(mean=4, reliability=0.9)), (14, 3), Missing.NO_SD),
        (scale(norm(mean=4, sd=2)), (14, 3), Missing.NO_RELIABILITY),
    ],
)
def test_what_can_not_be_computed_says_why(form, scores, why):
    found = change(form, reached(*scores), left_out=2)
    assert (found.outcome_class, found.not_computable, found.left_out) == (NOT_COMPUTABLE, why, 2)
    assert found.says[0].startswith("No class: ")
    assert found.last is None or found.change == -11


def test_what_is_computable_says_nothing_of_the_kind():
    found = change(PHQ_9, reached(14, 3))
    assert found.not_computable is None
    assert found.says[0] == (
        "From 14 to 3 points. That is clearly better, and now on the better side of the line of 10 (lower is better)."
    )


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ((17, 10), "From 17 to 10 points. That is clearly better."),
        ((10, 8), "From 10 to 8 points. The difference is too small to tell from chance."),
        ((8, 20), "From 8 to 20 points. The score is clearly worse than at the start. Talk it over together."),
    ],
)
def test_every_class_is_said_in_words_a_client_understands(scores, said):
    assert change(PHQ_9, reached(*scores)).says[0] == said


def test_whoever_began_on_the_better_side_is_told_why_recovered_does_not_apply():
    said = "The first score was already on the better side of the line, so 'recovered' does not apply."
    assert said in change(PHQ_9, reached(9, 1)).says
    assert said not in change(PHQ_9, reached(10, 1)).says


def test_of_a_form_on_which_more_is_better_the_better_side_is_the_higher_one():
    form = scale(norm(mean=40, sd=8, reliability=0.9), norm(mean=60, sd=8, group=FUNCTIONAL), higher_is_better=True)
    found = change(form, reached(20, 80))
    assert found.outcome_class is RECOVERED
    assert found.says[0].endswith("now on the better side of the line of 50 (higher is better).")
    assert not any("NHS" in said for said in found.says), "the line is no caseness line"


@pytest.mark.parametrize(
    ("form", "scores"),
    [(PHQ_9, (14, 3)), (replace(PHQ_9, caseness=None), (14, 3)), (scale(), (14, 3)),
     (scale(norm(mean=4, sd=2)), (14, 3))],
)  # fmt: skip
def test_what_the_practice_could_do_about_its_norms_is_not_said_to_a_client(form, scores):
    practice, client = (change(form, reached(*scores), to_client=to_client).says for to_client in (False, True))
    assert any("ive the instrument" in said for said in practice)
    assert not any("ive the instrument" in said for said in client)
    assert client == practice[: len(client)], "the rest is said to both alike"


# -- whatever the numbers are ------------------------------------------------------------------------------------------

EIGHTHS = st.integers(0, 800).map(lambda n: n / 8)
SD = st.integers(4, 80).map(lambda n: n / 4)
RELIABILITY = st.sampled_from((0.0, 0.5, 0.75, 0.875, 0.9375))
FORMS = st.builds(
    lambda m1, s1, m0, s0, r, line, better: scale(
        norm(mean=m1, sd=s1, reliability=r), norm(mean=m0, sd=s0, group=FUNCTIONAL), higher_is_better=better,
        caseness=Caseness(line=line, source="Ours."),
    ),
    EIGHTHS, SD, EIGHTHS, SD, RELIABILITY, EIGHTHS, st.booleans(),
)  # fmt: skip
FACTOR = st.sampled_from((0.25, 0.5, 2.0, 8.0))
OPPOSITE = {IMPROVED: DETERIORATED, RECOVERED: DETERIORATED, UNCHANGED: UNCHANGED}


def moved(form, times, plus, *, flip=False):
    """The same form on another scale: `times` as wide, moved by `plus`; with `flip` the other way up."""
    way = -times if flip else times
    ends = sorted((way * form.low + plus, way * form.high + plus))
    return replace(
        form, low=ends[0], high=ends[1], step=form.step * times, higher_is_better=form.higher_is_better != flip,
        norms=tuple(replace(n, mean=way * n.mean + plus, sd=n.sd * times) for n in form.norms),
        caseness=replace(form.caseness, line=way * form.caseness.line + plus),
    )  # fmt: skip


@given(FORMS, EIGHTHS, EIGHTHS, FACTOR, st.integers(-50, 50))
def test_another_unit_or_another_zero_changes_nobodys_class(form, first, last, times, plus):
    other = moved(form, times, plus)
    assert became(other, times * first + plus, times * last + plus) is became(form, first, last)


@given(FORMS, EIGHTHS, EIGHTHS)
def test_a_form_read_the_other_way_up_changes_nobodys_class(form, first, last):
    assert became(moved(form, 1.0, 100, flip=True), 100 - first, 100 - last) is became(form, first, last)


@given(FORMS, EIGHTHS, EIGHTHS)
def test_what_was_better_forwards_is_worse_backwards(form, first, last):
    there, back = became(form, first, last), became(form, last, first)
    assert back is OPPOSITE[there] if there is not DETERIORATED else back in (IMPROVED, RECOVERED)


@given(FORMS, EIGHTHS, st.lists(EIGHTHS, min_size=2))
def test_going_further_up_never_makes_the_class_worse(form, first, lasts):
    order = [DETERIORATED, UNCHANGED, IMPROVED, RECOVERED]
    ranks = [order.index(became(form, first, last)) for last in sorted(lasts, reverse=not form.higher_is_better)]
    assert ranks == sorted(ranks)


@given(FORMS)
def test_cutoff_c_lies_between_the_two_means_and_there_is_none_where_the_well_are_no_better_off(form):
    c, (clinical, functional) = values(form)[C], (n.mean for n in form.norms)
    low, high = (clinical, functional) if form.higher_is_better else (functional, clinical)
    assert c is None if low >= high else low <= c <= high


@given(SD, st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_the_surer_the_form_the_less_it_takes(sd, reliabilities):
    points = [reliable_change(sd, r, whole=whole).points for whole in (True, False) for r in sorted(reliabilities)]
    half = len(points) // 2
    assert all(a >= b for part in (points[:half], points[half:]) for a, b in pairwise(part))


@given(FORMS, EIGHTHS, EIGHTHS)
def test_recovered_is_reliable_and_across_the_line_and_nothing_else_is(form, first, last):
    found = change(form, reached(first, last))
    up = 1 if form.higher_is_better else -1
    assume(abs(up * found.change - found.reliable_change.points) > 1e-5)
    assume(all(abs(score - found.line.value) > 1e-5 for score in (first, last)))
    reliable, across = up * found.change > found.reliable_change.points, up * first < up * found.line.value < up * last
    assert (found.outcome_class is RECOVERED) == (reliable and across)
