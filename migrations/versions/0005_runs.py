"""Runs: listed by account, sent again, and made by hand; content kept for that.

Revision ID: 0005
Revises: 0004

The first part only adds, and may be met by itself when the second was interrupted; the second
builds indexes and looks through what is there, without holding up those who write.
"""

from alembic import op
from sqlalchemy import text

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Checks hold for every row from now on, and are validated for those before it in the second part.
STATEMENTS = (
    "ALTER TABLE inflight DROP CONSTRAINT IF EXISTS inflight_kind_check",
    """
    ALTER TABLE inflight ADD CONSTRAINT inflight_kind_check
      CHECK (kind IN ('scheduled', 'manual')) NOT VALID
    """,
    "ALTER TABLE run DROP CONSTRAINT IF EXISTS run_kind_check",
    """
    ALTER TABLE run ADD CONSTRAINT run_kind_check
      CHECK (kind IN ('scheduled', 'manual')) NOT VALID
    """,
    # The attempts made before the run was last sent again: the retries count from there.
    "ALTER TABLE inflight ADD COLUMN IF NOT EXISTS tried smallint NOT NULL DEFAULT 0",
    "ALTER TABLE inflight DROP CONSTRAINT IF EXISTS inflight_tried_was_attempted",
    """
    ALTER TABLE inflight ADD CONSTRAINT inflight_tried_was_attempted
      CHECK (tried BETWEEN 0 AND attempts) NOT VALID
    """,
    # The token it was settled under; NULL where the release before this one settled it.
    "ALTER TABLE run ADD COLUMN IF NOT EXISTS token integer",
    # now() first, which is the same for all rows that are there: they need not be written anew.
    """
    ALTER TABLE superseded
      ADD COLUMN IF NOT EXISTS superseded_at timestamptz NOT NULL DEFAULT now()
    """,
    "ALTER TABLE superseded ALTER COLUMN superseded_at SET DEFAULT clock_timestamp()",
    "CREATE INDEX IF NOT EXISTS superseded_age ON superseded (superseded_at)",
)

VALIDATE = (
    "ALTER TABLE inflight VALIDATE CONSTRAINT inflight_kind_check",
    "ALTER TABLE inflight VALIDATE CONSTRAINT inflight_tried_was_attempted",
    "ALTER TABLE run VALIDATE CONSTRAINT run_kind_check",
)

INFLIGHT_RETRIED = "inflight_retried"
RETRIED = "(account_id, due_at, id) WHERE attempts > 0"

# Each run is in one of the two: an account's list costs a settlement one entry.
HISTORY = {
    "run_succeeded": "(account_id, due_at, id) WHERE state = 'succeeded'",
    "run_unsuccessful": "(account_id, state, due_at, id) WHERE state <> 'succeeded'",
}

WITHOUT = text("""
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = CAST('run' AS regclass)
  AND NOT EXISTS (
    SELECT FROM pg_index x JOIN pg_inherits a ON a.inhrelid = x.indexrelid
    WHERE x.indrelid = c.oid AND a.inhparent = CAST(:parent AS regclass))
ORDER BY c.relname
""")


def upgrade() -> None:
    """Add what is new; then build the indexes and validate, beside those who write."""
    for statement in STATEMENTS:
        op.execute(statement)
    for name, columns in HISTORY.items():
        # Of the parent alone, which takes no time; partitions made from now on have it.
        op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON ONLY run {columns}")
    with op.get_context().autocommit_block():
        # Waiting for whoever still reads an old state holds up nobody.
        op.execute("SET lock_timeout = 0")
        _build(INFLIGHT_RETRIED, "inflight", RETRIED)
        for name, columns in HISTORY.items():
            for (partition,) in op.get_bind().execute(WITHOUT, {"parent": name}).all():
                built = f"{partition}_{name.removeprefix('run_')}"
                _build(built, partition, columns)
                op.execute(f"ALTER INDEX {name} ATTACH PARTITION {built}")
        for statement in VALIDATE:
            op.execute(statement)
        op.execute("SET lock_timeout = '4s'")


def downgrade() -> None:
    """Take it all back; runs made by hand go with it."""
    for name in (*HISTORY, INFLIGHT_RETRIED, "superseded_age"):
        op.execute(f"DROP INDEX {name}")
    op.execute("ALTER TABLE superseded DROP COLUMN superseded_at")
    op.execute("ALTER TABLE run DROP COLUMN token")
    op.execute("ALTER TABLE inflight DROP COLUMN tried")
    for table in ("inflight", "run"):
        op.execute(f"DELETE FROM {table} WHERE kind <> 'scheduled'")  # noqa: S608 - names from the line above
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_kind_check")
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_kind_check CHECK (kind IN ('scheduled'))"
        )


def _build(name: str, table: str, columns: str) -> None:
    """Build an index anew: one that was interrupted is there, but not valid."""
    op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {table} {columns}")
