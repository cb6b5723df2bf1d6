"""Signals: what ratings hint at, over HTTP, and what a clinician makes of it."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.conftest import Case, House, made, ok, refused
from tests.endings import screened

V = (4.00, 4.17, 4.08, 4.25, 3.08, 3.42, 4.17, 4.25)
"""A V with its trough at the fifth session."""
DIP = (*V[:5], *V[6:])
"""The same, back at once."""
FIRST = datetime(2026, 1, 5, 10, tzinfo=UTC)


@pytest.fixture
async def watched(house: House, case: Case) -> Case:
    """A practice that has chosen a detector of drops besides the direct question."""
    admin = await house.as_("admin")
    chosen = [{"detector": "rci_drop"}, {"detector": "direct_report"}, {"detector": "risk_item"}]
    made(await admin.post("/v1/policies", json={"kind": "detection", "title": "What we look at", "detectors": chosen}))
    return case


async def week(case: Case, number: int, **said: Any) -> dict[str, Any]:
    """The session of a week, from 0."""
    return await case.session(starts_at=(FIRST + timedelta(weeks=number)).isoformat(), **said)


async def rate(case: Case, session: dict[str, Any], score: float | None, **said: Any) -> dict[str, Any]:
    """The client's rating of it on the WAI-SR."""
    form = {"instrument": "wai-sr", "scores": [{"subscale": "total", "score": score}]} if score is not None else {}
    body = {"session_id": session["id"], "shared_with_therapist": True, **form, **said}
    return made(await case.client.post("/v1/alliance-ratings", json=body))


async def course(case: Case, scores: tuple[float, ...] = V) -> list[dict[str, Any]]:
    """The ratings of a course of therapy, one a week."""
    return [await rate(case, await week(case, number), score) for number, score in enumerate(scores)]


async def signals(who: httpx.AsyncClient, **by: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ok(await who.get("/v1/signals", params=by))["items"]
    return found


async def told(case: Case) -> list[str]:
    """The events about signals, as the log has them."""
    found = ok(await case.supervisor.get("/v1/events", params={"types": "signal.*", "limit": 500}))
    return [event["type"] for event in found["items"]]


def refuses(response: httpx.Response, place: str) -> None:
    """It is refused, and the field is named."""
    (fault,) = refused(response, 422)["errors"]
    assert fault["pointer"] == f"#/{place}"


async def test_a_drop_raises_one_signal_that_says_how_it_was_found(watched: Case) -> None:
    ratings = await course(watched)
    (signal,) = await signals(watched.therapist)
    assert (signal["phase"], signal["kind"], signal["detector"], signal["rater"]) == (
        "raised", "drop", "rci_drop", "client"
    )  # fmt: skip
    assert signal["session_id"] == ratings[4]["session_id"]
    assert signal["reference_session_id"] == ratings[3]["session_id"]
    assert signal["magnitude_raw"] == pytest.approx(-1.17)
    assert (signal["detector_version"], signal["parameters"]["limit"]) == (1, 1.96)
    assert len(signal["inputs_hash"]) == 32
    assert await told(watched) == ["signal.raised"]


async def test_a_practice_that_has_chosen_nothing_is_told_of_a_v_by_the_default_set(case: Case) -> None:
    assert ok(await case.supervisor.get("/v1/policies"))["items"] == []
    ratings = await course(case)
    (signal,) = await signals(case.therapist)
    assert (signal["detector"], signal["kind"], signal["phase"]) == ("shrunk_prediction", "drop", "raised")
    assert (signal["session_id"], signal["certainty"]) == (ratings[4]["session_id"], "confirmed")
    assert signal["reference_session_id"] is None, "it is compared with a prediction, and with no session"
    assert signal["magnitude_raw"] < signal["threshold"] < 0


async def test_a_loss_is_provisional_until_it_has_lasted_and_the_feed_says_when_it_is_sure(
    house: House, case: Case
) -> None:
    admin = await house.as_("admin")
    chosen = [{"detector": "sudden_loss"}]
    made(await admin.post("/v1/policies", json={"kind": "detection", "title": "Losses", "detectors": chosen}))
    ratings = await course(case, (4.25, 4.33, 4.25, 2.5, 2.42))
    (raised,) = await signals(case.therapist)
    assert (raised["certainty"], raised["session_id"]) == ("provisional", ratings[3]["session_id"])
    assert await told(case) == ["signal.raised"]
    await rate(case, await week(case, 5), 2.5)
    (sure,) = await signals(case.therapist)
    assert (sure["id"], sure["certainty"], sure["phase"]) == (raised["id"], "confirmed", "raised")
    assert sure["inputs_hash"] != raised["inputs_hash"]
    (event,) = ok(await case.supervisor.get("/v1/events", params={"types": "signal.firmed_up"}))["items"]
    assert (event["resource"], event["id"], event["from"], event["to"]) == ("signal", raised["id"], "raised", "raised")
    assert await told(case) == ["signal.raised", "signal.firmed_up"]


async def test_a_loss_that_does_not_last_is_taken_back(house: House, case: Case) -> None:
    admin = await house.as_("admin")
    chosen = [{"detector": "sudden_loss"}]
    made(await admin.post("/v1/policies", json={"kind": "detection", "title": "Losses", "detectors": chosen}))
    await course(case)
    assert await told(case) == ["signal.raised", "signal.superseded"]


async def another_therapist(case: Case) -> dict[str, Any]:
    therapist = made(await case.script.post("/v1/therapists", json={"display_name": "Dr Okafor"}))
    return {"therapist_ids": [therapist["id"]]}


async def another_modality(case: Case) -> dict[str, Any]:
    return {"modality": "EMDR"}


async def another_goal(case: Case) -> dict[str, Any]:
    return {"goals": [{"text": "To sleep."}]}


@pytest.mark.parametrize(("change", "count"), [(another_therapist, 0), (another_modality, 0), (another_goal, 1)])
async def test_nothing_is_compared_across_a_change_of_therapist_or_modality(
    watched: Case, change: Callable[[Case], Awaitable[dict[str, Any]]], count: int
) -> None:
    address = f"/v1/relationships/{watched.relationship_id}"
    ok(await watched.script.patch(address, json={"modality": "CBT"}, headers={"if-match": "*"}))
    now = datetime.now(UTC) - timedelta(minutes=5)
    for number, score in enumerate((4.25, 4.33, 4.25, 4.33), -4):
        await rate(watched, await watched.session(starts_at=(now + timedelta(weeks=number)).isoformat()), score)
    body = await change(watched)
    ok(await watched.script.patch(address, json=body, headers={"if-match": "*"}))
    after = await watched.session(starts_at=datetime.now(UTC).isoformat())
    await rate(watched, after, 2.0)
    assert [s["session_id"] for s in await signals(watched.supervisor)] == [after["id"]] * count


async def test_a_number_opens_and_closes_nothing(watched: Case) -> None:
    await course(watched)
    assert ok(await watched.therapist.get("/v1/ruptures"))["items"] == []
    (signal,) = await signals(watched.therapist)
    assert signal["phase"] == "raised", "although the scores are back where they were"


async def test_the_order_in_which_ratings_arrive_changes_no_signal(house: House, watched: Case) -> None:
    sessions = [await week(watched, number) for number in range(len(V))]
    for number in (4, 0, 7, 3, 5, 1, 6, 2):
        await rate(watched, sessions[number], V[number])
    (signal,) = [s for s in await signals(watched.supervisor) if s["phase"] != "superseded"]
    assert (signal["session_id"], signal["reference_session_id"]) == (sessions[4]["id"], sessions[3]["id"])
    assert signal["magnitude_raw"] == pytest.approx(-1.17)


async def test_a_corrected_rating_supersedes_its_signal_and_keeps_it(watched: Case) -> None:
    ratings = await course(watched, DIP)
    (before,) = await signals(watched.therapist)
    body = {"scores": [{"subscale": "total", "score": 3.2}]}
    address = f"/v1/alliance-ratings/{ratings[4]['id']}"
    ok(await watched.client.patch(address, json=body, headers={"if-match": '"1"'}))
    superseded, now = sorted(await signals(watched.therapist), key=lambda s: s["phase"], reverse=True)
    assert (superseded["id"], superseded["phase"]) == (before["id"], "superseded")
    assert (now["supersedes_id"], now["magnitude_raw"]) == (before["id"], pytest.approx(-1.05))
    body = {"scores": [{"subscale": "total", "score": 4.2}]}
    ok(await watched.client.patch(address, json=body, headers={"if-match": '"2"'}))
    assert {s["phase"] for s in await signals(watched.therapist)} == {"superseded"}
    assert await told(watched) == ["signal.raised", "signal.superseded", "signal.raised", "signal.superseded"]


async def test_a_session_that_was_not_held_after_all_takes_its_signal_along(watched: Case) -> None:
    ratings = await course(watched, DIP)
    wrong = f"/v1/sessions/{ratings[4]['session_id']}/correct"
    ok(await watched.script.post(wrong, json={"status": "missed"}))
    assert [s["phase"] for s in await signals(watched.therapist)] == ["superseded"]


async def test_a_repair_that_held_begins_a_new_baseline_and_takes_back_what_rested_on_the_old_one(
    house: House, case: Case
) -> None:
    admin = await house.as_("admin")
    chosen = [{"detector": "shewhart_xmr"}]
    made(await admin.post("/v1/policies", json={"kind": "detection", "title": "A chart", "detectors": chosen}))
    today = datetime.now(UTC) - timedelta(minutes=5)
    for number, score in enumerate((4.0, 4.1, 4.0, 4.1, 3.0), -4):
        await rate(case, await case.session(starts_at=(today + timedelta(weeks=number)).isoformat()), score)
    (signal,) = await signals(case.therapist)
    assert signal["phase"] == "raised"
    repair = await case.repair(await case.rupture("client", session_id=signal["session_id"]))
    conclusion = {"outcome": "repaired", "client_resolution": 5}
    ok(await case.therapist.post(f"/v1/repairs/{repair['id']}/conclude", json=conclusion))
    assert [s["phase"] for s in await signals(case.therapist)] == ["superseded"]


async def test_confirming_a_signal_opens_a_rupture_in_the_same_breath(watched: Case) -> None:
    ratings = await course(watched)
    (signal,) = await signals(watched.therapist)
    body = {"disposition": "confirmed_rupture", "note": "We spoke about it."}
    reviewed = ok(await watched.therapist.post(f"/v1/signals/{signal['id']}/review", json=body))
    assert (reviewed["phase"], reviewed["disposition"]) == ("reviewed", "confirmed_rupture")
    rupture = ok(await watched.therapist.get(f"/v1/ruptures/{reviewed['rupture_id']}"))
    assert (rupture["phase"], rupture["reported_by"]) == ("confirmed", "therapist")
    assert rupture["session_id"] == ratings[4]["session_id"]


async def test_a_signal_can_be_attached_to_a_rupture_that_is_known(watched: Case) -> None:
    await course(watched)
    rupture = await watched.rupture("client")
    (signal,) = await signals(watched.therapist)
    body = {"disposition": "confirmed_rupture", "rupture_id": rupture["id"]}
    assert (
        ok(await watched.therapist.post(f"/v1/signals/{signal['id']}/review", json=body))["rupture_id"] == rupture["id"]
    )
    assert [r["id"] for r in ok(await watched.therapist.get("/v1/ruptures"))["items"]] == [rupture["id"]]


async def test_a_review_may_be_taken_back_and_what_it_opened_stays(watched: Case) -> None:
    await course(watched)
    (signal,) = await signals(watched.therapist)
    address = f"/v1/signals/{signal['id']}"
    opened = ok(await watched.therapist.post(f"{address}/review", json={"disposition": "confirmed_rupture"}))
    back = ok(await watched.therapist.post(f"{address}/reconsider", json={}))
    assert (back["phase"], back["disposition"], back["rupture_id"]) == ("raised", None, None)
    assert ok(await watched.therapist.get(f"/v1/ruptures/{opened['rupture_id']}"))["phase"] == "confirmed"


async def test_an_artifact_is_explained_and_a_rupture_named_only_where_there_is_one(watched: Case) -> None:
    await course(watched)
    rupture = await watched.rupture()
    (signal,) = await signals(watched.therapist)
    address = f"/v1/signals/{signal['id']}/review"
    refuses(await watched.therapist.post(address, json={"disposition": "measurement_artifact"}), "note")
    body = {"disposition": "not_a_rupture", "rupture_id": rupture["id"]}
    refuses(await watched.therapist.post(address, json=body), "rupture_id")


async def test_a_client_is_never_told_that_a_rupture_was_detected(watched: Case) -> None:
    await course(watched)
    (signal,) = await signals(watched.therapist)
    for address in ("/v1/signals", f"/v1/signals/{signal['id']}"):
        assert (await watched.client.get(address)).status_code == 403
    feed = ok(await watched.client.get("/v1/events", params={"limit": 500}))["items"]
    line = ok(await watched.client.get(f"/v1/relationships/{watched.relationship_id}/timeline"))["items"]
    assert not [event for event in (*feed, *line) if event["type"].startswith("signal.")]


async def test_a_therapist_is_not_shown_a_signal_from_ratings_that_the_client_keeps_to_themselves(
    watched: Case,
) -> None:
    for number, score in enumerate(V):
        await rate(watched, await week(watched, number), score, shared_with_therapist=False)
    assert await signals(watched.therapist) == []
    (signal,) = await signals(watched.supervisor)
    assert signal["private_to_client"] is True
    assert (await watched.therapist.get(f"/v1/signals/{signal['id']}")).status_code == 404
    feed = ok(await watched.therapist.get("/v1/events", params={"types": "signal.*"}))["items"]
    assert feed == []


async def test_a_clients_own_word_is_a_signal_without_any_score(watched: Case) -> None:
    session = await week(watched, 0)
    await rate(watched, session, None, direct_report={"problem": True, "intensity": 2})
    (signal,) = await signals(watched.therapist)
    assert (signal["kind"], signal["session_id"]) == ("direct_report", session["id"])


async def test_a_risk_item_is_never_only_a_number(watched: Case) -> None:
    answers = [{"item": item, "value": 1 if item == 9 else 0} for item in range(1, 10)]
    body = {"relationship_id": watched.relationship_id, "instrument": "phq-9", "answers": answers}
    score = made(await watched.script.post("/v1/outcome-scores", json=body))
    (signal,) = await signals(watched.therapist)
    assert (signal["kind"], signal["outcome_score_id"]) == ("risk_item", score["id"])
    address = f"/v1/signals/{signal['id']}/review"
    refuses(await watched.therapist.post(address, json={"disposition": "confirmed_rupture"}), "disposition")
    refuses(await watched.therapist.post(address, json={"disposition": "asked_and_safe"}), "disposition")
    await screened(watched, "low")
    answer = ok(await watched.therapist.post(address, json={"disposition": "asked_and_safe"}))
    assert answer["phase"] == "reviewed"
    assert ok(await watched.therapist.get("/v1/ruptures"))["items"] == [], "a number opens no rupture"


@pytest.mark.parametrize(("rated_on", "screened_on", "enough"), [
    ("2026-03-02", "2026-03-01", False), ("2026-03-02", "2026-03-02", True), ("2026-03-02", "2026-03-09", True),
])  # fmt: skip
async def test_a_screening_from_before_the_form_says_nothing_of_it(
    watched: Case, rated_on: str, screened_on: str, enough: bool
) -> None:
    await risky(watched, rated_on=rated_on)
    (signal,) = await signals(watched.therapist)
    found = {"risk": "high", "screened_on": screened_on}
    ok(await watched.therapist.post(f"/v1/relationships/{watched.relationship_id}/screen-risk", json=found))
    body = {"disposition": "asked_and_acted", "note": "A safety plan was made together."}
    answer = await watched.therapist.post(f"/v1/signals/{signal['id']}/review", json=body)
    if enough:
        assert ok(answer)["disposition"] == "asked_and_acted"
    else:
        refuses(answer, "disposition")


async def test_a_risk_item_of_a_form_about_the_alliance_is_of_the_day_of_its_session(watched: Case) -> None:
    own = {
        "code": "our-form", "edition": "1", "title": "Ours", "kind": "alliance", "items": [1, 2], "low": 1, "high": 5,
        "scoring": "mean", "rights": "own", "rated_by": ["client"], "risk_items": [2],
    }  # fmt: skip
    made(await watched.script.post("/v1/instruments", json=own))
    session = await week(watched, 3)
    answers = [{"item": 1, "value": 5}, {"item": 2, "value": 2}]
    await rate(watched, session, None, instrument="our-form", answers=answers)
    (signal,) = [one for one in await signals(watched.therapist) if one["kind"] == "risk_item"]
    address = f"/v1/signals/{signal['id']}/review"
    day = (FIRST + timedelta(weeks=3)).date()
    for on, status in ((day - timedelta(1), 422), (day, 200)):
        found = {"risk": "none", "screened_on": on.isoformat()}
        ok(await watched.therapist.post(f"/v1/relationships/{watched.relationship_id}/screen-risk", json=found))
        answer = await watched.therapist.post(address, json={"disposition": "asked_and_safe"})
        assert answer.status_code == status


async def test_that_nobody_could_ask_is_told_with_the_reason(watched: Case) -> None:
    await risky(watched)
    (signal,) = await signals(watched.therapist)
    address = f"/v1/signals/{signal['id']}"
    refuses(await watched.therapist.post(f"{address}/review", json={"disposition": "could_not_ask"}), "note")
    body = {"disposition": "could_not_ask", "note": "Three calls, no answer; the crisis team was told."}
    assert ok(await watched.therapist.post(f"{address}/review", json=body))["disposition"] == "could_not_ask"
    back = ok(await watched.therapist.post(f"{address}/reconsider", json={}))
    assert (back["phase"], back["disposition"]) == ("raised", None), "and may be asked after all"


async def risky(case: Case, **said: Any) -> dict[str, Any]:
    """A PHQ-9 from the client's own app, whose ninth item is not at its lowest."""
    answers = [{"item": item, "value": 1 if item == 9 else 0} for item in range(1, 10)]
    body = {"relationship_id": case.relationship_id, "instrument": "phq-9", "answers": answers, **said}
    return made(await case.client.post("/v1/outcome-scores", json=body))


async def test_a_private_word_does_not_reach_the_therapist_through_a_supervisor(watched: Case) -> None:
    session = await week(watched, 0)
    report = {"direct_report": {"problem": True, "intensity": 4}, "shared_with_therapist": False}
    rating = await rate(watched, session, None, **report)
    assert [advisory["code"] for advisory in rating["advisories"]] == ["not_shared"]
    (signal,) = await signals(watched.supervisor)
    address = f"/v1/signals/{signal['id']}/review"
    answer = await watched.supervisor.post(address, json={"disposition": "confirmed_rupture"})
    (fault,) = refused(answer, 422)["errors"]
    assert fault["detail"].startswith("The client kept this from their therapist. Ask the client first;")
    known = await watched.rupture("client")
    body = {"disposition": "confirmed_rupture", "rupture_id": known["id"]}
    refuses(await watched.supervisor.post(address, json=body), "disposition")
    assert [rupture["id"] for rupture in ok(await watched.therapist.get("/v1/ruptures"))["items"]] == [known["id"]]
    at = f"/v1/alliance-ratings/{rating['id']}"
    shared = ok(await watched.client.patch(at, json={"shared_with_therapist": True}, headers={"if-match": '"1"'}))
    assert shared["advisories"] == []
    (now,) = [one for one in await signals(watched.therapist) if one["phase"] == "raised"]
    body = {"disposition": "confirmed_rupture"}
    assert ok(await watched.therapist.post(f"/v1/signals/{now['id']}/review", json=body))["rupture_id"]


async def test_a_practice_that_chose_no_detector_is_told_of_nothing(house: House, case: Case) -> None:
    admin = await house.as_("admin")
    made(await admin.post("/v1/policies", json={"kind": "detection", "title": "We ask, and do not count"}))
    await course(case)
    await rate(case, await week(case, 9), None, direct_report={"problem": True})
    assert await signals(case.supervisor) == []


@pytest.mark.parametrize(
    ("detector", "parameters", "place"),
    [
        ("rci_drop", {"limt": 2}, "detectors/0/parameters/limt"),
        ("rci_drop", {"__pydantic_config__": "x"}, "detectors/0/parameters/__pydantic_config__"),
        ("risk_item", {"limit": 2}, "detectors/0/parameters/limit"),
        ("rci_drop", {"limit": 50}, "detectors/0/parameters/limit"),
        ("rci_drop", {"limit": "high"}, "detectors/0/parameters/limit"),
        ("rci_drop", {"limit": None}, "detectors/0/parameters/limit"),
        ("rci_drop", {"limit": True}, "detectors/0/parameters/limit"),
        ("rci_drop", {"reference": "next"}, "detectors/0/parameters/reference"),
        ("shewhart_xmr", {"western_electric": 1}, "detectors/0/parameters/western_electric"),
        ("observer_3rs", {"least": 2.5}, "detectors/0/parameters/least"),
        ("rci_drop", {"limit": [2]}, "detectors/0/parameters/limit"),
        ("cutoff", {"instruments": "wai-sr"}, "detectors/0/parameters/instruments"),
        ("cutoff", {"instruments": None}, "detectors/0/parameters/instruments"),
        ("cutoff", {"instruments": []}, "detectors/0/parameters/instruments"),
        ("cutoff", {"instruments": ["srs"] * 21}, "detectors/0/parameters/instruments"),
        ("cutoff", {"instruments": ["srs", 2]}, "detectors/0/parameters/instruments/1"),
        ("cutoff", {"instruments": ["srs", None]}, "detectors/0/parameters/instruments/1"),
        ("cutoff", {"instruments": ["srs", " "]}, "detectors/0/parameters/instruments/1"),
        ("cutoff", {"instruments": ["srs", "a\x00b"]}, "detectors/0/parameters/instruments/1"),
        ("cutoff", {"instruments": ["srs", "a" * 121]}, "detectors/0/parameters/instruments/1"),
    ],
)
async def test_a_setting_that_a_detector_can_not_have_is_refused_by_name(
    house: House, detector: str, parameters: Any, place: str
) -> None:
    admin = await house.as_("admin")
    body = {"kind": "detection", "title": "T", "detectors": [{"detector": detector, "parameters": parameters}]}
    refuses(await admin.post("/v1/policies", json=body), place)


async def answer(case: Case, number: int, instrument: str, values: tuple[float, ...]) -> dict[str, Any]:
    """The client's answers about the session of a week."""
    answers = [{"item": item, "value": value} for item, value in enumerate(values, 1)]
    return await rate(case, await week(case, number), None, instrument=instrument, answers=answers)


async def test_a_cutoff_may_be_set_on_other_forms_and_looks_at_their_single_items(house: House, case: Case) -> None:
    admin = await house.as_("admin")
    body = {"kind": "detection", "title": "Low is low", "detectors": [
        {"detector": "cutoff", "parameters": {"instruments": ["SRS", "WAI_SR", "arm-5"], "total": 0.4, "item": 0.3}}
    ]}  # fmt: skip
    policy = made(await admin.post("/v1/policies", json=body))
    assert policy["detectors"][0]["parameters"]["instruments"] == ["SRS", "WAI_SR", "arm-5"]
    await answer(case, 0, "wai-sr", (4.0,) * 12)
    low = await answer(case, 1, "wai-sr", (4.0,) * 11 + (2.0,))
    await answer(case, 2, "sai", (0.0,) * 6)
    (signal,) = await signals(case.therapist)
    assert (signal["session_id"], signal["kind"], signal["grade"]) == (low["session_id"], "low_level", "item")
    assert (signal["magnitude_raw"], signal["threshold"]) == (2.0, pytest.approx(2.2))
    assert signal["parameters"]["instruments"] == ["srs", "wai-sr", "arm-5"]


async def test_a_reversed_item_is_low_where_its_answer_is_high(house: House, case: Case) -> None:
    admin = await house.as_("admin")
    chosen = [{"detector": "cutoff", "parameters": {"instruments": ["arm-5"], "total": 0.2, "item": 0.2}}]
    made(await admin.post("/v1/policies", json={"kind": "detection", "title": "Low is low", "detectors": chosen}))
    await answer(case, 0, "arm-5", (7, 7, 1, 7, 7))
    low = await answer(case, 1, "arm-5", (7, 7, 7, 7, 7))
    (signal,) = await signals(case.therapist)
    assert (signal["session_id"], signal["grade"], signal["magnitude_raw"]) == (low["session_id"], "item", 1)


async def test_whoever_chooses_a_detector_is_told_where_it_is_silent_until_the_norms_are_there(house: House) -> None:
    admin = await house.as_("admin")
    body = {"kind": "detection", "title": "T", "detectors": [{"detector": "divergence"}, {"detector": "ewma"}]}
    policy = made(await admin.post("/v1/policies", json=body))
    (advice,) = policy["advisories"]
    assert (advice["code"], advice["source"]) == ("norms_missing", "The norms of the forms that ratings may name")
    assert "divergence says nothing about wai-sr 2006 by the therapist (mean, sd)" in advice["detail"]
    for form in ok(await admin.get("/v1/instruments/built-in"))["items"]:
        if form["code"] in ("wai-sr", "wai-s", "arm-5"):
            norm = {"mean": 4, "sd": 0.8, "reliability": 0.9, "population": "Our own.", "source": "Our own."}
            made(await admin.post("/v1/instruments", json={**form, "norms": [norm]}))
    said = {"title": "With our norms"}
    revised = await admin.patch(f"/v1/policies/{policy['id']}", json=said, headers={"if-match": "*"})
    assert ok(revised)["advisories"] == []


async def test_another_policy_comes_without_advice_about_detectors(house: House) -> None:
    admin = await house.as_("admin")
    assert made(await admin.post("/v1/policies", json={"kind": "no_contact", "title": "T"}))["advisories"] == []


async def test_a_policy_that_names_the_same_forms_again_has_not_changed(house: House) -> None:
    admin = await house.as_("admin")
    chosen = [{"detector": "cutoff", "parameters": {"instruments": ["srs", "arm-5"]}}]
    policy = made(await admin.post("/v1/policies", json={"kind": "detection", "title": "T", "detectors": chosen}))
    again = await admin.patch(f"/v1/policies/{policy['id']}", json={"detectors": chosen}, headers={"if-match": "*"})
    assert ok(again)["version"] == policy["version"]


async def test_detectors_are_chosen_by_the_policy_that_is_for_it(house: House) -> None:
    admin = await house.as_("admin")
    body = {"kind": "no_contact", "title": "T", "detectors": [{"detector": "rci_drop"}]}
    refuses(await admin.post("/v1/policies", json=body), "detectors")
    body = {"kind": "detection", "title": "T", "detectors": [{"detector": "rci_drop"}, {"detector": "rci_drop"}]}
    refuses(await admin.post("/v1/policies", json=body), "detectors/1/detector")


async def test_what_counts_as_repaired_is_chosen_by_that_policy_too_each_rule_once_and_is_strict_until_then(
    house: House,
) -> None:
    admin = await house.as_("admin")
    for wrong, place in (
        ({"kind": "no_contact", "repair_rules": ["direct"]}, "repair_rules"),
        ({"repair_rules": ["direct", "direct"]}, "repair_rules/1"),
    ):
        refuses(await admin.post("/v1/policies", json={"kind": "detection", "title": "T", **wrong}), place)
    for wrong in (0, 21):
        body = {"kind": "detection", "title": "T", "repair_window": wrong}
        refuses(await admin.post("/v1/policies", json=body), "repair_window")
    policy = made(await admin.post("/v1/policies", json={"kind": "detection", "title": "T"}))
    assert (policy["repair_rules"], policy["repair_window"]) == (["direct", "full_return"], 3)
