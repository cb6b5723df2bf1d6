"""The demo's simulated course of ratings: one rupture in it, which the client also tells of.

Made up, for no open data set has ratings of the alliance from session to session.
"""

from datetime import UTC, datetime, timedelta

from api.stage import Failed, Pair, Stage, Voice
from domain.access import Role

SCORES = (4.0, 4.17, 4.08, 4.25, 4.17, 2.75, 3.42, 4.08, 4.25, 4.33)
"""The client's ratings on the WAI-SR, 1 to 5."""
TROUGH = 5
"""The session, from 0, in which something went wrong."""


async def rated_course(stage: Stage, desk: Voice, pair: Pair) -> str:
    """Ten rated sessions of somebody who does not exist, with the therapist of `pair`. The relationship's id."""
    stage.headline(
        "H. Ratings of the alliance (simulated)",
        f"Made up from the first score to the last: no open data set has any. With {pair.name}.",
    )
    person = await desk.post("/v1/clients", {"label": "Simulated"})
    began = {"client_id": person["id"], "therapist_ids": [pair.therapist_id]}
    relationship_id: str = (await desk.post("/v1/relationships", began))["id"]
    client, first = stage.voice(Role.CLIENT, person["id"]), datetime.now(UTC) - timedelta(weeks=len(SCORES))
    for week, score in enumerate(SCORES):
        session = await desk.post("/v1/sessions", {
            "relationship_id": relationship_id, "starts_at": (first + timedelta(weeks=week)).isoformat(),
            "status": "held"})  # fmt: skip
        asked = {"problem": week == TROUGH} | ({"intensity": 4, "resolved": 2} if week == TROUGH else {})
        await client.post("/v1/alliance-ratings", {
            "session_id": session["id"], "instrument": "wai-sr", "direct_report": asked, "shared_with_therapist": True,
            "scores": [{"subscale": "total", "score": score}]})  # fmt: skip
    said = (
        f"{len(SCORES)} sessions, each rated by the client. In session {TROUGH + 1} they say that something was wrong."
    )
    stage.say(said)
    found = await stage.step(f"{pair.name} is asked to look. A signal is a question, and opens nothing.",
        pair.therapist, f"GET /v1/signals?relationship_id={relationship_id}")  # fmt: skip
    if "direct_report" not in [signal["kind"] for signal in found["items"]]:
        raise Failed("GET /v1/signals does not tell of what the client said.")
    return relationship_id
