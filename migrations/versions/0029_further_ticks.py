"""Runs may have further ticks: those of their job that they call after their own.

Revision ID: 0029
Revises: 0028

A worker of the release before calls the first of them alone, and the others are claimed as ever:
the job's next tick is the second until a run that has called more of them says otherwise.
"""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, which needs a lock of the table for a moment: no row is written."""
    op.execute("ALTER TABLE inflight ADD COLUMN IF NOT EXISTS further timestamptz[]")


def downgrade() -> None:
    """Drop the column."""
    op.execute("ALTER TABLE inflight DROP COLUMN further")
