"""Lists: keyset pages, filters, and what changed since a number."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import Uuid

from api.call import JSON, PRIVATE, UUID_TEXT, VARY, Call, Reply, number, wrong
from api.representation import represent
from infra.shelves import Shelf
from infra.store import Store

FIRST = UUID(int=0)
MOST = 200
"""The longest page."""
USUAL = 50


async def listing(call: Call, shelf: Shelf, store: Store) -> Reply:
    """A page of a collection, as the caller may see it."""
    query = call.query(*shelf.filters(), "cursor", "limit", "changed_after")
    limit = number(query, "limit", USUAL, 1, MOST)
    filters = {name: value_of(shelf, name, query[name]) for name in shelf.filters() if name in query}
    extra: dict[str, Any] = {}
    if "changed_after" in query:
        if "cursor" in query:
            raise wrong("cursor", "With changed_after, go on from next_after instead.")
        after = number(query, "changed_after", 0, 0, 2**62)
        rows, until, more = await store.changed(shelf, call.caller, filters, after=after, limit=limit)
        cursor, extra = None, {"next_after": until}
        following: dict[str, Any] | None = {"changed_after": until} if more else None
    else:
        rows = await store.page(shelf, call.caller, filters, after=position(query.get("cursor")), limit=limit + 1)
        cursor = cursor_at(rows[limit - 1]["id"]) if len(rows) > limit else None
        rows, following = rows[:limit], {"cursor": cursor} if cursor else None
    items = [represent(shelf.machine, row, call.caller) for row in rows]
    headers = page_headers(call, following and query | following)
    return Reply(200, to_json({"items": items, "next_cursor": cursor, **extra}), headers)


def value_of(shelf: Shelf, name: str, said: str) -> Any:
    """A filter's value. One that can never match is refused by name."""
    if name == "phase":
        if said not in [p.value for p in shelf.machine.phases]:
            raise wrong(name, f"One of: {', '.join(p.value for p in shelf.machine.phases)}.")
        return said
    column = shelf.table.c.get(name)
    if name in ("client_id", "therapist_id") or (column is not None and isinstance(column.type, Uuid)):
        if UUID_TEXT.fullmatch(said) is None:
            raise wrong(name, "This should be a UUID.")
        return UUID(said)
    return said


def cursor_at(id: UUID) -> str:
    """A cursor that goes on after an id."""
    return base64.urlsafe_b64encode(id.bytes).decode().rstrip("=")


def position(cursor: str | None) -> UUID:
    """Where a cursor goes on."""
    if cursor is None:
        return FIRST
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=="))
    except (ValueError, binascii.Error):
        raise wrong("cursor", "Take it from next_cursor of the page before, unchanged.") from None


def page_headers(call: Call, following: Mapping[str, Any] | None) -> list[tuple[bytes, bytes]]:
    """The headers of a page at this address; with a link to the next one, if there is."""
    headers = [JSON, PRIVATE, VARY]
    if following:
        link = f"{call.scope['path']}?{urlencode(following)}"
        headers.append((b"link", f'<{link}>; rel="next"'.encode()))
    return headers
