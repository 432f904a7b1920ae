"""Add the trusted clock, up to which expired rows are dropped.

Revision ID: 0026
Revises: 0025

The release before uses the database's clock itself, and does not use the table.
"""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE IF NOT EXISTS database_clock (
  id smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
  trusted_at timestamptz NOT NULL,
  seen_at timestamptz NOT NULL
)
"""
# Maintenance looks at the clock every half minute. Without a row, as before its first turn, it
# is trusted.
FUNCTION = """
CREATE OR REPLACE FUNCTION trusted_clock() RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT least(clock_timestamp(),
               (SELECT trusted_at + interval '10 minutes' FROM database_clock))
$$
"""


def upgrade() -> None:
    """Create the table, which maintenance fills, and the function that statements use."""
    op.execute(TABLE)
    op.execute(FUNCTION)


def downgrade() -> None:
    """Drop the function and the table: the release before uses the database's clock itself."""
    op.execute("DROP FUNCTION trusted_clock()")
    op.execute("DROP TABLE database_clock")
