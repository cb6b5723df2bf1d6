"""The bodies and answers of the references, as pydantic models: what an ordinary FastAPI application would declare."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field


class Note(BaseModel):
    """What to record of a step."""

    session_id: UUID | None = None
    taken_on: date | None = None
    skills: list[Literal["describe", "express", "assert", "reinforce"]] = Field(default=[], max_length=4)
    strategies: list[str] = Field(default=[], max_length=10)
    summary: str | None = Field(default=None, min_length=1, max_length=280)
    shared_with_client: bool = False


class Step(Note):
    """A step that was taken."""

    step: str
    skipped: bool
    by: str
    by_id: str | None


class Kept(BaseModel):
    """What every representation has."""

    id: UUID
    relationship_id: UUID
    phase: str
    version: int
    open_moves: list[str]
    created_at: datetime
    updated_at: datetime


class Repair(Kept):
    """A repair."""

    rupture_id: UUID
    responsibility_taken: bool | None
    misunderstanding_clarified: bool | None
    path_forward: str | None
    co_created: bool | None
    shared_with_client: bool
    steps: list[Step]
    client_resolution: int | None
    client_recorded_view: bool
    wants_to_talk_more: bool | None
    therapist_resolution: int | None
    outcome: str | None
    score_rule: str | None
    within_session: bool | None
    concluded_on: date | None
    rests_on: str | None = None


class Advisory(BaseModel):
    """Advice that came with a move."""

    code: str
    detail: str
    source: str


class MovedRepair(Repair):
    """A repair, as a move leaves it."""

    advisories: list[Advisory]


class Repairs(BaseModel):
    """A page of repairs."""

    items: list[Repair]
    next_cursor: str | None


class Precipitant(BaseModel):
    """One thing a rupture arose from."""

    kind: str
    named_by: str | None = None


class Marker(BaseModel):
    """One 3RS marker."""

    code: str
    party: str
    salience: int | None = Field(default=None, ge=1, le=5)


class Account(BaseModel):
    """What is said of a rupture."""

    precipitants: list[Precipitant] = Field(default=[], max_length=20)
    policy_id: UUID | None = None
    type: Literal["withdrawal", "confrontation", "mixed", "unspecified"] = "unspecified"
    markers: list[Marker] = Field(default=[], max_length=40)
    strains: list[Literal["bond", "goal", "task"]] = Field(default=[], max_length=3)
    client_intensity: int | None = Field(default=None, ge=1, le=5)
    therapist_intensity: int | None = Field(default=None, ge=1, le=5)
    echoes_past: Literal["yes", "no", "unknown"] = "unknown"
    session_id: UUID | None = None
    happened_on: date | None = None
    summary: str | None = Field(default=None, min_length=1, max_length=280)
    shared_with_client: bool | None = None


class Report(Account):
    """A report of a rupture."""

    relationship_id: UUID


class Rupture(Account, Kept):
    """A rupture."""

    reported_by: str
    recorded_by: str | None
    confirmed_by: str | None
    confirmer: str | None
    recurrences: int
    repair_asked_on: date | None
    dismissal_reason: str | None
    left_reason: str | None
    note: str | None
