"""Goals over HTTP: agreed on, rated by each of the two for themselves, and shown to whom they are for."""

from typing import Any

import httpx
import pytest

from tests.conftest import Case, House, everything, made, ok, refused
from tests.infra.test_store import faults_of

GOALS = "/v1/goal-attainments"


def goal(number: int, **said: Any) -> dict[str, Any]:
    return {"number": number, "text": f"To speak up, {number}.", "expected": "Once a week.", **said}


async def agreed(case: Case, *said: dict[str, Any], by: str = "therapist") -> dict[str, Any]:
    """Goals as they were agreed on; three alike unless said otherwise."""
    chosen = list(said) or [goal(1), goal(2), goal(3)]
    caller: httpx.AsyncClient = getattr(case, by)
    return made(await caller.post(GOALS, json={"relationship_id": case.relationship_id, "goals": chosen}))


def levels(*said: int | None) -> list[dict[str, Any]]:
    return [{"goal": number, "level": level} for number, level in enumerate(said, 1)]


async def rated(who: httpx.AsyncClient, one: dict[str, Any], *said: int | None, **more: Any) -> httpx.Response:
    return await who.post(f"{GOALS}/{one['id']}/rate", json={"levels": levels(*said), **more})


async def revised(who: httpx.AsyncClient, one: dict[str, Any], **said: Any) -> httpx.Response:
    return await who.patch(f"{GOALS}/{one['id']}", json=said, headers={"If-Match": "*"})


def places(response: httpx.Response) -> set[str]:
    """The fields that a refusal names."""
    return {fault["pointer"] for fault in refused(response, 422)["errors"]}


def advised(found: dict[str, Any]) -> list[str]:
    return [advisory["code"] for advisory in found["advisories"]]


async def test_goals_are_rated_by_each_for_themselves_and_stay_two_views(case: Case) -> None:
    one = await agreed(case, goal(1, baseline=-1), goal(2, baseline=-1), goal(3, baseline=-1))
    assert (one["phase"], one["client_attained"], one["therapist_attained"]) == ("agreed", None, None)
    assert one["baseline_t_score"] == pytest.approx(36.31, abs=0.005)
    session = await case.session()
    own = ok(await rated(case.client, one, 1, 1, 1, session_id=session["id"], rated_on="2026-11-02"))
    assert own["client_attained"]["t_score"] == pytest.approx(63.69, abs=0.005)
    both = ok(await rated(case.therapist, one, 2, 1, -1))
    assert both["client_attained"]["t_score"] == pytest.approx(63.69, abs=0.005)
    assert both["therapist_attained"]["t_score"] == pytest.approx(59.13, abs=0.005)
    assert (both["assumed_correlation"], both["phase"]) == (0.3, "rated")
    told = (case.therapist, case.supervisor, case.script)
    for found in [ok(await who.get(f"{GOALS}/{one['id']}")) for who in told]:
        assert found["therapist_ratings"] == both["therapist_ratings"]
        assert {n for n in found if "t_score" in n} == {"baseline_t_score"}, "no number for the two together"


async def test_a_client_is_shown_their_own_ratings_and_not_the_therapists(case: Case) -> None:
    one = await agreed(case)
    ok(await rated(case.therapist, one, -2, -2, -2))
    own = ok(await rated(case.client, one, 1, 1, 1))
    listed = ok(await case.client.get(GOALS))["items"][0]
    history = await case.client.get(f"{GOALS}/{one['id']}/history")
    for shown in (own, listed, ok(await case.client.get(f"{GOALS}/{one['id']}"))):
        assert "therapist_ratings" not in shown and "therapist_attained" not in shown and "recorded_by" not in shown
        assert shown["client_attained"]["t_score"] == pytest.approx(63.69, abs=0.005)
    assert "therapist_" not in history.text and "22.6" not in history.text
    assert "client_ratings" in history.text
    told = await case.therapist.get(f"{GOALS}/{one['id']}/history")
    assert "therapist_ratings" in told.text and "22.6" in told.text


async def test_a_draft_is_not_read_in_the_clients_app_and_not_theirs_to_rate(case: Case) -> None:
    draft = goal(2, text="Only thought of so far.", more="More of that.", shared_with_client=False)
    one = await agreed(case, goal(1, more="Twice a week."), draft)
    for where in (GOALS, f"{GOALS}/{one['id']}", f"{GOALS}/{one['id']}/history"):
        text = (await case.client.get(where)).text
        assert "Twice a week." in text
        assert "thought of" not in text and "More of that." not in text
    assert places(await rated(case.client, one, 1, 1)) == {"#/levels/1/goal"}
    assert ok(await rated(case.therapist, one, 1, 1))["therapist_attained"]


async def test_somebody_elses_goals_are_not_there(case: Case, house: House) -> None:
    other = await house.case()
    one = await agreed(case)
    for who in (other.client, other.therapist):
        refused(await who.get(f"{GOALS}/{one['id']}"), 404)
        refused(await rated(who, one, 1, 1, 1), 404)
        assert await everything(who, "goal-attainments") == {}
    theirs = await other.session()
    assert places(await rated(case.client, one, 1, 1, 1, session_id=theirs["id"])) == {"#/session_id"}


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ([{"goal": 1, "level": -3}], "#/levels/0/level"),
        ([{"goal": 1, "level": 0}, {"goal": 2, "level": 3}], "#/levels/1/level"),
        ([{"goal": 1, "level": 0.5}], "#/levels/0/level"),
        ([{"goal": 1, "level": 0}, {"goal": 9, "level": 0}], "#/levels/1/goal"),
        ([{"goal": 1, "level": 0}, {"goal": 1, "level": 1}], "#/levels/1/goal"),
        ([{"goal": 1, "level": None}], "#/levels"),
        ([], "#/levels"),
        ([{"goal": 1, "score": 1}], "#/levels/0/score"),
    ],
)
async def test_what_is_no_level_of_no_goal_is_refused_by_its_place(case: Case, said: Any, named: str) -> None:
    one = await agreed(case)
    assert places(await case.client.post(f"{GOALS}/{one['id']}/rate", json={"levels": said})) == {named}
    assert ok(await case.client.get(f"{GOALS}/{one['id']}"))["version"] == 1


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ([goal(1, weight=0)], "#/goals/0/weight"), ([goal(1, weight=-1)], "#/goals/0/weight"),
        ([goal(1), goal(1)], "#/goals/1/number"), ([goal(1, expected="x" * 281)], "#/goals/0/expected"),
        ([goal(1, baseline=-3)], "#/goals/0/baseline"), ([], "#/goals"),
    ],
)  # fmt: skip
async def test_what_is_no_goal_is_refused_by_its_place(case: Case, said: Any, named: str) -> None:
    body = {"relationship_id": case.relationship_id, "goals": said}
    assert places(await case.therapist.post(GOALS, json=body)) == {named}


async def test_goals_are_agreed_on_by_those_who_were_there(case: Case) -> None:
    body = {"relationship_id": case.relationship_id, "goals": [goal(1)]}
    for who in (case.client, case.supervisor):
        refused(await who.post(GOALS, json=body), 403)
    assert (await agreed(case, by="script"))["phase"] == "agreed"


async def test_a_goal_left_out_is_no_zero(case: Case) -> None:
    one = await agreed(case)
    found = ok(await rated(case.client, one, 1, None, 1))
    assert advised(found) == ["incomplete"]
    (rating,) = found["client_ratings"]
    assert (rating["t_score"], rating["completeness"], found["client_attained"]) == (None, "incomplete", None)


async def test_what_is_expected_should_be_said(case: Case) -> None:
    one = await agreed(case, {"number": 1, "text": "To speak up."})
    assert advised(one) == ["expected_level_missing"]
    assert advised(ok(await revised(case.therapist, one, goals=[goal(1)]))) == []


async def test_once_rated_the_weights_stay_and_an_earlier_wording_is_kept(case: Case) -> None:
    one = await agreed(case, goal(1, more="Twice."))
    ok(await rated(case.client, one, 1))
    assert places(await revised(case.therapist, one, goals=[goal(1, more="Twice.", weight=2)])) == {"#/goals/0/weight"}
    assert advised(ok(await revised(case.therapist, one, goals=[goal(1, more="Thrice.")]))) == ["wording_changed"]
    history = ok(await case.therapist.get(f"{GOALS}/{one['id']}/history"))["items"]
    assert [v["texts"]["goals"][0]["more"] for v in history if "goals" in v["texts"]] == ["Twice.", "Thrice."]


async def test_a_rating_by_mistake_is_taken_back_by_whoever_gave_it(case: Case) -> None:
    one = await agreed(case)
    ok(await rated(case.client, one, 2, 2, 2))
    path = f"{GOALS}/{one['id']}/mark-rating-in-error"
    assert places(await case.therapist.post(path, json={"rating": 1})) == {"#/rating"}
    refused(await case.therapist.delete(f"{GOALS}/{one['id']}", headers={"If-Match": "*"}), 422)
    left = ok(await case.client.post(path, json={"rating": 1}))
    assert (left["client_attained"], left["phase"], left["client_ratings"][0]["in_error"]) == (None, "agreed", True)
    gone = ok(await case.therapist.delete(f"{GOALS}/{one['id']}", headers={"If-Match": "*"}))
    assert gone["phase"] == "entered_in_error"


async def test_the_timeline_tells_of_goals_in_plain_words_and_the_log_of_every_number(case: Case) -> None:
    one = await agreed(case)
    ok(await rated(case.client, one, 1, 0, None))
    ok(await rated(case.script, one, 1, 0, 2, rater="therapist"))
    ok(await revised(case.therapist, one, goals=[goal(1, less="Never."), goal(2), goal(3)]))
    ok(await case.client.post(f"{GOALS}/{one['id']}/mark-rating-in-error", json={"rating": 1}))
    told = ok(await case.client.get(f"/v1/relationships/{case.relationship_id}/timeline"))["items"]
    assert [e["says"] for e in told if e["resource"] == "goal_attainment"][:2] == [
        "Goals were agreed on, with what it would look like to reach them.",
        "The client or the therapist said how far the goals are reached.",
    ]
    assert await faults_of(case.house) == []
