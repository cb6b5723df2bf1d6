"""Closing a therapy over HTTP: words of one's own, feelings over time, rituals, and what stays."""

import httpx

from tests.conftest import Case, House, ok, refused
from tests.endings import at, do

OWN = "I never told you how afraid I was."


async def everywhere(who: httpx.AsyncClient, plan: dict) -> str:
    """Everything that is told of a plan."""
    places = (at(plan), at(plan, "history"), "/v1/termination-plans", "/v1/events?limit=500",
              "/v1/termination-plans?changed_after=0")  # fmt: skip
    return " ".join([(await who.get(place)).text for place in places])


async def test_a_clients_own_words_are_theirs_until_they_share_them_and_again_when_they_take_them_back(case: Case):
    plan, admin = await case.plan(), await case.house.as_("admin")
    written = await do(case, plan, "reflect", by="client", words=OWN)
    assert written["reflections"][0]["words"] == OWN
    others = (case.therapist, case.supervisor, case.script, admin)
    for who in others:
        assert OWN not in await everywhere(who, plan)
    assert OWN in await everywhere(case.client, plan)
    await do(case, plan, "share-reflection", by="client", reflection=1, shared=True)
    for who in (case.therapist, case.supervisor, case.script):
        assert OWN in await everywhere(who, plan)
    await do(case, plan, "share-reflection", by="client", reflection=1, shared=False)
    for who in others:
        assert OWN not in await everywhere(who, plan)


async def test_a_therapists_reflection_is_for_the_client_when_the_therapist_says_so(case: Case):
    plan = await case.plan()
    await do(case, plan, "reflect", words="I shall miss the Thursdays.")
    await do(case, plan, "reflect", words="You taught me patience.", shared=True)
    told = await everywhere(case.client, plan)
    assert "patience" in told and "Thursdays" not in told
    assert "Thursdays" in await everywhere(case.supervisor, plan)


async def test_nobody_shares_the_words_of_another(case: Case):
    plan = await case.plan()
    await do(case, plan, "reflect", by="client", words=OWN)
    url = at(plan, "share-reflection")
    problem = refused(await case.therapist.post(url, json={"reflection": 1, "shared": True}), 422)
    assert problem["errors"][0]["pointer"] == "#/reflection"


async def test_an_answer_that_is_replayed_shows_no_more_than_the_first_time(case: Case):
    plan, key = await case.plan(), {"Idempotency-Key": "once"}
    url = at(plan, "reflect")
    for _ in range(2):
        assert ok(await case.client.post(url, json={"words": OWN}, headers=key))["reflections"][0]["words"] == OWN
    answer = await case.therapist.post(url, json={"words": "Mine."}, headers=key)
    assert OWN not in answer.text and [r["words"] for r in ok(answer)["reflections"]] == [None, "Mine."]


async def test_early_signs_and_a_safety_plan_are_kept_with_the_way_back(case: Case, house: House):
    plan = await case.plan()
    safety = {"warning_signs": ["Three nights without sleep."], "help_contacts": ["My sister."]}
    await do(case, plan, "plan-ahead", by="client", relapse_signature=["I stop answering."], safety_plan=safety)
    await do(case, plan, "client-ends", by="client")
    opened = await do(case, plan, "open-aftercare", return_route="Write or call.")
    assert [a["code"] for a in opened["advisories"]] == ["boosters_suggested"]
    assert opened["relapse_signature"] == ["I stop answering."]
    assert opened["safety_plan"]["help_contacts"] == ["My sister."]
    assert opened["safety_plan"]["professionals"] == []


async def test_after_the_end_the_way_back_moves_with_the_practice_and_what_was_said_before_is_kept(case: Case):
    plan = await case.plan()
    await do(case, plan, "client-ends", by="client", ended_on="2026-10-01")
    early = {"return_route": "Call us.", "boosters": ["2026-11-01", "2026-09-30"]}
    problem = refused(await case.therapist.post(at(plan, "open-aftercare"), json=early), 422)
    assert problem["errors"][0]["pointer"] == "#/boosters/1"
    await do(case, plan, "open-aftercare", return_route="Call us.", boosters=["2026-11-01"])
    anew = await do(case, plan, "revise-aftercare", return_route="Write to us.", boosters=[])
    assert (anew["phase"], anew["return_route"], anew["boosters"]) == ("aftercare", "Write to us.", [])
    history = ok(await case.client.get(at(plan, "history")))["items"]
    told = [(item["type"].partition(".")[2], item["texts"].get("return_route")) for item in history[-2:]]
    assert told == [("aftercare_opened", "Call us."), ("aftercare_revised", "Write to us.")]


async def test_a_plan_made_before_there_is_an_ending_is_a_list_of_a_few_short_lines(case: Case):
    plan = await case.plan()
    for wrong, where in (
        ({"relapse_signature": ["x"] * 11}, "#/relapse_signature"),
        ({"safety_plan": {"means_safety": ["x" * 281]}}, "#/safety_plan/means_safety/0"),
        ({"safety_plan": {"diagnosis": ["x"]}}, "#/safety_plan/diagnosis"),
        ({}, "#/relapse_signature"),
    ):
        problem = refused(await case.client.post(at(plan, "plan-ahead"), json=wrong), 422)
        assert problem["errors"][0]["pointer"] == where
    assert ok(await case.client.get(at(plan)))["version"] == plan["version"]
