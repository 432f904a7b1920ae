-- name: book
-- No job is stored for a key that is not valid when this statement begins, that may not book native
-- jobs, or whose account is suspended: the web may have cached the key as valid. Nor is one stored
-- by a clock that was cached wrongly: `first` is the first firing after `since`, an earlier reading
-- of this clock, and must still be to come. The job and its due row are stored together, as version
-- 1.
WITH caller AS MATERIALIZED (
  SELECT account_id FROM api_key
  WHERE id = %(key_id)s AND digest = %(digest)s AND revoked_at IS NULL
    AND (expires_at IS NULL OR expires_at > clock_timestamp())
    AND (scope = 'admin' OR scope = 'book' AND app IS NULL)
    AND account_id <> ALL (ARRAY(SELECT id FROM account WHERE suspended_at IS NOT NULL))
    AND clock_timestamp() >= %(since)s AND clock_timestamp() < %(first)s
), booked AS (
  INSERT INTO job (id, account_id, version, {{job_columns}})
  SELECT %(id)s::uuid, account_id, 1, {{job_values}} FROM caller
)
INSERT INTO due (job_id, account_id, version, recurring, next_at)
SELECT %(id)s::uuid, account_id, 1, %(recurring)s::boolean,
       CASE WHEN %(enabled)s::boolean THEN %(first)s::timestamptz END
FROM caller;

-- name: book_any
-- The job and its due row are stored together, as version 1. The index job_name decides whether its
-- name is free.
WITH booked AS (
  INSERT INTO job (id, account_id, version, {{job_columns}})
  VALUES (%(id)s::uuid, %(account_id)s, 1, {{job_values}})
)
INSERT INTO due (job_id, account_id, version, recurring, serial, standing, remaining, next_at)
VALUES (%(id)s::uuid, %(account_id)s, 1, %(recurring)s::boolean, %(serial)s::boolean,
        %(standing)s::boolean, %(remaining)s::integer, %(next_at)s::timestamptz);

-- name: book_of_app
-- As book, of a Dapr app: the web may have cached its key, or the account of its listener, whose
-- clients send none. No job is stored unless both are still valid, the account is active and has the
-- app, and the clock is near `now`, by which relative times were reckoned: an estimate of the web,
-- which is some time old when it gets here.
WITH caller AS MATERIALIZED (
  SELECT account_id FROM (
    SELECT account_id FROM api_key
    WHERE id = %(key_id)s AND digest = %(digest)s AND revoked_at IS NULL
      AND (expires_at IS NULL OR expires_at > clock_timestamp()) AND account_id = %(caller_id)s
      AND scope IN ('admin', 'book') AND (app IS NULL OR app = %(endpoint)s)
    UNION ALL
    SELECT id FROM account WHERE id = %(caller_id)s AND %(key_id)s = ''
  ) AS known
  WHERE account_id <> ALL (ARRAY(SELECT id FROM account WHERE suspended_at IS NOT NULL))
    AND EXISTS (SELECT FROM endpoint
                WHERE account_id = %(caller_id)s AND dialect = 'dapr' AND name = %(endpoint)s)
    AND clock_timestamp() BETWEEN %(now)s::timestamptz - interval '20 ms'
                              AND %(now)s::timestamptz + interval '1 s'
), booked AS (
  INSERT INTO job (id, account_id, version, {{job_columns}})
  SELECT %(id)s::uuid, account_id, 1, {{job_values}} FROM caller
)
INSERT INTO due (job_id, account_id, version, recurring, serial, standing, remaining, next_at)
SELECT %(id)s::uuid, account_id, 1, %(recurring)s::boolean, %(serial)s::boolean,
       %(standing)s::boolean, %(remaining)s::integer, %(next_at)s::timestamptz
FROM caller
RETURNING clock_timestamp();

-- name: book_together
-- All of these jobs are stored or none, each with its due row, as version 1: it is one statement.
WITH v AS MATERIALIZED (
  SELECT * FROM unnest(%(ids)b::uuid[], %(recurring)b::boolean[], %(nexts)b::timestamptz[],
                       {{job_arrays}})
    AS v (id, recurring, next_at, {{job_columns}})
), booked AS (
  INSERT INTO job (id, account_id, version, {{job_columns}})
  SELECT id, %(account_id)s, 1, {{job_elements}} FROM v
)
INSERT INTO due (job_id, account_id, version, recurring, next_at)
SELECT id, %(account_id)s, 1, recurring, next_at FROM v;

-- name: book_batch
-- As book and book_of_app, of many callers at once: each job by itself is stored, with its due row
-- as version 1, or left out. It is left out if its caller is not valid when this statement begins,
-- if the clock is not from `earliest` to `latest`, or if its name is taken. An app is what the jobs
-- of a caller call; a caller without a key is a listener of an account. Jobs are inserted in the
-- order in which they are given, which is the same in all batches, so that two batches with the
-- same names do not wait for each other in a circle.
WITH caller AS MATERIALIZED (
  SELECT ARRAY(
    SELECT (
      SELECT account_id FROM (
        SELECT account_id FROM api_key
        WHERE id = c.key_id AND digest = c.digest AND account_id = c.account_id
          AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
          AND scope IN ('admin', 'book')
          AND (app IS NULL OR app = c.app OR c.app IS NULL AND scope = 'admin')
        UNION ALL
        SELECT id FROM account WHERE id = c.account_id AND c.key_id = ''
      ) AS known
      WHERE account_id <> ALL (ARRAY(SELECT id FROM account WHERE suspended_at IS NOT NULL))
        AND (c.app IS NULL OR EXISTS (
          SELECT FROM endpoint
          WHERE account_id = c.account_id AND dialect = 'dapr' AND name = c.app)))
    FROM unnest(%(key_ids)b::text[], %(digests)b::bytea[], %(account_ids)b::bigint[],
                %(apps)b::text[])
      WITH ORDINALITY AS c (key_id, digest, account_id, app, number)
    ORDER BY number) AS account_ids
), v AS MATERIALIZED (
  SELECT v.*, (SELECT account_ids FROM caller)[v.caller] AS account_id
  FROM unnest(%(ids)b::uuid[], %(callers)b::integer[], %(earliest)b::timestamptz[],
              %(latest)b::timestamptz[], %(recurring)b::boolean[], %(serial)b::boolean[],
              %(remaining)b::integer[], %(nexts)b::timestamptz[], {{job_arrays}})
    WITH ORDINALITY AS v (id, caller, earliest, latest, recurring, serial, remaining, next_at,
                          {{job_columns}}, place)
  WHERE (SELECT account_ids FROM caller)[v.caller] IS NOT NULL
    AND clock_timestamp() >= v.earliest AND clock_timestamp() < v.latest
  ORDER BY v.place
), booked AS (
  INSERT INTO job (id, account_id, version, {{job_columns}})
  SELECT id, account_id, 1, {{job_elements}} FROM v
  ON CONFLICT (account_id, dialect, endpoint, name) WHERE name IS NOT NULL DO NOTHING
  RETURNING id
)
-- With IS TRUE, the ids are looked up in a hash table, and not by comparing each with each.
INSERT INTO due (job_id, account_id, version, recurring, serial, remaining, next_at)
SELECT id, account_id, 1, recurring, serial, remaining, next_at FROM v
WHERE (id IN (SELECT id FROM booked)) IS TRUE
RETURNING job_id, clock_timestamp();
