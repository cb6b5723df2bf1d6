"""What the detectors see of one relationship: read, compared and told within the transaction of a change."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from operator import itemgetter
from typing import Any
from uuid import UUID

from domain.choosing import Choice, chosen, item_by_item
from domain.detection import Detector, DirectReport, ObserverCode, Parameters, Rater, Scale, Series, Sitting
from domain.detectors import DETECTORS, detect, rules
from domain.form import Form, InstrumentKind
from domain.instruments import BUILT_IN, form_of
from domain.measure import Instrument, in_force
from domain.move import Decision
from domain.outcome import OUTCOME_SCORE
from domain.rating import ALLIANCE_RATING
from domain.series import Reading, Sheet, blanks, gathered, sheet_of
from domain.signal import Change, Signal, changes, seen
from infra.reviving import reader
from infra.shelves import SHELVES

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Look:
    """What the signals of a relationship come to, and at which version each of those there are is."""

    changes: Sequence[Change]
    versions: Mapping[UUID, int]


@dataclass(frozen=True, slots=True)
class Part:
    """What of a relationship a change can have touched: no more of it is read and compared."""

    alliance: bool = True
    """Ratings of the alliance."""
    rater: str | None = None
    """Those of one rater; none: everybody's."""
    outcomes: bool = True
    """Outcome scores."""


WHOLE = Part()


def touched(decision: Decision) -> Part:
    """What a decision can have touched."""
    if decision.machine is ALLIANCE_RATING:
        return Part(rater=decision.after.rater, outcomes=False)
    return Part(alliance=False) if decision.machine is OUTCOME_SCORE else WHOLE


async def look(connection: Any, practice_id: UUID, relationship_id: UUID, part: Part = WHOLE) -> Look:
    """Look at a relationship again. The connection is in a transaction that holds it."""
    known = await setting(connection, practice_id, relationship_id)
    if part.rater and any(DETECTORS[name].beside for name in known.chosen):
        part = replace(part, rater=None)
    args = practice_id, relationship_id
    ratings, scores = [
        await connection.fetch(sql, *args, known.item_by_item, *more) if wanted else ()
        for sql, wanted, *more in ((RATINGS, part.alliance, part.rater), (SCORES, part.outcomes))
    ]
    signals = await connection.fetch(SIGNALS_OF, *args, part.alliance, part.rater, part.outcomes)
    return compared(relationship_id, ratings, scores, signals, known)


@dataclass(frozen=True, slots=True)
class Setting:
    """What is to be known before the ratings of a relationship are looked at."""

    chosen: Mapping[Detector, Parameters]
    """The practice's choice of detectors."""
    forms: tuple[Form, ...]
    """Its own forms."""
    item_by_item: Collection[str]
    """The forms whose answers are read one by one."""
    turns: Sequence[date]
    """The days on which other therapists or another modality came in."""
    baselines: Sequence[date]
    """The days from which a new baseline begins."""


async def setting(connection: Any, practice_id: UUID, relationship_id: UUID) -> Setting:
    """What the practice has decided about looking, and what has come between the ratings."""
    row = await connection.fetchrow(SETTING, practice_id, relationship_id)
    run = chosen(None if row["detectors"] is None else map(reader(Choice), row["detectors"]))
    forms = in_force(map(reader(Instrument), row["forms"]))
    return Setting(run, forms, item_by_item(run, (*forms, *BUILT_IN)), row["turns"], row["baselines"])


def compared(
    relationship_id: UUID, ratings: Sequence[Row], scores: Sequence[Row], signals: Sequence[Row], known: Setting
) -> Look:
    """What has changed in what the detectors see."""
    shelf = SHELVES["signal"]
    kept: list[Signal] = [shelf.state(row) for row in signals]
    if not (kept or ratings or scores):
        return Look((), {})
    series = alliance(ratings, known.forms, known.turns, known.baselines)
    found = detect([*series, *outcomes(scores, known.forms)], known.chosen)
    session_of = {row["id"]: row["session_id"] for row in scores}
    now = [seen(finding, relationship_id, session_of) for finding in found]
    return Look(changes(kept, now, rules(known.chosen).values()), {row["id"]: row["version"] for row in signals})


def alliance(
    rows: Sequence[Row], own: tuple[Form, ...], turns: Sequence[date], baselines: Sequence[date]
) -> tuple[Series, ...]:
    """The held sessions with their alliance ratings, as series."""
    held = blanks({row["session_id"]: row["starts_at"] for row in rows}, turns, baselines)
    return gathered(held, rated(rows, own))


def rated(rows: Sequence[Row], own: tuple[Form, ...]) -> Iterator[Reading]:
    """What each of them says."""
    sheets: dict[tuple[str, str | None, str | None], Sheet] = {}
    for row in filter(itemgetter("rater"), rows):
        said: dict[str, Any] = {"rater_id": row["rater_id"] or ""}
        if report := row["direct_report"]:
            said["direct"] = reader(DirectReport)(report)
        if codes := row["observer_codes"]:
            said["observer"] = tuple((ObserverCode(c["code"]), c["salience"]) for c in codes)
        if answers := row["answers"]:
            said["answers"] = answered(answers)
        if row["rater"] == Rater.CLIENT and not row["shared_with_therapist"]:
            said["private_to_client"] = True
        used = row["rater"], row["instrument"], row["instrument_version"]
        if used[1] is None:
            yield asked(Rater(used[0]), row["session_id"], said)
            continue
        if used not in sheets:
            sheets[used] = sheet(*used, own, InstrumentKind.ALLIANCE)
        yield sheets[used].read(row["session_id"], row["total"], **said)


def sheet(rater: str, instrument: str, version: str, own: tuple[Form, ...], kind: InstrumentKind) -> Sheet:
    """A form that was filled in."""
    return sheet_of(form_of(instrument, version, [f for f in own if f.code == instrument], kind), Rater(rater))


def asked(rater: Rater, session_id: UUID, said: Mapping[str, Any]) -> Reading:
    """A direct question or an observer's codes without any form."""
    return Reading(session_id=session_id, rater=rater, instrument="", version="", scale=Scale(0, 1, 1), **said)


def answered(answers: Sequence[Row]) -> tuple[tuple[int, float], ...]:
    """The answers there are, by item."""
    return tuple((a["item"], a["value"]) for a in answers if a["value"] is not None)


def outcomes(rows: Sequence[Row], own: tuple[Form, ...]) -> Iterator[Series]:
    """Outcome scores by forms with a risk item; each stands for itself, so its id takes the place of a session's."""
    used = {(r["instrument"], r["instrument_version"]): None for r in rows}
    for name in used:
        form = sheet(Rater.CLIENT, *name, own, InstrumentKind.OUTCOME)
        mine = [r for r in rows if (r["instrument"], r["instrument_version"]) == name]
        if form.form.risk_items:
            held = (
                Sitting(session_id=r["id"], at=datetime.combine(r["rated_on"], time(), UTC), ordinal=0) for r in mine
            )
            yield from gathered(held, (form.read(r["id"], r["score"], answers=answered(r["answers"])) for r in mine))


def ratings(seen: Any = "true") -> str:
    """Every held session of a relationship, with what of its ratings is `seen`; answers of the forms in $3 alone."""
    return f"""
SELECT s.id AS session_id, s.starts_at, rater, rater_id, instrument, instrument_version, total, direct_report,
  nullif(observer_codes, '[]') AS observer_codes, shared_with_therapist,
  CASE WHEN instrument = ANY($3) THEN answers END AS answers
FROM session s LEFT JOIN alliance_rating ON alliance_rating.practice_id = $1 AND alliance_rating.relationship_id = $2
  AND alliance_rating.session_id = s.id AND alliance_rating.phase = 'recorded' AND {seen}
WHERE s.practice_id = $1 AND s.relationship_id = $2 AND s.phase = 'held'"""


RATINGS = ratings("($4::text IS NULL OR rater = $4)")
TURNS = """
SELECT coalesce(array_agg(since ORDER BY since), '{}')
FROM relationship, jsonb_to_recordset(treatment_changes) AS turn (since date) WHERE practice_id = $1 AND id = $2"""
BASELINES = """
SELECT coalesce(array_agg(since ORDER BY since), '{}') FROM (
  SELECT concluded_on AS since FROM repair
  WHERE practice_id = $1 AND relationship_id = $2 AND outcome = 'repaired' AND concluded_on IS NOT NULL
  UNION ALL
  SELECT since FROM relationship, jsonb_to_recordset(baselines) AS baseline (since date)
  WHERE practice_id = $1 AND id = $2) begun"""
SCORES = """
SELECT id, session_id, rated_on, instrument, instrument_version, score, answers FROM outcome_score
WHERE practice_id = $1 AND relationship_id = $2 AND phase = 'recorded' AND instrument = ANY($3) ORDER BY rated_on, id"""
SIGNALS = "SELECT * FROM signal WHERE practice_id = $1 AND relationship_id = $2 AND phase <> 'superseded' ORDER BY id"
SIGNALS_OF = f"""
SELECT * FROM ({SIGNALS}) kept WHERE CASE WHEN outcome_score_id IS NULL THEN $3 AND ($4::text IS NULL OR rater = $4)
  ELSE $5 END ORDER BY id"""
IN_FORCE = """
FROM policy WHERE practice_id = $1 AND kind = 'detection' AND phase = 'current' ORDER BY updated_at DESC LIMIT 1"""
SETTING = f"""
SELECT ({TURNS}) AS turns, ({BASELINES}) AS baselines, (SELECT detectors {IN_FORCE}) AS detectors,
  (SELECT coalesce(jsonb_agg(to_jsonb(i) - 'item_texts'), '[]') FROM instrument i WHERE i.practice_id = $1) AS forms"""
