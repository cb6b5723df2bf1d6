"""Reading the log of a practice by its numbers, from one volume to the next.

A statement names its volume as a plain number, so that the server plans and opens one partition of the log and no
other: such a read costs what it would cost on one table, however many volumes there are. Measured with twelve of them,
a condition on the volume that is only known to the running statement costs twice as much.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

from infra.conflicts import HistoryGone

Rows = list[Mapping[str, Any]]
Paged = Callable[[int, int], str]
"""A `page` of a volume, with so many rows at most."""
MOST = 10_000
"""How many practices' milestones are remembered."""
LIMITS = (1, 10, 20, 50, 100, 200, 500)
TRIES = 3
"""How often a read may find that a volume went under its hands."""
MILESTONES = "SELECT volume, first_seq FROM milestone WHERE practice_id = $1 ORDER BY volume"
HORIZON = """
SELECT m.first_seq AS oldest, p.seq AS newest, v.opened_at
FROM practice p JOIN milestone m ON m.practice_id = p.id JOIN volume v ON v.log = 'event' AND v.number = m.volume
WHERE p.id = $1 ORDER BY m.volume LIMIT 1"""


@dataclass(frozen=True, slots=True)
class Horizon:
    """Where the log of a practice begins by now, and where it ends."""

    oldest: int
    """The first number that is still told."""
    newest: int
    """The last number that was given."""
    opened_at: datetime
    """When the volume was opened in which the log begins: what is gone came before."""

    def hides(self, after: int | None, since: datetime | None) -> bool:
        """Whether something is gone of what came after a number, or from a time on."""
        if after is not None and after + 1 < self.oldest:
            return True
        return since is not None and self.oldest > 1 and since < self.opened_at


async def horizon(connection: Any, practice_id: UUID) -> Horizon:
    """Where the log of a practice begins and ends."""
    return Horizon(**await connection.fetchrow(HORIZON, practice_id))


def at_most(limit: int) -> int:
    """How many rows a statement asks for where so many are wanted.

    It is a plain number as well, one of a few: with a limit that it does not know the server plans each read anew.
    """
    return next(most for most in LIMITS if most >= limit)


def page(volume: int, stretch: str) -> str:
    """A stretch of a volume; with how far and to which volume the log reached when it was read, and if it was kept."""
    return f"""
SELECT p.seq AS upto, p.volume AS newest,
  EXISTS (SELECT FROM milestone m WHERE m.practice_id = $1 AND m.volume = {volume}) AS kept, found.*
FROM practice p LEFT JOIN LATERAL ({stretch}) found ON true
WHERE p.id = $1 ORDER BY found.seq"""


@dataclass(frozen=True, slots=True)
class Milestones:
    """Where each volume begins in one practice. A milestone never moves: it can only be new, or gone."""

    firsts: list[int]
    volumes: list[int]

    def reach(self, after: int) -> bool:
        """Whether everything that came after a number is still kept."""
        return self.firsts[0] <= after + 1

    def volume_after(self, after: int) -> int:
        """The first volume that may hold what came after a number."""
        return self.volumes[max(bisect_right(self.firsts, after + 1) - 1, 0)]


class Book:
    """The log of each practice, read as one although it is kept in volumes."""

    def __init__(self, pool: Any) -> None:
        """`pool` leads to a migrated database."""
        self._pool = pool
        self._known: dict[UUID, Milestones] = {}

    async def milestones(self, practice_id: UUID) -> Milestones | None:
        """Where its volumes begin, as far as is known; None where there is no such practice."""
        if practice_id not in self._known:
            found = await self._pool.fetch(MILESTONES, practice_id)
            if not found:
                return None
            if len(self._known) >= MOST:
                self._known.clear()
            known = Milestones([m["first_seq"] for m in found], [m["volume"] for m in found])
            self._known[practice_id] = known
            return known
        return self._known[practice_id]

    async def read(self, practice_id: UUID, after: int, limit: int, statement: Paged, *args: Any) -> tuple[Rows, int]:
        """Up to `limit` rows after a number, and how far the log reached when the last of them was read.

        The statement's parameters are the practice, `after`, and `args`. Raises HistoryGone when the log no longer goes
        back to `after`.
        """
        for _ in range(TRIES):
            known = await self.milestones(practice_id)
            if known is None:
                return [], 0
            if not known.reach(after):
                break
            if told := await self._read_on(known, practice_id, after, limit, statement, *args):
                if after > told[1]:
                    raise HistoryGone(oldest=known.firsts[0], newest=told[1], after=after)
                return told
            # A volume went after its milestone was read. Who had all of it has lost nothing, and goes on in the next.
            self._known.pop(practice_id, None)
        found = await horizon(self._pool, practice_id)
        raise HistoryGone(oldest=found.oldest, newest=found.newest)

    async def _read_on(
        self, known: Milestones, practice_id: UUID, after: int, limit: int, statement: Paged, *args: Any
    ) -> tuple[Rows, int] | None:
        rows: Rows = []
        for volume in count(known.volume_after(after)):
            found = await self._pool.fetch(statement(volume, at_most(limit - len(rows))), practice_id, after, *args)
            upto, newest, kept = found[0]["upto"], found[0]["newest"], found[0]["kept"]
            if not kept:
                break
            rows += [row for row in found if row["seq"] is not None]
            if len(rows) >= limit or volume >= newest:
                if newest != known.volumes[-1]:
                    self._known.pop(practice_id, None)
                return rows[:limit], upto
        return None
