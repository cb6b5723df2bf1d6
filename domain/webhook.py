"""A webhook endpoint: an address of the practice's that is told what changed, and never what was said."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from domain.access import Role
from domain.machine import Machine
from domain.move import NEW, Move
from domain.values import Code, Few, Name, Said, Words


class Payload(StrEnum):
    """How much an event tells."""

    THIN = "thin"
    """Ids, version and the phases it moved between."""
    ID_ONLY = "id_only"
    """Ids and version only."""


class EndpointPhase(StrEnum):
    """Whether events are sent there."""

    ENABLED = "enabled"
    """Events are sent."""
    DISABLED = "disabled"
    """Nothing new is sent; what is pending waits."""
    DELETED = "deleted"
    """Gone; what was pending is dropped."""


EventType = Annotated[str, Code(80)]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointDetails(Said):
    """Where to send what."""

    url: Annotated[str, Words(2048)]
    """An https address. Redirects are never followed."""
    event_types: Annotated[tuple[EventType, ...], Few(100, least=1)] = ("*",)
    """Exact types, `prefix.*`, or `*` for all."""
    description: Name | None = None
    """What it is for."""
    payload: Payload = Payload.THIN
    """How much an event tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpoint(EndpointDetails):
    """An address that is told what changed."""

    id: UUID
    phase: EndpointPhase = EndpointPhase.ENABLED
    """Whether events are sent there."""


P = EndpointPhase
KEEPERS = frozenset({Role.ADMIN, Role.INTEGRATION})
LIVE = (P.ENABLED, P.DISABLED)

WEBHOOK_ENDPOINT = Machine(
    "webhook_endpoint", "webhook-endpoints", WebhookEndpoint, EndpointPhase,
    Move("register", (NEW,), (P.ENABLED,), "registered", KEEPERS, EndpointDetails,
         says="An endpoint is registered; its secret is shown this once."),
    Move("revise", LIVE, (), "revised", KEEPERS, EndpointDetails, says="Address, filter or payload changed.",
         verb="PATCH"),
    Move("rotate_secret", LIVE, (), "secret_rotated", KEEPERS,
         says="A new secret, shown this once; the old one signs beside it for a day."),
    Move("ping", (P.ENABLED,), (), "pinged", KEEPERS, says="A signed test event is sent to this endpoint."),
    Move("enable", (P.DISABLED,), (P.ENABLED,), "enabled", KEEPERS, says="Events are sent again."),
    Move("disable", (P.ENABLED,), (P.DISABLED,), "disabled", KEEPERS, says="Nothing is sent until it is enabled."),
    Move("remove", LIVE, (P.DELETED,), "deleted", KEEPERS, says="The endpoint is gone.", verb="DELETE"),
    together=LIVE, read_by=KEEPERS, scope="webhooks.manage",
)  # fmt: skip
