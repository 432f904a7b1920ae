-- name: erase_runs_of_jobs
-- The runs are first found by their job, then locked in the order of their ids (as in cancel_runs).
-- Under lock_jobs, so that no further run of these jobs is made.
DELETE FROM inflight
WHERE id = ANY (ARRAY(
  SELECT id FROM inflight
  WHERE id = ANY (ARRAY(SELECT id FROM inflight WHERE job_id = ANY (%(job_ids)b::uuid[])))
  ORDER BY id FOR UPDATE))
RETURNING id, due_at;

-- name: erase_runs
-- Events, and runs of jobs that were deleted.
DELETE FROM inflight
WHERE id = ANY (ARRAY(SELECT id FROM inflight WHERE id = ANY (%(ids)b::uuid[])
                      ORDER BY id FOR UPDATE))
RETURNING id, due_at;

-- name: erase_jobs
-- Their due rows are deleted with them, by the foreign key. Under lock_jobs.
DELETE FROM job WHERE id = ANY (%(job_ids)b::uuid[]) AND account_id = %(account_id)s;
