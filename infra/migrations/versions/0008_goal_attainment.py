"""Goal attainment: goals with levels said in advance, and how far each side sees them reached."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "goal_attainment",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("relationship_id", sa.Uuid(), nullable=False),
        records("goals"),
        sa.Column("agreed_on", sa.Date()),
        sa.Column("assumed_correlation", sa.Float(), nullable=False),
        sa.Column("baseline_t_score", sa.Float()),
        *(records(f"{rater}_ratings") for rater in ("client", "therapist")),
        *(sa.Column(f"{rater}_attained", postgresql.JSONB()) for rater in ("client", "therapist")),
        sa.Column("recorded_by", sa.String()),
        sa.CheckConstraint("phase IN ('agreed', 'rated', 'entered_in_error')", name="phase_known"),
        sa.ForeignKeyConstraint(
            ["practice_id", "relationship_id"], ["relationship.practice_id", "relationship.id"]
        ),
        sa.PrimaryKeyConstraint("practice_id", "id"),
    )
    op.create_index(
        "goal_attainment_of_relationship", "goal_attainment", ["practice_id", "relationship_id", "id"]
    )


def downgrade() -> None:
    """Back to goals without levels; what was rated is lost."""
    op.drop_table("goal_attainment")


def records(name: str) -> sa.Column[Any]:
    """A list of records."""
    return sa.Column(name, postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False)
