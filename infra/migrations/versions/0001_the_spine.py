"""The spine: people, relationships, ruptures, repairs, endings, the log and its deliveries.

One step of a schema is one file, however long: it is never half applied.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
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
        sa.PrimaryKeyConstraint("practice_id", "endpoint_id", "seq", "number", "at", name=op.f("attempt_pkey")),
    )
    op.create_index("attempt_recent", "attempt", ["practice_id", "endpoint_id", "at"], unique=False)
    op.create_table(
        "dead",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("practice_id", "endpoint_id", "seq", name=op.f("dead_pkey")),
    )
    op.create_table(
        "delivery",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.String(), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("first_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("practice_id", "endpoint_id", "seq", name=op.f("delivery_pkey")),
        postgresql_with={"fillfactor": "70", "autovacuum_vacuum_scale_factor": "0.01"},
    )
    op.create_index("delivery_due", "delivery", ["practice_id", "endpoint_id", "next_at"], unique=False)
    op.create_index("delivery_order", "delivery", ["practice_id", "endpoint_id", "subject_id", "version"], unique=False)
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
        sa.PrimaryKeyConstraint("practice_id", "seq", name=op.f("event_pkey")),
    )
    op.create_index(
        "event_timeline",
        "event",
        ["practice_id", "relationship_id", "seq"],
        unique=False,
        postgresql_where=sa.text("relationship_id IS NOT NULL"),
    )
    op.create_index("event_version", "event", ["practice_id", "subject_id", "version"], unique=True)
    op.create_table(
        "external_id",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("practice_id", "subject", "system", "value", name=op.f("external_id_pkey")),
    )
    op.create_index(
        op.f("external_id_practice_id_subject_id"), "external_id", ["practice_id", "subject_id"], unique=False
    )
    op.create_table(
        "idempotency",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("caller", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("practice_id", "caller", "key", name=op.f("idempotency_pkey")),
    )
    op.create_index(op.f("idempotency_created_at"), "idempotency", ["created_at"], unique=False)
    op.create_table(
        "practice",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("practice_pkey")),
    )
    op.create_table(
        "wording",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("practice_id", "subject_id", "version", "field", name=op.f("wording_pkey")),
    )
    op.create_table(
        "client",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "external_identifiers",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column("label", sa.String(), nullable=True),
        sa.Column("trauma_informed", sa.Boolean(), nullable=True),
        sa.Column("registered_by", sa.String(), nullable=True),
        sa.CheckConstraint("phase IN ('active', 'archived')", name=op.f("client_phase_known")),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("client_practice_id_fkey")),
        sa.PrimaryKeyConstraint("practice_id", "id", name=op.f("client_pkey")),
    )
    op.create_table(
        "therapist",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "external_identifiers",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column("display_name", sa.String(), nullable=True),
        sa.CheckConstraint("phase IN ('active', 'archived')", name=op.f("therapist_phase_known")),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("therapist_practice_id_fkey")),
        sa.PrimaryKeyConstraint("practice_id", "id", name=op.f("therapist_pkey")),
    )
    op.create_table(
        "webhook_endpoint",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("event_types", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("payload", sa.String(), nullable=False),
        sa.Column("secrets", sa.LargeBinary(), nullable=True),
        sa.Column("paused_until", sa.DateTime(timezone=True), server_default=sa.text("'-infinity'"), nullable=False),
        sa.Column("last_success_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_failure_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("payload IN ('thin', 'id_only')", name=op.f("webhook_endpoint_payload_known")),
        sa.CheckConstraint("phase IN ('enabled', 'disabled', 'deleted')", name=op.f("webhook_endpoint_phase_known")),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("webhook_endpoint_practice_id_fkey")),
        sa.PrimaryKeyConstraint("practice_id", "id", name=op.f("webhook_endpoint_pkey")),
    )
    op.create_table(
        "policy",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("edition", sa.String(), nullable=False),
        sa.Column("wording", sa.String(), nullable=True),
        sa.Column("outreach_attempts", sa.Integer(), nullable=False),
        sa.Column("outreach_channels", sa.Integer(), nullable=False),
        sa.Column("missed_sessions", sa.Integer(), nullable=False),
        sa.Column("silent_days", sa.Integer(), nullable=False),
        sa.Column("successor_therapist_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('late_cancellation', 'no_contact', 'confidentiality', 'informed_consent', 'professional_will', 'other')",
            name=op.f("policy_kind_known"),
        ),
        sa.CheckConstraint("phase IN ('current', 'retired')", name=op.f("policy_phase_known")),
        sa.ForeignKeyConstraint(
            ["practice_id", "successor_therapist_id"],
            ["therapist.practice_id", "therapist.id"],
            name=op.f("policy_practice_id_successor_therapist_id_fkey"),
        ),
        sa.ForeignKeyConstraint(["practice_id"], ["practice.id"], name=op.f("policy_practice_id_fkey")),
        sa.PrimaryKeyConstraint("practice_id", "id", name=op.f("policy_pkey")),
    )
    op.create_table(
        "relationship",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("therapist_ids", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("setting", sa.String(), nullable=False),
        sa.Column("modality", sa.String(), nullable=True),
        sa.Column("started_on", sa.Date(), nullable=True),
        sa.Column(
            "external_identifiers",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column("goals", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("tasks", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("risk", sa.String(), nullable=False),
        sa.Column("screened_on", sa.Date(), nullable=True),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "phase IN ('active', 'on_hold', 'in_transition', 'ended')", name=op.f("relationship_phase_known")
        ),
        sa.CheckConstraint(
            "risk IN ('none', 'low', 'moderate', 'high', 'unknown')", name=op.f("relationship_risk_known")
        ),
        sa.CheckConstraint(
            "setting IN ('individual', 'couple', 'family', 'group')", name=op.f("relationship_setting_known")
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "client_id"],
            ["client.practice_id", "client.id"],
            name=op.f("relationship_practice_id_client_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("practice_id", "id", name=op.f("relationship_pkey")),
    )
    op.create_index(
        op.f("relationship_practice_id_client_id"), "relationship", ["practice_id", "client_id"], unique=False
    )
    op.create_index("relationship_therapists", "relationship", ["therapist_ids"], unique=False, postgresql_using="gin")
    op.create_table(
        "session",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("relationship_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_minutes", sa.Integer(), nullable=True),
        sa.Column("medium", sa.String(), nullable=False),
        sa.Column("meeting_id", sa.Uuid(), nullable=True),
        sa.Column(
            "external_identifiers",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.CheckConstraint("medium IN ('in_person', 'video', 'phone')", name=op.f("session_medium_known")),
        sa.CheckConstraint(
            "phase IN ('planned', 'held', 'missed', 'late_cancelled', 'cancelled', 'entered_in_error')",
            name=op.f("session_phase_known"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "relationship_id"],
            ["relationship.practice_id", "relationship.id"],
            name=op.f("session_practice_id_relationship_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("practice_id", "id", name=op.f("session_pkey")),
    )
    op.create_index(
        "session_held",
        "session",
        ["practice_id", "relationship_id", "starts_at"],
        unique=False,
        postgresql_where=sa.text("phase = 'held'"),
    )
    op.create_index("session_of_relationship", "session", ["practice_id", "relationship_id", "id"], unique=True)
    op.create_table(
        "termination_plan",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("relationship_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("timing", sa.String(), nullable=True),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("premature", sa.String(), nullable=True),
        sa.Column("premature_definition", sa.String(), nullable=True),
        sa.Column("target_date", sa.Date(), nullable=True),
        sa.Column("notice_given_on", sa.Date(), nullable=True),
        sa.Column("agreed_by_client", sa.Boolean(), nullable=True),
        sa.Column("counselling_offered", sa.Boolean(), nullable=True),
        sa.Column(
            "alternative_providers",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column("consent", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("reviews", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("closure", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("outreach", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("receiver", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("incapacitated_therapist_id", sa.Uuid(), nullable=True),
        sa.Column("exception", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("open_ruptures_acknowledged", sa.Boolean(), nullable=False),
        sa.Column("died_on", sa.Date(), nullable=True),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.Column("farewell", sa.String(), nullable=True),
        sa.Column("return_route", sa.String(), nullable=True),
        sa.Column("boosters", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("shared_with_client", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "ended_by IN ('integration', 'therapist', 'client', 'supervisor', 'admin', 'policy')",
            name=op.f("termination_plan_ended_by_known"),
        ),
        sa.CheckConstraint(
            "kind IN ('planned_mutual', 'client_initiated', 'therapist_initiated', 'forced_administrative', 'transfer', 'lapsed_no_contact', 'client_deceased', 'therapist_incapacity')",
            name=op.f("termination_plan_kind_known"),
        ),
        sa.CheckConstraint(
            "phase IN ('introduced', 'reviewing', 'planned', 'closing', 'transferring', 'outreach', 'ended', 'aftercare', 'archived')",
            name=op.f("termination_plan_phase_known"),
        ),
        sa.CheckConstraint("premature IN ('yes', 'no', 'undetermined')", name=op.f("termination_plan_premature_known")),
        sa.CheckConstraint(
            "premature_definition IN ('clinician_judgement', 'protocol_incomplete', 'session_count', 'last_session_missed', 'no_reliable_change')",
            name=op.f("termination_plan_premature_definition_known"),
        ),
        sa.CheckConstraint(
            "timing IN ('as_planned', 'earlier_than_clinician_planned', 'earlier_than_client_wanted', 'extended')",
            name=op.f("termination_plan_timing_known"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "relationship_id"],
            ["relationship.practice_id", "relationship.id"],
            name=op.f("termination_plan_practice_id_relationship_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("practice_id", "id", name=op.f("termination_plan_pkey")),
    )
    op.create_index("termination_plan_one_each", "termination_plan", ["practice_id", "relationship_id"], unique=True)
    op.create_table(
        "rupture",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("relationship_id", sa.Uuid(), nullable=False),
        sa.Column(
            "precipitants", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False
        ),
        sa.Column("policy_id", sa.Uuid(), nullable=True),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("markers", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("strains", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("client_intensity", sa.Integer(), nullable=True),
        sa.Column("therapist_intensity", sa.Integer(), nullable=True),
        sa.Column("echoes_past", sa.String(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("happened_on", sa.Date(), nullable=True),
        sa.Column("summary", sa.String(), nullable=True),
        sa.Column("shared_with_client", sa.Boolean(), nullable=False),
        sa.Column("reported_by", sa.String(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=True),
        sa.Column("confirmed_by", sa.String(), nullable=True),
        sa.Column("confirmer", sa.String(), nullable=True),
        sa.Column("recurrences", sa.Integer(), nullable=False),
        sa.Column("repair_asked_on", sa.Date(), nullable=True),
        sa.Column("dismissal_reason", sa.String(), nullable=True),
        sa.Column("left_reason", sa.String(), nullable=True),
        sa.Column("note", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint(
            "confirmed_by IN ('client', 'therapist', 'supervisor', 'integration')",
            name=op.f("rupture_confirmed_by_known"),
        ),
        sa.CheckConstraint(
            "dismissal_reason IN ('not_a_rupture', 'already_addressed', 'measurement_artifact', 'duplicate', 'other')",
            name=op.f("rupture_dismissal_reason_known"),
        ),
        sa.CheckConstraint("echoes_past IN ('yes', 'no', 'unknown')", name=op.f("rupture_echoes_past_known")),
        sa.CheckConstraint(
            "left_reason IN ('client_prefers_not', 'not_the_time', 'parted', 'other')",
            name=op.f("rupture_left_reason_known"),
        ),
        sa.CheckConstraint(
            "phase IN ('suspected', 'confirmed', 'in_repair', 'repaired', 'partially_repaired', 'unrepaired', 'dismissed', 'ended_unrepaired', 'entered_in_error')",
            name=op.f("rupture_phase_known"),
        ),
        sa.CheckConstraint(
            "reported_by IN ('client', 'therapist', 'supervisor', 'integration')",
            name=op.f("rupture_reported_by_known"),
        ),
        sa.CheckConstraint(
            "type IN ('withdrawal', 'confrontation', 'mixed', 'unspecified')", name=op.f("rupture_type_known")
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "policy_id"],
            ["policy.practice_id", "policy.id"],
            name=op.f("rupture_practice_id_policy_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "relationship_id", "session_id"],
            ["session.practice_id", "session.relationship_id", "session.id"],
            name=op.f("rupture_practice_id_relationship_id_session_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "relationship_id"],
            ["relationship.practice_id", "relationship.id"],
            name=op.f("rupture_practice_id_relationship_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("practice_id", "id", name=op.f("rupture_pkey")),
    )
    op.create_index("rupture_of_relationship", "rupture", ["practice_id", "relationship_id", "id"], unique=False)
    op.create_table(
        "repair",
        sa.Column("practice_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rupture_id", sa.Uuid(), nullable=False),
        sa.Column("relationship_id", sa.Uuid(), nullable=False),
        sa.Column("responsibility_taken", sa.Boolean(), nullable=True),
        sa.Column("misunderstanding_clarified", sa.Boolean(), nullable=True),
        sa.Column("path_forward", sa.String(), nullable=True),
        sa.Column("co_created", sa.Boolean(), nullable=True),
        sa.Column("shared_with_client", sa.Boolean(), nullable=False),
        sa.Column("steps", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("client_resolution", sa.Integer(), nullable=True),
        sa.Column("client_recorded_view", sa.Boolean(), nullable=False),
        sa.Column("wants_to_talk_more", sa.Boolean(), nullable=True),
        sa.Column("therapist_resolution", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("score_rule", sa.String(), nullable=True),
        sa.Column("within_session", sa.Boolean(), nullable=True),
        sa.Column("concluded_on", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('repaired', 'partially_repaired', 'not_repaired')", name=op.f("repair_outcome_known")
        ),
        sa.CheckConstraint(
            "phase IN ('opened', 'recognizing', 'staying_present', 'reflecting', 'validating', 'offering', 'set_aside', 'concluded')",
            name=op.f("repair_phase_known"),
        ),
        sa.CheckConstraint(
            "score_rule IN ('full_return', 'within_sdiff', 'half_recovery', 'in_control')",
            name=op.f("repair_score_rule_known"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "relationship_id"],
            ["relationship.practice_id", "relationship.id"],
            name=op.f("repair_practice_id_relationship_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["practice_id", "rupture_id"],
            ["rupture.practice_id", "rupture.id"],
            name=op.f("repair_practice_id_rupture_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("practice_id", "id", name=op.f("repair_pkey")),
    )
    op.create_index("repair_of_relationship", "repair", ["practice_id", "relationship_id", "id"], unique=False)
    op.create_index(
        "repair_one_active",
        "repair",
        ["practice_id", "rupture_id"],
        unique=True,
        postgresql_where=sa.text(
            "phase IN ('opened', 'recognizing', 'staying_present', 'reflecting', 'validating', 'offering')"
        ),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_index(
        "repair_one_active",
        table_name="repair",
        postgresql_where=sa.text(
            "phase IN ('opened', 'recognizing', 'staying_present', 'reflecting', 'validating', 'offering')"
        ),
    )
    op.drop_index("repair_of_relationship", table_name="repair")
    op.drop_table("repair")
    op.drop_index("rupture_of_relationship", table_name="rupture")
    op.drop_table("rupture")
    op.drop_index("termination_plan_one_each", table_name="termination_plan")
    op.drop_table("termination_plan")
    op.drop_index("session_of_relationship", table_name="session")
    op.drop_index("session_held", table_name="session", postgresql_where=sa.text("phase = 'held'"))
    op.drop_table("session")
    op.drop_index("relationship_therapists", table_name="relationship", postgresql_using="gin")
    op.drop_index(op.f("relationship_practice_id_client_id"), table_name="relationship")
    op.drop_table("relationship")
    op.drop_table("policy")
    op.drop_table("webhook_endpoint")
    op.drop_table("therapist")
    op.drop_table("client")
    op.drop_table("wording")
    op.drop_table("practice")
    op.drop_index(op.f("idempotency_created_at"), table_name="idempotency")
    op.drop_table("idempotency")
    op.drop_index(op.f("external_id_practice_id_subject_id"), table_name="external_id")
    op.drop_table("external_id")
    op.drop_index("event_version", table_name="event")
    op.drop_index("event_timeline", table_name="event", postgresql_where=sa.text("relationship_id IS NOT NULL"))
    op.drop_table("event")
    op.drop_index("delivery_order", table_name="delivery")
    op.drop_index("delivery_due", table_name="delivery")
    op.drop_table("delivery")
    op.drop_table("dead")
    op.drop_index("attempt_recent", table_name="attempt")
    op.drop_table("attempt")
