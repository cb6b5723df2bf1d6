"""Endings: a client can always leave, a therapist owes something first, and nobody is sent off by a clock."""

from dataclasses import fields, replace
from datetime import date, timedelta
from itertools import chain, combinations, product

import pytest

from domain.access import Role
from domain.closure import ClosureTask
from domain.consent import Consent, ConsentGiver
from domain.endings import BHA_REASON, EndingKind, Premature, PrematureDefinition, Reason, Timing, bha_codes, nhs_code
from domain.errors import Incomplete
from domain.feelings import Feelings
from domain.handover import Receiver
from domain.move import NEW, Decision, Endings, Will
from domain.outreach import Channel, Outreach
from domain.owed import ExceptionCode, Exempt
from domain.relationship import RelationshipPhase, Risk
from domain.review import Answer, Fact, Informant, ReadinessFact
from domain.termination import TERMINATION_PLAN, PlanPhase, TerminationPlan
from tests.domain.given import (
    ID,
    RELATIONSHIP_ID,
    SOMEBODY,
    THERAPIST_ID,
    TODAY,
    but,
    codes,
    do,
    named,
    refused,
    relationship,
)

T, C, S, API, A = Role.THERAPIST, Role.CLIENT, Role.SUPERVISOR, Role.INTEGRATION, Role.ADMIN
P = PlanPhase
ACTIVE = (P.INTRODUCED, P.REVIEWING, P.PLANNED, P.CLOSING, P.TRANSFERRING, P.OUTREACH)
CONSENT = Consent(text_version="2026-01", given_on=TODAY)
LOW = relationship(risk=Risk.LOW, screened_on=TODAY)
HIGH = relationship(risk=Risk.HIGH, screened_on=TODAY)
OWED_KINDS = (EndingKind.THERAPIST_INITIATED, EndingKind.FORCED_ADMINISTRATIVE)
OWN_MOVE_KINDS = (EndingKind.TRANSFER, EndingKind.LAPSED_NO_CONTACT, EndingKind.CLIENT_DECEASED,
                  EndingKind.THERAPIST_INCAPACITY)  # fmt: skip
MUTUAL = {"kind": EndingKind.PLANNED_MUTUAL, "agreed_by_client": True}


def plan(phase: PlanPhase = P.PLANNED, **said) -> TerminationPlan:
    return TerminationPlan(**{"id": ID, "relationship_id": RELATIONSHIP_ID, "phase": phase, **said})


def exempt(code: ExceptionCode) -> Exempt:
    return Exempt(code=code, detail="On record.")


def act(name: str, state: TerminationPlan | None, by: Role = T, **said) -> Decision:
    return do(TERMINATION_PLAN, name, state, by, **said)


def revise(state: TerminationPlan, by: Role = T, **said) -> Decision:
    """A revision: what is not said again stays as it is."""
    body = {f.name: getattr(state, f.name) for f in fields(TERMINATION_PLAN.revise.takes)}
    return act("revise", state, by, **body | said)


def subsets(of):
    return list(chain.from_iterable(combinations(of, n) for n in range(len(of) + 1)))


# -- mentioned early ---------------------------------------------------------------------------------------------------


def test_the_ending_is_introduced_with_informed_consent_at_intake():
    begun = act("introduce", None, relationship_id=RELATIONSHIP_ID, consent=CONSENT, target_date=date(2026, 9, 1)).after
    assert (begun.phase, begun.consent, begun.target_date) == (P.INTRODUCED, CONSENT, date(2026, 9, 1))


def test_for_a_minor_or_by_order_of_a_court_it_is_on_record_who_holds_consent():
    for giver in (ConsentGiver.GUARDIAN, ConsentGiver.COURT):
        consent = Consent(text_version="1", given_on=TODAY, given_by=giver, holder="The one in file 12")
        begun = act("introduce", None, relationship_id=RELATIONSHIP_ID, consent=consent).after
        assert (begun.consent.given_by, begun.consent.holder) == (giver, "The one in file 12")


def test_either_may_begin_to_talk_about_progress():
    for by in (T, C):
        assert act("begin_review", plan(P.INTRODUCED), by).after.phase is P.REVIEWING


# -- reviewed regularly ------------------------------------------------------------------------------------------------


def test_a_fact_says_who_says_so_and_on_which_day():
    told = date(2026, 2, 26)
    for by, fact, said, kept in (
        (T, ReadinessFact.CLIENT_SAYS_READY, {"on": told}, (Informant.CLIENT, told)),
        (T, ReadinessFact.THERAPIST_SAYS_READY, {}, (Informant.THERAPIST, TODAY)),
        (T, ReadinessFact.SUPPORTS, {}, (Informant.THERAPIST, TODAY)),
        (T, ReadinessFact.SUPPORTS, {"said_by": Informant.COLLATERAL}, (Informant.COLLATERAL, TODAY)),
        (C, ReadinessFact.SUPPORTS, {}, (Informant.CLIENT, TODAY)),
        (C, ReadinessFact.STABLE, {"said_by": Informant.GUARDIAN, "on": told}, (Informant.GUARDIAN, told)),
    ):
        facts = (Fact(fact=fact, holds=Answer.YES, source="A talk", **said),)
        (found,) = act("review_readiness", plan(P.REVIEWING), by, facts=facts).after.reviews[0].facts
        assert (found.said_by, found.on) == kept
    earlier = act("review_readiness", plan(P.REVIEWING), reviewed_on=told, facts=(replace(facts[0], on=None),))
    assert earlier.after.reviews[0].facts[0].on == told


def test_nobodys_own_word_is_put_into_anothers_mouth():
    for by, fact, who, at in (
        (T, ReadinessFact.CLIENT_SAYS_READY, Informant.GUARDIAN, "facts/0/said_by"),
        (T, ReadinessFact.THERAPIST_SAYS_READY, Informant.RECORD, "facts/0/said_by"),
        (C, ReadinessFact.STABLE, Informant.THERAPIST, "facts/0/said_by"),
        (C, ReadinessFact.THERAPIST_SAYS_READY, None, "facts/0/fact"),
    ):
        with refused(at):
            facts = (Fact(fact=fact, holds=Answer.YES, source="A talk", said_by=who),)
            act("review_readiness", plan(P.REVIEWING), by, facts=facts)
    with refused("facts/0/on"):
        facts = (Fact(fact=ReadinessFact.STABLE, holds=Answer.YES, source="A talk", on=TODAY + timedelta(days=2)),)
        act("review_readiness", plan(P.REVIEWING), facts=facts)


def test_a_review_keeps_each_fact_with_its_source_and_both_views_beside_each_other():
    facts = (Fact(fact=ReadinessFact.GOALS_ATTAINED, holds=Answer.YES, source="Goal sheet"),
             Fact(fact=ReadinessFact.NO_OPEN_RISK, holds=Answer.UNSURE, source="Her therapist"))  # fmt: skip
    state = plan(P.REVIEWING)
    for by, ready in ((T, Answer.YES), (C, None)):
        done = act("review_readiness", state, by, facts=facts, client_ready=Answer.NO, therapist_ready=ready)
        assert codes(done) == set()
        state = done.after
    assert state.phase is P.REVIEWING
    assert [(r.by, r.client_ready, r.therapist_ready) for r in state.reviews] == [
        (T, Answer.NO, Answer.YES), (C, Answer.NO, None)
    ]  # fmt: skip
    assert state.reviews[0].reviewed_on == TODAY
    assert [r.shared_with_client for r in state.reviews] == [False, True]


def test_a_client_does_not_say_what_the_therapist_thinks_of_their_readiness():
    theirs = Fact(fact=ReadinessFact.THERAPIST_SAYS_READY, holds=Answer.YES, source="She told me")
    mine = Fact(fact=ReadinessFact.CLIENT_SAYS_READY, holds=Answer.YES, source="I feel it")
    with refused("facts/1/fact"):
        act("review_readiness", plan(P.REVIEWING), C, facts=(mine, theirs))
    with refused("therapist_ready"):
        act("review_readiness", plan(P.REVIEWING), C, therapist_ready=Answer.NO)
    both = act("review_readiness", plan(P.REVIEWING), T, facts=(mine, theirs)).after.reviews[0].facts
    assert [fact.said_by for fact in both] == [Informant.CLIENT, Informant.THERAPIST]


@pytest.mark.parametrize(("feeling", "felt"), list(product(("loss", "uncertainty", "abandonment"), range(5))))
def test_strong_loss_uncertainty_or_abandonment_wants_repair_itself(feeling, felt):
    done = act("review_readiness", plan(P.REVIEWING), feelings=Feelings(**{feeling: felt}))
    assert codes(done) == ({"ending_as_rupture"} if felt >= 3 else set())
    for advice in done.advisories:
        assert feeling in advice.detail and "ending_of_therapy" in advice.detail


def test_what_a_client_says_of_the_ending_is_not_explained_to_them():
    strong = Feelings(loss=2, uncertainty=3, abandonment=4)
    assert codes(act("review_readiness", plan(P.REVIEWING), C, feelings=strong)) == set()
    (advice,) = act("review_readiness", plan(P.REVIEWING), feelings=strong).advisories
    assert advice.detail.startswith("The client named strong uncertainty and abandonment about the ending. Ask")


@pytest.mark.parametrize("feeling", ["relief", "pride", "gratitude"])
def test_strong_relief_pride_or_gratitude_is_no_rupture(feeling):
    assert codes(act("review_readiness", plan(P.REVIEWING), feelings=Feelings(**{feeling: 4}))) == set()


def test_feelings_that_nobody_asked_about_are_not_taken_for_none_at_all():
    assert Feelings().loss is None
    done = act("review_readiness", plan(P.REVIEWING), feelings=Feelings(loss=4, abandonment=3)).advisories
    assert "loss and abandonment" in done[0].detail


# -- planned together --------------------------------------------------------------------------------------------------


def test_a_plan_names_its_kind_and_its_last_day():
    with refused("kind", "target_date"):
        act("plan_ending", plan(P.REVIEWING))
    with refused("target_date", "agreed_by_client"):
        act("plan_ending", plan(P.REVIEWING), kind=EndingKind.PLANNED_MUTUAL)


@pytest.mark.parametrize("agreed", [None, False])
def test_a_mutual_ending_needs_the_clients_agreement(agreed):
    said = {"kind": EndingKind.PLANNED_MUTUAL, "target_date": TODAY}
    with refused("agreed_by_client"):
        act("plan_ending", plan(P.REVIEWING), **said, agreed_by_client=agreed)
    assert act("plan_ending", plan(P.REVIEWING), **said, agreed_by_client=True).after.phase is P.PLANNED


@pytest.mark.parametrize("kind", OWN_MOVE_KINDS)
def test_what_has_a_move_of_its_own_is_not_planned_as_an_ending(kind):
    with refused("kind", saying="has its own move"):
        act("plan_ending", plan(P.REVIEWING), kind=kind, target_date=TODAY)


def test_an_ending_that_was_never_talked_over_is_planned_with_advice():
    agreed = {**MUTUAL, "target_date": TODAY}
    assert codes(act("plan_ending", plan(P.INTRODUCED), **agreed)) == {"no_readiness_review"}
    talked_over = act("review_readiness", plan(P.REVIEWING)).after
    assert codes(act("plan_ending", talked_over, **agreed)) == set()


def test_a_fixed_number_of_sessions_agreed_at_the_start_is_not_forgotten_when_the_ending_is_planned():
    state = plan(P.REVIEWING, notice_given_on=TODAY, counselling_offered=True)
    planned = act("plan_ending", state, **MUTUAL, target_date=date(2026, 6, 1)).after
    assert (planned.notice_given_on, planned.counselling_offered) == (TODAY, True)


CLEARED = {
    "kind": EndingKind.THERAPIST_INITIATED, "timing": Timing.EXTENDED, "target_date": TODAY, "notice_given_on": TODAY,
    "agreed_by_client": True, "premature": Premature.NO, "premature_definition": PrematureDefinition.SESSION_COUNT,
}  # fmt: skip


@pytest.mark.parametrize(("phase", "by"), list(product((P.PLANNED, P.CLOSING), (T, C))))
def test_either_may_go_back_to_work_and_what_was_agreed_about_the_end_no_longer_holds(phase, by):
    back = act("return_to_work", plan(phase, **CLEARED), by).after
    assert back.phase is P.REVIEWING
    assert {name: getattr(back, name) for name in CLEARED} == dict.fromkeys(CLEARED)


BACK = [("client_returned", P.OUTREACH), ("transfer_declined", P.TRANSFERRING),
        *(("reopen", phase) for phase in (P.ENDED, P.AFTERCARE, P.ARCHIVED))]  # fmt: skip


@pytest.mark.parametrize(("move", "phase"), BACK)
def test_whoever_comes_back_comes_back_to_the_work(move, phase):
    gone = plan(phase, **CLEARED, ended_on=TODAY, ended_by=T, receiver=Receiver(name="Dr. Next"),
                exception=exempt(ExceptionCode.PAYER), open_ruptures_acknowledged=True)  # fmt: skip
    back = act(move, gone).after
    assert back.phase is P.REVIEWING
    assert (back.kind, back.target_date, back.ended_on, back.ended_by, back.receiver, back.exception) == (None,) * 6
    assert back.open_ruptures_acknowledged is False


@pytest.mark.parametrize("phase", [P.REVIEWING, P.PLANNED, P.CLOSING])
def test_a_client_says_themselves_that_they_agree(phase):
    said = act("agree_to_ending", plan(phase), C)
    assert (said.after.phase, said.after.agreed_by_client, said.after.client_agreed_on) == (phase, True, TODAY)
    assert said.advisories == ()
    for by in (T, S, API, A):
        with refused(status=403):
            act("agree_to_ending", plan(phase), by)


def test_what_a_client_has_agreed_to_need_not_be_said_for_them_again():
    agreed = act("agree_to_ending", plan(P.REVIEWING), C).after
    planned = act("plan_ending", agreed, kind=EndingKind.PLANNED_MUTUAL, target_date=TODAY).after
    assert (planned.agreed_by_client, planned.client_agreed_on) == (True, TODAY)
    with refused("agreed_by_client"):
        act("plan_ending", agreed, kind=EndingKind.PLANNED_MUTUAL, target_date=TODAY, agreed_by_client=False)


def test_who_agreed_to_one_ending_has_not_agreed_to_another():
    agreed = act("agree_to_ending", plan(**MUTUAL, target_date=TODAY), C).after
    assert revise(agreed, timing=Timing.EXTENDED).after.client_agreed_on == TODAY
    for other in ({"kind": EndingKind.CLIENT_INITIATED}, {"target_date": TODAY - timedelta(1)},
                  {"agreed_by_client": False}, {"agreed_by_client": None}):  # fmt: skip
        assert revise(agreed, **other).after.client_agreed_on is None
    assert act("return_to_work", agreed, C).after.client_agreed_on is None


# -- closed with reflection and ritual ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("task", "phase", "by"), list(product(ClosureTask, (P.PLANNED, P.CLOSING), (T, C))))
def test_every_task_of_a_good_goodbye_may_be_done_by_either(task, phase, by):
    done = act("complete_task", plan(phase), by, task=task, reflection="What a way we came.").after
    (entry,) = done.closure
    assert (done.phase, entry.task, entry.by, entry.done_on) == (phase, task, by, TODAY)
    assert entry.shared_with_client is (by is C)


def test_a_ritual_belongs_to_the_farewell():
    letter = {"ritual": "A letter each, read aloud."}
    assert act("complete_task", plan(P.CLOSING), task=ClosureTask.FAREWELL_RITUAL, **letter).after.closure[0].ritual
    with refused("ritual"):
        act("complete_task", plan(P.CLOSING), task=ClosureTask.REFERRAL, **letter)


def test_an_ending_without_any_closure_succeeds_with_advice_and_one_with_a_ritual_needs_none():
    assert codes(act("end", plan(**MUTUAL), pair=LOW)) == {"no_closure"}
    said_goodbye = act("complete_task", plan(P.CLOSING, **MUTUAL), task=ClosureTask.FAREWELL_RITUAL).after
    ended = act("end", said_goodbye, pair=LOW)
    assert codes(ended) == set()
    assert (ended.after.phase, ended.after.ended_on, ended.after.ended_by) == (P.ENDED, TODAY, T)


ENDING = {
    "end": lambda: plan(**MUTUAL), "lapse": lambda: tried(*LADDER), "client_ends": lambda: plan(P.REVIEWING),
    "transfer_accepted": lambda: plan(P.TRANSFERRING, kind=EndingKind.TRANSFER),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDING)
def test_an_answer_about_risk_that_nobody_looked_at_is_said_at_the_end_and_stops_nobody(name):
    for waiting in (0, 2):
        over = act(name, ENDING[name](), pair=LOW, endings=Endings(risk_answers=waiting))
        assert over.after.phase is P.ENDED
        assert ("risk_answer_waiting" in codes(over)) == bool(waiting)


def test_a_client_who_leaves_is_not_told_of_their_own_answer():
    for state in (None, plan(P.REVIEWING)):
        assert codes(act("client_ends", state, C, endings=Endings(risk_answers=1))) == set()


# -- a client can always leave -----------------------------------------------------------------------------------------

OTHERWISE = (None, EndingKind.THERAPIST_INITIATED)
SITUATIONS = list(product((NEW, *ACTIVE), Risk, (0, 2), (None, CONSENT), RelationshipPhase, OTHERWISE))


@pytest.mark.parametrize("by", [C, T, API])
def test_a_client_can_leave_from_everywhere_whatever_is_open_and_whatever_was_agreed(by):
    for phase, risk, open_ruptures, consent, standing, kind in SITUATIONS:
        state = None if phase == NEW else plan(phase, consent=consent, kind=kind)
        pair, endings = relationship(risk=risk, phase=standing), Endings(open_ruptures=open_ruptures)
        left = act("client_ends", state, by, pair=pair, endings=endings)
        assert left.after.phase is P.ENDED, (phase, risk, open_ruptures, consent, standing, kind)
        assert (left.after.kind, left.after.ended_on, left.after.ended_by) == (EndingKind.CLIENT_INITIATED, TODAY, by)
        open_risk = by is not C and risk not in (Risk.NONE, Risk.LOW)
        assert codes(left) == ({"risk_when_leaving"} if open_risk else set()), "nobody is talked into staying"


@pytest.mark.parametrize("risk", Risk)
def test_whoever_records_that_a_client_left_at_risk_is_told_what_to_do_and_the_client_is_not(risk):
    pair = relationship(risk=risk, screened_on=TODAY)
    for by in (T, API):
        left = act("client_ends", plan(P.REVIEWING), by, pair=pair)
        assert ("risk_when_leaving" in codes(left)) == (risk not in (Risk.NONE, Risk.LOW))
        assert all("crisis line" in advice.detail for advice in left.advisories)
    assert act("client_ends", plan(P.REVIEWING), C, pair=pair).advisories == ()


@pytest.mark.parametrize("giver", ConsentGiver)
def test_where_somebody_else_holds_consent_those_who_record_the_leaving_are_told_so(giver):
    held = plan(P.REVIEWING, consent=Consent(text_version="1", given_on=TODAY, given_by=giver, holder="File 12"))
    left = act("client_ends", held, T, pair=LOW)
    assert codes(left) == (set() if giver is ConsentGiver.SELF else {"consent_held_by_another"})
    assert act("client_ends", held, C, pair=LOW).advisories == ()


def test_who_left_may_still_be_reached_for_and_it_is_on_record():
    left = act("client_ends", plan(P.REVIEWING), C).after
    tried = act("record_outreach", left, channel=Channel.PHONE).after
    assert (tried.phase, tried.outreach[0].attempted_on) == (P.ENDED, TODAY)


def test_a_client_need_not_say_why_and_nothing_they_say_stops_them():
    silent = act("client_ends", plan(P.REVIEWING), C).after
    assert (silent.reasons, silent.timing, silent.premature) == ((), None, None)
    for premature, reason in product(Premature, Reason):
        assert act("client_ends", plan(P.REVIEWING), C, premature=premature, reasons=(reason,)).after.phase is P.ENDED


def test_better_and_stopped_is_not_dropout():
    said = {"reasons": (Reason.SUFFICIENT_GAIN,), "premature": Premature.NO,
            "premature_definition": PrematureDefinition.NO_RELIABLE_CHANGE}  # fmt: skip
    left = act("client_ends", plan(P.REVIEWING), C, **said).after
    assert {name: getattr(left, name) for name in said} == said


def test_nobody_can_make_a_client_leave_twice():
    for phase in (P.ENDED, P.AFTERCARE, P.ARCHIVED):
        with refused(status=409):
            act("client_ends", plan(phase), C)


# -- what a therapist owes ---------------------------------------------------------------------------------------------

DUTIES = {
    "reasons": {"reasons": (Reason.THERAPIST_LEAVING,)}, "notice_given_on": {"notice_given_on": TODAY},
    "counselling_offered": {"counselling_offered": True},
    "alternative_providers": {"alternative_providers": ("Dr. A",)}, "risk_screen": {},
}  # fmt: skip


def owing(kind: EndingKind, missing: tuple[str, ...], phase: PlanPhase = P.CLOSING):
    """A plan and its relationship in which everything owed was done but what is `missing`."""
    given = {k: v for name, said in DUTIES.items() if name not in missing for k, v in said.items()}
    return plan(phase, kind=kind, **given), relationship() if "risk_screen" in missing else LOW


@pytest.mark.parametrize(("kind", "missing"), list(product(OWED_KINDS, subsets(DUTIES))),
                         ids=lambda v: "-".join(v) or "nothing" if isinstance(v, tuple) else str(v))  # fmt: skip
def test_a_therapist_ends_only_when_everything_owed_was_done_or_an_exception_is_on_record(kind, missing):
    for phase in (P.PLANNED, P.CLOSING):
        state, pair = owing(kind, missing, phase)
        if not missing:
            assert act("end", state, pair=pair).after.phase is P.ENDED
            continue
        with pytest.raises(Incomplete) as told:
            act("end", state, pair=pair)
        assert named(told.value) == set(missing)
        assert all("Or record an exception" in error["detail"] for error in told.value.members["errors"])
        for code in ExceptionCode:
            excepted = act("end", state, pair=pair, exception=exempt(code)).after
            assert (excepted.phase, excepted.exception.code) == (P.ENDED, code)


EXCUSED = {
    ExceptionCode.CLIENT_DECLINED: {"counselling_offered", "alternative_providers"},
    ExceptionCode.PAYER: {"notice_given_on", "counselling_offered", "alternative_providers"},
    ExceptionCode.THREAT: {"notice_given_on", "counselling_offered", "alternative_providers"},
    ExceptionCode.EMERGENCY_HANDOVER: {"notice_given_on", "counselling_offered", "alternative_providers"},
    ExceptionCode.OTHER: set(),
}  # fmt: skip


@pytest.mark.parametrize(("code", "missing"), list(product(ExceptionCode, subsets(DUTIES))),
                         ids=lambda v: "-".join(v) or "nothing" if isinstance(v, tuple) else str(v))  # fmt: skip
def test_an_exception_opens_the_way_and_what_it_does_not_excuse_is_named(code, missing):
    state, pair = owing(EndingKind.THERAPIST_INITIATED, missing)
    done = act("end", state, pair=pair, exception=exempt(code))
    assert done.after.phase is P.ENDED
    said = [a.detail for a in done.advisories if a.code == "exception_excuses_less"]
    left = set(missing) - EXCUSED[code]
    assert len(said) == bool(left)
    assert {name for name in DUTIES if said and name in said[0]} == left


@pytest.mark.parametrize("detail", ["-", "Nothing.", "1234567890", "..........."])
def test_an_exception_of_no_code_of_its_own_says_what_happened(detail):
    said = Exempt(code=ExceptionCode.OTHER, detail=detail)
    state, pair = owing(EndingKind.THERAPIST_INITIATED, tuple(DUTIES))
    with refused("exception/detail"):
        act("end", state, pair=pair, exception=said)
    with refused("exception/detail"):
        act("lapse", tried(*LADDER), pair=LOW, exception=said)
    coded = replace(said, code=ExceptionCode.PAYER)
    assert act("end", state, pair=pair, exception=coded).after.phase is P.ENDED


def test_notice_that_came_after_the_end_is_no_notice():
    state = replace(owing(EndingKind.THERAPIST_INITIATED, ())[0], notice_given_on=TODAY)
    with refused("notice_given_on", saying="before the end"):
        act("end", state, pair=LOW, ended_on=TODAY - timedelta(9))
    over = plan(P.ENDED, kind=EndingKind.THERAPIST_INITIATED, ended_on=TODAY - timedelta(9))
    with refused("notice_given_on"):
        revise(over, notice_given_on=TODAY)
    assert revise(over, notice_given_on=TODAY - timedelta(9)).after.notice_given_on == TODAY - timedelta(9)
    left = act("client_ends", plan(P.PLANNED, notice_given_on=TODAY), C, ended_on=TODAY - timedelta(9)).after
    assert left.phase is P.ENDED, "a client can leave before anybody told them anything"
    assert revise(left, timing=Timing.EXTENDED).after.notice_given_on == TODAY


@pytest.mark.parametrize(("days", "short"), [(0, True), (27, True), (28, False), (90, False)])
def test_little_notice_is_said_to_be_little_and_stops_nobody(days, short):
    state = replace(owing(EndingKind.FORCED_ADMINISTRATIVE, ())[0], notice_given_on=TODAY - timedelta(days))
    assert ("short_notice" in codes(act("end", state, pair=LOW))) == short
    said = {"kind": EndingKind.FORCED_ADMINISTRATIVE, "notice_given_on": TODAY}
    ahead = act("plan_ending", plan(P.REVIEWING), **said, target_date=TODAY + timedelta(days))
    assert ("short_notice" in codes(ahead)) == short
    mutual = replace(state, kind=EndingKind.PLANNED_MUTUAL, agreed_by_client=True)
    assert "short_notice" not in codes(act("end", mutual, pair=LOW)), "what both agree on needs no notice"


@pytest.mark.parametrize(("risk", "days", "advised"), [
    (Risk.UNKNOWN, None, "risk_unknown"), (Risk.UNKNOWN, 0, "risk_unknown"), (Risk.LOW, 31, "risk_screen_old"),
    (Risk.MODERATE, 400, "risk_screen_old"), (Risk.LOW, 30, None), (Risk.NONE, 0, None),
])  # fmt: skip
def test_whether_risk_was_looked_at_lately_is_asked_at_every_end(risk, days, advised):
    pair = relationship(risk=risk, screened_on=None if days is None else TODAY - timedelta(days))
    found = codes(act("end", plan(**MUTUAL), pair=pair))
    assert found & {"risk_unknown", "risk_screen_old"} == ({advised} if advised else set())


NOT_THEIRS = (Reason.THERAPIST_LEAVING, Reason.AGENCY_CLOSED, Reason.SAFETY_THREAT)


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_that_is_not_the_clients_is_named_where_the_ending_is_said_to_be_theirs(reason):
    advised = {"reason_contradicts_kind"} if reason in NOT_THEIRS else set()
    for kind in (EndingKind.PLANNED_MUTUAL, EndingKind.CLIENT_INITIATED):
        said = {"kind": kind, "agreed_by_client": True}
        for done in (
            act("plan_ending", plan(P.REVIEWING), **said, target_date=TODAY, reasons=(reason,)),
            act("end", plan(**said), pair=LOW, reasons=(reason,)),
            act("end", plan(**said, reasons=(reason,)), pair=LOW),
            revise(plan(P.ENDED, **said), reasons=(reason,)),
        ):
            assert codes(done) & {"reason_contradicts_kind"} == advised
    assert codes(act("client_ends", plan(P.REVIEWING), T, pair=LOW, reasons=(reason,))) == advised
    assert act("client_ends", plan(P.REVIEWING), C, reasons=(reason,)).advisories == ()
    owed, pair = owing(EndingKind.THERAPIST_INITIATED, ())
    assert "reason_contradicts_kind" not in codes(act("end", owed, pair=pair, reasons=(reason,)))


def test_counselling_that_was_not_offered_is_not_counselling_offered():
    state, pair = owing(EndingKind.THERAPIST_INITIATED, ("counselling_offered",))
    with refused("counselling_offered"):
        act("end", revise(state, counselling_offered=False).after, pair=pair)


def test_the_reason_may_be_said_with_the_end_itself():
    state, pair = owing(EndingKind.THERAPIST_INITIATED, ("reasons",))
    ended = act("end", state, pair=pair, reasons=(Reason.SAFETY_THREAT,)).after
    assert ended.reasons == (Reason.SAFETY_THREAT,)


def test_to_have_looked_and_not_known_is_no_risk_screen():
    state, _ = owing(EndingKind.THERAPIST_INITIATED, ("risk_screen",))
    with refused("risk_screen"):
        act("end", state, pair=relationship(risk=Risk.UNKNOWN, screened_on=TODAY))


@pytest.mark.parametrize("kind", [EndingKind.PLANNED_MUTUAL, EndingKind.CLIENT_INITIATED])
def test_where_the_client_wants_it_too_nothing_more_is_owed(kind):
    assert act("end", plan(P.CLOSING, kind=kind, agreed_by_client=True), pair=relationship()).after.phase is P.ENDED


def test_a_client_who_no_longer_agrees_is_not_ended_by_mutual_agreement():
    changed_their_mind = revise(plan(P.CLOSING, **MUTUAL), agreed_by_client=False).after
    with refused("agreed_by_client"):
        act("end", changed_their_mind, pair=LOW)


@pytest.mark.parametrize("code", but(ExceptionCode, ExceptionCode.EMERGENCY_HANDOVER))
def test_no_exception_turns_an_ending_that_the_client_did_not_agree_to_into_a_mutual_one(code):
    with refused("agreed_by_client"):
        act("end", plan(P.CLOSING, kind=EndingKind.PLANNED_MUTUAL), pair=LOW, exception=exempt(code))


@pytest.mark.parametrize("kind", [None, *OWN_MOVE_KINDS])
def test_rewriting_the_kind_of_a_planned_ending_is_no_way_around_what_it_owes(kind):
    state, pair = owing(EndingKind.THERAPIST_INITIATED, tuple(DUTIES))
    with refused():
        act("end", revise(state, kind=kind).after, pair=pair)


@pytest.mark.parametrize("by", [C, S, API, A])
def test_only_a_therapist_ends(by):
    with refused(status=403):
        act("end", plan(), by)


# -- open risk, open ruptures ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [EndingKind.PLANNED_MUTUAL, EndingKind.CLIENT_INITIATED, *OWED_KINDS])
def test_open_high_risk_keeps_a_therapist_from_ending_unless_the_client_is_in_emergency_care(kind):
    state = revise(owing(kind, ())[0], agreed_by_client=True).after
    with refused("exception", saying="emergency_handover"):
        act("end", state, pair=HIGH)
    for code in but(ExceptionCode, ExceptionCode.EMERGENCY_HANDOVER):
        with refused("exception"):
            act("end", state, pair=HIGH, exception=exempt(code))
    handed_over = act("end", state, pair=HIGH, exception=exempt(ExceptionCode.EMERGENCY_HANDOVER)).after
    assert handed_over.exception.code is ExceptionCode.EMERGENCY_HANDOVER


@pytest.mark.parametrize("risk", but(Risk, Risk.HIGH))
def test_no_other_risk_blocks_an_ending(risk):
    assert act("end", plan(**MUTUAL), pair=relationship(risk=risk)).after.phase is P.ENDED


@pytest.mark.parametrize("by", [T, S, API])
def test_a_transfer_that_was_accepted_ends_even_with_high_risk(by):
    ended = act("transfer_accepted", plan(P.TRANSFERRING, kind=EndingKind.TRANSFER), by, pair=HIGH).after
    assert (ended.phase, ended.ended_on, ended.ended_by) == (P.ENDED, TODAY, by)


@pytest.mark.parametrize("open_ruptures", [1, 2, 7])
def test_open_ruptures_are_faced_and_then_never_block(open_ruptures):
    endings = Endings(open_ruptures=open_ruptures)
    with refused("acknowledge_open_ruptures", saying=f"{open_ruptures} rupture(s) stand open"):
        act("end", plan(**MUTUAL), pair=LOW, endings=endings)
    faced = act("end", plan(**MUTUAL), pair=LOW, endings=endings, acknowledge_open_ruptures=True)
    assert faced.after.open_ruptures_acknowledged
    assert "ends_with_open_rupture" in codes(faced)


def test_where_none_is_open_nothing_is_acknowledged():
    assert not act("end", plan(**MUTUAL), pair=LOW).after.open_ruptures_acknowledged
    state, pair = owing(EndingKind.THERAPIST_INITIATED, ())
    with refused("acknowledge_open_ruptures"):
        act("end", state, pair=pair, endings=Endings(open_ruptures=1), exception=exempt(ExceptionCode.THREAT))


def test_everything_that_is_missing_is_said_at_once():
    state, _ = owing(EndingKind.FORCED_ADMINISTRATIVE, tuple(DUTIES))
    unscreened = relationship(risk=Risk.HIGH)
    with refused(*DUTIES, "exception", "acknowledge_open_ruptures"):
        act("end", state, pair=unscreened, endings=Endings(open_ruptures=1))


# -- silence -----------------------------------------------------------------------------------------------------------


def tried(*channels: Channel, offered_return: bool = True) -> TerminationPlan:
    return plan(P.OUTREACH, outreach=tuple(Outreach(channel=c, offered_return=offered_return) for c in channels))


LADDER = (Channel.PHONE, Channel.LETTER, Channel.PHONE)


def test_silence_starts_an_outreach_even_before_there_was_a_plan_and_each_attempt_is_kept():
    for state in (plan(P.REVIEWING, outreach=tried(*LADDER).outreach), plan(P.CLOSING)):
        silent = act("suspect_lapse", state, API).after
        assert (silent.phase, silent.outreach) == (P.OUTREACH, ()), "a new ladder starts at its foot"
        again = act("record_outreach", silent, channel=Channel.LETTER).after
        assert again.outreach == (Outreach(channel=Channel.LETTER, attempted_on=TODAY),)


def test_a_practice_without_a_no_contact_policy_is_told_which_ladder_holds():
    silent, own = plan(P.REVIEWING), Endings(no_contact_policy=True)
    assert codes(act("suspect_lapse", silent, pair=LOW, endings=Endings())) == {"no_contact_policy_missing"}
    assert codes(act("suspect_lapse", silent, pair=LOW, endings=own)) == set()


def test_a_therapist_closes_the_outreach_after_the_whole_ladder():
    ended = act("lapse", tried(*LADDER), pair=LOW).after
    assert (ended.phase, ended.kind, ended.ended_on) == (P.ENDED, EndingKind.LAPSED_NO_CONTACT, TODAY)


@pytest.mark.parametrize(("channels", "saying"), [
    ((), "0 of 3 attempts"),
    ((Channel.PHONE, Channel.LETTER), "2 of 3 attempts"),
    ((Channel.LETTER,) * 3, "1 of 2 channels"),
    ((Channel.PHONE, Channel.CONTACT_PERSON, Channel.PHONE), "in writing"),
])  # fmt: skip
def test_a_step_of_the_ladder_left_out_is_named(channels, saying):
    with refused("outreach", saying=saying):
        act("lapse", tried(*channels), pair=LOW)


def test_the_one_in_writing_offers_a_way_back():
    with refused("outreach", saying="offers a way back"):
        act("lapse", tried(*LADDER, offered_return=False), pair=LOW)
    with refused("outreach", saying="offers a way back"):
        act("lapse", plan(P.OUTREACH, outreach=tuple(Outreach(channel=c) for c in LADDER)), pair=LOW)


def at(*days: int, channels: tuple[Channel, ...] = LADDER, **said) -> TerminationPlan:
    """The ladder, climbed so many days ago."""
    tries = tuple(
        Outreach(channel=c, attempted_on=TODAY - timedelta(d), offered_return=True, offered_referrals=True)
        for c, d in zip(channels, days, strict=True)
    )
    return plan(P.OUTREACH, outreach=tries, **said)


@pytest.mark.parametrize(("days", "hurried"), [
    ((0, 0, 0), True), ((6, 3, 0), True), ((40, 37, 34), True), ((7, 3, 0), False), ((21, 14, 7), False),
])  # fmt: skip
def test_a_ladder_that_is_climbed_within_a_week_leaves_no_time_for_an_answer(days, hurried):
    assert codes(act("lapse", at(*days), pair=LOW)) == ({"outreach_hurried"} if hurried else set())


@pytest.mark.parametrize(("ago", "hurried"), [(0, True), (6, True), (7, False)])
def test_where_the_practice_asks_for_one_attempt_it_is_given_time_as_well(ago, hurried):
    own = Endings(outreach_attempts=1, outreach_channels=1, no_contact_policy=True)
    done = act("lapse", at(ago, channels=(Channel.LETTER,)), pair=LOW, endings=own)
    assert codes(done) == ({"outreach_hurried"} if hurried else set())


def test_nobody_is_let_go_whose_risk_nobody_looked_at_since_they_fell_silent():
    silent = act("suspect_lapse", plan(P.REVIEWING), pair=LOW).after
    assert silent.silent_since == TODAY
    since = TODAY - timedelta(21)
    for screened_on, advised in ((since - timedelta(1), True), (since, False), (TODAY, False)):
        pair = relationship(risk=Risk.LOW, screened_on=screened_on)
        done = act("lapse", at(20, 12, 1, silent_since=since), pair=pair)
        assert codes(done) == ({"risk_not_screened_since"} if advised else set())
    unknown = act("lapse", at(20, 12, 1, silent_since=since), pair=relationship())
    assert codes(unknown) == {"risk_check_first", "risk_not_screened_since"}
    assert act("client_returned", silent, C).after.silent_since is None


@pytest.mark.parametrize("channel", Channel)
def test_whoever_asks_the_contact_person_is_told_to_say_no_more_than_they_must(channel):
    done = act("record_outreach", plan(P.OUTREACH), channel=channel)
    assert codes(done) == ({"contact_person"} if channel is Channel.CONTACT_PERSON else set())


def test_a_client_says_in_their_own_app_that_they_are_back():
    back = act("client_returned", plan(P.OUTREACH), C)
    assert (back.after.phase, back.after.returned_on, back.advisories) == (P.REVIEWING, TODAY, ())


@pytest.mark.parametrize("written", [Channel.LETTER, Channel.EMAIL])
def test_a_letter_and_an_email_are_writing(written):
    assert act("lapse", tried(written, Channel.PHONE, Channel.PHONE), pair=LOW).after.phase is P.ENDED


@pytest.mark.parametrize(("attempts", "channels"), list(product((1, 2, 3, 5), (1, 2, 3))))
def test_the_ladder_is_the_practices_own(attempts, channels):
    policy = Endings(outreach_attempts=attempts, outreach_channels=channels, no_contact_policy=True)
    ways = (Channel.LETTER, Channel.PHONE, Channel.EMAIL)[:channels]
    whole = (*ways, *(Channel.PHONE if channels > 1 else Channel.LETTER for _ in range(attempts - len(ways))))
    assert act("lapse", tried(*whole), pair=LOW, endings=policy).after.phase is P.ENDED
    with refused("outreach"):
        act("lapse", tried(*(Channel.LETTER for _ in range(attempts - 1))), pair=LOW, endings=policy)


@pytest.mark.parametrize("by", [C, S, API, A, Role.POLICY])
def test_nobody_but_a_therapist_lets_a_client_lapse_and_no_clock_does(by):
    with refused(status=403):
        act("lapse", tried(*LADDER), by)


def test_high_risk_is_not_left_alone_with_silence():
    with refused("exception", saying="emergency_handover"):
        act("lapse", tried(*LADDER), pair=HIGH)
    with refused("exception"):
        act("lapse", tried(*LADDER), pair=HIGH, exception=exempt(ExceptionCode.OTHER))
    handed_over = act("lapse", tried(*LADDER), pair=HIGH, exception=exempt(ExceptionCode.EMERGENCY_HANDOVER)).after
    assert handed_over.exception.code is ExceptionCode.EMERGENCY_HANDOVER


# -- death, incapacity, transfer ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("phase", "by"), list(product((NEW, *ACTIVE), (T, API, A))))
def test_when_a_client_dies_nothing_more_is_planned_or_sent(phase, by):
    planned = None if phase == NEW else plan(phase, **MUTUAL, target_date=TODAY, boosters=(TODAY + timedelta(30),))
    over = act("client_died", planned, by, pair=HIGH, endings=Endings(open_ruptures=2)).after
    assert (over.phase, over.kind, over.ended_on) == (P.ENDED, EndingKind.CLIENT_DECEASED, TODAY)
    assert (over.target_date, over.boosters, over.died_on) == (None, (), None)
    dated = act("client_died", planned, by, died_on=date(2026, 2, 20)).after
    assert (dated.died_on, dated.ended_on) == (date(2026, 2, 20), date(2026, 2, 20))
    for dead in (over, dated):
        with refused(saying="died"):
            act("open_aftercare", dead, return_route="Call us.", boosters=(TODAY + timedelta(30),))


@pytest.mark.parametrize("day", [None, date(2026, 2, 20)])
def test_who_dies_after_the_end_is_known_to_have_died_whether_or_not_the_day_is(day):
    ended = plan(P.AFTERCARE, **MUTUAL, ended_on=date(2026, 1, 5), boosters=(TODAY + timedelta(30),))
    over = act("client_died", ended, T, died_on=day).after
    assert (over.kind, over.ended_on, over.boosters) == (EndingKind.PLANNED_MUTUAL, date(2026, 1, 5), ())
    assert over.died_on == (day or TODAY)


@pytest.mark.parametrize("phase", [P.ENDED, P.AFTERCARE, P.ARCHIVED])
def test_a_death_is_put_on_record_however_long_it_is_over_and_nothing_is_planned_after_it(phase):
    over = plan(phase, **MUTUAL, ended_on=date(2026, 1, 5))
    dead = act("client_died", over, A, died_on=date(2026, 2, 20)).after
    assert (dead.phase, dead.kind, dead.ended_on) == (P.ENDED, EndingKind.PLANNED_MUTUAL, date(2026, 1, 5))
    for move, said in (
        ("plan_ahead", {"relapse_signature": ("I hide.",)}), ("open_aftercare", {"return_route": "Call us."}),
        ("reopen", {}), ("record_outreach", {"channel": Channel.PHONE}),
    ):  # fmt: skip
        with refused(saying="died"):
            act(move, dead, **said)
    assert act("archive", dead).after.phase is P.ARCHIVED


def test_a_day_of_death_that_becomes_known_is_put_right():
    unknown = act("client_died", plan(P.REVIEWING), A).after
    known = act("client_died", unknown, A, died_on=date(2026, 2, 20)).after
    assert (known.died_on, known.ended_on) == (date(2026, 2, 20), date(2026, 2, 20))
    again = act("client_died", known, A).after
    assert (again.died_on, again.ended_on) == (date(2026, 2, 20), date(2026, 2, 20))


def test_a_therapist_who_does_not_treat_this_client_does_not_fall_away_for_them():
    with refused("therapist_id", saying="does not treat this client"):
        act("therapist_unavailable", plan(P.REVIEWING), therapist_id=SOMEBODY, successor_therapist_id=THERAPIST_ID)


@pytest.mark.parametrize(("phase", "by"), list(product((NEW, *ACTIVE), (T, S, A))))
def test_when_a_therapist_can_not_go_on_somebody_takes_over(phase, by):
    state = None if phase == NEW else plan(phase)
    with refused("successor_therapist_id", saying="professional_will"):
        act("therapist_unavailable", state, by, therapist_id=THERAPIST_ID)
    gone = act("therapist_unavailable", state, by, therapist_id=THERAPIST_ID, successor_therapist_id=SOMEBODY).after
    assert (gone.phase, gone.kind) == (P.TRANSFERRING, EndingKind.THERAPIST_INCAPACITY)
    assert (gone.receiver.therapist_id, gone.incapacitated_therapist_id) == (SOMEBODY, THERAPIST_ID)
    by_will = act("therapist_unavailable", state, by, therapist_id=THERAPIST_ID,
                  endings=Endings(wills=(Will(successor_ids=(SOMEBODY,)),))).after  # fmt: skip
    assert by_will.receiver.therapist_id == SOMEBODY


@pytest.mark.parametrize(("phase", "by"), list(product((NEW, *ACTIVE), (T, S, A))))
def test_a_transfer_goes_to_somebody_named_and_waits_for_them(phase, by):
    state = None if phase == NEW else plan(phase)
    with refused("receiver"):
        act("begin_transfer", state, by, receiver=Receiver())
    for receiver in (Receiver(name="The clinic in town"), Receiver(therapist_id=SOMEBODY)):
        waiting = act("begin_transfer", state, by, receiver=receiver).after
        assert (waiting.phase, waiting.kind, waiting.receiver) == (P.TRANSFERRING, EndingKind.TRANSFER, receiver)
        assert waiting.ended_on is None


def test_there_are_five_ways_to_end_and_each_has_its_place_and_its_people():
    assert {m.name: (set(m.source), m.by) for m in TERMINATION_PLAN.moves if P.ENDED in m.to} == {
        "end": ({P.PLANNED, P.CLOSING}, {T}), "lapse": ({P.OUTREACH}, {T}),
        "transfer_accepted": ({P.TRANSFERRING}, {T, S, API}),
        "client_ends": ({NEW, *ACTIVE}, {C, T, API}), "client_died": ({NEW, *ACTIVE, P.ENDED, P.AFTERCARE, P.ARCHIVED}, {T, API, A}),
    }  # fmt: skip


# -- afterwards --------------------------------------------------------------------------------------------------------


def test_afterwards_there_is_a_way_back():
    said = {"farewell": "You came in silence.", "return_route": "Call me.", "boosters": (TODAY + timedelta(90),)}
    after = act("open_aftercare", plan(P.ENDED), **said).after
    assert (after.phase, after.shared_with_client) == (P.AFTERCARE, True)
    assert {name: getattr(after, name) for name in said} == said
    assert act("reopen", act("archive", after).after).after.phase is P.REVIEWING


@pytest.mark.parametrize("phase", P)
def test_kind_and_timing_may_be_put_right_at_any_time_and_the_log_keeps_that(phase):
    better = revise(plan(phase, **MUTUAL), timing=Timing.EXTENDED, reasons=(Reason.GOALS_MET,))
    assert better.after.phase is phase
    assert better.event.set == {"timing": "extended", "reasons": ["goals_met"]}


@pytest.mark.parametrize("yes_or_no", [Premature.YES, Premature.NO])
def test_premature_means_nothing_without_the_definition(yes_or_no):
    agreed = {**MUTUAL, "target_date": TODAY}
    for attempt in (lambda **said: act("plan_ending", plan(P.REVIEWING), **agreed, **said),
                    lambda **said: act("end", plan(**MUTUAL), pair=LOW, **said),
                    lambda **said: revise(plan(P.ENDED), **said)):  # fmt: skip
        with refused("premature_definition"):
            attempt(premature=yes_or_no)
        assert attempt(premature=Premature.UNDETERMINED).after.premature is Premature.UNDETERMINED
        for definition in PrematureDefinition:
            defined = attempt(premature=yes_or_no, premature_definition=definition).after
            assert (defined.premature, defined.premature_definition) == (yes_or_no, definition)


# -- national codes ----------------------------------------------------------------------------------------------------

NHS = {
    (EndingKind.PLANNED_MUTUAL, Timing.AS_PLANNED): 46, (EndingKind.PLANNED_MUTUAL, Timing.EXTENDED): 46,
    (EndingKind.PLANNED_MUTUAL, None): 46, (EndingKind.LAPSED_NO_CONTACT, None): 47,
    (EndingKind.CLIENT_INITIATED, Timing.EARLIER_THAN_CLINICIAN_PLANNED): 47,
    (EndingKind.THERAPIST_INITIATED, Timing.EARLIER_THAN_CLIENT_WANTED): 48,
    (EndingKind.FORCED_ADMINISTRATIVE, Timing.EARLIER_THAN_CLIENT_WANTED): 48,
    (EndingKind.CLIENT_INITIATED, None): 96, (EndingKind.THERAPIST_INITIATED, None): 96,
    (EndingKind.TRANSFER, None): 96, (EndingKind.THERAPIST_INCAPACITY, None): 96, (None, None): None,
}  # fmt: skip


@pytest.mark.parametrize(("said", "code"), NHS.items(), ids=str)
def test_an_ending_answers_to_its_nhs_code(said, code):
    assert nhs_code(*said) == code


@pytest.mark.parametrize("kind", [None, *EndingKind])
def test_there_is_an_nhs_code_for_every_ending_and_none_before_anything_is_said(kind):
    for timing in (None, *Timing):
        code = nhs_code(kind, timing)
        assert code is None if kind is None else code in {46, 47, 48, 49, 96}
        assert (code == 49) == (kind is EndingKind.CLIENT_DECEASED)
        if code == 46:
            assert kind is EndingKind.PLANNED_MUTUAL, "mutually agreed is said of nothing else"


BHA = {
    1: {Reason.NON_ATTENDANCE}, 2: {Reason.CLIENT_CHOICE, Reason.DISSATISFACTION}, 3: {Reason.STOPPED_RESPONDING},
    4: {Reason.COST_OR_COVERAGE}, 5: {Reason.NO_PROGRESS}, 6: {Reason.MEDICAL}, 7: {Reason.MILITARY_DEPLOYMENT},
    8: {Reason.RELOCATION}, 9: {Reason.INCARCERATED}, 11: {Reason.AGENCY_CLOSED},
}  # fmt: skip


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_answers_to_its_colorado_code_where_there_is_one_and_none_is_invented(reason):
    expected = tuple(code for code, reasons in BHA.items() if reason in reasons)
    assert bha_codes(EndingKind.PLANNED_MUTUAL, (reason,)) == expected
    assert (reason in BHA_REASON) == bool(expected)


@pytest.mark.parametrize("kind", EndingKind)
def test_a_death_and_a_silence_have_a_colorado_code_without_another_reason(kind):
    known = {EndingKind.CLIENT_DECEASED: (10,), EndingKind.LAPSED_NO_CONTACT: (3,), EndingKind.CLIENT_INITIATED: (2,)}
    assert bha_codes(kind, ()) == known.get(kind, ())


def test_a_client_who_ends_it_for_no_reason_that_has_a_code_chose_to():
    assert bha_codes(EndingKind.CLIENT_INITIATED, (Reason.SUFFICIENT_GAIN,)) == (2,)
    assert bha_codes(EndingKind.CLIENT_INITIATED, (Reason.RELOCATION,)) == (8,)


def test_several_reasons_may_be_true():
    assert bha_codes(EndingKind.CLIENT_INITIATED, (Reason.RELOCATION, Reason.COST_OR_COVERAGE)) == (4, 8)
    assert bha_codes(EndingKind.CLIENT_DECEASED, (Reason.MEDICAL,)) == (6, 10)
