"""Whatever people do, in whatever order: the log tells every fact of an object, and not a word of what was said."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, get_args, get_origin
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from domain.access import Role
from domain.attachment import ProfileCorrection, ProfileRecording, Target, TargetAnswers
from domain.attainment import GoalLevel, GoalSet, GoalSetting, MistakenRating, RatingGoals, ScaledGoal
from domain.catalog import MACHINES
from domain.detection import Rater
from domain.errors import Refused
from domain.form import Form, Licence
from domain.instruments import BUILT_IN, ECR_RS, GAD_7, PHQ_9, SRS, WAI_S, WAI_SR
from domain.machine import Machine
from domain.move import NEW, Around, Endings, Event, Move
from domain.outcome import OutcomeCorrection, OutcomeRecording
from domain.rating import Correction as RatingCorrection
from domain.rating import DirectReport, ObserverRating, Recording
from domain.relationship import RelationshipPhase, Risk
from domain.rupture import Rupture, RupturePhase
from domain.scoring import ItemAnswer
from domain.termination import TERMINATION_PLAN
from domain.values import Between, Code, Few, Words, plain, texts, type_hints
from tests.domain.given import (
    NOW,
    RELATIONSHIP_ID,
    RUPTURE_ID,
    SOMEBODY,
    caller,
    of_relationship,
    relationship,
    session,
)

SAID = "what-was-said-in-the-room"
IDS = tuple(UUID(int=n) for n in (101, 102, 103))
WHO = tuple(str(id) for id in IDS[:2])
PLAIN = {
    bool: st.booleans(), float: st.floats(-9, 9), UUID: st.sampled_from(IDS), str: st.just(SAID),
    date: st.dates(date(2026, 1, 1), date(2026, 3, 20)),
    datetime: st.datetimes(datetime(2026, 1, 1), datetime(2026, 3, 20), timezones=st.just(UTC)),
}  # fmt: skip


@cache
def anything(hint: Any, few: Few | None = None) -> st.SearchStrategy[Any]:
    """Any value of a type that keeps the limits written beside it."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return limited(inner[0], inner[1:], few)
    if origin is tuple:
        least, most = (few.least, min(few.limit, 3)) if few else (0, 3)
        return st.lists(anything(inner[0]), min_size=least, max_size=most).map(tuple)
    if origin is Mapping:
        return st.dictionaries(st.sampled_from(("limit", "window")), st.integers(1, 9) | PLAIN[float], max_size=2)
    if inner:
        return st.one_of(*(st.none() if each is type(None) else anything(each) for each in inner))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return st.sampled_from(tuple(hint))
    return PLAIN[hint] if hint in PLAIN else record(hint)


def limited(hint: Any, marks: tuple[Any, ...], few: Few | None) -> st.SearchStrategy[Any]:
    for mark in marks:
        if isinstance(mark, Code):
            return st.sampled_from(("2.1", "https://ehr.example/id"))
        if isinstance(mark, Words):
            return st.integers(1, 9).map(lambda n: f"{SAID} {n}")
        if isinstance(mark, Between) and isinstance(mark.low, int):
            return st.integers(mark.low, mark.high)
        if isinstance(mark, Between) and isinstance(mark.low, float):
            return st.floats(max(mark.low, 0.25), min(mark.high, 9.0))
        few = mark if isinstance(mark, Few) else few
    return anything(hint, few)


@cache
def record(cls: type) -> st.SearchStrategy[Any]:
    return st.builds(cls, **{name: anything(hint) for name, hint in type_hints(cls).items() if name[0] != "_"})


SAYS_SO = st.integers(1, 9).map(lambda n: f"{SAID} {n}")


def filled_in(form: Form) -> st.SearchStrategy[tuple[ItemAnswer, ...]]:
    """Answers to every item, blanks among them."""
    steps = round((form.high - form.low) / form.step)
    value = st.none() | st.integers(0, steps).map(lambda n: round(form.low + n * form.step, 6))
    each = (value.map(lambda v, item=item: ItemAnswer(item=item, value=v)) for item in form.items)
    return st.tuples(*each)


def spread(*forms: Form, at: str) -> st.SearchStrategy[dict[str, Any]]:
    """An instrument, and what was filled in."""
    return st.sampled_from(forms).flatmap(
        lambda form: st.fixed_dictionaries({"instrument": st.just(form.code), at: filled_in(form)})
    )


def told(takes: type, *parts: st.SearchStrategy[dict[str, Any]], **more: st.SearchStrategy[Any]) -> Any:
    """A body of what is filled in, and what is said with it."""
    whole = st.tuples(*parts, st.fixed_dictionaries(more))
    return whole.map(lambda said: takes(**{name: value for part in said for name, value in part.items()}))


DAYS, ONES_OWN = st.none() | PLAIN[date], st.fixed_dictionaries({"rater": st.none() | st.sampled_from(Rater)})
REPORTS = st.none() | record(DirectReport)
CODES = st.just(()) | st.tuples(record(ObserverRating))
ABOUT_A_PERSON = filled_in(ECR_RS).map(lambda answers: (TargetAnswers(target=Target.PARTNER, answers=answers),))
HELD = {"session_id": st.just(SOMEBODY), "direct_report": REPORTS, "observer_codes": CODES}
WHERE = {"relationship_id": st.just(RELATIONSHIP_ID), "rated_on": DAYS}
GOALS = st.lists(record(ScaledGoal), min_size=3, max_size=3).map(
    lambda goals: tuple(replace(goal, number=number) for number, goal in enumerate(goals, 1))
)
LEVELS = st.lists(st.none() | st.integers(-2, 2), min_size=3, max_size=3).map(
    lambda levels: tuple(GoalLevel(goal=goal, level=level) for goal, level in enumerate(levels, 1))
)
VIEW = st.sampled_from((None, Rater.CLIENT, Rater.THERAPIST))
FILLED_IN: dict[type, st.SearchStrategy[Any]] = {
    Recording: told(Recording, spread(WAI_SR, WAI_S, SRS, at="answers"), ONES_OWN, **HELD),
    RatingCorrection: told(RatingCorrection, direct_report=REPORTS, answers=st.one_of(map(filled_in, (WAI_SR, SRS)))),
    ProfileRecording: told(ProfileRecording, instrument=st.just("ecr-rs"), targets=ABOUT_A_PERSON, **WHERE),
    ProfileCorrection: told(ProfileCorrection, targets=ABOUT_A_PERSON, rated_on=DAYS),
    OutcomeRecording: told(OutcomeRecording, spread(PHQ_9, GAD_7, at="answers"), **WHERE),
    OutcomeCorrection: told(OutcomeCorrection, answers=st.one_of(map(filled_in, (PHQ_9, GAD_7))), rated_on=DAYS),
    GoalSetting: told(GoalSetting, goals=GOALS, relationship_id=st.just(RELATIONSHIP_ID), agreed_on=DAYS),
    GoalSet: told(GoalSet, goals=GOALS, agreed_on=DAYS),
    RatingGoals: told(RatingGoals, levels=LEVELS, rated_on=DAYS, rater=VIEW),
    MistakenRating: told(MistakenRating, rating=st.integers(1, 2), rater=VIEW),
    Form: st.sampled_from(BUILT_IN).flatmap(
        lambda form: st.tuples(record(Licence), SAYS_SO).map(lambda told: replace(form, licence=told[0], title=told[1]))
    ),
}
"""What chance would never fill in as an instrument wants it."""


def bodies(machine: Machine, move: Move, state: Any) -> st.SearchStrategy[Any]:
    if move.takes in FILLED_IN:
        return FILLED_IN[move.takes]
    before_a_plan = state is None and machine is TERMINATION_PLAN and move is not machine.begin
    return record(of_relationship(move.takes) if before_a_plan else move.takes)


ALIKE = settings(
    deadline=None, database=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
"""The same lives in every run; without shrinking, so that a failure is quick as well."""

arounds = st.builds(
    lambda role, who, phase, risk, screened, rupture, endings: Around(
        caller=caller(role, who), now=NOW, endings=endings,
        relationship=relationship(phase=phase, risk=risk, screened_on=screened, therapist_ids=IDS),
        parent=Rupture(id=RUPTURE_ID, relationship_id=RELATIONSHIP_ID, phase=rupture),
    ),
    st.sampled_from(Role), st.sampled_from(WHO), st.sampled_from(RelationshipPhase), st.sampled_from(Risk),
    st.none() | PLAIN[date], st.sampled_from(RupturePhase), st.none() | record(Endings),
)  # fmt: skip


OF_A_SESSION = {"alliance_rating": {"parent": session()}}
"""What hangs from a session, and not from a rupture."""


def facts(state: Any) -> dict[str, Any]:
    """An object's fields but for free text, as its row would tell them."""
    words = texts(type(state))
    return {n: plain(getattr(state, n), words=False) for n in state.__dataclass_fields__ if n not in words}


def logged(event: Event) -> Event:
    """The event as it comes back from the log."""
    data: Mapping[str, Any] = json.loads(json.dumps({"set": dict(event.set), "add": dict(event.add)}))
    return Event(type=event.type, source=str(event.source), to=str(event.to), set=data["set"], add=data["add"])


def open_to(machine: Machine, state: Any, role: Role) -> list[Move]:
    phase = NEW if state is None else state.phase
    return [m for m in machine.moves if phase in m.source and role in m.by]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.subject)
@settings(ALIKE, max_examples=25)
@given(data=st.data())
def test_the_log_tells_every_fact_and_not_a_word(machine, data):
    state, log = None, []
    for _ in range(data.draw(st.integers(4, 12))):
        known = replace(data.draw(arounds), **OF_A_SESSION.get(machine.subject, {}))
        moves = open_to(machine, state, known.caller.role)
        if not moves:
            continue
        move = data.draw(st.sampled_from(moves))
        body, before = data.draw(bodies(machine, move, state)), repr(state)
        try:
            decision = machine.decide(move, state, body, known, id=IDS[2])
        except Refused as refusal:
            assert repr(state) == before
            assert SAID not in f"{refusal.detail} {json.dumps(refusal.members)}"
            continue
        assert repr(state) == before, "an object is never changed, another takes its place"
        log.append(logged(decision.event))
        assert SAID not in json.dumps(plain(decision.event))
        assert "phase" not in decision.event.set, "which is said once, by where it led"
        assert (decision.event.source, decision.event.to) == (state.phase if state else NEW, decision.after.phase)
        state = decision.after
        assert machine.fold(state.id, log) == facts(state)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.subject)
@settings(ALIKE, max_examples=8)
@given(data=st.data())
def test_the_log_names_the_texts_that_changed_and_no_others(machine, data):
    for move in (machine.begin, machine.revise or machine.begin):
        state = None if move is machine.begin else data.draw(record(machine.cls))
        known = replace(data.draw(arounds), **OF_A_SESSION.get(machine.subject, {}))
        try:
            decision = machine.decide(move, state, data.draw(bodies(machine, move, state)), known, id=IDS[2])
        except Refused:
            continue
        was = {name: getattr(state, name) if state else None for name in texts(machine.cls)}
        now = {name: getattr(decision.after, name) for name in was}
        assert set(decision.event.texts) == {n for n in was if (was[n] or None) != (now[n] or None)}


class DriversId(UUID):
    """An id as a database driver makes it: a kind of UUID of its own."""


def test_an_id_a_day_and_a_moment_are_told_as_text_whoever_made_them():
    for value in (DriversId(int=7), UUID(int=7)):
        assert plain((value,)) == [str(UUID(int=7))]
    assert plain(NOW) == "2026-03-02T15:30:00+00:00" and plain(NOW.date()) == "2026-03-02"
