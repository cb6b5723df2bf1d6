"""Nothing anybody said in therapy, and nobody's name, is anywhere it does not belong: whatever breaks."""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from infra import embedded
from tests.conftest import made, ok
from tests.fault.conftest import NO_TLS, Serving
from tests.fault.stage import Ground, Stage, ground

pytestmark = pytest.mark.fault
SAID = {
    "client": "Xanthippe", "therapist": "Quillfeather", "number": "MRN-77341-Z", "note": "umbrageously",
    "step": "perfidious", "path": "thaumaturgic", "answer": "hydrargyrum", "broken": "zymurgist",
}  # fmt: skip
"""Words that stand nowhere else, and what each of them is."""


def hits(text: str) -> set[str]:
    """Which of them a text holds, however it is written."""
    return {what for what, word in SAID.items() if word.casefold() in text.casefold()}


@pytest.mark.row(26)
async def test_no_log_no_metric_no_attempt_no_webhook_and_no_address_holds_a_word_of_it(tmp_path: Path):
    """Every way a receiver fails, refused requests, and a database that crashes in the middle of it."""
    async with ground(tmp_path, "serve", "--no-dispatch") as speaking, speaking.stage() as stage:
        async with Serving(speaking.data_dir, "dispatch", **speaking.service.more) as dispatcher:
            await receivers(stage)
            await say_it_all(stage)
            await say_it_badly(stage)
            await crash(speaking, stage)
            (last,) = await stage.clients(1)
            await stage.endpoints[0].delivered(last.seq)
            await asyncio.sleep(1)
            texts = await everything_written(speaking, stage, dispatcher)
        assert hits(texts.pop("the tables of what was said")) >= {"client", "therapist", "note", "step", "path"}
        # A client's number is a fact of their row, and the log keeps every fact; what is sent of it has none.
        assert hits(texts.pop("the facts in the log")) <= {"number"}
        assert {where: found for where, text in texts.items() if (found := hits(text))} == {}
        assert texts["what was sent"]
        assert texts["the table public.attempt"]


async def receivers(stage: Stage) -> None:
    words = f"{SAID['answer']} of {SAID['client']}"
    loud: dict[str, Any] = {"body": words, "headers": {"X-Note": words, "Location": f"http://127.0.0.1:1/{words[:11]}"}}
    await stage.endpoint("fine", **loud)
    for status in (302, 400, 410, 429, 500):
        await stage.endpoint(f"says-{status}", status=status, **loud)
    await stage.endpoint("hangs", hold=True)
    await stage.endpoint("resets", reset=True)


async def say_it_all(stage: Stage) -> None:
    script = stage.script
    therapist = made(await script.post("/v1/therapists", json={"display_name": f"Dr {SAID['therapist']}"}))
    numbered = {"label": SAID["client"], "external_identifiers": [{"system": "ehr", "value": SAID["number"]}]}
    client = made(await script.post("/v1/clients", json=numbered, headers={"Idempotency-Key": "told"}))
    begun = {"client_id": client["id"], "therapist_ids": [therapist["id"]]}
    relationship = made(await script.post("/v1/relationships", json=begun))
    async with stage.practice.client(stage.url, "therapist", therapist["id"]) as voice:
        hurt = {"relationship_id": relationship["id"], "summary": f"It felt {SAID['note']}."}
        rupture = made(await voice.post("/v1/ruptures", json=hurt))
        repair = made(await voice.post("/v1/repairs", json={"rupture_id": rupture["id"]}))
        at = f"/v1/repairs/{repair['id']}"
        ok(await voice.post(f"{at}/recognize", json={"summary": f"A {SAID['step']} word."}))
        ok(await voice.post(f"{at}/offer-repair", json={"path_forward": f"A {SAID['path']} one.", "co_created": True}))


async def say_it_badly(stage: Stage) -> None:
    """Refusals of every kind; none of them is a fault of the service's."""
    word, script = SAID["broken"], stage.script
    tries = [
        script.post("/v1/clients", content=f'{{"label": "{word}'),
        script.post("/v1/clients", json={"label": word * 500}),
        script.post("/v1/clients", json={"label": {"name": word}, word: 1}),
        script.post("/v1/clients", json={"label": f"{word}\x00"}),
        script.post("/v1/sessions", json={"relationship_id": word, "starts_at": word}),
        script.post("/v1/webhook-endpoints", json={"url": f"https://{word}:{word}@example.com/"}),
        script.get(f"/v1/clients?{word}={word}"),
        script.get(f"/v1/clients/{word}"),
        script.get("/v1/clients", headers={"Authorization": f"Bearer {word}"}),
        script.post("/v1/clients", json={"label": word}, headers={"Idempotency-Key": word * 100}),
    ]
    for answer in await asyncio.gather(*tries):
        assert 400 <= answer.status_code < 500, answer.text


async def crash(ground: Ground, stage: Stage) -> None:
    """Ends the database in the middle of writes that hold a name."""

    async def write() -> None:
        with suppress(httpx.TransportError):
            await stage.script.post("/v1/clients", json={"label": SAID["client"]})

    writes = [asyncio.create_task(write()) for _ in range(30)]
    await asyncio.sleep(0.05)
    os.kill(int((ground.data_dir / "postgres" / "postmaster.pid").read_text().split("\n")[0]), signal.SIGQUIT)
    await asyncio.gather(*writes)
    while (await stage.script.post("/v1/clients", json={"label": SAID["client"]})).status_code != 201:
        await asyncio.sleep(0.05)


async def everything_written(ground: Ground, stage: Stage, dispatcher: Serving) -> dict[str, str]:
    """Every place that may hold none of it, and the one that must."""
    found = {"the database's log": (ground.data_dir / "postgres.log").read_text()}
    # Both may have had nothing to say: a first line of ours tells an empty log from one that is not there.
    found |= {f"the log of {s.words[0]}": "read:" + s.log.read_text() for s in (ground.service, dispatcher)}
    async with httpx.AsyncClient(base_url=ground.service.url, verify=NO_TLS) as anybody:
        found["metrics"] = (await anybody.get("/metrics")).text
    found["what was sent"] = "".join(r.head + r.body for r in stage.postbox.heard())
    found["the feed"] = (await stage.script.get("/v1/events?limit=500")).text
    for endpoint in stage.endpoints:
        pages = [await stage.script.get(endpoint.at), await stage.script.get(f"{endpoint.at}/deliveries?limit=200")]
        for seq in list(await endpoint.deliveries())[:20]:
            pages.append(await stage.script.get(f"{endpoint.at}/deliveries/{seq}"))
        found[f"what is shown of {endpoint.path}"] = "".join(f"{p.url} {p.headers} {p.text}" for p in pages)
    return found | await tables(ground.data_dir)


async def tables(data_dir: Path) -> dict[str, str]:
    """The rows of the log, and of everything about deliveries, as text; and those of clients, ruptures and repairs."""
    with embedded.start(data_dir) as cluster:
        db = await asyncpg.connect(cluster.dsn)

        async def rows(*tables: str, shown: str = "t::text") -> str:
            return "\n".join([row[0] for t in tables for row in await db.fetch(f"SELECT {shown} FROM {t} t")])

        names = {row[0] for row in await db.fetch(ABOUT_DELIVERIES)} | {"public.webhook_endpoint"}
        found = {f"the table {name}": await rows(name) for name in names}
        found["the log"] = await rows("event", shown="(to_jsonb(t) - 'data')::text")
        found["the facts in the log"] = await rows("event", shown="data::text")
        found["the tables of what was said"] = await rows("client", "therapist", "rupture", "repair")
        await db.close()
    return found


ABOUT_DELIVERIES = """
SELECT DISTINCT table_schema || '.' || table_name FROM information_schema.columns WHERE column_name = 'endpoint_id'"""
