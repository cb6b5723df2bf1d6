"""The ending report: what was owed, how each was met, and who made an exception."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest

from domain.access import Role
from domain.consent import Consent, ConsentGiver, ConsentHolder
from domain.endings import EndingKind, Reason
from domain.errors import Incomplete
from domain.handover import Handed, HandoverTask
from domain.outreach import Channel, Outreach
from domain.owed import EXCUSES, Duty, Excepted, ExceptionCode
from domain.readiness import Ruptures
from domain.relationship import Risk
from domain.report import SAYS, DutyStatus, EndingReport, Evidence, Logged, report
from domain.termination import TERMINATION_PLAN, PlanPhase, TerminationPlan
from domain.values import plain
from tests.domain.given import ID, RELATIONSHIP_ID, TODAY, do, relationship

T = Role.THERAPIST
LOW, HIGH = (relationship(risk=risk, screened_on=TODAY) for risk in (Risk.LOW, Risk.HIGH))
GIVEN: Mapping[str, Any] = {
    "reasons": (Reason.THERAPIST_LEAVING,), "notice_given_on": date(2026, 2, 2), "counselling_offered": True,
    "alternative_providers": ("Dr Okafor",),
}  # fmt: skip
OF = {"reasons": Duty.REASONS, "notice_given_on": Duty.NOTICE, "counselling_offered": Duty.COUNSELLING,
      "alternative_providers": Duty.ALTERNATIVES, "risk_screen": Duty.RISK_SCREEN}  # fmt: skip
EXCEPTION = Excepted(
    code=ExceptionCode.THREAT, detail="On record.", recorded_by="somebody", recorded_as=T, recorded_on=date(2026, 3, 2)
)


def plan(**said: Any) -> TerminationPlan:
    return TerminationPlan(**{"id": ID, "relationship_id": RELATIONSHIP_ID, "phase": PlanPhase.PLANNED, **said})


def logged(move: str, to: str, version: int = 1, **data: Any) -> Logged:
    at = datetime(2026, 3, version, tzinfo=UTC)
    kind = TERMINATION_PLAN.type_of(TERMINATION_PLAN.by_name[move])
    return Logged(type=kind, version=version, at=at, actor_kind=T, actor_id="somebody", target=to, data={"set": data})


def screened(version: int, **data: str) -> Logged:
    at = datetime(2026, 3, version, tzinfo=UTC)
    return Logged(type="", version=version, at=at, actor_kind=T, actor_id="x", target="", data={"set": data})


def told(state: TerminationPlan, pair: Any = LOW, *log: Logged, **more: Any) -> EndingReport:
    return report(state, Evidence(relationship=pair, log=log, attempts_asked=3, channels_asked=2, **more), TODAY)


def standing(found: EndingReport) -> dict[Duty, DutyStatus]:
    return {line.duty: line.status for line in found.duties}


@pytest.mark.parametrize("kind", [EndingKind.THERAPIST_INITIATED, EndingKind.FORCED_ADMINISTRATIVE])
def test_what_the_report_finds_missing_is_what_would_have_refused_the_ending(kind):
    for count in range(len(OF) + 1):
        for missing in combinations(OF, count):
            given = {name: value for name, value in GIVEN.items() if name not in missing}
            state = plan(kind=kind, **given)
            pair = relationship() if "risk_screen" in missing else LOW
            found = standing(told(state, pair))
            assert {OF[name] for name in missing} == {d for d, s in found.items() if s is DutyStatus.OUTSTANDING}
            assert set(found) == set(OF.values())
            if missing:
                with pytest.raises(Incomplete) as refused:
                    do(TERMINATION_PLAN, "end", state, pair=pair)
                named = {e["pointer"].removeprefix("#/") for e in refused.value.members["errors"]}
                assert named == set(missing)


def test_an_exception_covers_what_is_not_on_record_and_says_who_and_when():
    state = plan(kind=EndingKind.THERAPIST_INITIATED, exception=EXCEPTION, ended_on=TODAY, phase=PlanPhase.ENDED)
    found = told(state, relationship(), logged("introduce", "introduced"), logged("end", "ended", 2))
    assert {duty for duty, status in standing(found).items() if status is DutyStatus.EXCEPTED} == {
        Duty.NOTICE, Duty.COUNSELLING, Duty.ALTERNATIVES
    }  # fmt: skip
    assert found.exception
    made = (found.exception.recorded_by, found.exception.recorded_by_id, found.exception.recorded_on)
    assert made == (T, "somebody", date(2026, 3, 2))
    assert found.exception.detail == "On record."
    assert "Under an exception: notice, counselling, alternatives." in found.in_short
    assert "Not given, and the exception does not excuse it: reasons, risk screen." in found.in_short


@pytest.mark.parametrize("code", ExceptionCode)
def test_what_an_exception_does_not_excuse_was_not_given(code):
    state = plan(kind=EndingKind.FORCED_ADMINISTRATIVE, exception=replace(EXCEPTION, code=code), ended_on=TODAY)
    for line in told(state, relationship()).duties:
        excused = line.duty in EXCUSES[code]
        assert line.status is (DutyStatus.EXCEPTED if excused else DutyStatus.NOT_EXCUSED)
        assert excused or line.detail == "Not given; the exception does not excuse it."


def test_every_consent_is_told_and_of_two_guardians_each_with_their_own_day():
    first = Consent(text_version="1", given_on=date(2025, 9, 1), given_by=ConsentGiver.GUARDIAN, holder="File 12")
    both = (ConsentHolder(name="The mother", consented_on=date(2026, 2, 2)), ConsentHolder(name="The father"))
    now = Consent(text_version="2", given_on=date(2026, 2, 2), given_by=ConsentGiver.GUARDIAN, holders=both)
    found = told(plan(consent=now, earlier_consents=(first,)))
    assert found.consent
    assert (found.consent.holders, found.consent.awaited) == ((date(2026, 2, 2), None), 1)
    assert found.consent.detail == "1 of 2 guardians have consented." and found.consent.detail in found.in_short
    assert [(c.text_version, c.holders, c.detail) for c in found.earlier_consents] == [
        ("1", (), "The guardian has consented.")
    ]
    for name in ("mother", "father", "File 12"):
        assert name not in str(plain(found))


def test_a_log_that_no_longer_goes_back_to_the_beginning_says_so():
    assert told(plan(kind=EndingKind.THERAPIST_INITIATED)).history_complete is False


def test_who_leaves_or_dies_owes_nothing_and_is_owed_nothing():
    left = plan(kind=EndingKind.CLIENT_INITIATED, phase=PlanPhase.ENDED, ended_on=TODAY)
    for found in (
        told(left, HIGH, logged("client_ends", "ended"), ruptures=Ruptures(ended_unrepaired=1)),
        told(
            left,
            HIGH,
            logged("client_ends", "ended"),
            logged("revise", "ended", 2),
            ruptures=Ruptures(ended_unrepaired=1),
        ),
        told(plan(kind=EndingKind.CLIENT_DECEASED, ended_on=TODAY), HIGH),
    ):
        assert found.duties == ()
        assert "No duty is checked for an ending of this kind." in found.in_short


def test_of_who_left_or_died_at_high_risk_it_is_told_what_was_done_about_it():
    gone = date(2026, 2, 20)
    risky = relationship(risk=Risk.HIGH, screened_on=date(2026, 2, 10))
    left = plan(kind=EndingKind.CLIENT_INITIATED, phase=PlanPhase.ENDED, ended_on=gone)
    died = replace(left, kind=EndingKind.CLIENT_DECEASED)
    kept = plan(kind=EndingKind.PLANNED_MUTUAL, agreed_by_client=True, ended_on=date(2026, 1, 5), died_on=gone)
    for state, what in ((left, "left"), (died, "died"), (kept, "died")):
        said = f"Risk was high when the client {what}; what was done about it: "
        move = "client_ends" if state is left else "client_died"
        nothing = told(state, risky, logged(move, "ended"))
        assert f"{said}nothing on record." in nothing.in_short
        assert "Risk was high at the last screening." not in nothing.in_short
        calls = tuple(Outreach(channel=Channel.PHONE, attempted_on=date(2026, 2, d)) for d in (1, 21))
        handed = (Handed(task=HandoverTask.RISK_TOLD, done_on=date(2026, 2, 22)),)
        done = told(replace(state, outreach=calls, handover=handed), risky, logged(move, "ended"))
        assert f"{said}reached for by phone on 21 February 2026; risk told on 22 February 2026." in done.in_short
        calm = told(state, relationship(risk=Risk.LOW, screened_on=gone), logged(move, "ended"))
        assert not [line for line in calm.in_short if "isk was high" in line]


def test_risk_is_told_as_it_was_known_when_they_left_and_what_was_found_later_as_found_later():
    left = plan(kind=EndingKind.CLIENT_INITIATED, phase=PlanPhase.ENDED, ended_on=date(2026, 3, 2))
    log = (screened(1, risk="high", screened_on="2026-03-01"), screened(3, risk="low", screened_on="2026-03-02"))
    now = relationship(risk=Risk.LOW, screened_on=date(2026, 3, 2))
    found = told(left, now, logged("client_ends", "ended", 2), screenings=log)
    assert (
        "Risk was high when the client left; what was done about it: screened again on 2 March 2026: low."
        in found.in_short
    )
    before = (log[0], replace(log[1], at=datetime(2026, 3, 2, tzinfo=UTC) - timedelta(hours=1)))
    calm = told(left, now, logged("client_ends", "ended", 2), screenings=before)
    assert not [line for line in calm.in_short if "isk was high" in line]


def test_an_end_that_is_dated_back_does_not_put_the_risk_that_was_known_behind_it():
    log = (screened(2, risk="high", screened_on="2026-03-02"),)
    over = plan(kind=EndingKind.PLANNED_MUTUAL, agreed_by_client=True, ended_on=date(2026, 2, 20))
    assert Duty.HIGH_RISK_HANDED_OVER in standing(told(over, HIGH, logged("end", "ended", 3), screenings=log))
    assert Duty.HIGH_RISK_HANDED_OVER not in standing(told(over, HIGH, logged("end", "ended", 1), screenings=log))


def test_who_left_and_then_died_still_left_and_what_was_found_between_came_later():
    left = plan(kind=EndingKind.CLIENT_INITIATED, phase=PlanPhase.ENDED, ended_on=date(2026, 3, 2), died_on=TODAY)
    log = (logged("client_ends", "ended", 2), logged("client_died", "ended", 4))
    found = told(left, LOW, *log, screenings=(screened(1, risk="low", screened_on="2026-03-01"),))
    assert (found.duties, found.in_short[1]) == ((), "No duty is checked for an ending of this kind.")
    over = replace(left, kind=EndingKind.PLANNED_MUTUAL, agreed_by_client=True, died_on=date(2026, 3, 4))
    between = (screened(1, risk="low", screened_on="2026-03-01"), screened(3, risk="high", screened_on="2026-03-03"))
    high = relationship(risk=Risk.HIGH, screened_on=date(2026, 3, 3))
    later = told(over, high, logged("end", "ended", 2), log[1], screenings=between)
    assert Duty.HIGH_RISK_HANDED_OVER not in standing(later), "it was low when the therapy ended"
    assert "Risk was high when the client died; what was done about it: nothing on record." in later.in_short


def test_a_screening_that_came_after_the_end_was_not_done_before_it():
    state = plan(kind=EndingKind.THERAPIST_INITIATED, exception=EXCEPTION, ended_on=date(2026, 2, 20), **GIVEN)
    late = (screened(2, risk="low", screened_on="2026-03-02"),)
    found = standing(told(state, LOW, logged("end", "ended", 1), screenings=late))
    assert found[Duty.RISK_SCREEN] is DutyStatus.NOT_EXCUSED


@pytest.mark.parametrize(("told_on", "words"), [
    (date(2026, 2, 2), "28 days ahead"), (date(2026, 3, 1), "1 day ahead"), (TODAY, "Told on the day of the end"),
    (date(2026, 3, 3), "Told 1 day after the end"), (date(2026, 3, 11), "Told 9 days after the end"),
])  # fmt: skip
def test_notice_is_told_in_words_and_never_below_zero(told_on, words):
    state = plan(kind=EndingKind.THERAPIST_INITIATED, **GIVEN | {"notice_given_on": told_on}, ended_on=TODAY)
    assert {line.detail for line in told(state).duties if line.duty is Duty.NOTICE} == {f"{words}."}
    planned = replace(state, ended_on=None, target_date=TODAY)
    for line in told(planned).duties:
        assert "-" not in line.detail and "the end" not in line.detail


def test_what_of_a_handover_nothing_is_on_record_of_is_not_called_on_record():
    accepted = (logged("begin_transfer", "transferring", 1), logged("transfer_accepted", "ended", 2))
    over = plan(kind=EndingKind.TRANSFER, phase=PlanPhase.ENDED, ended_on=TODAY)
    assert told(over, LOW, *accepted).in_short[1] == (
        "Checked duties are on record, but not this of the handover: release consented, summary sent, risk told, "
        "first appointment, goodbye held."
    )
    some = replace(over, handover=tuple(Handed(task=t, done_on=TODAY) for t in (
        HandoverTask.RELEASE_CONSENTED, HandoverTask.SUMMARY_SENT, HandoverTask.GOODBYE_HELD)))  # fmt: skip
    moderate = relationship(risk=Risk.MODERATE, screened_on=TODAY)
    found = told(some, moderate, *accepted)
    assert found.in_short[1] == (
        "Checked duties are on record, but not this of the handover: risk told (risk was open), first appointment."
    )
    assert found.transfer and found.transfer.handover_missing == (
        HandoverTask.RISK_TOLD, HandoverTask.FIRST_APPOINTMENT,
    )  # fmt: skip
    everything = replace(over, handover=tuple(Handed(task=t, done_on=TODAY) for t in HandoverTask))
    assert told(everything, HIGH, *accepted).in_short[1] == "Checked duties are on record."


def test_until_the_client_said_so_themselves_it_is_told_whose_word_it_is():
    mutual = plan(kind=EndingKind.PLANNED_MUTUAL, agreed_by_client=True)
    theirs = "The therapist recorded that the client agrees; the client has not said so themselves."
    found = told(mutual)
    assert theirs in found.in_short and [line.detail for line in found.duties] == [theirs]
    own = told(replace(mutual, client_agreed_on=TODAY))
    assert theirs not in own.in_short and own.client_agreed_on == TODAY
    assert [(line.detail, line.on) for line in own.duties] == [("The client said so themselves.", TODAY)]
    assert theirs not in told(plan(kind=EndingKind.PLANNED_MUTUAL)).in_short


def test_a_rupture_that_was_reported_after_the_end_did_not_stand_open_at_it():
    over = plan(kind=EndingKind.PLANNED_MUTUAL, agreed_by_client=True, ended_on=TODAY, phase=PlanPhase.ENDED)
    assert Duty.RUPTURES_FACED not in standing(told(over, ruptures=Ruptures(open=1)))
    assert Duty.RUPTURES_FACED in standing(told(over, ruptures=Ruptures(ended_unrepaired=1)))


def test_an_ending_that_rests_on_the_clients_word_shows_that_it_was_given():
    for kind in (EndingKind.PLANNED_MUTUAL, EndingKind.CLIENT_INITIATED):
        for agreed in (True, None):
            found = standing(told(plan(kind=kind, agreed_by_client=agreed), LOW, logged("plan_ending", "planned")))
            assert found == {Duty.AGREEMENT: DutyStatus.MET if agreed else DutyStatus.OUTSTANDING}


def test_a_lapse_shows_how_far_the_ladder_was_climbed():
    def tries(*channels: Channel, offered: bool | None = True) -> DutyStatus:
        attempts = tuple(Outreach(channel=c, attempted_on=TODAY, offered_return=offered) for c in channels)
        state = plan(kind=EndingKind.LAPSED_NO_CONTACT, phase=PlanPhase.ENDED, ended_on=TODAY, outreach=attempts)
        return standing(told(state))[Duty.OUTREACH]

    phone, letter = Channel.PHONE, Channel.LETTER
    assert tries(phone, phone, letter) is DutyStatus.MET
    for few in ((phone, letter), (phone,) * 3, (letter,) * 3, (phone, phone, Channel.CONTACT_PERSON), ()):
        assert tries(*few) is DutyStatus.NOT_ON_RECORD
    for unsaid in (None, False):
        assert tries(phone, phone, letter, offered=unsaid) is DutyStatus.NOT_ON_RECORD


def test_a_transfer_is_done_when_the_receiver_has_accepted():
    waiting = plan(kind=EndingKind.TRANSFER, phase=PlanPhase.TRANSFERRING)
    begun = logged("begin_transfer", "transferring", 2)
    assert standing(told(waiting, LOW, begun)) == {Duty.ACCEPTANCE: DutyStatus.OUTSTANDING}
    over = plan(kind=EndingKind.TRANSFER, phase=PlanPhase.ENDED, ended_on=TODAY)
    found = told(over, HIGH, begun, logged("transfer_accepted", "ended", 3))
    assert standing(found) == {Duty.ACCEPTANCE: DutyStatus.MET, Duty.HIGH_RISK_HANDED_OVER: DutyStatus.MET}
    assert found.transfer
    assert (found.transfer.begun_on, found.transfer.accepted_on) == (date(2026, 3, 2), date(2026, 3, 3))


def test_high_risk_counts_as_it_was_at_the_end_and_not_as_it_was_found_later():
    ended = date(2026, 2, 1)
    state = plan(kind=EndingKind.PLANNED_MUTUAL, agreed_by_client=True, ended_on=ended, phase=PlanPhase.ENDED)
    assert Duty.HIGH_RISK_HANDED_OVER not in standing(told(state, HIGH))
    before = relationship(risk=Risk.HIGH, screened_on=ended)
    assert standing(told(state, before))[Duty.HIGH_RISK_HANDED_OVER] is DutyStatus.NOT_ON_RECORD


def test_ruptures_that_stood_open_were_faced_or_were_not():
    for seen, status in ((True, DutyStatus.MET), (False, DutyStatus.OUTSTANDING)):
        state = plan(kind=EndingKind.PLANNED_MUTUAL, agreed_by_client=True, open_ruptures_acknowledged=seen)
        assert standing(told(state, ruptures=Ruptures(open=2)))[Duty.RUPTURES_FACED] is status


@pytest.mark.parametrize("kind", [EndingKind.TRANSFER, EndingKind.LAPSED_NO_CONTACT, EndingKind.THERAPIST_INCAPACITY])
def test_where_no_move_asks_whether_ruptures_were_seen_nobody_owes_an_answer(kind):
    over = plan(kind=kind, phase=PlanPhase.ENDED, ended_on=TODAY)
    found = told(over, ruptures=Ruptures(ended_unrepaired=1))
    assert Duty.RUPTURES_FACED not in standing(found) and "Ruptures that ended unrepaired: 1." in found.in_short


def test_a_screening_that_found_the_same_is_told_although_the_log_has_only_what_changed():
    log = (screened(1, risk="high", screened_on="2026-03-01"), screened(2, screened_on="2026-03-08"),
           screened(3, risk="low"))  # fmt: skip
    found = told(plan(), screenings=log).screenings
    assert [(s.screened_on.day, s.risk) for s in found] == [(1, Risk.HIGH), (8, Risk.HIGH), (8, Risk.LOW)]


def test_everything_that_can_happen_to_a_plan_can_be_told():
    assert all(SAYS[TERMINATION_PLAN.type_of(move)].endswith(".") for move in TERMINATION_PLAN.moves)
