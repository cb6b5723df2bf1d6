"""Leaving: a client always can, whatever stands in the record; and whoever else ends it answers for what is owed."""

from dataclasses import fields, replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.access import Role
from domain.catalog import MACHINES
from domain.endings import EndingKind, Premature, PrematureDefinition, Reason
from domain.move import NEW
from domain.outreach import Channel, Outreach
from domain.owed import ExceptionCode, Exempt
from domain.relationship import Risk
from domain.termination import ACTIVE, TERMINATION_PLAN, PlanPhase, TerminationPlan
from domain.values import records
from tests.domain.given import (
    ID,
    TODAY,
    around,
    body_for,
    caller,
    codes,
    do,
    refused,
    relationship,
)
from tests.domain.test_fold import ALIKE, arounds, bodies, record
from tests.domain.test_termination import owing, plan

T, C, API = Role.THERAPIST, Role.CLIENT, Role.INTEGRATION
P = PlanPhase
LOW = relationship(risk=Risk.LOW, screened_on=TODAY)
LEAVE = TERMINATION_PLAN.by_name["client_ends"]


# -- a client can always leave -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [NEW, *ACTIVE])
@settings(ALIKE, max_examples=20)
@given(data=st.data())
def test_whatever_the_record_says_and_whatever_they_say_a_client_can_leave(phase, data):
    state = None
    if phase != NEW:
        state = replace(data.draw(record(TerminationPlan)), phase=PlanPhase(phase))
    known = data.draw(arounds)
    who = replace(known, caller=caller(data.draw(st.sampled_from((C, T, API)))))
    body = data.draw(bodies(TERMINATION_PLAN, LEAVE, state))
    left = TERMINATION_PLAN.decide(LEAVE, state, body, who, id=ID)
    assert (left.after.phase, left.after.kind) == (P.ENDED, EndingKind.CLIENT_INITIATED)
    if who.caller.role is C:
        assert left.advisories == (), "nobody who is leaving is talked into staying"


def test_nothing_in_the_record_is_about_money_so_nothing_unpaid_can_keep_anybody():
    money = {"fee", "fees", "paid", "unpaid", "payment", "invoice", "balance", "debt", "amount", "price", "billing"}
    waiting, seen = [machine.cls for machine in MACHINES], set()
    while waiting:
        cls = waiting.pop()
        seen.add(cls)
        waiting += [inner for inner in records(cls).values() if inner not in seen]
    assert not {f.name for cls in seen for f in fields(cls) if set(f.name.split("_")) & money}


# -- an exception is signed and dated ----------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ExceptionCode)
def test_an_exception_says_who_put_it_on_record_and_when(code):
    said = Exempt(code=code, detail="As it was.")
    state, pair = owing(EndingKind.THERAPIST_INITIATED, ("notice_given_on",))
    silent = plan(P.OUTREACH, outreach=tuple(
        Outreach(channel=c, offered_return=True, offered_referrals=True) for c in (Channel.LETTER, Channel.PHONE, Channel.PHONE)))  # fmt: skip
    for name, state_before, around_it in (("end", state, pair), ("lapse", silent, LOW)):
        kept = do(TERMINATION_PLAN, name, state_before, T, pair=around_it, exception=said).after.exception
        assert (kept.code, kept.detail) == (code, "As it was.")
        assert (kept.recorded_by, kept.recorded_as, kept.recorded_on) == (caller(T).id, T, TODAY)


def test_what_the_log_tells_of_an_exception_is_who_and_when_and_not_what_was_said():
    state, pair = owing(EndingKind.THERAPIST_INITIATED, ("notice_given_on",))
    ended = do(TERMINATION_PLAN, "end", state, T, pair=pair, exception=Exempt(code=ExceptionCode.PAYER, detail="Cut."))
    assert ended.event.set["exception"] == {
        "code": "payer", "recorded_by": caller(T).id, "recorded_as": "therapist", "recorded_on": TODAY.isoformat(),
    }  # fmt: skip


# -- silence -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("risk", Risk)
def test_whether_somebody_is_safe_comes_before_the_first_attempt(risk):
    silent = do(TERMINATION_PLAN, "suspect_lapse", plan(P.REVIEWING), T, pair=relationship(risk=risk))
    assert ("risk_check_first" in codes(silent)) == (risk not in (Risk.NONE, Risk.LOW))


@pytest.mark.parametrize(("channel", "named"), list(product(Channel, (True, None))))
def test_a_last_letter_names_others_to_turn_to(channel, named):
    tries = (Outreach(channel=Channel.EMAIL, offered_return=True), Outreach(channel=Channel.PHONE),
             Outreach(channel=channel, offered_referrals=named))  # fmt: skip
    over = do(TERMINATION_PLAN, "lapse", plan(P.OUTREACH, outreach=tries), T, pair=LOW)
    written = channel in (Channel.EMAIL, Channel.LETTER, Channel.MESSAGE)
    assert codes(over) == (set() if written and named else {"no_referrals_offered"})


def test_who_comes_back_is_asked_nothing_and_the_day_is_kept():
    back = do(TERMINATION_PLAN, "client_returned", plan(P.OUTREACH), API)
    assert (back.advisories, back.after.returned_on) == ((), TODAY)
    assert [f.name for f in fields(TERMINATION_PLAN.by_name["client_returned"].takes)] == []


# -- better, and stopped -----------------------------------------------------------------------------------------------

DEFINED = {"premature_definition": PrematureDefinition.CLINICIAN_JUDGEMENT}


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("by", [C, T, API])
def test_better_and_stopped_is_not_to_be_called_dropout(reason, by):
    said = {"reasons": (reason,), "premature": Premature.YES, "client_asked": True, **DEFINED}
    left = do(TERMINATION_PLAN, "client_ends", plan(P.REVIEWING), by, pair=LOW, **said)
    better = by is not C and reason in (Reason.GOALS_MET, Reason.SUFFICIENT_GAIN)
    assert codes(left) - {"reason_contradicts_kind"} == ({"better_is_not_dropout"} if better else set())
    assert left.after.premature is Premature.YES, "it is advice; what was said stands"


@pytest.mark.parametrize(("premature", "asked"), list(product((None, *Premature), (None, True, False))))
def test_whether_an_ending_was_premature_is_asked_of_the_client(premature, asked):
    said = {"premature": premature, "client_asked": asked, **DEFINED}
    unasked = premature in (Premature.YES, Premature.NO) and not asked
    for name, state, more in (
        ("client_ends", plan(P.REVIEWING), {}), ("client_ends", None, {}),
        ("end", plan(P.CLOSING, kind=EndingKind.PLANNED_MUTUAL, agreed_by_client=True), {"pair": LOW}),
        ("revise", plan(P.ENDED), {}),
    ):  # fmt: skip
        assert ("ask_the_client" in codes(do(TERMINATION_PLAN, name, state, T, **said, **more))) == unasked


def test_what_the_client_said_when_they_left_is_not_asked_for_again():
    left = do(TERMINATION_PLAN, "client_ends", plan(P.REVIEWING), C).after
    assert codes(do(TERMINATION_PLAN, "revise", left, T, premature=Premature.NO, **DEFINED)) == set()


def test_a_client_who_said_they_are_better_is_not_called_a_dropout_unnoticed():
    left = do(TERMINATION_PLAN, "client_ends", plan(P.REVIEWING), C, reasons=(Reason.SUFFICIENT_GAIN,)).after
    called = do(TERMINATION_PLAN, "revise", left, T, premature=Premature.YES, reasons=left.reasons, **DEFINED)
    assert codes(called) == {"better_is_not_dropout"}


# -- reminders on the plan ---------------------------------------------------------------------------------------------


def test_each_reminder_is_told_once_and_by_nobody_but_the_service():
    remind = TERMINATION_PLAN.by_name["remind"]
    body = body_for(TERMINATION_PLAN, remind, plan(P.PLANNED), due_on=TODAY)
    known = around(Role.POLICY)
    once = TERMINATION_PLAN.decide(remind, plan(P.PLANNED), body, known, id=ID)
    assert (once.event.type, once.after.reminders[0].told_on) == ("termination_plan.reminder_due", TODAY)
    with refused(saying="told before"):
        TERMINATION_PLAN.decide(remind, once.after, body, known, id=ID)
    later = replace(body, due_on=TODAY.replace(year=2027))
    assert len(TERMINATION_PLAN.decide(remind, once.after, later, known, id=ID).after.reminders) == 2
    for role in (role for role in Role if role is not Role.POLICY):
        with refused(status=403):
            do(TERMINATION_PLAN, "remind", plan(P.PLANNED), role)


@pytest.mark.parametrize("phase", [P.ENDED, P.ARCHIVED])
def test_nobody_is_reminded_of_what_is_over(phase):
    with refused(status=409):
        do(TERMINATION_PLAN, "remind", plan(phase), Role.POLICY)
