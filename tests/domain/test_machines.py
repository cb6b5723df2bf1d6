"""Every cell of every table: each move, from each phase, by each role."""

import ast
import re
import sys
from collections import Counter
from dataclasses import is_dataclass
from enum import StrEnum
from functools import cache
from itertools import product
from pathlib import Path
from pkgutil import iter_modules
from typing import Any
from uuid import UUID

import pytest

import domain
from domain.access import Role
from domain.attachment import ProfilePhase
from domain.attainment import AttainmentPhase, GoalLevel, GoalRating
from domain.catalog import EVENT_TYPES, MACHINES
from domain.closure import Reflection
from domain.detection import ObserverCode, Rater
from domain.diagram import mermaid
from domain.endings import EndingKind
from domain.errors import NotOpen, NotYours, Refused
from domain.handover import Receiver
from domain.machine import Machine
from domain.move import NEW, Move
from domain.outcome import OutcomePhase
from domain.outreach import Channel, Outreach
from domain.people import PersonPhase
from domain.rating import DirectReport, ObserverRating, RatingPhase
from domain.relationship import Baseline
from domain.repair import RepairPhase
from domain.rupture import Reporter, Rupture, RupturePhase
from domain.session import SessionPhase
from domain.signal import SignalPhase
from domain.values import records
from domain.webhook import EndpointPhase, RecoveryUnderWay
from tests.domain.given import (
    NOW,
    RELATIONSHIP_ID,
    RUPTURE_ID,
    SOMEBODY,
    THERAPIST_ID,
    TODAY,
    around,
    body_for,
    built,
    caller,
    phases,
    session,
)

ROWS = [(machine, role) for machine in MACHINES for role in Role]
BY_SUBJECT = {machine.subject: machine for machine in MACHINES}
each_machine = pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.subject)

AGREED = {"kind": EndingKind.PLANNED_MUTUAL, "agreed_by_client": True}
OF_ITS_KIND: dict[str, dict[str, Any]] = {"termination_plan": AGREED}
"""What the plainest state of a kind has beside what its class asks for."""

UNDER_WAY = RecoveryUnderWay(after_seq=0, asked_at=NOW)
TRIES = tuple(
    Outreach(channel=channel, offered_return=True) for channel in (Channel.LETTER, Channel.PHONE, Channel.PHONE)
)
CLIENTS = {"state": {"reported_by": Reporter.CLIENT}}
MINE: dict[str, Any] = {"body": {"therapist_ids": (THERAPIST_ID,)}}
ASKED = DirectReport(problem=True, intensity=4)
CODED = (ObserverRating(code=ObserverCode.WD_P, salience=3),)
LOW = {"anxiety_score": 2.0, "avoidance_score": 2.0}
REACHED = {"levels": (GoalLevel(goal=1, level=1),)}
GIVEN = (GoalRating(by=Role.INTEGRATION, **REACHED),)
PHQ = {"instrument": "phq-9", "instrument_version": "2001"}
ASKS_MORE: dict[tuple[str, str, Role | None], dict[str, dict[str, Any]]] = {
    ("relationship", "begin", Role.THERAPIST): MINE,
    ("relationship", "revise", Role.THERAPIST): MINE,
    ("relationship", "withdraw_baseline", None): {"state": {"baselines": (Baseline(since=TODAY, begun_by="them"),)}},
    ("rupture", "withdraw", Role.CLIENT): CLIENTS,
    ("rupture", "withdraw", Role.THERAPIST): {"state": {"recorded_by": caller(Role.THERAPIST).id}},
    ("rupture", "withdraw", Role.SUPERVISOR): {"state": {"recorded_by": caller(Role.SUPERVISOR).id}},
    ("rupture", "withdraw", Role.INTEGRATION): {"state": {"recorded_by": caller(Role.INTEGRATION).id}},
    ("rupture", "revise", Role.CLIENT): CLIENTS,
    ("rupture", "mark_in_error", Role.CLIENT): CLIENTS,
    ("repair", "conclude", None): {"body": {"client_resolution": 4}},
    ("termination_plan", "plan_ending", None): {"body": {**AGREED, "target_date": TODAY}},
    ("termination_plan", "therapist_unavailable", None): {
        "body": {"therapist_id": THERAPIST_ID, "successor_therapist_id": SOMEBODY}
    },
    ("termination_plan", "begin_transfer", None): {"body": {"receiver": Receiver(therapist_id=SOMEBODY)}},
    ("termination_plan", "revise_aftercare", None): {"body": {"return_route": "Call us."}},
    ("termination_plan", "plan_ahead", None): {"body": {"relapse_signature": ("I stop answering.",)}},
    **{
        ("termination_plan", "share_reflection", role): {"state": {"reflections": (Reflection(by=role, words="So."),)}}
        for role in (Role.THERAPIST, Role.CLIENT)
    },
    ("termination_plan", "lapse", None): {"state": {"outreach": TRIES}},
    ("instrument", "define", None): {"body": {"low": 1.0, "high": 5.0, "items": (1, 2)}},
    ("alliance_rating", "record", None): {"body": {"direct_report": ASKED}},
    ("alliance_rating", "record", Role.INTEGRATION): {"body": {"direct_report": ASKED, "rater": Rater.CLIENT}},
    ("alliance_rating", "record", Role.SUPERVISOR): {"body": {"observer_codes": CODED}},
    ("alliance_rating", "correct", Role.INTEGRATION): {"body": {"direct_report": ASKED}},
    **{
        ("alliance_rating", name, role): {"state": {"rater": rater, "rater_id": caller(role).id}, "body": body}
        for role, rater, said in (
            (Role.CLIENT, Rater.CLIENT, {"direct_report": ASKED}),
            (Role.THERAPIST, Rater.THERAPIST, {"direct_report": ASKED}),
            (Role.SUPERVISOR, Rater.OBSERVER, {"observer_codes": CODED}),
        )
        for name, body in (("correct", said), ("mark_in_error", {}))
    },
    ("attachment_profile", "record", None): {"body": {"instrument": "ecr-r", **LOW}},
    ("attachment_profile", "correct", None): {
        "state": {"instrument": "ecr-r", "instrument_version": "2000"},
        "body": LOW,
    },
    ("outcome_score", "record", None): {"body": {"instrument": "phq-9", "total": 5.0}},
    ("outcome_score", "correct", None): {"state": PHQ, "body": {"total": 5.0}},
    ("outcome_score", "correct", Role.CLIENT): {
        "state": {**PHQ, "recorded_by": caller(Role.CLIENT).id},
        "body": {"total": 5.0},
    },
    ("outcome_score", "mark_in_error", Role.CLIENT): {"state": {"recorded_by": caller(Role.CLIENT).id}},
    ("goal_attainment", "rate", None): {"body": REACHED},
    ("goal_attainment", "rate", Role.INTEGRATION): {"body": {**REACHED, "rater": Rater.CLIENT}},
    **{
        ("goal_attainment", "mark_rating_in_error", role): {"state": {f"{rater}_ratings": GIVEN}, "body": said}
        for role, rater, said in (
            (Role.CLIENT, Rater.CLIENT, {}),
            (Role.THERAPIST, Rater.THERAPIST, {}),
            (Role.INTEGRATION, Rater.CLIENT, {"rater": Rater.CLIENT}),
        )
    },
    ("webhook_endpoint", "recover", None): {"body": {"after_seq": 0}},
    ("webhook_endpoint", "shorten_recovery", None): {
        "state": {"recovery": UNDER_WAY},
        "body": {"asked_at": NOW, "went_on_after": 9},
    },
    ("webhook_endpoint", "finish_recovery", None): {"state": {"recovery": UNDER_WAY}, "body": {"asked_at": NOW}},
}
"""The moves that the least body does not carry (None: by whatever role), and what they ask for."""


def more_for(machine: Machine, move: Move, role: Role) -> dict[str, dict[str, Any]] | None:
    whoever = ASKS_MORE.get((machine.subject, move.name, None))
    return ASKS_MORE.get((machine.subject, move.name, role), whoever)


def cells(machine: Machine) -> list[tuple[Move, str]]:
    return list(product(machine.moves, phases(machine)))


def attempt(machine: Machine, move: Move, phase: str, role: Role, more: dict[str, dict[str, Any]]) -> Any:
    given = OF_ITS_KIND.get(machine.subject, {}) | more.get("state", {})
    state = None if phase == NEW else built(machine.cls, phase=machine.phases(phase), **given)
    parent_phase = RupturePhase.CONFIRMED if move.name == "begin" else RupturePhase.IN_REPAIR
    rupture = Rupture(id=RUPTURE_ID, relationship_id=RELATIONSHIP_ID, phase=parent_phase)
    above = session() if machine.subject == "alliance_rating" else rupture
    body = body_for(machine, move, state, **more.get("body", {}))
    return machine.decide(move, state, body, around(role, parent=above), id=UUID(int=99))


def check(machine: Machine, move: Move, phase: str, role: Role) -> str:
    """What became of one cell, having checked that it is what the table says."""
    if role not in move.by:
        with pytest.raises(NotYours) as told:
            attempt(machine, move, phase, role, {})
        assert told.value.status == 403
        return "not theirs"
    if phase not in move.source:
        with pytest.raises(NotOpen) as told:
            attempt(machine, move, phase, role, {})
        assert (told.value.status, told.value.members["phase"]) == (409, phase)
        assert told.value.members["open_moves"] == written_down(machine, phase, role)
        return "not open"
    more = more_for(machine, move, role)
    if more:
        with pytest.raises(Refused) as told:
            attempt(machine, move, phase, role, {})
        assert told.value.status == 422
    decision = attempt(machine, move, phase, role, more or {})
    assert decision.after.phase in (move.to or (phase,))
    assert (decision.event.source, decision.event.to) == (phase, decision.after.phase)
    assert decision.event.type == f"{machine.subject}.{move.event}"
    return "asks for more" if more else "done"


def written_down(machine: Machine, phase: str, role: Role) -> list[str]:
    """The moves open from a phase, read from the table itself."""
    begin = next(m for m in machine.moves if NEW in m.source)
    posts = [m for m in machine.moves if m.verb == "POST" and m is not begin]
    return [m.name for m in posts if phase in m.source and role in m.by]


@pytest.mark.parametrize(("machine", "role"), ROWS, ids=[f"{m.subject}-{r}" for m, r in ROWS])
def test_every_cell_does_what_the_table_says(machine, role):
    seen, wrong = Counter(), []
    for move, phase in cells(machine):
        try:
            seen[check(machine, move, phase, role)] += 1
        except (AssertionError, pytest.fail.Exception, AttributeError, TypeError, Refused) as error:
            wrong.append(f"{machine.subject}: {move.name} from {phase} by {role}: {type(error).__name__}: {error}")
    assert not wrong, "\n".join(wrong)
    assert sum(seen.values()) == len(machine.moves) * (len(machine.phases) + 1)


def test_no_cell_was_left_out():
    visited = {(m.subject, role, move.name, phase) for m, role in ROWS for move, phase in cells(m)}
    assert len(visited) == sum(len(m.moves) * (len(m.phases) + 1) * len(Role) for m in MACHINES)
    assert len(visited) > 3500


def test_what_asks_for_more_than_the_least_is_in_the_tables():
    for subject, name, role in ASKS_MORE:
        move = BY_SUBJECT[subject].by_name[name]
        assert role is None or role in move.by


def leads(machine: Machine) -> dict[str, dict[str, set[Role]]]:
    """From each phase to each other phase: who can go there."""
    found: dict[str, dict[str, set[Role]]] = {str(p): {} for p in phases(machine)}
    for move in machine.moves:
        for source, to in product(move.source, move.to):
            if source != to:
                found[source].setdefault(str(to), set()).update(move.by)
    return found


@each_machine
def test_no_phase_is_out_of_reach(machine):
    reached, ways = {NEW}, leads(machine)
    while more := {to for phase in reached for to in ways[phase]} - reached:
        reached |= more
    assert reached == {NEW, *machine.phases}


FINAL = {
    ("session", SessionPhase.ENTERED_IN_ERROR): "kept out of count; recorded anew if it was none",
    ("rupture", RupturePhase.ENTERED_IN_ERROR): "kept out of count; reported anew if it was none",
    ("repair", RepairPhase.CONCLUDED): "an attempt is over; what comes back is mended in another",
    ("signal", SignalPhase.SUPERSEDED): "what the ratings show now is another signal",
    ("alliance_rating", RatingPhase.ENTERED_IN_ERROR): "kept out of count; recorded anew if it was none",
    ("attachment_profile", ProfilePhase.ENTERED_IN_ERROR): "kept out of count; recorded anew if it was none",
    ("outcome_score", OutcomePhase.ENTERED_IN_ERROR): "kept out of count; recorded anew if it was none",
    ("goal_attainment", AttainmentPhase.ENTERED_IN_ERROR): "kept out of count; agreed anew if it was none",
    ("webhook_endpoint", EndpointPhase.DELETED): "its secret is gone; registered anew",
}
LEFT_BY_CONSEQUENCE = {
    ("signal", "new"): "seen in ratings, never said by anybody",
    ("relationship", "in_transition"): "what becomes of it is for the termination plan to say",
    ("relationship", "ended"): "taken up again by reopening the termination plan",
}


def test_no_phase_is_a_dead_end_by_accident():
    ends = {(m.subject, phase) for m in MACHINES for phase, ways in leads(m).items() if not ways}
    assert ends == set(FINAL)


def test_a_person_can_lead_out_of_every_phase_or_there_is_a_reason():
    only = {
        (m.subject, phase)
        for m in MACHINES
        for phase, ways in leads(m).items()
        if ways and not set().union(*ways.values()) - {Role.POLICY}
    }
    assert only == set(LEFT_BY_CONSEQUENCE)


def test_whatever_is_archived_can_be_brought_back():
    for subject in ("client", "therapist"):
        assert "restore" in BY_SUBJECT[subject].open_moves(PersonPhase.ARCHIVED, Role.SUPERVISOR)
    assert "reopen" in BY_SUBJECT["termination_plan"].open_moves("archived", Role.THERAPIST)
    assert "reinstate" in BY_SUBJECT["policy"].open_moves("retired", Role.ADMIN)
    assert "reinstate" in BY_SUBJECT["instrument"].open_moves("retired", Role.ADMIN)


@each_machine
def test_open_moves_are_those_of_the_table_and_no_others(machine):
    for phase, role in product(phases(machine), Role):
        assert list(machine.open_moves(phase, role)) == written_down(machine, phase, role)


@each_machine
def test_a_move_leads_from_phases_to_phases(machine):
    for move in machine.moves:
        assert move.source and set(move.source) <= set(phases(machine)), move.name
        assert set(move.to) <= set(machine.phases), move.name
        assert len(set(move.source)) == len(move.source), move.name
        assert move.to or NEW not in move.source, f"{move.name} makes something in no phase"
        assert move.by, f"{move.name} is made by nobody"


PAST = re.compile(r"(^|_)(\w+ed|became|begun|held|put|set|taken|withdrawn)(_|$)|^reminder_due$")


@each_machine
def test_a_move_is_told_as_something_that_happened(machine):
    told = [move.event for move in machine.moves]
    assert len(set(told)) == len(told)
    assert [event for event in told if not PAST.search(event)] == []
    assert len({move.name for move in machine.moves}) == len(machine.moves)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", m.name) for m in machine.moves)


def test_no_two_things_tell_of_the_same_event():
    assert len(set(EVENT_TYPES)) == len(EVENT_TYPES) == sum(len(m.moves) for m in MACHINES)


@each_machine
def test_every_move_says_what_it_means(machine):
    for move in machine.moves:
        assert re.fullmatch(r"[A-Z].{8,150}\.", move.says), f"{move.name}: {move.says!r}"


@each_machine
def test_there_is_one_way_to_begin_and_at_most_one_to_revise_and_to_remove(machine):
    verbs = Counter(move.verb for move in machine.moves)
    assert verbs["PATCH"] <= 1 and verbs["DELETE"] <= 1 and set(verbs) <= {"POST", "PATCH", "DELETE"}
    assert NEW in machine.begin.source and machine.begin.source == (NEW,)
    assert machine.revise is None or machine.revise.event == "revised"


@each_machine
def test_the_diagram_shows_every_phase_and_every_move_that_leads_somewhere(machine):
    drawn = mermaid(machine)
    for phase in machine.phases:
        assert re.search(rf"\b{phase}\b", drawn), phase
    for move in machine.moves:
        assert bool(re.search(rf": {move.name}$", drawn, re.MULTILINE)) == bool(move.to), move.name


# -- what is written beside each field and value -----------------------------------------------------------------------


@cache
def written(module: str) -> dict[str, list[ast.stmt]]:
    """What stands in each class of a module."""
    tree = ast.parse(Path(sys.modules[module].__file__).read_text())
    return {node.name: node.body for node in tree.body if isinstance(node, ast.ClassDef)}


def documented(cls: type) -> dict[str, bool]:
    """The fields or values a class declares itself, and whether a docstring follows each."""
    body = written(cls.__module__)[cls.__name__]
    found = {}
    for node, after in zip(body, [*body[1:], None], strict=True):
        targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        said = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and bool(after.value.value.strip())
        found |= {t.id: said for t in targets if isinstance(t, ast.Name) and not t.id.startswith("__")}
    return found


def told_over_the_api() -> set[type]:
    """Every aggregate, every body, and every record within them, with the classes they are made from."""
    ways = [machine.cls for machine in MACHINES] + [move.takes for machine in MACHINES for move in machine.moves]
    found: set[type] = set()
    while ways:
        cls = ways.pop()
        if cls not in found:
            found.add(cls)
            ways += [*records(cls).values(), *(c for c in cls.__mro__ if is_dataclass(c))]
    return found


def enums() -> list[type]:
    modules = [__import__(f"domain.{m.name}", fromlist=["_"]) for m in iter_modules(domain.__path__)]
    return sorted(
        {v for m in modules for v in vars(m).values() if isinstance(v, type) and issubclass(v, StrEnum)} - {StrEnum},
        key=lambda cls: cls.__name__,
    )


ENVELOPE = {"id"}
"""Said once, for everything, where representations are described."""


@pytest.mark.parametrize("cls", sorted(told_over_the_api(), key=lambda c: (c.__module__, c.__name__)),
                         ids=lambda c: f"{c.__module__.removeprefix('domain.')}.{c.__name__}")  # fmt: skip
def test_every_field_says_what_it_is(cls):
    assert cls.__doc__ and not cls.__doc__.startswith(f"{cls.__name__}(")
    assert [name for name, said in documented(cls).items() if not said and name not in ENVELOPE] == []


@pytest.mark.parametrize("cls", enums(), ids=lambda c: c.__name__)
def test_every_value_says_what_it_means(cls):
    assert cls.__doc__
    told = documented(cls)
    assert set(told) == {value.name for value in cls}
    assert [name for name, said in told.items() if not said] == []
    assert all(value.value == value.name.lower() for value in cls)
