"""Endings: reflections, early signs and a safety plan, on the termination plan."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("termination_plan", records("reflections"))
    op.add_column("termination_plan", records("relapse_signature"))
    op.add_column("termination_plan", sa.Column("safety_plan", postgresql.JSONB()))


def downgrade() -> None:
    """Undo. What was written in them is lost."""
    for name in ("safety_plan", "relapse_signature", "reflections"):
        op.drop_column("termination_plan", name)


def records(name: str) -> sa.Column[Any]:
    """A list of records, as JSON."""
    return sa.Column(name, postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False)
