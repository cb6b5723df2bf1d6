"""What a practice is told of all its ruptures and endings, and what is kept from it."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields
from datetime import date
from functools import cache
from itertools import product
from math import inf
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.endings import NHS_SHARES, NHS_SOURCE, EndingKind, PrematureDefinition, Reason, Timing
from domain.insights import AGES, FEWEST, EndingInsights, Insights, insights, least, most, parted, share, told
from domain.repair import Step
from domain.rupture import PrecipitantKind

NOTHING: dict[str, Any] = {
    "ages": {}, "ruptures": 0, "begun": 0, "concluded": 0, "precipitants": {}, "policies": {}, "skipped": {}, "signals": 0,
    "endings": [], "reasons": {}, "premature": [], "better": 0, "unrepaired": 0,
}  # fmt: skip
SINCE = date(2026, 1, 1)
OFTEN, SELDOM, ALSO = (str(UUID(int=n)) for n in (1, 2, 3))
Between = tuple[float, float]


def gives_away(possible: set[int]) -> bool:
    """All that it can be is a small count of some."""
    return all(0 < count < FEWEST for count in possible)


# -- one number ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", range(FEWEST))
def test_none_to_four_are_not_told_and_can_not_be_told_apart(count: int) -> None:
    assert told(count) is None


def test_what_is_told_is_told_to_the_nearest_five() -> None:
    assert [told(count) for count in (5, 7, 8, 10, 12, 13)] == [5, 5, 10, 10, 10, 15]


@given(st.integers(FEWEST, 10_000))
def test_a_number_that_is_told_may_be_any_of_those_that_are_told_alike(count: int) -> None:
    shown = told(count)
    assert shown is not None
    assert least(shown) <= count <= most(shown)
    assert {told(n) for n in range(least(shown), most(shown) + 1)} == {shown}


@given(st.integers(0, 200), st.integers(0, 4))
def test_one_to_four_more_or_less_never_show_as_what_they_are(count: int, more: int) -> None:
    """A window that is a day longer, an answer that is a day younger, a part of the whole: what is between them."""
    narrow, wide = told(count) or 0, told(count + more) or 0
    assert wide - narrow in (0, 5, 10)


# -- numbers that belong together, tried on every practice of some size ----------------------------------------------


@pytest.mark.parametrize(("parts", "size"), [(2, 30), (3, 18), (4, 11)])
def test_no_reader_of_a_whole_and_its_parts_knows_that_a_part_is_of_one_to_four(parts: int, size: int) -> None:
    worlds = defaultdict(list)
    for cells in product(range(size), repeat=parts):
        whole, shown = parted(dict(enumerate(cells)), sum(cells))
        worlds[whole, tuple(shown.values())].append(cells)
    # Those near the edge of what is tried have neighbours that are not.
    inner = [alike for alike in worlds.values() if max(map(max, alike)) < size - 3]
    assert len(inner) > 10
    for alike in inner:
        for cell in range(parts):
            assert not gives_away({cells[cell] for cells in alike})
            assert not gives_away({sum(cells) - cells[cell] for cells in alike})


def test_no_reader_of_the_shares_knows_that_one_to_four_were_not_begun_or_not_concluded() -> None:
    worlds = defaultdict(list)
    for ruptures in range(36):
        for begun in range(ruptures + 1):
            for concluded in range(begun + 1):
                found = {**NOTHING, "ruptures": ruptures, "begun": begun, "concluded": concluded}
                shown = insights(SINCE, found)
                worlds[shown.ruptures, shown.repair_begun, shown.repair_concluded].append((ruptures, begun, concluded))
    for alike in (alike for (whole, *_), alike in worlds.items() if whole is None or whole < 30):
        assert not gives_away({begun for _, begun, _ in alike})
        assert not gives_away({concluded for *_, concluded in alike})
        assert not gives_away({ruptures - begun for ruptures, begun, _ in alike})
        assert not gives_away({begun - concluded for _, begun, concluded in alike})
        assert not gives_away({ruptures - concluded for ruptures, _, concluded in alike})


@given(st.integers(0, 40), st.integers(0, 40))
def test_a_share_does_not_tell_of_fewer_than_five_on_either_side(part: int, rest: int) -> None:
    if share(part, part + rest) is not None:
        assert part >= FEWEST
        assert not 0 < rest < FEWEST


def test_a_share_is_of_the_whole_to_the_nearest_twentieth() -> None:
    assert share(5, 10) == 0.5
    assert share(10, 10) == 1.0
    assert share(7, 12) == 0.6
    assert share(0, 10) is None


def test_how_many_repairs_were_concluded_is_not_told_when_one_to_four_were_begun_and_not() -> None:
    counts = {**NOTHING, "ruptures": 40, "begun": 20}
    assert insights(SINCE, {**counts, "concluded": 17}).repair_concluded is None
    assert insights(SINCE, {**counts, "concluded": 20}).repair_concluded == 0.5
    assert insights(SINCE, {**counts, "concluded": 15}).repair_concluded == 0.4


# -- a whole answer --------------------------------------------------------------------------------------------------


def test_a_practice_with_nothing_to_count_is_told_nothing() -> None:
    found = insights(SINCE, NOTHING)
    assert (found.open_ruptures, found.ruptures, found.repair_begun, found.signals_awaiting_review) == (None,) * 4
    assert [(age.age, age.count) for age in found.open_by_age] == [(age, None) for age in AGES]
    assert (found.precipitants, found.skipped_steps, found.endings.reasons) == ((), (), ())
    assert found.endings.endings is None
    assert {kind.count for kind in found.endings.by_kind} == {None}


def test_what_was_named_most_comes_first_and_what_was_named_seldom_is_not_there() -> None:
    named = {"boundary_or_policy": {SELDOM: 2, OFTEN: 9, ALSO: 13}}
    counts = {"boundary_or_policy": 24, "missed_cue": 4, "felt_unseen": 31, "no_such_thing": 9}
    found = insights(SINCE, {**NOTHING, "precipitants": counts, "policies": named})
    assert [(p.kind, p.count) for p in found.precipitants] == [("felt_unseen", 30), ("boundary_or_policy", 25)]
    assert [(str(p.policy_id), p.count) for p in found.precipitants[1].policies] == [(ALSO, 15), (OFTEN, 10)]
    assert found.precipitants[0].policies == ()


def test_the_order_of_those_that_are_told_alike_tells_nothing() -> None:
    found = insights(SINCE, {**NOTHING, "skipped": {"validate_emotions": 12, "recognize": 8, "offer_repair": 4}})
    assert [(s.step, s.count) for s in found.skipped_steps] == [("recognize", 10), ("validate_emotions", 10)]
    named = {"boundary_or_policy": {SELDOM: 7, OFTEN: 5}}
    found = insights(SINCE, {**NOTHING, "precipitants": {"boundary_or_policy": 12}, "policies": named})
    assert [str(p.policy_id) for p in found.precipitants[0].policies] == [OFTEN, SELDOM]


def test_nothing_in_an_answer_is_by_therapist_or_by_client() -> None:
    names = {f.name for cls in (Insights, EndingInsights) for f in fields(cls)}
    assert not [name for name in names if "therapist" in name or "client" in name]


# -- endings ---------------------------------------------------------------------------------------------------------


def ended(*ends: tuple[EndingKind, Timing | None, int], **more: Any) -> EndingInsights:
    """What is told of so many endings of each kind and timing."""
    return insights(SINCE, {**NOTHING, "endings": [list(end) for end in ends], **more}).endings


def test_endings_are_counted_by_kind_by_timing_and_by_nhs_code_beside_the_national_rates() -> None:
    found = ended(
        (EndingKind.PLANNED_MUTUAL, Timing.AS_PLANNED, 30), (EndingKind.PLANNED_MUTUAL, Timing.EXTENDED, 10),
        (EndingKind.CLIENT_INITIATED, Timing.EARLIER_THAN_CLINICIAN_PLANNED, 15),
        (EndingKind.LAPSED_NO_CONTACT, None, 5), (EndingKind.TRANSFER, None, 10),
    )  # fmt: skip
    assert found.endings == 70
    assert {k.kind.value: k.count for k in found.by_kind if k.count} == {
        "planned_mutual": 40, "client_initiated": 15, "lapsed_no_contact": 5, "transfer": 10,
    }  # fmt: skip
    assert [(t.timing, t.count) for t in found.by_timing] == [
        ("as_planned", 30), ("earlier_than_clinician_planned", 15), ("earlier_than_client_wanted", None),
        ("extended", 10), (None, 15),
    ]  # fmt: skip
    assert [(c.code, c.count, c.base_rate) for c in found.by_nhs_code] == [
        (46, 40, 0.605), (47, 20, 0.348), (48, None, 0.026), (49, None, 0.0001), (96, 10, 0.021),
    ]  # fmt: skip
    assert "3,118,520" in found.base_rates_from


def test_the_national_rates_are_those_of_the_counts_they_come_from() -> None:
    counts = {46: 1_887_595, 47: 1_084_070, 48: 81_755, 49: 340, 96: 64_760}
    assert f"{sum(counts.values()):,}" in NHS_SOURCE
    for code, count in counts.items():
        assert NHS_SHARES[code] == pytest.approx(count / sum(counts.values()), abs=0.0005)


def test_who_left_because_they_are_better_is_counted_apart_and_never_as_premature() -> None:
    judged = [["clinician_judgement", "yes", False, 12], ["clinician_judgement", "yes", True, 20],
              ["clinician_judgement", "no", True, 5], ["clinician_judgement", "no", False, 5],
              ["session_count", "yes", False, 4], ["session_count", "undetermined", False, 9]]  # fmt: skip
    found = ended(premature=judged, better=25, unrepaired=6)
    assert found.better_and_stopped == 25
    assert found.with_unrepaired_rupture == 5
    by = {count.definition: (count.premature, count.not_premature) for count in found.premature}
    assert by[PrematureDefinition.CLINICIAN_JUDGEMENT] == (10, 10)
    assert by[PrematureDefinition.SESSION_COUNT] == (None, None)
    assert list(by) == list(PrematureDefinition), "each stands for itself, and none is added to another"


def test_all_is_kept_back_where_the_whole_would_give_its_parts_away() -> None:
    """Four of each timing: whoever knew that they are sixteen would know that none of them is none."""
    assert ended(*((EndingKind.TRANSFER, timing, 4) for timing in (*Timing, None))).endings is None


# -- what a reader can work out --------------------------------------------------------------------------------------


@st.composite
def practices(draw: st.DrawFn) -> dict[str, Any]:
    """The counts of a practice, as one set of ruptures and endings has them."""
    size = st.one_of(st.sampled_from((0, 1, 4, 5, 7, 12)), st.integers(0, 40))
    ends = draw(st.dictionaries(st.tuples(st.sampled_from(EndingKind), st.sampled_from([*Timing, None])), size))
    whole = sum(ends.values())
    ruptures = draw(size)
    begun = draw(st.integers(0, ruptures))
    boundary = draw(st.integers(0, ruptures))
    policy = draw(st.integers(0, boundary))
    left = sum(count for (kind, _), count in ends.items() if kind is EndingKind.CLIENT_INITIATED)
    return {
        **NOTHING, "ages": {age: draw(size) for age in AGES}, "ruptures": ruptures, "begun": begun,
        "concluded": draw(st.integers(0, begun)), "signals": draw(size),
        "precipitants": {"boundary_or_policy": boundary, "missed_cue": draw(st.integers(0, ruptures))},
        "policies": {"boundary_or_policy": {OFTEN: policy, SELDOM: draw(st.integers(0, boundary - policy))}},
        "skipped": {step: draw(size) for step in Step}, "endings": [[k, t, n] for (k, t), n in ends.items()],
        "reasons": {reason: draw(st.integers(0, whole)) for reason in Reason}, "better": draw(st.integers(0, left)),
        "unrepaired": draw(st.integers(0, whole)),
    }  # fmt: skip


@cache
def between(count: int | None) -> Between:
    """The fewest and the most that are told like this."""
    alike = [n for n in range(2_000) if told(n) == count]
    return alike[0], alike[-1]


def whole_between(count: int | None) -> Between:
    """The same of a whole, that may be kept back for the sake of its parts."""
    return between(count) if count is not None else (0, inf)


def partitions(shown: Insights) -> Iterator[tuple[int | None, list[int | None]]]:
    """The wholes and all their parts."""
    ends = shown.endings
    yield shown.open_ruptures, [age.count for age in shown.open_by_age]
    for counts in (ends.by_kind, ends.by_timing, ends.by_nhs_code):
        yield ends.endings, [count.count for count in counts]


def inclusions(shown: Insights) -> Iterator[tuple[int | None, int | None]]:
    """Two numbers of which one counts part of what the other counts."""
    ends, named = shown.endings, {p.kind: p for p in shown.precipitants}
    kinds, codes = {k.kind: k.count for k in ends.by_kind}, {c.code: c.count for c in ends.by_nhs_code}
    timings = {t.timing: t.count for t in ends.by_timing}
    for kind in PrecipitantKind:
        yield shown.ruptures, named[kind].count if kind in named else None
    boundary = named.get(PrecipitantKind.BOUNDARY_OR_POLICY)
    for policy in boundary.policies if boundary else ():
        yield boundary and boundary.count, policy.count
    for reason in ends.reasons:
        yield ends.endings, reason.count
    yield ends.endings, ends.with_unrepaired_rupture
    yield kinds[EndingKind.CLIENT_INITIATED], ends.better_and_stopped
    yield kinds[EndingKind.PLANNED_MUTUAL], codes[46]
    yield timings[Timing.EARLIER_THAN_CLIENT_WANTED], codes[48]
    yield codes[47], timings[Timing.EARLIER_THAN_CLINICIAN_PLANNED]


@settings(deadline=None)
@given(practices())
def test_nothing_told_leaves_one_to_four_when_it_is_taken_from_another(found: dict[str, Any]) -> None:
    shown = insights(SINCE, found)
    for whole, part in inclusions(shown):
        (low, high), (fewest, greatest) = whole_between(whole), between(part)
        assert not 0 < low - greatest <= high - fewest < FEWEST


@settings(deadline=None)
@given(practices())
def test_nothing_told_proves_that_there_is_a_part_of_one_to_four(found: dict[str, Any]) -> None:
    shown = insights(SINCE, found)
    for whole, parts in partitions(shown):
        low, high = whole_between(whole)
        named = [between(part) for part in parts if part is not None]
        hidden = len(parts) - len(named)
        fewest, greatest = low - sum(most for _, most in named), high - sum(least for least, _ in named)
        assert not 0 < fewest <= greatest < FEWEST, "all that is kept back, taken together"
        if hidden and whole is not None and fewest > (hidden - 1) * (FEWEST - 1):
            # They cannot all be small, so one of them is a larger one that keeps the small ones company.
            assert hidden > 1
            assert greatest >= FEWEST


@settings(deadline=None)
@given(practices())
def test_every_number_is_a_multiple_of_five_so_two_answers_differ_by_no_less(found: dict[str, Any]) -> None:
    shown = insights(SINCE, found)
    told_of = [count for whole, parts in partitions(shown) for count in (whole, *parts)]
    told_of += [count for pair in inclusions(shown) for count in pair]
    told_of += [step.count for step in shown.skipped_steps]
    assert all(count is None or (count >= FEWEST and count % FEWEST == 0) for count in told_of)
