-- name: purge_jobs
-- A job ends with its last run, unless it was booked again since (it has another version or a next
-- firing), is paused, or still has a run in flight. A cancelled run of a version before may be in
-- its call for another minute: it does not count, so the name is free at once. Under lock_jobs.
DELETE FROM job j
USING unnest(%(job_ids)b::uuid[], %(versions)b::int[]) AS v (id, version)
WHERE j.id = ANY (ARRAY[v.id]) AND j.version = v.version AND j.enabled
  AND j.account_id = ANY (ARRAY(SELECT d.account_id FROM due d
                                WHERE d.job_id = v.id AND NOT d.standing
                                  AND coalesce(d.next_at, d.held_at) IS NULL))
  AND (SELECT NOT EXISTS (SELECT FROM inflight i
                          WHERE i.job_id = v.id AND i.cancelled_at IS NULL));

-- name: purge_jobs_keeping
-- As purge_jobs, where the last run did not succeed: what it sent is kept, so that it can be sent
-- again, and still counts as stored. A job whose last run succeeded costs nothing of this.
WITH ended AS (
  DELETE FROM job j
  USING unnest(%(job_ids)b::uuid[], %(versions)b::int[]) AS v (id, version)
  WHERE j.id = ANY (ARRAY[v.id]) AND j.version = v.version AND j.enabled
    AND j.account_id = ANY (ARRAY(SELECT d.account_id FROM due d
                                  WHERE d.job_id = v.id AND NOT d.standing
                                    AND coalesce(d.next_at, d.held_at) IS NULL))
    AND (SELECT NOT EXISTS (SELECT FROM inflight i
                            WHERE i.job_id = v.id AND i.cancelled_at IS NULL))
  RETURNING j.*
), kept AS (
  {{insert_content}}
  FROM ended
  {{returning_bytes}}
), counted AS (
  {{count_kept}}
)
SELECT id FROM ended;

-- name: finished_jobs
-- Of these jobs: those that are enabled and have neither a next firing nor a run that was not
-- cancelled. Whether anything is still to come is read from their triggers (job_ends.py). If, of
-- their present version, one of the last `runs_read` runs did not succeed, it may be sent again.
SELECT d.job_id, d.version, j.trigger, d.remaining, clock_timestamp() AS now,
       (SELECT bool_or(r.job_version = d.version AND r.state <> 'succeeded')
        FROM (SELECT job_version, state FROM run
              WHERE job_id = d.job_id ORDER BY due_at DESC LIMIT %(runs_read)s) r) IS TRUE AS keeps_content
FROM due d
CROSS JOIN LATERAL (SELECT * FROM job WHERE id = d.job_id AND account_id = d.account_id LIMIT 1) j
WHERE d.job_id = ANY (%(job_ids)b::uuid[]) AND coalesce(d.next_at, d.held_at) IS NULL
  AND NOT d.standing AND j.enabled
  AND (SELECT NOT EXISTS (SELECT FROM inflight i
                          WHERE i.job_id = d.job_id AND i.cancelled_at IS NULL));

-- name: end_jobs
-- The receiver answered 410: the version that was called ends, with all its firings and runs to
-- come. What it sent is kept, so that it can be sent again should the 410 have been a mistake.
-- Under lock_jobs.
WITH ended AS (
  DELETE FROM job j
  USING unnest(%(job_ids)b::uuid[], %(versions)b::int[]) AS v (id, version)
  WHERE j.id = ANY (ARRAY[v.id]) AND j.version = v.version
    AND j.account_id = ANY (ARRAY(SELECT d.account_id FROM due d WHERE d.job_id = v.id))
  RETURNING j.*
), kept AS (
  {{insert_content}}
  FROM ended
  {{returning_bytes}}
), counted AS (
  {{count_kept}}
)
UPDATE inflight i
SET cancelled_at = clock_timestamp(), look_at = clock_timestamp(),
    withdrawal_known = state <> 'taken',
    reason = 'the receiver answered 410 Gone: the job has ended'
FROM ended WHERE i.job_id = ANY (ARRAY[ended.id]) AND i.cancelled_at IS NULL;
