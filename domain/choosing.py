"""Which detectors raise signals in a practice, and how they are set: its own choice, and until then a cautious one."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Annotated, Any, get_args, get_origin

from domain.default_set import DEFAULT_SET
from domain.detection import Detector, Parameters
from domain.detectors import DETECTORS, Cutoff
from domain.errors import Refused
from domain.form import Form
from domain.instruments import coded
from domain.values import Between, Code, Few, Said, kinds, markers, type_hints

Plain = bool | int | float | str | None
Setting = Plain | list[Plain]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Said):
    """One detector that is to raise signals."""

    detector: Detector
    """Which."""
    parameters: Mapping[str, Setting] = field(default_factory=dict)
    """What differs from its defaults, by name. `openapi/detectors.md` lists them with their ranges."""


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
    hints: Mapping[str, Any] = {f.name: type_hints(cls)[f.name] for f in fields(cls)}
    for name, value in choice.parameters.items():
        if name not in hints:
            known = ", ".join(sorted(hints)) or "none"
            raise Refused(f"{choice.detector} has no parameter of this name. It has: {known}.", at=f"{at}/{name}")
        for place, fault in faults(hints[name], value):
            raise Refused(fault, at=f"{at}/{name}{place}")
    made: Parameters = cls(**{name: worded(hints[name], value) for name, value in choice.parameters.items()})
    return made


def faults(hint: Any, value: Setting) -> Iterator[tuple[str, str]]:
    """What is wrong with a setting: where in it, and what."""
    one = entry(hint)
    if one is None:
        if fault := wrong(hint, value):
            yield "", fault
        return
    if not isinstance(value, list):
        yield "", "A list is needed, even of one."
        return
    few = next(m for m in markers(hint) if isinstance(m, Few))
    if not few.least <= len(value) <= few.limit:
        yield "", f"From {few.least} to {few.limit} entries."
    for place, each in enumerate(value):
        if fault := wrong(one, each):
            yield f"/{place}", fault


def entry(hint: Any) -> Any:
    """The type of a list's entries; None for what is no list."""
    inner = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    return get_args(inner)[0] if get_origin(inner) is tuple else None


def wrong(hint: Any, value: Setting) -> str:
    """What is wrong with a single value; nothing if it fits."""
    wanted = types_in(hint)
    if value is None:
        return "" if type(None) in wanted else "A value is needed; leave it out for the default."
    if enum := next((k for k in wanted if issubclass(k, StrEnum)), None):
        return "" if value in set(enum) else f"One of: {', '.join(enum)}."
    fits = type(value) in wanted or (type(value) is int and float in wanted)
    if not fits:
        return f"A {' or '.join(sorted(WORDS[k] for k in wanted if k in WORDS))} is needed."
    for limits in markers(hint):
        if isinstance(limits, Between) and not limits.low <= value <= limits.high:  # also what is no number
            return f"From {limits.low:g} to {limits.high:g}."
        if isinstance(limits, Code) and not (0 < len(coded(str(value))) <= limits.limit and str(value).isprintable()):
            return f"From 1 to {limits.limit} characters, all of them printable."
    return ""


def types_in(hint: Any) -> set[type]:
    """The plain types of a parameter, without the markers beside them."""
    return {kind for kind in kinds(hint) if isinstance(kind, type)}


WORDS = {bool: "true or false", int: "whole number", float: "number", str: "text"}


def worded(hint: Any, value: Setting) -> Any:
    """The value as the parameter's own type."""
    if isinstance(value, list):
        return tuple(worded(entry(hint), each) for each in value)
    if any(isinstance(m, Code) for m in markers(hint)):
        return coded(str(value))
    wanted = types_in(hint)
    enum = next((k for k in wanted if issubclass(k, StrEnum)), None)
    if enum and value is not None:
        return enum(str(value))
    return float(value) if type(value) is int and int not in wanted else value
