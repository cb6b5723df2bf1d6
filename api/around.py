"""What a decision has to know before it is made, fetched beforehand: guards ask nothing of the world."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from api.body import Named, named
from api.problems import Invalid
from domain.access import Caller
from domain.instruments import coded
from domain.measure import Instrument, InstrumentPhase
from domain.move import Around, Move
from infra.rows import Sight, sight
from infra.shelves import SHELVES, Shelf
from infra.store import Store

Row = Mapping[str, Any]


async def around(
    store: Store, shelf: Shelf, caller: Caller, move: Move, body: Any, row: Row | None, state: Any
) -> Around:  # fmt: skip
    """Everything `move` may ask about. Raises Invalid for an id that names nothing here."""
    names = list(named(body))
    if row is None:
        place, relationship_id, parent = await above(store, caller, names)
    else:
        place, relationship_id, parent = (
            sight(row),
            row["id"] if shelf.is_relationship else row.get("relationship_id"),
            None,
        )
    await all_there(store, caller, names, relationship_id, state)
    if move.knows in ("parent", "scores") and state is not None:
        rupture = await store.row(SHELVES["rupture"], caller, state.rupture_id)
        parent = rupture and SHELVES["rupture"].state(rupture)
    scores = None
    if move.knows == "scores" and body.score_rule and relationship_id:
        scores = await store.scores(caller, relationship_id)
    endings = None
    if move.knows == "endings" and relationship_id:
        endings = await store.endings(caller.practice_id, relationship_id)
    forms = await forms_of(store, caller, body if state is None else state) if move.knows == "forms" else ()
    told = getattr(body, "sharing_policy_id", None)
    texts = await store.texts(caller.practice_id, told) if told else ()
    seen_on, new_id = None, None
    if move.knows == "seen_on":
        seen_on, new_id = await store.seen_on(caller.practice_id, state), uuid7()
    return Around(
        caller=caller, now=datetime.now(UTC), relationship=place, parent=parent, endings=endings, forms=forms,
        scores=scores, texts=texts, seen_on=seen_on, new_id=new_id,
    )  # fmt: skip


async def all_there(store: Store, caller: Caller, names: list[Named], relationship_id: UUID | None, state: Any) -> None:
    """Raises Invalid for an id that names nothing here; what `state` names in the same field was there before."""
    before = {(name.pointer.partition("/")[0], name.id) for name in named(state)} if state and names else set()
    asked: dict[tuple[str, UUID | None], list[Named]] = {}
    for name in names:
        if not name.ref.above and (name.pointer.partition("/")[0], name.id) not in before:
            asked.setdefault((name.ref.subject, relationship_id if name.ref.within else None), []).append(name)
    for (subject, within), wanted in asked.items():
        ids = [name.id for name in wanted]
        found = await store.among(SHELVES[subject], caller.practice_id, ids, within)
        for name in wanted:
            if name.id not in found:
                raise nothing_there(name.pointer, subject)


async def forms_of(store: Store, caller: Caller, told: Any) -> tuple[Instrument, ...]:
    """The practice's own forms of the instrument that is named; for what is new, only those that are in use.

    A policy names none: it is about all of them.
    """
    code = getattr(told, "instrument", "")
    if code is None:
        return ()
    found = await store.forms(caller.practice_id, coded(code))
    return tuple(form for form in found if hasattr(told, "id") or form.phase is InstrumentPhase.CURRENT)


async def above(store: Store, caller: Caller, names: list[Named]) -> tuple[Sight | None, UUID | None, Any]:
    """What a new object hangs from: the relationship in the caller's sight, its id, and a parent within it."""
    place, relationship_id, parent = None, None, None
    for name in names:
        if name.ref.above:
            shelf = SHELVES[name.ref.subject]
            row = await store.row(shelf, caller, name.id)
            if row is None:
                raise nothing_there(name.pointer, name.ref.subject)
            if name.ref.subject != "client":
                place, relationship_id = sight(row), row.get("relationship_id", name.id)
                parent = None if shelf.is_relationship else shelf.state(row)
    return place, relationship_id, parent


def nothing_there(pointer: str, subject: str) -> Invalid:
    """What is not there, and what is not yours to see, look the same."""
    detail = f"There is no such {subject} here."
    return Invalid(detail, errors=[{"pointer": f"#/{pointer}", "detail": detail}])
