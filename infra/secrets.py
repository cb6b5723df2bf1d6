"""Webhook secrets: made, sealed, rotated with overlap, and used to sign."""

import base64
import hmac
import json
import secrets
import time
from typing import Any

from cryptography.fernet import Fernet

LIVE = 3
"""How many secrets may sign at once."""
OVERLAP = 24 * 3600
"""How long a replaced secret still signs beside its successor, in seconds."""
PREFIX = "whsec_"


def new_secret() -> str:
    """A secret in the notation of Standard Webhooks. 36 bytes, so that no `=` is lost in somebody's settings file."""
    return PREFIX + base64.b64encode(secrets.token_bytes(36)).decode()


def added(seal: Fernet, sealed: bytes | None, secret: str) -> bytes:
    """The sealed secrets with a new one in front; what it replaces signs on for the overlap."""
    now = time.time()
    known = live(opened(seal, sealed), now) if sealed else []
    replaced = [{**old, "until": min(old["until"] or now + OVERLAP, now + OVERLAP)} for old in known]
    return seal.encrypt(json.dumps([{"secret": secret, "until": None}, *replaced][:LIVE]).encode())


def opened(seal: Fernet, sealed: bytes) -> list[dict[str, Any]]:
    """Every secret under the seal, newest first."""
    kept: list[dict[str, Any]] = json.loads(seal.decrypt(sealed))
    return kept


def live(secrets: list[dict[str, Any]], now: float) -> list[dict[str, Any]]:
    """Those that sign now, newest first."""
    return [entry for entry in secrets if entry["until"] is None or entry["until"] > now]


def signature(keys: list[bytes], id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` header: one v1 signature for each live secret (Standard Webhooks 1.0)."""
    signed = f"{id}.{timestamp}.".encode() + body
    return " ".join("v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys)


def key_of(secret: str) -> bytes:
    """The raw key behind a `whsec_` secret."""
    return base64.b64decode(secret.removeprefix(PREFIX))
