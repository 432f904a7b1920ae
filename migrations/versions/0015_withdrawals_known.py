"""A withdrawn run is named to the workers until its holder knows of it, and not for minutes.

Revision ID: 0015
Revises: 0014

The release before writes neither column: the runs that it withdraws are named until they are ten
seconds old, and its aborts count for every holder. Its workers ask by `inflight_cancelled`, which
is there until nothing older than this release runs.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

INDEX = "inflight_withdrawn"


def upgrade() -> None:
    """Add the columns; then build the index, beside those who write."""
    op.execute(
        "ALTER TABLE inflight ADD COLUMN IF NOT EXISTS withdrawal_known boolean NOT NULL"
        " DEFAULT false"
    )
    op.execute("ALTER TABLE aborted ADD COLUMN IF NOT EXISTS token integer")
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        # One that was interrupted is there, but not valid.
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}")
        op.execute(
            f"CREATE INDEX CONCURRENTLY {INDEX} ON inflight (cancelled_at)"
            " WHERE cancelled_at IS NOT NULL AND NOT withdrawal_known"
        )
        op.execute("SET lock_timeout = '4s'")


def downgrade() -> None:
    """Take the index and the columns away."""
    op.execute(f"DROP INDEX IF EXISTS {INDEX}")
    op.execute("ALTER TABLE inflight DROP COLUMN IF EXISTS withdrawal_known")
    op.execute("ALTER TABLE aborted DROP COLUMN IF EXISTS token")
