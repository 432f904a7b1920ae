"""Accounts have inboxes: test receivers, and the calls that came to them.

Revision ID: 0043
Revises: 0036

The release before has none: until its web processes are replaced, they answer calls to an inbox
with 404, so that such a run is retried.
"""

from alembic import op

revision = "0043"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables, which are empty."""
    op.execute("""
        CREATE TABLE IF NOT EXISTS inbox (
          id uuid PRIMARY KEY,
          account_id bigint NOT NULL REFERENCES account,
          token text NOT NULL UNIQUE,
          label text NOT NULL DEFAULT '',
          answer text NOT NULL DEFAULT '204',
          created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
          last_number bigint NOT NULL DEFAULT 0,
          last_call_at timestamptz,
          CONSTRAINT inbox_is_short CHECK (
            length(token) <= 64 AND length(label) <= 100 AND length(answer) <= 16))
    """)
    op.execute("CREATE INDEX IF NOT EXISTS inbox_account ON inbox (account_id, created_at, id)")
    op.execute("""
        CREATE TABLE IF NOT EXISTS inbox_call (
          inbox_id uuid NOT NULL REFERENCES inbox ON DELETE CASCADE,
          number bigint NOT NULL,
          received_at timestamptz NOT NULL,
          method text NOT NULL,
          path text NOT NULL,
          query text NOT NULL,
          headers jsonb NOT NULL,
          body bytea NOT NULL,
          body_bytes bigint NOT NULL,
          signature text NOT NULL,
          answer text NOT NULL,
          run_id uuid,
          attempt integer,
          scheduled_for timestamptz,
          PRIMARY KEY (inbox_id, number),
          CONSTRAINT inbox_call_is_short CHECK (
            length(method) <= 64 AND length(path) <= 2048 AND length(query) <= 2048
            AND length(body) <= 16384 AND length(signature) <= 16 AND length(answer) <= 16))
    """)
    op.execute("CREATE INDEX IF NOT EXISTS inbox_call_received_at ON inbox_call (received_at)")


def downgrade() -> None:
    """Drop both tables with everything that came."""
    op.execute("DROP TABLE inbox_call")
    op.execute("DROP TABLE inbox")
