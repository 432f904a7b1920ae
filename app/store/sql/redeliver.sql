-- fragment: has_content
-- Whether the content that a run of history sent is still stored. Not with EXISTS, for which the
-- planner may read all jobs instead of the few in question.
coalesce(
    (SELECT true FROM job j
     WHERE j.id = r.job_id AND j.account_id = r.account_id AND j.version = r.job_version),
    (SELECT true FROM superseded s WHERE s.job_id = r.job_id AND s.version = r.job_version),
    false)

-- name: is_sendable
-- No row if there is no such settled run.
SELECT {{has_content}} AS is_sendable FROM run r
WHERE r.id = %(id)s AND r.job_id = %(job_id)s AND r.due_at = %(due_at)s;

-- name: count_unsendable
-- How many of these settled runs in `states` can never be sent again: those that were attempted
-- `max_attempts` times, or whose content is no longer stored. Under lock_jobs.
SELECT count(*) FROM unnest(%(ids)b::uuid[], %(job_ids)b::uuid[], %(dues)b::timestamptz[])
  AS v (id, job_id, due_at)
CROSS JOIN LATERAL (
  SELECT * FROM run r
  WHERE r.id = v.id AND r.job_id = v.job_id AND r.due_at = v.due_at
    AND r.account_id = %(account_id)s LIMIT 1) r
WHERE r.state = ANY (%(states)s::text[])
  AND NOT (r.attempts < %(max_attempts)s AND {{has_content}});

-- name: requeue
-- A run moves from history into flight in one statement, so that a second request does not find it.
-- Its token is higher than the last one it had, so that an earlier holder settles nothing. From then
-- on, the run is like any other: a serial job has one run at a time, and its next firing waits in
-- held_at. Left out are runs whose state is not in `states`, which were attempted `max_attempts` times,
-- or whose content is no longer stored. Under lock_jobs.
WITH v AS MATERIALIZED (
  SELECT v.id, v.job_id, v.due_at, v.later, coalesce(d.serial, false) AS serial,
         row_number() OVER (PARTITION BY v.job_id ORDER BY v.due_at, v.id) AS place
  FROM unnest(%(ids)b::uuid[], %(job_ids)b::uuid[], %(dues)b::timestamptz[],
              %(offsets)b::interval[]) AS v (id, job_id, due_at, later)
  CROSS JOIN LATERAL (
    SELECT FROM run r WHERE r.id = v.id AND r.job_id = v.job_id AND r.due_at = v.due_at LIMIT 1) r
  LEFT JOIN LATERAL (SELECT serial FROM due WHERE job_id = v.job_id LIMIT 1) d ON true
), requeued AS (
  DELETE FROM run r
  USING v
  WHERE r.id = ANY (ARRAY[v.id]) AND r.job_id = ANY (ARRAY[v.job_id]) AND r.due_at = v.due_at
    AND r.account_id = %(account_id)s AND r.state = ANY (%(states)s::text[])
    AND r.attempts < %(max_attempts)s
    AND {{has_content}}
    AND (NOT v.serial
         OR v.place = 1 AND (SELECT NOT EXISTS (SELECT FROM inflight i
                                                WHERE i.job_id = r.job_id AND i.serial
                                                  AND i.cancelled_at IS NULL)))
    AND (SELECT NOT EXISTS (SELECT FROM inflight i
                            WHERE i.job_id = r.job_id AND i.job_version = r.job_version
                              AND i.kind = r.kind AND i.due_at = r.due_at))
  RETURNING r.*, v.serial,
            greatest(r.due_at, clock_timestamp() + %(ahead)s::interval + v.later) AS send_at
), blocked AS (
  UPDATE due SET held_at = next_at, next_at = NULL
  WHERE job_id = ANY (ARRAY(SELECT job_id FROM requeued)) AND serial AND next_at IS NOT NULL
)
INSERT INTO inflight (id, job_id, account_id, job_version, kind, due_at, missed, final, serial,
                      started_by, state, send_at, attempts, tried, token, look_at, depth)
SELECT id, job_id, account_id, job_version, kind, due_at, missed,
       coalesce((SELECT NOT d.recurring FROM due d WHERE d.job_id = requeued.job_id), false),
       serial, started_by, 'claimed', send_at, attempts, attempts,
       coalesce(token, %(earlier_tokens)s) + 1, send_at - %(look_ahead)s::interval,
       greatest(depth, %(depth)s::smallint)
FROM requeued
RETURNING id;
