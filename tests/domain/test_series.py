"""From sessions to series: which ratings may be compared, and where a baseline begins."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from domain.series import blanks

FIRST = datetime(2026, 1, 5, 10, tzinfo=UTC)
WEEKLY = {UUID(int=n): FIRST + timedelta(weeks=n) for n in range(6)}


def week(number: int, days: int = 0) -> date:
    return (FIRST + timedelta(weeks=number, days=days)).date()


def runs(*turns: date) -> list[str]:
    return [sitting.run for sitting in blanks(WEEKLY, turns, ())]


def fresh(*baselines: date) -> list[int]:
    return [n for n, sitting in enumerate(blanks(WEEKLY, (), baselines)) if sitting.new_baseline]


def test_without_a_change_of_the_treatment_all_sessions_are_of_one_run():
    assert len(set(runs())) == 1


def test_a_run_begins_with_the_first_session_on_the_day_of_a_change_or_after_it():
    for day in (week(3), week(3, days=-1), week(2, days=1)):
        before, after = runs(day)[:3], runs(day)[3:]
        assert len(set(before)) == len(set(after)) == 1 and before[0] != after[0], day


def test_two_changes_on_one_day_part_once_and_two_on_two_days_twice():
    assert len(set(runs(week(2), week(2)))) == 2
    assert len(set(runs(week(2), week(4)))) == 3


def test_a_change_before_the_first_session_or_after_the_last_parts_nothing():
    assert len(set(runs(week(-1), week(9)))) == 1


def test_a_baseline_begins_with_the_first_session_on_its_day_or_after_it():
    assert fresh(week(3)) == fresh(week(2, days=1)) == [3]
    assert fresh(week(2), week(2), week(4)) == [2, 4]
    assert fresh(week(9)) == []
