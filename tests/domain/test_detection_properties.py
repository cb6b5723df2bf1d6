"""What holds for any course of ratings: order of arrival, sessions without a score and the unit change nothing."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from domain.detection import Certainty, DirectReport, ObserverCode, Rater, RepairRule, Scale, Sitting
from domain.detectors import DETECTORS, Cutoff, RciDrop, Reference, ShewhartXmr, WithinClientDrop, detect
from domain.episodes import episodes
from domain.series import Reading, gathered
from tests.domain.ratings import FIRST, WAI

NORMED = replace(WAI, mean=4.0, sd=0.5, reliability=0.9)
CUTOFF = Cutoff(instruments=("wai-sr",), total=0.7, item=0.2)
CHOICES = [
    {name: known.parameters() for name, known in DETECTORS.items()} | {"cutoff": CUTOFF},
    {
        "rci_drop": RciDrop(reference=Reference.RUNNING_MAX, limit=1.645),
        "shewhart_xmr": ShewhartXmr(limit=2, western_electric=True),
        "within_client_drop": WithinClientDrop(limit=2, within_sd=0.05),
    },
    {"rci_drop": RciDrop(reference=Reference.BASELINE_MEAN)},
]
"""All detectors with their defaults, and what else can be chosen."""
TOP = (5.0,) * 12


@st.composite
def answers(draw):
    """Mostly high, as clients rate; often the same, so that ties and ceilings come up."""
    return draw(st.one_of(
        st.just(None), st.just(TOP), st.just((*TOP[:11], 4.0)), st.just((4.0,) * 12), st.just((3.0,) * 12),
        st.lists(st.sampled_from((1.0, 2.0, 3.0, 4.0, 5.0, 5.0)), min_size=12, max_size=12).map(tuple),
    ))  # fmt: skip


def reading(session_id, rater, scale, said, version="1", **more):
    """One form, filled in or left blank."""
    mean = None if said is None else sum(said) / 12
    return Reading(
        session_id=session_id, rater=rater, rater_id="", instrument="wai-sr", version=version, scale=scale,
        score=mean, total=None if mean is None else mean * 12, answers=() if said is None else tuple(enumerate(said, 1)),
        risk_items=(9,), **more,
    )  # fmt: skip


REPORTS = st.none() | st.builds(
    DirectReport, st.booleans(), st.none() | st.integers(1, 5), st.none() | st.integers(1, 5)
)
CODES = st.lists(st.tuples(st.sampled_from(ObserverCode), st.integers(1, 5)), max_size=2).map(tuple)


@st.composite
def course(draw):
    """Up to 24 sessions and what client, therapist and observer said about them."""
    held, readings, day = [], [], 0
    for number in range(1, draw(st.integers(1, 24)) + 1):
        session_id = UUID(int=1000 * number)
        day += draw(st.sampled_from((1, 7, 7, 7, 7, 14, 42, 43)))
        therapists = draw(st.sampled_from(("anna", "anna", "anna", "anna", "anna", "ben")))
        fresh = draw(st.sampled_from((False,) * 9 + (True,)))
        held.append(Sitting(session_id=session_id, at=FIRST + timedelta(days=day), run=therapists, new_baseline=fresh))
        version = draw(st.sampled_from(("1",) * 9 + ("2",)))
        readings += [
            reading(session_id, Rater.CLIENT, NORMED, draw(answers()), version, direct=draw(REPORTS)),
            reading(session_id, Rater.THERAPIST, replace(NORMED, mean=3.5, sd=0.6), draw(answers())),
            reading(session_id, Rater.OBSERVER, WAI, None, observer=draw(CODES)),
        ]
    return held, readings


def found(held, readings):
    """Every finding by every choice."""
    seriess = gathered(held, readings)
    return [f for chosen in CHOICES for f in detect(seriess, chosen)]


many = settings(max_examples=60, deadline=None)


@many
@given(course(), st.randoms(use_true_random=False))
def test_the_order_in_which_ratings_arrive_changes_no_finding_and_no_episode(told, luck):
    held, readings = told
    shuffled = luck.sample(held, len(held)), luck.sample(readings, len(readings))
    assert found(*shuffled) == found(held, readings)
    dips = [
        [episodes(series, detect([series], CHOICES[0]), tuple(RepairRule)) for series in gathered(*course)]
        for course in (told, shuffled)
    ]
    assert dips[0] == dips[1]


@many
@given(course())
def test_but_where_two_views_are_compared_each_series_is_looked_at_by_itself(told):
    seriess = gathered(*told)
    for chosen in CHOICES:
        alone = {name: said for name, said in chosen.items() if not DETECTORS[name].beside}
        apart = [f for series in seriess for f in detect([series], alone)]
        assert sorted(map(repr, apart)) == sorted(map(repr, detect(seriess, alone)))


@many
@given(course(), st.lists(st.tuples(st.integers(-30, 300), st.sampled_from(("anna", "ben"))), min_size=1, max_size=6))
def test_a_session_without_a_rating_changes_no_finding(told, more):
    held, readings = told
    unrated = [
        Sitting(session_id=UUID(int=number), at=FIRST + timedelta(days=day, hours=1), run=therapists)
        for number, (day, therapists) in enumerate(more, 1)
    ]
    assert found([*held, *unrated], readings) == found(held, readings)


@many
@given(course(), st.lists(st.tuples(st.integers(-30, 300), st.sampled_from(Rater)), min_size=1, max_size=6))
def test_a_session_with_a_form_left_blank_changes_no_finding(told, more):
    held, readings = told
    blanks = [
        Sitting(session_id=UUID(int=number), at=FIRST + timedelta(days=day, hours=1), run="anna")
        for number, (day, _) in enumerate(more, 1)
    ]
    scales = {r.rater: r.scale for r in readings}
    empty = [
        reading(UUID(int=n), rater, scales[rater], None) for n, (_, rater) in enumerate(more, 1) if rater in scales
    ]
    assert found([*held, *blanks], [*readings, *empty]) == found(held, readings)


@many
@given(course())
def test_a_missed_session_changes_no_finding_even_if_somebody_sent_a_form_for_it(told):
    held, readings = told
    missed = reading(UUID(int=1), Rater.CLIENT, NORMED, (1.0,) * 12)
    assert found(held, [*readings, missed]) == found(held, readings)


@many
@given(course(), st.sampled_from((0.1, 1 / 3, 0.5, 2, 7.3, 25)), st.sampled_from((-40.0, -1.0, 0.0, 0.1, 100.0)))
def test_another_unit_for_range_norms_and_answers_changes_no_finding(told, factor, shift):
    held, readings = told

    def scaled(x):
        return None if x is None else factor * x + shift

    def rescaled(r):
        s = r.scale
        scale = Scale(
            low=scaled(s.low), high=scaled(s.high), items=s.items, step=factor * s.step, mean=scaled(s.mean),
            sd=s.sd and factor * s.sd, reliability=s.reliability,
        )  # fmt: skip
        said = tuple((item, scaled(answer)) for item, answer in r.answers)
        total = None if r.score is None else 12 * scaled(r.score)
        return r._replace(scale=scale, score=scaled(r.score), total=total, answers=said)

    before, after = found(held, readings), found(held, [rescaled(r) for r in readings])

    def place(f):
        return f.detector, f.parameters, f.kind, f.rater, f.session_id, f.reference_session_id, f.grade, f.certainty

    assert list(map(place, after)) == list(map(place, before))
    assert [f.magnitude_sd or 0 for f in after] == approx([f.magnitude_sd or 0 for f in before], rel=1e-6, abs=1e-9)


@many
@given(course(), st.integers(0, 24))
def test_a_later_rating_changes_no_older_finding_that_is_confirmed(told, count):
    held, readings = told
    early = {s.session_id for s in held[:count]}
    so_far = found(held[:count], [r for r in readings if r.session_id in early])
    now = found(held, readings)
    assert [f for f in so_far if f.certainty is Certainty.CONFIRMED and f not in now] == []


@many
@given(course())
def test_a_later_rating_adds_no_finding_to_an_older_session(told):
    """A detector tells at once: what it finds at a session is there as soon as that session is rated.

    But for what was taken for the same departure as a provisional finding that came to nothing.
    """
    held, readings = told

    def place(f):
        return f.detector, f.rater, f.session_id, f.instrument_version

    for count in range(len(held), 0, -5):
        early = {s.session_id for s in held[:count]}
        so_far = found(held[:count], [r for r in readings if r.session_id in early])
        now = found(held, readings)
        places = {place(f) for f in so_far}
        gone = {(f.detector, f.rater, f.instrument_version) for f in so_far if place(f) not in {place(g) for g in now}}
        later = [f for f in now if f.session_id in early and place(f) not in places]
        assert [f for f in later if (f.detector, f.rater, f.instrument_version) not in gone] == []
