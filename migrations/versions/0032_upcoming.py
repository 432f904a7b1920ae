"""The next firings of an account are found in the order in which they are expected.

Revision ID: 0032
Revises: 0031

The release before does not read the index, and goes on while it is built.
"""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

INDEX = """
CREATE INDEX CONCURRENTLY due_upcoming ON due (account_id, coalesce(next_at, held_at), job_id)
WHERE coalesce(next_at, held_at) IS NOT NULL
"""


def upgrade() -> None:
    """Build the index beside who writes."""
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        # One that was interrupted is there, but not valid.
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS due_upcoming")
        op.execute(INDEX)
        op.execute("SET lock_timeout = '4s'")


def downgrade() -> None:
    """The release before does not list next firings."""
    op.execute("DROP INDEX due_upcoming")
