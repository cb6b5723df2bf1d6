"""The documents for people: machines, events, roles and problems, each a page of tables."""

import inspect
from collections.abc import Iterable
from dataclasses import fields

from api.operations import codes, consequences, roles, rule_of
from api.problems import problems
from api.schemas import docstrings
from domain.access import Role
from domain.catalog import MACHINES, scopes_of
from domain.diagram import mermaid
from domain.machine import Machine
from domain.move import Move

CALLERS = [role for role in Role if role is not Role.POLICY]


def machines() -> str:
    """Every aggregate: its diagram and its table of moves."""
    intro = (
        "Each kind of object moves between phases by named moves, and by nothing else. A move that is not open from "
        "the phase an object is in answers 409 with what is open instead. `new` is the phase of what is yet to be."
    )
    return "\n".join(["# Phases and moves", "", intro, *(line for m in MACHINES for line in machine_part(m))])


def machine_part(machine: Machine) -> list[str]:
    """One aggregate."""
    head = ("move", "from", "to", "event", "by", "what it means", "body")
    rows = [
        (f"`{move.name}`", codes(move.source), codes(move.to) or "stays", f"`{machine.type_of(move)}`", by(move),
         " ".join([move.says, *notes(machine, move)]), body_of(move))
        for move in machine.moves
    ]  # fmt: skip
    says = inspect.cleandoc(machine.cls.__doc__ or "")
    return ["", f"## {title(machine)}", "", f"{says} At `/v1/{machine.collection}`.", "",
            "```mermaid", mermaid(machine), "```", "", *table(head, rows)]  # fmt: skip


def notes(machine: Machine, move: Move) -> list[str]:
    """What else is to know of a move."""
    found = [rule] if (rule := rule_of(move)) else []
    found += ["It may come with advice."] if move.advises else []
    return found + [f"Then: {consequence}." for consequence in consequences(machine.type_of(move))]


def body_of(move: Move) -> str:
    """The fields a move takes."""
    return codes(f.name for f in fields(move.takes)) or "none"


def by(move: Move) -> str:
    """Who makes a move."""
    alone = "the service itself"
    found = roles(move.by)
    return (f"{found}, {alone}" if found else alone) if Role.POLICY in move.by else found


def events() -> str:
    """Every event."""
    intro = (
        "Every move emits exactly one event. Its type is what a webhook endpoint and the feed are filtered by: the "
        "exact type, `prefix.*`, or `*` for all. An event carries ids, numbers, dates and words of a vocabulary, never "
        "free text."
    )
    head = ("type", "what happened", "from", "to", "who", "shown to clients")
    lines = ["# Events", "", intro]
    for machine in MACHINES:
        rows = [
            (f"`{machine.type_of(move)}`", move.says, codes(move.source), codes(move.to) or "stays", by(move),
             "no" if move.private or Role.CLIENT not in machine.read_by else "yes")
            for move in machine.moves
        ]  # fmt: skip
        lines += ["", f"## {title(machine)}", "", *table(head, rows)]
    return "\n".join(lines)


def role_matrix() -> str:
    """Who may do what."""
    intro = "A token carries exactly one role. The tables say who may make which move, once the scope allows it."
    lines = ["# Roles", "", intro, "", *table(("role", "what it is", "scopes unless told otherwise"), [
        (f"`{role}`", says, codes(sorted(scopes_of(role)))) for role, says in roles_explained()
    ])]  # fmt: skip
    for machine in MACHINES:
        read = ("(read)", *("yes" if role in machine.read_by else "" for role in CALLERS))
        rows = [(f"`{m.name}`", *("yes" if role in m.by else "" for role in CALLERS)) for m in machine.moves]
        scopes = codes(dict.fromkeys([machine.read_scope, machine.write_scope]))
        lines += ["", f"## {title(machine)}", "", f"Scopes: {scopes}.", "", *table(("move", *CALLERS), [read, *rows])]
    alone = "A row with no yes is a move that the service makes by itself, as a consequence of another."
    return "\n".join([*lines, "", alone])


def roles_explained() -> list[tuple[Role, str]]:
    """Each role, in the vocabulary's own words."""
    says = docstrings(Role)
    return [(role, says[role.name]) for role in CALLERS]


def problem_list() -> str:
    """Every problem."""
    intro = (
        "Refusals are problem details (RFC 9457). A refusal writes nothing (of a 500 or 503 that is not "
        "known), and `detail` says what it is this time. The `type` leads to a page of the service, `/problems/{code}`."
    )
    rows = [(f"`{kind.code}`", str(kind.status), kind.title, *meaning_and_way(kind)) for kind in problems()]
    return "\n".join(["# Problems", "", intro, "", *table(("code", "status", "title", "meaning", "way out"), rows)])


def meaning_and_way(kind: type) -> tuple[str, str]:
    """The first sentence says what it means, the rest what to do."""
    says = " ".join((kind.__doc__ or "").split())
    meaning, _, way = says.partition(". ")
    return meaning.rstrip(".") + ".", way or "The `detail` names it."


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """A table."""
    names = list(head)
    lines = [names, ["---"] * len(names), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines]


def title(machine: Machine) -> str:
    """What an aggregate is called in a heading."""
    return machine.subject.replace("_", " ").capitalize()
