"""Keys have scopes.

Revision ID: 0017
Revises: 0016

Keys that are there keep all that they may do, as do those that the release before makes: the
default says so. It does not read the column: while it runs, its processes let every key do all.
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, which needs a lock for a moment."""
    op.execute(
        "ALTER TABLE api_key ADD COLUMN scope text NOT NULL DEFAULT 'admin' "
        "CONSTRAINT api_key_scope_is_known CHECK (scope IN ('read', 'book', 'admin'))"
    )


def downgrade() -> None:
    """Revoke the keys that would come to do more than they may; then drop the column."""
    op.execute(
        "UPDATE api_key SET revoked_at = coalesce(revoked_at, clock_timestamp()) "
        "WHERE scope <> 'admin'"
    )
    op.execute("ALTER TABLE api_key DROP COLUMN scope")
