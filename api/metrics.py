"""Counts and durations by route, for Prometheus. Labels are templates and numbers, never ids."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from infra.tally import BOUNDS as TIMES
from infra.tally import Tally

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """What this process has answered. Its own counters cost a tenth of the library's per-call labels."""

    def __init__(self, tally: Tally) -> None:
        """Starts at nought. `tally` is the dispatcher's."""
        self._tally = tally
        self._buckets: dict[tuple[str, str], list[int]] = {}
        self._seconds: dict[tuple[str, str], float] = {}
        self._statuses: dict[tuple[str, str, int], int] = {}
        self._volumes: dict[str, tuple[int, float]] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """One answer."""
        key = (method, route)
        buckets = self._buckets.get(key)
        if buckets is None:
            buckets = self._buckets[key] = [0] * (len(BOUNDS) + 1)
            self._seconds[key] = 0.0
        buckets[bisect_left(BOUNDS, seconds)] += 1
        self._seconds[key] += seconds
        told = (method, route, status)
        self._statuses[told] = self._statuses.get(told, 0) + 1

    def standing(self, log: str, ahead: int, oldest: float) -> None:
        """How many volumes a log has ahead, and the age of its oldest in seconds."""
        self._volumes[log] = (ahead, oldest)

    def collect(self) -> Iterator[Any]:
        """Everything, as the library writes it down."""
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

        requests = CounterMetricFamily(
            "bravespace_requests", "Answers by status.", labels=["method", "route", "status"]
        )
        for (method, route, status), count in self._statuses.items():
            requests.add_metric([method, route, str(status)], count)
        yield requests
        durations = HistogramMetricFamily("bravespace_request_seconds", "Time to answer.", labels=["method", "route"])
        for key, buckets in self._buckets.items():
            durations.add_metric(list(key), added_up(BOUNDS, buckets), self._seconds[key])
        yield durations
        yield from self._delivered()
        yield from self._volumes_told()

    def _volumes_told(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        ahead = GaugeMetricFamily("bravespace_volumes_ahead", "Spare volumes of a log.", labels=["log"])
        oldest = GaugeMetricFamily("bravespace_oldest_volume_seconds", "Age of the oldest volume.", labels=["log"])
        for log, (spares, age) in self._volumes.items():
            ahead.add_metric([log], spares)
            oldest.add_metric([log], age)
        yield from (ahead, oldest)

    def _delivered(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

        tally = self._tally
        for name, says, label, counted in (
            ("bravespace_delivery_attempts", "Delivery attempts by outcome.", "outcome", tally.attempts),
            ("bravespace_delivery_moves", "What the service did with endpoints by itself.", "move", tally.moves),
        ):  # fmt: skip
            found = CounterMetricFamily(name, says, labels=[label])
            for key, count in counted.items():
                found.add_metric([key], count)
            yield found
        yield CounterMetricFamily(
            "bravespace_delivery_lost_leases", "Turns that were taken over before they ended.", value=tally.lost_leases
        )
        latency = HistogramMetricFamily("bravespace_delivery_seconds", "From an event's commit to its 2xx.", labels=[])
        latency.add_metric([], added_up(TIMES, tally.buckets), tally.seconds)
        yield latency

    def written(self, backlog: Mapping[str, float]) -> bytes:
        """The exposition, with what there is to deliver now."""
        # Loaded when it is first asked for: a service that is not scraped starts without it.
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry()
        registry.register(self)
        registry.register(Backlog(backlog))
        return generate_latest(registry)

    def serve(self, host: str, port: int) -> None:
        """Serve the exposition in a thread, for a process that serves nothing else."""
        from prometheus_client import CollectorRegistry, start_http_server

        registry = CollectorRegistry()
        registry.register(self)
        start_http_server(port, host, registry)


def added_up(bounds: Sequence[float], buckets: Sequence[int]) -> list[tuple[str, int]]:
    """A histogram as the library takes it: each bucket with all below it."""
    return list(zip((*map(str, bounds), "+Inf"), accumulate(buckets), strict=True))


class Backlog:
    """What there is to deliver, as the library takes it. Nothing while the database is away."""

    def __init__(self, found: Mapping[str, float]) -> None:
        """As `DeliveryLog.backlog` found it."""
        self._found = found

    def collect(self) -> Iterator[Any]:
        """Everything, as the library writes it down."""
        from prometheus_client.core import GaugeMetricFamily

        if not self._found:
            return
        states = GaugeMetricFamily("bravespace_delivery_backlog", "Deliveries by state.", labels=["state"])
        for state in ("ready", "waiting", "held", "dead"):
            states.add_metric([state], self._found[state])
        yield states
        due = "For how long the oldest delivery has been due, in seconds."
        yield GaugeMetricFamily("bravespace_delivery_oldest_due_seconds", due, value=self._found["oldest_due"])
        breakers = "Endpoints that are only probed."
        yield GaugeMetricFamily("bravespace_delivery_open_breakers", breakers, value=self._found["open_breakers"])
