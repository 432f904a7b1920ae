"""Suspects are tried in groups, and each run in flight keeps the size of its own.

Revision ID: 0028
Revises: 0027

The release before tries every suspect alone, and reads the missing size as that.
"""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, which needs a lock of the table for a moment: no row is written."""
    op.execute("ALTER TABLE inflight ADD COLUMN IF NOT EXISTS group_size smallint")


def downgrade() -> None:
    """Drop the column."""
    op.execute("ALTER TABLE inflight DROP COLUMN group_size")
