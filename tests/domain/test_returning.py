"""A rule by which scores returned carries a repair only where they did."""

from dataclasses import replace

import pytest

from domain.detection import Rater
from domain.repair import REPAIR, Outcome, Repair
from domain.returning import ScoreRule, Scores
from domain.rupture import Rupture, RupturePhase
from tests.domain.given import ID, RELATIONSHIP_ID, RUPTURE_ID, codes, do, refused
from tests.domain.ratings import FIRST, GOLD, NORMED, WAI, series, sitting

AT_FIVE = Rupture(
    id=RUPTURE_ID, relationship_id=RELATIONSHIP_ID, phase=RupturePhase.IN_REPAIR, session_id=sitting(5).session_id
)
"""The rupture in the session of the fall."""
ATTEMPT = Repair(id=ID, rupture_id=RUPTURE_ID, relationship_id=RELATIONSHIP_ID)


def conclude(rule, scores=GOLD, *more, window=3, rupture=AT_FIVE, scale=NORMED, outcome=Outcome.REPAIRED, **said):
    """Conclude by a rule, with what the client rated, and what else there is."""
    seen = Scores((series(scores, scale), *more), window)
    return do(REPAIR, "conclude", ATTEMPT, parent=rupture, in_sight=seen, outcome=outcome, score_rule=rule, **said)


@pytest.mark.parametrize("rule", ScoreRule)
def test_a_rule_that_the_scores_meet_will_do_and_says_that_nobody_has_asked_the_client(rule):
    done = conclude(rule)
    assert (done.after.outcome, done.after.score_rule) == (Outcome.REPAIRED, rule)
    assert codes(done) == {"score_alone"}
    assert codes(conclude(rule, client_resolution=5)) == {"clients_view_second_hand"}


@pytest.mark.parametrize("rule", ScoreRule)
@pytest.mark.parametrize("outcome", Outcome)
def test_a_rule_that_the_scores_do_not_meet_is_refused_by_name_whatever_it_is_to_carry(rule, outcome):
    with refused("score_rule", saying=f"The client's scores do not meet {rule} within 3 held sessions"):
        conclude(rule, GOLD[:6], outcome=outcome, client_resolution=5)


def test_scores_that_came_back_after_the_practices_window_do_not_count():
    with refused("score_rule", saying="within 2 held sessions"):
        conclude(ScoreRule.FULL_RETURN, window=2)


def test_where_nothing_fell_there_is_nothing_to_come_back_to():
    with refused("score_rule"):
        conclude(ScoreRule.FULL_RETURN, [4.0] * 8)


def test_without_norms_the_forms_error_is_not_known_so_nothing_is_back_to_within_it():
    with refused("score_rule"):
        conclude(ScoreRule.WITHIN_SDIFF, scale=WAI)


@pytest.mark.parametrize("scores", [(), GOLD[:4], (*GOLD[:4], None, None, None, None)])
def test_without_a_score_since_the_rupture_there_is_nothing_to_go_by(scores):
    with refused("score_rule", saying="no score of the client's in your sight"):
        conclude(ScoreRule.FULL_RETURN, scores)


@pytest.mark.parametrize("said", [{"rater": Rater.THERAPIST}, {"alliance": False}])
def test_what_somebody_else_or_another_kind_of_form_says_is_not_the_clients_score(said):
    with refused("score_rule", saying="no score of the client's"):
        conclude(ScoreRule.FULL_RETURN, (), series(GOLD, NORMED, **said))


def test_one_form_on_which_the_scores_are_back_is_enough():
    still_low = series((*GOLD[:5], 3.0, 3.0, 3.0), NORMED, instrument="arm-5")
    assert conclude(ScoreRule.FULL_RETURN, GOLD, still_low).after.score_rule
    with refused("score_rule", saying="do not meet"):
        conclude(ScoreRule.FULL_RETURN, (), still_low)


def test_a_session_that_nobody_rated_is_followed_by_those_that_somebody_did_within_the_same_window():
    late = (*GOLD[:4], None, 3.08, 4.0, 4.25, 4.25)
    assert conclude(ScoreRule.FULL_RETURN, late).after.score_rule
    with refused("score_rule"):
        conclude(ScoreRule.FULL_RETURN, late, window=2)


def test_a_rupture_that_names_no_session_is_looked_for_from_its_day_on():
    on_its_day = replace(AT_FIVE, session_id=None, happened_on=sitting(5).at.date())
    between = replace(on_its_day, happened_on=sitting(5, days=25).at.date())
    for rupture in (on_its_day, between):
        assert conclude(ScoreRule.FULL_RETURN, rupture=rupture).after.score_rule
    with refused("score_rule", saying="no score of the client's"):
        later = replace(on_its_day, happened_on=FIRST.date().replace(year=2027))
        conclude(ScoreRule.FULL_RETURN, rupture=later)


def test_a_rupture_that_says_nothing_of_when_it_was_is_asked_for_it():
    with refused("score_rule", saying="say in the rupture when it was"):
        conclude(ScoreRule.FULL_RETURN, rupture=replace(AT_FIVE, session_id=None))
