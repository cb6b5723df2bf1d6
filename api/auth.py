"""From a bearer token to a caller."""

import time

from api.problems import Unauthorized
from domain.access import Caller
from infra.keys import BadToken, Keys
from infra.store import Store

REMEMBERED = 10_000
"""How many verified tokens are remembered. Checking a signature takes as long as the rest of a request."""

GLANCE = 1.0
"""How many seconds a key that its issuer withdrew may still open with a token that is remembered."""


class Door:
    """Lets in who shows a token we take."""

    def __init__(self, keys: Keys, store: Store) -> None:
        """`store` knows which practices there are."""
        self._keys, self._store = keys, store
        self._known: dict[str, Caller] = {}
        self._generation, self._look_at = keys.generation, 0.0

    async def caller(self, authorization: str | None) -> Caller:
        """Who is calling. Raises Unauthorized."""
        if authorization is None:
            raise Unauthorized("Send Authorization: Bearer and a token.", presented=False)
        now = time.time()
        if now >= self._look_at:
            self._keys.look_again()
            self._look_at = now + GLANCE
        if self._generation != self._keys.generation:
            self._known.clear()
            self._generation = self._keys.generation
        known = self._known.get(authorization)
        if known is not None:
            if known.expires_at > now:
                return known
            del self._known[authorization]
        return await self._meet(authorization)

    async def _meet(self, authorization: str) -> Caller:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token or len(token) > 8192:
            raise Unauthorized("The Authorization header should be: Bearer and a token.")
        try:
            caller = self._keys.verify(token.strip())
        except BadToken as bad:
            raise Unauthorized(str(bad)) from None
        if await self._store.practice(caller.practice_id) is None:
            raise Unauthorized("The token's practice is not known here.")
        while len(self._known) >= REMEMBERED:
            self._known.pop(next(iter(self._known)), None)
        self._known[authorization] = caller
        return caller
