"""How much an endpoint is asked to take: retries, the breaker, and when it is given up. No clock and no database."""

import random
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from domain.webhook import DisabledReason

SCHEDULE = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds from each failed attempt to the next (Standard Webhooks' example); after the last it is given up."""
JITTER = 0.2
LONGEST = 86_400
"""The longest that a `Retry-After` is obeyed, in seconds; the shortest is the first retry."""
UNREACHABLE = frozenset({"timeout", "dns", "connection", "tls", "protocol", "forbidden_address"})
"""The outcomes that are no answer."""
IN_A_ROW = 5
"""So many attempts without an answer open the breaker."""
ENOUGH, SHARE, COUNTED = 10, 0.7, 60
"""And so does this share of failures in at least so many attempts within so many seconds."""
PROBE, RAREST = 30, 600
"""An open breaker lets one probe through after so many seconds, twice as many each time, up to the second number."""
WARNED, DISABLED = 86_400, 5 * 86_400
"""Nothing but failure for so long, in seconds: it is warned of, and then the endpoint is disabled."""
QUIET = 2 * LONGEST
"""So long without a failure, in seconds, and the next is a first one: no retry waits longer."""
NARROW = 4
"""How many an endpoint is sent at once before it has shown that it takes them."""


@dataclass(slots=True)
class Lane:
    """An endpoint during its turn. The figures go back to its row when the turn ends."""

    practice_id: UUID
    endpoint_id: UUID
    lease: UUID
    url: str
    secrets: bytes
    asymmetric: bool
    api_version: str
    pending: bool
    """It has yet to answer a ping."""
    most: int
    """`max_in_flight`."""
    rate: int | None
    scale: float
    """What every duration here is multiplied by: 1 but in tests and demos."""
    width: int
    unreachable: int
    tried: int
    failed: int
    trips: int
    warned: bool
    failing_for: float | None
    """Seconds since it last took anything; None while it does."""
    pause: float = 0.0
    """Seconds from now until it may be sent anything."""
    over: bool = False
    """Nothing more is sent in this turn."""
    news: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The moves that follow on the endpoint, with their bodies."""
    took: bool = False
    """It took something in this turn."""
    refused: bool = False
    """It refused something in this turn."""

    def __post_init__(self) -> None:
        """It may take less than it took the last time."""
        self.width = min(self.width, self.most)

    def room(self, turn: int) -> int:
        """How many of its deliveries are worth reading for one turn of at most `turn`."""
        return min(turn, self.rate or turn)

    def figures(self) -> dict[str, Any]:
        """What is kept of it between turns."""
        return {
            "practice_id": self.practice_id, "endpoint_id": self.endpoint_id, "lease": self.lease, "width": self.width,
            "unreachable": self.unreachable, "tried": self.tried, "failed": self.failed, "trips": self.trips,
            "warned": self.warned, "failing": self.failing_for is not None, "took": self.took,
            "refused": self.refused, "pause": self.pause,
        }  # fmt: skip

    def succeeded(self) -> None:
        """It took a delivery."""
        self.tried += 1
        self.unreachable, self.failing_for, self.warned, self.took = 0, None, False, True
        self.width = min(self.width + 1, self.most)
        if self.pending:
            self.news["verify"] = {}
        if self.trips and not self.over:
            # Counted anew, or the failures that opened it would open it again with the next.
            self.trips, self.tried, self.failed = 0, 1, 0
            self.news["close_breaker"] = {}

    def failed_with(self, outcome: str, retry_after: float | None, *, last: bool) -> None:
        """It did not; `last`: it was the last attempt at this delivery."""
        self.tried, self.failed, self.refused = self.tried + 1, self.failed + 1, True
        self.failing_for = self.failing_for or 0.0
        self.unreachable = self.unreachable + 1 if outcome in UNREACHABLE else 0
        self.width = max(self.width // 2, 1)
        if outcome == "gone":
            # Until it is disabled, which is another statement's work, it is left alone.
            self._stop(PROBE * self.scale)
            self.news["disable"] = {"reason": DisabledReason.GONE}
        elif self.failing_for >= DISABLED * self.scale:
            self._stop(PROBE * self.scale)
            self.news["disable"] = {"reason": DisabledReason.FAILING}
        elif retry_after is not None:
            self._stop(min(max(retry_after, SCHEDULE[0] * self.scale), LONGEST * self.scale))
        elif not self.over and not self.pending and (self.trips or self._tripped()):
            # What was under way when it opened is no probe; and an address that is only pinged has no breaker.
            if not self.trips:
                self.news["open_breaker"] = {}
            self._stop(jittered(min(PROBE * 2**self.trips, RAREST) * self.scale))
            self.trips = min(self.trips + 1, 10)
        if self.failing_for >= WARNED * self.scale and not self.warned:
            self.warned = True
            self.news["warn"] = {}
        if last and self.pending:
            self.news["disable"] = {"reason": DisabledReason.FAILING}
        elif last:
            self.news["give_up"] = {}

    def paced(self, sent: int, took: float) -> None:
        """It was sent so many in so many seconds; what is over its rate is waited for."""
        if self.rate:
            self.pause = max(self.pause, sent / self.rate - took)

    def _tripped(self) -> bool:
        share = self.tried >= ENOUGH and self.failed / self.tried >= SHARE
        return self.unreachable >= IN_A_ROW or share

    def _stop(self, pause: float) -> None:
        self.over, self.pause = True, max(self.pause, pause)


def wait_after(number: int, scale: float, pause: float) -> float | None:
    """Seconds until an event is tried again after its attempt of this number; None: it is given up."""
    if number > len(SCHEDULE):
        return None
    return max(jittered(SCHEDULE[number - 1] * scale), pause)


def jittered(seconds: float) -> float:
    """The same, give or take a fifth: what failed together does not come back together."""
    return seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - jitter is no secret
