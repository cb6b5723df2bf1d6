"""The scores of a relationship by their forms, and what became of the client by each: read in one statement."""

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import groupby
from typing import Any
from uuid import UUID

from domain.change import OutcomeChange, Reached, change
from domain.form import InstrumentKind
from domain.instruments import form_of
from domain.measure import Instrument, in_force
from domain.readiness import Course
from infra.reviving import reader

Row = Mapping[str, Any]
SCORES = """
WITH scored AS MATERIALIZED (
  SELECT id, instrument, instrument_version, rated_on, created_at, score, completeness FROM outcome_score
  WHERE practice_id = $1 AND relationship_id = $2 AND phase = 'recorded'
   AND ($3::date IS NULL OR rated_on >= $3) AND ($4::date IS NULL OR rated_on <= $4))
SELECT jsonb_build_object(
  'scores', (SELECT coalesce(
    jsonb_agg(to_jsonb(s) ORDER BY instrument, instrument_version, rated_on, created_at, id), '[]') FROM scored s),
  'forms', (SELECT coalesce(jsonb_agg(to_jsonb(i) - 'item_texts'), '[]') FROM instrument i
    WHERE i.practice_id = $1 AND i.code IN (SELECT instrument FROM scored)))"""


class Outcomes:
    """What became of clients, as far as scores tell."""

    def __init__(self, pool: Any) -> None:
        """`pool` leads to a migrated database."""
        self._pool = pool

    async def of(
        self, practice_id: UUID, relationship_id: UUID, since: date | None, until: date | None, *, to_client: bool
    ) -> tuple[OutcomeChange, ...]:  # fmt: skip
        """The change by every edition of every instrument, from the scores of these days, as it is told `to_client`."""
        found = await self.courses(practice_id, relationship_id, since, until)
        return tuple(change(c.form, c.reached, c.left_out, to_client=to_client) for c in found)

    async def courses(
        self, practice_id: UUID, relationship_id: UUID, since: date | None = None, until: date | None = None
    ) -> tuple[Course, ...]:
        """The scores on every edition of every instrument, of these days."""
        told = await self._pool.fetchval(SCORES, practice_id, relationship_id, since, until)
        return tuple(courses(told["scores"], told["forms"]))


def courses(scores: list[Row], forms: list[Row]) -> Iterator[Course]:
    """By instrument and edition; of one day, in the order in which they were recorded."""
    own = in_force(map(reader(Instrument), forms))
    for (code, version), rows in groupby(scores, lambda row: (row["instrument"], row["instrument_version"])):
        form = form_of(code, version, [f for f in own if f.code == code], InstrumentKind.OUTCOME)
        filled = list(rows)
        reached = [reader(Reached)(row) for row in filled if row["score"] is not None]
        yield Course(form=form, reached=reached, left_out=len(filled) - len(reached))
