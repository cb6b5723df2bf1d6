"""What the detectors see of one relationship: read, compared and told within the transaction of a change."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from operator import itemgetter
from typing import Any
from uuid import UUID

from domain.choosing import Choice, chosen
from domain.detection import Detector, DirectReport, ObserverCode, Parameters, Rater, Scale, Series, Sitting
from domain.detectors import detect, rules
from domain.form import Form, InstrumentKind
from domain.instruments import form_of
from domain.series import Reading, gathered, read
from domain.signal import Change, Signal, changes, seen
from infra.reviving import reader
from infra.shelves import SHELVES

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Look:
    """What the signals of a relationship come to, and at which version each of those there are is."""

    changes: Sequence[Change]
    versions: Mapping[UUID, int]


async def look(connection: Any, practice_id: UUID, relationship_id: UUID) -> Look:
    """Look at a relationship again. The connection is in a transaction that holds it."""
    ratings, scores, signals = [
        await connection.fetch(sql, practice_id, relationship_id) for sql in (RATINGS, SCORES, SIGNALS)
    ]
    return compared(relationship_id, ratings, scores, signals, await setting(connection, practice_id))


@dataclass(frozen=True, slots=True)
class Setting:
    """What a practice has decided about looking."""

    chosen: Mapping[Detector, Parameters]
    forms: tuple[Form, ...]


async def setting(connection: Any, practice_id: UUID) -> Setting:
    """The practice's choice of detectors, and its own forms."""
    row = await connection.fetchrow(SETTING, practice_id)
    choices = None if row["detectors"] is None else map(reader(Choice), row["detectors"])
    return Setting(chosen(choices), tuple(map(reader(Form), row["forms"])))


def compared(
    relationship_id: UUID, ratings: Sequence[Row], scores: Sequence[Row], signals: Sequence[Row], known: Setting
) -> Look:
    """What has changed in what the detectors see."""
    shelf = SHELVES["signal"]
    kept: list[Signal] = [shelf.state(row) for row in signals]
    if not (kept or ratings or scores):
        return Look((), {})
    found = detect([*alliance(ratings, known.forms), *outcomes(scores, known.forms)], known.chosen)
    session_of = {row["id"]: row["session_id"] for row in scores}
    now = [seen(finding, relationship_id, session_of) for finding in found]
    return Look(changes(kept, now, rules(known.chosen).values()), {row["id"]: row["version"] for row in signals})


def alliance(rows: Sequence[Row], own: tuple[Form, ...]) -> tuple[Series, ...]:
    """The held sessions with their alliance ratings, as series."""
    held = {
        row["session_id"]: Sitting(
            session_id=row["session_id"], at=row["starts_at"], ordinal=0, run=str(row["spell"]),
            new_baseline=row["mended"],
        )
        for row in rows
    }  # fmt: skip
    return gathered(held.values(), rated(rows, own))


def rated(rows: Sequence[Row], own: tuple[Form, ...]) -> Iterator[Reading]:
    """What each of them says."""
    forms: dict[tuple[str, str], Form] = {}
    for row in filter(itemgetter("rater"), rows):
        rater, name = Rater(row["rater"]), (row["instrument"], row["instrument_version"])
        report = row["direct_report"]
        said = {
            "direct": report and reader(DirectReport)(report),
            "observer": tuple((ObserverCode(c["code"]), c["salience"]) for c in row["observer_codes"]),
            "private_to_client": rater is Rater.CLIENT and not row["shared_with_therapist"],
        }  # fmt: skip
        if row["instrument"] is None:
            yield asked(rater, row["session_id"], said)
            continue
        if name not in forms:
            forms[name] = form_of(*name, [f for f in own if f.code == row["instrument"]], InstrumentKind.ALLIANCE)
        yield read(forms[name], rater, row["session_id"], row["total"], answers=answered(row["answers"]), **said)


def asked(rater: Rater, session_id: UUID, said: Mapping[str, Any]) -> Reading:
    """A direct question or an observer's codes without any form."""
    return Reading(session_id=session_id, rater=rater, instrument="", version="", scale=Scale(0, 1, 1), **said)


def answered(answers: Sequence[Row]) -> tuple[tuple[int, float], ...]:
    """The answers there are, by item."""
    return tuple((a["item"], a["value"]) for a in answers if a["value"] is not None)


def outcomes(rows: Sequence[Row], own: tuple[Form, ...]) -> Iterator[Series]:
    """Outcome scores by forms with a risk item; each stands for itself, so its id takes the place of a session's."""
    forms = {(r["instrument"], r["instrument_version"]): None for r in rows}
    for name in forms:
        form = form_of(*name, [f for f in own if f.code == name[0]], InstrumentKind.OUTCOME)
        mine = [r for r in rows if (r["instrument"], r["instrument_version"]) == name]
        if form.risk_items:
            held = (
                Sitting(session_id=r["id"], at=datetime.combine(r["rated_on"], time(), UTC), ordinal=0) for r in mine
            )
            filled = (read(form, Rater.CLIENT, r["id"], r["score"], answers=answered(r["answers"])) for r in mine)
            yield from gathered(held, filled)


def ratings(seen: Any = "true") -> str:
    """Every held session of a relationship, with what of its ratings is `seen`.

    A run ends where the therapists or the modality change; that is told by the log, and nowhere else. A baseline begins
    anew with the first score after a repair that the client confirmed, so that mark is on sessions, not on ratings that
    somebody may not see. Answers are read where a detector looks at them.
    """
    return f"""
WITH turns AS MATERIALIZED (
  SELECT at FROM event WHERE practice_id = $1 AND subject_id = $2 AND type = 'relationship.revised'
   AND data -> 'set' ?| ARRAY['therapist_ids', 'modality']),
mended AS MATERIALIZED (
  SELECT concluded_on FROM repair WHERE practice_id = $1 AND relationship_id = $2 AND outcome = 'repaired'),
held AS (
  SELECT id, starts_at, day,
    max(day) OVER (ORDER BY day GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS day_before
  FROM session, LATERAL (SELECT (starts_at AT TIME ZONE 'UTC')::date AS day) d
  WHERE practice_id = $1 AND relationship_id = $2 AND phase = 'held')
SELECT held.id AS session_id, held.starts_at, rater, instrument, instrument_version, total, direct_report,
  observer_codes, shared_with_therapist, CASE WHEN total IS NOT NULL THEN answers ELSE '[]' END AS answers,
  (SELECT count(*) FROM turns WHERE turns.at < held.starts_at) AS spell,
  EXISTS (SELECT 1 FROM mended
    WHERE concluded_on <= held.day AND concluded_on > coalesce(held.day_before, '-infinity')) AS mended
FROM held LEFT JOIN alliance_rating ON alliance_rating.practice_id = $1 AND alliance_rating.relationship_id = $2
  AND alliance_rating.session_id = held.id AND alliance_rating.phase = 'recorded' AND {seen}
ORDER BY held.starts_at, held.id"""


RATINGS = ratings()
SCORES = """
SELECT id, session_id, rated_on, instrument, instrument_version, score, answers FROM outcome_score
WHERE practice_id = $1 AND relationship_id = $2 AND phase = 'recorded' ORDER BY rated_on, id"""
SIGNALS = "SELECT * FROM signal WHERE practice_id = $1 AND relationship_id = $2 AND phase <> 'superseded' ORDER BY id"
IN_FORCE = """
FROM policy WHERE practice_id = $1 AND kind = 'detection' AND phase = 'current' ORDER BY updated_at DESC LIMIT 1"""
SETTING = f"""
SELECT (SELECT detectors {IN_FORCE}) AS detectors,
  (SELECT coalesce(jsonb_agg(to_jsonb(i) - 'item_texts'), '[]') FROM instrument i WHERE i.practice_id = $1) AS forms"""
