"""What may be compared with what: runs and baselines over HTTP, whenever the change that parts them was recorded."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.conftest import Case, House, made, ok, refused

FIRST = datetime(2026, 1, 5, 10, tzinfo=UTC)
V = (4.00, 4.17, 4.08, 4.25, 3.08, 3.42, 4.17, 4.25)
"""A V with its trough at the fifth session."""
LOWER = (4.0, 4.1, 4.0, 4.1, *[3.0] * 6)
"""A level, and a lower one."""


async def looked_for(house: House, *detectors: dict[str, Any]) -> None:
    """The practice's choice of detectors."""
    body = {"kind": "detection", "title": "What we look for", "detectors": detectors}
    made(await (await house.as_("admin")).post("/v1/policies", json=body))


async def rate(case: Case, at: datetime, score: float) -> dict[str, Any]:
    """A session, and what the client thought of it."""
    session = await case.session(starts_at=at.isoformat())
    scores = [{"subscale": "total", "score": score}]
    body = {"session_id": session["id"], "instrument": "wai-sr", "scores": scores, "shared_with_therapist": True}
    return made(await case.client.post("/v1/alliance-ratings", json=body))


async def course(case: Case, scores: tuple[float, ...], last: datetime | None = None) -> None:
    """Ratings week by week, from the first week on, or up to the last."""
    begun = last - timedelta(weeks=len(scores) - 1) if last else FIRST
    for number, score in enumerate(scores):
        await rate(case, begun + timedelta(weeks=number), score)


def week(number: int) -> str:
    """The day of a session, from 0."""
    return (FIRST + timedelta(weeks=number)).date().isoformat()


def soon() -> datetime:
    """Later than whatever is recorded now, and on the same day or the next."""
    return datetime.now(UTC) + timedelta(hours=1)


async def revise(case: Case, **said: Any) -> dict[str, Any]:
    path = f"/v1/relationships/{case.relationship_id}"
    return ok(await case.script.patch(path, json=said, headers={"If-Match": "*"}))


async def another(case: Case) -> list[str]:
    """Somebody else who treats the client."""
    return [made(await case.script.post("/v1/therapists", json={"display_name": "Dr Okafor"}))["id"]]


async def raised(case: Case) -> list[dict[str, Any]]:
    """The signals that hold."""
    found: list[dict[str, Any]] = ok(await case.supervisor.get("/v1/signals", params={"phase": "raised"}))["items"]
    return found


async def runs(case: Case) -> list[int]:
    """Which run each of the client's scores is drawn in."""
    told = ok(await case.supervisor.get(f"/v1/relationships/{case.relationship_id}/trajectory"))
    (line,) = told["panels"][0]["lines"]
    return [point["run"] for point in line["points"]]


@pytest.fixture
async def dropping(house: House, case: Case) -> Case:
    """A practice that looks for drops."""
    await looked_for(house, {"detector": "rci_drop"})
    return case


# -- runs --------------------------------------------------------------------------------------------------------------


async def test_scores_are_compared_while_the_same_people_go_on_in_the_same_way(dropping: Case):
    await revise(dropping, modality="CBT")
    await course(dropping, V[:4], soon() - timedelta(weeks=1))
    await revise(dropping, goals=[{"text": "To sleep through the night."}])
    await rate(dropping, soon(), V[4])
    assert len(await raised(dropping)) == 1
    assert len(set(await runs(dropping))) == 1


@pytest.mark.parametrize("what", ["therapists", "modality"])
async def test_what_another_therapist_or_another_modality_brings_is_not_compared_with_what_was_before(
    dropping: Case, what: str
):
    await revise(dropping, modality="CBT")
    await course(dropping, V[:4], soon() - timedelta(weeks=1))
    said = {"therapist_ids": await another(dropping)} if what == "therapists" else {"modality": "EMDR"}
    revised = await revise(dropping, **said)
    assert [change["changed"] for change in revised["treatment_changes"]] == [[what]]
    await rate(dropping, soon(), V[4])
    assert await raised(dropping) == []
    first, *_, last = await runs(dropping)
    assert first != last


async def test_a_change_that_is_recorded_after_the_ratings_takes_back_what_was_seen_across_it(dropping: Case):
    await course(dropping, V[:5], soon())
    assert len(await raised(dropping)) == 1
    await revise(dropping, therapist_ids=[dropping.therapist_id, *await another(dropping)])
    assert await raised(dropping) == []


async def test_a_change_long_ago_parts_a_history_that_was_imported_and_can_be_put_right(dropping: Case):
    await course(dropping, V)
    assert len(await raised(dropping)) == 1
    then = [{"since": week(4), "changed": ["therapists"]}]
    await revise(dropping, therapist_ids=await another(dropping), treatment_changes=then)
    assert await raised(dropping) == []
    assert len(set((await runs(dropping))[:4])) == len(set((await runs(dropping))[4:])) == 1
    assert len(set(await runs(dropping))) == 2
    await revise(dropping, treatment_changes=[])
    (signal,) = await raised(dropping)
    assert signal["magnitude_raw"] == pytest.approx(-1.17)


async def test_a_history_may_be_begun_with_the_changes_it_had(house: House, dropping: Case):
    begun = {
        "client_id": dropping.client_id, "therapist_ids": [dropping.therapist_id],
        "treatment_changes": [{"since": week(4), "changed": ["therapists", "modality"]}],
    }  # fmt: skip
    dropping.relationship_id = made(await dropping.script.post("/v1/relationships", json=begun))["id"]
    await course(dropping, V)
    assert await raised(dropping) == []


async def test_a_change_of_the_treatment_has_happened_and_says_what_changed(case: Case):
    path, later = f"/v1/relationships/{case.relationship_id}", (date.today() + timedelta(days=9)).isoformat()
    for change, place in (
        ({"since": later, "changed": ["modality"]}, "treatment_changes/0/since"),
        ({"since": week(1), "changed": []}, "treatment_changes/0/changed"),
        ({"since": week(1), "changed": ["fees"]}, "treatment_changes/0/changed/0"),
    ):
        response = await case.script.patch(path, json={"treatment_changes": [change]}, headers={"If-Match": "*"})
        assert refused(response, 422)["errors"][0]["pointer"] == f"#/{place}"


# -- baselines ---------------------------------------------------------------------------------------------------------

CHARTS = (
    {"detector": "shewhart_xmr"}, {"detector": "ewma"},
    {"detector": "rci_drop", "parameters": {"reference": "baseline_mean"}},
)  # fmt: skip
NAMES = {chart["detector"] for chart in CHARTS}


@pytest.fixture
async def charted(house: House, case: Case) -> Case:
    """A client whose level has sunk, watched by everything that goes by a baseline."""
    await looked_for(house, *CHARTS)
    await course(case, LOWER)
    return case


def at(case: Case, move: str) -> str:
    return f"/v1/relationships/{case.relationship_id}/{move}"


@pytest.mark.parametrize("by", ["therapist", "supervisor"])
async def test_from_a_baseline_that_a_clinician_began_on_scores_are_measured_by_those_after_it(charted: Case, by: str):
    assert {signal["detector"] for signal in await raised(charted)} == NAMES
    who: httpx.AsyncClient = getattr(charted, by)
    told = ok(await who.post(at(charted, "begin-baseline"), json={"since": week(4), "reason": "A new frame."}))
    subject = charted.therapist_id if by == "therapist" else "supervisor-script"
    assert told["baselines"] == [{"since": week(4), "begun_by": subject, "reason": "A new frame."}]
    assert await raised(charted) == []
    await rate(charted, FIRST + timedelta(weeks=10), 1.8)
    found = {signal["detector"]: signal for signal in await raised(charted)}
    assert found.keys() == NAMES
    assert found["rci_drop"]["magnitude_raw"] == pytest.approx(-1.2)
    (line,) = ok(await who.get(at(charted, "trajectory")))["panels"][0]["lines"]
    assert [(limits["start"], limits["mean"]) for limits in line["limits"]] == [(0, pytest.approx(4.05)), (4, 3.0)]
    assert len({point["run"] for point in line["points"]}) == 1, "they are still compared from one to the next"


async def test_a_baseline_that_was_begun_by_mistake_is_taken_back_with_all_that_came_of_it(charted: Case):
    before = {(s["detector"], s["session_id"]) for s in await raised(charted)}
    for day in (week(6), week(4)):
        ok(await charted.therapist.post(at(charted, "begin-baseline"), json={"since": day}))
    refused(await charted.therapist.post(at(charted, "begin-baseline"), json={"since": week(4)}), 422)
    problem = refused(await charted.therapist.post(at(charted, "withdraw-baseline"), json={"since": week(5)}), 422)
    assert f"{week(4)}, {week(6)}" in problem["errors"][0]["detail"]
    for day in (week(4), week(6)):
        ok(await charted.therapist.post(at(charted, "withdraw-baseline"), json={"since": day}))
    assert {(s["detector"], s["session_id"]) for s in await raised(charted)} == before


async def test_a_baseline_is_between_clinicians(charted: Case):
    body = {"since": week(4), "reason": "After the funeral."}
    for who in (charted.client, charted.script):
        refused(await who.post(at(charted, "begin-baseline"), json=body), 403)
    ok(await charted.therapist.post(at(charted, "begin-baseline"), json=body))
    path = f"/v1/relationships/{charted.relationship_id}"
    shown = [await charted.client.get(f"{path}{more}") for more in ("", "/history", "/timeline")]
    shown.append(await charted.client.get("/v1/events?limit=500"))
    for answer in shown:
        assert "baseline" not in answer.text and "funeral" not in answer.text
    line = await charted.therapist.get(f"{path}/timeline")
    assert "relationship.baseline_begun" in line.text and "funeral" not in line.text
