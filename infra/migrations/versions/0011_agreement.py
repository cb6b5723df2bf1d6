"""Agreement: the day a client says themselves that they agree to the ending, and the day an outreach began."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

DAYS = ("client_agreed_on", "silent_since")


def upgrade() -> None:
    """Apply."""
    for name in DAYS:
        op.add_column("termination_plan", sa.Column(name, sa.Date(), nullable=True))


def downgrade() -> None:
    """Back to what others say for the client."""
    for name in DAYS:
        op.drop_column("termination_plan", name)
