"""Informed consent: who said yes to which text, and when; and when the ending was first mentioned."""

from datetime import date, timedelta
from uuid import UUID

import pytest

from domain.access import Role
from domain.consent import Consent, ConsentGiver, ConsentHolder
from domain.move import ConsentText, Endings
from domain.practice import POLICY, PolicyKind
from domain.termination import TERMINATION_PLAN, PlanPhase, TerminationPlan
from tests.domain.given import ID, RELATIONSHIP_ID, TODAY, codes, do, refused

T, C, S, API, A = Role.THERAPIST, Role.CLIENT, Role.SUPERVISOR, Role.INTEGRATION, Role.ADMIN
P = PlanPhase
TEXT = UUID(int=77)
IN_FORCE = Endings(no_contact_policy=True, consent_texts=(ConsentText(policy_id=TEXT, edition="2"),))
MOTHER = ConsentHolder(name="Mother", consented_on=TODAY)
FATHER = ConsentHolder(name="Father")
WORK = (P.INTRODUCED, P.REVIEWING, P.PLANNED, P.CLOSING, P.TRANSFERRING, P.OUTREACH)


def consent(**said) -> Consent:
    return Consent(**{"text_version": "2", "given_on": TODAY} | said)


def introduce(**said):
    return do(TERMINATION_PLAN, "introduce", relationship_id=RELATIONSHIP_ID, endings=IN_FORCE, **said)


def plan(phase: PlanPhase = P.REVIEWING, **said) -> TerminationPlan:
    return TerminationPlan(id=ID, relationship_id=RELATIONSHIP_ID, phase=phase, **said)


def renew(state: TerminationPlan, by: Role = T, **said):
    return do(TERMINATION_PLAN, "renew_consent", state, by, endings=IN_FORCE, consent=consent(**said))


def test_the_ending_was_first_mentioned_when_consent_was_given_unless_somebody_says_otherwise():
    earlier = TODAY - timedelta(7)
    assert introduce(consent=consent()).after.ending_mentioned_on == TODAY
    assert introduce(consent=consent(), ending_mentioned_on=earlier).after.ending_mentioned_on == earlier
    with refused("ending_mentioned_on"):
        introduce(consent=consent(), ending_mentioned_on=TODAY + timedelta(7))


def test_consent_that_is_to_be_given_has_not_been_given():
    with refused("consent/given_on"):
        introduce(consent=consent(given_on=TODAY + timedelta(2)))
    with refused("consent/holders/0/consented_on"):
        mother = ConsentHolder(name="Mother", consented_on=TODAY + timedelta(2))
        introduce(consent=consent(given_by=ConsentGiver.GUARDIAN, holders=(mother,)))


@pytest.mark.parametrize("giver", [ConsentGiver.GUARDIAN, ConsentGiver.COURT, ConsentGiver.PROXY])
def test_where_the_client_does_not_consent_alone_somebody_is_on_record_who_does(giver):
    with refused("consent/holders"):
        introduce(consent=consent(given_by=giver))
    assert introduce(consent=consent(given_by=giver, holder="File 12")).after.consent.holder == "File 12"


def test_a_minor_says_yes_for_themselves_beside_those_who_consent():
    held = {"given_by": ConsentGiver.GUARDIAN, "holders": (MOTHER,)}
    assert introduce(consent=consent(**held, assent_on=TODAY)).after.consent.assent_on == TODAY
    with refused("consent/assent_on"):
        introduce(consent=consent(**held, assent_on=TODAY + timedelta(2)))
    with refused("consent/assent_on", saying="leave it out"):
        introduce(consent=consent(assent_on=TODAY))


def test_two_guardians_consent_each_for_themselves():
    begun = introduce(consent=consent(given_by=ConsentGiver.GUARDIAN, holders=(MOTHER, FATHER)))
    assert codes(begun) == {"consent_awaited"}
    both = (MOTHER, ConsentHolder(name="Father", consented_on=TODAY))
    complete = renew(begun.after, given_by=ConsentGiver.GUARDIAN, holders=both)
    assert codes(complete) == set()
    assert complete.after.consent.holders == both
    assert complete.after.earlier_consents == (begun.after.consent,)


@pytest.mark.parametrize("phase", WORK)
def test_consent_is_given_anew_at_any_time_and_what_was_consented_to_before_is_kept(phase):
    first, second = consent(text_version="1"), consent(text_version="2", policy_id=TEXT)
    once = renew(plan(phase, consent=first), text_version="2", policy_id=TEXT)
    assert (once.after.phase, once.after.consent, once.after.earlier_consents) == (phase, second, (first,))
    assert renew(once.after, text_version="3").after.earlier_consents == (first, second)


def test_a_plan_that_began_without_consent_gets_one():
    late = renew(plan(), given_on=date(2026, 2, 1)).after
    assert (late.consent.given_on, late.earlier_consents) == (date(2026, 2, 1), ())
    assert late.ending_mentioned_on == date(2026, 2, 1)


def test_a_text_that_has_a_newer_edition_is_taken_with_advice():
    assert codes(introduce(consent=consent(policy_id=TEXT))) == set()
    assert codes(introduce(consent=consent(policy_id=TEXT, text_version="1"))) == {"consent_text_outdated"}


def test_only_a_consent_text_in_force_is_consented_to():
    with refused("consent/policy_id", saying="no informed_consent policy in force"):
        introduce(consent=consent(policy_id=UUID(int=78)))


def test_a_client_renews_their_own_consent_and_nobody_elses():
    own = plan(consent=consent())
    assert renew(own, C).after.consent == consent()
    for held in (own, plan(consent=consent(given_by=ConsentGiver.GUARDIAN, holder="Mother"))):
        with refused("consent/given_by"):
            renew(held, C, given_by=ConsentGiver.GUARDIAN, holder="Mother")
    with refused("consent/given_by"):
        renew(plan(consent=consent(given_by=ConsentGiver.COURT, holder="File 12")), C)


@pytest.mark.parametrize("by", [S, A, Role.POLICY])
def test_whoever_is_not_there_takes_no_consent(by):
    with refused(status=403):
        renew(plan(), by)


# -- the texts ---------------------------------------------------------------------------------------------------------


def adopted(kind: PolicyKind = PolicyKind.INFORMED_CONSENT, **said):
    return do(POLICY, "adopt", by=A, kind=kind, title="Consent", wording="We meet, and one day we end.", **said).after


def reworded(policy, **said):
    terms = {n: getattr(policy, n) for n in POLICY.revise.takes.__dataclass_fields__}
    return do(POLICY, "revise", policy, A, **terms | said)


def test_a_new_wording_of_a_consent_text_is_a_new_edition():
    policy = adopted()
    with refused("edition", saying="an edition of its own"):
        reworded(policy, wording="We meet.")
    newer = reworded(policy, wording="We meet.", edition="2")
    assert newer.event.set == {"edition": "2"} and newer.event.texts == ("wording",)
    assert reworded(adopted(PolicyKind.OTHER), wording="We meet.").after.edition == "1"


def test_an_edition_holds_from_the_day_it_was_adopted():
    policy = adopted()
    assert policy.edition_since == TODAY
    later = do(POLICY, "adopt", by=A, kind=PolicyKind.OTHER, title="x").after
    assert reworded(later, title="y").after.edition_since == TODAY
    old = POLICY.cls(id=ID, kind=PolicyKind.INFORMED_CONSENT, title="Consent", edition_since=date(2020, 1, 1))
    assert reworded(old, title="New title").after.edition_since == date(2020, 1, 1)
    assert reworded(old, edition="2").after.edition_since == TODAY
