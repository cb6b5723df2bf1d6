"""The demo's other endings: a client who leaves, one who falls silent, a transfer, a therapist who cannot go on.

And what a practice learns of all its endings at once. What is said in the stories is made up.
"""

from datetime import timedelta

from api.report_page import NHS
from api.stage import Failed, Pair, Stage, Voice
from domain.access import Role
from domain.insights import FEWEST, STEP

PLANS = "/v1/termination-plans"
NOT_TOLD = f"fewer than {FEWEST}, kept back"


async def client_leaves(stage: Stage, pair: Pair) -> None:
    """Nobody made a plan, and nobody has to."""
    stage.headline(
        "D. A client leaves", f"Person 8 came to four of twelve sessions; nobody had made a plan. With {pair.name}."
    )
    await stage.step("They leave, from their own app. No reason, no plan and no permission is needed.",
        pair.client, f"POST {PLANS}/client-ends", {"relationship_id": pair.relationship_id})  # fmt: skip
    relationship = f"/v1/relationships/{pair.relationship_id}"
    left = await stage.step(f"{pair.name} sees that it is over.", pair.therapist, f"GET {relationship}")
    if left["phase"] != "ended":
        raise Failed(f"GET {relationship} says {left['phase']}, and the client has left.")


async def client_falls_silent(stage: Stage, desk: Voice, pair: Pair) -> None:
    """An outreach, and somebody who comes back."""
    stage.headline(
        "E. A client falls silent, and comes back",
        f"Person 15 missed sessions 8, 9 and 10, and came to session 11. With {pair.name}.",
    )
    await stage.step("The practice's own ladder: three tries by two ways, one in writing, before anybody lets go.",
        desk, "POST /v1/policies", {
            "kind": "no_contact", "title": "When somebody falls silent", "outreach_attempts": 3,
            "outreach_channels": 2})  # fmt: skip
    await stage.step("Nobody knows why they are silent. Whether they are safe comes first.",
        pair.therapist, f"POST /v1/relationships/{pair.relationship_id}/screen-risk", {"risk": "low"})  # fmt: skip
    plan = await stage.step("The outreach begins.",
        pair.therapist, f"POST {PLANS}/suspect-lapse", {"relationship_id": pair.relationship_id})  # fmt: skip
    path = f"{PLANS}/{plan['id']}"
    for words, channel, weeks in (("A call.", "phone", 4), ("A letter: you are welcome back.", "letter", 3)):
        await stage.step(words, pair.therapist, f"POST {path}/record-outreach", {
            "channel": channel, "attempted_on": (pair.last_day - timedelta(weeks=weeks, days=-1)).isoformat(),
            "offered_return": True, "offered_referrals": channel == "letter"})  # fmt: skip
    await stage.step("It is too early to let go, and no clock does so.",
        pair.therapist, f"POST {path}/lapse", expect=422)  # fmt: skip
    await stage.step("Then they are at the door. Nobody asks why; the work goes on.",
        pair.therapist, f"POST {path}/client-returned")  # fmt: skip


async def transfer(stage: Stage, desk: Voice, pair: Pair) -> None:
    """One says no, the next says yes."""
    stage.headline("F. A transfer", f"Person 4 needs longer than the practice can offer. With {pair.name}.")
    asked = {"reasons": ["not_suited"], "contact_agreed": True}
    plan = await stage.step("A clinic is asked to take over.", pair.therapist, f"POST {PLANS}/begin-transfer", {
        **asked, "relationship_id": pair.relationship_id, "receiver": {"name": "Riverside Clinic"}})  # fmt: skip
    path = f"{PLANS}/{plan['id']}"
    await stage.step("They have no room. Nothing has ended; the two go on meeting.", desk,
        f"POST {path}/transfer-declined")  # fmt: skip
    await stage.step("A second one is asked.", pair.therapist, f"POST {path}/begin-transfer", {
        **asked, "receiver": {"name": "Hillside Clinic"}})  # fmt: skip
    await handover(stage, pair.therapist, path, pair, "goodbye_held")
    await stage.step("They accept. Only now the work here ends.", desk, f"POST {path}/transfer-accepted")


async def handover(stage: Stage, who: Voice, path: str, pair: Pair, *more: str) -> None:
    """What is seen to before the client goes to somebody else."""
    for task in ("release_consented", "summary_sent", "risk_told", *more):
        await who.post(f"{path}/record-handover", {"task": task})
    goodbye = ", a goodbye" if more else ""
    await stage.step(f"The handover: the client's release, a summary, what is known of risk{goodbye}, an appointment.",
        who, f"POST {path}/record-handover", {
            "task": "first_appointment", "appointment_on": (pair.last_day + timedelta(weeks=2)).isoformat(),
        })  # fmt: skip


async def therapist_falls_ill(stage: Stage, desk: Voice, pair: Pair, other: Pair) -> None:
    """Who takes over was written down while all was well."""
    stage.headline(
        "G. A therapist cannot go on", f"{pair.name}, who treats person 14, is in hospital and will not be back."
    )
    await stage.step(f"Long before, a professional will was made: {other.name} takes over from {pair.name}.",
        desk, "POST /v1/policies", {
            "kind": "professional_will", "title": "If I cannot go on", "therapist_id": pair.therapist_id,
            "successor_therapist_id": other.therapist_id})  # fmt: skip
    supervisor = stage.voice(Role.SUPERVISOR, "supervisor")
    plan = await stage.step("The supervisor acts on it; nobody has to be found.",
        supervisor, f"POST {PLANS}/therapist-unavailable", {
            "relationship_id": pair.relationship_id, "therapist_id": pair.therapist_id})  # fmt: skip
    if plan["receiver"]["therapist_id"] != other.therapist_id:
        raise Failed(f"POST {PLANS}/therapist-unavailable names somebody else than the professional will does.")
    path = f"{PLANS}/{plan['id']}"
    await handover(stage, supervisor, path, pair)
    await stage.step(f"{other.name} accepts after a first talk.", supervisor, f"POST {path}/transfer-accepted")


async def learnt(stage: Stage) -> None:
    """What all endings have in common, and nothing by which one client could be found."""
    stage.headline(
        "What the practice learns",
        f"A practice knows its clients: counts under {FEWEST} are kept back, the others are to the nearest {STEP}. "
        "Nothing is counted by therapist.",
    )
    supervisor = stage.voice(Role.SUPERVISOR, "supervisor")
    found = await stage.step("The supervisor asks how therapies ended.", supervisor, "GET /v1/practices/me/insights")
    ends = found["endings"]
    stage.aside(f"Endings since {found['since']}: {shown(ends['endings'])}")
    told = [one for one in ends["by_kind"] if one["count"]]
    for one in told:
        stage.aside(f"  {one['kind'].replace('_', ' ')}: {one['count']}")
    if len(told) < len(ends["by_kind"]):
        stage.aside(f"  each other kind: {NOT_TOLD}")
    for one in ends["by_nhs_code"]:
        if one["count"]:
            stage.aside(f"  NHS end code {one['code']}, {NHS[one['code']]}: {one['count']} "
                        f"(in England {one['base_rate']:.1%} of all)")  # fmt: skip
    stage.aside(f"Ruptures recorded: {shown(found['ruptures'])}")


def shown(count: int | None) -> str:
    """A count as it is told."""
    return NOT_TOLD if count is None else str(count)
