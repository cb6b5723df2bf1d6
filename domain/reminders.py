"""Reminders: what an ending wants somebody to think of, and the record that they were told so, once for each."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from domain.access import Role
from domain.errors import Refused
from domain.move import Added, Advisory, Around
from domain.values import Between, Day, Said, Token


class ReminderKind(StrEnum):
    """What somebody is reminded of. None of it happens by itself."""

    CONSENT_TO_RENEW = "consent_to_renew"
    """The wording that was consented to has a newer edition."""
    ENDING_NOT_MENTIONED = "ending_not_mentioned"
    """The work has gone on for a while, and nothing says that an ending was ever mentioned. Read at `/v1/reminders`; an
    event tells of it only where there is a plan that could keep that it was told, and mostly there is none."""
    ENDING_NEAR = "ending_near"
    """The day of the last session is near: the clock-like reminder, so that no ending comes as a surprise."""
    READINESS_REVIEW = "readiness_review"
    """Progress and readiness have not been talked over for as long as the practice wants them to be."""
    OUTREACH = "outreach"
    """The client is silent, by the no-contact policy. A suggestion: whether to reach out is a clinician's to say."""
    TRANSFER_WAITING = "transfer_waiting"
    """Whoever was asked to take over has not answered."""
    BOOSTER = "booster"
    """A booster session was agreed for this day."""
    RISK_TO_ASK = "risk_to_ask"
    """A risk item was not answered at its lowest: somebody asks the client, the same day. Due until its signal is
    reviewed, whether there is a plan or not; as with `ending_not_mentioned`, an event tells of it only where there is
    one that is not over."""


FOR_CLIENTS = frozenset({ReminderKind.CONSENT_TO_RENEW, ReminderKind.ENDING_NEAR, ReminderKind.BOOSTER})
"""What is shown in a client's own app as well. The rest is for those who treat them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminding(Said):
    """A reminder that fell due."""

    kind: ReminderKind
    """What of."""
    due_on: Day
    """The day it fell due."""
    days_before: Annotated[int, Between(0, 365)] | None = None
    """For `ending_near`: which point it is, in days before the target date."""
    text_version: Token | None = None
    """For `consent_to_renew`: the edition that asks for a new consent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminded(Reminding):
    """The same, told."""

    told_on: Day
    """The day the event went out."""


def not_told_yet(state: Any, body: Reminding, around: Around) -> None:
    """Each is told once."""
    if any((told.kind, told.due_on, told.text_version) == (body.kind, body.due_on, body.text_version)
           for told in state.reminders):  # fmt: skip
        raise Refused("This was told before.")


def told(state: Any, body: Reminding, around: Around) -> dict[str, Any]:
    """It is on record that it was told."""
    entry = Reminded(
        kind=body.kind, due_on=body.due_on, days_before=body.days_before, text_version=body.text_version,
        told_on=around.today,
    )  # fmt: skip
    return {"reminders": Added(entry)}


def risk_waits(around: Around) -> Iterator[Advisory]:
    """To those who treat the client: an answer that nobody has looked at does not go under in an ending."""
    if around.caller.role is not Role.CLIENT and around.endings and around.endings.risk_answers:
        detail = "An answer about self-harm or risk is waiting to be looked at."
        yield Advisory(code="risk_answer_waiting", detail=detail, source="Clinical practice")
