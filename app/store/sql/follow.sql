-- name: follow
-- A locked job starts when its account's job of that name ends in one of these states.
INSERT INTO follow (job_id, account_id, upstream, states)
SELECT job_id, account_id, %(upstream)s, %(states)s::text[] FROM due WHERE job_id = %(job_id)s;

-- name: unfollow
-- A locked job no longer starts when other jobs end.
DELETE FROM follow WHERE job_id = %(job_id)s;

-- name: followers
-- The jobs that may start when these end, each with the job that it follows. They are read before
-- any lock is taken, so that all are locked in one order. A job that begins to follow after that
-- starts with the next end. One row is looked up after another (OFFSET 0), whatever the statistics
-- say.
SELECT d.job_id AS upstream, f.job_id AS follower
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
-- The end of a run and the start of its followers are one transaction, under lock_jobs for these
-- followers and no others. A follower that is under way already does not start again. Its next
-- firing by time waits until it is settled (unblock). A firing that was withdrawn ahead of its
-- time, for another schedule or for none, is not an end: nothing had begun (fusion_jobs.py leaves
-- it out as well).
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

-- name: unblock
-- The firing that was blocked until a run was settled is the next one now, unless another run of
-- the job is under way (blocks_next). There is none if the run, which a pause had withdrawn, has
-- called the last tick that the job counts. Under lock_jobs, in the settling transaction.
-- num_nonnulls keeps the planner from reading all of due_held, the index of blocked firings, for
-- the few jobs asked about.
UPDATE due SET next_at = CASE WHEN remaining IS DISTINCT FROM 0 THEN held_at END, held_at = NULL
WHERE job_id = ANY (%(job_ids)b::uuid[]) AND num_nonnulls(held_at) = 1
  AND (SELECT NOT EXISTS (SELECT FROM inflight i
                          WHERE i.job_id = due.job_id AND {{blocks_next}}));

-- name: events_wanted
-- Of runs that have just settled: those whose job, in the version they belong to, wants an event, and
-- what the event reports. Before the job is deleted.
SELECT r.id AS run_id, r.token, r.account_id, r.job_id, j.name, r.due_at, r.state, r.attempts,
       (SELECT a.status FROM attempt a
        WHERE a.run_id = r.id AND a.number = r.attempts AND a.due_at = r.due_at) AS status,
       r.reason, r.settled_at, wanted.url,
       greatest(r.depth, CASE WHEN j.version = r.job_version THEN j.depth ELSE s.depth END)
         AS depth
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
  END AS url) wanted
WHERE wanted.url IS NOT NULL AND r.state IN ('succeeded', 'failed', 'dead');

-- name: insert_events
-- An event is a run of its own. Its job_id is the id of the run that it reports, and its
-- job_version the token that run was settled under. So nothing that happens to the job touches it,
-- the take finds its body where it finds that of a superseded version, and one settlement makes one
-- event.
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
