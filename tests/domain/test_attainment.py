"""Goals with levels said in advance: what a rating comes to, whose it is, and what stays once there is one."""

from collections.abc import Sequence
from datetime import date, timedelta
from math import sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import Role
from domain.attainment import (
    CORRELATION,
    GOAL_ATTAINMENT,
    AttainmentPhase,
    GoalAttainment,
    GoalLevel,
    ScaledGoal,
    t_score,
)
from domain.detection import Rater
from domain.move import Decision
from domain.scoring import Completeness
from tests.domain.given import RELATIONSHIP_ID, TODAY, codes, do, refused

INTEGRATION, THERAPIST, CLIENT, SUPERVISOR = Role.INTEGRATION, Role.THERAPIST, Role.CLIENT, Role.SUPERVISOR
EARLIER = date(2026, 2, 2)
VECTORS = [
    ((1, 1, 1), (1, 1, 1), 63.69), ((1, 1, 1), (0, 0, 0), 50.0), ((1, 1, 1), (2, 1, -1), 59.13),
    ((1, 1, 1), (-2, -2, -2), 22.61), ((3, 1), (1, -1), 55.82),
]  # fmt: skip
RATED = st.lists(st.tuples(st.floats(0.01, 100.0), st.integers(-2, 2)), min_size=1, max_size=20)


def goal(number: int = 1, **said: Any) -> ScaledGoal:
    known = {"number": number, "text": "To speak up.", "expected": "Once a week."}
    return ScaledGoal(**known | said)


def goals(*said: ScaledGoal, by: Role = THERAPIST, **more: Any) -> Decision:
    """Goals as they were agreed on; three alike unless said otherwise."""
    chosen = said or (goal(1), goal(2), goal(3))
    return do(GOAL_ATTAINMENT, "agree", by=by, goals=chosen, relationship_id=RELATIONSHIP_ID, **more)


def levels(*said: int | None) -> tuple[GoalLevel, ...]:
    return tuple(GoalLevel(goal=number, level=level) for number, level in enumerate(said, 1))


def rate(state: GoalAttainment, *said: int | None, by: Role = CLIENT, **more: Any) -> Decision:
    return do(GOAL_ATTAINMENT, "rate", state, by, levels=levels(*said), **more)


def rated(*said: int | None, by: Role = CLIENT, **more: Any) -> GoalAttainment:
    """Three goals, rated once."""
    found: GoalAttainment = rate(goals().after, *said, by=by, **more).after
    return found


def revise(state: GoalAttainment, *said: ScaledGoal, **more: Any) -> Decision:
    return do(GOAL_ATTAINMENT, "revise", state, goals=said or state.goals, **more)


# -- what it comes to --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("weights", "reached", "expected"), VECTORS)
def test_the_t_score_is_the_one_of_the_method(
    weights: Sequence[float], reached: Sequence[int], expected: float
) -> None:
    assert t_score(zip(weights, reached, strict=True)) == pytest.approx(expected, abs=0.005)
    weighed = (goal(number, weight=float(weight)) for number, weight in enumerate(weights, 1))
    found = rate(goals(*weighed).after, *reached).after
    assert found.client_attained.t_score == pytest.approx(expected, abs=0.005)
    assert found.assumed_correlation == CORRELATION == 0.3


@pytest.mark.parametrize(
    ("denominator", "wrong"),
    [(sqrt(3), 67.32), (sqrt(0.7 * 3**2 + 0.3 * 3 * 3), 60.00), (sqrt(0.7 * 3), 70.70)],
    ids=["root of n", "n squared", "without the correlation"],
)
def test_it_is_none_of_the_t_scores_that_are_about(denominator: float, wrong: float) -> None:
    assert 50 + 10 * 3 / denominator == pytest.approx(wrong, abs=0.01)
    assert abs(t_score([(1.0, 1)] * 3) - wrong) > 3


@given(RATED)
def test_as_much_worse_lies_as_far_below_fifty_as_as_much_better_lies_above(found: list[tuple[float, int]]) -> None:
    mirrored = [(weight, -level) for weight, level in found]
    assert t_score(found) + t_score(mirrored) == pytest.approx(100)


@given(RATED, st.floats(0.01, 100.0))
def test_only_the_ratio_of_weights_matters(found: list[tuple[float, int]], factor: float) -> None:
    assert t_score([(weight * factor, level) for weight, level in found]) == pytest.approx(t_score(found))


@given(RATED)
def test_where_everything_is_as_expected_it_is_fifty(found: list[tuple[float, int]]) -> None:
    assert t_score([(weight, 0) for weight, _ in found]) == 50


def test_a_goal_that_is_not_rated_is_no_zero() -> None:
    for said in (levels(1, None, 1), levels(1, 1)):
        decision = do(GOAL_ATTAINMENT, "rate", goals().after, CLIENT, levels=said)
        (rating,) = decision.after.client_ratings
        assert (rating.t_score, rating.completeness) == (None, Completeness.INCOMPLETE)
        assert decision.after.client_attained is None
        assert codes(decision) == {"incomplete"}
    assert t_score([(1.0, 1), (1.0, 0), (1.0, 1)]) > 50


def test_an_incomplete_rating_leaves_the_latest_complete_one_standing() -> None:
    state = rate(rated(1, 1, 1, rated_on=EARLIER), 2, None, 2).after
    assert (state.client_attained.rated_on, len(state.client_ratings)) == (EARLIER, 2)


def test_the_latest_day_counts_and_of_one_day_what_was_said_last() -> None:
    state = rated(0, 0, 0)
    state = rate(state, 2, 2, 2, rated_on=EARLIER).after
    assert (state.client_attained.t_score, state.client_attained.rated_on) == (50, TODAY)
    state = rate(state, -1, 0, 1).after
    assert len(state.client_ratings) == 3
    assert state.client_attained.t_score == pytest.approx(50)
    state = rate(state, 1, 1, 1).after
    assert state.client_attained.t_score == pytest.approx(63.69, abs=0.005)


def test_the_baselines_have_a_t_score_once_each_goal_has_one() -> None:
    assert goals(goal(1, baseline=-1), goal(2)).after.baseline_t_score is None
    both = goals(goal(1, baseline=-2), goal(2, baseline=-2), goal(3, baseline=-2)).after
    assert both.baseline_t_score == pytest.approx(22.61, abs=0.005)
    assert goals(goal(1, baseline=0)).after.baseline_t_score == 50


# -- whose it is -------------------------------------------------------------------------------------------------------


def test_each_rates_for_themselves_and_the_two_are_not_blended() -> None:
    state = rate(rated(1, 1, 1), -2, -2, -2, by=THERAPIST).after
    assert state.client_attained.t_score == pytest.approx(63.69, abs=0.005)
    assert state.therapist_attained.t_score == pytest.approx(22.61, abs=0.005)
    assert (len(state.client_ratings), len(state.therapist_ratings)) == (1, 1)


@pytest.mark.parametrize(
    ("by", "rater"), [(CLIENT, Rater.THERAPIST), (THERAPIST, Rater.CLIENT), (THERAPIST, Rater.OBSERVER)]
)
def test_nobody_rates_as_somebody_else(by: Role, rater: Rater) -> None:
    with refused("rater"):
        rated(1, 1, 1, by=by, rater=rater)


def test_an_integration_says_whose_view_it_is() -> None:
    with refused("rater", saying="client or therapist"):
        rated(1, 1, 1, by=INTEGRATION)
    with refused("rater", saying="each for themselves"):
        rated(1, 1, 1, by=INTEGRATION, rater=Rater.SUPERVISOR)
    state = rated(1, 1, 1, by=INTEGRATION, rater=Rater.THERAPIST)
    assert (state.therapist_ratings[0].by, state.client_ratings) == (INTEGRATION, ())


@pytest.mark.parametrize("by", [SUPERVISOR, Role.ADMIN])
def test_whoever_was_not_there_does_not_rate(by: Role) -> None:
    with refused(status=403):
        rated(1, 1, 1, by=by)


def test_a_client_is_asked_about_no_draft_that_is_not_shared_with_them() -> None:
    state = goals(goal(1), goal(2, shared_with_client=False)).after
    for by, rater in ((CLIENT, None), (INTEGRATION, Rater.CLIENT)):
        with refused("levels/1/goal", saying="not shared"):
            rate(state, 1, 1, by=by, rater=rater)
    assert rate(state, 1, by=CLIENT).after.client_attained is None
    assert rate(state, 1, 1, by=THERAPIST).after.therapist_attained


# -- what fits ---------------------------------------------------------------------------------------------------------


def test_a_goal_that_is_not_there_is_refused_by_its_place() -> None:
    with refused("levels/3/goal", saying="goal 1, goal 2, goal 3"):
        rated(1, 1, 1, 1)


def test_each_goal_is_rated_once() -> None:
    with refused("levels/1/goal", saying="once"):
        do(GOAL_ATTAINMENT, "rate", goals().after, CLIENT, levels=levels(1)[:1] * 2)


def test_a_rating_of_nothing_is_none() -> None:
    with refused("levels"):
        rated(None, None, None)


def test_no_day_to_come_is_agreed_on_or_rated() -> None:
    with refused("agreed_on"):
        goals(agreed_on=TODAY + timedelta(days=2))
    with refused("rated_on"):
        rated(1, 1, 1, rated_on=TODAY + timedelta(days=2))


def test_what_nobody_dated_is_of_the_day_it_was_recorded() -> None:
    state = rated(1, 1, 1)
    assert (state.agreed_on, state.client_ratings[0].rated_on) == (TODAY, TODAY)
    assert goals(agreed_on=EARLIER).after.agreed_on == EARLIER


def test_each_goal_has_a_number_of_its_own() -> None:
    with refused("goals/1/number"):
        goals(goal(2), goal(2))


def test_what_is_expected_should_be_said_and_is_never_demanded() -> None:
    vague = goals(goal(1), goal(2, expected=None), goal(3, expected=None))
    assert codes(vague) == {"expected_level_missing"}
    assert "goal 2, goal 3" in vague.advisories[0].detail
    assert codes(goals()) == set()


# -- what stays once there is a rating ---------------------------------------------------------------------------------


def test_until_they_are_rated_goals_may_become_others() -> None:
    state = revise(goals().after, goal(1, weight=2.0), goal(7)).after
    assert [(g.number, g.weight) for g in state.goals] == [(1, 2.0), (7, 1.0)]
    assert state.agreed_on == TODAY


@pytest.mark.parametrize(
    ("pointer", "said"),
    [("goals/0/weight", (goal(1, weight=2.0), goal(2), goal(3))),
     ("goals/3/number", (goal(1), goal(2), goal(3), goal(4))), ("goals", (goal(1), goal(3)))],
)  # fmt: skip
def test_what_was_rated_keeps_its_weights_and_its_number(pointer: str, said: tuple[ScaledGoal, ...]) -> None:
    with refused(pointer, saying="as a new set"):
        revise(rated(1, 1, 1), *said)


def test_a_wording_is_put_right_with_a_word_about_what_was_rated_by_the_earlier_one() -> None:
    state = rated(1, 1, 1)
    reworded = revise(state, goal(1, more="Twice a week."), goal(2), goal(3))
    assert codes(reworded) == {"wording_changed"}
    assert reworded.after.client_attained == state.client_attained
    assert reworded.event.set["goals"][0]["number"] == 1 and "more" not in reworded.event.set["goals"][0]
    assert codes(revise(state, goal(3), goal(2), goal(1, baseline=-1))) == set()


# -- what was a mistake ------------------------------------------------------------------------------------------------


def withdraw(state: GoalAttainment, rating: int, by: Role = CLIENT, **said: Any) -> GoalAttainment:
    found: GoalAttainment = do(GOAL_ATTAINMENT, "mark_rating_in_error", state, by, rating=rating, **said).after
    return found


def test_a_rating_by_mistake_is_kept_and_no_longer_counts() -> None:
    state = rate(rated(1, 1, 1, rated_on=EARLIER), 2, 2, 2).after
    left = withdraw(state, 2)
    assert [r.in_error for r in left.client_ratings] == [False, True]
    assert (left.client_attained.rated_on, left.phase) == (EARLIER, AttainmentPhase.RATED)
    none_left = withdraw(left, 1)
    assert (none_left.client_attained, none_left.phase) == (None, AttainmentPhase.AGREED)
    assert revise(none_left, goal(9)).after.goals == (goal(9),)


def test_each_takes_back_what_is_theirs() -> None:
    state = rated(1, 1, 1)
    with refused("rating", saying="There are 0"):
        withdraw(state, 1, THERAPIST)
    with refused("rater"):
        withdraw(state, 1, THERAPIST, rater=Rater.CLIENT)
    with refused("rating", saying="already"):
        withdraw(withdraw(rate(state, 0, 0, 0).after, 1), 1)
    both = rate(state, 0, 0, 0, by=THERAPIST).after
    assert withdraw(both, 1, INTEGRATION, rater=Rater.CLIENT).therapist_attained == both.therapist_attained


def test_a_therapist_does_not_sweep_away_what_a_client_said() -> None:
    state = rated(1, 1, 1)
    with refused(saying="theirs to take back"):
        do(GOAL_ATTAINMENT, "mark_in_error", state)
    assert do(GOAL_ATTAINMENT, "mark_in_error", state, INTEGRATION).after.phase is AttainmentPhase.ENTERED_IN_ERROR
    for harmless in (withdraw(state, 1), rated(1, 1, 1, by=THERAPIST)):
        assert do(GOAL_ATTAINMENT, "mark_in_error", harmless).after.phase is AttainmentPhase.ENTERED_IN_ERROR


def test_no_number_ends_anything_or_becomes_a_phase() -> None:
    for said in ((2, 2, 2), (-2, -2, -2)):
        assert rated(*said).phase is AttainmentPhase.RATED
