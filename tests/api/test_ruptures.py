"""Ruptures over HTTP: who says there is one, who may take that back, and what the other is shown."""

import pytest

from tests.conftest import Case, made, ok, refused


async def test_a_clients_report_is_confirmed_at_once_and_their_words_are_theirs(case: Case):
    rupture = await case.rupture("client", summary="I felt unseen.", precipitants=[{"kind": "felt_unseen"}])
    assert (rupture["phase"], rupture["reported_by"], rupture["shared_with_client"]) == ("confirmed", "client", True)
    assert rupture["precipitants"] == [{"kind": "felt_unseen", "named_by": "client"}]
    assert ok(await case.therapist.get(f"/v1/ruptures/{rupture['id']}"))["summary"] == "I felt unseen."


async def test_a_clients_report_is_never_a_mere_suspicion(case: Case):
    body = {"relationship_id": case.relationship_id, "certainty": "suspected"}
    assert refused(await case.client.post("/v1/ruptures", json=body), 422)["errors"][0]["pointer"] == "#/certainty"
    through_a_vendor = {**body, "reported_by": "client"}
    refused(await case.script.post("/v1/ruptures", json=through_a_vendor), 422)


async def test_a_system_can_only_suspect_unless_it_speaks_for_somebody(case: Case):
    assert (await case.rupture("script"))["phase"] == "suspected"
    assert (await case.rupture("script", reported_by="client"))["phase"] == "confirmed"


async def test_nobody_reports_in_another_persons_name(case: Case):
    body = {"relationship_id": case.relationship_id, "reported_by": "client"}
    assert refused(await case.therapist.post("/v1/ruptures", json=body), 422)["errors"][0]["pointer"] == "#/reported_by"


async def test_a_therapist_can_not_take_back_what_the_client_said(case: Case):
    rupture = await case.rupture("client")
    refused(await case.therapist.post(f"/v1/ruptures/{rupture['id']}/withdraw"), 422)
    headers = {"If-Match": '"1"'}
    refused(await case.therapist.delete(f"/v1/ruptures/{rupture['id']}", headers=headers), 422)
    assert ok(await case.client.post(f"/v1/ruptures/{rupture['id']}/withdraw"))["phase"] == "dismissed"


async def test_a_suspicion_is_dismissed_with_a_reason_and_can_be_reconsidered(case: Case):
    rupture = await case.rupture(certainty="suspected", type="withdrawal")
    body = {"reason": "not_a_rupture", "note": "Quiet, because tired."}
    dismissed = ok(await case.therapist.post(f"/v1/ruptures/{rupture['id']}/dismiss", json=body))
    assert (dismissed["phase"], dismissed["dismissal_reason"]) == ("dismissed", "not_a_rupture")
    assert ok(await case.supervisor.post(f"/v1/ruptures/{rupture['id']}/reconsider"))["phase"] == "suspected"
    refused(await case.client.post(f"/v1/ruptures/{rupture['id']}/dismiss", json=body), 403, "role-may-not")


async def test_several_ruptures_may_be_open_at_once(case: Case):
    for _ in range(3):
        await case.rupture()
    page = ok(await case.therapist.get(f"/v1/ruptures?relationship_id={case.relationship_id}&phase=confirmed"))
    assert len(page["items"]) == 3


async def test_what_is_not_shared_is_not_shown_to_the_client_and_neither_is_the_therapists_rating(case: Case):
    rupture = await case.rupture(summary="I was late in noticing.", therapist_intensity=4, client_intensity=3)
    assert rupture["therapist_intensity"] == 4
    shown = ok(await case.client.get(f"/v1/ruptures/{rupture['id']}"))
    assert shown["summary"] is None
    assert "therapist_intensity" not in shown
    assert shown["client_intensity"] == 3
    headers = {"If-Match": '"1"'}
    ok(await case.therapist.patch(f"/v1/ruptures/{rupture['id']}", json={"shared_with_client": True}, headers=headers))
    assert ok(await case.client.get(f"/v1/ruptures/{rupture['id']}"))["summary"] == "I was late in noticing."


LABELS = {
    "type": "confrontation", "echoes_past": "yes", "strains": ["bond"],
    "precipitants": [{"kind": "missed_cue"}, {"kind": "felt_unseen", "named_by": "client"}],
}  # fmt: skip


async def test_a_suspicion_that_is_not_shared_tells_the_client_that_there_is_one_and_not_what_it_is_called(case: Case):
    rupture = await case.rupture(certainty="suspected", **LABELS)
    path, trajectory = f"/v1/ruptures/{rupture['id']}", f"/v1/relationships/{case.relationship_id}/trajectory"
    for shown in (ok(await case.client.get(path)), ok(await case.client.get("/v1/ruptures"))["items"][0]):
        assert not {"type", "echoes_past", "strains", "markers", "dismissal_reason", "left_reason"} & set(shown)
        assert shown["precipitants"] == [{"kind": "felt_unseen", "named_by": "client"}]
    changed = ok(await case.client.get(f"{path}/history"))["items"][0]["changed"]
    assert not {"type", "echoes_past", "strains"} & set(changed)
    assert changed["precipitants"] == [{"kind": "felt_unseen", "named_by": "client"}]
    assert ok(await case.client.get(trajectory))["ruptures"][0]["type"] == "unspecified"
    confirmed = ok(await case.client.post(f"{path}/confirm"))
    assert (confirmed["phase"], "type" in confirmed) == ("confirmed", False)
    ok(await case.therapist.patch(path, json={"shared_with_client": True}, headers={"If-Match": "*"}))
    shown = ok(await case.client.get(path))
    assert (shown["type"], shown["echoes_past"], len(shown["precipitants"])) == ("confrontation", "yes", 2)
    assert ok(await case.client.get(trajectory))["ruptures"][0]["type"] == "confrontation"
    assert "type" not in ok(await case.client.get(f"{path}/history"))["items"][0]["changed"], "it was not shared then"


async def test_why_a_suspicion_was_dismissed_is_for_clinicians_unless_it_is_shared(case: Case):
    for shared in (False, True):
        rupture = await case.rupture(certainty="suspected", shared_with_client=shared)
        path = f"/v1/ruptures/{rupture['id']}"
        ok(await case.therapist.post(f"{path}/dismiss", json={"reason": "not_a_rupture"}))
        assert ("dismissal_reason" in ok(await case.client.get(path))) is shared
        assert ("not_a_rupture" in (await case.client.get(f"{path}/history")).text) is shared


async def test_a_client_sees_whole_what_they_reported_themselves(case: Case):
    rupture = await case.rupture("client", **LABELS)
    for where in ("", "/history"):
        text = (await case.client.get(f"/v1/ruptures/{rupture['id']}{where}")).text
        assert all(word in text for word in ("confrontation", "missed_cue", "felt_unseen", "bond"))


async def test_nobody_rewrites_the_clients_words(case: Case):
    rupture = await case.rupture("client", summary="It hurt.")
    url, headers = f"/v1/ruptures/{rupture['id']}", {"If-Match": '"1"'}
    refused(await case.therapist.patch(url, json={"summary": "A misunderstanding."}, headers=headers), 422)
    refused(await case.therapist.patch(url, json={"shared_with_client": False}, headers=headers), 422)
    kept = ok(await case.therapist.patch(url, json={"type": "confrontation"}, headers=headers))
    assert (kept["summary"], kept["type"]) == ("It hurt.", "confrontation")


async def test_a_correction_never_loses_what_was_said_before(case: Case):
    rupture = await case.rupture(summary="First.")
    url = f"/v1/ruptures/{rupture['id']}"
    for version, text in enumerate(("Second.", "Third."), 1):
        ok(await case.therapist.patch(url, json={"summary": text}, headers={"If-Match": f'"{version}"'}))
    history = ok(await case.therapist.get(f"{url}/history"))["items"]
    assert [item["texts"].get("summary") for item in history] == ["First.", "Second.", "Third."]
    assert [item["type"] for item in history] == ["rupture.reported", "rupture.revised", "rupture.revised"]


async def test_the_client_can_ask_for_a_repair_and_it_stays_where_it_is(case: Case):
    rupture = await case.rupture("client")
    asked = ok(await case.client.post(f"/v1/ruptures/{rupture['id']}/ask-for-repair"))
    assert asked["phase"] == "confirmed"
    assert asked["repair_asked_on"]
    refused(await case.therapist.post(f"/v1/ruptures/{rupture['id']}/ask-for-repair"), 403)


async def test_a_late_cancellation_policy_can_be_named_and_another_practices_can_not(case: Case):
    policy = made(await case.script.post("/v1/policies", json={"kind": "late_cancellation", "title": "48 hours"}))
    said = {"precipitants": [{"kind": "boundary_or_policy"}], "policy_id": policy["id"]}
    assert (await case.rupture("client", **said))["policy_id"] == policy["id"]
    body = {"relationship_id": case.relationship_id, "policy_id": case.client_id}
    assert refused(await case.client.post("/v1/ruptures", json=body), 422)["errors"][0]["pointer"] == "#/policy_id"


@pytest.mark.parametrize("later", ["2031-01-01", "2199-12-31"])
async def test_a_rupture_lies_in_the_past(case: Case, later: str):
    body = {"relationship_id": case.relationship_id, "happened_on": later}
    assert refused(await case.therapist.post("/v1/ruptures", json=body), 422)["errors"][0]["pointer"] == "#/happened_on"


async def test_a_rupture_entered_in_error_is_kept_and_marked(case: Case):
    rupture = await case.rupture()
    url = f"/v1/ruptures/{rupture['id']}"
    refused(await case.therapist.delete(url), 428, "condition-required")
    assert ok(await case.therapist.delete(url, headers={"If-Match": '"1"'}))["phase"] == "entered_in_error"
    assert ok(await case.therapist.get(url))["phase"] == "entered_in_error"


async def test_a_rupture_told_of_after_the_end_is_kept_as_ended_unrepaired(case: Case):
    ok_or_made = await case.client.post(
        "/v1/termination-plans/client-ends", json={"relationship_id": case.relationship_id}
    )
    assert ok_or_made.status_code == 201
    assert (await case.rupture("client"))["phase"] == "ended_unrepaired"
