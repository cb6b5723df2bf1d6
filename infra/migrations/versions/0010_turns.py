"""What parts the runs of ratings stands in the relationship, so that it outlives the log; and what a client was told.

What the log still tells is brought over. Its events are told anew as they would be today, so that folding them gives
the rows. Of a change of modality that goes for one from a kind that was named; the log names none.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

LISTS = ("treatment_changes", "transitions", "baselines")
CHANGED = """
UPDATE event SET data = jsonb_set(data, '{add}', coalesce(data -> 'add', '{}') || jsonb_build_object(
  'treatment_changes', jsonb_build_object('since', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), 'changed', changed)))
FROM (
  SELECT e.practice_id AS of, e.seq AS number,
    CASE WHEN e.data -> 'set' ? 'therapist_ids' THEN '["therapists"]'::jsonb ELSE '[]' END
    || CASE WHEN w.text IS NOT NULL THEN '["modality"]'::jsonb ELSE '[]' END AS changed
  FROM event e LEFT JOIN wording w ON w.practice_id = e.practice_id AND w.subject_id = e.subject_id
    AND w.version = e.version - 1 AND w.field = 'modality'
  WHERE e.type = 'relationship.revised') revised
WHERE practice_id = of AND seq = number AND changed <> '[]'"""
TURNED = """
WITH turned AS (
  SELECT practice_id AS of, seq AS number, subject_id AS whose, target = 'in_transition' AS begins, version AS place,
    jsonb_build_object('begun_on', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), 'over_on', NULL) AS begun,
    jsonb_build_object('begun_on', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD'),
      'over_on', to_char(lead(at) OVER (PARTITION BY practice_id, subject_id ORDER BY version) AT TIME ZONE 'UTC',
                         'YYYY-MM-DD')) AS spell
  FROM event WHERE subject = 'relationship' AND (source = 'in_transition') <> (target = 'in_transition'))"""
ENTERED = f"""{TURNED}
UPDATE event SET data = jsonb_set(data, '{{add}}', coalesce(data -> 'add', '{{}}') || jsonb_build_object(
  'transitions', begun))
FROM turned WHERE practice_id = of AND seq = number AND begins"""
LEFT = f"""{TURNED}
UPDATE event SET data = jsonb_set(data, '{{set}}', coalesce(data -> 'set', '{{}}') || jsonb_build_object(
  'transitions', spells))
FROM (
  SELECT e.of, e.number, jsonb_agg(b.spell ORDER BY b.place) AS spells FROM turned e
  JOIN turned b ON b.of = e.of AND b.whose = e.whose AND b.begins AND b.place < e.place
  WHERE NOT e.begins GROUP BY e.of, e.number) gone
WHERE practice_id = of AND seq = number"""
CHANGES = """
UPDATE relationship SET treatment_changes = found FROM (
  SELECT practice_id AS of, subject_id AS whose,
    jsonb_agg(data -> 'add' -> 'treatment_changes' ORDER BY version) AS found
  FROM event WHERE type = 'relationship.revised' AND data -> 'add' ? 'treatment_changes' GROUP BY of, whose) told
WHERE practice_id = of AND id = whose"""
SPELLS = f"""{TURNED}
UPDATE relationship SET transitions = spells FROM (
  SELECT of, whose, jsonb_agg(spell ORDER BY place) AS spells FROM turned WHERE begins GROUP BY of, whose) told
WHERE practice_id = of AND id = whose"""
UNTOLD = f"""
UPDATE event SET data = data {" ".join(f"#- '{{{part},{name}}}'" for part in ("add", "set") for name in LISTS)}
WHERE subject = 'relationship' AND (data -> 'add' ?| ARRAY{[*LISTS]} OR data -> 'set' ?| ARRAY{[*LISTS]})"""


def upgrade() -> None:
    """Apply."""
    for name in LISTS:
        op.add_column("relationship", records(name))
    op.add_column("alliance_rating", sa.Column("sharing_text_version", sa.String()))
    op.add_column("alliance_rating", sa.Column("sharing_policy_id", sa.Uuid()))
    op.create_foreign_key(
        op.f("alliance_rating_practice_id_sharing_policy_id_fkey"), "alliance_rating", "policy",
        ["practice_id", "sharing_policy_id"], ["practice_id", "id"],
    )  # fmt: skip
    for statement in (CHANGED, CHANGES, ENTERED, LEFT, SPELLS):
        op.execute(statement)


def downgrade() -> None:
    """Back to the log alone; what the log does not tell is lost."""
    op.execute(UNTOLD)
    for name in ("sharing_policy_id", "sharing_text_version"):
        op.drop_column("alliance_rating", name)
    for name in LISTS:
        op.drop_column("relationship", name)


def records(name: str) -> sa.Column[Any]:
    """A list of records."""
    return sa.Column(name, postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False)
