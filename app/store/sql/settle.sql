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
-- The job lock. Whatever may end or re-arm a job is settled under the same row lock as claims,
-- updates and deletions. Rows are locked in one order, so that two settlements never wait for each
-- other in a circle.
SELECT job_id FROM due WHERE job_id = ANY (%(job_ids)b::uuid[]) ORDER BY job_id FOR UPDATE;

-- name: due_locked_elsewhere
-- Those of these rows that another session has locked, without waiting for it. All others are
-- locked from here on, in the order of lock_jobs.
WITH free AS MATERIALIZED (
  SELECT job_id FROM due WHERE job_id = ANY (%(ids)b::uuid[]) ORDER BY job_id FOR UPDATE SKIP LOCKED
)
SELECT job_id FROM due
WHERE job_id = ANY (%(ids)b::uuid[]) AND job_id <> ALL (ARRAY(SELECT job_id FROM free));

-- name: inflight_locked_elsewhere
-- The same for runs.
WITH free AS MATERIALIZED (
  SELECT id FROM inflight WHERE id = ANY (%(ids)b::uuid[]) ORDER BY id FOR UPDATE SKIP LOCKED
)
SELECT id FROM inflight
WHERE id = ANY (%(ids)b::uuid[]) AND id <> ALL (ARRAY(SELECT id FROM free));

-- name: record_ticks
-- The ticks that a run has called with success before the tick that is settled now become one run
-- of history, with the attempt of the first of them, only under the token the run was taken with.
-- Its row is locked before its token is compared: a check that takes the run from its worker locks
-- this row only, and move_ticks, which follows, would wait for it. Under lock_jobs.
WITH v AS MATERIALIZED (
  SELECT * FROM unnest(%(ids)b::uuid[], %(tokens)b::int[], %(reasons)b::text[],
                       {{attempt_arrays}})
    AS v (id, token, why, {{attempt_columns}})
), called AS MATERIALIZED (
  SELECT v.*, i.job_id, i.account_id, i.job_version, i.kind, i.due_at, i.missed,
         i.attempts + 1 AS attempts, i.started_by, i.depth
  FROM v JOIN inflight i ON i.id = ANY (ARRAY[v.id])
  WHERE i.token = v.token
  FOR UPDATE OF i
), attempted AS (
  {{insert_attempt}} FROM called
)
INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state, attempts, reason,
                 settled_at, token, started_by, depth)
SELECT id, job_id, account_id, job_version, kind, due_at, missed, 'succeeded', attempts, why,
       clock_timestamp(), token, started_by, depth
FROM called;

-- name: move_ticks
-- A run that has called further ticks of its job now stands for the tick that is settled, under the
-- id that was sent with it. The job goes on after that tick: its next firing is the one that the
-- claim left, unless the job has been booked anew since. If it was paused meanwhile, and resumed,
-- that firing waits for this run (blocks_next), and is none of the ticks that were called. Only under
-- the token the run was taken with, and under lock_jobs. Below 0, which a CHECK refuses, one row
-- would keep the whole batch from being settled.
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
  RETURNING i.job_id, i.job_version, v.number, v.next_at, v.after_at, {{was_paused}} AS was_paused
)
UPDATE due d
SET remaining = d.remaining - least(d.remaining, m.number),
    held_at = CASE
      WHEN d.version <> m.job_version
        THEN CASE WHEN num_nonnulls(d.held_at, m.after_at) = 2 THEN greatest(d.held_at, m.after_at) END
      WHEN d.held_at IS NOT DISTINCT FROM m.next_at THEN m.after_at
      ELSE d.held_at END
FROM moved m
WHERE d.job_id = ANY (ARRAY[m.job_id]) AND (d.version = m.job_version OR m.was_paused);

-- name: return_withdrawn
-- A firing that a pause withdrew, and of which no call was made, is none of those that its job counts.
-- If it was due after the pause, and the job was resumed before anybody could know that it was not
-- called, it is the job's next firing, unless a later version has a run of it. Only under the token
-- the run was taken with, whose row is locked before that is compared, as in record_ticks. Under
-- lock_jobs, before the run is settled.
WITH v AS MATERIALIZED (
  SELECT * FROM unnest(%(ids)b::uuid[], %(tokens)b::int[]) AS v (id, token)
), held AS MATERIALIZED (
  SELECT i.id, i.job_id, i.kind, i.due_at, i.attempts, i.cancelled_at, i.reason
  FROM v JOIN inflight i ON i.id = ANY (ARRAY[v.id])
  WHERE i.token = v.token
  FOR UPDATE OF i
), withdrawn AS (
  SELECT * FROM held i WHERE kind = 'scheduled' AND attempts = 0 AND {{was_paused}}
), returned AS (
  SELECT job_id, count(*)::int AS number, min(due_at) FILTER (
    WHERE due_at > cancelled_at
      AND NOT EXISTS (SELECT FROM inflight i
                      WHERE i.job_id = w.job_id AND i.kind = 'scheduled' AND i.due_at = w.due_at
                        AND i.id <> w.id)
      AND NOT EXISTS (SELECT FROM run r
                      WHERE r.job_id = w.job_id AND r.kind = 'scheduled' AND r.due_at = w.due_at
                        AND r.state <> 'cancelled')) AS due_at
  FROM withdrawn w GROUP BY job_id
)
UPDATE due d
SET remaining = d.remaining + r.number,
    next_at = CASE WHEN r.due_at < d.next_at THEN r.due_at ELSE d.next_at END,
    held_at = CASE WHEN r.due_at < d.held_at THEN r.due_at ELSE d.held_at END
FROM returned r WHERE d.job_id = ANY (ARRAY[r.job_id]);

-- name: settle_final
-- A run leaves inflight and enters history with its last attempt in one statement, only under the
-- token it was taken with. It ends as cancelled only if it was cancelled; it then counts as settled
-- at the instant of its cancellation, unless a call ended after that: a firing that was withdrawn
-- ahead of its time is recognized by this. History keeps the token, so that a redelivery goes on
-- above it.
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
-- A retry time is written, with the attempt before it if there was one, only under the token the
-- run was taken with; no worker holds the run afterwards. A run that was cancelled in the meantime
-- is checked at once, and ends there with the reason of its cancellation. A run whose receiver
-- completed it during the call is checked at once too: it is not called again, but ends with that
-- result. A run that was never called waits like a parked run, with an empty destination that no
-- worker unparks: it stands for a further tick that could not be called.
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
-- The receiver will complete the run: no worker holds it until then, or until its deadline. That is
-- counted by the clock as it was when the run was taken, so that a step of it in between moves no
-- deadline that was promised. Only under the token it was taken with. A result that came during the
-- call is applied when the run is checked, which is at once; so is a cancellation.
WITH begun AS (
  UPDATE inflight i
  SET state = 'running', complete_by = v.complete_by,
      token = i.token + 1, lease_until = NULL, attempts = i.attempts + 1, reclaims = 0,
      planned_at = NULL, destination = NULL,
      reason = CASE WHEN i.cancelled_at IS NULL THEN v.reason ELSE i.reason END,
      look_at = CASE WHEN i.cancelled_at IS NULL AND i.completion IS NULL
                     THEN v.complete_by ELSE clock_timestamp() END
  FROM unnest(%(ids)b::uuid[], %(tokens)b::int[], %(deadlines)b::timestamptz[],
              %(reasons)b::text[], {{attempt_arrays}})
    AS v (id, token, complete_by, reason, {{attempt_columns}})
  WHERE i.id = ANY (ARRAY[v.id]) AND i.token = v.token
  RETURNING i.id, i.due_at, i.attempts, {{attempt_of_v}}
), attempted AS (
  {{insert_attempt}} FROM begun
)
SELECT id FROM begun;
