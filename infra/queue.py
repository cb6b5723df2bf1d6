"""The delivery queue in Postgres: lanes are leased, their deliveries read, the results written. Each is one statement.

An endpoint's deliveries are a lane. A dispatcher leases a lane for one turn and alone sends from it, so nothing has to
be marked row by row, and the order of a resource is the order of the rows. The lease is the fence: what a dispatcher
writes after somebody else took the lane changes nothing but the record of attempts.

Neither leases nor results wait for the disk: what a crash of the server loses means that an event is sent once more.
"""

# Lanes with something due are found by skipping from one to the next in the index, however long each is. Those that
# waited longest come first, so a thousand busy endpoints get their turns in rotation. An endpoint that is to be pinged
# has a clean slate: a new address is not held to what the old one asked for. Its pings have an index of their own, or
# every look for work would go through all that waits for it. Failure that is counted in days is counted while there is
# some: in a pause or a quiet week nothing failed.
TAKE = """
WITH RECURSIVE ready AS (
  (SELECT practice_id, endpoint_id FROM delivery WHERE next_at IS NULL ORDER BY practice_id, endpoint_id LIMIT 1)
  UNION ALL
  SELECT n.practice_id, n.endpoint_id FROM ready r CROSS JOIN LATERAL (
    SELECT d.practice_id, d.endpoint_id FROM delivery d
    WHERE d.next_at IS NULL AND (d.practice_id, d.endpoint_id) > (r.practice_id, r.endpoint_id)
    ORDER BY d.practice_id, d.endpoint_id LIMIT 1) n),
waiting AS (
  (SELECT practice_id, endpoint_id, next_at FROM delivery WHERE next_at IS NOT NULL
   ORDER BY practice_id, endpoint_id, next_at LIMIT 1)
  UNION ALL
  SELECT n.practice_id, n.endpoint_id, n.next_at FROM waiting r CROSS JOIN LATERAL (
    SELECT d.practice_id, d.endpoint_id, d.next_at FROM delivery d
    WHERE d.next_at IS NOT NULL AND (d.practice_id, d.endpoint_id) > (r.practice_id, r.endpoint_id)
    ORDER BY d.practice_id, d.endpoint_id, d.next_at LIMIT 1) n),
due AS (
  SELECT practice_id, endpoint_id FROM ready
  UNION SELECT practice_id, endpoint_id FROM waiting WHERE next_at <= now()),
free AS MATERIALIZED (
  SELECT d.practice_id, d.endpoint_id FROM due d
  JOIN webhook_endpoint n ON n.practice_id = d.practice_id AND n.id = d.endpoint_id
  LEFT JOIN lane l ON l.practice_id = d.practice_id AND l.endpoint_id = d.endpoint_id
  WHERE coalesce(l.leased_until <= now(), true) AND CASE n.phase
    WHEN 'enabled' THEN coalesce(l.paused_until <= now(), true)
    WHEN 'pending' THEN EXISTS (SELECT 1 FROM delivery p WHERE p.practice_id = n.practice_id AND p.endpoint_id = n.id
      AND p.subject_id = p.endpoint_id AND coalesce(p.next_at <= now(), true)) ELSE false END
  ORDER BY l.served_at NULLS FIRST LIMIT $1),
mine AS (
  INSERT INTO lane (practice_id, endpoint_id, lease, leased_until, served_at)
  SELECT practice_id, endpoint_id, $2, now() + make_interval(secs => $3), now() FROM free
  ORDER BY practice_id, endpoint_id
  ON CONFLICT (practice_id, endpoint_id) DO UPDATE
    SET lease = excluded.lease, leased_until = excluded.leased_until, served_at = excluded.served_at,
      first_failure_at = CASE WHEN lane.last_failure_at > now() - make_interval(secs => $5)
        THEN lane.first_failure_at END,
      (tried, failed, counted_from) = (
        SELECT CASE WHEN fresh THEN lane.tried ELSE 0 END, CASE WHEN fresh THEN lane.failed ELSE 0 END,
          CASE WHEN fresh THEN lane.counted_from ELSE now() END
        FROM (SELECT lane.counted_from > now() - make_interval(secs => $4) AS fresh) counting)
    WHERE lane.leased_until <= now() AND (lane.paused_until <= now() OR EXISTS (SELECT 1 FROM webhook_endpoint n
      WHERE n.practice_id = lane.practice_id AND n.id = lane.endpoint_id AND n.phase = 'pending'))
  RETURNING lane.*)
SELECT m.practice_id, m.endpoint_id, m.lease, m.width, m.unreachable, m.tried, m.failed, m.trips, m.warned,
  CASE n.phase WHEN 'enabled' THEN extract(epoch FROM now() - m.first_failure_at)::float END AS failing_for,
  n.phase = 'pending' AS pending, n.url, n.secrets, n.asymmetric, n.api_version, n.max_in_flight, n.rate_per_second,
  extract(epoch FROM clock_timestamp())::float AS clock
FROM mine m JOIN webhook_endpoint n ON n.practice_id = m.practice_id AND n.id = m.endpoint_id
WHERE (SELECT set_config('synchronous_commit', 'off', true)) = 'off'"""
# What is ready goes by its number; what waited comes back by its time. `behind`: until when an earlier event of its
# resource waits; `held`: that time has not come yet. Pings tell of nothing and wait for no other: a new address is not
# held up by what the old one did not answer. $1 to $5: the lanes. $6 and $7: resources of which a turn that goes on has
# events of its own; nothing more is read for it once its lease is lost or its endpoint is not in the phase it was in.
READ = """
WITH own AS (SELECT * FROM unnest($6::bigint[], $7::uuid[]) AS o (place, subject_id)),
lanes AS MATERIALIZED (
  SELECT l.* FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::bool[])
    WITH ORDINALITY AS l (practice_id, endpoint_id, lease, most, pending, place)
  JOIN lane USING (practice_id, endpoint_id, lease)
  JOIN webhook_endpoint n ON n.practice_id = l.practice_id AND n.id = l.endpoint_id
    AND n.phase = CASE WHEN l.pending THEN 'pending' ELSE 'enabled' END)
SELECT l.place::int, d.seq, d.subject_id, d.attempt, d.lean, d.cause, d.behind, d.behind > now() AS held, e.body,
  extract(epoch FROM d.first_at)::float AS first_at
FROM lanes l CROSS JOIN LATERAL (
  SELECT * FROM (
    (SELECT r.*, (SELECT max(w.next_at) FROM delivery w WHERE w.next_at IS NOT NULL AND w.practice_id = r.practice_id
       AND w.endpoint_id = r.endpoint_id AND w.subject_id = r.subject_id AND w.seq < r.seq
       AND r.subject_id <> r.endpoint_id) AS behind
     FROM delivery r WHERE r.practice_id = l.practice_id AND r.endpoint_id = l.endpoint_id AND r.next_at IS NULL
      AND (l.place, r.subject_id) NOT IN (TABLE own)
      AND (NOT l.pending OR r.subject_id = l.endpoint_id) ORDER BY r.seq LIMIT l.most)
    UNION ALL
    (SELECT r.*, NULL FROM delivery r WHERE r.practice_id = l.practice_id AND r.endpoint_id = l.endpoint_id
      AND r.next_at <= now() AND (l.place, r.subject_id) NOT IN (TABLE own)
      AND (NOT l.pending OR r.subject_id = l.endpoint_id) ORDER BY r.next_at, r.seq LIMIT l.most)
  ) due ORDER BY seq LIMIT l.most) d
JOIN event e ON e.practice_id = l.practice_id AND e.seq = d.seq AND e.volume = d.volume
ORDER BY l.place, d.seq"""
# When an event that was waited for has ended, what is parked behind it is ready; when it waits on, they wait as long.
# What was asked for once more while it was under way, and so has another cause now, is still to be sent.
# $1: the lanes, as records. $2 to $11: the attempts, as columns. $12 to $14: what waits behind another of its resource.
FINISH = """
WITH lanes AS (
  SELECT * FROM jsonb_to_recordset($1::jsonb) AS x (place int, practice_id uuid, endpoint_id uuid, lease uuid,
    over bool, width int, unreachable int, tried int, failed int, trips int, warned bool, failing bool, took bool,
    refused bool, pause float)),
held AS (
  UPDATE lane l SET width = x.width, unreachable = x.unreachable, trips = x.trips, warned = x.warned,
    tried = x.tried, failed = x.failed,
    last_success_at = CASE WHEN x.took THEN now() ELSE l.last_success_at END,
    last_failure_at = CASE WHEN x.refused THEN now() ELSE l.last_failure_at END,
    first_failure_at = CASE WHEN NOT x.failing THEN NULL WHEN x.took THEN now()
      ELSE coalesce(l.first_failure_at, now()) END,
    paused_until = CASE WHEN x.pause > 0 THEN now() + make_interval(secs => x.pause) ELSE '-infinity' END,
    leased_until = CASE WHEN x.over THEN '-infinity' ELSE l.leased_until END,
    lease = CASE WHEN x.over THEN NULL ELSE l.lease END
  FROM lanes x WHERE l.practice_id = x.practice_id AND l.endpoint_id = x.endpoint_id AND l.lease = x.lease
  RETURNING l.practice_id, l.endpoint_id),
sent AS (
  SELECT l.practice_id, l.endpoint_id, h.endpoint_id IS NOT NULL AS ours, s.* FROM unnest($2::int[], $3::bigint[],
    $4::uuid[], $5::int[], $6::text[], $7::int[], $8::int[], $9::float[], $10::text[], $11::float[])
    AS s (place, seq, subject_id, number, outcome, status, took_ms, wait, cause, ago)
  JOIN lanes l USING (place) LEFT JOIN held h ON h.practice_id = l.practice_id AND h.endpoint_id = l.endpoint_id),
recorded AS (
  INSERT INTO attempt (practice_id, endpoint_id, seq, number, at, outcome, status, took_ms, cause, volume)
  SELECT practice_id, endpoint_id, seq, number, now() - make_interval(secs => ago), outcome, status, took_ms, cause,
    (SELECT max(v.number) FROM volume v WHERE v.log = 'attempt' AND v.opened_at IS NOT NULL)
  FROM sent ON CONFLICT DO NOTHING),
gone AS (
  DELETE FROM delivery d USING sent s WHERE s.ours AND s.wait IS NULL AND d.practice_id = s.practice_id
   AND d.endpoint_id = s.endpoint_id AND d.seq = s.seq AND d.cause = s.cause
  RETURNING s.practice_id, s.endpoint_id, s.seq, s.number, s.outcome),
buried AS (
  INSERT INTO dead (practice_id, endpoint_id, seq, at, attempts, outcome)
  SELECT practice_id, endpoint_id, seq, now(), number, outcome FROM gone WHERE outcome <> 'delivered'
  ON CONFLICT (practice_id, endpoint_id, seq) DO UPDATE SET at = now(), attempts = excluded.attempts),
parked AS (
  SELECT l.practice_id, l.endpoint_id, p.seq, p.behind FROM unnest($12::int[], $13::bigint[], $14::timestamptz[])
    AS p (place, seq, behind)
  JOIN lanes l USING (place) JOIN held h ON h.practice_id = l.practice_id AND h.endpoint_id = l.endpoint_id),
waits AS (
  UPDATE delivery d SET next_at = p.behind FROM parked p
  WHERE d.practice_id = p.practice_id AND d.endpoint_id = p.endpoint_id AND d.seq = p.seq),
later AS (
  UPDATE delivery d SET next_at = now() + make_interval(secs => s.wait), attempt = s.number FROM sent s
  WHERE s.ours AND s.wait IS NOT NULL AND d.practice_id = s.practice_id AND d.endpoint_id = s.endpoint_id
   AND d.seq = s.seq),
heads AS (
  SELECT DISTINCT ON (place, subject_id) practice_id, endpoint_id, subject_id, seq, wait,
    max(number) OVER (PARTITION BY place, subject_id) > 1 AS waited
  FROM sent WHERE ours ORDER BY place, subject_id, seq DESC),
freed AS (
  UPDATE delivery d SET next_at = now() + make_interval(secs => h.wait) FROM heads h
  WHERE h.waited AND d.practice_id = h.practice_id AND d.endpoint_id = h.endpoint_id
   AND d.subject_id = h.subject_id AND d.subject_id <> d.endpoint_id AND d.next_at IS NOT NULL AND d.seq > h.seq)
SELECT place FROM lanes JOIN held USING (practice_id, endpoint_id)
WHERE (SELECT set_config('synchronous_commit', 'off', true)) = 'off'"""
