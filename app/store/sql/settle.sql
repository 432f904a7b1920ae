-- fragment: attempt_arrays
%(starts)b::timestamptz[], %(latenesses)b::real[], %(statuses)b::smallint[],
    %(errors)b::text[], %(details)b::text[], %(headers)b::text[], %(bodies)b::bytea[],
    %(dns)b::real[], %(connects)b::real[], %(tls)b::real[], %(first_bytes)b::real[],
    %(totals)b::real[]

-- fragment: attempt_columns
started_at, lateness_ms, status, error, detail, headers, body, dns_ms, connect_ms, tls_ms,
    first_byte_ms, total_ms

-- fragment: attempt_of_v
v.started_at, v.lateness_ms, v.status, v.error, v.detail, v.headers, v.body, v.dns_ms,
    v.connect_ms, v.tls_ms, v.first_byte_ms, v.total_ms

-- fragment: insert_attempt
INSERT INTO attempt (run_id, due_at, number, started_at, lateness_ms, status, error, detail,
                       headers, body, dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms)
  SELECT id, due_at, attempts, started_at, lateness_ms, status, error, detail, headers::jsonb,
         body, dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms

-- name: lock_jobs
-- Settling what may end or re-arm a job comes under the same row lock as claim, update and delete,
-- in one order for all, so that two settlements never wait for each other in a circle.
SELECT job_id FROM due WHERE job_id = ANY (%(job_ids)b::uuid[]) ORDER BY job_id FOR UPDATE;

-- name: due_locked_elsewhere
-- Rows that somebody else has locked, who is not waited for; all others of these are locked from here
-- on, in one order (lock_jobs).
WITH free AS MATERIALIZED (
  SELECT job_id FROM due WHERE job_id = ANY (%(ids)b::uuid[]) ORDER BY job_id FOR UPDATE SKIP LOCKED
)
SELECT job_id FROM due
WHERE job_id = ANY (%(ids)b::uuid[]) AND job_id <> ALL (ARRAY(SELECT job_id FROM free));

-- name: inflight_locked_elsewhere
-- The same of runs.
WITH free AS MATERIALIZED (
  SELECT id FROM inflight WHERE id = ANY (%(ids)b::uuid[]) ORDER BY id FOR UPDATE SKIP LOCKED
)
SELECT id FROM inflight
WHERE id = ANY (%(ids)b::uuid[]) AND id <> ALL (ARRAY(SELECT id FROM free));

-- name: record_ticks
-- The ticks that a run has called with success before the one that is settled now are one run of
-- history, with the attempt of the first, only under the token it was taken with. Under lock_jobs;
-- move_ticks follows.
WITH v AS MATERIALIZED (
  SELECT * FROM unnest(%(ids)b::uuid[], %(tokens)b::int[], %(reasons)b::text[],
                       {{attempt_arrays}})
    AS v (id, token, why, {{attempt_columns}})
), called AS MATERIALIZED (
  SELECT v.*, i.job_id, i.account_id, i.job_version, i.kind, i.due_at, i.missed,
         i.attempts + 1 AS attempts, i.started_by, i.depth
  FROM v JOIN inflight i ON i.id = ANY (ARRAY[v.id])
  WHERE i.token = v.token
), attempted AS (
  {{insert_attempt}} FROM called
)
INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state, attempts, reason,
                 settled_at, token, started_by, depth)
SELECT id, job_id, account_id, job_version, kind, due_at, missed, 'succeeded', attempts, why,
       clock_timestamp(), token, started_by, depth
FROM called;

-- name: move_ticks
-- A run that has called further ticks of its job stands for the one that is settled now, under the id
-- that was sent with it, and the job goes on after that: its next tick is what the claim left, unless
-- somebody has changed the job since. Only under the token the run was taken with, and lock_jobs.
-- IS NOT DISTINCT FROM keeps the planner from reading all of due_held.
WITH v AS MATERIALIZED (
  SELECT * FROM unnest(%(ids)b::uuid[], %(tokens)b::int[], %(new_ids)b::uuid[],
                       %(dues)b::timestamptz[], %(numbers)b::int[], %(nexts)b::timestamptz[],
                       %(afters)b::timestamptz[])
    AS v (id, token, new_id, due_at, number, next_at, after_at)
), moved AS (
  UPDATE inflight i
  SET id = v.new_id, due_at = v.due_at, send_at = greatest(i.send_at, v.due_at), further = NULL,
      final = v.after_at IS NULL, planned_at = NULL, destination = NULL,
      reason = CASE WHEN i.cancelled_at IS NOT NULL THEN i.reason END,
      missed = CASE WHEN v.new_id = v.id THEN i.missed ELSE 0 END,
      attempts = CASE WHEN v.new_id = v.id THEN i.attempts ELSE 0 END,
      tried = CASE WHEN v.new_id = v.id THEN i.tried ELSE 0 END,
      completion = CASE WHEN v.new_id = v.id THEN i.completion END,
      completion_message = CASE WHEN v.new_id = v.id THEN i.completion_message END
  FROM v
  WHERE i.id = ANY (ARRAY[v.id]) AND i.token = v.token
  RETURNING i.job_id, i.job_version, v.number, v.next_at, v.after_at
)
UPDATE due d SET held_at = m.after_at, remaining = d.remaining - m.number
FROM moved m
WHERE d.job_id = ANY (ARRAY[m.job_id]) AND d.version = m.job_version
  AND d.held_at IS NOT DISTINCT FROM m.next_at;

-- name: settle_final
-- A run leaves inflight and enters history, with its last attempt, in one statement, only under the
-- token it was taken with; as cancelled only if it was, and then at the moment it was, unless a call
-- came to an end since: a firing that was withdrawn ahead of its time is known by that. History keeps
-- the token, so that a redelivery goes on above it.
WITH gone AS (
  DELETE FROM inflight i
  USING unnest(%(ids)b::uuid[], %(tokens)b::int[], %(states)b::text[], %(reasons)b::text[],
               {{attempt_arrays}})
    AS v (id, token, state, reason, {{attempt_columns}})
  WHERE i.id = ANY (ARRAY[v.id]) AND i.token = v.token
    AND (v.state <> 'cancelled' OR i.cancelled_at IS NOT NULL)
  RETURNING i.id, i.job_id, i.account_id, i.job_version, i.kind, i.due_at, i.missed, v.state,
            i.attempts + (v.started_at IS NOT NULL)::int AS attempts,
            coalesce(v.reason, CASE WHEN v.state = 'cancelled' OR i.reason ^@ 'postponed: '
                               THEN i.reason END) AS reason,
            CASE WHEN v.state = 'cancelled' AND v.started_at IS NULL THEN i.cancelled_at
              ELSE clock_timestamp() END AS settled_at,
            i.started_by, i.depth, i.token, {{attempt_of_v}}
), attempted AS (
  {{insert_attempt}} FROM gone WHERE started_at IS NOT NULL
)
INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state, attempts, reason,
                 settled_at, token, started_by, depth)
SELECT id, job_id, account_id, job_version, kind, due_at, missed, state, attempts, reason,
       settled_at, token, started_by, depth
FROM gone
RETURNING id;

-- name: settle_retry
-- A retry time is written, with the attempt before it if there was one, only under the token the run
-- was taken with; nobody holds it afterwards. A run cancelled meanwhile is looked at at once, and ends
-- there, for the reason it was cancelled. So is one whose receiver has said what came of it while the
-- call was under way: it is not called again, but ends as it said. A run that was never called waits
-- as one that was given back, for a destination of which nobody sends for it: it was the turn of a
-- further tick, which could not be called.
WITH again AS (
  UPDATE inflight i
  SET state = CASE WHEN i.completion IS NULL THEN 'waiting' ELSE 'running' END,
      complete_by = CASE WHEN i.completion IS NULL THEN NULL ELSE v.retry_at END,
      token = i.token + 1, lease_until = NULL,
      attempts = i.attempts + (v.started_at IS NOT NULL)::int,
      reclaims = 0, send_at = greatest(v.retry_at, i.due_at),
      planned_at = CASE WHEN i.attempts = 0 AND v.started_at IS NULL THEN i.due_at END,
      destination = CASE WHEN i.attempts = 0 AND v.started_at IS NULL THEN '' END,
      reason = CASE WHEN i.cancelled_at IS NULL THEN v.reason ELSE i.reason END,
      look_at = CASE WHEN i.cancelled_at IS NULL AND i.completion IS NULL
                     THEN greatest(v.retry_at - %(ahead)s::interval, clock_timestamp())
                     ELSE clock_timestamp() END
  FROM unnest(%(ids)b::uuid[], %(tokens)b::int[], %(retries)b::timestamptz[], %(reasons)b::text[],
              {{attempt_arrays}})
    AS v (id, token, retry_at, reason, {{attempt_columns}})
  WHERE i.id = ANY (ARRAY[v.id]) AND i.token = v.token
  RETURNING i.id, i.due_at, i.attempts, {{attempt_of_v}}
), attempted AS (
  {{insert_attempt}} FROM again WHERE started_at IS NOT NULL
)
SELECT id FROM again;

-- name: settle_later
-- The receiver will say what came of it: the run is nobody's until it does, or until its deadline by
-- this clock; only under the token it was taken with. What it has said while the call was under way
-- is acted upon when it is looked at, at once, as is a cancellation.
WITH begun AS (
  UPDATE inflight i
  SET state = 'running', complete_by = now.at + make_interval(secs => v.within),
      token = i.token + 1, lease_until = NULL, attempts = i.attempts + 1, reclaims = 0,
      planned_at = NULL, destination = NULL,
      reason = CASE WHEN i.cancelled_at IS NULL THEN v.reason ELSE i.reason END,
      look_at = CASE WHEN i.cancelled_at IS NULL AND i.completion IS NULL
                     THEN now.at + make_interval(secs => v.within)
                     ELSE now.at END
  FROM unnest(%(ids)b::uuid[], %(tokens)b::int[], %(withins)b::float8[], %(reasons)b::text[],
              {{attempt_arrays}})
    AS v (id, token, within, reason, {{attempt_columns}}),
       (SELECT clock_timestamp() AS at) now
  WHERE i.id = ANY (ARRAY[v.id]) AND i.token = v.token
  RETURNING i.id, i.due_at, i.attempts, {{attempt_of_v}}
), attempted AS (
  {{insert_attempt}} FROM begun
)
SELECT id FROM begun;
