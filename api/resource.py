"""One collection over HTTP, whatever it holds: read, list, create, move, revise, remove."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from api.around import nothing_there
from api.body import with_relationship
from api.call import PRIVATE, VARY, Call, Reply
from api.deciding import Ask, Deciding, etag
from api.listing import listing
from api.problems import ConditionNeeded, NotFound, OutOfScope, Stale
from api.representation import represent
from domain.access import Caller
from domain.errors import NotYours
from domain.move import Move
from infra.conflicts import Taken
from infra.shelves import SHELVES

NIL = UUID(int=0)


class Resource(Deciding):
    """One collection over HTTP."""

    async def read(self, call: Call) -> Reply:
        """One object."""
        row = await self.find(call, call.id())
        # An ordinal changes with other sessions and health with every delivery, so these are always sent.
        if "ordinal" not in row and "health" not in row and is_seen(call.header(b"if-none-match"), row["version"]):
            return Reply(304, b"", [etag(row["version"]), PRIVATE, VARY])
        return self.reply(200, represent(self.machine, row, call.caller))

    async def browse(self, call: Call) -> Reply:
        """A page."""
        self.may_read(call.caller)
        return await listing(call, self.shelf, self.store)

    async def create(self, call: Call) -> Reply:
        """A new object under an id of ours."""
        return await self.make(call, self.machine.begin, await self.ask(call, self.machine.begin.takes), uuid7())

    async def put(self, call: Call) -> Reply:
        """A new object under the caller's id; never overwrites."""
        if call.header(b"if-none-match") != "*":
            raise ConditionNeeded("PUT creates and never overwrites: send If-None-Match: * (to correct, PATCH).")
        ask, id = await self.ask(call, self.machine.begin.takes), call.id()
        if id == NIL:
            raise NotFound("The nil UUID names nothing.")
        try:
            return await self.make(call, self.machine.begin, ask, id)
        except Taken as taken:
            if taken.constraint.endswith("_pkey") and taken.constraint != "external_id_pkey":
                raise Stale("If-None-Match: * does not hold: an object with this id exists already.") from None
            raise

    async def move(self, call: Call, move: Move) -> Reply:
        """A move on an object."""
        return await self.move_on(call, move, await self.ask(call, move.takes), call.id())

    async def collection_move(self, call: Call, move: Move) -> Reply:
        """A move that may come before there is a plan: on the one the relationship has, or on a new one."""
        ask = await self.ask(call, with_relationship(move.takes))
        try:
            return await self._wherever(call, move, ask)
        except Taken:
            # Somebody made the plan in between, and who is leaving does not wait for that.
            return await self._wherever(call, move, ask)

    async def _wherever(self, call: Call, move: Move, ask: Ask) -> Reply:
        id = ask.body.relationship_id
        if await self.store.row(SHELVES["relationship"], call.caller, id) is None:
            raise nothing_there("relationship_id", "relationship")
        existing = await self.store.plan_of(call.caller.practice_id, id)
        return await (self.move_on(call, move, ask, existing) if existing else self.make(call, move, ask, uuid7()))

    async def revise(self, call: Call) -> Reply:
        """A merge patch of the fields that may be corrected."""
        return await self.matched(call, self.machine.revise)

    async def remove(self, call: Call) -> Reply:
        """Archive, or mark as entered in error. Nothing is erased."""
        return await self.matched(call, self.machine.remove)

    async def find(self, call: Call, id: UUID) -> Mapping[str, Any]:
        """The row, if the caller may read it."""
        self.may_read(call.caller)
        row = await self.store.row(self.shelf, call.caller, id)
        if row is None:
            raise self.unknown()
        return row

    def may_read(self, caller: Caller) -> None:
        """Raises OutOfScope or NotYours."""
        if self.machine.read_scope not in caller.scopes:
            raise OutOfScope(self.machine.read_scope)
        if caller.role not in self.machine.read_by:
            raise NotYours(f"{self.machine.collection} are not for the role {caller.role}.")


def is_seen(said: str | None, version: int | str) -> bool:
    """Whether If-None-Match names this version; weakly compared, as RFC 9110 has it for reading."""
    if said is None:
        return False
    return said == "*" or f'"{version}"' in [tag.strip().removeprefix("W/") for tag in said.split(",")]
