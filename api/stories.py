"""The first two stories of the demo: a rupture that was mended, and a suspicion that was none.

Every step is one HTTP request, with the token of whoever takes it. The people and what they say are made up.
"""

from api.stage import Failed, Pair, Stage, Voice


async def rupture_and_repair(stage: Stage, pair: Pair, policy_id: str) -> str:
    """A fee that felt unfair, and what the two made of it. The rupture's id."""
    client, therapist, name = pair.client, pair.therapist, pair.name
    stage.headline("A. A rupture and its repair", f"Person 12 missed session 11 and was charged for it. With {name}.")
    rupture = await stage.step("The client reports it in their own app; that is enough, no score is asked for.",
        client, "POST /v1/ruptures", {
            "relationship_id": pair.relationship_id, "session_id": pair.session_ids[-1],
            "happened_on": pair.last_day.isoformat(), "policy_id": policy_id, "strains": ["bond"],
            "precipitants": [{"kind": "boundary_or_policy"}, {"kind": "felt_unseen"}], "client_intensity": 4,
            "summary": "My son was ill, and all we talked about was the fee.",
        })  # fmt: skip
    seen = await stage.step(f"{name} sees it.", therapist, "GET /v1/ruptures?phase=confirmed")
    if rupture["id"] not in [item["id"] for item in seen["items"]]:
        raise Failed("GET /v1/ruptures?phase=confirmed does not show the therapist what the client reported.")
    begun = {"rupture_id": rupture["id"]}
    repair = await stage.step(f"{name} takes it up.", therapist, "POST /v1/repairs", begun)
    await five_steps(stage, therapist, f"/v1/repairs/{repair['id']}")
    await conclusion(stage, pair, f"/v1/repairs/{repair['id']}")
    mended = await stage.step("The rupture follows its repair.", therapist, f"GET /v1/ruptures/{rupture['id']}")
    if mended["phase"] != "repaired":
        raise Failed(f"GET /v1/ruptures/{rupture['id']} says {mended['phase']}; its repair was concluded as repaired.")
    return str(rupture["id"])


async def five_steps(stage: Stage, therapist: Voice, repair: str) -> None:
    """The five steps of the brave space; one of them before its turn."""
    await stage.step("Recognize: it went wrong, and the therapist says so.", therapist, f"POST {repair}/recognize", {
        "skills": ["describe"], "strategies": ["acknowledge_contribution"],
        "summary": "I spoke of the fee before I asked how you were.", "shared_with_client": True})  # fmt: skip
    await stage.step("Stay present: no defending the policy, no rush to fix.", therapist, f"POST {repair}/stay-present")
    await stage.step("Validate emotions, a little before their turn. It counts; the service says what is usual.",
        therapist, f"POST {repair}/validate-emotions", {"skills": ["express"]})  # fmt: skip
    await stage.step("Invite reflection: how was that moment for you?", therapist, f"POST {repair}/invite-reflection", {
        "strategies": ["invite_thoughts_and_feelings"]})  # fmt: skip
    await stage.step("Offer repair: responsibility, and a path that both make.",
        therapist, f"POST {repair}/offer-repair", {
            "skills": ["assert", "reinforce"], "strategies": ["clarify_misunderstanding"],
            "responsibility_taken": True, "misunderstanding_clarified": True, "co_created": True,
            "path_forward": "The fee is waived this once. When a child is ill we talk before anything is charged.",
            "shared_with_client": True,
        })  # fmt: skip


async def conclusion(stage: Stage, pair: Pair, repair: str) -> None:
    """Repaired is what the client says it is."""
    claim = {"outcome": "repaired", "therapist_resolution": 5}
    await stage.step(f"{pair.name} would call it repaired. A therapist's word alone does not make it so.",
        pair.therapist, f"POST {repair}/conclude", claim, expect=422)  # fmt: skip
    await stage.step("The client says how it feels, in their own app: 4 of 5.",
        pair.client, f"POST {repair}/record-view", {"resolution": 4, "wants_to_talk_more": False})  # fmt: skip
    await stage.step("Now both views stand side by side, and it is concluded.",
        pair.therapist, f"POST {repair}/conclude", claim)  # fmt: skip


async def dismissed_suspicion(stage: Stage, pair: Pair) -> None:
    """Short answers that turned out to be tiredness."""
    stage.headline("B. A suspicion, dismissed", f"Person 28 gave short answers in the last session. With {pair.name}.")
    rupture = await stage.step(f"{pair.name} wonders about a withdrawal, and records it as a suspicion.",
        pair.therapist, "POST /v1/ruptures", {
            "relationship_id": pair.relationship_id, "session_id": pair.session_ids[-1],
            "happened_on": pair.last_day.isoformat(), "certainty": "suspected", "type": "withdrawal",
            "markers": [{"code": "minimal_response", "party": "client", "salience": 2}],
            "precipitants": [{"kind": "unknown"}], "therapist_intensity": 2,
        })  # fmt: skip
    await stage.step("The therapist asks, and learns of a night shift. Silence is not always a rupture.",
        pair.therapist, f"POST /v1/ruptures/{rupture['id']}/dismiss", {
            "reason": "not_a_rupture", "note": "Tired after a night shift, and glad to be here."})  # fmt: skip
