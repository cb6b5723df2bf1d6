"""Examples, in words that could be anybody's. Bodies are written here; what is shown for them comes from the rules."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from pydantic_core import from_json, to_json

from api.body import adapter
from api.call import parsed
from api.representation import after, represent
from domain.access import Caller, Role
from domain.catalog import BY_SUBJECT, MACHINES, scopes_of
from domain.change import Reached, change
from domain.insights import insights
from domain.instruments import PHQ_9
from domain.machine import Machine
from domain.move import NEW, Around, ConsentText, Event, Move
from domain.rating import Recording
from domain.readiness import Course, Known, Ruptures, readiness
from domain.relationship import Relationship
from domain.scoring import Completeness
from domain.values import plain
from infra.rows import body_parts
from infra.shelves import SHELVES

NOW = datetime(2026, 3, 12, 16, 5, tzinfo=UTC)
PRACTICE, SEQ = UUID("019ce3a1-0000-7000-8000-000000000001"), 4711
IDS = {
    machine.subject: UUID(f"019ce3a1-0000-7000-8000-0000000001{place:02x}") for place, machine in enumerate(MACHINES, 1)
}  # fmt: skip
ID = {subject: str(id) for subject, id in IDS.items()}
COLLEAGUE = "019ce3a1-0000-7000-8000-000000000202"
STEP: Mapping[str, Any] = {"session_id": ID["session"], "taken_on": "2026-03-12"}
AGREED: Mapping[str, Any] = {"agreed_by_client": True, "agreed_by_therapist": True}
Body = Mapping[str, Any]

SAID: Mapping[str, Body] = {
    "client.register": {
        "external_identifiers": [{"system": "https://ehr.example/clients", "value": "C-1042"}],
        "label": "M.", "trauma_informed": True,
    },
    "client.revise": {"label": "M. K."},
    "therapist.register": {
        "external_identifiers": [{"system": "https://ehr.example/staff", "value": "T-7"}],
        "display_name": "Dr. Robin Vale",
    },
    "therapist.revise": {"display_name": "Dr. Robin Vale-Moor"},
    "relationship.begin": {
        "client_id": ID["client"], "therapist_ids": [ID["therapist"]], "modality": "CBT", "started_on": "2026-01-08",
        "goals": [{"text": "To speak up at work without losing sleep.", **AGREED}],
        "tasks": [{"text": "One small experiment between sessions.", **AGREED}],
    },
    "relationship.revise": {"modality": "CBT with schema work"},
    "relationship.screen_risk": {"risk": "low", "screened_on": "2026-03-12"},
    "relationship.begin_baseline": {
        "since": "2026-03-12", "reason": "Back after her father's death; what was usual before is not the measure now.",
    },
    "relationship.withdraw_baseline": {"since": "2026-03-12"},
    "session.record": {
        "relationship_id": ID["relationship"], "starts_at": "2026-03-12T15:00:00+01:00", "duration_minutes": 50,
        "medium": "video", "status": "held",
    },
    "session.revise": {"medium": "phone"},
    "session.correct": {"status": "late_cancelled"},
    "policy.adopt": {
        "kind": "no_contact", "title": "When somebody falls silent", "edition": "2", "outreach_attempts": 3,
        "wording": "After two weeks of silence we get in touch, three times; you are always welcome back.",
    },
    "policy.revise": {"edition": "3", "outreach_attempts": 4},
    "rupture.report": {
        "relationship_id": ID["relationship"], "session_id": ID["session"], "happened_on": "2026-03-12",
        "type": "withdrawal", "strains": ["bond"], "client_intensity": 3, "echoes_past": "unknown",
        "precipitants": [{"kind": "felt_misunderstood", "named_by": "client"}],
        "summary": "Went quiet after I moved on too soon; it seemed to matter more than I had heard.",
    },
    "rupture.dismiss": {"reason": "already_addressed", "note": "We talked it over before the session ended."},
    "rupture.withdraw": {"note": "On reflection we had simply misheard each other."},
    "rupture.leave_unrepaired": {"reason": "not_the_time", "note": "A move of house comes first; we agreed to wait."},
    "rupture.revise": {"type": "mixed", "strains": ["bond", "task"]},
    "repair.begin": {"rupture_id": ID["rupture"]},
    "repair.recognize": {
        **STEP, "skills": ["describe"], "strategies": ["acknowledge_contribution"],
        "summary": "I said that I had moved on too soon, and that I was sorry.",
    },
    "repair.stay_present": {**STEP, "summary": "We let it be quiet for a while."},
    "repair.invite_reflection": {
        **STEP, "strategies": ["invite_thoughts_and_feelings"], "summary": "I asked how it was to be hurried along.",
    },
    "repair.validate_emotions": {**STEP, "skills": ["express"], "summary": "It made sense to feel left alone with it."},
    "repair.offer_repair": {
        **STEP, "skills": ["reinforce"], "responsibility_taken": True, "misunderstanding_clarified": True,
        "path_forward": "A raised hand means: not so fast.", "co_created": True, "shared_with_client": True,
    },
    "repair.skip": {"step": "stay_present", "reason": "There was no pause to hold; we were already talking."},
    "repair.record_view": {"resolution": 4, "wants_to_talk_more": False},
    "repair.conclude": {
        "outcome": "repaired", "client_resolution": 4, "therapist_resolution": 4, "within_session": True,
    },
    "repair.revise": {"path_forward": "A raised hand, or a word, means: not so fast."},
    "termination_plan.introduce": {
        "relationship_id": ID["relationship"],
        "consent": {"text_version": "consent-2026-01", "given_on": "2026-01-08", "given_by": "self"},
    },
    "termination_plan.renew_consent": {
        "consent": {"text_version": "consent-2026-02", "given_on": "2026-04-02", "given_by": "self"},
    },
    "termination_plan.record_handover": {"task": "summary_sent", "done_on": "2026-05-20"},
    "termination_plan.review_readiness": {
        "reviewed_on": "2026-03-12", "client_ready": "unsure", "therapist_ready": "yes",
        "facts": [{"fact": "skills_used_outside", "holds": "yes", "source": "Our talk about the winter",
                   "said_by": "client", "on": "2026-03-05"}],
        "feelings": {"loss": 2, "pride": 3, "gratitude": 3},
        "note": "Proud of the year, and a little sad that it comes to an end.", "shared_with_client": True,
    },
    "termination_plan.plan_ending": {
        "kind": "planned_mutual", "timing": "as_planned", "reasons": ["goals_met"], "target_date": "2026-05-28",
        "agreed_by_client": True,
    },
    "termination_plan.complete_task": {
        "task": "farewell_ritual", "done_on": "2026-05-28",
        "ritual": "Each wrote the other a postcard to open in a year.",
    },
    "termination_plan.reflect": {
        "words": "I came in hiding. I leave saying what I need.", "task": "review_gains", "shared": True,
    },
    "termination_plan.share_reflection": {"reflection": 1, "shared": False},
    "termination_plan.plan_ahead": {
        "relapse_signature": ["I stop answering my sister.", "I work through the evenings."],
        "safety_plan": {
            "warning_signs": ["Three nights without sleep."], "internal_coping": ["A cold shower, then the song list."],
            "social_distraction": ["The climbing hall."], "help_contacts": ["My sister."],
            "professionals": ["The crisis line, by day and by night."],
            "means_safety": ["The pharmacy gives out one week at a time."],
        },
    },
    "termination_plan.end": {"ended_on": "2026-05-28", "timing": "as_planned", "reasons": ["goals_met"]},
    "termination_plan.client_ends": {"reasons": ["sufficient_gain"]},
    "termination_plan.client_died": {"died_on": "2026-03-02"},
    "termination_plan.therapist_unavailable": {"therapist_id": ID["therapist"], "successor_therapist_id": COLLEAGUE},
    "termination_plan.record_outreach": {"channel": "letter", "attempted_on": "2026-03-10", "offered_return": True},
    "termination_plan.lapse": {},
    "termination_plan.begin_transfer": {"receiver": {"therapist_id": COLLEAGUE}, "reasons": ["relocation"]},
    "termination_plan.transfer_accepted": {"accepted_on": "2026-05-28", "reference": "Letter of 28 May, file 12"},
    "termination_plan.open_aftercare": {
        "farewell": "You found your voice here, and it is yours to keep.",
        "return_route": "A short note is enough; there is no waiting list for coming back.", "boosters": ["2026-09-10"],
    },
    "termination_plan.revise_aftercare": {"boosters": ["2026-09-10", "2026-12-10"]},
    "termination_plan.revise": {"target_date": "2026-06-11"},
    "instrument.define": {
        "code": "session-check", "edition": "1", "title": "Our three questions", "kind": "alliance",
        "items": [1, 2, 3], "low": 0, "high": 10, "rights": "own",
        "norms": [{"mean": 7.9, "sd": 1.4, "reliability": 0.84, "population": "Our clients of 2025.",
                   "source": "The practice's own records."}],
        "item_texts": [{"item": 1, "text": "I felt at ease today."}],
    },
    "instrument.revise": {"title": "Our three questions after a session"},
    "alliance_rating.record": {
        "session_id": ID["session"], "instrument": "wai-sr", "shared_with_therapist": True,
        "sharing_text_version": "who-sees-ratings-2", "sharing_policy_id": ID["policy"],
        "answers": [{"item": item, "value": None if item == 12 else 4} for item in range(1, 13)],
        "direct_report": {"problem": True, "intensity": 2, "resolved": 4},
    },
    "alliance_rating.correct": {"direct_report": {"problem": True, "intensity": 2, "resolved": 5}},
    "attachment_profile.record": {
        "relationship_id": ID["relationship"], "instrument": "ecr-rs", "rated_on": "2026-03-12",
        "targets": [{"target": "partner", "answers": [
            {"item": item, "value": value} for item, value in enumerate((2, 3, 2, 4, 5, 6, 3, 2, 4), 1)]}],
    },
    "attachment_profile.correct": {"rated_on": "2026-03-11"},
    "outcome_score.record": {
        "relationship_id": ID["relationship"], "session_id": ID["session"], "instrument": "phq-9",
        "rated_on": "2026-03-12", "answers": [{"item": item, "value": 1} for item in range(1, 10)],
    },
    "outcome_score.correct": {"rated_on": "2026-03-11"},
    "goal_attainment.agree": {
        "relationship_id": ID["relationship"], "agreed_on": "2026-01-15", "goals": [
            {
                "number": 1, "text": "To speak up at work without losing sleep.", "weight": 2, "baseline": -1, **AGREED,
                "much_less": "I say nothing, and call in sick.", "less": "I say nothing, and lie awake.",
                "expected": "I say my piece once a week, and sleep.", "more": "I say it when it matters.",
                "much_more": "I say it when it matters, and think no more of it.",
            },
            {
                "number": 2, "text": "To see friends again.", "baseline": -1, **AGREED,
                "less": "I cancel.", "expected": "I see one of them every week.", "more": "I am the one who calls.",
            },
        ],
    },
    "goal_attainment.rate": {
        "session_id": ID["session"], "rated_on": "2026-03-12",
        "levels": [{"goal": 1, "level": 1}, {"goal": 2, "level": 0}],
    },
    "goal_attainment.mark_rating_in_error": {"rating": 1},
    "goal_attainment.revise": {"agreed_on": "2026-01-22"},
    "signal.raise": {
        "relationship_id": ID["relationship"], "session_id": ID["session"], "detector": "direct_report",
        "detector_version": 1, "parameters": {"least_intensity": 1}, "kind": "direct_report", "rater": "client",
        "instrument": "wai-sr", "instrument_version": "2006", "magnitude_raw": 2, "threshold": 1,
        "inputs_hash": "9f86d081884c7d659a2feaa0c55ad015",
    },
    "signal.review": {
        "disposition": "confirmed_rupture", "note": "It came up at once when I asked.", "shared_with_client": False,
    },
    "signal.reconsider": {"note": "It was about the room, not about us."},
    "webhook_endpoint.register": {
        "url": "https://ehr.example/hooks/bravespace", "event_types": ["repair.*", "termination_plan.*"],
        "description": "Keeps the chart's alliance panel up to date.",
    },
    "webhook_endpoint.revise": {"payload": "id_only"},
    "webhook_endpoint.relocate": {"url": "https://new.ehr.example/hooks/bravespace"},
    "webhook_endpoint.rotate_secret": {"overlap_seconds": 3600},
    "webhook_endpoint.recover": {"after_seq": 4711},
}  # fmt: skip
"""One example of every body that says something, by the move that takes it; of a revision, a merge patch."""

STORY = {
    "rupture": ("report",), "repair": ("begin", "recognize", "invite_reflection", "offer_repair"),
    "termination_plan": ("introduce", "review_readiness"), "goal_attainment": ("agree", "rate"),
}  # fmt: skip
"""What has happened to the objects that are shown; to the others only their beginning."""
COUNTED: Mapping[str, Any] = {
    "ages": {"under_a_week": 6, "under_a_month": 9, "under_a_quarter": 4, "longer": 2},
    "ruptures": 64, "begun": 51, "concluded": 38,
    "precipitants": {"felt_misunderstood": 27, "boundary_or_policy": 16, "missed_cue": 11, "external_event": 3},
    "policies": {"boundary_or_policy": {ID["policy"]: 12}}, "skipped": {"stay_present": 8, "offer_repair": 2},
    "signals": 7,
    "endings": [
        ["planned_mutual", "as_planned", 41], ["planned_mutual", "extended", 9], ["client_initiated", None, 7],
        ["client_initiated", "earlier_than_clinician_planned", 18], ["lapsed_no_contact", None, 6],
        ["transfer", None, 3],
    ],
    "reasons": {"goals_met": 33, "sufficient_gain": 21, "cost_or_coverage": 8, "relocation": 4},
    "premature": [["clinician_judgement", "yes", False, 14], ["clinician_judgement", "yes", True, 5],
                  ["clinician_judgement", "no", False, 32]],
    "better": 11, "unrepaired": 6,
}  # fmt: skip
"""What there is to count in a practice of some size."""
ABOVE = {"repair": "rupture", "alliance_rating": "session"}
"""What a thing hangs from, where that is not the relationship itself."""


def said(machine: Machine, move: Move) -> dict[str, Any]:
    """An example of a move's body."""
    return dict(SAID.get(f"{machine.subject}.{move.name}", {}))


def caller_of(role: Role) -> Caller:
    """Somebody of a role."""
    person = {Role.THERAPIST: ID["therapist"], Role.CLIENT: ID["client"]}.get(role, f"{role}-script")
    return Caller(practice_id=PRACTICE, role=role, id=person, origin="chart-sync", scopes=scopes_of(role))


def likely(move: Move) -> Role:
    """Who would usually make a move."""
    if move.takes is Recording:
        return Role.CLIENT
    return Role.THERAPIST if Role.THERAPIST in move.by else next(role for role in Role if role in move.by)


TOLD = ConsentText(policy_id=IDS["policy"], edition=SAID["alliance_rating.record"]["sharing_text_version"])


def shown() -> dict[str, dict[str, Any]]:
    """Every kind of object as its maker is shown it, by subject."""
    found: dict[str, dict[str, Any]] = {}
    states: dict[str, Any] = {}
    for machine in MACHINES:
        state: Any = None
        row: Mapping[str, Any] | None = None
        who = caller_of(likely(machine.begin))
        place = Relationship(id=IDS["relationship"], client_id=IDS["client"], therapist_ids=(IDS["therapist"],))
        for version, name in enumerate(STORY.get(machine.subject, (machine.begin.name,))):
            move = machine.by_name[name]
            body = parsed(adapter(move.takes), to_json(said(machine, move)))
            parent = states.get(ABOVE.get(machine.subject, ""))
            known = Around(caller=who, now=NOW, relationship=place, parent=parent, texts=(TOLD,))
            decision = machine.decide(move, state, body, known, id=IDS[machine.subject])
            row, state = after(row, decision, version, NOW), decision.after
        states[machine.subject] = state
        found[machine.subject] = from_json(to_json(represent(machine, row or {}, who)))
    return found


def insights_shown() -> dict[str, Any]:
    """What a practice is told of a year."""
    found: dict[str, Any] = from_json(to_json(plain(insights(NOW.date().replace(year=NOW.year - 1, day=1), COUNTED))))
    return found


def outcome() -> dict[str, Any]:
    """What became of somebody whose depression score went from 17 to 9 in nine weeks."""
    found: dict[str, Any] = plain(change(PHQ_9, scores()))
    return found


def scores() -> list[Reached]:
    """Three of a depression score, the first first."""
    filled = {date(2026, 1, 8): 17.0, date(2026, 2, 5): 12.0, date(2026, 3, 12): 9.0}
    reached = [
        Reached(id=UUID(int=IDS["outcome_score"].int - 256 * place), rated_on=day, score=score,
                completeness=Completeness.COMPLETE)
        for place, (day, score) in enumerate(reversed(filled.items()))
    ]  # fmt: skip
    return reached[::-1]


def readiness_shown(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What the record answers of that person's readiness, beside what was said in a review."""
    shelf = SHELVES["termination_plan"]
    place = Relationship(id=IDS["relationship"], client_id=IDS["client"], therapist_ids=(IDS["therapist"],))
    known = Known(relationship=place, ruptures=Ruptures(recorded=1), courses=[Course(form=PHQ_9, reached=scores())])
    return from_json(to_json(plain(readiness(shelf.state(plan), known))))  # type: ignore[no-any-return]


def event(machine: Machine, move: Move) -> dict[str, Any]:
    """A webhook of one type, written by what writes them."""
    to = (move.to or move.source)[0]
    told = Event(type=machine.type_of(move), source=move.source[0], to=to)
    # No move is made here: this is all of a decision that the body looks at.
    decision: Any = SimpleNamespace(machine=machine, after=SimpleNamespace(id=IDS[machine.subject]), event=told)
    around = Around(caller=caller_of(likely(move)), now=NOW)
    head, tail = body_parts(decision, around, 0 if move.source[0] == NEW else 1)
    found: dict[str, Any] = json.loads(f"{head}{SEQ}{tail}")
    return found


def main_machine() -> Machine:
    """The one that the documents take their examples of problems from."""
    return BY_SUBJECT["repair"]
