"""Ratings over HTTP: whose they are, what becomes of a correction, and who is shown what."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import Case, House, everything, made, ok, refused

ITEMS = range(1, 13)
FIRST = datetime(2026, 1, 5, 10, tzinfo=UTC)
RATINGS = "/v1/alliance-ratings"


def filled(*values: float | None) -> list[dict[str, Any]]:
    """The answers to items in order; one value: to all twelve."""
    return [{"item": i, "value": v} for i, v in enumerate(values if len(values) > 1 else values * 12, 1)]


def total(score: float | None) -> list[dict[str, Any]]:
    return [{"subscale": "total", "score": score}]


async def rate(who: httpx.AsyncClient, session: dict[str, Any], **said: Any) -> httpx.Response:
    body = {"session_id": session["id"], "instrument": "wai-sr", **said}
    return await who.post(RATINGS, json=body)


async def corrected(who: httpx.AsyncClient, rating: dict[str, Any], **said: Any) -> httpx.Response:
    return await who.patch(f"{RATINGS}/{rating['id']}", json=said, headers={"If-Match": "*"})


async def seen(who: httpx.AsyncClient) -> set[str]:
    return set(await everything(who, "alliance-ratings"))


def places(response: httpx.Response) -> set[str]:
    """The fields that a refusal names."""
    return {fault["pointer"] for fault in refused(response, 422)["errors"]}


# -- answers and scores ------------------------------------------------------------------------------------------------


async def test_answers_are_scored_and_kept_as_they_were_given(case: Case) -> None:
    answers = [{"item": i, "value": 5 if i in (3, 5, 7, 9) else 1} for i in ITEMS]
    found = made(await rate(case.client, await case.session(), instrument="WAI_SR", answers=answers))
    assert (found["bond"], found["goal"], found["task"]) == (5, 1, 1)
    assert (found["total"], found["completeness"]) == (pytest.approx(28 / 12), "complete")
    assert (found["instrument"], found["instrument_version"]) == ("wai-sr", "2006")
    assert found["answers"] == answers
    assert found.pop("advisories") == []
    assert ok(await case.client.get(f"{RATINGS}/{found['id']}")) == found


async def test_scores_from_elsewhere_come_to_the_same_total(case: Case) -> None:
    parts = [{"subscale": name, "score": score} for name, score in (("bond", 5), ("goal", 1), ("task", 1))]
    found = made(await rate(case.client, await case.session(), scores=parts))
    assert (found["bond"], found["goal"], found["task"], found["answers"]) == (5, 1, 1, [])
    assert (found["total"], found["completeness"]) == (pytest.approx(28 / 12), "complete")


async def test_subscales_by_other_names_stand_beside(case: Case) -> None:
    found = made(await rate(case.client, await case.session(), instrument="srs", answers=filled(9, 8.5, 10, 9.2)))
    assert found["total"] == pytest.approx(9.175)
    assert (found["bond"], found["goal"], found["task"]) == (None, None, None)
    assert {s["subscale"]: s["score"] for s in found["other_subscales"]} == {
        "relationship": 9, "goals_and_topics": 8.5, "approach": 10, "overall": 9.2,
    }  # fmt: skip


async def test_a_blank_is_incomplete_and_never_zero(case: Case) -> None:
    found = made(await rate(case.client, await case.session(), answers=filled(None)))
    assert (found["completeness"], found["total"], found["bond"]) == ("incomplete", None, None)
    told = ok(await case.client.get(f"/v1/relationships/{case.relationship_id}/trajectory"))
    assert told["panels"] == [], "a blank form draws no point"


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"answers": filled(*[3] * 11)}, {"#/answers"}),
        ({"answers": filled(*[3] * 13)}, {"#/answers/12/item"}),
        ({"answers": filled(*[3] * 11, 6)}, {"#/answers/11/value"}),
        ({"answers": filled(*[3] * 11, 2.5)}, {"#/answers/11/value"}),
        ({"answers": filled(*[3] * 11, "high")}, {"#/answers/11/value"}),
        ({"answers": [{"item": i} for i in ITEMS]}, {"#/answers/0/value"}),
        ({"answers": filled(3), "scores": total(3)}, {"#/scores"}),
        ({"scores": total(37)}, {"#/scores/0/score"}),
        ({"scores": [{"subscale": "warmth", "score": 3}]}, {"#/scores/0/subscale", "#/scores"}),
        ({"scores": total(3), "instrument_version": "1989"}, {"#/instrument_version"}),
        ({"scores": total(3), "instrument": "gad-7"}, {"#/instrument"}),
        ({"scores": total(3), "instrument": "wai-99"}, {"#/instrument"}),
        ({"scores": total(3), "total": 3}, {"#/total"}),
        ({}, {"#/answers"}),
    ],
)
async def test_what_does_not_fit_the_form_is_refused_by_name_and_not_written(
    case: Case, said: dict[str, Any], named: set[str]
) -> None:
    assert places(await rate(case.client, await case.session(), **said)) == named
    assert await seen(case.supervisor) == set()


# -- views side by side ------------------------------------------------------------------------------------------------


async def test_client_therapist_and_observers_are_never_blended(case: Case) -> None:
    session = await case.session()
    views = {"client": 4.5, "therapist": 3.0}
    for who, score in views.items():
        made(await rate(getattr(case, who), session, scores=total(score), shared_with_therapist=who == "client"))
    for coder, score in (("coder 1", 2.0), ("coder 2", 5.0)):
        made(await rate(case.script, session, rater="observer", rater_id=coder, scores=total(score)))
    kept = await everything(case.supervisor, "alliance-ratings")
    assert sorted((r["rater"], r["total"]) for r in kept.values()) == [
        ("client", 4.5), ("observer", 2.0), ("observer", 5.0), ("therapist", 3.0),
    ]  # fmt: skip
    told = ok(await case.supervisor.get(f"/v1/relationships/{case.relationship_id}/trajectory"))
    lines = [(line["rater"], [p["score"] for p in line["points"]]) for line in told["panels"][0]["lines"]]
    assert lines == [("client", [4.5]), ("therapist", [3.0]), ("observer", [2.0]), ("observer", [5.0])]
    assert "Observer 2, Working Alliance Inventory" in told["summary"]


async def test_two_therapists_of_one_client_have_a_line_each(house: House, case: Case) -> None:
    second = made(await case.script.post("/v1/therapists", json={"display_name": "Dr Stone"}))["id"]
    both = {"therapist_ids": [case.therapist_id, second]}
    address = f"/v1/relationships/{case.relationship_id}"
    ok(await case.script.patch(address, json=both, headers={"If-Match": "*"}))
    session = await case.session()
    made(await rate(case.therapist, session, scores=total(2.0)))
    made(await rate(await house.as_("therapist", second), session, scores=total(4.0)))
    told = ok(await case.therapist.get(f"{address}/trajectory"))
    lines = {line["rater_id"]: [p["score"] for p in line["points"]] for line in told["panels"][0]["lines"]}
    assert lines == {case.therapist_id: [2.0], second: [4.0]}


async def test_an_integration_posts_in_the_name_of_a_rater(case: Case) -> None:
    session = await case.session()
    assert places(await rate(case.script, session, scores=total(4))) == {"#/rater"}
    clients = made(await rate(case.script, session, rater="client", scores=total(4)))
    assert clients["rater_id"] == case.client_id
    spelled = case.therapist_id.upper()
    theirs = made(await rate(case.script, session, rater="therapist", rater_id=spelled, scores=total(3)))
    assert theirs["rater_id"] == case.therapist_id
    assert places(await rate(case.script, session, rater="client", rater_id=str(uuid4()), scores=total(4))) == {
        "#/rater_id"
    }
    assert ok(await corrected(case.client, clients, scores=total(3.5)))["total"] == 3.5
    assert ok(await corrected(case.therapist, theirs, scores=total(2.5)))["total"] == 2.5


async def test_nobody_rates_for_somebody_else(case: Case) -> None:
    session = await case.session()
    assert places(await rate(case.client, session, rater="therapist", scores=total(1))) == {"#/rater"}
    assert places(await rate(case.therapist, session, rater="client", scores=total(5))) == {"#/rater"}
    assert places(await rate(case.therapist, session, scores=total(5), shared_with_therapist=True)) == {
        "#/shared_with_therapist"
    }


async def test_a_session_that_was_not_held_and_one_that_is_not_yours_are_not_rated(house: House, case: Case) -> None:
    missed = await case.session(status="missed")
    assert places(await rate(case.client, missed, scores=total(4))) == {"#/session_id"}
    other = await house.case()
    assert places(await rate(case.client, await other.session(), scores=total(4))) == {"#/session_id"}
    body = {"relationship_id": other.relationship_id, "scores": total(4)}
    assert places(await rate(case.client, await case.session(), **body)) == {"#/relationship_id"}


# -- once --------------------------------------------------------------------------------------------------------------


async def test_a_second_rating_of_one_session_is_refused_with_the_way_out(case: Case) -> None:
    session = await case.session()
    first = made(await rate(case.client, session, scores=total(4)))
    problem = refused(await rate(case.client, session, scores=total(2)), 409, "taken")
    assert "correct it (PATCH)" in problem["detail"]
    (found,) = ok(await case.client.get(RATINGS, params={"session_id": session["id"]}))["items"]
    assert (found["id"], found["total"]) == (first["id"], 4)
    ok(await case.client.delete(f"{RATINGS}/{first['id']}", headers={"If-Match": "*"}))
    assert made(await rate(case.client, session, scores=total(2)))["total"] == 2


async def test_another_instrument_is_another_rating_of_the_same_session(case: Case) -> None:
    session = await case.session()
    made(await rate(case.client, session, scores=total(4)))
    made(await rate(case.client, session, instrument="srs", scores=total(9)))
    made(await rate(case.client, session, instrument=None, direct_report={"problem": False}))
    refused(await rate(case.client, session, instrument=None, direct_report={"problem": True}), 409, "taken")


async def test_a_script_may_post_the_same_again_and_gets_the_same_answer(case: Case) -> None:
    session = await case.session()
    body = {"session_id": session["id"], "rater": "client", "instrument": "wai-sr", "scores": total(4)}
    key = {"Idempotency-Key": str(uuid4())}
    first, *again = [await case.script.post(RATINGS, json=body, headers=key) for _ in range(3)]
    for response in again:
        assert (response.status_code, response.json()) == (201, made(first))
        assert response.headers["Idempotent-Replayed"] == "true"
    assert await seen(case.script) == {first.json()["id"]}
    refused(await case.script.post(RATINGS, json=body | {"scores": total(2)}, headers=key), 422)


async def test_under_an_id_of_its_own_an_app_writes_once(case: Case) -> None:
    session, id = await case.session(), uuid4()
    body = {"session_id": session["id"], "instrument": "wai-sr", "scores": total(4)}
    made(await case.client.put(f"{RATINGS}/{id}", json=body, headers={"If-None-Match": "*"}))
    refused(await case.client.put(f"{RATINGS}/{id}", json=body, headers={"If-None-Match": "*"}), 412)


async def test_of_two_at_once_one_is_kept(case: Case) -> None:
    session = await case.session()
    both = await asyncio.gather(*(rate(case.client, session, scores=total(score)) for score in (2, 4)))
    assert sorted(response.status_code for response in both) == [201, 409]
    assert len(await seen(case.client)) == 1


# -- corrections -------------------------------------------------------------------------------------------------------


async def test_a_correction_stands_and_the_history_keeps_what_it_was(case: Case) -> None:
    rating = made(await rate(case.client, await case.session(), scores=total(4)))
    right = ok(await corrected(case.client, rating, scores=total(2)))
    assert (right["total"], right["version"]) == (2, 2)
    address = f"{RATINGS}/{rating['id']}/history"
    told = ok(await case.client.get(address))["items"]
    assert [(v["type"], v["changed"]["total"]) for v in told] == [
        ("alliance_rating.recorded", 4), ("alliance_rating.revised", 2),
    ]  # fmt: skip
    assert [v["changed"]["scores"] for v in told] == [total(4), total(2)]
    ok(await case.client.delete(f"{RATINGS}/{rating['id']}", headers={"If-Match": "*"}))
    assert [v["to"] for v in ok(await case.supervisor.get(address))["items"]][-1] == "entered_in_error"


async def test_scores_give_way_to_answers_when_both_are_said(case: Case) -> None:
    rating = made(await rate(case.client, await case.session(), scores=total(4)))
    response = await corrected(case.client, rating, answers=filled(3))
    assert places(response) == {"#/scores"}
    assert "null" in response.json()["errors"][0]["detail"]
    right = ok(await corrected(case.client, rating, answers=filled(3), scores=None))
    assert (right["total"], right["bond"], right["scores"]) == (3, 3, [])


async def test_instrument_session_and_rater_are_not_corrected(case: Case) -> None:
    rating = made(await rate(case.client, await case.session(), scores=total(4)))
    for name in ("instrument", "instrument_version", "session_id", "rater", "rater_id", "total", "bond"):
        assert places(await corrected(case.client, rating, **{name: rating[name] or 4})) == {f"#/{name}"}


async def test_a_correction_of_what_somebody_else_changed_meanwhile_is_refused(case: Case) -> None:
    rating = made(await rate(case.client, await case.session(), scores=total(4)))
    address = f"{RATINGS}/{rating['id']}"
    ok(await case.script.patch(address, json={"scores": total(3)}, headers={"If-Match": '"1"'}))
    refused(await case.client.patch(address, json={"scores": total(2)}, headers={"If-Match": '"1"'}), 412, "stale")
    refused(await case.client.patch(address, json={"scores": total(2)}), 428)


async def test_nobody_corrects_what_somebody_else_saw(case: Case) -> None:
    session = await case.session()
    clients = made(await rate(case.client, session, scores=total(4), shared_with_therapist=True))
    theirs = made(await rate(case.therapist, session, scores=total(3)))
    refused(await corrected(case.therapist, clients, scores=total(5)), 422)
    refused(await corrected(case.supervisor, theirs, scores=total(5)), 422)
    refused(await corrected(case.client, theirs, scores=total(5)), 404)


# -- who is shown what -----------------------------------------------------------------------------------------------


async def found_by(who: httpx.AsyncClient, case: Case, rating: dict[str, Any]) -> set[str]:
    """Every place where a caller comes upon a rating."""
    address, found = f"{RATINGS}/{rating['id']}", set()
    pair = f"/v1/relationships/{case.relationship_id}"
    lists = {
        "list": RATINGS, "by session": f"{RATINGS}?session_id={rating['session_id']}",
        "by relationship": f"{RATINGS}?relationship_id={case.relationship_id}",
        "what changed": f"{RATINGS}?changed_after=0", "feed": "/v1/events?after=0&limit=500",
        "feed of ratings": "/v1/events?types=alliance_rating.*&limit=500", "timeline": f"{pair}/timeline?limit=500",
    }  # fmt: skip
    for name, at in lists.items():
        found |= {name} if rating["id"] in {item["id"] for item in ok(await who.get(at))["items"]} else set()
    for name, at in {"itself": address, "history": f"{address}/history"}.items():
        found |= {name} if (await who.get(at)).status_code != 404 else set()
    for name, at in {"trajectory": f"{pair}/trajectory", "drawing": f"{pair}/trajectory.vl.json"}.items():
        found |= {name} if str(rating["total"]) in (await who.get(at)).text else set()
    return found


EVERYWHERE = {
    "list", "by session", "by relationship", "what changed", "feed", "feed of ratings", "timeline", "itself",
    "history", "trajectory", "drawing",
}  # fmt: skip


async def test_a_clients_rating_is_shown_to_the_therapist_only_by_the_clients_own_choice(case: Case) -> None:
    rating = made(await rate(case.client, await case.session(), scores=total(2.125)))
    assert rating["shared_with_therapist"] is False
    assert await found_by(case.therapist, case, rating) == set()
    refused(await corrected(case.therapist, rating, shared_with_therapist=True), 404)
    for who in (case.client, case.supervisor, case.script):
        assert await found_by(who, case, rating) == EVERYWHERE


async def test_taking_the_choice_back_hides_it_everywhere_and_giving_it_again_shows_it(case: Case) -> None:
    rating = made(await rate(case.client, await case.session(), scores=total(2.125), shared_with_therapist=True))
    assert await found_by(case.therapist, case, rating) == EVERYWHERE
    ok(await corrected(case.client, rating, shared_with_therapist=False))
    assert await found_by(case.therapist, case, rating) == set()
    assert await found_by(case.supervisor, case, rating) == EVERYWHERE
    ok(await corrected(case.client, rating, shared_with_therapist=True))
    assert await found_by(case.therapist, case, rating) == EVERYWHERE


async def test_the_choice_is_recorded_with_who_made_it(case: Case) -> None:
    rating = made(await rate(case.script, await case.session(), rater="client", scores=total(4)))
    ok(await corrected(case.client, rating, shared_with_therapist=True))
    brought, chosen = ok(await case.supervisor.get(f"{RATINGS}/{rating['id']}/history"))["items"]
    assert "shared_with_therapist" not in brought["changed"], "nobody saying is a no"
    assert (chosen["changed"], chosen["actor"]) == (
        {"shared_with_therapist": True}, {"kind": "client", "id": case.client_id},
    )  # fmt: skip


async def test_what_the_client_had_been_told_is_recorded_with_the_choice_and_so_is_each_that_follows(
    house: House, case: Case
) -> None:
    admin = await house.as_("admin")
    text = {"kind": "informed_consent", "title": "Who sees what I rate", "edition": "2", "wording": "Only if you wish."}
    policy = made(await admin.post("/v1/policies", json=text))["id"]
    told = {"sharing_text_version": "2", "sharing_policy_id": policy}
    rating = made(await rate(case.client, await case.session(), scores=total(4), shared_with_therapist=True, **told))
    ok(await corrected(case.client, rating, shared_with_therapist=False, sharing_text_version="3"))
    yes, no = ok(await case.supervisor.get(f"{RATINGS}/{rating['id']}/history"))["items"]
    assert {name: yes["changed"][name] for name in ("shared_with_therapist", *told)} == {
        "shared_with_therapist": True, **told
    }  # fmt: skip
    assert no["changed"] == {"shared_with_therapist": False, "sharing_text_version": "3"}
    assert yes["actor"] == no["actor"] == {"kind": "client", "id": case.client_id}
    assert yes["at"] < no["at"]


async def test_what_the_client_was_told_is_a_text_for_clients_that_is_in_force(house: House, case: Case) -> None:
    """Any policy was taken, and any version of it."""
    admin = await house.as_("admin")
    text = {"kind": "confidentiality", "title": "Who sees what I rate", "edition": "2", "wording": "Only if you wish."}
    kept = made(await admin.post("/v1/policies", json=text))["id"]
    late = made(await admin.post("/v1/policies", json={"kind": "late_cancellation", "title": "Late"}))["id"]
    said = {"scores": total(4), "shared_with_therapist": True, "sharing_text_version": "1"}
    answer = await rate(case.client, await case.session(), **said, sharing_policy_id=late)
    assert places(answer) == {"#/sharing_policy_id"}
    rating = made(await rate(case.client, await case.session(), **said, sharing_policy_id=kept))
    assert [a["code"] for a in rating["advisories"]] == ["sharing_text_outdated"]
    newer = ok(await corrected(case.client, rating, sharing_text_version="2"))
    assert newer["advisories"] == []
    ok(await admin.request("DELETE", f"/v1/policies/{kept}", headers={"If-Match": "*"}))
    ok(await corrected(case.client, newer, scores=total(3)))
    assert places(await corrected(case.client, rating | {"version": 3}, sharing_text_version="1")) == {
        "#/sharing_policy_id"
    }


async def test_a_text_that_the_practice_does_not_have_is_refused_by_name(case: Case) -> None:
    said = {"scores": total(4), "shared_with_therapist": True, "sharing_text_version": "2"}
    answer = await rate(case.client, await case.session(), **said, sharing_policy_id=case.client_id)
    assert places(answer) == {"#/sharing_policy_id"}


async def test_what_was_seen_in_a_rating_is_hidden_with_it_and_so_is_what_was_seen_before(
    house: House, case: Case
) -> None:
    admin = await house.as_("admin")
    chosen = {"kind": "detection", "title": "D", "detectors": [{"detector": "rci_drop"}]}
    made(await admin.post("/v1/policies", json=chosen))
    scores = (4.5, 4.5, 4.5, 2.0)
    ratings = []
    for week, score in enumerate(scores):
        session = await case.session(starts_at=(FIRST + timedelta(weeks=week)).isoformat())
        ratings.append(made(await rate(case.client, session, scores=total(score), shared_with_therapist=True)))
    ok(await corrected(case.client, ratings[3], scores=total(2.25)))
    superseded, raised = sorted(await everything(case.therapist, "signals"))
    ok(await corrected(case.client, ratings[3], shared_with_therapist=False))
    assert await everything(case.therapist, "signals") == {}
    for id in (superseded, raised):
        refused(await case.therapist.get(f"/v1/signals/{id}"), 404)
        refused(await case.therapist.get(f"/v1/signals/{id}/history"), 404)
    for place in ("/v1/events", f"/v1/relationships/{case.relationship_id}/timeline"):
        events = ok(await case.therapist.get(place, params={"limit": 500}))["items"]
        assert [event for event in events if event["type"].startswith("signal.")] == []
    assert ok(await case.therapist.get(f"/v1/relationships/{case.relationship_id}/trajectory"))["signals"] == []
    assert len(await everything(case.supervisor, "signals")) == 3


@pytest.mark.parametrize("by", ["therapist", "observer", "supervisor"])
async def test_what_others_saw_is_not_shown_to_the_client(case: Case, by: str) -> None:
    who = {"therapist": case.therapist, "observer": case.script, "supervisor": case.supervisor}[by]
    codes = {"observer_codes": [{"code": "wd_p", "salience": 4}], "instrument": None}
    said = codes if by == "supervisor" else {"scores": total(2.125), "rater": by}
    rating = made(await rate(who, await case.session(), **said))
    assert await found_by(case.client, case, rating | {"total": 2.125}) == set()
    assert "itself" in await found_by(case.therapist, case, rating | {"total": 2.125})


async def test_a_score_is_in_no_event(case: Case) -> None:
    made(await rate(case.client, await case.session(), answers=filled(*[4] * 11, 3), shared_with_therapist=True))
    events = ok(await case.script.get("/v1/events?types=alliance_rating.*"))["items"]
    assert [set(event) for event in events] == [
        {"seq", "type", "resource", "id", "relationship_id", "version", "from", "to", "at", "actor", "origin"}
    ]
