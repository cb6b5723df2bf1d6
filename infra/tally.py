"""What a dispatcher counts while it works: kept in its own memory, read by whoever scrapes it."""

from bisect import bisect_left
from collections import Counter

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
"""Seconds."""


class Tally:
    """One dispatcher's counts since it started."""

    def __init__(self) -> None:
        """Starts at nought."""
        self.attempts: Counter[str] = Counter()
        """Attempts by outcome."""
        self.moves: Counter[str] = Counter()
        """The service's own moves on endpoints, by name: breakers opened and closed, endpoints disabled …"""
        self.lost_leases = 0
        """Turns that somebody else had taken over before their results were written."""
        self.buckets, self.seconds = [0] * (len(BOUNDS) + 1), 0.0
        """How long it took from an event's commit to its 2xx."""

    def received(self, seconds: float) -> None:
        """An event was taken, so long after its commit."""
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds
