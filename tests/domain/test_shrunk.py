from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.detection import Detector, Rater, Scale, Series, Sitting
from domain.detectors import DETECTORS
from domain.shrunk import ShrunkPrediction, predictions, see

WAI = Scale(low=1, high=5, items=12, mean=3.64, sd=0.81, reliability=0.92)
STEADY = (4.0, 4.17, 4.08, 4.25)
GOLD = (*STEADY, 3.08, 3.42, 4.17, 4.25)
scores = st.lists(st.integers(12, 60).map(lambda total: total / 12), min_size=1, max_size=40)


def rated(*given: float | None, scale: Scale = WAI, rater: Rater = Rater.CLIENT) -> Series:
    start = datetime(2026, 1, 5, 9, tzinfo=UTC)
    sittings = [
        Sitting(session_id=UUID(int=place + 1), at=start + timedelta(days=7 * place), ordinal=place + 1, score=score)
        for place, score in enumerate(given)
    ]
    return Series(rater=rater, instrument="wai-sr", version="2006", scale=scale, sittings=tuple(sittings))


def places(series: Series, said: ShrunkPrediction | None = None) -> list[int]:
    return [finding.session_id.int for finding in see([series], said or ShrunkPrediction())]


def test_it_is_in_the_registry_under_its_own_name() -> None:
    assert DETECTORS[Detector.SHRUNK_PREDICTION].parameters is ShrunkPrediction


def test_a_v_is_seen_at_its_onset_and_told_once() -> None:
    (found,) = see([rated(*GOLD)], ShrunkPrediction())
    assert found.session_id.int == 5
    assert found.magnitude_raw is not None and found.threshold is not None
    assert found.magnitude_raw < found.threshold < 0


def test_the_first_sessions_are_learnt_from_and_not_judged() -> None:
    assert places(rated(4.5, 4.5, 4.5, 1.5)) == []
    assert places(rated(4.5, 4.5, 1.5), ShrunkPrediction(silent=2)) == [3]


def test_the_first_score_is_expected_where_the_reference_sample_lies() -> None:
    expected, _ = next(predictions(WAI, [2.0], ShrunkPrediction()))
    assert expected == pytest.approx(3.64)
    expected, _ = next(predictions(WAI, [2.0], ShrunkPrediction(population_mean=0.5)))
    assert expected == pytest.approx(3.0)


def test_after_many_sessions_the_client_counts_and_the_reference_sample_does_not() -> None:
    own = [2.0, 2.25] * 20
    *_, (near, sd) = predictions(WAI, own, ShrunkPrediction(memory=0))
    *_, (far, other_sd) = predictions(WAI, own, ShrunkPrediction(memory=0, population_mean=0.9))
    assert near == pytest.approx(2.125, abs=0.03) and far == pytest.approx(near, abs=0.03)
    assert sd == pytest.approx(other_sd, rel=0.05)


def test_a_restless_client_has_to_fall_further_than_a_steady_one() -> None:
    steady, restless = [4.0, 4.08] * 6, [3.25, 4.83] * 6
    assert places(rated(*steady, 3.25)) == [13]
    assert 13 not in places(rated(*restless, 3.25))


def test_a_score_that_stays_low_is_no_new_drop_but_one_that_falls_further_is() -> None:
    assert places(rated(*STEADY, *STEADY, 3.33, 3.33, 3.33)) == [9]
    assert places(rated(*STEADY, *STEADY, 3.33, 2.0, 2.0)) == [9, 10]


def test_a_low_session_that_was_not_told_makes_the_next_one_count_sooner() -> None:
    usual, low = [3.5, 4.5] * 5, 3.25
    alone, after_one = rated(*usual, 4.0, low), rated(*usual, low, low)
    assert places(alone, ShrunkPrediction(memory=0, limit=1.6)) == []
    assert places(after_one, ShrunkPrediction(memory=0, limit=1.6)) == [12]
    assert places(after_one, ShrunkPrediction(memory=0, limit=1.6, carry=0)) == []


@given(scores)
def test_nobody_is_told_of_a_score_that_is_not_below_what_was_expected(given: list[float]) -> None:
    expected = [mean for mean, _ in predictions(WAI, given, ShrunkPrediction())]
    assert all(given[place - 1] < expected[place - 1] for place in places(rated(*given)))


@given(scores, scores)
def test_later_sessions_change_nothing_of_what_was_found(given: list[float], later: list[float]) -> None:
    before = list(see([rated(*given)], ShrunkPrediction()))
    assert list(see([rated(*given, *later)], ShrunkPrediction()))[: len(before)] == before


@given(scores, st.integers(0, 40))
def test_a_session_without_a_score_creates_nothing(given: list[float], place: int) -> None:
    blank = [*given[:place], None, *given[place:]]
    kept = [f.magnitude_sd for f in see([rated(*given)], ShrunkPrediction())]
    assert [f.magnitude_sd for f in see([rated(*blank)], ShrunkPrediction())] == kept


@given(scores, st.floats(0.01, 100), st.floats(-50, 50), st.booleans())
def test_another_range_of_the_same_form_changes_nothing(
    given: list[float], factor: float, shift: float, norms: bool
) -> None:
    told = WAI if norms else replace(WAI, mean=None, sd=None, reliability=None)
    wide = Scale(
        low=told.low * factor + shift, high=told.high * factor + shift, items=12, step=factor, reliability=told.reliability,
        mean=None if told.mean is None else told.mean * factor + shift, sd=None if told.sd is None else told.sd * factor,
    )  # fmt: skip
    assert places(rated(*(s * factor + shift for s in given), scale=wide)) == places(rated(*given, scale=told))


def test_nothing_is_compared_across_a_long_gap() -> None:
    series = rated(*STEADY, *STEADY, 2.5)
    late = series.sittings[-1]._replace(at=series.sittings[-2].at + timedelta(days=43))
    assert places(series) == [9]
    assert places(replace(series, sittings=(*series.sittings[:-1], late))) == []


def test_client_and_therapist_are_looked_at_apart() -> None:
    client, therapist = rated(*GOLD), rated(*STEADY, *STEADY, rater=Rater.THERAPIST)
    assert [f.rater for f in see([client, therapist], ShrunkPrediction())] == [Rater.CLIENT]


def test_a_form_that_does_not_measure_the_alliance_is_left_alone() -> None:
    assert places(replace(rated(*GOLD), alliance=False)) == []


def test_the_hash_changes_with_what_it_rests_on_and_with_nothing_else() -> None:
    def told(series: Series) -> str:
        return next(iter(see([series], ShrunkPrediction()))).inputs_hash

    assert told(rated(*GOLD)) == told(rated(*GOLD, 1.0))
    assert told(rated(*GOLD)) != told(rated(4.08, *GOLD[1:]))
    assert told(rated(*GOLD)) != told(rated(*GOLD, scale=replace(WAI, mean=3.7)))


def test_a_finding_is_as_private_as_the_scores_it_rests_on() -> None:
    series = rated(*GOLD)
    first = series.sittings[0]._replace(private_to_client=True)
    assert [f.private_to_client for f in see([series], ShrunkPrediction())] == [False]
    hidden = replace(series, sittings=(first, *series.sittings[1:]))
    assert [f.private_to_client for f in see([hidden], ShrunkPrediction())] == [True]


def test_five_hundred_sessions_of_the_same_score_are_no_trouble() -> None:
    assert places(rated(*[5.0] * 500)) == []
    assert places(rated(*[5.0] * 120, 3.0)) == [121]
