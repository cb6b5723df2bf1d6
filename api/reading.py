"""What is read beside the collections: guidance, the practice itself, and a repair with guidance included."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from pydantic_core import to_json

from api.call import JSON, PRIVATE, Call, Reply, wrong
from api.problems import NotFound, OutOfScope
from api.representation import represent
from api.resource import Resource
from domain.access import Role
from domain.attachment import AttachmentPattern
from domain.errors import NotYours
from domain.guidance import Prompt, guidance
from domain.insights import insights
from domain.instruments import BUILT_IN
from domain.repair import Step
from domain.rupture import RuptureType
from domain.values import DAY, plain
from infra.store import Store

Choice = TypeVar("Choice", bound=StrEnum)


WHOLE = frozenset({Role.SUPERVISOR, Role.INTEGRATION, Role.ADMIN})
"""The roles that see, or answer for, a practice as a whole."""
YEAR = 365


def day(query: Mapping[str, str], name: str) -> date | None:
    """A day, from the query."""
    if name not in query:
        return None
    try:
        # fromisoformat() takes weeks and eight digits as well; a day has one spelling here.
        if not re.fullmatch(DAY, query[name]):
            raise ValueError
        return date.fromisoformat(query[name])
    except ValueError:
        raise wrong(name, "A day as YYYY-MM-DD.") from None


def chosen(query: Mapping[str, str], name: str, kind: type[Choice]) -> Choice | None:
    """A value of a vocabulary, from the query."""
    if name not in query:
        return None
    try:
        return kind(query[name])
    except ValueError:
        raise wrong(name, f"One of: {', '.join(kind)}.") from None


async def prompts(call: Call) -> Reply:
    """Prompts for the five steps, for staff: suggestions with a source, never a gate."""
    if call.caller.role is Role.CLIENT:
        raise NotYours("Guidance is for those who treat.")
    query = call.query("step", "pattern", "rupture_type")
    found = guidance(
        step=chosen(query, "step", Step), pattern=chosen(query, "pattern", AttachmentPattern),
        rupture_type=chosen(query, "rupture_type", RuptureType),
    )  # fmt: skip
    return Reply(200, to_json({"items": [plain(p) for p in found]}))


class Repairs(Resource):
    """Repairs, which can bring guidance along."""

    async def read(self, call: Call) -> Reply:
        """One repair; `include=guidance` adds prompts for the rupture's type and a pattern."""
        if not call.scope["query_string"]:
            return await super().read(call)
        query = call.query("include", "pattern")
        if query and call.caller.role is Role.CLIENT:
            name = next(iter(query))
            detail = f"Guidance is for those who treat; leave {name} out."
            raise NotYours(detail, errors=[{"parameter": name, "detail": detail}])
        if query.get("include", "guidance") != "guidance":
            raise wrong("include", "guidance is what can be included.")
        pattern = chosen(query, "pattern", AttachmentPattern) or AttachmentPattern.INDETERMINATE
        row = await self.find(call, call.id())
        shown = represent(self.machine, row, call.caller)
        if "include" in query:
            kind = await self.store.rupture_type(call.caller.practice_id, row["rupture_id"])
            found: tuple[Prompt, ...] = guidance(pattern=pattern, rupture_type=RuptureType(kind))
            shown["guidance"] = [plain(p) for p in found]
        return self.reply(200, shown)


class Instruments(Resource):
    """The practice's own instruments, and those that are built in."""

    async def built_in(self, call: Call) -> Reply:
        """The instruments that are built in: numbers and keys, without item texts."""
        self.may_read(call.caller)
        return Reply(200, to_json({"items": [plain(form) for form in BUILT_IN]}))


class Practices:
    """The caller's own practice."""

    def __init__(self, store: Store) -> None:
        """`store` has it."""
        self._store = store

    async def mine(self, call: Call) -> Reply:
        """The practice the token belongs to."""
        if "practices.read" not in call.caller.scopes:
            raise OutOfScope("practices.read")
        row = await self._store.practice(call.caller.practice_id)
        if row is None:
            raise NotFound("The practice is gone.")
        shown: dict[str, Any] = {n: row[n] for n in ("id", "name", "seq", "created_at")}
        return Reply(200, to_json(shown))

    async def insights(self, call: Call) -> Reply:
        """What the practice's ruptures and endings have in common, from the first of a month on.

        For those who see all of it: a caseload's numbers are small, and so are those of a single day.
        """
        if "practices.read" not in call.caller.scopes:
            raise OutOfScope("practices.read")
        if call.caller.role not in WHOLE:
            raise NotYours(f"The practice's insights are read by: {', '.join(sorted(WHOLE))}.")
        query = call.query("since")
        today = datetime.now(UTC).date()
        since = (day(query, "since") or today - timedelta(days=YEAR)).replace(day=1)
        found = await self._store.counts(call.caller.practice_id, since)
        return Reply(200, to_json(plain(insights(since, found))), [JSON, PRIVATE])
