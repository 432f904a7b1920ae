-- name: resume_runs
-- The runs of an account that is no longer suspended are checked now: look_at was infinity.
UPDATE inflight SET look_at = clock_timestamp()
WHERE id = ANY (ARRAY(SELECT id FROM inflight
                      WHERE account_id = %(account_id)s AND look_at = 'infinity'::timestamptz
                      ORDER BY id LIMIT %(limit)s FOR UPDATE));

-- name: held_jobs
-- The jobs of an account whose next firing is blocked, in the order of their ids from `after` on.
SELECT job_id FROM due
WHERE account_id = %(account_id)s AND held_at IS NOT NULL AND job_id > %(after)s
ORDER BY job_id LIMIT %(limit)s;
