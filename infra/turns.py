"""A lane's turn: what one dispatcher sends to one endpoint while its lease lasts, and how that went."""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from uuid import UUID

from infra.egress import Answer
from infra.patience import Lane, wait_after

TURN = 128
"""How many deliveries of one endpoint are read for one turn."""
POLL = 0.25
"""How long another process's deliveries may wait to be seen, in seconds."""

Row = Mapping[str, Any]


@dataclass(slots=True, eq=False)
class Turn:
    """A lane's deliveries, while the lease lasts."""

    lane: Lane
    secrets: list[Any]
    ahead: float
    """How far the time of day is ahead of the monotonic clock, in seconds."""
    until: float
    """No attempt starts after this: it could outlive the lease. On the monotonic clock."""
    waiting: deque[list[Row]] = field(default_factory=deque)
    """What is still to be sent: the events of one resource after another."""
    parked: list[Row] = field(default_factory=list)
    """What has to wait behind an earlier event of its resource."""
    own: dict[UUID, int] = field(default_factory=dict)
    """The resources nothing more is read of, and the last event of each that is to be sent: until it was taken, and
    that is written down."""
    read: float = 0.0
    """When it was last read what there is to send. On the monotonic clock."""
    active: int = 0
    sent: int = 0
    """Attempts since then."""
    ended: bool = False

    def takes(self, rows: list[Row]) -> None:
        """Sort out what was read."""
        resources: dict[UUID, list[Row]] = {}
        for row in rows:
            subject, known = row["subject_id"], row["subject_id"] in resources
            if row["behind"] is None or (known and not row["held"]):
                resources.setdefault(subject, []).append(row)
                self.own[subject] = row["seq"]
            elif not known:
                # Else what is sent of its resource in this turn decides how long it has to wait.
                self.parked.append(row)
        self.own |= {row["subject_id"]: 0 for row in self.parked}
        if self.lane.trips:
            resources = {subject: rows[:1] for subject, rows in islice(resources.items(), 1)}
        self.waiting.extend(resources.values())
        self.read, self.sent = time.monotonic(), 0

    def goes_on(self) -> bool:
        """Whether more should be read for it: one resource that is not answered is not to hold up the others."""
        lane, lasted = self.lane, time.monotonic() - self.read
        room = not self.waiting and self.active < lane.width and not lane.trips and not self.stopped()
        return room and lasted >= max(POLL, self.sent / lane.rate if lane.rate else 0)

    def wrote(self, result: "Result") -> None:
        """An attempt is written down."""
        if result.answer.outcome == "delivered" and self.own.get(result.row["subject_id"]) == result.row["seq"]:
            del self.own[result.row["subject_id"]]

    def stopped(self) -> bool:
        """Whether nothing more may be started."""
        return self.lane.over or time.monotonic() >= self.until


@dataclass(frozen=True, slots=True)
class Result:
    """How an attempt went."""

    turn: Turn
    row: Row
    answer: Answer
    ended: float
    """On the monotonic clock."""

    def as_row(self, place: int, scale: float, now: float) -> tuple[Any, ...]:
        """As FINISH takes it."""
        row, answer, lane, number = self.row, self.answer, self.turn.lane, self.row["attempt"] + 1
        wait = None if answer.outcome == "delivered" else wait_after(number, scale, lane.pause)
        ago = now - self.ended + answer.took_ms / 1000
        return (place, row["seq"], row["subject_id"], number, answer.outcome, answer.status, answer.took_ms, wait,
                row["cause"], ago)  # fmt: skip
