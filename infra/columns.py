"""The kinds of column that tables are made of, and the constraints that the domain's own enums put on them."""

from enum import StrEnum
from typing import Any, get_args

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, DateTime, ForeignKeyConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from domain.values import type_hints


def key() -> Any:
    """A column of the primary key."""
    return Field(primary_key=True)


def records(default: str = "[]") -> Any:
    """A list of records, as JSON."""
    return Field(sa_type=JSONB, sa_column_kwargs={"server_default": text(f"'{default}'")})


def record() -> Any:
    """One record, as JSON, or nothing."""
    return Field(default=None, sa_type=JSONB, nullable=True)


def moment(*, null: bool = False, default: str | None = None) -> Any:
    """A point in time."""
    kwargs = {"server_default": text(default)} if default else {}
    return Field(sa_type=DateTime(timezone=True), nullable=null, sa_column_kwargs=kwargs)


def ids() -> Any:
    """A list of ids."""
    return Field(sa_type=ARRAY(Uuid))


def big(*, primary: bool = False) -> Any:
    """A number that counts events."""
    return Field(sa_type=BigInteger, primary_key=primary)


def number(default: int) -> Any:
    """A small number with a default."""
    return Field(sa_column_kwargs={"server_default": text(str(default))})


def one_of(cls: type) -> list[CheckConstraint]:
    """What the domain's enums allow, as constraints: one for each enum field of an aggregate."""
    found = []
    for name, hint in type_hints(cls).items():
        kinds = [t for t in (hint, *get_args(hint)) if isinstance(t, type) and issubclass(t, StrEnum)]
        kinds += [t for a in get_args(hint) for t in get_args(a) if isinstance(t, type) and issubclass(t, StrEnum)]
        if kinds and "tuple" not in str(hint):
            values = ", ".join(f"'{v.value}'" for v in kinds[0])
            found.append(CheckConstraint(f"{name} IN ({values})", name=f"{name}_known"))
    return found


def belongs_to(parent: str, *columns: str) -> ForeignKeyConstraint:
    """A reference that stays within the practice."""
    own = ("practice_id", *columns)
    target = ("practice_id", *(("relationship_id",) if len(columns) > 1 else ()), "id")
    return ForeignKeyConstraint(own, [f"{parent}.{c}" for c in target])
