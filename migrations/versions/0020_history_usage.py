"""How many bytes of history each account has, by the day that its runs were due on.

Revision ID: 0020
Revises: 0019

What was written before is not counted: retention drops it.
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, which is empty until the first worker of this release writes."""
    op.execute("""
        CREATE TABLE IF NOT EXISTS history_usage (
          account_id bigint NOT NULL,
          day date NOT NULL,
          bytes bigint NOT NULL CHECK (bytes >= 0),
          PRIMARY KEY (account_id, day)
        ) WITH (fillfactor = 50)
    """)


def downgrade() -> None:
    """Drop the table."""
    op.execute("DROP TABLE IF EXISTS history_usage")
