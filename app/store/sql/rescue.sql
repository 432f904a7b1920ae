-- name: fetch_checkable
-- Runs whose check time, look_at, has come: no worker took them, a lease may have run out, a retry
-- is near, no claim made them and no worker was notified of them yet (fresh_at), they were
-- cancelled while no worker held them, or their receiver has reported a result, or has not reported
-- one in time. Only those of the last `lookback` seconds: no statement writes a look_at that has
-- long passed, so that only dead row versions are further back. `named`, unless it is NULL: those of
-- these runs alone.
SELECT id, token, job_id, job_version, due_at, final AS ends_job, serial, state, reclaims,
       cancelled_at IS NOT NULL AS cancelled, reason,
       date_part('epoch', lease_until - least(clock_timestamp(), %(until)s::timestamptz)) AS lease_left,
       attempts - tried AS tries, complete_by,
       date_part('epoch', complete_by - clock_timestamp()) AS deadline_left, completion,
       completion_message AS message, account_id,
       CASE WHEN state = 'claimed' AND look_at <= send_at THEN send_at END AS fresh_at, kind,
       group_size
FROM inflight
WHERE look_at BETWEEN now() - make_interval(secs => %(lookback)s)
                  AND least(now(), %(until)s::timestamptz)
  AND (%(named)b::uuid[] IS NULL OR id = ANY (%(named)b::uuid[]))
ORDER BY look_at
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED;

-- name: notify_again
-- Back to claimed. A reclaim raises the token, so that the holder that lost its lease settles
-- nothing. A second notification keeps the token, so that a worker may take the run by either
-- batch. The rows are locked by fetch_checkable. A run of a suspended account is not to be taken: a
-- worker is notified, and the run is checked again, when the account is resumed. The domain decides
-- what a reclaim counts for, and in which group a suspect is tried next.
WITH suspended AS MATERIALIZED (
  SELECT ARRAY(SELECT id FROM account WHERE suspended_at IS NOT NULL) AS ids
), claimed AS (
  UPDATE inflight i
  SET state = 'claimed', token = i.token + v.reclaimed, lease_until = NULL,
      reclaims = CASE WHEN v.reclaimed = 1 THEN v.reclaims ELSE i.reclaims END,
      group_size = CASE WHEN v.reclaimed = 1 THEN v.group_size ELSE i.group_size END,
      look_at = CASE WHEN i.account_id = ANY ((SELECT ids FROM suspended)::bigint[])
                     THEN 'infinity'
                     ELSE greatest(i.send_at, clock_timestamp()) + %(renotify_after)s END
  FROM unnest(%(ids)b::uuid[], %(reclaimed)b::int[], %(reclaims)b::smallint[],
              %(group_sizes)b::smallint[]) AS v (id, reclaimed, reclaims, group_size)
  WHERE i.id = ANY (ARRAY[v.id])
  RETURNING i.id, i.token, i.account_id, i.reclaims, i.look_at, i.send_at
)
SELECT id AS run_id, token, account_id, date_part('epoch', send_at - clock_timestamp()) AS ahead,
       reclaims, 1 AS firings
FROM claimed WHERE look_at < 'infinity';

-- name: check_later
-- A run that a worker holds is checked again once its lease, as it stands now, has run out; a run
-- whose lease ran out while leases did not count, 0.2 s later; a running one at its deadline.
UPDATE inflight
SET look_at = coalesce(complete_by, greatest(lease_until, clock_timestamp()) + interval '0.2 s')
WHERE id = ANY (%(ids)b::uuid[]) AND state IN ('taken', 'running');

-- name: call_options
-- How runs are tried again: by the options of the version of the job to which they belong. NULL
-- means the default options.
SELECT i.id, CASE WHEN j.id IS NULL THEN s.manner ELSE j.manner END AS call_options,
       clock_timestamp() AS now
FROM unnest(%(ids)b::uuid[]) AS v (id)
JOIN inflight i ON i.id = ANY (ARRAY[v.id])
LEFT JOIN LATERAL (SELECT * FROM job WHERE id = i.job_id AND account_id = i.account_id LIMIT 1) j
  ON j.version = i.job_version
LEFT JOIN superseded s ON s.job_id = ANY (ARRAY[i.job_id]) AND s.version = i.job_version;

-- name: defer
-- A row that cannot be processed never delays the rows behind it. A row that is locked is
-- skipped.
WITH free AS MATERIALIZED (
  SELECT id FROM inflight WHERE id = ANY (%(ids)b::uuid[]) FOR UPDATE SKIP LOCKED
)
UPDATE inflight SET look_at = clock_timestamp() + %(pause)s::interval
WHERE id = ANY (ARRAY(SELECT id FROM free));

-- name: left_behind
-- For due and for inflight: how many seconds ago the first row was due that is further back than
-- `lookback` seconds; NULL if there is none, as nearly always. Only this statement walks past all
-- dead row versions. A row whose time had already passed when it was written is further back for
-- long only if it was written long ago as well.
SELECT extract(epoch FROM now())::float8 - (
         SELECT slot FROM due
         WHERE slot < floor((extract(epoch FROM now()) - %(lookback)s) * 10)::bigint
           AND coalesce(enqueued_at < now() - make_interval(secs => %(lookback)s), true)
         ORDER BY slot LIMIT 1) / 10.0::float8 AS due,
       date_part('epoch', now() - (
         SELECT look_at FROM inflight
         WHERE look_at < now() - make_interval(secs => %(lookback)s)
         ORDER BY look_at LIMIT 1)) AS inflight;
