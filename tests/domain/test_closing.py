"""Closing: what each of the two says for themselves, rituals to choose from, feelings over time, and a plan for later."""

from datetime import date, timedelta
from itertools import product

import pytest

from domain.access import Role
from domain.aftercare import SafetyPlan, later
from domain.closure import ClosureTask, Reflection, kept_from
from domain.feelings import FeelingKind, Feelings, over_time
from domain.move import Decision
from domain.review import Review
from domain.rituals import RITUALS, RitualAge, RitualCode, RitualModality, rituals
from domain.termination import TERMINATION_PLAN, PlanPhase, TerminationPlan
from tests.domain.given import ID, RELATIONSHIP_ID, TODAY, codes, do, refused

T, C = Role.THERAPIST, Role.CLIENT
P = PlanPhase


def plan(phase: PlanPhase = P.CLOSING, **said) -> TerminationPlan:
    return TerminationPlan(**{"id": ID, "relationship_id": RELATIONSHIP_ID, "phase": phase, **said})


def act(name: str, state: TerminationPlan, by: Role = T, **said) -> Decision:
    return do(TERMINATION_PLAN, name, state, by, **said)


# -- words of one's own ------------------------------------------------------------------------------------------------


def test_each_writes_for_themselves_and_it_is_private_until_they_say_otherwise():
    state = act("reflect", plan(), C, words="I came in hiding.", task=ClosureTask.REVIEW_GAINS).after
    state = act("reflect", state, T, words="I shall miss the Thursdays.", shared=True).after
    assert [(r.by, r.words, r.shared, r.written_on) for r in state.reflections] == [
        (C, "I came in hiding.", False, TODAY), (T, "I shall miss the Thursdays.", True, TODAY)
    ]  # fmt: skip


def test_what_is_private_is_read_by_its_own_side_alone():
    for by, shared, reader in product((C, T), (False, True), Role):
        assert kept_from(by, shared, reader) is (not shared and (by is C) != (reader is C))


def test_who_wrote_it_decides_who_reads_it_and_may_decide_anew():
    state = act("reflect", plan(), C, words="I came in hiding.").after
    for shared in (True, False):
        state = act("share_reflection", state, C, reflection=1, shared=shared).after
        assert (state.reflections[0].shared, state.reflections[0].words) == (shared, "I came in hiding.")
    with refused("reflection", saying="Who wrote"):
        act("share_reflection", state, T, reflection=1, shared=True)
    with refused("reflection", saying="1 reflections"):
        act("share_reflection", state, C, reflection=2, shared=True)


def test_a_client_has_room_and_a_therapist_keeps_it_to_a_summary():
    assert act("reflect", plan(), C, words="x" * 1_000).after.reflections
    assert act("reflect", plan(), T, words="x" * 280).after.reflections
    with refused("words"):
        act("reflect", plan(), T, words="x" * 281)


def test_nobody_reflects_on_a_day_to_come():
    with refused("written_on"):
        act("reflect", plan(), C, words="Then.", written_on=TODAY + timedelta(days=2))


def test_the_log_says_that_something_was_written_and_never_what():
    done = act("reflect", plan(), C, words="I came in hiding.")
    shared = act("share_reflection", done.after, C, reflection=1, shared=True)
    assert "hiding" not in str((done.event, shared.event))
    assert shared.event.set["reflections"][0]["shared"] is True


def test_after_the_end_there_is_still_room_to_reflect():
    for phase in (P.ENDED, P.AFTERCARE):
        assert act("reflect", plan(phase), C, words="It still helps.").after.phase is phase


def test_going_on_working_takes_nobodys_words_away():
    state = plan(reflections=(Reflection(words="So far."),), relapse_signature=("I stop answering.",))
    back = act("return_to_work", state).after
    assert (back.reflections, back.relapse_signature) == (state.reflections, state.relapse_signature)


# -- rituals -----------------------------------------------------------------------------------------------------------


def test_every_ritual_that_has_a_code_is_in_the_library_once():
    assert sorted(r.code for r in RITUALS) == sorted(RitualCode)


@pytest.mark.parametrize("modality", RitualModality)
def test_there_is_something_to_choose_wherever_and_at_whatever_age_one_says_goodbye(modality):
    adults_only = {RitualModality.PHONE: {RitualAge.CHILD: 1}}
    for age in RitualAge:
        found = rituals(modality, age)
        assert len(found) >= adults_only.get(modality, {}).get(age, 2), (modality, age)
        assert all(modality in r.modalities and age in r.ages for r in found)


def test_nobody_who_asks_for_nothing_in_particular_is_kept_from_any():
    assert rituals() == RITUALS


def test_no_ritual_is_done_by_telephone_that_has_to_be_seen():
    by_phone = {r.code for r in rituals(RitualModality.PHONE)}
    assert not by_phone & {RitualCode.STONE, RitualCode.TIMELINE, RitualCode.LAST_WALK, RitualCode.LAST_GAME}


def test_a_farewell_names_a_ritual_of_the_library_or_has_its_own():
    done = act("complete_task", plan(), task=ClosureTask.FAREWELL_RITUAL, ritual_code=RitualCode.STONE).after
    assert done.closure[0].ritual_code is RitualCode.STONE
    with refused("ritual_code"):
        act("complete_task", plan(), task=ClosureTask.REFERRAL, ritual_code=RitualCode.STONE)


# -- feelings over time ------------------------------------------------------------------------------------------------


def review(day: int, by: Role = C, **felt) -> Review:
    return Review(reviewed_on=date(2026, 3, day), by=by, feelings=Feelings(**felt))


def test_feelings_are_followed_from_review_to_review_by_who_recorded_them():
    told = over_time(ID, (review(20, loss=1, pride=4), review(1, loss=4), review(9, T, loss=2)))
    assert [(c.feeling, c.recorded_by, [(p.reviewed_on.day, p.value) for p in c.points]) for c in told.courses] == [
        (FeelingKind.LOSS, C, [(1, 4), (20, 1)]),
        (FeelingKind.LOSS, T, [(9, 2)]),
        (FeelingKind.PRIDE, C, [(20, 4)]),
    ]


def test_what_was_not_spoken_of_is_no_zero_and_a_zero_is_one():
    (course,) = over_time(ID, (review(1, relief=0), review(2))).courses
    assert [p.value for p in course.points] == [0]
    assert over_time(ID, (Review(reviewed_on=TODAY),)).courses == ()


def test_every_feeling_that_can_be_recorded_has_a_course():
    assert {f"{kind}" for kind in FeelingKind} == set(Feelings.__dataclass_fields__)


# -- what stays --------------------------------------------------------------------------------------------------------


def test_early_signs_and_a_safety_plan_are_put_down_by_either_and_one_keeps_the_other():
    state = act("plan_ahead", plan(P.REVIEWING), C, relapse_signature=("I stop answering.",)).after
    state = act("plan_ahead", state, T, safety_plan=SafetyPlan(help_contacts=("My sister.",))).after
    assert state.relapse_signature == ("I stop answering.",)
    assert state.safety_plan and state.safety_plan.help_contacts == ("My sister.",)
    with refused("relapse_signature"):
        act("plan_ahead", state)


def test_boosters_are_suggested_and_never_set_by_themselves():
    route = {"return_route": "Write or call."}
    opened = act("open_aftercare", plan(P.ENDED, ended_on=date(2026, 8, 31)), **route)
    assert codes(opened) == {"boosters_suggested"}
    assert "2026-09-30, 2026-11-30, 2027-02-28" in opened.advisories[0].detail
    assert opened.after.boosters == ()
    assert codes(act("open_aftercare", plan(P.ENDED), boosters=(date(2026, 9, 1),), **route)) == set()


def test_the_way_back_and_the_boosters_can_be_said_anew_and_what_is_left_out_stays():
    route, day = "Write or call.", date(2026, 9, 1)
    state = plan(P.AFTERCARE, ended_on=date(2026, 8, 31), return_route=route, boosters=(day,), farewell="Go well.")
    moved = act("revise_aftercare", state, boosters=(date(2026, 10, 1),)).after
    assert (moved.phase, moved.return_route, moved.farewell) == (P.AFTERCARE, route, "Go well.")
    assert moved.boosters == (date(2026, 10, 1),)
    elsewhere = act("revise_aftercare", state, return_route="Write to the front desk.").after
    assert (elsewhere.return_route, elsewhere.boosters) == ("Write to the front desk.", (day,))
    assert act("revise_aftercare", state, boosters=()).after.boosters == ()
    with refused("return_route"):
        act("revise_aftercare", state)


@pytest.mark.parametrize("move", ["open_aftercare", "revise_aftercare"])
def test_a_booster_does_not_come_before_the_end(move):
    end = date(2026, 8, 31)
    state = plan(P.ENDED if move == "open_aftercare" else P.AFTERCARE, ended_on=end, return_route="Call.")
    said = {"return_route": "Call."}
    assert act(move, state, boosters=(end, date(2026, 9, 30)), **said).after.boosters[0] == end
    with refused("boosters/1", saying="2026-08-31"):
        act(move, state, boosters=(date(2026, 9, 30), end - timedelta(days=1)), **said)


@pytest.mark.parametrize(("day", "months", "then"), [
    ((2026, 1, 31), 1, (2026, 2, 28)), ((2028, 1, 31), 1, (2028, 2, 29)), ((2026, 12, 15), 1, (2027, 1, 15)),
    ((2026, 11, 30), 3, (2027, 2, 28)), ((2026, 6, 30), 6, (2026, 12, 30)), ((2026, 10, 31), 2, (2026, 12, 31)),
])  # fmt: skip
def test_a_month_later_is_the_same_day_or_the_last_there_is(day, months, then):
    assert later(date(*day), months) == date(*then)
