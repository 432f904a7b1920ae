-- name: last_unarmed
-- Where the next `most` jobs without a next firing end. They are paused, permanent, or have a run in
-- flight: an account may have a million of them, so that they are read a part at a time.
SELECT job_id FROM due WHERE next_at IS NULL AND job_id > %(after)s
ORDER BY job_id OFFSET %(most)s::int - 1 LIMIT 1;

-- name: orphans
-- A live job has a next firing or a run in flight. A job that has neither lost it to a fault: it is
-- found here, among those after one id and up to another, and armed again. A firing that a suspended
-- account holds back is not lost.
SELECT d.job_id, d.version, j.trigger, d.held_at AS blocked_next_at, d.remaining,
       clock_timestamp() AS now
FROM due d
CROSS JOIN LATERAL (SELECT * FROM job WHERE id = d.job_id AND account_id = d.account_id LIMIT 1) j
WHERE d.next_at IS NULL AND d.job_id > %(after)s AND d.job_id <= %(until)s
  AND j.enabled AND (d.held_at IS NOT NULL OR NOT d.standing)
  AND j.updated_at NOT BETWEEN clock_timestamp() - interval '10 s' AND clock_timestamp()
  AND d.account_id <> ALL (ARRAY(SELECT id FROM account WHERE suspended_at IS NOT NULL))
  AND NOT EXISTS (SELECT FROM inflight i WHERE i.job_id = ANY (ARRAY[d.job_id]))
LIMIT %(limit)s
FOR UPDATE OF d SKIP LOCKED;

-- name: arm
-- Only under the locks of orphans, and only a job that still has neither.
UPDATE due SET next_at = %(next_at)s, held_at = NULL
WHERE job_id = %(job_id)s AND next_at IS NULL
  AND NOT EXISTS (SELECT FROM inflight i WHERE i.job_id = due.job_id);

-- name: latest_made_firing
-- No row where history no longer knows a firing of the version: then nothing tells that one was
-- missed.
SELECT greatest(max(r.due_at), j.updated_at) AS due_at FROM run r, job j
WHERE j.id = %(job_id)s AND j.account_id = (SELECT account_id FROM due WHERE job_id = %(job_id)s)
  AND r.job_id = %(job_id)s AND r.job_version = %(version)s AND r.kind = 'scheduled'
GROUP BY j.updated_at;
