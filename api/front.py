"""The front of the house: every request passes this one ASGI class, and nothing else.

It finds the route in a few dictionary steps, lets the caller in, gives the request an id, turns every refusal into
problem details, and counts. FastAPI's own routing would try a hundred patterns in turn and solve dependencies anew each
time; measured, that is half the cost of a tuned FastAPI request.
"""

import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from api.auth import Door
from api.call import Call, Receive, Reply, Scope, Send
from api.metrics import Metrics
from api.problems import BEHIND, HEADERS, Broken, NotFound, Unavailable, WrongMethod, rendered
from domain.errors import Refused
from infra.database import UNMIGRATED, UNREACHABLE
from infra.log import broken, log

Handler = Callable[[Call], Awaitable[Reply]]
REQUEST_ID = re.compile(r"[A-Za-z0-9._\-]{1,128}")
NOSNIFF = (b"x-content-type-options", b"nosniff")


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one address."""

    method: str
    path: str
    """With `{names}` for its variable parts."""
    handler: Handler
    open: bool = False
    """Answered without a token."""
    about: Any = None
    """What the documents say of it."""
    alias: str = ""
    """Another spelling of the path that works as well."""

    @property
    def plain(self) -> bool:
        """Whether it takes no query parameter."""
        return self.about is not None and not self.about.query


class Node(dict[str, "Node"]):
    """One step of a path; `""` stands for a variable part."""

    __slots__ = ("routes",)

    def __init__(self) -> None:
        """Leads nowhere yet."""
        super().__init__()
        self.routes: dict[str, Route] = {}


class Front:
    """The one ASGI class in front of everything."""

    def __init__(self, app: Any, *, routes: Iterable[Route], door: Door, metrics: Metrics, limit: int) -> None:
        """`app` gets what is not HTTP; `limit` is the largest body in bytes."""
        self._app, self._door, self._metrics, self._limit = app, door, metrics, limit
        self._root = Node()
        for route in routes:
            for path in {route.path, route.alias or route.path}:
                self._place(path).routes[route.method] = route
                if route.method == "GET":
                    self._place(path).routes["HEAD"] = route

    def _place(self, path: str) -> Node:
        node = self._root
        for part in path.split("/")[1:]:
            node = node.setdefault("" if part.startswith("{") else part, Node())
        return node

    def find(self, method: str, path: str) -> tuple[Route, tuple[str, ...]]:
        """The route of a request, and the variable parts of its path. Raises NotFound or WrongMethod."""
        node, params = self._root, []
        for part in path.split("/")[1:]:
            following = node.get(part) if part else None
            if following is None:
                following = node.get("")
                if following is None or not part:
                    raise NotFound("There is nothing at this address.")
                params.append(part)
            node = following
        route = node.routes.get(method)
        if route is None:
            if not node.routes:
                raise NotFound("There is nothing at this address.")
            raise WrongMethod(sorted(node.routes))
        return route, tuple(params)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        method, label, template = scope["method"], "other", "unknown"
        request_id = given_id(scope) or secrets.token_hex(12)
        try:
            if b"%2f" in (scope.get("raw_path") or b"").lower():
                raise NotFound("An address here has no encoded slash.")
            route, params = self.find(method, scope["path"])
            label, template = route.method, route.path
            call = Call(scope, receive, params, self._limit, request_id)
            if scope["query_string"] and route.plain and not route.open:
                call.query()
            if not route.open:
                call.caller = await self._door.caller(call.header(b"authorization"))
            reply = await route.handler(call)
        except Refused as refused:
            reply = refusal(refused, request_id)
        except UNREACHABLE as error:
            log().warning("database_unreachable", request_id=request_id, route=template, error=type(error).__name__)
            reply = refusal(Unavailable(), request_id)
        except UNMIGRATED:
            reply = refusal(Unavailable(BEHIND), request_id)
        except Exception as error:  # noqa: BLE001 - the last wall: whatever it is, the caller gets problem details
            broken(error, request_id=request_id, route=template)
            reply = refusal(
                Broken(
                    "The instance identifies this in our log. If this was a write, read it again before repeating it."
                ),
                request_id,
            )
        headers = [*reply.headers, (b"x-request-id", request_id.encode()), NOSNIFF]
        if reply.status not in (204, 304):
            headers.append((b"content-length", str(len(reply.body)).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else reply.body})
        self._metrics.answered(label, template, reply.status, time.perf_counter() - started)


def given_id(scope: Scope) -> str | None:
    """The request id the caller brings, if it is a harmless one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            said: str = value.decode("latin-1")
            return said if REQUEST_ID.fullmatch(said) else None
    return None


def refusal(refused: Refused, request_id: str) -> Reply:
    """A refusal, as problem details."""
    more = [(name.lower().encode(), value.encode()) for name, value in refused.headers.items()]
    return Reply(refused.status, rendered(refused, request_id), [*HEADERS, *more])
