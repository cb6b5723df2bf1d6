"""Looking again at all ratings: it follows the practice's choice, leaves what people said, and may stop anywhere."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.detection import Detector
from infra.redetection import redetected
from tests.conftest import Case, Found, House, made, ok
from tests.infra.test_store import WAITING, faults_of

FIRST = datetime(2026, 1, 5, 10, tzinfo=UTC)
DIP = (4.00, 4.17, 4.08, 4.25, 3.08, 4.17)
DROPS: dict[str, Any] = {"detector": "rci_drop"}
NOTHING: Counter[str] = Counter()
LOOKED_AT = "relationships"


class Interrupted(Exception):
    """Somebody pressed Ctrl-C."""


async def choose(house: House, *detectors: dict[str, Any]) -> None:
    """What the practice chooses to look for from now on; ratings that are there already are not looked at by it."""
    body = {"kind": "detection", "title": "What we look for", "detectors": detectors}
    made(await (await house.as_("admin")).post("/v1/policies", json=body))


async def rate(case: Case, number: int, score: float) -> dict[str, Any]:
    """What the client thought of a weekly session."""
    session = await case.session(starts_at=(FIRST + timedelta(weeks=number)).isoformat())
    said = {"session_id": session["id"], "instrument": "wai-sr", "shared_with_therapist": True}
    scores = [{"subscale": "total", "score": score}]
    return made(await case.client.post("/v1/alliance-ratings", json={**said, "scores": scores}))


async def dipped(house: House) -> Case:
    """A therapy with one drop in it, of which nobody has been told."""
    await choose(house)
    case = await house.case()
    for number, score in enumerate(DIP):
        await rate(case, number, score)
    return case


@pytest.fixture
async def case(house: House) -> Case:
    return await dipped(house)


async def look(house: House, done: Callable[[], None] = lambda: None) -> Counter[str]:
    """What came of looking again, beside how many relationships were looked at."""
    tally = await redetected(house.running.service.pool, house.id, lambda count: None, done)
    return Counter({event: count for event, count in tally.items() if event != LOOKED_AT and count})


async def signals(house: House, phase: str = "raised") -> list[dict[str, Any]]:
    found = await (await house.as_("supervisor")).get("/v1/signals", params={"phase": phase})
    listed: list[dict[str, Any]] = ok(found)["items"]
    return listed


async def test_a_new_choice_of_detectors_raises_what_they_see_and_the_next_takes_it_back(house: House, case: Case):
    assert await signals(house) == []
    await choose(house, DROPS)
    assert await look(house) == {"signal.raised": 1}
    (signal,) = await signals(house)
    assert (signal["detector"], signal["magnitude_raw"]) == ("rci_drop", pytest.approx(-1.17))
    await choose(house, {"detector": "within_client_drop"})
    assert await look(house) == {"signal.superseded": 1, "signal.raised": 1}
    assert [s["detector"] for s in await signals(house)] == ["within_client_drop"]
    assert [s["id"] for s in await signals(house, "superseded")] == [signal["id"]]
    assert await faults_of(house) == []


async def test_a_detector_that_is_set_otherwise_supersedes_what_it_saw_as_it_was(house: House, case: Case):
    await choose(house, DROPS)
    await look(house)
    (before,) = await signals(house)
    await choose(house, {**DROPS, "parameters": {"limit": 2.5}})
    assert await look(house) == {"signal.superseded": 1, "signal.raised": 1}
    (now,) = await signals(house)
    assert (now["supersedes_id"], now["parameters"]["limit"]) == (before["id"], 2.5)


async def test_looking_twice_changes_nothing(house: House, case: Case):
    await choose(house, DROPS)
    await look(house)
    seq = ok(await case.script.get("/v1/practices/me"))["seq"]
    assert await look(house) == NOTHING
    assert ok(await case.script.get("/v1/practices/me"))["seq"] == seq


EVERY = [{"detector": detector} for detector in Detector]


@pytest.mark.parametrize("chosen", [None, [DROPS, {"detector": "risk_item"}], EVERY], ids=["default", "some", "every"])
async def test_what_each_write_looked_at_adds_up_to_a_look_at_everything(
    house: House, chosen: list[dict[str, Any]] | None
):
    """A rating is looked at with its rater's others alone, unless a detector holds two raters beside each other."""
    if chosen is not None:
        await choose(house, *chosen)
    case, sent = await house.case(), []
    for number, score in enumerate(DIP):
        sent.append(await rate(case, number, score))
        said = {"session_id": sent[-1]["session_id"], "rater": "therapist", "instrument": "wai-sr"}
        theirs = {**said, "scores": [{"subscale": "total", "score": 6.4 - score}]}
        made(await case.script.post("/v1/alliance-ratings", json=theirs))
        asked = {"relationship_id": case.relationship_id, "instrument": "phq-9", "rated_on": "2026-02-01"}
        answers = [{"item": item, "value": int(item == 9 and number % 2)} for item in range(1, 10)]
        made(await case.script.post("/v1/outcome-scores", json={**asked, "answers": answers}))
    assert await signals(house)
    assert await look(house) == NOTHING
    body = {"scores": [{"subscale": "total", "score": 4.25}], "shared_with_therapist": True}
    ok(await case.client.patch(f"/v1/alliance-ratings/{sent[4]['id']}", json=body, headers={"If-Match": "*"}))
    assert await look(house) == NOTHING
    assert await faults_of(house) == []


async def test_what_a_clinician_has_looked_at_stays_as_they_left_it(house: House, case: Case):
    await choose(house, DROPS)
    await look(house)
    (signal,) = await signals(house)
    said = {"disposition": "already_addressed", "note": "We had spoken about it."}
    reviewed = ok(await case.therapist.post(f"/v1/signals/{signal['id']}/review", json=said))
    await choose(house)
    assert await look(house) == NOTHING
    found = ok(await case.therapist.get(f"/v1/signals/{signal['id']}"))
    assert {**found, "advisories": []} == reviewed


async def test_the_service_signs_for_what_it_sees(house: House, case: Case):
    await choose(house, DROPS)
    await look(house)
    (event,) = ok(await case.supervisor.get("/v1/events", params={"types": "signal.*"}))["items"]
    assert event["actor"]["kind"] == "policy"
    assert event["origin"] == event["actor"]["id"] == "bravespace"


async def test_of_two_practices_one_is_looked_at_and_both_where_none_is_named(house: House, case: Case, found: Found):
    other = await found()
    await dipped(other)
    for one in (house, other):
        await choose(one, DROPS)
    assert await look(house) == {"signal.raised": 1}
    assert await signals(other) == []
    counted: list[int] = []
    tally = await redetected(house.running.service.pool, None, counted.append, lambda: None)
    assert tally[LOOKED_AT] == counted[0] >= 2
    assert len(await signals(other)) == 1


async def test_a_relationship_without_ratings_is_not_looked_at(house: House, case: Case):
    await house.case()
    counted: list[int] = []
    tally = await redetected(house.running.service.pool, house.id, counted.append, lambda: None)
    assert (counted, tally) == ([1], {LOOKED_AT: 1})


async def test_a_practice_that_is_not_there_is_said_before_anything_is_done(house: House):
    begun: list[int] = []
    with pytest.raises(LookupError, match="There is no practice"):
        await redetected(house.running.service.pool, uuid4(), begun.append, lambda: None)
    assert begun == []


async def test_it_may_be_stopped_and_run_again_and_what_was_looked_at_stays(house: House, case: Case):
    for _ in range(2):
        await dipped(house)
    await choose(house, DROPS)

    def stop() -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        await look(house, stop)
    assert len(await signals(house)) == 1
    assert await look(house) == {"signal.raised": 2}
    assert await look(house) == NOTHING
    assert await faults_of(house) == []


async def waiting(house: House, count: int) -> None:
    """Until so many wait for what somebody holds."""
    async with asyncio.timeout(10):
        while await house.running.service.pool.fetchval(WAITING) < count:
            await asyncio.sleep(0.01)


@asynccontextmanager
async def held(case: Case) -> AsyncIterator[None]:
    """While a relationship is held by somebody, all that would look at it waits."""
    row = "SELECT 1 FROM relationship WHERE practice_id = $1 AND id = $2 FOR NO KEY UPDATE"
    async with case.house.running.service.pool.acquire() as connection, connection.transaction():
        await connection.execute(row, case.house.id, UUID(case.relationship_id))
        yield


async def test_a_rating_that_comes_at_the_same_moment_is_not_overlooked(house: House, case: Case):
    await choose(house, DROPS)
    async with held(case):
        looking = asyncio.create_task(look(house))
        await waiting(house, 1)
        rating = asyncio.create_task(rate(case, len(DIP), 2.9))
        # The session is recorded, and its rating waits.
        await waiting(house, 2)
    await asyncio.gather(looking, rating)
    assert sorted(round(signal["magnitude_raw"], 2) for signal in await signals(house)) == [-1.27, -1.17]
    assert await look(house) == NOTHING
    assert await faults_of(house) == []


async def test_two_who_look_at_the_same_moment_see_everything_once(house: House, case: Case):
    await choose(house, DROPS)
    async with held(case):
        both = [asyncio.create_task(look(house)) for _ in range(2)]
        await waiting(house, 2)
    assert sorted(sum(tally.values()) for tally in await asyncio.gather(*both)) == [0, 1]
    assert len(await signals(house)) == 1
    assert await faults_of(house) == []
