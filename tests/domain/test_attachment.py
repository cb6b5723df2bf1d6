"""Attachment: two numbers, a word for where they lie, the rule that drew the line, and none near it."""

import pytest
from pytest import approx

from domain.access import Role
from domain.attachment import (
    ATTACHMENT_PROFILE,
    AttachmentPattern,
    PatternRule,
    Target,
    TargetAnswers,
    error_of,
    pattern_of,
)
from domain.form import Form, InstrumentKind, Rights, Subscale
from domain.instruments import ECR_R, ECR_RS, ECR_S
from domain.scoring import Completeness, ItemAnswer
from tests.domain.given import CLIENT_ID, RELATIONSHIP_ID, do, refused

SECURE, ANXIOUS, AVOIDANT, DISORGANIZED, INDETERMINATE = AttachmentPattern
MIDPOINT, NORM_MEAN = PatternRule
VECTOR = (2, 3, 2, 4, 5, 6, 3, 2, 4)


def about(target, *values):
    answers = tuple(ItemAnswer(item=item, value=value) for item, value in enumerate(values, 1))
    return TargetAnswers(target=target, answers=answers)


def profile(instrument="ecr-rs", by=Role.THERAPIST, **said):
    return do(ATTACHMENT_PROFILE, "record", by=by, relationship_id=RELATIONSHIP_ID, instrument=instrument, **said).after


def scored(anxiety, avoidance, instrument="ecr-r", **said):
    return profile(instrument, anxiety_score=anxiety, avoidance_score=avoidance, **said)


def test_the_ecr_rs_is_scored_from_its_answers():
    found = profile(targets=(about(Target.PARTNER, *VECTOR),))
    assert (found.avoidance, found.anxiety) == (approx(5.333, abs=5e-4), approx(3.0))
    assert (found.pattern, found.rule) == (AVOIDANT, MIDPOINT)
    assert (found.instrument, found.instrument_version) == ("ecr-rs", "2011")


def test_over_several_people_the_mean_of_each_number_is_kept():
    found = profile(targets=(about(Target.MOTHER, *VECTOR), about(Target.FRIEND, 7, 7, 7, 7, 1, 1, 7, 7, 7)))
    assert (found.avoidance, found.anxiety) == (approx((16 / 3 + 1) / 2), approx(5.0))


def test_one_person_that_could_not_be_scored_leaves_no_mean_and_no_pattern():
    blank = (7, 7, 7, 7, 1, 1, None, None, 7)
    found = profile(targets=(about(Target.MOTHER, *VECTOR), about(Target.FRIEND, *blank)))
    assert (found.anxiety, found.avoidance) == (None, approx((16 / 3 + 1) / 2))
    assert (found.pattern, found.completeness) == (INDETERMINATE, Completeness.INCOMPLETE)


@pytest.mark.parametrize(
    ("anxiety", "avoidance", "pattern", "field_word"),
    [
        (2, 2, SECURE, "secure"),
        (6, 2, ANXIOUS, "preoccupied"),
        (2, 6, AVOIDANT, "dismissing"),
        (6, 6, DISORGANIZED, "fearful"),
    ],
)
def test_where_two_numbers_lie_has_a_word_in_the_founding_text_and_one_in_the_field(
    anxiety, avoidance, pattern, field_word
):
    found = scored(anxiety, avoidance).pattern
    assert (found, found.field_word) == (pattern, field_word)
    assert AttachmentPattern(field_word) is pattern, "the field's word is taken as well"


def test_a_word_nobody_uses_is_no_pattern():
    with pytest.raises(ValueError, match="clingy"):
        AttachmentPattern("clingy")


def test_within_one_standard_error_of_the_cut_nothing_is_said():
    assert error_of(ECR_RS, "anxiety") == approx(0.426, abs=5e-4)
    for near in (4.0, 4.42, 3.58):
        assert scored(near, 2, "ecr-rs").pattern is INDETERMINATE
        assert scored(2, near, "ecr-rs").pattern is INDETERMINATE
    assert scored(4.43, 2, "ecr-rs").pattern is ANXIOUS
    assert scored(3.57, 2, "ecr-rs").pattern is SECURE


def test_exactly_at_the_border_of_the_error_nothing_is_said():
    edge = 4.0 + error_of(ECR_RS, "anxiety")
    assert pattern_of(ECR_RS, {"anxiety": edge, "avoidance": 1.0}, MIDPOINT) is INDETERMINATE


def test_an_instruments_own_norms_make_its_standard_error():
    assert error_of(ECR_R, "avoidance") == approx(1.19 * 0.15**0.5)
    assert error_of(ECR_S, "anxiety") == approx(1.1 * 0.2**0.5)


def test_two_rules_may_say_two_things_so_the_rule_is_named():
    by_midpoint, by_norm = scored(4.2, 1), scored(4.2, 1, rule=NORM_MEAN)
    assert (by_midpoint.pattern, by_midpoint.rule) == (INDETERMINATE, MIDPOINT)
    assert (by_norm.pattern, by_norm.rule) == (ANXIOUS, NORM_MEAN)


def test_a_rule_that_the_instrument_has_no_point_for_is_refused():
    with refused("rule", saying="leave rule out"):
        scored(2, 2, "ecr-rs", rule=NORM_MEAN)
    with refused("rule"):
        scored(2, 2, "rq", rule=MIDPOINT)


def test_without_any_rule_there_are_numbers_and_no_pattern():
    found = scored(8, -8, "rq")
    assert (found.anxiety, found.avoidance, found.rule, found.pattern) == (8, -8, None, INDETERMINATE)


def test_both_scores_are_wanted_and_in_the_range_of_the_form():
    with refused("avoidance_score", saying="Both scores, or the answers under targets."):
        profile(anxiety_score=3.0)
    with refused("anxiety_score", "avoidance_score"):
        profile()
    with refused("anxiety_score", saying="from 1 to 7"):
        scored(0, 2)
    with refused("avoidance_score", saying="from -12 to 12"):
        scored(0, 13, "rq")


def test_scores_follow_from_answers_and_are_not_sent_beside_them():
    with refused("anxiety_score", saying="Scores follow from answers"):
        profile(targets=(about(Target.GENERAL, *VECTOR),), anxiety_score=3.0, avoidance_score=5.3)


def test_an_unknown_item_set_is_refused_under_the_person_it_is_about():
    with refused("targets/1/answers/9/item", saying="ecr-rs 2011 has no item of this number"):
        profile(targets=(about(Target.MOTHER, *VECTOR), about(Target.FATHER, *VECTOR, 4)))
    with refused("targets/0/answers", saying="Not sent: item 9."):
        profile(targets=(about(Target.MOTHER, *VECTOR[:8]),))
    with refused("targets/0/answers/0/value", saying="from 1 to 7"):
        profile(targets=(about(Target.MOTHER, 0, *VECTOR[1:]),))


def test_the_ecr_r_comes_as_scores_and_never_as_somebody_elses_item_set():
    with refused("targets/0/answers", saying="ecr-r is scored elsewhere; send its scores."):
        profile("ecr-r", targets=(about(Target.GENERAL, *VECTOR),))


def test_each_person_is_asked_about_once():
    with refused("targets", saying="Each person is asked about once."):
        profile(targets=(about(Target.MOTHER, *VECTOR), about(Target.MOTHER, *VECTOR)))


def test_an_alliance_form_measures_no_attachment():
    with refused("instrument", saying="wai-sr is an instrument of another kind: alliance."):
        scored(2, 2, "wai-sr")


def test_a_pattern_of_a_practices_own_form_rests_on_its_own_range():
    mine = Form(
        code="own", edition="1", title="Own", kind=InstrumentKind.ATTACHMENT, low=0, high=10, rights=Rights.OWN,
        subscales=(Subscale(name="anxiety"), Subscale(name="avoidance")),
    )  # fmt: skip
    assert pattern_of(mine, {"anxiety": 9.0, "avoidance": 9.0}, None) is INDETERMINATE


def test_what_a_client_answered_themselves_no_clinician_changes():
    found = scored(2, 2, by=Role.CLIENT)
    assert found.recorded_by == str(CLIENT_ID)
    with refused(saying="ask them again"):
        do(ATTACHMENT_PROFILE, "correct", found, Role.THERAPIST, anxiety_score=6.0, avoidance_score=2.0)
    with refused(status=403):
        do(ATTACHMENT_PROFILE, "correct", found, Role.CLIENT, anxiety_score=6.0, avoidance_score=2.0)


def test_a_slip_of_the_pen_is_put_right_and_everything_follows():
    found = scored(2, 2)
    right = do(ATTACHMENT_PROFILE, "correct", found, Role.SUPERVISOR, anxiety_score=6.0, avoidance_score=2.0).after
    assert (right.pattern, right.anxiety, right.rated_on) == (ANXIOUS, 6, found.rated_on)


def test_with_one_number_there_is_no_pattern():
    assert pattern_of(ECR_RS, {"anxiety": None, "avoidance": 7.0}, MIDPOINT) is INDETERMINATE
