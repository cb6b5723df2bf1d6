"""What the domain tests start from: people, a day, and the least that a class or a body asks for."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, fields, is_dataclass, make_dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, get_args, get_origin
from uuid import UUID

import pytest

from domain.access import Caller, Role
from domain.errors import Refused
from domain.machine import Machine
from domain.move import NEW, Around, ConsentText, Decision, Endings
from domain.relationship import Relationship, RelationshipPhase
from domain.session import Session, SessionPhase
from domain.termination import TERMINATION_PLAN
from domain.values import type_hints

NOW = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
TODAY = NOW.date()
PRACTICE, ID, RELATIONSHIP_ID, RUPTURE_ID, CLIENT_ID, THERAPIST_ID, SOMEBODY = (UUID(int=n) for n in range(1, 8))
LEAST = {
    UUID: SOMEBODY, str: "words", bool: False, int: 1, float: 1.0, date: TODAY, datetime: NOW, Mapping[str, Any]: {},
}  # fmt: skip
PERSON = {Role.CLIENT: CLIENT_ID, Role.THERAPIST: THERAPIST_ID}


def caller(role: Role, id: str = "") -> Caller:
    """One caller of this role, always the same unless `id` says who."""
    return Caller(practice_id=PRACTICE, role=role, id=id or str(PERSON.get(role, role)), origin="tests")


def relationship(**said: Any) -> Relationship:
    """The relationship of the one client and the one therapist."""
    known = {"id": RELATIONSHIP_ID, "client_id": CLIENT_ID, "therapist_ids": (THERAPIST_ID,)}
    return Relationship(**known | said)


def session(**said: Any) -> Session:
    """A session of the two that was held."""
    known = {"id": SOMEBODY, "relationship_id": RELATIONSHIP_ID, "starts_at": NOW, "phase": SessionPhase.HELD}
    return Session(**known | said)


def around(role: Role, *, who: str = "", now: datetime = NOW, pair: Relationship | None = None, **more: Any) -> Around:
    """What a guard may know."""
    more = {"endings": Endings(no_contact_policy=True)} | more
    return Around(caller=caller(role, who), now=now, relationship=pair or relationship(), **more)


def least(hint: Any) -> Any:
    """The plainest value of a type."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return least(inner[0])
    if origin is tuple:
        return (least(inner[0]),)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return next(iter(hint))
    return built(hint) if is_dataclass(hint) else LEAST[hint]


def built(cls: type, **said: Any) -> Any:
    """An instance with the fields that are asked for and no more."""
    hints = type_hints(cls)
    needed = {f.name: least(hints[f.name]) for f in fields(cls) if f.default is MISSING and f.name not in said}
    return cls(**needed | said)


@cache
def of_relationship(takes: type) -> type:
    """The body of a move made before there is a plan: it names the relationship as well."""
    return make_dataclass(f"{takes.__name__}Of", [("relationship_id", UUID)], bases=(takes,), kw_only=True, frozen=True)


def body_for(machine: Machine, move: Any, state: Any, **said: Any) -> Any:
    """The least body of a move, with what is `said`."""
    if state is None and machine is TERMINATION_PLAN and move is not machine.begin:
        return built(of_relationship(move.takes), **{"relationship_id": RELATIONSHIP_ID} | said)
    return built(move.takes, **said)


def do(machine: Machine, name: str, state: Any = None, by: Role = Role.THERAPIST, *,
       who: str = "", now: datetime = NOW, pair: Relationship | None = None, parent: Any = None,
       endings: Endings | None = None, in_sight: Any = None, texts: tuple[ConsentText, ...] = (), **said: Any) -> Decision:  # fmt: skip
    """Make a move, saying what is `said`."""
    move = machine.by_name[name]
    known = around(
        by, who=who, now=now, pair=pair, parent=parent, scores=in_sight, texts=texts,
        **({"endings": endings} if endings else {}),
    )  # fmt: skip
    return machine.decide(move, state, body_for(machine, move, state, **said), known, id=state.id if state else ID)


@contextmanager
def refused(*pointers: str, status: int = 422, saying: str = "") -> Iterator[None]:
    """What is inside is refused: with this status, naming exactly these fields, saying this."""
    with pytest.raises(Refused) as told:
        yield
    assert told.value.status == status, told.value.detail
    if pointers:
        assert named(told.value) == set(pointers)
    assert saying in " ".join([told.value.detail, *(e["detail"] for e in told.value.members.get("errors", ()))])


def named(refusal: Refused) -> set[str]:
    """The fields that a refusal names."""
    return {error["pointer"].removeprefix("#/") for error in refusal.members.get("errors", ())}


def codes(decision: Decision) -> set[str]:
    """The advice that came with a move."""
    return {advisory.code for advisory in decision.advisories}


def phases(machine: Machine) -> tuple[str, ...]:
    """Every phase, and the one before there is anything."""
    return (NEW, *machine.phases)


def but(all_of: type[StrEnum], *these: StrEnum) -> list[Any]:
    """Every value but these, in order."""
    return [value for value in all_of if value not in these]


OVER = relationship(phase=RelationshipPhase.ENDED)
