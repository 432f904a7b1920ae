-- name: lock_pace
-- What these accounts have spent, locked one account after another in one order, before anything is
-- decided. The clock that judges it is read once the row is locked.
SELECT a.account_id, spent_until, greatest(queued_until, clock_timestamp()) AS queued_until,
       clock_timestamp() AS now,
       coalesce(r.runs, 0) + greatest(0, locked.begun - coalesce(r.begun, 0)) AS under_way
FROM unnest(%(accounts)b::bigint[]) AS a (account_id)
CROSS JOIN LATERAL (
  SELECT spent_until, queued_until, begun FROM firing_pace p
  WHERE p.account_id = a.account_id FOR UPDATE) locked
LEFT JOIN runs_under_way r ON r.account_id = a.account_id;

-- name: make_pace
-- A row to lock, for an account that has spent nothing yet.
INSERT INTO firing_pace (account_id, spent_until, queued_until)
SELECT account_id, clock_timestamp(), '-infinity'
FROM unnest(%(accounts)b::bigint[]) AS a (account_id) ORDER BY account_id
ON CONFLICT DO NOTHING;

-- name: count_firings
-- What began in this transaction is spent, even where that exceeds what the account had: the debt
-- is paid before anything else of the account begins. `queued` is when the last of its waiting rows
-- is expected, where that has changed.
INSERT INTO firing_pace AS p (account_id, spent_until, queued_until, begun)
SELECT account_id, now() + make_interval(secs => spent), coalesce(queued_until, '-infinity'), begun
FROM unnest(%(accounts)b::bigint[], %(spent)b::float8[], %(queued)b::timestamptz[],
            %(begun)b::bigint[]) AS v (account_id, spent, queued_until, begun)
ORDER BY account_id
ON CONFLICT (account_id) DO UPDATE
SET begun = p.begun + excluded.begun,
    spent_until = greatest(p.spent_until, clock_timestamp()) + (excluded.spent_until - now()),
    queued_until = CASE WHEN excluded.queued_until = '-infinity' THEN p.queued_until
                        ELSE excluded.queued_until END;

-- name: queued_accounts
-- The accounts that have postponed firings: one index entry is read for each.
WITH RECURSIVE a AS (
  (SELECT account_id FROM due WHERE next_at = owed_till ORDER BY account_id LIMIT 1)
  UNION ALL
  SELECT following.account_id FROM a, LATERAL (
    SELECT account_id FROM due WHERE next_at = owed_till AND account_id > a.account_id
    ORDER BY account_id LIMIT 1) following
)
SELECT account_id FROM a;

-- name: first_owed
-- When the first postponed firings of an account were due, the earliest first.
SELECT a.account_id, ARRAY(
  SELECT owed_at FROM due WHERE due.account_id = a.account_id AND next_at = owed_till
  ORDER BY owed_at LIMIT %(limit)s) AS owed
FROM unnest(%(accounts)b::bigint[]) AS a (account_id);

-- name: postpone_due
-- A firing above a limit of its account waits in the order of its due time (due_owed), whenever its
-- row is expected. It is postponed only while `owed_till` equals `next_at`: changing next_at ends
-- the postponement. Under the locks of claim_due.
UPDATE due SET owed_at = v.owed_at, owed_till = v.till, owed_for = v.bound, next_at = v.till
FROM unnest(%(ids)b::uuid[], %(owed)b::timestamptz[], %(tills)b::timestamptz[], %(bounds)b::text[])
  AS v (id, owed_at, till, bound)
WHERE due.job_id = ANY (ARRAY[v.id]);

-- name: postpone_run
-- A run that no claim made, and that is above a limit of its account, waits for its turn; workers
-- are notified of it then, and it is not counted again. Its lateness is counted from its turn. The
-- destination is empty: no worker unparks such a run. Under the locks of fetch_checkable.
UPDATE inflight i
SET state = 'waiting', planned_at = v.turn, send_at = v.turn, destination = '', reason = v.reason,
    look_at = v.turn - %(ahead)s::interval
FROM unnest(%(ids)b::uuid[], %(instants)b::timestamptz[], %(reasons)b::text[])
  AS v (id, turn, reason)
WHERE i.id = ANY (ARRAY[v.id])
RETURNING i.id;

-- name: stand_in_queue
-- A firing that an update made a run of, while postponed firings of its account were due before it:
-- it has no turn yet and is not counted. It is checked again, as a run that no scheduler has met,
-- when those may have begun. Under the locks of fetch_checkable.
UPDATE inflight i
SET send_at = v.look_at, planned_at = v.look_at, look_at = v.look_at, destination = '',
    reason = v.reason
FROM unnest(%(ids)b::uuid[], %(instants)b::timestamptz[], %(reasons)b::text[])
  AS v (id, look_at, reason)
WHERE i.id = ANY (ARRAY[v.id])
RETURNING i.id;
