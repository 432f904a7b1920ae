"""How many runs each account has under way, as last counted.

Revision ID: 0019
Revises: 0018
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, which is empty until the first count."""
    op.execute("""
        CREATE TABLE IF NOT EXISTS runs_under_way (
          account_id bigint PRIMARY KEY,
          runs integer NOT NULL CHECK (runs > 0)
        ) WITH (fillfactor = 50)
    """)


def downgrade() -> None:
    """Drop the table."""
    op.execute("DROP TABLE IF EXISTS runs_under_way")
