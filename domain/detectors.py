"""The detectors: pure functions over a series, each with a version and parameters."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from domain.detection import Detector, Finding, Known, Parameters, Rule, Series

DETECTORS: Mapping[Detector, Known] = MappingProxyType({})
"""Every detector there is. A new one is a function, its parameters and a line here."""


def rules(chosen: Mapping[Detector, Parameters]) -> dict[Detector, Rule]:
    """The detectors as they will run."""
    return {name: Rule(name, DETECTORS[name].version, said.plain()) for name, said in chosen.items()}


def detect(seriess: Sequence[Series], chosen: Mapping[Detector, Parameters]) -> tuple[Finding, ...]:
    """Everything that the chosen detectors see in the series of one relationship, in the order they are chosen."""

    def seen() -> Iterator[Finding]:
        for name, parameters in chosen.items():
            yield from DETECTORS[name].see(seriess, parameters)

    return tuple(seen())
