-- name: set_back_leases
-- After the clock was set back, no lease is longer than LEASE. Like the next four, a statement for a
-- page of `limit` runs, by their ids; it returns the ids that it changed, and rows that are locked
-- are left as they are.
UPDATE inflight
SET lease_until = least(lease_until, clock_timestamp() + %(lease)s),
    look_at = least(look_at, clock_timestamp() + %(lease)s)
WHERE id = ANY (ARRAY(
  SELECT id FROM inflight
  WHERE state = 'taken' AND greatest(lease_until, look_at) > clock_timestamp() + %(lease)s
    AND id > %(after)s
  ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
RETURNING id;

-- name: set_back_retries
-- An attempt that began in the future was made by a clock that was ahead: what follows it was
-- counted from there. A run that somebody asked for is due when it was asked for, which is now at
-- the latest. Several runs of one job that were asked for later keep their order, a microsecond
-- apart.
WITH now AS MATERIALIZED (
  SELECT clock_timestamp() AS at
), found AS MATERIALIZED (
  SELECT i.id, i.job_id, i.job_version, i.kind, i.due_at, now.at, a.started_at - now.at AS ahead,
         i.kind <> 'scheduled' AND i.due_at > now.at AS was_asked_for_later
  FROM now CROSS JOIN inflight i
  CROSS JOIN LATERAL (
    SELECT started_at FROM attempt a
    WHERE a.run_id = i.id AND a.number = i.attempts AND a.due_at = i.due_at OFFSET 0) a
  WHERE i.state IN ('waiting', 'running') AND i.attempts > 0
    AND a.started_at > now.at + interval '1 s' AND i.id > %(after)s
  ORDER BY i.id LIMIT %(limit)s FOR UPDATE OF i SKIP LOCKED
), late AS MATERIALIZED (
  SELECT id, at, ahead,
         CASE WHEN was_asked_for_later
              THEN at - interval '1 microsecond' * row_number() OVER (
                PARTITION BY job_id, job_version, kind ORDER BY due_at DESC)
              ELSE due_at END AS due_at
  FROM found
), told AS (
  UPDATE attempt a SET started_at = least(a.started_at, late.at), due_at = late.due_at
  FROM late WHERE a.run_id = late.id
)
UPDATE inflight i
SET due_at = late.due_at,
    send_at = greatest(late.due_at, i.planned_at, i.send_at - late.ahead),
    complete_by = i.complete_by - late.ahead,
    look_at = CASE WHEN i.state = 'running' OR i.cancelled_at IS NOT NULL
                   THEN greatest(late.at, i.look_at - late.ahead)
                   ELSE greatest(late.at, late.due_at, i.planned_at, i.send_at - late.ahead)
                        - %(ahead)s::interval END
FROM late WHERE i.id = late.id
RETURNING i.id;

-- name: set_back_starts
-- A run that workers were notified of is checked a while after its time, or after now. One that
-- somebody asked for, or sent again, has been waiting for longer than it should.
WITH now AS MATERIALIZED (
  SELECT clock_timestamp() AS at
)
UPDATE inflight i
SET due_at = asked.due_at, send_at = asked.send_at,
    look_at = CASE WHEN asked.send_at < i.send_at THEN asked.send_at
                   ELSE least(i.look_at, asked.send_at + %(renotify_after)s) END
FROM (SELECT id, due_at, greatest(due_at, at) AS send_at
      FROM (SELECT f.id, now.at,
                   CASE WHEN f.kind <> 'scheduled' AND f.attempts = 0 AND f.due_at > now.at
                        THEN now.at - interval '1 microsecond' * row_number() OVER (
                          PARTITION BY f.job_id, f.job_version, f.kind ORDER BY f.due_at DESC)
                        ELSE f.due_at END AS due_at
            FROM now CROSS JOIN LATERAL (
              SELECT id, job_id, job_version, kind, attempts, due_at
              FROM inflight
              WHERE state = 'claimed' AND destination IS NULL AND look_at < 'infinity'
                AND look_at > now.at + interval '10 s' AND id > %(after)s
              ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED) f) apart) asked
WHERE i.id = asked.id
RETURNING i.id;

-- name: set_back_parked
-- A parked run is early, at worst, and waits again.
UPDATE inflight i
SET planned_at = greatest(due_at, least(planned_at, clock_timestamp())),
    send_at = greatest(due_at, least(planned_at, clock_timestamp()), send_at - %(step)s::interval),
    look_at = greatest(clock_timestamp(), look_at - %(step)s::interval)
WHERE id = ANY (ARRAY(
  SELECT id FROM inflight
  WHERE destination IS NOT NULL AND state IN ('waiting', 'claimed') AND look_at < 'infinity'
    AND send_at > clock_timestamp() AND id > %(after)s
  ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
RETURNING i.id;

-- name: set_back_checks
-- A run that waits is checked at its time, or when that was written; one that was cancelled, or whose
-- receiver has completed it, when that was written. So the check time alone is ahead where an
-- attempt that had begun before the step was settled after it, or a run was cancelled then.
UPDATE inflight i
SET look_at = CASE WHEN i.state = 'waiting' AND i.cancelled_at IS NULL
                   THEN greatest(clock_timestamp(), i.send_at - %(ahead)s::interval)
                   ELSE clock_timestamp() END
WHERE id = ANY (ARRAY(
  SELECT id FROM inflight
  WHERE state IN ('waiting', 'running') AND look_at < 'infinity'
    AND look_at > interval '1 s' + CASE
      WHEN cancelled_at IS NOT NULL OR completion IS NOT NULL THEN clock_timestamp()
      ELSE greatest(clock_timestamp(), send_at, complete_by) END
    AND id > %(after)s
  ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
RETURNING i.id;

-- name: arm_earlier
-- Unless the job was claimed or changed since: then it has been armed by the right clock. A firing
-- that was postponed, and is not due yet, is not owed any more. The trigger differs where the clock
-- that was ahead has counted from the booking. As an expression, the time would be searched for in
-- the index of what is upcoming, in all of it.
WITH held AS MATERIALIZED (
  SELECT job_id, account_id FROM due
  WHERE job_id = %(job_id)s AND coalesce(owed_at > clock_timestamp(), true)
    AND %(armed)s::timestamptz = ANY (ARRAY[next_at, held_at])
  FOR UPDATE
), counted AS (
  UPDATE job j SET trigger = %(trigger)s
  WHERE j.id = %(job_id)s AND j.account_id = (SELECT account_id FROM held)
    AND %(trigger)s::jsonb <> %(stored)s::jsonb AND j.trigger = %(stored)s
)
UPDATE due SET next_at = CASE WHEN next_at IS NOT NULL THEN %(next_at)s::timestamptz END,
               held_at = CASE WHEN held_at IS NOT NULL THEN %(next_at)s::timestamptz END,
               owed_at = NULL, owed_till = NULL, owed_for = NULL
WHERE job_id = ANY (ARRAY(SELECT job_id FROM held));

-- name: set_back_secrets
-- A secret ends some time after its successor was made. If that was in the future, the secret ends
-- as much earlier as its successor was ahead. The current secrets of a page of accounts are locked,
-- so that two processes do not do this twice.
WITH now AS MATERIALIZED (
  SELECT clock_timestamp() AS at
), rotated AS MATERIALIZED (
  SELECT account_id FROM signing_secret
  WHERE expires_at IS NULL AND created_at > clock_timestamp() + interval '1 s'
  ORDER BY account_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), secret AS MATERIALIZED (
  SELECT id, lead(created_at) OVER (PARTITION BY account_id ORDER BY id) AS successor_at
  FROM signing_secret WHERE account_id = ANY (ARRAY(SELECT account_id FROM rotated))
)
UPDATE signing_secret s
SET created_at = least(s.created_at, now.at),
    expires_at = s.expires_at
                 - greatest(interval '0', coalesce(secret.successor_at - now.at, interval '0'))
FROM secret, now WHERE s.id = secret.id;

-- name: set_back_superseded
-- What is kept counts as superseded now at the latest. The next page finds those that are left.
UPDATE superseded SET superseded_at = clock_timestamp()
WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM superseded WHERE superseded_at > clock_timestamp() + interval '1 s'
  LIMIT %(limit)s FOR UPDATE SKIP LOCKED));
