"""Add completion, runs whose receiver reports the result later, and events, which report runs.

Revision ID: 0008
Revises: 0007

The first part only adds columns and constraints, and can be repeated if the second part was
interrupted. The second part validates existing rows, without blocking writers.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

KINDS = "kind IN ('scheduled', 'manual')"
KINDS_WITH_EVENTS = "kind IN ('scheduled', 'manual', 'event')"
STATES = "state IN ('claimed', 'taken', 'waiting')"

# Checks hold for every row from now on, and are validated for those before it in the second part.
STATEMENTS = (
    # What the receiver has said, where it could not be acted upon at once; and until when it may.
    """
    ALTER TABLE inflight
      ADD COLUMN IF NOT EXISTS complete_by timestamptz,
      ADD COLUMN IF NOT EXISTS completion text,
      ADD COLUMN IF NOT EXISTS completion_message text
    """,
    "ALTER TABLE inflight DROP CONSTRAINT IF EXISTS inflight_state_check",
    """
    ALTER TABLE inflight ADD CONSTRAINT inflight_state_check
      CHECK (state IN ('claimed', 'taken', 'waiting', 'running')) NOT VALID
    """,
    "ALTER TABLE inflight DROP CONSTRAINT IF EXISTS inflight_running_has_an_end",
    """
    ALTER TABLE inflight ADD CONSTRAINT inflight_running_has_an_end
      CHECK ((state = 'running') = (complete_by IS NOT NULL)) NOT VALID
    """,
    "ALTER TABLE inflight DROP CONSTRAINT IF EXISTS inflight_runs_after_an_attempt",
    """
    ALTER TABLE inflight ADD CONSTRAINT inflight_runs_after_an_attempt
      CHECK (state <> 'running' OR attempts > tried) NOT VALID
    """,
    "ALTER TABLE inflight DROP CONSTRAINT IF EXISTS inflight_kind_check",
    f"""
    ALTER TABLE inflight ADD CONSTRAINT inflight_kind_check
      CHECK ({KINDS_WITH_EVENTS}) NOT VALID
    """,
    "ALTER TABLE run DROP CONSTRAINT IF EXISTS run_kind_check",
    f"ALTER TABLE run ADD CONSTRAINT run_kind_check CHECK ({KINDS_WITH_EVENTS}) NOT VALID",
    "ALTER TABLE inflight DROP CONSTRAINT IF EXISTS inflight_completion_check",
    """
    ALTER TABLE inflight ADD CONSTRAINT inflight_completion_check
      CHECK (completion IN ('succeeded', 'failed')
             AND (completion_message IS NULL
                  OR completion IS NOT NULL AND length(completion_message) <= 1024)) NOT VALID
    """,
)

CHECKS = (
    ("inflight", "inflight_state_check"),
    ("inflight", "inflight_kind_check"),
    ("inflight", "inflight_running_has_an_end"),
    ("inflight", "inflight_runs_after_an_attempt"),
    ("inflight", "inflight_completion_check"),
    ("run", "run_kind_check"),
)

# What its receiver would have said later is asked of it anew; events go.
DOWNGRADE = (
    "DELETE FROM inflight WHERE kind = 'event'",
    "DELETE FROM run WHERE kind = 'event'",
    "ALTER TABLE inflight DROP CONSTRAINT inflight_kind_check",
    f"ALTER TABLE inflight ADD CONSTRAINT inflight_kind_check CHECK ({KINDS})",
    "ALTER TABLE run DROP CONSTRAINT run_kind_check",
    f"ALTER TABLE run ADD CONSTRAINT run_kind_check CHECK ({KINDS})",
    """
    UPDATE inflight
    SET state = 'waiting', complete_by = NULL, send_at = clock_timestamp(),
        look_at = clock_timestamp()
    WHERE state = 'running'
    """,
    """
    ALTER TABLE inflight
      DROP CONSTRAINT inflight_completion_check,
      DROP CONSTRAINT inflight_runs_after_an_attempt,
      DROP CONSTRAINT inflight_running_has_an_end,
      DROP CONSTRAINT inflight_state_check,
      DROP COLUMN completion_message,
      DROP COLUMN completion,
      DROP COLUMN complete_by
    """,
    f"ALTER TABLE inflight ADD CONSTRAINT inflight_state_check CHECK ({STATES})",
)


def upgrade() -> None:
    """Add columns and constraints; then validate existing rows, without blocking writers."""
    for statement in STATEMENTS:
        op.execute(statement)
    with op.get_context().autocommit_block():
        # Waiting for whoever still reads an old state holds up nobody.
        op.execute("SET lock_timeout = 0")
        for table, check in CHECKS:
            op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {check}")
        op.execute("SET lock_timeout = '4s'")


def downgrade() -> None:
    """Have running runs attempted again, and drop columns and constraints."""
    for statement in DOWNGRADE:
        op.execute(statement)
