"""A transition table as a picture."""

from domain.machine import Machine
from domain.move import NEW

OPEN = "open"
"""What the phases that stand together are called."""


def mermaid(machine: Machine) -> str:
    """The table as a state diagram. What stays where it is is left to the table, so that the ways can be seen."""
    inside = [f"        {phase}" for phase in machine.together]
    group = [f"    state {OPEN} {{", *inside, "    }"] if inside else []
    rows = [
        f"    {'[*]' if source == NEW else source} --> {to}: {move.name}"
        for move in machine.moves
        for source in drawn(machine, move.source)
        for to in drawn(machine, move.to)
    ]
    return "\n".join(["stateDiagram-v2", *group, *rows])


def drawn(machine: Machine, phases: tuple[str, ...]) -> list[str]:
    """Phases as they are drawn: those that stand together as one, where a move treats them alike."""
    together = set(machine.together)
    if not together or not together <= set(phases):
        return list(phases)
    return [*(p for p in phases if p not in together), OPEN]
