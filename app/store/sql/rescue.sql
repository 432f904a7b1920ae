-- name: fetch_checkable
-- Runs whose time to be looked at has come: nobody took them, a lease may have run out, a retry is
-- near, no claim made them and nobody was rung for yet (fresh_at), they were cancelled while nobody held them, or their receiver has said what came of them, or
-- has not said it in time. Those of the last `lookback` seconds: whoever writes look_at writes no time
-- that has long passed, so that nothing but what is dead is further back.
SELECT id, token, job_id, job_version, due_at, final, serial, state, reclaims,
       cancelled_at IS NOT NULL, reason,
       date_part('epoch', lease_until - least(clock_timestamp(), %(until)s::timestamptz)),
       attempts - tried, complete_by, date_part('epoch', complete_by - clock_timestamp()),
       completion, completion_message, account_id,
       CASE WHEN state = 'claimed' AND look_at <= send_at THEN send_at END AS fresh_at, kind,
       group_size
FROM inflight
WHERE look_at BETWEEN now() - make_interval(secs => %(lookback)s)
                  AND least(now(), %(until)s::timestamptz)
ORDER BY look_at
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED;

-- name: notify_again
-- Back to claimed: a reclaim raises the token, so the holder that lost its lease settles nothing; a
-- bell rung twice keeps the token, so that either bell will do. The rows are locked by fetch_checkable. Nobody is
-- to take a run of a suspended account: it is rung for, and looked at again, when that is resumed.
-- What a reclaim counts for, and in which group a suspect is tried next, is decided in the domain.
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
SELECT id, token, account_id, reclaims, date_part('epoch', send_at - clock_timestamp())
FROM claimed WHERE look_at < 'infinity';

-- name: check_later
-- A run that is held is looked at again once its lease, as it stands now, has run out; one whose
-- lease ran out while leases were not judged, a little later. One that is running has its deadline.
UPDATE inflight
SET look_at = coalesce(complete_by, greatest(lease_until, clock_timestamp()) + interval '0.2 s')
WHERE id = ANY (%(ids)b::uuid[]) AND state IN ('taken', 'running');

-- name: call_options
-- How runs are tried again: as the job's version says that they belong to. NULL is the usual.
SELECT i.id, CASE WHEN j.id IS NULL THEN s.manner ELSE j.manner END, clock_timestamp()
FROM unnest(%(ids)b::uuid[]) AS v (id)
JOIN inflight i ON i.id = ANY (ARRAY[v.id])
LEFT JOIN LATERAL (SELECT * FROM job WHERE id = i.job_id AND account_id = i.account_id LIMIT 1) j
  ON j.version = i.job_version
LEFT JOIN superseded s ON s.job_id = ANY (ARRAY[i.job_id]) AND s.version = i.job_version;

-- name: defer
-- A row that cannot be acted upon never holds up those behind it. One that is locked is not looked at.
WITH free AS MATERIALIZED (
  SELECT id FROM inflight WHERE id = ANY (%(ids)b::uuid[]) FOR UPDATE SKIP LOCKED
)
UPDATE inflight SET look_at = clock_timestamp() + %(pause)s::interval
WHERE id = ANY (ARRAY(SELECT id FROM free));

-- name: left_behind
-- How many seconds ago the first row was due that is further back than the last `lookback` seconds, of
-- due and of inflight; NULL where there is none, as nearly always. Here alone all that is dead is
-- walked past. A row whose time had passed when it was written is further back for long only if that
-- was long ago as well.
SELECT extract(epoch FROM now())::float8 - (
         SELECT slot FROM due
         WHERE slot < floor((extract(epoch FROM now()) - %(lookback)s) * 10)::bigint
           AND coalesce(enqueued_at < now() - make_interval(secs => %(lookback)s), true)
         ORDER BY slot LIMIT 1) / 10.0::float8,
       date_part('epoch', now() - (
         SELECT look_at FROM inflight
         WHERE look_at < now() - make_interval(secs => %(lookback)s)
         ORDER BY look_at LIMIT 1));
