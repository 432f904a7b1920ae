"""Answers kept under their Idempotency-Key, and lateness by account.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE kept_answer (
      account_id bigint NOT NULL REFERENCES account,
      key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
      fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
      status smallint NOT NULL CHECK (status BETWEEN 200 AND 299 OR status BETWEEN 400 AND 499),
      headers jsonb NOT NULL CHECK (jsonb_typeof(headers) = 'array'),
      body bytea NOT NULL,
      sealed boolean NOT NULL,
      kept_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      PRIMARY KEY (account_id, key)
    )
    """,
    "CREATE INDEX kept_answer_kept_at ON kept_answer (kept_at)",
    # Counts by bucket, the first for the shortest lateness; what is above the last one is 0.
    """
    CREATE TABLE accuracy (
      account_id bigint NOT NULL,
      begins timestamptz NOT NULL,
      counts integer[] NOT NULL CHECK (cardinality(counts) > 0 AND 0 <= ALL (counts)),
      most_ms double precision NOT NULL CHECK (most_ms >= 0),
      PRIMARY KEY (account_id, begins)
    ) WITH (fillfactor = 50)
    """,
    "CREATE INDEX accuracy_begins ON accuracy (begins)",
)


def upgrade() -> None:
    """Create both; nothing that stands is touched."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop both."""
    for table in ("accuracy", "kept_answer"):
        op.execute(f"DROP TABLE {table}")
