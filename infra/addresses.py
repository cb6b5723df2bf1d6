"""Which addresses may be sent to: those on the public internet, and loopback where a developer allows it."""

import re
from collections.abc import Collection
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from domain.errors import Refused

Network = IPv4Network | IPv6Network

PORTS = (443, 8443)
"""Where https is as a rule, and where many an integration engine has it."""
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
UNICAST = ip_network("2000::/3")
"""All of IPv6 that is handed out. Mapped, NAT64, local and multicast addresses are outside."""
# Written out: Python's is_global takes NAT64, 6to4 and multicast for public, and changes between releases.
RESERVED = tuple(map(ip_network, (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    "168.63.129.16/32",  # looks public, and is the inside of every machine at Azure
    "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
)))  # fmt: skip
UNROUTED = (".alt", ".arpa", ".internal", ".local", ".onion")
"""Endings of names that the public name system never answers."""

# One narrow grammar, so that no two readers can take an address for different places.
URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[(?P<v6>[0-9a-f.]*:[0-9a-f:.]*)\]|[a-z0-9._-]+)(?P<colon>:(?P<port>[0-9]{1,5}))?"
    r"(?P<rest>([/?]([a-z0-9._~!$&'()*+,;=:@/?\[\]-]|%[0-9a-f]{2})*)?)",
    re.ASCII | re.IGNORECASE,
)
NAME = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+([a-z]{2,63}|xn--[a-z0-9-]{2,59})", re.ASCII)
"""Two labels at least, the last of letters: `127.0x1` and `2130706433` are addresses in disguise."""


class Forbidden(OSError):
    """A name leads to an address that must not be sent to."""


def literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address a host is, when it is one in its canonical form and without a scope."""
    try:
        return None if "%" in host else IPv6Address(host) if ":" in host else IPv4Address(host)
    except ValueError:
        return None


@lru_cache(4096)
def is_allowed(address: str, *, allow_loopback: bool, forbidden: tuple[Network, ...] = ()) -> bool:
    """Whether an address is on the public internet, or is the loopback that a developer allowed. A name never is."""
    found = literal(address)
    if found is None or any(found in network for network in forbidden):
        return False
    if any(found in network for network in LOOPBACK):
        return allow_loopback
    return (found.version == 4 or found in UNICAST) and not any(found in network for network in RESERVED)


def is_loopback(host: str) -> bool:
    """Whether a host, a name or an address, is this machine's own."""
    found = literal(host)
    if found is None:
        return host == "localhost" or host.endswith(".localhost")
    return any(found in network for network in LOOPBACK)


def check_url(
    url: str, *, allow_loopback: bool, ports: Collection[int] = PORTS, forbidden: tuple[Network, ...] = ()
) -> str:
    """The address, its scheme and host in small letters. What a name leads to is looked at when it is sent to.

    Raises Refused, which says what is wrong with the address as it is written.
    """
    parts = URL.fullmatch(url)
    if parts is None:
        raise Refused("A URL like https://hooks.example.com/path: ASCII, no user, no fragment.", at="url")
    scheme, written = parts["scheme"].lower(), parts["host"].lower()
    host, loopback = written.strip("[]"), is_loopback(written.strip("[]"))
    if loopback and not allow_loopback:
        raise Refused("A loopback address is for development: set BRAVESPACE_WEBHOOK_ALLOW_LOOPBACK=1.", at="url")
    if scheme != "https" and not loopback:
        raise Refused("An https address.", at="url")
    named = host == "localhost" or (NAME.fullmatch(host) is not None and not host.endswith(UNROUTED))
    if not named and not is_allowed(host, allow_loopback=allow_loopback, forbidden=forbidden):
        raise Refused("An address on the public internet.", at="url")
    port = int(parts["port"] or (443 if scheme == "https" else 80))
    if not (0 < port < 65536 if loopback else port in ports):
        raise Refused(f"An https address on one of these ports: {', '.join(map(str, sorted(ports)))}.", at="url")
    return f"{scheme}://{written}{parts['colon'] or ''}{parts['rest']}"
