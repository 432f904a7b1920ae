"""Add jobs of other dialects: source documents, endpoints, and calls that never overlap.

Revision ID: 0009
Revises: 0008

The default of every column is the value of a native job, so the release before reads and writes its
jobs as before. The first part only adds columns and constraints, and can be repeated if the second
part was interrupted. The second part validates existing rows, without blocking writers.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KINDS = "kind IN ('scheduled', 'manual', 'event')"
KINDS_WITH_CHAINED = "kind IN ('scheduled', 'manual', 'event', 'chained')"
MANNER = """
  jsonb_typeof(manner) = 'object'
  AND manner <> '{{}}' AND manner - '{{method,headers,timeout,retry}}'::text[] = '{{}}'
  AND coalesce(manner ->> 'method', 'POST') IN ({methods})
  AND coalesce((manner ->> 'timeout')::float8, 1) BETWEEN 1 AND 60
  AND coalesce(jsonb_typeof(manner -> 'headers'), 'array') = 'array'
  AND coalesce(jsonb_typeof(manner -> 'retry'), 'object') = 'object'
"""
FOREIGN_METHODS = "'POST', 'PUT', 'PATCH', 'GET', 'DELETE'"

# By table: each check's name and what it says now.
CHECKS = {
    "job": {
        "job_dialect_is_known": "dialect IN ('native', 'dapr', 'fusion')",
        "job_url_check": "length(url) BETWEEN 1 AND 2048 OR dialect <> 'native'",
        "job_trigger_check": """
            trigger ->> 'kind' IN ('at', 'cron') AND dialect = 'native'
            OR trigger ->> 'kind' IN ('at', 'ticks') AND dialect = 'dapr'
            OR trigger ->> 'kind' = 'calendar' AND dialect = 'fusion'""",
        "job_name_is_short": """
            length(name) BETWEEN 1 AND 128
            OR dialect <> 'native' AND length(name) BETWEEN 1 AND 1024""",
        "job_endpoint_fits": """
            dialect = 'native' AND endpoint = '' OR dialect = 'dapr' AND endpoint <> ''
            OR dialect = 'fusion'""",
        "job_is_told_again": """
            dialect = 'native' AND written IS NULL
            OR dialect <> 'native' AND written IS NOT NULL AND name IS NOT NULL""",
        "job_manner_is_known": f"""
            {MANNER.format(methods="'POST', 'PUT', 'PATCH'")}
            OR dialect <> 'native' AND {MANNER.format(methods=FOREIGN_METHODS)}""",
    },
    "due": {
        "due_held_back_once": "held_at IS NULL OR serial AND next_at IS NULL",
        "due_remaining_check": "remaining >= 0",
    },
    "inflight": {"inflight_kind_check": KINDS_WITH_CHAINED},
    "run": {"run_kind_check": KINDS_WITH_CHAINED},
}

STATEMENTS = (
    """
    ALTER TABLE job
      ADD COLUMN IF NOT EXISTS dialect text NOT NULL DEFAULT 'native',
      ADD COLUMN IF NOT EXISTS endpoint text NOT NULL DEFAULT '',
      ADD COLUMN IF NOT EXISTS written jsonb
    """,
    """
    ALTER TABLE superseded
      ADD COLUMN IF NOT EXISTS dialect text NOT NULL DEFAULT 'native',
      ADD COLUMN IF NOT EXISTS endpoint text NOT NULL DEFAULT ''
    """,
    """
    ALTER TABLE due
      ADD COLUMN IF NOT EXISTS serial boolean NOT NULL DEFAULT false,
      ADD COLUMN IF NOT EXISTS standing boolean NOT NULL DEFAULT false,
      ADD COLUMN IF NOT EXISTS held_at timestamptz,
      ADD COLUMN IF NOT EXISTS remaining integer
    """,
    "ALTER TABLE inflight ADD COLUMN IF NOT EXISTS serial boolean NOT NULL DEFAULT false",
    "ALTER TABLE api_key ADD COLUMN IF NOT EXISTS app text",
    """
    CREATE TABLE IF NOT EXISTS endpoint (
      account_id bigint NOT NULL REFERENCES account,
      dialect text NOT NULL CHECK (dialect IN ('dapr', 'fusion')),
      name text NOT NULL CHECK (length(name) BETWEEN 1 AND 256),
      url text NOT NULL CHECK (length(url) BETWEEN 1 AND 2048),
      sealed_token bytea,
      updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      PRIMARY KEY (account_id, dialect, name)
    )
    """,
    # No foreign key: it would be looked up at the end of every one-time job, of which none follows.
    """
    CREATE TABLE IF NOT EXISTS follow (
      job_id uuid NOT NULL,
      account_id bigint NOT NULL,
      upstream text NOT NULL,
      states text[] NOT NULL CHECK (cardinality(states) > 0
        AND states <@ '{succeeded,failed,cancelled,dead}'),
      PRIMARY KEY (job_id, upstream)
    )
    """,
    "CREATE INDEX IF NOT EXISTS follow_upstream ON follow (account_id, upstream)",
    *[
        statement
        for table, checks in CHECKS.items()
        for name, check in checks.items()
        for statement in (
            f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}",
            f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({check}) NOT VALID",
        )
    ],
)

# An index that is met half made is made anew. Whoever finds a name taken knows it by `job_name`.
INDEXES = (
    "DROP INDEX CONCURRENTLY IF EXISTS job_name_new",
    """
    CREATE UNIQUE INDEX CONCURRENTLY job_name_new ON job (account_id, dialect, endpoint, name)
    WHERE name IS NOT NULL
    """,
    "DROP INDEX CONCURRENTLY IF EXISTS inflight_serial",
    """
    CREATE UNIQUE INDEX CONCURRENTLY inflight_serial ON inflight (job_id)
    WHERE serial AND cancelled_at IS NULL
    """,
    "DROP INDEX CONCURRENTLY IF EXISTS job_name",
    "ALTER INDEX job_name_new RENAME TO job_name",
)

# What only this release can do goes: jobs of other dialects, and what is under way of them.
DOWNGRADE = (
    "DELETE FROM inflight WHERE kind = 'chained' OR serial",
    "DELETE FROM run WHERE kind = 'chained'",
    "DELETE FROM superseded WHERE dialect <> 'native'",
    "DELETE FROM job WHERE dialect <> 'native'",
    "DROP TABLE follow",
    "DROP TABLE endpoint",
    "DROP INDEX inflight_serial, job_name",
    *[
        f"ALTER TABLE {table} DROP CONSTRAINT {name}"
        for table, checks in CHECKS.items()
        for name in checks
    ],
    "ALTER TABLE api_key DROP COLUMN app",
    "ALTER TABLE inflight DROP COLUMN serial",
    """
    ALTER TABLE due
      DROP COLUMN serial, DROP COLUMN standing, DROP COLUMN held_at, DROP COLUMN remaining
    """,
    "ALTER TABLE superseded DROP COLUMN dialect, DROP COLUMN endpoint",
    "ALTER TABLE job DROP COLUMN dialect, DROP COLUMN endpoint, DROP COLUMN written",
    f"""
    ALTER TABLE job
      ADD CONSTRAINT job_url_check CHECK (length(url) BETWEEN 1 AND 2048),
      ADD CONSTRAINT job_trigger_check CHECK (trigger ->> 'kind' IN ('at', 'cron')),
      ADD CONSTRAINT job_name_is_short CHECK (length(name) BETWEEN 1 AND 128),
      ADD CONSTRAINT job_manner_is_known
        CHECK ({MANNER.format(methods="'POST', 'PUT', 'PATCH'")})
    """,
    f"ALTER TABLE inflight ADD CONSTRAINT inflight_kind_check CHECK ({KINDS})",
    f"ALTER TABLE run ADD CONSTRAINT run_kind_check CHECK ({KINDS})",
    "CREATE UNIQUE INDEX job_name ON job (account_id, name) WHERE name IS NOT NULL",
)


def upgrade() -> None:
    """Add what is new; then build the indexes and validate, beside those who write."""
    for statement in STATEMENTS:
        op.execute(statement)
    with op.get_context().autocommit_block():
        # Waiting for whoever still reads an old state holds up nobody.
        op.execute("SET lock_timeout = 0")
        for statement in INDEXES:
            op.execute(statement)
        for table, checks in CHECKS.items():
            for name in checks:
                op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
        op.execute("SET lock_timeout = '4s'")


def downgrade() -> None:
    """Take it back, with the jobs that need it."""
    for statement in DOWNGRADE:
        op.execute(statement)
