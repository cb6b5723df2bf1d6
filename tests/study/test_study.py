from dataclasses import replace
from random import Random

import pytest

from domain.default_set import DEFAULT_SET
from domain.detection import Detector, RepairRule
from domain.detectors import DETECTORS, Ewma, SuddenLoss
from domain.episodes import REPAIR_RULES, WINDOW
from tests.study.__main__ import PAGE
from tests.study.count import WAITING, by_one, first_in, found, raised
from tests.study.courses import OTHERS, Course, Kind, stable, v_of, v_shaped
from tests.study.figures import LARGE, LEFT_OUT, SIZES, SMALL, Curve, Sizes, Study, curve, identity, ran, seeded
from tests.study.mending import RULES, courses, lasting, over
from tests.study.population import NORMS, Client, Population, felt, ticked
from tests.study.report import PLAIN, page

SMALLER = Sizes(curve=1_800, oracle=1_200)


@pytest.fixture(scope="module")
def found_out() -> Curve:
    return curve(SMALLER, (SMALL, LARGE))


def test_the_default_set_is_wrong_at_most_three_times_in_a_hundred_stable_sessions(found_out: Curve) -> None:
    assert found_out.alarms.of == SMALLER.curve * Population().sessions
    assert found_out.alarms.value <= 0.03


def test_scores_alone_see_four_of_five_large_drops_and_two_of_five_small_ones(found_out: Curve) -> None:
    small, large = found_out.points
    assert large.scores.value >= 0.80
    assert small.scores.value >= 0.38


def test_with_direct_reports_in_half_of_the_ruptures_two_of_three_small_ones_are_known(found_out: Curve) -> None:
    assert found_out.points[0].reported.value >= 0.68


def test_nobody_sees_more_than_the_oracle_nor_the_oracle_more_than_it_can(found_out: Curve) -> None:
    for point in found_out.points:
        assert point.scores.value < point.oracle
    assert found_out.points[0].oracle < 0.58


def test_the_default_rule_of_repair_calls_fewest_lasting_drops_over() -> None:
    drops = courses(seeded("mending"), lasting, 2.0, 150)
    by_rule = {rule: over(drops, rule, WINDOW).value for rule in RULES}
    (chosen,) = (rule for rule in REPAIR_RULES if rule is not RepairRule.DIRECT)
    assert chosen == min(by_rule, key=lambda rule: by_rule[rule])
    assert by_rule[chosen] < 0.15 < min(value for rule, value in by_rule.items() if rule is not chosen)


def test_the_page_is_of_this_study_and_says_that_asking_is_the_best_detector() -> None:
    said = PAGE.read_text()
    assert f"Study `{identity()}`" in said, "run `uv run python -m tests.study --write`"
    assert PLAIN in said


@pytest.fixture(scope="module")
def published() -> Study:
    """The study as it is on the page."""
    return ran()


@pytest.mark.study
def test_every_figure_on_the_page_is_what_the_study_finds(published: Study) -> None:
    assert page(published) == PAGE.read_text(), "run `uv run python -m tests.study --write`"


@pytest.mark.study
def test_what_is_promised_holds_for_the_figures_that_are_published_before_they_are_rounded(published: Study) -> None:
    by_depth = {point.depth: point for point in published.curve.points}
    assert published.curve.alarms.of == SIZES.curve * Population().sessions
    assert published.curve.alarms.value <= 0.03
    assert by_depth[SMALL].scores.value >= 0.38
    assert by_depth[LARGE].scores.value >= 0.80
    assert by_depth[SMALL].reported.value >= 0.68
    assert by_depth[SMALL].scores.error < 0.004
    assert all(point.scores.value < point.oracle for point in published.curve.points if point.depth)


def test_every_detector_is_in_the_table_or_the_page_says_why_it_is_not() -> None:
    said = PAGE.read_text()
    for name in Detector:
        assert (f"\n| {name} | " in said) is (name not in LEFT_OUT), name
    assert all(f"`{name}`, since {why}" in said for name, why in LEFT_OUT.items())


def test_two_thousand_courses_of_ten_kinds_are_labelled() -> None:
    assert SIZES.labelled == 2_000
    assert {Kind.STABLE, Kind.V_SHAPED, *OTHERS} == set(Kind)
    assert all(made(Random(1), Population()).kind == kind for kind, made in OTHERS.items())


def test_the_same_seed_draws_the_same_courses() -> None:
    for made in (stable, *OTHERS.values()):
        assert made(Random(5), Population()) == made(Random(5), Population())


def test_the_stable_sd_is_that_of_the_scores_the_form_shows() -> None:
    for who in (Client(3.8, 0.35, 0.3), Client(4.9, 0.5, 0.3), Client(2.0, 0.9, 0.3)):
        shown = [ticked(score) for score in felt(Random(3), who, 40_000)]
        mean = sum(shown) / len(shown)
        assert who.shown == pytest.approx((mean, (sum((s - mean) ** 2 for s in shown) / len(shown)) ** 0.5), abs=0.01)


def test_a_v_is_as_deep_as_it_says_in_the_stable_sd() -> None:
    deep = []
    for seed in range(400):
        none, three = v_shaped(Random(seed), Population(), (0.0, 3.0))
        onset = none.rupture.start
        if none.client.shown[0] - 3 * none.client.shown[1] > NORMS.low + 1:
            deep.append((none.scores[onset] - three.scores[onset]) / none.client.shown[1])
        assert [a == b for a, b in zip(none.scores, three.scores, strict=True)].count(False) <= len(none.rupture)
    assert sum(deep) / len(deep) == pytest.approx(3.0, abs=0.02)


def test_a_v_regains_at_each_session_what_the_gold_vector_does() -> None:
    assert v_of(2) == pytest.approx([1.0, (4.25 - 3.42) / (4.25 - 3.08)])


def test_scores_are_what_twelve_whole_answers_can_make() -> None:
    for score in stable(Random(2), Population()).scores:
        assert score is not None and NORMS.low <= score <= NORMS.high
        assert score * NORMS.items == pytest.approx(round(score * NORMS.items))


def test_a_signal_before_or_after_the_rupture_has_not_seen_it() -> None:
    assert first_in(range(6, 8), {5, 8}) is None
    assert first_in(range(6, 8), {5, 7, 8}) == 1


def test_what_goes_on_standing_is_raised_once_and_sees_nothing_that_comes_later() -> None:
    low = tuple([4.0, 4.08, 3.92, 4.0] + [2.5] * 20)
    standing = Course(Kind.STABLE, Client(4, 0.3, 0), low, rupture=range(12, 15))
    places = raised(standing, {Detector.EWMA: Ewma()})
    assert len(places) == 1 and first_in(standing.rupture, places) is None


def test_a_signal_that_is_taken_back_later_was_raised_all_the_same() -> None:
    v = Course(Kind.V_SHAPED, Client(4, 0.3, 0), (4.0, 4.17, 4.08, 4.25, 3.08, 3.42, 4.17, 4.25))
    assert by_one(v.series(), Detector.SUDDEN_LOSS, SuddenLoss()) == {4}
    assert found(v.series(), Detector.SUDDEN_LOSS, SuddenLoss()) == set()


def test_all_others_say_at_once_what_they_say_in_the_end() -> None:
    random = Random(8)
    for course in [made(random, Population()) for made in (stable, *OTHERS.values()) for _ in range(2)]:
        for name in set(DETECTORS) - WAITING:
            said = DETECTORS[name].parameters()
            whole = found(course.series(), name, said)
            for end in (9, 18, 27):
                so_far = [replace(s, sittings=s.sittings[:end]) for s in course.series()]
                assert found(so_far, name, said) == {place for place in whole if place < end}


def test_what_the_client_says_is_heard_where_no_score_tells() -> None:
    course = OTHERS[Kind.NO_DIP](Random(4), Population())
    assert course.reported in raised(course, {Detector.DIRECT_REPORT: DEFAULT_SET[Detector.DIRECT_REPORT]})
