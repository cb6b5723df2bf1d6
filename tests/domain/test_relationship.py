"""The pair: bond, goals and tasks, who is in it, and how much risk a person found."""

from datetime import date, timedelta

import pytest

from domain.access import Role
from domain.relationship import (
    RELATIONSHIP,
    Agreement,
    Baseline,
    Changed,
    Relationship,
    RelationshipPhase,
    Risk,
    Setting,
    Transition,
    TreatmentChange,
)
from domain.values import Private, marked
from tests.domain.given import CLIENT_ID, NOW, SOMEBODY, THERAPIST_ID, TODAY, but, caller, do, refused, relationship

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
    assert marked(Relationship, Private) == {"risk", "screened_on", "baselines"}
    assert RELATIONSHIP.private_types == {
        "relationship.risk_screened", "relationship.baseline_begun", "relationship.baseline_withdrawn"
    }  # fmt: skip


def test_a_client_and_an_admin_begin_nothing():
    for by in (C, A):
        with refused(status=403):
            do(RELATIONSHIP, "begin", by=by, **MINE)


# -- what the ratings are to be read with ------------------------------------------------------------------------------


def revise(state: Relationship, by: Role = S, **said) -> Relationship:
    """What a merge patch makes of it."""
    as_it_was = {
        name: getattr(state, name) for name in ("therapist_ids", "modality", "treatment_changes", "goals", "tasks")
    }
    found: Relationship = do(RELATIONSHIP, "revise", state, by, **as_it_was | said).after
    return found


def test_another_therapist_or_modality_is_dated_today_unless_it_is_said_when():
    pair = relationship(modality="CBT")
    both = revise(pair, therapist_ids=(SOMEBODY,), modality="EMDR")
    assert both.treatment_changes == (
        TreatmentChange(since=TODAY, changed=(Changed.THERAPISTS, Changed.MODALITY)),
    )  # fmt: skip
    again = revise(both, modality="CBT")
    assert again.treatment_changes == (*both.treatment_changes, TreatmentChange(since=TODAY, changed=("modality",)))
    earlier = (TreatmentChange(since=date(2025, 3, 1), changed=(Changed.THERAPISTS,)),)
    assert revise(pair, therapist_ids=(SOMEBODY,), treatment_changes=earlier).treatment_changes == earlier


def test_what_changes_nothing_about_the_treatment_is_no_change_of_it():
    pair = relationship(therapist_ids=(THERAPIST_ID, SOMEBODY))
    for said in (
        {"therapist_ids": (SOMEBODY, THERAPIST_ID)}, {"modality": "CBT"},
        {"goals": (Agreement(text="To sleep through the night"),)},
    ):  # fmt: skip
        assert revise(pair, **said).treatment_changes == (), said
    assert revise(relationship(modality="CBT"), modality=None).treatment_changes == ()


def test_a_change_that_was_only_a_correction_is_taken_back_and_an_imported_history_brings_its_own():
    corrected = revise(revise(relationship(modality="CTB"), modality="CBT"), treatment_changes=())
    assert corrected.treatment_changes == ()
    history = (TreatmentChange(since=date(2024, 5, 1), changed=(Changed.MODALITY,)),)
    assert do(RELATIONSHIP, "begin", by=API, **MINE, treatment_changes=history).after.treatment_changes == history


def test_the_treatment_has_changed_when_the_day_has_come():
    to_come = (
        TreatmentChange(since=TODAY, changed=(Changed.MODALITY,)),
        TreatmentChange(since=TODAY + timedelta(days=2), changed=(Changed.THERAPISTS,)),
    )
    with refused("treatment_changes/1/since"):
        revise(relationship(), treatment_changes=to_come)
    with refused("treatment_changes/1/since"):
        do(RELATIONSHIP, "begin", by=API, **MINE, treatment_changes=to_come)


def test_times_in_the_transition_phase_are_kept_with_their_days():
    later = timedelta(days=30)
    state = do(RELATIONSHIP, "enter_transition", relationship(), Role.POLICY).after
    assert state.transitions == (Transition(begun_on=TODAY),)
    state = do(RELATIONSHIP, "reactivate", state, Role.POLICY, now=NOW + later).after
    state = do(RELATIONSHIP, "enter_transition", state, Role.POLICY, now=NOW + 2 * later).after
    state = do(RELATIONSHIP, "end", state, Role.POLICY, now=NOW + 3 * later).after
    assert state.transitions == (
        Transition(begun_on=TODAY, over_on=TODAY + later),
        Transition(begun_on=TODAY + 2 * later, over_on=TODAY + 3 * later),
    )
    assert do(RELATIONSHIP, "end", relationship(), Role.POLICY).after.transitions == ()


@pytest.mark.parametrize("by", [T, S])
def test_a_clinician_has_a_new_baseline_begin_and_takes_back_a_mistake(by):
    begun = do(RELATIONSHIP, "begin_baseline", relationship(), by, reason="A new frame.").after
    assert begun.baselines == (Baseline(since=TODAY, begun_by=caller(by).id, reason="A new frame."),)
    earlier = do(RELATIONSHIP, "begin_baseline", begun, by, since=date(2026, 1, 5)).after
    assert [b.since for b in earlier.baselines] == [TODAY, date(2026, 1, 5)]
    assert do(RELATIONSHIP, "withdraw_baseline", earlier, by, since=date(2026, 1, 5)).after == begun


def test_a_baseline_begins_once_on_a_day_that_has_come_and_only_what_is_there_is_taken_back():
    pair = relationship(baselines=(Baseline(since=TODAY, begun_by="them"),))
    for move, since in (
        ("begin_baseline", TODAY), ("begin_baseline", TODAY + timedelta(days=2)),
        ("withdraw_baseline", TODAY - timedelta(days=1)),
    ):  # fmt: skip
        with refused("since"):
            do(RELATIONSHIP, move, pair, since=since)


def test_a_baseline_is_a_clinicians_to_begin():
    for by in (C, API, A):
        for move in ("begin_baseline", "withdraw_baseline"):
            with refused(status=403):
                do(RELATIONSHIP, move, relationship(), by)


def test_why_a_baseline_was_begun_is_in_the_row_and_not_in_the_log():
    decision = do(RELATIONSHIP, "begin_baseline", relationship(), reason="After her father's death.")
    assert decision.after.baselines[0].reason == "After her father's death."
    assert decision.event.add == {"baselines": {"since": "2026-03-02", "begun_by": str(THERAPIST_ID)}}
