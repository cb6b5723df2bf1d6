"""The counts behind a practice's insights: one statement."""

from domain.endings import EndingKind
from domain.insights import AGES
from domain.rupture import OPEN, RupturePhase
from domain.termination import BETTER, OVER

P = RupturePhase
LEFT_OUT = ", ".join(f"'{phase}'" for phase in (P.SUSPECTED, P.DISMISSED, P.ENTERED_IN_ERROR))
STANDING = ", ".join(f"'{phase}'" for phase in OPEN)
GONE = ", ".join(f"'{phase}'" for phase in OVER)
BECAUSE_BETTER = ", ".join(f"'{reason}'" for reason in sorted(BETTER))
AGE = " ".join(
    f"WHEN now() - created_at < interval '{days} days' THEN '{age}'" if days else f"ELSE '{age}'"
    for age, days in AGES.items()
)
COUNTS = f"""
WITH counted AS MATERIALIZED (
  SELECT id, precipitants, policy_id FROM rupture
  WHERE practice_id = $1 AND created_at >= $2 AND phase NOT IN ({LEFT_OUT})),
mended AS MATERIALIZED (
  SELECT r.rupture_id, r.phase, r.steps FROM repair r JOIN counted c ON c.id = r.rupture_id WHERE r.practice_id = $1),
named AS MATERIALIZED (
  SELECT DISTINCT c.id, p ->> 'kind' AS kind, c.policy_id FROM counted c, jsonb_array_elements(c.precipitants) p),
skipped AS MATERIALIZED (
  SELECT s ->> 'step' AS step FROM mended m, jsonb_array_elements(m.steps) s WHERE (s ->> 'skipped')::bool),
ending AS MATERIALIZED (
  SELECT relationship_id, kind, timing, reasons, premature, premature_definition AS definition,
    coalesce(kind = '{EndingKind.CLIENT_INITIATED}', false) AND reasons ?| ARRAY[{BECAUSE_BETTER}] AS better
  FROM termination_plan WHERE practice_id = $1 AND ended_on >= $2 AND phase IN ({GONE}))
SELECT jsonb_build_object(
  'ages', (SELECT coalesce(jsonb_object_agg(age, count), '{{}}') FROM (
    SELECT CASE {AGE} END AS age, count(*) FROM rupture
    WHERE practice_id = $1 AND phase IN ({STANDING}) GROUP BY 1) a),
  'ruptures', (SELECT count(*) FROM counted),
  'begun', (SELECT count(DISTINCT rupture_id) FROM mended),
  'concluded', (SELECT count(DISTINCT rupture_id) FROM mended WHERE phase = 'concluded'),
  'precipitants', (SELECT coalesce(jsonb_object_agg(kind, count), '{{}}') FROM (
    SELECT kind, count(DISTINCT id) FROM named GROUP BY kind) n),
  'policies', jsonb_build_object('boundary_or_policy', (
    SELECT coalesce(jsonb_object_agg(policy_id, count), '{{}}') FROM (
    SELECT policy_id, count(DISTINCT id) FROM named
    WHERE kind = 'boundary_or_policy' AND policy_id IS NOT NULL GROUP BY policy_id) n)),
  'skipped', (SELECT coalesce(jsonb_object_agg(step, count), '{{}}') FROM (
    SELECT step, count(*) FROM skipped GROUP BY step) s),
  'signals', (SELECT count(*) FROM signal WHERE practice_id = $1 AND phase = 'raised'),
  'endings', (SELECT coalesce(jsonb_agg(jsonb_build_array(kind, timing, count)), '[]') FROM (
    SELECT kind, timing, count(*) FROM ending GROUP BY kind, timing) e),
  'reasons', (SELECT coalesce(jsonb_object_agg(reason, count), '{{}}') FROM (
    SELECT reason, count(DISTINCT relationship_id) FROM ending, jsonb_array_elements_text(reasons) reason
    GROUP BY reason) r),
  'premature', (SELECT coalesce(jsonb_agg(jsonb_build_array(definition, premature, better, count)), '[]') FROM (
    SELECT definition, premature, better, count(*) FROM ending
    WHERE definition IS NOT NULL AND premature IS NOT NULL GROUP BY definition, premature, better) p),
  'better', (SELECT count(*) FROM ending WHERE better),
  'unrepaired', (SELECT count(*) FROM ending e WHERE EXISTS (
    SELECT FROM rupture r WHERE r.practice_id = $1 AND r.relationship_id = e.relationship_id
      AND r.phase = '{P.ENDED_UNREPAIRED}')))"""
