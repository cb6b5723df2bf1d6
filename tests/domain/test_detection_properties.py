"""What holds for any course of ratings: order of arrival, sessions without a score and the unit change nothing."""

from dataclasses import replace
from datetime import timedelta
from itertools import accumulate
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from domain.detection import Certainty, DirectReport, ObserverCode, Rater, RepairRule, Scale, Sitting
from domain.detectors import DETECTORS, Cutoff, RciDrop, Reference, ShewhartXmr, WithinClientDrop, detect
from domain.episodes import episodes
from domain.form import Form, InstrumentKind, Norm, Rights, Scoring, Subscale
from domain.measure import key_faults
from domain.scoring import ItemAnswer, scored
from domain.series import Reading, blanks, gathered, sheet_of
from domain.silence import COMPARED
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


many = settings(max_examples=settings.default.max_examples // 5, deadline=None)


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

    same(found(held, [rescaled(r) for r in readings]), found(held, readings))


def same(after, before):
    """The same findings, whatever the unit of their magnitudes."""

    def place(f):
        return f.detector, f.parameters, f.kind, f.rater, f.session_id, f.reference_session_id, f.grade, f.certainty

    assert list(map(place, after)) == list(map(place, before))
    assert [f.magnitude_sd or 0 for f in after] == approx([f.magnitude_sd or 0 for f in before], rel=1e-6, abs=1e-9)


# -- a practice's own form, from its answers on ------------------------------------------------------------------------


@st.composite
def forms(draw):
    """A form as a practice may define one."""
    items = tuple(range(1, draw(st.integers(2, 6)) + 1))
    some = st.sets(st.sampled_from(items)).map(sorted).map(tuple)
    scoring, parts = draw(st.sampled_from(Scoring)), draw(st.booleans())
    per = len(items) if scoring is Scoring.SUM else 1
    norms = tuple(
        Norm(rater=rater, mean=mean * per, sd=sd * per, reliability=0.9, population="Ours.", source="Ours.")
        for rater, mean, sd in ((Rater.CLIENT, 3.9, 0.5), (Rater.THERAPIST, 3.4, 0.6))
    )
    form = Form(
        code="ours", edition="1", title="Ours", kind=InstrumentKind.ALLIANCE, items=items, low=1, high=5, step=0.5,
        reversed_items=draw(some), risk_items=draw(some), scoring=scoring, higher_is_better=draw(st.booleans()),
        subscales=(Subscale(name="bond", items=items[:1]), Subscale(name="task", items=items[1:])) if parts else (),
        rated_by=COMPARED, norms=norms, rights=Rights.OWN,
    )  # fmt: skip
    assert list(key_faults(form)) == []
    return form


def turned(form, answer):
    """The answer at the same distance from the other end."""
    return form.low + form.high - answer


HOW_GOOD = st.one_of(
    st.just((5.0,) * 6), st.just((4.5,) * 6), st.just((4.0,) * 6), st.just((2.5,) * 6), st.just((1.0,) * 6),
    st.tuples(*[st.sampled_from((5.0, 5.0, 4.5, 4.0, 4.0, 2.5, 1.0, None))] * 6), st.none(),
)  # fmt: skip
"""How each item was found, whichever way its scale runs; none: the form was not filled in."""
COURSES = st.lists(st.tuples(st.sampled_from((7,) * 9 + (43,)), HOW_GOOD, HOW_GOOD), min_size=6, max_size=18)


def answered(form, course):
    """What client and therapist answered, session by session."""
    for number, (_, *views) in enumerate(course, 1):
        for rater, found in zip(COMPARED, views, strict=True):
            if found:
                worse = {i for i in form.items if (i in form.reversed_items) is form.higher_is_better}
                told = dict(zip(form.items, found, strict=False))
                yield (
                    UUID(int=number), rater,
                    {i: v if v is None or i not in worse else turned(form, v) for i, v in told.items()},
                )  # fmt: skip


def looked_at(form, course, answers):
    """What all detectors find, from the answers on: scored, turned and put side by side as the service does it."""
    days = accumulate(day for day, *_ in course)
    held = {UUID(int=number): FIRST + timedelta(days=day) for number, day in enumerate(days, 1)}
    sheets = {rater: sheet_of(form, rater) for rater in COMPARED}
    readings = []
    for session, rater, said in answers:
        total = scored(form, [ItemAnswer(item=item, value=value) for item, value in said.items()]).total
        given = tuple((item, value) for item, value in said.items() if value is not None)
        readings.append(sheets[rater].read(session, total, answers=given))
    seriess = gathered(blanks(held, [], []), readings)
    low = {"cutoff": Cutoff(instruments=(form.code,), total=0.7, item=0.2)}
    return [f for chosen in (CHOICES[0] | low, *CHOICES[1:]) for f in detect(seriess, chosen)]


@many
@given(forms(), COURSES, st.sampled_from((0.1, 1 / 3, 2, 7.3, 25)), st.sampled_from((-40.0, -1.0, 0.0, 0.1, 100.0)))
def test_a_practices_own_form_in_another_unit_raises_the_same_signals(form, course, factor, shift):
    def scaled(x):
        return None if x is None else factor * x + shift

    shared = len(form.items) if form.scoring is Scoring.SUM else 1
    norms = tuple(replace(n, mean=factor * n.mean + shared * shift, sd=factor * n.sd) for n in form.norms)
    other = replace(form, low=scaled(form.low), high=scaled(form.high), step=factor * form.step, norms=norms)
    told = list(answered(form, course))
    rescaled = [(session, rater, {i: scaled(v) for i, v in said.items()}) for session, rater, said in told]
    same(looked_at(other, course, rescaled), looked_at(form, course, told))


@many
@given(forms(), COURSES)
def test_a_practices_own_form_that_runs_the_other_way_raises_the_same_signals(form, course):
    # A risk item is read as it was answered: it has a lowest answer, and no better end.
    form = replace(form, risk_items=())
    shared = len(form.items) if form.scoring is Scoring.SUM else 1
    norms = tuple(replace(n, mean=shared * (form.low + form.high) - n.mean) for n in form.norms)
    mirrored = replace(form, higher_is_better=not form.higher_is_better, norms=norms)
    told = looked_at(form, course, answered(form, course))
    same(looked_at(mirrored, course, answered(mirrored, course)), told)


@many
@given(forms(), COURSES)
def test_items_that_run_the_other_way_change_no_signal(form, course):
    form = replace(form, risk_items=(), reversed_items=())
    told = looked_at(form, course, answered(form, course))
    for reversed_items in ((form.items[0],), form.items):
        turned_over = replace(form, reversed_items=reversed_items)
        same(looked_at(turned_over, course, answered(turned_over, course)), told)


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
