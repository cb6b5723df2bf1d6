"""Leaving over HTTP: a client can, whatever the record holds; and whoever else ends it is told what is still owed.

Every combination that can be reached over HTTP is tried. There is no plan without consent that is only introduced, none
with it before there is a plan, and a pause is over once an ending is planned. Random records and bodies, and unpaid
anything, stand in `tests/domain/test_leaving.py`.
"""

from itertools import product
from typing import Any

import pytest

from domain.move import NEW
from domain.termination import ACTIVE, PlanPhase
from tests.conftest import Case, Found, ok, refused
from tests.endings import AGREED, OWED, advice, at, before_a_plan, do, phase, screened

P = PlanPhase
PAUSABLE = (NEW, P.INTRODUCED, P.REVIEWING, P.OUTREACH)
"""Where a plan may be while the relationship is on hold."""


async def brought_to(case: Case, where: str, *, consent: bool) -> dict[str, Any] | None:
    """A plan in this phase, with or without a consent on record; none where nobody made one."""
    if where == NEW:
        return None
    if consent:
        plan = await case.plan()
    else:
        plan = await before_a_plan(case, "begin-transfer", "therapist", receiver={"name": "Riverside Clinic"})
        plan = await do(case, plan, "transfer-declined")
    if where in (P.REVIEWING, P.PLANNED, P.CLOSING) and consent:
        plan = await do(case, plan, "begin-review")
    if where in (P.PLANNED, P.CLOSING):
        plan = await do(case, plan, "plan-ending", **AGREED)
    if where == P.CLOSING:
        plan = await do(case, plan, "begin-closing")
    if where == P.TRANSFERRING:
        plan = await do(case, plan, "begin-transfer", receiver={"name": "Hillside Clinic"})
    if where == P.OUTREACH:
        plan = await do(case, plan, "suspect-lapse")
    assert (plan["phase"], plan["consent"] is not None) == (where, consent)
    return plan


async def leaves(case: Case, plan: dict[str, Any] | None) -> dict[str, Any]:
    """The client goes, in their own app, and says nothing."""
    if plan is None:
        return await before_a_plan(case, "client-ends", "client")
    assert "client_ends" in ok(await case.client.get(at(plan)))["open_moves"]
    return ok(await case.client.post(at(plan, "client-ends")))


@pytest.mark.parametrize("where", [NEW, *ACTIVE])
async def test_a_client_can_leave_in_their_own_app_whatever_stands_in_the_record(found: Found, where: str):
    house = await found()
    consents = [where != NEW] if where in (NEW, P.INTRODUCED) else [True, False]
    pauses = [False, True] if where in PAUSABLE else [False]
    for consent, paused, risk, strained in product(consents, pauses, ("none", "high"), (False, True)):
        case = await house.case()
        plan = await brought_to(case, where, consent=consent)
        if paused:
            ok(await case.therapist.post(f"/v1/relationships/{case.relationship_id}/put-on-hold"))
        await screened(case, risk)
        rupture = await case.rupture() if strained else None
        left = await leaves(case, plan)
        assert (left["phase"], left["kind"], left["ended_by"]) == ("ended", "client_initiated", "client")
        assert advice(left) == [], "nobody who is leaving is talked into staying"
        assert await phase(case) == "ended"
        if rupture:
            kept = ok(await case.therapist.get(f"/v1/ruptures/{rupture['id']}"))
            assert kept["phase"] == "ended_unrepaired"


DUTIES = (*sorted(OWED), "risk_screen")


@pytest.mark.parametrize("kind", ["therapist_initiated", "forced_administrative"])
@pytest.mark.parametrize("missing", DUTIES)
async def test_what_the_client_is_owed_is_named_when_it_is_missing(case: Case, kind: str, missing: str):
    plan = await case.plan()
    given = {name: said for name, said in OWED.items() if name != missing}
    await do(case, plan, "plan-ending", kind=kind, target_date="2026-12-18", **given)
    await screened(case, "unknown" if missing == "risk_screen" else "low")
    problem = refused(await case.therapist.post(at(plan, "end"), json={}), 422, "incomplete")
    assert [error["pointer"] for error in problem["errors"]] == [f"#/{missing}"]
    assert ok(await case.client.get(at(plan)))["phase"] == "planned", "nothing was written"
    exception = {"code": "client_declined", "detail": "They did not want to hear of it."}
    assert (await do(case, plan, "end", exception=exception))["phase"] == "ended"


async def test_of_all_that_is_owed_nothing_is_forgotten(case: Case):
    plan = await case.plan()
    await do(case, plan, "plan-ending", kind="forced_administrative", target_date="2026-12-18")
    problem = refused(await case.therapist.post(at(plan, "end"), json={}), 422, "incomplete")
    assert sorted(error["pointer"] for error in problem["errors"]) == sorted(f"#/{duty}" for duty in DUTIES)
