"""A signal: what a detector saw in the ratings. Never a rupture by itself; a person looks at it and decides.

Signals are derived: raised, firmed up and superseded by the service when ratings come, are corrected or arrive late.
What a clinician made of one stays with it, whatever becomes of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from domain.access import CLINICIANS, POLICY, Role
from domain.detection import Certainty, Detector, Finding, Rater, Rule, SignalKind
from domain.errors import Incomplete, Refused
from domain.machine import Machine
from domain.move import NEW, Around, Move, Nothing
from domain.relationship import Risk
from domain.rupture import Note, Remark, Report, noted
from domain.values import Private, Ref, Said, Token


class SignalPhase(StrEnum):
    """Where a signal is."""

    RAISED = "raised"
    """Waits for a clinician to look at it."""
    REVIEWED = "reviewed"
    """A clinician said what to make of it."""
    SUPERSEDED = "superseded"
    """The ratings it rests on changed, or the practice's choice of detectors did. Kept, and out of count."""


class Disposition(StrEnum):
    """What a clinician made of a signal."""

    CONFIRMED_RUPTURE = "confirmed_rupture"
    """There was a rupture: one is opened, or the signal is attached to one that is known. Not for a risk item, and not
    for what the client kept from their therapist."""
    NOT_A_RUPTURE = "not_a_rupture"
    """Something else moved the number."""
    ALREADY_ADDRESSED = "already_addressed"
    """It was dealt with in the room."""
    MEASUREMENT_ARTIFACT = "measurement_artifact"
    """A form was misread, mis-scored or filled in by somebody else; the note says how."""
    ASKED_AND_SAFE = "asked_and_safe"
    """A risk item: the client was asked, and what was agreed is in the record."""
    ASKED_AND_ACTED = "asked_and_acted"
    """A risk item: the client was asked, and what was found is on record: a risk screening, a safety plan, a
    handover."""
    COULD_NOT_ASK = "could_not_ask"
    """A risk item: nobody could ask the client; the note says why, and what was done instead."""


ASKED = frozenset({Disposition.ASKED_AND_SAFE, Disposition.ASKED_AND_ACTED})
OF_RISK = ASKED | {Disposition.COULD_NOT_ASK}
"""What is made of a risk item, and of nothing else."""
EXPLAINED = {
    Disposition.MEASUREMENT_ARTIFACT: "Say what went wrong with the measurement.",
    Disposition.COULD_NOT_ASK: "Say why the client could not be asked, and what was done instead.",
}
"""What asks for a note."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a detector saw: everything that is needed to see it again."""

    relationship_id: UUID
    """Whose ratings it was seen in."""
    detector: Detector
    """Which detector saw it."""
    detector_version: int
    """Its version: what one version found is not mixed with what another finds."""
    parameters: Mapping[str, Any]
    """The parameters it ran with."""
    kind: SignalKind
    """What it saw."""
    rater: Rater | None = None
    """Whose series it was seen in; none where two are compared. Raters are never blended."""
    instrument: Token | None = None
    """The form it was seen in, where it was one."""
    instrument_version: Token | None = None
    """That form's version."""
    session_id: UUID | None = None
    """The session it was seen at: the onset. None for an outcome score that belongs to no session."""
    outcome_score_id: UUID | None = None
    """The outcome score it was seen in, where it was one."""
    reference_session_id: UUID | None = None
    """The session it is compared with, where it is one. None where it is compared with a baseline, a level or a
    prediction from all scores before it, or where somebody said so."""
    magnitude_raw: float | None = None
    """How far from the reference, in points of the item mean; a drop is negative."""
    magnitude_sd: float | None = None
    """The same in standard deviations, those that the detector goes by."""
    threshold: float | None = None
    """The limit that was exceeded, in the detector's own measure."""
    grade: Token | None = None
    """The stricter limits it exceeds as well, where a detector has more than one."""
    certainty: Certainty = Certainty.CONFIRMED
    """Provisional until the sessions after it are known, for a detector that needs them."""
    inputs_hash: Token
    """SHA-256 over exactly the inputs it was computed from."""
    private_to_client: bool = False
    """It rests on a rating that the client chose not to show the therapist, so the therapist is not shown it, and no
    rupture is opened from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Raising(Said, Seen):
    """A signal as it is raised."""

    supersedes_id: UUID | None = None
    """The signal it takes the place of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Firming(Said):
    """A provisional signal that held."""

    inputs_hash: Token
    """Over the inputs that are known by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalReview(Remark):
    """What a clinician makes of a signal."""

    disposition: Disposition
    """What it was."""
    rupture_id: Annotated[UUID, Ref("rupture", within=True)] | None = None
    """The rupture it belongs to, for `confirmed_rupture`. Left out: a new one is opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal(Seen):
    """What a detector saw in the ratings."""

    id: UUID
    phase: SignalPhase = SignalPhase.RAISED
    """Where it is."""
    supersedes_id: UUID | None = None
    """The signal it took the place of, when ratings were corrected or came late."""
    disposition: Disposition | None = None
    """What a clinician made of it."""
    reviewed_by: Annotated[Token | None, Private()] = None
    """The token subject that reviewed it."""
    reviewed_on: date | None = None
    """The day it was reviewed."""
    rupture_id: UUID | None = None
    """The rupture it was confirmed as."""
    note: Note | None = None
    """What was noted with the review."""


def says_which(state: Signal, body: SignalReview, around: Around) -> None:
    """The disposition goes with the signal, and says more where it asks for more; a rupture is named where one is."""
    confirmed = body.disposition is Disposition.CONFIRMED_RUPTURE
    if state.kind is SignalKind.RISK_ITEM:
        about_risk(body, around)
    elif body.disposition in OF_RISK:
        raise Refused(f"{body.disposition} is for a risk item; this signal is a {state.kind}.", at="disposition")
    if confirmed and state.private_to_client:
        # A confirmed rupture is shown to the therapist, session and all.
        raise Refused(
            "The client kept this from their therapist. Ask the client first; they can share the rating, or report it "
            "themselves.",
            at="disposition",
        )
    if body.rupture_id and not confirmed:
        raise Refused("A rupture is named with the disposition confirmed_rupture only.", at="rupture_id")
    if body.disposition in EXPLAINED and not body.note:
        raise Incomplete([("note", EXPLAINED[body.disposition])])


def about_risk(body: SignalReview, around: Around) -> None:
    """An answer about a client's life is no rupture and never harmless by itself: the client is asked, on record."""
    if body.disposition not in OF_RISK | {Disposition.MEASUREMENT_ARTIFACT}:
        raise Refused(
            f"{body.disposition} is not for a risk item. Ask the client, then review it as asked_and_safe or "
            "asked_and_acted; or as could_not_ask or measurement_artifact, with a note. A rupture is reported by "
            "itself: POST /v1/ruptures.",
            at="disposition",
        )
    if body.disposition in ASKED and not was_screened(around):
        raise Refused(
            "Record what you found: POST …/relationships/{id}/screen-risk, then review this signal.", at="disposition"
        )


def was_screened(around: Around) -> bool:
    """Whether risk was screened on the day of the form, or after it."""
    pair = around.relationship
    if pair.screened_on is None or pair.risk is Risk.UNKNOWN:
        return False
    # Where it is tomorrow already, a form may carry a day that has not come in UTC.
    return bool(pair.screened_on >= min(around.seen_on or around.today, around.today))


def reviewed(state: Signal, body: SignalReview, around: Around) -> dict[str, Any]:
    """Who, when and what. A rupture that is opened by it has the id that was made for this decision."""
    confirmed = body.disposition is Disposition.CONFIRMED_RUPTURE
    return {
        "disposition": body.disposition, "reviewed_by": around.caller.id, "reviewed_on": around.today,
        "rupture_id": (body.rupture_id or around.new_id) if confirmed else None, **noted(state, body, around),
    }  # fmt: skip


def taken_back(state: Signal, body: Remark, around: Around) -> dict[str, Any]:
    """The review is undone; a rupture that it opened stays, for nothing closes by itself."""
    blank = dict.fromkeys(("disposition", "reviewed_by", "reviewed_on", "rupture_id"))
    return {**blank, **noted(state, body, around)}


def firm(state: Signal, body: Firming, around: Around) -> dict[str, Any]:
    """It is sure by now."""
    return {"certainty": Certainty.CONFIRMED, "inputs_hash": body.inputs_hash}


def rupture_of(signal: Signal) -> Report:
    """The rupture that a confirmed signal opens, for the clinician to say more of."""
    return Report(relationship_id=signal.relationship_id, session_id=signal.session_id)


P = SignalPhase
KEPT = (P.RAISED, P.REVIEWED)

SIGNAL = Machine(
    "signal", "signals", Signal, SignalPhase,
    Move("raise", (NEW,), (P.RAISED,), "raised", POLICY, Raising,
         says="A detector saw something in the ratings; somebody should look."),
    Move("firm_up", KEPT, (), "firmed_up", POLICY, Firming, effect=firm,
         says="A provisional signal held when later sessions were rated."),
    Move("review", (P.RAISED,), (P.REVIEWED,), "reviewed", CLINICIANS, SignalReview, says_which, reviewed,
         "A clinician says what to make of it. Confirming it opens a rupture, or attaches it to one.", knows="seen_on"),
    Move("reconsider", (P.REVIEWED,), (P.RAISED,), "reconsidered", CLINICIANS, Remark, effect=taken_back,
         says="The review is taken back. A rupture that it opened stays."),
    Move("supersede", KEPT, (P.SUPERSEDED,), "superseded", POLICY,
         says="Ratings were corrected or came late, and this is no longer what they show."),
    read_by=CLINICIANS | {Role.INTEGRATION},
)  # fmt: skip


FIRM_UP, SUPERSEDE = SIGNAL.by_name["firm_up"], SIGNAL.by_name["supersede"]


@dataclass(frozen=True, slots=True)
class Change:
    """One move that the detectors' latest look calls for."""

    move: Move
    signal: Signal | None
    """The one that moves; none: a new one is raised."""
    body: Any


def changes(kept: Iterable[Signal], seen: Iterable[Seen], rules: Iterable[Rule]) -> list[Change]:
    """What becomes of the signals that are `kept`, and which are new, now that this is `seen` by these `rules`.

    What was reviewed stays as it was reviewed when only the rules have changed: nobody is asked twice about the same
    numbers. It is superseded when the numbers changed.
    """
    waiting: dict[tuple[Any, ...], list[Signal]] = {}
    for one in kept:
        waiting.setdefault(place(one), []).append(one)
    rules = tuple(rules)
    found: list[Change] = []
    for now in seen:
        before = waiting.get(place(now), [])
        signal: Signal | None = next((s for s in before if holds(s, now)), before[0] if before else None)
        if signal is None:
            found.append(Change(SIGNAL.begin, None, raising(now)))
            continue
        before.remove(signal)
        if holds(signal, now):
            if signal.certainty is not now.certainty:
                found.append(Change(FIRM_UP, signal, Firming(inputs_hash=now.inputs_hash)))
        elif not settled(signal, rules):
            found += [Change(SUPERSEDE, signal, Nothing()), Change(SIGNAL.begin, None, raising(now, signal.id))]
    left = [unseen for signals in waiting.values() for unseen in signals if not settled(unseen, rules)]
    return found + [Change(SUPERSEDE, unseen, Nothing()) for unseen in left]


def place(seen: Seen) -> tuple[Any, ...]:
    """What one detector usually says once: of this session, in this series."""
    return seen.detector, seen.kind, seen.rater, seen.instrument, seen.outcome_score_id or seen.session_id


SAME = tuple(name for name in Seen.__dataclass_fields__ if name not in ("certainty", "inputs_hash"))


def holds(signal: Signal, now: Seen) -> bool:
    """Whether what is seen now is the signal that was raised, perhaps surer by now."""
    alike = all(getattr(signal, name) == getattr(now, name) for name in SAME)
    surer = (signal.certainty, now.certainty) == (Certainty.PROVISIONAL, Certainty.CONFIRMED)
    return alike and (surer or signal.inputs_hash == now.inputs_hash)


def settled(signal: Signal, rules: Iterable[Rule]) -> bool:
    """Whether it was reviewed under other rules than those of now."""
    own = Rule(signal.detector, signal.detector_version, signal.parameters)
    return signal.phase is P.REVIEWED and own not in rules


def seen(finding: Finding, relationship_id: UUID, session_of: Mapping[UUID, UUID | None]) -> Seen:
    """A finding in one relationship. What was found in an outcome score is of the session it was filled in for."""
    named = {name: getattr(finding, name) for name in Seen.__dataclass_fields__ if hasattr(finding, name)}
    # What somebody said when asked is in no form.
    named |= {"instrument": finding.instrument or None, "instrument_version": finding.instrument_version or None}
    if finding.session_id in session_of:
        named |= {"outcome_score_id": finding.session_id, "session_id": session_of[finding.session_id]}
    return Seen(**named, detector_version=finding.version, relationship_id=relationship_id)


def raising(seen: Seen, supersedes_id: UUID | None = None) -> Raising:
    """What is seen, told as a new signal."""
    return Raising(**{name: getattr(seen, name) for name in Seen.__dataclass_fields__}, supersedes_id=supersedes_id)
