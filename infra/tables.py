"""The tables. Every primary key begins with the practice: the tenant, the isolation boundary and the shard key.

All in one file, however long: a schema is read one table beside another.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, DateTime, ForeignKeyConstraint, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from domain.attachment import ATTACHMENT_PROFILE
from domain.attainment import GOAL_ATTAINMENT
from domain.measure import INSTRUMENT
from domain.outcome import OUTCOME_SCORE
from domain.people import CLIENT, THERAPIST
from domain.practice import POLICY
from domain.rating import ALLIANCE_RATING
from domain.relationship import RELATIONSHIP
from domain.repair import ACTIVE, REPAIR
from domain.rupture import RUPTURE
from domain.session import SESSION
from domain.signal import SIGNAL
from domain.termination import TERMINATION_PLAN
from domain.webhook import WEBHOOK_ENDPOINT
from infra.columns import belongs_to, big, ids, key, moment, number, one_of, record, records

SQLModel.metadata.naming_convention = {
    "ix": "%(table_name)s_%(column_0_N_name)s", "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s", "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}  # fmt: skip


class Row(SQLModel):
    """A table's row. Nobody validates with it, so no validator is built: a start is 11 ms shorter without."""

    model_config = {"defer_build": True}


class Practice(Row, table=True):
    """The tenant, and the counter that numbers its events."""

    id: UUID = key()
    name: str
    seq: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": text("0")})
    created_at: datetime = moment(default="now()")
    volume: int
    """The volume its events go into."""


class Kept(Row):
    """What every aggregate's row has."""

    practice_id: UUID = key()
    id: UUID = key()
    phase: str
    version: int
    created_at: datetime = moment()
    updated_at: datetime = moment()


class Client(Kept, table=True):
    """A person in therapy."""

    __table_args__ = (ForeignKeyConstraint(["practice_id"], ["practice.id"]), *one_of(CLIENT.cls))

    external_identifiers: list[Any] = records()
    label: str | None = None
    trauma_informed: bool | None = None
    registered_by: str | None = None


class Therapist(Kept, table=True):
    """A person who offers therapy."""

    __table_args__ = (ForeignKeyConstraint(["practice_id"], ["practice.id"]), *one_of(THERAPIST.cls))

    external_identifiers: list[Any] = records()
    display_name: str | None = None


class Policy(Kept, table=True):
    """A named policy of the practice."""

    __table_args__ = (
        ForeignKeyConstraint(["practice_id"], ["practice.id"]),
        belongs_to("therapist", "successor_therapist_id"), belongs_to("therapist", "deputy_therapist_id"),
        belongs_to("therapist", "therapist_id"), *one_of(POLICY.cls),
    )  # fmt: skip

    kind: str
    title: str
    edition: str
    wording: str | None = None
    outreach_attempts: int
    outreach_channels: int
    missed_sessions: int
    silent_days: int
    successor_therapist_id: UUID | None = None
    deputy_therapist_id: UUID | None = None
    therapist_id: UUID | None = None
    days_before_ending: list[Any] = records()
    mention_days: int
    review_every_days: int
    transfer_days: int
    stable_sessions: int
    detectors: list[Any] = records()
    repair_rules: list[Any] = records('["direct", "full_return"]')
    repair_window: int = number(3)
    edition_since: date | None = None


class Relationship(Kept, table=True):
    """A therapeutic relationship."""

    __table_args__ = (
        belongs_to("client", "client_id"), *one_of(RELATIONSHIP.cls), Index(None, "practice_id", "client_id"),
        Index("relationship_therapists", "therapist_ids", postgresql_using="gin"),
    )  # fmt: skip

    client_id: UUID
    therapist_ids: list[UUID] = ids()
    setting: str
    modality: str | None = None
    started_on: date | None = None
    external_identifiers: list[Any] = records()
    goals: list[Any] = records()
    tasks: list[Any] = records()
    treatment_changes: list[Any] = records()
    risk: str
    screened_on: date | None = None
    ended_on: date | None = None
    transitions: list[Any] = records()
    baselines: list[Any] = records()


class Session(Kept, table=True):
    """One client's seat at a meeting."""

    __table_args__ = (
        belongs_to("relationship", "relationship_id"), *one_of(SESSION.cls),
        Index("session_of_relationship", "practice_id", "relationship_id", "id", unique=True),
        Index("session_held", "practice_id", "relationship_id", "starts_at", postgresql_where=text("phase = 'held'")),
    )  # fmt: skip

    relationship_id: UUID
    starts_at: datetime = moment()
    duration_minutes: int | None = None
    medium: str
    meeting_id: UUID | None = None
    external_identifiers: list[Any] = records()


class Rupture(Kept, table=True):
    """A rupture in the alliance."""

    __table_args__ = (
        belongs_to("relationship", "relationship_id"), belongs_to("session", "relationship_id", "session_id"),
        belongs_to("policy", "policy_id"), *one_of(RUPTURE.cls),
        Index("rupture_of_relationship", "practice_id", "relationship_id", "id"),
    )  # fmt: skip

    relationship_id: UUID
    precipitants: list[Any] = records()
    policy_id: UUID | None = None
    type: str
    markers: list[Any] = records()
    strains: list[Any] = records()
    client_intensity: int | None = None
    therapist_intensity: int | None = None
    echoes_past: str
    session_id: UUID | None = None
    happened_on: date | None = None
    summary: str | None = None
    shared_with_client: bool
    reported_by: str
    recorded_by: str | None = None
    confirmed_by: str | None = None
    confirmer: str | None = None
    recurrences: int
    repair_asked_on: date | None = None
    dismissal_reason: str | None = None
    left_reason: str | None = None
    note: dict[str, Any] | None = record()


class Repair(Kept, table=True):
    """One attempt at mending one rupture. At most one is active for each rupture."""

    __table_args__ = (
        belongs_to("relationship", "relationship_id"), belongs_to("rupture", "rupture_id"), *one_of(REPAIR.cls),
        Index("repair_of_relationship", "practice_id", "relationship_id", "id"),
        Index("repair_one_active", "practice_id", "rupture_id", unique=True,
              postgresql_where=text(f"phase IN ({', '.join(repr(p.value) for p in ACTIVE)})")),
    )  # fmt: skip

    rupture_id: UUID
    relationship_id: UUID
    responsibility_taken: bool | None = None
    misunderstanding_clarified: bool | None = None
    path_forward: str | None = None
    co_created: bool | None = None
    shared_with_client: bool
    steps: list[Any] = records()
    client_resolution: int | None = None
    client_recorded_view: bool
    wants_to_talk_more: bool | None = None
    therapist_resolution: int | None = None
    outcome: str | None = None
    score_rule: str | None = None
    within_session: bool | None = None
    concluded_on: date | None = None


class TerminationPlan(Kept, table=True):
    """The plan for the ending of one relationship. One each."""

    __tablename__ = "termination_plan"
    __table_args__ = (
        belongs_to("relationship", "relationship_id"), *one_of(TERMINATION_PLAN.cls),
        Index("termination_plan_one_each", "practice_id", "relationship_id", unique=True),
    )  # fmt: skip

    relationship_id: UUID
    kind: str | None = None
    timing: str | None = None
    reasons: list[Any] = records()
    premature: str | None = None
    premature_definition: str | None = None
    target_date: date | None = None
    notice_given_on: date | None = None
    agreed_by_client: bool | None = None
    counselling_offered: bool | None = None
    alternative_providers: list[Any] = records()
    client_asked: bool | None = None
    ending_mentioned_on: date | None = None
    client_agreed_on: date | None = None
    consent: dict[str, Any] | None = record()
    earlier_consents: list[Any] = records()
    reviews: list[Any] = records()
    closure: list[Any] = records()
    reflections: list[Any] = records()
    outreach: list[Any] = records()
    silent_since: date | None = None
    returned_on: date | None = None
    receiver: dict[str, Any] | None = record()
    referrals: list[Any] = records()
    handover: list[Any] = records()
    incapacitated_therapist_id: UUID | None = None
    exception: dict[str, Any] | None = record()
    open_ruptures_acknowledged: bool
    died_on: date | None = None
    ended_on: date | None = None
    ended_by: str | None = None
    farewell: str | None = None
    return_route: str | None = None
    boosters: list[Any] = records()
    relapse_signature: list[Any] = records()
    safety_plan: dict[str, Any] | None = record()
    shared_with_client: bool
    reminders: list[Any] = records()


class WebhookEndpoint(Kept, table=True):
    """An address that is told what changed; its secrets are sealed and never leave by the API."""

    __tablename__ = "webhook_endpoint"
    __table_args__ = (ForeignKeyConstraint(["practice_id"], ["practice.id"]), *one_of(WEBHOOK_ENDPOINT.cls))

    url: str
    event_types: list[str] = Field(sa_type=ARRAY(Text))
    description: str | None = None
    payload: str
    api_version: str
    asymmetric: bool
    relationship_ids: list[UUID] = ids()
    phases: list[str] = Field(sa_type=ARRAY(Text))
    max_in_flight: int
    rate_per_second: int | None = None
    disabled_reason: str | None = None
    recovery: dict[str, Any] | None = record()
    secrets: bytes | None = Field(default=None, sa_type=LargeBinary)


class Instrument(Kept, table=True):
    """An instrument of the practice's own."""

    __table_args__ = (
        ForeignKeyConstraint(["practice_id"], ["practice.id"]), *one_of(INSTRUMENT.cls),
        Index("instrument_one_edition", "practice_id", "code", "edition", unique=True),
    )  # fmt: skip

    code: str
    edition: str
    title: str
    kind: str
    items: list[Any] = records()
    low: float
    high: float
    step: float
    reversed_items: list[Any] = records()
    subscales: list[Any] = records()
    scoring: str
    least_answered: float
    higher_is_better: bool
    risk_items: list[Any] = records()
    rated_by: list[Any] = records()
    norms: list[Any] = records()
    caseness: dict[str, Any] | None = record()
    item_texts: list[Any] = records()
    licence: dict[str, Any] | None = record()
    rights: str
    source: str | None = None
    verified: bool


class AllianceRating(Kept, table=True):
    """How one person saw the alliance in one session. One that counts for each session, rater and instrument."""

    __tablename__ = "alliance_rating"
    __table_args__ = (
        belongs_to("relationship", "relationship_id"), belongs_to("session", "relationship_id", "session_id"),
        belongs_to("policy", "sharing_policy_id"), *one_of(ALLIANCE_RATING.cls),
        Index("alliance_rating_of_relationship", "practice_id", "relationship_id", "id"),
        Index("alliance_rating_one_live", "practice_id", "session_id", "rater", text("coalesce(rater_id, '')"),
              text("coalesce(instrument, '')"), unique=True, postgresql_where=text("phase = 'recorded'")),
    )  # fmt: skip

    relationship_id: UUID
    session_id: UUID
    rater: str
    rater_id: str | None = None
    instrument: str | None = None
    instrument_version: str | None = None
    answers: list[Any] = records()
    scores: list[Any] = records()
    direct_report: dict[str, Any] | None = record()
    observer_codes: list[Any] = records()
    shared_with_therapist: bool
    sharing_policy_id: UUID | None = None
    sharing_text_version: str | None = None
    bond: float | None = None
    goal: float | None = None
    task: float | None = None
    other_subscales: list[Any] = records()
    total: float | None = None
    completeness: str | None = None


class AttachmentProfile(Kept, table=True):
    """Two numbers on a client's attachment, of one day."""

    __tablename__ = "attachment_profile"
    __table_args__ = (
        belongs_to("relationship", "relationship_id"), *one_of(ATTACHMENT_PROFILE.cls),
        Index("attachment_profile_of_relationship", "practice_id", "relationship_id", "id"),
    )  # fmt: skip

    relationship_id: UUID
    instrument: str
    instrument_version: str
    targets: list[Any] = records()
    anxiety_score: float | None = None
    avoidance_score: float | None = None
    rated_on: date | None = None
    rule: str | None = None
    anxiety: float | None = None
    avoidance: float | None = None
    completeness: str
    pattern: str
    recorded_by: str | None = None


class OutcomeScore(Kept, table=True):
    """How a client is doing by one form, on one day."""

    __tablename__ = "outcome_score"
    __table_args__ = (
        belongs_to("relationship", "relationship_id"), belongs_to("session", "relationship_id", "session_id"),
        *one_of(OUTCOME_SCORE.cls),
        Index("outcome_score_of_relationship", "practice_id", "relationship_id", "id"),
    )  # fmt: skip

    relationship_id: UUID
    session_id: UUID | None = None
    instrument: str
    instrument_version: str
    answers: list[Any] = records()
    total: float | None = None
    rated_on: date | None = None
    score: float | None = None
    subscales: list[Any] = records()
    completeness: str
    recorded_by: str | None = None


class GoalAttainment(Kept, table=True):
    """Goals with levels said in advance, and how far they are reached."""

    __tablename__ = "goal_attainment"
    __table_args__ = (
        belongs_to("relationship", "relationship_id"), *one_of(GOAL_ATTAINMENT.cls),
        Index("goal_attainment_of_relationship", "practice_id", "relationship_id", "id"),
    )  # fmt: skip

    relationship_id: UUID
    goals: list[Any] = records()
    agreed_on: date | None = None
    assumed_correlation: float
    baseline_t_score: float | None = None
    client_ratings: list[Any] = records()
    client_attained: dict[str, Any] | None = record()
    therapist_ratings: list[Any] = records()
    therapist_attained: dict[str, Any] | None = record()
    recorded_by: str | None = None


class Signal(Kept, table=True):
    """What a detector saw in the ratings of a relationship."""

    __table_args__ = (
        belongs_to("relationship", "relationship_id"), *one_of(SIGNAL.cls),
        Index("signal_of_relationship", "practice_id", "relationship_id", "id"),
        Index("signal_awaiting_review", "practice_id", "id", postgresql_where=text("phase = 'raised'")),
    )  # fmt: skip

    relationship_id: UUID
    detector: str
    detector_version: int
    parameters: dict[str, Any] = Field(sa_type=JSONB)
    kind: str
    rater: str | None = None
    instrument: str | None = None
    instrument_version: str | None = None
    session_id: UUID | None = None
    outcome_score_id: UUID | None = None
    reference_session_id: UUID | None = None
    magnitude_raw: float | None = None
    magnitude_sd: float | None = None
    threshold: float | None = None
    grade: str | None = None
    certainty: str
    inputs_hash: str
    private_to_client: bool
    supersedes_id: UUID | None = None
    disposition: str | None = None
    reviewed_by: str | None = None
    reviewed_on: date | None = None
    rupture_id: UUID | None = None
    note: dict[str, Any] | None = record()


class ExternalId(Row, table=True):
    """What other systems call things: each name means one thing of a kind."""

    __tablename__ = "external_id"
    __table_args__ = (Index(None, "practice_id", "subject_id"),)

    practice_id: UUID = key()
    subject: str = key()
    system: str = key()
    value: str = key()
    subject_id: UUID


class Event(Row, table=True):
    """The one log: history, audit, change feed and webhooks all read it."""

    __table_args__ = (
        Index("event_version", "practice_id", "subject_id", "version", "volume", unique=True),
        Index("event_timeline", "practice_id", "relationship_id", "seq",
              postgresql_where=text("relationship_id IS NOT NULL")),
        {"postgresql_partition_by": "LIST (volume)"},
    )  # fmt: skip

    practice_id: UUID = key()
    seq: int = big(primary=True)
    type: str
    subject: str
    subject_id: UUID
    relationship_id: UUID | None = None
    version: int
    at: datetime = moment()
    actor_kind: str
    actor_id: str
    origin: str
    source: str
    target: str
    data: dict[str, Any] = Field(sa_type=JSONB)
    body: str
    """The exact bytes that subscribers are sent, so that a retry and a recovery send the same."""
    volume: int = key()


class Volume(Row, table=True):
    """A part of a log, one partition of its table, that is opened and one day dropped as a whole."""

    log: str = key()
    """The table: `event` or `attempt`."""
    number: int = key()
    opened_at: datetime | None = moment(null=True)
    """From then on nothing is written to the volumes before it. Without it, it is a spare."""
    closed_at: datetime | None = moment(null=True)
    """Since then it is on its way out; its row goes with its partition."""


class Milestone(Row, table=True):
    """Where a volume of the log begins in a practice. The oldest one is the practice's horizon."""

    practice_id: UUID = key()
    volume: int = key()
    first_seq: int = big()


class Wording(Row, table=True):
    """What a text said before it was corrected: `text` stood from `version` until the next one."""

    practice_id: UUID = key()
    subject_id: UUID = key()
    version: int = key()
    field: str = key()
    text: str | None = None


class Idempotency(Row, table=True):
    """The answer to a request with an Idempotency-Key, written with its effect."""

    __table_args__ = (Index(None, "created_at"),)

    practice_id: UUID = key()
    caller: str = key()
    key: str = key()
    fingerprint: bytes = Field(sa_type=LargeBinary)
    status: int
    headers: str
    body: str
    created_at: datetime = moment(default="now()")


class Delivery(Row, table=True):
    """The hot queue: what is still to be sent. A row goes when it ends."""

    __table_args__ = (
        Index("delivery_ready", "practice_id", "endpoint_id", "seq", postgresql_where=text("next_at IS NULL")),
        Index("delivery_waiting", "practice_id", "endpoint_id", "next_at", "seq",
              postgresql_where=text("next_at IS NOT NULL")),
        Index("delivery_behind", "practice_id", "endpoint_id", "subject_id",
              postgresql_where=text("next_at IS NOT NULL")),
        Index("delivery_ping", "practice_id", "endpoint_id", postgresql_where=text("subject_id = endpoint_id")),
        {"postgresql_with": {"fillfactor": "70", "autovacuum_vacuum_scale_factor": "0.01"}},
    )  # fmt: skip

    practice_id: UUID = key()
    endpoint_id: UUID = key()
    seq: int = big(primary=True)
    subject_id: UUID
    lean: bool = Field(sa_column_kwargs={"server_default": text("false")})
    """This endpoint is told less than the event's own body says."""
    cause: str = Field(sa_column_kwargs={"server_default": text("'event'")})
    """Why it is sent: the `event` itself, or again by `redelivery` or `recovery`."""
    attempt: int = number(0)
    """How many attempts there were."""
    next_at: datetime | None = moment(null=True)
    """When it may be sent; null: at once. What waits behind a failed delivery of its resource waits as long."""
    first_at: datetime = moment(default="now()")
    volume: int
    """Its event's."""


class Lane(Row, table=True):
    """What dispatchers know of an endpoint. The one that holds the lease alone sends to it, and alone writes here."""

    __table_args__ = ({"postgresql_with": {"fillfactor": "50", "autovacuum_vacuum_scale_factor": "0.01"}},)

    practice_id: UUID = key()
    endpoint_id: UUID = key()
    lease: UUID | None = None
    leased_until: datetime = moment(default="'-infinity'")
    served_at: datetime = moment(default="'-infinity'")
    """When it last had its turn: who waited longest comes first."""
    paused_until: datetime = moment(default="'-infinity'")
    """Nothing is sent until then: it asked for it, or its breaker is open, or its rate is spent."""
    width: int = number(4)
    """How many it is sent at once: more while it takes them, half when it does not."""
    unreachable: int = number(0)
    """How many attempts in a row came to no answer."""
    tried: int = number(0)
    """Attempts since `counted_from`."""
    failed: int = number(0)
    """How many of these failed."""
    counted_from: datetime = moment(default="now()")
    trips: int = number(0)
    """How often in a row its breaker opened; 0: it is closed."""
    warned: bool = Field(sa_column_kwargs={"server_default": text("false")})
    last_success_at: datetime | None = moment(null=True)
    last_failure_at: datetime | None = moment(null=True)
    first_failure_at: datetime | None = moment(null=True)
    """Since when it has taken nothing; null while it takes events."""
    recovery_asked_at: datetime | None = moment(null=True)
    """Which recovery the two below belong to."""
    recovered_to: int | None = Field(default=None, sa_type=BigInteger)
    """How far it has come in the log."""
    recovers_until: int | None = Field(default=None, sa_type=BigInteger)
    """Where it ends."""


class Attempt(Row, table=True):
    """One attempt at one delivery. Nothing of the receiver's answer is kept but its status."""

    __table_args__ = (
        Index("attempt_recent", "practice_id", "endpoint_id", "at"), {"postgresql_partition_by": "LIST (volume)"},
    )  # fmt: skip

    practice_id: UUID = key()
    endpoint_id: UUID = key()
    seq: int = big(primary=True)
    number: int = key()
    at: datetime = Field(sa_type=DateTime(timezone=True), primary_key=True)
    outcome: str
    status: int | None = None
    took_ms: int
    cause: str = Field(sa_column_kwargs={"server_default": text("'event'")})
    volume: int = key()


class Dead(Row, table=True):
    """A delivery that was given up after its last attempt; it can be sent again. Kept as long as its event."""

    practice_id: UUID = key()
    endpoint_id: UUID = key()
    seq: int = big(primary=True)
    at: datetime = moment()
    attempts: int
    outcome: str


METADATA = SQLModel.metadata
"""What migrations are held against."""
