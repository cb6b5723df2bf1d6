"""What became of a dip: told with the V of the field's worked numbers."""

import pytest
from pytest import approx

from domain.detection import DirectReport, EpisodeState, Rater, RepairRule, SignalKind
from domain.detectors import (
    Ewma,
    RciDrop,
    Reported,
    ShewhartXmr,
    WithinClientDrop,
    direct_report,
    ewma,
    rci_drop,
    shewhart_xmr,
    within_client_drop,
)
from domain.episodes import episode, episodes, reports_of
from tests.domain.ratings import GOLD, NORMED, STEADY, WAI, of, series, sitting

EVERY = tuple(RepairRule)
BY_SCORE = [rule for rule in RepairRule if rule is not RepairRule.DIRECT]


def after(course, *rules, window=3, reports=None):
    """The one episode that begins with a drop from the session before."""
    (found,) = rci_drop(course, RciDrop())
    return episode(course, found, rules, window, reports)


def told(found):
    return found.state, found.repaired_session_id and found.repaired_session_id.int, found.length_sessions


REPAIRS = [
    (RepairRule.HALF_RECOVERY, 7, 2),
    (RepairRule.WITHIN_SDIFF, 7, 2),
    (RepairRule.FULL_RETURN, 8, 3),
    (RepairRule.IN_CONTROL, 8, 3),
]


@pytest.mark.parametrize(("rule", "at", "length"), REPAIRS)
def test_the_v_is_over_when_each_rule_says_so(rule, at, length):
    found = after(series(GOLD, NORMED), rule)
    assert told(found) == (EpisodeState.REPAIRED, at, length)
    assert found.rule is rule
    assert (found.onset_session_id.int, found.trough_session_id.int) == (5, 5)
    assert found.magnitude_raw == approx(3.08 - 4.25)


def test_it_is_dated_by_the_first_of_several_rules_that_is_met():
    found = after(series(GOLD, NORMED), RepairRule.FULL_RETURN, RepairRule.WITHIN_SDIFF, RepairRule.HALF_RECOVERY)
    assert (found.repaired_session_id.int, found.rule) == (7, RepairRule.WITHIN_SDIFF)


def test_a_ties_is_enough_for_a_repair():
    exactly = {
        RepairRule.FULL_RETURN: 4.0,
        RepairRule.WITHIN_SDIFF: 4.0 - NORMED.s_diff,
        RepairRule.HALF_RECOVERY: 3.5,
    }
    for rule, score in exactly.items():
        assert after(series([*STEADY, 4.0, 3.0, score], NORMED), rule).state is EpisodeState.REPAIRED
        assert after(series([*STEADY, 4.0, 3.0, score - 0.001], NORMED), rule).state is EpisodeState.OPEN


def test_the_window_counts_held_sessions_scored_or_not():
    missed_forms = series([*STEADY, 3.0, None, None, None, 4.25], NORMED)
    assert told(after(missed_forms, *BY_SCORE)) == (EpisodeState.UNREPAIRED_SO_FAR, None, 3)
    assert told(after(missed_forms, *BY_SCORE, window=5)) == (EpisodeState.REPAIRED, 9, 4)


def test_a_dip_is_open_until_its_window_is_over_and_then_unrepaired_so_far():
    down = [*STEADY, 3.0, 3.0, 3.0, 3.0]
    states = [told(after(series(down[:count], NORMED), *EVERY)) for count in range(5, 9)]
    assert states == [
        (EpisodeState.OPEN, None, 0),
        (EpisodeState.OPEN, None, 1),
        (EpisodeState.OPEN, None, 2),
        (EpisodeState.UNREPAIRED_SO_FAR, None, 3),
    ]


def test_the_trough_is_the_lowest_so_far_and_half_of_the_way_is_counted_from_it():
    found = after(series([*STEADY, 3.25, 2.25, 3.2, 3.25], NORMED), RepairRule.HALF_RECOVERY)
    assert (found.trough_session_id.int, found.magnitude_raw) == (6, -2.0)
    assert told(found) == (EpisodeState.REPAIRED, 8, 3)


def test_the_magnitude_is_in_the_clients_own_deviations_before_it_or_the_floor():
    assert after(series(GOLD, NORMED), RepairRule.DIRECT).magnitude_sd == approx(-1.17 / NORMED.floor)
    restless = series([3.0, 4.0, 3.0, 4.0, 2.0], NORMED)
    (found,) = within_client_drop(restless, WithinClientDrop(limit=2))
    assert episode(restless, found, EVERY).magnitude_sd == approx(-2 / (1 / 3) ** 0.5)


def test_being_in_control_again_takes_two_sessions_in_a_row_and_is_dated_at_the_second():
    relapse = [*STEADY, 3.0, 4.0, 3.0, 4.0, 4.0]
    (found, *_) = shewhart_xmr(series(relapse), ShewhartXmr())
    assert told(episode(series(relapse), found, [RepairRule.IN_CONTROL], 5)) == (EpisodeState.REPAIRED, 9, 4)
    assert told(episode(series(relapse), found, [RepairRule.IN_CONTROL])) == (EpisodeState.UNREPAIRED_SO_FAR, None, 3)


def test_the_onset_itself_is_not_one_of_the_two_sessions_in_control():
    (found,) = rci_drop(series([*STEADY, 3.5, 3.5], NORMED), RciDrop())
    assert episode(series([*STEADY, 3.5, 3.5], NORMED), found, [RepairRule.IN_CONTROL]).state is EpisodeState.OPEN


def test_a_repair_is_not_assessable_across_a_restart():
    gap = [*(sitting(n, s) for n, s in enumerate(GOLD[:5], 1)), sitting(6, 4.25, days=28 + 43)]
    other = [*(sitting(n, s, run="anna") for n, s in enumerate(GOLD[:5], 1)), sitting(6, 4.25, run="ben")]
    for course in (gap, other):
        assert told(after(of(course, NORMED), *BY_SCORE)) == (EpisodeState.NOT_ASSESSABLE, None, 1)


def test_a_rule_that_lacks_what_it_needs_is_not_assessable():
    course = series([4.0, 4.0, 4.0, 4.0, 3.0, 4.0])
    (found,) = within_client_drop(course, WithinClientDrop())
    assert episode(course, found, [RepairRule.WITHIN_SDIFF]).state is EpisodeState.NOT_ASSESSABLE
    early = after(series([4.25, 3.0, 4.25], NORMED), RepairRule.IN_CONTROL)
    assert early.state is EpisodeState.NOT_ASSESSABLE


def test_the_clients_word_repairs_whatever_the_scores_say_and_across_a_restart():
    resolved = DirectReport(problem=True, resolved=4)
    course = [*(sitting(n, s) for n, s in enumerate(GOLD[:5], 1)), sitting(6, 3.0, days=90, direct=resolved)]
    found = after(of(course, NORMED), *EVERY)
    assert (told(found), found.rule) == ((EpisodeState.REPAIRED, 6, 1), RepairRule.DIRECT)


def test_three_of_five_is_not_resolved():
    course = [*(sitting(n, s) for n, s in enumerate(GOLD[:5], 1)), sitting(6, 3.0, direct=DirectReport(True, None, 3))]
    assert after(of(course, NORMED), RepairRule.DIRECT).state is EpisodeState.OPEN


def test_a_therapists_word_is_not_the_clients():
    resolved = DirectReport(problem=False, resolved=5)
    course = [*(sitting(n, s) for n, s in enumerate(GOLD[:5], 1)), sitting(6, 3.0, direct=resolved)]
    assert after(of(course, NORMED, rater=Rater.THERAPIST), RepairRule.DIRECT).state is EpisodeState.OPEN


def test_what_the_client_says_on_another_form_counts():
    asked = of([sitting(6, direct=DirectReport(problem=False, resolved=5))], WAI, instrument="psq")
    found = after(series(GOLD, NORMED), RepairRule.DIRECT, reports=reports_of([asked]))
    assert told(found) == (EpisodeState.REPAIRED, 6, 1)


def test_a_repair_within_the_session_leaves_no_dip():
    said = DirectReport(problem=True, intensity=3, resolved=5)
    course = of([*(sitting(n, s) for n, s in enumerate(STEADY, 1)), sitting(5, 4.25, direct=said)])
    (found,) = direct_report(course, Reported())
    mended = episode(course, found, EVERY)
    assert (told(mended), mended.rule) == ((EpisodeState.REPAIRED, 5, 0), RepairRule.DIRECT)
    assert mended.magnitude_raw == 0


def test_a_reported_rupture_without_any_score_can_be_repaired_by_the_clients_word_alone():
    course = of([sitting(1, direct=DirectReport(problem=True)), sitting(2, direct=DirectReport(False, None, 4))])
    (found,) = direct_report(course, Reported())
    mended = episode(course, found, EVERY)
    assert told(mended) == (EpisodeState.REPAIRED, 2, 1)
    assert (mended.trough_session_id, mended.magnitude_raw, mended.magnitude_sd) == (None, None, None)
    assert episode(course, found, BY_SCORE).state is EpisodeState.NOT_ASSESSABLE


def test_a_score_that_never_fell_is_not_back():
    course = of([sitting(1, 4.0), sitting(2, 4.0, direct=DirectReport(problem=True)), sitting(3, 4.5)])
    (found,) = direct_report(course, Reported())
    assert told(episode(course, found, BY_SCORE)) == (EpisodeState.OPEN, None, 1)


def test_a_slow_decline_is_measured_from_the_frozen_mean():
    decline = series([4.0, 4.1, 4.0, 4.1, 3.95, 3.85, 3.75, 3.65, 3.6, 4.1])
    (found,) = ewma(decline, Ewma())
    low = episode(decline, found, [RepairRule.HALF_RECOVERY])
    assert (low.magnitude_raw, low.state) == (approx(3.6 - 4.05), EpisodeState.REPAIRED)


def test_what_several_detectors_find_in_one_dip_is_one_episode():
    course = series([*GOLD, 4.2, 4.2, 3.0, 4.2], NORMED)
    looks = (rci_drop(course, RciDrop()), shewhart_xmr(course, ShewhartXmr()), ewma(course, Ewma()))
    found = [f for findings in looks for f in findings]
    assert len(found) > 2
    dips = episodes(course, found, [RepairRule.HALF_RECOVERY])
    assert [(d.onset_session_id.int, d.repaired_session_id.int) for d in dips] == [(5, 7), (11, 12)]
    assert dips[0].magnitude_raw == approx(3.08 - 4.25)


def test_only_the_findings_of_a_series_become_its_episodes():
    course = series(GOLD, NORMED)
    found = rci_drop(course, RciDrop())
    assert len(episodes(course, found, EVERY)) == 1
    assert episodes(series(GOLD, NORMED, rater=Rater.THERAPIST), found, EVERY) == ()
    assert all(f.kind is SignalKind.DROP for f in found)
