"""Delivery: what the log set off is signed and sent, at least once, in the order of each resource."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any
from uuid import UUID, uuid4

from cryptography.fernet import Fernet

from infra.egress import Egress
from infra.log import broken
from infra.loops import survived
from infra.patience import COUNTED, NARROW, QUIET, SCHEDULE, Lane
from infra.queue import FINISH, READ, TAKE
from infra.recovery import Recoveries
from infra.secrets import live, opened, signature
from infra.settings import Settings
from infra.store import Store
from infra.tally import Tally
from infra.turns import POLL, TURN, Result, Row, Turn
from infra.upkeep import Upkeep

IN_FLIGHT = 256
"""How many deliveries one dispatcher has under way at most, those that are late and one of each endpoint whose turn it
is not counted."""
LATE = 1.0
"""A receiver that has not answered for so many seconds may never: it is waited for, and keeps nobody else out."""
OPEN = 768
"""How many are under way at most with those that are late. Each is an open connection; a process may often have 1024,
and one that runs out of them would blame the receivers."""
LINGER = 0.1
"""How long the results of a turn that goes on may wait to be written, in seconds."""

PHASES = re.compile(rb',"from":"[a-z_]*","to":"[a-z_]*"')
"""What an endpoint that asked for ids only is not told."""
LEASED = ("practice_id", "endpoint_id", "lease", "width", "unreachable", "tried", "failed", "trips", "warned",
          "failing_for", "pending", "url", "secrets", "asymmetric", "api_version")  # fmt: skip

PARTING = 5
"""How long what is under way has, in seconds, when the dispatcher ends."""
LOOK = 1
"""Seconds between looks for recoveries to go on with."""


def webhook_id(practice_id: UUID, seq: int) -> str:
    """The `webhook-id`: the same for every attempt and every recovery of an event."""
    return f"evt_{practice_id.hex}_{seq}"


def ignored(practice_id: UUID) -> None:
    """Nobody in this process waits for the log to grow."""


class Dispatcher:
    """Sends what is due. Any number of them may work on one database."""

    def __init__(self, pool: Any, seal: Fernet, settings: Settings, told: Callable[[UUID], None] = ignored) -> None:
        """`told` hears of the practices in whose logs the dispatcher's own moves are."""
        self._pool, self._settings, self.tally = pool, settings, Tally()
        self.poll, self.look = POLL, LOOK
        self._told, self._upkeep = told, Upkeep(Store(pool), self.heard)
        self._recoveries = Recoveries(pool, self._upkeep)
        self._scale = settings.webhook_base_delay / SCHEDULE[0]
        self._wake, self._written = asyncio.Event(), asyncio.Event()
        self._egress = Egress(settings)
        self._turns: set[Turn] = set()
        self._under_way = 0
        self._late: set[tuple[Turn, int]] = set()
        self._ended: list[Turn] = []
        self._results: list[Result] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ending = False
        # Opening a seal costs more than signing; what is live is asked anew each time.
        self._open = lru_cache(1024)(partial(opened, seal))

    def wake(self) -> None:
        """There may be something to deliver."""
        self._wake.set()

    def heard(self, practice_id: UUID) -> None:
        """A log grew."""
        self._wake.set()
        self._told(practice_id)

    async def run(self) -> None:
        """Deliver until cancelled; then let what is under way finish."""
        writer = asyncio.create_task(self._write_for_ever())
        recoverer = asyncio.create_task(self._recover_for_ever())
        taking: asyncio.Task[bool] | None = None
        try:
            while True:
                taking = asyncio.create_task(survived("taking", self._round(), otherwise=True))
                # A round that was cut short would leave lanes leased to nobody.
                if not await asyncio.shield(taking):
                    # Not wait_for: in Python 3.11 it swallows a cancellation that comes with its result.
                    with suppress(TimeoutError):
                        async with asyncio.timeout(self.poll):
                            await self._wake.wait()
        finally:
            recoverer.cancel()
            await self._finish(taking, writer)

    async def _finish(self, taking: asyncio.Task[bool] | None, writer: asyncio.Task[None]) -> None:
        """Start nothing more, let what was started finish, and write it down."""
        self._ending = True
        for turn in self._turns:
            turn.until = 0
        self._wake.set()
        if taking:
            self._tasks.add(taking)
        await self._settle()
        self._written.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(writer, PARTING)
        await self._settle()
        await self._egress.close()

    async def _settle(self) -> None:
        """Wait a while for what is under way, and break off the rest: it is sent once more."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=PARTING)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _round(self) -> bool:
        """Lease the lanes there is room for, start their turns, and go on with others. True when there may be more."""
        self._wake.clear()
        for begun in self._turns:
            # What is late by now has left room.
            self._widen(begun)
        room = self._room()
        if room <= 0:
            return False
        asked = time.monotonic()
        timeout = self._settings.webhook_timeout
        most = -(-room // NARROW)
        lanes = await self._pool.fetch(TAKE, most, uuid4(), 2 * timeout, COUNTED * self._scale, QUIET * self._scale)
        # The database's time, for every dispatcher the same: receivers refuse what a clock that is off has signed.
        ahead = lanes[0]["clock"] - time.monotonic() if lanes else 0
        # A tenth less than half the lease: the other half is for the last attempt.
        turns = [turn for row in lanes if (turn := self._turn(row, ahead, asked + 0.9 * timeout))]
        if len(lanes) < most:
            # Else others may wait for their turn, and that comes first.
            turns += [turn for turn in self._turns if turn.goes_on()]
        if turns:
            await self._read(turns)
        return len(lanes) == most

    def _turn(self, row: Row, ahead: float, until: float) -> Turn | None:
        try:
            known = {name: row[name] for name in LEASED}
            lane = Lane(most=row["max_in_flight"], rate=row["rate_per_second"], scale=self._scale, **known)
            return Turn(lane, live(self._open(lane.secrets), time.monotonic() + ahead), ahead, until)
        except Exception as error:  # noqa: BLE001 - what is wrong with one endpoint is not the others' fault
            broken(error, during="beginning")
            return None

    async def _read(self, turns: list[Turn]) -> None:
        """Read what is due in each turn, and begin to send it."""
        lanes = [turn.lane for turn in turns]
        of = [(lane.practice_id, lane.endpoint_id, lane.lease, lane.room(TURN), lane.pending) for lane in lanes]
        own = [(place, subject) for place, turn in enumerate(turns, 1) for subject in turn.own]
        due: list[list[Row]] = [[] for _ in turns]
        for row in await self._pool.fetch(READ, *columns(of, 5), *columns(own, 2)):
            due[row["place"] - 1].append(row)
        for turn, rows in zip(turns, due, strict=True):
            if turn.ended:
                continue
            if self._ending:
                turn.until = 0
            self._turns.add(turn)
            turn.takes(rows)
            self._widen(turn)
            if not turn.active:
                self._end(turn)

    def _room(self) -> int:
        """How many more may be under way."""
        return min(IN_FLIGHT + len(self._late), OPEN) - self._under_way

    def _widen(self, turn: Turn) -> None:
        """As many at once as the lane has shown to take."""
        while turn.waiting and turn.active < turn.lane.width and not turn.stopped():
            if turn.active and self._room() <= 0:
                break
            turn.active += 1
            self._under_way += 1
            task = asyncio.create_task(self._work(turn, turn.waiting.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self, turn: Turn, rows: list[Row]) -> None:
        """Send one resource's events after another's, while there is room for one more at once."""
        try:
            while rows:
                for row in rows:
                    if turn.stopped() or not await self._attempt(turn, row):
                        break
                self._widen(turn)
                more = turn.waiting and turn.active <= turn.lane.width and not turn.stopped()
                rows = turn.waiting.popleft() if more else []
        except Exception as error:  # noqa: BLE001 - as above
            turn.lane.over = True
            broken(error, during="sending")
        finally:
            turn.active -= 1
            self._under_way -= 1
            if not turn.active:
                self._end(turn)

    async def _attempt(self, turn: Turn, row: Row) -> bool:
        lane, body, now = turn.lane, row["body"].encode(), int(time.monotonic() + turn.ahead)
        if row["lean"]:
            body = PHASES.sub(b"", body, 1)
        id = webhook_id(lane.practice_id, row["seq"])
        headers = {
            "content-type": "application/json", "user-agent": "bravespace-webhooks", "webhook-id": id,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(turn.secrets, id, now, body, asymmetric=lane.asymmetric),
            "bravespace-api-version": lane.api_version,
        }  # fmt: skip
        turn.sent += 1
        this = turn, row["seq"]
        late = asyncio.get_running_loop().call_later(LATE, self._late.add, this)
        try:
            answer = await self._egress.post(lane.url, body, headers, turn.until)
        finally:
            late.cancel()
            self._late.discard(this)
        if answer is None:
            return False
        took = answer.outcome == "delivered"
        if took:
            lane.succeeded()
        else:
            lane.failed_with(answer.outcome, answer.retry_after, last=row["attempt"] >= len(SCHEDULE))
        if "verify" in lane.news:
            # Before its ping is crossed off: nobody would ping it again.
            await self._tell(lane, {"verify": lane.news.pop("verify")})
        self.tally.attempts[answer.outcome] += 1
        if took and row["cause"] == "event":
            self.tally.received(time.monotonic() + turn.ahead - row["first_at"])
        self._results.append(Result(turn, row, answer, time.monotonic()))
        if len(self._results) == 1:
            asyncio.get_running_loop().call_later(LINGER, self._written.set)
        return took

    def _end(self, turn: Turn) -> None:
        turn.lane.paced(turn.sent, time.monotonic() - turn.read)
        turn.ended = True
        self._turns.discard(turn)
        self._ended.append(turn)
        self._written.set()

    async def _recover_for_ever(self) -> None:
        while True:
            more = await survived("recovering", self._recoveries.step(), otherwise=False)
            self._wake.set()
            await asyncio.sleep(0 if more else self.look)

    # -- writing down what happened --------------------------------------------------------------------------------

    async def _write_for_ever(self) -> None:
        while not self._ending or self._turns or self._results or self._ended:
            await self._written.wait()
            self._written.clear()
            if not await survived("writing", self._write(), otherwise=False):
                self._written.set()

    async def _write(self) -> bool:
        """Write every result there is, and give back the lanes whose turn has ended. True when that is done."""
        results, ended = self._results, self._ended
        turns = list(dict.fromkeys([*(result.turn for result in results), *ended]))
        if not turns:
            return True
        self._results, self._ended = [], []
        try:
            held = await self._pool.fetch(FINISH, *self._report(turns, results))
        except BaseException:
            # What can still be written is; what the lease no longer covers is sent once more under the same id.
            self._results, self._ended = results + self._results, ended + self._ended
            raise
        ours = {row["place"] for row in held}
        for result in results:
            result.turn.wrote(result)
        for place, turn in enumerate(turns):
            if place in ours:
                self._follow(turn.lane)
                if turn.ended and 0 < turn.lane.pause <= 1:
                    # A rate is for a second: polling would keep it well below what was asked for.
                    asyncio.get_running_loop().call_later(turn.lane.pause, self._wake.set)
            else:
                self.tally.lost_leases += 1
        self._wake.set()
        return True

    def _report(self, turns: list[Turn], results: list[Result]) -> list[Any]:
        """The parameters of FINISH."""
        places, now = {turn: place for place, turn in enumerate(turns)}, time.monotonic()
        rows = [result.as_row(places[result.turn], self._scale, now) for result in results]
        parked = [(places[turn], row["seq"], row["behind"]) for turn in turns if turn.ended for row in turn.parked]
        lanes = [turn.lane.figures() | {"place": place, "over": turn.ended} for turn, place in places.items()]
        return [lanes, *columns(rows, 10), *columns(parked, 3)]

    def _follow(self, lane: Lane) -> None:
        """Make the moves that follow from how an endpoint answered."""
        news, lane.news = lane.news, {}
        if news:
            task = asyncio.create_task(self._tell(lane, news))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _tell(self, lane: Lane, news: Mapping[str, Mapping[str, Any]]) -> None:
        """One after the other: each may open the next."""
        for move, said in news.items():
            self.tally.moves[move] += 1
            await self._upkeep.tell(lane.practice_id, lane.endpoint_id, move, said, lane.url)


def columns(rows: list[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Rows, turned."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
