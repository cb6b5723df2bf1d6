"""The pair: bond, goals and tasks, who is in it, and how much risk a person found."""

from datetime import date

import pytest

from domain.access import Role
from domain.relationship import RELATIONSHIP, Agreement, Relationship, RelationshipPhase, Risk, Setting
from domain.values import Private, marked
from tests.domain.given import CLIENT_ID, SOMEBODY, THERAPIST_ID, TODAY, but, do, refused, relationship

T, C, S, API, A = Role.THERAPIST, Role.CLIENT, Role.SUPERVISOR, Role.INTEGRATION, Role.ADMIN
P = RelationshipPhase
MINE = {"client_id": CLIENT_ID, "therapist_ids": (THERAPIST_ID,)}


@pytest.mark.parametrize("by", [T, S, API])
def test_the_work_begins_with_a_client_and_a_therapist(by):
    begun = do(RELATIONSHIP, "begin", by=by, **MINE).after
    assert (begun.phase, begun.client_id, begun.therapist_ids) == (P.ACTIVE, CLIENT_ID, (THERAPIST_ID,))
    assert begun.risk is Risk.UNKNOWN and begun.screened_on is None, "nobody has asked yet"


def test_a_therapist_neither_opens_work_for_others_nor_writes_themselves_out_of_sight():
    others = {"client_id": CLIENT_ID, "therapist_ids": (SOMEBODY,)}
    with refused("therapist_ids"):
        do(RELATIONSHIP, "begin", by=T, **others)
    with refused("therapist_ids"):
        do(RELATIONSHIP, "revise", relationship(), T, therapist_ids=(SOMEBODY,))
    both = (SOMEBODY, THERAPIST_ID)
    assert do(RELATIONSHIP, "revise", relationship(), T, therapist_ids=both).after.therapist_ids == both
    for by in (S, API):
        assert do(RELATIONSHIP, "begin", by=by, **others).after.therapist_ids == (SOMEBODY,)


def test_goals_and_tasks_are_agreed_by_each_of_the_two():
    goal = Agreement(text="To sleep through the night", agreed_by_client=True)
    task = Agreement(text="A diary, three times a week", agreed_by_client=True, agreed_by_therapist=True)
    begun = do(RELATIONSHIP, "begin", **MINE, goals=(goal,), tasks=(task,)).after
    assert (begun.goals[0].agreed_by_client, begun.goals[0].agreed_by_therapist) == (True, False)
    assert begun.goals[0].shared_with_client and begun.tasks == (task,)


@pytest.mark.parametrize("setting", Setting)
def test_a_couple_a_family_and_a_group_are_relationships_of_one_client_each(setting):
    assert do(RELATIONSHIP, "begin", **MINE, setting=setting).after.client_id == CLIENT_ID


def test_work_may_pause_and_go_on():
    resting = do(RELATIONSHIP, "put_on_hold", relationship(), T).after
    assert resting.phase is P.ON_HOLD
    assert do(RELATIONSHIP, "resume", resting, T).after.phase is P.ACTIVE


@pytest.mark.parametrize("move", ["enter_transition", "reactivate", "end"])
@pytest.mark.parametrize("by", but(Role, Role.POLICY))
def test_nobody_ends_a_relationship_but_by_its_termination_plan(move, by):
    for phase in P:
        with refused(status=403):
            do(RELATIONSHIP, move, relationship(phase=phase), by)


def test_the_day_it_ended_is_kept_until_the_pair_is_back():
    over = do(RELATIONSHIP, "end", relationship(phase=P.IN_TRANSITION), Role.POLICY).after
    assert (over.phase, over.ended_on) == (P.ENDED, TODAY)
    back = do(RELATIONSHIP, "reactivate", over, Role.POLICY).after
    assert (back.phase, back.ended_on) == (P.ACTIVE, None)


@pytest.mark.parametrize(("phase", "by"), [(phase, by) for phase in P for by in (T, S)])
def test_risk_is_what_a_clinician_found_on_a_day(phase, by):
    found = do(RELATIONSHIP, "screen_risk", relationship(phase=phase), by, risk=Risk.MODERATE)
    assert (found.after.phase, found.after.risk, found.after.screened_on) == (phase, Risk.MODERATE, TODAY)
    earlier = do(
        RELATIONSHIP, "screen_risk", relationship(phase=phase), by, risk=Risk.NONE, screened_on=date(2026, 2, 1)
    )
    assert earlier.after.screened_on == date(2026, 2, 1)


def test_risk_is_for_clinicians_to_say_and_to_see():
    for by in (C, API, A):
        with refused(status=403):
            do(RELATIONSHIP, "screen_risk", relationship(), by, risk=Risk.NONE)
    assert marked(Relationship, Private) == {"risk", "screened_on"}
    assert RELATIONSHIP.private_types == {"relationship.risk_screened"}


def test_a_client_and_an_admin_begin_nothing():
    for by in (C, A):
        with refused(status=403):
            do(RELATIONSHIP, "begin", by=by, **MINE)
