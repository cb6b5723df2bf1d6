"""Repair: five steps in any order, and nobody calls it mended over the client's head."""

from itertools import permutations, product

import pytest

from domain.access import Role
from domain.grounds import HELD, Ground, ground
from domain.move import Decision
from domain.repair import (
    ACTIVE,
    PHASE_OF,
    REPAIR,
    Outcome,
    Repair,
    RepairPhase,
    ScoreRule,
    Step,
    StepTaken,
)
from domain.rupture import RUPTURE, Rupture, RupturePhase
from domain.skills import Skill, Strategy
from tests.domain.given import ID, NOW, RELATIONSHIP_ID, RUPTURE_ID, TODAY, but, caller, codes, do, refused

T, C, S, API = Role.THERAPIST, Role.CLIENT, Role.SUPERVISOR, Role.INTEGRATION
MENDING = Rupture(id=RUPTURE_ID, relationship_id=RELATIONSHIP_ID, phase=RupturePhase.IN_REPAIR)


def repair(phase: RepairPhase = RepairPhase.OPENED, **said) -> Repair:
    return Repair(**{"id": ID, "rupture_id": RUPTURE_ID, "relationship_id": RELATIONSHIP_ID, "phase": phase, **said})


def parent(phase: RupturePhase) -> Rupture:
    return Rupture(id=RUPTURE_ID, relationship_id=RELATIONSHIP_ID, phase=phase)


def taken(*steps: Step) -> Repair:
    """A repair in which these steps were taken."""
    state = repair()
    for step in steps:
        state = do(REPAIR, step, state).after
    return state


def conclude(state: Repair, outcome: Outcome = Outcome.REPAIRED, **said) -> Decision:
    return do(REPAIR, "conclude", state, parent=MENDING, outcome=outcome, **said)


# -- what can be mended ------------------------------------------------------------------------------------------------

MENDABLE = {RupturePhase.CONFIRMED, RupturePhase.PARTIALLY_REPAIRED, RupturePhase.UNREPAIRED}


@pytest.mark.parametrize("phase", RupturePhase)
def test_a_repair_begins_where_there_is_something_to_mend_and_else_says_the_way(phase):
    if phase in MENDABLE:
        begun = do(REPAIR, "begin", parent=parent(phase), rupture_id=RUPTURE_ID).after
        assert (begun.phase, begun.relationship_id) == (RepairPhase.OPENED, RELATIONSHIP_ID)
    else:
        with refused("rupture_id", saying=f"The rupture is {phase}: "):
            do(REPAIR, "begin", parent=parent(phase), rupture_id=RUPTURE_ID)


@pytest.mark.parametrize("phase", RupturePhase)
def test_what_was_set_aside_is_taken_up_where_it_was_while_there_is_something_to_mend(phase):
    resting = do(REPAIR, "set_aside", taken(Step.RECOGNIZE, Step.VALIDATE_EMOTIONS)).after
    assert resting.phase is RepairPhase.SET_ASIDE
    if phase in MENDABLE | {RupturePhase.IN_REPAIR}:
        assert do(REPAIR, "take_up", resting, parent=parent(phase)).after.phase is RepairPhase.VALIDATING
    else:
        with refused():
            do(REPAIR, "take_up", resting, parent=parent(phase))


def test_a_repair_in_which_nothing_was_done_is_taken_up_at_its_beginning():
    resting = do(REPAIR, "set_aside", do(REPAIR, "skip", repair(), step=Step.RECOGNIZE, reason="Said already.").after)
    assert do(REPAIR, "take_up", resting.after, parent=MENDING).after.phase is RepairPhase.OPENED


# -- the five steps ----------------------------------------------------------------------------------------------------


def test_the_five_steps_of_the_founding_text_in_its_order_call_for_no_advice():
    state = repair()
    for step in Step:
        done = do(REPAIR, step, state)
        assert codes(done) == set(), step
        state = done.after
    assert [s.step for s in state.steps] == list(Step)
    assert state.phase is RepairPhase.OFFERING


@pytest.mark.parametrize(("phase", "step", "by"), list(product(ACTIVE, Step, (T, API))))
def test_any_step_may_be_taken_from_any_active_phase(phase, step, by):
    done = do(REPAIR, step, repair(phase), by).after
    assert done.phase is PHASE_OF[step]
    assert (done.steps[-1].step, done.steps[-1].by, done.steps[-1].taken_on) == (step, by, TODAY)


@pytest.mark.parametrize("order", list(permutations(Step)), ids="-".join)
def test_every_order_is_accepted_and_advised_on_only_where_something_was_passed_over(order):
    state, seen = repair(), set()
    for step in order:
        done = do(REPAIR, step, state)
        passed_over = any(earlier not in seen for earlier in list(Step)[: list(Step).index(step)])
        assert codes(done) == ({"out_of_advised_order"} if passed_over else set())
        state, seen = done.after, seen | {step}
    assert len(state.steps) == 5


def test_offering_before_the_client_was_asked_succeeds_and_says_what_experts_would_do_first():
    done = do(REPAIR, "offer_repair", repair(), responsibility_taken=True)
    assert done.after.phase is RepairPhase.OFFERING and done.after.responsibility_taken
    (advice,) = done.advisories
    assert "invite reflection, validate emotions" in advice.detail and "counts all the same" in advice.detail
    assert advice.source


def test_a_step_may_be_taken_again_and_again():
    state = taken(Step.VALIDATE_EMOTIONS, Step.VALIDATE_EMOTIONS, Step.INVITE_REFLECTION, Step.VALIDATE_EMOTIONS)
    assert [s.step for s in state.steps].count(Step.VALIDATE_EMOTIONS) == 3
    assert state.phase is RepairPhase.VALIDATING


def test_a_step_left_out_on_purpose_is_on_record_with_its_reason_and_is_not_asked_for_again():
    left_out = do(REPAIR, "skip", repair(), step=Step.RECOGNIZE, reason="She named it herself.")
    assert left_out.after.phase is RepairPhase.OPENED
    assert (left_out.after.steps[0].skipped, left_out.after.steps[0].summary) == (True, "She named it herself.")
    assert codes(do(REPAIR, "stay_present", left_out.after)) == set()


def test_a_step_says_which_skills_and_strategies_it_leaned_on():
    said = {"skills": (Skill.DESCRIBE, Skill.EXPRESS), "strategies": (Strategy.DISCLOSE_EXPERIENCE,)}
    step = do(REPAIR, "recognize", repair(), **said).after.steps[0]
    assert (step.skills, step.strategies, step.by_id) == (*said.values(), caller(T).id)
    assert isinstance(step, StepTaken) and not step.shared_with_client


def test_a_step_that_has_not_been_taken_yet_is_not_recorded():
    with refused("taken_on"):
        do(REPAIR, "recognize", repair(), taken_on=TODAY.replace(day=TODAY.day + 2))
    assert do(REPAIR, "recognize", repair(), taken_on=TODAY.replace(day=TODAY.day + 1)).after.steps


def test_changing_the_subject_before_asking_is_advised_against():
    told = do(REPAIR, "recognize", repair(), strategies=(Strategy.REDIRECT,))
    assert codes(told) == {"redirect_before_reflection"}
    asked = taken(Step.RECOGNIZE, Step.STAY_PRESENT, Step.INVITE_REFLECTION)
    assert codes(do(REPAIR, "validate_emotions", asked, strategies=(Strategy.REDIRECT,))) == set()


@pytest.mark.parametrize("linking", [Strategy.LINK_TO_PATTERN_BETWEEN_US, Strategy.LINK_TO_OTHER_RELATIONSHIPS])
def test_explaining_it_by_old_patterns_before_feelings_were_affirmed_is_advised_against(linking):
    told = do(REPAIR, "recognize", repair(), strategies=(linking,))
    assert codes(told) == {"pattern_linking_before_validation"}
    for passed in (3, 4):
        state, step = taken(*list(Step)[:passed]), list(Step)[passed]
        assert codes(do(REPAIR, step, state, strategies=(linking,))) == set()


def test_the_offer_takes_responsibility_clears_up_and_makes_a_path_together():
    said = {
        "responsibility_taken": True,
        "misunderstanding_clarified": True,
        "path_forward": "Ask first.",
        "co_created": True,
    }
    offered = do(REPAIR, "offer_repair", taken(*list(Step)[:4]), shared_with_client=True, **said).after
    assert {name: getattr(offered, name) for name in said} == said
    assert offered.shared_with_client
    again = do(REPAIR, "offer_repair", offered).after
    assert again.path_forward == "Ask first.", "offering again takes nothing back"


def test_a_client_does_not_take_the_therapists_steps_for_them():
    for name in (*Step, "skip", "set_aside", "take_up", "conclude"):
        with refused(status=403):
            do(REPAIR, name, repair(), C)


# -- the client's own view ---------------------------------------------------------------------------------------------


def test_a_client_says_in_their_app_how_resolved_it_feels_and_it_stays_where_it_is():
    for phase in (*ACTIVE, RepairPhase.SET_ASIDE, RepairPhase.CONCLUDED):
        told = do(REPAIR, "record_view", repair(phase), C, resolution=2, wants_to_talk_more=True).after
        assert (told.phase, told.client_resolution, told.client_recorded_view) == (phase, 2, True)


def test_a_view_that_was_passed_on_is_not_marked_as_the_clients_own():
    passed_on = do(REPAIR, "record_view", repair(), API, resolution=4).after
    assert (passed_on.client_resolution, passed_on.client_recorded_view) == (4, False)
    with refused(status=403):
        do(REPAIR, "record_view", repair(), T, resolution=5)


# -- is it mended ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("therapist", [None, 1, 2, 3, 4, 5])
def test_with_the_therapists_view_alone_it_is_not_repaired(therapist):
    with refused("client_resolution", saying="therapist's view alone is not enough"):
        conclude(repair(RepairPhase.OFFERING), therapist_resolution=therapist)


@pytest.mark.parametrize("client", [4, 5])
@pytest.mark.parametrize("therapist", [None, 1, 5])
def test_when_the_client_says_it_is_it_is_whatever_the_therapist_thinks(client, therapist):
    done = conclude(repair(RepairPhase.OFFERING), client_resolution=client, therapist_resolution=therapist).after
    assert (done.phase, done.outcome, done.concluded_on) == (RepairPhase.CONCLUDED, Outcome.REPAIRED, TODAY)
    assert (done.client_resolution, done.therapist_resolution) == (client, therapist), "two views, side by side"


@pytest.mark.parametrize(("client", "rule"), list(product([1, 2, 3], [None, *ScoreRule])))
def test_when_the_client_does_not_see_it_so_nothing_else_makes_it_repaired(client, rule):
    with refused("outcome", saying=f"The client sees it at {client} of 5"):
        conclude(repair(), client_resolution=client, therapist_resolution=5, score_rule=rule)
    own = do(REPAIR, "record_view", repair(), C, resolution=client).after
    with refused("outcome"):
        conclude(own, score_rule=rule)


@pytest.mark.parametrize("outcome", [Outcome.PARTIALLY_REPAIRED, Outcome.NOT_REPAIRED])
@pytest.mark.parametrize("client", [None, 1, 5])
def test_in_part_or_not_at_all_needs_nobodys_number(outcome, client):
    assert conclude(repair(), outcome, client_resolution=client).after.outcome is outcome


@pytest.mark.parametrize("told", [1, 3, 4])
def test_the_view_a_client_recorded_themselves_is_not_told_differently_by_the_therapist(told):
    own = do(REPAIR, "record_view", repair(), C, resolution=5).after
    with refused("client_resolution", saying="recorded their own view"):
        conclude(own, client_resolution=told)
    assert conclude(own).after.client_resolution == 5
    assert conclude(own, client_resolution=5).after.client_recorded_view


def test_mended_in_the_session_it_happened_in_leaves_no_score_and_needs_none():
    state = repair()
    for step in Step:
        state = do(REPAIR, step, state, taken_on=NOW.date()).after
    done = conclude(state, client_resolution=5, within_session=True).after
    assert done.within_session and done.outcome is Outcome.REPAIRED and done.score_rule is None


def test_a_client_who_wants_to_talk_more_is_heard_even_when_it_is_concluded():
    state = do(REPAIR, "record_view", repair(), C, resolution=4, wants_to_talk_more=True).after
    assert codes(conclude(state)) == {"client_wants_to_talk_more"}
    assert "client_wants_to_talk_more" not in codes(conclude(repair(), client_resolution=4))


def test_who_records_the_clients_view_for_them_is_reminded_to_let_them_say_it_themselves():
    assert codes(conclude(repair(), client_resolution=4)) == {"clients_view_second_hand"}
    own = do(REPAIR, "record_view", repair(), C, resolution=4).after
    assert codes(conclude(own, client_resolution=4)) == codes(conclude(own)) == set()


@pytest.mark.parametrize(("own", "told", "rests_on"), [
    (True, True, Ground.CLIENT), (False, True, Ground.SECOND_HAND), (False, False, Ground.SCORES)
])  # fmt: skip
def test_that_it_held_is_told_with_whose_word_it_is(own, told, rests_on):
    assert ground(own=own, told=told) is rests_on
    assert ("the client says so" in HELD[rests_on]) is (rests_on is Ground.CLIENT)
    assert "client" not in RUPTURE.by_name["mend"].says


@pytest.mark.parametrize("step", Step)
def test_what_a_therapist_did_is_told_as_their_account_of_it(step):
    assert REPAIR.by_name[step].says.startswith("The therapist noted: ")


@pytest.mark.parametrize("phase", but(RupturePhase, RupturePhase.IN_REPAIR))
def test_what_is_no_longer_in_repair_is_not_concluded(phase):
    with refused(saying=str(phase)):
        do(REPAIR, "conclude", repair(), parent=parent(phase), outcome=Outcome.NOT_REPAIRED)


def test_a_repair_without_a_single_step_may_be_concluded_and_one_that_rests_too():
    for phase in (*ACTIVE, RepairPhase.SET_ASIDE):
        assert conclude(repair(phase), Outcome.NOT_REPAIRED).after.phase is RepairPhase.CONCLUDED


def test_a_client_and_a_supervisor_conclude_nothing():
    for by in (C, S):
        with refused(status=403):
            do(REPAIR, "conclude", repair(), by, parent=MENDING, outcome=Outcome.REPAIRED, client_resolution=5)
