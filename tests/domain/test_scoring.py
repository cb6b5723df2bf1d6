"""Scoring, by the vectors of the literature, and what must hold of it for every form and every answer."""

import random
from math import fsum

import pytest
from hypothesis import given as drawing
from hypothesis import strategies as st
from pytest import approx

from domain.errors import Refused
from domain.form import TOTAL, Form, InstrumentKind, Scoring, Subscale
from domain.instruments import ARM_5, BUILT_IN, ECR_RS, GAD_7, PHQ_9, RQ, SAI, SRS, WAI_S, WAI_SR
from domain.scoring import MOST, Completeness, ItemAnswer, SubscaleScore, given, scored
from tests.domain.given import refused

ITEMIZED = [form for form in BUILT_IN if form.items]
COMPLETE, PRORATED, INCOMPLETE = Completeness


def answers(*values, first=1):
    """The answers to items in order; None: a blank."""
    return [ItemAnswer(item=item, value=value) for item, value in enumerate(values, first)]


def only(form, items, value, rest):
    """One value at some items, another everywhere else."""
    return [ItemAnswer(item=item, value=value if item in items else rest) for item in form.items]


def scores(**said):
    return [SubscaleScore(subscale=name, score=score) for name, score in said.items()]


def told(found):
    return found.subscales, found.total, found.completeness


# -- the instruments ---------------------------------------------------------------------------------------------------

BONDED = {
    WAI_SR: [((3, 5, 7, 9), "bond"), ((4, 6, 8, 11), "goal"), ((1, 2, 10, 12), "task")],
    SRS: [((1,), "relationship"), ((2,), "goals_and_topics"), ((3,), "approach"), ((4,), "overall")],
}


@pytest.mark.parametrize(
    ("form", "items", "subscale"), [(form, *part) for form, parts in BONDED.items() for part in parts]
)
def test_the_answers_to_its_own_items_and_no_others_make_a_subscale(form, items, subscale):
    found = scored(form, only(form, items, form.high, form.low))
    assert found.subscales == {name: form.high if name == subscale else form.low for _, name in BONDED[form]}
    assert found.total == approx(form.low + (form.high - form.low) * len(items) / len(form.items))


def test_a_wai_sr_that_is_keyed_by_blocks_of_four_is_found_out():
    found = scored(WAI_SR, only(WAI_SR, (3, 5, 7, 9), 5, 1))
    assert found.subscales == {"bond": 5, "goal": 1, "task": 1}
    assert WAI_SR.reversed_items == ()


def test_the_wai_s_turns_items_four_and_ten_round():
    found = scored(WAI_S, only(WAI_S, (4, 10), 1, 7))
    assert told(found) == ({"bond": 7, "goal": 7, "task": 7}, 7, COMPLETE)
    found = scored(WAI_S, only(WAI_S, (1, 2, 8, 12), 7, 1))
    assert found.subscales == {"bond": 1, "goal": approx((7 + 1 + 7 + 1) / 4), "task": 7}


def test_the_arm_5_turns_item_three_round():
    assert scored(ARM_5, answers(7, 7, 1, 7, 7)).total == 7
    assert scored(ARM_5, answers(7, 7, 7, 7, 7)).total == approx((4 * 7 + 1) / 5)


def test_the_sai_is_one_scale_from_nought_to_five():
    assert told(scored(SAI, answers(0, 1, 2, 3, 4, 5))) == ({}, 2.5, COMPLETE)


def test_the_srs_is_read_to_the_millimetre():
    assert scored(SRS, answers(8.7, 9.3, 10, 0.1)).total == approx((8.7 + 9.3 + 10 + 0.1) / 4)
    with refused("answers/0/value", saying="from 0 to 10 in steps of 0.1"):
        scored(SRS, answers(8.75, 9, 9, 9))


def test_the_ecr_rs_comes_out_as_its_authors_score_it():
    found = scored(ECR_RS, answers(2, 3, 2, 4, 5, 6, 3, 2, 4))
    assert found.subscales == {"avoidance": approx(5.333, abs=5e-4), "anxiety": approx(3.0)}


@pytest.mark.parametrize(("form", "most"), [(PHQ_9, 27), (GAD_7, 21)])
def test_symptom_questionnaires_are_sums(form, most):
    assert scored(form, only(form, form.items, 3, 0)).total == most
    assert scored(form, only(form, form.items, 0, 0)).total == 0
    assert scored(form, only(form, (1, 2), 2, 1)).total == len(form.items) + 2


def test_the_relationship_questionnaire_comes_as_differences():
    assert given(RQ, scores(anxiety=-12, avoidance=12)).subscales == {"anxiety": -12, "avoidance": 12}
    with refused("scores/0/score", saying="from -12 to 12"):
        given(RQ, scores(anxiety=-13, avoidance=0))


# -- blanks ------------------------------------------------------------------------------------------------------------


def test_three_items_of_four_make_a_subscale_and_two_do_not():
    one_blank = scored(WAI_SR, [*answers(5, 5, None), *answers(*[5] * 9, first=4)])
    assert told(one_blank) == ({"bond": 5, "goal": 5, "task": 5}, 5, PRORATED)
    two_blank = scored(WAI_SR, [ItemAnswer(item=i, value=None if i in (3, 5) else 5) for i in WAI_SR.items])
    assert told(two_blank) == ({"bond": None, "goal": 5, "task": 5}, None, INCOMPLETE)


def test_a_prorated_total_weighs_subscales_by_their_items_and_not_by_their_answers():
    values = {i: 5 if i in (3, 5, 7, 9) else 1 for i in WAI_SR.items} | {9: None}
    found = scored(WAI_SR, [ItemAnswer(item=i, value=v) for i, v in values.items()])
    assert (found.total, found.completeness) == (approx((4 * 5 + 4 * 1 + 4 * 1) / 12), PRORATED)


@pytest.mark.parametrize(("form", "enough"), [(PHQ_9, 7), (GAD_7, 6), (ARM_5, 4), (SAI, 5)])
def test_a_scale_without_parts_wants_three_quarters_of_its_items(form, enough):
    value = form.high if form is not ARM_5 else 4
    blanks = len(form.items) - enough
    found = scored(form, answers(*[value] * enough, *[None] * blanks))
    assert found.completeness is PRORATED
    assert found.total == approx(value * len(form.items) if form.scoring is Scoring.SUM else value)
    found = scored(form, answers(*[value] * (enough - 1), *[None] * (blanks + 1)))
    assert (found.total, found.completeness) == (None, INCOMPLETE)


def test_a_sum_is_not_rounded():
    assert scored(PHQ_9, answers(1, 2, 0, 3, 1, 1, 0, None, None)).total == approx(8 * 9 / 7)


@pytest.mark.parametrize("form", ITEMIZED, ids=lambda form: form.code)
def test_a_blank_form_is_incomplete_and_never_zero(form):
    found = scored(form, only(form, (), 0, None))
    assert (found.total, found.completeness) == (None, INCOMPLETE)
    assert set(found.subscales.values()) <= {None}


def test_an_answer_of_nought_is_an_answer():
    assert scored(GAD_7, answers(*[0] * 7)).completeness is COMPLETE


# -- what is refused, by name --------------------------------------------------------------------------------------


def test_an_item_that_was_not_sent_is_refused_and_a_null_is_a_blank():
    with refused("answers", saying="Not sent: items 4, 12. A blank is sent as null."):
        scored(WAI_SR, [a for a in answers(*[3] * 12) if a.item not in (4, 12)])
    with refused("answers", saying="Not sent: item 12."):
        scored(WAI_SR, answers(*[3] * 11))


def test_an_item_set_of_another_form_is_refused():
    with refused("answers/12/item", "answers/13/item", saying="wai-sr 2006 has no item of this number"):
        scored(WAI_SR, answers(*[3] * 14))
    with refused("answers/0/item", "answers", saying="Not sent: item 12."):
        scored(WAI_SR, answers(*[3] * 12, first=0))


def test_an_item_that_is_answered_twice_is_refused_at_both_places():
    with refused("answers/4/item", "answers/12/item", saying="Item 5 is answered twice."):
        scored(WAI_SR, [*answers(*[3] * 12), ItemAnswer(item=5, value=3)])


@pytest.mark.parametrize("value", [0, 6, -1, 3.5, 1.0001, float("nan"), float("inf"), True, "3"])
def test_an_answer_that_the_form_does_not_have_is_refused_by_its_place(value):
    with refused("answers/6/value", saying="Item 7 goes from 1 to 5 in steps of 1."):
        scored(WAI_SR, answers(*[3] * 6, value, *[3] * 5))


def test_what_arithmetic_elsewhere_leaves_is_no_fault():
    assert scored(SRS, answers(0.1 + 0.2, 9, 9, 9)).completeness is COMPLETE


def test_a_form_that_is_scored_elsewhere_takes_scores_only():
    with refused("answers", saying="rq is scored elsewhere; send its scores."):
        scored(RQ, answers(1, 2))


def test_of_very_many_faults_the_first_are_named():
    with pytest.raises(Refused, match=f"The first {MOST} of 49") as told:
        scored(WAI_SR, answers(*[9] * 48, first=100))
    assert len(told.value.members["errors"]) == MOST


# -- scores from elsewhere ---------------------------------------------------------------------------------------------


def test_subscale_scores_make_the_total_weighted_by_their_items():
    found = given(WAI_SR, scores(bond=5, goal=3, task=4))
    assert told(found) == ({"bond": 5, "goal": 3, "task": 4}, 4, COMPLETE)
    uneven = Form(
        code="x", edition="1", title="X", kind=InstrumentKind.ALLIANCE, items=(1, 2, 3, 4), low=1, high=5,
        subscales=(Subscale(name="bond", items=(1, 2, 3)), Subscale(name="task", items=(4,))),
    )  # fmt: skip
    assert given(uneven, scores(bond=5, task=1)).total == 4


def test_the_total_alone_is_taken_and_its_subscales_are_not_made_up():
    assert told(given(WAI_SR, scores(total=4.1))) == ({"bond": None, "goal": None, "task": None}, 4.1, COMPLETE)


def test_a_subscale_that_could_not_be_scored_leaves_no_total():
    assert told(given(WAI_SR, scores(bond=None, goal=3, task=4))) == (
        {"bond": None, "goal": 3, "task": 4}, None, INCOMPLETE,
    )  # fmt: skip
    assert given(WAI_SR, scores(total=None)).completeness is INCOMPLETE


@pytest.mark.parametrize(
    ("said", "places", "saying"),
    [
        ({"bond": 5, "goal": 3}, ["scores"], "Not sent: task. What could not be scored is sent as null."),
        ({"bond": 5, "goal": 3, "task": 4, "total": 4}, ["scores/3/subscale"], "The total follows"),
        ({"bond": 5, "goal": 3, "tasks": 4}, ["scores/2/subscale", "scores"], "has: bond, goal, task, total"),
        ({"bond": 5, "goal": 3, "task": 20}, ["scores/2/score"], "task is the mean of its items, from 1 to 5."),
        ({"total": 48}, ["scores/0/score"], "total is the mean of its items, from 1 to 5."),
        ({"total": 0}, ["scores/0/score"], "from 1 to 5"),
    ],
)
def test_scores_that_the_form_does_not_have_are_refused_by_name(said, places, saying):
    with refused(*places, saying=saying):
        given(WAI_SR, scores(**said))


def test_a_score_that_is_given_twice_is_refused():
    with refused("scores/0/subscale", "scores/1/subscale", saying="total is given twice"):
        given(WAI_SR, [*scores(total=4), *scores(total=4)])


# -- for every form and every answer --------------------------------------------------------------------------------


@st.composite
def filled(draw, blanks=True):
    """A built-in form and answers to all of its items, perhaps with blanks."""
    form = draw(st.sampled_from(ITEMIZED))
    steps = st.integers(0, round((form.high - form.low) / form.step)).map(lambda n: form.low + n * form.step)
    values = draw(st.lists(st.none() | steps if blanks else steps, min_size=len(form.items), max_size=len(form.items)))
    return form, [ItemAnswer(item=item, value=value) for item, value in zip(form.items, values, strict=True)]


@drawing(filled(), st.randoms(use_true_random=False))
def test_the_order_of_the_answers_changes_nothing(said, shuffle: random.Random):
    form, given_ = said
    mixed = list(given_)
    shuffle.shuffle(mixed)
    assert scored(form, mixed) == scored(form, given_)


@drawing(filled())
def test_every_score_lies_in_the_range_of_its_scale(said):
    form, given_ = said
    found = scored(form, given_)
    sizes = {s.name: len(s.items) for s in form.subscales} | {TOTAL: form.keyed}
    for name, score in {**found.subscales, TOTAL: found.total}.items():
        low, high = form.reach(sizes[name])
        assert score is None or low - 1e-9 <= score <= high + 1e-9


@drawing(filled())
def test_a_total_is_missing_exactly_where_a_form_is_incomplete(said):
    form, given_ = said
    found = scored(form, given_)
    blanks = sum(a.value is None for a in given_)
    assert (found.total is None) == (found.completeness is INCOMPLETE)
    assert (found.completeness is COMPLETE) == (blanks == 0)


@drawing(filled(blanks=False), st.data())
def test_a_blank_counts_as_the_mean_of_the_rest_or_leaves_no_score(said, data):
    form, given_ = said
    left = data.draw(st.sampled_from(form.items))
    blank = [ItemAnswer(item=a.item, value=None if a.item == left else a.value) for a in given_]
    part = next(p for p in form.parts if left in p.items)
    rest = [form.low + form.high - a.value if a.item in form.reversed_items else a.value
            for a in given_ if a.item in part.items and a.item != left]  # fmt: skip
    found = scored(form, blank)
    score = found.subscales.get(part.name, found.total)
    if len(rest) < 0.75 * len(part.items):
        assert score is None
    else:
        mean = fsum(rest) / len(rest)
        assert score == approx(mean * len(part.items) if form.scoring is Scoring.SUM else mean)


@drawing(filled(blanks=False), st.data())
def test_a_form_with_blanks_never_scores_below_its_worst_answers(said, data):
    """Blanks are not noughts: what is left out cannot bring a score under one of the lowest answers throughout."""
    form, given_ = said
    left = data.draw(st.sets(st.sampled_from(form.items)))
    lowest = min(form.low + form.high - a.value if a.item in form.reversed_items else a.value for a in given_)
    found = scored(form, [ItemAnswer(item=a.item, value=None if a.item in left else a.value) for a in given_])
    per = form.keyed if form.scoring is Scoring.SUM else 1
    assert found.total is None or found.total / per >= lowest - 1e-9


@drawing(filled(blanks=False))
def test_answers_and_the_subscale_scores_they_make_come_to_the_same(said):
    form, given_ = said
    found = scored(form, given_)
    parts = [SubscaleScore(subscale=name, score=score) for name, score in found.subscales.items()]
    again = given(form, parts or [SubscaleScore(subscale=TOTAL, score=found.total)])
    assert again.total == approx(found.total)
    assert again.subscales == found.subscales
