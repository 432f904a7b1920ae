-- name: find_key
-- The clock that is read with the key decides whether the time of a booking is in the future.
SELECT account.id AS account_id, account.name, digest, revoked_at IS NOT NULL AS revoked, expires_at,
       app, scope, clock_timestamp() AS now, account.suspended_at IS NOT NULL AS suspended,
       account.limits, account.connections
FROM api_key JOIN account ON account.id = ANY (ARRAY[account_id])
WHERE api_key.id = %(key_id)s;

-- name: has_endpoint
-- Executed for each request that names an endpoint: it reads one entry of the index, however many
-- endpoints the account has.
SELECT FROM endpoint
WHERE account_id = %(account_id)s AND dialect = %(dialect)s AND name = %(name)s;

-- name: endpoints
-- The first endpoints that an account has configured for a dialect, by name.
SELECT name FROM endpoint
WHERE account_id = %(account_id)s AND dialect = %(dialect)s ORDER BY name LIMIT %(limit)s;

-- name: signing_accounts
-- Only secrets that have not expired. An account without any still has one row, for its limit.
SELECT a.id AS account_id, a.connections, s.sealed
FROM account a
LEFT JOIN signing_secret s
  ON s.account_id = ANY (ARRAY[a.id]) AND (s.expires_at IS NULL OR s.expires_at > clock_timestamp())
WHERE a.id = ANY (%(accounts)b::bigint[])
ORDER BY a.id, s.id DESC;
