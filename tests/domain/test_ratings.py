"""Whose view a rating is, what is asked beside a form, and that no two views are ever one series."""

from typing import Any
from uuid import UUID

import pytest

from domain.access import Role
from domain.detection import ObserverCode, Rater
from domain.instruments import WAI_SR
from domain.move import ConsentText
from domain.rating import ALLIANCE_RATING, AllianceRating, DirectReport, ObserverRating
from domain.scoring import Completeness, ItemAnswer, SubscaleScore
from domain.series import gathered, sheet_of
from domain.session import SessionPhase
from tests.domain.given import CLIENT_ID, SOMEBODY, THERAPIST_ID, do, refused, relationship, session
from tests.domain.ratings import sitting

INTEGRATION, THERAPIST, CLIENT, SUPERVISOR = Role.INTEGRATION, Role.THERAPIST, Role.CLIENT, Role.SUPERVISOR
OTHER = UUID(int=77)
TOTAL = (SubscaleScore(subscale="total", score=4.0),)


def rating(by: Role = CLIENT, **said: Any) -> AllianceRating:
    known = {"session_id": SOMEBODY, "instrument": "wai-sr", "scores": TOTAL, "parent": session()}
    found: AllianceRating = do(ALLIANCE_RATING, "record", by=by, **{**known, **said}).after
    return found


def asked(by: Role = CLIENT, **said: Any) -> AllianceRating:
    """A rating without any form."""
    return rating(by, **{"instrument": None, "scores": (), **said})


# -- whose it is -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "rater", "rater_id"),
    [(CLIENT, Rater.CLIENT, str(CLIENT_ID)), (THERAPIST, Rater.THERAPIST, str(THERAPIST_ID)),
     (SUPERVISOR, Rater.SUPERVISOR, "supervisor")],
)  # fmt: skip
def test_a_person_rates_as_themselves(by: Role, rater: Rater, rater_id: str) -> None:
    codes = (ObserverRating(code=ObserverCode.CF_P, salience=2),) if by is SUPERVISOR else ()
    found = asked(by, observer_codes=codes) if codes else rating(by)
    assert (found.rater, found.rater_id) == (rater, rater_id)


@pytest.mark.parametrize(
    ("by", "rater"),
    [(CLIENT, "therapist"), (CLIENT, "observer"), (THERAPIST, "client"), (THERAPIST, "observer"),
     (SUPERVISOR, "client"), (SUPERVISOR, "therapist")],
)  # fmt: skip
def test_nobody_rates_as_somebody_else(by: Role, rater: str) -> None:
    with refused("rater", saying="Your role rates as"):
        rating(by, rater=Rater(rater))


def test_a_therapist_does_not_rate_as_a_colleague() -> None:
    with refused("rater_id", saying="somebody else"):
        rating(THERAPIST, rater_id=str(OTHER))


def test_an_integration_says_whose_view_it_is() -> None:
    with refused("rater", saying="Whose view it is"):
        rating(INTEGRATION)
    assert rating(INTEGRATION, rater=Rater.CLIENT).rater_id == str(CLIENT_ID)
    assert rating(INTEGRATION, rater=Rater.THERAPIST).rater_id == str(THERAPIST_ID)
    assert rating(INTEGRATION, rater=Rater.OBSERVER, rater_id="coder 2").rater_id == "coder 2"


def test_of_two_therapists_an_integration_says_which() -> None:
    both = relationship(therapist_ids=(THERAPIST_ID, OTHER))
    with refused("rater_id", saying=f"now there are: {THERAPIST_ID}, {OTHER}"):
        rating(INTEGRATION, rater=Rater.THERAPIST, pair=both)
    assert rating(INTEGRATION, rater=Rater.THERAPIST, rater_id=str(OTHER), pair=both).rater_id == str(OTHER)


def test_a_therapist_is_known_by_their_id_here_in_whatever_spelling() -> None:
    with refused("rater_id", saying="The id of the therapist"):
        rating(INTEGRATION, rater=Rater.THERAPIST, rater_id="Dr Rivera")
    for spelled in (str(THERAPIST_ID).upper(), THERAPIST_ID.hex, f"{{{THERAPIST_ID}}}"):
        assert rating(INTEGRATION, rater=Rater.THERAPIST, rater_id=spelled).rater_id == str(THERAPIST_ID)


def test_a_therapist_of_before_may_still_be_brought_in() -> None:
    assert rating(INTEGRATION, rater=Rater.THERAPIST, rater_id=str(OTHER)).rater_id == str(OTHER)


def test_another_clients_view_is_not_taken_for_this_clients() -> None:
    with refused("rater_id", saying="somebody else"):
        rating(INTEGRATION, rater=Rater.CLIENT, rater_id=str(OTHER))


# -- what was rated --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [p for p in SessionPhase if p is not SessionPhase.HELD])
def test_only_a_session_that_was_held_is_rated(phase: SessionPhase) -> None:
    with refused("session_id", saying=f"this one is {phase}"):
        rating(parent=session(phase=phase))


def test_a_form_is_rated_by_those_it_is_for() -> None:
    with refused("instrument", saying="srs is rated by: client; not as therapist."):
        rating(THERAPIST, instrument="srs", scores=(SubscaleScore(subscale="total", score=9.0),))


def test_a_rating_says_something() -> None:
    with refused("instrument", saying="An instrument with its answers, a direct report, or observer codes."):
        asked()


def test_a_direct_question_needs_no_form() -> None:
    found = asked(direct_report=DirectReport(problem=True, intensity=3, resolved=4))
    assert (found.instrument, found.total, found.completeness) == (None, None, None)


def test_a_direct_question_does_not_stand_in_for_a_form_that_was_not_filled_in() -> None:
    with refused("answers", saying="Not sent: items 1, 2"):
        rating(scores=(), direct_report=DirectReport(problem=True))


def test_where_there_was_no_problem_nothing_was_strong_or_resolved() -> None:
    for more in ({"intensity": 2}, {"resolved": 5}):
        with refused("direct_report"):
            asked(direct_report=DirectReport(problem=False, **more))


def test_observers_code_and_participants_are_asked() -> None:
    codes = (ObserverRating(code=ObserverCode.WD_T, salience=3),)
    report = DirectReport(problem=True)
    assert asked(SUPERVISOR, rater=Rater.OBSERVER, observer_codes=codes).observer_codes == codes
    for by in (CLIENT, THERAPIST):
        with refused("observer_codes"):
            asked(by, observer_codes=codes)
    with refused("direct_report"):
        asked(SUPERVISOR, direct_report=report)
    with refused("observer_codes", saying="Each code is rated once."):
        asked(SUPERVISOR, rater=Rater.OBSERVER, observer_codes=codes * 2)


def test_answers_without_an_instrument_and_a_version_without_one_are_refused() -> None:
    with refused("scores", saying="send instrument"):
        asked(scores=TOTAL)
    with refused("instrument", saying="Of which instrument"):
        asked(instrument_version="2006", direct_report=DirectReport(problem=True))


def test_answers_and_scores_are_not_sent_together() -> None:
    filled = tuple(ItemAnswer(item=item, value=3.0) for item in range(1, 13))
    with refused("scores", saying="send one, and null for the other"):
        rating(answers=filled)


def test_a_blank_form_is_recorded_as_incomplete() -> None:
    found = rating(scores=(), answers=tuple(ItemAnswer(item=item, value=None) for item in range(1, 13)))
    assert (found.total, found.bond, found.completeness) == (None, None, Completeness.INCOMPLETE)


def test_what_a_client_shows_is_the_clients_to_say() -> None:
    assert rating().shared_with_therapist is False, "nobody saying is a no"
    assert rating(shared_with_therapist=True).shared_with_therapist is True
    for by in (THERAPIST, SUPERVISOR):
        with refused("shared_with_therapist"):
            rating(by, shared_with_therapist=True, **({"rater": Rater.OBSERVER} if by is SUPERVISOR else {}))


def test_what_a_client_was_told_stands_beside_the_choice_whichever_it_was() -> None:
    for choice in (True, False):
        text = (ConsentText(policy_id=SOMEBODY, edition="2"),)
        told = rating(shared_with_therapist=choice, sharing_text_version="2", sharing_policy_id=SOMEBODY, texts=text)
        assert (told.sharing_text_version, told.sharing_policy_id) == ("2", SOMEBODY)
    assert (rating().sharing_text_version, rating().sharing_policy_id) == (None, None)
    with refused("sharing_text_version"):
        rating(sharing_policy_id=SOMEBODY)
    with refused("sharing_text_version"):
        rating(THERAPIST, sharing_text_version="2")
    with refused("sharing_policy_id"):
        rating(THERAPIST, sharing_policy_id=SOMEBODY)


@pytest.mark.parametrize("by", [THERAPIST, SUPERVISOR])
def test_a_clients_rating_is_nobody_elses_to_correct_or_to_show(by: Role) -> None:
    for move, said in (("correct", {"scores": TOTAL, "shared_with_therapist": True}), ("mark_in_error", {})):
        with refused(saying="A rating is corrected by whoever gave it."):
            do(ALLIANCE_RATING, move, rating(), by, **said)


# -- no two views are one series -------------------------------------------------------------------------------------


def test_client_therapists_and_observers_have_a_series_each() -> None:
    """Two therapists of a couple, and two coders of one recording, are two people."""
    held = [sitting(number) for number in (1, 2)]
    raters = [
        (Rater.CLIENT, "c", 5.0), (Rater.THERAPIST, "t1", 4.0), (Rater.THERAPIST, "t2", 2.0),
        (Rater.OBSERVER, "o1", 3.0), (Rater.OBSERVER, "o2", 1.0),
    ]  # fmt: skip
    readings = [
        sheet_of(WAI_SR, rater).read(seat.session_id, score, rater_id=who)
        for seat in held for rater, who, score in raters
    ]  # fmt: skip
    for order in (readings, readings[::-1]):
        found = gathered(held, order)
        assert {(s.rater, s.rater_id): [sat.score for sat in s.sittings] for s in found} == {
            (rater, who): [score, score] for rater, who, score in raters
        }


# -- what is kept from the therapist -----------------------------------------------------------------------------------


def advised(name: str, by: Role, state: AllianceRating | None = None, **said: Any) -> list[str]:
    known = {"parent": session(), "direct_report": DirectReport(problem=True, intensity=3)}
    found = do(ALLIANCE_RATING, name, state, by=by, **{**known, **said}).advisories
    return [advisory.code for advisory in found]


def test_a_client_who_says_that_something_was_wrong_is_told_that_their_therapist_does_not_see_it() -> None:
    (advisory,) = do(
        ALLIANCE_RATING, "record", by=CLIENT, parent=session(), direct_report=DirectReport(problem=True)
    ).advisories  # fmt: skip
    assert (advisory.code, advisory.detail) == (
        "not_shared",
        "Your therapist does not see this answer. You can share it (PATCH shared_with_therapist), or tell them "
        "yourself.",
    )


def test_it_is_not_said_where_it_is_shared_where_nothing_was_wrong_or_to_anybody_else() -> None:
    assert advised("record", CLIENT, shared_with_therapist=True) == []
    assert advised("record", CLIENT, direct_report=DirectReport(problem=False)) == []
    assert advised("record", CLIENT, direct_report=None, instrument="wai-sr", scores=TOTAL) == []
    assert advised("record", THERAPIST) == []
    assert advised("record", INTEGRATION, rater=Rater.CLIENT) == []


def test_whoever_takes_back_that_they_shared_it_is_told_as_well() -> None:
    shared = asked(direct_report=DirectReport(problem=True), shared_with_therapist=True)
    assert advised("correct", CLIENT, shared) == ["not_shared"]
    assert advised("correct", CLIENT, shared, shared_with_therapist=True) == []
