"""The letter a client keeps: what was recorded, said humanely, and not a word besides."""

import re
from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest

from domain.access import Role
from domain.aftercare import SafetyPlan
from domain.closure import Closed, ClosureTask, Reflection
from domain.endings import EndingKind, Reason, Timing
from domain.feelings import Feelings
from domain.handover import Handed, HandoverTask
from domain.letter import HEADINGS, SAFETY, Letter, LetterPart, Meetings, Pair, letter
from domain.relationship import Agreement
from domain.review import Review
from domain.rituals import RitualCode
from domain.termination import Outreach, PlanPhase, Receiver, TerminationPlan
from domain.values import plain
from tests.domain.given import ID, RELATIONSHIP_ID, SOMEBODY, THERAPIST_ID, TODAY, least, relationship

T, C = Role.THERAPIST, Role.CLIENT
D = date(2026, 5, 28)


def plan(**said: Any) -> TerminationPlan:
    return TerminationPlan(**{"id": ID, "relationship_id": RELATIONSHIP_ID, "phase": PlanPhase.ENDED, **said})


def told(state: TerminationPlan, **around: Any) -> Letter:
    return letter(state, Pair(**{"relationship": relationship(), **around}), TODAY)


def section(found: Letter, part: LetterPart) -> dict[str, Any]:
    return next((plain(s) for s in found.sections if s.part is part), {})


def sentences(state: TerminationPlan, part: LetterPart = LetterPart.TOGETHER, **around: Any) -> list[str]:
    return section(told(state, **around), part).get("paragraphs", [])


def test_where_nothing_was_recorded_nothing_is_said():
    assert told(TerminationPlan(id=ID, relationship_id=RELATIONSHIP_ID)).sections == ()


def test_how_often_they_met_is_told_as_one_would():
    for count, said in ((1, "once"), (2, "twice"), (12, "twelve times"), (13, "13 times")):
        around = {"meetings": Meetings(count=count, first_on=date(2026, 1, 8))}
        assert sentences(plan(phase=PlanPhase.CLOSING), **around) == [f"We began on 8 January 2026 and met {said}."]
    begun = relationship(started_on=date(2026, 1, 5))
    meetings = Meetings(count=1, first_on=date(2026, 1, 8))
    assert sentences(plan(), relationship=begun, meetings=meetings) == ["We began on 5 January 2026 and met once."]
    assert sentences(plan(), relationship=begun) == ["We began on 5 January 2026."]
    assert sentences(plan(), meetings=Meetings(count=3)) == ["We met three times."]


HOW = {
    EndingKind.PLANNED_MUTUAL: "We brought our work to an end on 28 May 2026, as we both agreed.",
    EndingKind.CLIENT_INITIATED: "You brought our work to an end on 28 May 2026. The choice was always yours.",
    EndingKind.THERAPIST_INITIATED: "Our work ended on 28 May 2026. This was not your decision.",
    EndingKind.FORCED_ADMINISTRATIVE: "Our work ended on 28 May 2026. This was not your decision.",
    EndingKind.TRANSFER:
        "On 28 May 2026 our work together ended, and Riverside Clinic now continues this work with you.",
    EndingKind.LAPSED_NO_CONTACT: "We tried to reach you and could not, and on 28 May 2026 we closed our work for now.",
    None: "Our work ended on 28 May 2026.",
}  # fmt: skip


@pytest.mark.parametrize("kind", HOW)
def test_how_it_ended_is_told_without_blame_and_without_a_reason(kind):
    around = {"receiver": "Riverside Clinic"}
    for reason in Reason:
        ended = plan(kind=kind, ended_on=D, reasons=(reason,))
        assert sentences(ended, **around) == [HOW[kind]]
    assert not re.search(r"fail|drop|refus|non|discharg|terminat|complian", HOW[kind], re.IGNORECASE)


def test_where_the_therapist_is_gone_nobody_says_we_in_their_place():
    gone = plan(kind=EndingKind.THERAPIST_INCAPACITY, ended_on=D, incapacitated_therapist_id=THERAPIST_ID,
                boosters=(date(2026, 8, 1),), return_route="Call the practice.",
                handover=(Handed(task=HandoverTask.FIRST_APPOINTMENT, appointment_on=date(2026, 6, 1)),))  # fmt: skip
    around = {"meetings": Meetings(count=4, first_on=date(2026, 1, 8)), "therapists": {THERAPIST_ID: "Dr Rivera"},
              "receiver": "Dr Chen"}  # fmt: skip
    assert sentences(gone, **around) == [
        "Your work with Dr Rivera began on 8 January 2026, and you met four times.",
        "Dr Rivera can no longer work with you. We are sorry.", "From 28 May 2026, Dr Chen is there for you.",
        "Your first appointment with them is on 1 June 2026.",
    ]  # fmt: skip
    found = told(replace(gone, closure=(Closed(task=ClosureTask.FAREWELL_RITUAL, ritual="A walk."),)), **around)
    headings = [s.heading for s in found.sections]
    assert headings == ["Your work together", "How you said goodbye", "Coming back"]
    assert section(found, LetterPart.COMING_BACK)["lists"][0]["title"] == "For this day a meeting is planned"
    assert not re.search(r"died|death|dead|ill\b|\bour\b|incapac", str(plain(found)), re.IGNORECASE)


def test_where_no_name_is_known_the_one_who_is_gone_is_your_therapist():
    gone = plan(kind=EndingKind.THERAPIST_INCAPACITY, ended_on=D)
    assert sentences(gone) == [
        "Your therapist can no longer work with you. We are sorry.", "From 28 May 2026, somebody else is there for you.",
    ]  # fmt: skip
    waiting = replace(gone, ended_on=None, phase=PlanPhase.TRANSFERRING)
    assert sentences(waiting, receiver="Dr Chen", meetings=Meetings(count=1)) == [
        "You and your therapist met once.", "Your therapist can no longer work with you. We are sorry.",
        "Dr Chen was asked to be there for you.",
    ]  # fmt: skip


def test_an_ending_that_came_as_planned_says_so_and_one_to_come_says_when():
    ended = plan(kind=EndingKind.PLANNED_MUTUAL, timing=Timing.AS_PLANNED, ended_on=D)
    assert sentences(ended) == ["We brought our work to an end on 28 May 2026, as we had planned."]
    coming = plan(phase=PlanPhase.PLANNED, target_date=D)
    assert sentences(coming) == ["We plan to meet for the last time on 28 May 2026."]


def test_a_goal_is_told_when_the_client_agreed_to_it():
    goals = (Agreement(text="To sleep.", agreed_by_client=True), Agreement(text="To work more."))
    found = section(told(plan(), relationship=relationship(goals=goals)), LetterPart.GOALS)
    assert found["lists"] == [{"title": None, "lines": ["To sleep."]}]


def test_feelings_are_told_in_words_without_numbers_and_only_as_the_client_said_them():
    mine = Review(reviewed_on=D, by=C, feelings=Feelings(loss=1, abandonment=4, relief=0, gratitude=2))
    theirs = Review(reviewed_on=D, by=T, feelings=Feelings(pride=4))
    assert sentences(plan(reviews=(mine, theirs)), LetterPart.FEELINGS) == [
        "On 28 May 2026 you named loss, feeling left alone and gratitude."
    ]


@pytest.mark.parametrize("task", ClosureTask)
def test_people_are_quoted_as_they_spoke_where_it_belongs(task):
    closed = Closed(task=task, by=C, done_on=D, reflection="I will keep this.")
    written = Reflection(task=task, by=T, written_on=D, words="So shall I.", shared=True)
    quoted = [(s.part, plain(s.quotes)) for s in told(plan(closure=(closed,), reflections=(written,))).sections]
    (words,) = [quotes for _, quotes in quoted if quotes]
    assert words == [{"words": "I will keep this.", "by": "client", "said_on": "2026-05-28"},
                     {"words": "So shall I.", "by": "therapist", "said_on": "2026-05-28"}]  # fmt: skip


def test_private_words_are_in_nobodys_letter_not_even_the_clients_own():
    private = tuple(Reflection(by=by, written_on=D, words="Between me and me.") for by in (C, T))
    assert told(plan(reflections=private)).sections == ()


def test_words_that_belong_to_nothing_else_are_put_under_no_heading_that_nobody_chose():
    written = Reflection(by=C, written_on=D, words="I hope she is all right.", shared=True)
    assert [s.part for s in told(plan(reflections=(written,))).sections] == [LetterPart.WORDS]


def test_before_there_is_an_ending_nobody_is_told_that_there_was_one():
    said = Review(reviewed_on=D, by=C, note="Not yet.", shared_with_client=True)
    for ended_on, heading in ((None, "What the thought of an ending brings up"), (D, "What this ending brought up")):
        assert section(told(plan(ended_on=ended_on, reviews=(said,))), LetterPart.FEELINGS)["heading"] == heading


def test_who_is_passed_on_is_told_of_the_appointment_that_was_made():
    made = tuple(Handed(task=HandoverTask.FIRST_APPOINTMENT, appointment_on=on) for on in (date(2026, 6, 1), D))
    passed = plan(kind=EndingKind.TRANSFER, ended_on=D, handover=(Handed(task=HandoverTask.RISK_TOLD), *made))
    assert sentences(passed, receiver="Riverside Clinic")[1:] == ["Your first appointment with them is on 28 May 2026."]
    left = replace(passed, kind=EndingKind.CLIENT_INITIATED)
    assert len(sentences(left)) == 1, "who has left is going nowhere"


def test_a_ritual_is_told_as_it_was_done_and_else_by_its_name():
    farewell = Closed(task=ClosureTask.FAREWELL_RITUAL, ritual_code=RitualCode.STONE)
    assert sentences(plan(closure=(farewell,)), LetterPart.GOODBYE) == ["A stone to keep."]
    done = replace(farewell, ritual="Each chose a stone.")
    assert sentences(plan(closure=(done,)), LetterPart.GOODBYE) == ["Each chose a stone."]
    assert sentences(plan(closure=(Closed(task=ClosureTask.FAREWELL_RITUAL),)), LetterPart.GOODBYE) == []


def test_early_signs_come_before_the_safety_plan_and_a_step_that_says_nothing_is_left_out():
    safe = SafetyPlan(professionals=("The crisis line.",), internal_coping=("A walk.",))
    found = section(told(plan(relapse_signature=("I hide.",), safety_plan=safe)), LetterPart.AHEAD)
    assert [entry["lines"] for entry in found["lists"]] == [["I hide."], ["A walk."], ["The crisis line."]]
    assert set(SAFETY) == {f.name for f in fields(SafetyPlan)}


def test_the_way_back_is_told_in_the_words_it_was_offered_in():
    back = plan(return_route="Call whenever you like.", boosters=(date(2026, 11, 2), date(2026, 8, 1)))
    found = section(told(back), LetterPart.COMING_BACK)
    assert found["paragraphs"] == ["Call whenever you like."]
    assert found["lists"] == [
        {"title": "We have set these days aside to meet again", "lines": ["1 August 2026", "2 November 2026"]}
    ]
    once = section(told(replace(back, boosters=(D,))), LetterPart.COMING_BACK)
    assert once["lists"][0]["title"] == "We have set this day aside to meet again"


def test_who_fell_silent_is_told_that_they_are_welcome_only_if_that_was_offered():
    for offered in (True, False, None):
        attempt = replace(least(Outreach), offered_return=offered)
        gone = plan(kind=EndingKind.LAPSED_NO_CONTACT, ended_on=D, outreach=(attempt,))
        assert bool(sentences(gone, LetterPart.COMING_BACK)) is (offered is True)


def test_every_section_has_a_heading_and_they_come_in_one_order():
    assert set(HEADINGS) == set(LetterPart)
    full = plan(
        reflections=(Reflection(by=C, written_on=D, words="Thank you.", shared=True),),
        farewell="Go well.", ended_on=D, relapse_signature=("I hide.",), alternative_providers=("Dr Okafor",),
        return_route="Call.", receiver=Receiver(name="Dr Okafor"),
        closure=tuple(Closed(task=task, by=C, reflection="So.", ritual="A walk.") for task in ClosureTask),
    )  # fmt: skip
    goals = (Agreement(text="To sleep.", agreed_by_client=True),)
    found = told(full, relationship=relationship(goals=goals), therapists={THERAPIST_ID: "Dr Rivera"})
    assert [s.part for s in found.sections] == list(LetterPart)
    assert found.signed_by == ("Dr Rivera",)


def test_nobody_signs_who_died_or_could_not_go_on_nor_for_work_they_were_no_part_of():
    names = {THERAPIST_ID: "Dr Rivera", SOMEBODY: "Dr Okafor", ID: "Dr Sato"}
    okafor = Receiver(therapist_id=SOMEBODY)
    gone = plan(kind=EndingKind.THERAPIST_INCAPACITY, ended_on=D, incapacitated_therapist_id=THERAPIST_ID)
    assert told(gone, therapists=names).signed_by == ("Dr Okafor", "Dr Sato")
    assert told(replace(gone, receiver=okafor), therapists=names).signed_by == ("Dr Sato",)
    assert told(gone, therapists={THERAPIST_ID: "Dr Rivera"}).signed_by == ()
    passed_on = plan(kind=EndingKind.TRANSFER, ended_on=D, receiver=okafor)
    assert told(passed_on, therapists=names).signed_by == ("Dr Rivera", "Dr Sato")
    assert told(plan(ended_on=D), therapists=names).signed_by == ("Dr Rivera", "Dr Okafor", "Dr Sato")
