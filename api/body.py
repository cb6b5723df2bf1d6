"""Bodies: their schemas, built when first needed, and the merge patch."""

from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, make_dataclass
from functools import cache
from typing import Annotated, Any, get_args
from uuid import UUID

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from api.call import parsed
from api.problems import without
from domain.values import Ref, markers, plain, record_in, type_hints


@cache
def adapter(takes: type) -> TypeAdapter[Any]:
    """The validator of a body."""
    return TypeAdapter(takes)


@cache
def with_relationship(takes: type) -> type:
    """The body of a move made on the collection: the same, and the relationship it is about."""
    field = ("relationship_id", Annotated[UUID, Ref("relationship", above=True)])
    body = make_dataclass(f"{takes.__name__}Of", [field], bases=(takes,), kw_only=True, frozen=True, slots=True)
    body.__doc__ = takes.__doc__
    return body


def merged(takes: type, state: Any, patch: dict[str, Any]) -> Any:
    """A merge patch (RFC 7396) applied to what may be corrected of `state`.

    A null removes, and what is removed falls back to its default; where there is none, it is missing. What is not sent
    stays as it is and is not checked: a list may have grown past what may be sent, or date from before a limit.
    """
    known = {f.name: f for f in fields(takes)}
    current = from_json(to_json({name: plain(getattr(state, name)) for name in patch if name in known}))
    said = merge(current, patch, takes)
    body = parsed(adapter(in_part(takes)), to_json(said))
    gone = [name for name in known if name in patch and name not in said]
    if missing := [name for name in gone if known[name].default is MISSING]:
        raise without(missing)
    defaults = {name: known[name].default for name in gone}
    return takes(**{name: getattr(body if name in said else state, name) for name in known} | defaults)


@cache
def in_part(takes: type) -> type:
    """The same body, of which any field may be left out."""
    hints = type_hints(takes)
    optional = [(f.name, hints[f.name], field(default=None)) for f in fields(takes)]
    return make_dataclass(f"{takes.__name__}InPart", optional, bases=(takes,), kw_only=True, frozen=True, slots=True)


def merge(target: Any, patch: Any, takes: type | None) -> Any:
    """RFC 7396, for what is to be a `takes`; a name that it does not have stays, for its schema to refuse."""
    if not isinstance(patch, dict):
        return patch
    before = target if isinstance(target, dict) else {}
    hints = type_hints(takes) if takes else dict.fromkeys(patch)
    said = {
        name: merge(before.get(name), value, record_in(hints.get(name)))
        for name, value in patch.items() if value is not None or name not in hints
    }  # fmt: skip
    return {n: v for n, v in before.items() if n not in patch} | said


@dataclass(frozen=True, slots=True)
class Named:
    """An id in a body, with where it stands and what it should name."""

    pointer: str
    ref: Ref
    id: UUID


@cache
def ref_fields(cls: Any) -> tuple[tuple[str, Ref], ...]:
    """The fields of a body that name other objects."""
    found = []
    for name, hint in type_hints(cls).items():
        ref = next((m for m in markers(hint) if isinstance(m, Ref)), None)
        if ref:
            found.append((name, ref))
    return tuple(found)


@cache
def record_fields(cls: Any) -> tuple[str, ...]:
    """The fields of a body that hold one record."""
    return tuple(n for n, hint in type_hints(cls).items() if any(is_dataclass(t) for t in (hint, *get_args(hint))))


def named(body: Any, prefix: str = "") -> Iterator[Named]:
    """Every id in a body that names another object."""
    for name, ref in ref_fields(body.__class__):
        value = getattr(body, name)
        many = value if isinstance(value, tuple) else ()
        yield from (Named(f"{prefix}{name}/{i}", ref, id) for i, id in enumerate(many))
        if isinstance(value, UUID):
            yield Named(f"{prefix}{name}", ref, value)
    for name in record_fields(body.__class__):
        if (value := getattr(body, name)) is not None:
            yield from named(value, f"{prefix}{name}/")
