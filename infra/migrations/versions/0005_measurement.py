"""Measurement: instruments, ratings of the alliance, attachment, outcome."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
PHASES = ("raised", "reviewed", "superseded")
DETECTORS = (
    "rci_drop", "within_client_drop", "shewhart_xmr", "ewma", "sudden_loss", "shrunk_prediction", "direct_report",
    "cutoff", "divergence", "ceiling_run", "risk_item", "observer_3rs",
)  # fmt: skip
KINDS = (
    "drop", "level_shift", "low_level", "ceiling_run", "divergence", "direct_report", "observer_marker", "risk_item",
)  # fmt: skip
RATERS = ("client", "therapist", "observer", "supervisor")
DISPOSITIONS = (
    "confirmed_rupture", "not_a_rupture", "already_addressed", "measurement_artifact", "asked_and_safe",
)  # fmt: skip
POLICIES = (
    "late_cancellation", "no_contact", "confidentiality", "informed_consent", "professional_will", "other",
)  # fmt: skip



def upgrade() -> None:
    """Apply."""
    kept(
        "instrument",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("code", "edition", "title", "kind")),
        records("items"),
        *(sa.Column(name, sa.Float(), nullable=False) for name in ("low", "high", "step")),
        records("reversed_items"),
        records("subscales"),
        sa.Column("scoring", sa.String(), nullable=False),
        sa.Column("least_answered", sa.Float(), nullable=False),
        sa.Column("higher_is_better", sa.Boolean(), nullable=False),
        *(records(name) for name in ("risk_items", "rated_by", "norms", "item_texts")),
        record("licence"),
        sa.Column("rights", sa.String(), nullable=False),
        sa.Column("source", sa.String()),
        sa.Column("verified", sa.Boolean(), nullable=False),
        one_of("phase", "current", "retired"),
        one_of("kind", "alliance", "attachment", "outcome"),
        one_of("scoring", "mean", "sum"),
        one_of("rights", "open", "licensed", "own"),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"]),
    )
    op.create_index("instrument_one_edition", "instrument", ["practice_id", "code", "edition"], unique=True)

    kept(
        "alliance_rating",
        sa.Column("relationship_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("rater", sa.String(), nullable=False),
        *(sa.Column(name, sa.String()) for name in ("rater_id", "instrument", "instrument_version")),
        records("answers"),
        records("scores"),
        record("direct_report"),
        records("observer_codes"),
        sa.Column("shared_with_therapist", sa.Boolean(), nullable=False),
        *(sa.Column(name, sa.Float()) for name in ("bond", "goal", "task", "total")),
        records("other_subscales"),
        sa.Column("completeness", sa.String()),
        one_of("phase", "recorded", "entered_in_error"),
        one_of("rater", "client", "therapist", "observer", "supervisor"),
        one_of("completeness", "complete", "prorated", "incomplete"),
        belongs_to("relationship", "relationship_id"),
        belongs_to("session", "relationship_id", "session_id"),
    )
    of_relationship("alliance_rating")
    op.create_index(
        "alliance_rating_one_live",
        "alliance_rating",
        ["practice_id", "session_id", "rater", sa.text("coalesce(rater_id, '')"), sa.text("coalesce(instrument, '')")],
        unique=True,
        postgresql_where=sa.text("phase = 'recorded'"),
    )

    kept(
        "attachment_profile",
        sa.Column("relationship_id", sa.Uuid(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("instrument", "instrument_version")),
        records("targets"),
        *(sa.Column(name, sa.Float()) for name in ("anxiety_score", "avoidance_score", "anxiety", "avoidance")),
        sa.Column("rated_on", sa.Date()),
        sa.Column("rule", sa.String()),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("completeness", "pattern")),
        sa.Column("recorded_by", sa.String()),
        one_of("phase", "recorded", "entered_in_error"),
        one_of("rule", "midpoint_4", "norm_mean"),
        one_of("completeness", "complete", "prorated", "incomplete"),
        one_of("pattern", "secure", "anxious", "avoidant", "disorganized", "indeterminate"),
        belongs_to("relationship", "relationship_id"),
    )
    of_relationship("attachment_profile")

    kept(
        "outcome_score",
        sa.Column("relationship_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid()),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("instrument", "instrument_version")),
        records("answers"),
        *(sa.Column(name, sa.Float()) for name in ("total", "score")),
        sa.Column("rated_on", sa.Date()),
        records("subscales"),
        sa.Column("completeness", sa.String(), nullable=False),
        sa.Column("recorded_by", sa.String()),
        one_of("phase", "recorded", "entered_in_error"),
        one_of("completeness", "complete", "prorated", "incomplete"),
        belongs_to("relationship", "relationship_id"),
        belongs_to("session", "relationship_id", "session_id"),
    )
    of_relationship("outcome_score")

    kept(
        "signal",
        sa.Column("relationship_id", sa.Uuid(), nullable=False),
        sa.Column("detector", sa.String(), nullable=False),
        sa.Column("detector_version", sa.Integer(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        *(sa.Column(name, sa.String()) for name in ("rater", "instrument", "instrument_version")),
        *(sa.Column(name, sa.Uuid()) for name in ("session_id", "outcome_score_id", "reference_session_id")),
        *(sa.Column(name, sa.Float()) for name in ("magnitude_raw", "magnitude_sd", "threshold")),
        sa.Column("grade", sa.String()),
        sa.Column("certainty", sa.String(), nullable=False),
        sa.Column("inputs_hash", sa.String(), nullable=False),
        sa.Column("private_to_client", sa.Boolean(), nullable=False),
        sa.Column("supersedes_id", sa.Uuid()),
        *(sa.Column(name, sa.String()) for name in ("disposition", "reviewed_by")),
        sa.Column("reviewed_on", sa.Date()),
        sa.Column("rupture_id", sa.Uuid()),
        record("note"),
        one_of("phase", *PHASES),
        one_of("detector", *DETECTORS),
        one_of("kind", *KINDS),
        one_of("rater", *RATERS),
        one_of("certainty", "provisional", "confirmed"),
        one_of("disposition", *DISPOSITIONS),
        belongs_to("relationship", "relationship_id"),
    )
    of_relationship("signal")
    raised = sa.text("phase = 'raised'")
    op.create_index("signal_awaiting_review", "signal", ["practice_id", "id"], postgresql_where=raised)
    op.add_column("policy", records("detectors"))
    known("policy", "kind", *POLICIES[:-1], "detection", "other")


def downgrade() -> None:
    """Back to what was said without being measured; what was measured is lost."""
    op.drop_column("policy", "detectors")
    op.execute("UPDATE policy SET kind = 'other' WHERE kind = 'detection'")
    known("policy", "kind", *POLICIES)
    for table in ("signal", "outcome_score", "attachment_profile", "alliance_rating", "instrument"):
        op.drop_table(table)


def kept(table: str, *parts: sa.schema.SchemaItem) -> None:
    """A table with what every aggregate's row has."""
    op.create_table(
        table,
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        *parts,
        sa.PrimaryKeyConstraint("practice_id", "id"),
    )


def of_relationship(table: str) -> None:
    """What a relationship's page of it is read by."""
    op.create_index(f"{table}_of_relationship", table, ["practice_id", "relationship_id", "id"])


def records(name: str) -> sa.Column[Any]:
    """A list of records."""
    return sa.Column(name, postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False)


def record(name: str) -> sa.Column[Any]:
    """One record, or nothing."""
    return sa.Column(name, postgresql.JSONB())


def one_of(column: str, *words: str) -> sa.CheckConstraint:
    """What the domain's vocabulary allows."""
    return sa.CheckConstraint(f"{column} IN ({', '.join(repr(w) for w in words)})", name=f"{column}_known")


def known(table: str, column: str, *words: str) -> None:
    """Another vocabulary for a column."""
    name = op.f(f"{table}_{column}_known")
    op.drop_constraint(name, table)
    op.create_check_constraint(name, table, f"{column} IN ({', '.join(repr(w) for w in words)})")


def belongs_to(parent: str, *columns: str) -> sa.ForeignKeyConstraint:
    """A reference that stays within the practice."""
    target = ("practice_id", *(("relationship_id",) if len(columns) > 1 else ()), "id")
    return sa.ForeignKeyConstraint(["practice_id", *columns], [f"{parent}.{c}" for c in target])
