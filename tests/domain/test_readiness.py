"""Readiness: what the record answers and what people said, side by side; a blank holds nobody back."""

from dataclasses import fields, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.access import Role
from domain.aftercare import SafetyPlan
from domain.attainment import AttainmentPhase, GoalAttainment, GoalLevel, GoalRating, ScaledGoal, attained, t_score
from domain.change import OutcomeClass, Reached, change
from domain.closure import Closed, ClosureTask
from domain.form import Form, Norm, NormGroup
from domain.instruments import GAD_7, PHQ_9
from domain.readiness import COMPUTED, Course, Finding, Known, Readiness, Ruptures, readiness
from domain.relationship import Risk
from domain.review import FOR_CLINICIANS, Answer, Fact, Informant, ReadinessFact, Review
from domain.scoring import Completeness
from domain.termination import TerminationPlan
from tests.domain.given import ID, RELATIONSHIP_ID, TODAY, relationship

T, C = Role.THERAPIST, Role.CLIENT
F, YES, NO, UNSURE = ReadinessFact, Answer.YES, Answer.NO, Answer.UNSURE
DAY = date(2026, 1, 1)


def plan(**said: Any) -> TerminationPlan:
    return TerminationPlan(id=ID, relationship_id=RELATIONSHIP_ID, **said)


def ready(state: TerminationPlan | None = None, **known: Any) -> Readiness:
    return readiness(state or plan(), Known(**{"relationship": relationship(), **known}))


def of(fact: ReadinessFact, state: TerminationPlan | None = None, **known: Any) -> list[Finding]:
    (found,) = [list(f.findings) for f in ready(state, **known).facts if f.fact is fact]
    return found


def holds(fact: ReadinessFact, state: TerminationPlan | None = None, **known: Any) -> list[Answer]:
    return [one.holds for one in of(fact, state, **known)]


def scores(*values: float, form: Form = PHQ_9, complete: bool = True) -> Course:
    filled = Completeness.COMPLETE if complete else Completeness.PRORATED
    reached = [
        Reached(id=UUID(int=n), rated_on=DAY + timedelta(weeks=n), score=value, completeness=filled)
        for n, value in enumerate(values)
    ]
    return Course(form=form, reached=reached)


# -- all of it ---------------------------------------------------------------------------------------------------------


def test_every_fact_has_an_entry_and_where_there_is_nothing_to_go_by_none_of_them_is_a_no():
    found = ready()
    assert [entry.fact for entry in found.facts] == list(F)
    for entry in found.facts:
        assert [one.holds for one in entry.findings] == [UNSURE]
        assert [one.computed for one in entry.findings] == [entry.fact in COMPUTED]
        assert entry.findings[0].source.endswith(".")


def test_there_is_no_number_in_it_to_add_up():
    kinds = {f.name: f.type for f in (*fields(Finding), *fields(Readiness))}
    assert not {name for name, kind in kinds.items() if "int" in str(kind) or "float" in str(kind)}


def test_what_is_left_out_for_a_client_is_not_there():
    found = readiness(plan(), Known(relationship=relationship()), FOR_CLINICIANS)
    assert {entry.fact for entry in found.facts} == set(F) - FOR_CLINICIANS


# -- what people said --------------------------------------------------------------------------------------------------


def said(fact: ReadinessFact, answer: Answer, day: int, by: Role = T, **more: Any) -> Review:
    one = Fact(
        fact=fact, holds=answer, source="A talk", **{"said_by": Informant.CLIENT, "on": date(2026, 3, day), **more}
    )
    return Review(reviewed_on=date(2026, 3, 28), by=by, facts=(one,))


def test_what_was_computed_and_what_was_said_stand_beside_each_other():
    state = plan(reviews=(said(F.STABLE, YES, 3),))
    found = of(F.STABLE, state, courses=[scores(4, 12, 4)])
    assert [(one.computed, one.holds) for one in found] == [(True, NO), (False, YES)]
    assert (found[1].said_by, found[1].on, found[1].source) == (Informant.CLIENT, date(2026, 3, 3), "A talk")


def test_each_persons_latest_word_counts_and_nobodys_takes_anothers_place():
    reviews = (
        said(F.SUPPORTS, NO, 2), said(F.SUPPORTS, YES, 9), said(F.SUPPORTS, NO, 5),
        said(F.SUPPORTS, UNSURE, 20, said_by=Informant.GUARDIAN), said(F.SUPPORTS, NO, 1, by=C),
    )  # fmt: skip
    found = of(F.SUPPORTS, plan(reviews=reviews))
    assert [(one.said_by, one.recorded_as, one.holds) for one in found] == [
        (Informant.CLIENT, T, YES), (Informant.GUARDIAN, T, UNSURE), (Informant.CLIENT, C, NO)
    ]  # fmt: skip


def test_of_one_day_what_was_recorded_last_counts():
    assert holds(F.SUPPORTS, plan(reviews=(said(F.SUPPORTS, NO, 2), said(F.SUPPORTS, YES, 2)))) == [YES]


def test_the_two_views_of_a_review_answer_for_the_two_and_not_for_each_other():
    review = Review(reviewed_on=date(2026, 3, 12), client_ready=NO, therapist_ready=YES, by=T)
    (client,), (therapist,) = (
        of(fact, plan(reviews=(review,))) for fact in (F.CLIENT_SAYS_READY, F.THERAPIST_SAYS_READY)
    )
    assert (client.holds, client.said_by, client.recorded_as, client.computed) == (NO, Informant.CLIENT, T, False)
    assert (therapist.holds, therapist.said_by, therapist.on) == (YES, Informant.THERAPIST, date(2026, 3, 12))
    assert client.source == "The readiness review of 12 March 2026."


def test_a_fact_of_before_facts_had_days_is_of_the_day_of_its_review():
    old = said(F.SUPPORTS, YES, 2, said_by=None, on=None)
    (found,) = of(F.SUPPORTS, plan(reviews=(old,)))
    assert (found.said_by, found.on, found.recorded_as) == (None, date(2026, 3, 28), T)


# -- scores ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("values", "found", "answer"), [
    ((17, 12, 9), OutcomeClass.RECOVERED, YES), ((22, 14), OutcomeClass.IMPROVED, NO),
    ((8, 1), OutcomeClass.IMPROVED, UNSURE), ((17, 12), OutcomeClass.UNCHANGED, NO),
    ((9, 16), OutcomeClass.DETERIORATED, NO), ((17,), OutcomeClass.NOT_COMPUTABLE, UNSURE),
    ((), OutcomeClass.NOT_COMPUTABLE, UNSURE),
])  # fmt: skip
def test_reliable_and_clinically_significant_change_is_what_the_outcome_class_says(values, found, answer):
    course = scores(*values)
    assert change(course.form, course.reached).outcome_class is found
    (one,) = of(F.RELIABLE_CHANGE, courses=[course])
    assert one.holds is answer
    assert one.source.startswith(PHQ_9.title)
    assert one.on == (course.reached[-1].rated_on if len(values) > 1 else None)


def test_each_form_answers_for_itself():
    courses = [scores(17, 9), scores(9, 15, form=GAD_7)]
    assert holds(F.RELIABLE_CHANGE, courses=courses) == [YES, NO]
    assert [one.source.partition(":")[0] for one in of(F.STABLE, courses=courses)] == [PHQ_9.title, GAD_7.title]


@pytest.mark.parametrize(("values", "answer", "word"), [
    ((5, 6), UNSURE, "2 of the 3"), ((5, 6, 5), YES, "within"), ((20, 5, 6, 5), YES, "within"),
    ((5, 7, 10), YES, "within"), ((5, 7, 11), NO, "reliably worse"), ((11, 7, 5), NO, "moved by 6"),
    ((5, 11, 5), NO, "moved by 6"), ((), UNSURE, "0 of the 3"),
])  # fmt: skip
def test_stable_is_so_many_scores_within_one_reliable_change_of_each_other(values, answer, word):
    (one,) = of(F.STABLE, courses=[scores(*values)])
    assert one.holds is answer and word in one.source


def test_over_how_many_scores_is_the_practices_to_say():
    course = [scores(11, 7, 5)]
    assert holds(F.STABLE, courses=course, stable_sessions=2) == [YES]
    assert holds(F.STABLE, courses=course, stable_sessions=4) == [UNSURE]


def test_a_form_that_was_not_wholly_answered_is_not_counted_for_stability():
    assert holds(F.STABLE, courses=[scores(5, 5, 5, complete=False)]) == [UNSURE]


def test_where_more_is_better_worse_is_the_other_way():
    norm = Norm(population="People", source="Ours", sd=6.1, reliability=0.89, group=NormGroup.CLINICAL)
    other = replace(PHQ_9, code="own", higher_is_better=True, norms=(norm,), caseness=None)
    assert holds(F.STABLE, courses=[scores(11, 7, 5, form=other)]) == [NO]
    assert "reliably worse" in of(F.STABLE, courses=[scores(11, 7, 5, form=other)])[0].source
    assert "reliably worse" not in of(F.STABLE, courses=[scores(5, 7, 11, form=other)])[0].source


def test_without_norms_nothing_is_said_of_change_or_stability():
    bare = replace(PHQ_9, norms=(), caseness=None)
    for fact in (F.STABLE, F.RELIABLE_CHANGE):
        assert holds(fact, courses=[scores(17, 5, 5, form=bare)]) == [UNSURE]


# -- goals -------------------------------------------------------------------------------------------------------------


def rating(*levels: int | None, day: int = 1, in_error: bool = False) -> GoalRating:
    known = [(1.0, level) for level in levels if level is not None]
    given = tuple(GoalLevel(goal=n, level=level) for n, level in enumerate(levels, 1))
    t = t_score(known) if len(known) == len(levels) else None
    return GoalRating(levels=given, rated_on=date(2026, 2, day), by=T, t_score=t, in_error=in_error)


def goals(client: tuple[GoalRating, ...] = (), therapist: tuple[GoalRating, ...] = (), **more: Any) -> GoalAttainment:
    scaled = tuple(ScaledGoal(number=n, text=f"Goal {n}") for n in (1, 2, 3))
    said = {"goals": scaled, "client_ratings": client, "therapist_ratings": therapist}
    views = {"client_attained": attained(client), "therapist_attained": attained(therapist)}
    return GoalAttainment(id=ID, relationship_id=RELATIONSHIP_ID, **said | views | more)


def test_goals_are_attained_when_each_is_where_it_was_expected_or_better_as_each_of_the_two_sees_it():
    found = of(F.GOALS_ATTAINED, goals=[goals((rating(0, 1, 2),), (rating(2, 2, -1),))])
    assert [(one.said_by, one.holds) for one in found] == [(Informant.CLIENT, YES), (Informant.THERAPIST, NO)]
    assert "2 of 3 goals" in found[1].source and "T = 63.7" in found[0].source, "one goal does not make up for another"
    assert found[0].on == date(2026, 2, 1)


def test_the_latest_complete_rating_counts_and_a_blank_is_no_zero():
    views = (
        rating(-2, 0, 0),
        rating(0, 0, 0, day=3),
        rating(0, None, 0, day=5),
        rating(-1, 0, 0, day=7, in_error=True),
    )
    assert holds(F.GOALS_ATTAINED, goals=[goals(views)]) == [YES]
    assert holds(F.GOALS_ATTAINED, goals=[goals((rating(-2, 0, 0), rating(0, 0, 0)))]) == [YES], "recorded later"
    assert holds(F.GOALS_ATTAINED, goals=[goals((rating(0, None, 0),))]) == [UNSURE]
    assert holds(F.GOALS_ATTAINED, goals=[goals()]) == [UNSURE]


def test_goals_that_were_a_mistake_are_none():
    wrong = goals((rating(-2, -2, -2),), phase=AttainmentPhase.ENTERED_IN_ERROR)
    assert holds(F.GOALS_ATTAINED, goals=[wrong]) == [UNSURE]


# -- the rest of the record --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kept", "word"), [
    ({"relapse_signature": ("I hide.",)}, "early signs"), ({"safety_plan": SafetyPlan()}, "a safety plan"),
    ({"closure": (Closed(task=ClosureTask.RELAPSE_PLAN, done_on=TODAY),)}, "the closure task"),
])  # fmt: skip
def test_any_plan_for_slips_is_one(kept, word):
    (found,) = of(F.RELAPSE_PLAN, plan(**kept))
    assert (found.holds, found.source) == (YES, f"On record: {word}.")
    assert found.on == (TODAY if "closure" in kept else None)
    assert holds(F.RELAPSE_PLAN, plan(closure=(Closed(task=ClosureTask.REFERRAL, done_on=TODAY),))) == [UNSURE]


@pytest.mark.parametrize(("ruptures", "answer"), [
    (Ruptures(), UNSURE), (Ruptures(recorded=2, open=1), NO), (Ruptures(recorded=1, suspected=1), UNSURE),
    (Ruptures(recorded=2), YES), (Ruptures(recorded=3, open=1, suspected=1), NO),
    (Ruptures(recorded=1, ended_unrepaired=1), NO), (Ruptures(recorded=2, unrepaired=1), YES),
])  # fmt: skip
def test_a_rupture_is_open_or_it_is_not_and_none_on_record_says_nothing(ruptures, answer):
    (found,) = of(F.NO_OPEN_RUPTURE, ruptures=ruptures)
    assert found.holds is answer
    assert ("left unrepaired" in found.source) == bool(ruptures.unrepaired)


@pytest.mark.parametrize("risk", Risk)
def test_risk_is_what_the_last_screening_found_and_unscreened_is_not_open(risk):
    answers = {Risk.NONE: YES, Risk.LOW: YES, Risk.MODERATE: NO, Risk.HIGH: NO, Risk.UNKNOWN: UNSURE}
    (found,) = of(F.NO_OPEN_RISK, relationship=relationship(risk=risk, screened_on=TODAY))
    assert (found.holds, found.on) == (answers[risk], TODAY if risk is not Risk.UNKNOWN else None)
    assert holds(F.NO_OPEN_RISK, relationship=relationship(risk=risk)) == [UNSURE]
