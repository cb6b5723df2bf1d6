"""From stored values back to the domain's own."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from uuid import UUID

from domain.values import type_hints


def reviver(hint: Any) -> Callable[[Any], Any] | None:
    """What turns a stored value of this type into the domain's; None where they are the same."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return reviver(inner[0])
    if origin in (Union, UnionType):
        revive = next((r for i in inner if i is not type(None) and (r := reviver(i))), None)
        return revive and (lambda value: None if value is None else revive(value))
    if origin is tuple:
        each = reviver(inner[0])
        return (lambda value: tuple(map(each, value))) if each else tuple
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        # The members' own dictionary: half the price of calling the enum, on every read of every field.
        return hint._value2member_map_.__getitem__
    if hint is UUID:
        return lambda value: value if isinstance(value, UUID) else UUID(value)
    if hint in (date, datetime):
        return lambda value: hint.fromisoformat(value) if isinstance(value, str) else value
    return reader(hint) if isinstance(hint, type) and hasattr(hint, "__dataclass_fields__") else None


@cache
def reader(cls: type) -> Callable[[Mapping[str, Any]], Any]:
    """What turns a mapping into a `cls`. A field that was added since is left to its default."""
    hints = type_hints(cls)
    names = [f.name for f in fields(cls)]
    revivers = [(n, revive) for n in names if (revive := reviver(hints[n]))]

    def read(row: Mapping[str, Any]) -> Any:
        known = {n: row[n] for n in names if n in row}
        for name, revive in revivers:
            if name in known:
                known[name] = revive(known[name])
        return cls(**known)

    return read
