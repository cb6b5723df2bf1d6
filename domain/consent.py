"""Informed consent: to which text, when, and who gave it. The ending is woven into it (founding text).

The texts are the practice's policies of the kind `informed_consent`: each edition of the wording stays in the policy's
history, so that it can be read years later what somebody said yes to.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from domain.access import Role
from domain.errors import Incomplete, Refused
from domain.move import Added, Advisory, Around, ConsentText
from domain.values import Day, Few, Name, Ref, Said, Token


class ConsentGiver(StrEnum):
    """In what capacity somebody consented."""

    SELF = "self"
    """The client."""
    GUARDIAN = "guardian"
    """A parent or guardian, for a minor."""
    COURT = "court"
    """A court, with a consent holder."""
    PROXY = "proxy"
    """Somebody who decides for an adult without the capacity to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentHolder(Said):
    """One of those who consent for the client."""

    name: Name
    """Who: a reference, not a name."""
    consented_on: Day | None = None
    """The day they did; null while their word is awaited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent(Said):
    """The informed consent into which the ending was woven."""

    text_version: Token
    """The version of the consent text: with a `policy_id`, its edition."""
    policy_id: Annotated[UUID, Ref("policy")] | None = None
    """The practice's `informed_consent` policy that keeps the text. With it, a new edition asks for a new consent."""
    given_on: Day
    """The day it was given."""
    given_by: ConsentGiver = ConsentGiver.SELF
    """In what capacity."""
    holder: Name | None = None
    """Who holds consent, when it is one person and not the client: a reference, not a name."""
    holders: Annotated[tuple[ConsentHolder, ...], Few(6)] = ()
    """Who hold consent together, as two guardians do, each with the day of their own word."""
    assent_on: Day | None = None
    """Where somebody else consents: the day the client said yes for themselves, as a minor can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal(Said):
    """Consent, given anew."""

    consent: Consent
    """The new one. The one before is kept."""


def renewed_well(state: Any, body: Renewal, around: Around) -> Iterator[Advisory]:
    """Consent has been given, by whoever holds it. A client's own token gives only the client's own consent."""
    if around.caller.role is Role.CLIENT:
        held_by = {body.consent.given_by, *([state.consent.given_by] if state.consent else [])}
        if held_by != {ConsentGiver.SELF}:
            raise Refused("Somebody else holds consent; a therapist records what they say.", at="consent/given_by")
    yield from given_well(body.consent, around)


def given_well(consent: Consent, around: Around) -> Iterator[Advisory]:
    """Raises a refusal where a consent cannot stand; yields what is still to be seen to."""
    around.has_come(consent.given_on, "consent/given_on")
    for place, holder in enumerate(consent.holders):
        around.has_come(holder.consented_on, f"consent/holders/{place}/consented_on")
    if consent.given_by is not ConsentGiver.SELF and not (consent.holder or consent.holders):
        raise Incomplete([("consent/holders", "Say who holds consent, where it is not the client.")])
    around.has_come(consent.assent_on, "consent/assent_on")
    if consent.given_by is ConsentGiver.SELF and consent.assent_on:
        raise Refused("A client who consents gives no assent beside it; leave it out.", at="consent/assent_on")
    if consent.policy_id and around.endings:
        yield from up_to_date(consent, around.endings.consent_texts)
    if awaited := sum(holder.consented_on is None for holder in consent.holders):
        detail = f"{awaited} of {len(consent.holders)} holders of consent have yet to give their word."
        yield Advisory(code="consent_awaited", detail=detail, source="Clinical practice; the law of the place decides")


def up_to_date(consent: Consent, texts: tuple[ConsentText, ...]) -> Iterator[Advisory]:
    """Whether there is a newer edition of the text. Raises Refused where the policy keeps none."""
    edition = next((text.edition for text in texts if text.policy_id == consent.policy_id), None)
    if edition is None:
        detail = "This is no informed_consent policy in force; name one, or leave it out."
        raise Refused(detail, at="consent/policy_id")
    if edition != consent.text_version:
        detail = f"The text is at edition {edition} now; renew_consent once the newer one was talked over."
        yield Advisory(code="consent_text_outdated", detail=detail, source="The practice's informed_consent policy")


def renewed(state: Any, body: Renewal, around: Around) -> dict[str, Any]:
    """The new consent stands, and the one before it stays on record."""
    first = {} if state.ending_mentioned_on else {"ending_mentioned_on": body.consent.given_on}
    return {"consent": body.consent, **first, **({"earlier_consents": Added(state.consent)} if state.consent else {})}
