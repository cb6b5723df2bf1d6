"""What became of a client, over HTTP: classes with everything they rest on, for whoever may read the scores."""

from typing import Any

import httpx
import pytest

from tests.api.test_outcomes import corrected, filled, phq, recorded
from tests.conftest import Case, House, made, ok, refused

OWN = {
    "code": "ward-score", "edition": "1", "title": "Our ward's score", "kind": "outcome", "items": [1, 2, 3, 4],
    "low": 0, "high": 5, "scoring": "sum", "rights": "own",
}  # fmt: skip
CLINICAL = {"mean": 8, "sd": 4, "reliability": 0.9, "population": "Our clients of 2025.", "source": "Our own count."}
WELL = {"mean": 16, "sd": 2, "group": "functional", "population": "Our neighbours.", "source": "Our survey."}


def at(case: Case, query: str = "") -> str:
    return f"/v1/relationships/{case.relationship_id}/outcomes{query}"


async def outcomes(case: Case, who: httpx.AsyncClient | None = None, query: str = "") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = ok(await (who or case.therapist).get(at(case, query)))["items"]
    return items


async def outcome(case: Case) -> dict[str, Any]:
    (found,) = await outcomes(case)
    return found


async def scored(case: Case, *days: tuple[str, float], instrument: str = "phq-9", **said: Any) -> None:
    for day, total in days:
        made(await recorded(case.script, case, instrument=instrument, total=total, rated_on=day, **said))


async def defined(case: Case, **said: Any) -> dict[str, Any]:
    return made(await case.script.post("/v1/instruments", json=OWN | said))


# -- getting better ----------------------------------------------------------------------------------------------------


async def test_a_client_gets_better_over_three_forms_and_has_recovered_by_the_caseness_line(case: Case) -> None:
    for day, answers in (("2026-01-08", phq(1, 2)), ("2026-03-12", phq(0, 1)), ("2026-07-02", phq(0, 0.0))):
        made(await recorded(case.client, case, answers=answers, rated_on=day))
    found = await outcome(case)
    assert (found["instrument"], found["instrument_version"], found["scores"]) == ("phq-9", "2001", 3)
    assert [(found[n]["score"], found[n]["rated_on"]) for n in ("first", "last")] == [
        (17, "2026-01-08"), (0, "2026-07-02"),
    ]  # fmt: skip
    assert (found["change"], found["outcome_class"], found["not_computable"]) == (-17, "recovered", None)
    needed = found["reliable_change"]
    assert (needed["points"], needed["reach"], round(needed["unrounded"], 2)) == (6, "at_least", 5.61)
    line = found["line"]
    assert (line["kind"], line["value"], line["verified"]) == ("caseness_line", 10, False)
    assert (found["sd"]["value"], found["reliability"]["value"]) == (6.1, 0.89)
    assert "233,776" in found["sd"]["population"] and "no functional norms" in found["sd"]["source"]
    assert (found["sd"]["verified"], found["reliability"]["verified"]) == (True, False)
    assert [(c["cutoff"], c["not_computable"]) for c in found["cutoffs"]] == [
        ("a", None), ("b", "no_functional_sample"), ("c", "no_functional_sample"),
    ]  # fmt: skip
    assert found["formula"].startswith("1.96 * sqrt(2) * 6.1 * sqrt(1 - 0.89) = 5.61")
    better = "That is clearly better, and now on the better side of the line of 10 (lower is better)."
    assert found["says"][0] == f"From 17 to 0 points. {better}"


async def test_what_a_practice_is_to_do_about_its_norms_is_not_told_to_a_client(case: Case) -> None:
    await scored(case, ("2026-01-08", 20), ("2026-07-02", 4))
    (ours,), (theirs,) = await outcomes(case), await outcomes(case, case.client)
    todo = [said for said in ours["says"] if said not in theirs["says"]]
    assert [said.startswith("Cut-offs b and c need") for said in todo] == [True]
    assert {**ours, "says": theirs["says"]} == theirs, "of all else the client reads the same"


async def test_the_order_is_that_of_the_days_and_not_of_the_typing(case: Case) -> None:
    await scored(case, ("2026-07-02", 4), ("2026-01-08", 20), ("2026-03-12", 12))
    found = await outcome(case)
    assert (found["first"]["score"], found["last"]["score"]) == (20, 4)


async def test_of_one_day_it_is_the_order_of_recording(case: Case) -> None:
    await scored(case, ("2026-01-08", 20), ("2026-01-08", 19), ("2026-01-08", 11))
    found = await outcome(case)
    assert (found["first"]["score"], found["last"]["score"]) == (20, 11)


async def test_five_points_of_the_phq_9_are_no_change_and_getting_worse_is_said(case: Case) -> None:
    await scored(case, ("2026-01-08", 14), ("2026-03-12", 9))
    assert (await outcome(case))["outcome_class"] == "unchanged"
    await scored(case, ("2026-05-12", 20))
    assert (await outcome(case))["outcome_class"] == "deteriorated"


async def test_who_began_below_the_line_improves_and_does_not_recover(case: Case) -> None:
    await scored(case, ("2026-01-08", 9), ("2026-03-12", 1))
    found = await outcome(case)
    assert found["outcome_class"] == "improved"
    assert any("'recovered' does not apply" in said for said in found["says"])


# -- which norms -------------------------------------------------------------------------------------------------------


async def test_an_instrument_of_the_practices_own_with_functional_norms_uses_cutoff_c(case: Case) -> None:
    await defined(case, norms=[CLINICAL, WELL])
    await scored(case, ("2026-01-08", 6), ("2026-03-12", 14), instrument="ward-score")
    found = await outcome(case)
    c = pytest.approx((4 * 16 + 2 * 8) / 6)
    assert (found["line"]["kind"], found["line"]["value"]) == ("cutoff_c", c)
    assert [cut["value"] for cut in found["cutoffs"]] == [16, 12, c]
    assert found["outcome_class"] == "recovered"
    assert (found["clinical_sample"]["population"], found["functional_sample"]["population"]) == (
        "Our clients of 2025.", "Our neighbours.",
    )  # fmt: skip
    assert "Our survey." in found["line"]["source"]


async def test_without_norms_it_is_not_computable_and_says_why(case: Case) -> None:
    mine = await defined(case)
    await scored(case, ("2026-01-08", 6), ("2026-03-12", 14), instrument="ward-score")
    found = await outcome(case)
    assert (found["outcome_class"], found["not_computable"], found["change"]) == ("not_computable", "no_sd", 8)
    assert "no norm gives the SD" in found["says"][0] and found["line"] is None
    address, headers = f"/v1/instruments/{mine['id']}", {"If-Match": "*"}
    loose = {name: value for name, value in CLINICAL.items() if name != "reliability"}
    ok(await case.script.patch(address, json={"norms": [loose]}, headers=headers))
    assert (await outcome(case))["not_computable"] == "no_reliability"
    ok(await case.script.patch(address, json={"norms": [CLINICAL]}, headers=headers))
    assert (await outcome(case))["outcome_class"] == "improved"


async def test_a_practice_gives_functional_norms_or_another_line_to_what_is_built_in(case: Case) -> None:
    await scored(case, ("2026-01-08", 20), ("2026-03-12", 8))
    assert (await outcome(case))["outcome_class"] == "recovered"
    copy = next(f for f in ok(await case.script.get("/v1/instruments/built-in"))["items"] if f["code"] == "phq-9")
    well = WELL | {"mean": 3, "sd": 3}
    mine = made(await case.script.post("/v1/instruments", json=copy | {"norms": [*copy["norms"], well]}))
    assert ((await outcome(case))["line"]["kind"], (await outcome(case))["outcome_class"]) == ("cutoff_c", "improved")
    line = {"norms": copy["norms"], "caseness": {"line": 8, "source": "Our own rule.", "verified": True}}
    ok(await case.script.patch(f"/v1/instruments/{mine['id']}", json=line, headers={"If-Match": "*"}))
    found = await outcome(case)
    assert found["line"] == {"kind": "caseness_line", "value": 8, "source": "Our own rule.", "verified": True}
    assert found["outcome_class"] == "improved", "8 is on the line, and on it is not across it"


@pytest.mark.parametrize(
    "caseness", [{"line": 21, "source": "S."}, {"line": -1, "source": "S."}], ids=["above", "below"]
)
async def test_a_line_that_nobody_can_score_is_refused(case: Case, caseness: dict[str, Any]) -> None:
    problem = refused(await case.script.post("/v1/instruments", json=OWN | {"caseness": caseness}), 422)
    assert [e["pointer"] for e in problem["errors"]] == ["#/caseness"]
    assert "from 0 to 20" in problem["errors"][0]["detail"]
    mine = await defined(case)
    revision = await case.script.patch(
        f"/v1/instruments/{mine['id']}", json={"caseness": caseness}, headers={"If-Match": "*"}
    )
    assert refused(revision, 422)["errors"][0]["pointer"] == "#/caseness"


async def test_a_line_belongs_to_an_instrument_of_outcome(case: Case) -> None:
    body = OWN | {"kind": "alliance", "caseness": {"line": 3, "source": "S."}}
    problem = refused(await case.script.post("/v1/instruments", json=body), 422)
    assert problem["errors"][0]["pointer"] == "#/caseness"


async def test_a_group_that_is_none_is_refused_by_name(case: Case) -> None:
    problem = refused(await case.script.post("/v1/instruments", json=OWN | {"norms": [WELL | {"group": "ideal"}]}), 422)
    assert problem["errors"][0]["pointer"] == "#/norms/0/group"


# -- what counts -------------------------------------------------------------------------------------------------------


async def test_what_was_too_incomplete_for_a_score_is_left_out_and_counted(case: Case) -> None:
    blank = filled(*[None] * 9)
    made(await recorded(case.client, case, answers=blank, rated_on="2026-01-01"))
    found = await outcome(case)
    assert (found["not_computable"], found["first"], found["left_out"]) == ("no_score", None, 1)
    await scored(case, ("2026-01-08", 20))
    found = await outcome(case)
    assert (found["not_computable"], found["first"]["score"], found["last"]) == ("one_score", 20, None)
    assert found["says"][0] == "No class: there is one score only, and a change takes two."
    await scored(case, ("2026-03-08", 6))
    made(await recorded(case.client, case, answers=blank, rated_on="2026-04-01"))
    found = await outcome(case)
    assert (found["last"]["score"], found["scores"], found["left_out"]) == (6, 2, 2)
    assert found["outcome_class"] == "recovered"


async def test_a_form_with_a_blank_or_two_counts_and_shows_that_it_was_prorated(case: Case) -> None:
    made(await recorded(case.client, case, answers=phq(None, 2), rated_on="2026-01-08"))
    await scored(case, ("2026-03-08", 6))
    found = await outcome(case)
    assert (found["first"]["completeness"], found["last"]["completeness"]) == ("prorated", "complete")


async def test_a_score_entered_in_error_is_out_and_a_corrected_one_counts_as_corrected(case: Case) -> None:
    await scored(case, ("2026-01-08", 20), ("2026-03-08", 6))
    wrong = made(await recorded(case.script, case, total=27, rated_on="2026-05-08"))
    assert (await outcome(case))["outcome_class"] == "deteriorated"
    ok(await corrected(case.script, wrong, total=5))
    assert (await outcome(case))["last"]["score"] == 5
    ok(await case.script.delete(f"/v1/outcome-scores/{wrong['id']}", headers={"If-Match": "*"}))
    assert (await outcome(case))["last"]["score"] == 6


async def test_instruments_and_editions_are_never_put_together(case: Case) -> None:
    await defined(case)
    await defined(case, edition="2")
    await scored(case, ("2026-01-08", 20), ("2026-03-08", 6))
    await scored(case, ("2026-01-08", 15), instrument="gad-7")
    await scored(case, ("2026-01-08", 4), instrument="ward-score", instrument_version="1")
    await scored(case, ("2026-03-08", 19), instrument="ward-score", instrument_version="2")
    found = await outcomes(case)
    assert [(f["instrument"], f["instrument_version"], f["not_computable"]) for f in found] == [
        ("gad-7", "2006", "one_score"), ("phq-9", "2001", None), ("ward-score", "1", "one_score"),
        ("ward-score", "2", "one_score"),
    ]  # fmt: skip


async def test_another_stretch_can_be_asked_for(case: Case) -> None:
    await scored(case, ("2026-01-08", 20), ("2026-03-08", 12), ("2026-05-08", 6))
    (found,) = await outcomes(case, query="?from=2026-02-01")
    assert (found["first"]["score"], found["last"]["score"]) == (12, 6)
    (found,) = await outcomes(case, query="?from=2026-01-08&until=2026-03-08")
    assert (found["first"]["score"], found["last"]["score"]) == (20, 12)
    assert await outcomes(case, query="?until=2025-12-31") == []


@pytest.mark.parametrize(
    ("query", "named"),
    [("?from=soon", "from"), ("?until=2026-13-01", "until"), ("?from=2026-03-01&until=2026-02-28", "until"), ("?since=2026-01-01", "since")],
)  # fmt: skip
async def test_a_stretch_that_is_none_is_refused_by_name(case: Case, query: str, named: str) -> None:
    problem = refused(await case.therapist.get(at(case, query)), 422)
    assert problem["errors"][0]["parameter"] == named


# -- who sees it -------------------------------------------------------------------------------------------------------


async def test_those_who_treat_the_client_read_the_same(case: Case) -> None:
    await scored(case, ("2026-01-08", 20), ("2026-03-08", 6))
    said = [await outcomes(case, who) for who in (case.therapist, case.supervisor, case.script)]
    assert said[0][0]["outcome_class"] == "recovered"
    assert all(one == said[0] for one in said)


async def test_before_any_form_there_is_nothing_to_tell(case: Case) -> None:
    assert await outcomes(case) == []


async def test_other_peoples_relationships_are_not_there(house: House, case: Case) -> None:
    other = await house.case()
    await scored(other, ("2026-01-08", 20), ("2026-03-08", 6))
    for who in (case.client, case.therapist):
        refused(await who.get(at(other)), 404, "not-found")
    elsewhere = House(house.running)
    await house.running.service.store.found_practice(elsewhere.id, "Another practice")
    for role in ("supervisor", "integration"):
        refused(await (await elsewhere.as_(role)).get(at(other)), 404, "not-found")
    refused(await case.script.get("/v1/relationships/not-an-id/outcomes"), 404)


async def test_it_takes_the_scope_and_the_role_that_the_scores_take(house: House, case: Case) -> None:
    without = await house.as_("integration", scope="relationships.read")
    assert refused(await without.get(at(case)), 403, "insufficient-scope")["scope"] == "outcome-scores.read"
    alone = await house.as_("integration", scope="outcome-scores.read")
    assert ok(await alone.get(at(case)))["items"] == []
    refused(await (await house.as_("admin")).get(at(case)), 403)
    refused(await (await house.running.client()).get(at(case)), 401)


async def test_it_is_read_and_nothing_else(case: Case) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        refused(await case.script.request(method, at(case), json={}), 405)
    response = await case.client.get(at(case))
    assert response.headers["cache-control"] == "no-store"
