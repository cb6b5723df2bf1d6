"""Counts and durations by route, for Prometheus. Labels are templates and numbers, never ids."""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """What this process has answered. Its own counters cost a tenth of the library's per-call labels."""

    def __init__(self) -> None:
        """Starts at nought."""
        self._buckets: dict[tuple[str, str], list[int]] = {}
        self._seconds: dict[tuple[str, str], float] = {}
        self._statuses: dict[tuple[str, str, int], int] = {}
        self.deliveries: dict[str, int] = {}
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

    def attempted(self, outcome: str) -> None:
        """One attempt at a delivery."""
        self.deliveries[outcome] = self.deliveries.get(outcome, 0) + 1

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
            total, rows = 0, []
            for bound, count in zip((*map(str, BOUNDS), "+Inf"), buckets, strict=True):
                total += count
                rows.append((bound, total))
            durations.add_metric(list(key), rows, self._seconds[key])
        yield durations
        attempts = CounterMetricFamily(
            "bravespace_delivery_attempts", "Delivery attempts by outcome.", labels=["outcome"]
        )
        for outcome, count in self.deliveries.items():
            attempts.add_metric([outcome], count)
        yield attempts
        yield from self._volumes_told()

    def _volumes_told(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        ahead = GaugeMetricFamily("bravespace_volumes_ahead", "Spare volumes of a log.", labels=["log"])
        oldest = GaugeMetricFamily("bravespace_oldest_volume_seconds", "Age of the oldest volume.", labels=["log"])
        for log, (spares, age) in self._volumes.items():
            ahead.add_metric([log], spares)
            oldest.add_metric([log], age)
        yield from (ahead, oldest)

    def written(self) -> bytes:
        """The exposition."""
        # Loaded when it is first asked for: a service that is not scraped starts without it.
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)
