"""The instruments that are built in, as data: keys, ranges, norms with their source, rights, and not a word of an item."""

from dataclasses import fields, replace

import pytest

from domain.access import Role
from domain.detection import Rater
from domain.form import Form, InstrumentKind, Norm, Rights, Scoring, Subscale
from domain.instruments import ARM_5, BUILT_IN, ECR_RS, GAD_7, PHQ_9, WAI_S, WAI_SR, coded, form_of
from domain.measure import INSTRUMENT, Instrument, InstrumentPhase, in_force, key_faults
from domain.values import plain
from tests.domain.given import ID, do, refused

ALLIANCE, ATTACHMENT, OUTCOME = InstrumentKind
CODES = {form.code: form for form in BUILT_IN}
COMMON = {"code": "own", "edition": "1", "title": "Our own", "kind": ALLIANCE, "low": 1, "high": 5, "items": (1, 2, 3)}


def own(**said):
    """A form of the practice's own."""
    return Form(**{**COMMON, "rights": Rights.OWN, **said})


def defined(form, by=Role.ADMIN):
    """The practice's instrument, as it is after it was defined."""
    return do(INSTRUMENT, "define", by=by, **{f.name: getattr(form, f.name) for f in fields(Form)}).after


def kept(form, phase=InstrumentPhase.CURRENT):
    return Instrument(id=ID, phase=phase, **{f.name: getattr(form, f.name) for f in fields(Form)})


# -- what is built in --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "items", "low", "high", "reversed_items", "scoring", "risk"),
    [
        ("wai-sr", 12, 1, 5, (), "mean", ()), ("wai-s", 12, 1, 7, (4, 10), "mean", ()),
        ("srs", 4, 0, 10, (), "mean", ()), ("arm-5", 5, 1, 7, (3,), "mean", ()), ("sai", 6, 0, 5, (), "mean", ()),
        ("ecr-rs", 9, 1, 7, (1, 2, 3, 4), "mean", ()), ("phq-9", 9, 0, 3, (), "sum", (9,)),
        ("gad-7", 7, 0, 3, (), "sum", ()), ("ecr-r", 0, 1, 7, (), "mean", ()), ("ecr-s", 0, 1, 7, (), "mean", ()),
        ("rq", 0, -12, 12, (), "mean", ()),
    ],
)  # fmt: skip
def test_each_has_the_items_range_and_key_of_the_literature(code, items, low, high, reversed_items, scoring, risk):
    form = CODES[code]
    assert form.items == tuple(range(1, items + 1))
    assert (form.low, form.high, form.reversed_items) == (low, high, reversed_items)
    assert (form.scoring, form.risk_items) == (Scoring(scoring), risk)


@pytest.mark.parametrize("form", BUILT_IN, ids=lambda form: form.code)
def test_each_holds_together_and_says_where_it_is_from(form):
    assert list(key_faults(form)) == []
    assert form.code == coded(form.code)
    assert form.source
    for norm in form.norms:
        assert norm.source
        assert norm.population
        assert (norm.mean, norm.sd, norm.reliability) != (None, None, None)


@pytest.mark.parametrize("form", BUILT_IN, ids=lambda form: form.code)
def test_no_item_text_is_built_in(form):
    assert (form.item_texts, form.licence) == ((), None)
    words = [len(text.split()) for text in said(plain(form)) if "." not in text]
    assert max(words) <= 8, "a name or a code; a sentence of its own would be an item"


def said(value):
    """Every text in a form, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from said(inner)


def test_who_may_use_the_texts_is_licensed_wherever_nobody_said_otherwise():
    assert {form.code for form in BUILT_IN if form.rights is Rights.OPEN} == {"ecr-rs", "ecr-r", "phq-9", "gad-7"}
    assert Form(**COMMON).rights is Rights.LICENSED


def test_the_number_that_is_used_is_of_the_same_rater_first_and_of_the_first_sample():
    assert (WAI_SR.norm("mean", rater=Rater.CLIENT), WAI_SR.norm("sd", rater=Rater.CLIENT)) == (3.36, 0.80)
    assert WAI_SR.norm("reliability", rater=Rater.CLIENT) == 0.91
    assert WAI_SR.norm("mean", rater=Rater.THERAPIST) is None, "clients' norms are not a therapist's"
    told_apart = Norm(mean=4.0, population="P.", source="S.", rater=Rater.CLIENT)
    alike = Norm(mean=2.0, population="P.", source="S.")
    form = own(norms=(alike, told_apart))
    assert (form.norm("mean", rater=Rater.CLIENT), form.norm("mean")) == (4.0, 2.0)
    assert ARM_5.norm("sd") is None, "its mean and SD could not be read, so none is made up"


def test_reliable_change_has_the_norms_it_rests_on():
    assert (PHQ_9.norm("sd"), PHQ_9.norm("reliability")) == (6.1, 0.89)
    assert (GAD_7.norm("sd"), GAD_7.norm("reliability")) == (5.1, 0.92)


# -- how a rating names one --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["WAI-SR", "wai_sr", " wai  sr", "Wai-Sr"])
def test_a_code_may_be_written_as_people_write_it(name):
    assert form_of(name, None, (), ALLIANCE) is WAI_SR


def test_an_instrument_nobody_knows_is_refused_with_those_that_are():
    with refused("instrument", saying="Built in: wai-sr, wai-s, srs, arm-5, sai"):
        form_of("wai-x", None, (), ALLIANCE)


def test_a_version_that_is_not_known_is_refused_with_those_that_are():
    with refused("instrument_version", saying="Say which version of wai-sr it is: 2006."):
        form_of("wai-sr", "1989", (), ALLIANCE)


def test_with_two_versions_the_rating_has_to_say_which():
    mine = own(code="wai-sr", edition="ward-2", rights=Rights.LICENSED)
    with refused("instrument_version", saying="ward-2, 2006"):
        form_of("wai-sr", None, (mine,), ALLIANCE)
    assert form_of("wai-sr", "ward-2", (mine,), ALLIANCE) is mine
    assert form_of("wai-sr", "2006", (mine,), ALLIANCE) is WAI_SR


def test_a_form_of_another_kind_is_refused_and_does_not_stand_in_the_way():
    with refused("instrument", saying="phq-9 is an instrument of another kind: outcome."):
        form_of("phq-9", None, (), ALLIANCE)
    strange = own(code="mood", kind=ALLIANCE)
    plain_one = own(code="mood", edition="2", kind=OUTCOME)
    assert form_of("mood", None, (strange, plain_one), OUTCOME) is plain_one


def test_the_practices_own_norms_stand_in_for_what_is_built_in_until_they_are_retired():
    mine = replace(WAI_SR, norms=(Norm(mean=4.0, sd=0.5, population="Our clients.", source="Our own count."),))
    assert form_of("wai-sr", None, in_force([kept(mine)]), ALLIANCE).norm("mean") == 4.0
    retired = in_force([kept(mine, InstrumentPhase.RETIRED)])
    assert form_of("wai-sr", None, retired, ALLIANCE) is WAI_SR
    old = kept(own(), InstrumentPhase.RETIRED)
    assert in_force([old]) == (old,), "ratings that name it are still read by it"


# -- a practice's own --------------------------------------------------------------------------------------------------


def test_a_practice_defines_a_form_under_the_code_that_ratings_will_name():
    assert defined(own(code="Our Form")).code == "our-form"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"code": " - _"}, "code"),
        ({"low": 5, "high": 5}, "high"),
        ({"low": 6, "high": 1}, "high"),
        ({"step": 3.0}, "step"),
        ({"step": 9.0}, "step"),
        ({"items": (1, 2, 2, 3)}, "items"),
        ({"reversed_items": (4,)}, "reversed_items"),
        ({"risk_items": (9,)}, "risk_items"),
        ({"subscales": (Subscale(name="bond", items=(1, 4)),)}, "subscales"),
        ({"subscales": (Subscale(name="bond", items=(1, 2)), Subscale(name="task", items=(2,)))}, "subscales"),
        ({"subscales": (Subscale(name="bond", items=(1,)), Subscale(name="task"))}, "subscales"),
        ({"subscales": (Subscale(name="bond", items=(1,)), Subscale(name="bond", items=(2,)))}, "subscales"),
        ({"subscales": (Subscale(name="total", items=(1,)),)}, "subscales"),
        ({"scoring": Scoring.SUM, "items": ()}, "items"),
        ({"kind": ATTACHMENT}, "subscales"),
        ({"norms": (Norm(of="bond", population="P.", source="S."),)}, "norms"),
    ],
)
def test_a_key_that_does_not_hold_together_is_refused_by_field(wrong, field):
    with refused(field, saying="does not hold together"):
        defined(own(**wrong))


@pytest.mark.parametrize(
    "change",
    [{"high": 7}, {"reversed_items": (4,)}, {"least_answered": 0.5}, {"subscales": ()}, {"risk_items": (1,)}],
    ids=lambda change: str(*change),
)
def test_the_key_of_what_is_built_in_stays_as_it_is(change):
    mine = replace(WAI_SR, norms=(), **change)
    with refused(*change, saying="give another edition"):
        defined(mine)
    assert defined(replace(mine, edition="ward-2")).edition == "ward-2"


def test_a_licensed_instrument_is_licensed_in_every_edition():
    with refused("rights", saying="wai-s are: licensed"):
        defined(replace(WAI_S, rights=Rights.OPEN))
    with refused("rights", saying="wai-s is licensed, in every edition"):
        defined(replace(WAI_S, code="WAI_S", edition="ours", rights=Rights.OWN))


def test_the_code_of_one_kind_is_not_taken_for_another():
    with refused("kind", saying="phq-9 is built in and of the kind outcome; give another code."):
        defined(replace(PHQ_9, edition="2", kind=ALLIANCE))
    assert defined(replace(ECR_RS, edition="short")).kind is ATTACHMENT
