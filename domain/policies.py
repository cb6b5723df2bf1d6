"""What follows from what: a move on one aggregate that moves another, in the same transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from domain.machine import Machine
from domain.move import Around, Decision, Nothing
from domain.outcome import OUTCOME_SCORE
from domain.rating import ALLIANCE_RATING
from domain.relationship import RELATIONSHIP, RelationshipPhase, Succession
from domain.repair import REPAIR, Outcome, Repair, RepairPhase, falls_short
from domain.rupture import RUPTURE, RupturePhase
from domain.session import SESSION
from domain.signal import SIGNAL, rupture_of
from domain.termination import TERMINATION_PLAN, PlanPhase, TerminationPlan, back_to_work
from domain.webhook import WEBHOOK_ENDPOINT, EndpointPhase


@dataclass(frozen=True, slots=True)
class Policy:
    """When `events` happen, `move` those of `machine` whose `where` equals the subject's `its`, if the move is open."""

    events: tuple[str, ...]
    machine: Machine
    move: str | Callable[[Any], str]
    where: str
    its: str
    certain: bool = False
    """The subject's own decision rested on it: when it is not open any more, somebody else moved first."""
    body: Callable[[Any], Any] | None = None
    """What the move takes, from the subject; None where nothing follows. Left out: the move takes nothing."""

    def draw(self, subject: Any, state: Any, around: Around) -> Decision | None:
        """What follows for `state`; None where nothing does, or nothing would change."""
        move = self.machine.by_name[self.move_for(subject)]
        body = self.body(subject) if self.body else move.takes()
        if body is None:
            return None
        decision = self.machine.decide(move, state, body, around, id=state.id)
        return decision if decision.changes or not self.body else None

    def move_for(self, state: Any) -> str:
        """The name of the move that follows, given the subject as it is now."""
        return self.move if isinstance(self.move, str) else self.move(state)


@dataclass(frozen=True, slots=True)
class Opening:
    """When `events` happen, whoever caused them makes a new one of `machine`, under the id that is the subject's `its`.

    Not where there is none, or one of that id is there already.
    """

    events: tuple[str, ...]
    machine: Machine
    its: str
    body: Callable[[Any], Any]


OUTCOME = {
    Outcome.REPAIRED: "mend",
    Outcome.PARTIALLY_REPAIRED: "mend_in_part",
    Outcome.NOT_REPAIRED: "stay_unmended",
}


def taking_over(plan: TerminationPlan) -> Succession | None:
    """The therapist of this practice who takes over, where it is one."""
    receiver = plan.receiver and plan.receiver.therapist_id
    return Succession(therapist_id=receiver) if receiver else None


def seen_otherwise(repair: Repair) -> Nothing | None:
    """A repaired rupture does not stay so over the client's own word, also where that comes later."""
    later = repair.phase is RepairPhase.CONCLUDED and falls_short(repair.outcome, repair.client_resolution)
    return Nothing() if later else None


def reaching(machine: Machine, *phases: str) -> tuple[str, ...]:
    """The events of the moves that lead into any of `phases`."""
    return tuple(machine.type_of(m) for m in machine.moves if set(m.to) & set(phases))


P = PlanPhase
POLICIES = (
    Policy(("repair.begun",), RUPTURE, "begin_repair", "id", "rupture_id", certain=True),
    Policy(("repair.taken_up",), RUPTURE, "begin_repair", "id", "rupture_id"),
    Policy(("repair.concluded",), RUPTURE, lambda repair: OUTCOME[repair.outcome], "id", "rupture_id", certain=True),
    Policy(("repair.view_recorded",), RUPTURE, "contest", "id", "rupture_id", body=seen_otherwise),
    Policy(("rupture.left_unrepaired", *reaching(RUPTURE, RupturePhase.ENTERED_IN_ERROR), "rupture.ended_unrepaired"),
           REPAIR, "set_aside", "rupture_id", "id"),
    Policy(reaching(TERMINATION_PLAN, P.PLANNED, P.CLOSING, P.TRANSFERRING),
           RELATIONSHIP, "enter_transition", "id", "relationship_id"),
    Policy(tuple(TERMINATION_PLAN.type_of(m) for m in TERMINATION_PLAN.moves if m.effect is back_to_work),
           RELATIONSHIP, "reactivate", "id", "relationship_id"),
    # Whom a professional will names has nobody left to say yes for them, so they see it first; others once they accept.
    Policy(("termination_plan.therapist_became_unavailable", "termination_plan.transfer_accepted"),
           RELATIONSHIP, "add_successor", "id", "relationship_id", body=taking_over),
    Policy(reaching(TERMINATION_PLAN, P.ENDED), RELATIONSHIP, "end", "id", "relationship_id"),
    Policy(reaching(RELATIONSHIP, RelationshipPhase.ENDED), RUPTURE, "end_unrepaired", "relationship_id", "id"),
    Policy(("relationship.reactivated",), RUPTURE, "carry_over", "relationship_id", "id"),
    Policy(reaching(WEBHOOK_ENDPOINT, EndpointPhase.PENDING), WEBHOOK_ENDPOINT, "ping", "id", "id"),
)  # fmt: skip


OPENINGS = (Opening((SIGNAL.type_of(SIGNAL.by_name["review"]),), RUPTURE, "rupture_id", rupture_of),)
"""A number opens nothing: a person who confirms what it hints at does."""
SEEN_ANEW = frozenset({
    *(machine.type_of(move) for machine in (ALLIANCE_RATING, OUTCOME_SCORE) for move in machine.moves),
    *(SESSION.type_of(SESSION.by_name[name]) for name in ("revise", "correct", "mark_in_error")),
    *(RELATIONSHIP.type_of(RELATIONSHIP.by_name[name])
      for name in ("revise", "add_successor", "begin_baseline", "withdraw_baseline")),
    REPAIR.type_of(REPAIR.by_name["conclude"]),
})  # fmt: skip
"""After these the detectors look at the relationship again: what they look at has changed, others treat the client, a
repair held, or a clinician had a new baseline begin."""


def following(event_type: str) -> tuple[Policy, ...]:
    """The policies that an event sets off."""
    return FOLLOWING.get(event_type, ())


def opening(event_type: str) -> tuple[Opening, ...]:
    """What an event may open."""
    return tuple(o for o in OPENINGS if event_type in o.events)


def alone(event_type: str) -> bool:
    """Whether an event has no consequences, so that its decision is one statement."""
    return not (following(event_type) or opening(event_type) or event_type in SEEN_ANEW)


FOLLOWING = {
    event: tuple(p for p in POLICIES if event in p.events) for event in {e for p in POLICIES for e in p.events}
}  # fmt: skip
