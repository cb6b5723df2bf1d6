"""Ending well: consents over time, referrals and handover, what somebody is reminded of, and what stays."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

POLICIES = (
    "late_cancellation", "no_contact", "confidentiality", "informed_consent", "professional_will", "detection", "other",
)  # fmt: skip
SETTINGS: dict[str, tuple[Any, str]] = {
    "days_before_ending": (postgresql.JSONB(), "'[28, 14, 7]'"), "review_every_days": (sa.Integer(), "90"),
    "transfer_days": (sa.Integer(), "14"),
}  # fmt: skip
PLAN: dict[str, Any] = {"client_asked": sa.Boolean(), "ending_mentioned_on": sa.Date(), "returned_on": sa.Date()}
LISTS = ("earlier_consents", "referrals", "handover", "reminders", "reflections", "relapse_signature")


def upgrade() -> None:
    """Apply."""
    for name in ("deputy_therapist_id", "therapist_id"):
        op.add_column("policy", sa.Column(name, sa.Uuid()))
        op.create_foreign_key(
            op.f(f"policy_practice_id_{name}_fkey"), "policy", "therapist", ["practice_id", name],
            ["practice_id", "id"],
        )  # fmt: skip
    op.add_column("policy", sa.Column("edition_since", sa.Date()))
    for name, (kind, usual) in SETTINGS.items():
        op.add_column("policy", sa.Column(name, kind, server_default=sa.text(usual), nullable=False))
        op.alter_column("policy", name, server_default=sa.text("'[]'") if name == "days_before_ending" else None)
    known("policy", "kind", *POLICIES[:5], "transition", *POLICIES[5:])
    for name, kind in PLAN.items():
        op.add_column("termination_plan", sa.Column(name, kind))
    for name in LISTS:
        op.add_column("termination_plan", records(name))
    op.add_column("termination_plan", sa.Column("safety_plan", postgresql.JSONB()))


def downgrade() -> None:
    """Back to one consent and one receiver; what was said besides is lost."""
    for name in (*LISTS, *PLAN, "safety_plan"):
        op.drop_column("termination_plan", name)
    op.execute("UPDATE policy SET kind = 'other' WHERE kind = 'transition'")
    known("policy", "kind", *POLICIES)
    for name in (*SETTINGS, "edition_since", "therapist_id", "deputy_therapist_id"):
        op.drop_column("policy", name)


def records(name: str) -> sa.Column[Any]:
    """A list of records."""
    return sa.Column(name, postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False)


def known(table: str, column: str, *words: str) -> None:
    """Another vocabulary for a column."""
    name = op.f(f"{table}_{column}_known")
    op.drop_constraint(name, table)
    op.create_check_constraint(name, table, f"{column} IN ({', '.join(repr(w) for w in words)})")
