"""What stands around the work: people, sessions, the practice's policies, and who is told."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.access import Role
from domain.people import CLIENT, THERAPIST, ExternalId, PersonPhase
from domain.practice import POLICY, PolicyKind, PolicyPhase
from domain.session import SESSION, Session, SessionPhase
from domain.webhook import WEBHOOK_ENDPOINT, DisabledReason, EndpointPhase, Payload, WebhookEndpoint
from tests.domain.given import ID, NOW, RELATIONSHIP_ID, SOMEBODY, but, caller, do, refused

T, C, S, API, A = Role.THERAPIST, Role.CLIENT, Role.SUPERVISOR, Role.INTEGRATION, Role.ADMIN
P = SessionPhase
WHEN = {"relationship_id": RELATIONSHIP_ID, "starts_at": NOW}
RECORDED = but(P, P.ENTERED_IN_ERROR)
ADDRESS = "https://hooks.example/"


# -- people ------------------------------------------------------------------------------------------------------------


def test_a_client_is_pseudonymous_and_their_wounds_are_not_guessed():
    known = do(CLIENT, "register").after
    assert (known.label, known.trauma_informed, known.external_identifiers) == (None, None, ())
    assert known.registered_by == caller(T).id, "who registered them sees them before there is a relationship"


def test_other_systems_call_them_what_they_like():
    names = (ExternalId(system="https://ehr.example", value="4711"),)
    assert do(CLIENT, "register", by=API, external_identifiers=names).after.external_identifiers == names


def test_nobody_is_erased():
    for machine, by in ((CLIENT, T), (THERAPIST, A)):
        gone = do(machine, "archive", do(machine, "register", by=by).after, by).after
        assert gone.phase is PersonPhase.ARCHIVED
        assert do(machine, "restore", gone, by).after.phase is PersonPhase.ACTIVE


def test_a_therapist_does_not_hire_and_a_client_registers_nobody():
    with refused(status=403):
        do(THERAPIST, "register", by=T)
    with refused(status=403):
        do(CLIENT, "register", by=C)


# -- sessions ----------------------------------------------------------------------------------------------------------


def session(phase: SessionPhase = P.PLANNED, **said) -> Session:
    return Session(**{"id": ID, "relationship_id": RELATIONSHIP_ID, "starts_at": NOW, "phase": phase, **said})


@pytest.mark.parametrize("status", RECORDED)
def test_a_session_is_booked_or_recorded_after_the_fact(status):
    assert do(SESSION, "record", by=API, **WHEN, status=status).after.phase is status
    assert do(SESSION, "record", **WHEN).after.phase is P.PLANNED


@pytest.mark.parametrize("was", RECORDED)
def test_attendance_that_was_recorded_wrongly_is_put_right(was):
    for status in RECORDED:
        assert do(SESSION, "correct", session(was), status=status).after.phase is status


def test_what_has_not_begun_was_not_held_give_or_take_the_clocks_of_others():
    soon, later = NOW + timedelta(hours=20), NOW + timedelta(days=2)
    for status in but(P, P.HELD, P.ENTERED_IN_ERROR):
        assert do(SESSION, "record", **WHEN | {"starts_at": later}, status=status).after.phase is status
    assert do(SESSION, "record", **WHEN | {"starts_at": soon}, status=P.HELD).after.phase is P.HELD
    with refused("status", saying="not come yet"):
        do(SESSION, "record", **WHEN | {"starts_at": later}, status=P.HELD)
    with refused("status", saying="not come yet"):
        do(SESSION, "correct", session(starts_at=later), status=P.HELD)


def test_a_mistake_is_marked_as_one_and_kept():
    for attempt in (lambda: do(SESSION, "record", **WHEN, status=P.ENTERED_IN_ERROR),
                    lambda: do(SESSION, "correct", session(), status=P.ENTERED_IN_ERROR)):  # fmt: skip
        with refused("status", saying="DELETE"):
            attempt()
    assert do(SESSION, "mark_in_error", session(P.HELD)).after.phase is P.ENTERED_IN_ERROR


def test_a_client_may_cancel_and_nothing_else():
    assert do(SESSION, "cancel", session(), C).after.phase is P.CANCELLED
    assert do(SESSION, "cancel_late", session(), C).after.phase is P.LATE_CANCELLED
    assert set(SESSION.open_moves(P.PLANNED, C)) == {"cancel", "cancel_late"}


def test_one_partner_may_miss_the_meeting_that_the_other_came_to():
    seats = [do(SESSION, "record", **WHEN, meeting_id=SOMEBODY).after for _ in range(2)]
    assert do(SESSION, "hold", seats[0]).after.phase is P.HELD
    assert do(SESSION, "miss", seats[1]).after.phase is P.MISSED
    assert seats[0].meeting_id == seats[1].meeting_id == SOMEBODY


# -- the practice's policies -------------------------------------------------------------------------------------------


def test_a_practice_adopts_retires_and_reinstates_its_policies():
    adopted = do(POLICY, "adopt", by=A, kind=PolicyKind.LATE_CANCELLATION, title="48 hours").after
    retired = do(POLICY, "retire", adopted, A).after
    assert (adopted.phase, retired.phase) == (PolicyPhase.CURRENT, PolicyPhase.RETIRED)
    assert do(POLICY, "reinstate", retired, A).after == adopted


def test_the_ladder_a_new_no_contact_policy_starts_from_is_three_attempts_over_two_channels():
    policy = do(POLICY, "adopt", by=A, kind=PolicyKind.NO_CONTACT, title="Silence").after
    assert (policy.outreach_attempts, policy.outreach_channels) == (3, 2)


def test_a_therapist_lives_by_the_policies_and_a_client_reads_them():
    for by in (T, C):
        with refused(status=403):
            do(POLICY, "adopt", by=by, kind=PolicyKind.OTHER, title="Mine")
        assert by in POLICY.read_by


# -- who is told -------------------------------------------------------------------------------------------------------


def test_an_endpoint_is_told_of_everything_unless_it_asks_for_less():
    endpoint = do(WEBHOOK_ENDPOINT, "register", by=API, url=ADDRESS).after
    assert (endpoint.event_types, endpoint.payload, endpoint.phase) == (("*",), Payload.THIN, EndpointPhase.PENDING)


def answering(by: Role = A) -> WebhookEndpoint:
    pending = do(WEBHOOK_ENDPOINT, "register", by=by, url=ADDRESS).after
    found: WebhookEndpoint = do(WEBHOOK_ENDPOINT, "verify", pending, Role.POLICY).after
    return found


def test_nobody_but_the_ping_itself_says_that_an_endpoint_answers():
    pending = do(WEBHOOK_ENDPOINT, "register", by=A, url=ADDRESS).after
    for by in (A, API, T, C, S):
        with refused(status=403):
            do(WEBHOOK_ENDPOINT, "verify", pending, by)
    assert answering().phase is EndpointPhase.ENABLED


def test_a_new_address_has_to_answer_before_anything_is_sent_there():
    moved = do(WEBHOOK_ENDPOINT, "relocate", answering(), A, url=f"{ADDRESS}new").after
    assert (moved.phase, moved.url) == (EndpointPhase.PENDING, f"{ADDRESS}new")


def test_an_endpoint_is_paused_and_goes_on():
    paused = do(WEBHOOK_ENDPOINT, "pause", answering(), API).after
    assert paused.phase is EndpointPhase.PAUSED
    assert do(WEBHOOK_ENDPOINT, "resume", paused, API).after.phase is EndpointPhase.ENABLED


def test_a_recovery_has_one_beginning_and_ends_after_it():
    for said in (
        {}, {"after_seq": 1, "since": NOW}, {"after_seq": 5, "until_seq": 5}, {"since": NOW, "until": NOW},
        {"after_seq": 1, "until_seq": 9, "until": NOW},
    ):  # fmt: skip
        with refused(status=422):
            do(WEBHOOK_ENDPOINT, "recover", answering(), A, **said)
    under_way = do(WEBHOOK_ENDPOINT, "recover", answering(), A, after_seq=4, until_seq=9).after.recovery
    assert (under_way.after_seq, under_way.until_seq, under_way.asked_at) == (4, 9, NOW)


def test_a_recovery_that_is_over_is_not_the_one_that_was_asked_for_meanwhile():
    asked = do(WEBHOOK_ENDPOINT, "recover", answering(), A, after_seq=4).after
    again = do(WEBHOOK_ENDPOINT, "recover", asked, A, now=NOW + timedelta(seconds=1), after_seq=9).after
    with refused("asked_at"):
        do(WEBHOOK_ENDPOINT, "finish_recovery", again, Role.POLICY, asked_at=NOW)
    assert do(WEBHOOK_ENDPOINT, "finish_recovery", asked, Role.POLICY, asked_at=NOW).after.recovery is None


def test_a_recovery_that_lost_a_part_says_where_it_went_on_and_forgets_nothing_else():
    asked = do(WEBHOOK_ENDPOINT, "recover", answering(), A, after_seq=4, until_seq=90).after
    shorter = do(WEBHOOK_ENDPOINT, "shorten_recovery", asked, Role.POLICY, asked_at=NOW, went_on_after=30).after
    assert shorter.recovery == replace(asked.recovery, went_on_after=30)
    again = do(WEBHOOK_ENDPOINT, "recover", shorter, A, now=NOW + timedelta(seconds=1), after_seq=40).after
    assert again.recovery.went_on_after is None
    with refused("asked_at"):
        do(WEBHOOK_ENDPOINT, "shorten_recovery", again, Role.POLICY, asked_at=NOW, went_on_after=50)


def test_an_endpoint_is_switched_off_and_on_and_removed_for_good():
    off = do(WEBHOOK_ENDPOINT, "disable", answering(), A).after
    assert (off.phase, off.disabled_reason) == (EndpointPhase.DISABLED, DisabledReason.REQUESTED)
    with refused(status=409):
        do(WEBHOOK_ENDPOINT, "ping", off, A)
    wanted = do(WEBHOOK_ENDPOINT, "enable", off, A).after
    assert (wanted.phase, wanted.disabled_reason) == (EndpointPhase.PENDING, None)
    gone = do(WEBHOOK_ENDPOINT, "remove", off, A).after
    assert all(WEBHOOK_ENDPOINT.open_moves(gone.phase, by) == () for by in Role)


def test_no_one_in_the_room_says_where_events_are_sent():
    for by in (T, C, S):
        with refused(status=403):
            do(WEBHOOK_ENDPOINT, "register", by=by, url=ADDRESS)
        assert by not in WEBHOOK_ENDPOINT.read_by
