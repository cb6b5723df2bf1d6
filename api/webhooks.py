"""Webhook endpoints: what is particular about them, and what became of their deliveries."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from cryptography.fernet import Fernet
from pydantic_core import to_json

from api.call import Call, Reply, number, wrong
from api.deciding import Ask, Done, anew
from api.listing import page_headers
from api.problems import NotFound
from api.repeat import replay, reply_kept
from api.resource import Resource
from domain.access import Caller
from domain.catalog import MACHINES
from domain.errors import NotOpen, Refused
from domain.move import NEW, Decision, Move, Nothing
from domain.webhook import FED, Address, EndpointDetails, EndpointSettings, Recovery, Rotation
from infra.addresses import check_url
from infra.conflicts import HistoryGone, Moved
from infra.deliveries import webhook_id
from infra.delivery_log import STATES, DeliveryLog
from infra.egress import rules_of
from infra.feed import known_types
from infra.secrets import added, live, new_secret, opened, public_keys
from infra.settings import Settings

NEWEST = 2**62
PHASES = frozenset(phase.value for machine in MACHINES for phase in machine.phases)
LEADS_TO = {
    machine.type_of(move): frozenset(move.to or move.source) - {NEW} for machine in MACHINES for move in machine.moves
}
"""The phases that an event may lead to. One that moves nothing leads to where it already is."""


class Endpoints(Resource):
    """Webhook endpoints."""

    def furnish(self, seal: Fernet, deliveries: DeliveryLog, settings: Settings) -> "Endpoints":
        """What only endpoints need."""
        self._seal_with, self._deliveries, self._rules = seal, deliveries, rules_of(settings)
        return self

    async def move_on(self, call: Call, move: Move, ask: Ask, id: UUID) -> Reply:
        """Move what is there. The service moves an endpoint by itself; who does so meanwhile is not told of that."""
        return await anew(lambda: Resource.move_on(self, call, move, ask, id))

    async def check(self, move: Move, state: Any, body: Any, caller: Caller) -> None:
        """An address that may be sent to, filters that name events, and a part of the log that is still kept."""
        if isinstance(body, EndpointDetails | Address):
            check_url(body.url, **self._rules)
        if isinstance(body, EndpointSettings) and filters_of(body) != filters_of(state):
            for place, wanted in enumerate(body.event_types):
                try:
                    known_types([wanted])
                except ValueError:
                    raise Refused("No event is called that.", at=f"event_types/{place}") from None
            check_phases(body.phases, body.event_types)
        if isinstance(body, Recovery):
            kept = await self.store.horizon(caller.practice_id)
            if kept.hides(body.after_seq, body.since):
                rest = f"What is left of it can be recovered with after_seq {kept.oldest - 1}."
                raise HistoryGone(oldest=kept.oldest, newest=kept.newest, besides=rest)

    async def seal(self, decision: Decision, body: Any, caller: Caller) -> tuple[bytes | None, dict[str, Any]]:
        """A new secret: kept sealed, shown this once."""
        if decision.move is self.machine.begin:
            secret = new_secret()
            return added(self._seal_with, None, secret), {"secret": secret}
        if isinstance(body, Rotation):
            secret, sealed = new_secret(), await self.store.secrets(caller.practice_id, decision.after.id)
            return added(self._seal_with, sealed, secret, body.overlap_seconds), {"secret": secret}
        return None, {}

    async def keys(self, call: Call) -> Reply:
        """The public keys that `v1a` signatures are verified with, newest first."""
        row = await self.find(call, call.id())
        sealed = await self.store.secrets(call.caller.practice_id, row["id"])
        keys = public_keys(live(opened(self._seal_with, sealed), time.time())) if sealed else []
        shown = [{**key, "until": key["until"] and datetime.fromtimestamp(key["until"], UTC)} for key in keys]
        return Reply(200, to_json({"keys": shown}))

    async def deliveries(self, call: Call) -> Reply:
        """What was sent, is to be sent, and was given up; newest first."""
        row = await self.find(call, call.id())
        query = call.query("state", "before", "limit")
        state = query.get("state")
        if state is not None and state not in STATES:
            raise wrong("state", f"One of: {', '.join(STATES)}.")
        before, limit = number(query, "before", NEWEST, 1, NEWEST), number(query, "limit", 50, 1, 200)
        rows = await self._deliveries.page(call.caller.practice_id, row["id"], state, before, limit)
        following = {**query, "before": rows[-1]["seq"]} if len(rows) == limit else None
        body = {
            "items": [delivery(call.caller, r) for r in rows],
            "next_before": rows[-1]["seq"] if following else None,
        }
        return Reply(200, to_json(body), page_headers(call, following))

    async def delivery(self, call: Call) -> Reply:
        """One delivery, with every attempt at it."""
        row = await self.find(call, call.id())
        found, attempts = await self._deliveries.one(call.caller.practice_id, row["id"], seq_in(call))
        if found is None:
            raise NotFound("This endpoint was never sent that event.")
        return Reply(200, to_json(delivery(call.caller, found) | {"attempt_log": [dict(a) for a in attempts]}))

    async def redeliver(self, call: Call) -> Reply:
        """Send one event once more: the same id, the same bytes."""
        ask = await self.ask(call, Nothing)
        row = await self.find(call, call.id())
        if ask.kept and (prior := await self.store.kept(call.caller, ask.kept.key)):
            return replay(ask.kept, prior)
        return await self._settled(call, ask, self._redelivered(call, ask, row))

    async def _redelivered(self, call: Call, ask: Ask, row: Mapping[str, Any]) -> Done:
        self._expect(ask.expected, row["version"])
        if row["phase"] not in FED:
            open_moves = list(self.machine.open_moves(row["phase"], call.caller.role))
            raise NotOpen(
                f"The endpoint is {row['phase']}; enable it first.", phase=row["phase"], open_moves=open_moves
            )
        async with self._deliveries.redelivered(call.caller.practice_id, row["id"], seq_in(call)) as (found, store):
            if found is None:
                raise NotFound("There is no such event.")
            reply = Reply(202, to_json(delivery(call.caller, found)))
            if ask.kept and not await store.keep(call.caller, reply_kept(ask.kept, reply)):
                raise Moved("A request with this Idempotency-Key was finished a moment ago; repeat it.")
        return Done(reply, sent=1)


def filters_of(endpoint: Any) -> tuple[Any, ...]:
    """What an endpoint asks to be told of."""
    return (endpoint.event_types, endpoint.phases) if endpoint else ()


def check_phases(phases: Sequence[str], event_types: Sequence[str]) -> None:
    """Raises Refused for a phase that nothing is ever in, or that none of these events leads to."""
    for place, wanted in enumerate(phases):
        if wanted not in PHASES:
            raise Refused("Nothing is ever in a phase called that.", at=f"phases/{place}")
    reached = frozenset().union(*(LEADS_TO[name] for name in known_types(event_types)))
    for place, wanted in enumerate(phases):
        if wanted not in reached:
            detail = f"None of its event_types leads to this phase; they lead to: {', '.join(sorted(reached))}."
            raise Refused(detail, at=f"phases/{place}")


def seq_in(call: Call) -> int:
    """The event's number in the path."""
    said = call.params[1]
    if not (said.isascii() and said.isdecimal() and len(said) < 19):
        raise NotFound("There is no such event.")
    return int(said)


def delivery(caller: Caller, row: Mapping[str, Any]) -> dict[str, Any]:
    """A delivery as it is shown."""
    return {
        "seq": row["seq"], "webhook_id": webhook_id(caller.practice_id, row["seq"]), "type": row["type"],
        "resource": row["subject"], "id": row["subject_id"], "version": row["version"], "at": row["at"],
        "state": row["state"], "attempts": row["attempts"], "next_at": row["next_at"],
    }  # fmt: skip
