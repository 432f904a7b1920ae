"""Runs that an account began since its runs under way were counted.

Revision ID: 0025
Revises: 0024

The release before counts what is under way without them. Then an account seems to have more under
way than it has, for at most the seconds until a process of this release counts.
"""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

# A row stays while the account has begun anything, so that what it had begun when it was counted is
# known also where nothing was under way then.
STATEMENTS = (
    "ALTER TABLE firing_pace ADD COLUMN IF NOT EXISTS begun bigint NOT NULL DEFAULT 0",
    "ALTER TABLE runs_under_way ADD COLUMN IF NOT EXISTS begun bigint NOT NULL DEFAULT 0",
    "ALTER TABLE runs_under_way DROP CONSTRAINT IF EXISTS runs_under_way_runs_check",
    "ALTER TABLE runs_under_way ADD CONSTRAINT runs_under_way_runs_check CHECK (runs >= 0)",
    # Never too low, whenever the two are read: what has ended since is still counted.
    """
    CREATE OR REPLACE FUNCTION under_way(account bigint) RETURNS integer LANGUAGE sql
    STABLE PARALLEL SAFE AS $$
      SELECT (coalesce((SELECT runs FROM runs_under_way WHERE account_id = account), 0)
        + greatest(0,
            coalesce((SELECT begun FROM firing_pace WHERE account_id = account), 0)
            - coalesce((SELECT begun FROM runs_under_way WHERE account_id = account), 0)))::integer
    $$
    """,
)
DOWNGRADE = (
    "DROP FUNCTION under_way(bigint)",
    "DELETE FROM runs_under_way WHERE runs = 0",
    "ALTER TABLE runs_under_way DROP CONSTRAINT runs_under_way_runs_check",
    "ALTER TABLE runs_under_way ADD CONSTRAINT runs_under_way_runs_check CHECK (runs > 0)",
    "ALTER TABLE runs_under_way DROP COLUMN begun",
    "ALTER TABLE firing_pace DROP COLUMN begun",
)


def upgrade() -> None:
    """Add what is new; both tables have a row for an account."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Count now and then, as the release before does."""
    for statement in DOWNGRADE:
        op.execute(statement)
