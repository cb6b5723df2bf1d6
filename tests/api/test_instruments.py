"""The instruments of a practice over HTTP: what is built in, what it adds, and under which licence."""

from typing import Any

import httpx
import pytest

from tests.conftest import Case, Found, House, everything, made, ok, refused

OWN = {
    "code": "Session Check", "edition": "1", "title": "Our three questions", "kind": "alliance", "items": [1, 2, 3],
    "low": 0, "high": 10, "rights": "own",
}  # fmt: skip
TEXTS = [{"item": 1, "text": "I felt at ease today."}]
LICENCE = {"licensor": "The Society", "attested_by": "R. Okafor", "attested_on": "2026-02-01", "reference": "L-17"}
NORM = {"mean": 4.1, "sd": 0.4, "reliability": 0.9, "population": "Our clients.", "source": "Our own count."}


@pytest.fixture
async def admin(house: House) -> httpx.AsyncClient:
    return await house.as_("admin")


def places(response: httpx.Response) -> set[str]:
    """The fields that a refusal names."""
    return {fault["pointer"] for fault in refused(response, 422)["errors"]}


async def defined(who: httpx.AsyncClient, **said: Any) -> dict[str, Any]:
    return made(await who.post("/v1/instruments", json=OWN | said))


async def revised(who: httpx.AsyncClient, one: dict[str, Any], **said: Any) -> httpx.Response:
    return await who.patch(f"/v1/instruments/{one['id']}", json=said, headers={"If-Match": "*"})


async def built_in(who: httpx.AsyncClient, code: str) -> dict[str, Any]:
    items: list[dict[str, Any]] = ok(await who.get("/v1/instruments/built-in"))["items"]
    return next(form for form in items if form["code"] == code)


async def rate(case: Case, session: dict[str, Any], **said: Any) -> httpx.Response:
    body = {"session_id": session["id"], "instrument": "session-check", "rater": "client", **said}
    return await case.script.post("/v1/alliance-ratings", json=body)


ANSWERS = [{"item": item, "value": 8} for item in (1, 2, 3)]


# -- what is built in --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["integration", "therapist", "client", "supervisor", "admin"])
async def test_everybody_may_read_what_is_built_in_and_finds_no_item_text(case: Case, role: str) -> None:
    people = {"therapist": case.therapist, "client": case.client}
    who = people.get(role) or await case.house.as_(role)
    items = ok(await who.get("/v1/instruments/built-in"))["items"]
    assert {form["code"] for form in items} >= {
        "wai-sr", "wai-s", "srs", "arm-5", "sai", "ecr-rs", "phq-9", "gad-7",
    }  # fmt: skip
    assert {str(form["item_texts"]) for form in items} == {"[]"}
    assert {form["code"] for form in items if not form["verified"]} >= {"wai-s", "sai", "ecr-r"}
    assert all(form["source"] for form in items)


async def test_it_takes_a_token_with_the_scope_for_it(house: House) -> None:
    without = await house.as_("integration", scope="sessions.read")
    assert refused(await without.get("/v1/instruments/built-in"), 403, "insufficient-scope")["scope"]
    refused(await (await house.running.client()).get("/v1/instruments/built-in"), 401)


async def test_a_copy_of_what_is_built_in_is_taken_back_with_better_norms(admin: httpx.AsyncClient, case: Case) -> None:
    copy = await built_in(admin, "wai-sr") | {"norms": [NORM]}
    mine = made(await admin.post("/v1/instruments", json=copy))
    session = await case.session()
    rating = made(await rate(case, session, instrument="wai-sr", scores=[{"subscale": "total", "score": 4}]))
    assert (rating["instrument"], rating["instrument_version"], mine["norms"][0]["sd"]) == ("wai-sr", "2006", 0.4)


# -- the practice's own --------------------------------------------------------------------------------------------


async def test_a_practice_defines_its_own_form_and_rates_with_it(admin: httpx.AsyncClient, case: Case) -> None:
    mine = await defined(admin)
    assert (mine["code"], mine["scoring"], mine["verified"]) == ("session-check", "mean", False)
    found = made(await rate(case, await case.session(), instrument="SESSION check", answers=ANSWERS))
    assert (found["total"], found["instrument"], found["instrument_version"]) == (8, "session-check", "1")


async def test_another_practice_does_not_know_it(admin: httpx.AsyncClient, found: Found) -> None:
    await defined(admin)
    other = await (await found()).case()
    assert places(await rate(other, await other.session(), answers=ANSWERS)) == {"#/instrument"}


async def test_one_edition_is_defined_once(admin: httpx.AsyncClient) -> None:
    await defined(admin)
    problem = refused(await admin.post("/v1/instruments", json=OWN | {"code": "session_check"}), 409, "taken")
    assert "revise or reinstate" in problem["detail"]


async def test_of_two_editions_a_rating_says_which_and_they_are_never_one_series(
    admin: httpx.AsyncClient, case: Case
) -> None:
    await defined(admin)
    await defined(admin, edition="2", high=20)
    session = await case.session()
    assert places(await rate(case, session, answers=ANSWERS)) == {"#/instrument_version"}
    made(await rate(case, session, answers=ANSWERS, instrument_version="1"))
    later = await case.session(starts_at="2026-11-09T10:00:00Z")
    made(await rate(case, later, answers=[{"item": i, "value": 18} for i in (1, 2, 3)], instrument_version="2"))
    panels = ok(await case.supervisor.get(f"/v1/relationships/{case.relationship_id}/trajectory"))["panels"]
    assert [(p["instrument"], p["version"], p["high"]) for p in panels] == [
        ("session-check", "1", 10), ("session-check", "2", 20),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"low": 10, "high": 0}, {"#/high"}),
        ({"reversed_items": [4], "risk_items": [5]}, {"#/reversed_items", "#/risk_items"}),
        ({"code": "---"}, {"#/code"}),
        ({"step": 3}, {"#/step"}),
        ({"step": 0}, {"#/step"}),
        ({"items": [0]}, {"#/items/0"}),
        ({"norms": [{"mean": 3, "population": "P."}]}, {"#/norms/0/source"}),
        ({"item_texts": [{"item": 9, "text": "T."}]}, {"#/item_texts"}),
        ({"licence": {"licensor": "S."}}, {"#/licence/attested_by", "#/licence/attested_on"}),
        ({"code": "phq-9"}, {"#/kind"}),
        ({"code": "WAI-SR", "edition": "ours"}, {"#/rights"}),
    ],
)
async def test_what_does_not_hold_together_is_refused_by_name(
    admin: httpx.AsyncClient, said: dict[str, Any], named: set[str]
) -> None:
    assert places(await admin.post("/v1/instruments", json=OWN | said)) == named
    assert await everything(admin, "instruments") == {}


async def test_better_norms_are_given_and_the_key_stays(admin: httpx.AsyncClient) -> None:
    mine = await defined(admin)
    assert ok(await revised(admin, mine, norms=[NORM]))["norms"][0]["mean"] == 4.1
    assert places(await revised(admin, mine, norms=[NORM | {"of": "bond"}])) == {"#/norms"}
    for name, value in {"high": 11, "items": [1, 2], "edition": "2", "rights": "open"}.items():
        assert places(await revised(admin, mine, **{name: value})) == {f"#/{name}"}
    history = ok(await admin.get(f"/v1/instruments/{mine['id']}/history"))["items"]
    assert [version["type"] for version in history] == ["instrument.defined", "instrument.revised"]


async def test_a_retired_form_takes_no_new_rating_and_keeps_the_old(admin: httpx.AsyncClient, case: Case) -> None:
    mine, session = await defined(admin), await case.session()
    rating = made(await rate(case, session, answers=ANSWERS))
    ok(await admin.delete(f"/v1/instruments/{mine['id']}", headers={"If-Match": "*"}))
    later = await case.session(starts_at="2026-11-09T10:00:00Z")
    assert places(await rate(case, later, answers=ANSWERS)) == {"#/instrument"}
    address = f"/v1/alliance-ratings/{rating['id']}"
    nines = [answer | {"value": 9} for answer in ANSWERS]
    assert ok(await case.script.patch(address, json={"answers": nines}, headers={"If-Match": "*"}))["total"] == 9
    panels = ok(await case.supervisor.get(f"/v1/relationships/{case.relationship_id}/trajectory"))["panels"]
    assert [(p["instrument"], p["title"]) for p in panels] == [("session-check", "Our three questions")]
    ok(await admin.post(f"/v1/instruments/{mine['id']}/reinstate"))
    made(await rate(case, later, answers=ANSWERS))


async def test_norms_that_are_retired_are_no_longer_looked_by(admin: httpx.AsyncClient, case: Case) -> None:
    chosen = {"kind": "detection", "title": "D", "detectors": [{"detector": "rci_drop"}]}
    made(await admin.post("/v1/policies", json=chosen))
    loose = NORM | {"sd": 3, "reliability": 0.5}
    mine = made(await admin.post("/v1/instruments", json=await built_in(admin, "wai-sr") | {"norms": [loose]}))

    async def rated(day: str, score: float) -> None:
        session = await case.session(starts_at=f"{day}T10:00:00Z")
        made(await rate(case, session, instrument="wai-sr", scores=[{"subscale": "total", "score": score}]))

    await rated("2026-03-02", 4.5)
    await rated("2026-03-09", 2.5)
    assert await everything(case.supervisor, "signals") == {}, "by these norms it is within the form's error"
    ok(await admin.delete(f"/v1/instruments/{mine['id']}", headers={"If-Match": "*"}))
    await rated("2026-03-16", 2.5)
    (signal,) = (await everything(case.supervisor, "signals")).values()
    assert signal["kind"] == "drop"


# -- licensed texts ----------------------------------------------------------------------------------------------------


async def test_a_licensed_text_is_refused_until_somebody_attests_the_licence(admin: httpx.AsyncClient) -> None:
    copy = await built_in(admin, "wai-sr")
    response = await admin.post("/v1/instruments", json=copy | {"item_texts": TEXTS})
    assert places(response) == {"#/licence"}
    assert TEXTS[0]["text"] not in response.text
    assert await everything(admin, "instruments") == {}
    mine = made(await admin.post("/v1/instruments", json=copy | {"item_texts": TEXTS, "licence": LICENCE}))
    assert (mine["item_texts"], mine["licence"]) == (TEXTS, LICENCE)


async def test_a_text_does_not_outlive_its_licence(admin: httpx.AsyncClient) -> None:
    licensed = {"rights": "licensed", "item_texts": TEXTS, "licence": LICENCE}
    mine = await defined(admin, **licensed)
    assert places(await revised(admin, mine, licence=None)) == {"#/licence"}
    assert ok(await revised(admin, mine, licence=None, item_texts=None))["item_texts"] == []
    assert places(await revised(admin, mine, item_texts=TEXTS)) == {"#/licence"}


async def test_a_licensed_form_is_not_passed_off_as_the_practices_own(admin: httpx.AsyncClient) -> None:
    copy = await built_in(admin, "srs")
    for change in ({"rights": "own"}, {"rights": "open"}, {"rights": "own", "edition": "ours", "code": "SRS"}):
        assert places(await admin.post("/v1/instruments", json=copy | change | {"item_texts": TEXTS})) == {"#/rights"}


@pytest.mark.parametrize("code", ["phq-9", "gad-7", "ecr-rs"])
async def test_what_is_free_carries_its_texts_without_a_licence(admin: httpx.AsyncClient, code: str) -> None:
    mine = made(await admin.post("/v1/instruments", json=await built_in(admin, code) | {"item_texts": TEXTS}))
    assert (mine["item_texts"], mine["licence"]) == (TEXTS, None)


async def test_who_answers_may_read_the_questions_and_nobody_elsewhere(
    admin: httpx.AsyncClient, case: Case, found: Found
) -> None:
    mine = await defined(admin, rights="licensed", item_texts=TEXTS, licence=LICENCE)
    address = f"/v1/instruments/{mine['id']}"
    for who in (case.client, case.therapist, case.supervisor, case.script, admin):
        assert ok(await who.get(address))["item_texts"] == TEXTS
    refused(await (await (await found()).as_("admin")).get(address), 404)
    for who in (case.client, case.therapist, case.supervisor):
        refused(await revised(who, mine, title="Mine now"), 403)


async def test_a_text_is_in_no_event_and_on_no_picture(admin: httpx.AsyncClient, case: Case) -> None:
    await defined(admin, item_texts=TEXTS)
    made(await rate(case, await case.session(), answers=ANSWERS))
    for place in ("/v1/events", f"/v1/relationships/{case.relationship_id}/trajectory.vl.json"):
        assert TEXTS[0]["text"] not in (await case.supervisor.get(place)).text
