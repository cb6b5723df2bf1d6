"""The words of a transition table: a move, the event it emits, and what its rules may know."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, timedelta
from functools import cache
from typing import Any, get_type_hints
from uuid import UUID

from domain.access import Role, Stamp
from domain.errors import Refused
from domain.values import Said

NEW = "new"
"""The phase of what does not exist yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """Advice that came with a move that succeeded. Never a gate."""

    code: str
    detail: str
    source: str


@dataclass(frozen=True, slots=True)
class Nothing(Said):
    """The body of a move that needs none."""


@dataclass(frozen=True, slots=True)
class Added:
    """A change that appends one entry to a list."""

    entry: Any


ATTEMPTS, CHANNELS = 3, 2
"""How often, and over how many channels, somebody who fell silent is tried where a practice says nothing else."""


STABLE_SESSIONS = 3
"""Over how many complete outcome scores in a row somebody is looked at for being stable, where a practice says nothing
else. No standard says how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentText:
    """A text of the practice that clients are told, and that is in force."""

    policy_id: UUID
    """The policy that keeps it."""
    edition: str
    """The edition it is at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Will:
    """Who takes over when a therapist cannot go on."""

    therapist_id: UUID | None = None
    """Whose professional will it is; none: the practice's, for everybody without one."""
    successor_ids: tuple[UUID, ...] = ()
    """The successor and the deputy, in that order, as far as they work here still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endings:
    """What an ending has to reckon with."""

    open_ruptures: int = 0
    """Ruptures of the relationship that are confirmed or in repair."""
    risk_answers: int = 0
    """Answers to risk items of the relationship that nobody has looked at."""
    outreach_attempts: int = ATTEMPTS
    """How many attempts the practice's no-contact policy asks for before `lapse`."""
    outreach_channels: int = CHANNELS
    """Over how many different channels."""
    no_contact_policy: bool = False
    """Whether the practice has such a policy; the numbers above are the defaults if not."""
    consent_texts: tuple[ConsentText, ...] = ()
    """The consent texts in force."""
    wills: tuple[Will, ...] = ()
    """The professional wills that may be asked, each therapist's own and the practice's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around(Stamp):
    """What a guard may know besides the object itself. Loaded beforehand: a guard asks nothing of the world."""

    relationship: Any = None
    """The relationship it belongs to, where it has one: its phase, risk and `screened_on`."""
    parent: Any = None
    """For a move that knows its parent: a repair's rupture."""
    endings: "Endings | None" = None
    """For a move that knows about endings."""
    scores: Any = None
    """For a move that knows scores, and rests on them: the ratings of the relationship in the caller's sight."""
    seen_on: date | None = None
    """For a move that knows when: the day of the form, or else of the session, that a signal was seen in."""
    new_id: UUID | None = None
    """For the same move, which may open something else."""
    forms: tuple[Any, ...] = ()
    """For a move that knows about forms: the practice's own instruments of the code that is named; all, if none is."""
    texts: tuple[ConsentText, ...] = ()
    """For a rating that says which of the practice's policies keeps what a client was told: that text, if in force."""

    @property
    def today(self) -> date:
        """The day of the decision, UTC."""
        return self.now.date()

    def has_come(self, day: date | None, at: str) -> None:
        """Raises Refused, at the field `at`, for a day still to come. A day's grace allows for time zones."""
        if day and day > self.today + timedelta(days=1):
            raise Refused("This is recorded once it has happened; that day has not come yet.", at=at)


Rule = Callable[[Any, Any, Around], Iterable[Advisory] | None]
Effect = Callable[[Any, Any, Around], Mapping[str, Any]]


def no_rule(state: Any, body: Any, around: Around) -> None:
    """Nothing to refuse and nothing to advise."""


def as_said(state: Any, body: Any, around: Around) -> Mapping[str, Any]:
    """The body's fields become the object's fields of the same name."""
    return {f.name: getattr(body, f.name) for f in fields(body)}


@dataclass(frozen=True, slots=True)
class Move:
    """One row of a transition table."""

    name: str
    """Imperative; also the URL segment."""
    source: tuple[str, ...]
    to: tuple[str, ...]
    """Where it leads. Empty: it stays. Several: the effect says which, under `phase`."""
    event: str
    """Past tense; the webhook type after the subject."""
    by: frozenset[Role]
    takes: type = Nothing
    guard: Rule = no_rule
    effect: Effect = as_said
    says: str = ""
    """What it means, in a sentence a clinician would use."""
    verb: str = "POST"
    """`POST` to its own route, `PATCH` for the revision, `DELETE` for archiving or marking as an error."""
    private: bool = False
    """Left out of what a client's own feed and timeline show."""
    knows: str = ""
    """What the decision rests on beyond the object: its `parent`, or beside it the `scores` where it names a rule that
    they have to meet; its `endings` (open ruptures, and the policies about endings); the `forms` the practice has (of
    the instrument it names, where it names one); `where` its relationship stands; or the day it was `seen_on`, with the
    id of what it may open.
    """

    @property
    def advises(self) -> bool:
        """Whether it can come with advice."""
        return gives_advice(self.guard)


@cache
def gives_advice(guard: Rule) -> bool:
    """Whether a guard says that it yields advisories."""
    return "Advisory" in str(get_type_hints(guard).get("return"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What happened, without a word of free text."""

    type: str
    source: str
    to: str
    set: Mapping[str, Any] = field(default_factory=dict)
    add: Mapping[str, Any] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    """The free-text fields that changed. What they say stands in the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a move does to one object. `before` is None when it makes it."""

    machine: Any
    """The machine that decided."""
    move: Move
    before: Any
    after: Any
    event: Event
    changes: Mapping[str, Any]
    """The fields that change, with their new values; the phase among them when it moves."""
    entries: Mapping[str, Any]
    """What is appended to lists, as JSON can hold it."""
    advisories: tuple[Advisory, ...]
