"""Add the table and index with which workers poll for runs that were cancelled recently.

Revision ID: 0011
Revises: 0010

The release before does not write `aborted`: if it aborts a run in the 0.3 s before a call begins,
workers of this release notice it too late. Its own workers query each run that they hold.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

INDEX = "inflight_cancelled"


def upgrade() -> None:
    """Create the table; then build the index without blocking writers."""
    op.execute(
        "CREATE TABLE IF NOT EXISTS aborted (run_id uuid PRIMARY KEY,"
        " aborted_at timestamptz NOT NULL DEFAULT clock_timestamp())"
    )
    op.execute("CREATE INDEX IF NOT EXISTS aborted_age ON aborted (aborted_at)")
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        # One that was interrupted is there, but not valid.
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")
        op.execute(
            f"CREATE INDEX CONCURRENTLY {INDEX} ON inflight (cancelled_at)"
            " WHERE cancelled_at IS NOT NULL"
        )
        op.execute("SET lock_timeout = '4s'")


def downgrade() -> None:
    """Drop the table and the index."""
    op.execute(f"DROP INDEX IF EXISTS {INDEX}")
    op.execute("DROP TABLE IF EXISTS aborted")
