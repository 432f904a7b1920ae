"""Firings that wait because their account is at a limit, and how much each account has spent.

Revision ID: 0018
Revises: 0017

A firing is postponed only while `owed_till` equals `next_at`: whoever moves `next_at`, the release
before included, ends that, and needs to know nothing of it.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

INDEX = "due_owed"


def upgrade() -> None:
    """Add what is new, which looks at no row; then build the index, beside those who write."""
    op.execute("""
        ALTER TABLE due
          ADD COLUMN IF NOT EXISTS owed_at timestamptz,
          ADD COLUMN IF NOT EXISTS owed_till timestamptz,
          ADD COLUMN IF NOT EXISTS owed_for text
    """)
    op.execute("""
        CREATE TABLE IF NOT EXISTS firing_pace (
          account_id bigint PRIMARY KEY,
          spent_until timestamptz NOT NULL,
          queued_until timestamptz NOT NULL
        ) WITH (fillfactor = 50)
    """)
    # As available() of app/domain/firing_rate.py; both are NULL-safe: no rate is no bound.
    op.execute("""
        CREATE OR REPLACE FUNCTION allowance(per_second integer, spent_until timestamptz)
        RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE AS $$
          SELECT CASE WHEN per_second IS NULL THEN 2147483647
            ELSE greatest(0, floor(0.000001 + per_second
              * (1 - greatest(0, coalesce(extract(epoch FROM spent_until - now()), 0)))
            ))::integer END $$
    """)
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        # One that was interrupted is there, but not valid.
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")
        op.execute(
            f"CREATE INDEX CONCURRENTLY {INDEX} ON due (account_id, owed_at)"
            " WHERE next_at = owed_till"
        )
        op.execute("SET lock_timeout = '4s'")


def downgrade() -> None:
    """What was postponed comes when it was expected."""
    op.execute(f"DROP INDEX IF EXISTS {INDEX}")
    op.execute("DROP FUNCTION IF EXISTS allowance(integer, timestamptz)")
    op.execute("DROP TABLE IF EXISTS firing_pace")
    op.execute("ALTER TABLE due DROP COLUMN owed_at, DROP COLUMN owed_till, DROP COLUMN owed_for")
