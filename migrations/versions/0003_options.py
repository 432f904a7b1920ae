"""Add the options of jobs beyond the spec: name, tags, call options, and misfire policy.

Every column is NULL if a job has the default, so the release before reads and writes its jobs as
before. The table is read twice under its lock, for the constraints and for the index, which takes
a second or two for each million jobs.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UPGRADE = (
    """
    ALTER TABLE job
      ADD COLUMN name text,
      ADD COLUMN tags text[],
      ADD COLUMN manner jsonb,
      ADD COLUMN misfire text,
      ADD COLUMN misfire_window double precision,
      ADD COLUMN on_success text,
      ADD COLUMN on_failure text,
      ADD CONSTRAINT job_name_is_short CHECK (length(name) BETWEEN 1 AND 128),
      ADD CONSTRAINT job_tags_are_few CHECK (cardinality(tags) BETWEEN 1 AND 20
        AND array_position(tags, NULL) IS NULL),
      ADD CONSTRAINT job_manner_is_known CHECK (jsonb_typeof(manner) = 'object'
        AND manner <> '{}' AND manner - '{method,headers,timeout,retry}'::text[] = '{}'
        AND coalesce(manner ->> 'method', 'POST') IN ('POST', 'PUT', 'PATCH')
        AND coalesce((manner ->> 'timeout')::float8, 1) BETWEEN 1 AND 60
        AND coalesce(jsonb_typeof(manner -> 'headers'), 'array') = 'array'
        AND coalesce(jsonb_typeof(manner -> 'retry'), 'object') = 'object'),
      ADD CONSTRAINT job_misfire_is_known CHECK (misfire IN ('all', 'one', 'skip')),
      ADD CONSTRAINT job_misfire_window_is_bounded
        CHECK (misfire_window BETWEEN 1 AND 2592000),
      ADD CONSTRAINT job_on_success_is_short
        CHECK (length(on_success) BETWEEN 1 AND 2048),
      ADD CONSTRAINT job_on_failure_is_short
        CHECK (length(on_failure) BETWEEN 1 AND 2048)
    """,
    """
    ALTER TABLE superseded
      ADD COLUMN manner jsonb,
      ADD COLUMN on_success text,
      ADD COLUMN on_failure text
    """,
    "CREATE UNIQUE INDEX job_name ON job (account_id, name) WHERE name IS NOT NULL",
)

DOWNGRADE = (
    "DROP INDEX job_name",
    "ALTER TABLE superseded DROP COLUMN manner, DROP COLUMN on_success, DROP COLUMN on_failure",
    """
    ALTER TABLE job
      DROP COLUMN name, DROP COLUMN tags, DROP COLUMN manner, DROP COLUMN misfire,
      DROP COLUMN misfire_window, DROP COLUMN on_success, DROP COLUMN on_failure
    """,
)


def upgrade() -> None:
    """Add the columns, and the index, which is still empty."""
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    """Drop the columns, with the options that jobs have set."""
    for statement in DOWNGRADE:
        op.execute(statement)
