-- name: find_run_owner
-- A further tick is called under an id that follows from the id of the run that calls it, and becomes a
-- run of its own only once it is settled. One statement reads all three places, so that a run that
-- moves from one to another is not missed.
SELECT account_id, job_id, false AS is_to_come FROM inflight WHERE id = %(run_id)s
UNION ALL
SELECT account_id, job_id, false FROM run WHERE id = %(run_id)s
UNION ALL
SELECT account_id, job_id, true FROM inflight
WHERE id >= %(first)s AND id < %(run_id)s AND state = 'taken' AND further IS NOT NULL
LIMIT 1;

-- name: lock_run
-- A run under way that is about to end, though not by its worker. Under lock_jobs.
SELECT id, token, job_id, job_version, due_at, final AS ends_job, serial, state, account_id,
       attempts > tried AS answered, completion
FROM inflight WHERE id = %(run_id)s FOR UPDATE;

-- name: keep_completion
-- A worker holds the run: the result is stored, and applied when the response to the call is settled.
UPDATE inflight SET completion = %(result)s, completion_message = %(message)s WHERE id = %(run_id)s;

-- name: note_abort
-- The run leaves inflight in this transaction: the worker that has taken it, and is about to call,
-- learns of the abort by this row (poll_cancellations).
INSERT INTO aborted (run_id, token) VALUES (%(run_id)s, %(token)s)
ON CONFLICT (run_id) DO UPDATE SET token = excluded.token, aborted_at = excluded.aborted_at;
