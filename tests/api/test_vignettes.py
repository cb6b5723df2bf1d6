"""Ten endings as they are lived, told over HTTP: each is done as it is done, and read by those who would read it.

The people and what they say are made up.
"""

from typing import Any

from tests.conftest import Case, House, made, ok, refused
from tests.endings import (
    TODAY,
    advice,
    aftermath,
    ago,
    ahead,
    at,
    before_a_plan,
    due,
    kinds_due,
    met,
    phase,
    screened,
    spelled,
    text_of,
    told,
    voices,
)

BLAME = (
    "dropout", "dropped out", "premature", "failed", "failure", "refused", "non-compliant", "resist", "no-show",
    "missed", "silent", "silence", "rupture", "unrepaired", "exception", "policy", "payer", "incapacity", "discharge",
    "terminat", "risk",
)  # fmt: skip
"""What no letter to a client says, whatever happened."""


def kind(letter: str | None) -> str:
    """The letter, if it blames nobody."""
    assert letter is not None
    assert not [word for word in BLAME if word in letter.lower()], letter
    return letter


async def test_1_a_planned_goodbye(case: Case, house: House):
    """The ending was spoken of at the first session, and again on the way. Now both think it is time.

    The client is proud, and sad to go. They name a day four weeks off and count down to it, put early signs on paper,
    read each other a letter, and part on the day they had chosen, with a way back and a booster in spring.
    """
    await met(case, ago(84), ago(77), ago(28), ago(7))
    plan = await case.plan(given_on=ago(84))
    client, therapist, *_ = voices(case, plan)

    await therapist("begin-review")
    await client("review-readiness", client_ready="yes", feelings={"loss": 2, "pride": 4}, note="I can do this now.")
    await therapist("review-readiness", therapist_ready="unsure", note="Is it too soon?")
    await therapist("plan-ending", kind="planned_mutual", target_date=ahead(0), notice_given_on=ago(28),
                    agreed_by_client=True, reasons=["goals_met"], timing="as_planned")  # fmt: skip
    assert await phase(case) == "in_transition"
    assert [r["days_before"] for r in await due(case.client)] == [7], "the end comes as no surprise"
    assert [e["id"] for e in await told(house)] == [plan["id"]]

    await client("begin-closing")
    assert (await client("agree-to-ending"))["client_agreed_on"] == ahead(0), "and says so in their own app"
    await client("reflect", words="I never said how afraid I was of this day.")
    await client("reflect", words="I came in hiding. I leave saying what I need.", shared=True)
    await client("plan-ahead", relapse_signature=["I stop answering my sister."])
    await therapist("complete-task", task="farewell_ritual", ritual_code="letter_read_aloud", shared_with_client=True)
    await screened(case, "none")
    ended = await therapist("end")
    assert (ended["nhs_code"], advice(ended)) == (46, [])
    await therapist("open-aftercare", return_route="Write or call; you need no new referral.", boosters=[ahead(90)])

    after = await aftermath(case, plan)
    letter = kind(after.letter)
    assert f"We began on {spelled(ago(84))} and met four times." in letter
    assert f"We brought our work to an end on {spelled(ahead(0))}, as we had planned." in letter
    assert "you named loss and pride" in letter
    for words in ("I can do this now.", "I came in hiding.", "I stop answering my sister.", "Write or call"):
        assert words in letter
    assert f"We have set this day aside to meet again\n{spelled(ahead(90))}" in letter
    assert "afraid" not in letter and "too soon" not in letter, "what is private stays so"
    assert "I came in hiding." in text_of(await case.client.get(at(plan, "letter.pdf")))
    assert after.report["in_short"][1:] == ["Checked duties are on record."]
    assert after.duties == {"agreement": "met"}
    assert (after.report["notice_days"], after.report["first_mentioned_on"]) == (28, ago(84))
    assert after.report["stays"] == {
        "return_route": True, "early_signs": True, "safety_plan": False, "boosters": [ahead(90)],
    }  # fmt: skip
    assert "reminder_due" in after.timeline and "reminder_due" not in after.own
    assert after.timeline[0] == "introduced" and after.timeline[-2:] == ["ended", "aftercare_opened"]
    assert await kinds_due(case.client, due_before=ahead(90)) == ["booster"]


async def test_2_a_late_cancellation_that_turns_into_leaving(case: Case):
    """Her son was ill, she cancelled late, and was charged. She says in her own app that it felt unfair.

    The therapist explains the policy before asking how it was. For the client it is mended at 2 of 5, and she wants to
    talk more; the therapist would call it repaired, and cannot. She leaves that evening, without giving a reason, and
    nobody stops her. What stood open is kept. The fee is waived and the door is left open.
    """
    charge = {"kind": "late_cancellation", "title": "Late cancellations", "wording": "Cancelled the same day, charged."}
    policy = made(await (await case.house.as_("admin")).post("/v1/policies", json=charge))
    await met(case, ago(28), ago(21))
    cancelled = await met(case, ago(14), status="late_cancelled")
    rupture = await case.rupture(
        by="client", session_id=cancelled["id"], policy_id=policy["id"], client_intensity=4, happened_on=ago(14),
        precipitants=[{"kind": "boundary_or_policy"}], summary="My son was ill, and all we spoke of was the fee.",
    )  # fmt: skip
    assert rupture["phase"] == "confirmed", "that she says so is enough"
    repair = await case.repair(rupture)
    mending = f"/v1/repairs/{repair['id']}"
    offered = ok(await case.therapist.post(f"{mending}/offer-repair", json={"strategies": ["give_rationale"]}))
    assert advice(offered) == ["out_of_advised_order"], "she was not asked how it was"
    ok(await case.client.post(f"{mending}/record-view", json={"resolution": 2, "wants_to_talk_more": True}))
    claim = {"outcome": "repaired", "therapist_resolution": 5}
    refused(await case.therapist.post(f"{mending}/conclude", json=claim), 422)

    plan = await before_a_plan(case, "client-ends", "client")
    assert (plan["phase"], plan["kind"], advice(plan)) == ("ended", "client_initiated", [])
    assert await phase(case) == "ended"
    assert ok(await case.therapist.get(f"/v1/ruptures/{rupture['id']}"))["phase"] == "ended_unrepaired"
    assert ok(await case.therapist.get(mending))["phase"] == "set_aside"
    _, therapist, *_ = voices(case, plan)
    said = {
        "timing": "earlier_than_clinician_planned", "reasons": ["rupture_unrepaired"],
        "premature": "yes", "premature_definition": "clinician_judgement",
    }  # fmt: skip
    coded = ok(await case.therapist.patch(at(plan), json=said, headers={"If-Match": "*"}))
    assert coded["nhs_code"] == 47
    await therapist(
        "open-aftercare", return_route="The fee is waived. If you like, we talk about it whenever you want."
    )

    after = await aftermath(case, plan)
    letter = kind(after.letter)
    assert f"You brought our work to an end on {spelled(ahead(0))}. The choice was always yours." in letter
    assert "The fee is waived." in letter and "My son was ill" not in letter
    assert after.report["in_short"] == [
        f"Kind: client initiated; ended on {spelled(ahead(0))}.", "No duty is checked for an ending of this kind.",
        "Ruptures that ended unrepaired: 1.",
    ]  # fmt: skip
    assert (after.report["ended_by"], after.report["premature"]) == ("client", "yes")
    assert after.report["first_mentioned_on"] is None, "nobody had spoken of it"
    assert "47, earlier than the care professional planned" in after.page
    assert "Yes, by clinician judgement" in after.page and "My son was ill" not in after.page
    assert after.timeline == after.own == ["client_ended", "revised", "aftercare_opened"]
    assert await due(case.therapist, due_before=ahead(365)) == []
    seen = ok(await case.supervisor.get("/v1/practices/me/insights"))
    assert seen["precipitants"] == seen["endings"]["reasons"] == [], "one is nobody's number"


async def test_3_the_therapist_moves_away(case: Case):
    """The therapist moves to another city, and says so six weeks ahead. The client feels left, and says that too.

    It is a rupture, made by the ending, and it can be mended: the therapist does not defend the move, and the client
    feels it at 4 of 5. Two colleagues are suggested. The end is refused until all that is owed has been given.
    """
    await met(case, ago(60), ago(42), ago(7))
    plan = await case.plan(given_on=ago(60))
    client, therapist, *_ = voices(case, plan)
    await therapist("plan-ending", kind="therapist_initiated", target_date=ahead(0), notice_given_on=ago(42),
                    reasons=["therapist_leaving"], timing="earlier_than_client_wanted")  # fmt: skip
    felt = await client("review-readiness", feelings={"abandonment": 4}, client_ready="no", note="You too.")
    assert felt["reviews"][0]["note"] == "You too."
    rupture = await case.rupture(by="client", precipitants=[{"kind": "ending_of_therapy"}], client_intensity=5)
    mending = f"/v1/repairs/{(await case.repair(rupture))['id']}"
    for step in ("recognize", "stay-present", "invite-reflection", "validate-emotions", "offer-repair"):
        assert advice(ok(await case.therapist.post(f"{mending}/{step}", json={}))) == []
    ok(await case.client.post(f"{mending}/record-view", json={"resolution": 4}))
    ok(await case.therapist.post(f"{mending}/conclude", json={"outcome": "repaired"}))

    owed = refused(await case.therapist.post(at(plan, "end"), json={}), 422, "incomplete")
    assert [e["pointer"] for e in owed["errors"]] == [
        "#/counselling_offered",
        "#/alternative_providers",
        "#/risk_screen",
    ]
    given = {"counselling_offered": True, "alternative_providers": ["Dr Okafor", "Hillside Clinic"]}
    ok(await case.therapist.patch(at(plan), json=given, headers={"If-Match": "*"}))
    await screened(case, "low")
    await therapist("complete-task", task="process_feelings_therapist", reflection="I am sorry to go.",
                    shared_with_client=True)  # fmt: skip
    assert (await therapist("end"))["nhs_code"] == 48

    after = await aftermath(case, plan)
    letter = kind(after.letter)
    assert f"Our work ended on {spelled(ahead(0))}. This was not your decision." in letter
    assert "you named feeling left alone" in letter and "I am sorry to go." in letter
    assert "Dr Okafor" in letter and "Hillside Clinic" in letter
    assert set(after.duties.values()) == {"met"} and len(after.duties) == 5
    assert (after.report["notice_days"], after.report["ended_unrepaired"], after.report["exception"]) == (42, 0, None)
    assert "42 days ahead" in after.page and "You too." not in after.page
    assert ok(await case.therapist.get(f"/v1/ruptures/{rupture['id']}"))["phase"] == "repaired"


async def test_4_the_funding_ends(case: Case):
    """The payer stops after the tenth session, with ten days' notice, and pays for no closing talk.

    The client would have gone on. A low-fee clinic is suggested, risk is screened, and what the payer made impossible
    is on record as an exception, with who put it there. The client reads none of that in their letter.
    """
    await met(case, ago(30), ago(10), ago(3))
    plan = await case.plan(given_on=ago(30))
    _, therapist, *_ = voices(case, plan)
    await therapist("plan-ending", kind="forced_administrative", target_date=ahead(0), notice_given_on=ago(10),
                    reasons=["cost_or_coverage"], timing="earlier_than_client_wanted",
                    alternative_providers=["The low-fee clinic at Mill Lane"])  # fmt: skip
    await screened(case, "moderate")
    owed = refused(await case.therapist.post(at(plan, "end"), json={}), 422, "incomplete")
    assert [e["pointer"] for e in owed["errors"]] == ["#/counselling_offered"]
    stopped = {"code": "payer", "detail": "The insurer paid for no further session from the 19th on."}
    ended = await therapist("end", exception=stopped)
    assert (ended["nhs_code"], ended["bha_codes"]) == (48, [4])

    after = await aftermath(case, plan)
    letter = kind(after.letter)
    assert "This was not your decision." in letter and "The low-fee clinic at Mill Lane" in letter
    assert "insurer" not in letter and "cost" not in letter and "moderate" not in letter
    assert "exception" not in ok(await case.client.get(at(plan)))
    assert (ended["exception"]["code"], advice(ended)) == ("payer", ["no_closure", "short_notice"])
    assert after.duties["counselling"] == "excepted" and sorted(after.duties.values()).count("met") == 4
    found = after.report["exception"]
    assert (found["code"], found["detail"]) == ("payer", stopped["detail"])
    assert (found["recorded_by"], found["recorded_by_id"]) == ("therapist", case.therapist_id)
    assert "Under an exception: counselling." in after.report["in_short"]
    assert "Dr Rivera" in after.page and stopped["detail"] in after.page
    assert "insurer" not in (await case.script.get("/v1/events?limit=500")).text


async def test_5_a_client_falls_silent_and_comes_back(case: Case, house: House):
    """Two sessions are missed, and nobody knows why. The practice thinks of it; the client is not nagged.

    The therapist looks at risk first, calls, then writes that they are welcome back. It is too early to let go, and the
    service says so. Then the client stands at the door. Nobody asks why; the silence is over, and the work goes on.
    """
    await met(case, ago(35))
    plan = await case.plan(given_on=ago(35))
    client, therapist, _, script = voices(case, plan)
    await met(case, ago(14), ago(7), status="missed")
    assert await kinds_due(case.therapist) == await kinds_due(case.supervisor) == ["outreach"]
    assert await due(case.client) == []
    assert [e["id"] for e in await told(house)] == [plan["id"]]

    await screened(case, "low")
    await script("suspect-lapse")
    await therapist("record-outreach", channel="phone", offered_return=True)
    await therapist("record-outreach", channel="letter", offered_return=True, offered_referrals=True)
    assert await due(case.therapist, kind="outreach") == [], "who is reaching out need not be told to"
    refused(await case.script.post(at(plan, "lapse")), 403, "role-may-not")
    early = refused(await case.therapist.post(at(plan, "lapse")), 422, "incomplete")
    assert [e["detail"] for e in early["errors"]] == ["2 of 3 attempts; record_outreach first."]

    back = await script("client-returned")
    assert (back["phase"], back["returned_on"], advice(back)) == ("reviewing", ahead(0), [])
    assert (back["premature"], back["reasons"]) == (None, [])
    assert await phase(case) == "active"
    assert await due(case.therapist) == await due(case.client) == [], "what was missed before is not held against them"
    assert len(await told(house)) == 1
    await met(case, ahead(0))
    await client("review-readiness", client_ready="no", note="Glad to be here again.")

    after = await aftermath(case, plan)
    letter = kind(after.letter)
    assert "Glad to be here again." in letter and "this ending" not in letter
    assert "reach you" not in letter and "welcome back" not in letter, "nothing is made of it"
    assert (after.report["ended_on"], after.duties, after.report["nhs_code"]) == (None, {}, None)
    assert [(a["channel"], a["offered_return"]) for a in after.report["outreach"]] == [
        ("phone", True),
        ("letter", True),
    ]
    assert after.timeline[-3:] == ["outreach_recorded", "client_returned", "readiness_reviewed"]


async def test_6_a_transfer_is_refused_by_the_receiver(case: Case):
    """The therapist's post ends, and risk is high. A clinic is asked to take over, and after two weeks says no.

    Until somebody says yes nothing has ended: the two go on meeting. A second clinic is asked, is told of the risk, has
    a first appointment ready, and accepts. Only then does the work pass on.
    """
    await met(case, ago(40), ago(14))
    plan = await case.plan(given_on=ago(40))
    _, therapist, supervisor, script = voices(case, plan)
    await screened(case, "high", by="supervisor")
    asked = await therapist("begin-transfer", receiver={"name": "Riverside Clinic"}, reasons=["therapist_leaving"],
                            contact_agreed=True)  # fmt: skip
    assert await kinds_due(case.therapist, due_before=ahead(14)) == ["transfer_waiting"]
    assert await due(case.client, due_before=ahead(14)) == []
    refused(await case.therapist.post(at(plan, "end"), json={}), 409)

    declined = await script("transfer-declined")
    assert (declined["phase"], declined["receiver"], await phase(case)) == ("reviewing", None, "active")
    assert [r["answer"] for r in declined["referrals"]] == ["declined"] and asked["kind"] == "transfer"
    assert await due(case.therapist, due_before=ahead(14)) == []
    await met(case, ahead(0))

    await supervisor("begin-transfer", receiver={"name": "Hillside Clinic"}, reasons=["therapist_leaving"])
    for task in ("release_consented", "summary_sent", "risk_told", "goodbye_held"):
        await therapist("record-handover", task=task)
    await therapist("record-handover", task="first_appointment", appointment_on=ahead(5))
    accepted = await script("transfer-accepted")
    assert (accepted["phase"], accepted["kind"], advice(accepted)) == ("ended", "transfer", [])

    after = await aftermath(case, plan)
    letter = kind(after.letter)
    assert (
        f"On {spelled(ahead(0))} our work together ended, and Hillside Clinic now continues this work with you."
        in letter
    )
    assert f"Your first appointment with them is on {spelled(ahead(5))}." in letter
    assert "Riverside" not in letter and "declined" not in letter and "high" not in letter
    assert after.duties == {"acceptance": "met", "high_risk_handed_over": "met"}
    transfer = after.report["transfer"]
    assert (transfer["referrals"], transfer["accepted_on"], len(transfer["handover"])) == (2, ahead(0), 5)
    assert after.timeline.count("transfer_begun") == 2 and after.timeline[-1] == "transfer_accepted"
    assert "Riverside" not in (await case.script.get("/v1/events?limit=500")).text


async def test_7_a_minor_with_two_guardians(case: Case):
    """A boy of nine. His mother has consented; his father's word is awaited, and everybody on the case can see that.

    The boy cannot consent in their place. He says himself how the end feels, and chooses how to say goodbye. A month
    later the father says yes as well. The first consent stays on record beside the second.
    """
    mother = {"name": "mother, file 12", "consented_on": ago(50)}
    plan = await case.plan(given_on=ago(50), given_by="guardian", holders=[mother, {"name": "father, file 13"}])
    assert advice(plan) == ["consent_awaited"]
    client, therapist, *_ = voices(case, plan)
    for who in (case.therapist, case.supervisor, case.script):
        holders = ok(await who.get(at(plan)))["consent"]["holders"]
        assert [holder["consented_on"] for holder in holders] == [ago(50), None]
    own = {"consent": {"text_version": "3", "given_on": ago(1)}}
    refused(await case.client.post(at(plan, "renew-consent"), json=own), 422)

    father = {"name": "father, file 13", "consented_on": ago(20)}
    both = {"text_version": "3", "given_on": ago(20), "given_by": "guardian", "holders": [mother, father],
            "assent_on": ago(20)}  # fmt: skip
    renewed = await therapist("renew-consent", consent=both)
    assert advice(renewed) == [] and renewed["earlier_consents"][0]["holders"][1]["consented_on"] is None
    await met(case, ago(50), ago(20), ago(6))
    await client("review-readiness", client_ready="yes", feelings={"loss": 2, "pride": 4}, note="I am braver now.")
    await therapist("plan-ending", kind="planned_mutual", target_date=ahead(0), agreed_by_client=True,
                    timing="as_planned", reasons=["goals_met"])  # fmt: skip
    await client("complete-task", task="farewell_ritual", ritual="We buried the worry doll under the big tree.")
    await therapist("end")

    after = await aftermath(case, plan)
    letter = kind(after.letter)
    assert "We buried the worry doll under the big tree." in letter and "I am braver now." in letter
    for text in (letter, after.page, (await case.script.get("/v1/events?limit=500")).text):
        assert "mother" not in text and "father" not in text, "who they are stays with the plan"
    consent = after.report["consent"]
    assert (consent["given_by"], consent["detail"]) == ("guardian", "2 of 2 guardians have consented.")
    assert consent["assent_on"] == ago(20) and "The client assented on" in after.page
    assert (consent["given_on"], after.report["first_mentioned_on"]) == (ago(20), ago(50))
    assert "by a guardian" in after.page
    assert "consent_renewed" in after.timeline


async def test_8_a_client_dies(case: Case, house: House):
    """Ten days before the last session the hospital's system reports that the client has died.

    Every reminder stops that moment, for everybody. No letter is written, and none can be fetched, by anybody, then or
    later. What had stood open between the two is kept as it was. The report says what happened, and asks nothing.
    """
    await met(case, ago(20))
    plan = await case.plan(given_on=ago(60))
    client, therapist, _, script = voices(case, plan)
    await therapist("plan-ending", kind="planned_mutual", target_date=ahead(10), agreed_by_client=True)
    await client("reflect", words="I am looking forward to the summer.", shared=True)
    await case.rupture(summary="We had words about the date.")
    assert await kinds_due(case.client) == await kinds_due(case.therapist) == ["ending_near"]

    gone = await script("client-died", died_on=ago(1))
    assert (gone["phase"], gone["kind"], gone["target_date"], gone["nhs_code"]) == (
        "ended",
        "client_deceased",
        None,
        49,
    )
    assert gone["bha_codes"] == [10]
    for who in (case.client, case.therapist, case.supervisor, case.script):
        assert await due(who, due_before=ahead(365)) == []
    assert await told(house) == [] == await told(house, TODAY.replace(year=TODAY.year + 1))
    nothing = {"return_route": "Call us.", "boosters": [ahead(30)]}
    refused(await case.therapist.post(at(plan, "open-aftercare"), json=nothing), 422)
    refused(await case.therapist.post(at(plan, "record-outreach"), json={"channel": "letter"}), 422)
    for form in ("letter", "letter.html", "letter.pdf"):
        for who in (case.client, case.therapist, case.supervisor, case.script):
            refused(await who.get(at(plan, form)), 404, "not-found")
    await therapist("archive")

    after = await aftermath(case, plan)
    assert after.letter is None
    assert (after.report["ended_on"], after.duties) == (ago(1), {})
    assert "No duty is checked for an ending of this kind." in after.report["in_short"]
    assert (after.report["ended_unrepaired"], await phase(case)) == (1, "ended")
    assert "not on record: " not in after.page.lower() and "summer" not in after.page
    assert after.timeline[-2:] == ["client_died", "archived"]


async def test_8_a_client_who_dies_after_the_goodbye_keeps_the_goodbye_they_had(case: Case, house: House):
    """The work had ended well, with a booster in spring. In winter the client dies; nobody knows the day.

    The booster is struck out, and no letter goes out any more. How the therapy ended stays as it was.
    """
    plan = await case.plan(given_on=ago(60))
    _, therapist, *_ = voices(case, plan)
    await therapist("plan-ending", kind="planned_mutual", target_date=ahead(0), agreed_by_client=True)
    await therapist("end")
    await therapist("open-aftercare", return_route="Call us.", boosters=[ahead(90)])
    gone = await therapist("client-died")
    assert (gone["kind"], gone["boosters"], gone["died_on"]) == ("planned_mutual", [], ahead(0))
    assert await due(case.therapist, due_before=ahead(365)) == [] == await told(house)
    refused(await case.therapist.post(at(plan, "open-aftercare"), json={"return_route": "Call us."}), 422)
    after = await aftermath(case, plan)
    assert (after.letter, after.duties, after.report["nhs_code"]) == (None, {"agreement": "met"}, 46)
    assert "The client has died." in after.page


async def test_9_the_therapist_falls_ill(case: Case):
    """The therapist is in hospital and will not be back. Her professional will names who takes over.

    The supervisor acts on it the same day, and nobody has to be found. The colleague accepts after the first talk. The
    client is told plainly that it passed on, and to whom; what kind of illness is nobody's to read.
    """
    await met(case, ago(40), ago(12))
    plan = await case.plan(given_on=ago(40))
    client, _, supervisor, _ = voices(case, plan)
    okafor = made(await case.script.post("/v1/therapists", json={"display_name": "Dr Okafor"}))["id"]
    will = {"kind": "professional_will", "title": "If I cannot go on", "therapist_id": case.therapist_id}
    made(await case.script.post("/v1/policies", json={**will, "successor_therapist_id": okafor}))
    await client("reflect", words="I hope she is all right.", shared=True)
    await case.rupture(by="client", precipitants=[{"kind": "therapist_absence"}], summary="Nobody had told me.")

    handed = await supervisor("therapist-unavailable", therapist_id=case.therapist_id)
    assert (handed["phase"], handed["receiver"]["therapist_id"]) == ("transferring", okafor)
    assert await kinds_due(case.supervisor, due_before=ahead(14)) == ["transfer_waiting"]
    for task in ("release_consented", "summary_sent", "risk_told"):
        await supervisor("record-handover", task=task)
    await supervisor("record-handover", task="first_appointment", appointment_on=ahead(3))
    accepted = await supervisor("transfer-accepted")
    assert (accepted["kind"], advice(accepted)) == ("therapist_incapacity", []), "who is ill owes nobody a goodbye"

    after = await aftermath(case, plan)
    letter = kind(after.letter)
    assert f"From {spelled(ahead(0))}, Dr Okafor is there for you." in letter
    assert "Dr Rivera can no longer work with you. We are sorry." in letter and "I hope she is all right." in letter
    assert "hospital" not in letter and " ill" not in letter and "Nobody had told me." not in letter
    assert after.duties == {"acceptance": "met"}, "nobody owes what nobody could record"
    assert (after.report["kind"], after.report["ended_unrepaired"]) == ("therapist_incapacity", 1)
    transfer = after.report["transfer"]
    assert (transfer["receiver_therapist_id"], transfer["receiver_name"]) == (okafor, "Dr Okafor")
    assert "Dr Okafor; begun" in after.page and okafor not in after.page
    assert after.timeline[-6:] == ["therapist_became_unavailable", *["handover_recorded"] * 4, "transfer_accepted"]


async def test_10_better_and_stopped(case: Case):
    """After five sessions the client feels better, and stops. They say so in their own app, and wish everybody well.

    The therapist had planned twelve, and is about to note a dropout. The service says that this is none; the therapist
    asks, hears the same, and puts it right.
    """
    await met(case, ago(50), ago(43), ago(36), ago(29), ago(22))
    plan = await case.plan(given_on=ago(50))
    client, *_ = voices(case, plan)
    for on, total in ((ago(50), 16), (ago(22), 4)):
        score: dict[str, Any] = {"instrument": "phq-9", "total": total, "rated_on": on}
        made(await case.script.post("/v1/outcome-scores", json={"relationship_id": case.relationship_id, **score}))
    await client("reflect", words="I sleep again. Thank you, all of you.", shared=True)
    left = await client("client-ends", reasons=["sufficient_gain"])
    assert (left["phase"], advice(left)) == ("ended", [])

    dropout = {"premature": "yes", "premature_definition": "protocol_incomplete"}
    advised = ok(await case.therapist.patch(at(plan), json=dropout, headers={"If-Match": "*"}))
    assert advice(advised) == ["better_is_not_dropout"]
    asked = {"premature": "no", "premature_definition": "clinician_judgement", "client_asked": True}
    put_right = ok(await case.therapist.patch(at(plan), json=asked, headers={"If-Match": "*"}))
    assert (advice(put_right), put_right["reasons"], put_right["nhs_code"]) == ([], ["sufficient_gain"], 96)

    after = await aftermath(case, plan)
    letter = kind(after.letter)
    assert "and met five times." in letter and "The choice was always yours." in letter
    assert "I sleep again. Thank you, all of you." in letter
    assert "16" not in letter.replace("2026", "").replace(spelled(ago(50)), ""), "a letter holds no scores"
    assert (after.report["premature"], after.report["premature_definition"]) == ("no", "clinician_judgement")
    assert (after.report["reasons"], after.report["ended_by"], after.duties) == (["sufficient_gain"], "client", {})
    assert "No, by clinician judgement" in after.page and "Sufficient gain" in after.page
    assert await due(case.therapist, due_before=ahead(365)) == []
    assert after.timeline == ["introduced", "reflected", "client_ended", "revised", "revised"]
