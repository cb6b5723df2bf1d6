"""Readiness over HTTP: what the record answers, what was said, and what is for clinicians alone."""

from typing import Any

import httpx

from tests.conftest import Case, made, ok, refused
from tests.endings import AGREED, at, do, text_of

Findings = dict[str, list[dict[str, Any]]]


async def facts(who: httpx.AsyncClient, plan: dict[str, Any]) -> Findings:
    return {entry["fact"]: entry["findings"] for entry in ok(await who.get(at(plan, "readiness")))["facts"]}


def holds(found: Findings, fact: str) -> list[tuple[str, bool]]:
    return [(one["holds"], one["computed"]) for one in found[fact]]


async def scored(case: Case, *totals: int) -> None:
    for month, total in enumerate(totals, 1):
        body = {"relationship_id": case.relationship_id, "instrument": "phq-9", "total": total,
                "rated_on": f"2026-{month:02}-01"}  # fmt: skip
        made(await case.therapist.post("/v1/outcome-scores", json=body))


async def goals(case: Case) -> str:
    scaled = [{"number": n, "text": f"Goal {n}", "expected": "So.", "agreed_by_client": True} for n in (1, 2)]
    body = {"relationship_id": case.relationship_id, "goals": scaled}
    return str(made(await case.therapist.post("/v1/goal-attainments", json=body))["id"])


def levels(*given: int) -> dict[str, Any]:
    return {"levels": [{"goal": n, "level": level} for n, level in enumerate(given, 1)], "rated_on": "2026-05-03"}


async def worked(case: Case) -> dict[str, Any]:
    """A plan with something on record for every fact."""
    plan, id = await case.plan(), await goals(case)
    await scored(case, 17, 8, 7, 6)
    ok(await case.client.post(f"/v1/goal-attainments/{id}/rate", json=levels(0, 1)))
    ok(await case.therapist.post(f"/v1/goal-attainments/{id}/rate", json=levels(-1, 1)))
    ok(await case.therapist.post(f"/v1/relationships/{case.relationship_id}/screen-risk", json={"risk": "moderate"}))
    await case.rupture()
    told = {"fact": "client_says_ready", "holds": "yes", "source": "Told me in the hall", "on": "2026-05-03"}
    await do(case, plan, "review-readiness", therapist_ready="no", facts=[told])
    await do(case, plan, "review-readiness", by="client", client_ready="unsure")
    await do(case, plan, "plan-ahead", relapse_signature=["I hide."])
    return plan


async def test_where_nothing_is_on_record_nothing_is_held_against_anybody(case: Case):
    found = await facts(case.therapist, await case.plan())
    assert len(found) == 10
    assert {one["holds"] for findings in found.values() for one in findings} == {"unsure"}


async def test_what_the_record_answers_stands_beside_what_was_said(case: Case):
    found = await facts(case.therapist, await worked(case))
    assert holds(found, "reliable_change") == holds(found, "stable") == holds(found, "relapse_plan") == [("yes", True)]
    assert holds(found, "no_open_rupture") == holds(found, "no_open_risk") == [("no", True)]
    assert [(one["said_by"], one["holds"], one["on"]) for one in found["goals_attained"]] == [
        ("client", "yes", "2026-05-03"), ("therapist", "no", "2026-05-03")
    ]  # fmt: skip
    assert [(one["recorded_as"], one["holds"]) for one in found["client_says_ready"]] == [
        ("therapist", "yes"), ("client", "unsure")
    ]  # fmt: skip
    assert (found["client_says_ready"][0]["on"], found["client_says_ready"][0]["said_by"]) == ("2026-05-03", "client")
    assert holds(found, "therapist_says_ready") == [("no", False)]
    assert holds(found, "supports") == [("unsure", False)]


async def test_a_client_is_told_all_but_risk_and_the_therapists_view(case: Case):
    plan = await worked(case)
    response = await case.client.get(at(plan, "readiness"))
    found = await facts(case.client, plan)
    assert len(found) == 8 and not {"no_open_risk", "therapist_says_ready"} & set(found)
    assert [one["said_by"] for one in found["goals_attained"]] == ["client"]
    assert holds(found, "reliable_change") == [("yes", True)]
    assert "in the hall" not in response.text, "the review it stands in is not shared"
    assert "in the hall" in (await case.supervisor.get(at(plan, "readiness"))).text
    assert "moderate" not in response.text


async def test_over_how_many_scores_somebody_is_stable_is_the_practices_to_say(case: Case):
    plan = await case.plan()
    await scored(case, 7, 6)
    assert holds(await facts(case.therapist, plan), "stable") == [("unsure", True)]
    said = {"kind": "transition", "title": "Ours", "stable_sessions": 2}
    made(await (await case.house.as_("admin")).post("/v1/policies", json=said))
    assert holds(await facts(case.therapist, plan), "stable") == [("yes", True)]
    one = {"kind": "transition", "title": "Ours", "stable_sessions": 1}
    problem = refused(await (await case.house.as_("admin")).post("/v1/policies", json=one), 422)
    assert problem["errors"][0]["pointer"] == "#/stable_sessions"


async def test_readiness_is_for_whoever_sees_the_plan_and_what_it_rests_on(case: Case):
    plan, other = await case.plan(), await case.house.case()
    for who in (other.client, other.therapist):
        refused(await who.get(at(plan, "readiness")), 404)
    refused(await (await case.house.as_("admin")).get(at(plan, "readiness")), 403)
    scopes = ("termination-plans", "ruptures", "outcome-scores", "goal-attainments", "relationships")
    for missing in scopes:
        narrow = " ".join(f"{scope}.read" for scope in scopes if scope != missing)
        caller = await case.house.as_("integration", None, narrow)
        assert refused(await caller.get(at(plan, "readiness")), 403)["scope"] == f"{missing}.read"
    whole = await case.house.as_("integration", None, " ".join(f"{scope}.read" for scope in scopes))
    assert len(await facts(whole, plan)) == 10


async def test_it_opens_and_closes_nothing(case: Case):
    plan = await worked(case)
    before = ok(await case.therapist.get(at(plan)))
    await facts(case.therapist, plan)
    await do(case, plan, "plan-ending", **AGREED)
    assert "end" in ok(await case.therapist.get(at(plan)))["open_moves"]
    assert before["phase"] == "introduced"


async def test_the_report_tells_readiness_outcome_and_goals_without_anybodys_words(case: Case):
    plan = await worked(case)
    told = ok(await case.supervisor.get(at(plan, "report")))
    assert [(o["instrument"], o["outcome_class"], o["first"]["score"]) for o in told["outcomes"]] == [
        ("phq-9", "recovered", 17.0)
    ]  # fmt: skip
    (found,) = told["goals"]
    assert (found["goals"], found["client"]["t_score"] > 50, found["therapist"]["t_score"]) == (2, True, 50.0)
    assert len(told["readiness"]) == 10
    for ending in ("", ".html", ".pdf"):
        read = text_of(await case.supervisor.get(at(plan, f"report{ending}")))
        assert "in the hall" not in read and "I hide." not in read
        if ending:
            assert "Said by the client, 3 May 2026, recorded by the therapist" in read
            assert "Recovered" in read and "17 on 1 January 2026 to 6 on 1 April 2026" in read
            assert "As the therapist sees it" in read and "T = 50.0 on 3 May 2026" in read
            assert "Skills used outside, supports" in read
