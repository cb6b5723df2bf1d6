"""Endings over HTTP: planned, sudden, transferred, and begun again."""

from tests.conftest import Case, made, ok, refused
from tests.endings import AGREED, OWED, ahead, at, do, on_the_page, phase, screened, spelled


async def test_a_therapy_is_brought_to_a_good_end(case: Case):
    plan = await case.plan()
    assert plan["phase"] == "introduced"
    await do(case, plan, "begin-review")
    feelings = {"loss": 4, "pride": 3}
    felt = await do(case, plan, "review-readiness", by="client", feelings=feelings, client_ready="unsure", note="Sad.")
    assert felt["advisories"] == [], "who feels it knows"
    heard = await do(case, plan, "review-readiness", feelings=feelings)
    assert [a["code"] for a in heard["advisories"]] == ["ending_as_rupture"]
    assert felt["reviews"][0]["shared_with_client"] is True
    await do(case, plan, "plan-ending", **AGREED)
    assert await phase(case) == "in_transition"
    await do(case, plan, "begin-closing")
    await do(case, plan, "complete-task", task="farewell_ritual", ritual="A letter, read aloud.")
    await screened(case, "low")
    ended = await do(case, plan, "end", timing="as_planned")
    assert (ended["phase"], ended["nhs_code"], ended["advisories"]) == ("ended", 46, [])
    assert await phase(case) == "ended"
    after = await do(case, plan, "open-aftercare", return_route="Call us; no referral needed.", boosters=["2027-03-01"])
    assert after["phase"] == "aftercare"
    assert (await do(case, plan, "archive"))["phase"] == "archived"


async def test_a_client_can_leave_before_anybody_made_a_plan_and_needs_no_body(case: Case):
    rupture = await case.rupture()
    gone = made(
        await case.client.post("/v1/termination-plans/client-ends", json={"relationship_id": case.relationship_id})
    )
    assert (gone["phase"], gone["kind"]) == ("ended", "client_initiated")
    assert await phase(case) == "ended"
    assert ok(await case.therapist.get(f"/v1/ruptures/{rupture['id']}"))["phase"] == "ended_unrepaired"


async def test_a_client_can_leave_with_no_body_at_all_whatever_is_open(case: Case):
    plan = await case.plan()
    await case.rupture()
    ok(await case.therapist.post(f"/v1/relationships/{case.relationship_id}/screen-risk", json={"risk": "high"}))
    response = await case.client.post(f"/v1/termination-plans/{plan['id']}/client-ends")
    assert ok(response)["phase"] == "ended"


async def test_open_high_risk_is_handed_over_or_stays(case: Case):
    plan = await case.plan()
    await do(case, plan, "plan-ending", **AGREED)
    ok(await case.supervisor.post(f"/v1/relationships/{case.relationship_id}/screen-risk", json={"risk": "high"}))
    url = f"/v1/termination-plans/{plan['id']}/end"
    problem = refused(await case.therapist.post(url, json={}), 422)
    assert problem["errors"][0]["pointer"] == "#/exception"
    handover = {"code": "emergency_handover", "detail": "Admitted this morning."}
    assert ok(await case.therapist.post(url, json={"exception": handover}))["phase"] == "ended"


async def test_an_open_rupture_is_faced_and_never_blocks(case: Case):
    plan = await case.plan()
    await do(case, plan, "plan-ending", **AGREED)
    rupture = await case.rupture()
    url = f"/v1/termination-plans/{plan['id']}/end"
    problem = refused(await case.therapist.post(url, json={}), 422)
    assert [e["pointer"] for e in problem["errors"]] == ["#/acknowledge_open_ruptures"]
    ended = ok(await case.therapist.post(url, json={"acknowledge_open_ruptures": True}))
    assert "ends_with_open_rupture" in [a["code"] for a in ended["advisories"]]
    assert ok(await case.therapist.get(f"/v1/ruptures/{rupture['id']}"))["phase"] == "ended_unrepaired"


async def test_a_silent_client_is_reached_for_and_never_discharged_by_a_clock(case: Case):
    plan = await case.plan()
    silent = await do(case, plan, "suspect-lapse", by="script")
    assert [a["code"] for a in silent["advisories"]] == ["no_contact_policy_missing", "risk_check_first"]
    url = f"/v1/termination-plans/{plan['id']}"
    refused(await case.script.post(f"{url}/lapse"), 403, "role-may-not")
    for channel in ("phone", "phone"):
        await do(case, plan, "record-outreach", channel=channel)
    problem = refused(await case.therapist.post(f"{url}/lapse"), 422, "incomplete")
    assert len(problem["errors"]) == 3
    await do(case, plan, "record-outreach", channel="letter")
    (unsaid,) = refused(await case.therapist.post(f"{url}/lapse"), 422, "incomplete")["errors"]
    assert "way back" in unsaid["detail"], "a letter that nobody says offered one is none that did"
    await do(case, plan, "record-outreach", channel="letter", offered_return=True)
    assert (await do(case, plan, "lapse"))["kind"] == "lapsed_no_contact"


async def test_the_practices_own_ladder_counts(case: Case):
    ladder = {"kind": "no_contact", "title": "No contact", "outreach_attempts": 1, "outreach_channels": 1}
    made(await case.script.post("/v1/policies", json=ladder))
    plan = await case.plan()
    ok(await case.therapist.post(f"/v1/relationships/{case.relationship_id}/screen-risk", json={"risk": "low"}))
    assert (await do(case, plan, "suspect-lapse"))["advisories"] == []
    await do(case, plan, "record-outreach", channel="email", offered_return=True)
    assert (await do(case, plan, "lapse"))["phase"] == "ended"


async def test_who_comes_back_comes_back_without_shame(case: Case):
    plan = await case.plan()
    await do(case, plan, "suspect-lapse")
    assert (await do(case, plan, "client-returned", by="script"))["phase"] == "reviewing"
    assert await phase(case) == "active"


async def test_a_client_says_in_their_own_app_that_they_are_back(case: Case):
    plan = await case.plan()
    silent = await do(case, plan, "suspect-lapse")
    assert silent["silent_since"] == ahead(0)
    assert "client_returned" in ok(await case.client.get(at(plan)))["open_moves"]
    back = await do(case, plan, "client-returned", by="client")
    assert (back["phase"], back["returned_on"], await phase(case)) == ("reviewing", ahead(0), "active")


async def test_a_client_agrees_themselves_and_until_then_the_report_says_who_said_it_for_them(case: Case):
    plan, others = await case.plan(), "The therapist recorded that the client agrees"
    await do(case, plan, "plan-ending", **AGREED)
    assert others in on_the_page(await case.supervisor.get(at(plan, "report.html")))
    refused(await case.therapist.post(at(plan, "agree-to-ending")), 403, "role-may-not")
    said = await do(case, plan, "agree-to-ending", by="client")
    assert (said["phase"], said["agreed_by_client"], said["client_agreed_on"]) == ("planned", True, ahead(0))
    page = on_the_page(await case.supervisor.get(at(plan, "report.html")))
    assert others not in page and "The client said so themselves." in page
    ok(await case.therapist.patch(at(plan), json={"target_date": ahead(60)}, headers={"If-Match": "*"}))
    assert others in on_the_page(await case.supervisor.get(at(plan, "report.html"))), "they agreed to another day"


async def test_what_staff_think_of_an_ending_is_not_told_to_the_clients_own_token(case: Case):
    plan = await case.plan()
    said = {"kind": "therapist_initiated", "target_date": ahead(0), **OWED, "reasons": ["safety_threat", "schedule"],
            "premature": "yes", "premature_definition": "clinician_judgement"}  # fmt: skip
    await do(case, plan, "plan-ending", **said)
    await screened(case, "low")
    await do(case, plan, "end", client_asked=False)
    for where in (at(plan), at(plan, "history"), "/v1/termination-plans", "/v1/termination-plans?changed_after=0"):
        theirs, staff = [(await who.get(where)).text for who in (case.client, case.therapist)]
        for word in ("premature", "clinician_judgement", "safety_threat"):
            assert word not in theirs and word in staff, where
        assert "schedule" in theirs


async def test_an_exception_that_says_nothing_is_none_and_what_it_does_not_excuse_is_on_record(case: Case):
    plan = await case.plan()
    await do(case, plan, "plan-ending", kind="therapist_initiated", target_date=ahead(0))
    url = at(plan, "end")
    nothing = {"exception": {"code": "other", "detail": "-"}}
    problem = refused(await case.therapist.post(url, json=nothing), 422, "incomplete")
    assert [e["pointer"] for e in problem["errors"]] == ["#/exception/detail"]
    ended = await do(case, plan, "end", exception={"code": "client_declined", "detail": "They wanted to go at once."})
    (less,) = [a for a in ended["advisories"] if a["code"] == "exception_excuses_less"]
    assert "reasons, notice_given_on, risk_screen" in less["detail"] and "APA" in less["source"]
    report = ok(await case.supervisor.get(at(plan, "report")))
    assert "Not given, and the exception does not excuse it: reasons, notice, risk screen." in report["in_short"]
    page = on_the_page(await case.supervisor.get(at(plan, "report.html")))
    assert "Not given; the exception does not excuse it." in page


async def test_an_acceptance_is_dated_and_the_report_says_what_was_not_handed_over(case: Case):
    plan = await case.plan()
    await screened(case, "high")
    await do(case, plan, "begin-transfer", receiver={"name": "Riverside Clinic"})
    sign = "Letter of the clinic"
    accepted = await do(case, plan, "transfer-accepted", accepted_on=ahead(-3), reference=sign)
    assert (accepted["ended_on"], accepted["referrals"][0]["reference"]) == (ahead(-3), sign)
    assert sign not in (await case.script.get("/v1/events?limit=500")).text
    report = ok(await case.supervisor.get(at(plan, "report")))
    assert report["transfer"]["accepted_on"] == ahead(-3)
    assert "not this of the handover" in report["in_short"][1] and "risk told (risk was open)" in report["in_short"][1]
    page = on_the_page(await case.supervisor.get(at(plan, "report.html")))
    assert f"accepted {spelled(ahead(-3))}" in page


async def test_who_left_at_high_risk_is_reached_for_and_the_report_tells_of_it(case: Case):
    plan = await case.plan()
    await screened(case, "high")
    left = await do(case, plan, "client-ends", by="script")
    assert [a["code"] for a in left["advisories"]] == ["risk_when_leaving"]
    said = "Risk was high when the client left; what was done about it:"
    report = at(plan, "report.html")
    assert f"{said} nothing on record." in on_the_page(await case.supervisor.get(report))
    tried = await do(case, plan, "record-outreach", channel="contact_person")
    assert [a["code"] for a in tried["advisories"]] == ["contact_person"]
    await screened(case, "low")
    page = on_the_page(await case.supervisor.get(report))
    today = spelled(ahead(0))
    assert f"{said} reached for by contact person on {today}; screened again on {today}: low." in page


async def test_a_death_that_is_learnt_of_late_is_put_on_record_and_nothing_is_taken_up_again(case: Case):
    plan = await case.plan()
    await do(case, plan, "client-ends", by="client")
    await do(case, plan, "archive")
    dead = await do(case, plan, "client-died", died_on=ahead(-1))
    assert (dead["phase"], dead["kind"], dead["died_on"]) == ("ended", "client_initiated", ahead(-1))
    for move, said in (("reopen", {}), ("open-aftercare", {"return_route": "Call us."}),
                       ("plan-ahead", {"relapse_signature": ["I hide."]})):  # fmt: skip
        problem = refused(await case.therapist.post(at(plan, move), json=said), 422, "refused")
        assert "begin a new relationship" in problem["detail"]


async def test_a_therapist_who_does_not_treat_this_client_is_refused_by_name(case: Case):
    plan = await case.plan()
    okafor = made(await case.script.post("/v1/therapists", json={"display_name": "Dr Okafor"}))["id"]
    said = {"therapist_id": okafor, "successor_therapist_id": case.therapist_id}
    problem = refused(await case.supervisor.post(at(plan, "therapist-unavailable"), json=said), 422)
    assert problem["errors"][0]["pointer"] == "#/therapist_id"


async def test_a_transfer_ends_only_when_it_is_accepted(case: Case):
    plan = await case.plan()
    url = f"/v1/termination-plans/{plan['id']}"
    refused(await case.therapist.post(f"{url}/begin-transfer", json={"receiver": {}}), 422)
    await do(case, plan, "begin-transfer", receiver={"name": "Riverside Clinic"})
    assert await phase(case) == "in_transition"
    assert (await do(case, plan, "transfer-declined"))["phase"] == "reviewing"
    assert await phase(case) == "active"
    await do(case, plan, "begin-transfer", receiver={"name": "Hillside Clinic"})
    assert (await do(case, plan, "transfer-accepted", by="script"))["kind"] == "transfer"
    assert await phase(case) == "ended"


async def test_a_referral_says_when_it_was_sent_and_that_the_client_agreed_to_be_contacted(case: Case):
    plan, receiver = await case.plan(), {"name": "Riverside Clinic"}
    url = f"/v1/termination-plans/{plan['id']}/begin-transfer"
    early = {"receiver": receiver, "sent_on": "2199-01-01"}
    assert refused(await case.therapist.post(url, json=early), 422)["errors"][0]["pointer"] == "#/sent_on"
    asked = await do(case, plan, "begin-transfer", receiver=receiver, sent_on="2026-11-02", contact_agreed=True)
    (referral,) = asked["referrals"]
    assert (referral["sent_on"], referral["contact_agreed"], referral["answer"]) == ("2026-11-02", True, "awaited")
    again = await do(case, plan, "begin-transfer", receiver={"name": "Hillside House"})
    assert [(r["sent_on"], r["contact_agreed"], r["answer"]) for r in again["referrals"]] == [
        ("2026-11-02", True, "withdrawn"), (None, None, "awaited")
    ]  # fmt: skip


async def test_what_is_handed_over_is_kept_and_what_is_not_is_named_when_the_receiver_accepts(case: Case):
    plan = await case.plan()
    ok(await case.therapist.post(f"/v1/relationships/{case.relationship_id}/screen-risk", json={"risk": "moderate"}))
    url = f"/v1/termination-plans/{plan['id']}/record-handover"
    refused(await case.therapist.post(url, json={"task": "summary_sent"}), 409, "move-not-open")
    await do(case, plan, "begin-transfer", receiver={"name": "Riverside Clinic"})
    refused(await case.client.post(url, json={"task": "summary_sent"}), 403, "role-may-not")
    wrong = {"task": "summary_sent", "appointment_on": "2026-12-01"}
    assert refused(await case.therapist.post(url, json=wrong), 422)["errors"][0]["pointer"] == "#/task"
    await do(case, plan, "record-handover", by="script", task="summary_sent", done_on="2026-11-03")
    await do(case, plan, "record-handover", task="first_appointment", appointment_on="2199-12-01")
    accepted = await do(case, plan, "transfer-accepted")
    assert [(h["task"], h["by"]) for h in accepted["handover"]] == [
        ("summary_sent", "integration"), ("first_appointment", "therapist")
    ]  # fmt: skip
    advice = {a["code"]: a["detail"] for a in accepted["advisories"]}
    assert set(advice) == {"risk_not_told", "handover_incomplete"}
    assert "release_consented, risk_told, goodbye_held" in advice["handover_incomplete"]
    told = await do(case, plan, "record-handover", by="supervisor", task="risk_told")
    assert told["phase"] == "ended", "what was forgotten can still be seen to"


async def test_consent_is_renewed_and_what_was_said_yes_to_before_can_still_be_read(case: Case):
    admin = await case.house.as_("admin")
    text = {"kind": "informed_consent", "title": "Consent", "edition": "1", "wording": "It ends when we both say so."}
    policy = made(await admin.post("/v1/policies", json=text))
    where, consent = f"/v1/policies/{policy['id']}", {"policy_id": policy["id"], "given_on": "2026-09-01"}
    body = {"relationship_id": case.relationship_id, "consent": {**consent, "text_version": "1"}}
    plan = made(await case.therapist.post("/v1/termination-plans", json=body))
    silently = {"wording": "It ends when I say so."}
    problem = refused(await admin.patch(where, json=silently, headers={"If-Match": "*"}), 422)
    assert problem["errors"][0]["pointer"] == "#/edition"
    newer = {"edition": "2", "wording": "You may end it at any time."}
    ok(await admin.patch(where, json=newer, headers={"If-Match": "*"}))
    old = await do(case, plan, "renew-consent", by="client", consent={**consent, "text_version": "1"})
    assert [a["code"] for a in old["advisories"]] == ["consent_text_outdated"]
    renewed = await do(case, plan, "renew-consent", by="client", consent={**consent, "text_version": "2"})
    assert (renewed["consent"]["text_version"], renewed["advisories"]) == ("2", [])
    assert [c["text_version"] for c in renewed["earlier_consents"]] == ["1", "1"]
    for who in (case.client, case.therapist):
        history = ok(await who.get(f"{where}/history"))["items"]
        assert [item["texts"]["wording"] for item in history] == [text["wording"], newer["wording"]]


async def test_where_a_guardian_holds_consent_a_client_does_not_give_it_for_them(case: Case):
    plan = await case.plan()
    guardian = {"text_version": "3", "given_on": "2026-10-01", "given_by": "guardian"}
    url = f"/v1/termination-plans/{plan['id']}/renew-consent"
    problem = refused(await case.therapist.post(url, json={"consent": guardian}), 422, "incomplete")
    assert problem["errors"][0]["pointer"] == "#/consent/holders"
    await do(case, plan, "renew-consent", consent={**guardian, "holder": "The one in file 12"})
    problem = refused(await case.client.post(url, json={"consent": {**guardian, "given_by": "self"}}), 422)
    assert problem["errors"][0]["pointer"] == "#/consent/given_by"


async def test_the_professional_will_names_who_takes_over(case: Case):
    body = {"relationship_id": case.relationship_id, "therapist_id": case.therapist_id}
    url = "/v1/termination-plans/therapist-unavailable"
    refused(await case.supervisor.post(url, json=body), 422, "incomplete")
    successor = made(await case.script.post("/v1/therapists", json={}))["id"]
    will = {"kind": "professional_will", "title": "Who takes over", "successor_therapist_id": successor}
    made(await case.script.post("/v1/policies", json=will))
    plan = made(await case.supervisor.post(url, json=body))
    assert (plan["phase"], plan["receiver"]["therapist_id"]) == ("transferring", successor)


async def test_who_is_to_take_over_from_a_therapist_who_fell_ill_sees_the_work_and_says_yes_themselves(case: Case):
    successor = made(await case.script.post("/v1/therapists", json={"display_name": "Dr Okafor"}))["id"]
    okafor = await case.house.as_("therapist", successor)
    rupture = await case.rupture()
    refused(await okafor.get(f"/v1/ruptures/{rupture['id']}"), 404)
    body = {"relationship_id": case.relationship_id, "therapist_id": case.therapist_id}
    url = "/v1/termination-plans/therapist-unavailable"
    plan = made(await case.supervisor.post(url, json={**body, "successor_therapist_id": successor}))
    ok(await okafor.get(f"/v1/ruptures/{rupture['id']}"))
    one = f"/v1/termination-plans/{plan['id']}"
    assert "transfer_accepted" in ok(await okafor.get(one))["open_moves"]
    assert ok(await okafor.post(f"{one}/transfer-accepted"))["phase"] == "ended"
    place = ok(await okafor.get(f"/v1/relationships/{case.relationship_id}"))
    assert (place["phase"], place["therapist_ids"]) == ("ended", [case.therapist_id, successor])
    told = ok(await case.client.get(f"/v1/relationships/{case.relationship_id}/timeline"))["items"]
    assert [e["type"] for e in told].count("relationship.successor_added") == 1
    letter = ok(await case.client.get(f"{one}/letter"))
    assert letter["signed_by"] == [] and "Dr Okafor is there for you" in str(letter["sections"])


async def test_a_colleague_who_was_asked_sees_the_work_when_the_transfer_is_accepted_and_not_before(case: Case):
    colleague = made(await case.script.post("/v1/therapists", json={"display_name": "Dr Okafor"}))["id"]
    okafor, plan = await case.house.as_("therapist", colleague), await case.plan()
    await do(case, plan, "begin-transfer", receiver={"therapist_id": colleague})
    refused(await okafor.get(f"/v1/termination-plans/{plan['id']}"), 404)
    await do(case, plan, "transfer-accepted")
    assert ok(await okafor.get(f"/v1/termination-plans/{plan['id']}"))["phase"] == "ended"
    assert ok(await case.client.get(f"/v1/termination-plans/{plan['id']}/letter"))["signed_by"] == ["Dr Rivera"]


async def test_when_a_client_dies_nothing_more_is_planned(case: Case):
    plan = await case.plan()
    await do(case, plan, "plan-ending", **AGREED)
    gone = await do(case, plan, "client-died", by="script", died_on="2026-11-20")
    assert (gone["phase"], gone["target_date"], gone["nhs_code"]) == ("ended", None, 49)


async def test_an_ended_therapy_can_be_taken_up_again_with_what_was_left_open(case: Case):
    rupture = await case.rupture()
    plan = made(
        await case.client.post("/v1/termination-plans/client-ends", json={"relationship_id": case.relationship_id})
    )
    assert (await do(case, plan, "reopen"))["phase"] == "reviewing"
    assert await phase(case) == "active"
    assert ok(await case.therapist.get(f"/v1/ruptures/{rupture['id']}"))["phase"] == "unrepaired"


async def test_a_relationship_has_one_plan(case: Case):
    await case.plan()
    consent = {"text_version": "3", "given_on": "2026-09-01"}
    body = {"relationship_id": case.relationship_id, "consent": consent}
    refused(await case.therapist.post("/v1/termination-plans", json=body), 409, "taken")


async def test_an_admin_may_record_a_death_and_sees_nothing_clinical(case: Case):
    admin = await case.house.as_("admin")
    body = {"relationship_id": case.relationship_id}
    shown = made(await admin.post("/v1/termination-plans/client-died", json=body))
    assert set(shown) == {"id", "phase", "version", "open_moves", "created_at", "updated_at", "advisories"}
