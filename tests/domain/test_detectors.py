"""What the detectors see: the worked numbers of the field, and the decisions where the field is silent."""

from dataclasses import astuple, replace
from math import nextafter, sqrt

import pytest
from pytest import approx

from domain.detection import Certainty, Detector, DirectReport, ObserverCode, Rater, Scale, SignalKind
from domain.detectors import (
    DETECTORS,
    CeilingRun,
    Cutoff,
    Divergence,
    Ewma,
    Observer3rs,
    RciDrop,
    Reference,
    Reported,
    RiskItem,
    ShewhartXmr,
    SuddenLoss,
    WithinClientDrop,
    ceiling_run,
    centred,
    chart,
    cutoff,
    detect,
    direct_report,
    divergence,
    ewma,
    ewma_looks,
    lasts,
    observer_3rs,
    rci_drop,
    rci_looks,
    risk_item,
    rules,
    shewhart_xmr,
    smoothed,
    sudden_loss,
    within_client_drop,
    xmr_looks,
)
from tests.domain.ratings import GOLD, NORMED, SRS, STEADY, WAI, numbers, of, series, sitting

EVERYTHING = {name: known.parameters() for name, known in DETECTORS.items()}


def ids(found):
    return [id.int for id in found]


def beyond(look, course, parameters):
    """Every session beyond the limits, for as long as a departure lasts."""
    return [run.sittings[sight.at].session_id for run in course.runs for sight in look(course, run, parameters)]


# -- worked numbers ---------------------------------------------------------------------------------------------------


def test_the_error_of_a_difference_is_as_jacobson_and_truax_worked_it_out():
    scale = Scale(low=0, high=100, items=1, mean=60, sd=7.5, reliability=0.80)
    assert scale.s_diff / sqrt(2) == approx(3.354, abs=5e-4)
    assert scale.s_diff == approx(4.743, abs=5e-4)
    (found,) = rci_drop(series([47.5, 32.5], scale), RciDrop())
    assert found.magnitude_sd == approx(-3.16, abs=5e-3)
    assert found.magnitude_raw == -15


@pytest.mark.parametrize(
    ("sd", "reliability", "s_diff", "reliable"),
    [(10.5, 0.961, 2.93249, 5.747681), (11.826, 0.88, 5.793, 11.355), (0.80, 0.92, 0.320, 0.627)],
)
def test_reliable_change_is_what_the_field_printed(sd, reliability, s_diff, reliable):
    scale = Scale(low=0, high=100, items=1, sd=sd, reliability=reliability)
    assert scale.s_diff == approx(s_diff, abs=6e-4)
    assert 1.96 * scale.s_diff == approx(reliable, abs=5e-4)


def test_a_v_is_a_reliable_drop_from_the_session_before():
    (found,) = rci_drop(series(GOLD, NORMED), RciDrop())
    assert (found.session_id.int, found.reference_session_id.int) == (5, 4)
    assert found.magnitude_raw == approx(-1.17)
    assert found.magnitude_sd == approx(-3.66, abs=5e-3)
    assert found.threshold == approx(-0.627, abs=5e-4)
    assert (found.kind, found.grade, found.certainty) == (SignalKind.DROP, "1.96", Certainty.CONFIRMED)


def test_a_v_is_a_reliable_drop_even_with_a_reliability_of_point_eight():
    (found,) = rci_drop(series(GOLD, replace(NORMED, reliability=0.80)), RciDrop())
    assert (found.session_id.int, found.threshold) == (5, approx(-0.992, abs=5e-4))


def test_of_scores_that_only_rounding_parts_the_latest_is_the_best_so_far():
    (found,) = rci_drop(series([4.0, nextafter(4.0, 0), 2.0], NORMED), RciDrop(reference=Reference.RUNNING_MAX))
    assert (found.session_id.int, found.reference_session_id.int) == (3, 2)


def test_the_chart_of_the_first_four_shows_the_v_and_its_recovery():
    mean, sigma = chart(WAI, GOLD[:4])
    assert (mean, sigma * 1.128) == (approx(4.125), approx(0.143, abs=5e-4))
    assert mean - 3 * sigma == approx(3.744, abs=5e-4)
    assert ids(beyond(xmr_looks, series(GOLD), ShewhartXmr())) == [5, 6]
    (found,) = shewhart_xmr(series(GOLD), ShewhartXmr())
    assert (found.session_id.int, found.kind, found.grade) == (5, SignalKind.DROP, "limit")
    assert found.magnitude_raw == approx(3.08 - 4.125)
    assert found.threshold == approx(3.744 - 4.125, abs=5e-4)


def test_a_chart_fitted_to_the_rupture_itself_would_no_longer_see_it():
    mean, sigma = chart(WAI, GOLD[:5])
    assert mean - 3 * sigma == approx(2.852, abs=1e-3)
    assert mean - 3 * sigma < GOLD[5] < 3.744


def test_the_weighted_mean_is_beyond_its_limit_at_all_four_sessions_though_the_last_is_at_the_old_high():
    (run,) = series(GOLD).runs
    steps = list(smoothed(WAI, run, Ewma()))
    assert [smooth for *_, smooth, _ in steps] == approx([3.8115, 3.6940, 3.8368, 3.9608], abs=1e-4)
    assert [limit for *_, limit in steps] == approx([4.0106, 3.9854, 3.9746, 3.9695], abs=1e-4)
    assert ids(beyond(ewma_looks, series(GOLD), Ewma())) == [5, 6, 7, 8]


def test_a_v_is_no_sudden_loss_since_its_repair_lies_in_the_three_sessions_after():
    before, after = GOLD[1:4], GOLD[4:7]
    (mean_before, squares_before), (mean_after, squares_after) = centred(before), centred(after)
    assert (mean_before, mean_after) == (approx(4.167, abs=5e-4), approx(3.557, abs=5e-4))
    assert 2.776 * sqrt((squares_before + squares_after) / 4) == approx(1.107, abs=5e-4)
    assert not lasts(before, after, 0)
    assert sudden_loss(series(GOLD, NORMED), SuddenLoss()) == ()


LOSSES = [
    ((10, 11, 12, 30, 28, 33), [4]),
    ((10, 11, 12, 10, 28, 33), [5]),
    ((10, 11, 30, 30, 28, 33), [3]),
    ((35, 37, 34, 23, 24, 21), []),
]


@pytest.mark.parametrize(("worse", "at"), LOSSES)
def test_sudden_losses_are_where_the_published_code_finds_them(worse, at):
    """Its scores rise as things get worse, so they are turned over; its cut-off is 7 points."""
    scale = Scale(low=0, high=63, items=1, sd=10.5, reliability=0.961)
    found = sudden_loss(series([63 - score for score in worse], scale), SuddenLoss(limit=7 / scale.s_diff))
    assert numbers(found) == at


# -- decisions where the field is silent or says two things -----------------------------------------------------------


def at_once(detector, parameters, *scores, scale=WAI, **said):
    return numbers(detector(series(scores, scale, **said), parameters))


COARSE = Scale(low=0, high=100, items=1, step=4)
"""One item in steps of four, no norms: the least SD that is believed is 4."""
FINE = Scale(low=0, high=100, items=1, step=1, mean=50, sd=sqrt(2), reliability=0.75)
"""S_diff is 1, the standard error of a score less than the step."""


def test_a_tie_does_not_exceed_a_reliable_drop():
    assert at_once(rci_drop, RciDrop(limit=2), 60, 58, scale=FINE) == []
    assert at_once(rci_drop, RciDrop(limit=2), 60, 57.99, scale=FINE) == [2]


def test_a_tie_does_not_exceed_a_drop_within_the_client():
    assert at_once(within_client_drop, WithinClientDrop(), 60, 60, 60, 60, 56, scale=COARSE) == []
    assert at_once(within_client_drop, WithinClientDrop(), 60, 60, 60, 60, 55.9, scale=COARSE) == [5]


def test_a_tie_does_not_exceed_a_control_limit():
    assert at_once(shewhart_xmr, ShewhartXmr(), 60, 60, 60, 60, 48, scale=COARSE) == []
    assert at_once(shewhart_xmr, ShewhartXmr(), 60, 60, 60, 60, 47.9, scale=COARSE) == [5]


def test_a_tie_does_not_exceed_the_limit_of_a_weighted_mean():
    assert at_once(ewma, Ewma(weight=1), 60, 60, 60, 60, 48, scale=COARSE) == []
    assert at_once(ewma, Ewma(weight=1), 60, 60, 60, 60, 47.9, scale=COARSE) == [5]


def test_a_tie_does_not_make_two_views_diverge():
    scale = Scale(low=0, high=100, items=1, mean=50, sd=10)
    for gap, found in ((10, []), (10.1, [2])):
        pair = series([50, 50], scale), series([50, 50 - gap], scale, rater=Rater.THERAPIST)
        assert numbers(divergence(*pair, Divergence())) == found


def test_a_tie_is_enough_for_the_size_and_the_share_of_a_sudden_loss():
    """S_diff is 1: a loss of 2 is as large as the limit, and a quarter of 8."""
    small = replace(FINE, high=10)
    assert at_once(sudden_loss, SuddenLoss(limit=2), 8, 8, 6, scale=small) == [3]
    assert at_once(sudden_loss, SuddenLoss(limit=2.01), 8, 8, 6, scale=small) == []
    assert at_once(sudden_loss, SuddenLoss(limit=2, share=0.26), 8, 8, 6, scale=small) == []


def test_a_tie_is_enough_for_a_cut_off_of_totals_and_not_for_one_of_items_unless_a_practice_says_otherwise():
    def found(total, least, parameters):
        rated = sitting(1, total / 4, total=total, answers=((1, least), (2, 10)))
        return [f.grade for f in cutoff(of([rated], SRS, instrument="srs"), parameters)]

    assert found(36, 9, Cutoff()) == ["total"]
    assert found(36.1, 9, Cutoff()) == []
    assert found(36.1, 8.9, Cutoff()) == ["item"]
    assert found(36, 9, Cutoff(total_at=False)) == []
    assert found(36.1, 9, Cutoff(item_at=True)) == ["item"]
    assert found(36.1, 2, Cutoff(item=None)) == []


def test_a_salience_of_three_is_enough_for_an_observers_marker():
    coded = [sitting(1, observer=((ObserverCode.CF_T, 3),)), sitting(2, observer=((ObserverCode.WD_P, 2),))]
    assert numbers(observer_3rs(of(coded), Observer3rs())) == [1]
    assert numbers(observer_3rs(of(coded), Observer3rs(least=2))) == [1, 2]


def test_a_gap_of_forty_two_days_is_compared_and_one_more_day_is_not():
    def after(days):
        return of([sitting(1, 4.5), sitting(2, 3.0, days=days)], NORMED)

    assert numbers(rci_drop(after(42), RciDrop())) == [2]
    assert numbers(rci_drop(after(43), RciDrop())) == []


def test_the_gap_lies_between_scored_sessions_whoever_came_in_between():
    held = [sitting(1, 4.5), *(sitting(n, days=7 * n) for n in range(2, 7)), sitting(7, 3.0, days=43)]
    assert rci_drop(of(held, NORMED), RciDrop()) == ()


def test_nothing_is_compared_across_a_change_of_form_therapist_or_modality():
    assert rci_drop(of([sitting(1, 4.5, run="anna"), sitting(2, 3.0, run="ben")], NORMED), RciDrop()) == ()


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_a_restart_leaves_every_detector_without_a_past(name):
    """The same scores as one run and cut in two: the second half is judged as if it stood alone."""
    scores = [*GOLD, *GOLD]
    cut = [sitting(n, score, run="a" if n <= 8 else "b") for n, score in enumerate(scores, 1)]
    alone = [s for s in cut if s.run == "b"]
    chosen = {name: EVERYTHING[name]}
    later = [f for f in detect([of(cut, NORMED)], chosen) if f.session_id.int > 8]
    assert tuple(later) == detect([of(alone, NORMED)], chosen)


def test_the_four_scores_of_a_baseline_are_not_judged_themselves():
    wild = (4.5, 1.0, 4.5, 1.0, 4.5)
    assert at_once(shewhart_xmr, ShewhartXmr(western_electric=True), *wild) == []
    assert at_once(ewma, Ewma(), *wild) == []
    assert at_once(rci_drop, RciDrop(reference=Reference.BASELINE_MEAN), *wild, scale=NORMED) == []


def test_a_baseline_stays_frozen_however_long_the_level_has_changed():
    assert ids(beyond(xmr_looks, series([*STEADY, *[3.0] * 40]), ShewhartXmr())) == list(range(5, 45))


def test_a_new_baseline_begins_only_where_a_confirmed_repair_or_a_clinician_says_so():
    low = [sitting(n, 3.0, new_baseline=n == 9) for n in range(5, 15)]
    course = of([*(sitting(n, score) for n, score in enumerate(STEADY, 1)), *low])
    assert ids(beyond(xmr_looks, course, ShewhartXmr())) == [5, 6, 7, 8]
    assert ids(beyond(ewma_looks, course, Ewma())) == [5, 6, 7, 8]
    by_mean = RciDrop(reference=Reference.BASELINE_MEAN)
    assert ids(beyond(rci_looks, of(course.sittings, NORMED), by_mean)) == [5, 6, 7, 8]


def test_a_new_baseline_that_was_set_at_a_session_without_a_score_begins_at_the_next_one_with_a_score():
    sittings = [*(sitting(n, s) for n, s in enumerate(STEADY, 1)), sitting(5, new_baseline=True), sitting(6, 2.0)]
    assert of(sittings).runs[0].baselines == (0, 4)
    assert shewhart_xmr(of(sittings), ShewhartXmr()) == ()


def test_a_client_at_the_ceiling_does_not_alarm_on_one_item():
    one_item_less = 5 - 1 / 12
    for detector in (Detector.WITHIN_CLIENT_DROP, Detector.SHEWHART_XMR, Detector.EWMA):
        assert detect([series([5, 5, 5, 5, 5, one_item_less])], {detector: EVERYTHING[detector]}) == ()


def test_the_floor_is_one_step_of_one_item_or_the_standard_error_if_that_is_more():
    assert WAI.floor == approx(1 / 12)
    assert NORMED.floor == approx(0.80 * sqrt(1 - 0.92))
    assert replace(NORMED, reliability=0.999).floor == approx(1 / 12)
    assert SRS.floor == approx(0.1 / 4)


def test_a_practice_may_set_the_least_sd_that_a_drop_within_the_client_goes_by():
    steady_then_down = (4.0, 4.0, 4.0, 4.0, 3.5)
    assert at_once(within_client_drop, WithinClientDrop(), *steady_then_down) == [5]
    assert at_once(within_client_drop, WithinClientDrop(within_sd=0.2), *steady_then_down) == []


def test_the_stricter_of_two_spreads_is_taken_so_that_a_restless_client_does_not_alarm_on_noise():
    assert at_once(within_client_drop, WithinClientDrop(), 2.0, 4.0, 2.0, 4.0, 3.0) == []
    assert at_once(within_client_drop, WithinClientDrop(), 4.0, 4.1, 4.0, 4.1, 3.1) == [5]


@pytest.mark.parametrize(("down", "grade"), [(54, "1_sd"), (52, "1_sd"), (51, "2_sd")])
def test_both_grades_of_a_drop_within_the_client_are_told(down, grade):
    (found,) = within_client_drop(series([60, 60, 60, 60, down], COARSE), WithinClientDrop())
    assert found.grade == grade


def test_a_drop_within_the_client_needs_four_scores_before_it():
    assert at_once(within_client_drop, WithinClientDrop(), 5, 5, 5, 1) == []
    assert at_once(within_client_drop, WithinClientDrop(), 5, 5, 5, 5, 1) == [5]


def test_a_blank_between_scores_leaves_the_windows_of_a_sudden_loss_as_they_are():
    without = (30, 29, 31, 12, 13, 11)
    blank = (30, None, 29, 31, None, 12, 13, None, 11)
    scale = Scale(low=0, high=40, items=1, sd=5, reliability=0.9)
    (one,), (other,) = (sudden_loss(series(s, scale), SuddenLoss()) for s in (without, blank))
    assert (one.session_id.int, other.session_id.int) == (4, 6)
    assert (one.magnitude_sd, one.certainty) == (other.magnitude_sd, other.certainty)


def test_the_share_that_is_lost_is_counted_from_the_scales_minimum():
    """From 5 to 4.2 is a fifth of what there was to lose on a scale that begins at 1, and less of 5."""
    scale = Scale(low=1, high=5, items=12, sd=0.3, reliability=0.9)
    for share, found in ((0.2, [3]), (0.21, [])):
        assert at_once(sudden_loss, SuddenLoss(share=share), 5, 5, 4.2, scale=scale) == found


def test_the_share_excludes_what_is_large_in_points_and_small_for_where_it_began():
    """The published code's second criterion is true of every worsening; this one is not."""
    scale = Scale(low=0, high=100, items=1, sd=5, reliability=0.9)
    assert at_once(sudden_loss, SuddenLoss(), 90, 91, 70, 69, 70, scale=scale) == []
    assert at_once(sudden_loss, SuddenLoss(), 60, 61, 40, 39, 40, scale=scale) == [3]


def test_a_sudden_loss_is_provisional_until_three_scores_from_it_on_are_known():
    scale = Scale(low=0, high=40, items=1, sd=5, reliability=0.9)
    course = (30, 29, 31, 12, 13, 11, 12)
    seen = [sudden_loss(series(course[:count], scale), SuddenLoss()) for count in range(4, 8)]
    assert [numbers(found) for found in seen] == [[4]] * 4
    assert [f.certainty for (f,) in seen] == [Certainty.PROVISIONAL] * 2 + [Certainty.CONFIRMED] * 2
    assert seen[0] == seen[1] and seen[2] == seen[3]


def test_a_provisional_loss_that_does_not_last_is_no_longer_there():
    scale = Scale(low=0, high=40, items=1, sd=5, reliability=0.9)
    assert at_once(sudden_loss, SuddenLoss(), 30, 29, 31, 12, scale=scale) == [4]
    assert at_once(sudden_loss, SuddenLoss(), 30, 29, 31, 12, 30, 31, scale=scale) == []


def test_a_loss_at_the_end_of_a_run_has_to_last_for_two_scores():
    scale = Scale(low=0, high=40, items=1, sd=5, reliability=0.9)
    course = [sitting(n, score) for n, score in enumerate((30, 29, 31, 12, 13), 1)]
    new_run = sitting(6, 30, run="another therapist")
    assert [f.certainty for f in sudden_loss(of([*course, new_run], scale), SuddenLoss())] == [Certainty.CONFIRMED]
    assert sudden_loss(of([*course[:4], new_run], scale), SuddenLoss()) == ()


def test_a_sudden_loss_needs_two_scores_before_it():
    scale = Scale(low=0, high=40, items=1, sd=5, reliability=0.9)
    assert at_once(sudden_loss, SuddenLoss(), 30, 12, 13, 12, scale=scale) == []


def test_each_rater_is_measured_by_norms_of_their_own():
    clients = Scale(low=1, high=5, items=12, mean=4.0, sd=0.5)
    therapists = Scale(low=1, high=5, items=12, mean=3.0, sd=0.5)
    client, therapist = series([4.0, 4.0], clients), series([3.0, 3.0], therapists, rater=Rater.THERAPIST)
    assert divergence(client, therapist, Divergence()) == ()
    (found,) = divergence(client, of(therapist.sittings, clients, rater=Rater.THERAPIST), Divergence())
    assert (found.session_id.int, found.rater, found.grade) == (2, None, "level")
    assert (found.magnitude_sd, found.threshold, found.magnitude_raw) == (approx(2.0), 1.0, None)


def test_opposite_changes_count_only_when_both_are_larger_than_the_error():
    client = series([3.0, 3.5], NORMED)
    down, little = (series([3.6, y], NORMED, rater=Rater.THERAPIST) for y in (3.2, 3.3))
    (found,) = divergence(client, down, Divergence())
    assert (found.session_id.int, found.reference_session_id.int, found.grade) == (2, 1, "opposite_change")
    assert found.magnitude_sd == approx(0.4 / NORMED.s_diff)
    assert divergence(client, little, Divergence()) == ()


def test_the_views_of_client_and_therapist_are_compared_on_one_form_only():
    client = series([5.0, 5.0], NORMED)
    for instrument, count in (("wai-sr", 1), ("srs", 0)):
        therapist = series([2.0, 2.0], NORMED, rater=Rater.THERAPIST, instrument=instrument)
        assert len(detect([client, therapist], {Detector.DIVERGENCE: Divergence()})) == count


def test_perfect_scores_in_a_row_are_a_prompt_once_and_blanks_between_them_do_not_count():
    (found,) = ceiling_run(series([5, 5, None, 5, 5, 5, 5]), CeilingRun())
    assert (found.session_id.int, found.kind, found.threshold) == (5, SignalKind.CEILING_RUN, 4)
    assert (found.magnitude_raw, found.magnitude_sd) == (None, None)
    assert at_once(ceiling_run, CeilingRun(), 5, 5, 5, 4.9, 5, 5, 5, 5) == [8]
    assert at_once(ceiling_run, CeilingRun(sessions=2), 5, 5) == [2]


def test_in_the_first_session_scores_can_only_be_low_in_themselves():
    low = sitting(1, 2.5, total=10, answers=((1, 1), (2, 3), (3, 3), (4, 3)))
    normed = replace(SRS, mean=9, sd=1, reliability=0.9)
    pair = [of([low], normed, instrument="srs", rater=rater) for rater in (Rater.CLIENT, Rater.THERAPIST)]
    pair[1] = of([low._replace(score=9.9, total=39.6, answers=())], normed, instrument="srs", rater=Rater.THERAPIST)
    assert [(f.kind, f.rater) for f in detect(pair, EVERYTHING)] == [(SignalKind.LOW_LEVEL, Rater.CLIENT)]


def test_what_somebody_says_or_codes_counts_from_the_first_session():
    said = sitting(1, direct=DirectReport(problem=True, intensity=2), observer=((ObserverCode.WD_P, 5),))
    kinds = [f.kind for f in detect([of([said])], EVERYTHING)]
    assert kinds == [SignalKind.DIRECT_REPORT, SignalKind.OBSERVER_MARKER]


def test_a_risk_item_above_the_lowest_answer_is_found_each_time_even_on_an_incomplete_form():
    phq = Scale(low=0, high=3, items=9)
    answers = [((9, 1),), ((9, 0), (1, 3)), ((9, 3),)]
    rated = [sitting(n, answers=said) for n, said in enumerate(answers, 1)]
    form = of(rated, phq, instrument="phq-9", alliance=False, risk_items=(9,))
    found = detect([form], EVERYTHING)
    assert [(f.session_id.int, f.kind, f.magnitude_raw, f.grade) for f in found] == [
        (1, SignalKind.RISK_ITEM, 1, "item_9"),
        (3, SignalKind.RISK_ITEM, 3, "item_9"),
    ]


def test_nobody_can_turn_a_risk_item_down():
    assert astuple(RiskItem()) == ()
    assert numbers(
        risk_item(of([sitting(1, answers=((9, 1),))], replace(WAI, low=0), risk_items=(9,)), RiskItem())
    ) == [1]


def test_of_a_form_that_does_not_measure_the_alliance_only_the_risk_items_are_read():
    assert detect([series([*STEADY, 1.0, 1.0], NORMED, alliance=False)], EVERYTHING) == ()


# -- what a finding is ------------------------------------------------------------------------------------------------


def test_a_departure_is_raised_once_and_a_new_one_again():
    assert numbers(ewma(series(GOLD), Ewma())) == [5]
    twice = [*STEADY, 3.0, 3.0, 4.2, 4.2, 3.0]
    assert ids(beyond(xmr_looks, series(twice), ShewhartXmr())) == [5, 6, 9]
    assert numbers(shewhart_xmr(series(twice), ShewhartXmr())) == [5, 9]


def test_a_session_without_a_score_does_not_end_a_departure():
    assert numbers(shewhart_xmr(series([*STEADY, 3.0, None, 3.0]), ShewhartXmr())) == [5]


def test_a_drop_from_the_best_so_far_stands_for_as_long_as_the_level_is_low():
    course = series([4.0, 4.5, 4.0, 3.5, 3.5, 4.4, 3.5], NORMED)
    found = rci_drop(course, RciDrop(reference=Reference.RUNNING_MAX))
    assert [(f.session_id.int, f.reference_session_id.int) for f in found] == [(4, 2), (7, 2)]


def test_a_weaker_limit_still_tells_which_printed_one_is_exceeded():
    s_diff = NORMED.s_diff
    for rci, grade in ((1.7, "1.645"), (2.0, "1.96"), (1.5, None)):
        (found,) = rci_drop(series([4.5, 4.5 - rci * s_diff], NORMED), RciDrop(limit=1.4))
        assert found.grade == grade


ELECTRIC = [
    ("2_of_3", (58, 50, 60, 50), 8),
    ("4_of_5", (55, 55, 60, 55, 55), 9),
    ("8_in_a_row", (59,) * 8, 12),
]


@pytest.mark.parametrize(("grade", "after", "at"), ELECTRIC)
def test_the_additional_rules_of_the_chart_see_what_stays_low_and_are_asked_for(grade, after, at):
    """The mean is 60, sigma 4."""
    course = series([60, 60, 60, 60, *after], COARSE)
    (found,) = shewhart_xmr(course, ShewhartXmr(western_electric=True))
    assert (found.session_id.int, found.grade, found.kind) == (at, grade, SignalKind.LEVEL_SHIFT)
    assert shewhart_xmr(course, ShewhartXmr()) == ()


def test_without_norms_a_detector_that_needs_them_sees_nothing():
    assert rci_drop(series(GOLD), RciDrop()) == ()
    assert sudden_loss(series(GOLD), SuddenLoss()) == ()
    assert divergence(series([5, 5]), series([1, 1], rater=Rater.THERAPIST), Divergence()) == ()


def test_a_weak_report_can_be_left_out_and_one_without_an_intensity_never_is():
    said = [DirectReport(True, 1), DirectReport(True, 4, 4), DirectReport(True), DirectReport(False, 5)]
    course = of(sitting(n, direct=report) for n, report in enumerate(said, 1))
    assert numbers(direct_report(course, Reported())) == [1, 2, 3]
    found = direct_report(course, Reported(least_intensity=3))
    assert [(f.session_id.int, f.grade) for f in found] == [(2, "resolved_in_session"), (3, None)]


def test_a_level_that_stays_low_is_raised_once():
    totals = [35, 30, 38, 36]
    rated = [sitting(n, total / 4, total=total) for n, total in enumerate(totals, 1)]
    found = cutoff(of(rated, SRS, instrument="srs"), Cutoff())
    assert [(f.session_id.int, f.magnitude_raw, f.threshold) for f in found] == [(1, 35, 36), (4, 36, 36)]


def test_an_incomplete_form_is_not_a_low_score():
    blank = sitting(1, None, answers=((1, 2),))
    assert cutoff(of([blank], SRS, instrument="srs"), Cutoff()) == ()


def test_a_cut_off_is_for_the_form_it_was_published_for():
    low = sitting(1, 1.0, total=12)
    assert cutoff(of([low]), Cutoff()) == ()
    assert numbers(cutoff(of([low]), Cutoff(instruments=("wai-sr",)))) == [1]


def test_every_finding_says_which_detector_version_and_parameters_made_it():
    (found,) = rci_drop(series(GOLD, NORMED), RciDrop(limit=1.645))
    assert (found.detector, found.version) == (Detector.RCI_DROP, 1)
    assert found.parameters == {"reference": "previous", "limit": 1.645}
    (rule,) = rules({Detector.RCI_DROP: RciDrop(limit=1.645)}).values()
    assert (rule.version, rule.parameters) == (found.version, found.parameters)


def test_the_hash_of_a_finding_covers_what_it_used_and_nothing_else():
    def hashed(look, parameters, scores, **scale):
        (found,) = look(series(scores, replace(NORMED, **scale)), parameters)
        return found.inputs_hash

    for look, parameters, used in (
        (rci_drop, RciDrop(), {3, 4}),
        (within_client_drop, WithinClientDrop(limit=2), {0, 1, 2, 3, 4}),
        (shewhart_xmr, ShewhartXmr(), {0, 1, 2, 3, 4}),
        (ewma, Ewma(), {0, 1, 2, 3, 4}),
    ):
        plain = hashed(look, parameters, GOLD)
        for place in range(len(GOLD)):
            other = [score + 0.01 * (at == place) for at, score in enumerate(GOLD)]
            assert (hashed(look, parameters, other) != plain) == (place in used)
        assert hashed(look, parameters, [*GOLD, 4.0]) == plain
        assert hashed(look, parameters, GOLD, reliability=0.93) != plain


def test_a_finding_is_as_private_as_any_rating_it_rests_on():
    def found(hidden):
        rated = [sitting(n, s, private_to_client=n == hidden) for n, s in enumerate(GOLD, 1)]
        return {f.detector: f.private_to_client for f in detect([of(rated, NORMED)], EVERYTHING)}

    assert found(4)[Detector.RCI_DROP] and found(1)[Detector.SHEWHART_XMR]
    assert not found(1)[Detector.RCI_DROP]
    assert not any(found(8).values())


def test_no_threshold_carries_the_name_of_an_author():
    named = {"jacobson", "truax", "gumz", "stiles", "strauss", "tang", "derubeis", "lutz", "duncan", "eubanks"}
    words = {name for known in DETECTORS.values() for name in known.parameters.__dataclass_fields__}
    assert not {word for word in words | set(Detector) if any(author in word for author in named)}
