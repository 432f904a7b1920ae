"""Jobs and runs have a depth: how many calls led to them, one to the next.

Revision ID: 0021
Revises: 0020

What the release before stores while it runs has the depth 0, which the default says.
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TABLES = ("job", "superseded", "inflight", "run")


def upgrade() -> None:
    """Add the columns, which needs a lock of each table for a moment: no row is written."""
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ADD COLUMN depth smallint NOT NULL DEFAULT 0")


def downgrade() -> None:
    """Drop the columns."""
    for table in reversed(TABLES):
        op.execute(f"ALTER TABLE {table} DROP COLUMN depth")
