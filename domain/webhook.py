"""A webhook endpoint: an address of the practice's that is told what changed, and never what was said.

Nothing is sent to an address until it has answered a signed ping. From then on it is told of everything it asked for,
at least once and in the order of each resource; what it could not take waits, and what it missed can be recovered.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from domain.access import POLICY, Role
from domain.errors import Refused
from domain.machine import Machine
from domain.move import NEW, Around, Move
from domain.values import Between, Code, Few, Instant, Name, Ref, Said, Words


class Payload(StrEnum):
    """How much an event tells."""

    THIN = "thin"
    """Ids, version and the phases it moved between."""
    ID_ONLY = "id_only"
    """Ids and version only."""


class ApiVersion(StrEnum):
    """The shape of what is sent. An endpoint keeps the one it was registered with until it is revised."""

    V1 = "v1"
    """The shape of this document."""


class EndpointPhase(StrEnum):
    """Whether events are sent there."""

    PENDING = "pending"
    """Events wait until it has answered a signed ping with 2xx."""
    ENABLED = "enabled"
    """Events are sent."""
    PAUSED = "paused"
    """Events wait until it is resumed."""
    DISABLED = "disabled"
    """It is told of nothing; what was waiting is kept, and what it missed can be recovered."""
    DELETED = "deleted"
    """Gone; what was waiting is dropped."""


class DisabledReason(StrEnum):
    """Why an endpoint is told of nothing."""

    REQUESTED = "requested"
    """Somebody switched it off."""
    GONE = "gone"
    """It answered 410."""
    FAILING = "failing"
    """It took nothing for five days."""


Url = Annotated[str, Words(2048)]
EventType = Annotated[str, Code(80)]
Seq = Annotated[int, Between(0, 2**62)]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSettings(Said):
    """What it is told of, and how."""

    event_types: Annotated[tuple[EventType, ...], Few(100, least=1, distinct=True)] = ("*",)
    """Exact types, `prefix.*`, or `*` for all."""
    relationship_ids: Annotated[tuple[Annotated[UUID, Ref("relationship")], ...], Few(100, distinct=True)] = ()
    """Only what happens in these relationships; empty: in all of them."""
    phases: Annotated[tuple[Annotated[str, Code(40)], ...], Few(50, distinct=True)] = ()
    """Only events that lead to these phases; empty: to any."""
    description: Name | None = None
    """What it is for."""
    payload: Payload = Payload.THIN
    """How much an event tells."""
    api_version: ApiVersion = ApiVersion.V1
    """The shape of what is sent."""
    asymmetric: bool = False
    """Sign with ed25519 (`v1a`) as well. The public keys are at `/v1/webhook-endpoints/{id}/keys`."""
    max_in_flight: Annotated[int, Between(1, 64)] = 16
    """How many deliveries it takes at once, at most."""
    rate_per_second: Annotated[int, Between(1, 1000)] | None = None
    """How many deliveries it takes in a second, at most; null: as many as there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address(Said):
    """Where events are sent from now on."""

    url: Url
    """An https address. Redirects are never followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointDetails(EndpointSettings):
    """Where to send what."""

    url: Url
    """An https address. Redirects are never followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation(Said):
    """How a secret is replaced."""

    overlap_seconds: Annotated[int, Between(0, 7 * 86_400)] = 86_400
    """How long the secrets before it sign beside the new one. Three sign at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery(Said):
    """Which part of the log is sent again: the same ids and the same bytes, filtered as the endpoint is now."""

    after_seq: Seq | None = None
    """Events after this number. Either this or `since`."""
    since: Instant | None = None
    """Events from this time on. Either this or `after_seq`."""
    until_seq: Seq | None = None
    """Up to this number; to the newest when it is left out."""
    until: Instant | None = None
    """Up to this time; to the newest when it is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryUnderWay(Recovery):
    """A recovery that was asked for and is not finished. How far it has come is in the endpoint's `health`."""

    asked_at: Instant
    """When it was asked for; what came later is sent anyway."""
    went_on_after: Seq | None = None
    """A part of it was no longer kept when its turn came, and it went on after this number; null: all of it was. To be
    complete again, read the collections you keep anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryOver(Said):
    """Which recovery is over."""

    asked_at: Instant
    """When it was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryShortened(RecoveryOver):
    """Which recovery has lost a part, and where it goes on."""

    went_on_after: Seq
    """What came up to this number is no longer kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disabling(Said):
    """Why it is switched off."""

    reason: DisabledReason = DisabledReason.REQUESTED
    """Why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpoint(EndpointDetails):
    """An address that is told what changed."""

    id: UUID
    phase: EndpointPhase = EndpointPhase.PENDING
    """Whether events are sent there."""
    disabled_reason: DisabledReason | None = None
    """Why it is disabled; null while it is not."""
    recovery: RecoveryUnderWay | None = None
    """The recovery that is under way; null when there is none."""


P = EndpointPhase


def one_beginning(state: WebhookEndpoint, body: Recovery, around: Around) -> None:
    """A stretch has one beginning and at most one end, and they come in order."""
    if (body.after_seq is None) == (body.since is None):
        raise Refused("Say where it begins: either after_seq or since.", at="after_seq")
    if body.until_seq is not None and body.until is not None:
        raise Refused("Say where it ends once: either until_seq or until.", at="until_seq")
    if None not in (body.after_seq, body.until_seq) and body.until_seq <= body.after_seq:  # type: ignore[operator]
        raise Refused("It ends before it begins.", at="until_seq")
    if None not in (body.since, body.until) and body.until <= body.since:  # type: ignore[operator]
        raise Refused("It ends before it begins.", at="until")


def still_that_one(state: WebhookEndpoint, body: RecoveryOver, around: Around) -> None:
    """Nobody has asked for another meanwhile."""
    if state.recovery is None or state.recovery.asked_at != body.asked_at:
        raise Refused("Another recovery was asked for meanwhile.", at="asked_at")


def disabled(state: WebhookEndpoint, body: Disabling, around: Around) -> Mapping[str, Any]:
    """With the reason."""
    return {"disabled_reason": body.reason}


def with_a_clean_slate(state: WebhookEndpoint, body: Any, around: Around) -> Mapping[str, Any]:
    """Whatever it was disabled for is over."""
    return {"disabled_reason": None}


def recovering(state: WebhookEndpoint, body: Recovery, around: Around) -> Mapping[str, Any]:
    """One recovery at a time: a new one takes the place of one under way."""
    asked = {f.name: getattr(body, f.name) for f in fields(body)}
    return {"recovery": RecoveryUnderWay(**asked, asked_at=around.now)}


def shortened(state: WebhookEndpoint, body: RecoveryShortened, around: Around) -> Mapping[str, Any]:
    """It goes on where the log begins now."""
    assert state.recovery is not None
    return {"recovery": replace(state.recovery, went_on_after=body.went_on_after)}


def recovered(state: WebhookEndpoint, body: Any, around: Around) -> Mapping[str, Any]:
    """It is over."""
    return {"recovery": None}


KEEPERS = frozenset({Role.ADMIN, Role.INTEGRATION})
LIVE = (P.PENDING, P.ENABLED, P.PAUSED, P.DISABLED)
FED = (P.PENDING, P.ENABLED, P.PAUSED)
"""The phases in which events are kept for it."""

WEBHOOK_ENDPOINT = Machine(
    "webhook_endpoint", "webhook-endpoints", WebhookEndpoint, EndpointPhase,
    Move("register", (NEW,), (P.PENDING,), "registered", KEEPERS, EndpointDetails,
         says="An endpoint is registered and pinged; its secret is shown this once."),
    Move("verify", (P.PENDING,), (P.ENABLED,), "verified", POLICY,
         says="It answered the ping; events are sent from now on."),
    Move("revise", LIVE, (), "revised", KEEPERS, EndpointSettings,
         says="Filter, payload, signatures or limits changed.", verb="PATCH"),
    Move("relocate", LIVE, (P.PENDING,), "relocated", KEEPERS, Address, effect=lambda state, body, around: {
         "url": body.url, "disabled_reason": None}, says="It has a new address, which has to answer a ping first."),
    Move("rotate_secret", LIVE, (), "secret_rotated", KEEPERS, Rotation, effect=lambda state, body, around: {},
         says="A new secret, shown this once; the old ones sign beside it for the overlap."),
    Move("ping", (P.PENDING, P.ENABLED), (), "pinged", KEEPERS | POLICY,
         says="A signed test event is sent to this endpoint."),
    Move("pause", (P.ENABLED,), (P.PAUSED,), "paused", KEEPERS, says="Events wait until it is resumed."),
    Move("resume", (P.PAUSED,), (P.ENABLED,), "resumed", KEEPERS,
         says="Events are sent again, those that waited first."),
    Move("enable", (P.DISABLED,), (P.PENDING,), "enabled", KEEPERS, effect=with_a_clean_slate,
         says="It is wanted again, and pinged; what it missed can be recovered."),
    Move("disable", FED, (P.DISABLED,), "disabled", KEEPERS | POLICY, Disabling, effect=disabled,
         says="It is told of nothing until it is enabled."),
    Move("recover", FED, (), "recovery_asked", KEEPERS, Recovery, one_beginning, recovering,
         "A part of the log is sent to it again."),
    Move("shorten_recovery", LIVE, (), "recovery_shortened", POLICY, RecoveryShortened, still_that_one, shortened,
         "A part of what it asked to recover is no longer kept; what you keep has to be read anew."),
    Move("finish_recovery", LIVE, (), "recovery_finished", POLICY, RecoveryOver, still_that_one, recovered,
         "Everything it asked to recover is on its way."),
    Move("warn", (P.ENABLED,), (), "warned", POLICY, says="It took nothing for a day; after five it is disabled."),
    Move("open_breaker", (P.ENABLED,), (), "breaker_opened", POLICY, says="It fails; it is only probed for a while."),
    Move("close_breaker", (P.ENABLED,), (), "breaker_closed", POLICY, says="It takes events again."),
    Move("give_up", (P.ENABLED,), (), "delivery_abandoned", POLICY,
         says="It did not take an event in ten attempts; see its dead deliveries."),
    Move("expire", LIVE, (), "deliveries_expired", POLICY,
         says="What waited for it longer than the log is kept is not sent; what you keep has to be read anew."),
    Move("remove", LIVE, (P.DELETED,), "deleted", KEEPERS, says="The endpoint is gone.", verb="DELETE"),
    together=LIVE, read_by=KEEPERS, scope="webhooks.manage",
)  # fmt: skip
