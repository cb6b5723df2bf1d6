"""What is due around an ending: read at any time, and told once."""

from datetime import timedelta
from typing import Any

import pytest

from tests.conftest import Case, House, made, ok, refused
from tests.endings import TODAY, ahead, due, screened, told


async def planned(case: Case, days: int) -> dict[str, Any]:
    """A plan whose last session is so many days away."""
    plan = await case.plan()
    said = {"kind": "therapist_initiated", "target_date": ahead(days)}
    return ok(await case.therapist.post(f"/v1/termination-plans/{plan['id']}/plan-ending", json=said))


async def test_an_ending_that_is_near_is_due_from_the_point_it_reached(case: Case) -> None:
    plan = await planned(case, 10)
    (reminder,) = await due(case.therapist)
    assert (reminder["kind"], reminder["days_before"], reminder["due_on"]) == ("ending_near", 14, ahead(-4))
    assert reminder["termination_plan_id"] == plan["id"]
    ahead_too = await due(case.therapist, due_before=ahead(30), kind="ending_near")
    assert [r["days_before"] for r in ahead_too] == [14, 7]
    assert await due(case.therapist, kind="booster") == []


async def test_a_client_is_shown_what_concerns_them_and_a_stranger_nothing(house: House, case: Case) -> None:
    await planned(case, 10)
    await case.session(starts_at="2026-10-01T10:00:00Z", status="missed")
    await case.session(starts_at="2026-10-08T10:00:00Z", status="missed")
    assert [r["kind"] for r in await due(case.therapist)] == ["outreach", "ending_near"]
    assert [r["kind"] for r in await due(case.client)] == ["ending_near"]
    other = await house.case()
    assert await due(other.therapist) == [] == await due(other.therapist, relationship_id=case.relationship_id)


async def test_silence_is_a_suggestion_that_ends_with_the_next_session(case: Case) -> None:
    await case.session(starts_at="2026-10-01T10:00:00Z", status="missed")
    assert [r["kind"] for r in await due(case.therapist)] == ["outreach"]
    await case.session(starts_at="2026-10-15T10:00:00Z", status="held")
    assert await due(case.therapist) == []


async def test_a_reminder_is_told_once_however_often_it_is_looked_for(house: House, case: Case) -> None:
    plan = await planned(case, 20)
    (event,) = await told(house)
    assert (event["id"], event["actor"]["kind"]) == (plan["id"], "policy")
    assert len(await told(house)) == 1
    assert len(await told(house, TODAY + timedelta(6))) == 2, "two weeks before, it is told again"
    shown = ok(await case.therapist.get(f"/v1/termination-plans/{plan['id']}"))
    assert [r["days_before"] for r in shown["reminders"]] == [28, 14]
    assert "reminders" not in ok(await case.client.get(f"/v1/termination-plans/{plan['id']}"))


async def test_the_points_are_the_practices_own(house: House, case: Case) -> None:
    admin = await house.as_("admin")
    made(await admin.post("/v1/policies", json={"kind": "transition", "title": "Ours", "days_before_ending": [60]}))
    await planned(case, 59)
    assert [r["days_before"] for r in await due(case.therapist)] == [60]


async def test_death_stops_every_reminder(house: House, case: Case) -> None:
    plan = await planned(case, 10)
    ok(await case.therapist.post(f"/v1/termination-plans/{plan['id']}/client-died", json={}))
    assert await due(case.therapist, due_before=ahead(60)) == []
    assert await told(house) == []


async def test_a_new_edition_of_the_consent_text_asks_for_a_new_consent(house: House, case: Case) -> None:
    admin = await house.as_("admin")
    text = {"kind": "informed_consent", "title": "Consent", "edition": "1", "wording": "An ending is part of it."}
    policy = made(await admin.post("/v1/policies", json=text))
    consent = {"text_version": "1", "policy_id": policy["id"], "given_on": "2026-09-01"}
    body = {"relationship_id": case.relationship_id, "consent": consent}
    made(await case.therapist.post("/v1/termination-plans", json=body))
    assert await due(case.therapist, kind="consent_to_renew") == []
    newer = {"edition": "2", "wording": "An ending is part of it from the start."}
    ok(await admin.patch(f"/v1/policies/{policy['id']}", json=newer, headers={"If-Match": "*"}))
    assert [r["text_version"] for r in await due(case.client, kind="consent_to_renew")] == ["2"]


async def test_a_new_edition_is_told_of_once(house: House, case: Case) -> None:
    admin = await house.as_("admin")
    text = {"kind": "informed_consent", "title": "Consent", "edition": "1", "wording": "An ending is part of it."}
    policy = made(await admin.post("/v1/policies", json=text))
    consent = {"text_version": "1", "policy_id": policy["id"], "given_on": "2026-09-01"}
    plan = made(await case.therapist.post(
        "/v1/termination-plans", json={"relationship_id": case.relationship_id, "consent": consent}
    ))  # fmt: skip
    assert await told(house) == []
    newer = {"edition": "2", "wording": "An ending is part of it from the start."}
    ok(await admin.patch(f"/v1/policies/{policy['id']}", json=newer, headers={"If-Match": "*"}))
    for _ in range(2):
        assert [event["id"] for event in await told(house)] == [plan["id"]]
    (kept,) = ok(await case.therapist.get(f"/v1/termination-plans/{plan['id']}"))["reminders"]
    assert (kept["kind"], kept["text_version"]) == ("consent_to_renew", "2")


async def test_a_transfer_that_nobody_answers_is_told_of_once(house: House, case: Case) -> None:
    admin, plan = await house.as_("admin"), await case.plan()
    made(await admin.post("/v1/policies", json={"kind": "transition", "title": "Ours", "transfer_days": 1}))
    asked = {"receiver": {"name": "Riverside Clinic"}}
    ok(await case.therapist.post(f"/v1/termination-plans/{plan['id']}/begin-transfer", json=asked))
    assert await told(house) == []
    for _ in range(2):
        assert len(await told(house, TODAY + timedelta(1))) == 1
    (kept,) = ok(await case.therapist.get(f"/v1/termination-plans/{plan['id']}"))["reminders"]
    assert (kept["kind"], kept["due_on"]) == ("transfer_waiting", ahead(1))


async def test_each_booster_is_told_of_on_its_day(house: House, case: Case) -> None:
    plan = await case.plan()
    one = f"/v1/termination-plans/{plan['id']}"
    ok(await case.client.post(f"{one}/client-ends"))
    aftercare = {"return_route": "Call us.", "boosters": [ahead(0), ahead(2)]}
    ok(await case.therapist.post(f"{one}/open-aftercare", json=aftercare))
    for day, count in ((0, 1), (1, 1), (2, 2)):
        assert len(await told(house, TODAY + timedelta(day))) == count
    reminders = ok(await case.therapist.get(one))["reminders"]
    assert [(r["kind"], r["due_on"]) for r in reminders] == [("booster", ahead(0)), ("booster", ahead(2))]


async def test_an_ending_that_nobody_mentioned_is_due_and_told_of_only_where_there_is_a_plan(case: Case) -> None:
    place = f"/v1/relationships/{case.relationship_id}"
    begun = {"started_on": ahead(-40), "therapist_ids": [case.therapist_id]}
    ok(await case.therapist.patch(place, json=begun, headers={"If-Match": "*"}))
    (reminder,) = await due(case.therapist)
    assert (reminder["kind"], reminder["due_on"]) == ("ending_not_mentioned", ahead(-12))
    assert reminder["termination_plan_id"] is None and await due(case.client) == []
    assert await told(case.house) == []
    asked = {"relationship_id": case.relationship_id, "receiver": {"name": "Riverside Clinic"}}
    plan = made(await case.therapist.post("/v1/termination-plans/begin-transfer", json=asked))
    one = f"/v1/termination-plans/{plan['id']}"
    ok(await case.therapist.post(f"{one}/transfer-declined"))
    assert [event["id"] for event in await told(case.house)] == [plan["id"]]
    ok(await case.therapist.patch(one, json={"ending_mentioned_on": ahead(0)}, headers={"If-Match": "*"}))
    assert await due(case.therapist) == []


@pytest.mark.parametrize("query", ["kind=nagging", "due_before=soon", "relationship_id=x", "limit=0", "cursor=x"])
async def test_what_can_not_be_asked_is_refused_by_name(case: Case, query: str) -> None:
    fault = refused(await case.therapist.get(f"/v1/reminders?{query}"), 422)["errors"][0]
    assert fault["parameter"] == query.split("=")[0]


async def test_pages_go_through_all_relationships(house: House) -> None:
    cases = [await house.case() for _ in range(3)]
    for one in cases:
        await planned(one, 10)
    supervisor, found, query = cases[0].supervisor, [], {"limit": "2"}
    while True:
        page = ok(await supervisor.get("/v1/reminders", params=query))
        found += [r["relationship_id"] for r in page["items"]]
        if not page["next_cursor"]:
            break
        query["cursor"] = page["next_cursor"]
    assert sorted(found) == sorted(one.relationship_id for one in cases)


# -- an answer about somebody's life -----------------------------------------------------------------------------------


async def risky(case: Case, on: str, ninth: int = 1) -> dict[str, Any]:
    """A PHQ-9 that the client sends from their own app."""
    answers = [{"item": item, "value": ninth if item == 9 else 0} for item in range(1, 10)]
    body = {"relationship_id": case.relationship_id, "instrument": "phq-9", "answers": answers, "rated_on": on}
    return made(await case.client.post("/v1/outcome-scores", json=body))


async def reviewed(case: Case, signal_id: str, **said: Any) -> None:
    ok(await case.therapist.post(f"/v1/signals/{signal_id}/review", json=said))


async def test_an_answer_from_the_clients_own_app_reaches_those_who_treat_them_the_same_day(
    house: House, case: Case
) -> None:
    await risky(case, ahead(0), ninth=0)
    assert await due(case.therapist) == []
    await risky(case, ahead(0))
    for who in (case.therapist, case.supervisor, case.script):
        (reminder,) = await due(who)
        assert (reminder["kind"], reminder["due_on"]) == ("risk_to_ask", ahead(0))
    (signal,) = ok(await case.therapist.get("/v1/signals"))["items"]
    assert (reminder["signal_id"], reminder["termination_plan_id"]) == (signal["id"], None)
    assert await due(case.client) == [] == await due(case.client, kind="risk_to_ask")
    assert await due((await house.case()).therapist) == []
    assert await told(house) == [], "there is no plan that could keep that it was told"
    await screened(case, "low")
    assert [one["kind"] for one in await due(case.therapist)] == ["risk_to_ask"], "until it is reviewed"
    await reviewed(case, signal["id"], disposition="asked_and_safe")
    assert await due(case.therapist) == []


async def test_where_there_is_a_plan_the_day_is_told_of_once_and_the_client_is_not(house: House, case: Case) -> None:
    plan = await case.plan()
    for _ in range(2):
        await risky(case, ahead(0))
    assert len(await due(case.therapist, kind="risk_to_ask")) == 2, "each is to be reviewed"
    for _ in range(2):
        assert [event["id"] for event in await told(house)] == [plan["id"]]
    (kept,) = ok(await case.therapist.get(f"/v1/termination-plans/{plan['id']}"))["reminders"]
    assert (kept["kind"], kept["due_on"]) == ("risk_to_ask", ahead(0))
    for address in (f"/v1/termination-plans/{plan['id']}", "/v1/events", f"/v1/termination-plans/{plan['id']}/history"):
        shown = (await case.client.get(address)).text
        assert "risk_to_ask" not in shown and "reminder_due" not in shown, address


async def test_an_answer_that_was_taken_back_is_not_asked_about(case: Case) -> None:
    score = await risky(case, ahead(-3))
    assert [r["due_on"] for r in await due(case.therapist)] == [ahead(-3)]
    answers = [{"item": item, "value": 0} for item in range(1, 10)]
    ok(await case.client.patch(
        f"/v1/outcome-scores/{score['id']}", json={"answers": answers}, headers={"If-Match": "*"}
    ))  # fmt: skip
    assert await due(case.therapist) == []


async def test_an_answer_that_waits_is_said_at_every_ending_and_stops_none(case: Case) -> None:
    plan = await case.plan()
    await risky(case, ahead(0))
    one = f"/v1/termination-plans/{plan['id']}"
    said = {"kind": "planned_mutual", "target_date": ahead(0), "agreed_by_client": True}
    ok(await case.therapist.post(f"{one}/plan-ending", json=said))
    ended = ok(await case.therapist.post(f"{one}/end", json={}))
    waits = {a["code"]: a["detail"] for a in ended["advisories"]}
    assert waits["risk_answer_waiting"] == "An answer about self-harm or risk is waiting to be looked at."
    assert [r["kind"] for r in await due(case.therapist)] == ["risk_to_ask"], "and it still waits"


@pytest.mark.parametrize("planned_before", [True, False])
@pytest.mark.parametrize(("by", "codes"), [
    ("therapist", ["risk_answer_waiting", "risk_when_leaving"]), ("script", ["risk_answer_waiting", "risk_when_leaving"]),
    ("client", []),
])  # fmt: skip
async def test_a_client_who_leaves_is_told_nothing_of_it_and_those_who_treat_them_are(
    case: Case, by: str, codes: list[str], planned_before: bool
) -> None:
    await risky(case, ahead(0))
    if planned_before:
        plan = await case.plan()
        left = ok(await getattr(case, by).post(f"/v1/termination-plans/{plan['id']}/client-ends", json={}))
    else:
        body = {"relationship_id": case.relationship_id}
        left = made(await getattr(case, by).post("/v1/termination-plans/client-ends", json=body))
    assert (left["phase"], [a["code"] for a in left["advisories"]]) == ("ended", codes)


async def test_a_transfer_says_it_until_it_was_looked_at(case: Case) -> None:
    await risky(case, ahead(0))
    (signal,) = ok(await case.therapist.get("/v1/signals"))["items"]
    asked = {"relationship_id": case.relationship_id, "receiver": {"name": "Riverside Clinic"}}
    plan = made(await case.therapist.post("/v1/termination-plans/begin-transfer", json=asked))
    accepted = ok(await case.therapist.post(f"/v1/termination-plans/{plan['id']}/transfer-accepted", json={}))
    assert "risk_answer_waiting" in [a["code"] for a in accepted["advisories"]]
    await reviewed(case, signal["id"], disposition="could_not_ask", note="The receiver was told, and will ask.")
    assert await due(case.therapist, kind="risk_to_ask") == []


async def test_an_answer_that_is_kept_from_the_therapist_is_not_told_by_a_reminder(case: Case) -> None:
    own = {
        "code": "our-form", "edition": "1", "title": "Ours", "kind": "alliance", "items": [1, 2], "low": 1, "high": 5,
        "scoring": "mean", "rights": "own", "rated_by": ["client"], "risk_items": [2],
    }  # fmt: skip
    made(await case.script.post("/v1/instruments", json=own))
    session = await case.session(starts_at="2026-10-01T10:00:00Z")
    answers = [{"item": 1, "value": 5}, {"item": 2, "value": 2}]
    body = {"session_id": session["id"], "instrument": "our-form", "answers": answers}
    made(await case.client.post("/v1/alliance-ratings", json=body))
    (signal,) = ok(await case.supervisor.get("/v1/signals"))["items"]
    assert (signal["kind"], signal["private_to_client"]) == ("risk_item", True)
    assert await due(case.therapist) == []
    left = made(await case.therapist.post(
        "/v1/termination-plans/client-ends", json={"relationship_id": case.relationship_id}
    ))  # fmt: skip
    assert [advisory["code"] for advisory in left["advisories"]] == ["risk_when_leaving"]
