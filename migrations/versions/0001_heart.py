"""Create the tables of accounts, keys, secrets, jobs, due rows, runs in flight and history.

Revision ID: 0001
Revises:
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE account (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$'),
      created_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    """
    CREATE TABLE api_key (
      id text PRIMARY KEY CHECK (id ~ '^[0-9A-Za-z]{10}$'),
      account_id bigint NOT NULL REFERENCES account,
      digest bytea NOT NULL CHECK (length(digest) = 32),
      label text NOT NULL DEFAULT '' CHECK (length(label) <= 100),
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      revoked_at timestamptz CHECK (revoked_at >= created_at)
    )
    """,
    "CREATE INDEX api_key_account ON api_key (account_id)",
    """
    CREATE TABLE signing_secret (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      account_id bigint NOT NULL REFERENCES account,
      sealed bytea NOT NULL,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      expires_at timestamptz
    )
    """,
    # Exactly one secret of an account has no end; the others are on their way out.
    """
    CREATE UNIQUE INDEX signing_secret_current ON signing_secret (account_id)
      WHERE expires_at IS NULL
    """,
    "CREATE INDEX signing_secret_account ON signing_secret (account_id)",
    """
    CREATE TABLE job (
      id uuid PRIMARY KEY,
      account_id bigint NOT NULL REFERENCES account,
      version integer NOT NULL CHECK (version > 0),
      url text NOT NULL CHECK (length(url) BETWEEN 1 AND 2048),
      signature text CHECK (length(signature) BETWEEN 1 AND 1024),
      content_type text CHECK (length(content_type) BETWEEN 1 AND 1024),
      data bytea,
      trigger jsonb NOT NULL CHECK (trigger ->> 'kind' IN ('at', 'cron')),
      enabled boolean NOT NULL,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    "CREATE UNIQUE INDEX job_account ON job (account_id, id)",
    """
    CREATE TABLE due (
      job_id uuid PRIMARY KEY REFERENCES job ON DELETE CASCADE,
      account_id bigint NOT NULL,
      version integer NOT NULL CHECK (version > 0),
      recurring boolean NOT NULL,
      next_at timestamptz,
      slot bigint GENERATED ALWAYS AS
        (floor(extract(epoch FROM next_at AT TIME ZONE 'UTC') * 10)::bigint) STORED
    ) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02,
            autovacuum_vacuum_cost_delay = 0)
    """,
    "CREATE INDEX due_slot ON due (slot, account_id) WHERE slot IS NOT NULL",
    "CREATE INDEX due_unarmed ON due (job_id) WHERE next_at IS NULL",
    """
    CREATE TABLE superseded (
      job_id uuid,
      version integer,
      url text NOT NULL,
      signature text,
      content_type text,
      data bytea,
      PRIMARY KEY (job_id, version)
    )
    """,
    """
    CREATE TABLE inflight (
      id uuid PRIMARY KEY,
      job_id uuid NOT NULL,
      account_id bigint NOT NULL,
      job_version integer NOT NULL,
      kind text NOT NULL CHECK (kind IN ('scheduled')),
      due_at timestamptz NOT NULL,
      missed integer NOT NULL DEFAULT 0 CHECK (missed >= 0),
      final boolean NOT NULL,
      state text NOT NULL CHECK (state IN ('claimed', 'taken', 'waiting')),
      send_at timestamptz NOT NULL CHECK (send_at >= due_at),
      attempts smallint NOT NULL DEFAULT 0 CHECK (attempts >= 0),
      reclaims smallint NOT NULL DEFAULT 0 CHECK (reclaims >= 0),
      token integer NOT NULL DEFAULT 1 CHECK (token > 0),
      lease_until timestamptz,
      look_at timestamptz NOT NULL,
      cancelled_at timestamptz,
      reason text,
      CONSTRAINT inflight_lease_is_of_taken CHECK ((state = 'taken') = (lease_until IS NOT NULL)),
      CONSTRAINT inflight_waits_after_an_attempt CHECK (state <> 'waiting' OR attempts > 0),
      CONSTRAINT inflight_once UNIQUE (job_id, job_version, kind, due_at)
    ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05,
            autovacuum_vacuum_cost_delay = 0)
    """,
    "CREATE INDEX inflight_look ON inflight (look_at)",
    "CREATE INDEX inflight_suspect ON inflight (look_at) WHERE reclaims >= 2",
    """
    CREATE TABLE run (
      id uuid NOT NULL,
      job_id uuid NOT NULL,
      account_id bigint NOT NULL,
      job_version integer NOT NULL,
      kind text NOT NULL CHECK (kind IN ('scheduled')),
      due_at timestamptz NOT NULL,
      missed integer NOT NULL,
      state text NOT NULL CHECK (state IN ('succeeded', 'failed', 'cancelled', 'dead')),
      attempts smallint NOT NULL CHECK (attempts >= 0),
      reason text,
      settled_at timestamptz NOT NULL,
      PRIMARY KEY (id, due_at),
      CONSTRAINT run_once UNIQUE (job_id, due_at, job_version, kind),
      CONSTRAINT run_success_was_attempted CHECK (state <> 'succeeded' OR attempts > 0)
    ) PARTITION BY RANGE (due_at)
    """,
    "CREATE TABLE run_default PARTITION OF run DEFAULT",
    """
    CREATE TABLE attempt (
      run_id uuid NOT NULL,
      due_at timestamptz NOT NULL,
      number smallint NOT NULL CHECK (number > 0),
      started_at timestamptz NOT NULL,
      lateness_ms real NOT NULL,
      status smallint CHECK (status BETWEEN 100 AND 999),
      error text,
      detail text,
      headers jsonb,
      body bytea CHECK (length(body) <= 1024),
      dns_ms real,
      connect_ms real,
      tls_ms real,
      first_byte_ms real,
      total_ms real NOT NULL CHECK (total_ms >= 0),
      PRIMARY KEY (run_id, number, due_at),
      CONSTRAINT attempt_answer_or_error CHECK (num_nonnulls(status, error) = 1)
    ) PARTITION BY RANGE (due_at)
    """,
    "CREATE TABLE attempt_default PARTITION OF attempt DEFAULT",
    """
    CREATE TABLE heartbeat (
      process text NOT NULL CHECK (process IN ('scheduler', 'worker')),
      id text NOT NULL,
      beaten_at timestamptz NOT NULL,
      PRIMARY KEY (process, id)
    )
    """,
    """
    CREATE TABLE tally (
      name text NOT NULL,
      label text NOT NULL,
      total double precision NOT NULL,
      PRIMARY KEY (name, label)
    )
    """,
)


def upgrade() -> None:
    """Create everything; nothing stands before it."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop everything."""
    for table in (
        "tally",
        "heartbeat",
        "attempt",
        "run",
        "inflight",
        "superseded",
        "due",
        "job",
        "signing_secret",
        "api_key",
        "account",
    ):
        op.execute(f"DROP TABLE {table}")
