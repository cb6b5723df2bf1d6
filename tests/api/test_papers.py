"""The letter and the report over HTTP: who may have them, in which form, and what is never in them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from infra.pictures import Kind, Pictures, Undrawn
from tests.conftest import Case, House, ok, refused
from tests.endings import AGREED, IMPOSED, OWED, at, do, text_of

SECRET = {
    "note": "For colleagues only.", "exception": "She threatened to sue.", "own": "I never told you how afraid I was.",
}  # fmt: skip
SHARED = "I came in hiding. I leave saying what I need."
FORMS = {"": "application/json", ".html": "text/html; charset=utf-8", ".pdf": "application/pdf"}


async def ended(case: Case) -> dict[str, Any]:
    """An ending that was imposed, with something in every place that is private."""
    plan = await case.plan()
    await do(case, plan, "review-readiness", note=SECRET["note"], therapist_ready="no", feelings={"pride": 4})
    await do(case, plan, "review-readiness", by="client", feelings={"loss": 3}, note="I will miss this.")
    await do(case, plan, "plan-ending", **IMPOSED, **{n: v for n, v in OWED.items() if n != "counselling_offered"})
    await do(case, plan, "reflect", by="client", words=SECRET["own"])
    await do(case, plan, "reflect", by="client", words=SHARED, shared=True)
    await case.rupture(summary="The fee.")
    ok(await case.therapist.post(f"/v1/relationships/{case.relationship_id}/screen-risk", json={"risk": "moderate"}))
    exception = {"code": "client_declined", "detail": SECRET["exception"]}
    await do(case, plan, "end", acknowledge_open_ruptures=True, exception=exception)
    return plan


async def test_a_client_fetches_their_letter_to_read_to_print_and_to_keep(case: Case):
    plan = await ended(case)
    for ending, media in FORMS.items():
        for who in (case.client, case.therapist, case.supervisor, case.script):
            response = await who.get(at(plan, f"letter{ending}"))
            assert (response.status_code, response.headers["content-type"]) == (200, media)
            assert response.headers["cache-control"] == "no-store"
            told = text_of(response)
            assert SHARED in told and "Dr Rivera" in told and "This was not your decision." in told
            assert "you named loss" in told and "I will miss this." in told


async def test_nothing_that_is_not_the_clients_to_see_is_in_it_for_whoever_fetches_it(case: Case):
    plan = await ended(case)
    for ending in FORMS:
        for who in (case.client, case.therapist, case.supervisor):
            told = text_of(await who.get(at(plan, f"letter{ending}"))).lower()
            for secret in (*SECRET.values(), "moderate", "therapist_leaving", "the fee", "exception", "withdrawal"):
                assert secret.lower() not in told, (ending, secret)


async def test_the_report_says_what_was_owed_and_under_which_exception_it_was_not_given(case: Case):
    plan = await ended(case)
    told = ok(await case.supervisor.get(at(plan, "report")))
    status = {line["duty"]: line["status"] for line in told["duties"]}
    assert status == {"reasons": "met", "notice": "met", "counselling": "excepted", "alternatives": "met",
                      "risk_screen": "met", "ruptures_faced": "met"}  # fmt: skip
    assert told["exception"] | {"recorded_on": ""} == {
        "code": "client_declined", "detail": SECRET["exception"], "recorded_by": "therapist",
        "recorded_by_id": case.therapist_id, "recorded_on": "",
    }  # fmt: skip
    assert (told["ended_unrepaired"], told["open_ruptures_acknowledged"], told["risk"]) == (1, True, "moderate")
    assert [s["risk"] for s in told["screenings"]] == ["moderate"]
    assert [step["name"] for step in told["history"]][-1] == "Dr Rivera" and told["history_complete"] is True
    for ending in FORMS:
        read = text_of(await case.therapist.get(at(plan, f"report{ending}")))
        assert SECRET["exception"] in read
        for secret in (SECRET["note"], SECRET["own"], SHARED, "I will miss this.", "The fee."):
            assert secret not in read


async def test_the_report_shows_each_consent_and_of_two_guardians_whose_word_is_awaited(case: Case):
    plan = await case.plan()
    holders = [{"name": "The mother", "consented_on": "2026-10-02"}, {"name": "The father"}]
    consent = {"text_version": "4", "given_on": "2026-10-02", "given_by": "guardian", "holders": holders}
    await do(case, plan, "renew-consent", consent=consent)
    told = ok(await case.supervisor.get(at(plan, "report")))
    assert (told["consent"]["holders"], told["consent"]["awaited"]) == (["2026-10-02", None], 1)
    assert [c["text_version"] for c in told["earlier_consents"]] == ["3"]
    for ending in FORMS:
        read = text_of(await case.supervisor.get(at(plan, f"report{ending}")))
        assert "mother" not in read and "father" not in read
        assert ending == "" or "Text 3, 1 September 2026, by the client" in read
        assert ending == "" or "by a guardian. 1 of 2 guardians have consented. 2 October 2026, awaited" in read


async def test_a_report_is_for_staff_and_a_letter_for_nobody_who_does_not_see_the_plan(case: Case, house: House):
    plan, other = await ended(case), await house.case()
    admin = await house.as_("admin")
    for ending in FORMS:
        refused(await case.client.get(at(plan, f"report{ending}")), 403, "role-may-not")
        for who in (other.client, other.therapist):
            refused(await who.get(at(plan, f"letter{ending}")), 404)
        refused(await other.therapist.get(at(plan, f"report{ending}")), 404)
        for paper in ("letter", "report"):
            refused(await admin.get(at(plan, f"{paper}{ending}")), 403)
    narrow = await house.as_("integration", None, "termination-plans.read relationships.read")
    assert refused(await narrow.get(at(plan, "letter")), 403)["scope"] == "sessions.read"
    assert refused(await narrow.get(at(plan, "report")), 403)["scope"] == "ruptures.read"


async def test_what_is_accepted_decides_where_the_address_does_not(case: Case):
    plan = await case.plan()
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    for accept, media in {browser: FORMS[".html"], "application/pdf": FORMS[".pdf"], "*/*": FORMS[""]}.items():
        response = await case.client.get(at(plan, "letter"), headers={"Accept": accept})
        assert (response.status_code, response.headers["content-type"]) == (200, media)
    problem = refused(await case.client.get(at(plan, "letter"), headers={"Accept": "image/png"}), 406)
    assert "application/pdf" in problem["detail"]


async def test_a_letter_that_has_not_changed_is_not_sent_again(case: Case):
    plan = await case.plan()
    first = await case.client.get(at(plan, "letter.pdf"))
    again = await case.client.get(at(plan, "letter.pdf"), headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (await case.client.get(at(plan, "letter.pdf"))).content == first.content
    await do(case, plan, "reflect", by="client", words=SHARED, shared=True)
    anew = await case.client.get(at(plan, "letter.pdf"), headers={"If-None-Match": first.headers["etag"]})
    assert anew.status_code == 200 and SHARED in text_of(anew)


async def test_no_letter_is_written_to_somebody_who_has_died_and_a_report_is(case: Case):
    plan = await case.plan()
    await do(case, plan, "client-died")
    refused(await case.therapist.get(at(plan, "letter")), 404)
    assert ok(await case.therapist.get(at(plan, "report")))["kind"] == "client_deceased"


async def test_words_are_text_on_a_page_whatever_they_look_like(case: Case):
    plan, words = await case.plan(), '<script>alert(1)</script> & "me" <b>\'</b>'
    await do(case, plan, "reflect", by="client", words=words, shared=True)
    page = await case.client.get(at(plan, "letter.html"))
    assert "<script" not in page.text and "&lt;script&gt;alert(1)&lt;/script&gt; &amp;" in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert words in text_of(await case.client.get(at(plan, "letter.pdf")))


GREETINGS = (
    "Díky, žluťoučký koníčku",
    "Ευχαριστώ πολύ",
    "Спасибо за всё",
    "תודה רבה",
    "مرحبا بك يا صديقي",
    "Շնորհակալություն",
)


async def test_words_in_other_letters_are_printed_in_them(case: Case):
    plan = await case.plan()
    for words in GREETINGS:
        await do(case, plan, "reflect", by="client", words=words, shared=True)
    read = text_of(await case.client.get(at(plan, "letter.pdf")))
    assert all(words in read for words in GREETINGS)
    assert "in none of the fonts" not in read


async def test_a_letter_that_no_font_holds_is_marked_and_the_page_says_so(case: Case):
    plan = await case.plan()
    await do(case, plan, "reflect", by="client", words="謝謝 for all of it", shared=True)
    read = text_of(await case.client.get(at(plan, "letter.pdf")))
    assert "\ufffd\ufffd for all of it" in read and "in none of the fonts" in read
    assert "謝謝" in (await case.client.get(at(plan, "letter.html"))).text


async def test_a_long_page_goes_on_on_the_next_and_loses_nothing(case: Case):
    plan = await case.plan()
    said = [f"Line {number} {'of many words ' * 60}" for number in range(30)]
    for words in said:
        await do(case, plan, "reflect", by="client", words=words, shared=True)
    read = text_of(await case.client.get(at(plan, "letter.pdf")))
    assert all(f"Line {number} of" in read for number in range(30))
    wide = {"note": "x" * 280, "shared_with_client": True}
    await do(case, plan, "review-readiness", **wide)
    assert (await case.client.get(at(plan, "letter.pdf"))).status_code == 200


async def test_a_font_that_can_not_be_read_fails_the_print_and_not_the_next_one(tmp_path: Path):
    broken, pictures = tmp_path / "broken.ttf", Pictures()
    await asyncio.to_thread(broken.write_bytes, b"no font")
    page = b'{"title":"T","subtitle":"S","blocks":[],"footer":"F","serif":true,"day":"2026-03-02","fonts":%s}'
    with pytest.raises(Undrawn):
        await pictures.draw(page % f'["{broken}"]'.encode(), Kind.PDF)
    assert (await pictures.draw(page % b"[]", Kind.PDF)).startswith(b"%PDF")
    await pictures.close()


# -- feelings and rituals ----------------------------------------------------------------------------------------------


async def test_feelings_are_read_as_they_went(case: Case):
    plan = await case.plan()
    for day, loss in (("2026-10-01", 4), ("2026-11-01", 1)):
        await do(case, plan, "review-readiness", by="client", reviewed_on=day, feelings={"loss": loss})
    await do(case, plan, "review-readiness", reviewed_on="2026-10-20", feelings={"loss": 2})
    for who in (case.client, case.therapist):
        told = ok(await who.get(at(plan, "feelings")))
        assert [(c["feeling"], c["recorded_by"], [p["value"] for p in c["points"]]) for c in told["courses"]] == [
            ("loss", "client", [4, 1]), ("loss", "therapist", [2])
        ]  # fmt: skip
    refused(await (await case.house.as_("admin")).get(at(plan, "feelings")), 403)


async def test_rituals_are_there_to_choose_from(case: Case):
    everything = ok(await case.client.get("/v1/rituals"))["items"]
    by_phone = ok(await case.therapist.get("/v1/rituals?modality=phone&age=adult"))["items"]
    assert 3 <= len(by_phone) < len(everything)
    problem = refused(await case.client.get("/v1/rituals?modality=telepathy"), 422)
    assert problem["errors"][0]["parameter"] == "modality" and "in_person" in problem["errors"][0]["detail"]
    plan = await case.plan()
    await do(case, plan, "plan-ending", **AGREED)
    code = by_phone[0]["code"]
    done = await do(case, plan, "complete-task", task="farewell_ritual", ritual_code=code)
    assert done["closure"][0]["ritual_code"] == code
    made_up = {"task": "farewell_ritual", "ritual_code": "handshake"}
    refused(await case.therapist.post(at(plan, "complete-task"), json=made_up), 422)
