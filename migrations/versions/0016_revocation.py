"""Revoking a key does not depend on what the clock says.

Revision ID: 0016
Revises: 0015

The release before compares neither column with the other.
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# The name that PostgreSQL gave to `revoked_at >= created_at` of revision 0001.
CHECK = "api_key_check"


def upgrade() -> None:
    """Drop the check, which needs a lock for a moment."""
    op.execute(f"ALTER TABLE api_key DROP CONSTRAINT IF EXISTS {CHECK}")


def downgrade() -> None:
    """Let no key have been revoked before it was made, then check that again."""
    op.execute("UPDATE api_key SET created_at = revoked_at WHERE revoked_at < created_at")
    op.execute(f"ALTER TABLE api_key ADD CONSTRAINT {CHECK} CHECK (revoked_at >= created_at)")
