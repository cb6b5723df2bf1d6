"""The demo's third story: a planned ending, from informed consent to a way back. What is said in it is made up."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from api.stage import Failed, Pair, Stage, Voice
from domain.telling import day

WORDING = "You may end at any time and need not say why. We speak of the ending from the first session on."
NEWER = f"{WORDING} How you are doing is asked with a short form, and the answers are yours to read."
GOALS = (
    ("To say what I need.", "Once a week, to somebody close."), ("To sleep through.", "Five nights of seven."),
    ("To see friends again.", "One evening a week."),
)  # fmt: skip
"""What was agreed on, and what would be expected of it: level 0 of goal attainment scaling."""
TALKS = (
    {"client_ready": "no", "feelings": {"loss": 1, "uncertainty": 3}},
    {"client_ready": "unsure", "feelings": {"loss": 2, "uncertainty": 2, "pride": 3}},
    {"client_ready": "yes", "feelings": {"loss": 3, "uncertainty": 1, "pride": 4, "gratitude": 4},
     "note": "I can do this on my own now. I will miss our talks."},
)  # fmt: skip
"""What the client said of the ending eight and four weeks ago, and now."""


async def good_goodbye(stage: Stage, desk: Voice, pair: Pair) -> str:
    """The whole of it. The address of the plan."""
    stage.headline("C. A good goodbye", f"Person 31 came to all twelve sessions. With {pair.name}.")
    policy, path = await consent(stage, desk, pair)
    goals = await goals_agreed(stage, pair)
    await consent_renewed(stage, desk, pair, policy, path)
    await talks(stage, pair, path)
    await goals_rated(stage, pair, goals)
    await fact_by_fact(stage, pair, path)
    await a_day_is_named(stage, pair, path)
    await last_sessions(stage, pair, path)
    await told_afterwards(stage, pair, path)
    return path


async def consent(stage: Stage, desk: Voice, pair: Pair) -> tuple[str, str]:
    """The ending is spoken of when the work begins. The addresses of the consent text and of the plan."""
    text = {"kind": "informed_consent", "title": "What we agree on", "edition": "1", "wording": WORDING}
    policy = await desk.post("/v1/policies", text)
    plan = await stage.step("The ending is woven into informed consent: edition 1 of the practice's own text.",
        pair.therapist, "POST /v1/termination-plans", {
            "relationship_id": pair.relationship_id,
            "consent": {"text_version": "1", "policy_id": policy["id"], "given_on": began(pair).isoformat()},
        })  # fmt: skip
    path = f"/v1/termination-plans/{plan['id']}"
    await pair.therapist.post(f"{path}/begin-review")
    return policy["id"], path


def began(pair: Pair) -> date:
    """The day of the first session."""
    return pair.last_day - timedelta(weeks=11)


async def goals_agreed(stage: Stage, pair: Pair) -> str:
    """What it would look like to reach them is said beforehand. The address of the goals."""
    goals = [
        {"number": number, "text": text, "expected": expected, "baseline": -1}
        for number, (text, expected) in enumerate(GOALS, 1)
    ]
    agreed = await stage.step("Three goals, and what is expected of each (goal attainment scaling).",
        pair.therapist, "POST /v1/goal-attainments", {
            "relationship_id": pair.relationship_id, "goals": goals, "agreed_on": began(pair).isoformat()})  # fmt: skip
    return f"/v1/goal-attainments/{agreed['id']}"


async def consent_renewed(stage: Stage, desk: Voice, pair: Pair, policy: str, path: str) -> None:
    """Whoever said yes to one wording has not said yes to the next."""
    await stage.step("The practice words its text anew: edition 2. The first is kept.", desk,
        f"PATCH /v1/policies/{policy}", {"edition": "2", "wording": NEWER})  # fmt: skip
    await reminded(stage, "The client's own app is told that nobody has said yes to it.", pair.client, pair,
                   "consent_to_renew")  # fmt: skip
    await stage.step("They read it, and consent to it.", pair.client, f"POST {path}/renew-consent", {
        "consent": {"text_version": "2", "policy_id": policy, "given_on": today().isoformat()}})  # fmt: skip


async def reminded(stage: Stage, words: str, who: Voice, pair: Pair, kind: str) -> None:
    """What is due of one kind. Raises Failed when nothing is."""
    path = f"/v1/reminders?relationship_id={pair.relationship_id}&kind={kind}"
    found = (await stage.step(words, who, f"GET {path}"))["items"]
    if not found:
        raise Failed(f"GET {path} names nothing that is due.")
    for due in found:
        of = f"{due['days_before']} days before the last session" if due["days_before"] else "since that edition"
        stage.aside(f"{kind.replace('_', ' ').capitalize()}: due {spelled(due['due_on'])}, {of}.")


async def talks(stage: Stage, pair: Pair, path: str) -> None:
    """How the two see it, and how it went from talk to talk."""
    for weeks, said in zip((8, 4), TALKS, strict=False):
        await pair.client.post(f"{path}/review-readiness", {**said, "reviewed_on": ago(weeks)})
    await stage.step("The client looks at the ending a third time, in their own app: ready, proud, and sad to go.",
        pair.client, f"POST {path}/review-readiness", TALKS[-1])  # fmt: skip
    course = await stage.step("What they felt, talk by talk; it is never put into one number.", pair.client,
        f"GET {path}/feelings")  # fmt: skip
    values = {c["feeling"]: {p["reviewed_on"]: p["value"] for p in c["points"]} for c in course["courses"]}
    days = sorted({on for felt in values.values() for on in felt})
    felt = [f"{name} {', '.join(str(by_day.get(on, '-')) for on in days)}" for name, by_day in values.items()]
    stage.aside(f"{', '.join(map(spelled, days))}; 0 to 4, - where nothing was said: {'; '.join(felt)}.")
    await pair.therapist.post(f"/v1/relationships/{pair.relationship_id}/screen-risk", {"risk": "none"})
    await stage.step("The therapist's view; the two are never blended.", pair.therapist,
        f"POST {path}/review-readiness", {
            "therapist_ready": "yes", "facts": [
                {"fact": "stable", "holds": "yes", "source": "BDI, sessions 9 to 12"},
                {"fact": "skills_used_outside", "holds": "yes", "source": "What the client told of the week"},
            ]})  # fmt: skip


async def goals_rated(stage: Stage, pair: Pair, goals: str) -> None:
    """Each of the two says where the goals are, for themselves."""
    await stage.step("How far are the goals reached? The client says it for themselves.", pair.client,
        f"POST {goals}/rate", {"levels": levels(1, 0, 1)})  # fmt: skip
    rated = await stage.step("So does the therapist. Both stay, side by side.", pair.therapist, f"POST {goals}/rate", {
        "levels": levels(2, 0, 1)})  # fmt: skip
    t = {view: rated[f"{view}_attained"]["t_score"] for view in ("client", "therapist")}
    stage.aside(f"T = {t['client']:.1f} as the client sees it, {t['therapist']:.1f} as the therapist does; it was "
                f"{rated['baseline_t_score']:.1f} when they began. 50 is what was expected.")  # fmt: skip


async def fact_by_fact(stage: Stage, pair: Pair, path: str) -> None:
    """What the record answers by rule, beside what the two said. Raises Failed where one of the two is missing."""
    found = await stage.step("Readiness, fact by fact, without a sum: computed beside said, and the unsure left out.",
        pair.therapist, f"GET {path}/readiness")  # fmt: skip
    told: set[bool] = set()
    for fact in found["facts"]:
        for one in fact["findings"]:
            if one["holds"] != "unsure":
                said = "computed" if one["computed"] else f"said by the {one['said_by']}"
                name, source = fact["fact"].replace("_", " ").capitalize(), one["source"].rstrip(".")
                stage.aside(f"{name}: {one['holds']}, {said}. {source}.")
                told.add(one["computed"])
    if told != {True, False}:
        raise Failed(f"GET {path}/readiness does not tell both what was computed and what was said.")


def levels(*said: int) -> list[dict[str, int]]:
    """The level of each goal, from -2 to 2."""
    return [{"goal": number, "level": level} for number, level in enumerate(said, 1)]


async def a_day_is_named(stage: Stage, pair: Pair, path: str) -> None:
    """An ending with a date, and the reminder of it."""
    await stage.step("Both agree on the kind of ending and its day.", pair.therapist, f"POST {path}/plan-ending", {
        "kind": "planned_mutual", "timing": "as_planned", "agreed_by_client": True, "reasons": ["goals_met"],
        "target_date": today().isoformat(), "notice_given_on": ago(4)})  # fmt: skip
    await stage.step("The client says so themselves, in their own app.", pair.client, f"POST {path}/agree-to-ending")
    await reminded(stage, "So that it comes as no surprise, both are reminded.", pair.therapist, pair, "ending_near")


async def last_sessions(stage: Stage, pair: Pair, path: str) -> None:
    """Reflection, a ritual, the end, and what stays."""
    client, therapist = pair.client, pair.therapist
    await stage.step("The last sessions begin.", therapist, f"POST {path}/begin-closing")
    await stage.step("The client writes what it meant, and chooses that the therapist may read it.",
        client, f"POST {path}/reflect", {
            "task": "review_gains", "words": "I came in hiding. I leave saying what I need.",
            "shared": True})  # fmt: skip
    await stage.step("Their own early signs, and whom to call.", client, f"POST {path}/plan-ahead", {
        "relapse_signature": ["I stop answering my sister."],
        "safety_plan": {"help_contacts": ["My sister."], "professionals": ["The crisis line."]}})  # fmt: skip
    await ritual(stage, therapist, path)
    await stage.step("The therapy ends, and the relationship with it.", therapist, f"POST {path}/end")
    await stage.step("A way back stays open.", therapist, f"POST {path}/open-aftercare", {
        "farewell": "Twelve sessions, and a great deal of courage.",
        "return_route": "Write or call whenever you like; no new referral is needed.",
        "boosters": [(today() + timedelta(weeks=13)).isoformat()]})  # fmt: skip


async def ritual(stage: Stage, therapist: Voice, path: str) -> None:
    """A goodbye that the two chose."""
    library = await stage.step("Closure rituals for two adults in one room: examples, none of them owed.", therapist,
        "GET /v1/rituals?modality=in_person&age=adult")  # fmt: skip
    chosen = library["items"][0]
    stage.aside(f"{chosen['title']}. {chosen['how']}")
    stage.aside(f"Mind: {chosen['mind']}")
    await stage.step("They choose that one.", therapist, f"POST {path}/complete-task", {
        "task": "farewell_ritual", "ritual_code": chosen["code"], "ritual": "Each read the other a letter.",
        "shared_with_client": True})  # fmt: skip


async def told_afterwards(stage: Stage, pair: Pair, path: str) -> None:
    """What staff and auditors read, and what the client takes along. Both are put together from what was recorded."""
    report = await stage.step("The ending report, for whoever has to see that it was done well.", pair.therapist,
        f"GET {path}/report")  # fmt: skip
    for line in report["in_short"]:
        stage.aside(line)
    letter = await stage.step("And a letter for the client to keep.", pair.client, f"GET {path}/letter")
    if not letter["sections"]:
        raise Failed(f"GET {path}/letter says nothing, and there was a great deal to say.")
    for section in letter["sections"]:
        stage.aside(section["heading"], "bold")
        for line in lines_of(section):
            stage.aside(line)


def lines_of(section: dict[str, Any]) -> list[str]:
    """What one section of a letter says."""
    lists = [[*filter(None, [one["title"]]), *(f"- {line}" for line in one["lines"])] for one in section["lists"]]
    quotes = [f'"{quote["words"]}"' for quote in section["quotes"]]
    return [*section["paragraphs"], *(line for one in lists for line in one), *quotes]


def today() -> date:
    """The day it is."""
    return datetime.now(UTC).date()


def ago(weeks: int) -> str:
    """The day that was so many weeks ago."""
    return (today() - timedelta(weeks=weeks)).isoformat()


def spelled(on: str) -> str:
    """A day as a letter writes it."""
    return day(date.fromisoformat(on))
