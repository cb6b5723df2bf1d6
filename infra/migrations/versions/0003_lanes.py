"""Lanes: an endpoint's deliveries are one dispatcher's at a time; endpoints are verified, filtered, limited, paused."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
PHASES = "'pending', 'enabled', 'paused', 'disabled', 'deleted'"


def upgrade() -> None:
    """Endpoints that were enabled stay enabled; what waited is ready."""
    endpoints()
    deliveries()
    lanes()
    op.add_column("attempt", sa.Column("cause", sa.String(), server_default=sa.text("'event'"), nullable=False))


def endpoints() -> None:
    """What an endpoint is told of, and how."""
    op.drop_constraint("webhook_endpoint_phase_known", "webhook_endpoint")
    op.create_check_constraint("phase_known", "webhook_endpoint", f"phase IN ({PHASES})")
    for column in ("paused_until", "last_success_at", "first_failure_at"):
        op.drop_column("webhook_endpoint", column)
    for column, kind, default in (
        ("relationship_ids", postgresql.ARRAY(sa.Uuid()), "'{}'"),
        ("phases", postgresql.ARRAY(sa.Text()), "'{}'"),
        ("api_version", sa.String(), "'v1'"),
        ("asymmetric", sa.Boolean(), "false"),
        ("max_in_flight", sa.Integer(), "16"),
    ):
        op.add_column("webhook_endpoint", sa.Column(column, kind, server_default=sa.text(default), nullable=False))
        op.alter_column("webhook_endpoint", column, server_default=None)
    op.add_column("webhook_endpoint", sa.Column("rate_per_second", sa.Integer()))
    op.add_column("webhook_endpoint", sa.Column("disabled_reason", sa.String()))
    op.add_column("webhook_endpoint", sa.Column("recovery", postgresql.JSONB()))
    op.create_check_constraint("api_version_known", "webhook_endpoint", "api_version IN ('v1')")
    op.create_check_constraint(
        "disabled_reason_known", "webhook_endpoint", "disabled_reason IN ('requested', 'gone', 'failing')"
    )


def deliveries() -> None:
    """Ready is no time at all, so that what is ready goes by its number alone."""
    op.drop_index("delivery_due", "delivery")
    op.drop_index("delivery_order", "delivery")
    op.add_column("delivery", sa.Column("lean", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("delivery", sa.Column("cause", sa.String(), server_default=sa.text("'event'"), nullable=False))
    op.alter_column("delivery", "next_at", nullable=True, server_default=None)
    op.execute("UPDATE delivery SET lean = body IS NOT NULL, next_at = CASE WHEN next_at > now() THEN next_at END")
    for column in ("version", "body", "lease"):
        op.drop_column("delivery", column)
    ready, waiting = sa.text("next_at IS NULL"), sa.text("next_at IS NOT NULL")
    lane = ["practice_id", "endpoint_id"]
    op.create_index("delivery_ready", "delivery", [*lane, "seq"], postgresql_where=ready)
    op.create_index("delivery_waiting", "delivery", [*lane, "next_at", "seq"], postgresql_where=waiting)
    op.create_index("delivery_behind", "delivery", [*lane, "subject_id"], postgresql_where=waiting)


def lanes() -> None:
    """What dispatchers know of an endpoint."""

    def moment(name: str, default: str | None = None) -> "sa.Column[datetime]":
        return sa.Column(name, MOMENT, server_default=default and sa.text(default), nullable=default is None)

    def number(name: str, default: int) -> "sa.Column[int]":
        return sa.Column(name, sa.Integer(), server_default=sa.text(str(default)), nullable=False)

    op.create_table(
        "lane",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("lease", sa.Uuid()),
        moment("leased_until", "'-infinity'"),
        moment("served_at", "'-infinity'"),
        moment("paused_until", "'-infinity'"),
        number("width", 4),
        number("unreachable", 0),
        number("tried", 0),
        number("failed", 0),
        moment("counted_from", "now()"),
        number("trips", 0),
        sa.Column("warned", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        moment("last_success_at"),
        moment("last_failure_at"),
        moment("first_failure_at"),
        moment("recovery_asked_at"),
        sa.Column("recovered_to", sa.BigInteger()),
        sa.Column("recovers_until", sa.BigInteger()),
        sa.PrimaryKeyConstraint("practice_id", "endpoint_id"),
        postgresql_with={"fillfactor": "50", "autovacuum_vacuum_scale_factor": "0.01"},
    )


def downgrade() -> None:
    """Back to one queue for everybody; what endpoints were set to beyond that is lost."""
    op.drop_column("attempt", "cause")
    op.drop_table("lane")
    for index in ("delivery_ready", "delivery_waiting", "delivery_behind"):
        op.drop_index(index, "delivery")
    op.add_column("delivery", sa.Column("version", sa.Integer()))
    op.execute(
        "UPDATE delivery d SET version = e.version, next_at = coalesce(d.next_at, now()) FROM event e"
        " WHERE e.practice_id = d.practice_id AND e.seq = d.seq AND e.volume = d.volume"
    )
    op.alter_column("delivery", "version", nullable=False)
    for column in ("lean", "cause"):
        op.drop_column("delivery", column)
    op.add_column("delivery", sa.Column("body", sa.String()))
    op.add_column("delivery", sa.Column("lease", sa.Uuid()))
    op.alter_column("delivery", "next_at", nullable=False, server_default=sa.text("now()"))
    op.create_index("delivery_due", "delivery", ["practice_id", "endpoint_id", "next_at"])
    op.create_index("delivery_order", "delivery", ["practice_id", "endpoint_id", "subject_id", "version"])
    for column in ("relationship_ids", "phases", "api_version", "asymmetric", "max_in_flight", "rate_per_second",
                   "disabled_reason", "recovery"):  # fmt: skip
        op.drop_column("webhook_endpoint", column)
    op.add_column("webhook_endpoint", sa.Column("paused_until", MOMENT, server_default=sa.text("'-infinity'"),
                                                nullable=False))  # fmt: skip
    op.add_column("webhook_endpoint", sa.Column("last_success_at", MOMENT))
    op.add_column("webhook_endpoint", sa.Column("first_failure_at", MOMENT))
    op.execute("UPDATE webhook_endpoint SET phase = 'disabled' WHERE phase IN ('pending', 'paused')")
    op.drop_constraint("webhook_endpoint_phase_known", "webhook_endpoint")
    op.create_check_constraint("phase_known", "webhook_endpoint", "phase IN ('enabled', 'disabled', 'deleted')")
