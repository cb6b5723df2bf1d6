"""The four stories of the demo. Every step is one HTTP request, with the token of whoever takes it.

The people and what they say are made up.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import aiohttp
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from domain.access import Role
from infra.keys import Keys

DAY = 86_400
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{23}([0-9a-f]{4})")


class Failed(Exception):
    """Something did not do what it should. The message is the one line to show."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Somebody who calls the service, with a token of their own."""

    role: Role
    http: aiohttp.ClientSession
    token: str

    async def ask(self, method: str, path: str, body: Any = None, expect: int = 0) -> tuple[int, Any]:
        """One request. Raises Failed unless it is answered with `expect`, or with any success when that is 0."""
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            async with self.http.request(method, path, json=body, headers=headers) as answer:
                status, said = answer.status, await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Failed(f"{method} {path} got no answer that can be read ({type(error).__name__}).") from None
        if status != expect if expect else status >= 300:
            raise Failed(f"{method} {path} answered {status}: {detail_of(said)}")
        return status, said

    async def get(self, path: str) -> Any:
        """What a GET brings."""
        return (await self.ask("GET", path))[1]

    async def post(self, path: str, body: Any = None) -> Any:
        """What a POST brings back."""
        return (await self.ask("POST", path, body))[1]


def detail_of(problem: dict[str, Any]) -> str:
    """What a problem says, with the fields it names."""
    errors = "; ".join(f"{e.get('pointer', e.get('parameter'))}: {e['detail']}" for e in problem.get("errors", ()))
    return f"{problem.get('detail')}{f' ({errors})' if errors else ''}"


@dataclass(frozen=True, slots=True)
class Pair:
    """A client and a therapist whose course of therapy was imported."""

    client: Voice
    therapist: Voice
    therapist_id: str
    name: str
    """The therapist's."""
    relationship_id: str
    session_ids: tuple[str, ...]
    last_day: date
    """The day of the last session."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the stories are told."""

    show: Console
    http: aiohttp.ClientSession
    address: str
    keys: Keys
    practice: UUID

    def voice(self, role: Role, subject: str, scope: str | None = None) -> Voice:
        """Somebody with a fresh token."""
        return Voice(role, self.http, self.keys.issue(self.practice, role, subject, scope, DAY))

    def headline(self, words: str, more: str = "") -> None:
        """What comes next."""
        self.show.print(f"\n{words}", style="bold")
        if more:
            self.show.print(Padding(more, (0, 0, 0, 2), expand=False), style="dim")

    async def step(self, words: str, who: Voice, call: str, body: Any = None, *, expect: int = 0) -> Any:
        """Say what happens, let it happen, and show the call with what came of it."""
        method, path = call.split()
        status, said = await who.ask(method, path, body, expect)
        outcome = "refused" if status >= 400 else said.get("phase") or f"{len(said['items'])} found"
        shown = ID.sub(r"..\1", path)
        self.show.print(Padding(words, (0, 0, 0, 2), expand=False))
        request = f"    {who.role:<11}  {method} {shown}  "
        self.show.print(Text.assemble((request, "dim"), (f"{status} {outcome}", "cyan")))
        asides = [f"Advisory: {advice['detail']}" for advice in said.get("advisories", ())]
        asides += [f"Refused: {error['detail']}" for error in said.get("errors", ())]
        for aside in asides:
            self.show.print(Padding(Text(aside, "yellow"), (0, 0, 0, 17), expand=False))
        return said


async def rupture_and_repair(stage: Stage, pair: Pair, policy_id: str) -> tuple[str, str]:
    """A fee that felt unfair, and what the two made of it. The ids of the rupture and its repair."""
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
    return rupture["id"], repair["id"]


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


async def good_goodbye(stage: Stage, pair: Pair) -> None:
    """A planned ending, from informed consent to a way back."""
    client, therapist, today = pair.client, pair.therapist, datetime.now(UTC).date()
    stage.headline("C. A good goodbye", f"Person 31 came to all twelve sessions. With {pair.name}.")
    plan = await stage.step("The ending is woven into informed consent.", therapist, "POST /v1/termination-plans", {
        "relationship_id": pair.relationship_id,
        "consent": {"text_version": "2", "given_on": (pair.last_day - timedelta(weeks=11)).isoformat()}})  # fmt: skip
    path = f"/v1/termination-plans/{plan['id']}"
    await stage.step("Regular talk about progress and readiness begins.", therapist, f"POST {path}/begin-review")
    await stage.step("The client looks at it in their own app: ready, proud, and sad to go.", client,
        f"POST {path}/review-readiness", {
            "client_ready": "yes", "feelings": {"loss": 3, "uncertainty": 1, "pride": 3, "gratitude": 4},
            "note": "I can do this on my own now. I will miss our talks."})  # fmt: skip
    await stage.step("The therapist's view; the two are never blended.", therapist, f"POST {path}/review-readiness", {
        "therapist_ready": "yes", "facts": [
            {"fact": "stable", "holds": "yes", "source": "BDI, sessions 9 to 12"},
            {"fact": "skills_used_outside", "holds": "yes", "source": "the client"}]})  # fmt: skip
    await readied(stage, therapist, path)
    await stage.step("Both agree on the kind of ending and its day.", therapist, f"POST {path}/plan-ending", {
        "kind": "planned_mutual", "timing": "as_planned", "agreed_by_client": True, "reasons": ["goals_met"],
        "target_date": today.isoformat(), "notice_given_on": (today - timedelta(weeks=4)).isoformat()})  # fmt: skip
    await last_sessions(stage, client, therapist, path)


async def readied(stage: Stage, therapist: Voice, path: str) -> None:
    """What the record answers of readiness, beside what the two said: facts, and no number."""
    facts = (await therapist.get(f"{path}/readiness"))["facts"]
    found = {fact["fact"]: [one["holds"] for one in fact["findings"]] for fact in facts}
    if found["client_says_ready"] != ["yes"]:
        raise Failed(f"GET {path}/readiness does not know what the client said.")
    told = "; ".join(f"{fact.replace('_', ' ')}: {' and '.join(holds)}" for fact, holds in found.items())
    stage.show.print(Padding(f"Readiness, fact by fact: {told}.", (0, 0, 0, 2)))


async def last_sessions(stage: Stage, client: Voice, therapist: Voice, path: str) -> None:
    """Reflection, a ritual, the end, and what stays."""
    await stage.step("The last sessions begin.", therapist, f"POST {path}/begin-closing")
    await stage.step("The client writes what it meant, and chooses that the therapist may read it.",
        client, f"POST {path}/reflect", {
            "task": "review_gains", "words": "I came in hiding. I leave saying what I need.",
            "shared": True})  # fmt: skip
    await stage.step("Their own early signs, and whom to call.", client, f"POST {path}/plan-ahead", {
        "relapse_signature": ["I stop answering my sister."],
        "safety_plan": {"help_contacts": ["My sister."], "professionals": ["The crisis line."]}})  # fmt: skip
    await stage.step("A farewell ritual, from the library or of their own.", therapist, f"POST {path}/complete-task", {
        "task": "farewell_ritual", "ritual_code": "letter_read_aloud", "ritual": "Each read the other a letter.",
        "shared_with_client": True})  # fmt: skip
    await stage.step("The therapy ends, and the relationship with it.", therapist, f"POST {path}/end")
    await stage.step("A way back stays open.", therapist, f"POST {path}/open-aftercare", {
        "farewell": "Twelve sessions, and a great deal of courage.",
        "return_route": "Write or call whenever you like; no new referral is needed.",
        "boosters": [(datetime.now(UTC).date() + timedelta(weeks=13)).isoformat()]})  # fmt: skip
    await letter_to_keep(stage, client, path)


async def letter_to_keep(stage: Stage, client: Voice, path: str) -> None:
    """What the client takes along, put together from what was recorded."""
    letter = await client.get(f"{path}/letter")
    if not letter["sections"]:
        raise Failed(f"GET {path}/letter says nothing, and there was a great deal to say.")
    stage.show.print(Padding("A letter to keep; letter.html and letter.pdf are for printing:", (0, 0, 0, 2)))
    for section in letter["sections"]:
        said = section["paragraphs"]
        for listed in section["lists"]:
            said += [*filter(None, [listed["title"]]), *(f"- {line}" for line in listed["lines"])]
        said += [f'"{quote["words"]}"' for quote in section["quotes"]]
        for line in [Text(section["heading"], "bold"), *said]:
            stage.show.print(Padding(line, (0, 0, 0, 17), expand=False))


async def client_leaves(stage: Stage, pair: Pair) -> None:
    """Nobody made a plan, and nobody has to."""
    stage.headline(
        "D. A client leaves", f"Person 8 came to four of twelve sessions; nobody had made a plan. With {pair.name}."
    )
    await stage.step("They leave, from their own app. No reason, no plan and no permission is needed.",
        pair.client, "POST /v1/termination-plans/client-ends", {"relationship_id": pair.relationship_id})  # fmt: skip
    relationship = f"/v1/relationships/{pair.relationship_id}"
    left = await stage.step(f"{pair.name} sees that it is over.", pair.therapist, f"GET {relationship}")
    if left["phase"] != "ended":
        raise Failed(f"GET {relationship} says {left['phase']}, and the client has left.")
