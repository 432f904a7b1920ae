-- fragment: insert_content
INSERT INTO superseded
    (job_id, version, url, signature, content_type, data, manner, on_success, on_failure, dialect,
     endpoint, depth, account_id, type_url)
  SELECT id, version, url, signature, content_type, data, manner, on_success, on_failure, dialect,
         endpoint, depth, account_id, type_url

-- fragment: returning_bytes
ON CONFLICT DO NOTHING
  RETURNING account_id, content_bytes(url, signature, content_type, data, manner, on_success,
                                      on_failure) AS bytes

-- fragment: count_kept
-- Superseded content counts as stored, as its job did. No statement fails here for lack of room.
INSERT INTO usage_release (account_id, jobs, bytes)
  SELECT account_id, 0, -sum(bytes) FROM kept GROUP BY account_id

-- fragment: present_version_if_fired
-- A version that never fired is not kept: a job that is put off again and again costs nothing. No run
-- is due much before its job was booked, except for Dapr jobs, which may have any dueTime: that keeps
-- the search out of older partitions.
FROM job j
  WHERE id = %(job_id)s AND account_id = (SELECT account_id FROM due WHERE job_id = %(job_id)s)
    AND (EXISTS (SELECT FROM inflight i WHERE i.job_id = %(job_id)s AND i.job_version = j.version)
         OR EXISTS (SELECT FROM run r WHERE r.job_id = %(job_id)s AND r.job_version = j.version
                    AND r.due_at >= CASE WHEN j.dialect = 'dapr' THEN '-infinity'
                                         ELSE j.created_at - interval '1 minute' END))

-- name: keep_content
-- A locked job gets its next version: what the present one sends is kept for its runs, if it ever fired.
-- take_room raises an error where the account has no room for it.
WITH kept AS (
  {{insert_content}}
  {{present_version_if_fired}}
  {{returning_bytes}}
)
SELECT take_room(account_id, 0, bytes, 0) FROM kept;

-- name: keep_content_anyhow
-- As keep_content, for a job that is paused: an account at its storage limit can still pause jobs.
WITH kept AS (
  {{insert_content}}
  {{present_version_if_fired}}
  {{returning_bytes}}
)
{{count_kept}};

-- name: drop_contents
-- None of the runs of these jobs is sent again.
DELETE FROM superseded WHERE job_id = ANY (%(job_ids)b::uuid[]);

-- name: drop_superseded
-- Retention. Every run of a version was due before the version was superseded: those that need what is
-- dropped are gone from history already, except one that is being sent again, which keeps it.
DELETE FROM superseded
WHERE ctid = ANY (ARRAY(
  SELECT s.ctid FROM superseded s
  WHERE s.superseded_at < %(first_kept)s
    AND NOT EXISTS (SELECT FROM inflight i
                    WHERE i.job_id = ANY (ARRAY[s.job_id]) AND i.job_version = s.version)
  ORDER BY s.superseded_at
  LIMIT %(limit)s
  FOR UPDATE SKIP LOCKED));

-- name: drop_kept
-- An account at its storage limit makes room: its oldest superseded content is deleted first, as much
-- as is needed, except content that a run in flight needs.
DELETE FROM superseded
WHERE ctid = ANY (ARRAY(
  SELECT place FROM (
    SELECT place, size, sum(size) OVER (ORDER BY superseded_at, place) AS so_far
    FROM (SELECT s.ctid AS place, superseded_at,
                 content_bytes(url, signature, content_type, data, manner, on_success,
                               on_failure) AS size
          FROM superseded s
          WHERE s.account_id = %(account_id)s
            AND (SELECT NOT EXISTS (SELECT FROM inflight i
                                    WHERE i.job_id = s.job_id AND i.job_version = s.version))
          ORDER BY s.superseded_at LIMIT %(limit)s) oldest) AS summed
  WHERE so_far - size < %(bytes)s));
