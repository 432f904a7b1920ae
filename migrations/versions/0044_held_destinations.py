"""Workers write with their heartbeats which destinations they hold calls back for.

Revision ID: 0044
Revises: 0043

The release before neither writes nor reads the column.
"""

from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, which needs a lock for a moment."""
    op.execute("ALTER TABLE heartbeat ADD COLUMN IF NOT EXISTS held jsonb")


def downgrade() -> None:
    """Drop the column."""
    op.execute("ALTER TABLE heartbeat DROP COLUMN held")
