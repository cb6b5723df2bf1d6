"""The logs in volumes: what there is becomes the first volume of each, in place."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "volume",
        sa.Column("log", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("log", "number", name=op.f("volume_pkey")),
    )
    op.create_table(
        "milestone",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("volume", sa.Integer(), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("practice_id", "volume", name=op.f("milestone_pkey")),
    )
    for table in ("practice", "delivery"):
        first_volume(table)

    set_aside("event", "event_timeline", "practice_id_relationship_id_seq", unique="event_version")
    op.create_table(
        "event",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("relationship_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.String(), nullable=False),
        sa.Column("actor_id", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("volume", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("practice_id", "seq", "volume", name=op.f("event_pkey")),
        postgresql_partition_by="LIST (volume)",
    )
    op.create_index("event_version", "event", ["practice_id", "subject_id", "version", "volume"], unique=True)
    op.create_index(
        "event_timeline",
        "event",
        ["practice_id", "relationship_id", "seq"],
        unique=False,
        postgresql_where=sa.text("relationship_id IS NOT NULL"),
    )

    set_aside("attempt", "attempt_recent", "practice_id_endpoint_id_at")
    op.create_table(
        "attempt",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.Column("volume", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("practice_id", "endpoint_id", "seq", "number", "at", "volume", name=op.f("attempt_pkey")),
        postgresql_partition_by="LIST (volume)",
    )
    op.create_index("attempt_recent", "attempt", ["practice_id", "endpoint_id", "at"], unique=False)

    for log in ("event", "attempt"):
        # Makes the keys that it lacks, and takes the index that it has.
        op.execute(f"ALTER TABLE {log} ATTACH PARTITION {log}_1 FOR VALUES IN (1)")
        op.execute(f"INSERT INTO volume (log, number, opened_at) VALUES ('{log}', 1, now())")
    op.execute("INSERT INTO milestone (practice_id, volume, first_seq) SELECT id, 1, 1 FROM practice")


def first_volume(table: str) -> None:
    """Everything there is belongs to the first one; a default that stays in the catalogue rewrites no row."""
    op.add_column(table, sa.Column("volume", sa.Integer(), nullable=False, server_default="1"))
    op.alter_column(table, "volume", server_default=None)


def set_aside(log: str, index: str, columns: str, unique: str = "") -> None:
    """The plain table as the first partition: under its name, and without the keys that do not know of volumes."""
    op.rename_table(log, f"{log}_1")
    first_volume(f"{log}_1")
    op.execute(f"ALTER TABLE {log}_1 DROP CONSTRAINT {log}_pkey")
    op.execute(f"ALTER INDEX {index} RENAME TO {log}_1_{columns}_idx")
    if unique:
        op.drop_index(unique, table_name=f"{log}_1")


def downgrade() -> None:
    """Undo. Copies what is left of the logs."""
    for log in ("event", "attempt"):
        op.execute(f"CREATE TABLE {log}_plain (LIKE {log})")
        op.drop_column(f"{log}_plain", "volume")
        names = [c["name"] for c in sa.inspect(op.get_bind()).get_columns(f"{log}_plain")]
        columns = ", ".join(op.get_bind().dialect.identifier_preparer.quote(name) for name in names)
        op.execute(f"INSERT INTO {log}_plain ({columns}) SELECT {columns} FROM {log}")
        numbers = op.get_bind().execute(sa.text("SELECT number FROM volume WHERE log = :log"), {"log": log})
        op.drop_table(log)
        for (number,) in numbers:
            op.execute(f"DROP TABLE IF EXISTS {log}_{number}")
        op.rename_table(f"{log}_plain", log)
    op.create_primary_key(op.f("event_pkey"), "event", ["practice_id", "seq"])
    op.create_index(
        "event_timeline",
        "event",
        ["practice_id", "relationship_id", "seq"],
        unique=False,
        postgresql_where=sa.text("relationship_id IS NOT NULL"),
    )
    op.create_index("event_version", "event", ["practice_id", "subject_id", "version"], unique=True)
    op.create_primary_key(op.f("attempt_pkey"), "attempt", ["practice_id", "endpoint_id", "seq", "number", "at"])
    op.create_index("attempt_recent", "attempt", ["practice_id", "endpoint_id", "at"], unique=False)
    for table in ("practice", "delivery"):
        op.drop_column(table, "volume")
    op.drop_table("milestone")
    op.drop_table("volume")
