"""The server knows that an endpoint is of one practice: how much waits for one is no longer guessed too low."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.execute(
        "CREATE STATISTICS delivery_of_endpoint (dependencies, ndistinct) ON practice_id, endpoint_id FROM delivery"
    )


def downgrade() -> None:
    """Undo."""
    op.execute("DROP STATISTICS delivery_of_endpoint")
