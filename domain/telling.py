"""A trajectory in plain words: what is drawn, for those who do not see it, and for a record without pictures.

Every number is told with its scale. There is no verdict in it: numbers are a reason to ask.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from domain.detection import Certainty, Episode, EpisodeState, RepairRule
from domain.detectors import BASELINE
from domain.rupture import RupturePhase, RuptureType
from domain.session import SessionPhase
from domain.trajectory import Limits, Line, Panel, Point, RuptureMark, SignalMark, Trajectory


def in_words(t: Trajectory) -> Trajectory:
    """The same with its summary."""
    return replace(t, summary=" ".join(sentences(t)))


MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
"""In English, whatever the machine's language."""


def sentences(t: Trajectory) -> Iterator[str]:
    """What is drawn, one thing after another."""
    yield attendance(t)
    if not t.panels:
        yield "There are no ratings to draw."
    for panel in t.panels:
        yield from ratings(t, panel)
    if any(began_badly(t, drawn, fixed) for panel in t.panels for drawn in panel.lines for fixed in drawn.limits[-1:]):
        yield "A rupture lies in the baseline; consider a new one (begin_baseline)."
    if t.signals:
        yield "Signals, which are questions and not ruptures: " + "; ".join(signal(t, s) for s in t.signals) + "."
    if t.episodes:
        became = "; ".join(dip(t, found) for found in t.episodes)
        yield f"What became of them by the scores or the client's word: {became}."
    for rupture in t.ruptures:
        yield course(t, rupture)
        yield from difference(t, rupture)
    for spell in t.transitions:
        until = f" to {day(spell.over_on)}" if spell.over_on else ""
        yield f"In the transition phase {'from' if until else 'since'} {day(spell.begun_on)}{until}."


def attendance(t: Trajectory) -> str:
    """How many sessions, from when to when, and which were missed."""
    if not t.sessions:
        return "No session has been held yet."
    held = sum(seat.status is SessionPhase.HELD for seat in t.sessions)
    missed = [seat for seat in t.sessions if seat.status is not SessionPhase.HELD]
    first, last = t.sessions[0].starts_at.date(), t.sessions[-1].starts_at.date()
    when = f"on {day(first)}" if first == last else f"from {day(first)} to {day(last)}"
    told = f"{counted(held, 'session')} held"
    if missed:
        told += f" and {len(missed)} missed ({', '.join(day(seat.starts_at.date()) for seat in missed)})"
    return f"{told}, {when}."


def ratings(t: Trajectory, panel: Panel) -> Iterator[str]:
    """Each rater's line in one panel."""
    for drawn in panel.lines:
        scores, alike = drawn.points, [one for one in panel.lines if one.rater is drawn.rater]
        who = f"{drawn.rater} {alike.index(drawn) + 1}" if len(alike) > 1 else drawn.rater
        low, high = min(scores, key=lambda p: p.score), max(scores, key=lambda p: p.score)
        scale = f"mean per item, {number(panel.low)} to {number(panel.high)}"
        told = f"{who.capitalize()}, {panel.title} ({scale}): {counted(len(scores), 'rating')}"
        if len(scores) == 1:
            yield f"{told}, {at(t, low)}."
        else:
            told += f", first {at(t, scores[0])}, latest {at(t, scores[-1])}, "
            yield f"{told}lowest {at(t, low)}, highest {at(t, high)}."
        for fixed in drawn.limits:
            begun = session(t, fixed.start)
            yield (
                f"Control limits of the {who}'s first {BASELINE} scores from {begun}: "
                f"mean {fixed.mean:.2f}, lower limit {fixed.lower:.2f}."
            )


def began_badly(t: Trajectory, drawn: Line, fixed: Limits) -> bool:
    """Whether a rupture that somebody reported lies in the scores that limits were fixed by."""
    first = [p.position for p in drawn.points if p.position >= fixed.start][:BASELINE]
    return any(first[0] <= t.position(mark.session_id, mark.happened_on) <= first[-1] for mark in t.ruptures)


SURE = {Certainty.CONFIRMED: "final", Certainty.PROVISIONAL: "may still change"}
"""Of what was computed: "confirmed" would read as if somebody had confirmed a rupture."""


def signal(t: Trajectory, mark: SignalMark) -> str:
    """What a detector saw, and what a clinician made of it."""
    where = session(t, int(t.position(mark.session_id, t.last_day)))
    whose = f"{mark.rater}, " if mark.rater else ""
    review = f", reviewed as {words(mark.disposition)}" if mark.disposition else ", not reviewed yet"
    return f"{words(mark.kind)} at {where} ({whose}{mark.detector}, {SURE[mark.certainty]}{review})"


BECAME = {
    EpisodeState.OPEN: "not over yet",
    EpisodeState.UNREPAIRED_SO_FAR: "unrepaired so far",
    EpisodeState.NOT_ASSESSABLE: "what became of it cannot be told",
}
BY_RULE = {
    RepairRule.FULL_RETURN: "the score was back where it had been",
    RepairRule.WITHIN_SDIFF: "the score was back to within the form's error",
    RepairRule.HALF_RECOVERY: "half of the way down was regained",
    RepairRule.IN_CONTROL: "two scores in a row were within the control limits",
    RepairRule.DIRECT: "the client said it was resolved",
}


FAR = 2
"""So many SDs of the scores before are told as far. A handful of scores gives no SD that a figure would be true to."""


def dip(t: Trajectory, found: Episode) -> str:
    """A dip: from where, how deep, and what became of it. What clinicians say of it is told with the rupture."""
    where = {seat.session_id: place for place, seat in enumerate(t.sessions)}
    told = f"{found.rater} from {session(t, where[found.onset_session_id])}"
    if found.trough_session_id and found.magnitude_raw is not None and found.magnitude_sd is not None:
        far = "far below" if -found.magnitude_sd >= FAR else "below"
        trough = session(t, where[found.trough_session_id])
        told += f", {-found.magnitude_raw:.2f} points down at {trough}, {far} the scores before"
    if found.rule is None or found.repaired_session_id is None:
        return f"{told}, {BECAME[found.state]} after {counted(found.length_sessions, 'session')}"
    over = session(t, where[found.repaired_session_id])
    return f"{told}, over at {over} after {counted(found.length_sessions, 'session')}: {BY_RULE[found.rule]}"


def course(t: Trajectory, mark: RuptureMark) -> str:
    """A rupture and what became of it."""
    kind = "of unspecified type" if mark.type is RuptureType.UNSPECIFIED else f"({mark.type})"
    told = f"Rupture {kind} on {day(mark.happened_on)}, now {words(mark.phase)}"
    for repair in mark.repairs:
        told += f"; repair begun on {day(repair.begun_on)}"
        if repair.concluded_on:
            told += f", concluded on {day(repair.concluded_on)} as {words(repair.outcome)}"
    return f"{told}."


DIFFER = {
    RupturePhase.REPAIRED: {EpisodeState.UNREPAIRED_SO_FAR},
    RupturePhase.PARTIALLY_REPAIRED: {EpisodeState.REPAIRED},
    RupturePhase.UNREPAIRED: {EpisodeState.REPAIRED},
}
"""What clinicians recorded, and what it disagrees with. A rupture that is open in the record says nothing yet."""


def difference(t: Trajectory, mark: RuptureMark) -> Iterator[str]:
    """Where the record and a dip come to different ends. Neither corrects the other: both are facts."""
    against = [d for d in t.episodes if d.state in DIFFER.get(mark.phase, ()) and during(t, mark, d)]
    if against:
        told = " and ".join(f"in the {found.rater}'s ratings {words(found.state)}" for found in against)
        yield f"The record and the ratings differ here: recorded as {words(mark.phase)}, {told}. Both stand; ask."


def during(t: Trajectory, mark: RuptureMark, found: Episode) -> bool:
    """Whether a rupture happened while a dip lasted, or right before it showed."""
    held = [place for place, seat in enumerate(t.sessions) if seat.status is SessionPhase.HELD]
    first = next(n for n, place in enumerate(held) if t.sessions[place].session_id == found.onset_session_id)
    last = held[first + found.length_sessions]
    return held[first] - 1 < t.position(mark.session_id, mark.happened_on) <= last


def at(t: Trajectory, point: Point) -> str:
    """A score with its session."""
    return f"{point.score:.2f} in {session(t, point.position)}"


def session(t: Trajectory, position: int) -> str:
    """`session 5`, as the pair counts them."""
    return f"session {t.sessions[position].ordinal}"


def counted(count: int, noun: str) -> str:
    """`1 rating`, `2 ratings`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def day(on: date) -> str:
    """`3 March 2026`."""
    return f"{on.day} {MONTHS[on.month - 1]} {on.year}"


def number(value: float) -> str:
    """A limit of a scale without needless decimals."""
    return f"{value:g}"


def words(code: str | None) -> str:
    """A code as people say it."""
    return (code or "").replace("_", " ")
