"""Handing on: nobody is sent away before somebody has said yes, and nothing is forgotten on the way."""

from datetime import timedelta
from itertools import chain, combinations
from uuid import UUID

import pytest

from domain.access import Role
from domain.endings import EndingKind
from domain.handover import Handed, HandoverTask, Receiver, Referral, ReferralAnswer
from domain.move import Endings, Will
from domain.practice import POLICY, PolicyKind
from domain.relationship import Risk
from domain.termination import TERMINATION_PLAN, PlanPhase, TerminationPlan
from tests.domain.given import ID, RELATIONSHIP_ID, SOMEBODY, THERAPIST_ID, TODAY, codes, do, refused, relationship

T, C, S, API, A = Role.THERAPIST, Role.CLIENT, Role.SUPERVISOR, Role.INTEGRATION, Role.ADMIN
P = PlanPhase
DEPUTY, OTHER = UUID(int=21), UUID(int=22)
LOW = relationship(risk=Risk.LOW, screened_on=TODAY)
CLINIC, HOUSE = Receiver(name="Riverside Clinic"), Receiver(name="Hillside House")
EVERYTHING = tuple(Handed(task=task, done_on=TODAY) for task in HandoverTask)


def plan(phase: PlanPhase = P.REVIEWING, **said) -> TerminationPlan:
    return TerminationPlan(id=ID, relationship_id=RELATIONSHIP_ID, phase=phase, **said)


def act(name: str, state: TerminationPlan | None, by: Role = T, **said):
    return do(TERMINATION_PLAN, name, state, by, **{"pair": LOW} | said)


def waiting(**said) -> TerminationPlan:
    asked = Referral(receiver=CLINIC, asked_on=TODAY)
    return plan(P.TRANSFERRING, **{"kind": EndingKind.TRANSFER, "receiver": CLINIC, "referrals": (asked,)} | said)


def answers(state: TerminationPlan) -> list[tuple[str | None, str]]:
    return [(r.receiver.name, r.answer.value) for r in state.referrals]


def test_a_referral_says_when_it_was_sent_and_whether_the_client_agreed_to_be_contacted():
    (asked,) = act("begin_transfer", plan(), receiver=CLINIC, sent_on=TODAY, contact_agreed=True).after.referrals
    assert asked == Referral(receiver=CLINIC, asked_on=TODAY, sent_on=TODAY, contact_agreed=True)


def test_who_declined_stays_on_record_beside_who_was_asked_next():
    declined = act("transfer_declined", waiting()).after
    assert (declined.phase, declined.receiver, answers(declined)) == (
        P.REVIEWING, None, [("Riverside Clinic", "declined")],
    )  # fmt: skip
    again = act("begin_transfer", declined, receiver=HOUSE).after
    accepted = act("transfer_accepted", again, S).after
    assert answers(accepted) == [("Riverside Clinic", "declined"), ("Hillside House", "accepted")]
    assert {r.answered_on for r in accepted.referrals} == {TODAY}


def test_asking_somebody_else_takes_back_what_was_asked_before():
    other = act("begin_transfer", waiting(handover=EVERYTHING), receiver=HOUSE).after
    assert answers(other) == [("Riverside Clinic", "withdrawn"), ("Hillside House", "awaited")]
    assert other.handover == (), "a handover is to somebody"


@pytest.mark.parametrize(("move", "by"), [("client_ends", C), ("client_died", API)])
def test_nobody_is_waited_for_when_the_client_is_gone(move, by):
    assert answers(act(move, waiting(), by).after) == [("Riverside Clinic", "withdrawn")]


@pytest.mark.parametrize("task", HandoverTask)
@pytest.mark.parametrize("by", [T, S, API])
def test_what_was_seen_to_is_kept_with_its_day_and_who_recorded_it(task, by):
    for phase in (P.TRANSFERRING, P.ENDED):
        (entry,) = act("record_handover", waiting() if phase is P.TRANSFERRING else plan(phase), by,
                       task=task).after.handover  # fmt: skip
        assert entry == Handed(task=task, done_on=TODAY, by=by)


def test_a_first_appointment_may_lie_ahead_and_nothing_else_has_one():
    ahead = TODAY.replace(year=2027)
    made = act("record_handover", waiting(), task=HandoverTask.FIRST_APPOINTMENT, appointment_on=ahead).after
    assert made.handover[0].appointment_on == ahead
    with refused("task"):
        act("record_handover", waiting(), task=HandoverTask.SUMMARY_SENT, appointment_on=ahead)


def test_an_acceptance_has_the_day_it_came_and_where_it_can_be_found():
    came = TODAY - timedelta(3)
    done = act("transfer_accepted", waiting(), accepted_on=came, reference="Letter of the clinic, file 12")
    (referral,) = done.after.referrals
    assert (done.after.ended_on, referral.answered_on, referral.reference) == (
        came, came, "Letter of the clinic, file 12",
    )  # fmt: skip
    assert "Letter" not in str(done.event), "what is free text stays in the row"
    (referral,) = act("transfer_accepted", waiting()).after.referrals
    assert (referral.answered_on, referral.reference) == (TODAY, None)
    with refused("accepted_on"):
        act("transfer_accepted", waiting(), accepted_on=TODAY + timedelta(2))


def test_an_acceptance_is_of_whoever_was_asked_last():
    again = act("begin_transfer", act("transfer_declined", waiting()).after, receiver=HOUSE).after
    accepted = act("transfer_accepted", again, reference="Case 4").after
    assert [r.reference for r in accepted.referrals] == [None, "Case 4"]


EVERY = [set(c) for n in range(len(HandoverTask) + 1) for c in combinations(HandoverTask, n)]


@pytest.mark.parametrize("left", EVERY, ids=lambda left: "-".join(sorted(left)) or "nothing")
def test_an_acceptance_ends_it_and_names_what_is_still_to_be_seen_to(left):
    state = waiting(handover=tuple(entry for entry in EVERYTHING if entry.task not in left))
    done = act("transfer_accepted", state)
    assert done.after.phase is P.ENDED
    assert codes(done) == ({"handover_incomplete"} if left else set())
    said = " ".join(chain(a.detail for a in done.advisories))
    assert {task for task in HandoverTask if task in said} == left


@pytest.mark.parametrize("risk", Risk)
def test_open_risk_that_nobody_told_the_receiver_of_is_said_apart(risk):
    pair = relationship(risk=risk, screened_on=TODAY)
    untold = codes(act("transfer_accepted", waiting(), pair=pair))
    assert ("risk_not_told" in untold) == (risk in (Risk.HIGH, Risk.MODERATE))
    assert codes(act("transfer_accepted", waiting(handover=EVERYTHING), pair=pair)) == set()


# -- the professional will ---------------------------------------------------------------------------------------------


def falls_ill(wills: tuple[Will, ...], **said):
    return act("therapist_unavailable", plan(), S, therapist_id=THERAPIST_ID, endings=Endings(wills=wills), **said)


HERS = Will(therapist_id=THERAPIST_ID, successor_ids=(SOMEBODY, DEPUTY))
ANOTHERS = Will(therapist_id=OTHER, successor_ids=(OTHER,))
PRACTICES = Will(successor_ids=(OTHER, DEPUTY))


@pytest.mark.parametrize(("wills", "heir"), [
    ((HERS,), SOMEBODY), ((PRACTICES,), OTHER), ((PRACTICES, HERS), SOMEBODY), ((ANOTHERS, PRACTICES), OTHER),
    ((Will(therapist_id=THERAPIST_ID, successor_ids=(DEPUTY,)),), DEPUTY),
    ((Will(successor_ids=(THERAPIST_ID, DEPUTY)),), DEPUTY),
    ((Will(therapist_id=THERAPIST_ID), PRACTICES), OTHER),
])  # fmt: skip
def test_a_therapists_own_will_comes_before_the_practices_and_a_deputy_where_a_successor_can_not(wills, heir):
    gone = falls_ill(wills).after
    assert gone.receiver == Receiver(therapist_id=heir)
    assert [(r.receiver.therapist_id, r.answer) for r in gone.referrals] == [(heir, ReferralAnswer.AWAITED)]


@pytest.mark.parametrize("wills", [(), (ANOTHERS,), (Will(successor_ids=(THERAPIST_ID,)),)])
def test_where_no_will_names_anybody_else_somebody_says_who(wills):
    with refused("successor_therapist_id"):
        falls_ill(wills)
    assert falls_ill(wills, successor_therapist_id=DEPUTY).after.receiver.therapist_id == DEPUTY


def test_nobody_asks_for_a_goodbye_from_somebody_who_may_have_died():
    taken_over = act("transfer_accepted", falls_ill((HERS,)).after, S)
    assert taken_over.after.kind is EndingKind.THERAPIST_INCAPACITY
    assert not any("goodbye_held" in a.detail for a in taken_over.advisories)


def test_a_will_names_three_different_people_and_is_one():
    said = {"kind": PolicyKind.PROFESSIONAL_WILL, "title": "If I cannot go on", "therapist_id": THERAPIST_ID}
    will = do(POLICY, "adopt", by=S, **said, successor_therapist_id=SOMEBODY, deputy_therapist_id=DEPUTY).after
    assert (will.therapist_id, will.successor_therapist_id, will.deputy_therapist_id) == (
        THERAPIST_ID, SOMEBODY, DEPUTY,
    )  # fmt: skip
    for same in ({"successor_therapist_id": THERAPIST_ID}, {"deputy_therapist_id": THERAPIST_ID},
                 {"successor_therapist_id": DEPUTY, "deputy_therapist_id": DEPUTY}):  # fmt: skip
        with refused("successor_therapist_id"):
            do(POLICY, "adopt", by=S, **said, **same)
    with refused("therapist_id"):
        do(POLICY, "adopt", by=S, **said | {"kind": PolicyKind.OTHER})
