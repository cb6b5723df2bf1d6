"""What becomes of signals when the detectors look again."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.access import Role
from domain.detection import Certainty, Detector, Finding, Rater, Rule, SignalKind
from domain.relationship import Risk
from domain.signal import SIGNAL, Change, Disposition, Signal, SignalPhase, SignalReview, changes, seen
from tests.domain.given import TODAY, around, refused, relationship

RELATIONSHIP, SESSION, LATER, SCORE = UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=4)
SCORES = {SCORE: SESSION}
"""An outcome score, and the session it was filled in for."""
FINDING = Finding(
    detector=Detector.SHRUNK_PREDICTION, version=1, kind=SignalKind.DROP, rater=Rater.CLIENT, instrument="wai_sr", instrument_version="2006",
    session_id=SESSION, reference_session_id=None, magnitude_raw=-1.17, magnitude_sd=-3.1, threshold=-2.4, grade=None,
    certainty=Certainty.CONFIRMED, parameters={"limit": 2.4}, inputs_hash="a" * 32,
)  # fmt: skip
RULES = (Rule(FINDING.detector, FINDING.version, FINDING.parameters),)


def looked(kept: list[Signal], *findings: Finding, rules: Any = RULES) -> list[Change]:
    return changes(kept, [seen(finding, RELATIONSHIP, SCORES) for finding in findings], rules)


def raised(finding: Finding = FINDING, number: int = 10, **more: Any) -> Signal:
    """The signal that a finding was raised as."""
    (change,) = looked([], finding)
    names = {n: getattr(change.body, n) for n in Signal.__dataclass_fields__ if hasattr(change.body, n)}
    return Signal(id=UUID(int=number), **{**names, **more})


def said(found: list[Change]) -> list[tuple[str, UUID | None]]:
    return [(change.move.name, change.signal and change.signal.id) for change in found]


def test_what_is_seen_for_the_first_time_is_raised() -> None:
    (change,) = looked([], FINDING)
    assert change.move is SIGNAL.begin
    assert (change.body.relationship_id, change.body.supersedes_id) == (RELATIONSHIP, None)
    assert (change.body.detector_version, change.body.inputs_hash) == (1, "a" * 32)


def test_what_is_seen_again_is_left_alone() -> None:
    assert looked([raised()], FINDING) == []


def test_a_corrected_rating_supersedes_the_signal_and_raises_it_as_it_is_now() -> None:
    corrected = replace(FINDING, inputs_hash="b" * 32, magnitude_raw=-0.9)
    found = looked([raised()], corrected)
    assert said(found) == [("supersede", UUID(int=10)), ("raise", None)]
    assert found[1].body.supersedes_id == UUID(int=10)


def test_a_signal_that_the_ratings_no_longer_show_is_superseded_and_not_deleted() -> None:
    assert said(looked([raised()])) == [("supersede", UUID(int=10))]


def test_a_provisional_signal_that_held_is_firmed_up_and_keeps_its_review() -> None:
    provisional = replace(FINDING, certainty=Certainty.PROVISIONAL)
    sure = replace(FINDING, inputs_hash="c" * 32)
    for phase in (SignalPhase.RAISED, SignalPhase.REVIEWED):
        (change,) = looked([raised(provisional, phase=phase)], sure)
        assert (change.move.name, change.body.inputs_hash) == ("firm_up", "c" * 32)


def test_nobody_is_asked_twice_about_the_same_numbers_because_the_rules_changed() -> None:
    stricter = {"limit": 2.0}
    again = replace(FINDING, parameters=stricter)
    rules = (Rule(FINDING.detector, 1, stricter),)
    reviewed = raised(phase=SignalPhase.REVIEWED, disposition=Disposition.NOT_A_RUPTURE)
    assert looked([reviewed], again, rules=rules) == []
    assert looked([reviewed], rules=rules) == []
    assert said(looked([raised()], again, rules=rules)) == [("supersede", UUID(int=10)), ("raise", None)]


def test_a_reviewed_signal_is_superseded_when_its_numbers_were_corrected() -> None:
    corrected = replace(FINDING, inputs_hash="b" * 32)
    assert said(looked([raised(phase=SignalPhase.REVIEWED)], corrected)) == [
        ("supersede", UUID(int=10)),
        ("raise", None),
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_each_session_has_its_own(order: int) -> None:
    other = replace(FINDING, session_id=LATER)
    assert looked([raised(), raised(other, 11)], *[FINDING, other][::order]) == []


@pytest.mark.parametrize("order", [1, -1])
def test_two_that_were_seen_at_one_place_are_told_apart_by_what_they_rest_on(order: int) -> None:
    other = replace(FINDING, inputs_hash="d" * 32)
    kept = [raised(), raised(other, 11)]
    assert looked(kept, *[FINDING, other][::order]) == []
    assert said(looked(kept, other)) == [("supersede", UUID(int=10))]


def test_what_is_seen_in_an_outcome_score_names_the_score_and_its_session() -> None:
    (change,) = looked([], replace(FINDING, session_id=SCORE, kind=SignalKind.RISK_ITEM))
    assert (change.body.outcome_score_id, change.body.session_id) == (SCORE, SESSION)


# -- what a clinician makes of one -------------------------------------------------------------------------------------

D = Disposition
RISK_ITEM = replace(FINDING, session_id=SCORE, kind=SignalKind.RISK_ITEM)
DAY = timedelta(1)


def review(
    disposition: Disposition, signal: Signal | None = None, *, note: str | None = None, on: date = TODAY,
    screened_on: date | None = TODAY, risk: Risk = Risk.LOW, by: Role = Role.THERAPIST,
) -> Signal:  # fmt: skip
    """A review of a risk item (or of another signal), of a form filled in `on` a day."""
    pair = relationship(risk=risk, screened_on=screened_on)
    known = around(by, pair=pair, seen_on=on, new_id=UUID(int=50))
    state = signal or raised(RISK_ITEM)
    body = SignalReview(disposition=disposition, note=note)
    found: Signal = SIGNAL.decide(SIGNAL.by_name["review"], state, body, known, id=state.id).after
    return found


@pytest.mark.parametrize("disposition", [D.CONFIRMED_RUPTURE, D.NOT_A_RUPTURE, D.ALREADY_ADDRESSED])
def test_an_answer_about_somebodys_life_is_no_rupture_and_is_not_waved_through(disposition: Disposition) -> None:
    with refused("disposition", saying=f"{disposition} is not for a risk item. Ask the client, then review it as"):
        review(disposition, note="We spoke.")


@pytest.mark.parametrize("disposition", [D.ASKED_AND_SAFE, D.ASKED_AND_ACTED])
def test_whoever_asked_has_put_on_record_what_they_found(disposition: Disposition) -> None:
    for screened_on, risk in ((None, Risk.UNKNOWN), (TODAY - DAY, Risk.LOW), (TODAY, Risk.UNKNOWN)):
        with refused("disposition", saying="Record what you found: POST …/relationships/{id}/screen-risk, then review"):
            review(disposition, screened_on=screened_on, risk=risk)
    assert review(disposition, screened_on=TODAY).disposition is disposition
    assert review(disposition, on=TODAY - 9 * DAY, screened_on=TODAY - 9 * DAY, risk=Risk.HIGH).phase == "reviewed"


def test_where_it_is_tomorrow_already_a_screening_of_today_counts() -> None:
    assert review(D.ASKED_AND_ACTED, on=TODAY + DAY, screened_on=TODAY).phase == "reviewed"


@pytest.mark.parametrize("disposition", [D.COULD_NOT_ASK, D.MEASUREMENT_ARTIFACT])
def test_what_was_not_asked_is_explained_and_needs_no_screening(disposition: Disposition) -> None:
    with refused("note"):
        review(disposition, screened_on=None)
    assert review(disposition, note="Moved away; the GP was told.", screened_on=None).disposition is disposition


@pytest.mark.parametrize("disposition", [D.ASKED_AND_SAFE, D.ASKED_AND_ACTED, D.COULD_NOT_ASK])
def test_what_is_made_of_a_risk_item_is_made_of_nothing_else(disposition: Disposition) -> None:
    with refused("disposition", saying=f"{disposition} is for a risk item; this signal is a drop."):
        review(disposition, raised(), note="We spoke.")


@pytest.mark.parametrize("by", [Role.SUPERVISOR, Role.THERAPIST])
def test_what_a_client_kept_from_their_therapist_is_not_opened_as_a_rupture(by: Role) -> None:
    kept = raised(replace(FINDING, kind=SignalKind.DIRECT_REPORT), private_to_client=True)
    with refused("disposition", saying="The client kept this from their therapist. Ask the client first; they can"):
        review(D.CONFIRMED_RUPTURE, kept, by=by)
    assert review(D.ALREADY_ADDRESSED, kept, by=by).rupture_id is None
    shared = replace(kept, private_to_client=False)
    assert review(D.CONFIRMED_RUPTURE, shared, by=by).rupture_id == UUID(int=50)
