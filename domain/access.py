"""Who may see and do what. The moves say who may make them; this says who a caller is and what is in their sight."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """What a caller is to the practice. A token carries exactly one."""

    INTEGRATION = "integration"
    """A script or a vendor's server; does what its scopes say across the practice."""
    THERAPIST = "therapist"
    """Sees and moves the relationships they are part of."""
    CLIENT = "client"
    """Sees and moves only their own relationships."""
    SUPERVISOR = "supervisor"
    """Reads the whole practice."""
    ADMIN = "admin"
    """Runs settings, policies and webhooks; sees no clinical content."""
    POLICY = "policy"
    """Not a caller: a consequence that the domain itself draws (see `policies`)."""


CLINICIANS = frozenset({Role.THERAPIST, Role.SUPERVISOR})
STAFF = CLINICIANS | {Role.INTEGRATION}
EVERYONE = STAFF | {Role.CLIENT}
CALLERS = EVERYONE | {Role.ADMIN}
POLICY = frozenset({Role.POLICY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is asking, as their verified token says."""

    practice_id: UUID
    role: Role
    id: str
    """The token's subject: the therapist's or client's id, or the API client's name."""
    origin: str
    """The API client that carries the request, echoed in events so that it can drop its own echo."""
    scopes: frozenset[str] = frozenset()
    expires_at: float = 0.0
    """Seconds since the epoch."""

    @property
    def person(self) -> UUID:
        """The therapist's or client's id. Only tokens of those roles are held to name one."""
        return UUID(self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Who, and when: what every decision is signed with."""

    caller: Caller
    now: datetime
