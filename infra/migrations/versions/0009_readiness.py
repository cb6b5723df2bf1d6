"""Readiness: when an ending should have been mentioned, and over how many scores somebody is looked at for stability."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SETTINGS = {"mention_days": "28", "stable_sessions": "3"}


def upgrade() -> None:
    """Apply."""
    for name, usual in SETTINGS.items():
        op.add_column("policy", sa.Column(name, sa.Integer(), server_default=sa.text(usual), nullable=False))
        op.alter_column("policy", name, server_default=None)


def downgrade() -> None:
    """Back to what everybody begins with."""
    for name in SETTINGS:
        op.drop_column("policy", name)
