"""Writers that go on, whatever breaks: each request is said again, under its key, until it is answered."""

import asyncio
import itertools
import time
from collections import Counter
from typing import Any
from uuid import uuid4

import httpx

from tests.conftest import made
from tests.fault.checker import Committed
from tests.fault.conftest import PATIENCE, Practice
from tests.fault.stage import Stage

STEPS = ("recognize", "stay-present", "invite-reflection", "validate-emotions")


class Load:
    """Moves on a few repairs, many times over, and new sessions and ruptures between them."""

    def __init__(self, stage: Stage, writers: int = 4, pause: float = 0.02) -> None:
        self.stage, self.writers, self.pause = stage, writers, pause
        self.over = asyncio.Event()
        self.answered: Counter[str] = Counter()
        """Writes that were answered, by the id of what they wrote: as many as it has versions."""
        self.repeated = 0

    async def __aenter__(self) -> "Load":
        script = self.stage.script
        self.therapist_id = made(await script.post("/v1/therapists", json={"display_name": "Dr Rivera"}))["id"]
        client_id = made(await script.post("/v1/clients", json={"label": "K."}))["id"]
        begun = {"client_id": client_id, "therapist_ids": [self.therapist_id]}
        self.relationship_id = made(await script.post("/v1/relationships", json=begun))["id"]
        self.writing = asyncio.gather(*(self.write() for _ in range(self.writers)))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Each writer ends what it is saying."""
        self.over.set()
        await self.writing

    async def write(self) -> None:
        async with self.stage.practice.client(self.stage.url, "therapist", self.therapist_id) as therapist:
            while not self.over.is_set():
                hurt = {"relationship_id": self.relationship_id, "summary": "It hurt."}
                rupture = await self.say(therapist, "/v1/ruptures", hurt)
                repair = await self.say(therapist, "/v1/repairs", {"rupture_id": rupture["id"]})
                self.answered[rupture["id"]] += 1  # it follows its repair
                for step in itertools.islice(itertools.cycle(STEPS), 30):
                    if self.over.is_set():
                        return
                    await self.say(therapist, f"/v1/repairs/{repair['id']}/{step}", {})
                meeting = {"relationship_id": self.relationship_id, "starts_at": "2026-10-01T09:00:00Z"}
                await self.say(therapist, "/v1/sessions", meeting)

    async def say(self, who: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers, deadline = {"Idempotency-Key": uuid4().hex}, time.monotonic() + PATIENCE
        while (response := await self.answer(who, path, body, headers)) is None:
            assert time.monotonic() < deadline, "nobody answers"
            self.repeated += 1
            await asyncio.sleep(0.05)
        assert response.status_code in (200, 201), response.text
        shown: dict[str, Any] = response.json()
        self.answered[shown["id"]] += 1
        await asyncio.sleep(self.pause)
        return shown

    async def answer(self, who: httpx.AsyncClient, *said: Any) -> httpx.Response | None:
        """None where nobody knows whether it was written."""
        path, body, headers = said
        try:
            response = await who.post(path, json=body, headers=headers)
        except httpx.TransportError:
            return None
        unsure = response.status_code == 503 or response.json().get("type") == "/problems/moved-meanwhile"
        return None if unsure else response

    def doubts(self, log: list[Committed]) -> list[str]:
        """What was answered and is not in the log, or stands there more often than it was said."""
        written = Counter(e.resource for e in log if e.type.partition(".")[0] in ("rupture", "repair", "session"))
        asked = [f"{id}: {written[id]} in the log, {n} answered" for id, n in self.answered.items() if written[id] != n]
        return asked + [f"{id}: in the log, and nobody was answered" for id in written.keys() - self.answered.keys()]


class Watch:
    """Callers who never stop asking, and what they were answered when."""

    def __init__(self, practice: Practice, url: str) -> None:
        self.practice, self.url = practice, url
        self.answers: list[tuple[float, float, httpx.Response]] = []
        self.written: dict[str, int] = {}
        self.unsure: set[str] = set()
        self.over = asyncio.Event()

    async def ask(self, script: httpx.AsyncClient, hand: int) -> None:
        while not self.over.is_set():
            began = time.monotonic()
            if hand % 2:
                response = await script.get("/v1/clients?limit=1")
            else:
                id = str(uuid4())
                response = await script.put(f"/v1/clients/{id}", json={"label": "A"}, headers={"If-None-Match": "*"})
                if response.status_code == 201:
                    self.written[id] = 1
                else:
                    self.unsure.add(id)
            self.answers.append((began, time.monotonic(), response))
            await asyncio.sleep(0.005)

    async def ask_all(self) -> None:
        async with self.practice.client(self.url) as script:
            await asyncio.gather(*(self.ask(script, hand) for hand in range(12)))
