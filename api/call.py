"""One request on its way in and one answer on its way out."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from json import JSONDecoder
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from api.problems import Invalid, Malformed, NotFound, Stale, TooLarge, WrongType, invalid
from domain import values
from domain.access import Caller

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

JSON = (b"content-type", b"application/json")
PRIVATE = (b"cache-control", b"no-store")
VARY = (b"vary", b"Authorization")
ONCE = (b"authorization", b"if-match", b"if-none-match", b"idempotency-key", b"content-type", b"content-length")
# UUID() takes Arabic digits, braces and underscores; an address has one spelling.
UUID_TEXT = re.compile(values.UUID_TEXT)
VERSION_TAG = re.compile('"?([0-9]{1,9})"?')
JSON_TYPES = ("application/json", "application/merge-patch+json")


@dataclass(slots=True)
class Reply:
    """An answer: status, body, and the headers it needs beside those every answer has."""

    status: int
    body: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=lambda: [JSON, PRIVATE, VARY])


class Call:
    """A request, read only as far as its handler asks."""

    __slots__ = ("_headers", "_receive", "caller", "limit", "params", "request_id", "scope")

    caller: Caller

    def __init__(self, scope: Scope, receive: Receive, params: tuple[str, ...], limit: int, request_id: str) -> None:
        """`params` are the path's variable parts in order, `limit` the largest body in bytes."""
        self.scope, self._receive, self.params, self.limit, self.request_id = scope, receive, params, limit, request_id
        self._headers: dict[bytes, bytes] | None = None

    def header(self, name: bytes) -> str | None:
        """A header's value. Raises Malformed for one that decides something and is said twice."""
        if self._headers is None:
            self._headers = dict(self.scope["headers"])
            if len(self._headers) != len(self.scope["headers"]):
                self._refuse_repeats()
        value = self._headers.get(name)
        return None if value is None else value.decode("latin-1")

    def _refuse_repeats(self) -> None:
        names = [name for name, _ in self.scope["headers"]]
        for name in ONCE:
            if names.count(name) > 1:
                raise Malformed(f"The header {name.decode()} is sent once.")

    def id(self, place: int = 0) -> UUID:
        """An id in the path. What is not an id names nothing."""
        if UUID_TEXT.fullmatch(self.params[place]) is None:
            raise NotFound("There is nothing at this address.")
        return UUID(self.params[place])

    def query(self, *known: str) -> dict[str, str]:
        """The query parameters. One that is not known, or said twice, is refused by name."""
        raw = self.scope["query_string"]
        if not raw:
            return {}
        try:
            pairs = parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=100)
        except ValueError:
            raise Invalid("There are too many query parameters.") from None
        for name, value in pairs:
            if name not in known:
                raise Invalid(
                    "There is no such query parameter here.",
                    errors=[{"parameter": name[:80], "detail": f"Known here: {', '.join(known) or 'none'}."}],
                )  # fmt: skip
            if "\x00" in value:
                raise wrong(name, "Text may not contain NUL characters.")
        if len({name for name, _ in pairs}) < len(pairs):
            raise Invalid("A query parameter is given once.")
        return dict(pairs)

    async def body(self) -> bytes:
        """The whole body. Raises TooLarge as soon as that is certain, and Malformed when it was cut off."""
        said = self.header(b"content-length")
        length = int(said) if said and said.isascii() and said.isdecimal() and len(said) < 20 else None
        if length is not None and length > self.limit:
            raise TooLarge(f"The largest body is {self.limit} bytes.")
        message = await self._receive()
        whole: bytes = message.get("body", b"")
        while message.get("more_body") and len(whole) <= self.limit:
            message = await self._receive()
            whole += message.get("body", b"")
        if len(whole) > self.limit:
            raise TooLarge(f"The largest body is {self.limit} bytes.")
        if message["type"] == "http.disconnect" or length not in (None, len(whole)):
            # Half a body must not pass for an empty one: there are moves that need none.
            raise Malformed("The body was cut off.")
        if whole and (self.header(b"content-type") or "").partition(";")[0].strip().lower() not in JSON_TYPES:
            raise WrongType("Send the body as application/json.", JSON_TYPES if self.scope["method"] == "PATCH" else ())
        return whole

    def idempotency_key(self) -> str | None:
        """The Idempotency-Key, with or without the quotes of a structured header."""
        key = self.header(b"idempotency-key")
        if key is None:
            return None
        key = key.strip().removeprefix('"').removesuffix('"')
        if not 0 < len(key) <= 255 or not key.isprintable():
            raise Malformed("An Idempotency-Key has 1 to 255 printable characters.")
        return key

    def if_match(self) -> tuple[int, ...] | None:
        """The versions that If-Match names; None for no condition or `*`. A weak tag matches none."""
        said = self.header(b"if-match")
        if said is None or said.strip() == "*":
            return None
        tags = [tag.strip() for tag in said.split(",")]
        versions = [int(found[1]) for tag in tags if (found := VERSION_TAG.fullmatch(tag))]
        if not versions:
            raise Stale('If-Match names the version, as the ETag gave it: "7".')
        return tuple(versions)


def wrong(parameter: str, detail: str) -> Invalid:
    """A query parameter that cannot be."""
    return Invalid(f"Look at the query parameter {parameter}.", errors=[{"parameter": parameter, "detail": detail}])


def number(query: dict[str, str], name: str, default: int, low: int, high: int) -> int:
    """A whole number from the query."""
    said = query.get(name)
    if said is None:
        return default
    if not (said.isdecimal() and said.isascii() and len(said) < 20 and low <= int(said) <= high):
        raise wrong(name, f"A whole number from {low} to {high}.")
    return int(said)


def said_once(pairs: list[tuple[str, Any]]) -> None:
    """Raises Malformed for an object that says a field twice: the one that was checked by others may be the other."""
    if len(names := dict(pairs)) < len(pairs):
        left = [name for name, _ in pairs]
        again = next(name for name in names if left.count(name) > 1)
        raise Malformed(f"The field {again[:80]} is there more than once; send it once.")


# Numbers are left as they are: thousands of digits are no matter here.
SCAN = JSONDecoder(object_pairs_hook=said_once, parse_int=str, parse_float=str).decode


def sent(adapter: TypeAdapter[Any], raw: bytes) -> Any:
    """A body as somebody sent it, checked. The scan for fields said twice takes 6 µs for 200 bytes."""
    found = parsed(adapter, raw)
    if raw:
        SCAN(raw.decode())
    return found


def parsed(adapter: TypeAdapter[Any], raw: bytes) -> Any:
    """A body, checked. An empty one is an empty object."""
    try:
        return adapter.validate_json(raw or b"{}", strict=True)
    except ValidationError as error:
        raise invalid(error) from None
