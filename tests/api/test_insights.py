"""What a practice is told of itself over HTTP: five of each are told, four are kept back, and nobody is ranked."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.conftest import Case, Found, House, made, ok, refused

ADDRESS = "/v1/practices/me/insights"
FIVE_AND_FOUR = pytest.mark.parametrize(("count", "shown"), [(5, 5), (4, None)])
BETTER = {
    "reasons": ["goals_met"], "timing": "earlier_than_clinician_planned", "premature": "yes",
    "premature_definition": "clinician_judgement",
}  # fmt: skip
UNHEARD = {
    "reasons": ["dissatisfaction", "rupture_unrepaired"], "timing": "earlier_than_client_wanted", "premature": "yes",
    "premature_definition": "last_session_missed",
}  # fmt: skip
MUTUAL = {
    "kind": "planned_mutual", "target_date": "2026-12-18", "agreed_by_client": True, "timing": "as_planned",
    "reasons": ["sufficient_gain"], "premature": "no", "premature_definition": "protocol_incomplete",
}  # fmt: skip


async def told(house: House, role: str = "supervisor", **query: str) -> dict[str, Any]:
    return ok(await (await house.as_(role)).get(ADDRESS, params=query))


async def of_endings(house: House, **query: str) -> dict[str, Any]:
    found: dict[str, Any] = (await told(house, **query))["endings"]
    return found


async def ended(case: Case, count: int, move: str = "", *, rupture: bool = False, **said: Any) -> list[str]:
    """The plans of so many other therapies, begun or ended by one move; with a rupture open, if there is to be one."""
    plans = []
    for _ in range(count):
        client = made(await case.script.post("/v1/clients", json={}))["id"]
        begun = {"client_id": client, "therapist_ids": [case.therapist_id]}
        relationship = made(await case.script.post("/v1/relationships", json=begun))["id"]
        if rupture:
            made(await case.therapist.post("/v1/ruptures", json={"relationship_id": relationship}))
        body = {"relationship_id": relationship, **said}
        plans.append(made(await case.script.post(f"/v1/termination-plans{move}", json=body))["id"])
    return plans


def counts(cells: list[dict[str, Any]], name: str, count: str = "count") -> dict[Any, Any]:
    """What is told of, by name; null is left out."""
    return {cell[name]: cell[count] for cell in cells if cell[count] is not None}


# -- ruptures and repairs --------------------------------------------------------------------------------------------


@FIVE_AND_FOUR
async def test_five_ruptures_are_told_with_their_age_and_policy_and_four_are_not(
    house: House, case: Case, count: int, shown: int | None
) -> None:
    script = await house.as_("admin")
    policy = made(await script.post("/v1/policies", json={"kind": "late_cancellation", "title": "A day ahead"}))["id"]
    for _ in range(count):
        await case.rupture(precipitants=[{"kind": "boundary_or_policy", "named_by": "client"}], policy_id=policy)
    found = await told(house)
    assert (found["ruptures"], found["open_ruptures"]) == (shown, shown)
    assert counts(found["open_by_age"], "age") == ({"under_a_week": 5} if shown else {})
    named = {"kind": "boundary_or_policy", "count": 5, "policies": [{"policy_id": policy, "count": 5}]}
    assert found["precipitants"] == ([named] if shown else [])


async def test_a_policy_that_was_named_four_times_is_not_there_though_its_kind_was_named_more_often(
    house: House, case: Case
) -> None:
    admin = await house.as_("admin")
    often, seldom = [
        made(await admin.post("/v1/policies", json={"kind": kind, "title": "Ours"}))["id"]
        for kind in ("late_cancellation", "no_contact")
    ]
    for policy in [often] * 6 + [seldom] * 4:
        await case.rupture(precipitants=[{"kind": "boundary_or_policy", "named_by": "client"}], policy_id=policy)
    (kind,) = (await told(house))["precipitants"]
    assert kind == {"kind": "boundary_or_policy", "count": 10, "policies": [{"policy_id": often, "count": 5}]}


@pytest.mark.parametrize(("old", "shown"), [(5, {"under_a_week": 5, "longer": 5}), (4, {"under_a_week": 5})])
async def test_open_ruptures_are_told_by_their_age(house: House, case: Case, old: int, shown: dict[str, int]) -> None:
    ruptures = [(await case.rupture())["id"] for _ in range(5 + old)]
    aged = "UPDATE rupture SET created_at = now() - interval '400 days' WHERE practice_id = $1 AND id = ANY($2)"
    await house.running.service.pool.execute(aged, house.id, ruptures[:old])
    found = await told(house)
    assert (found["open_ruptures"], found["ruptures"]) == (10, 5), "whenever they were recorded, and within the year"
    assert counts(found["open_by_age"], "age") == shown


@pytest.mark.parametrize(("count", "share", "skipped"), [(5, 0.5, 5), (4, None, None)])
async def test_five_repairs_of_ten_ruptures_are_told_and_four_are_not(
    house: House, case: Case, count: int, share: float | None, skipped: int | None
) -> None:
    ruptures = [await case.rupture() for _ in range(10)]
    for rupture in ruptures[:count]:
        repair = f"/v1/repairs/{(await case.repair(rupture))['id']}"
        ok(await case.therapist.post(f"{repair}/skip", json={"step": "stay_present", "reason": "No pause to hold."}))
        ok(await case.therapist.post(f"{repair}/conclude", json={"outcome": "not_repaired"}))
    found = await told(house)
    assert (found["ruptures"], found["repair_begun"], found["repair_concluded"]) == (10, share, share)
    assert counts(found["skipped_steps"], "step") == ({"stay_present": skipped} if skipped else {})


async def test_repairs_concluded_are_not_told_when_they_would_tell_of_the_few_that_are_under_way(
    house: House, case: Case
) -> None:
    ruptures = [await case.rupture() for _ in range(16)]
    for place, rupture in enumerate(ruptures[:8]):
        repair = f"/v1/repairs/{(await case.repair(rupture))['id']}"
        if place < 6:
            ok(await case.therapist.post(f"{repair}/conclude", json={"outcome": "not_repaired"}))
    found = await told(house)
    assert (found["repair_begun"], found["repair_concluded"]) == (0.5, None)


async def test_what_was_dismissed_or_only_suspected_or_a_mistake_is_not_counted(house: House, case: Case) -> None:
    for _ in range(4):
        await case.rupture()
    suspected, dismissed, wrong = await case.rupture("script"), await case.rupture("script"), await case.rupture()
    assert suspected["phase"] == "suspected"
    ok(await case.therapist.post(f"/v1/ruptures/{dismissed['id']}/dismiss", json={"reason": "already_addressed"}))
    ok(await case.therapist.delete(f"/v1/ruptures/{wrong['id']}", headers={"if-match": "*"}))
    assert (await told(house))["ruptures"] is None


@FIVE_AND_FOUR
async def test_five_signals_that_await_review_are_told_and_four_are_not(
    house: House, case: Case, count: int, shown: int | None
) -> None:
    for week in range(count + 1):
        session = await case.session(starts_at=(datetime(2026, 1, 5, tzinfo=UTC) + timedelta(weeks=week)).isoformat())
        said = {"session_id": session["id"], "shared_with_therapist": True,
                "direct_report": {"problem": True, "intensity": 3}}  # fmt: skip
        made(await case.client.post("/v1/alliance-ratings", json=said))
    first = ok(await case.therapist.get("/v1/signals"))["items"][0]
    ok(await case.therapist.post(f"/v1/signals/{first['id']}/review", json={"disposition": "already_addressed"}))
    assert (await told(house))["signals_awaiting_review"] == shown


# -- endings ---------------------------------------------------------------------------------------------------------


@FIVE_AND_FOUR
async def test_five_who_left_because_they_are_better_are_told_apart_and_are_never_premature(
    house: House, case: Case, count: int, shown: int | None
) -> None:
    await ended(case, count, "/client-ends", **BETTER)
    found = await of_endings(house)
    assert (found["endings"], found["better_and_stopped"]) == (shown, shown)
    assert counts(found["by_kind"], "kind") == ({"client_initiated": 5} if shown else {})
    assert counts(found["by_timing"], "timing") == ({"earlier_than_clinician_planned": 5} if shown else {})
    assert counts(found["by_nhs_code"], "code") == ({47: 5} if shown else {})
    assert found["reasons"] == ([{"reason": "goals_met", "count": 5}] if shown else [])
    assert counts(found["premature"], "definition", "premature") == {}


@FIVE_AND_FOUR
async def test_five_who_left_unheard_are_told_by_the_definition_used_and_with_the_rupture_that_was_open(
    house: House, case: Case, count: int, shown: int | None
) -> None:
    await ended(case, count, "/client-ends", rupture=True, **UNHEARD)
    found = await of_endings(house)
    assert counts(found["by_nhs_code"], "code") == ({48: 5} if shown else {})
    assert counts(found["premature"], "definition", "premature") == ({"last_session_missed": 5} if shown else {})
    assert (found["with_unrepaired_rupture"], found["better_and_stopped"]) == (shown, None)
    assert counts(found["reasons"], "reason") == ({"dissatisfaction": 5, "rupture_unrepaired": 5} if shown else {})


@FIVE_AND_FOUR
async def test_five_planned_goodbyes_are_told_and_four_are_not(
    house: House, case: Case, count: int, shown: int | None
) -> None:
    consent = {"text_version": "3", "given_on": "2026-01-08"}
    for plan in await ended(case, count, consent=consent):
        ok(await case.therapist.post(f"/v1/termination-plans/{plan}/plan-ending", json=MUTUAL))
        ok(await case.therapist.post(f"/v1/termination-plans/{plan}/end", json={"client_asked": True}))
    found = await of_endings(house)
    assert counts(found["by_kind"], "kind") == ({"planned_mutual": 5} if shown else {})
    assert counts(found["by_timing"], "timing") == ({"as_planned": 5} if shown else {})
    assert counts(found["by_nhs_code"], "code") == ({46: 5} if shown else {})
    assert counts(found["premature"], "definition", "not_premature") == ({"protocol_incomplete": 5} if shown else {})
    assert found["better_and_stopped"] is None, "these were agreed, and nobody stopped"


@FIVE_AND_FOUR
async def test_five_deaths_are_told_and_four_are_not(house: House, case: Case, count: int, shown: int | None) -> None:
    await ended(case, count, "/client-died", died_on="2026-01-02")
    found = await of_endings(house, since="2026-01-02")
    assert counts(found["by_kind"], "kind") == ({"client_deceased": 5} if shown else {})
    assert counts(found["by_timing"], "timing") == ({None: 5} if shown else {})
    assert counts(found["by_nhs_code"], "code") == ({49: 5} if shown else {})


async def test_the_national_rates_stand_beside_the_codes_with_their_source(house: House) -> None:
    found = await of_endings(house)
    rates = counts(found["by_nhs_code"], "code", "base_rate")
    assert rates == {46: 0.605, 47: 0.348, 48: 0.026, 49: 0.0001, 96: 0.021}
    assert "NHS Talking Therapies" in found["base_rates_from"]


async def test_a_therapy_that_was_taken_up_again_has_not_ended(house: House, case: Case) -> None:
    plans = await ended(case, 5, "/client-ends")
    ok(await case.therapist.post(f"/v1/termination-plans/{plans[0]}/reopen"))
    assert (await of_endings(house))["endings"] is None


# -- since when ------------------------------------------------------------------------------------------------------


async def test_a_month_is_the_shortest_that_can_be_asked_about(house: House, case: Case) -> None:
    """Or the answers of two days, one taken from the other, would be those of one client."""
    for day in range(2, 7):
        await ended(case, 1, "/client-ends", ended_on=f"2026-01-0{day}")
    found = [await told(house, since=f"2026-01-0{day}") for day in range(1, 9)]
    assert {answer["since"] for answer in found} == {"2026-01-01"}
    assert [answer["endings"]["endings"] for answer in found] == [5] * 8
    assert (await of_endings(house, since="2026-02-01"))["endings"] is None


async def test_a_year_back_is_what_is_told_of_when_nothing_is_asked(house: House) -> None:
    since = date.fromisoformat((await told(house))["since"])
    back = datetime.now(UTC).date() - timedelta(days=365)
    assert (since.day, since.year, since.month) == (1, back.year, back.month)


async def test_a_day_that_is_none_is_refused(house: House) -> None:
    refused(await (await house.as_("supervisor")).get(ADDRESS, params={"since": "last year"}), 422)


# -- for whom --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["supervisor", "integration", "admin"])
async def test_who_answers_for_the_whole_practice_may_read_it(house: House, role: str) -> None:
    assert (await told(house, role))["ruptures"] is None


@pytest.mark.parametrize("role", ["therapist", "client"])
async def test_who_has_a_part_of_it_only_may_not(house: House, case: Case, role: str) -> None:
    problem = refused(await getattr(case, role).get(ADDRESS), 403)
    assert "supervisor" in problem["detail"]


@pytest.mark.parametrize("role", ["supervisor", "integration", "admin"])
async def test_nobody_reads_it_without_the_scope(house: House, role: str) -> None:
    problem = refused(await (await house.as_(role, scope="ruptures.read")).get(ADDRESS), 403)
    assert "practices.read" in problem["detail"]


async def test_another_practices_ruptures_and_endings_are_never_counted(found: Found, house: House, case: Case) -> None:
    other = await (await found()).case()
    for place in (case, other):
        for _ in range(4):
            await place.rupture()
        await ended(place, 4, "/client-ends", **BETTER)
    for place in (house, other.house):
        answer = await told(place)
        assert (answer["ruptures"], answer["open_ruptures"], answer["endings"]["endings"]) == (None, None, None)


def keys(value: Any) -> Iterator[str]:
    """Every name in an answer, however deep."""
    for name, inner in value.items() if isinstance(value, dict) else ():
        yield name
        yield from keys(inner)
    for inner in value if isinstance(value, list) else ():
        yield from keys(inner)


async def test_nothing_is_told_by_therapist_or_by_client(house: House, case: Case) -> None:
    for _ in range(5):
        await case.rupture()
    await ended(case, 5, "/client-ends", rupture=True, **UNHEARD)
    response = await (await house.as_("admin")).get(ADDRESS)
    assert not [name for name in keys(ok(response)) if "therapist" in name or "client" in name]
    assert case.therapist_id not in response.text
    assert case.client_id not in response.text
