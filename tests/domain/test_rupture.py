"""Ruptures, told as they happen: who says so, who may take it back, and what no number may do."""

from dataclasses import fields
from datetime import timedelta
from itertools import product

import pytest

from domain.access import Role
from domain.move import Decision
from domain.policies import POLICIES
from domain.relationship import RelationshipPhase
from domain.rupture import (
    RUPTURE,
    Certainty,
    DismissalReason,
    LeftReason,
    Marker,
    MarkerCode,
    Party,
    Precipitant,
    PrecipitantKind,
    Reporter,
    Rupture,
    RupturePhase,
    RuptureType,
    Strain,
)
from domain.values import Between, markers, records, type_hints
from tests.domain.given import OVER, RELATIONSHIP_ID, RUPTURE_ID, TODAY, but, caller, codes, do, refused, relationship

T, C, S, API = Role.THERAPIST, Role.CLIENT, Role.SUPERVISOR, Role.INTEGRATION
CLINICIAN_OR_CLIENT = (T, C, S)


def rupture(phase: RupturePhase = RupturePhase.CONFIRMED, **said) -> Rupture:
    return Rupture(**{"id": RUPTURE_ID, "relationship_id": RELATIONSHIP_ID, "phase": phase, **said})


def report(by: Role = T, **said) -> Decision:
    return do(RUPTURE, "report", by=by, **said)


def revise(state: Rupture, by: Role, **said) -> Decision:
    """A revision: what is not said again stays as it is."""
    body = {f.name: getattr(state, f.name) for f in fields(RUPTURE.revise.takes)}
    return do(RUPTURE, "revise", state, by, **body | said)


# -- somebody says so --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", CLINICIAN_OR_CLIENT)
def test_when_the_client_or_a_clinician_says_so_there_is_one(by):
    told = report(by).after
    assert (told.phase, told.reported_by) == (RupturePhase.CONFIRMED, Reporter(by))


def test_when_another_system_says_so_it_is_a_suspicion():
    told = report(API).after
    assert (told.phase, told.reported_by) == (RupturePhase.SUSPECTED, Reporter.INTEGRATION)


def test_a_therapist_may_say_that_they_only_wonder():
    assert report(T, certainty=Certainty.SUSPECTED).after.phase is RupturePhase.SUSPECTED


@pytest.mark.parametrize("by", [C, API])
def test_a_clients_direct_report_is_never_a_mere_suspicion(by):
    with refused("certainty", saying="never a mere suspicion"):
        report(by, reported_by=Reporter.CLIENT, certainty=Certainty.SUSPECTED)
    assert report(by, reported_by=Reporter.CLIENT).after.phase is RupturePhase.CONFIRMED


@pytest.mark.parametrize(("by", "whose"), list(product(CLINICIAN_OR_CLIENT, Reporter)))
def test_nobody_but_an_integration_speaks_for_somebody_else(by, whose):
    assert report(API, reported_by=whose).after.reported_by is whose
    if whose == by:
        assert report(by, reported_by=whose).after.reported_by is whose
    else:
        with refused("reported_by"):
            report(by, reported_by=whose)


def test_a_rupture_needs_no_type_no_precipitant_no_session_and_no_score():
    told = report(C).after
    assert told.type is RuptureType.UNSPECIFIED
    assert (told.precipitants, told.markers, told.strains, told.session_id) == ((), (), (), None)
    assert told.client_intensity is None and told.therapist_intensity is None


def test_several_may_be_open_at_once():
    one, other = report(C).after, report(T, type=RuptureType.WITHDRAWAL).after
    assert one.relationship_id == other.relationship_id
    assert {one.phase, other.phase} == {RupturePhase.CONFIRMED}


@pytest.mark.parametrize("kind", PrecipitantKind)
def test_every_source_the_founding_text_names_can_be_named_by_either(kind):
    own = Precipitant(kind=kind)
    assert report(C, precipitants=(own,)).after.precipitants == (Precipitant(kind=kind, named_by=Party.CLIENT),)
    assert report(T, precipitants=(own,)).after.precipitants == (Precipitant(kind=kind, named_by=Party.THERAPIST),)
    clients = Precipitant(kind=kind, named_by=Party.CLIENT)
    assert report(T, precipitants=(clients, own)).after.precipitants[0] == clients


def test_a_supervisor_who_was_not_in_the_room_names_it_for_nobody():
    assert (
        report(S, precipitants=(Precipitant(kind=PrecipitantKind.MISSED_CUE),)).after.precipitants[0].named_by is None
    )


def test_a_therapist_may_be_seen_to_withdraw_or_confront_as_well():
    seen = Marker(code=MarkerCode.DEFENDS_SELF, party=Party.THERAPIST, salience=4)
    assert report(T, markers=(seen,)).after.markers == (seen,)


def test_it_may_strain_bond_goal_and_task_each_named_once():
    assert report(T, strains=tuple(Strain)).after.strains == tuple(Strain)
    with refused("strains"):
        report(T, strains=(Strain.BOND, Strain.BOND))


def test_a_rupture_lies_in_the_past_give_or_take_a_time_zone():
    assert report(T, happened_on=TODAY + timedelta(days=1)).after.happened_on
    with refused("happened_on"):
        report(T, happened_on=TODAY + timedelta(days=2))
    with refused("happened_on"):
        revise(rupture(), T, happened_on=TODAY + timedelta(days=2))


def test_a_client_does_not_say_how_intense_it_is_for_the_therapist():
    with refused("therapist_intensity"):
        report(C, therapist_intensity=2)
    mine = rupture(reported_by=Reporter.CLIENT, therapist_intensity=4)
    with refused("therapist_intensity"):
        revise(mine, C, therapist_intensity=1)
    assert revise(mine, C, client_intensity=5).after.therapist_intensity == 4


def test_a_clients_words_are_shown_in_their_app_and_a_therapists_are_not_unless_they_share_them():
    assert report(C, summary="I felt brushed off.").after.shared_with_client is True
    assert report(API, reported_by=Reporter.CLIENT, summary="…").after.shared_with_client is True
    assert report(T, summary="Cut him short.").after.shared_with_client is False
    assert report(T, summary="Cut him short.", shared_with_client=True).after.shared_with_client is True
    assert report(C, summary="Not yet.", shared_with_client=False).after.shared_with_client is False


def test_after_the_end_a_rupture_can_still_be_told_and_is_kept_as_unrepaired():
    assert do(RUPTURE, "report", by=C, pair=OVER).after.phase is RupturePhase.ENDED_UNREPAIRED
    assert do(RUPTURE, "report", by=API, pair=OVER).after.phase is RupturePhase.SUSPECTED
    suspected = rupture(RupturePhase.SUSPECTED)
    assert do(RUPTURE, "confirm", suspected, T, pair=OVER).after.phase is RupturePhase.ENDED_UNREPAIRED
    assert (
        do(RUPTURE, "recur", rupture(RupturePhase.REPAIRED), C, pair=OVER).after.phase is RupturePhase.ENDED_UNREPAIRED
    )


@pytest.mark.parametrize("phase", but(RelationshipPhase, RelationshipPhase.ENDED))
def test_a_rupture_can_be_told_in_a_pause_and_in_the_transition_phase(phase):
    assert do(RUPTURE, "report", by=T, pair=relationship(phase=phase)).after.phase is RupturePhase.CONFIRMED


# -- was there one -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", CLINICIAN_OR_CLIENT)
def test_a_suspicion_is_confirmed_by_somebody_who_says_yes(by):
    found = do(RUPTURE, "confirm", rupture(RupturePhase.SUSPECTED), by).after
    assert (found.phase, found.confirmed_by, found.confirmer) == (RupturePhase.CONFIRMED, Reporter(by), caller(by).id)


def test_a_system_confirms_nothing():
    with refused(status=403):
        do(RUPTURE, "confirm", rupture(RupturePhase.SUSPECTED), API)


def test_a_clinician_dismisses_a_suspicion_with_a_reason_and_may_reconsider():
    said = {"reason": DismissalReason.NOT_A_RUPTURE, "note": "We disagreed, and that was fine."}
    gone = do(RUPTURE, "dismiss", rupture(RupturePhase.SUSPECTED), S, **said).after
    assert (gone.phase, gone.dismissal_reason) == (RupturePhase.DISMISSED, DismissalReason.NOT_A_RUPTURE)
    assert do(RUPTURE, "reconsider", gone, T).after.phase is RupturePhase.SUSPECTED


def test_what_is_noted_with_a_decision_is_its_authors_to_share():
    kept = do(RUPTURE, "withdraw", report(C).after, C, note="We talked it over.").after.note
    assert (kept.text, kept.by, kept.shared_with_client) == ("We talked it over.", C, True)
    suspected, why = rupture(RupturePhase.SUSPECTED), {"reason": DismissalReason.ALREADY_ADDRESSED, "note": "Seen."}
    assert do(RUPTURE, "dismiss", suspected, T, **why).after.note.shared_with_client is False
    assert do(RUPTURE, "dismiss", suspected, T, **why, shared_with_client=True).after.note.shared_with_client is True
    assert do(RUPTURE, "dismiss", suspected, T, reason=DismissalReason.DUPLICATE).after.note is None
    theirs = rupture(reported_by=Reporter.CLIENT, summary="Brushed off.", shared_with_client=True)
    left = do(RUPTURE, "leave_unrepaired", theirs, T, reason=LeftReason.PARTED, note="She moved.").after
    assert (left.shared_with_client, left.note.shared_with_client) == (True, False), "one is not the other's"


@pytest.mark.parametrize("by", [C, API])
def test_neither_a_client_nor_a_system_dismisses(by):
    with refused(status=403):
        do(RUPTURE, "dismiss", rupture(RupturePhase.SUSPECTED), by)


@pytest.mark.parametrize("phase", but(RupturePhase, RupturePhase.SUSPECTED))
def test_what_is_more_than_a_suspicion_is_not_dismissed(phase):
    with refused(status=409):
        do(RUPTURE, "dismiss", rupture(phase), T)


def test_what_the_client_reported_can_not_be_dismissed():
    with refused(status=409):
        do(RUPTURE, "dismiss", report(C).after, T)


# -- taking it back ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [T, S, API])
def test_nobody_but_the_client_takes_back_what_the_client_said(by):
    theirs = report(C).after
    with refused(saying="only the client"):
        do(RUPTURE, "withdraw", theirs, by)
    with refused(saying="only the client"):
        do(RUPTURE, "mark_in_error", theirs, by)
    assert do(RUPTURE, "withdraw", theirs, C, note="I see it differently now.").after.phase is RupturePhase.DISMISSED


@pytest.mark.parametrize("by", [T, S, API])
def test_not_even_the_one_who_passed_the_clients_words_on_takes_them_back(by):
    with refused():
        do(RUPTURE, "withdraw", rupture(reported_by=Reporter.CLIENT, recorded_by=caller(by).id), by)


@pytest.mark.parametrize("by", [T, S, API])
def test_a_suspicion_that_the_client_confirmed_is_the_clients_word(by):
    found = do(RUPTURE, "confirm", report(by, certainty=Certainty.SUSPECTED).after, C).after
    with refused(saying="only the client"):
        do(RUPTURE, "withdraw", found, by)
    assert do(RUPTURE, "withdraw", found, C).after.phase is RupturePhase.DISMISSED


def test_who_reported_or_confirmed_it_may_take_it_back_and_a_colleague_may_not():
    mine = report(T).after
    assert do(RUPTURE, "withdraw", mine, T).after.phase is RupturePhase.DISMISSED
    with refused(saying="who reported or confirmed"):
        do(RUPTURE, "withdraw", mine, S)
    with refused(saying="who reported or confirmed"):
        do(RUPTURE, "withdraw", mine, C)
    found = do(RUPTURE, "confirm", do(RUPTURE, "report", by=API).after, T).after
    assert do(RUPTURE, "withdraw", found, T).after.phase is RupturePhase.DISMISSED


def test_a_clinician_marks_a_slip_of_the_keyboard_as_an_error():
    assert do(RUPTURE, "mark_in_error", report(T).after, S).after.phase is RupturePhase.ENTERED_IN_ERROR
    with refused():
        do(RUPTURE, "mark_in_error", report(T).after, C)


# -- and then ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "by"), list(product((RupturePhase.REPAIRED, RupturePhase.PARTIALLY_REPAIRED), (C, T)))
)
def test_what_comes_back_is_counted(phase, by):
    again = do(RUPTURE, "recur", rupture(phase, recurrences=1), by).after
    assert (again.phase, again.recurrences) == (RupturePhase.CONFIRMED, 2)


def test_it_may_be_left_unrepaired_by_the_therapist_with_a_reason_and_mended_after_all():
    left = do(RUPTURE, "leave_unrepaired", rupture(), T, reason=LeftReason.CLIENT_PREFERS_NOT).after
    assert (left.phase, left.left_reason) == (RupturePhase.UNREPAIRED, LeftReason.CLIENT_PREFERS_NOT)
    assert "begin_repair" in RUPTURE.open_moves(left.phase, Role.POLICY)


def test_what_was_dealt_with_in_the_room_was_one():
    suspected = rupture(RupturePhase.SUSPECTED)
    assert codes(do(RUPTURE, "dismiss", suspected, T, reason=DismissalReason.ALREADY_ADDRESSED)) == {"was_one"}
    for reason in but(DismissalReason, DismissalReason.ALREADY_ADDRESSED):
        assert codes(do(RUPTURE, "dismiss", suspected, T, reason=reason, note="Seen.")) == set()


@pytest.mark.parametrize("phase", [RupturePhase.CONFIRMED, RupturePhase.IN_REPAIR, RupturePhase.PARTIALLY_REPAIRED])
def test_a_client_who_asked_for_a_repair_is_not_said_to_prefer_none(phase):
    asked = do(RUPTURE, "ask_for_repair", rupture(phase), C).after
    with refused("reason", saying="The client asked for a repair"):
        do(RUPTURE, "leave_unrepaired", asked, T, reason=LeftReason.CLIENT_PREFERS_NOT)
    for reason in but(LeftReason, LeftReason.CLIENT_PREFERS_NOT):
        assert codes(do(RUPTURE, "leave_unrepaired", asked, T, reason=reason)) == {"client_asked_for_repair"}
        assert codes(do(RUPTURE, "leave_unrepaired", rupture(phase), T, reason=reason)) == set()


def test_whoever_describes_what_a_client_told_of_is_told_that_the_client_reads_it():
    theirs = report(C, summary="You charged me for being ill.").after
    assert codes(revise(theirs, T, type=RuptureType.CONFRONTATION)) == {"client_reads_this"}
    assert codes(revise(theirs, T, therapist_intensity=3)) == codes(revise(theirs, C, type=RuptureType.MIXED)) == set()
    unseen = report(C, summary="Not yet.", shared_with_client=False).after
    assert codes(revise(unseen, T, type=RuptureType.CONFRONTATION)) == set()


OPEN_TO_TALK = (RupturePhase.SUSPECTED, RupturePhase.CONFIRMED, RupturePhase.IN_REPAIR,
                RupturePhase.PARTIALLY_REPAIRED, RupturePhase.UNREPAIRED)  # fmt: skip


@pytest.mark.parametrize("phase", OPEN_TO_TALK)
def test_a_client_asks_to_talk_about_it_and_it_stays_where_it_is(phase):
    asked = do(RUPTURE, "ask_for_repair", rupture(phase), C)
    assert (asked.after.phase, asked.after.repair_asked_on) == (phase, TODAY)
    assert asked.event.type == "rupture.repair_asked_for", "which is how the therapist hears of it"


@pytest.mark.parametrize("by", [T, S, API])
def test_nobody_asks_in_the_clients_place(by):
    with refused(status=403):
        do(RUPTURE, "ask_for_repair", rupture(), by)


@pytest.mark.parametrize("phase", OPEN_TO_TALK)
def test_an_account_may_be_said_better_later_and_the_log_says_what_changed(phase):
    better = revise(rupture(phase), T, type=RuptureType.MIXED, summary="It began last week.")
    assert better.after.phase is phase
    assert (dict(better.event.set), better.event.texts) == (
        {"type": "mixed", "shared_with_client": False}, ("summary",)
    )  # fmt: skip


@pytest.mark.parametrize("change", [{"summary": "He was upset about a fee."}, {"shared_with_client": False}])
@pytest.mark.parametrize("by", [T, S, API])
def test_nobody_rewrites_or_hides_the_clients_own_words(by, change):
    theirs = report(C, summary="You charged me for being ill.").after
    with refused(next(iter(change))):
        revise(theirs, by, **change)
    assert revise(theirs, by, type=RuptureType.CONFRONTATION).after.summary == theirs.summary
    assert revise(theirs, C, summary="You charged me while I was ill.").after.summary != theirs.summary


def test_a_client_does_not_rewrite_a_therapists_account():
    with refused(saying="their own report"):
        revise(report(T, summary="…").after, C, summary="It was not like that.")


# -- what must never happen --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("by", "whose"), [(T, None), (C, None), (S, None), (API, None), (API, Reporter.CLIENT)])
def test_no_number_opens_a_rupture_or_keeps_one_from_being_opened(by, whose):
    numbers = product((None, 1, 5), (None,) if by is C else (None, 1, 5), (None, 1, 5))
    seen = {
        do(RUPTURE, "report", by=by, reported_by=whose, client_intensity=client, therapist_intensity=therapist,
           markers=() if by is C else (Marker(code=MarkerCode.DENIAL, party=Party.CLIENT, salience=salience),),
           ).after.phase
        for client, therapist, salience in numbers
    }  # fmt: skip
    assert len(seen) == 1


def test_no_move_on_a_rupture_is_told_a_score():
    numbers = {
        (move.name, name)
        for move in RUPTURE.moves
        for name, hint in type_hints(move.takes).items()
        if any(isinstance(m, Between) and isinstance(m.low, int) for m in markers(hint))
    }
    said = {(name, f"{whose}_intensity") for name in ("report", "revise") for whose in ("client", "therapist")}
    assert numbers == said, "how intense it was for each of the two, and no other number"


def test_no_consequence_for_a_rupture_comes_from_anything_but_what_people_did():
    sources = {event.partition(".")[0] for policy in POLICIES if policy.machine is RUPTURE for event in policy.events}
    assert sources == {"repair", "relationship"}


def test_no_record_has_a_place_for_who_is_to_blame():
    named = set(type_hints(Rupture)) | {n for r in records(Rupture).values() for n in type_hints(r)}
    assert not named & {"cause", "caused_by", "fault", "blame", "initiator"}
