"""Every aggregate, once: what routes, tables, documents and generated tests go through."""

from domain.access import Role
from domain.attachment import ATTACHMENT_PROFILE
from domain.attainment import GOAL_ATTAINMENT
from domain.machine import Machine
from domain.measure import INSTRUMENT
from domain.outcome import OUTCOME_SCORE
from domain.people import CLIENT, THERAPIST
from domain.practice import POLICY
from domain.rating import ALLIANCE_RATING
from domain.relationship import RELATIONSHIP
from domain.repair import REPAIR
from domain.rupture import RUPTURE
from domain.session import SESSION
from domain.signal import SIGNAL
from domain.termination import TERMINATION_PLAN
from domain.webhook import WEBHOOK_ENDPOINT

MACHINES: tuple[Machine, ...] = (
    CLIENT, THERAPIST, RELATIONSHIP, SESSION, POLICY, RUPTURE, REPAIR, TERMINATION_PLAN, INSTRUMENT,
    ALLIANCE_RATING, ATTACHMENT_PROFILE, OUTCOME_SCORE, GOAL_ATTAINMENT, SIGNAL, WEBHOOK_ENDPOINT,
)  # fmt: skip
BY_SUBJECT = {machine.subject: machine for machine in MACHINES}
SAYS = {machine.type_of(move): move.says for machine in MACHINES for move in machine.moves}
EVENT_TYPES = tuple(SAYS)


def scopes_of(role: Role) -> frozenset[str]:
    """Every scope a role can make use of: what a token of that role carries unless it says otherwise."""
    reads = {m.read_scope for m in MACHINES if role in m.read_by}
    writes = {m.write_scope for m in MACHINES if any(role in move.by for move in m.moves)}
    return frozenset(reads | writes | {"events.read", "practices.read"} | ({"admin"} if role is Role.ADMIN else set()))
