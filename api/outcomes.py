"""What became of a client by the forms they filled in."""

from collections.abc import Mapping

from pydantic_core import to_json

from api.call import Call, Reply, wrong
from api.reading import day
from api.resource import Resource
from domain.access import Role
from domain.values import plain
from infra.outcomes import Outcomes
from infra.shelves import SHELVES
from infra.store import Store


class OutcomeChanges:
    """Outcome classes, for whoever may read the scores they rest on."""

    def __init__(self, resources: Mapping[str, Resource], store: Store, outcomes: Outcomes) -> None:
        """`resources` by subject: they know what a caller may read."""
        self._resources, self._store, self._outcomes = resources, store, outcomes

    async def read(self, call: Call) -> Reply:
        """What became of the client by each form, with the lines, norms and formula behind it: evidence, no verdict."""
        query = call.query("from", "until")
        since, until = day(query, "from"), day(query, "until")
        if since and until and until < since:
            raise wrong("until", "A day not before `from`.")
        self._resources["outcome_score"].may_read(call.caller)
        row = await self._store.row(SHELVES["relationship"], call.caller, call.id())
        if row is None:
            raise self._resources["relationship"].unknown()
        client = call.caller.role is Role.CLIENT
        found = await self._outcomes.of(call.caller.practice_id, row["id"], since, until, to_client=client)
        return Reply(200, to_json({"items": [plain(change) for change in found]}))
