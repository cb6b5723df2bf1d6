"""Repair over HTTP, told as the pair would tell it."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.conftest import Case, made, ok, refused


async def take(case: Case, repair: dict, move: str, **said):
    return ok(await case.therapist.post(f"/v1/repairs/{repair['id']}/{move}", json=said))


async def test_a_rupture_is_repaired_in_five_steps_and_the_client_says_so(case: Case):
    session = await case.session()
    rupture = await case.rupture("client", summary="The fee felt like a punishment.", session_id=session["id"])
    repair = await case.repair(rupture)
    for step in ("recognize", "stay-present", "invite-reflection", "validate-emotions", "offer-repair"):
        assert (await take(case, repair, step, session_id=session["id"]))["advisories"] == []
    ok(await case.client.post(f"/v1/repairs/{repair['id']}/record-view", json={"resolution": 5}))
    done = await take(case, repair, "conclude", outcome="repaired", therapist_resolution=4)
    assert (done["phase"], done["outcome"], done["client_resolution"]) == ("concluded", "repaired", 5)
    rupture = ok(await case.therapist.get(f"/v1/ruptures/{rupture['id']}"))
    assert rupture["phase"] == "repaired"


async def test_a_step_out_of_the_advised_order_succeeds_and_says_so(case: Case):
    repair = await case.repair()
    offered = await take(case, repair, "offer-repair", path_forward="We agree on 24 hours.")
    assert offered["phase"] == "offering"
    assert [a["code"] for a in offered["advisories"]] == ["out_of_advised_order"]
    assert all(a["source"] for a in offered["advisories"])


async def test_a_step_may_be_taken_again_and_each_time_counts(case: Case):
    repair = await case.repair()
    await take(case, repair, "recognize")
    again = await take(case, repair, "recognize", skills=["describe"], strategies=["acknowledge_contribution"])
    assert [s["step"] for s in again["steps"]] == ["recognize", "recognize"]
    assert again["steps"][1]["skills"] == ["describe"]


async def test_the_therapists_word_alone_does_not_make_it_repaired(case: Case):
    repair = await case.repair()
    response = await case.therapist.post(
        f"/v1/repairs/{repair['id']}/conclude", json={"outcome": "repaired", "therapist_resolution": 5}
    )
    problem = refused(response, 422, "incomplete")
    assert problem["errors"][0]["pointer"] == "#/client_resolution"
    assert ok(await case.therapist.get(f"/v1/repairs/{repair['id']}"))["phase"] == "opened"


async def fell_and_rose(case: Case, *scores: float, **said):
    """The client's ratings, week by week; the rupture was in the fifth session, and its repair has begun."""
    sessions = [await case.session(starts_at=(FIRST + timedelta(weeks=n)).isoformat()) for n in range(len(scores))]
    for session, score in zip(sessions, scores, strict=True):
        form = {"instrument": "wai-sr", "scores": [{"subscale": "total", "score": score}]}
        made(await case.client.post("/v1/alliance-ratings", json={"session_id": session["id"], **form, **said}))
    return await case.repair(await case.rupture(session_id=sessions[4]["id"]))


FIRST = datetime(2026, 1, 5, 10, tzinfo=UTC)
BY_SCORES = {"outcome": "repaired", "score_rule": "full_return", "therapist_resolution": 5}


async def test_naming_a_rule_by_which_scores_returned_is_no_way_around_the_client(case: Case):
    repair = await case.repair(await case.rupture(session_id=(await case.session())["id"]))
    problem = refused(await case.therapist.post(f"/v1/repairs/{repair['id']}/conclude", json=BY_SCORES), 422)
    assert problem["errors"][0]["pointer"] == "#/score_rule"
    assert "ask the client" in problem["detail"]
    assert ok(await case.therapist.get(f"/v1/repairs/{repair['id']}"))["phase"] == "opened"


async def test_scores_that_are_still_down_bear_no_rule_out(case: Case):
    repair = await fell_and_rose(case, 4.0, 4.17, 4.08, 4.25, 3.08, 3.42, shared_with_therapist=True)
    problem = refused(await case.therapist.post(f"/v1/repairs/{repair['id']}/conclude", json=BY_SCORES), 422)
    assert "do not meet full_return within 3 held sessions" in problem["errors"][0]["detail"]


async def test_scores_that_are_back_do_and_the_client_is_still_to_be_asked(case: Case):
    repair = await fell_and_rose(case, 4.0, 4.17, 4.08, 4.25, 3.08, 3.42, 4.25, shared_with_therapist=True)
    done = await take(case, repair, "conclude", **BY_SCORES)
    assert (done["outcome"], done["score_rule"], done["client_resolution"]) == ("repaired", "full_return", None)
    assert [advice["code"] for advice in done["advisories"]] == ["score_alone"]
    assert done["rests_on"] == "scores"
    assert "by the client's scores alone" in (await timeline(case))["rupture.repaired"]


async def test_a_therapist_learns_nothing_by_it_of_ratings_that_the_client_keeps_to_themselves(case: Case):
    repair = await fell_and_rose(case, 4.0, 4.17, 4.08, 4.25, 3.08, 3.42, 4.25)
    address = f"/v1/repairs/{repair['id']}/conclude"
    problem = refused(await case.therapist.post(address, json=BY_SCORES), 422)
    assert "There is no score of the client's in your sight" in problem["detail"]
    assert ok(await case.script.post(address, json=BY_SCORES))["outcome"] == "repaired"


async def test_the_practice_says_how_long_scores_may_take_to_come_back(case: Case):
    admin = await case.house.as_("admin")
    made(await admin.post("/v1/policies", json={"kind": "detection", "title": "At once", "repair_window": 1}))
    repair = await fell_and_rose(case, 4.0, 4.17, 4.08, 4.25, 3.08, 3.42, 4.25, shared_with_therapist=True)
    problem = refused(await case.therapist.post(f"/v1/repairs/{repair['id']}/conclude", json=BY_SCORES), 422)
    assert "within 1 held session after" in problem["detail"]


async def test_what_the_client_recorded_themselves_stands_over_what_they_are_said_to_have_said(case: Case):
    repair = await case.repair()
    ok(await case.client.post(f"/v1/repairs/{repair['id']}/record-view", json={"resolution": 2}))
    body = {"outcome": "repaired", "client_resolution": 5}
    refused(await case.therapist.post(f"/v1/repairs/{repair['id']}/conclude", json=body), 422)
    partly = await take(case, repair, "conclude", outcome="partially_repaired")
    assert partly["client_resolution"] == 2


async def test_a_repair_within_its_session_needs_no_score(case: Case):
    repair = await case.repair(await case.rupture("client"))
    body = {"outcome": "repaired", "client_resolution": 4, "within_session": True}
    assert (await take(case, repair, "conclude", **body))["within_session"] is True


async def test_a_repair_can_rest_and_be_taken_up_where_it_was(case: Case):
    repair = await case.repair()
    await take(case, repair, "recognize")
    assert (await take(case, repair, "set-aside"))["phase"] == "set_aside"
    assert (await take(case, repair, "take-up"))["phase"] == "recognizing"


async def test_a_skipped_step_is_on_record_with_its_reason(case: Case):
    repair = await case.repair()
    skipped = await take(case, repair, "skip", step="recognize", reason="The client named it first.")
    assert skipped["steps"][0]["skipped"] is True
    assert skipped["phase"] == "opened"
    assert (await take(case, repair, "stay-present"))["advisories"] == []


async def test_a_partial_repair_may_begin_again_and_a_mended_one_must_recur_first(case: Case):
    rupture = await case.rupture()
    first = await case.repair(rupture)
    await take(case, first, "conclude", outcome="partially_repaired")
    second = await case.repair(rupture)
    await take(case, second, "conclude", outcome="repaired", client_resolution=5)
    refused(await case.therapist.post("/v1/repairs", json={"rupture_id": rupture["id"]}), 422)
    again = ok(await case.client.post(f"/v1/ruptures/{rupture['id']}/recur"))
    assert (again["phase"], again["recurrences"]) == ("confirmed", 1)
    made(await case.therapist.post("/v1/repairs", json={"rupture_id": rupture["id"]}))


async def test_a_rupture_has_one_repair_under_way_at_a_time(case: Case):
    rupture = await case.rupture()
    await case.repair(rupture)
    problem = refused(await case.therapist.post("/v1/repairs", json={"rupture_id": rupture["id"]}), 422)
    assert "go on with the repair it has" in problem["detail"]


async def test_a_suspicion_is_confirmed_before_it_is_repaired(case: Case):
    rupture = await case.rupture(certainty="suspected")
    problem = refused(await case.therapist.post("/v1/repairs", json={"rupture_id": rupture["id"]}), 422)
    assert problem["errors"][0]["pointer"] == "#/rupture_id"


async def test_a_rupture_left_unrepaired_sets_its_repair_aside(case: Case):
    rupture = await case.rupture()
    repair = await case.repair(rupture)
    ok(
        await case.therapist.post(
            f"/v1/ruptures/{rupture['id']}/leave-unrepaired", json={"reason": "client_prefers_not"}
        )
    )
    assert ok(await case.therapist.get(f"/v1/repairs/{repair['id']}"))["phase"] == "set_aside"
    ok(await case.therapist.post(f"/v1/repairs/{repair['id']}/take-up"))
    assert ok(await case.therapist.get(f"/v1/ruptures/{rupture['id']}"))["phase"] == "in_repair"


async def test_guidance_comes_along_when_asked_for_and_never_by_itself(case: Case):
    repair = await case.repair(await case.rupture(type="withdrawal"))
    assert "guidance" not in ok(await case.therapist.get(f"/v1/repairs/{repair['id']}"))
    shown = ok(await case.therapist.get(f"/v1/repairs/{repair['id']}?include=guidance&pattern=avoidant"))
    assert {p["step"] for p in shown["guidance"]} >= {"recognize", "offer_repair"}
    assert {p["pattern"] for p in shown["guidance"]} == {"avoidant"}
    one = ok(await case.therapist.get("/v1/guidance?step=stay_present&pattern=anxious"))
    assert [p["skill"] for p in one["items"]]


@pytest.mark.parametrize("name", ["include", "pattern"])
async def test_guidance_is_for_those_who_treat(case: Case, name: str):
    asked = {"include": "guidance", "pattern": "disorganized"}
    refused(await case.client.get("/v1/guidance", params={"pattern": "disorganized"}), 403, "role-may-not")
    path = f"/v1/repairs/{(await case.repair())['id']}"
    problem = refused(await case.client.get(path, params={name: asked[name]}), 403, "role-may-not")
    assert problem["errors"][0]["parameter"] == name and name in problem["detail"]
    ok(await case.client.get(path))


async def timeline(case: Case, who: str = "client") -> dict[str, str]:
    """What the timeline says of each kind of event."""
    path = f"/v1/relationships/{case.relationship_id}/timeline"
    return {item["type"]: item["says"] for item in ok(await getattr(case, who).get(path))["items"]}


async def test_that_it_held_is_told_with_whose_word_it_is(case: Case):
    own = await case.repair()
    ok(await case.client.post(f"/v1/repairs/{own['id']}/record-view", json={"resolution": 5}))
    assert (await take(case, own, "conclude", outcome="repaired"))["rests_on"] == "client"
    assert (await timeline(case))["rupture.repaired"] == "The repair held: the client says so."


async def test_a_view_recorded_for_the_client_is_told_as_such_until_they_say_it_themselves(case: Case):
    repair = await case.repair()
    done = await take(case, repair, "conclude", outcome="repaired", client_resolution=4)
    assert (done["rests_on"], done["advisories"][0]["code"]) == ("second_hand", "clients_view_second_hand")
    assert "by an account of the client's view" in (await timeline(case))["rupture.repaired"]
    said = ok(await case.client.post(f"/v1/repairs/{repair['id']}/record-view", json={"resolution": 4}))
    assert said["rests_on"] == "client"
    assert "by an account of the client's view" in (await timeline(case))["rupture.repaired"], "which it was then"


async def test_a_client_who_sees_it_otherwise_afterwards_is_not_overruled_by_what_was_concluded(case: Case):
    repair = await case.repair()
    await take(case, repair, "conclude", outcome="repaired", client_resolution=5)
    said = ok(await case.client.post(f"/v1/repairs/{repair['id']}/record-view", json={"resolution": 1}))
    assert (said["outcome"], said["rests_on"], said["client_resolution"]) == ("repaired", None, 1)
    rupture = ok(await case.client.get(f"/v1/ruptures/{repair['rupture_id']}"))
    assert (rupture["phase"], rupture["recurrences"]) == ("partially_repaired", 0)
    assert "recur" in rupture["open_moves"], "which is the client's"
    told = await timeline(case)
    assert told["rupture.contested"] == "The client sees it otherwise: it counts as repaired in part."


async def test_a_session_of_another_relationship_is_not_one_of_this_repair(case: Case):
    other = await case.house.case()
    session = await other.session()
    repair = await case.repair()
    response = await case.therapist.post(f"/v1/repairs/{repair['id']}/recognize", json={"session_id": session["id"]})
    assert refused(response, 422)["errors"][0]["pointer"] == "#/session_id"
