"""What follows from what, told as it happens to a pair."""

from typing import Any

import pytest

from domain.access import Role
from domain.catalog import BY_SUBJECT, EVENT_TYPES
from domain.consent import Consent
from domain.handover import Receiver
from domain.move import NEW, Decision
from domain.policies import FOLLOWING, POLICIES, following
from domain.relationship import RELATIONSHIP, Changed, RelationshipPhase, TreatmentChange
from domain.repair import REPAIR, Outcome, RepairPhase
from domain.rupture import RUPTURE, LeftReason, RupturePhase
from domain.termination import TERMINATION_PLAN, PlanPhase
from tests.domain.given import ID, RELATIONSHIP_ID, RUPTURE_ID, SOMEBODY, THERAPIST_ID, TODAY, around, do, relationship

T, C = Role.THERAPIST, Role.CLIENT

FOLLOWS = {
    "repair.begun": ("rupture", "begin_repair"), "repair.taken_up": ("rupture", "begin_repair"),
    "repair.view_recorded": ("rupture", "contest"),
    "rupture.left_unrepaired": ("repair", "set_aside"), "rupture.entered_in_error": ("repair", "set_aside"),
    "rupture.ended_unrepaired": ("repair", "set_aside"),
    "termination_plan.ending_planned": ("relationship", "enter_transition"),
    "termination_plan.closing_begun": ("relationship", "enter_transition"),
    "termination_plan.transfer_begun": ("relationship", "enter_transition"),
    "termination_plan.returned_to_work": ("relationship", "reactivate"),
    "termination_plan.client_returned": ("relationship", "reactivate"),
    "termination_plan.transfer_declined": ("relationship", "reactivate"),
    "termination_plan.reopened": ("relationship", "reactivate"),
    "termination_plan.ended": ("relationship", "end"), "termination_plan.client_ended": ("relationship", "end"),
    "termination_plan.client_died": ("relationship", "end"), "termination_plan.lapsed": ("relationship", "end"),
    "termination_plan.transfer_accepted": ("relationship", "end"),
    "relationship.ended": ("rupture", "end_unrepaired"), "relationship.reactivated": ("rupture", "carry_over"),
    "webhook_endpoint.registered": ("webhook_endpoint", "ping"), "webhook_endpoint.enabled": ("webhook_endpoint", "ping"),
    "webhook_endpoint.relocated": ("webhook_endpoint", "ping"),
}  # fmt: skip
"""Beside whoever takes over, and a therapist's falling away, whose events are told below, and a concluded repair, whose
consequence depends."""
UNAVAILABLE, ACCEPTED = (
    TERMINATION_PLAN.type_of(TERMINATION_PLAN.by_name[name]) for name in ("therapist_unavailable", "transfer_accepted")
)


@pytest.mark.parametrize("event", EVENT_TYPES)
def test_nothing_follows_but_what_is_said_here(event):
    if event == "repair.concluded":
        return
    expected = {FOLLOWS.get(event)} - {None}
    expected |= {("relationship", "enter_transition")} if event == UNAVAILABLE else set()
    expected |= {("relationship", "add_successor")} if event in (UNAVAILABLE, ACCEPTED) else set()
    assert {(p.machine.subject, p.move) for p in following(event)} == expected


@pytest.mark.parametrize(("outcome", "phase"), [
    (Outcome.REPAIRED, RupturePhase.REPAIRED), (Outcome.PARTIALLY_REPAIRED, RupturePhase.PARTIALLY_REPAIRED),
    (Outcome.NOT_REPAIRED, RupturePhase.UNREPAIRED),
])  # fmt: skip
def test_a_concluded_repair_says_what_becomes_of_its_rupture(outcome, phase):
    world = World.in_repair()
    world.make(REPAIR, "conclude", outcome=outcome, client_resolution=5)
    assert (world.repair.phase, world.rupture.phase) == (RepairPhase.CONCLUDED, phase)


@pytest.mark.parametrize(("view", "phase"), [
    *((n, RupturePhase.PARTIALLY_REPAIRED) for n in (1, 2, 3)), *((n, RupturePhase.REPAIRED) for n in (4, 5)),
])  # fmt: skip
def test_a_repaired_rupture_does_not_stay_so_over_the_clients_own_word(view, phase):
    world = World.in_repair()
    world.make(REPAIR, "conclude", outcome=Outcome.REPAIRED, client_resolution=5)
    world.make(REPAIR, "record_view", C, resolution=view)
    assert world.rupture.phase is phase
    assert ("rupture.contested" in world.told) is (phase is RupturePhase.PARTIALLY_REPAIRED)
    assert world.rupture.recurrences == 0, "whether it came back is theirs to say"


@pytest.mark.parametrize("outcome", [Outcome.PARTIALLY_REPAIRED, Outcome.NOT_REPAIRED])
def test_a_view_of_what_was_never_called_repaired_moves_nothing(outcome):
    world = World.in_repair()
    world.make(REPAIR, "record_view", C, resolution=1)
    assert world.rupture.phase is RupturePhase.IN_REPAIR
    world.make(REPAIR, "conclude", outcome=outcome)
    before = world.rupture
    world.make(REPAIR, "record_view", C, resolution=1)
    assert world.rupture == before


def test_every_consequence_is_one_the_domain_may_draw_by_itself():
    assert set(FOLLOWING) <= set(EVENT_TYPES)
    for policy in POLICIES:
        names = [policy.move] if isinstance(policy.move, str) else [m.name for m in RUPTURE.moves]
        for move in (policy.machine.by_name[n] for n in names):
            if Role.POLICY in move.by:
                assert policy.body or move.takes(), "which asks for nothing that nobody could say"
                assert NEW not in move.source
        assert policy.where in {"id", *policy.machine.field_names}
        for event in policy.events:
            assert policy.its in BY_SUBJECT[event.partition(".")[0]].field_names


BY_ITS_ANSWERS = (
    "verify", "disable", "shorten_recovery", "finish_recovery", "warn", "open_breaker", "close_breaker", "give_up",
    "expire",
)  # fmt: skip
"""What the service does with an endpoint, which follows from how it answers and not from an event."""


def test_every_move_of_the_domain_itself_follows_from_something():
    drawn = {(p.machine.subject, p.move) for p in POLICIES if isinstance(p.move, str)}
    drawn |= {("rupture", name) for name in ("mend", "mend_in_part", "stay_unmended")}
    drawn |= {("webhook_endpoint", name) for name in BY_ITS_ANSWERS}
    drawn |= {("signal", name) for name in ("raise", "firm_up", "supersede")}
    drawn.add(("termination_plan", "remind"))
    own = {(m.subject, move.name) for m in BY_SUBJECT.values() for move in m.moves if Role.POLICY in move.by}
    assert own == drawn


# -- stories -----------------------------------------------------------------------------------------------------------


class World:
    """One pair, one rupture, one repair, one plan, and the consequences drawn as they are."""

    def __init__(self, **things: Any) -> None:
        self.things: dict[str, Any] = {"relationship": relationship()} | things
        self.told: list[str] = []

    def __getattr__(self, subject: str) -> Any:
        return self.things[subject]

    @classmethod
    def in_repair(cls) -> "World":
        world = cls()
        world.make(RUPTURE, "report", C, relationship_id=RELATIONSHIP_ID)
        world.things["rupture"] = RUPTURE.cls(**world.fields(world.rupture) | {"id": RUPTURE_ID})
        world.make(REPAIR, "begin", rupture_id=RUPTURE_ID)
        return world

    @staticmethod
    def fields(thing: Any) -> dict[str, Any]:
        return {name: getattr(thing, name) for name in thing.__dataclass_fields__}

    def make(self, machine: Any, name: str, by: Role = T, **said: Any) -> Decision:
        state = self.things.get(machine.subject)
        pair, parent = self.things["relationship"], self.things.get("rupture")
        decision = do(machine, name, state, by, pair=pair, parent=parent, **said)
        self.happened(machine.subject, decision)
        return decision

    def happened(self, subject: str, decision: Decision) -> None:
        self.things[subject] = decision.after
        self.told.append(decision.event.type)
        for policy in following(decision.event.type):
            other = self.things.get(policy.machine.subject)
            move = policy.machine.by_name[policy.move_for(decision.after)]
            if other is None or other.phase not in move.source:
                continue
            assert getattr(other, policy.where) == getattr(decision.after, policy.its)
            known = around(Role.POLICY, pair=self.things["relationship"])
            if drawn := policy.draw(decision.after, other, known):
                self.happened(policy.machine.subject, drawn)


PLAN = TERMINATION_PLAN.cls(id=ID, relationship_id=RELATIONSHIP_ID, phase=PlanPhase.REVIEWING)


def test_when_a_repair_begins_the_rupture_is_in_repair():
    assert World.in_repair().rupture.phase is RupturePhase.IN_REPAIR


def test_a_rupture_left_unrepaired_lets_its_repair_rest_and_taking_it_up_brings_both_back():
    world = World.in_repair()
    world.make(RUPTURE, "leave_unrepaired", reason=LeftReason.NOT_THE_TIME)
    assert (world.rupture.phase, world.repair.phase) == (RupturePhase.UNREPAIRED, RepairPhase.SET_ASIDE)
    world.make(REPAIR, "take_up")
    assert (world.rupture.phase, world.repair.phase) == (RupturePhase.IN_REPAIR, RepairPhase.OPENED)


def test_a_rupture_that_was_a_mistake_lets_its_repair_rest():
    world = World.in_repair()
    world.make(RUPTURE, "mark_in_error", C)
    assert (world.rupture.phase, world.repair.phase) == (RupturePhase.ENTERED_IN_ERROR, RepairPhase.SET_ASIDE)


def test_a_client_who_leaves_in_the_middle_of_a_repair_leaves_it_unrepaired_and_kept():
    world = World.in_repair()
    world.make(TERMINATION_PLAN, "client_ends", C)
    assert world.termination_plan.phase is PlanPhase.ENDED
    assert (world.relationship.phase, world.relationship.ended_on) == (RelationshipPhase.ENDED, TODAY)
    assert (world.rupture.phase, world.repair.phase) == (RupturePhase.ENDED_UNREPAIRED, RepairPhase.SET_ASIDE)
    assert world.told[-4:] == [
        "termination_plan.client_ended", "relationship.ended", "rupture.ended_unrepaired", "repair.set_aside"
    ]  # fmt: skip


def test_a_client_who_comes_back_finds_the_rupture_waiting_and_it_can_be_mended():
    world = World.in_repair()
    world.make(TERMINATION_PLAN, "client_ends", C)
    world.make(TERMINATION_PLAN, "reopen")
    assert (world.relationship.phase, world.relationship.ended_on) == (RelationshipPhase.ACTIVE, None)
    assert world.rupture.phase is RupturePhase.UNREPAIRED
    world.make(REPAIR, "take_up")
    world.make(REPAIR, "conclude", outcome=Outcome.REPAIRED, client_resolution=4)
    assert world.rupture.phase is RupturePhase.REPAIRED


@pytest.mark.parametrize("phase", [RupturePhase.REPAIRED, RupturePhase.PARTIALLY_REPAIRED, RupturePhase.UNREPAIRED,
                                   RupturePhase.DISMISSED, RupturePhase.SUSPECTED])  # fmt: skip
def test_an_ending_does_not_rewrite_what_was_not_open(phase):
    world = World(rupture=RUPTURE.cls(id=RUPTURE_ID, relationship_id=RELATIONSHIP_ID, phase=phase))
    world.make(TERMINATION_PLAN, "client_ends", C)
    assert world.rupture.phase is phase


def test_a_planned_ending_puts_the_pair_in_transition_and_going_back_to_work_takes_them_out():
    world = World(termination_plan=PLAN)
    world.make(TERMINATION_PLAN, "plan_ending", kind="client_initiated", target_date=TODAY, agreed_by_client=True)
    assert world.relationship.phase is RelationshipPhase.IN_TRANSITION
    world.make(TERMINATION_PLAN, "begin_closing")
    assert world.relationship.phase is RelationshipPhase.IN_TRANSITION
    world.make(TERMINATION_PLAN, "return_to_work", C)
    assert world.relationship.phase is RelationshipPhase.ACTIVE


def test_a_transfer_ends_the_work_only_when_the_receiver_accepted():
    for answer, phase in (
        ("transfer_accepted", RelationshipPhase.ENDED),
        ("transfer_declined", RelationshipPhase.ACTIVE),
    ):
        world = World(termination_plan=PLAN)
        world.make(TERMINATION_PLAN, "begin_transfer", receiver=Receiver(therapist_id=SOMEBODY))
        assert world.relationship.phase is RelationshipPhase.IN_TRANSITION
        world.make(TERMINATION_PLAN, answer)
        assert world.relationship.phase is phase


def test_when_a_therapist_falls_away_the_pair_is_in_transition_until_somebody_takes_over():
    world = World()
    said = {"therapist_id": THERAPIST_ID, "successor_therapist_id": SOMEBODY}
    world.make(TERMINATION_PLAN, "therapist_unavailable", Role.SUPERVISOR, **said)
    assert world.relationship.phase is RelationshipPhase.IN_TRANSITION
    world.make(TERMINATION_PLAN, "transfer_accepted", Role.SUPERVISOR)
    assert world.relationship.phase is RelationshipPhase.ENDED


def test_who_is_named_to_take_over_from_somebody_gone_sees_it_at_once_and_others_when_they_accept():
    world = World()
    said = {"therapist_id": THERAPIST_ID, "successor_therapist_id": SOMEBODY}
    world.make(TERMINATION_PLAN, "therapist_unavailable", Role.SUPERVISOR, **said)
    assert world.relationship.therapist_ids == (THERAPIST_ID, SOMEBODY)
    assert world.relationship.treatment_changes == (TreatmentChange(since=TODAY, changed=(Changed.THERAPISTS,)),)
    world.make(TERMINATION_PLAN, "transfer_accepted", who=str(SOMEBODY))
    assert world.told.count("relationship.successor_added") == 1, "nothing is told where nothing changed"
    world = World(termination_plan=PLAN)
    world.make(TERMINATION_PLAN, "begin_transfer", receiver=Receiver(therapist_id=SOMEBODY))
    assert world.relationship.therapist_ids == (THERAPIST_ID,)
    world.make(TERMINATION_PLAN, "transfer_accepted")
    assert world.relationship.therapist_ids == (THERAPIST_ID, SOMEBODY)
    assert world.told[-2:] == ["relationship.successor_added", "relationship.ended"]


def test_somebody_elsewhere_who_takes_over_joins_nobody_here():
    world = World(termination_plan=PLAN)
    world.make(TERMINATION_PLAN, "begin_transfer", receiver=Receiver(name="Riverside Clinic"))
    world.make(TERMINATION_PLAN, "transfer_accepted")
    assert world.relationship.therapist_ids == (THERAPIST_ID,)


def test_silence_changes_nothing_between_the_two_until_a_therapist_says_so():
    world = World(termination_plan=PLAN)
    world.make(TERMINATION_PLAN, "suspect_lapse", Role.INTEGRATION)
    assert world.relationship.phase is RelationshipPhase.ACTIVE
    world.make(TERMINATION_PLAN, "client_returned")
    assert world.relationship.phase is RelationshipPhase.ACTIVE


def test_talking_about_progress_does_not_end_a_pause():
    world = World(relationship=relationship(phase=RelationshipPhase.ON_HOLD))
    consent = Consent(text_version="1", given_on=TODAY)
    world.make(TERMINATION_PLAN, "introduce", relationship_id=RELATIONSHIP_ID, consent=consent)
    world.make(TERMINATION_PLAN, "begin_review", C)
    assert world.relationship.phase is RelationshipPhase.ON_HOLD


@pytest.mark.parametrize(
    "phase", [RelationshipPhase.ACTIVE, RelationshipPhase.ON_HOLD, RelationshipPhase.IN_TRANSITION]
)
def test_whatever_they_were_doing_death_ends_it(phase):
    world = World(relationship=relationship(phase=phase))
    world.make(TERMINATION_PLAN, "client_died")
    assert world.relationship.phase is RelationshipPhase.ENDED
    assert RELATIONSHIP.open_moves(world.relationship.phase, T) == ("screen_risk",)
