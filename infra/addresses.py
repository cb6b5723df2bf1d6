"""Which addresses may be sent to: those on the public internet, and loopback where a developer allows it."""

import ipaddress
import re
from typing import Any

NAT64 = ipaddress.ip_network("64:ff9b::/96")
PUBLIC_NAME = re.compile(r"([a-z0-9_-]+\.)+(?!0x)[a-z0-9-]*[a-z][a-z0-9-]*\.?", re.IGNORECASE)
"""At least two labels, the last with a letter: `127.0x1` and `2130706433` are addresses in disguise."""


class Forbidden(OSError):
    """A name leads to an address that must not be sent to."""


def is_public(host: str) -> bool:
    """Whether a host is a name of the public kind, or an address literal on the public internet."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return PUBLIC_NAME.fullmatch(host) is not None
    inner = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    return address not in NAT64 and all(a.is_global and not a.is_multicast for a in (address, inner or address))


def is_loopback(host: str) -> bool:
    """Whether a host name or literal is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".").lower().rpartition(".")[2] == "localhost"


class PublicOnly:
    """A resolver that gives no address to a name that leads, even in part, where it must not."""

    def __init__(self, resolver: Any, *, allow_loopback: bool) -> None:
        """`resolver` is the one that asks; what it is told is what is connected to."""
        self._resolver, self._allow_loopback = resolver, allow_loopback

    async def resolve(self, host: str, *args: Any, **more: Any) -> Any:
        """The addresses of a name. Raises Forbidden."""
        found = await self._resolver.resolve(host, *args, **more)
        for entry in found:
            address = entry["host"]
            if not is_public(address) and not (self._allow_loopback and is_loopback(address)):
                raise Forbidden("The name leads to an address that is not on the public internet.")
        return found

    async def close(self) -> None:
        """Nothing more is asked."""
        await self._resolver.close()
