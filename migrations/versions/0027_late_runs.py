"""Runs that were settled long after they were due are found when their partition is dropped.

Revision ID: 0027
Revises: 0026

They are few: a call may be tried again for a day. The index is built beside those who write.
"""

from alembic import op
from sqlalchemy import text

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

COLUMNS = "(settled_at) WHERE settled_at - due_at > interval '1 day'"
WITHOUT = text("""
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = CAST('run' AS regclass)
  AND NOT EXISTS (
    SELECT FROM pg_index x JOIN pg_inherits a ON a.inhrelid = x.indexrelid
    WHERE x.indrelid = c.oid AND a.inhparent = CAST('run_late' AS regclass))
ORDER BY c.relname
""")


def upgrade() -> None:
    """Build the index, one partition after the other; those made from now on have it."""
    op.execute(f"CREATE INDEX IF NOT EXISTS run_late ON ONLY run {COLUMNS}")
    with op.get_context().autocommit_block():
        # Waiting for whoever still reads an old state holds up nobody.
        op.execute("SET lock_timeout = 0")
        for (partition,) in op.get_bind().execute(WITHOUT).all():
            # One that was interrupted is there, but not valid.
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {partition}_late")
            op.execute(f"CREATE INDEX CONCURRENTLY {partition}_late ON {partition} {COLUMNS}")
            op.execute(f"ALTER INDEX run_late ATTACH PARTITION {partition}_late")
        op.execute("SET lock_timeout = '4s'")


def downgrade() -> None:
    """The release before drops a day by when its runs were due."""
    op.execute("DROP INDEX run_late")
