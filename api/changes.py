"""The log over HTTP: the change feed with long poll, histories and timelines."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from api.call import Call, Reply, number, wrong
from api.listing import page_headers
from api.problems import OutOfScope
from api.resource import Resource
from domain.access import Caller, Role
from domain.catalog import BY_SUBJECT, SAYS
from domain.values import Private, marked, records
from infra.feed import Feed, known_types

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
        rows = await self.feed.timeline(call.caller, row["id"], after, limit)
        items = [entry(r) | {"says": SAYS[r["type"]]} for r in rows]
        following = {**query, "after": rows[-1]["seq"]} if len(rows) == limit else None
        body = {"items": items, "next_after": rows[-1]["seq"] if rows else after}
        return Reply(200, to_json(body), page_headers(call, following))

    async def history(self, call: Call, subject: str) -> Reply:
        """Every version of an object: what changed, who changed it, and what its texts said."""
        row = await self.resources[subject].find(call, call.id())
        query = call.query("after", "limit")
        after, limit = number(query, "after", 0, 0, 2**31 - 2), number(query, "limit", 100, 1, MOST)
        events, wordings = await self.feed.history(call.caller.practice_id, row["id"], after, limit)
        cls = BY_SUBJECT[subject].cls
        items = [
            entry(event) | version_of(cls, event, said_at(cls, row, wordings, call.caller), call.caller)
            for event in events if not hidden(event, call.caller)
        ]  # fmt: skip
        following = {**query, "after": events[-1]["version"]} if len(events) == limit else None
        body = {"items": items, "next_after": events[-1]["version"] if events else after}
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


def version_of(cls: type, event: Mapping[str, Any], said: Any, caller: Caller) -> dict[str, Any]:
    """What one version changed."""
    data = event["data"]
    changed, added = data.get("set", {}), data.get("add", {})
    if caller.role is Role.CLIENT:
        changed = {n: v for n, v in changed.items() if n not in marked(cls, Private)}
        added = {n: without_private(records(cls)[n], v) for n, v in added.items() if n not in marked(cls, Private)}
    return {"changed": changed, "added": added, "texts": {n: said(n, event["version"]) for n in data.get("texts", ())}}


def without_private(cls: type, record: Mapping[str, Any]) -> dict[str, Any]:
    """A record without what is for clinicians."""
    return {n: v for n, v in record.items() if n not in marked(cls, Private)}


def said_at(cls: type, row: Mapping[str, Any], wordings: Any, caller: Caller) -> Any:
    """What a text said in a version: the first wording kept at or after it, else what it says now."""
    silent = caller.role is Role.CLIENT and "shared_with_client" in row and not row["shared_with_client"]

    def said(field: str, version: int) -> Any:
        if silent or (caller.role is Role.CLIENT and field in marked(cls, Private)):
            return None
        old = next((w["text"] for w in wordings if w["field"] == field and w["version"] >= version), None)
        if old is None:
            return row[field]
        return old if isinstance(row[field], str | None) else json.loads(old)

    return said
