"""A state machine as data: the table is the rule, the document, the schema and the test.

An aggregate declares its moves once. `Machine.decide` answers what a move would do, or refuses; nothing here does I/O.
"""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

from domain.access import EVERYONE, Role
from domain.errors import NotOpen, NotYours
from domain.move import NEW, Added, Advisory, Around, Decision, Event, Move
from domain.values import plain, texts


class Machine:
    """One aggregate: its class, its phases and its table of moves."""

    def __init__(
        self, subject: str, collection: str, cls: type, phases: type[StrEnum], *moves: Move,
        together: tuple[str, ...] = (), read_by: frozenset[Role] = EVERYONE, scope: str = "",
    ) -> None:  # fmt: skip
        """`subject` names it in events, `collection` in URLs (kebab-case).

        `together` are the phases that most moves treat alike, drawn as one. `scope` is for what one scope both reads
        and writes; else `{collection}.read` and `{collection}.write`.
        """
        self.together, self.read_by = together, read_by
        self.read_scope, self.write_scope = scope or f"{collection}.read", scope or f"{collection}.write"
        self.subject, self.collection, self.cls, self.phases, self.moves = subject, collection, cls, phases, moves
        self.by_name = {move.name: move for move in moves}
        self.begin = next(m for m in moves if NEW in m.source)
        self.revise = next((m for m in moves if m.verb == "PATCH"), None)
        self.remove = next((m for m in moves if m.verb == "DELETE"), None)
        self.posts = tuple(m for m in moves if m.verb == "POST" and m is not self.begin)
        self.private_types = frozenset(self.type_of(m) for m in moves if m.private)
        # An id and a phase come first, as a reader looks for them.
        self.field_names = ("id", "phase", *(f.name for f in fields(cls) if f.name not in ("id", "phase")))
        self._open = {
            (phase, role): tuple(m.name for m in self.posts if phase in m.source and role in m.by)
            for phase in (NEW, *phases) for role in Role
        }  # fmt: skip
        self._defaults = {
            f.name: plain(f.default if f.default is not MISSING else None, words=False) for f in fields(cls)
        }

    def type_of(self, move: Move) -> str:
        """The event type a move emits, which is also the webhook type."""
        return f"{self.subject}.{move.event}"

    def open_moves(self, phase: str, role: Role) -> tuple[str, ...]:
        """The moves this role may make from this phase, in the table's order."""
        return self._open[phase, role]

    def decide(self, move: Move, state: Any, body: Any, around: Around, *, id: UUID) -> Decision:
        """What `move` does to `state` (None: it makes a new one under `id`).

        Raises NotYours, NotOpen, or whatever refusal the guard raises.
        """
        phase = NEW if state is None else state.phase
        self.permit(move, around.caller.role)
        if phase not in move.source:
            raise self.not_open(move, phase, around.caller.role)
        advisories = tuple(move.guard(state, body, around) or ())
        effect = move.effect(state, body, around)
        if state is None:
            effect = {n: getattr(body, n) for n in self.field_names if hasattr(body, n)} | dict(effect)
        return self._decision(move, state, id, phase, effect, advisories)

    def permit(self, move: Move, role: Role) -> None:
        """Raises NotYours for a role that may not make the move."""
        if role not in move.by:
            allowed = ", ".join(sorted(move.by - {Role.POLICY})) or "the service itself"
            raise NotYours(f"{move.name} on a {self.subject} is made by: {allowed}.")

    def not_open(self, move: Move, phase: str, role: Role) -> NotOpen:
        """The refusal that names the phase it is in and what is open from there."""
        detail = f"{move.name} is not open to a {self.subject.replace('_', ' ')} that is {phase}."
        return NotOpen(detail, phase=phase, open_moves=list(self.open_moves(phase, role)))

    def _decision(
        self, move: Move, state: Any, id: UUID, phase: str, effect: Mapping[str, Any], advisories: tuple[Advisory, ...]
    ) -> Decision:
        said = dict(effect)
        to = said.pop("phase", None) or (move.to[0] if move.to else phase)
        added = {n: v.entry for n, v in said.items() if isinstance(v, Added)}
        values = {n: (*getattr(state, n, ()), added[n]) if n in added else v for n, v in said.items()}
        if state is None:
            after = self.cls(id=id, phase=self.phases(to), **{n: v for n, v in values.items() if n in self._defaults})
            changes = {n: getattr(after, n) for n in self.field_names}
        else:
            changes = {n: v for n, v in values.items() if v != getattr(state, n)}
            if to != phase:
                changes["phase"] = self.phases(to)
            after = replace(state, **changes)
        return Decision(
            machine=self, move=move, before=state, after=after, changes=changes, advisories=advisories,
            event=self._event(move, phase, str(to), state, changes, added),
            entries={n: plain(v) for n, v in added.items()},
        )  # fmt: skip

    def _event(
        self, move: Move, phase: str, to: str, state: Any, changes: Mapping[str, Any], added: Mapping[str, Any]
    ) -> Event:
        words = texts(self.cls)
        facts = {
            n: plain(v, words=False) for n, v in changes.items() if n not in words and n not in added and n != "phase"
        }  # fmt: skip
        if state is None:
            facts = {n: v for n, v in facts.items() if v != self._defaults[n] and n != "id"}
        return Event(
            type=self.type_of(move), source=phase, to=to, set=facts,
            add={n: plain(v, words=False) for n, v in added.items()},
            texts=tuple(sorted(n for n in words & changes.keys() if state is not None or changes[n] not in (None, ()))),
        )  # fmt: skip

    def fold(self, id: UUID, events: Iterable[Event]) -> dict[str, Any]:
        """The facts of an object, from its events alone: every field of it but free text."""
        facts: dict[str, Any] = {n: v for n, v in self._defaults.items() if n not in texts(self.cls)}
        facts["id"] = str(id)
        for event in events:
            facts |= {"phase": event.to, **event.set}
            for name, entry in event.add.items():
                facts[name] = [*(facts[name] or []), entry]
        return facts
