"""Runs keep who started them: whose key asked for one, or which job's end.

Revision ID: 0010
Revises: 0009

The release before neither writes nor reads it: of a run that it made or settled nobody can tell.
The checks are new with their columns, which are empty: they are looked through beside those who
write.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TABLES = ("inflight", "run")
# A schedule's firings say so by their kind, an event is started by the run it tells of.
CHECK = "started_by IS NULL OR kind IN ('manual', 'chained')"


def upgrade() -> None:
    """Add the columns; then look through what is there."""
    for table in TABLES:
        name = f"{table}_started_by_fits"
        op.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS started_by text")
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({CHECK}) NOT VALID")
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        for table in TABLES:
            op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {table}_started_by_fits")
        op.execute("SET lock_timeout = '4s'")


def downgrade() -> None:
    """Take the columns away, and with them the checks."""
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} DROP COLUMN started_by")
