"""What is due: reminders that come when they should, once, and never after somebody has gone."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.access import Role
from domain.consent import Consent
from domain.due import Clock, RiskAnswer, Standing, due
from domain.endings import EndingKind
from domain.handover import Receiver, Referral
from domain.relationship import RelationshipPhase
from domain.reminders import FOR_CLIENTS, ReminderKind
from domain.review import Review
from domain.termination import TERMINATION_PLAN, PlanPhase, TerminationPlan
from tests.domain.given import ID, RELATIONSHIP_ID, TODAY, do
from tests.domain.test_fold import ALIKE

P, K, R = PlanPhase, ReminderKind, RelationshipPhase
AT_WORK = (P.INTRODUCED, P.REVIEWING, P.PLANNED, P.CLOSING)
TEXT = UUID(int=77)
CLOCK = Clock()


def ago(days: int) -> date:
    return TODAY - timedelta(days)


def ahead(days: int) -> date:
    return TODAY + timedelta(days)


def standing(plan: TerminationPlan | None = None, **said) -> Standing:
    known = {"relationship_id": RELATIONSHIP_ID, "phase": R.ACTIVE, "begun_on": TODAY, "plan": plan}
    return Standing(**known | said)


def plan(phase: PlanPhase = P.PLANNED, **said) -> TerminationPlan:
    return TerminationPlan(id=ID, relationship_id=RELATIONSHIP_ID, phase=phase, **{"ending_mentioned_on": TODAY} | said)


def told(where: Standing, *, until: date = TODAY, clock: Clock = CLOCK) -> list[tuple[str, date]]:
    return [(r.kind, r.due_on) for r in due(where, clock, today=TODAY, until=until)]


def only(kind: ReminderKind, where: Standing, **how) -> list[date]:
    return [day for k, day in told(where, **how) if k is kind]


# -- the clock-like reminder -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "point"), [(40, None), (28, 28), (20, 28), (14, 14), (8, 14), (7, 7), (0, 7), (-3, 7)]
)
def test_the_ending_is_brought_to_mind_four_two_and_one_week_before_and_each_point_gives_way_to_the_next(left, point):
    found = due(standing(plan(target_date=ahead(left))), CLOCK, today=TODAY, until=TODAY)
    assert [(r.kind, r.days_before) for r in found] == ([(K.ENDING_NEAR, point)] if point else [])
    for reminder in found:
        assert reminder.due_on == ahead(left) - timedelta(point)
        assert (reminder.relationship_id, reminder.termination_plan_id) == (RELATIONSHIP_ID, ID)


def test_the_points_are_the_practices_own_and_may_be_none():
    where = standing(plan(target_date=ahead(20)))
    assert only(K.ENDING_NEAR, where, clock=Clock(days_before_ending=(60, 21, 3))) == [ago(1)]
    assert only(K.ENDING_NEAR, where, clock=Clock(days_before_ending=())) == []


def test_what_is_still_to_come_can_be_seen_beforehand():
    where = standing(plan(target_date=ahead(20)))
    assert only(K.ENDING_NEAR, where, until=ahead(60)) == [ago(8), ahead(6), ahead(13)]


@pytest.mark.parametrize("phase", P)
def test_an_ending_is_near_only_while_the_work_goes_on(phase):
    assert bool(only(K.ENDING_NEAR, standing(plan(phase, target_date=ahead(5))))) == (phase in AT_WORK)


@settings(ALIKE, max_examples=60)
@given(left=st.integers(-30, 400), points=st.lists(st.integers(0, 365), max_size=6), passed=st.integers(0, 60))
def test_from_day_to_day_a_point_comes_once_and_none_comes_back(left, points, passed):
    where, clock = standing(plan(target_date=ahead(left))), Clock(days_before_ending=tuple(points))
    now, later = (
        [r.due_on for r in due(where, clock, today=day, until=day) if r.kind is K.ENDING_NEAR]
        for day in (TODAY, ahead(passed))
    )
    assert len(now) <= 1 and len(later) <= 1
    assert now <= later, "what is due only moves on"


# -- the ending, mentioned at all --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("phase", "days"), list(product(R, (27, 28, 400))))
def test_some_weeks_into_the_work_an_ending_that_nobody_mentioned_is_brought_to_mind(phase, days):
    late = phase is R.ACTIVE and days >= 28
    where = standing(begun_on=ago(days), phase=phase)
    assert only(K.ENDING_NOT_MENTIONED, where) == ([ago(days - 28)] if late else [])
    assert only(K.ENDING_NOT_MENTIONED, where, clock=Clock(mention_days=365)) == (
        [ago(35)] if late and days > 365 else []
    )


@pytest.mark.parametrize("phase", P)
def test_a_plan_in_which_it_was_never_mentioned_asks_for_it_too_and_one_in_which_it_was_does_not(phase):
    for mentioned, expected in ((None, [ago(12)] if phase in AT_WORK else []), (ago(39), [])):
        where = standing(plan(phase, ending_mentioned_on=mentioned), begun_on=ago(40))
        assert only(K.ENDING_NOT_MENTIONED, where) == expected


# -- consent, readiness ------------------------------------------------------------------------------------------------


def consented(edition: str) -> TerminationPlan:
    return plan(P.REVIEWING, consent=Consent(text_version=edition, policy_id=TEXT, given_on=ago(300)))


def test_a_new_edition_of_the_consent_text_asks_for_a_new_consent_and_a_renewed_one_is_enough():
    newer = {"edition": "2", "edition_since": ago(3)}
    (asked,) = due(standing(consented("1"), **newer), CLOCK, today=TODAY, until=TODAY)
    assert (asked.kind, asked.due_on, asked.text_version) == (K.CONSENT_TO_RENEW, ago(3), "2")
    assert told(standing(consented("2"), **newer)) == []
    assert told(standing(consented("1"))) == [], "a text that is not in force asks for nothing"


@pytest.mark.parametrize(("phase", "days"), list(product(P, (89, 90, 200))))
def test_progress_is_talked_over_regularly(phase, days):
    for last in (plan(phase, ending_mentioned_on=ago(days)),
                 plan(phase, ending_mentioned_on=ago(900), reviews=(
                     Review(reviewed_on=ago(days)), Review(reviewed_on=ago(days + 50), by=Role.CLIENT)))):  # fmt: skip
        late = phase in (P.INTRODUCED, P.REVIEWING) and days >= 90
        assert only(K.READINESS_REVIEW, standing(last)) == ([ago(days - 90)] if late else [])


def test_a_plan_that_nobody_knows_the_first_mention_of_counts_from_when_the_work_began():
    unknown = standing(plan(P.REVIEWING, ending_mentioned_on=None), begun_on=ago(95))
    assert only(K.READINESS_REVIEW, unknown) == [ago(5)]
    assert only(K.READINESS_REVIEW, unknown, clock=Clock(review_every_days=365)) == []


# -- silence -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("missed", "since"), [
    ((), None), ((3,), None), ((13,), None), ((14,), 0), ((20,), 6), ((9, 2), 2), ((9, 5, 2), 5), ((30, 29), 29),
    ((30, 2), 16),
])  # fmt: skip
def test_two_missed_in_a_row_or_a_fortnight_without_a_sign_suggest_an_outreach(missed, since):
    where = standing(plan(P.REVIEWING), missed_on=tuple(map(ago, missed)))
    assert only(K.OUTREACH, where) == ([] if since is None else [ago(since)])


def test_it_is_suggested_where_there_is_no_plan_as_well():
    (only_one,) = due(standing(missed_on=(ago(9), ago(2))), CLOCK, today=TODAY, until=TODAY)
    assert (only_one.kind, only_one.termination_plan_id) == (K.OUTREACH, None)


def test_when_it_is_silence_is_for_the_practice_to_say():
    where = standing(plan(P.REVIEWING), missed_on=(ago(9), ago(2)))
    assert only(K.OUTREACH, where, clock=Clock(missed_sessions=3, silent_days=30)) == []
    assert only(K.OUTREACH, where, clock=Clock(missed_sessions=1)) == [ago(9)]


@pytest.mark.parametrize("phase", P)
def test_once_somebody_is_reached_for_or_has_gone_nobody_is_asked_to(phase):
    where = standing(plan(phase), missed_on=(ago(9), ago(2)))
    assert bool(only(K.OUTREACH, where)) == (phase in AT_WORK)


@pytest.mark.parametrize("phase", R)
def test_an_agreed_pause_is_no_silence(phase):
    where = standing(missed_on=(ago(9), ago(2)), phase=phase)
    assert bool(only(K.OUTREACH, where)) == (phase in (R.ACTIVE, R.IN_TRANSITION))


def test_what_was_missed_before_they_came_back_is_not_held_against_them():
    for missed, expected in (((9, 2), []), ((9, 2, 0), []), ((9, -1, -2), [ahead(2)])):
        where = standing(plan(P.REVIEWING, returned_on=TODAY), missed_on=tuple(map(ago, missed)))
        assert only(K.OUTREACH, where, until=ahead(5)) == expected


# -- transfer, aftercare -----------------------------------------------------------------------------------------------


def test_a_transfer_that_nobody_answers_is_not_left_waiting():
    asked = Referral(receiver=Receiver(name="Riverside"), asked_on=ago(14))
    where = standing(plan(P.TRANSFERRING, referrals=(asked,)), phase=R.IN_TRANSITION)
    assert told(where) == [(K.TRANSFER_WAITING, TODAY)]
    assert told(where, clock=Clock(transfer_days=15)) == []
    answered = do(TERMINATION_PLAN, "transfer_declined", plan(P.TRANSFERRING, referrals=(asked,))).after
    assert told(standing(answered)) == []


@pytest.mark.parametrize("phase", P)
def test_a_booster_is_due_on_its_day_and_only_in_aftercare(phase):
    where = standing(plan(phase, boosters=(ahead(60), ago(30), ago(2))), phase=R.ENDED)
    assert only(K.BOOSTER, where, until=ahead(90)) == ([ago(2), ahead(60)] if phase is P.AFTERCARE else [])


@pytest.mark.parametrize("phase", [P.ENDED, P.ARCHIVED])
def test_after_an_end_or_a_death_nobody_is_reminded_of_anything(phase):
    gone = plan(phase, target_date=ahead(5), boosters=(ago(1),), died_on=ago(1), consent=consented("1").consent)
    where = standing(gone, phase=R.ENDED, missed_on=(ago(20), ago(13)), edition="2", edition_since=ago(3))
    assert told(where, until=ahead(400)) == []


def test_the_earliest_comes_first():
    everything = standing(
        plan(P.REVIEWING, target_date=ahead(5), ending_mentioned_on=ago(91)), missed_on=(ago(9), ago(8))
    )
    days = [day for _, day in told(everything)]
    assert days == sorted(days) and len(days) == 3


# -- an answer about somebody's life -----------------------------------------------------------------------------------


def answered(*days: date) -> tuple[RiskAnswer, ...]:
    return tuple(RiskAnswer(signal_id=UUID(int=n), seen_on=day) for n, day in enumerate(days, 90))


@pytest.mark.parametrize("relationship", R)
@pytest.mark.parametrize("phase", [None, *P])
def test_a_risk_answer_is_asked_about_the_same_day_however_the_work_stands(phase, relationship):
    where = standing(plan(phase) if phase else None, phase=relationship, risk_answers=answered(TODAY, ago(3)))
    assert only(K.RISK_TO_ASK, where) == [ago(3), TODAY]
    assert only(K.RISK_TO_ASK, replace(where, risk_answers=())) == [], "once it was reviewed"


def test_the_reminder_names_the_signal_to_review_and_is_none_of_the_clients():
    (found,) = due(standing(risk_answers=answered(TODAY)), CLOCK, today=TODAY, until=TODAY)
    assert (found.kind, found.signal_id) == (K.RISK_TO_ASK, UUID(int=90))
    assert K.RISK_TO_ASK not in FOR_CLIENTS


def test_nobody_is_to_ask_the_dead():
    for gone in (plan(P.ENDED, kind=EndingKind.CLIENT_DECEASED), plan(P.AFTERCARE, died_on=ago(1))):
        assert told(standing(gone, phase=R.ENDED, risk_answers=answered(TODAY))) == []
