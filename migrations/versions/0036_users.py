"""People sign in: users, memberships of accounts, sessions, invitations, one-time links and mail.

Revision ID: 0036
Revises: 0035

The release before neither reads nor writes the tables and columns. Tokens of sessions, invitations
and links are stored as their SHA-256 only.
"""

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

_TABLES = (
    """
    CREATE TABLE IF NOT EXISTS web_user (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      email text NOT NULL,
      password text NOT NULL,
      name text NOT NULL DEFAULT '',
      zone text NOT NULL DEFAULT 'UTC',
      hours smallint NOT NULL DEFAULT 24,
      theme text NOT NULL DEFAULT 'auto',
      operator boolean NOT NULL DEFAULT false,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      CONSTRAINT web_user_email_is_plain CHECK (
        email = lower(email) AND length(email) <= 254 AND email LIKE '_%@_%'),
      CONSTRAINT web_user_password_is_hashed CHECK (
        password LIKE '$argon2id$%' AND length(password) <= 256),
      CONSTRAINT web_user_is_short CHECK (length(name) <= 100 AND length(zone) <= 64),
      CONSTRAINT web_user_hours CHECK (hours IN (12, 24)),
      CONSTRAINT web_user_theme CHECK (theme IN ('auto', 'light', 'dark'))
    )
    """,
    "CREATE UNIQUE INDEX IF NOT EXISTS web_user_email ON web_user (email)",
    """
    CREATE TABLE IF NOT EXISTS membership (
      user_id bigint NOT NULL REFERENCES web_user ON DELETE CASCADE,
      account_id bigint NOT NULL REFERENCES account,
      role text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      PRIMARY KEY (user_id, account_id),
      CONSTRAINT membership_role CHECK (role IN ('read-only', 'member', 'owner'))
    )
    """,
    "CREATE INDEX IF NOT EXISTS membership_account ON membership (account_id, user_id)",
    # A session acts for an account only while its user is a member: the key ends with the
    # membership.
    """
    CREATE TABLE IF NOT EXISTS web_session (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      digest bytea NOT NULL,
      user_id bigint NOT NULL REFERENCES web_user ON DELETE CASCADE,
      account_id bigint,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      proved_at timestamptz,
      ends_at timestamptz NOT NULL,
      agent text NOT NULL DEFAULT '',
      address text NOT NULL DEFAULT '',
      CONSTRAINT web_session_account FOREIGN KEY (user_id, account_id)
        REFERENCES membership ON DELETE SET NULL (account_id),
      CONSTRAINT web_session_digest CHECK (length(digest) = 32),
      CONSTRAINT web_session_ends CHECK (ends_at <= created_at + interval '2160 hours'),
      CONSTRAINT web_session_is_short CHECK (length(agent) <= 256 AND length(address) <= 64)
    )
    """,
    "CREATE UNIQUE INDEX IF NOT EXISTS web_session_token ON web_session (digest)",
    "CREATE INDEX IF NOT EXISTS web_session_user ON web_session (user_id, account_id)",
    "CREATE INDEX IF NOT EXISTS web_session_ends_at ON web_session (ends_at)",
    """
    CREATE TABLE IF NOT EXISTS invitation (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      digest bytea NOT NULL,
      note text NOT NULL DEFAULT '',
      email text,
      account_id bigint REFERENCES account,
      role text NOT NULL DEFAULT 'owner',
      uses smallint NOT NULL DEFAULT 1,
      used smallint NOT NULL DEFAULT 0,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      created_by text,
      expires_at timestamptz NOT NULL,
      revoked_at timestamptz,
      CONSTRAINT invitation_digest CHECK (length(digest) = 32),
      CONSTRAINT invitation_role CHECK (role IN ('read-only', 'member', 'owner')),
      CONSTRAINT invitation_of_new_account CHECK (account_id IS NOT NULL OR role = 'owner'),
      CONSTRAINT invitation_email_is_plain CHECK (
        email = lower(email) AND length(email) <= 254 AND email LIKE '_%@_%'),
      CONSTRAINT invitation_uses CHECK (uses BETWEEN 1 AND 1000 AND used BETWEEN 0 AND uses),
      CONSTRAINT invitation_is_short CHECK (
        length(note) <= 200 AND length(created_by) <= 254)
    )
    """,
    "CREATE UNIQUE INDEX IF NOT EXISTS invitation_token ON invitation (digest)",
    "CREATE INDEX IF NOT EXISTS invitation_account ON invitation (account_id, id)",
    "CREATE INDEX IF NOT EXISTS invitation_expires ON invitation (expires_at)",
    """
    CREATE TABLE IF NOT EXISTS beta_request (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      email text NOT NULL,
      purpose text NOT NULL,
      address text NOT NULL DEFAULT '',
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      accepted_at timestamptz,
      CONSTRAINT beta_request_email_is_plain CHECK (
        email = lower(email) AND length(email) <= 254 AND email LIKE '_%@_%'),
      CONSTRAINT beta_request_is_short CHECK (
        length(purpose) <= 1000 AND length(address) <= 64)
    )
    """,
    "CREATE UNIQUE INDEX IF NOT EXISTS beta_request_email ON beta_request (email)",
    """
    CREATE TABLE IF NOT EXISTS user_link (
      user_id bigint NOT NULL REFERENCES web_user ON DELETE CASCADE,
      purpose text NOT NULL,
      digest bytea NOT NULL,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      expires_at timestamptz NOT NULL,
      PRIMARY KEY (user_id, purpose),
      CONSTRAINT user_link_purpose CHECK (purpose IN ('reset', 'sign-in')),
      CONSTRAINT user_link_digest CHECK (length(digest) = 32),
      CONSTRAINT user_link_ends CHECK (expires_at <= created_at + interval '168 hours')
    )
    """,
    "CREATE UNIQUE INDEX IF NOT EXISTS user_link_token ON user_link (digest)",
    # `sealed` holds the mail, encrypted because of the link in it, until it was sent or given up.
    """
    CREATE TABLE IF NOT EXISTS outbox (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      recipient text NOT NULL,
      subject text NOT NULL,
      sealed bytea,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      next_at timestamptz DEFAULT clock_timestamp(),
      attempts smallint NOT NULL DEFAULT 0,
      sent_at timestamptz,
      error text,
      CONSTRAINT outbox_waits_or_is_over CHECK (
        (next_at IS NULL) = (sealed IS NULL) AND (sent_at IS NULL OR next_at IS NULL)),
      CONSTRAINT outbox_is_short CHECK (
        length(recipient) <= 254 AND length(subject) <= 200 AND length(error) <= 500
        AND length(sealed) <= 16384)
    )
    """,
    "CREATE INDEX IF NOT EXISTS outbox_next ON outbox (next_at) WHERE next_at IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS outbox_created ON outbox (created_at)",
    # The user's e-mail address, so that a record outlives the user.
    (
        "ALTER TABLE audit ADD COLUMN IF NOT EXISTS user_email text "
        "CONSTRAINT audit_user_is_short CHECK (length(user_email) <= 254)"
    ),
    (
        "ALTER TABLE api_key ADD COLUMN IF NOT EXISTS created_by text "
        "CONSTRAINT api_key_creator_is_short CHECK (length(created_by) <= 254)"
    ),
)


def upgrade() -> None:
    """Create the tables, which are empty; the columns need a lock for a moment."""
    for statement in _TABLES:
        op.execute(statement)


def downgrade() -> None:
    """Drop the columns, and the tables with all users."""
    op.execute("ALTER TABLE api_key DROP COLUMN created_by")
    op.execute("ALTER TABLE audit DROP COLUMN user_email")
    for table in (
        "outbox",
        "user_link",
        "beta_request",
        "invitation",
        "web_session",
        "membership",
        "web_user",
    ):
        op.execute(f"DROP TABLE {table}")
