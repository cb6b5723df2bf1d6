"""An instrument of the practice's own: another form, better norms for a built-in one, or item texts under a licence."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from domain.access import CALLERS, Role
from domain.errors import Incomplete, Refused
from domain.form import KEY, TOTAL, Form, InstrumentKind, Rights, Scoring, Upkeep
from domain.instruments import BUILT_IN, built_in, coded
from domain.machine import Machine
from domain.move import NEW, Around, Move, as_said
from domain.scoring import HAIR, listed

DIMENSIONS = {"anxiety", "avoidance"}


class InstrumentPhase(StrEnum):
    """Whether an instrument is in use."""

    CURRENT = "current"
    """Ratings may name it."""
    RETIRED = "retired"
    """Kept for the ratings that name it; new ones do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument(Form):
    """An instrument that the practice defines, or defines better. Those built in are at `/v1/instruments/built-in`."""

    id: UUID
    phase: InstrumentPhase = InstrumentPhase.CURRENT
    """Whether it is in use."""


def in_force(own: Iterable[Instrument]) -> tuple[Form, ...]:
    """The practice's forms as scores are read by them. One that is retired gives way to the built-in one, if any."""
    current = InstrumentPhase.CURRENT
    return tuple(form for form in own if form.phase is current or built_in(form.code, form.edition) is None)


def holds_together(state: Any, body: Form, around: Around) -> None:
    """Its key makes sense, a built-in one keeps its own, and licensed texts come with the licence attested."""
    original = built_in(body.code, body.edition)
    rights_are_kept(original, body)
    if faults := list(key_faults(body)):
        named = [{"pointer": f"#/{at}", "detail": detail} for at, detail in faults]
        raise Refused(f"The key does not hold together; look at {listed(dict(faults))}.", errors=named)
    if original and (wrong := [name for name in KEY if getattr(original, name) != getattr(body, name)]):
        raise Refused(
            f"The key of {original.code} {original.edition} is built in and differs in: {listed(wrong)}. Copy it from "
            "/v1/instruments/built-in, or give another edition.", at=wrong[0],
        )  # fmt: skip
    texts_are_licensed(body, body)


def rights_are_kept(original: Form | None, body: Form) -> None:
    """Raises Refused for what is built in under other rights, or another kind of thing under its name."""
    if original and original.rights is not body.rights:
        raise Refused(f"The rights in {original.code} are: {original.rights}.", at="rights")
    for known in (f for f in BUILT_IN if f.code == coded(body.code)):
        if known.kind is not body.kind:
            raise Refused(f"{known.code} is built in and of the kind {known.kind}; give another code.", at="kind")
        if known.rights is Rights.LICENSED and body.rights is not Rights.LICENSED:
            raise Refused(f"{known.code} is licensed, in every edition.", at="rights")


def key_faults(form: Form) -> Iterator[tuple[str, str]]:
    """What does not hold together in a key, by field."""
    if not coded(form.code):
        yield "code", "Letters or digits, as ratings will name it."
    known, names = set(form.items), [s.name for s in form.subscales]
    keyed = Counter(item for s in form.subscales for item in s.items)
    if form.low >= form.high:
        yield "high", "Higher than low."
    elif abs((steps := (form.high - form.low) / form.step) - round(steps)) > HAIR or steps < 1 - HAIR:
        yield "step", "A whole number of steps leads from low to high."
    if len(known) < len(form.items):
        yield "items", "Each item once."
    for name in ("reversed_items", "risk_items"):
        if set(getattr(form, name)) - known:
            yield name, "Items of the form only."
    if set(keyed) - known or any(times > 1 for times in keyed.values()):
        yield "subscales", "Items of the form only, each in one subscale at most."
    if known and not all(s.items for s in form.subscales):
        yield "subscales", "Each subscale of a form with items has items."
    if len(set(names)) < len(names) or TOTAL in names:
        yield "subscales", "Each name once, and none is called total."
    if form.scoring is Scoring.SUM and not form.items:
        yield "items", "A sum needs to know its items."
    if form.kind is InstrumentKind.ATTACHMENT and set(names) != DIMENSIONS:
        yield "subscales", "An attachment instrument has the subscales anxiety and avoidance."
    yield from upkeep_faults(form, form)


def upkeep_faults(form: Form, body: Upkeep) -> Iterator[tuple[str, str]]:
    """What does not fit the form in what may be corrected of it, by field."""
    if {n.of for n in body.norms} - {*(s.name for s in form.subscales), TOTAL}:
        yield "norms", "A norm is of the total or of one of the subscales."
    low, high = form.reach(form.keyed or 1)
    if body.caseness and form.kind is not InstrumentKind.OUTCOME:
        yield "caseness", "An outcome instrument alone has a caseness line."
    elif body.caseness and not low <= body.caseness.line <= high:
        yield "caseness", f"The line is a score of the form, from {low:g} to {high:g}."


def texts_are_licensed(form: Form, body: Upkeep) -> None:
    """Raises Refused for texts of items it does not have, or of a licensed instrument without an attestation."""
    texts = [text.item for text in body.item_texts]
    if set(texts) - set(form.items) or len(set(texts)) < len(texts):
        raise Refused("One text for each item of the form at most.", at="item_texts")
    if texts and form.rights is Rights.LICENSED and body.licence is None:
        detail = "Who granted the licence to use the item texts, and who in the practice attests it."
        raise Incomplete([("licence", detail)])


def defined(state: Any, body: Form, around: Around) -> Mapping[str, Any]:
    """Under its code as ratings will name it."""
    return {**as_said(state, body, around), "code": coded(body.code)}


def still_holds(state: Instrument, body: Upkeep, around: Around) -> None:
    """The key stays, so that ratings stay what they were: another key is another edition."""
    for at, detail in upkeep_faults(state, body):
        raise Refused(detail, at=at)
    texts_are_licensed(state, body)


P = InstrumentPhase
KEEPERS = frozenset({Role.ADMIN, Role.INTEGRATION})

INSTRUMENT = Machine(
    "instrument", "instruments", Instrument, InstrumentPhase,
    Move("define", (NEW,), (P.CURRENT,), "defined", KEEPERS, Form, holds_together, defined,
         "The practice defines an instrument, or adds norms or texts to a built-in one."),
    Move("revise", (P.CURRENT,), (), "revised", KEEPERS, Upkeep, still_holds,
         says="Its title, norms, caseness line, item texts or licence changed.", verb="PATCH"),
    Move("retire", (P.CURRENT,), (P.RETIRED,), "retired", KEEPERS, says="New ratings do not name it.", verb="DELETE"),
    Move("reinstate", (P.RETIRED,), (P.CURRENT,), "reinstated", KEEPERS, says="It is in use again."),
    read_by=CALLERS,
)  # fmt: skip
