"""Outreach: the ladder that is climbed when a client falls silent. Nobody is sent off by a clock.

No field standard exists for it: attempts and channels are the practice's own, by its `no_contact` policy.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from domain.aftercare import lives
from domain.move import ATTEMPTS, CHANNELS, Added, Advisory, Around
from domain.relationship import Risk
from domain.values import Day, Said


class Channel(StrEnum):
    """How somebody was reached for."""

    PHONE = "phone"
    """Telephone."""
    MESSAGE = "message"
    """Text message or app; counts as writing."""
    EMAIL = "email"
    """E-mail; counts as writing."""
    LETTER = "letter"
    """Letter; counts as writing."""
    CONTACT_PERSON = "contact_person"
    """The contact person the client named."""


WRITTEN = frozenset({Channel.EMAIL, Channel.LETTER, Channel.MESSAGE})
SAFE = frozenset({Risk.NONE, Risk.LOW})
PRACTICE = "Clinical practice; no field standard exists"
HURRIED = timedelta(7)
"""Attempts that all lie within so little time leave none for an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outreach(Said):
    """One attempt to reach a silent client."""

    channel: Channel
    """How."""
    attempted_on: Day | None = None
    """The day; today when left out."""
    offered_return: bool | None = None
    """It said that they are welcome back, without reproach. Left out: nobody says that it did."""
    offered_referrals: bool | None = None
    """It named others they may turn to, should they rather not come back."""


def by_policy(state: Any, body: Any, around: Around) -> Iterator[Advisory]:
    """The ladder is the practice's own, and risk is looked at before its first step."""
    if not (around.endings and around.endings.no_contact_policy):
        usual = f"{ATTEMPTS} attempts, {CHANNELS} channels, one in writing"
        detail = f"The practice has no policy on lost contact; by default: {usual}."
        yield Advisory(code="no_contact_policy_missing", detail=detail, source=PRACTICE)
    yield from risk_first(around)


def risk_first(around: Around) -> Iterator[Advisory]:
    """Why somebody is silent is not known; whether they are safe comes first."""
    if around.relationship.risk not in SAFE:
        detail = "Nobody knows why they are silent. Look at risk first: POST …/relationships/{id}/screen-risk."
        yield Advisory(code="risk_check_first", detail=detail, source=PRACTICE)


def fell_silent(state: Any, body: Any, around: Around) -> dict[str, Any]:
    """A new ladder starts at its foot."""
    return {"outreach": (), "silent_since": around.today}


def was_tried(state: Any, body: Outreach, around: Around) -> Iterator[Advisory]:
    """An attempt to come is none, and a client who has died is tried no more."""
    lives(state, body, around)
    around.has_come(body.attempted_on, "attempted_on")
    return with_care(body)


def with_care(body: Outreach) -> Iterator[Advisory]:
    """Whoever else is asked learns that there is a therapy."""
    if body.channel is Channel.CONTACT_PERSON:
        detail = (
            "Contact this person only if the client agreed to it, or to prevent serious harm. Say no more than you "
            "must."
        )
        yield Advisory(code="contact_person", detail=detail, source="Clinical practice; the law of the place decides")


def tried(state: Any, body: Outreach, around: Around) -> dict[str, Any]:
    """One more attempt."""
    entry = Outreach(
        channel=body.channel, attempted_on=body.attempted_on or around.today, offered_return=body.offered_return,
        offered_referrals=body.offered_referrals,
    )  # fmt: skip
    return {"outreach": Added(entry)}


def let_go(state: Any, body: Any, around: Around) -> Iterator[Advisory]:
    """Whether they had time to answer, whether they are safe, and what somebody who stays away might still need."""
    days = sorted(o.attempted_on for o in state.outreach if o.attempted_on)
    if days and (days[-1] if len(days) > 1 else around.today) - days[0] < HURRIED:
        detail = "All attempts lie within seven days. Leave time for an answer before you let go."
        yield Advisory(code="outreach_hurried", detail=detail, source=PRACTICE)
    yield from risk_first(around)
    since, screened_on = state.silent_since or (days[0] if days else None), around.relationship.screened_on
    if since and not (screened_on and screened_on >= since):
        detail = "Risk was not screened since the silence began: POST …/relationships/{id}/screen-risk."
        yield Advisory(code="risk_not_screened_since", detail=detail, source=PRACTICE)
    if not any(o.channel in WRITTEN and o.offered_referrals for o in state.outreach):
        detail = "Nothing in writing named others they may turn to; a last letter can, with the way back."
        yield Advisory(code="no_referrals_offered", detail=detail, source=PRACTICE)
