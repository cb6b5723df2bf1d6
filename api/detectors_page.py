"""The page about detectors: what a practice may choose, with every limit, the default set, and what needs norms."""

import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Any

from api.handbook import table
from api.operations import codes
from api.schemas import docstrings, enums_in, said_of
from domain import default_set, detection, detectors, episodes, silence
from domain.choosing import WORDS, entry, types_in
from domain.default_set import DEFAULT_SET
from domain.detection import Detector, RepairRule
from domain.detectors import DETECTORS
from domain.episodes import MENDING
from domain.practice import PolicyTerms
from domain.silence import NEEDS, lacking, measures
from domain.values import Between, Code, Few, markers, plain, type_hints

INTRO = (
    "What a practice chooses in a policy of the kind `detection`: which detectors raise signals, with which "
    "parameters, and what counts as repaired. What each of them finds, and how often it is wrong, is in "
    "[detection.md](detection.md)."
)


def page() -> str:
    """All of it."""
    lines = ["# Detectors", "", INTRO, "", parts(detection)[1]]
    lines += ["", "## The default set", "", said(default_set)]
    lines += ["", "## Every detector", "", "\n\n".join(parts(detectors)[1:3]), ""]
    lines += table(("detector", "version", "default set", "what it sees"), (
        (f"`{name}`", str(known.version), "on" if name in DEFAULT_SET else "", docstrings(Detector)[name.name])
        for name, known in DETECTORS.items()
    ))  # fmt: skip
    for name in DETECTORS:
        lines += ["", *one(name)]
    return "\n".join([*lines, "", *repair_rules(), "", *norms()])


def said(owner: Any) -> str:
    """What a thing says of itself, in the lines it says it in."""
    return inspect.cleandoc(owner.__doc__ or "")


def parts(owner: Any) -> list[str]:
    """Its paragraphs, the title first."""
    return said(owner).split("\n\n")


def one(name: Detector) -> Iterator[str]:
    """One detector: what it goes by, and what may be set about it."""
    known = DETECTORS[name]
    yield from (f"### {name}", "", said(known.parameters), "", said(known.see))
    if fields(known.parameters):
        yield ""
        yield from table(("parameter", "what it takes", "default", "what it means"), settings(known.parameters()))


def settings(defaults: Any) -> Iterator[tuple[str, ...]]:
    """The parameters of a detector, each with its range and default."""
    cls: Any = type(defaults)
    hints: Mapping[str, Any] = type_hints(cls)
    says = said_of(cls)
    for field in fields(defaults):
        hint = hints[field.name]
        meaning = [says[field.name], *(f"`{word}`: {docstrings(e)[word.name]}" for e in enums_in(hint) for word in e)]
        default = json.dumps(plain(getattr(defaults, field.name)))
        yield f"`{field.name}`", takes(hint), f"`{default}`", " ".join(meaning)


def takes(hint: Any) -> str:
    """What a setting may be, in words."""
    if one := entry(hint):
        few = next(m for m in markers(hint) if isinstance(m, Few))
        return f"a list of {few.least} to {few.limit}, each {takes(one)}"
    wanted = types_in(hint)
    if vocabulary := next((kind for kind in wanted if issubclass(kind, StrEnum)), None):
        told = f"one of {codes(vocabulary)}"
    else:
        told = " or ".join(sorted(WORDS[kind] for kind in wanted if kind in WORDS))
    for limits in markers(hint):
        if isinstance(limits, Between):
            told += f", {limits.low:g} to {limits.high:g}"
        if isinstance(limits, Code):
            told += f" of up to {limits.limit} characters"
    return f"{told}; or null" if type(None) in wanted else told


def repair_rules() -> Iterator[str]:
    """What says that a dip is over."""
    says, policy, reasons = docstrings(RepairRule), said_of(PolicyTerms), docstrings(episodes)
    yield from ("## What counts as repaired", "", said(RepairRule), "")
    on = MENDING.repair_rules
    yield from table(("rule", "default", "what it says"), (
        (f"`{rule}`", "on" if rule in on else "", says[rule.name]) for rule in RepairRule
    ))  # fmt: skip
    window = next(m for m in markers(type_hints(PolicyTerms)["repair_window"]) if isinstance(m, Between))
    yield from (
        "", f"`repair_rules`: {policy['repair_rules']} Default: {codes(on)}. {reasons['REPAIR_RULES']}", "",
        f"`repair_window`: {policy['repair_window']} {window.low} to {window.high}, default {MENDING.repair_window}. "
        f"{reasons['WINDOW']}",
    )  # fmt: skip


def norms() -> Iterator[str]:
    """On which built-in forms something cannot be told, and what to supply."""
    yield from ("## Where a detector can say nothing", "", said(silence), "", docstrings(silence)["NEEDS"], "")
    yield from table(("form", "rated by", *(f"`{name}`" for name in NEEDS)), (
        (f"`{form.code}` {form.edition}", rater, *(gap(lacking(name, form).get(rater)) for name in NEEDS))
        for form in measures(()) for rater in form.rated_by
    ))  # fmt: skip
    yield from ("", f"What is named is missing. {silence.WAY_OUT}")


def gap(names: tuple[str, ...] | None) -> str:
    """The norms that are missing."""
    return codes(names or ())
