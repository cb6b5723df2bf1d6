"""Outcome classes: an instrument may have a caseness line."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. An instrument that a practice copied from a built-in one has no line until the practice gives it."""
    op.add_column("instrument", sa.Column("caseness", postgresql.JSONB()))


def downgrade() -> None:
    """Undo; the lines are lost."""
    op.drop_column("instrument", "caseness")
