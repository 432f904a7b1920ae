"""Flow control: connections per account, and runs given back until their destination has room.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The release before writes neither column: its waiting runs have attempts, and a run given back by
# this release is to it a run like any other.
UPGRADE = (
    """
    ALTER TABLE account
      ADD COLUMN connections integer CHECK (connections BETWEEN 1 AND 10000)
    """,
    """
    ALTER TABLE inflight
      ADD COLUMN planned_at timestamptz,
      ADD COLUMN destination text,
      DROP CONSTRAINT inflight_waits_after_an_attempt,
      ADD CONSTRAINT inflight_waits_for_a_reason
        CHECK (state <> 'waiting' OR attempts > 0 OR destination IS NOT NULL),
      ADD CONSTRAINT inflight_given_back_was_planned
        CHECK ((destination IS NULL) = (planned_at IS NULL)
               AND planned_at BETWEEN due_at AND send_at)
    """,
    """
    CREATE INDEX inflight_parked ON inflight (account_id, destination, due_at)
      WHERE destination IS NOT NULL
    """,
)
DOWNGRADE = (
    "DROP INDEX inflight_parked",
    """
    UPDATE inflight SET state = 'claimed', look_at = clock_timestamp()
    WHERE state = 'waiting' AND attempts = 0
    """,
    """
    ALTER TABLE inflight
      DROP CONSTRAINT inflight_given_back_was_planned,
      DROP CONSTRAINT inflight_waits_for_a_reason,
      DROP COLUMN destination,
      DROP COLUMN planned_at,
      ADD CONSTRAINT inflight_waits_after_an_attempt CHECK (state <> 'waiting' OR attempts > 0)
    """,
    "ALTER TABLE account DROP COLUMN connections",
)


def upgrade() -> None:
    """Add the columns; the constraint that a run given back would break goes."""
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    """Let runs that were given back go on as claimed ones, then drop the columns."""
    for statement in DOWNGRADE:
        op.execute(statement)
