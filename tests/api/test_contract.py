"""The HTTP contract, as a strict integrator would try it."""

import asyncio

import httpx
import pytest

from tests.conftest import Case, House, made, ok, refused


async def test_a_new_object_has_an_address_and_a_version(house: House):
    script = await house.as_("integration")
    response = await script.post("/v1/clients", json={})
    client = made(response)
    assert response.headers["location"] == f"/v1/clients/{client['id']}"
    assert response.headers["etag"] == '"1"'
    assert response.headers["cache-control"] == "no-store"
    read = await script.get(response.headers["location"])
    assert ok(read) == client


async def test_what_has_not_changed_is_not_sent_again(case: Case):
    rupture = await case.rupture()
    url = f"/v1/ruptures/{rupture['id']}"
    response = await case.therapist.get(url, headers={"If-None-Match": '"1"'})
    assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", '"1"')
    assert (await case.therapist.get(url, headers={"If-None-Match": '"2"'})).status_code == 200


async def test_an_offline_app_creates_under_its_own_id_and_never_overwrites(house: House):
    script = await house.as_("integration")
    url = f"/v1/clients/{house.id}"
    refused(await script.put(url, json={}), 428, "condition-required")
    made(await script.put(url, json={"label": "First"}, headers={"If-None-Match": "*"}))
    refused(await script.put(url, json={"label": "Second"}, headers={"If-None-Match": "*"}), 412, "stale")
    refused(await script.put(url, json={"label": "Second"}), 428)
    assert ok(await script.get(url))["label"] == "First"


async def test_nobody_overwrites_what_they_have_not_seen(case: Case):
    rupture = await case.rupture()
    url = f"/v1/ruptures/{rupture['id']}"
    refused(await case.therapist.patch(url, json={"type": "mixed"}), 428, "condition-required")
    changed = await case.therapist.patch(url, json={"type": "mixed"}, headers={"If-Match": '"1"'})
    assert (ok(changed)["type"], changed.headers["etag"]) == ("mixed", '"2"')
    refused(await case.therapist.patch(url, json={"type": "withdrawal"}, headers={"If-Match": '"1"'}), 412, "stale")


async def test_a_correction_that_changes_nothing_is_not_told(case: Case):
    rupture = await case.rupture(type="mixed")
    url = f"/v1/ruptures/{rupture['id']}"
    same = ok(await case.therapist.patch(url, json={"type": "mixed"}, headers={"If-Match": '"1"'}))
    assert same["version"] == 1


async def test_a_merge_patch_takes_a_field_away_with_null_and_refuses_what_it_does_not_know(case: Case):
    rupture = await case.rupture(client_intensity=3)
    url, condition = (
        f"/v1/ruptures/{rupture['id']}",
        {"If-Match": '"1"', "Content-Type": "application/merge-patch+json"},
    )
    for body in ({"phase": "repaired"}, {"relationship_id": rupture["id"]}, {"colour": "blue"}):
        problem = refused(await case.therapist.patch(url, json=body, headers=condition), 422, "invalid")
        assert problem["errors"][0]["pointer"] == f"#/{next(iter(body))}"
    assert (
        ok(await case.therapist.patch(url, json={"client_intensity": None}, headers=condition))["client_intensity"]
        is None
    )


async def test_a_move_that_is_not_open_names_the_phase_and_what_is_open(case: Case):
    rupture = await case.rupture()
    problem = refused(await case.therapist.post(f"/v1/ruptures/{rupture['id']}/confirm"), 409, "move-not-open")
    assert problem["phase"] == "confirmed"
    assert problem["open_moves"] == rupture["open_moves"]


async def test_open_moves_are_those_open_to_the_caller(case: Case):
    rupture = await case.rupture("client")
    assert "ask_for_repair" in rupture["open_moves"]
    assert "ask_for_repair" not in ok(await case.therapist.get(f"/v1/ruptures/{rupture['id']}"))["open_moves"]
    reader = await case.house.as_("supervisor", scope="ruptures.read")
    assert ok(await reader.get(f"/v1/ruptures/{rupture['id']}"))["open_moves"] == []


async def test_a_move_may_be_spelt_as_open_moves_spell_it(case: Case):
    repair = await case.repair()
    assert "stay_present" in repair["open_moves"]
    ok(await case.therapist.post(f"/v1/repairs/{repair['id']}/stay_present"))


async def test_a_stale_if_match_stops_a_move_and_a_fresh_one_lets_it_pass(case: Case):
    repair = await case.repair()
    url = f"/v1/repairs/{repair['id']}/recognize"
    refused(await case.therapist.post(url, headers={"If-Match": '"7"'}), 412, "stale")
    ok(await case.therapist.post(url, headers={"If-Match": '"1"'}))


async def test_the_same_request_again_gets_the_same_answer_again(case: Case):
    body, key = {"relationship_id": case.relationship_id}, {"Idempotency-Key": '"8e03978e-40d5"'}
    first = await case.therapist.post("/v1/ruptures", json=body, headers=key)
    again = await case.therapist.post("/v1/ruptures", json=body, headers={"Idempotency-Key": "8e03978e-40d5"})
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert (first.headers["etag"], first.headers["location"]) == (again.headers["etag"], again.headers["location"])
    other = {**body, "type": "mixed"}
    refused(await case.therapist.post("/v1/ruptures", json=other, headers=key), 422, "idempotency-key-reused")
    assert len(ok(await case.therapist.get("/v1/ruptures"))["items"]) == 1


async def test_a_refusal_is_remembered_under_its_key_as_well(case: Case):
    repair = await case.repair()
    url, key = f"/v1/repairs/{repair['id']}/conclude", {"Idempotency-Key": "a"}
    first = await case.therapist.post(url, json={"outcome": "repaired"}, headers=key)
    ok(await case.client.post(f"/v1/repairs/{repair['id']}/record-view", json={"resolution": 5}))
    again = await case.therapist.post(url, json={"outcome": "repaired"}, headers=key)
    assert (first.status_code, first.content) == (again.status_code, again.content)


async def test_lists_come_in_pages_that_lose_nothing(case: Case):
    wanted = {(await case.rupture())["id"] for _ in range(7)}
    found, url = [], "/v1/ruptures?limit=3"
    while url:
        response = await case.therapist.get(url)
        page = ok(response)
        found += [item["id"] for item in page["items"]]
        assert bool(page["next_cursor"]) == ("next" in response.links)
        url = response.links["next"]["url"] if page["next_cursor"] else ""
    assert len(found) == len(set(found)) == 7
    assert set(found) == wanted


async def test_lists_can_be_narrowed(case: Case):
    session = await case.session()
    await case.rupture(session_id=session["id"])
    await case.rupture()
    other = await case.house.case()
    await other.rupture()
    for query, count in {
        "": 3, f"relationship_id={case.relationship_id}": 2, f"client_id={case.client_id}": 2,
        f"session_id={session['id']}": 1, "phase=repaired": 0, f"therapist_id={other.therapist_id}": 1,
    }.items():  # fmt: skip
        assert len(ok(await case.supervisor.get(f"/v1/ruptures?{query}"))["items"]) == count


@pytest.mark.parametrize("query", ["colour=blue", "phase=happy", "limit=0", "limit=201", "limit=x", "cursor=%00", "cursor=!",
                                   "relationship_id=1", "changed_after=-1", "limit=1&limit=2", "changed_after=1&cursor=a"])  # fmt: skip
async def test_a_query_that_can_not_be_is_refused_by_name(case: Case, query: str):
    problem = refused(await case.therapist.get(f"/v1/ruptures?{query}"), 422, "invalid")
    if "&limit" not in query:
        assert problem["errors"][0]["parameter"] in query


async def test_what_another_system_calls_it_finds_it_and_means_one_thing(house: House):
    script = await house.as_("integration")
    names = {"external_identifiers": [{"system": "ehr", "value": "P-1"}]}
    client = made(await script.post("/v1/clients", json=names))
    refused(await script.post("/v1/clients", json=names), 409, "taken")
    page = ok(await script.get("/v1/clients?external_system=ehr&external_value=P-1"))
    assert [item["id"] for item in page["items"]] == [client["id"]]
    moved = {"external_identifiers": [{"system": "ehr", "value": "P-2"}]}
    ok(await script.patch(f"/v1/clients/{client['id']}", json=moved, headers={"If-Match": '"1"'}))
    made(await script.post("/v1/clients", json=names))


async def test_system_and_value_are_asked_for_as_one_name(house: House):
    """Whose number 2 in one system is somebody else's in another is not found by the wrong pair."""
    script = await house.as_("integration")
    names = [{"system": "ehr", "value": "1"}, {"system": "lab", "value": "2"}]
    client = made(await script.post("/v1/clients", json={"external_identifiers": names}))
    made(await script.post("/v1/therapists", json={"external_identifiers": [{"system": "ehr", "value": "2"}]}))
    for query, found in {
        "external_system=ehr&external_value=1": [client["id"]], "external_system=lab&external_value=2": [client["id"]],
        "external_system=ehr&external_value=2": [], "external_system=lab&external_value=1": [],
        "external_value=2": [client["id"]], "external_system=lab": [client["id"]],
    }.items():  # fmt: skip
        page = ok(await script.get(f"/v1/clients?{query}"))
        assert [item["id"] for item in page["items"]] == found, query


async def test_a_query_that_is_not_known_is_refused_wherever_the_document_says_so(house: House):
    """Everywhere but where anybody may ask: a probe's address may carry what its load balancer puts there."""
    script = await house.as_("integration")
    document = ok(await script.get("/openapi.json"))
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            open_to_all, documented = operation["security"] == [], "422" in operation["responses"]
            assert documented is not open_to_all, f"{method} {path}"
            if method == "get" and "{" not in path:
                answer = await script.get(f"{path}?nonsense=1")
                assert (answer.status_code == 422) is documented, f"{method} {path}: {answer.text[:200]}"


async def test_a_number_that_was_never_given_is_no_place_to_wait(case: Case):
    """A reader with another practice's number, or from before a restore, would be deaf until the log caught up."""
    newest = ok(await case.script.get("/v1/practices/me"))["seq"]
    for path in ("/v1/events?after=", "/v1/events?wait=20&after=", "/v1/ruptures?changed_after="):
        assert ok(await case.script.get(f"{path.replace('wait=20&', '')}{newest}"))["next_after"] == newest
        problem = refused(await case.script.get(f"{path}{newest + 1}"), 410, "history-gone")
        assert problem["newest"] == newest and f"The log ends at {newest}" in problem["detail"]


async def test_every_number_that_a_query_may_be_is_answered(case: Case):
    """As large as the document says, on every route that takes one."""
    world = {"id": case.relationship_id, "seq": "1"}
    document = ok(await case.script.get("/openapi.json"))
    tried = 0
    for path, methods in document["paths"].items():
        for parameter in methods.get("get", {}).get("parameters", ()):
            if parameter.get("in") == "query" and parameter["schema"].get("type") == "integer":
                for most in (parameter["schema"]["maximum"], 2**31 - 1, 2**31):
                    address = path.format_map(world) + f"?{parameter['name']}={most}"
                    answer = await case.script.get(address) if parameter["name"] != "wait" else None
                    tried += 1
                    assert answer is None or answer.status_code < 500, f"{address}: {answer.text}"
    assert tried > 30


async def test_whatever_version_it_is_at_somebody_revises_it(case: Case):
    """`If-Match: *` holds for as long as there is one: of eight at once none is told that another was first."""
    path = f"/v1/relationships/{case.relationship_id}"
    responses = await asyncio.gather(*(
        case.therapist.patch(path, json={"modality": f"M{n}"}, headers={"If-Match": "*"}) for n in range(4)
    ))  # fmt: skip
    assert {r.status_code for r in responses} == {200}, [r.text for r in responses]


async def test_a_script_follows_what_changed_since_it_last_looked(case: Case):
    first = await case.rupture()
    seen = ok(await case.script.get("/v1/ruptures?changed_after=0"))
    assert [item["id"] for item in seen["items"]] == [first["id"]]
    second = await case.rupture()
    ok(await case.therapist.patch(f"/v1/ruptures/{first['id']}", json={"type": "mixed"}, headers={"If-Match": '"1"'}))
    since = ok(await case.script.get(f"/v1/ruptures?changed_after={seen['next_after']}"))
    assert [(item["id"], item["version"]) for item in since["items"]] == [(second["id"], 1), (first["id"], 2)]
    assert ok(await case.script.get(f"/v1/ruptures?changed_after={since['next_after']}"))["items"] == []


async def test_an_address_that_is_not_there_and_a_method_it_does_not_take(case: Case):
    refused(await case.script.get("/v2/nothing"), 404, "not-found")
    refused(await case.script.get("/v1/ruptures/"), 404)
    response = await case.script.delete("/v1/repairs/0190a0a0-0000-7000-8000-000000000000")
    refused(response, 405, "method-not-allowed")
    assert "PATCH" in response.headers["allow"]
    refused(await case.script.get("/v1/ruptures/not-an-id"), 404)


async def test_a_body_is_json_and_not_too_large(case: Case):
    headers = {"Content-Type": "text/plain"}
    refused(await case.script.post("/v1/clients", content=b"{}", headers=headers), 415, "unsupported-media-type")
    headers = {"Content-Type": "application/json"}
    refused(await case.script.post("/v1/clients", content=b"{", headers=headers), 400, "malformed")
    large = b'{"label":"' + b"x" * (1024 * 1024) + b'"}'
    refused(await case.script.post("/v1/clients", content=large, headers=headers), 413, "too-large")


async def test_every_answer_has_a_request_id_and_takes_a_harmless_one(case: Case):
    response = await case.script.get("/v1/clients", headers={"X-Request-Id": "sync-2026-11-23.1"})
    assert response.headers["x-request-id"] == "sync-2026-11-23.1"
    odd = await case.script.get("/v1/nothing", headers={"X-Request-Id": "<script>"})
    assert odd.headers["x-request-id"] != "<script>"
    assert odd.json()["instance"].endswith(odd.headers["x-request-id"])


async def test_a_browsers_page_from_a_known_origin_may_call(case: Case):
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "PATCH"}
    response = await case.script.options("/v1/ruptures", headers=asked)
    assert response.headers["access-control-allow-origin"] == "https://app.example"
    stranger = await case.script.get("/v1/ruptures", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in stranger.headers
    known = await case.script.get("/v1/ruptures", headers={"Origin": "https://app.example"})
    assert "ETag" in known.headers["access-control-expose-headers"]


async def test_the_house_is_open_to_everybody_and_needs_no_internet(running):
    anybody: httpx.AsyncClient = await running.client()
    assert (await anybody.get("/healthz")).json() == {"status": "ok"}
    assert (await anybody.get("/readyz")).json() == {"status": "ready"}
    assert "bravespace_requests" in (await anybody.get("/metrics")).text
    page = (await anybody.get("/docs")).text
    assert "http://" not in page
    assert "https://" not in page
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert len((await anybody.get(f"/docs/{asset}")).content) > 100_000
    refused(await anybody.get("/docs/../secrets"), 404)
    assert (await anybody.get("/openapi.json")).json()["openapi"].startswith("3.1")
    problem = refused(await anybody.get("/nowhere"), 404)
    assert (await anybody.get(problem["type"])).status_code == 200
    assert (await anybody.head("/healthz")).content == b""


async def test_every_kind_of_problem_has_a_page(running):
    anybody = await running.client()
    index = (await anybody.get("/problems")).text
    for code in ("stale", "move-not-open", "incomplete", "insufficient-scope", "unavailable"):
        assert code in index
        assert (await anybody.get(f"/problems/{code}")).status_code == 200
    refused(await anybody.get("/problems/none-of-these"), 404)


async def test_the_timeline_tells_a_therapy_in_plain_words(case: Case):
    await case.session()
    await case.repair(await case.rupture("client"))
    items = ok(await case.client.get(f"/v1/relationships/{case.relationship_id}/timeline"))["items"]
    assert [i["type"] for i in items] == [
        "relationship.begun", "session.recorded", "rupture.reported", "repair.begun", "rupture.repair_begun",
    ]  # fmt: skip
    assert all(i["says"].endswith(".") for i in items)


async def test_a_clients_timeline_leaves_out_what_is_for_clinicians(case: Case):
    ok(await case.therapist.post(f"/v1/relationships/{case.relationship_id}/screen-risk", json={"risk": "moderate"}))
    url = f"/v1/relationships/{case.relationship_id}"
    for path in (f"{url}/timeline", f"{url}/history", "/v1/events"):
        assert "risk" not in (await case.client.get(path)).text
        assert "risk_screened" in (await case.therapist.get(path)).text


async def test_the_ordinal_counts_the_sessions_that_were_held(case: Case):
    second = await case.session(starts_at="2026-11-09T10:00:00Z")
    await case.session(starts_at="2026-11-05T10:00:00Z", status="missed")
    assert ok(await case.therapist.get(f"/v1/sessions/{second['id']}"))["ordinal"] == 1
    await case.session(starts_at="2026-11-02T10:00:00Z")
    assert ok(await case.therapist.get(f"/v1/sessions/{second['id']}"))["ordinal"] == 2


async def test_the_practice_is_the_tokens_own(house: House):
    found = ok(await (await house.as_("therapist", house.id)).get("/v1/practices/me"))
    assert (found["id"], found["name"]) == (str(house.id), "A practice")


async def test_a_waiting_reader_hears_of_a_change_at_once(case: Case):
    after = ok(await case.script.get("/v1/events"))["next_after"]
    waiting = asyncio.create_task(case.script.get(f"/v1/events?after={after}&wait=10&types=rupture.*"))
    await asyncio.sleep(0.05)
    await case.rupture()
    page = ok(await asyncio.wait_for(waiting, 3))
    assert [e["type"] for e in page["items"]] == ["rupture.reported"]
    assert page["next_after"] == page["items"][-1]["seq"] or page["next_after"] > after


NO_MOMENT = ("20261102", "202611021000", "-1", "1793613600", "1793613600.5", "2026-11-02 10:00:00Z", "2026-11-02T10:00Z",
             "2026-11-02T10:00:00.1234567Z")  # fmt: skip


async def test_digits_are_no_moment_and_no_day(case: Case):
    """A parser takes them for seconds since 1970, and a session would be on the wrong day."""
    for said in NO_MOMENT:
        body = {"relationship_id": case.relationship_id, "starts_at": said}
        problem = refused(await case.script.post("/v1/sessions", json=body), 422, "invalid")
        assert [e["pointer"] for e in problem["errors"]] == ["#/starts_at"]
        assert "like 2026-11-02T10:00:00Z" in problem["errors"][0]["detail"]
    body = {"client_id": case.client_id, "therapist_ids": [case.therapist_id], "started_on": "1793577600"}
    problem = refused(await case.script.post("/v1/relationships", json=body), 422, "invalid")
    assert problem["errors"] == [{"pointer": "#/started_on", "detail": "A day, like 2026-11-02."}]
    body = {"relationship_id": case.relationship_id, "starts_at": "2026-11-02T11:30:00.5+01:00"}
    session = made(await case.script.post("/v1/sessions", json=body))
    assert session["starts_at"] == "2026-11-02T10:30:00.500000Z"


async def test_a_day_in_a_query_has_one_spelling(case: Case):
    for day in ("20261101", "2026-W45-1", "2026-W45", "1793577600", ""):
        for address in (
            f"/v1/relationships/{case.relationship_id}/outcomes?from=",
            f"/v1/relationships/{case.relationship_id}/outcomes?until=",
            "/v1/reminders?due_before=",
            "/v1/practices/me/insights?since=",
        ):
            problem = refused(await case.supervisor.get(address + day), 422, "invalid")
            assert problem["errors"][0]["detail"] == "A day as YYYY-MM-DD."


async def test_a_null_under_a_name_that_there_is_not_is_refused_as_any_other_value_is(case: Case):
    """It looked as if the field had been cleared."""
    rupture, session = await case.rupture(summary="Hm."), await case.session()
    asked = {"session_id": session["id"], "direct_report": {"problem": True, "intensity": 2}}
    rating = made(await case.therapist.post("/v1/alliance-ratings", json=asked))
    patches = {
        f"/v1/ruptures/{rupture['id']}": ({"sumary": None}, "#/sumary"),
        f"/v1/alliance-ratings/{rating['id']}": ({"direct_report": {"intensty": None}}, "#/direct_report/intensty"),
    }
    for url, (patch, pointer) in patches.items():
        problem = refused(await case.therapist.patch(url, json=patch, headers={"If-Match": "*"}), 422, "invalid")
        assert problem["errors"] == [{"pointer": pointer, "detail": "There is no such field."}]
    assert ok(await case.therapist.get(f"/v1/ruptures/{rupture['id']}"))["summary"] == "Hm."


async def test_a_list_that_grew_past_what_may_be_sent_stops_no_patch(case: Case):
    """A change of treatment is added with every change of therapist, and the 201st made each later patch fail."""
    changes = [{"since": "2026-01-01", "changed": ["modality"]}] * 200
    body = {"client_id": case.client_id, "therapist_ids": [case.therapist_id], "modality": "a"}
    relationship = made(await case.script.post("/v1/relationships", json=body | {"treatment_changes": changes}))
    url, condition = f"/v1/relationships/{relationship['id']}", {"If-Match": "*"}
    grown = ok(await case.script.patch(url, json={"modality": "b"}, headers=condition))
    assert len(grown["treatment_changes"]) == 201
    later = ok(await case.script.patch(url, json={"setting": "couple"}, headers=condition))
    assert (later["setting"], later["modality"], len(later["treatment_changes"])) == ("couple", "b", 201)
    back = {"treatment_changes": later["treatment_changes"]}
    problem = refused(await case.script.patch(url, json=back, headers=condition), 422, "invalid")
    assert [e["pointer"] for e in problem["errors"]] == ["#/treatment_changes"]
    assert (
        ok(await case.script.patch(url, json={"treatment_changes": None}, headers=condition))["treatment_changes"] == []
    )


async def test_an_entry_that_is_named_twice_is_refused_by_its_place(case: Case):
    """A letter was signed twice by one therapist."""
    twice = "This is the same as entry 0; each is named once."
    them, here = case.therapist_id, case.relationship_id
    for collection, body, pointer in (
        ("relationships", {"client_id": case.client_id, "therapist_ids": [them, them]}, "#/therapist_ids/1"),
        ("relationships", {"client_id": case.client_id, "therapist_ids": [them, them.upper()]}, "#/therapist_ids/1"),
        ("ruptures", {"relationship_id": here, "strains": ["bond", "goal", "bond"]}, "#/strains/2"),
        ("webhook-endpoints", {"url": "https://a.example", "relationship_ids": [here, here]}, "#/relationship_ids/1"),
        ("webhook-endpoints", {"url": "https://a.example", "event_types": ["*", "*"]}, "#/event_types/1"),
        ("clients", {"external_identifiers": [{"system": "a", "value": "1"}] * 2}, "#/external_identifiers/1"),
    ):
        problem = refused(await case.script.post(f"/v1/{collection}", json=body), 422, "invalid")
        assert problem["errors"] == [{"pointer": pointer, "detail": twice}]


async def test_what_was_stored_before_entries_had_to_differ_is_read_and_revised(case: Case):
    pool = case.house.running.service.store.pool
    sql = "UPDATE relationship SET therapist_ids = therapist_ids || therapist_ids WHERE practice_id = $1"
    await pool.execute(sql, case.house.id)
    url = f"/v1/relationships/{case.relationship_id}"
    assert ok(await case.therapist.get(url))["therapist_ids"] == [case.therapist_id] * 2
    revised = ok(await case.therapist.patch(url, json={"modality": "CBT"}, headers={"If-Match": "*"}))
    assert revised["treatment_changes"] == []


async def test_a_body_that_is_no_object_is_pointed_at_as_a_whole(case: Case):
    for body in ("[]", "1", "null"):
        headers = {"Content-Type": "application/json"}
        problem = refused(await case.script.post("/v1/clients", content=body, headers=headers), 422, "invalid")
        assert [e["pointer"] for e in problem["errors"]] == ["#"]


async def test_an_id_in_a_body_has_the_spelling_that_it_has_in_an_address(case: Case):
    id, url = case.relationship_id, "/v1/ruptures"
    for said in (f"{{{id}}}", f"urn:uuid:{id}", id.replace("-", "")):
        problem = refused(await case.script.post(url, json={"relationship_id": said}), 422, "invalid")
        assert problem["errors"] == [{"pointer": "#/relationship_id", "detail": "This should be a UUID."}]
    assert made(await case.script.post(url, json={"relationship_id": id.upper()}))["relationship_id"] == id


async def test_a_zero_has_no_sign(case: Case):
    score = {"relationship_id": case.relationship_id, "rated_on": "2026-11-02", "instrument": "phq-9"}
    answers = [{"item": item, "value": -0.0} for item in range(1, 10)]
    found = made(await case.script.post("/v1/outcome-scores", json=score | {"answers": answers}))
    assert "-0" not in str([answer["value"] for answer in found["answers"]])


async def test_an_identifier_that_is_anothers_is_named_by_its_place(case: Case):
    first, second = {"system": "ehr", "value": "4711"}, {"system": "ehr", "value": "4712"}
    made(await case.script.post("/v1/clients", json={"external_identifiers": [second]}))
    response = await case.script.post("/v1/clients", json={"external_identifiers": [first, second]})
    problem = refused(response, 409, "taken")
    assert [e["pointer"] for e in problem["errors"]] == ["#/external_identifiers/1"]
    assert "4712" not in response.text


async def test_headers_that_belong_to_a_refusal_come_with_it(case: Case):
    url = f"/v1/relationships/{case.relationship_id}"
    response = await case.script.get(f"{url}/trajectory", headers={"Accept": "text/csv"})
    refused(response, 406)
    assert "Accept" in response.headers["vary"].split(", ")
    for method, taken in (("PATCH", "application/json, application/merge-patch+json"), ("POST", None)):
        path = url if method == "PATCH" else "/v1/clients"
        response = await case.script.request(method, path, content="a", headers={"Content-Type": "text/csv"})
        refused(response, 415)
        assert response.headers.get("accept-patch") == taken


async def test_if_match_may_name_several_versions_and_one_of_them_will_do(case: Case):
    url = f"/v1/relationships/{case.relationship_id}"
    for condition, status in (('"7", "1"', 200), ('"7","3"', 412), ('W/"2"', 412), ('W/"1", "2"', 200), ('"abc"', 412)):
        response = await case.script.patch(url, json={"modality": condition}, headers={"If-Match": condition})
        assert response.status_code == status, (condition, response.text)


async def test_a_moment_has_one_spelling_wherever_it_was_kept(case: Case):
    session = await case.session(starts_at="2026-11-02T11:00:00+01:00")
    assert session["starts_at"] == "2026-11-02T10:00:00Z"
    url = f"/v1/relationships/{case.relationship_id}/trajectory"
    trajectory = ok(await case.therapist.get(url, headers={"Accept": "application/json"}))
    assert [seat["starts_at"] for seat in trajectory["sessions"]] == [session["starts_at"]]
    (history,) = ok(await case.therapist.get(f"/v1/sessions/{session['id']}/history"))["items"]
    assert history["changed"]["starts_at"] == session["starts_at"]


async def test_of_several_ids_the_one_that_names_nothing_is_named_by_its_place(case: Case):
    them, nobody = case.therapist_id, case.client_id
    body = {"client_id": case.client_id, "therapist_ids": [them, nobody]}
    problem = refused(await case.script.post("/v1/relationships", json=body), 422, "invalid")
    assert problem["errors"] == [{"pointer": "#/therapist_ids/1", "detail": "There is no such therapist here."}]
    url = f"/v1/relationships/{case.relationship_id}"
    patch = {"therapist_ids": [them, nobody]}
    problem = refused(await case.script.patch(url, json=patch, headers={"If-Match": "*"}), 422, "invalid")
    assert [e["pointer"] for e in problem["errors"]] == ["#/therapist_ids/1"]
