"""Webhook secrets: made, sealed, rotated with overlap, and used to sign."""

import base64
import hmac
import json
import secrets
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

LIVE = 3
"""How many secrets may sign at once."""
PREFIX, PUBLIC = "whsec_", "whpk_"

Entry = dict[str, Any]


def new_secret() -> str:
    """A secret in the notation of Standard Webhooks. 36 bytes, so that no `=` is lost in somebody's settings file."""
    return PREFIX + written(secrets.token_bytes(36))


def added(seal: Fernet, sealed: bytes | None, secret: str, overlap: int = 0) -> bytes:
    """The sealed secrets with a new one in front; what it replaces signs on for `overlap` seconds.

    An ed25519 key of its own comes with it: one derived from the secret could be derived by whoever verifies, too.
    """
    now = time.time()
    known = live(opened(seal, sealed), now) if sealed else []
    replaced = [{**old, "until": min(old["until"] or now + overlap, now + overlap)} for old in known]
    new = {"secret": secret, "private": written(secrets.token_bytes(32)), "until": None}
    return seal.encrypt(json.dumps([new, *replaced][:LIVE]).encode())


def opened(seal: Fernet, sealed: bytes) -> list[Entry]:
    """Every secret under the seal, newest first."""
    kept: list[Entry] = json.loads(seal.decrypt(sealed))
    return kept


def live(entries: Iterable[Entry], now: float) -> list[Entry]:
    """Those that sign now, newest first."""
    return [entry for entry in entries if entry["until"] is None or entry["until"] > now]


def signature(entries: Sequence[Entry], id: str, timestamp: int, body: bytes, *, asymmetric: bool) -> str:
    """The `webhook-signature` header (Standard Webhooks 1.0): a `v1` for each secret, and a `v1a` if asked for."""
    signed = f"{id}.{timestamp}.".encode() + body
    found = ["v1," + written(hmac.digest(key_of(entry["secret"]), signed, "sha256")) for entry in entries]
    if asymmetric:
        found += ["v1a," + written(private_key(entry["private"]).sign(signed)) for entry in entries if has_key(entry)]
    return " ".join(found)


def public_keys(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """What `v1a` signatures are verified with, newest first, and until when each signs."""
    return [
        {"public_key": PUBLIC + written(private_key(entry["private"]).public_key().public_bytes_raw()),
         "until": entry["until"]}
        for entry in entries if has_key(entry)
    ]  # fmt: skip


def has_key(entry: Entry) -> bool:
    """Whether an ed25519 key came with it: none did at first."""
    return "private" in entry


@lru_cache(1024)
def key_of(secret: str) -> bytes:
    """The raw key behind a `whsec_` secret."""
    return base64.b64decode(secret.removeprefix(PREFIX))


@lru_cache(1024)
def private_key(private: str) -> Ed25519PrivateKey:
    """The key that a sealed entry keeps."""
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(private))


def written(raw: bytes) -> str:
    """Bytes in standard base64, as Standard Webhooks has them."""
    return base64.b64encode(raw).decode()
