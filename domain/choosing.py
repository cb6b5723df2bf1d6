"""Which detectors raise signals in a practice, and how they are set: its own choice, and until then a cautious one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from domain.default_set import DEFAULT_SET
from domain.detection import Detector, Parameters
from domain.detectors import DETECTORS, Cutoff
from domain.errors import Refused
from domain.form import Form
from domain.values import Between, Said, kinds, markers, type_hints

Setting = bool | int | float | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Said):
    """One detector that is to raise signals."""

    detector: Detector
    """Which."""
    parameters: Mapping[str, Setting] = field(default_factory=dict)
    """What differs from its defaults, by name. `openapi/detection.md` lists them with their ranges."""


def chosen(choices: Iterable[Choice] | None) -> Mapping[Detector, Parameters]:
    """The detectors that run, with their parameters. None: the practice has not chosen.

    Raises Refused for a setting that a detector does not have, or that is out of its range.
    """
    if choices is None:
        return DEFAULT_SET
    found: dict[Detector, Parameters] = {}
    for place, choice in enumerate(choices):
        if choice.detector in found:
            raise Refused("Each detector is chosen once.", at=f"detectors/{place}/detector")
        found[choice.detector] = set_up(choice, f"detectors/{place}/parameters")
    return found


def item_by_item(chosen: Mapping[Detector, Parameters], forms: Iterable[Form]) -> frozenset[str]:
    """The codes of those forms whose single answers are looked at. Of all others the scores are enough."""
    found = {form.code for form in forms if form.risk_items} if Detector.RISK_ITEM in chosen else set()
    cutoff = chosen.get(Detector.CUTOFF)
    if isinstance(cutoff, Cutoff) and cutoff.item is not None:
        found.update(cutoff.instruments)
    return frozenset(found)


def set_up(choice: Choice, at: str) -> Parameters:
    """A detector's parameters. Raises Refused, naming the one that is wrong."""
    cls: Any = DETECTORS[choice.detector].parameters
    hints: Mapping[str, Any] = type_hints(cls)
    for name, value in choice.parameters.items():
        if name not in hints:
            known = ", ".join(sorted(hints)) or "none"
            raise Refused(f"{choice.detector} has no parameter of this name. It has: {known}.", at=f"{at}/{name}")
        if fault := wrong(hints[name], value):
            raise Refused(fault, at=f"{at}/{name}")
    made: Parameters = cls(**{name: worded(hints[name], value) for name, value in choice.parameters.items()})
    return made


def wrong(hint: Any, value: Setting) -> str:
    """What is wrong with a setting; nothing if it fits."""
    wanted = types_in(hint)
    if value is None:
        return "" if type(None) in wanted else "A value is needed; leave it out for the default."
    if enum := next((k for k in wanted if issubclass(k, StrEnum)), None):
        return "" if value in set(enum) else f"One of: {', '.join(enum)}."
    fits = type(value) in wanted or (type(value) is int and float in wanted)
    if not fits:
        return f"A {' or '.join(sorted(WORDS[k] for k in wanted if k in WORDS))} is needed."
    limits = next((m for m in markers(hint) if isinstance(m, Between)), None)
    if limits and not limits.low <= value <= limits.high:  # also what is no number
        return f"From {limits.low:g} to {limits.high:g}."
    return ""


def types_in(hint: Any) -> set[type]:
    """The plain types of a parameter, without the markers beside them."""
    return {kind for kind in kinds(hint) if isinstance(kind, type)}


WORDS = {bool: "true or false", int: "whole number", float: "number", str: "text"}


def worded(hint: Any, value: Setting) -> Any:
    """The value as the parameter's own type."""
    wanted = types_in(hint)
    enum = next((k for k in wanted if issubclass(k, StrEnum)), None)
    if enum and value is not None:
        return enum(str(value))
    return float(value) if type(value) is int and int not in wanted else value
