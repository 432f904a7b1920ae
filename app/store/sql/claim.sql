-- fragment: due_row
-- A due row as a claim reads it. Where it is postponed, `owed_at` is when it was due.
job_id, account_id, version, recurring, next_at, serial, standing, remaining,
         CASE WHEN next_at = owed_till THEN owed_at END AS owed_at, owed_for

-- fragment: seen
-- The due rows that a claim reads and locks: `seen`. A due row is claimed by one scheduler at a time:
-- it is locked here, and changes of its job wait. Rows that others have locked are skipped. A row
-- comes back as it stands once locked, so a job that was moved before is not claimed. A slot is a
-- tenth of a second of the database's clock, which alone decides what is due. Nothing is claimed of
-- the slot that `until` lies in, because a part of that slot is later than `until`.
-- `plainly`: the earliest `budget` rows of those due within the last `lookback` seconds. `enqueued`
-- comes before it: rows whose time had passed already when they were written, if they were written
-- within these seconds and are among the `newest` such rows: a backlog may have millions that
-- `plainly` reads. While a transaction stays open, the rows that were claimed since it began
-- stay in the index: no claim may walk past all of them (queue_lookback.py).
-- `fairly`: at most `share` rows of each slot and account, however many rows stand before them, and
-- at most `shared` rows. This skip scan reads one index entry for each slot and account, never a
-- backlog. One slot of each account has its turn before the second of any. Where `shared` is not
-- enough for all, accounts have fewer rows each. The latest slots come first, so that what is not
-- late yet is on time: `plainly` begins with the earliest. Within a slot chance decides, so that no
-- account waits for the same others each time.
-- `owed`: of the postponed rows of accounts that have some, as many as the account may begin, the
-- earliest due first, whenever they are expected. What an account may begin is read here without a
-- lock, and counted afterwards.
-- `named`: the rows of these jobs, where a claim of more rows failed (unclaimable.py).
bounds AS (
  SELECT floor((extract(epoch FROM now()) - %(lookback)s) * 10)::bigint AS lo,
         least(floor((extract(epoch FROM now()) + %(ahead)s) * 10),
               floor(extract(epoch FROM %(until)s::timestamptz) * 10) - 1)::bigint AS hi
), enqueued AS MATERIALIZED (
  SELECT {{due_row}}
  FROM due
  WHERE job_id = ANY (ARRAY(
    SELECT job_id FROM (
      SELECT job_id, slot FROM due
      WHERE enqueued_at >= now() - make_interval(secs => %(lookback)s)
      ORDER BY enqueued_at DESC
      LIMIT %(newest)s) newest
    WHERE slot < (SELECT lo FROM bounds)
    LIMIT %(budget)s))
    AND slot < (SELECT lo FROM bounds)
  FOR UPDATE SKIP LOCKED
), plainly AS MATERIALIZED (
  SELECT {{due_row}}
  FROM due
  WHERE slot BETWEEN (SELECT lo FROM bounds) AND (SELECT hi FROM bounds)
  ORDER BY slot
  LIMIT %(budget)s - (SELECT count(*) FROM enqueued)
  FOR UPDATE SKIP LOCKED
), pair AS (
  (SELECT slot, account_id FROM due
   WHERE %(share)s > 0
     AND slot BETWEEN (SELECT lo FROM bounds) AND (SELECT hi FROM bounds)
   ORDER BY slot, account_id LIMIT 1)
  UNION ALL
  SELECT following.* FROM pair, LATERAL (
    SELECT slot, account_id FROM due
    WHERE (slot, account_id) > (pair.slot, pair.account_id) AND slot <= (SELECT hi FROM bounds)
    ORDER BY slot, account_id LIMIT 1) following
), turn AS MATERIALIZED (
  SELECT slot, account_id,
         greatest(1, least(%(share)s, %(shared)s / count(*) FILTER (WHERE nth = 1) OVER ())) AS most
  FROM (
    SELECT slot, account_id, row_number() OVER (PARTITION BY account_id ORDER BY slot DESC) AS nth
    FROM pair WHERE account_id <> ALL (%(skip)b::bigint[])) each
  ORDER BY nth, slot DESC, random()
), fairly AS MATERIALIZED (
  SELECT picked.* FROM turn, LATERAL (
    SELECT {{due_row}}
    FROM due
    WHERE due.slot = turn.slot AND due.account_id = turn.account_id
    LIMIT turn.most
    FOR UPDATE SKIP LOCKED) picked
  LIMIT %(shared)s
), bounded AS MATERIALIZED (
  SELECT q.*, CASE WHEN runs IS NOT NULL THEN greatest(0, runs - under_way(account_id)) END AS room
  FROM unnest(%(accounts)b::bigint[], %(rates)b::int[], %(runs)b::int[], %(queued)b::boolean[])
    AS q (account_id, rate, runs, queued)
), owed AS MATERIALIZED (
  SELECT first.* FROM bounded, LATERAL (
    SELECT job_id, account_id, version, recurring, next_at, serial, standing, remaining, owed_at,
           owed_for
    FROM due
    WHERE due.account_id = bounded.account_id AND next_at = owed_till
    ORDER BY owed_at
    LIMIT greatest(0, least(bounded.room, %(most_owed)s, allowance(bounded.rate, (
      SELECT spent_until FROM firing_pace p WHERE p.account_id = bounded.account_id))))
    FOR UPDATE SKIP LOCKED) first
  WHERE bounded.queued
), named AS MATERIALIZED (
  SELECT {{due_row}}
  FROM due
  WHERE job_id = ANY (%(named)b::uuid[]) AND (slot <= (SELECT hi FROM bounds) OR next_at = owed_till)
  FOR UPDATE SKIP LOCKED
), suspended AS MATERIALIZED (
  SELECT ARRAY(SELECT id FROM account WHERE suspended_at IS NOT NULL) AS ids
), seen AS MATERIALIZED (
  SELECT * FROM enqueued UNION ALL SELECT * FROM plainly
  UNION ALL SELECT * FROM fairly UNION ALL SELECT * FROM owed UNION ALL SELECT * FROM named
)

-- name: claim_due
-- A one-time job moves on, and its run begins, in this statement. A recurring job is only locked:
-- what follows is computed in Python and written later in the same transaction. The same holds for
-- rows of an account that has more due than it may begin (app/domain/firing_rate.py), and for
-- postponed rows. Where a limit of runs under way applies, no more than a `sharing`th of the free
-- ones begin in this way.
-- IS TRUE keeps the planner from comparing each account with each.
-- A due row of a suspended account makes no run: its firing waits in held_at until the account is
-- resumed (suspension.py), and no later claim reads the row.
-- The last row shows how many rows were read in the order of their time.
WITH RECURSIVE {{seen}}, set_aside AS (
  UPDATE due SET held_at = next_at, next_at = NULL
  WHERE job_id = ANY (ARRAY(SELECT job_id FROM seen
                            WHERE account_id = ANY ((SELECT ids FROM suspended)::bigint[])))
), found AS MATERIALIZED (
  SELECT * FROM seen WHERE account_id <> ALL ((SELECT ids FROM suspended)::bigint[])
), number AS MATERIALIZED (
  SELECT account_id, count(*) AS number FROM found GROUP BY account_id
), crowd AS MATERIALIZED (
  SELECT account_id FROM (
    SELECT account_id, number, NULL AS may,
           least(CASE WHEN number > %(quiet)s THEN allowance(%(rate)s::int, (
             SELECT spent_until FROM firing_pace p WHERE p.account_id = number.account_id))
           END, %(quiet_runs)s::int) AS usual
    FROM number
    UNION ALL
    SELECT account_id, NULL,
           CASE WHEN queued THEN -1 ELSE least(room / %(sharing)s, allowance(rate, (
             SELECT spent_until FROM firing_pace p WHERE p.account_id = bounded.account_id))) END,
           NULL
    FROM bounded WHERE (account_id IN (SELECT account_id FROM number)) IS TRUE) each
  GROUP BY account_id
  HAVING max(number) > coalesce(max(may), max(usual))
), picked AS MATERIALIZED (
  SELECT found.*, account_id IN (SELECT account_id FROM crowd) AS crowded FROM found
), moved AS (
  UPDATE due SET next_at = NULL, enqueued_at = NULL
  WHERE job_id = ANY (ARRAY(
    SELECT job_id FROM picked WHERE NOT recurring AND NOT crowded AND owed_at IS NULL))
), begun AS (
  INSERT INTO inflight
    (id, job_id, account_id, job_version, kind, due_at, final, state, send_at, look_at)
  SELECT new_run_id(), job_id, account_id, version, 'scheduled', next_at, true, 'claimed', next_at,
         greatest(next_at, clock_timestamp()) + %(renotify_after)s
  FROM picked WHERE NOT recurring AND NOT crowded AND owed_at IS NULL
  ON CONFLICT ON CONSTRAINT inflight_once DO NOTHING
  RETURNING id, account_id, due_at
)
SELECT id AS run_id, account_id, date_part('epoch', due_at - clock_timestamp()) AS ahead,
       NULL::uuid AS job_id, NULL::int AS version, NULL::timestamptz AS due_at,
       NULL::timestamptz AS now, NULL::bool AS serial, NULL::bool AS standing,
       NULL::int AS remaining, NULL::bool AS recurring, NULL::bool AS crowded,
       NULL::timestamptz AS expected_at, NULL::text AS bound, NULL::int AS found
FROM begun
UNION ALL
SELECT NULL, account_id, NULL, job_id, version, coalesce(owed_at, next_at), clock_timestamp(),
       serial, standing, remaining, recurring, crowded, CASE WHEN owed_at IS NOT NULL THEN next_at END,
       CASE WHEN owed_at IS NOT NULL THEN owed_for END, NULL
FROM picked WHERE recurring OR crowded OR owed_at IS NOT NULL
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       ((SELECT count(*) FROM enqueued) + (SELECT count(*) FROM plainly))::int;

-- name: find_due
-- The jobs whose rows claim_due would lock, with the same parameters.
WITH RECURSIVE {{seen}}
SELECT job_id FROM seen;

-- name: hold_unclaimable
-- A row that cannot be claimed undoes each claim that it is in, so it leaves the queue: its firing
-- waits in held_at, and maintenance arms it again (orphans), so that it is tried again. A row whose
-- job was changed meanwhile, so that it is due later, is left alone.
UPDATE due SET held_at = next_at, next_at = NULL, enqueued_at = NULL
WHERE job_id = ANY (ARRAY(
    SELECT job_id FROM due
    WHERE job_id = %(job_id)s
      AND (next_at <= clock_timestamp() + make_interval(secs => %(ahead)s) OR next_at = owed_till)
    FOR UPDATE SKIP LOCKED));

-- name: triggers
-- Read after the due rows are locked: the trigger belongs to the version that was claimed.
SELECT j.id, trigger, misfire, misfire_window
FROM unnest(%(ids)b::uuid[], %(account_ids)b::bigint[]) AS v (id, account_id)
CROSS JOIN LATERAL (SELECT * FROM job WHERE id = v.id AND account_id = v.account_id LIMIT 1) j;

-- name: rearm
-- Every claimed row moves on in the claiming transaction: after a crash before the commit it is
-- still due, and after the commit its run exists. Where calls must not overlap, the next firing
-- waits in held_at until this run is settled (unblock). A tick is counted when it is claimed: each
-- is claimed once. Below 0, which a CHECK refuses, one row would undo each claim of all jobs.
UPDATE due
SET next_at = CASE WHEN NOT v.held THEN v.next_at END,
    held_at = CASE WHEN v.held THEN v.next_at END,
    remaining = remaining - least(remaining, 1), owed_at = NULL, owed_till = NULL, owed_for = NULL,
    enqueued_at = NULL
FROM unnest(%(ids)b::uuid[], %(nexts)b::timestamptz[], %(helds)b::bool[]) AS v (id, next_at, held)
WHERE due.job_id = ANY (ARRAY[v.id]);

-- name: insert_inflight
-- One run per job, version, kind and due time (inflight_once): a row that was armed twice for one
-- firing adds nothing, without an error. A job whose calls must not overlap gets no second run while
-- one is under way (inflight_serial). A run never begins before it is due. The `further` ticks that
-- a run may call are claimed again by the next claim, unless the run reports that it called them
-- (move_ticks).
INSERT INTO inflight
  (id, job_id, account_id, job_version, kind, due_at, missed, final, serial, state, send_at, look_at,
   further)
SELECT new_run_id(), job_id, account_id, version, 'scheduled', due_at, missed, final, serial,
       'claimed', due_at, greatest(due_at, clock_timestamp()) + %(renotify_after)s, further::timestamptz[]
FROM unnest(%(job_ids)b::uuid[], %(account_ids)b::bigint[], %(versions)b::int[],
            %(dues)b::timestamptz[], %(missed)b::int[], %(finals)b::boolean[],
            %(serials)b::boolean[], %(further)b::text[])
  AS v (job_id, account_id, version, due_at, missed, final, serial, further)
ON CONFLICT DO NOTHING
RETURNING id AS run_id, token, account_id, date_part('epoch', due_at - clock_timestamp()) AS ahead,
          0 AS reclaims, coalesce(cardinality(further), 1) AS firings;

-- name: insert_postponed
-- As insert_inflight, for firings that were postponed: each begins now, though not before it is
-- due, and its lateness is counted from now.
INSERT INTO inflight
  (id, job_id, account_id, job_version, kind, due_at, missed, final, serial, state, send_at, look_at,
   reason)
SELECT new_run_id(), job_id, account_id, version, 'scheduled', due_at, missed, final, serial,
       'claimed', greatest(due_at, now.at), greatest(due_at, now.at) + %(renotify_after)s, reason
FROM unnest(%(job_ids)b::uuid[], %(account_ids)b::bigint[], %(versions)b::int[],
            %(dues)b::timestamptz[], %(missed)b::int[], %(finals)b::boolean[],
            %(serials)b::boolean[], %(reasons)b::text[])
  AS v (job_id, account_id, version, due_at, missed, final, serial, reason),
     (SELECT clock_timestamp() AS at) now
ON CONFLICT DO NOTHING
RETURNING id AS run_id, token, account_id, date_part('epoch', send_at - clock_timestamp()) AS ahead,
          0 AS reclaims, 1 AS firings;

-- name: leave_out
-- Firings that are not made, because they are too late for their job, still enter history: one row
-- for all firings of a job that one claim leaves out.
INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state, attempts, reason,
                 settled_at)
SELECT new_run_id(), job_id, account_id, version, 'scheduled', due_at, missed, 'cancelled', 0,
       reason, clock_timestamp()
FROM unnest(%(job_ids)b::uuid[], %(account_ids)b::bigint[], %(versions)b::int[],
            %(dues)b::timestamptz[], %(missed)b::int[], %(reasons)b::text[])
  AS v (job_id, account_id, version, due_at, missed, reason)
ON CONFLICT DO NOTHING;

-- name: overdue
-- The slots that are over, as far back as `lookback` seconds and by the clock as far as it is
-- believed (`until`), and how many of the first `most` rows in them a worker may begin by itself
-- (begin_overdue).
WITH bounds AS MATERIALIZED (
  SELECT floor((extract(epoch FROM now()) - %(lookback)s) * 10)::bigint AS lo,
         least(floor(extract(epoch FROM now()) * 10),
               floor(extract(epoch FROM %(until)s::timestamptz) * 10))::bigint - 1 AS hi
)
SELECT lo, hi, (
  SELECT count(*) FILTER (WHERE NOT recurring AND next_at IS DISTINCT FROM owed_till
                                AND account_id <> ALL (%(counted)b::bigint[])
                                AND account_id <> ALL (ARRAY(
                                  SELECT id FROM account WHERE suspended_at IS NOT NULL)))
  FROM (SELECT recurring, next_at, owed_till, account_id FROM due
        WHERE slot BETWEEN (SELECT lo FROM bounds) AND (SELECT hi FROM bounds)
        ORDER BY slot LIMIT %(most)s) earliest)::int AS plain
FROM bounds;

-- name: begin_overdue
-- Claim and take in one: a worker begins runs that are overdue already, and the row of a run is
-- written once, as taken. It begins only what needs no decision: firings of one-time jobs that are
-- not postponed, of accounts that are not suspended, whose runs need not be counted in the database
-- (`counted`), and that have at most `quiet` rows among these. All others are left to the scheduler
-- (claim_due), and are locked only until the commit. The slots were over when a scheduler offered
-- them, by the clock as it believed it: so nothing begins early.
-- The content is read under the lock of the due row. A job whose row this snapshot sees in another
-- version than the due row has, which was locked later, is left as well. If a run of a firing is
-- there already (inflight_once), the statement fails, and the scheduler's claim moves the due row on.
WITH seen AS MATERIALIZED (
  SELECT job_id, account_id, version, next_at,
         NOT recurring AND next_at IS DISTINCT FROM owed_till
           AND account_id <> ALL (%(counted)b::bigint[]) AS is_plain
  FROM due
  WHERE slot BETWEEN %(first)s AND %(last)s
  ORDER BY slot
  LIMIT %(budget)s
  FOR UPDATE SKIP LOCKED
), barred AS MATERIALIZED (
  SELECT account_id FROM seen WHERE is_plain GROUP BY account_id HAVING count(*) > %(quiet)s
  UNION ALL
  SELECT id FROM account WHERE suspended_at IS NOT NULL
), picked AS MATERIALIZED (
  SELECT new_run_id() AS run_id, seen.job_id, seen.account_id, seen.version, next_at, j.url,
         j.signature, j.content_type, octet_length(j.data) AS size,
         CASE WHEN octet_length(j.data) <= %(longest)s THEN j.data END AS data, j.manner,
         j.on_success, j.on_failure, j.dialect, j.endpoint, j.depth, j.updated_at, j.type_url
  FROM seen
  CROSS JOIN LATERAL (
    SELECT * FROM job
    WHERE id = seen.job_id AND account_id = seen.account_id AND job.version = seen.version
    LIMIT 1) j
  WHERE is_plain AND seen.account_id <> ALL (ARRAY(SELECT account_id FROM barred))
), moved AS (
  UPDATE due SET next_at = NULL, enqueued_at = NULL
  WHERE job_id = ANY (ARRAY(SELECT job_id FROM picked))
), begun AS (
  INSERT INTO inflight
    (id, job_id, account_id, job_version, kind, due_at, final, state, token, lease_until, send_at,
     look_at)
  SELECT run_id, job_id, account_id, version, 'scheduled', next_at, true, 'taken', %(token)s,
         clock_timestamp() + %(lease)s, next_at, clock_timestamp() + %(renotify_after)s
  FROM picked
)
SELECT p.run_id AS id, %(token)s AS token, p.job_id, p.account_id, p.version AS job_version,
       p.next_at AS due_at, p.next_at AS send_at, NULL::timestamptz AS planned_at, 0 AS missed,
       true AS ends_job, 0 AS attempts, 0 AS reclaims,
       date_part('epoch', p.next_at - clock_timestamp()) AS remaining, p.url, p.signature,
       p.content_type, p.data, 0 AS attempts_before_redelivery, p.manner AS call_options,
       'scheduled' AS kind, p.on_success IS NOT NULL AS notify_on_success,
       p.on_failure IS NOT NULL AS notify_on_failure, false AS serial, p.dialect, p.endpoint,
       e.url AS base, e.sealed_token,
       CASE WHEN p.size > %(longest)s THEN p.size ELSE 0 END AS size,
       coalesce(p.depth, 0) AS depth,
       coalesce((p.version > 1 OR p.dialect = 'dapr')
                AND p.next_at < p.updated_at - %(margin)s::interval, false)
         OR CASE WHEN p.next_at < {{latest_resumption}} THEN coalesce(
              p.next_at < (SELECT resumed_at FROM account WHERE id = p.account_id), false)
            ELSE false END AS precedes_version,
       NULL::timestamptz[] AS further, p.type_url, e.protocol
FROM picked p
LEFT JOIN LATERAL (
  SELECT url, sealed_token, protocol FROM endpoint
  WHERE p.endpoint <> '' AND account_id = p.account_id AND dialect = p.dialect
    AND name = p.endpoint
  LIMIT 1) e ON true;

-- name: still_claimed
-- The runs that were notified on the overdue queue and are not taken yet: the claim budget counts
-- them. Runs of a suspended account are not counted: no worker takes them until the account is
-- resumed, and they are notified again then.
SELECT id FROM inflight
WHERE id = ANY (%(ids)b::uuid[]) AND state = 'claimed'
  AND account_id <> ALL (ARRAY(SELECT id FROM account WHERE suspended_at IS NOT NULL));
