"""Handing on: who was asked to take over, what they answered, and what is seen to before the client goes to them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from itertools import chain
from typing import Annotated, Any
from uuid import UUID

from domain.access import Role
from domain.endings import EndingKind, Reason
from domain.errors import Incomplete, Refused
from domain.move import Added, Advisory, Around
from domain.relationship import Risk
from domain.reminders import risk_waits
from domain.values import Day, Few, Name, Ref, Said


class ReferralAnswer(StrEnum):
    """What came of asking somebody to take over."""

    AWAITED = "awaited"
    """No answer yet; a transfer ends nothing until there is one."""
    ACCEPTED = "accepted"
    """They have the client now."""
    DECLINED = "declined"
    """They could not; the work goes on."""
    WITHDRAWN = "withdrawn"
    """Somebody else was asked instead, or it was no longer needed."""


class HandoverTask(StrEnum):
    """What is seen to when the work goes on with somebody else (Texas 22 TAC 465.21; clinical practice)."""

    RELEASE_CONSENTED = "release_consented"
    """The client agreed to what is passed on of the record."""
    SUMMARY_SENT = "summary_sent"
    """A summary went to the receiver."""
    RISK_TOLD = "risk_told"
    """The receiver was told what is known of risk, or that there is none known."""
    FIRST_APPOINTMENT = "first_appointment"
    """The first appointment with the receiver is made."""
    GOODBYE_HELD = "goodbye_held"
    """The two said goodbye."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver(Said):
    """Who takes over."""

    therapist_id: Annotated[UUID, Ref("therapist")] | None = None
    """A therapist of this practice."""
    name: Name | None = None
    """A person or service elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(Said):
    """A transfer to somebody named."""

    receiver: Receiver
    """Who is to take over."""
    reasons: Annotated[tuple[Reason, ...], Few(10, distinct=True)] = ()
    """Why."""
    sent_on: Day | None = None
    """The day the referral was sent."""
    contact_agreed: bool | None = None
    """The client agreed that the receiver gets in touch with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Referral(Said):
    """Somebody who was asked to take over."""

    receiver: Receiver
    """Who."""
    asked_on: Day
    """The day the transfer to them began."""
    sent_on: Day | None = None
    """The day the referral was sent."""
    contact_agreed: bool | None = None
    """The client agreed that the receiver gets in touch with them."""
    answer: ReferralAnswer = ReferralAnswer.AWAITED
    """What came of it."""
    answered_on: Day | None = None
    """Since when that is so."""
    reference: Name | None = None
    """Where their acceptance can be found: a letter's sign, a case number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance(Said):
    """The receiver accepted. Everything here may be left out."""

    accepted_on: Day | None = None
    """The day they did; today when left out. The therapy ends on it."""
    reference: Name | None = None
    """Where their acceptance can be found: a letter's sign, a case number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handing(Said):
    """Something about the handover that was seen to."""

    task: HandoverTask
    """Which."""
    done_on: Day | None = None
    """The day; today when left out."""
    appointment_on: Day | None = None
    """For `first_appointment`: its day, which may be still to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed(Handing):
    """The same, on record."""

    by: Role = Role.THERAPIST
    """The role that recorded it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable(Said):
    """A therapist has died or cannot work."""

    therapist_id: Annotated[UUID, Ref("therapist")]
    """Which therapist."""
    successor_therapist_id: Annotated[UUID, Ref("therapist")] | None = None
    """Who takes over. Left out: who the practice's professional will names."""


OPEN_RISK = frozenset({Risk.HIGH, Risk.MODERATE})
"""What a receiver has to be told of."""


def is_named(state: Any, body: Transfer, around: Around) -> None:
    """A transfer goes to somebody."""
    around.has_come(body.sent_on, "sent_on")
    if not (body.receiver.therapist_id or body.receiver.name):
        raise Incomplete([("receiver", "Name who is to take over: a therapist_id or a name.")])


def transferring(state: Any, body: Transfer, around: Around) -> dict[str, Any]:
    """A transfer goes on with somebody else."""
    asked = Referral(
        receiver=body.receiver, asked_on=around.today, sent_on=body.sent_on, contact_agreed=body.contact_agreed
    )
    return {"kind": EndingKind.TRANSFER, **asking(state, asked), **({"reasons": body.reasons} if body.reasons else {})}


def asking(state: Any, asked: Referral) -> dict[str, Any]:
    """Whoever was asked before and has not answered is let go; the handover begins anew."""
    before = answered(state, ReferralAnswer.WITHDRAWN, asked.asked_on) if state else ()
    return {"receiver": asked.receiver, "referrals": (*before, asked), "handover": ()}


def answered(state: Any, answer: ReferralAnswer, day: date) -> tuple[Referral, ...]:
    """The referrals, with this answer from whoever had given none."""
    return tuple(
        replace(r, answer=answer, answered_on=day) if r.answer is ReferralAnswer.AWAITED else r
        for r in state.referrals
    )  # fmt: skip


def successor(body: Unavailable, around: Around) -> UUID | None:
    """Who takes over: as said, or by the professional will of that therapist, or by the practice's."""
    if body.successor_therapist_id or not around.endings:
        return body.successor_therapist_id
    wills = [w for w in around.endings.wills if w.therapist_id == body.therapist_id]
    wills += [w for w in around.endings.wills if w.therapist_id is None]
    return next((id for will in wills for id in will.successor_ids if id != body.therapist_id), None)


def names_a_successor(state: Any, body: Unavailable, around: Around) -> None:
    """Somebody else takes over."""
    if successor(body, around) in (None, body.therapist_id):
        detail = "Name who takes over, or adopt a professional_will policy that does."
        raise Incomplete([("successor_therapist_id", detail)])


def for_this_client(state: Any, body: Unavailable, around: Around) -> None:
    """It is one of those who treat this client, and somebody else takes over."""
    if body.therapist_id not in around.relationship.therapist_ids:
        raise Refused("This therapist does not treat this client; name one who does.", at="therapist_id")
    names_a_successor(state, body, around)


def handed_on(state: Any, body: Unavailable, around: Around) -> dict[str, Any]:
    """The professional will names who takes over."""
    asked = Referral(receiver=Receiver(therapist_id=successor(body, around)), asked_on=around.today)
    kind = EndingKind.THERAPIST_INCAPACITY
    return {"kind": kind, "incapacitated_therapist_id": body.therapist_id, **asking(state, asked)}


def seen_to(state: Any, body: Handing, around: Around) -> None:
    """What was done has been done, and a day of an appointment belongs to one."""
    around.has_come(body.done_on, "done_on")
    if body.appointment_on and body.task is not HandoverTask.FIRST_APPOINTMENT:
        raise Incomplete([("task", "A day of an appointment is recorded with the task first_appointment.")])


def handed(state: Any, body: Handing, around: Around) -> dict[str, Any]:
    """One more thing that was seen to."""
    day = body.done_on or around.today
    entry = Handed(task=body.task, done_on=day, appointment_on=body.appointment_on, by=around.caller.role)
    return {"handover": Added(entry)}


def well_handed(state: Any, body: Acceptance, around: Around) -> Iterator[Advisory]:
    """An answer ends it; what of the handover is still to be seen to is said, and stops nobody."""
    around.has_come(body.accepted_on, "accepted_on")
    return chain(risk_waits(around), still_to_hand(state, around))


def still_to_hand(state: Any, around: Around) -> Iterator[Advisory]:
    """What of the handover is still to be seen to."""
    left = not_handed(state)
    if HandoverTask.RISK_TOLD in left and around.relationship.risk in OPEN_RISK:
        detail = "Risk is open, and nothing on record says that the receiver was told."
        yield Advisory(code="risk_not_told", detail=detail, source="Clinical practice: a warm handover")
    if left:
        detail = f"Still to be seen to, and recorded with record_handover: {', '.join(left)}."
        yield Advisory(code="handover_incomplete", detail=detail, source="Texas 22 TAC 465.21; clinical practice")


def not_handed(state: Any) -> list[HandoverTask]:
    """What of the handover nothing is on record of, in order."""
    done = {entry.task for entry in state.handover}
    if state.incapacitated_therapist_id:
        done.add(HandoverTask.GOODBYE_HELD)  # there may be nobody left to say it
    return [task for task in HandoverTask if task not in done]


def accepted(state: Any, body: Acceptance, around: Around) -> dict[str, Any]:
    """The receiver has the client now."""
    day = body.accepted_on or around.today
    answers = tuple(
        replace(r, reference=body.reference) if was.answer is ReferralAnswer.AWAITED else r
        for was, r in zip(state.referrals, answered(state, ReferralAnswer.ACCEPTED, day), strict=True)
    )
    return {"ended_on": day, "ended_by": around.caller.role, "referrals": answers}
