"""Changes to accounts are recorded, with who made them and from where.

Revision ID: 0035
Revises: 0034

The release before records nothing. There is no foreign key: the record that an account was deleted
outlives the account, and has no account.
"""

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, which is empty."""
    op.execute("""
        CREATE TABLE IF NOT EXISTS audit (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          account_id bigint,
          at timestamptz NOT NULL DEFAULT clock_timestamp(),
          key_id text,
          address text,
          action text NOT NULL,
          object text NOT NULL,
          detail text,
          CONSTRAINT audit_is_short CHECK (
            length(key_id) <= 10 AND length(address) <= 64 AND length(action) <= 64
            AND length(object) <= 512 AND length(detail) <= 1024)
        )
    """)
    op.execute("CREATE INDEX IF NOT EXISTS audit_account ON audit (account_id, id)")
    op.execute("CREATE INDEX IF NOT EXISTS audit_at ON audit (at)")


def downgrade() -> None:
    """Drop the table with all records."""
    op.execute("DROP TABLE audit")
