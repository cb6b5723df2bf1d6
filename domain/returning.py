"""Whether the client's scores are back since a rupture: what a repair may rest on where the client was not asked.

A therapist's claim alone never makes a rupture repaired, and naming a rule is a claim too: the scores have to meet it.
They are those that the caller sees, so that a refusal tells nobody of a rating that the client keeps to themselves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from domain.detection import EpisodeState, Rater, RepairRule, Series, SignalKind, Sitting
from domain.episodes import SAID, episode
from domain.errors import Refused
from domain.move import Advisory, Around
from domain.rupture import Rupture


class ScoreRule(StrEnum):
    """A named rule by which scores may be said to have returned. None is a standard; the name says which was used."""

    FULL_RETURN = "full_return"
    """The score is back at or above the one before the drop."""
    WITHIN_SDIFF = "within_sdiff"
    """Within one standard error of difference of the one before the drop."""
    HALF_RECOVERY = "half_recovery"
    """At least half of the drop is regained."""
    IN_CONTROL = "in_control"
    """Two scores in a row within the limits of a frozen control chart."""


@dataclass(frozen=True, slots=True)
class Scores:
    """The ratings of a relationship as one caller sees them."""

    series: tuple[Series, ...]
    window: int
    """So many held sessions after the onset may bring the repair, as the practice says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset:
    """Where something began that a person told of: it is compared with the score before it, as a direct report is."""

    session_id: UUID
    kind: SignalKind = SAID
    rater: Rater | None = None
    instrument: str | None = None
    instrument_version: str | None = None
    reference_session_id: UUID | None = None


def insist_returned(rule: ScoreRule, around: Around) -> None:
    """Raises Refused for a rule that the client's scores since the rupture do not meet."""
    rupture: Rupture = around.parent
    if rupture.session_id is None and rupture.happened_on is None:
        detail = "Scores are back since something: say in the rupture when it was, its session_id or happened_on."
        raise Refused(detail, at="score_rule")
    known: Scores = around.scores
    told = [met for one in known.series if (met := returned(one, rule, rupture, known.window)) is not None]
    if any(told):
        return
    span = f"{known.window} held session{'' if known.window == 1 else 's'}"
    why = (
        f"The client's scores do not meet {rule} within {span} after the rupture."
        if told else "There is no score of the client's in your sight since the rupture."
    )  # fmt: skip
    raise Refused(f"{why} Leave score_rule out, and ask the client how they see it.", at="score_rule")


def returned(series: Series, rule: ScoreRule, rupture: Rupture, window: int) -> bool | None:
    """Whether one series fell with the rupture and is back. None: it is not the client's, or has no score since."""
    began = place(series.sittings, rupture)
    if series.rater is not Rater.CLIENT or not series.alliance or began is None:
        return None
    scored = (n for n, s in enumerate(series.sittings) if began <= n <= began + window and s.score is not None)
    if (first := next(scored, None)) is None:
        return None
    onset = Onset(session_id=series.sittings[first].session_id)
    found = episode(series, onset, [RepairRule(rule)], window - (first - began))
    return found.state is EpisodeState.REPAIRED


def place(sittings: Sequence[Sitting], rupture: Rupture) -> int | None:
    """The held session in which a rupture first could show: its own, else the first on its day or after."""
    on = rupture.happened_on
    for n, sitting in enumerate(sittings):
        if sitting.session_id == rupture.session_id:
            return n
    return next((n for n, sitting in enumerate(sittings) if on and sitting.at.date() >= on), None)


def score_alone(rule: ScoreRule | None, view: int | None) -> Iterator[Advisory]:
    """A rule is no client's word."""
    if rule and view is None:
        detail = "Nothing but scores says so yet: ask the client how they see it. Who withdraws may rate high."
        yield Advisory(
            code="score_alone", detail=detail,
            source="Eubanks & Muran 2022 (3RS): deference and appeasing are markers of withdrawal",
        )  # fmt: skip
