"""How much an endpoint is asked to take. No clock and no database: a lane, and how each attempt went."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.webhook import DisabledReason
from infra.delivery_log import OUTCOMES
from infra.patience import JITTER, LONGEST, NARROW, PROBE, RAREST, SCHEDULE, UNREACHABLE, Lane, wait_after

DAY = 86_400
FAILURES = sorted(set(OUTCOMES) - {"delivered"})


def lane(**said) -> Lane:
    """An endpoint that has taken what it was sent so far."""
    usual = {
        "practice_id": uuid4(), "endpoint_id": uuid4(), "lease": uuid4(), "url": "https://ehr.example/", "secrets": b"",
        "asymmetric": False, "api_version": "v1", "pending": False, "most": 16, "rate": None, "scale": 1.0,
        "width": NARROW, "unreachable": 0, "tried": 0, "failed": 0, "trips": 0, "warned": False, "failing_for": None,
    }  # fmt: skip
    return Lane(**usual | said)


def fails(lane: Lane, times: int = 1, outcome: str = "http_5xx", **said) -> Lane:
    for _ in range(times):
        lane.failed_with(outcome, said.get("retry_after"), last=said.get("last", False))
    return lane


def takes(lane: Lane, times: int = 1) -> Lane:
    for _ in range(times):
        lane.succeeded()
    return lane


def again(before: Lane, **said) -> Lane:
    """Its next turn."""
    kept = ("width", "unreachable", "tried", "failed", "trips", "warned", "failing_for", "pending", "scale")
    return lane(**{name: getattr(before, name) for name in kept} | said)


def about(seconds: float):
    """Give or take the jitter."""
    return pytest.approx(seconds, rel=JITTER)


# -- how many at once --------------------------------------------------------------------------------------------------


def test_an_endpoint_is_sent_a_few_at_once_and_one_more_for_each_it_takes():
    assert lane().width == 4
    assert takes(lane(), 5).width == 9
    assert takes(lane(), 50).width == 16


def test_each_failure_halves_what_it_is_sent_at_once_and_one_is_always_left():
    assert fails(lane(width=16)).width == 8
    assert fails(lane(width=16), 9, "http_4xx").width == 1
    assert takes(fails(lane(width=16))).width == 9


def test_it_is_never_sent_more_at_once_than_it_takes_now_whatever_it_took_before():
    assert lane(width=16, most=3).width == 3
    assert lane(most=1).width == 1
    assert takes(lane(most=2), 9).width == 2


@given(st.lists(st.sampled_from(OUTCOMES), max_size=60), st.integers(1, 64), st.integers(1, 64))
def test_whatever_happens_there_is_room_for_one_and_never_for_more_than_it_takes(outcomes, width, most):
    found = lane(width=width, most=most)
    for outcome in outcomes:
        takes(found) if outcome == "delivered" else fails(found, 1, outcome)
        assert 1 <= found.width <= most and 0 <= found.pause <= RAREST * (1 + JITTER)


# -- the breaker -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", sorted(UNREACHABLE))
def test_five_in_a_row_without_an_answer_open_the_breaker(outcome: str):
    assert fails(lane(), 4, outcome).news == {} and not fails(lane(), 4, outcome).over
    found = fails(lane(), 5, outcome)
    assert (found.news, found.over, found.trips) == ({"open_breaker": {}}, True, 1)
    assert found.pause == about(PROBE)


def test_an_answer_in_between_begins_the_count_of_those_without_anew():
    assert not fails(fails(fails(lane(), 4, "timeout"), 1, "http_5xx"), 4, "timeout").over
    assert not fails(takes(fails(lane(), 4, "dns")), 4, "dns").over


def test_the_count_goes_on_from_turn_to_turn():
    assert fails(again(fails(lane(), 3, "connection")), 2, "connection").news == {"open_breaker": {}}


def test_seven_failures_in_ten_open_the_breaker():
    assert not fails(takes(lane(), 4), 6).over
    assert fails(takes(lane(), 3), 7).news == {"open_breaker": {}}
    assert not fails(lane(), 9).over
    assert fails(lane(), 10).news == {"open_breaker": {}}


def test_an_open_breaker_lets_a_probe_through_after_half_a_minute_then_a_minute_and_so_on_up_to_ten():
    found, waits = fails(lane(), 5, "timeout"), []
    for _ in range(8):
        waits.append(found.pause)
        found = fails(again(found), 1, "timeout")
        assert found.news == {}, "it is told once that the breaker opened"
    assert waits == [about(seconds) for seconds in (30, 60, 120, 240, 480, 600, 600, 600)]


def test_what_was_under_way_when_the_breaker_opened_is_no_failed_probe():
    found = fails(lane(width=16), 16, "timeout")
    assert found.pause == about(PROBE) and found.trips == 1
    assert takes(found).trips == 1 and "close_breaker" not in found.news


def test_a_probe_that_is_taken_closes_the_breaker_and_the_endpoint_is_counted_anew():
    opened = fails(lane(), 10)
    found = takes(again(opened))
    assert (found.news, found.trips, found.over) == ({"close_breaker": {}}, 0, False)
    assert not fails(again(found)).over


def test_jitter_keeps_what_failed_together_from_coming_back_together():
    assert len({fails(lane(), 5, "timeout").pause for _ in range(20)}) > 10


# -- what it asks for --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "given"), [(0, 5), (-3, 5), (5, 5), (120, 120), (10**9, LONGEST)])
def test_a_retry_after_pauses_the_whole_endpoint_within_bounds(asked: float, given: float):
    found = fails(lane(), 1, "throttled", retry_after=asked)
    assert (found.over, found.pause, found.news) == (True, given, {})


def test_the_longest_retry_after_counts():
    found = fails(fails(lane(), 1, "throttled", retry_after=90), 1, "throttled", retry_after=30)
    assert found.pause == 90


def test_who_says_when_to_come_back_opens_no_breaker():
    assert fails(lane(), 20, "throttled", retry_after=10).news == {}


def test_gone_means_gone():
    found = fails(lane(), 1, "gone")
    assert found.news == {"disable": {"reason": DisabledReason.GONE}} and found.over
    assert found.pause == PROBE, "until it is disabled"


# -- how long it is borne with -----------------------------------------------------------------------------------------


def test_after_a_day_of_nothing_but_failure_it_is_warned_of_once():
    assert "warn" not in fails(lane(failing_for=DAY - 1)).news
    found = fails(lane(failing_for=DAY), 3)
    assert found.news == {"warn": {}}
    assert fails(again(found)).news == {}


def test_after_five_days_it_is_disabled():
    assert "disable" not in fails(lane(failing_for=5 * DAY - 1, warned=True)).news
    found = fails(lane(failing_for=5 * DAY, warned=True))
    assert found.news == {"disable": {"reason": DisabledReason.FAILING}} and found.over


def test_one_success_and_it_is_borne_with_from_the_beginning():
    found = takes(lane(failing_for=5 * DAY - 1, warned=True))
    assert (found.failing_for, found.warned) == (None, False)
    assert fails(found).news == {}


def test_a_delivery_that_was_given_up_is_told_of():
    assert fails(lane(), 1, last=True).news == {"give_up": {}}


def test_an_address_that_answers_a_ping_is_verified_and_one_that_never_does_is_disabled():
    assert takes(lane(pending=True)).news == {"verify": {}}
    assert fails(lane(pending=True), 9).news == {}
    assert fails(lane(pending=True), 1, last=True).news == {"disable": {"reason": DisabledReason.FAILING}}


def test_an_address_that_is_only_pinged_has_no_breaker():
    assert fails(lane(pending=True), 30, "connection").news == {}


# -- rates and retries -------------------------------------------------------------------------------------------------


def test_what_is_over_its_rate_is_waited_for():
    found = lane(rate=10)
    assert found.room(128) == 10
    found.paced(10, 0.25)
    assert found.pause == pytest.approx(0.75)


def test_who_takes_longer_than_its_rate_waits_no_more():
    found = lane(rate=10)
    found.paced(10, 1.5)
    assert found.pause == 0


def test_without_a_rate_there_is_no_pause():
    found = lane()
    found.paced(128, 0.001)
    assert (found.room(128), found.pause) == (128, 0)


def test_a_rate_does_not_cut_a_longer_pause_short():
    found = fails(lane(rate=10), 1, "throttled", retry_after=60)
    found.paced(1, 0.0)
    assert found.pause == 60


def test_there_are_ten_attempts_over_seventy_five_hours_and_a_half():
    waits = [wait_after(number, 1.0, 0.0) for number in range(1, 11)]
    assert waits == [*(about(seconds) for seconds in SCHEDULE), None]
    assert sum(SCHEDULE) == 75 * 3600 + 35 * 60 + 5


def test_an_event_waits_at_least_as_long_as_its_endpoint():
    assert wait_after(1, 1.0, 3600.0) == 3600.0
    assert wait_after(2, 1.0, 5.0) == about(300)
    assert wait_after(10, 1.0, 5.0) is None


def test_everything_scales_with_the_first_delay():
    tenth = fails(lane(scale=0.1), 5, "timeout")
    assert tenth.pause == about(PROBE / 10) and wait_after(3, 0.1, 0.0) == about(180)
    assert fails(lane(scale=0.1), 1, "throttled", retry_after=10**9).pause == LONGEST / 10
    assert "warn" in fails(lane(scale=0.1, failing_for=DAY / 10)).news


@pytest.mark.parametrize("outcome", FAILURES)
def test_every_way_to_fail_is_a_failure(outcome: str):
    found = fails(lane(), 1, outcome)
    assert (found.failed, found.refused, found.failing_for) == (1, True, 0.0)


def test_what_counts_as_no_answer_is_a_way_to_fail():
    assert set(FAILURES) >= UNREACHABLE
