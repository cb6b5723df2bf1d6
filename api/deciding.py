"""From what a request asks to what is written: loaded, decided, and answered once it is committed."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from api.around import around
from api.body import adapter, merged
from api.call import JSON, PRIVATE, VARY, Call, Reply, sent
from api.problems import ConditionNeeded, NotFound, OutOfScope, Stale
from api.repeat import answered, fingerprint, refusal_kept, replay, reply_kept
from api.representation import advice, after, represent
from domain.access import Caller
from domain.errors import Refused
from domain.move import NEW, Decision, Move
from infra.conflicts import Moved, Taken
from infra.feed import Feed
from infra.rows import Kept
from infra.shelves import Shelf
from infra.store import Store

ATTEMPTS = 5
"""How often something is decided anew when what it rests on moved meanwhile."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a request asks for, checked by its schema."""

    body: Any
    kept: Kept | None
    expected: tuple[int, ...] | None
    """The versions of which it may be one; None: whichever it is."""


@dataclass(frozen=True, slots=True)
class Done:
    """An answer that is written, with how many deliveries it set off."""

    reply: Reply
    sent: int = 0


class Deciding:
    """Makes the moves of one collection."""

    def __init__(self, shelf: Shelf, store: Store, feed: Feed, wake: Callable[[], None]) -> None:
        """`wake` tells the dispatcher that there is something to deliver."""
        self.shelf, self.machine, self.store, self.feed, self._wake = shelf, shelf.machine, store, feed, wake

    async def ask(self, call: Call, takes: type) -> Ask:
        """What is asked for. Raises OutOfScope, and everything that can be wrong with a body or a header."""
        if self.machine.write_scope not in call.caller.scopes:
            raise OutOfScope(self.machine.write_scope)
        raw, key = await call.body(), call.idempotency_key()
        kept = Kept(key, fingerprint(call, raw)) if key else None
        return Ask(sent(adapter(takes), raw), kept, call.if_match())

    async def make(self, call: Call, move: Move, ask: Ask, id: UUID) -> Reply:
        """Bring something into being under `id`."""
        if ask.kept and (prior := await self.store.kept(call.caller, ask.kept.key)):
            return replay(ask.kept, prior)
        # What it is made under may move meanwhile.
        return await anew(lambda: self._settled(call, ask, self._decide(call, move, ask, None, id, self.store)))

    async def move_on(self, call: Call, move: Move, ask: Ask, id: UUID) -> Reply:
        """Move what is there."""
        if NEW in move.source:
            return await anew(lambda: self._settled(call, ask, self._insist(call, move, ask, id)))
        return await self._settled(call, ask, self._once(call, move, ask, id, self.store))

    async def _insist(self, call: Call, move: Move, ask: Ask, id: UUID) -> Done:
        # Who leaves, dies or falls silent does not race with those who work on the plan: its row is held first.
        async with self.store.held(call.caller.practice_id, id) as store:
            return await self._once(call, move, ask, id, store)

    async def _once(self, call: Call, move: Move, ask: Ask, id: UUID, store: Store) -> Done:
        row = await store.row(self.shelf, call.caller, id, ask.kept.key if ask.kept else None)
        if row is None:
            raise self.unknown()
        if ask.kept and row["fingerprint"]:
            return Done(replay(ask.kept, answered(ask.kept.key, row)))
        self._expect(ask.expected, row["version"])
        try:
            return await self._decide(call, move, ask, row, id, store)
        except Moved:
            if ask.expected is None:
                raise
            raise Stale("Somebody else moved first; read it again.") from None

    async def _settled(self, call: Call, ask: Ask, work: Awaitable[Done]) -> Reply:
        """The answer, once it is committed; of several requests under one key each gets the same, a refusal as well."""
        try:
            done = await work
        except Refused as refused:
            keyed = ask.kept if refused.status in (409, 422) else None
            if keyed and (prior := await self._answered_before(call, keyed, refused)):
                return replay(keyed, prior)
            raise
        if done.sent:
            self._wake()
        self.feed.wake(call.caller.practice_id)
        return done.reply

    async def _answered_before(self, call: Call, kept: Kept, refused: Refused) -> Kept | None:
        """What another request under the key was told first; if none was, this refusal is kept for those to come."""
        ours = refusal_kept(kept, refused, call.request_id)
        if not isinstance(refused, Moved | Taken):
            await self.store.keep(call.caller, ours)
        prior = await self.store.kept(call.caller, kept.key)
        return None if prior == ours else prior

    async def matched(self, call: Call, move: Move | None) -> Reply:
        """Revise or remove what is there, if it is still the version that was read."""
        assert move is not None
        takes = move.takes if move is self.machine.remove else dict
        ask = await self.ask(call, takes)
        if call.header(b"if-match") is None:
            raise ConditionNeeded('Send If-Match with the ETag you read, so that nobody is overwritten unseen: "7".')
        if ask.expected is None:
            # Whatever version it is at: `*` holds for as long as it is there (RFC 9110, 13.1.1).
            return await anew(lambda: self._as_it_is(call, move, ask))
        try:
            return await self._as_it_is(call, move, ask)
        except Moved:
            raise Stale("Somebody else moved first; read it again.") from None

    async def _as_it_is(self, call: Call, move: Move, ask: Ask) -> Reply:
        row = await self.store.row(self.shelf, call.caller, call.id())
        if row is None:
            raise self.unknown()
        self._expect(ask.expected, row["version"])
        body = ask.body if move is self.machine.remove else merged(move.takes, self.shelf.state(row), ask.body)
        asked = Ask(body, None, ask.expected)
        return await self._settled(call, asked, self._decide(call, move, asked, row, call.id(), self.store))

    async def _decide(
        self, call: Call, move: Move, ask: Ask, row: Mapping[str, Any] | None, id: UUID, store: Store
    ) -> Done:
        # Before anything is looked up: whose move it is not learns nothing of what is there.
        self.machine.permit(move, call.caller.role)
        state, version = (self.shelf.state(row), row["version"]) if row else (None, 0)
        await self.check(move, state, ask.body, call.caller)
        known = await around(store, self.shelf, call.caller, move, ask.body, row, state)
        decision = self.machine.decide(move, state, ask.body, known, id=id)
        if row and move is self.machine.revise and not decision.changes:
            # Nothing changed, so nothing is told: two systems that sync with each other would echo for ever.
            return Done(self.reply(200, represent(self.machine, row, call.caller) | {"advisories": []}))
        shown = represent(self.machine, after(row, decision, version, known.now), call.caller)
        if move is not self.machine.begin or move.advises:
            shown["advisories"] = advice(decision.advisories)
        reply = self.reply(200 if row else 201, shown)
        sealed, once = await self.seal(decision, ask.body, call.caller)
        sent = await store.write(decision, known, version, ask.kept and reply_kept(ask.kept, reply), sealed)
        return Done(self.reply(reply.status, shown | once) if once else reply, sent)

    # -- what a collection may do differently ----------------------------------------------------------------------

    async def check(self, move: Move, state: Any, body: Any, caller: Caller) -> None:
        """What is wrong with a body that the domain cannot know."""

    async def seal(self, decision: Decision, body: Any, caller: Caller) -> tuple[bytes | None, dict[str, Any]]:
        """What is kept sealed beside the row, and shown this once."""
        return None, {}

    def reply(self, status: int, shown: dict[str, Any]) -> Reply:
        """A representation with its ETag, and its address when it is new."""
        headers = [JSON, etag(shown["version"]), PRIVATE, VARY]
        if status == 201:
            headers.append((b"location", f"/v1/{self.machine.collection}/{shown['id']}".encode()))
        return Reply(status, to_json(shown), headers)

    def unknown(self) -> NotFound:
        """What is not there, and what is not yours to see, look the same."""
        return NotFound(f"There is no such {self.machine.subject.replace('_', ' ')} here.")

    def _expect(self, expected: tuple[int, ...] | None, version: int) -> None:
        if expected is not None and version not in expected:
            named = " or ".join(map(str, expected[:5]))
            raise Stale(f"If-Match names version {named}; it is at {version} now. Read it again and decide anew.")


async def anew(decided: Callable[[], Awaitable[Reply]]) -> Reply:
    """What is decided; where something moved meanwhile, what is decided where that stands now."""
    for _ in range(ATTEMPTS):
        with suppress(Moved):
            return await decided()
    return await decided()


def etag(version: int) -> tuple[bytes, bytes]:
    """The version, as a strong ETag."""
    return b"etag", f'"{version}"'.encode()
