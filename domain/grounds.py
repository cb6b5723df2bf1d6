"""Whose word it is that a repair held. A therapist's claim alone is none, and an account of a view is not the view.

Nothing of it is kept: it follows from what the repair has on record, and from the log for what it was at the time.
"""

from collections.abc import Iterator
from enum import StrEnum

from domain.move import Advisory


class Ground(StrEnum):
    """Whose word it is that a rupture is repaired."""

    CLIENT = "client"
    """The client's own: they recorded their view themselves."""
    SECOND_HAND = "second_hand"
    """The client's view as somebody else recorded it for them."""
    SCORES = "scores"
    """The client's scores met a named rule; of the client's view nothing is on record."""


HELD = {
    Ground.CLIENT: "The repair held: the client says so.",
    Ground.SECOND_HAND: "The repair held, by an account of the client's view; they have not recorded it themselves.",
    Ground.SCORES: "The repair held, by the client's scores alone; their own view is not on record.",
}
"""The same, as a timeline tells it."""


def ground(*, own: bool, told: bool) -> Ground:
    """What `repaired` rests on, by whether the client's view is on record, and whether it is their `own` entry."""
    return Ground.CLIENT if own else Ground.SECOND_HAND if told else Ground.SCORES


def second_hand(told: int | None, *, own: bool) -> Iterator[Advisory]:
    """Advice for who says what the client said, unless the client's `own` entry says it."""
    if told is not None and not own:
        detail = "You recorded the client's view for them. Invite them to say it themselves (record_view)."
        yield Advisory(code="clients_view_second_hand", detail=detail, source="The client's own view")
