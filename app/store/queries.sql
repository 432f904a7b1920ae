-- The hot path, statement by statement; above each, the invariant it keeps.
-- Where an index is to be used, the time is now(): clock_timestamp() would have every row read.
-- Arrays travel in binary form (%(name)b): in text form they cost more than their statements.
-- Rows are looked up by ANY, of an array or of ARRAY[v.id], not by =. A join by = may begin at either
-- end, and where a table was filled since its rows were counted, the planner begins with the whole of
-- it and compares each row with each of the batch: ten seconds for 2,000 of 50,000. Through ANY, an
-- index is asked for one row of the batch after another, whatever the statistics say. A job is looked
-- up by its account as well, as they may say that its index on both serves, and where it can be in a
-- subquery with LIMIT: PostgreSQL before 17 may use but the first of two ANY.
-- Lock order, everywhere: the job's row in due, then its rows in inflight, then its row in job.

-- name: book
-- No job for a key that is not valid as this begins, or may not book natively, or whose account is
-- suspended, whatever was known of it before, and none by a
-- clock that was cached wrongly: `first` is the first firing after `since`, an earlier reading of
-- this clock, and it is still to come. No job without its due row. It is version 1.
WITH caller AS MATERIALIZED (
  SELECT account_id FROM api_key
  WHERE id = %(key_id)s AND digest = %(digest)s AND revoked_at IS NULL
    AND (scope = 'admin' OR scope = 'book' AND app IS NULL)
    AND account_id <> ALL (ARRAY(SELECT id FROM account WHERE suspended_at IS NOT NULL))
    AND clock_timestamp() >= %(since)s AND clock_timestamp() < %(first)s
), booked AS (
  INSERT INTO job (id, account_id, version, url, signature, content_type, data, trigger, enabled,
                   name, tags, manner, misfire, misfire_window, on_success, on_failure, depth)
  SELECT %(id)s::uuid, account_id, 1, %(url)s::text, %(signature)s::text, %(content_type)s::text,
         %(data)s::bytea, %(trigger)s::jsonb, %(enabled)s::boolean, %(name)s::text,
         %(tags)s::text[], %(manner)s::jsonb, %(misfire)s::text, %(misfire_window)s::float8,
         %(on_success)s::text, %(on_failure)s::text, %(depth)s::smallint
  FROM caller
)
INSERT INTO due (job_id, account_id, version, recurring, next_at)
SELECT %(id)s::uuid, account_id, 1, %(recurring)s::boolean,
       CASE WHEN %(enabled)s::boolean THEN %(first)s::timestamptz END
FROM caller;

-- name: book_any
-- No job without its due row. It is version 1. Whether the name is free, the index says.
WITH booked AS (
  INSERT INTO job (id, account_id, version, url, signature, content_type, data, trigger, enabled,
                   name, tags, manner, misfire, misfire_window, on_success, on_failure, dialect,
                   endpoint, written, depth)
  VALUES (%(id)s::uuid, %(account_id)s, 1, %(url)s::text, %(signature)s::text,
          %(content_type)s::text, %(data)b::bytea, %(trigger)s::jsonb, %(enabled)s::boolean,
          %(name)s::text, %(tags)s::text[], %(manner)s::jsonb, %(misfire)s::text,
          %(misfire_window)s::float8, %(on_success)s::text, %(on_failure)s::text, %(dialect)s::text,
          %(endpoint)s::text, %(written)s::jsonb, %(depth)s::smallint)
)
INSERT INTO due (job_id, account_id, version, recurring, serial, standing, remaining, next_at)
VALUES (%(id)s::uuid, %(account_id)s, 1, %(recurring)s::boolean, %(serial)s::boolean,
        %(standing)s::boolean, %(remaining)s::integer, %(next_at)s::timestamptz);

-- name: endpoints
-- The first places that an account has configured for a dialect, in their order.
SELECT name FROM endpoint
WHERE account_id = %(account_id)s AND dialect = %(dialect)s ORDER BY name LIMIT %(limit)s;

-- name: has_endpoint
-- Asked for each request that names its place: one entry of the index, however many there are.
SELECT FROM endpoint
WHERE account_id = %(account_id)s AND dialect = %(dialect)s AND name = %(name)s;

-- name: find_key
-- The clock that comes along judges what is booked under this key.
SELECT account.id, account.name, digest, revoked_at IS NOT NULL, app, scope, clock_timestamp(),
       account.suspended_at IS NOT NULL,
       account.limits, account.connections
FROM api_key JOIN account ON account.id = ANY (ARRAY[account_id])
WHERE api_key.id = %(key_id)s;

-- name: book_together
-- All of them or none, and no job without its due row: one statement. Each is version 1.
WITH v AS MATERIALIZED (
  SELECT * FROM unnest(%(ids)b::uuid[], %(url)b::text[], %(signature)b::text[],
                       %(content_type)b::text[], %(data)b::bytea[], %(trigger)b::text[],
                       %(enabled)b::boolean[], %(name)b::text[], %(tags)b::text[],
                       %(manner)b::text[], %(misfire)b::text[], %(misfire_window)b::float8[],
                       %(on_success)b::text[], %(on_failure)b::text[], %(recurring)b::boolean[],
                       %(nexts)b::timestamptz[])
    AS v (id, url, signature, content_type, data, trigger, enabled, name, tags, manner, misfire,
          misfire_window, on_success, on_failure, recurring, next_at)
), booked AS (
  INSERT INTO job (id, account_id, version, url, signature, content_type, data, trigger, enabled,
                   name, tags, manner, misfire, misfire_window, on_success, on_failure, depth)
  SELECT id, %(account_id)s, 1, url, signature, content_type, data, trigger::jsonb, enabled, name,
         CASE WHEN tags IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements_text(tags::jsonb)) END,
         manner::jsonb, misfire, misfire_window, on_success, on_failure, %(depth)s::smallint
  FROM v
)
INSERT INTO due (job_id, account_id, version, recurring, next_at)
SELECT id, %(account_id)s, 1, recurring, next_at FROM v;

-- name: claim_due
-- A due row is taken by one scheduler at a time; whoever changes its job waits, or is skipped here.
-- The row comes back as it stands once locked, so a job moved meanwhile is not claimed.
-- A slot is a tenth of a second of the database's clock, which alone judges what is due.
-- Plainly: the earliest `budget` rows of those due within the last `lookback` seconds, and before them
-- those whose time had passed already when it was written, if that was within these seconds. While a
-- transaction stays open, the rows that were claimed since it began stay in the index: no claim is to
-- walk past all of them (queue_lookback.py). The last row tells how many were read so.
-- Fairly: at most `share` rows of each slot and account, whatever stands before them; that skip scan
-- touches one index entry per (slot, account), never a backlog.
-- A one-time job moves on and its run begins in this statement; a recurring one is only locked: what
-- follows it is not for SQL to say, and comes later in the same transaction. So is any row of an
-- account of which more was found than it may begin (app/domain/firing_rate.py), and one that was
-- postponed: of those, as many are found as their account may begin, the earliest due first, whenever
-- they are expected. What an account may begin is read here without a lock, and counted afterwards;
-- where it may have only so many runs under way, no more than a `sharing`th of them begins so.
-- IS TRUE keeps the planner from comparing each account with each.
-- What is due of a suspended account makes no run: its firing waits in held_at until the account is
-- resumed (suspension.py), and the row costs no later claim anything.
WITH RECURSIVE bounds AS (
  SELECT floor((extract(epoch FROM now()) - %(lookback)s) * 10)::bigint AS lo,
         floor(least(extract(epoch FROM now()) + %(ahead)s,
                     extract(epoch FROM %(until)s::timestamptz)) * 10)::bigint AS hi
), enqueued AS MATERIALIZED (
  SELECT job_id, account_id, version, recurring, next_at, serial, standing, remaining,
         CASE WHEN next_at = owed_till THEN owed_at END AS owed_at, owed_for
  FROM due
  WHERE enqueued_at >= now() - make_interval(secs => %(lookback)s) AND slot < (SELECT lo FROM bounds)
  ORDER BY enqueued_at
  LIMIT %(budget)s
  FOR UPDATE SKIP LOCKED
), plainly AS MATERIALIZED (
  SELECT job_id, account_id, version, recurring, next_at, serial, standing, remaining,
         CASE WHEN next_at = owed_till THEN owed_at END AS owed_at, owed_for
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
), fairly AS MATERIALIZED (
  SELECT picked.* FROM pair, LATERAL (
    SELECT job_id, account_id, version, recurring, next_at, serial, standing, remaining,
           CASE WHEN next_at = owed_till THEN owed_at END AS owed_at, owed_for
    FROM due
    WHERE due.slot = pair.slot AND due.account_id = pair.account_id
    LIMIT %(share)s
    FOR UPDATE SKIP LOCKED) picked
  WHERE pair.account_id <> ALL (%(skip)b::bigint[])
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
), suspended AS MATERIALIZED (
  SELECT ARRAY(SELECT id FROM account WHERE suspended_at IS NOT NULL) AS ids
), seen AS MATERIALIZED (
  SELECT * FROM enqueued UNION ALL SELECT * FROM plainly
  UNION ALL SELECT * FROM fairly UNION ALL SELECT * FROM owed
), set_aside AS (
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
SELECT id, account_id, date_part('epoch', due_at - clock_timestamp()),
       NULL::uuid, NULL::int, NULL::timestamptz, NULL::timestamptz, NULL::bool, NULL::bool,
       NULL::int, NULL::bool, NULL::bool, NULL::timestamptz, NULL::text
FROM begun
UNION ALL
SELECT NULL, account_id, NULL, job_id, version, coalesce(owed_at, next_at), clock_timestamp(),
       serial, standing, remaining, recurring, crowded, CASE WHEN owed_at IS NOT NULL THEN next_at END,
       CASE WHEN owed_at IS NOT NULL THEN owed_for END
FROM picked WHERE recurring OR crowded OR owed_at IS NOT NULL
UNION ALL
SELECT NULL, NULL, NULL, NULL,
       ((SELECT count(*) FROM enqueued) + (SELECT count(*) FROM plainly))::int,
       NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL;

-- name: lock_pace
-- What these accounts have spent, one account after another in one order; before anything of what
-- was locked since is judged. The clock that comes along judges it: it is read once the row is locked.
SELECT a.account_id, spent_until, greatest(queued_until, clock_timestamp()), clock_timestamp(),
       coalesce(r.runs, 0) + greatest(0, locked.begun - coalesce(r.begun, 0))
FROM unnest(%(accounts)b::bigint[]) AS a (account_id)
CROSS JOIN LATERAL (
  SELECT spent_until, queued_until, begun FROM firing_pace p
  WHERE p.account_id = a.account_id FOR UPDATE) locked
LEFT JOIN runs_under_way r ON r.account_id = a.account_id;

-- name: make_pace
-- A row to be locked, for an account that has spent nothing yet.
INSERT INTO firing_pace (account_id, spent_until, queued_until)
SELECT account_id, clock_timestamp(), '-infinity'
FROM unnest(%(accounts)b::bigint[]) AS a (account_id) ORDER BY account_id
ON CONFLICT DO NOTHING;

-- name: count_firings
-- What began in this transaction is spent, also where that is more than there was: the debt is paid
-- before anything else of the account begins. `queued` is what the last of its rows that wait is
-- expected for, where that has changed.
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

-- name: postpone_due
-- A firing above a limit of its account waits in the order of its due time (due_owed), whatever its row
-- is expected for. It is postponed only while `owed_till` equals `next_at`: whoever moves next_at ends
-- that. Under the locks of claim_due.
UPDATE due SET owed_at = v.owed_at, owed_till = v.till, owed_for = v.bound, next_at = v.till
FROM unnest(%(ids)b::uuid[], %(owed)b::timestamptz[], %(tills)b::timestamptz[], %(bounds)b::text[])
  AS v (id, owed_at, till, bound)
WHERE due.job_id = ANY (ARRAY[v.id]);

-- name: queued_accounts
-- The accounts that have postponed firings: one entry of the index for each.
WITH RECURSIVE a AS (
  (SELECT account_id FROM due WHERE next_at = owed_till ORDER BY account_id LIMIT 1)
  UNION ALL
  SELECT following.account_id FROM a, LATERAL (
    SELECT account_id FROM due WHERE next_at = owed_till AND account_id > a.account_id
    ORDER BY account_id LIMIT 1) following
)
SELECT account_id FROM a;

-- name: triggers
-- Read after the due rows are locked: the trigger belongs to the version that was claimed.
SELECT j.id, trigger, misfire, misfire_window
FROM unnest(%(ids)b::uuid[], %(account_ids)b::bigint[]) AS v (id, account_id)
CROSS JOIN LATERAL (SELECT * FROM job WHERE id = v.id AND account_id = v.account_id LIMIT 1) j;

-- name: rearm
-- Every claimed row moves on in the claiming transaction: a crash before the commit leaves it due,
-- after the commit its run exists. Where calls must not overlap, what follows is held back until this
-- one is settled (let_go). A tick is counted when it is claimed: each is claimed once.
UPDATE due
SET next_at = CASE WHEN NOT v.held THEN v.next_at END,
    held_at = CASE WHEN v.held THEN v.next_at END,
    remaining = remaining - 1, owed_at = NULL, owed_till = NULL, owed_for = NULL,
    enqueued_at = NULL
FROM unnest(%(ids)b::uuid[], %(nexts)b::timestamptz[], %(helds)b::bool[]) AS v (id, next_at, held)
WHERE due.job_id = ANY (ARRAY[v.id]);

-- name: insert_inflight
-- One run per job, version, kind and due time (inflight_once): a row armed twice for the same
-- firing adds nothing and stops nobody. Nor does one of a job whose calls must not overlap while
-- another is under way (inflight_serial). A run never begins before it is due. The `further` ticks it
-- may call are claimed again by whoever comes next, unless it has said that it called them (move_ticks).
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
RETURNING id, account_id, date_part('epoch', due_at - clock_timestamp()), 0,
          coalesce(cardinality(further), 1);

-- name: insert_postponed
-- As insert_inflight, of firings that were postponed: each begins now, never before it is due, and
-- its lateness counts from now.
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
RETURNING id, account_id, date_part('epoch', send_at - clock_timestamp());

-- name: leave_out
-- Firings that are not made, as they were too late for their job, enter history all the same: one
-- row for all that one claim leaves out of a job.
INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state, attempts, reason,
                 settled_at)
SELECT new_run_id(), job_id, account_id, version, 'scheduled', due_at, missed, 'cancelled', 0,
       reason, clock_timestamp()
FROM unnest(%(job_ids)b::uuid[], %(account_ids)b::bigint[], %(versions)b::int[],
            %(dues)b::timestamptz[], %(missed)b::int[], %(reasons)b::text[])
  AS v (job_id, account_id, version, due_at, missed, reason)
ON CONFLICT DO NOTHING;

-- name: still_claimed
-- What was rung for the overdue queue and has not been taken yet: the claim budget counts these. Runs
-- of a suspended account are taken by nobody until that is resumed, and are rung for again then.
SELECT id FROM inflight
WHERE id = ANY (%(ids)b::uuid[]) AND state = 'claimed'
  AND account_id <> ALL (ARRAY(SELECT id FROM account WHERE suspended_at IS NOT NULL));

-- name: take
-- Nobody is told to begin early: `remaining` is counted by the database's clock, and the worker adds
-- it to its own monotonic clock read after the answer.
-- One sender: a run is taken once per token, by whoever presents the token, and the take raises it.
-- A cancelled run is not taken, nor one of a suspended account. The payload is that of the run's own version, even if superseded; an
-- endpoint is where it is now. What was due before its version was made was missed while the job was
-- paused: only a resumption arms a job in the past. A payload of more than `longest` bytes stays where it is until there is
-- room for it in memory (payloads): its size is known without reading it.
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
       t.missed, t.final, t.attempts, t.reclaims,
       date_part('epoch', t.send_at - clock_timestamp()) AS remaining,
       coalesce(j.url, s.url) AS url,
       CASE WHEN j.id IS NULL THEN s.signature ELSE j.signature END AS signature,
       CASE WHEN j.id IS NULL THEN s.content_type ELSE j.content_type END AS content_type,
       CASE WHEN c.size <= %(longest)s THEN c.data END AS data,
       t.tried,
       CASE WHEN j.id IS NULL THEN s.manner ELSE j.manner END AS manner,
       t.kind, coalesce(j.on_success, s.on_success) IS NOT NULL,
       coalesce(j.on_failure, s.on_failure) IS NOT NULL,
       t.serial, coalesce(j.dialect, s.dialect) AS dialect,
       coalesce(j.endpoint, s.endpoint) AS endpoint, e.url AS base, e.sealed_token,
       CASE WHEN c.size > %(longest)s THEN c.size ELSE 0 END AS size,
       greatest(t.depth, coalesce(j.depth, s.depth, 0)) AS depth,
       coalesce(t.job_version > 1 AND t.due_at < j.updated_at - %(margin)s::interval, false) AS missed_in_pause,
       t.further
FROM taken t
LEFT JOIN LATERAL (SELECT * FROM job WHERE id = t.job_id AND account_id = t.account_id LIMIT 1) j
  ON j.version = t.job_version
LEFT JOIN LATERAL (
  SELECT * FROM superseded
  WHERE j.id IS NULL AND job_id = t.job_id AND version = t.job_version LIMIT 1) s ON true
LEFT JOIN LATERAL (
  SELECT url, sealed_token FROM endpoint
  WHERE coalesce(j.endpoint, s.endpoint) <> ''
    AND account_id = t.account_id AND dialect = coalesce(j.dialect, s.dialect)
    AND name = coalesce(j.endpoint, s.endpoint)
  LIMIT 1) e ON true
CROSS JOIN LATERAL (
  SELECT p.data, octet_length(p.data) AS size
  FROM (SELECT CASE WHEN j.id IS NULL THEN s.data ELSE j.data END AS data) p) c;

-- name: payloads
-- What the take left behind, of runs still held under this token and not cancelled: so this is as
-- good as the word on them. Found as the take finds it.
SELECT i.id, CASE WHEN j.id IS NULL THEN s.data ELSE j.data END
FROM unnest(%(ids)b::uuid[], %(tokens)b::int[]) AS v (id, token)
JOIN inflight i ON i.id = ANY (ARRAY[v.id])
LEFT JOIN LATERAL (SELECT * FROM job WHERE id = i.job_id AND account_id = i.account_id LIMIT 1) j
  ON j.version = i.job_version
LEFT JOIN superseded s ON s.job_id = ANY (ARRAY[i.job_id]) AND s.version = i.job_version
WHERE i.token = v.token AND i.state = 'taken' AND i.cancelled_at IS NULL;

-- name: untaken
-- Runs whose bell nobody answered; a worker may take them unbidden, as the take decides who sends.
-- A claimed run is looked at `renotify_after` after its time: the index finds what is near. What is further
-- back than `lookback` seconds has been looked at by a scheduler since, and rung for again. One that no
-- claim made, and no scheduler has looked at, is left to the schedulers for a while, which know
-- whether its account may begin it.
SELECT id, token FROM inflight
WHERE look_at >= now() - make_interval(secs => %(lookback)s)
  AND look_at < now() + %(renotify_after)s + %(look_ahead)s
  AND state = 'claimed' AND cancelled_at IS NULL AND reclaims < 2
  AND (look_at > send_at OR send_at < now() - %(unlooked)s::interval)
  AND account_id <> ALL (ARRAY(SELECT id FROM account WHERE suspended_at IS NOT NULL))
  AND send_at < now() - make_interval(secs => %(late)s)
ORDER BY look_at
LIMIT %(limit)s;

-- name: suspects
-- Poison is quarantined: what was reclaimed this often (pace.SUSPECT_AFTER, written out so that the
-- partial index serves) is taken together with other suspects at most, as many as its group has.
SELECT id, token, group_size FROM inflight
WHERE state = 'claimed' AND cancelled_at IS NULL AND reclaims >= 2
  AND account_id <> ALL (ARRAY(SELECT id FROM account WHERE suspended_at IS NOT NULL))
ORDER BY look_at
LIMIT %(limit)s;

-- name: set_group_size
-- How many suspects are tried together is stored before any of them is taken: if their process dies,
-- the next group is half as large. Who is tried with others is not held responsible for their death:
-- a scheduler of the release before this one knows of no groups, and would count each. A row locked elsewhere is passed over, and is not to be taken now.
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

-- name: word
-- The last word counts: of what is taken, by whomever, what was withdrawn within the last ten seconds
-- and is not known to its holder yet. Those are as many as are withdrawn between two words, whatever
-- was withdrawn before. No run is named for longer than ten seconds, as none is called later than a
-- lease after its withdrawal unless its lease is extended, and that tells its holder too (extend); while
-- a withdrawal is not committed its row is locked, and not extended. An abort before this release has
-- no token: it counts for all. The first row is this clock; those without a run and a clock name the
-- accounts that are suspended, of which no call begins.
SELECT NULL::uuid, NULL::bigint, date_part('epoch', clock_timestamp())
UNION ALL
SELECT id, token, NULL FROM inflight
WHERE cancelled_at > now() - interval '10 s' AND NOT withdrawal_known AND state = 'taken'
UNION ALL
SELECT run_id, coalesce(token, 2147483647), NULL FROM aborted
WHERE aborted_at > now() - interval '10 s'
UNION ALL
SELECT NULL, id, NULL FROM account WHERE suspended_at IS NOT NULL;

-- name: acknowledge_withdrawn
-- The holder of these runs knows that they are withdrawn, which is never undone, and need not be told
-- again. A row locked elsewhere is passed over: the next word names it again.
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

-- name: extend
-- A lease is extended by its holder only, who is told whether the run was withdrawn meanwhile. A row
-- locked elsewhere is passed over: the lease as last extended still stands, and the next beat tries
-- again.
WITH held AS (
  SELECT i.id
  FROM unnest(%(ids)b::uuid[], %(tokens)b::int[]) AS v (id, token)
  JOIN inflight i ON i.id = ANY (ARRAY[v.id])
  WHERE i.token = v.token AND i.state = 'taken'
  FOR UPDATE OF i SKIP LOCKED
)
UPDATE inflight i SET lease_until = clock_timestamp() + %(lease)s
WHERE i.id = ANY (ARRAY(SELECT id FROM held))
RETURNING i.id, i.cancelled_at IS NOT NULL;

-- name: lock_due_of
-- Settling what may end or re-arm a job comes under the same row lock as claim, update and delete,
-- in one order for all, so that two settlements never wait for each other in a circle.
SELECT job_id FROM due WHERE job_id = ANY (%(job_ids)b::uuid[]) ORDER BY job_id FOR UPDATE;

-- name: due_locked_elsewhere
-- Rows that somebody else has locked, who is not waited for; all others of these are locked from here
-- on, in one order (lock_due_of).
WITH free AS MATERIALIZED (
  SELECT job_id FROM due WHERE job_id = ANY (%(ids)b::uuid[]) ORDER BY job_id FOR UPDATE SKIP LOCKED
)
SELECT job_id FROM due
WHERE job_id = ANY (%(ids)b::uuid[]) AND job_id <> ALL (ARRAY(SELECT job_id FROM free));

-- name: inflight_locked_elsewhere
-- The same of runs.
WITH free AS MATERIALIZED (
  SELECT id FROM inflight WHERE id = ANY (%(ids)b::uuid[]) ORDER BY id FOR UPDATE SKIP LOCKED
)
SELECT id FROM inflight
WHERE id = ANY (%(ids)b::uuid[]) AND id <> ALL (ARRAY(SELECT id FROM free));

-- name: record_ticks
-- The ticks that a run has called with success before the one that is settled now are one run of
-- history, with the attempt of the first, only under the token it was taken with. Under lock_due_of;
-- move_ticks follows.
WITH v AS MATERIALIZED (
  SELECT * FROM unnest(%(ids)b::uuid[], %(tokens)b::int[], %(reasons)b::text[],
                       %(starts)b::timestamptz[], %(latenesses)b::real[], %(statuses)b::smallint[],
                       %(errors)b::text[], %(details)b::text[], %(headers)b::text[],
                       %(bodies)b::bytea[], %(dns)b::real[], %(connects)b::real[], %(tls)b::real[],
                       %(first_bytes)b::real[], %(totals)b::real[])
    AS v (id, token, why, started_at, lateness_ms, status, error, detail, headers, body, dns_ms,
          connect_ms, tls_ms, first_byte_ms, total_ms)
), called AS MATERIALIZED (
  SELECT v.*, i.job_id, i.account_id, i.job_version, i.kind, i.due_at, i.missed,
         i.attempts + 1 AS number, i.started_by, i.depth
  FROM v JOIN inflight i ON i.id = ANY (ARRAY[v.id])
  WHERE i.token = v.token
), attempted AS (
  INSERT INTO attempt (run_id, due_at, number, started_at, lateness_ms, status, error, detail,
                       headers, body, dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms)
  SELECT id, due_at, number, started_at, lateness_ms, status, error, detail, headers::jsonb, body,
         dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms
  FROM called
)
INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state, attempts, reason,
                 settled_at, token, started_by, depth)
SELECT id, job_id, account_id, job_version, kind, due_at, missed, 'succeeded', number, why,
       clock_timestamp(), token, started_by, depth
FROM called;

-- name: move_ticks
-- A run that has called further ticks of its job stands for the one that is settled now, under the id
-- that was sent with it, and the job goes on after that: its next tick is what the claim left, unless
-- somebody has changed the job since. Only under the token the run was taken with, and lock_due_of.
-- IS NOT DISTINCT FROM keeps the planner from reading all of due_held.
WITH v AS MATERIALIZED (
  SELECT * FROM unnest(%(ids)b::uuid[], %(tokens)b::int[], %(new_ids)b::uuid[],
                       %(dues)b::timestamptz[], %(numbers)b::int[], %(nexts)b::timestamptz[],
                       %(afters)b::timestamptz[])
    AS v (id, token, new_id, due_at, number, next_at, after_at)
), moved AS (
  UPDATE inflight i
  SET id = v.new_id, due_at = v.due_at, send_at = greatest(i.send_at, v.due_at), further = NULL,
      final = v.after_at IS NULL, planned_at = NULL, destination = NULL,
      reason = CASE WHEN i.cancelled_at IS NOT NULL THEN i.reason END,
      missed = CASE WHEN v.new_id = v.id THEN i.missed ELSE 0 END,
      attempts = CASE WHEN v.new_id = v.id THEN i.attempts ELSE 0 END,
      tried = CASE WHEN v.new_id = v.id THEN i.tried ELSE 0 END,
      completion = CASE WHEN v.new_id = v.id THEN i.completion END,
      completion_message = CASE WHEN v.new_id = v.id THEN i.completion_message END
  FROM v
  WHERE i.id = ANY (ARRAY[v.id]) AND i.token = v.token
  RETURNING i.job_id, i.job_version, v.number, v.next_at, v.after_at
)
UPDATE due d SET held_at = m.after_at, remaining = d.remaining - m.number
FROM moved m
WHERE d.job_id = ANY (ARRAY[m.job_id]) AND d.version = m.job_version
  AND d.held_at IS NOT DISTINCT FROM m.next_at;

-- name: settle_final
-- A run leaves inflight and enters history, with its last attempt, in one statement, only under the
-- token it was taken with; as cancelled only if it was, and then at the moment it was, unless a call
-- came to an end since: a firing that was withdrawn ahead of its time is known by that. History keeps
-- the token, so that a redelivery goes on above it.
WITH gone AS (
  DELETE FROM inflight i
  USING unnest(%(ids)b::uuid[], %(tokens)b::int[], %(states)b::text[], %(reasons)b::text[],
               %(starts)b::timestamptz[], %(latenesses)b::real[], %(statuses)b::smallint[],
               %(errors)b::text[], %(details)b::text[], %(headers)b::text[], %(bodies)b::bytea[],
               %(dns)b::real[], %(connects)b::real[], %(tls)b::real[], %(first_bytes)b::real[],
               %(totals)b::real[])
    AS v (id, token, state, reason, started_at, lateness_ms, status, error, detail, headers, body,
          dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms)
  WHERE i.id = ANY (ARRAY[v.id]) AND i.token = v.token
    AND (v.state <> 'cancelled' OR i.cancelled_at IS NOT NULL)
  RETURNING i.id, i.job_id, i.account_id, i.job_version, i.kind, i.due_at, i.missed, v.state,
            i.attempts + (v.started_at IS NOT NULL)::int AS attempts,
            coalesce(v.reason, CASE WHEN v.state = 'cancelled' OR i.reason ^@ 'postponed: '
                               THEN i.reason END) AS reason,
            CASE WHEN v.state = 'cancelled' AND v.started_at IS NULL THEN i.cancelled_at
              ELSE clock_timestamp() END AS settled_at,
            i.started_by, i.depth, i.token, v.started_at, v.lateness_ms, v.status, v.error, v.detail, v.headers, v.body,
            v.dns_ms, v.connect_ms, v.tls_ms, v.first_byte_ms,
            v.total_ms
), attempted AS (
  INSERT INTO attempt (run_id, due_at, number, started_at, lateness_ms, status, error, detail,
                       headers, body, dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms)
  SELECT id, due_at, attempts, started_at, lateness_ms, status, error, detail, headers::jsonb, body,
         dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms
  FROM gone WHERE started_at IS NOT NULL
)
INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state, attempts, reason,
                 settled_at, token, started_by, depth)
SELECT id, job_id, account_id, job_version, kind, due_at, missed, state, attempts, reason,
       settled_at, token, started_by, depth
FROM gone
RETURNING id;

-- name: settle_retry
-- A retry time is written, with the attempt before it if there was one, only under the token the run
-- was taken with; nobody holds it afterwards. A run cancelled meanwhile is looked at at once, and ends
-- there, for the reason it was cancelled. So is one whose receiver has said what came of it while the
-- call was under way: it is not called again, but ends as it said. A run that was never called waits
-- as one that was given back, for a destination of which nobody sends for it: it was the turn of a
-- further tick, which could not be called.
WITH again AS (
  UPDATE inflight i
  SET state = CASE WHEN i.completion IS NULL THEN 'waiting' ELSE 'running' END,
      complete_by = CASE WHEN i.completion IS NULL THEN NULL ELSE v.retry_at END,
      token = i.token + 1, lease_until = NULL,
      attempts = i.attempts + (v.started_at IS NOT NULL)::int,
      reclaims = 0, send_at = greatest(v.retry_at, i.due_at),
      planned_at = CASE WHEN i.attempts = 0 AND v.started_at IS NULL THEN i.due_at END,
      destination = CASE WHEN i.attempts = 0 AND v.started_at IS NULL THEN '' END,
      reason = CASE WHEN i.cancelled_at IS NULL THEN v.reason ELSE i.reason END,
      look_at = CASE WHEN i.cancelled_at IS NULL AND i.completion IS NULL
                     THEN greatest(v.retry_at - %(ahead)s::interval, clock_timestamp())
                     ELSE clock_timestamp() END
  FROM unnest(%(ids)b::uuid[], %(tokens)b::int[], %(retries)b::timestamptz[], %(reasons)b::text[],
              %(starts)b::timestamptz[], %(latenesses)b::real[], %(statuses)b::smallint[],
              %(errors)b::text[], %(details)b::text[], %(headers)b::text[], %(bodies)b::bytea[],
              %(dns)b::real[], %(connects)b::real[], %(tls)b::real[], %(first_bytes)b::real[],
              %(totals)b::real[])
    AS v (id, token, retry_at, reason, started_at, lateness_ms, status, error, detail, headers, body,
          dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms)
  WHERE i.id = ANY (ARRAY[v.id]) AND i.token = v.token
  RETURNING i.id, i.due_at, i.attempts, v.started_at, v.lateness_ms, v.status, v.error, v.detail,
            v.headers, v.body, v.dns_ms, v.connect_ms, v.tls_ms, v.first_byte_ms, v.total_ms
), attempted AS (
  INSERT INTO attempt (run_id, due_at, number, started_at, lateness_ms, status, error, detail,
                       headers, body, dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms)
  SELECT id, due_at, attempts, started_at, lateness_ms, status, error, detail, headers::jsonb, body,
         dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms
  FROM again WHERE started_at IS NOT NULL
)
SELECT id FROM again;

-- name: settle_later
-- The receiver will say what came of it: the run is nobody's until it does, or until its deadline by
-- this clock; only under the token it was taken with. What it has said while the call was under way
-- is acted upon when it is looked at, at once, as is a cancellation.
WITH begun AS (
  UPDATE inflight i
  SET state = 'running', complete_by = now.at + make_interval(secs => v.within),
      token = i.token + 1, lease_until = NULL, attempts = i.attempts + 1, reclaims = 0,
      planned_at = NULL, destination = NULL,
      reason = CASE WHEN i.cancelled_at IS NULL THEN v.reason ELSE i.reason END,
      look_at = CASE WHEN i.cancelled_at IS NULL AND i.completion IS NULL
                     THEN now.at + make_interval(secs => v.within)
                     ELSE now.at END
  FROM unnest(%(ids)b::uuid[], %(tokens)b::int[], %(withins)b::float8[], %(reasons)b::text[],
              %(starts)b::timestamptz[], %(latenesses)b::real[], %(statuses)b::smallint[],
              %(errors)b::text[], %(details)b::text[], %(headers)b::text[], %(bodies)b::bytea[],
              %(dns)b::real[], %(connects)b::real[], %(tls)b::real[], %(first_bytes)b::real[],
              %(totals)b::real[])
    AS v (id, token, within, reason, started_at, lateness_ms, status, error, detail, headers, body,
          dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms),
       (SELECT clock_timestamp() AS at) now
  WHERE i.id = ANY (ARRAY[v.id]) AND i.token = v.token
  RETURNING i.id, i.due_at, i.attempts, v.started_at, v.lateness_ms, v.status, v.error, v.detail,
            v.headers, v.body, v.dns_ms, v.connect_ms, v.tls_ms, v.first_byte_ms, v.total_ms
), attempted AS (
  INSERT INTO attempt (run_id, due_at, number, started_at, lateness_ms, status, error, detail,
                       headers, body, dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms)
  SELECT id, due_at, attempts, started_at, lateness_ms, status, error, detail, headers::jsonb, body,
         dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms
  FROM begun
)
SELECT id FROM begun;

-- name: followers
-- The jobs that may start when these end, each with that one; asked before any lock is taken, so that all are locked in
-- one order. Who begins to follow after that begins with the next end. One row is looked up after
-- another (OFFSET 0), whatever the statistics say.
SELECT d.job_id, f.job_id
FROM due d
CROSS JOIN LATERAL (
  SELECT j.account_id, j.name FROM job j
  WHERE j.id = d.job_id AND j.account_id = d.account_id AND CASE j.dialect WHEN 'fusion' THEN true END
  OFFSET 0) u
CROSS JOIN LATERAL (
  SELECT f.job_id FROM follow f WHERE f.account_id = u.account_id AND f.upstream = u.name
  OFFSET 0) f
WHERE d.job_id = ANY (%(job_ids)b::uuid[]);

-- name: start_followers
-- The end of a run and the start of those that follow it are one transaction. Under the locks of
-- lock_due_of, of these followers and no others; who is under way already does not start again. What
-- was to follow by time waits meanwhile (let_go). A firing that was withdrawn ahead of its time, for
-- another schedule or none, is no end: nothing had begun (resources.py tells of none either).
WITH started AS (
  INSERT INTO inflight
    (id, job_id, account_id, job_version, kind, due_at, final, serial, started_by, state, send_at,
     look_at, depth)
  SELECT DISTINCT ON (d.job_id)
         new_run_id(), d.job_id, d.account_id, d.version, 'chained', now.at, NOT d.standing,
         d.serial, u.name, 'claimed', now.at, now.at,
         greatest(a.depth, u.depth)
  FROM unnest(%(runs)b::uuid[], %(dues)b::timestamptz[], %(job_ids)b::uuid[], %(states)b::text[])
         AS v (run_id, due_at, job_id, state)
  CROSS JOIN LATERAL (
    SELECT d.account_id,
           (SELECT r.depth FROM run r
            WHERE r.id = v.run_id AND r.due_at = v.due_at AND r.job_id = v.job_id) AS depth
    FROM due d
    WHERE d.job_id = v.job_id
      AND (SELECT CASE r.state WHEN 'cancelled' THEN r.kind = 'scheduled' AND r.attempts = 0
             AND r.settled_at < r.due_at END
           FROM run r
           WHERE r.id = v.run_id AND r.due_at = v.due_at AND r.job_id = v.job_id) IS NOT TRUE
    OFFSET 0) a
  CROSS JOIN LATERAL (
    SELECT j.name, j.depth FROM job j
    WHERE j.id = v.job_id AND j.account_id = a.account_id
      AND CASE j.dialect WHEN 'fusion' THEN true END
    OFFSET 0) u
  CROSS JOIN LATERAL (
    SELECT f.job_id FROM follow f
    WHERE f.account_id = a.account_id AND f.upstream = u.name AND v.state = ANY (f.states)
      AND f.job_id = ANY (%(followers)b::uuid[])
    OFFSET 0) f
  CROSS JOIN LATERAL (
    SELECT d.* FROM due d
    WHERE d.job_id = f.job_id
      AND (SELECT j.enabled FROM job j WHERE j.id = d.job_id AND j.account_id = d.account_id)
      AND NOT EXISTS (SELECT FROM inflight i
                      WHERE i.job_id = d.job_id AND i.serial AND i.cancelled_at IS NULL)
    OFFSET 0) d
  CROSS JOIN (SELECT clock_timestamp() AS at) now
  ON CONFLICT DO NOTHING
  RETURNING job_id
)
UPDATE due SET held_at = coalesce(held_at, next_at), next_at = NULL
WHERE job_id = ANY (ARRAY(SELECT job_id FROM started)) AND serial;

-- name: let_go
-- What was held back until a run was settled is next now, unless another run of the job is under way
-- that was not cancelled. Under lock_due_of, in the settling transaction. num_nonnulls keeps the
-- planner from reading all of due_held, which holds what is held back, for the few jobs asked about.
UPDATE due SET next_at = held_at, held_at = NULL
WHERE job_id = ANY (%(job_ids)b::uuid[]) AND num_nonnulls(held_at) = 1
  AND (SELECT NOT EXISTS (SELECT FROM inflight i
                          WHERE i.job_id = due.job_id AND i.serial AND i.cancelled_at IS NULL));

-- name: tellable
-- Of runs that have just settled: those of which their job, in the version they belong to, wants to
-- be told, and what is told of them. Run before the job goes.
SELECT r.id, r.token, r.account_id, r.job_id, j.name, r.due_at, r.state, r.attempts,
       (SELECT a.status FROM attempt a
        WHERE a.run_id = r.id AND a.number = r.attempts AND a.due_at = r.due_at),
       r.reason, r.settled_at, told.url,
       greatest(r.depth, CASE WHEN j.version = r.job_version THEN j.depth ELSE s.depth END)
FROM unnest(%(ids)b::uuid[], %(job_ids)b::uuid[], %(dues)b::timestamptz[]) AS v (id, job_id, due_at)
JOIN run r ON r.id = ANY (ARRAY[v.id]) AND r.job_id = ANY (ARRAY[v.job_id]) AND r.due_at = v.due_at
LEFT JOIN LATERAL (SELECT * FROM job WHERE id = r.job_id AND account_id = r.account_id LIMIT 1) j
  ON true
LEFT JOIN superseded s ON s.job_id = ANY (ARRAY[r.job_id]) AND s.version = r.job_version
CROSS JOIN LATERAL (
  SELECT CASE r.state
    WHEN 'succeeded'
      THEN CASE WHEN j.version = r.job_version THEN j.on_success ELSE s.on_success END
    ELSE CASE WHEN j.version = r.job_version THEN j.on_failure ELSE s.on_failure END
  END AS url) told
WHERE told.url IS NOT NULL AND r.state IN ('succeeded', 'failed', 'dead');

-- name: insert_events
-- An event is a run of its own that stands where a job would have the run it tells of, and where a
-- version would be, the token which that run settled under: so nothing of the job's end, pause or
-- purge touches it, the take finds its content where it looks for an old version's, and one settlement
-- makes one event.
WITH v AS MATERIALIZED (
  SELECT * FROM unnest(%(runs)b::uuid[], %(tokens)b::int[], %(accounts)b::bigint[],
                       %(urls)b::text[], %(bodies)b::bytea[], %(depths)b::smallint[])
    AS v (run_id, token, account_id, url, body, depth)
), kept AS (
  INSERT INTO superseded (job_id, version, url, content_type, data, manner)
  SELECT run_id, token, url, %(media_type)s::text, body, %(manner)s::jsonb FROM v
)
INSERT INTO inflight
  (id, job_id, account_id, job_version, kind, due_at, final, state, send_at, look_at,
   depth)
SELECT new_run_id(), run_id, account_id, token, 'event', now.at, false, 'claimed', now.at, now.at,
       depth
FROM v, (SELECT clock_timestamp() AS at) now;

-- name: release
-- Only its holder gives a run back, and no attempt is counted. Nobody holds it afterwards; the raised
-- token sees to it that no old bell takes it. `planned_at` keeps when its attempt was to begin. It
-- comes back by itself at `send_at`, or sooner when it is sent for (summon). A run cancelled
-- meanwhile is looked at at once. One that was called, and reached nobody, is no suspect: whoever
-- called it lives.
-- A row locked elsewhere is passed over, and still held (still_held).
WITH v AS MATERIALIZED (
  SELECT * FROM unnest(%(ids)b::uuid[], %(tokens)b::int[], %(destinations)b::text[],
                       %(leaves)b::float8[], %(reasons)b::text[], %(called)b::boolean[])
    AS v (id, token, destination, leave, reason, called)
), free AS MATERIALIZED (
  SELECT i.id FROM v JOIN inflight i ON i.id = ANY (ARRAY[v.id])
  WHERE i.token = v.token AND i.state = 'taken'
  FOR UPDATE OF i SKIP LOCKED
)
UPDATE inflight i
SET state = 'waiting', token = i.token + 1, lease_until = NULL,
    reclaims = CASE WHEN v.called THEN 0 ELSE i.reclaims END,
    planned_at = coalesce(i.planned_at, i.send_at), destination = v.destination,
    send_at = greatest(i.send_at, clock_timestamp() + make_interval(secs => v.leave)),
    reason = CASE WHEN i.cancelled_at IS NULL THEN v.reason ELSE i.reason END,
    look_at = CASE WHEN i.cancelled_at IS NULL
                   THEN clock_timestamp() + make_interval(secs => v.leave) - %(ahead)s::interval
                   ELSE clock_timestamp() END
FROM v
WHERE i.id = ANY (ARRAY[v.id]) AND v.id = ANY (ARRAY(SELECT id FROM free))
RETURNING i.id;

-- name: still_held
-- Of runs that could not be given back: those that are still this worker's.
SELECT i.id FROM unnest(%(ids)b::uuid[], %(tokens)b::int[]) AS v (id, token)
JOIN inflight i ON i.id = ANY (ARRAY[v.id])
WHERE i.token = v.token AND i.state = 'taken';

-- name: summon
-- Runs given back are sent for, the earliest due first, as many as their destination has room for.
-- The token stays, as when they are rung for: whichever comes first takes them. Suspects are left
-- to those who try them alone.
WITH called AS (
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
WHERE i.id = ANY (ARRAY(SELECT id FROM called))
RETURNING i.id, i.token, i.account_id, i.destination;

-- name: purge_jobs
-- A job ends with its last run: never one that was booked again meanwhile (another version or a
-- next firing), is paused, or still has a run in flight. A cancelled one, of a version before, may
-- be in its call for a minute yet: its name is free meanwhile. Run under lock_due_of.
DELETE FROM job j
USING unnest(%(job_ids)b::uuid[], %(versions)b::int[]) AS v (id, version)
WHERE j.id = ANY (ARRAY[v.id]) AND j.version = v.version AND j.enabled
  AND j.account_id = ANY (ARRAY(SELECT d.account_id FROM due d
                                WHERE d.job_id = v.id AND NOT d.standing
                                  AND coalesce(d.next_at, d.held_at) IS NULL))
  AND (SELECT NOT EXISTS (SELECT FROM inflight i
                          WHERE i.job_id = v.id AND i.cancelled_at IS NULL));

-- name: purge_jobs_keeping
-- As purge_jobs, where the last run did not succeed: what it sent is kept, so that it can be sent
-- again, and counts as stored still. A job that ended well costs nothing of this.
WITH ended AS (
  DELETE FROM job j
  USING unnest(%(job_ids)b::uuid[], %(versions)b::int[]) AS v (id, version)
  WHERE j.id = ANY (ARRAY[v.id]) AND j.version = v.version AND j.enabled
    AND j.account_id = ANY (ARRAY(SELECT d.account_id FROM due d
                                  WHERE d.job_id = v.id AND NOT d.standing
                                    AND coalesce(d.next_at, d.held_at) IS NULL))
    AND (SELECT NOT EXISTS (SELECT FROM inflight i
                            WHERE i.job_id = v.id AND i.cancelled_at IS NULL))
  RETURNING j.*
), kept AS (
  INSERT INTO superseded
    (job_id, version, url, signature, content_type, data, manner, on_success, on_failure, dialect,
     endpoint, depth, account_id)
  SELECT id, version, url, signature, content_type, data, manner, on_success, on_failure, dialect,
         endpoint, depth, account_id
  FROM ended
  ON CONFLICT DO NOTHING
  RETURNING account_id, content_bytes(url, signature, content_type, data, manner, on_success,
                                      on_failure) AS bytes
), counted AS (
  INSERT INTO usage_release (account_id, jobs, bytes)
  SELECT account_id, 0, -sum(bytes) FROM kept GROUP BY account_id
)
SELECT id FROM ended;

-- name: finished_jobs
-- Of these jobs: those that are enabled and have neither a next firing nor a run that was not
-- cancelled. Whether anything is still to come, their triggers say (job_ends.py). What did not succeed
-- of their present version, among the last thousand runs, may be sent again.
SELECT d.job_id, d.version, j.trigger, d.remaining, clock_timestamp(),
       (SELECT bool_or(r.job_version = d.version AND r.state <> 'succeeded')
        FROM (SELECT job_version, state FROM run
              WHERE job_id = d.job_id ORDER BY due_at DESC LIMIT 1000) r) IS TRUE
FROM due d
CROSS JOIN LATERAL (SELECT * FROM job WHERE id = d.job_id AND account_id = d.account_id LIMIT 1) j
WHERE d.job_id = ANY (%(job_ids)b::uuid[]) AND coalesce(d.next_at, d.held_at) IS NULL
  AND NOT d.standing AND j.enabled
  AND (SELECT NOT EXISTS (SELECT FROM inflight i
                          WHERE i.job_id = d.job_id AND i.cancelled_at IS NULL));

-- name: end_jobs
-- The receiver said 410: the version it said it of ends, with all that is still to come of it. What
-- it sent is kept, so that it can be sent again should the 410 have been a mistake.
-- Run under lock_due_of.
WITH ended AS (
  DELETE FROM job j
  USING unnest(%(job_ids)b::uuid[], %(versions)b::int[]) AS v (id, version)
  WHERE j.id = ANY (ARRAY[v.id]) AND j.version = v.version
    AND j.account_id = ANY (ARRAY(SELECT d.account_id FROM due d WHERE d.job_id = v.id))
  RETURNING j.*
), kept AS (
  INSERT INTO superseded
    (job_id, version, url, signature, content_type, data, manner, on_success, on_failure, dialect,
     endpoint, depth, account_id)
  SELECT id, version, url, signature, content_type, data, manner, on_success, on_failure, dialect,
         endpoint, depth, account_id
  FROM ended
  ON CONFLICT DO NOTHING
  RETURNING account_id, content_bytes(url, signature, content_type, data, manner, on_success,
                                      on_failure) AS bytes
), counted AS (
  INSERT INTO usage_release (account_id, jobs, bytes)
  SELECT account_id, 0, -sum(bytes) FROM kept GROUP BY account_id
)
UPDATE inflight i
SET cancelled_at = clock_timestamp(), look_at = clock_timestamp(),
    withdrawal_known = state <> 'taken',
    reason = 'the receiver answered 410 Gone: the job has ended'
FROM ended WHERE i.job_id = ANY (ARRAY[ended.id]) AND i.cancelled_at IS NULL;

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

-- name: postpone_run
-- A run that no claim made, above a limit of its account, waits for its turn, and is rung for then
-- without being counted again. Its lateness counts from its turn. An empty destination is where
-- nobody sends for it. The rows are locked by fetch_checkable.
UPDATE inflight i
SET state = 'waiting', planned_at = v.turn, send_at = v.turn, destination = '', reason = v.reason,
    look_at = v.turn - %(ahead)s::interval
FROM unnest(%(ids)b::uuid[], %(instants)b::timestamptz[], %(reasons)b::text[])
  AS v (id, turn, reason)
WHERE i.id = ANY (ARRAY[v.id])
RETURNING i.id;

-- name: first_owed
-- When the first of an account's postponed firings were due, the earliest first.
SELECT a.account_id, ARRAY(
  SELECT owed_at FROM due WHERE due.account_id = a.account_id AND next_at = owed_till
  ORDER BY owed_at LIMIT %(limit)s)
FROM unnest(%(accounts)b::bigint[]) AS a (account_id);

-- name: stand_in_queue
-- A firing that an update made a run of, and that others of its account were due before which are
-- postponed: it has no turn yet and is not counted. It is looked at again, as one that no scheduler
-- has met, when those may have begun. The rows are locked by fetch_checkable.
UPDATE inflight i
SET send_at = v.look_at, planned_at = v.look_at, look_at = v.look_at, destination = '',
    reason = v.reason
FROM unnest(%(ids)b::uuid[], %(instants)b::timestamptz[], %(reasons)b::text[])
  AS v (id, look_at, reason)
WHERE i.id = ANY (ARRAY[v.id])
RETURNING i.id;

-- name: check_later
-- A run that is held is looked at again once its lease, as it stands now, has run out; one whose
-- lease ran out while leases were not judged, a little later. One that is running has its deadline.
UPDATE inflight
SET look_at = coalesce(complete_by, greatest(lease_until, clock_timestamp()) + interval '0.2 s')
WHERE id = ANY (%(ids)b::uuid[]) AND state IN ('taken', 'running');

-- name: manners
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

-- name: orphans
-- A live job has a next firing or a run in flight. One that has neither lost it to a fault: it is
-- found here, and armed again. What a suspended account has held back is not lost.
SELECT d.job_id, d.version, j.trigger, d.held_at, d.remaining, clock_timestamp()
FROM due d
CROSS JOIN LATERAL (SELECT * FROM job WHERE id = d.job_id AND account_id = d.account_id LIMIT 1) j
WHERE d.next_at IS NULL AND j.enabled AND (d.held_at IS NOT NULL OR NOT d.standing)
  AND j.updated_at NOT BETWEEN clock_timestamp() - interval '10 s' AND clock_timestamp()
  AND d.account_id <> ALL (ARRAY(SELECT id FROM account WHERE suspended_at IS NOT NULL))
  AND NOT EXISTS (SELECT FROM inflight i WHERE i.job_id = ANY (ARRAY[d.job_id]))
LIMIT %(limit)s
FOR UPDATE OF d SKIP LOCKED;

-- name: arm
-- Only under the lock of orphans, and only what still lacks both.
UPDATE due SET next_at = %(next_at)s, held_at = NULL
WHERE job_id = %(job_id)s AND next_at IS NULL
  AND NOT EXISTS (SELECT FROM inflight i WHERE i.job_id = due.job_id);
