-- fragment: withdraw
-- A scheduler checks a run that no worker holds at once; no worker has to learn of the withdrawal.
cancelled_at = clock_timestamp(), reason = %(reason)s, withdrawal_known = state <> 'taken',
    look_at = CASE WHEN state = 'taken' THEN look_at ELSE clock_timestamp() END

-- fragment: uncancelled_runs
-- Rows are locked in the order of their ids: transactions that lock several of them wait for one
-- another in one order, not in a circle. They are found by their job first: to have them in order, the
-- planner may else read all of the primary key.
SELECT id FROM inflight
  WHERE id = ANY (ARRAY(SELECT id FROM inflight WHERE job_id = %(job_id)s)) AND cancelled_at IS NULL

-- fragment: was_paused
-- A run that a pause of its job has withdrawn, and that no later booking of the job has replaced.
i.cancelled_at IS NOT NULL AND i.reason = 'the job was paused'

-- fragment: blocks_next
-- The next firing of a serial job waits for its runs. A run that was withdrawn may be in its call: only
-- a pause leaves the job with the schedule, and the count of its ticks, that the run belongs to.
i.serial AND (i.cancelled_at IS NULL OR {{was_paused}})

-- name: cancel_runs
-- Every run of a locked job is withdrawn. The outcome of a call that has begun is kept.
UPDATE inflight SET {{withdraw}}
WHERE id = ANY (ARRAY({{uncancelled_runs}} ORDER BY id FOR UPDATE));

-- name: cancel_runs_of_jobs
-- As cancel_runs, of several locked jobs (lock_jobs).
UPDATE inflight SET {{withdraw}}
WHERE id = ANY (ARRAY(
  SELECT id FROM inflight
  WHERE id = ANY (ARRAY(SELECT id FROM inflight WHERE job_id = ANY (%(job_ids)b::uuid[])))
    AND cancelled_at IS NULL
  ORDER BY id FOR UPDATE));

-- name: cancel_replaced_runs
-- A new version replaces the scheduled firings that are still ahead. One that was due at the update,
-- or will be before a worker can learn of it (`deadline`), runs its course, retries included. A call
-- by hand is not replaced: no firing of the new version takes its place.
UPDATE inflight SET {{withdraw}}
WHERE id = ANY (ARRAY(
  {{uncancelled_runs}}
    AND kind = 'scheduled' AND due_at >= clock_timestamp() + %(deadline)s::interval
  ORDER BY id FOR UPDATE));

-- name: cancel_sent_again
-- Of a locked job: the firings of earlier versions that are being sent again. As they were settled before,
-- the job has them counted.
UPDATE inflight SET {{withdraw}}
WHERE id = ANY (ARRAY(
  {{uncancelled_runs}}
    AND kind = 'scheduled'
    AND job_version <> (SELECT version FROM due WHERE job_id = %(job_id)s)
  ORDER BY id FOR UPDATE));

-- name: detach_paused
-- A locked job gets another schedule: what a pause has withdrawn does not belong to it.
UPDATE inflight SET reason = %(reason)s
WHERE id = ANY (ARRAY(
  SELECT id FROM inflight i
  WHERE id = ANY (ARRAY(SELECT id FROM inflight WHERE job_id = %(job_id)s)) AND {{was_paused}}
  ORDER BY id FOR UPDATE));

-- name: will_return
-- Whether a pause has withdrawn a firing of a job that was not called, and cannot be: no worker holds it,
-- or its holder learns of the pause before it is due (`deadline`).
SELECT EXISTS (
  SELECT FROM (SELECT * FROM inflight WHERE job_id = %(job_id)s OFFSET 0) i
  WHERE kind = 'scheduled' AND attempts = 0 AND {{was_paused}}
    AND (state <> 'taken' OR due_at >= clock_timestamp() + %(deadline)s::interval)) AS will_return;

-- name: cancel_run
-- One run of a locked job is cancelled, so that it no longer keeps other runs of the job from beginning.
UPDATE inflight SET cancelled_at = clock_timestamp(), reason = %(reason)s
WHERE id = %(run_id)s AND cancelled_at IS NULL;

-- name: find_uncancelled_run
-- A run of a job that has ended: a redelivery that is still under way.
SELECT id FROM inflight
WHERE job_id = %(job_id)s AND account_id = %(account_id)s AND cancelled_at IS NULL
  AND kind <> 'event'
LIMIT 1;

-- name: latest_kept_firing
-- The latest scheduled firing that an update leaves to the version before. One that is still to come
-- may be settled already, where the clock was set back since.
SELECT greatest(
  (SELECT max(due_at) FROM inflight
   WHERE job_id = %(job_id)s AND kind = 'scheduled' AND cancelled_at IS NULL),
  (SELECT max(due_at) FROM run
   WHERE job_id = %(job_id)s AND kind = 'scheduled' AND state <> 'cancelled'
     AND due_at > now())) AS due_at;

-- name: claim_overdue
-- A firing that is due, and that no scheduler has claimed, becomes a run of the locked job's present
-- version before an update replaces it. A scheduler checks it at once, counts it against the limits
-- of the account and notifies the workers. `send_at` is not in the past: a worker would take the run
-- without waiting for a scheduler (untaken). Lateness is counted from the due time, but from `send_at`
-- where a limit postponed the firing, which `reason` tells.
INSERT INTO inflight
  (id, job_id, account_id, job_version, kind, due_at, missed, final, serial, state, send_at,
   look_at, reason, planned_at, destination)
SELECT %(id)s::uuid, due.job_id, due.account_id, due.version, 'scheduled', v.due_at,
       %(missed)s::integer, false, due.serial, 'claimed', v.send_at, v.send_at, v.reason,
       CASE WHEN v.is_late THEN v.due_at END, CASE WHEN v.is_late THEN '' END
FROM (SELECT at.due_at, at.reason, greatest(at.due_at, at.now) AS send_at,
             at.reason IS NULL AND at.due_at < at.now AS is_late
      FROM (SELECT %(due_at)s::timestamptz AS due_at, %(reason)s::text AS reason,
                   clock_timestamp() AS now) AS at) AS v,
     due
WHERE due.job_id = %(job_id)s
ON CONFLICT DO NOTHING;

-- name: call_by_hand
-- A run of a locked job in its present version, due `ahead` from now. The database's clock is read once
-- for `due_at` and `send_at`, so that the run is sent when it is due.
INSERT INTO inflight
  (id, job_id, account_id, job_version, kind, due_at, final, serial, started_by, state, send_at,
   look_at, depth)
SELECT %(run_id)s::uuid, d.job_id, d.account_id, d.version, 'manual', now.at, NOT d.recurring,
       d.serial, %(started_by)s::text, 'claimed', now.at, clock_timestamp(), %(depth)s::smallint
FROM due d, (SELECT clock_timestamp() + %(ahead)s::interval AS at) AS now
WHERE d.job_id = %(job_id)s;

-- name: was_made
-- Whether the firing of that instant was called, or may be: a cancelled run that a worker holds may be
-- in its call, if it is due before the worker can learn of its cancellation (`deadline`).
SELECT EXISTS (SELECT FROM run
               WHERE job_id = %(job_id)s AND due_at = %(due_at)s AND kind = 'scheduled'
                 AND state <> 'cancelled')
    OR EXISTS (SELECT FROM inflight
               WHERE job_id = %(job_id)s AND due_at = %(due_at)s AND kind = 'scheduled'
                 AND (cancelled_at IS NULL
                      OR state = 'taken' AND due_at < clock_timestamp() + %(deadline)s::interval))
         AS was_made;

-- name: was_called
-- Whether the firing of that instant was called: a run of it has ended, or has made an attempt.
SELECT EXISTS (SELECT FROM run
               WHERE job_id = %(job_id)s AND due_at = %(due_at)s AND kind = 'scheduled'
                 AND state <> 'cancelled')
    OR EXISTS (SELECT FROM (SELECT due_at, kind, attempts FROM inflight
                            WHERE job_id = %(job_id)s OFFSET 0) i
               WHERE due_at = %(due_at)s AND kind = 'scheduled' AND attempts > 0) AS was_called;

-- name: made_up_to
-- A cancelled run may be called all the same, if a worker holds it and it is due before the worker can
-- learn of its cancellation (`deadline`).
SELECT greatest(
  least(j.updated_at, clock_timestamp()),
  (SELECT max(due_at) FROM run r
   WHERE r.job_id = %(job_id)s AND r.due_at > j.updated_at AND kind = 'scheduled'
     AND state <> 'cancelled'),
  (SELECT max(due_at) FROM inflight i
   WHERE i.job_id = %(job_id)s AND kind = 'scheduled'
     AND (cancelled_at IS NULL
          OR state = 'taken' AND due_at < clock_timestamp() + %(deadline)s::interval))) AS instant
FROM job j WHERE j.id = %(job_id)s AND j.account_id = (SELECT account_id FROM due WHERE job_id = %(job_id)s);

-- name: live_serial_run
-- The run that keeps another run of a locked serial job from beginning.
SELECT id FROM inflight WHERE job_id = %(job_id)s AND serial AND cancelled_at IS NULL;

-- name: block_next
-- The next firing of a locked serial job waits in held_at for the run that is under way, if any.
UPDATE due SET held_at = next_at, next_at = NULL
WHERE job_id = %(job_id)s AND serial AND next_at IS NOT NULL
  AND EXISTS (SELECT FROM inflight i WHERE i.job_id = %(job_id)s AND {{blocks_next}});

-- name: lock_job
-- A transaction that changes a job holds this lock: claims, settlements and other changes wait for it.
SELECT job_id FROM due WHERE job_id = %(job_id)s AND account_id = %(account_id)s FOR UPDATE;

-- name: replace_job
-- The next version of a locked job; the index decides whether its name is free. What the version before
-- sends was kept before (keep_content).
UPDATE job
SET version = %(version)s, updated_at = clock_timestamp(), {{job_assignments}}
WHERE id = %(job_id)s AND account_id = (SELECT account_id FROM due WHERE job_id = %(job_id)s);

-- name: replace_due
-- The due row of that version. A firing of the version before is neither blocked nor postponed in it:
-- `owed_till` no longer equals `next_at`.
UPDATE due
SET version = %(version)s, next_at = %(next_at)s, held_at = NULL, recurring = %(recurring)s,
    serial = %(serial)s, standing = %(standing)s, remaining = %(remaining)s
WHERE job_id = %(job_id)s;

-- name: remove_job
-- A locked job ends; its due row goes with it.
DELETE FROM job WHERE id = %(job_id)s AND account_id = (SELECT account_id FROM due WHERE job_id = %(job_id)s);
