"""That all sides do the same work, before any of it is timed: the same answers, and the same rows behind them."""

from collections.abc import Mapping
from typing import Any

import httpx
from standardwebhooks import Webhook, WebhookVerificationError

from tests.bench.ground import Ground
from tests.bench.load import Request
from tests.bench.operations import OPERATIONS, Operation
from tests.bench.seed import reset
from tests.bench.servers import BenchError, Server

VARY = ("id", "created_at", "updated_at")
"""Fields of an answer that are another's each time."""
TOLD = ("content-type", "user-agent", "webhook-id")
"""Headers that every sender of webhooks sets alike."""
AT_ITS_TIME = ("webhook-timestamp", "webhook-signature")
"""Those that are another's whenever it is sent; the signature is checked instead."""
WRITTEN = """
SELECT e.type, e.version, e.relationship_id, e.actor_kind, e.actor_id, e.origin, e.source, e.target, e.data,
       length(e.body) AS length,
       (SELECT count(*) FROM delivery d WHERE d.practice_id = e.practice_id AND d.seq = e.seq) AS sent
FROM event e JOIN practice p ON p.id = e.practice_id AND p.seq = e.seq WHERE p.seq > $1"""


async def agree(ground: Ground, servers: Mapping[str, Server]) -> None:
    """Raises BenchError at the first difference between the service and a reference."""
    for operation in OPERATIONS:
        if operation.keyed:
            continue
        seen = {}
        for name, server in servers.items():
            if operation.writes:
                await reset(ground.pool, ground.size)
            answer = await ask(server, operation.requests(ground.practices[0][0])[0])
            rows = await ground.pool.fetch(WRITTEN, ground.size.events_each) if operation.writes else ()
            seen[name] = {"answer": answer, "rows": [dict(row) for row in rows]}
            if difference := differing(seen["ours"], seen[name], operation):
                raise BenchError(f"{operation.says}: {name} differs from the service: {difference}")
    await reset(ground.pool, ground.size)


async def ask(server: Server, request: Request) -> Any:
    """One request of the load, by an ordinary client."""
    start, shared, rest = (part.decode() for part in request)
    method, path, _ = start.split()
    head, _, body = rest.partition("\r\n\r\n")
    lines = [line.split(": ", 1) for line in (shared + head).split("\r\n") if line]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as http:
        answer = await http.request(method, path, headers=dict(lines), content=body.encode())
    if answer.is_error or answer.status_code >= 300:
        raise BenchError(f"{server.name} answered {answer.status_code} to {method} {path}: {answer.text[:500]}")
    return answer.json()


def differing(ours: Any, theirs: Any, operation: Operation, path: str = "") -> str:
    """The first difference, in words; nothing when there is none."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if ours.keys() != theirs.keys():
            return f"{path or 'the answer'} has {sorted(ours.keys() ^ theirs.keys())} on one side only"
        pairs = [(f"{path}.{n}".lstrip("."), ours[n], theirs[n]) for n in ours if not (operation.writes and n in VARY)]
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = [(f"{path}[{i}]", a, b) for i, (a, b) in enumerate(zip(ours, theirs, strict=True))]
    else:
        return "" if ours == theirs else f"{path}: {ours!r} there, {theirs!r} here"
    return next((found for name, a, b in pairs if (found := differing(a, b, operation, name))), "")


def agree_on_bytes(requests: Mapping[str, list[str]], secret: str) -> None:
    """Raises BenchError unless every sender posts the same webhooks, well signed.

    From the service and from the bare loop, which has its client, each byte is the same but time and signature.
    """
    sent = {name: dict(sorted(apart(request, secret, name) for request in raw)) for name, raw in requests.items()}
    for name, theirs in sent.items():
        if theirs.keys() != sent["ours"].keys():
            raise BenchError(f"{name} sends other webhooks: {sorted(theirs.keys() ^ sent['ours'].keys())[:3]}")
        for id, (start, headers, body) in theirs.items():
            own_start, own_headers, own_body = sent["ours"][id]
            if name != "bare":
                headers, own_headers = ({n: h.get(n) for n in TOLD} for h in (headers, own_headers))
            if (start, list(headers.items()), body) != (own_start, list(own_headers.items()), own_body):
                raise BenchError(f"{name} sends {id} otherwise: {start}, {headers}, {body}; not {own_headers}")


def apart(request: str, secret: str, name: str) -> tuple[str, tuple[str, dict[str, str], str]]:
    """A webhook's id; its request line, its headers in order but those of its time, and its body."""
    head, _, body = request.partition("\r\n\r\n")
    start, *lines = head.split("\r\n")
    headers = {n.lower(): value for n, _, value in (line.partition(": ") for line in lines)}
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError as error:
        raise BenchError(f"{name} signs wrongly: {error}; {headers}") from None
    return headers["webhook-id"], (start, {n: v for n, v in headers.items() if n not in AT_ITS_TIME}, body)
