"""The picture of a relationship over HTTP: in four forms, for those who may see it, and as much of it as they may."""

import json
import struct
import xml.etree.ElementTree as ET
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.conftest import Case, Found, House, made, ok, refused
from tests.trajectories import BEGUN, V

SVG = "{http://www.w3.org/2000/svg}"
VEGA_LITE = "application/vnd.vegalite.v6+json"


def at(case: Case, ending: str = "", **query: Any) -> str:
    told = "&".join(f"{name}={value}" for name, value in query.items())
    return f"/v1/relationships/{case.relationship_id}/trajectory{ending}{told and '?'}{told}"


async def sat(case: Case, count: int, missed: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    """Sessions a week apart."""
    begun: datetime = BEGUN
    return [
        await case.session(
            starts_at=(begun + timedelta(weeks=week)).isoformat(), status="missed" if week in missed else "held"
        )
        for week in range(count)
    ]


async def rated(who: httpx.AsyncClient, session: dict[str, Any], score: float, **said: Any) -> dict[str, Any]:
    body = {"session_id": session["id"], "instrument": "wai-sr", "scores": [{"subscale": "total", "score": score}]}
    return made(await who.post("/v1/alliance-ratings", json=body | said))


async def lived(case: Case) -> list[dict[str, Any]]:
    """The V of the clinical reference, seen by both, shown to the therapist, with its rupture and repair."""
    sessions = await sat(case, 8)
    for session, score in zip(sessions, V, strict=True):
        await rated(case.client, session, score, shared_with_therapist=True)
        await rated(case.therapist, session, score - 0.3)
    rupture = await case.rupture("client", session_id=sessions[4]["id"], type="withdrawal", happened_on="2026-03-31")
    await case.repair(rupture)
    return sessions


def lines(told: dict[str, Any]) -> dict[str, list[float]]:
    return {line["rater"]: [p["score"] for p in line["points"]] for panel in told["panels"] for line in panel["lines"]}


async def test_a_course_of_therapy_in_json(case: Case):
    sessions = await lived(case)
    response = await case.therapist.get(at(case))
    told = ok(response)
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["vary"].startswith("Authorization, Accept")
    assert told["relationship_id"] == case.relationship_id
    assert [(s["session_id"], s["ordinal"]) for s in told["sessions"]] == [
        (s["id"], n) for n, s in enumerate(sessions, 1)
    ]
    assert lines(told) == {"client": list(V), "therapist": pytest.approx([score - 0.3 for score in V])}
    assert (told["panels"][0]["low"], told["panels"][0]["high"]) == (1, 5)
    (rupture,) = told["ruptures"]
    assert (rupture["type"], rupture["phase"], rupture["happened_on"]) == ("withdrawal", "in_repair", "2026-03-31")
    assert len(rupture["repairs"]) == 1
    assert "lowest 3.08 in session 5" in told["summary"]


async def test_the_address_or_the_accept_header_says_in_which_form_it_comes(case: Case):
    await sat(case, 2)
    for media, ending in {
        "application/json": "", VEGA_LITE: ".vl.json", "image/svg+xml": ".svg", "image/png": ".png",
    }.items():  # fmt: skip
        by_header = await case.therapist.get(at(case), headers={"Accept": media})
        by_address = await case.therapist.get(at(case, ending), headers={"Accept": "application/json"})
        for response in (by_header, by_address):
            assert (response.status_code, response.headers["content-type"]) == (200, media)
            assert response.headers["cache-control"] == "no-store"


async def test_an_image_tag_gets_an_image_and_a_script_that_does_not_mind_gets_json(case: Case):
    image = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
    for accept, media in {
        image: "image/svg+xml", "*/*": "application/json", "image/png;q=0.9, image/svg+xml;q=0.1": "image/png",
        "application/json;q=0, */*": VEGA_LITE, "image/png;q=oops, image/*;q=0.1": "image/svg+xml",
    }.items():  # fmt: skip
        response = await case.therapist.get(at(case), headers={"Accept": accept})
        assert (response.status_code, response.headers["content-type"]) == (200, media), accept


async def test_a_form_it_does_not_come_in_is_refused_with_those_it_does(case: Case):
    problem = refused(await case.therapist.get(at(case), headers={"Accept": "image/jpeg"}), 406, "not-acceptable")
    for media in ("application/json", VEGA_LITE, "image/svg+xml", "image/png"):
        assert media in problem["detail"]


async def test_the_specification_holds_its_data_and_names_nobody(case: Case):
    await lived(case)
    response = await case.therapist.get(at(case, ".vl.json"))
    specification = ok(response)
    assert specification["$schema"] == "https://vega.github.io/schema/vega-lite/v6.json"
    assert specification["description"] == ok(await case.therapist.get(at(case)))["summary"]
    assert '"url"' not in response.text
    for name in ("K.", "Dr Rivera"):
        assert name not in response.text


async def test_the_svg_can_be_read_by_those_who_do_not_see_it_and_loads_nothing(case: Case):
    await lived(case)
    response = await case.therapist.get(at(case, ".svg", width=360))
    root = ET.fromstring(response.content)
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    words = {id: next(e for e in root.iter() if e.get("id") == id) for id in root.get("aria-labelledby", "").split()}
    assert [e.tag for e in words.values()] == [f"{SVG}title", f"{SVG}desc"]
    assert words["desc"].text == ok(await case.therapist.get(at(case)))["summary"]
    text = response.text.replace("http://www.w3.org/2000/svg", "").replace("http://www.w3.org/1999/xlink", "")
    for loading in ("http:", "https:", "url(", "<image", "<script", "@import", "href"):
        assert loading not in text
    assert "default-src 'none'" in response.headers["content-security-policy"]


@pytest.mark.parametrize("width", [360, 720, 1200])
async def test_the_png_is_as_wide_as_was_asked(case: Case, width: int):
    await lived(case)
    picture = (await case.therapist.get(at(case, ".png", width=width))).content
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert abs(struct.unpack(">I", picture[16:20])[0] - width) <= 1


async def test_dark_is_another_picture_than_light(case: Case):
    await sat(case, 2)
    light, dark = [(await case.therapist.get(at(case, ".svg", theme=theme))).text for theme in ("light", "dark")]
    assert light != dark
    assert light == (await case.therapist.get(at(case, ".svg"))).text


async def test_a_missed_session_breaks_the_line_of_the_drawing(case: Case):
    for session in await sat(case, 5, missed=(2,)):
        if session["phase"] == "held":
            await rated(case.client, session, 4, shared_with_therapist=True)
    told = ok(await case.therapist.get(at(case)))
    assert [s["status"] for s in told["sessions"]] == ["held", "held", "missed", "held", "held"]
    assert [p["piece"] for p in told["panels"][0]["lines"][0]["points"]] == [0, 0, 1, 1]
    assert "1 missed (17 March 2026)" in told["summary"]


async def test_a_therapist_is_shown_what_the_client_shares_and_no_trace_of_the_rest(case: Case):
    first, second = await sat(case, 2)
    await rated(case.client, first, 4.2, shared_with_therapist=True)
    await rated(case.client, second, 2.1)
    assert lines(ok(await case.therapist.get(at(case)))) == {"client": [4.2]}
    assert "2.1" not in (await case.therapist.get(at(case, ".vl.json"))).text
    assert lines(ok(await case.client.get(at(case)))) == {"client": [4.2, 2.1]}
    assert lines(ok(await case.supervisor.get(at(case)))) == {"client": [4.2, 2.1]}


async def test_a_client_sees_their_own_ratings_and_no_signal_or_limit(case: Case):
    await lived(case)
    told = ok(await case.client.get(at(case)))
    assert lines(told) == {"client": list(V)}
    assert told["signals"] == []
    assert told["panels"][0]["lines"][0]["limits"] == []
    drawing = (await case.client.get(at(case, ".vl.json"))).text
    for hidden in ('"rater":"therapist"', "Therapist", "Lower limit", "Signal"):
        assert hidden not in drawing


SIGNAL = """
INSERT INTO signal (practice_id, id, phase, version, created_at, updated_at, relationship_id, detector,
  detector_version, parameters, kind, rater, session_id, certainty, inputs_hash, private_to_client)
VALUES ($1, gen_random_uuid(), $2, 1, now(), now(), $3, 'rci_drop', 1, '{}', 'drop', 'client', $4, $5, 'abc', $6)"""


async def signalled(
    case: Case, session: dict[str, Any], phase: str = "raised", certainty: str = "confirmed", private: bool = False
) -> None:  # fmt: skip
    """A signal, whichever detector may see it."""
    pool = case.house.running.service.pool
    await pool.execute(SIGNAL, case.house.id, phase, case.relationship_id, session["id"], certainty, private)


async def test_signals_are_drawn_for_clinicians_only_and_superseded_ones_for_nobody(case: Case):
    first, second, third = await sat(case, 3)
    await signalled(case, first)
    await signalled(case, second, private=True)
    await signalled(case, third, phase="superseded")
    seen = {
        name: [s["session_id"] for s in ok(await who.get(at(case)))["signals"]]
        for name, who in (("therapist", case.therapist), ("supervisor", case.supervisor), ("client", case.client))
    }
    assert seen == {"therapist": [first["id"]], "supervisor": [first["id"], second["id"]], "client": []}
    assert "Signal" not in (await case.client.get(at(case, ".vl.json"))).text


async def looked_at(case: Case, **said: Any) -> dict[str, Any]:
    """The practice looks at drops and at what clients say."""
    admin = await case.house.as_("admin")
    chosen = [{"detector": "rci_drop"}, {"detector": "direct_report"}]
    body = {"kind": "detection", "title": "What we look at", "detectors": chosen, **said}
    return made(await admin.post("/v1/policies", json=body))


def dips(told: dict[str, Any]) -> list[tuple[str, str, int, str | None]]:
    return [(d["rater"], d["state"], d["length_sessions"], d["rule"]) for d in told["episodes"]]


async def test_a_dip_is_told_with_its_depth_and_the_rule_by_which_it_is_over(case: Case):
    await looked_at(case)
    sessions = await lived(case)
    told = ok(await case.therapist.get(at(case)))
    (dip,) = told["episodes"]
    ids = [session["id"] for session in sessions]
    assert (dip["rater"], dip["instrument"], dip["instrument_version"]) == ("client", "wai-sr", "2006")
    assert (dip["onset_session_id"], dip["trough_session_id"], dip["repaired_session_id"]) == (ids[4], ids[4], ids[7])
    assert (dip["magnitude_raw"], dip["length_sessions"]) == (pytest.approx(-1.17), 3)
    assert dip["magnitude_sd"] < -1
    assert (dip["state"], dip["rule"]) == ("repaired", "full_return")
    assert "over at session 8 after 3 sessions: the score was back where it had been" in told["summary"]
    assert "over at session 8" in ok(await case.therapist.get(at(case, ".vl.json")))["description"]


async def test_the_practice_says_when_a_dip_is_over(case: Case):
    policy = await looked_at(case, repair_rules=["half_recovery", "full_return"], repair_window=2)
    await lived(case)
    assert dips(ok(await case.supervisor.get(at(case))))[0] == ("client", "repaired", 2, "half_recovery")
    admin, address = await case.house.as_("admin"), f"/v1/policies/{policy['id']}"
    ok(await admin.patch(address, json={"repair_rules": ["full_return"]}, headers={"If-Match": "*"}))
    assert dips(ok(await case.supervisor.get(at(case))))[0] == ("client", "unrepaired_so_far", 2, None)


async def test_the_clients_word_is_enough_whatever_the_scores_say(case: Case):
    sessions = await sat(case, 3)
    reports = [None, {"problem": True, "intensity": 3}, {"problem": True, "intensity": 1, "resolved": 4}]
    for session, score, said in zip(sessions, (4.0, 3.5, 3.5), reports, strict=True):
        more = {"direct_report": said} if said else {}
        await rated(case.client, session, score, shared_with_therapist=True, **more)
    assert dips(ok(await case.therapist.get(at(case)))) == [("client", "repaired", 1, "direct")]


async def test_sessions_that_nobody_rated_count_for_the_window_of_a_dip(case: Case):
    await looked_at(case)
    for session, score in zip(await sat(case, 9), (*V[:5], None, None, None, 4.25), strict=True):
        if score:
            await rated(case.client, session, score, shared_with_therapist=True)
    assert dips(ok(await case.therapist.get(at(case)))) == [("client", "unrepaired_so_far", 3, None)]


async def test_a_therapist_is_shown_no_dip_in_ratings_that_the_client_keeps_and_a_client_none_at_all(case: Case):
    await looked_at(case)
    for session, score in zip(await sat(case, 8), V, strict=True):
        await rated(case.client, session, score)
    seen = {
        name: len(ok(await who.get(at(case)))["episodes"])
        for name, who in (("therapist", case.therapist), ("supervisor", case.supervisor), ("client", case.client))
    }
    assert seen == {"therapist": 0, "supervisor": 1, "client": 0}


HELD = "UPDATE repair SET concluded_on = $3 WHERE practice_id = $1 AND id = $2"


async def mended(case: Case, session: dict[str, Any], on: datetime) -> None:
    """A rupture and its repair, concluded with the client's word on a day in the past."""
    repair = await case.repair(await case.rupture("client", session_id=session["id"]))
    conclusion = {"outcome": "repaired", "client_resolution": 5}
    ok(await case.therapist.post(f"/v1/repairs/{repair['id']}/conclude", json=conclusion))
    await case.house.running.service.pool.execute(HELD, case.house.id, UUID(repair["id"]), on.date())


async def test_a_repair_begins_a_new_baseline_even_where_the_session_after_it_is_not_shared(case: Case):
    sessions = await sat(case, 10)
    for place, session in enumerate(sessions):
        await rated(case.client, session, 4.0 if place < 5 else 3.0, shared_with_therapist=place != 5)
    await mended(case, sessions[4], BEGUN + timedelta(weeks=5))
    for who, start in ((case.therapist, 6), (case.supervisor, 5)):
        (line,) = ok(await who.get(at(case)))["panels"][0]["lines"]
        assert [(found["start"], found["mean"]) for found in line["limits"]] == [(0, 4.0), (start, 3.0)]


async def test_a_rating_that_was_entered_in_error_is_not_drawn(case: Case):
    (session,) = await sat(case, 1)
    rating = await rated(case.client, session, 3.3, shared_with_therapist=True)
    ok(await case.client.delete(f"/v1/alliance-ratings/{rating['id']}", headers={"If-Match": "*"}))
    assert ok(await case.therapist.get(at(case)))["panels"] == []


async def test_a_dismissed_suspicion_is_not_drawn(case: Case):
    (session,) = await sat(case, 1)
    rupture = await case.rupture(session_id=session["id"], certainty="suspected")
    assert ok(await case.therapist.get(at(case)))["ruptures"][0]["phase"] == "suspected"
    ok(await case.therapist.post(f"/v1/ruptures/{rupture['id']}/dismiss", json={"reason": "not_a_rupture"}))
    assert ok(await case.therapist.get(at(case)))["ruptures"] == []


async def test_the_transition_phase_is_drawn_from_the_day_it_began(case: Case):
    await sat(case, 2)
    plan = await case.plan()
    path = f"/v1/termination-plans/{plan['id']}"
    said = {"kind": "planned_mutual", "timing": "as_planned", "agreed_by_client": True, "reasons": ["goals_met"],
            "target_date": "2026-12-24"}  # fmt: skip
    ok(await case.therapist.post(f"{path}/begin-review"))
    ok(await case.therapist.post(f"{path}/plan-ending", json=said))
    (span,) = ok(await case.therapist.get(at(case)))["transitions"]
    assert span["over_on"] is None
    ok(await case.therapist.post(f"{path}/return-to-work"))
    (span,) = ok(await case.therapist.get(at(case)))["transitions"]
    assert span["over_on"] is not None


async def test_a_relationship_without_anything_has_a_picture_too(case: Case):
    assert ok(await case.therapist.get(at(case)))["summary"].startswith("No session has been held yet.")
    assert (await case.therapist.get(at(case, ".svg"))).status_code == 200


@pytest.mark.parametrize("width", ["359", "1601", "wide", "-1"])
async def test_a_width_that_can_not_be_read_is_refused_with_the_range(case: Case, width: str):
    (error,) = refused(await case.therapist.get(at(case, ".png", width=width)), 422, "invalid")["errors"]
    assert (error["parameter"], error["detail"]) == ("width", "A whole number from 360 to 1600.")


async def test_a_query_that_is_not_known_is_refused_by_name(case: Case):
    assert refused(await case.client.get(at(case, colour="blue")), 422)["errors"][0]["parameter"] == "colour"
    assert refused(await case.client.get(at(case, theme="sepia")), 422)["errors"][0]["parameter"] == "theme"


@pytest.mark.parametrize("ending", ["", ".svg", ".png", ".vl.json"])
async def test_nobody_else_sees_it(case: Case, house: House, found: Found, ending: str):
    another = await found()
    for who in (await house.as_("therapist", house.id), await another.as_("integration")):
        refused(await who.get(at(case, ending)), 404, "not-found")
    refused(await (await house.as_("admin")).get(at(case, ending)), 403)
    without = await house.as_("integration", scope="relationships.read sessions.read")
    assert refused(await without.get(at(case, ending)), 403, "insufficient-scope")["scope"] == "alliance-ratings.read"


async def test_an_ending_that_is_not_there_is_not_found(case: Case):
    refused(await case.therapist.get(at(case, ".jpeg")), 404)


async def test_what_is_known_already_is_not_drawn_again(case: Case):
    (session,) = await sat(case, 1)
    first = await case.therapist.get(at(case, ".svg"))
    known = {"If-None-Match": first.headers["etag"]}
    again = await case.therapist.get(at(case, ".svg"), headers=known)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (await case.therapist.get(at(case, ".png"), headers=known)).status_code == 200
    await rated(case.client, session, 4.4, shared_with_therapist=True)
    assert (await case.therapist.get(at(case, ".svg"), headers=known)).status_code == 200


async def test_a_strange_name_of_an_instrument_harms_no_picture(case: Case):
    (session,) = await sat(case, 1)
    form = {"code": "own", "edition": "1", "title": '</desc><script>"&\x0b' + "long " * 20, "kind": "alliance",
            "items": [1], "low": 0, "high": 1000, "rights": "own"}  # fmt: skip
    made(await case.script.post("/v1/instruments", json=form))
    await rated(case.client, session, 400, instrument="own", shared_with_therapist=True)
    svg = await case.therapist.get(at(case, ".svg", width=360))
    assert "<script" not in svg.text
    assert abs(float(ET.fromstring(svg.content).get("width", "0")) - 360) <= 1
    assert "own" in json.dumps(ok(await case.therapist.get(at(case)))["panels"])
