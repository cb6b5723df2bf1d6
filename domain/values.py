"""The limits a value carries with its type.

They are plain `Annotated` markers. The HTTP layer's validator finds the hook it knows by name, so the domain states
each limit once and imports nothing for it.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from functools import cache
from typing import Annotated, Any, ClassVar, get_args, get_type_hints
from uuid import UUID

type_hints = cache(lambda cls: get_type_hints(cls, include_extras=True))


@dataclass(frozen=True, slots=True)
class Words:
    """Free text of at most `limit` characters. It lives in the row; events only say that it changed."""

    limit: int = 280

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:
        # Postgres text cannot hold NUL, and a text of blanks says nothing.
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
        limits = {**handler(source), "ge": self.low, "le": self.high}
        if isinstance(self.low, float):
            # A zero below zero is a zero: adding one takes the sign off.
            signless = {"type": "no-info", "function": lambda value: value + 0.0}
            return {"type": "function-after", "function": signless, "schema": {**limits, "allow_inf_nan": False}}
        if isinstance(self.low, datetime):
            # One instant, one spelling: the log and the row must not differ by a time zone.
            utc = {"type": "no-info", "function": in_utc}
            aware = spelt(datetime, INSTANT, A_MOMENT, {**limits, "tz_constraint": "aware"})
            return {"type": "function-after", "function": utc, "schema": aware}
        return spelt(date, DAY, A_DAY, limits) if isinstance(self.low, date) else limits

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:
        found = handler(schema)
        if isinstance(self.low, int | float):
            return {**found, "minimum": self.low, "maximum": self.high}
        kind = "date-time" if isinstance(self.low, datetime) else "date"
        says = f"From {self.low.isoformat()} to {self.high.isoformat()}."
        return {"type": "string", "format": kind, "description": says}


DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
A_DAY = "A day, like 2026-11-02."
INSTANT = rf"{DAY}[Tt][0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]{{1,6}})?([Zz]|[+-][0-9]{{2}}:[0-9]{{2}})"
A_MOMENT = "A moment with its time zone, like 2026-11-02T10:00:00Z; a fraction of a second has at most six digits."


def spelt(kind: type[date], pattern: str, says: str, limits: dict[str, Any]) -> dict[str, Any]:
    """A day or moment in the one spelling of RFC 3339: parsers take a text of digits for seconds since 1970."""
    text = {"type": "str", "pattern": f"^({pattern})$"}
    read = {"type": "no-info", "function": lambda said: kind.fromisoformat(said.upper())}
    known = {"type": "function-after", "function": read, "schema": text}
    told = {"type": "custom-error", "custom_error_type": kind.__name__, "custom_error_message": says, "schema": known}
    return {"type": "chain", "steps": [told, limits]}


def in_utc(moment: datetime) -> datetime:
    """The same moment, as UTC has it."""
    return moment.astimezone(UTC)


class Repeated(ValueError):
    """An entry of a list is there already."""

    def __init__(self, place: int, first: int) -> None:
        """`place` is where it stands again, `first` where it stood first; both count from 0."""
        super().__init__(f"This is the same as entry {first}; each is named once.")
        self.place = place


@dataclass(frozen=True, slots=True)
class Few:
    """A list of at most `limit` entries; no two alike where it is `distinct`."""

    limit: int
    least: int = 0
    distinct: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:
        # Stopping at the first fault keeps a list of a million wrong entries from holding the service up.
        few = {**handler(source), "min_length": self.least, "max_length": self.limit, "fail_fast": True}
        if not self.distinct:
            return few
        return {"type": "function-after", "function": {"type": "no-info", "function": each_once}, "schema": few}

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:
        found = handler(schema)
        return {**found, "uniqueItems": True} if self.distinct else found


def each_once(entries: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same entries. Raises Repeated for one that is there twice."""
    if len(set(entries)) < len(entries):
        place, entry = next((i, e) for i, e in enumerate(entries) if e in entries[:i])
        raise Repeated(place, entries.index(entry))
    return entries


@dataclass(frozen=True, slots=True)
class Spelling:
    """An id in its one spelling, as in an address: parsers take braces, `urn:uuid:` and bare digits as well."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:
        text = {"type": "str", "pattern": f"^{UUID_TEXT}$"}
        read = {"type": "function-after", "function": {"type": "no-info", "function": UUID}, "schema": text}
        says = "This should be a UUID."
        return {"type": "custom-error", "custom_error_type": "uuid", "custom_error_message": says, "schema": read}

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:
        return {"type": "string", "format": "uuid"}


UUID_TEXT = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


@dataclass(frozen=True, slots=True)
class Ref(Spelling):
    """The id of another object of the same practice."""

    subject: str
    within: bool = False
    """It belongs to the same relationship."""
    above: bool = False
    """A new object hangs from it, so it must be in the caller's sight."""


@dataclass(frozen=True, slots=True)
class Private:
    """For clinicians: left out of what a client's own token is shown."""


@dataclass(frozen=True, slots=True)
class OnceShared:
    """How clinicians describe something: left out of what a client's own token is shown until it is shared with them.

    It goes by the `shared_with_client` of what it is part of, as its texts do.
    """


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
Id = Annotated[UUID, Spelling()]
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


@cache
def ids(cls: type) -> tuple[str, ...]:
    """The fields of `cls` that hold one id or a list of them."""
    return tuple(n for n, hint in type_hints(cls).items() if UUID in kinds(hint))


def kinds(annotation: Any) -> set[Any]:
    """The plain types in an annotation, however deep they are wrapped in unions and lists."""
    inner = get_args(annotation)
    return set().union(*map(kinds, inner)) if inner else {annotation}


def texts(cls: type) -> frozenset[str]:
    """The free-text fields of `cls` itself."""
    return marked(cls, Words)


@cache
def spoken(cls: type) -> frozenset[str]:
    """The fields of `cls` that hold free text, themselves or in their records."""
    return texts(cls) | {name for name, record in records(cls).items() if spoken(record)}


def plain(value: Any, *, words: bool = True) -> Any:
    """`value` as JSON can hold it; without the free text when `words` is false."""
    kind = type(value)
    if kind in AS_THEY_ARE:
        return value
    if kind is tuple or kind is list:
        return [plain(item, words=words) for item in value]
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    names = told(value.__class__, words)
    return value if names is None else {name: plain(getattr(value, name), words=words) for name in names}


AS_THEY_ARE = frozenset({str, int, bool, float, type(None), dict})


@cache
def told(kind: Any, words: bool) -> tuple[str, ...] | None:
    """The fields that are told of a record, in order; None for what is no record."""
    if not hasattr(kind, "__dataclass_fields__"):
        return None
    hidden: frozenset[str] = frozenset() if words else texts(kind)
    return tuple(f.name for f in fields(kind) if f.name not in hidden)
