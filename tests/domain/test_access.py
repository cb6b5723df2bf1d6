"""Who sees what: their own, and of their own what is theirs to see."""

import json
from dataclasses import fields, is_dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from itertools import count
from typing import Annotated, Any, get_args, get_origin
from uuid import UUID

import pytest

from api.representation import for_client
from domain.access import CALLERS, EVERYONE, Role
from domain.catalog import MACHINES, scopes_of
from domain.review import FOR_CLINICIANS
from domain.values import Private, marked, plain, records, type_hints
from tests.domain.given import CLIENT_ID, NOW, SOMEBODY, THERAPIST_ID, TODAY, caller

T, C, S, API, A = Role.THERAPIST, Role.CLIENT, Role.SUPERVISOR, Role.INTEGRATION, Role.ADMIN
each_machine = pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.subject)


# -- in whose sight ----------------------------------------------------------------------------------------------------


def test_a_person_is_named_by_their_token_and_by_nothing_else():
    assert (caller(T).person, caller(C).person) == (THERAPIST_ID, CLIENT_ID)
    with pytest.raises(ValueError):
        _ = caller(API).person


# -- scopes ------------------------------------------------------------------------------------------------------------

CLINICAL = {
    "clients", "relationships", "sessions", "ruptures", "repairs", "termination-plans", "alliance-ratings",
    "outcome-scores", "attachment-profiles", "goal-attainments",
}  # fmt: skip
READS = {f"{name}.read" for name in CLINICAL | {"therapists", "policies", "instruments"}}
READS |= {"events.read", "practices.read"}
SCOPES = {
    C: (READS - {"attachment-profiles.read"}) | {f"{name}.write" for name in (
        "sessions", "ruptures", "repairs", "termination-plans", "alliance-ratings", "outcome-scores",
        "attachment-profiles", "goal-attainments")},
    T: READS | {"signals.read"} | {f"{name}.write" for name in CLINICAL | {"signals"}},
    S: READS | {"signals.read"} | {
        f"{name}.write" for name in CLINICAL - {"goal-attainments"} | {"signals", "therapists", "policies"}},
    API: READS | {"signals.read"} | {f"{name}.write" for name in CLINICAL | {"therapists", "policies", "instruments"}}
    | {"webhooks.manage"},
    A: {"instruments.read", "instruments.write", "therapists.read", "policies.read", "events.read", "practices.read",
        "admin", "webhooks.manage",
        "therapists.write", "policies.write", "termination-plans.write"},
}  # fmt: skip


@pytest.mark.parametrize("role", sorted(CALLERS))
def test_a_role_carries_the_scopes_it_can_use_and_no_others(role):
    assert scopes_of(role) == SCOPES[role]


@pytest.mark.parametrize("role", sorted(CALLERS))
def test_nobody_is_given_a_scope_to_write_what_they_can_not_write(role):
    for machine in MACHINES:
        writes = any(role in move.by for move in machine.moves)
        reads_by_the_same = machine.read_scope == machine.write_scope and role in machine.read_by
        assert (machine.write_scope in scopes_of(role)) == (writes or reads_by_the_same)


def test_an_admin_reads_nothing_clinical_and_a_client_no_address_of_a_webhook():
    assert not {f"{name}.read" for name in CLINICAL} & scopes_of(A)
    house = {"therapists", "policies", "instruments", "webhook-endpoints"}
    assert {m.collection for m in MACHINES if A in m.read_by} == house
    assert {m.collection for m in MACHINES if C not in m.read_by} == {
        "signals",
        "webhook-endpoints",
        "attachment-profiles",
    }
    assert A not in EVERYONE and Role.POLICY not in CALLERS


# -- what a client is shown --------------------------------------------------------------------------------------------


ALWAYS_SHARED = {m.cls for m in MACHINES if m.revise and "shared_with_client" not in type_hints(m.revise.takes)}
"""Aggregates whose own texts are written for the client: no move says otherwise."""


class Full:
    """Instances in which every field says something, each text something of its own."""

    def __init__(self, *, shared: bool) -> None:
        self.shared, self.number = shared, count(1)
        self.hidden: set[str] = set()
        self.shown: set[str] = set()

    def of(self, cls: type, *, behind: bool = False) -> Any:
        """An instance. `behind`: it stands within what is not shared, or is for clinicians."""
        shared = self.shared or cls in ALWAYS_SHARED
        behind = behind or ("shared_with_client" in type_hints(cls) and not shared)
        said = {}
        for field in fields(cls):
            private = field.name in marked(cls, Private)
            said[field.name] = self.value(type_hints(cls)[field.name], behind=behind or private)
        if "shared_with_client" in said:
            said["shared_with_client"] = shared
        return cls(**said)

    def value(self, hint: Any, *, behind: bool) -> Any:
        origin, inner = get_origin(hint), [i for i in get_args(hint) if i is not type(None)]
        if origin is tuple:
            return (self.value(inner[0], behind=behind), self.value(inner[0], behind=behind))
        if inner:
            return self.value(inner[0] if origin is Annotated else next(iter(inner)), behind=behind)
        if is_dataclass(hint):
            return self.of(hint, behind=behind)
        if hint is str:
            marker = f"<{next(self.number)}>"
            (self.hidden if behind else self.shown).add(marker)
            return marker
        if isinstance(hint, type) and issubclass(hint, StrEnum):
            return [value for value in hint if value not in FOR_CLINICIANS][-1]
        return {bool: True, int: 1, float: 1.0, UUID: SOMEBODY, date: TODAY, datetime: NOW}[hint]


READABLE = [m for m in MACHINES if C in m.read_by]


def seen_by_client(thing: Any) -> dict[str, Any]:
    return for_client(type(thing), plain(thing))


@pytest.mark.parametrize("machine", READABLE, ids=lambda m: m.subject)
def test_a_client_is_shown_every_text_that_is_shared_with_them_and_nothing_private(machine):
    full = Full(shared=True)
    thing = full.of(machine.cls)
    sight = json.dumps(seen_by_client(thing))
    assert [marker for marker in full.shown if marker not in sight] == []
    assert [marker for marker in full.hidden if marker in sight] == []


@pytest.mark.parametrize("machine", READABLE, ids=lambda m: m.subject)
def test_a_client_is_shown_no_text_that_is_not_shared_with_them(machine):
    full = Full(shared=False)
    thing = full.of(machine.cls)
    sight = json.dumps(seen_by_client(thing))
    assert [marker for marker in full.hidden if marker in sight] == []
    assert [marker for marker in full.shown if marker not in sight] == []


@pytest.mark.parametrize("machine", READABLE, ids=lambda m: m.subject)
def test_what_is_private_is_left_out_by_name_however_deep_it_stands(machine):
    def check(cls: type, told: Any) -> None:
        assert not marked(cls, Private) & set(told)
        for name, record in records(cls).items():
            for entry in told[name] if isinstance(told.get(name), list) else filter(None, [told.get(name)]):
                check(record, entry)

    check(machine.cls, seen_by_client(Full(shared=True).of(machine.cls)))


@each_machine
def test_no_number_that_is_one_persons_own_is_shown_to_the_other(machine):
    therapists = {n for n in machine.field_names if n.startswith("therapist_") and not n.endswith(("_id", "_ids"))}
    assert therapists <= marked(machine.cls, Private)


def test_what_was_never_shared_is_not_shown_because_nobody_said():
    for machine in MACHINES:
        if "shared_with_client" in machine.field_names and "summary" in machine.field_names:
            thing = replace(Full(shared=True).of(machine.cls), shared_with_client=None)
            assert seen_by_client(thing)["summary"] is None
