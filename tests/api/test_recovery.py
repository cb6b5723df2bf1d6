"""Recovery: a stretch of the log is sent again, the same ids and the same bytes."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import House, made, ok, refused
from tests.endpoints import (
    clients,
    copied,
    endpoint,
    hurried,
    log_of,
    moved,
    redelivered,
    registered,
    revised,
    settled,
    shown,
    told,
    until_phase,
)  # fmt: skip
from tests.receiver import Receiver


async def recovered(house: House, owner: dict[str, Any], **stretch: Any) -> dict[str, Any]:
    """The endpoint, once what was asked for is on its way and has gone out."""
    await moved(house, owner, "recover", **stretch)
    async with asyncio.timeout(20):
        while (found := await shown(house, owner))["recovery"] or found["health"]["backlog"]:
            await asyncio.sleep(0.02)
    return found


async def sent(house: House, receiver: Receiver, owner: dict[str, Any], count: int) -> list[int]:
    """So many events, taken: their numbers. The receiver forgets them."""
    await clients(house, count)
    await receiver.until_taken(count)
    await settled(house, owner)
    numbers = sorted(event["data"]["seq"] for event in receiver.taken)
    receiver.forget()
    return numbers


def numbers(receiver: Receiver) -> list[int]:
    return [event["data"]["seq"] for event in receiver.events()]


async def test_everything_after_a_number_is_sent_again_under_the_same_ids_with_the_same_bytes(
    house: House, receiver: Receiver
):
    owner = await endpoint(house, receiver, "client.*")
    await clients(house, 6)
    await receiver.until_taken(6)
    await settled(house, owner)
    before = {headers["webhook-id"]: body for headers, body in receiver.got}
    known = sorted(numbers(receiver))
    receiver.forget()
    await recovered(house, owner, after_seq=known[1])
    assert sorted(numbers(receiver)) == known[2:]
    assert all(before[headers["webhook-id"]] == body for headers, body in receiver.got)
    assert (await told(house, owner, "recovery_finished"))[-2:] == ["recovery_asked", "recovery_finished"]
    for seq, causes in ((known[1], ["event"]), (known[2], ["event", "recovery"])):
        log = (await log_of(house, owner, seq, "delivered"))["attempt_log"]
        assert [attempt["cause"] for attempt in log] == causes


async def test_a_stretch_ends_where_it_is_told_to(house: House, receiver: Receiver):
    owner = await endpoint(house, receiver, "client.*")
    known = await sent(house, receiver, owner, 6)
    await recovered(house, owner, after_seq=known[0], until_seq=known[3])
    assert sorted(numbers(receiver)) == known[1:4]


async def test_a_stretch_may_be_said_in_times(house: House, receiver: Receiver):
    owner, now = await endpoint(house, receiver, "client.*"), datetime.now(UTC)
    known = await sent(house, receiver, owner, 9)
    for place, seq in enumerate(known):
        sql = "UPDATE event SET at = $3 WHERE practice_id = $1 AND (seq = $2 OR $4 AND seq < $2)"
        at = now - timedelta(hours=9 - place)
        await house.running.service.pool.execute(sql, house.id, seq, at, place == 0)
    for stretch, found in (
        ({"since": 6.5, "until": 3.5}, known[3:6]),
        ({"since": 100, "until": 7.5}, known[:2]),
        ({"after_seq": known[4], "until": 2.5}, known[5:7]),
    ):
        receiver.forget()
        times = {name: value if name.endswith("seq") else (now - timedelta(hours=value)).isoformat()
                 for name, value in stretch.items()}  # fmt: skip
        await recovered(house, owner, **times)
        assert sorted(numbers(receiver)) == found, stretch


async def test_what_is_sent_again_goes_through_the_filter_of_today(house: House, receiver: Receiver):
    owner = await endpoint(house, receiver, "client.*")
    script = await house.as_("integration")
    therapist = made(await script.post("/v1/therapists", json={"display_name": "Dr Rivera"}))
    await sent(house, receiver, owner, 3)
    await revised(house, owner, event_types=["therapist.*", "webhook_endpoint.*"])
    await recovered(house, owner, after_seq=0)
    assert [event["data"]["id"] for event in receiver.events()] == [therapist["id"]], "and never its own affairs"


async def test_what_was_missed_while_disabled_is_recovered(house: House, receiver: Receiver):
    owner = await endpoint(house, receiver, "client.*")
    [last] = await sent(house, receiver, owner, 1)
    await moved(house, owner, "disable")
    missed = await clients(house, 4)
    await moved(house, owner, "enable")
    await until_phase(house, owner, "enabled")
    receiver.forget()
    await recovered(house, owner, after_seq=last)
    assert {event["data"]["id"] for event in receiver.taken} == set(missed)


async def test_what_was_given_up_is_sent_again(house: House, receiver: Receiver):
    owner = await endpoint(house, receiver, "client.*")
    receiver.decides = lambda event: 500
    [dead] = await clients(house, 1)
    async with asyncio.timeout(20):
        while not (await shown(house, owner, "deliveries?state=dead"))["items"]:
            await hurried(house, owner)
            await asyncio.sleep(0.02)
    await told(house, owner, "delivery_abandoned")
    receiver.decides = lambda event: 200
    found = await recovered(house, owner, after_seq=0)
    assert [event["data"]["id"] for event in receiver.taken] == [dead]
    assert found["health"]["dead"] == 0
    assert (await shown(house, owner, "deliveries?state=dead"))["items"] == []


async def test_what_waits_for_a_later_attempt_is_sent_at_once(house: House, receiver: Receiver):
    owner = await endpoint(house, receiver, "client.*")
    await moved(house, owner, "pause")
    await clients(house, 1)
    late = "UPDATE delivery SET attempt = 7, next_at = now() + interval '1 day' WHERE endpoint_id = $1"
    await house.running.service.pool.execute(late, owner["id"])
    await moved(house, owner, "resume")
    await recovered(house, owner, after_seq=0)
    assert len(receiver.taken) == 1


async def test_a_recovery_that_is_asked_for_again_takes_the_place_of_the_one_before(house: House, receiver: Receiver):
    owner = await endpoint(house, receiver, "client.*")
    known = await sent(house, receiver, owner, 5)
    await moved(house, owner, "pause")
    first = await moved(house, owner, "recover", after_seq=0)
    second = await moved(house, owner, "recover", after_seq=known[2])
    assert (first["recovery"]["after_seq"], second["recovery"]["after_seq"]) == (0, known[2])
    shown = ok(await (await house.as_("integration")).get(f"/v1/webhook-endpoints/{owner['id']}"))
    moments = shown["recovery"]["asked_at"], first["recovery"]["asked_at"], shown["health"]["last_success_at"]
    assert [moment[-1] for moment in moments] == ["Z"] * 3
    await told(house, owner, "recovery_finished")
    await moved(house, owner, "resume")
    await settled(house, owner)
    assert set(known[3:]) <= set(numbers(receiver)) <= set(known)
    assert len(receiver.ids()) == len(set(receiver.ids())), "each of them once"
    receiver.forget()
    await recovered(house, owner, after_seq=known[0])
    assert set(numbers(receiver)) == set(known[1:])


async def test_a_long_stretch_is_sent_a_piece_at_a_time_and_goes_on_where_it_was(house: House, receiver: Receiver):
    owner = await endpoint(house, receiver, "client.*", max_in_flight=64)
    first = await copied(house, 1300)
    await receiver.until_taken(1)
    receiver.forget()
    await moved(house, owner, "recover", after_seq=first - 1)
    progress, seen = [], True
    async with asyncio.timeout(30):
        while seen:
            found = await shown(house, owner)
            seen, progress = found["recovery"], [*progress, found["health"]["recovered_to"]]
            await asyncio.sleep(0.02)
    await settled(house, owner)
    steps = [step for step in progress if step is not None]
    assert steps == sorted(steps) and len(set(steps)) > 1 and progress[-1] is None
    assert sorted(receiver.ids()) == sorted(f"evt_{house.id.hex}_{first + n}" for n in range(1300))


# -- what is refused ---------------------------------------------------------------------------------------------------

LATER, EARLIER = "2026-11-02T10:00:00Z", "2026-11-01T10:00:00Z"


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({}, "#/after_seq"),
        ({"after_seq": 1, "since": EARLIER}, "#/after_seq"),
        ({"until_seq": 9}, "#/after_seq"),
        ({"after_seq": 9, "until_seq": 9}, "#/until_seq"),
        ({"since": LATER, "until": EARLIER}, "#/until"),
        ({"after_seq": 1, "until_seq": 9, "until": LATER}, "#/until_seq"),
        ({"after_seq": -1}, "#/after_seq"),
        ({"after_seq": 2**63}, "#/after_seq"),
        ({"after_seq": "yesterday"}, "#/after_seq"),
        ({"since": "yesterday"}, "#/since"),
        ({"since": "2026-11-02T10:00:00"}, "#/since"),
        ({"after_seq": 1, "types": ["client.*"]}, "#/types"),
    ],
)
async def test_a_stretch_that_is_none_is_refused_by_name(
    house: House, receiver: Receiver, said: dict[str, Any], pointer: str
):
    owner = await endpoint(house, receiver, "client.*")
    script = await house.as_("integration")
    problem = refused(await script.post(f"/v1/webhook-endpoints/{owner['id']}/recover", json=said), 422)
    assert problem["errors"][0]["pointer"] == pointer
    assert (await shown(house, owner))["recovery"] is None


async def test_who_is_told_of_nothing_recovers_nothing(house: House, receiver: Receiver):
    owner = await endpoint(house, receiver, "client.*")
    await moved(house, owner, "disable")
    script = await house.as_("integration")
    for path in ("recover", "deliveries/1/redeliver"):
        said = {"after_seq": 0} if path == "recover" else {}
        problem = refused(await script.post(f"/v1/webhook-endpoints/{owner['id']}/{path}", json=said), 409)
        assert problem["phase"] == "disabled"


async def test_what_lies_beyond_the_log_is_nothing_to_send(house: House, receiver: Receiver):
    owner = await endpoint(house, receiver, "client.*")
    await sent(house, receiver, owner, 1)
    await recovered(house, owner, after_seq=10**9)
    await recovered(house, owner, since=(datetime.now(UTC) + timedelta(days=1)).isoformat())
    assert receiver.got == []


async def test_an_event_that_does_not_exist_can_not_be_sent_again(house: House, receiver: Receiver):
    owner = await registered(house, receiver, "client.*")
    for number in (0, 999_999, 10**17):
        refused(await redelivered(house, owner, number), 404)
