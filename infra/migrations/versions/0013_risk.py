"""What is made of an answer to a risk item: asked and acted upon, or that nobody could ask."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

DISPOSITIONS = (
    "confirmed_rupture", "not_a_rupture", "already_addressed", "measurement_artifact", "asked_and_safe",
)  # fmt: skip


def upgrade() -> None:
    """Apply."""
    known(*DISPOSITIONS, "asked_and_acted", "could_not_ask")


def downgrade() -> None:
    """Back to one word for having asked; what nobody could ask about waits for a review again."""
    op.execute("UPDATE signal SET disposition = 'asked_and_safe' WHERE disposition = 'asked_and_acted'")
    op.execute("""UPDATE signal SET disposition = NULL, reviewed_by = NULL, reviewed_on = NULL,
      phase = CASE phase WHEN 'reviewed' THEN 'raised' ELSE phase END WHERE disposition = 'could_not_ask'""")
    known(*DISPOSITIONS)


def known(*words: str) -> None:
    """Another vocabulary for the disposition."""
    name = op.f("signal_disposition_known")
    op.drop_constraint(name, "signal")
    op.create_check_constraint(name, "signal", f"disposition IN ({', '.join(repr(w) for w in words)})")
