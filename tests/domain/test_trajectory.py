"""What a picture of the alliance says, before it is drawn: what is joined, what is not, and the same in words."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.detection import Scale
from domain.episodes import Mending
from domain.relationship import Transition
from domain.signal import Disposition, SignalPhase
from tests.trajectories import SRS, WAI, V, drawn, mended, rated, ruptured, seats, seen, v_shaped


def pieces(line) -> list[list[float]]:
    """The scores that are joined by a line."""
    found: dict[int, list[float]] = {}
    for point in line.points:
        found.setdefault(point.piece, []).append(point.score)
    return list(found.values())


def test_a_missed_session_breaks_the_line():
    row = seats(6, missed=(2,))
    client = drawn(row, rated(row, "client", [4, 4.1, 4.2, 4.3, 4.4])).panels[0].lines[0]
    assert pieces(client) == [[4, 4.1], [4.2, 4.3, 4.4]]
    assert [point.position for point in client.points] == [0, 1, 3, 4, 5]


def test_a_session_without_a_score_breaks_the_line_and_is_never_filled_in():
    row = seats(5)
    client = drawn(row, rated(row, "client", [4, None, 4.2, 4.1, 4])).panels[0].lines[0]
    assert pieces(client) == [[4], [4.2, 4.1, 4]]


def test_a_missed_session_alone_begins_no_new_baseline_and_a_long_break_does():
    row = seats(12, missed=(4,), long_break_after=5)
    client = drawn(row, rated(row, "client", [4, 4.1, 4, 4.1, 4, 3.6, 3.5, 3.6, 3.5, 3.6, 3.5])).panels[0].lines[0]
    assert [point.run for point in client.points] == [0] * 5 + [1] * 6
    assert [(one.start, one.end) for one in client.limits] == [(0, 5), (6, 11)]


def test_the_limits_are_those_of_the_first_four_scores_and_a_later_drop_does_not_move_them():
    (frozen,) = v_shaped().panels[0].lines[0].limits
    assert (frozen.mean, frozen.lower) == (pytest.approx(4.125), pytest.approx(3.744, abs=0.001))


def test_three_scores_are_no_baseline():
    row = seats(3)
    assert drawn(row, rated(row, "client", [4, 4.1, 4.2])).panels[0].lines[0].limits == ()


def test_who_sees_no_signals_sees_no_limits_either():
    row = seats(8)
    t = drawn(row, rated(row, "client", V), limited=False)
    assert t.panels[0].lines[0].limits == ()
    assert "limit" not in t.summary


def test_client_and_therapist_are_two_lines_and_never_one():
    panel = v_shaped().panels[0]
    assert [line.rater for line in panel.lines] == ["client", "therapist"]
    assert panel.lines[0].points[4].score == 3.08
    assert panel.lines[1].points[4].score == pytest.approx(2.78)


def test_two_instruments_and_two_versions_of_one_never_share_an_axis():
    row = seats(9)
    other = ("wai-sr", "2020", Scale(1, 7, 12))
    t = drawn(
        row, rated(row, "client", [9, 9.2], SRS, after=3), rated(row, "client", [4, 4.1]),
        rated(row, "client", [6], other, after=6),
    )  # fmt: skip
    assert [(p.instrument, p.version, p.high) for p in t.panels] == [
        ("wai-sr", "2006", 5), ("srs", "3", 10), ("wai-sr", "2020", 7),
    ]  # fmt: skip
    assert [len(p.lines) for p in t.panels] == [1, 1, 1]


def test_what_is_no_alliance_form_is_not_drawn():
    row = seats(2)
    phq = replace(rated(row, "client", [1, 2], ("phq-9", "9", Scale(0, 3, 9))), alliance=False)
    assert drawn(row, phq).panels == ()


def test_what_happened_between_two_sessions_stands_between_them():
    t = drawn(seats(3))
    first, second = (seat.starts_at.date() for seat in t.sessions[:2])
    between = first.replace(day=first.day + 2)
    assert [t.position(None, day) for day in (first, between, second)] == [0, 0.5, 1]
    assert t.position(t.sessions[2].session_id, first) == 2
    assert t.position(None, first.replace(year=2025)) == -0.5
    assert t.position(None, first.replace(year=2027)) == 2.5


def test_a_course_in_words():
    assert v_shaped().summary == (
        "8 sessions held, from 3 March 2026 to 21 April 2026. "
        "Client, Working Alliance Inventory – Short Revised (mean per item, 1 to 5): 8 ratings, first 4.00 in session 1, "
        "latest 4.25 in session 8, lowest 3.08 in session 5, highest 4.25 in session 4. "
        "Control limits of the client's first 4 scores from session 1: mean 4.12, lower limit 3.74. "
        "Therapist, Working Alliance Inventory – Short Revised (mean per item, 1 to 5): 8 ratings, first 3.70 in "
        "session 1, latest 3.95 in session 8, lowest 2.78 in session 5, highest 3.95 in session 4. "
        "Control limits of the therapist's first 4 scores from session 1: mean 3.83, lower limit 3.44. "
        "Signals, which are questions and not ruptures: drop at session 5 (client, rci_drop, final, not reviewed yet). "
        "What became of them by the scores or the client's word: client from session 5, 1.17 points down at session 5, "
        "far below the scores before, over at session 8 after 3 sessions: the score was back where it had been. "
        "Rupture (withdrawal) on 31 March 2026, now repaired; repair begun on 7 April 2026, concluded on "
        "14 April 2026 as repaired."
    )


def test_a_dip_is_followed_through_the_sessions_that_nobody_rated():
    row = seats(9)
    scores = [4, 4.25, 4, 4.25, 3, None, None, None, 4.25]
    (dip,) = drawn(row, rated(row, "client", scores), signals=(seen(row, 4),)).episodes
    assert (dip.state, dip.length_sessions, dip.rule) == ("unrepaired_so_far", 3, None)
    (patient,) = drawn(
        row, rated(row, "client", scores), signals=(seen(row, 4),), mending=Mending(repair_window=5)
    ).episodes  # fmt: skip
    assert (patient.state, patient.length_sessions, patient.rule) == ("repaired", 4, "full_return")


def test_each_rater_has_dips_of_their_own_and_who_is_shown_no_signal_is_shown_none():
    row = seats(8)
    both = rated(row, "client", V), rated(row, "therapist", V)
    marks = seen(row, 4, rater="therapist"), seen(row, 4)
    assert [dip.rater for dip in drawn(row, *both, signals=marks).episodes] == ["client", "therapist"]
    assert [dip.rater for dip in drawn(row, *both, signals=marks[:1]).episodes] == ["therapist"]
    assert drawn(row, *both).episodes == ()


def test_a_slip_of_the_measurement_is_no_dip_and_one_that_was_no_rupture_is():
    row = seats(8)
    for disposition, dips in {"measurement_artifact": 0, "not_a_rupture": 1}.items():
        mark = replace(seen(row, 4), phase=SignalPhase.REVIEWED, disposition=Disposition(disposition))
        assert len(drawn(row, rated(row, "client", V), signals=(mark,)).episodes) == dips


def test_dips_that_are_not_over_in_words():
    row = seats(6)
    t = drawn(row, rated(row, "client", V[:6]), signals=(seen(row, 4),))
    assert "1.17 points down at session 5, far below the scores before, not over yet after 1 session." in t.summary
    nothing = drawn(row, rated(row, "client", V[:6]), signals=(seen(row, 4),), mending=Mending(repair_rules=()))
    assert "what became of it cannot be told after 1 session." in nothing.summary


def told_of(row, scores, *ruptures, **more) -> str:
    """The summary of a course with a drop at the fifth session."""
    return drawn(row, rated(row, "client", scores), signals=(seen(row, 4),), ruptures=ruptures, **more).summary


DOWN = (*V[:5], 3.1, 3.1, 3.1)


@pytest.mark.parametrize(
    ("scores", "phase", "sentence"),
    [
        (DOWN, "repaired", "recorded as repaired, in the client's ratings unrepaired so far."),
        (V, "unrepaired", "recorded as unrepaired, in the client's ratings repaired."),
        (V, "partially_repaired", "recorded as partially repaired, in the client's ratings repaired."),
    ],
)
def test_where_the_record_and_the_ratings_differ_it_is_said_and_both_stand(scores, phase, sentence):
    row = seats(8)
    told = told_of(row, scores, ruptured(row, 4, "withdrawal", phase))
    assert f"The record and the ratings differ here: {sentence} Both stand; ask." in told


@pytest.mark.parametrize(
    ("scores", "phase"),
    [(V, "repaired"), (DOWN, "unrepaired"), (DOWN, "partially_repaired"), (V, "confirmed"), (V, "in_repair"),
     (DOWN, "confirmed"), (DOWN[:6], "repaired")],
)  # fmt: skip
def test_where_they_agree_or_one_of_them_has_not_said_yet_nothing_is(scores, phase):
    row = seats(len(scores))
    assert "differ" not in told_of(row, scores, ruptured(row, 4, "withdrawal", phase))


def test_a_dip_and_a_rupture_of_another_time_do_not_differ():
    row = seats(10)
    scores = (*DOWN, 3.1, 3.1)
    for place, differs in {2: False, 3: False, 4: True, 7: True, 8: False}.items():
        assert ("differ" in told_of(row, scores, ruptured(row, place, "withdrawal", "repaired"))) is differs, place


def test_a_rupture_between_two_sessions_is_that_of_the_dip_that_shows_right_after_it():
    row = seats(8)
    mark = replace(ruptured(row, 3, "withdrawal", "repaired"), session_id=None)
    between = replace(mark, happened_on=row[3].starts_at.date() + timedelta(days=2))
    assert "differ" in told_of(row, DOWN, between)


def test_who_is_shown_no_dip_is_shown_no_difference():
    row = seats(8)
    t = drawn(row, rated(row, "client", DOWN), ruptures=(ruptured(row, 4, "withdrawal", "repaired"),))
    assert "differ" not in t.summary


def test_missed_sessions_open_ruptures_and_the_transition_in_words():
    row = seats(6, missed=(1, 4))
    t = drawn(
        row, ruptures=(ruptured(row, 3, "unspecified", "in_repair", mended(row, 5)),),
        transitions=(Transition(begun_on=row[2].starts_at.date(), over_on=row[3].starts_at.date()),
                     Transition(begun_on=row[5].starts_at.date())),
    )  # fmt: skip
    assert t.summary == (
        "4 sessions held and 2 missed (10 March 2026, 31 March 2026), from 3 March 2026 to 7 April 2026. "
        "There are no ratings to draw. "
        "Rupture of unspecified type on 24 March 2026, now in repair; repair begun on 7 April 2026. "
        "In the transition phase from 17 March 2026 to 24 March 2026. In the transition phase since 7 April 2026."
    )


def test_a_signal_between_two_raters_names_neither():
    row = seats(5)
    t = drawn(row, signals=(seen(row, 2, "provisional", rater=None),))
    assert "drop at session 3 (rci_drop, may still change, not reviewed yet)" in t.summary


def test_what_was_computed_for_good_does_not_read_like_a_confirmed_rupture():
    row = seats(8)
    assert "confirmed" not in drawn(row, rated(row, "client", V), signals=(seen(row, 4),)).summary


def test_an_sd_of_a_handful_of_scores_is_not_told_as_a_figure():
    (dip,) = (t := v_shaped()).episodes
    assert dip.magnitude_sd == pytest.approx(-10.8, abs=0.05), "in the numbers it stands"
    assert "10.8" not in t.summary and " SD" not in t.summary
    row = seats(6)
    near = drawn(row, rated(row, "client", (3.0, 5.0, 3.0, 5.0, 3.2, 4.0)), signals=(seen(row, 4),))
    assert " down at session 5, below the scores before" in near.summary


@pytest.mark.parametrize(("place", "said"), [(0, True), (3, True), (4, False)])
def test_a_rupture_in_the_baseline_is_pointed_out(place, said):
    row = seats(8)
    t = drawn(row, rated(row, "client", V), rated(row, "therapist", V), ruptures=(ruptured(row, place),))
    assert t.summary.count("A rupture lies in the baseline; consider a new one (begin_baseline).") == said


def test_whoever_is_shown_no_limits_is_told_nothing_of_a_baseline():
    row = seats(8)
    t = drawn(row, rated(row, "client", V), ruptures=(ruptured(row, 1),), limited=False)
    assert "baseline" not in t.summary


def test_nothing_yet_in_words():
    assert drawn(()).summary == "No session has been held yet. There are no ratings to draw."
    row = seats(1)
    assert "1 session held, on 3 March 2026." in drawn(row, rated(row, "client", [4.1], WAI)).summary
