"""The log over HTTP: the change feed with long poll, histories and timelines."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from pydantic_core import from_json, to_json

from api.call import Call, Reply, number, wrong
from api.listing import page_headers
from api.problems import OutOfScope
from api.representation import for_client, for_its_readers, in_utc, within
from api.resource import Resource
from domain.access import Caller, Role
from domain.catalog import BY_SUBJECT, SAYS
from domain.grounds import HELD
from domain.machine import Machine
from domain.rupture import MENDED
from domain.values import Private, kinds, marked, records, spoken, texts, type_hints
from infra.feed import Feed, History, known_types

LONGEST_WAIT = 30
"""The longest poll, in seconds."""
MOST = 500


class Changes:
    """What the log says, to whom it may say it."""

    def __init__(self, feed: Feed, resources: Mapping[str, Resource]) -> None:
        """`resources` by subject: they know what a caller may read."""
        self.feed, self.resources = feed, resources

    async def events(self, call: Call) -> Reply:
        """The change feed of the practice: dense numbers, in commit order."""
        if "events.read" not in call.caller.scopes:
            raise OutOfScope("events.read")
        query = call.query("after", "types", "limit", "wait")
        try:
            types = known_types(query["types"].split(",")) if "types" in query else []
        except ValueError as error:
            raise wrong(
                "types", f"No event is called {str(error)[:80]}; exact types or prefix.*, with commas."
            ) from None
        after, limit = number(query, "after", 0, 0, 2**62), number(query, "limit", 100, 1, MOST)
        wait = number(query, "wait", 0, 0, LONGEST_WAIT)
        rows, upto = await self.feed.read(call.caller, after, limit, types, wait)
        return Reply(200, to_json({"items": [entry(row) for row in rows], "next_after": upto}))

    async def timeline(self, call: Call) -> Reply:
        """What happened in a relationship, in the order it was recorded, in plain words."""
        row = await self.resources["relationship"].find(call, call.id())
        query = call.query("after", "limit")
        after, limit = number(query, "after", 0, 0, 2**62), number(query, "limit", 100, 1, MOST)
        rows, complete = await self.feed.timeline(call.caller, row["id"], after, limit)
        grounds = await self.feed.grounds(call.caller.practice_id, [r["seq"] for r in rows if r["type"] == MENDED])
        held = {seq: HELD[ground] for seq, ground in grounds.items()}
        items = [entry(r) | {"says": held.get(r["seq"], SAYS[r["type"]])} for r in rows]
        following = {**query, "after": rows[-1]["seq"]} if len(rows) == limit else None
        body = {"items": items, "next_after": rows[-1]["seq"] if rows else after, "complete": complete}
        return Reply(200, to_json(body), page_headers(call, following))

    async def history(self, call: Call, subject: str) -> Reply:
        """Every version of an object: what changed, who changed it, and what its texts said."""
        row = await self.resources[subject].find(call, call.id())
        query = call.query("after", "limit")
        after, limit = number(query, "after", 0, 0, 2**31 - 2), number(query, "limit", 100, 1, MOST)
        told = await self.feed.history(call.caller.practice_id, row["id"], after, limit)
        events, cls = told.events, BY_SUBJECT[subject].cls
        said = Said(BY_SUBJECT[subject], row, told, call.caller)
        items = [
            entry(event) | version_of(cls, event, said, call.caller)
            for event in events if not hidden(event, call.caller)
        ]  # fmt: skip
        following = {**query, "after": events[-1]["version"]} if len(events) == limit else None
        complete = events[0]["version"] == after + 1 if events else row["version"] <= after
        body = {"items": items, "next_after": events[-1]["version"] if events else after, "complete": complete}
        return Reply(200, to_json(body), page_headers(call, following))


def entry(row: Mapping[str, Any]) -> dict[str, Any]:
    """An event as the feed tells it."""
    return {
        "seq": row["seq"], "type": row["type"], "resource": row["subject"], "id": row["subject_id"],
        "relationship_id": row["relationship_id"], "version": row["version"],
        "from": row["source"], "to": row["target"], "at": row["at"],
        "actor": {"kind": row["actor_kind"], "id": row["actor_id"]}, "origin": row["origin"],
    }  # fmt: skip


def hidden(event: Mapping[str, Any], caller: Caller) -> bool:
    """Whether an event is for clinicians only."""
    return caller.role is Role.CLIENT and event["type"] in BY_SUBJECT[event["subject"]].private_types


def version_of(cls: type, event: Mapping[str, Any], said: "Said", caller: Caller) -> dict[str, Any]:
    """What one version changed."""
    data = event["data"]
    changed, added = data.get("set", {}), data.get("add", {})
    spoke = {*data.get("texts", ()), *(spoken(cls) & changed.keys())}
    changed = {**changed, **{n: in_utc(changed[n]) for n in moments(cls) & changed.keys()}}
    if caller.role is Role.CLIENT:
        changed = for_client(cls, changed, silent=not said.shared(event["version"]))
        added = {n: within(records(cls)[n], v) for n, v in added.items() if n not in marked(cls, Private)}
        spoke -= marked(cls, Private)
    return {"changed": changed, "added": added, "texts": {n: said.at(n, event["version"]) for n in sorted(spoke)}}


@cache
def moments(cls: type) -> frozenset[str]:
    """The fields that are moments, or records that hold some."""
    found = {n for n, record in records(cls).items() if moments(record)}
    return frozenset(found | {n for n, hint in type_hints(cls).items() if datetime in kinds(hint)})


class Said:
    """What an object's texts said in each version, as far as the caller may know."""

    def __init__(self, machine: Machine, row: Mapping[str, Any], told: History, caller: Caller) -> None:
        """`row` is the object as it is now."""
        self._cls, self._row, self._told, self._role = machine.cls, row, told, caller.role
        self._client = caller.role is Role.CLIENT

    def at(self, field: str, version: int) -> Any:
        """The first wording kept at or after a version; what it says now, when none is."""
        if self._client and (field in marked(self._cls, Private) or not self.shared(version)):
            return None
        row = self._row[field]
        old = next((w for w in self._told.wordings if w["field"] == field and w["version"] >= version), None)
        value = (
            row if old is None else old["text"] if field in plain_texts(self._cls) else from_json(old["text"] or "null")
        )
        if field == "reflections":
            # Shared since, or taken back since: the choice that counts is the one that stands.
            value = for_its_readers(value, row, self._role)
        return within(records(self._cls)[field], value) if self._client and field in records(self._cls) else value

    def shared(self, version: int) -> bool:
        """Whether it was shared when it was said, and still is."""
        if "shared_with_client" not in self._row:
            return True
        if not self._row["shared_with_client"]:
            return False
        flags = [f["shared"] for f in self._told.sharing if f["version"] <= version]
        default = type_default(self._cls, "shared_with_client")
        return bool(flags[-1] if flags else default)


def plain_texts(cls: type) -> frozenset[str]:
    """The free-text fields that are one text; lists and records are kept as JSON."""
    return frozenset(n for n in texts(cls) if "tuple" not in str(type_hints(cls)[n]))


def type_default(cls: Any, field: str) -> Any:
    """What a field is when nobody says."""
    return cls.__dataclass_fields__[field].default
