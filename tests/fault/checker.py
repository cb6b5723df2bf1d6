"""What must hold of deliveries, whatever broke: held between what was committed and what a receiver wrote down.

L: lost; P: phantom; D: different or doubled; O: out of order; S: signature.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Committed:
    """An event of the log."""

    webhook_id: str
    seq: int
    type: str
    resource: str
    version: int

    def is_for(self, filters: Iterable[str]) -> bool:
        """Whether it is one of these types. What endpoints do is not counted: an endpoint's own news is not for it."""
        return not self.type.startswith("webhook_endpoint.") and any(
            wanted in ("*", self.type) or (wanted.endswith(".*") and self.type.startswith(wanted[:-1]))
            for wanted in filters
        )


@dataclass(frozen=True, slots=True)
class Request:
    """One request that reached the receiver, as it wrote it down."""

    at: float
    path: str
    id: str
    type: str
    resource: str
    version: int
    timestamp: int
    verified: bool
    keys: Sequence[int]
    signatures: int
    status: int
    body: str
    head: str

    @property
    def taken(self) -> bool:
        """Whether it was answered as every sender wishes."""
        return 200 <= self.status < 300


@dataclass(slots=True)
class Expected:
    """What an endpoint was to be told."""

    path: str
    filters: Sequence[str] = ("*",)
    after: int = 0
    """The log's number when it was enabled."""
    until: int | None = None
    """The log's number when it no longer was."""
    excused: Collection[int] = field(default_factory=frozenset)
    """Numbers that wait, were given up, or may wait for a recovery: said to be so by the service."""


def faults(
    log: Iterable[Committed], endpoints: Iterable[Expected], requests: Iterable[Request], repeats: int | None = 0
) -> list[str]:
    """Everything that is wrong. `repeats`: how often something taken may have come again; None where a kill makes it
    uncertain."""
    known = {event.webhook_id: event for event in log}
    heard: dict[str, list[Request]] = defaultdict(list)
    for request in requests:
        heard[request.path].append(request)
    found: list[str] = []
    for endpoint in endpoints:
        here = heard[endpoint.path]
        found += lost(known.values(), endpoint, here) + phantoms(known, here) + changed(here) + disordered(here)
        found += [f"S {endpoint.path}: {r.id} v{r.version} does not verify" for r in here if not r.verified]
    again = [f"{path}: {id}" for path, those in heard.items() for id in repeated(those)]
    if repeats is not None and len(again) > repeats:
        found.append(f"D {len(again)} were sent again after they were taken, and {repeats} may be: {again[:5]}")
    return found


def awaited(log: Iterable[Committed], endpoint: Expected) -> dict[str, Committed]:
    """What has to reach it, by id."""
    return {
        event.webhook_id: event for event in log
        if event.seq > endpoint.after and (endpoint.until is None or event.seq <= endpoint.until)
        and event.is_for(endpoint.filters)
    }  # fmt: skip


def lost(log: Iterable[Committed], endpoint: Expected, requests: Iterable[Request]) -> list[str]:
    """Neither taken nor accounted for."""
    taken = {r.id for r in requests if r.taken}
    return [
        f"L {endpoint.path}: {event.seq} {event.type} v{event.version} never came"
        for id, event in awaited(log, endpoint).items() if id not in taken and event.seq not in endpoint.excused
    ]  # fmt: skip


def phantoms(known: dict[str, Committed], requests: Iterable[Request]) -> list[str]:
    """Told of, and never committed."""
    return [
        f"P {r.path}: {r.id} {r.type} v{r.version} is not in the log"
        for r in requests
        if (event := known.get(r.id)) is None
        or (r.type, r.resource, r.version) != (event.type, event.resource, event.version)
    ]


def changed(requests: Iterable[Request]) -> list[str]:
    """The same id with other bytes."""
    bodies: dict[str, str] = {}
    return [f"D {r.path}: {r.id} has two bodies" for r in requests if bodies.setdefault(r.id, r.body) != r.body]


def repeated(requests: Iterable[Request]) -> list[str]:
    """The ids of requests that came after theirs had been taken."""
    taken, again = set(), []
    for request in requests:
        if request.id in taken:
            again.append(request.id)
        if request.taken:
            taken.add(request.id)
    return again


def disordered(requests: Iterable[Request]) -> list[str]:
    """First taken after a newer version of the same thing had been."""
    seen: set[str] = set()
    newest: dict[str, int] = defaultdict(int)
    found = []
    for request in requests:
        if request.taken and request.id not in seen:
            if request.version <= newest[request.resource]:
                found.append(
                    f"O {request.path}: {request.resource} v{request.version} after v{newest[request.resource]}"
                )
            seen.add(request.id)
            newest[request.resource] = max(newest[request.resource], request.version)
    return found


def stale(requests: Iterable[Request]) -> list[str]:
    """Sent, though a newer version of the same thing had been taken before: what a lease guard must prevent.

    What was taken itself already may come again: its sender was stopped before it could write that down.
    """
    newest: dict[str, int] = defaultdict(int)
    taken: set[tuple[str, str]] = set()
    found = []
    for request in requests:
        if request.version < newest[request.resource] and (request.path, request.id) not in taken:
            found.append(f"{request.path}: {request.resource} v{request.version} after v{newest[request.resource]}")
        if request.taken:
            taken.add((request.path, request.id))
            newest[request.resource] = max(newest[request.resource], request.version)
    return found
