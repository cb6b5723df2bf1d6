"""How deliveries fare: in order, at least once, at the pace of who receives them, and never in anybody's way."""

import asyncio
import time
from collections import defaultdict
from typing import Any
from uuid import uuid4

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from infra import housekeeping
from infra.egress import Egress
from tests.conftest import Found, House, made, ok, refused
from tests.endpoints import (
    clients,
    copied,
    endpoint,
    hurried,
    lived,
    log_of,
    moved,
    queued,
    redelivered,
    revised,
    settled,
    shown,
    told,
    until_phase,
)  # fmt: skip
from tests.receiver import Receiver

TIMEOUT = 2.0
"""How long one attempt may take here, in seconds; who waits for somebody else's attempt waits at least as long."""
SLACK = 0.02
"""How much nearer than they were sent two requests may arrive, in seconds."""


def in_order(events: list[Any]) -> bool:
    """Whether each resource's events were first taken in the order of its versions."""
    firsts: dict[str, list[int]] = defaultdict(list)
    for event in events:
        versions = firsts[event["data"]["id"]]
        if event["data"]["version"] not in versions:
            versions.append(event["data"]["version"])
    return all(versions == sorted(versions) for versions in firsts.values())


# -- order -------------------------------------------------------------------------------------------------------------


FATES = st.lists(st.sampled_from([[], [500], [503], [302, 500]]), min_size=1, max_size=4)
"""What is answered to each event of one resource before it is taken."""


@settings(max_examples=6, deadline=None, database=None, derandomize=True, phases=[Phase.generate])
@given(plan=st.lists(FATES, min_size=2, max_size=6))
async def test_each_resource_is_told_of_in_order_however_attempts_fail(found: Found, plan: list[list[list[int]]]):
    house = await found()
    ids = [str(uuid4()) for _ in plan]
    left = {(id, n): list(fate) for id, fates in zip(ids, plan, strict=True) for n, fate in enumerate(fates, 1)}
    async with Receiver() as receiver:
        await endpoint(house, receiver, "client.*")
        receiver.decides = lambda event: (left[event["data"]["id"], event["data"]["version"]] or [200]).pop(0)
        await asyncio.gather(*(lived(house, id, len(fates)) for id, fates in zip(ids, plan, strict=True)))
        await receiver.until_taken(len(left))
    assert in_order(receiver.taken) and len(receiver.taken) == len(left)
    assert not any(left.values()), "every failure that was planned happened"


async def test_who_was_away_is_told_of_everything_in_order_once_back(house: House, receiver: Receiver):
    await endpoint(house, receiver, "client.*")
    await receiver.down()
    ids = [str(uuid4()) for _ in range(5)]
    await asyncio.gather(*(lived(house, id, 4) for id in ids))
    await receiver.up()
    await receiver.until_taken(20)
    assert in_order(receiver.taken)
    assert len(set(receiver.ids())) == 20


# -- what it asks for --------------------------------------------------------------------------------------------------


async def test_gone_disables_an_endpoint_at_once_and_keeps_what_was_waiting(house: House, receiver: Receiver):
    owner = await endpoint(house, receiver, "client.*")
    async with Receiver() as other:
        await endpoint(house, other, "webhook_endpoint.*")
        receiver.decides = lambda event: 410
        kept = await clients(house, 3)
        gone = await until_phase(house, owner, "disabled")
        assert gone["disabled_reason"] == "gone"
        assert await told(house, owner, "disabled") == ["registered", "pinged", "verified", "disabled"]
        async with asyncio.timeout(10):
            while [owner["id"], "disabled"] not in [[e["data"]["id"], e["data"]["to"]] for e in other.events()]:
                await asyncio.sleep(0.01)
    heard = len(receiver.got)
    await clients(house, 2)
    pending = (await shown(house, owner, "deliveries?state=pending"))["items"]
    assert {item["id"] for item in pending} == set(kept)
    assert len(receiver.got) == heard, "nothing is sent to who is gone"
    receiver.decides = lambda event: 200
    receiver.forget()
    await moved(house, owner, "enable")
    await receiver.until_taken(4)
    assert receiver.types()[0] == "webhook_endpoint.pinged"
    assert {event["data"]["id"] for event in receiver.taken[1:]} == set(kept)


# -- the breaker -------------------------------------------------------------------------------------------------------


async def test_five_attempts_without_an_answer_open_the_breaker_and_one_that_is_taken_closes_it(
    house: House, receiver: Receiver
):
    owner = await endpoint(house, receiver, "client.*")
    await receiver.down()
    await clients(house, 8)
    await told(house, owner, "breaker_opened")
    health = (await shown(house, owner))["health"]
    assert health["breaker"] in ("open", "half_open") and health["failing_since"] and health["backlog"] == 8
    receiver.slow = 0.1
    await receiver.up()
    await receiver.until_taken(8)
    assert receiver.at[1] - receiver.at[0] >= receiver.slow - SLACK, "one probe, and nothing beside it"
    assert (await told(house, owner, "breaker_closed"))[-2:] == ["breaker_opened", "breaker_closed"]
    await settled(house, owner)
    health = (await shown(house, owner))["health"]
    assert (health["breaker"], health["failing_since"], health["paused_until"]) == ("closed", None, None)


async def test_a_dead_receiver_holds_up_nobody_else(house: House, receiver: Receiver):
    async with Receiver() as dead:
        await endpoint(house, dead, "client.*")
        await dead.down()
        await endpoint(house, receiver, "client.*")
        await clients(house, 40)
        await receiver.until_taken(40, TIMEOUT)


async def test_a_receiver_that_hangs_holds_up_nobody_else(house: House, receiver: Receiver):
    async with Receiver() as hangs:
        await endpoint(house, hangs, "client.*")
        await endpoint(house, receiver, "client.*")
        hangs.slow = 60
        await clients(house, 40)
        await receiver.until_taken(40, TIMEOUT)
        assert hangs.got and not hangs.taken


async def test_nothing_but_failure_is_warned_of_and_then_disables_and_others_hear_of_both(
    house: House, receiver: Receiver
):
    """Days are minutes here, as every duration is scaled."""
    owner, pool = await endpoint(house, receiver, "client.*"), house.running.service.pool
    since = """UPDATE lane SET first_failure_at = now() - make_interval(mins => $2), last_failure_at = now()
               WHERE endpoint_id = $1"""
    async with Receiver() as other:
        await endpoint(house, other, "webhook_endpoint.*")
        await settled(house, owner)
        receiver.decides = lambda event: 500
        await pool.execute(since, owner["id"], 1)
        await clients(house, 1)
        assert "disabled" not in await told(house, owner, "warned")
        await pool.execute(since, owner["id"], 5)
        async with asyncio.timeout(10):
            while (found := await shown(house, owner))["phase"] != "disabled":
                await hurried(house, owner)
                await asyncio.sleep(0.02)
        assert found["disabled_reason"] == "failing"
        async with asyncio.timeout(10):
            while {"webhook_endpoint.warned", "webhook_endpoint.disabled"} - set(other.types()):
                await asyncio.sleep(0.01)


async def test_days_in_which_nothing_was_sent_are_no_days_of_failure(house: House, receiver: Receiver):
    """A pause of a week with one failure before it, and one after."""
    owner, pool = await endpoint(house, receiver, "client.*"), house.running.service.pool
    await settled(house, owner)
    receiver.decides = lambda event: 500
    await pool.execute(
        "UPDATE lane SET first_failure_at = now() - interval '7 minutes', last_failure_at = now() - interval '6 minutes' "
        "WHERE endpoint_id = $1", owner["id"],
    )  # fmt: skip
    await clients(house, 1)
    async with asyncio.timeout(10):
        while not receiver.got:
            await asyncio.sleep(0.01)
    receiver.decides = lambda event: 200
    async with asyncio.timeout(10):
        while not receiver.taken:
            await hurried(house, owner)
            await asyncio.sleep(0.02)
    feed = ok(await (await house.as_("integration", None, "events.read webhooks.manage")).get("/v1/events?limit=500"))
    assert not {"webhook_endpoint.warned", "webhook_endpoint.disabled"} & {event["type"] for event in feed["items"]}
    assert (await shown(house, owner))["phase"] == "enabled"


async def test_thousands_that_wait_for_one_delay_nobody_elses_first_delivery(house: House, receiver: Receiver):
    busy = await endpoint(house, receiver, "client.*")
    receiver.slow = 0.05
    await queued(house, busy, 5000)
    await receiver.until(1)
    async with Receiver() as other:
        await endpoint(house, other, "therapist.*")
        made(await (await house.as_("integration")).post("/v1/therapists", json={"display_name": "Dr Rivera"}))
        await other.until_taken(1, 1)
    assert (await shown(house, busy))["health"]["backlog"] > 4000
    await moved(house, busy, "disable")


# -- limits ------------------------------------------------------------------------------------------------------------


async def test_it_is_sent_no_more_at_once_than_it_takes(house: House, receiver: Receiver):
    await endpoint(house, receiver, "client.*", max_in_flight=3)
    receiver.slow = 0.02
    await clients(house, 40)
    await receiver.until_taken(40)
    assert receiver.most == 3


async def test_it_is_sent_more_at_once_the_more_it_takes_up_to_its_limit(house: House, receiver: Receiver):
    await endpoint(house, receiver, "client.*")
    receiver.slow = 0.05
    await clients(house, 150)
    await receiver.until_taken(150)
    assert 8 < receiver.most <= 16


async def test_a_limit_that_was_lowered_holds_from_the_next_delivery(house: House, receiver: Receiver):
    owner = await endpoint(house, receiver, "client.*")
    await clients(house, 40)
    await receiver.until_taken(40)
    await settled(house, owner)
    await moved(house, owner, "pause")
    await revised(house, owner, max_in_flight=2)
    await clients(house, 20)
    receiver.forget()
    receiver.slow = 0.02
    await moved(house, owner, "resume")
    await receiver.until_taken(20)
    assert receiver.most == 2


async def test_it_is_sent_no_more_in_a_second_than_it_takes(house: House, receiver: Receiver):
    await endpoint(house, receiver, "client.*", rate_per_second=10)
    await clients(house, 25)
    await receiver.until_taken(25)
    for place in range(15):
        assert receiver.at[place + 10] - receiver.at[place] >= 0.9, "give or take what the way there takes"


# -- giving up, and the log --------------------------------------------------------------------------------------------


async def test_after_ten_attempts_a_delivery_is_given_up_and_what_comes_after_goes_on(house: House, receiver: Receiver):
    owner = await endpoint(house, receiver, "client.*")
    receiver.decides = lambda event: 500 if event["data"]["version"] == 1 else 200
    poison = str(uuid4())
    await lived(house, poison, 3)
    async with asyncio.timeout(20):
        while len(receiver.got) < 10:
            await hurried(house, owner)
            await asyncio.sleep(0.02)
    await receiver.until_taken(2)
    assert [event["data"]["version"] for event in receiver.taken] == [2, 3]
    # An attempt that ran out of time on its way was not received.
    assert len(receiver.got) <= 12 and len(set(receiver.ids())) == 3
    await told(house, owner, "delivery_abandoned")
    [dead] = (await shown(house, owner, "deliveries?state=dead"))["items"]
    assert (dead["id"], dead["version"], dead["attempts"]) == (poison, 1, 10)
    found = await shown(house, owner, "deliveries", dead["seq"])
    assert [attempt["number"] for attempt in found["attempt_log"]] == list(range(1, 11))
    assert {attempt["cause"] for attempt in found["attempt_log"]} == {"event"}
    assert (await shown(house, owner))["health"]["dead"] == 1
    receiver.decides = lambda event: 200
    again = await redelivered(house, owner, dead["seq"])
    assert again.status_code == 202 and again.json()["state"] == "pending"
    found = await log_of(house, owner, dead["seq"], "delivered")
    assert [found["attempt_log"][-1][name] for name in ("outcome", "cause")] == ["delivered", "redelivery"]
    assert (await shown(house, owner, "deliveries?state=dead"))["items"] == []
    assert len(set(receiver.ids())) == 3, "under the same id"


async def test_what_was_taken_once_and_then_given_up_is_dead_and_not_delivered(house: House, receiver: Receiver):
    owner = await endpoint(house, receiver, "client.*")
    await clients(house, 1)
    await receiver.until_taken(1)
    seq = receiver.events()[0]["data"]["seq"]
    await log_of(house, owner, seq, "delivered")
    receiver.decides = lambda event: 500
    assert (await redelivered(house, owner, seq)).status_code == 202
    async with asyncio.timeout(20):
        while (await shown(house, owner, "deliveries", seq))["state"] != "dead":
            await hurried(house, owner)
            await asyncio.sleep(0.02)
    assert [item["seq"] for item in (await shown(house, owner, "deliveries?state=dead"))["items"]] == [seq]
    delivered = (await shown(house, owner, "deliveries?state=delivered"))["items"]
    assert [item["type"] for item in delivered] == ["webhook_endpoint.pinged"]


async def test_of_its_own_affairs_an_endpoint_is_sent_nothing_again_but_its_own_pings(house: House, receiver: Receiver):
    owner, other = [await endpoint(house, receiver, "client.*") for _ in range(2)]
    script = await house.as_("integration")
    feed = ok(await script.get("/v1/events?after=0&types=webhook_endpoint.*"))["items"]
    found = {(event["id"], event["type"].partition(".")[2]): event["seq"] for event in feed}
    for of, kind, status in (
        (owner, "pinged", 202), (owner, "verified", 404), (other, "pinged", 404), (other, "verified", 202),
    ):  # fmt: skip
        assert (await redelivered(house, owner, found[of["id"], kind])).status_code == status
    await receiver.until_taken(2)
    assert sorted(receiver.types()) == ["webhook_endpoint.pinged", "webhook_endpoint.verified"]


async def test_thousands_of_deliveries_are_listed_page_by_page_and_by_state(house: House, receiver: Receiver):
    owner = await endpoint(house, receiver, "client.*")
    script = await house.as_("integration")
    await revised(house, owner, event_types=["repair.*"])
    await moved(house, owner, "pause")
    states = await seeded(house, owner, 3000)
    for state in (None, "pending", "delivered", "dead"):
        wanted = [seq for seq, found in sorted(states.items(), reverse=True) if state in (None, found)]
        items, query = [], f"?limit=200{f'&state={state}' if state else ''}"
        response = await script.get(f"/v1/webhook-endpoints/{owner['id']}/deliveries{query}")
        while True:
            items += ok(response)["items"]
            if "next" not in response.links:
                break
            response = await script.get(response.links["next"]["url"])
        found = [(item["seq"], item["state"]) for item in items if item["type"] != "webhook_endpoint.pinged"]
        assert found == [(seq, states[seq]) for seq in wanted]
    health = (await shown(house, owner))["health"]
    assert (health["backlog"], health["dead"]) == (1000, 500)
    refused(await script.get(f"/v1/webhook-endpoints/{owner['id']}/deliveries?state=lost"), 422)


KINDS = ("pending", "delivered", "dead", "delivered", "pending", "delivered")
# Some of what was delivered had failed before.
SEED = """
WITH n AS (SELECT seq, seq % 6 AS kind FROM generate_series($3::bigint, $3 + $4 - 1) seq),
pending AS (
  INSERT INTO delivery (practice_id, endpoint_id, seq, subject_id, volume)
  SELECT $1, $2, seq, gen_random_uuid(), 1 FROM n WHERE kind IN (0, 4)),
dead AS (
  INSERT INTO dead (practice_id, endpoint_id, seq, at, attempts, outcome)
  SELECT $1, $2, seq, now(), 10, 'http_5xx' FROM n WHERE kind = 2)
INSERT INTO attempt (practice_id, endpoint_id, seq, number, at, outcome, took_ms, volume)
SELECT $1, $2, seq, number, now() + make_interval(secs => number),
  CASE WHEN kind % 2 = 1 AND number = tries THEN 'delivered' ELSE 'http_5xx' END, 1, 1
FROM n, LATERAL (SELECT 1 + seq % 3 AS tries) t, LATERAL generate_series(1, tries) number"""


async def seeded(house: House, owner: dict[str, Any], count: int) -> dict[int, str]:
    """So many events of an endpoint in every state, straight into the tables: their numbers, and their states."""
    first = await copied(house, count)
    await house.running.service.pool.execute(SEED, house.id, owner["id"], first, count)
    return {seq: KINDS[seq % 6] for seq in range(first, first + count)}


async def test_what_is_too_late_is_not_sent_though_the_connection_is_there(house: House, receiver: Receiver):
    egress = Egress(house.running.service.settings)
    for _ in range(2):  # on a connection of its own, and on one that was kept
        assert await egress.post(receiver.url, b"{}", {}, time.monotonic()) is None
        assert receiver.got == []
        answer = await egress.post(receiver.url, b"{}", {}, time.monotonic() + 5)
        assert answer and answer.outcome == "delivered"
        receiver.forget()
    await egress.close()


async def test_an_event_is_sent_once_more_and_no_oftener_under_one_idempotency_key(house: House, receiver: Receiver):
    owner = await endpoint(house, receiver, "client.*")
    await clients(house, 2)
    first, second = sorted(event["data"]["seq"] for event in await receiver.until_taken(2))
    await settled(house, owner)
    receiver.forget()
    answers = await asyncio.gather(*(redelivered(house, owner, first, Idempotency_Key="again") for _ in range(5)))
    await settled(house, owner)
    answers.append(await redelivered(house, owner, first, Idempotency_Key="again"))
    assert {(answer.status_code, answer.content) for answer in answers} == {(202, answers[0].content)}
    assert [a.headers.get("idempotent-replayed") for a in answers].count("true") == 5
    refused(await redelivered(house, owner, second, Idempotency_Key="again"), 422, "idempotency-key-reused")
    refused(await redelivered(house, owner, second, If_Match='"1"'), 412)
    refused(await redelivered(house, owner, 10**9, Idempotency_Key="nothing"), 404)
    assert (await redelivered(house, owner, second, Idempotency_Key="other")).status_code == 202
    await receiver.until_taken(2)
    await settled(house, owner)
    assert [event["data"]["seq"] for event in receiver.taken] == [first, second]


async def test_what_is_asked_for_once_more_while_it_is_under_way_is_sent_once_more(house: House, receiver: Receiver):
    owner = await endpoint(house, receiver, "client.*")
    receiver.slow = 0.3
    await clients(house, 1)
    await receiver.until(1)
    seq = receiver.events()[0]["data"]["seq"]
    assert (await redelivered(house, owner, seq)).status_code == 202
    await receiver.until_taken(2)
    await settled(house, owner)
    log = (await shown(house, owner, "deliveries", seq))["attempt_log"]
    assert [(attempt["outcome"], attempt["cause"]) for attempt in log] == [
        ("delivered", "event"),
        ("delivered", "redelivery"),
    ]


async def test_what_waited_for_an_endpoint_that_is_gone_is_dropped_with_what_was_given_up(
    house: House, receiver: Receiver
):
    pool, waiting = house.running.service.pool, "SELECT count(*) FROM delivery WHERE practice_id = $1"
    owner, other = await endpoint(house, receiver, "client.*"), await endpoint(house, receiver, "client.*")
    script, at = await house.as_("integration"), f"/v1/webhook-endpoints/{owner['id']}"
    for paused in (owner, other):
        ok(await script.post(f"/v1/webhook-endpoints/{paused['id']}/pause"))
    await clients(house, 3)
    for one in (owner, other):
        dead = "INSERT INTO dead SELECT $1, $2, seq, now(), 10, 'timeout' FROM delivery WHERE endpoint_id = $2"
        await pool.execute(dead, house.id, one["id"])
    ok(await script.delete(at, headers={"If-Match": "*"}))
    for statement in (housekeeping.DROP, housekeeping.ERASE):
        await pool.execute(statement)
    assert await pool.fetchval("SELECT secrets FROM webhook_endpoint WHERE id = $1", owner["id"]) is None
    assert await pool.fetchval(waiting, house.id) == 3
    left = await pool.fetch("SELECT DISTINCT endpoint_id FROM dead WHERE practice_id = $1", house.id)
    assert [str(row["endpoint_id"]) for row in left] == [other["id"]]


async def test_the_metrics_tell_how_deliveries_fare(house: House, receiver: Receiver):
    async def told_now() -> dict[str, float]:
        text = (await (await house.running.client()).get("/metrics")).text
        lines = (line.rpartition(" ") for line in text.splitlines() if line.startswith("bravespace_delivery_"))
        return {name.removeprefix("bravespace_delivery_"): float(value) for name, _, value in lines}

    owner, before = await endpoint(house, receiver, "client.*"), await told_now()
    await receiver.down()
    await clients(house, 8)
    await told(house, owner, "breaker_opened")
    waiting = await told_now()
    assert waiting["open_breakers"] >= 1 and waiting["oldest_due_seconds"] > 0
    assert waiting['backlog{state="ready"}'] + waiting['backlog{state="waiting"}'] >= 8
    await receiver.up()
    await receiver.until_taken(8)
    await settled(house, owner)
    await told(house, owner, "breaker_closed")
    after = await told_now()
    grown = {name: value - before.get(name, 0) for name, value in after.items()}
    for name in (
        'attempts_total{outcome="connection"}',
        'moves_total{move="open_breaker"}',
        'moves_total{move="close_breaker"}',
    ):
        assert grown[name] >= 1, name
    assert grown['attempts_total{outcome="delivered"}'] >= 8 and grown["seconds_count"] >= 8
    assert grown['seconds_bucket{le="+Inf"}'] == grown["seconds_count"] and grown["seconds_sum"] > 0
    assert "lost_leases_total" in after and 'backlog{state="dead"}' in after
