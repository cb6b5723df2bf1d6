"""Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07): the same request again gets the same answer again."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from api.call import Call, Reply
from api.problems import HEADERS, KeyReused, rendered
from domain.errors import Refused
from infra.rows import Kept


def fingerprint(call: Call, raw: bytes) -> bytes:
    """What makes two requests the same: method, address, query and body."""
    scope = call.scope
    line = b"\0".join((scope["method"].encode(), scope["path"].encode(), scope["query_string"]))
    return hashlib.sha256(line + b"\0" + raw).digest()


def answered(key: str, row: Mapping[str, Any]) -> Kept:
    """The answer that was read with a row."""
    return Kept(key, row["fingerprint"], row["status"], row["_headers"], row["_body"].encode())


def replay(asked: Kept, prior: Kept) -> Reply:
    """The first answer once more. Raises KeyReused when the request is another one."""
    if asked.fingerprint != prior.fingerprint:
        raise KeyReused("This Idempotency-Key came with another request before; use a new one.")
    headers = [(name.encode(), value.encode()) for name, value in json.loads(prior.headers)]
    return Reply(prior.status, prior.body, [*headers, (b"idempotent-replayed", b"true")])


def reply_kept(kept: Kept, reply: Reply) -> Kept:
    """An answer to be kept under the key."""
    headers = json.dumps([[name.decode(), value.decode()] for name, value in reply.headers])
    return replace(kept, status=reply.status, headers=headers, body=reply.body)


def refusal_kept(kept: Kept, refused: Refused, request_id: str) -> Kept:
    """A refusal to be kept under the key."""
    return reply_kept(kept, Reply(refused.status, rendered(refused, request_id), HEADERS))
