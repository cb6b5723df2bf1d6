"""Webhook endpoints as the tests have them: registered, moved, and asked how they fare."""

import asyncio
from typing import Any

import httpx

from tests.conftest import House, made, ok
from tests.receiver import Receiver


async def registered(house: House, receiver: Receiver, *types: str, **said: Any) -> dict[str, Any]:
    """A webhook endpoint, which may not have answered its ping yet."""
    script = await house.as_("integration")
    body = {"url": receiver.url, "event_types": list(types or ("*",)), **said}
    return made(await script.post("/v1/webhook-endpoints", json=body))


async def endpoint(house: House, receiver: Receiver, *types: str, **said: Any) -> dict[str, Any]:
    """One that has answered its ping."""
    found = await registered(house, receiver, *types, **said)
    await until_phase(house, found, "enabled")
    receiver.forget()
    return found


async def until_phase(house: House, owner: dict[str, Any], phase: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while (found := await shown(house, owner))["phase"] != phase:
            await asyncio.sleep(0.01)
    return found


async def clients(house: House, count: int) -> list[str]:
    """So many clients, registered at once: as many resources, one event each."""
    script = await house.as_("integration")
    answers = await asyncio.gather(*(script.post("/v1/clients", json={}) for _ in range(count)))
    return [made(answer)["id"] for answer in answers]


async def lived(house: House, client: str, events: int) -> None:
    """So many events of one client, under an id that was known before."""
    script = await house.as_("integration")
    made(await script.put(f"/v1/clients/{client}", json={}, headers={"If-None-Match": "*"}))
    for n in range(events - 1):
        ok(await script.patch(f"/v1/clients/{client}", json={"label": f"{n}."}, headers={"If-Match": "*"}))


async def shown(house: House, owner: dict[str, Any], *path: object) -> dict[str, Any]:
    script = await house.as_("integration")
    return ok(await script.get("/".join(["/v1/webhook-endpoints", owner["id"], *map(str, path)])))


async def told(house: House, owner: dict[str, Any], wanted: str, after: int = 0) -> list[str]:
    """What the feed says of an endpoint, after a number, once it says `wanted`."""
    script = await house.as_("integration")
    async with asyncio.timeout(10):
        while True:
            feed = ok(await script.get(f"/v1/events?after={after}&limit=500&types=webhook_endpoint.*"))["items"]
            types = [event["type"].partition(".")[2] for event in feed if event["id"] == owner["id"]]
            if wanted in types:
                return types
            await asyncio.sleep(0.01)


async def log_of(house: House, owner: dict[str, Any], seq: int, state: str) -> dict[str, Any]:
    """A delivery with its attempts, once it is in a state."""
    async with asyncio.timeout(10):
        while (found := await shown(house, owner, "deliveries", seq))["state"] != state:
            await asyncio.sleep(0.01)
    return found


async def hurried(house: House, owner: dict[str, Any]) -> None:
    """What waits for a later attempt is due now: ten attempts take days otherwise."""
    sql = "UPDATE delivery SET next_at = now() WHERE endpoint_id = $1 AND next_at > now()"
    await house.running.service.pool.execute(sql, owner["id"])


async def settled(house: House, owner: dict[str, Any]) -> None:
    """Nothing waits for an endpoint any more, and what became of it is written down."""
    async with asyncio.timeout(10):
        while (await shown(house, owner))["health"]["backlog"]:
            await asyncio.sleep(0.01)


async def moved(house: House, owner: dict[str, Any], move: str, **said: Any) -> dict[str, Any]:
    script = await house.as_("integration")
    return ok(await script.post(f"/v1/webhook-endpoints/{owner['id']}/{move}", json=said))


async def revised(house: House, owner: dict[str, Any], **said: Any) -> dict[str, Any]:
    script = await house.as_("integration")
    return ok(await script.patch(f"/v1/webhook-endpoints/{owner['id']}", json=said, headers={"If-Match": "*"}))


async def redelivered(house: House, owner: dict[str, Any], seq: int, **headers: str) -> httpx.Response:
    script = await house.as_("integration")
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    return await script.post(f"/v1/webhook-endpoints/{owner['id']}/deliveries/{seq}/redeliver", headers=said)


# A copy of an event that is there: so this needs to know no more columns than it changes.
COPIES = """
WITH counted AS (UPDATE practice SET seq = seq + $2 WHERE id = $1 RETURNING seq - $2 AS base)
INSERT INTO event SELECT (jsonb_populate_record(e, jsonb_build_object(
  'seq', base + n, 'subject_id', gen_random_uuid(), 'version', 1))).*
FROM counted, generate_series(1, $2::int) n, event e
WHERE e.practice_id = $1 AND e.seq = (
  SELECT min(seq) FROM event WHERE practice_id = $1 AND type = 'client.registered')"""
QUEUED = """
INSERT INTO delivery (practice_id, endpoint_id, seq, subject_id, volume)
SELECT practice_id, $2, seq, subject_id, volume FROM event WHERE practice_id = $1 AND seq >= $3"""


async def copied(house: House, count: int) -> int:
    """So many more events, each of a resource of its own, straight into the log: the number of the first."""
    await clients(house, 1)
    pool = house.running.service.pool
    first: int = await pool.fetchval("SELECT seq + 1 FROM practice WHERE id = $1", house.id)
    await pool.execute(COPIES, house.id, count)
    return first


async def queued(house: House, owner: dict[str, Any], count: int) -> None:
    """So many of them on their way to an endpoint."""
    await house.running.service.pool.execute(QUEUED, house.id, owner["id"], await copied(house, count))
