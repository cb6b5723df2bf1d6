"""The two people in the room. A client is pseudonymous here: the record that names them lives elsewhere."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from domain.access import CALLERS, STAFF, Role
from domain.machine import Machine
from domain.move import NEW, Around, Move, as_said
from domain.values import Few, Name, Private, Said, Token


class PersonPhase(StrEnum):
    """Whether a person is on the practice's books."""

    ACTIVE = "active"
    """On the books."""
    ARCHIVED = "archived"
    """Kept, out of the way. Nothing is erased."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalId(Said):
    """What another system calls this."""

    system: Token
    """Whose identifier it is, best as a URI."""
    value: Token
    """The identifier in that system."""


ExternalIds = Annotated[tuple[ExternalId, ...], Few(10, distinct=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDetails(Said):
    """What may be said of a client here."""

    external_identifiers: ExternalIds = ()
    """What other systems call this client."""
    label: Annotated[Name | None, Private()] = None
    """How the practice shows the client on a screen. Optional; initials or a number will do."""
    trauma_informed: bool | None = None
    """Past relational wounds may echo in a rupture (founding text). Null: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client(ClientDetails):
    """A person in therapy."""

    id: UUID
    phase: PersonPhase = PersonPhase.ACTIVE
    """Whether they are on the books."""
    registered_by: Annotated[Token | None, Private()] = None
    """Who registered them. A therapist sees whom they registered before a relationship has begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TherapistDetails(Said):
    """What may be said of a therapist here."""

    external_identifiers: ExternalIds = ()
    """What other systems call this therapist."""
    display_name: Name | None = None
    """How they are shown to clients and colleagues."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Therapist(TherapistDetails):
    """A person who offers therapy."""

    id: UUID
    phase: PersonPhase = PersonPhase.ACTIVE
    """Whether they are on the books."""


def registered(state: Any, body: ClientDetails, around: Around) -> dict[str, Any]:
    """Remember who registered the client."""
    return {**as_said(state, body, around), "registered_by": around.caller.id}


P = PersonPhase
DESK = frozenset({Role.INTEGRATION, Role.SUPERVISOR, Role.ADMIN})

CLIENT = Machine(
    "client", "clients", Client, PersonPhase,
    Move("register", (NEW,), (P.ACTIVE,), "registered", STAFF, ClientDetails, effect=registered,
         says="A client is registered."),
    Move("revise", (P.ACTIVE,), (), "revised", STAFF, ClientDetails, says="A client's details changed.", verb="PATCH"),
    Move("archive", (P.ACTIVE,), (P.ARCHIVED,), "archived", STAFF, says="The client is off the books; all is kept.",
         verb="DELETE"),
    Move("restore", (P.ARCHIVED,), (P.ACTIVE,), "restored", STAFF, says="The client is on the books again."),
)  # fmt: skip

THERAPIST = Machine(
    "therapist", "therapists", Therapist, PersonPhase,
    Move("register", (NEW,), (P.ACTIVE,), "registered", DESK, TherapistDetails, says="A therapist joins the practice."),
    Move("revise", (P.ACTIVE,), (), "revised", DESK, TherapistDetails, says="A therapist's details changed.",
         verb="PATCH"),
    Move("archive", (P.ACTIVE,), (P.ARCHIVED,), "archived", DESK, says="The therapist has left; all is kept.",
         verb="DELETE"),
    Move("restore", (P.ARCHIVED,), (P.ACTIVE,), "restored", DESK, says="The therapist is back."),
    read_by=CALLERS,
)  # fmt: skip
