-- fragment: latest_resumption
-- When an account was last resumed: one entry of a partial index, for each statement. The row of its
-- account is read only for a run that was due before that.
(SELECT max(resumed_at) FROM account WHERE resumed_at > '-infinity')

-- name: take
-- A run is taken once per token, by the worker that presents the token first, and the take raises it: so
-- each run has one sender. A cancelled run is not taken, nor one of a suspended account.
-- No attempt begins early: `remaining` is counted by the database's clock, and the worker adds it
-- to its own monotonic clock, read after the answer.
-- The payload is that of the run's own version, even if that is superseded; an endpoint is read as
-- it is now. A payload of more than `longest` bytes, whose size is known without reading it, is
-- left in the database until the worker has room for it in memory (payloads).
-- A firing that was due before its version was made says nothing about the service: a resumption arms
-- a job in the past, and so does the booking of a Dapr job whose first tick has passed. Nor does one that
-- was due before its account was resumed.
WITH held AS (
  SELECT i.id
  FROM unnest(%(ids)b::uuid[], %(tokens)b::int[]) AS v (id, token)
  JOIN inflight i ON i.id = ANY (ARRAY[v.id])
  WHERE i.token = v.token AND i.state = 'claimed' AND i.cancelled_at IS NULL
    AND i.account_id <> ALL (ARRAY(SELECT id FROM account WHERE suspended_at IS NOT NULL))
  FOR UPDATE OF i SKIP LOCKED
), taken AS (
  UPDATE inflight i
  SET state = 'taken', token = i.token + 1, lease_until = clock_timestamp() + %(lease)s
  WHERE i.id = ANY (ARRAY(SELECT id FROM held))
  RETURNING i.id, i.token, i.job_id, i.account_id, i.job_version, i.due_at, i.missed, i.final,
            i.send_at, i.planned_at, i.attempts, i.reclaims, i.tried, i.kind, i.serial, i.depth,
            i.further
)
SELECT t.id, t.token, t.job_id, t.account_id, t.job_version, t.due_at, t.send_at, t.planned_at,
       t.missed, t.final AS ends_job, t.attempts, t.reclaims,
       date_part('epoch', t.send_at - clock_timestamp()) AS remaining,
       coalesce(j.url, s.url) AS url,
       CASE WHEN j.id IS NULL THEN s.signature ELSE j.signature END AS signature,
       CASE WHEN j.id IS NULL THEN s.content_type ELSE j.content_type END AS content_type,
       CASE WHEN c.size <= %(longest)s THEN c.data END AS data,
       t.tried AS attempts_before_redelivery,
       CASE WHEN j.id IS NULL THEN s.manner ELSE j.manner END AS call_options,
       t.kind, coalesce(j.on_success, s.on_success) IS NOT NULL AS notify_on_success,
       coalesce(j.on_failure, s.on_failure) IS NOT NULL AS notify_on_failure,
       t.serial, coalesce(j.dialect, s.dialect) AS dialect,
       coalesce(j.endpoint, s.endpoint) AS endpoint, e.url AS base, e.sealed_token,
       CASE WHEN c.size > %(longest)s THEN c.size ELSE 0 END AS size,
       greatest(t.depth, coalesce(j.depth, s.depth, 0)) AS depth,
       coalesce((t.job_version > 1 OR j.dialect = 'dapr')
                AND t.due_at < j.updated_at - %(margin)s::interval, false)
         OR CASE WHEN t.attempts = 0 AND t.due_at < {{latest_resumption}} THEN coalesce(
              t.due_at < (SELECT resumed_at FROM account WHERE id = t.account_id), false)
            ELSE false END AS precedes_version,
       t.further, CASE WHEN j.id IS NULL THEN s.type_url ELSE j.type_url END AS type_url, e.protocol
FROM taken t
LEFT JOIN LATERAL (SELECT * FROM job WHERE id = t.job_id AND account_id = t.account_id LIMIT 1) j
  ON j.version = t.job_version
LEFT JOIN LATERAL (
  SELECT * FROM superseded
  WHERE j.id IS NULL AND job_id = t.job_id AND version = t.job_version LIMIT 1) s ON true
LEFT JOIN LATERAL (
  SELECT url, sealed_token, protocol FROM endpoint
  WHERE coalesce(j.endpoint, s.endpoint) <> ''
    AND account_id = t.account_id AND dialect = coalesce(j.dialect, s.dialect)
    AND name = coalesce(j.endpoint, s.endpoint)
  LIMIT 1) e ON true
CROSS JOIN LATERAL (
  SELECT p.data, octet_length(p.data) AS size
  FROM (SELECT CASE WHEN j.id IS NULL THEN s.data ELSE j.data END AS data) p) c;

-- name: payloads
-- The payloads that the take left in the database, of runs still held under this token and not
-- cancelled: so this answer is as good as poll_cancellations. Found as the take finds them.
SELECT i.id, CASE WHEN j.id IS NULL THEN s.data ELSE j.data END AS data
FROM unnest(%(ids)b::uuid[], %(tokens)b::int[]) AS v (id, token)
JOIN inflight i ON i.id = ANY (ARRAY[v.id])
LEFT JOIN LATERAL (SELECT * FROM job WHERE id = i.job_id AND account_id = i.account_id LIMIT 1) j
  ON j.version = i.job_version
LEFT JOIN superseded s ON s.job_id = ANY (ARRAY[i.job_id]) AND s.version = i.job_version
WHERE i.token = v.token AND i.state = 'taken' AND i.cancelled_at IS NULL;

-- name: untaken
-- Runs whose batch no worker dequeued. A worker may take them without being notified, as the take
-- decides which worker sends. A claimed run is checked `renotify_after` after its time: the index
-- finds what is near. Runs that are further back than `lookback` seconds have been checked since,
-- and a worker was notified again. A run that no claim made, and no scheduler has checked, is left
-- to the schedulers until it is `unchecked_late`: they know whether its account may begin it.
SELECT id, token FROM inflight
WHERE look_at >= now() - make_interval(secs => %(lookback)s)
  AND look_at < now() + %(renotify_after)s + %(look_ahead)s
  AND state = 'claimed' AND cancelled_at IS NULL AND reclaims < 2
  AND (look_at > send_at OR send_at < now() - %(unchecked_late)s::interval)
  AND account_id <> ALL (ARRAY(SELECT id FROM account WHERE suspended_at IS NOT NULL))
  AND send_at < now() - make_interval(secs => %(late)s)
ORDER BY look_at
LIMIT %(limit)s;

-- name: suspects
-- Suspects are tried in quarantine: a run that was reclaimed this often (timings.SUSPECT_AFTER,
-- written out so that the partial index serves) is taken only together with other suspects, at most
-- as many as its group has.
SELECT id, token, group_size FROM inflight
WHERE state = 'claimed' AND cancelled_at IS NULL AND reclaims >= 2
  AND account_id <> ALL (ARRAY(SELECT id FROM account WHERE suspended_at IS NOT NULL))
ORDER BY look_at
LIMIT %(limit)s;

-- name: set_group_size
-- How many suspects are tried together is stored before any of them is taken: if their process
-- dies, the next group is half as large. A suspect that is tried with others is not charged with
-- their death; a scheduler of the release before this one knows no groups, and would charge each. A
-- row that is locked is skipped, and is not to be taken now.
WITH free AS MATERIALIZED (
  SELECT i.id
  FROM unnest(%(ids)b::uuid[], %(tokens)b::int[]) AS v (id, token)
  JOIN inflight i ON i.id = ANY (ARRAY[v.id])
  WHERE i.token = v.token AND i.state IN ('claimed', 'taken')
  FOR UPDATE OF i SKIP LOCKED
)
UPDATE inflight
SET group_size = %(size)s::smallint,
    reclaims = CASE WHEN %(size)s::smallint > 1
                    THEN least(reclaims, %(suspect_after)s::smallint) ELSE reclaims END
WHERE id = ANY (ARRAY(SELECT id FROM free))
RETURNING id;

-- name: poll_cancellations
-- Of all runs that any worker holds: those that were cancelled within the last ten seconds, and
-- whose holder does not know it yet. These are as many as are cancelled between two polls, whatever
-- was cancelled before. Ten seconds are enough: no run is called later than a lease after its
-- cancellation unless its lease is renewed, and the renewal tells its holder as well
-- (renew_leases); while a cancellation is not committed, its row is locked and its lease not
-- renewed. An abort that the release before this one wrote has no token, and counts for every
-- token. The first row is the database's clock; rows with neither run nor clock name the suspended
-- accounts, of which no call begins.
SELECT NULL::uuid AS run_id, NULL::bigint AS number, date_part('epoch', clock_timestamp()) AS clock
UNION ALL
SELECT id, token, NULL FROM inflight
WHERE cancelled_at > now() - interval '10 s' AND NOT withdrawal_known AND state = 'taken'
UNION ALL
SELECT run_id, coalesce(token, 2147483647), NULL FROM aborted
WHERE aborted_at > now() - interval '10 s'
UNION ALL
SELECT NULL, id, NULL FROM account WHERE suspended_at IS NOT NULL;

-- name: acknowledge_withdrawn
-- The holder of these runs knows that they are cancelled, which is never undone, so that no poll
-- need name them again. A row that is locked is skipped: the next poll names it again.
WITH v AS MATERIALIZED (
  SELECT * FROM unnest(%(ids)b::uuid[], %(tokens)b::int[]) AS v (id, token)
), held AS (
  SELECT i.id FROM v JOIN inflight i ON i.id = ANY (ARRAY[v.id])
  WHERE i.token = v.token AND i.state = 'taken'
  FOR UPDATE OF i SKIP LOCKED
), known AS (
  UPDATE inflight i SET withdrawal_known = true WHERE i.id = ANY (ARRAY(SELECT id FROM held))
), ended AS (
  SELECT a.run_id FROM v JOIN aborted a ON a.run_id = ANY (ARRAY[v.id])
  WHERE a.token IS NULL OR a.token <= v.token
  FOR UPDATE OF a SKIP LOCKED
)
DELETE FROM aborted WHERE run_id = ANY (ARRAY(SELECT run_id FROM ended));

-- name: renew_leases
-- Only its holder renews a lease, and the result says whether the run was cancelled since. A row that is
-- locked is skipped: the lease stands as last renewed, and the next renewal tries again.
WITH held AS (
  SELECT i.id
  FROM unnest(%(ids)b::uuid[], %(tokens)b::int[]) AS v (id, token)
  JOIN inflight i ON i.id = ANY (ARRAY[v.id])
  WHERE i.token = v.token AND i.state = 'taken'
  FOR UPDATE OF i SKIP LOCKED
)
UPDATE inflight i SET lease_until = clock_timestamp() + %(lease)s
WHERE i.id = ANY (ARRAY(SELECT id FROM held))
RETURNING i.id, i.cancelled_at IS NOT NULL AS is_withdrawn;

-- name: park
-- Only the worker that holds a run parks it, and no attempt is counted. No worker holds a parked run;
-- its token is raised, so that an earlier notification takes it no more. `planned_at` keeps the time at
-- which its attempt was to begin. A parked run is due again at `send_at`, or when a worker unparks it
-- (unpark), whichever is earlier. A run that was cancelled is due to be checked now. A run whose call
-- was made and reached nobody is not a suspect: the process that called it is alive.
-- A row that is locked elsewhere is passed over: its run stays with its worker (still_taken).
WITH v AS MATERIALIZED (
  SELECT * FROM unnest(%(ids)b::uuid[], %(tokens)b::int[], %(destinations)b::text[],
                       %(park_for)b::float8[], %(reasons)b::text[], %(called)b::boolean[])
    AS v (id, token, destination, park_for, reason, called)
), free AS MATERIALIZED (
  SELECT i.id FROM v JOIN inflight i ON i.id = ANY (ARRAY[v.id])
  WHERE i.token = v.token AND i.state = 'taken'
  FOR UPDATE OF i SKIP LOCKED
)
UPDATE inflight i
SET state = 'waiting', token = i.token + 1, lease_until = NULL,
    reclaims = CASE WHEN v.called THEN 0 ELSE i.reclaims END,
    planned_at = coalesce(i.planned_at, i.send_at), destination = v.destination,
    send_at = greatest(i.send_at, clock_timestamp() + make_interval(secs => v.park_for)),
    reason = CASE WHEN i.cancelled_at IS NULL THEN v.reason ELSE i.reason END,
    look_at = CASE WHEN i.cancelled_at IS NULL
                   THEN clock_timestamp() + make_interval(secs => v.park_for) - %(ahead)s::interval
                   ELSE clock_timestamp() END
FROM v
WHERE i.id = ANY (ARRAY[v.id]) AND v.id = ANY (ARRAY(SELECT id FROM free))
RETURNING i.id;

-- name: still_taken
-- Of runs that were not parked: those that this worker still holds, as their rows were locked.
SELECT i.id FROM unnest(%(ids)b::uuid[], %(tokens)b::int[]) AS v (id, token)
JOIN inflight i ON i.id = ANY (ARRAY[v.id])
WHERE i.token = v.token AND i.state = 'taken';

-- name: unpark
-- Makes parked runs claimable, the earliest due first, as many as their destination has room for. The
-- token stays, as when the scheduler notifies workers of a run: the first take gets it. Suspects are
-- left to the quarantine process. A run waits for its destination ahead of its time only where the
-- clock was set back since; it is not sent before `planned_at`.
WITH chosen AS (
  SELECT found.id
  FROM unnest(%(accounts)b::bigint[], %(destinations)b::text[], %(numbers)b::int[])
         AS v (account_id, destination, number),
       LATERAL (
         SELECT i.id FROM inflight i
         WHERE v.account_id <> ALL (ARRAY(SELECT id FROM account WHERE suspended_at IS NOT NULL))
           AND i.account_id = v.account_id AND i.destination = v.destination
           AND i.state = 'waiting' AND i.cancelled_at IS NULL AND i.reclaims < 2
         ORDER BY i.due_at
         LIMIT v.number
         FOR UPDATE SKIP LOCKED) found
)
UPDATE inflight i
SET state = 'claimed', send_at = greatest(i.planned_at, clock_timestamp()),
    look_at = clock_timestamp() + %(renotify_after)s
WHERE i.id = ANY (ARRAY(SELECT id FROM chosen))
RETURNING i.id, i.token, i.account_id, i.destination;
