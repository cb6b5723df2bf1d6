"""The limits a value carries with its type.

They are plain `Annotated` markers. The HTTP layer's validator finds the hook it knows by name, so the domain states
each limit once and imports nothing for it.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Annotated, Any, ClassVar, get_args, get_type_hints
from uuid import UUID

type_hints = cache(lambda cls: get_type_hints(cls, include_extras=True))


@dataclass(frozen=True, slots=True)
class Words:
    """Free text of at most `limit` characters. It lives in the row; events only say that it changed."""

    limit: int = 280

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:
        # Postgres text can not hold NUL, and a text of blanks says nothing.
        limits = {"min_length": 1, "max_length": self.limit, "strip_whitespace": True, "pattern": r"^[^\x00]*$"}
        return {**handler(source), **limits}


@dataclass(frozen=True, slots=True)
class Code(Words):
    """A short machine-readable text (an identifier, a name of a version): limited like words, but not clinical text."""

    limit: int = 120


@dataclass(frozen=True, slots=True)
class Between:
    """A number or date from `low` to `high`, both included."""

    low: Any
    high: Any

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:
        zone = {"tz_constraint": "aware"} if isinstance(self.low, datetime) else {}
        return {**handler(source), "ge": self.low, "le": self.high, **zone}

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:
        found = handler(schema)
        if isinstance(self.low, int):
            return {**found, "minimum": self.low, "maximum": self.high}
        return {**found, "description": f"From {self.low.isoformat()} to {self.high.isoformat()}."}


@dataclass(frozen=True, slots=True)
class Few:
    """A list of at most `limit` entries."""

    limit: int
    least: int = 0

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:
        return {**handler(source), "min_length": self.least, "max_length": self.limit}


@dataclass(frozen=True, slots=True)
class Ref:
    """The id of another object of the same practice."""

    subject: str
    within: bool = False
    """It belongs to the same relationship."""
    above: bool = False
    """A new object hangs from it, so it must be in the caller's sight."""


@dataclass(frozen=True, slots=True)
class Private:
    """For clinicians: left out of what a client's own token is shown."""


class Said:
    """What is said over the API. A field that is not known is refused by its name."""

    __slots__ = ()
    __pydantic_config__: ClassVar[dict[str, Any]] = {"use_attribute_docstrings": True, "extra": "forbid"}


Summary = Annotated[str, Words(280)]
"""A short text that is part of the ordinary record: a client may ask for it, so write it to be read by them."""
Name = Annotated[str, Words(120)]
"""A name or label: free text like any other, so it lives in the row only."""
Token = Annotated[str, Code(120)]
"""An identifier or the name of a version."""
Day = Annotated[date, Between(date(1900, 1, 1), date(2199, 12, 31))]
Instant = Annotated[datetime, Between(datetime(1900, 1, 1, tzinfo=UTC), datetime(2199, 12, 31, tzinfo=UTC))]
Scale = Annotated[int, Between(1, 5)]
Feeling = Annotated[int, Between(0, 4)]


def markers(annotation: Any) -> list[Any]:
    """Every marker in a type, however deep it is wrapped in unions and lists."""
    found = list(getattr(annotation, "__metadata__", ()))
    for inner in get_args(annotation):
        found += markers(inner)
    return found


def record_in(annotation: Any) -> type | None:
    """The dataclass a field holds, alone or in a list."""
    if is_dataclass(annotation) and isinstance(annotation, type):
        return annotation
    return next((r for inner in get_args(annotation) if (r := record_in(inner))), None)


@cache
def marked(cls: type, marker: type) -> frozenset[str]:
    """The names of the fields of `cls` that carry exactly this marker."""
    return frozenset(n for n, hint in type_hints(cls).items() if any(type(m) is marker for m in markers(hint)))


@cache
def records(cls: type) -> dict[str, type]:
    """The fields of `cls` that hold records, and the record's class."""
    found = {name: record_in(hint) for name, hint in type_hints(cls).items()}
    return {name: record for name, record in found.items() if record}


def texts(cls: type) -> frozenset[str]:
    """The free-text fields of `cls` itself."""
    return marked(cls, Words)


@cache
def spoken(cls: type) -> frozenset[str]:
    """The fields of `cls` that hold free text, themselves or in their records."""
    return texts(cls) | {name for name, record in records(cls).items() if spoken(record)}


def plain(value: Any, *, words: bool = True) -> Any:
    """`value` as JSON can hold it; without the free text when `words` is false."""
    if is_dataclass(value) and not isinstance(value, type):
        hidden = frozenset() if words else texts(type(value))
        return {f.name: plain(getattr(value, f.name), words=words) for f in fields(value) if f.name not in hidden}
    if isinstance(value, tuple | list):
        return [plain(item, words=words) for item in value]
    if isinstance(value, UUID | date):
        return value.isoformat() if isinstance(value, date) else str(value)
    return value
