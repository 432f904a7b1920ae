-- name: book
-- No job is stored for a key that is not valid when this statement begins, that may not book native
-- jobs, or whose account is suspended: the web may have cached the key as valid. Nor is one stored
-- by a clock that was cached wrongly: `first` is the first firing after `since`, an earlier reading
-- of this clock, and must still be to come. The job and its due row are stored together, as version
-- 1.
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
-- The job and its due row are stored together, as version 1. The index job_name decides whether its
-- name is free.
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

-- name: book_together
-- All of these jobs are stored or none, each with its due row, as version 1: it is one statement.
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
