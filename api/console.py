"""The delivery console: a page in which those who keep webhook endpoints see how they fare, and mend it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from pydantic_core import to_json

from api.body import adapter
from api.call import Call, Reply, sent
from api.house import HTML, contents
from api.problems import NotFound
from api.webhooks import Endpoints
from domain.errors import NotYours
from domain.move import Nothing
from infra.keys import Keys

LASTS = 15 * 60
"""How long a session lasts, in seconds."""
CLIENT = "bravespace-console"
"""The `client_id` of a session's token: events name it as the origin of what was done in the console."""
FOLDER = Path(str(files("api"))) / "data" / "console"
FILES = {"console.css": b"text/css; charset=utf-8", "console.js": b"text/javascript; charset=utf-8"}
# A page and a script of two different releases do not go together.
NO_CACHE = (b"cache-control", b"no-cache")


class Console:
    """The console's page, and its sessions."""

    def __init__(self, keys: Keys, endpoints: Endpoints, origins: Sequence[str]) -> None:
        """`origins` are those of the pages that may show the console in a frame, beside its own."""
        self._keys, self._endpoints = keys, endpoints
        self._headers = [
            HTML, NO_CACHE, (b"referrer-policy", b"no-referrer"), (b"content-security-policy", policy(origins)),
        ]  # fmt: skip

    async def open(self, call: Call) -> Reply:
        """The delivery console's address, with a token for 15 minutes that keeps webhook endpoints and nothing else.

        Each call opens a session of its own, whatever its Idempotency-Key: a token is kept nowhere.
        """
        caller = call.caller
        self._endpoints.may_read(caller)
        if caller.origin == CLIENT:
            # Or whoever comes by the address of one session could go on for ever.
            raise NotYours("A session opens no other: ask with the token of your own server.")
        sent(adapter(Nothing), await call.body())
        call.idempotency_key()
        scope = self._endpoints.machine.write_scope
        token = self._keys.issue(caller.practice_id, caller.role, caller.id, scope, LASTS, client=CLIENT)
        until = datetime.fromtimestamp(self._keys.verify(token).expires_at, UTC)
        # In the fragment, which no browser sends: so it is in nobody's log.
        return Reply(201, to_json({"url": f"/console#token={token}", "token": token, "expires_at": until}))

    async def page(self, call: Call) -> Reply:
        """The delivery console. Its token comes in the fragment of its address."""
        return Reply(200, contents(FOLDER / "index.html"), self._headers)

    async def file(self, call: Call) -> Reply:
        """A part of the console."""
        name = call.params[0]
        if name not in FILES:
            raise NotFound("There is nothing at this address.")
        return Reply(200, contents(FOLDER / name), [(b"content-type", FILES[name]), NO_CACHE])


def policy(origins: Sequence[str]) -> bytes:
    """The Content-Security-Policy: nothing but our own files, no code in the page, and who may frame it."""
    ancestors = " ".join(["'self'", *origins])
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        f"frame-ancestors {ancestors}; base-uri 'none'; form-action 'none'"
    ).encode()
