"""How the client is, and how they attach, over HTTP: what is shown to whom, and an item that is never only a number."""

import json
from typing import Any

import httpx
import pytest

from tests.conftest import Case, House, everything, made, ok, refused
from tests.endings import due
from tests.endpoints import endpoint
from tests.receiver import Receiver

SCORES, PROFILES = "/v1/outcome-scores", "/v1/attachment-profiles"
VECTOR = (2, 3, 2, 4, 5, 6, 3, 2, 4)


def filled(*values: float | None) -> list[dict[str, Any]]:
    return [{"item": item, "value": value} for item, value in enumerate(values, 1)]


def phq(ninth: float | None, rest: float = 1) -> list[dict[str, Any]]:
    """A PHQ-9 whose ninth answer is this."""
    return filled(*[rest] * 8, ninth)


async def recorded(who: httpx.AsyncClient, case: Case, **said: Any) -> httpx.Response:
    body = {"relationship_id": case.relationship_id, "instrument": "phq-9", **said}
    return await who.post(SCORES, json=body)


async def corrected(who: httpx.AsyncClient, one: dict[str, Any], **said: Any) -> httpx.Response:
    return await who.patch(f"{SCORES}/{one['id']}", json=said, headers={"If-Match": "*"})


async def profiled(who: httpx.AsyncClient, case: Case, **said: Any) -> httpx.Response:
    body = {"relationship_id": case.relationship_id, "instrument": "ecr-rs", **said}
    return await who.post(PROFILES, json=body)


def places(response: httpx.Response) -> set[str]:
    """The fields that a refusal names."""
    return {fault["pointer"] for fault in refused(response, 422)["errors"]}


def advised(found: dict[str, Any]) -> list[str]:
    return [advisory["code"] for advisory in found["advisories"]]


# -- outcome -----------------------------------------------------------------------------------------------------------


async def test_a_form_about_how_they_are_is_summed_and_belongs_to_its_day(case: Case) -> None:
    session = await case.session()
    found = made(await recorded(case.client, case, answers=phq(0), session_id=session["id"], rated_on="2026-11-02"))
    assert (found["score"], found["completeness"], found["rated_on"]) == (8, "complete", "2026-11-02")
    assert (found["instrument"], found["instrument_version"]) == ("phq-9", "2001")
    for who in (case.client, case.therapist, case.supervisor, case.script):
        assert ok(await who.get(f"{SCORES}/{found['id']}"))["score"] == 8


async def test_a_total_from_elsewhere_is_taken_in_its_range(case: Case) -> None:
    assert made(await recorded(case.therapist, case, total=27))["score"] == 27
    assert places(await recorded(case.therapist, case, total=28)) == {"#/total"}
    assert places(await recorded(case.therapist, case, total=9, answers=phq(1))) == {"#/total"}
    assert places(await recorded(case.therapist, case, instrument="gad-7", total=22)) == {"#/total"}


async def test_a_blank_form_is_not_a_good_score(case: Case) -> None:
    found = made(await recorded(case.client, case, answers=filled(*[None] * 9)))
    assert (found["score"], found["completeness"]) == (None, "incomplete")


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"answers": filled(1, 2)}, {"#/answers"}),
        ({"answers": phq(4)}, {"#/answers/8/value"}),
        ({"answers": phq(0.5)}, {"#/answers/8/value"}),
        ({"answers": phq(1), "rated_on": "2199-01-01"}, {"#/rated_on"}),
        ({"answers": phq(1), "instrument": "wai-sr"}, {"#/instrument"}),
        ({"answers": phq(1), "instrument_version": "2"}, {"#/instrument_version"}),
        ({"answers": phq(1), "score": 9}, {"#/score"}),
    ],
)
async def test_what_does_not_fit_the_form_is_refused_by_name(case: Case, said: dict[str, Any], named: set[str]) -> None:
    assert places(await recorded(case.therapist, case, **said)) == named
    assert await everything(case.therapist, "outcome-scores") == {}


async def test_a_session_of_somebody_else_is_not_the_one_it_was_filled_in_for(house: House, case: Case) -> None:
    other = await house.case()
    theirs = await other.session()
    assert places(await recorded(case.therapist, case, total=9, session_id=theirs["id"])) == {"#/session_id"}


async def test_whoever_sent_it_corrects_it_and_the_history_keeps_what_it_was(case: Case) -> None:
    sent = made(await recorded(case.client, case, answers=phq(0)))
    taken_down = made(await recorded(case.therapist, case, total=9))
    refused(await corrected(case.therapist, sent, answers=phq(2)), 422)
    refused(await corrected(case.client, taken_down, total=3), 422)
    assert ok(await corrected(case.supervisor, taken_down, total=8))["score"] == 8
    assert ok(await corrected(case.client, sent, answers=phq(0, rest=2)))["score"] == 16
    assert places(await corrected(case.client, sent, total=5)) == {"#/total"}
    assert ok(await corrected(case.client, sent, total=5, answers=None))["score"] == 5
    told = ok(await case.therapist.get(f"{SCORES}/{sent['id']}/history"))["items"]
    assert [version["changed"]["score"] for version in told] == [8, 16, 5]


# -- an item that is never only a number --------------------------------------------------------------------------


async def test_whoever_takes_item_nine_down_is_told_to_ask(case: Case) -> None:
    for who in (case.therapist, case.supervisor, case.script):
        found = made(await recorded(who, case, answers=phq(1)))
        (advisory,) = found["advisories"]
        assert (advisory["code"], advisory["source"]) == ("risk_item", "phq-9 2001, item 9")
        assert advisory["detail"] == (
            "Item 9 (thoughts of death or self-harm) was not answered 'not at all'. This is not a diagnosis. "
            "Ask the client today, and record a risk screening."
        )


async def test_of_an_item_whose_meaning_nobody_told_us_no_meaning_is_made_up(case: Case) -> None:
    own = {
        "code": "ward-score", "edition": "1", "title": "Our ward's score", "kind": "outcome", "items": [1, 2],
        "low": 1, "high": 5, "scoring": "sum", "rights": "own", "risk_items": [2],
    }  # fmt: skip
    made(await case.script.post("/v1/instruments", json=own))
    (advisory,) = made(await recorded(case.therapist, case, instrument="ward-score", answers=filled(1, 2)))[
        "advisories"
    ]
    assert advisory["detail"] == (
        "Item 2 was not answered at its lowest. This is not a diagnosis. "
        "Ask the client today, and record a risk screening."
    )


async def test_item_nine_at_nought_advises_nothing_and_left_blank_is_not_nought(case: Case) -> None:
    assert advised(made(await recorded(case.therapist, case, answers=phq(0)))) == []
    assert advised(made(await recorded(case.therapist, case, answers=phq(None)))) == ["risk_item_blank"]


async def test_a_total_alone_does_not_say_how_item_nine_was_answered(case: Case) -> None:
    assert advised(made(await recorded(case.script, case, total=3))) == ["risk_item_not_sent"]
    assert advised(made(await recorded(case.script, case, total=0))) == []
    assert advised(made(await recorded(case.script, case, instrument="gad-7", total=3))) == []


async def test_the_gad_7_has_no_such_item(case: Case) -> None:
    found = made(await recorded(case.therapist, case, instrument="gad-7", answers=filled(*[3] * 7)))
    assert advised(found) == []


async def test_somebody_is_to_look_whoever_sent_it_and_whatever_the_score(case: Case) -> None:
    """By the set of detectors that runs where the practice has chosen none."""
    score = made(await recorded(case.client, case, answers=phq(1, rest=0)))
    (signal,) = (await everything(case.therapist, "signals")).values()
    assert (signal["kind"], signal["phase"], signal["outcome_score_id"]) == ("risk_item", "raised", score["id"])
    ok(await corrected(case.client, score, answers=phq(0, rest=0)))
    (signal,) = (await everything(case.therapist, "signals")).values()
    assert signal["phase"] == "superseded"


async def test_the_client_is_told_of_no_alarm(case: Case) -> None:
    found = made(await recorded(case.client, case, answers=phq(3)))
    assert advised(found) == []
    assert advised(ok(await corrected(case.client, found, answers=phq(2)))) == []
    brought = made(await recorded(case.script, case, answers=phq(3)))
    pair = f"/v1/relationships/{case.relationship_id}"
    addresses = (
        "/v1/events", f"{pair}/timeline", f"{pair}/trajectory", SCORES, f"{SCORES}/{brought['id']}",
        f"{SCORES}/{brought['id']}/history",
    )  # fmt: skip
    for address in addresses:
        text = (await case.client.get(address)).text
        assert "risk_item" not in text, address
        assert '"signal' not in text.replace('"signals":[]', ""), address
    refused(await case.client.get("/v1/signals"), 403)
    assert await due(case.client) == [], "and is reminded of none"


async def test_nothing_of_it_is_in_an_event_a_webhook_a_metric_or_the_log(
    case: Case, receiver: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    await endpoint(case.house, receiver, "outcome_score.*", "signal.*")
    capfd.readouterr()
    score = made(await recorded(case.therapist, case, answers=phq(3, rest=2)))
    places(await recorded(case.therapist, case, answers=phq(4)))
    (signal,) = (await everything(case.therapist, "signals")).values()
    await receiver.until(2)
    for event in receiver.events():
        assert set(event["data"]) == {
            "practice_id", "seq", "resource", "id", "version", "from", "to", "href", "actor", "origin",
        }  # fmt: skip
        assert event["data"]["id"] in (score["id"], signal["id"])
    feed = json.dumps(ok(await case.script.get("/v1/events?limit=500"))["items"])
    metrics = (await case.script.get("/metrics")).text
    for said in ("risk_item", "phq-9", "answers"):
        assert said not in feed
        assert said not in metrics
        assert said not in json.dumps(receiver.events())
    assert "phq" not in "".join(capfd.readouterr())


# -- attachment --------------------------------------------------------------------------------------------------------


async def test_a_profile_has_two_numbers_a_word_and_the_rule_it_was_drawn_by(case: Case) -> None:
    found = made(await profiled(case.therapist, case, targets=[{"target": "partner", "answers": filled(*VECTOR)}]))
    assert (found["avoidance"], found["anxiety"]) == (pytest.approx(16 / 3), pytest.approx(3))
    assert (found["pattern"], found["field_word"], found["rule"]) == ("avoidant", "dismissing", "midpoint_4")


async def test_high_on_both_has_the_founding_texts_word_and_the_fields(case: Case) -> None:
    found = made(await profiled(case.therapist, case, instrument="ecr-r", anxiety_score=6, avoidance_score=6))
    assert (found["pattern"], found["field_word"]) == ("disorganized", "fearful")


async def test_near_the_cut_it_is_indeterminate_and_another_rule_may_say_more(case: Case) -> None:
    near = {"instrument": "ecr-r", "anxiety_score": 4.2, "avoidance_score": 1.5}
    found = made(await profiled(case.therapist, case, **near))
    assert (found["pattern"], found["rule"]) == ("indeterminate", "midpoint_4")
    address = f"{PROFILES}/{found['id']}"
    other = ok(await case.therapist.patch(address, json={"rule": "norm_mean"}, headers={"If-Match": "*"}))
    assert (other["pattern"], other["rule"]) == ("anxious", "norm_mean")


async def test_a_later_profile_stands_beside_the_one_before(case: Case) -> None:
    for day, anxiety in (("2026-02-02", 6), ("2026-09-01", 2)):
        said = {"instrument": "ecr-r", "anxiety_score": anxiety, "avoidance_score": 2, "rated_on": day}
        made(await profiled(case.therapist, case, **said))
    kept = (await everything(case.therapist, "attachment-profiles")).values()
    assert {(p["rated_on"], p["pattern"]) for p in kept} == {("2026-02-02", "anxious"), ("2026-09-01", "secure")}


async def test_a_client_sends_the_answers_and_is_not_handed_a_type(case: Case) -> None:
    answers = {"targets": [{"target": "general", "answers": filled(*VECTOR)}]}
    response = await profiled(case.client, case, **answers)
    found = made(response)
    assert set(found) == {"id", "phase", "version", "open_moves", "created_at", "updated_at"}
    for address in (PROFILES, f"{PROFILES}/{found['id']}", f"{PROFILES}/{found['id']}/history"):
        refused(await case.client.get(address), 403)
    for address in ("/v1/events", f"/v1/relationships/{case.relationship_id}/timeline"):
        assert found["id"] not in (await case.client.get(address)).text
    assert ok(await case.therapist.get(f"{PROFILES}/{found['id']}"))["pattern"] == "avoidant"


async def test_the_fields_words_are_taken_where_a_pattern_is_asked_for(case: Case) -> None:
    for field_word, pattern in {"preoccupied": "anxious", "dismissing": "avoidant", "fearful": "disorganized"}.items():
        said, meant = [
            (await case.therapist.get(f"/v1/guidance?pattern={word}")).json() for word in (field_word, pattern)
        ]
        assert said == meant
        assert said["items"]
    refused(await case.therapist.get("/v1/guidance?pattern=needy"), 422)


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"targets": [{"answers": filled(*VECTOR, 4)}]}, {"#/targets/0/answers/9/item"}),
        ({"targets": [{"answers": filled(*VECTOR[:8], 8)}]}, {"#/targets/0/answers/8/value"}),
        ({"targets": [{"target": "boss", "answers": filled(*VECTOR)}]}, {"#/targets/0/target"}),
        ({"anxiety_score": 3}, {"#/avoidance_score"}),
        ({"anxiety_score": 3, "avoidance_score": 8}, {"#/avoidance_score"}),
        ({"anxiety_score": 3, "avoidance_score": 3, "rule": "norm_mean"}, {"#/rule"}),
        ({"anxiety_score": 3, "avoidance_score": 3, "pattern": "secure"}, {"#/pattern"}),
        ({"anxiety_score": 3, "avoidance_score": 3, "instrument": "phq-9"}, {"#/instrument"}),
    ],
)
async def test_a_profile_that_does_not_fit_is_refused_by_name(
    case: Case, said: dict[str, Any], named: set[str]
) -> None:
    assert places(await profiled(case.therapist, case, **said)) == named
    assert await everything(case.therapist, "attachment-profiles") == {}
