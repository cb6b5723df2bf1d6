"""Webhooks: verified by a library that is not ours, at a receiver that speaks real HTTP."""

import asyncio
import base64
import hashlib
import hmac
import json
from uuid import uuid4

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from api.house import document
from api.schemas import ref
from tests.conftest import Case, Found, House, made, ok, refused
from tests.endpoints import (
    endpoint,
    hurried,
    lived,
    log_of,
    moved,
    registered,
    revised,
    settled,
    shown,
    told,
    until_phase,
)  # fmt: skip
from tests.receiver import Receiver
from tests.test_documents import fits


async def test_a_phase_change_arrives_as_a_signed_event_that_names_nobody(case: Case, receiver: Receiver):
    made_endpoint = await endpoint(case.house, receiver, "repair.*")
    repair = await case.repair(await case.rupture(summary="Something private."))
    ok(await case.therapist.post(f"/v1/repairs/{repair['id']}/recognize", json={"summary": "Said so."}))
    got = await receiver.until(2)
    for headers, body in got:
        Webhook(made_endpoint["secret"]).verify(body, headers)
    told = json.loads(got[1][1])
    assert told["type"] == "repair.recognized"
    assert told["data"] == {
        "practice_id": str(case.house.id), "seq": told["data"]["seq"], "resource": "repair", "id": repair["id"],
        "version": 2, "from": "opened", "to": "recognizing", "href": f"/v1/repairs/{repair['id']}",
        "actor": {"kind": "therapist", "id": case.therapist_id}, "origin": "bravespace-cli",
    }  # fmt: skip
    assert ok(await case.therapist.get(told["data"]["href"]))["version"] == 2
    assert got[1][0]["webhook-id"] == f"evt_{case.house.id.hex}_{told['data']['seq']}"
    assert b"private" not in b"".join(body for _, body in got)


async def test_the_signature_is_over_the_bytes_that_were_sent(case: Case, receiver: Receiver):
    made_endpoint = await endpoint(case.house, receiver, "rupture.*")
    await case.rupture()
    [(headers, body)] = await receiver.until(1)
    key = base64.b64decode(made_endpoint["secret"].removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    with pytest.raises(WebhookVerificationError):
        Webhook(made_endpoint["secret"]).verify(body.replace(b"rupture", b"repture"), headers)


async def test_an_endpoint_hears_only_what_it_asked_for(case: Case, receiver: Receiver):
    await endpoint(case.house, receiver, "repair.begun", "relationship.*")
    await case.repair()
    ok(await case.therapist.post(f"/v1/relationships/{case.relationship_id}/put-on-hold"))
    await receiver.until(2)
    await asyncio.sleep(0.1)
    assert sorted(receiver.types()) == ["relationship.put_on_hold", "repair.begun"]


async def test_an_endpoint_hears_only_of_the_relationships_it_asked_for(house: House, receiver: Receiver):
    mine, other = await house.case(), await house.case()
    await endpoint(house, receiver, "rupture.*", "session.*", "client.*", relationship_ids=[mine.relationship_id])
    await other.rupture()
    made(await mine.script.post("/v1/clients", json={}))
    rupture, session = await mine.rupture(), await mine.session()
    await receiver.until(2)
    await asyncio.sleep(0.1)
    assert {event["data"]["id"] for event in receiver.events()} == {rupture["id"], session["id"]}


async def test_an_endpoint_hears_only_of_the_phases_it_asked_for(case: Case, receiver: Receiver):
    await endpoint(case.house, receiver, "repair.*", "rupture.*", phases=["concluded", "repaired"])
    repair = await case.repair()
    for move, said in (
        ("recognize", {}),
        ("conclude", {"outcome": "repaired", "within_session": True, "client_resolution": 5}),
    ):
        ok(await case.therapist.post(f"/v1/repairs/{repair['id']}/{move}", json=said))
    await receiver.until(2)
    await asyncio.sleep(0.1)
    assert sorted(event["data"]["to"] for event in receiver.events()) == ["concluded", "repaired"]


async def test_filters_that_name_nothing_here_are_refused_by_name(case: Case, found: Found, receiver: Receiver):
    elsewhere = await (await found()).case()
    owner = await endpoint(case.house, receiver, "rupture.*")
    for said, pointer in (
        ({"phases": ["concluded", "mended"]}, "#/phases/1"),
        ({"event_types": ["rupture.*", "client.*"], "phases": ["repaired", "concluded"]}, "#/phases/1"),
        ({"relationship_ids": [elsewhere.relationship_id]}, "#/relationship_ids/0"),
        ({"relationship_ids": [case.relationship_id, case.client_id]}, "#/relationship_ids/1"),
        ({"event_types": []}, "#/event_types"),
        ({"max_in_flight": 0}, "#/max_in_flight"),
        ({"rate_per_second": 1001}, "#/rate_per_second"),
        ({"api_version": "v0"}, "#/api_version"),
        ({"payload": "fat"}, "#/payload"),
    ):
        for refusal in (
            await case.script.post("/v1/webhook-endpoints", json={"url": receiver.url, **said}),
            await case.script.patch(f"/v1/webhook-endpoints/{owner['id']}", json=said, headers={"If-Match": "*"}),
        ):
            assert refused(refusal, 422)["errors"][0]["pointer"] == pointer
    assert (await shown(case.house, owner))["version"] == owner["version"] + 2, "pinged and verified, and no more"


async def test_an_endpoint_may_be_told_less(case: Case, receiver: Receiver):
    await endpoint(case.house, receiver, "rupture.*", payload="id_only")
    rupture = await case.rupture()
    repair = await case.repair(rupture)
    ok(await case.therapist.post(f"/v1/repairs/{repair['id']}/conclude", json={"outcome": "not_repaired"}))
    got = await receiver.until(3)
    for _, body in got:
        assert not {"from", "to"} & set(json.loads(body)["data"])


async def test_a_failure_is_tried_again_with_the_same_id_and_the_same_bytes(case: Case, receiver: Receiver):
    made_endpoint = await endpoint(case.house, receiver, "rupture.*")
    receiver.answers = [500, 302, 429]
    await case.rupture()
    got = await receiver.until(4)
    assert len({(headers["webhook-id"], body) for headers, body in got}) == 1
    for headers, body in got:
        Webhook(made_endpoint["secret"]).verify(body, headers)
    url = f"/v1/webhook-endpoints/{made_endpoint['id']}/deliveries"
    seq = json.loads(got[0][1])["data"]["seq"]
    async with asyncio.timeout(5):
        while (shown := ok(await case.script.get(f"{url}/{seq}")))["state"] != "delivered":
            await asyncio.sleep(0.02)
    assert [a["outcome"] for a in shown["attempt_log"]] == ["http_5xx", "redirect", "throttled", "delivered"]


async def test_a_resource_is_told_of_in_order_though_an_attempt_fails(case: Case, receiver: Receiver):
    await endpoint(case.house, receiver, "repair.*")
    receiver.answers = [500, 500]
    repair = await case.repair()
    for step in ("recognize", "stay-present", "invite-reflection"):
        ok(await case.therapist.post(f"/v1/repairs/{repair['id']}/{step}"))
    await receiver.until(6)
    assert [json.loads(body)["data"]["version"] for _, body in receiver.got] == [1, 1, 1, 2, 3, 4]


async def test_one_event_can_be_sent_once_more(case: Case, receiver: Receiver):
    made_endpoint = await endpoint(case.house, receiver, "rupture.*")
    await case.rupture()
    [(first, body)] = list(await receiver.until(1))
    seq = json.loads(body)["data"]["seq"]
    url = f"/v1/webhook-endpoints/{made_endpoint['id']}/deliveries/{seq}/redeliver"
    response = await case.script.post(url)
    assert response.status_code == 202, response.text
    again, same = (await receiver.until(2))[1]
    assert (again["webhook-id"], same) == (first["webhook-id"], body)
    refused(await case.script.post(url.replace(f"/{seq}/", "/999999/")), 404)


async def test_a_ping_goes_to_its_own_endpoint_alone(house: House, receiver: Receiver):
    script = await house.as_("integration")
    pinged = await endpoint(house, receiver, "repair.*")
    other = await endpoint(house, receiver, "*")
    ok(await script.post(f"/v1/webhook-endpoints/{pinged['id']}/ping"))
    got = await receiver.until(1)
    await asyncio.sleep(0.1)
    assert receiver.types() == ["webhook_endpoint.pinged"]
    Webhook(pinged["secret"]).verify(got[0][1], got[0][0])
    heard = ok(await script.get(f"/v1/webhook-endpoints/{other['id']}/deliveries"))["items"]
    assert [item["id"] for item in heard if item["type"] == "webhook_endpoint.pinged"] == [other["id"]]


async def test_an_endpoint_is_never_told_of_its_own_affairs_but_of_others(house: House, receiver: Receiver):
    async with Receiver() as other:
        watcher = await endpoint(house, other, "webhook_endpoint.*")
        owner = await endpoint(house, receiver, "*")
        await moved(house, owner, "rotate-secret")
        await revised(house, owner, description="The chart.")
        await moved(house, owner, "pause")
        await moved(house, owner, "resume")
        await moved(house, owner, "ping")
        await receiver.until(1)
        await other.until(6)
        await asyncio.sleep(0.1)
        assert receiver.types() == ["webhook_endpoint.pinged"]
        of_owner = [event["type"].partition(".")[2] for event in other.events() if event["data"]["id"] == owner["id"]]
        assert of_owner == ["registered", "verified", "secret_rotated", "revised", "paused", "resumed"]
        assert watcher["id"] not in {event["data"]["id"] for event in other.events()}


# -- from phase to phase -----------------------------------------------------------------------------------------------


async def test_nothing_but_pings_is_sent_to_an_address_that_answered_none_and_everything_once_it_has(
    house: House, receiver: Receiver
):
    receiver.decides = lambda event: 500
    owner = await registered(house, receiver, "client.*")
    client = str(uuid4())
    await lived(house, client, 4)
    await receiver.until(2)
    assert set(receiver.types()) == {"webhook_endpoint.pinged"}
    assert (await shown(house, owner))["phase"] == "pending"
    receiver.decides = lambda event: 200
    await receiver.until_taken(5)
    assert [event["data"]["version"] for event in receiver.taken[1:]] == [1, 2, 3, 4]
    assert (await shown(house, owner))["phase"] == "enabled"


async def test_an_address_that_never_answers_its_ping_is_given_up(house: House, receiver: Receiver):
    receiver.decides = lambda event: 500
    owner = await registered(house, receiver, "client.*")
    async with asyncio.timeout(10):
        while (found := await shown(house, owner))["phase"] == "pending":
            await hurried(house, owner)
            await asyncio.sleep(0.02)
    assert (found["phase"], found["disabled_reason"], len(receiver.got)) == ("disabled", "failing", 10)


async def test_a_paused_endpoint_is_sent_nothing_and_then_everything_in_order(house: House, receiver: Receiver):
    owner = await endpoint(house, receiver, "client.*")
    await moved(house, owner, "pause")
    client = str(uuid4())
    await lived(house, client, 5)
    await asyncio.sleep(0.3)
    assert receiver.got == []
    assert (await shown(house, owner))["health"]["backlog"] == 5
    await moved(house, owner, "resume")
    await receiver.until_taken(5)
    assert [event["data"]["version"] for event in receiver.taken] == [1, 2, 3, 4, 5]


async def test_a_new_address_is_pinged_before_it_is_told_what_waited(house: House, receiver: Receiver):
    owner = await endpoint(house, receiver, "client.*")
    async with Receiver(decides=lambda event: 500) as new:
        relocated = await moved(house, owner, "relocate", url=new.url)
        assert (relocated["phase"], relocated["url"]) == ("pending", new.url)
        made(await (await house.as_("integration")).post("/v1/clients", json={}))
        await new.until(1)
        new.decides = lambda event: 200
        await new.until_taken(2)
        assert [event["type"] for event in new.taken] == ["webhook_endpoint.pinged", "client.registered"]
        Webhook(owner["secret"]).verify(new.got[-1][1], new.got[-1][0])
    assert receiver.got == []


async def test_a_new_address_is_not_held_to_what_was_agreed_with_the_old_one(house: House, receiver: Receiver):
    owner = await endpoint(house, receiver, "client.*")
    await settled(house, owner)
    await house.running.service.pool.execute(
        """UPDATE lane SET paused_until = now() + interval '1 hour', trips = 4, unreachable = 9, tried = 12, failed = 12,
             warned = true, first_failure_at = now() - interval '6 days' WHERE endpoint_id = $1""",
        owner["id"],
    )
    made(await (await house.as_("integration")).post("/v1/clients", json={}))
    async with Receiver(answers=[500]) as new:
        await moved(house, owner, "relocate", url=new.url)
        await new.until_taken(2)
        assert [event["type"] for event in new.taken] == ["webhook_endpoint.pinged", "client.registered"]
    assert (await told(house, owner, "breaker_closed"))[-2:] == ["verified", "breaker_closed"]
    health = (await until_phase(house, owner, "enabled"))["health"]
    assert (health["breaker"], health["paused_until"], health["failing_since"]) == ("closed", None, None)


async def test_a_rotated_secret_overlaps_with_the_one_before(house: House, receiver: Receiver):
    script = await house.as_("integration")
    before = await endpoint(house, receiver, "client.*")
    url = f"/v1/webhook-endpoints/{before['id']}"
    after = ok(await script.post(f"{url}/rotate-secret"))
    assert after["secret"] != before["secret"]
    assert "secret" not in ok(await script.get(url))
    made(await script.post("/v1/clients", json={}))
    [(headers, body)] = await receiver.until(1)
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (before["secret"], after["secret"]):
        Webhook(secret).verify(body, headers)


async def test_a_disabled_endpoint_is_sent_nothing_new_and_a_deleted_one_nothing_at_all(
    house: House, receiver: Receiver
):
    script = await house.as_("integration")
    url = f"/v1/webhook-endpoints/{(await endpoint(house, receiver, 'client.*'))['id']}"
    ok(await script.post(f"{url}/disable"))
    made(await script.post("/v1/clients", json={}))
    refused(await script.post(f"{url}/ping"), 409)
    assert ok(await script.post(f"{url}/enable"))["phase"] == "pending"
    await receiver.until(1)
    receiver.forget()
    kept = made(await script.post("/v1/clients", json={}))
    await receiver.until(1)
    assert json.loads(receiver.got[0][1])["data"]["id"] == kept["id"]
    version = (await script.get(url)).headers["etag"]
    assert ok(await script.delete(url, headers={"If-Match": version}))["phase"] == "deleted"
    made(await script.post("/v1/clients", json={}))
    await asyncio.sleep(0.1)
    assert len(receiver.got) == 1


async def test_an_endpoint_is_revised_under_its_version(house: House, receiver: Receiver):
    script = await house.as_("integration")
    url = f"/v1/webhook-endpoints/{(await endpoint(house, receiver, 'repair.*'))['id']}"
    version = (await script.get(url)).headers["etag"]
    changed = ok(await script.patch(url, json={"event_types": ["client.*"]}, headers={"If-Match": version}))
    assert changed["event_types"] == ["client.*"]
    made(await script.post("/v1/clients", json={}))
    await receiver.until(1)


@pytest.mark.parametrize(
    "url",
    ["http://example.com/x", "ftp://example.com", "https://user:pw@example.com", "https://", "nonsense", "https://10.0.0.1/",
     "https://[::ffff:10.0.0.1]/", "https://169.254.169.254/latest", "https://2130706433/", "https://exa mple.com/",
     "https://example.com/#x", "https://example.com:99999/", "javascript:alert(1)"],
)  # fmt: skip
async def test_an_address_that_must_not_be_sent_to_is_refused_by_name(house: House, url: str):
    script = await house.as_("integration")
    problem = refused(await script.post("/v1/webhook-endpoints", json={"url": url}), 422)
    assert problem["errors"][0]["pointer"] == "#/url"


async def test_a_filter_that_names_no_event_is_refused_by_name(house: House):
    script = await house.as_("integration")
    body = {"url": "https://example.com/x", "event_types": ["repair.*", "repairs.begun"]}
    problem = refused(await script.post("/v1/webhook-endpoints", json=body), 422)
    assert problem["errors"][0]["pointer"] == "#/event_types/1"


async def test_secrets_are_shown_once_and_kept_sealed(house: House, receiver: Receiver, running):
    script, key = await house.as_("integration"), {"Idempotency-Key": "k"}
    body = {"url": receiver.url, "event_types": ["repair.*"]}
    first = made(await script.post("/v1/webhook-endpoints", json=body, headers=key))
    again = await script.post("/v1/webhook-endpoints", json=body, headers=key)
    assert "secret" not in again.json()
    sealed = await running.service.pool.fetchval("SELECT secrets FROM webhook_endpoint WHERE id = $1", first["id"])
    assert first["secret"].encode() not in sealed
    kept = await running.service.pool.fetchval("SELECT string_agg(body, '') FROM idempotency WHERE key = 'k'")
    assert first["secret"] not in kept


async def test_what_an_endpoint_is_shown_with_is_what_the_document_says(house: House, receiver: Receiver):
    said = json.loads(document().read_text())
    owner = await registered(house, receiver, "client.*", asymmetric=True)
    assert "health" not in owner
    await until_phase(house, owner, "enabled")
    seq = receiver.events()[0]["data"]["seq"]
    answers = {
        "DeliveryWithAttempts": await log_of(house, owner, seq, "delivered"),
        "DeliveryPage": await shown(house, owner, "deliveries"),
        "WebhookEndpoint": await shown(house, owner), "VerificationKeys": await shown(house, owner, "keys"),
    }  # fmt: skip
    for name, answer in answers.items():
        fits(said, ref(name), answer)
    health = answers["WebhookEndpoint"]["health"]
    assert health.keys() == said["components"]["schemas"]["EndpointHealth"]["properties"].keys()
    assert answers["DeliveryWithAttempts"]["attempt_log"][0].keys() == set(
        said["components"]["schemas"]["Attempt"]["required"]
    )
    assert (health["success_rate"], health["backlog"], health["dead"]) == (1.0, 0, 0)


async def test_a_clinician_does_not_run_webhooks(case: Case):
    for caller in (case.therapist, case.client, case.supervisor):
        refused(await caller.get("/v1/webhook-endpoints"), 403)
        refused(await caller.post("/v1/webhook-endpoints", json={"url": "https://example.com/x"}), 403)
