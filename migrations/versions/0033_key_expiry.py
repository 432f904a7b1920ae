"""Keys may expire, and show when they were last used.

Revision ID: 0033
Revises: 0032

The release before neither reads nor writes the columns: while it runs, its processes accept keys
that have expired.
"""

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, which needs a lock for a moment."""
    op.execute(
        "ALTER TABLE api_key ADD COLUMN IF NOT EXISTS expires_at timestamptz, "
        "ADD COLUMN IF NOT EXISTS last_used_at timestamptz"
    )


def downgrade() -> None:
    """Revoke the keys that would never expire; then drop the columns."""
    op.execute(
        "UPDATE api_key SET revoked_at = coalesce(revoked_at, clock_timestamp()) "
        "WHERE expires_at IS NOT NULL"
    )
    op.execute("ALTER TABLE api_key DROP COLUMN last_used_at, DROP COLUMN expires_at")
