"""Pings are found at once, however much waits for an address that has yet to answer one."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index(
        "delivery_ping",
        "delivery",
        ["practice_id", "endpoint_id"],
        postgresql_where=sa.text("subject_id = endpoint_id"),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_index("delivery_ping", "delivery")
