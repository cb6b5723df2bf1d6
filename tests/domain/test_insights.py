"""What a practice is told of all its ruptures, and what is kept from it."""

from datetime import date
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from domain.insights import AGES, FEWEST, insights, parted, share, told

COUNTS = st.integers(0, 40)
NOTHING = {
    "ages": {}, "ruptures": 0, "begun": 0, "concluded": 0, "precipitants": {}, "policies": {}, "skipped": {}, "signals": 0,
}  # fmt: skip
SINCE = date(2026, 1, 1)


@given(st.integers(1, FEWEST - 1))
def test_one_to_four_are_never_told(count: int) -> None:
    assert told(count) is None


@given(st.dictionaries(st.sampled_from("abcdef"), COUNTS, min_size=2))
def test_no_small_count_can_be_worked_out_from_the_rest(cells: dict[str, int]) -> None:
    whole = told(sum(cells.values()))
    shown = parted(cells, whole)
    hidden = [name for name, count in shown.items() if count is None]
    assert not any(0 < cells[name] < FEWEST for name in shown if name not in hidden)
    if whole is not None and any(0 < count < FEWEST for count in cells.values()):
        # With one alone missing, the whole less the others would be it.
        assert len(hidden) > 1


@given(COUNTS, COUNTS)
def test_a_share_does_not_tell_of_fewer_than_five_on_either_side(part: int, rest: int) -> None:
    if share(part, part + rest) is not None:
        assert not 0 < part < FEWEST
        assert not 0 < rest < FEWEST


def test_a_share_is_of_the_whole() -> None:
    assert share(5, 10) == 0.5
    assert share(10, 10) == 1.0
    assert share(0, 10) == 0.0


def test_a_practice_without_a_rupture_learns_nothing() -> None:
    found = insights(SINCE, NOTHING)
    assert found.open_ruptures is None
    assert found.ruptures is None
    assert found.repair_begun is None
    assert [(age.age, age.count) for age in found.open_by_age] == [(age, None) for age in AGES]


def test_the_policy_that_was_named_most_comes_first_and_small_ones_are_hidden() -> None:
    often, seldom = UUID(int=1), UUID(int=2)
    named = {"boundary_or_policy": {str(seldom): 2, str(often): 9}}
    found = insights(SINCE, {**NOTHING, "precipitants": {"boundary_or_policy": 20, "missed_cue": 3}, "policies": named})
    boundary, cue = found.precipitants
    assert (boundary.kind, boundary.count) == ("boundary_or_policy", 20)
    assert [(p.policy_id, p.count) for p in boundary.policies] == [(often, 9), (seldom, None)]
    assert (cue.kind, cue.count) == ("missed_cue", None)


def test_a_policy_is_not_told_when_that_would_tell_how_seldom_none_was_named() -> None:
    only = {"boundary_or_policy": {str(UUID(int=1)): 9}}
    found = insights(SINCE, {**NOTHING, "precipitants": {"boundary_or_policy": 10}, "policies": only})
    assert [p.count for p in found.precipitants[0].policies] == [None]


def test_the_order_of_small_counts_tells_nothing() -> None:
    found = insights(SINCE, {**NOTHING, "skipped": {"validate_emotions": 1, "offer_repair": 4, "recognize": 6}})
    assert [s.step for s in found.skipped_steps] == ["recognize", "offer_repair", "validate_emotions"]
