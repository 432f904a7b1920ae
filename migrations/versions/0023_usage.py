"""What each account stores is counted, as it is stored.

Revision ID: 0023
Revises: 0022

The release before goes on as ever: triggers count what it books and ends. Where it books more than
a limit of this release allows, it is told that the database has no room (53W01), and answers 503.
"""

# ruff: noqa: S608 - joined from constants of this module

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

SLOTS = 64
# More than anybody can have, and far from where a sum would overflow.
UNLIMITED = 1 << 52

# STABLE, so that they are expanded where they are called: what an array looks like as text depends
# on settings, in principle.
_CONTENT_BYTES = """
  octet_length(url)::bigint + coalesce(octet_length(signature), 0)
  + coalesce(octet_length(content_type), 0) + coalesce(octet_length(data), 0)
  + coalesce(octet_length(manner::text), 0) + coalesce(octet_length(on_success), 0)
  + coalesce(octet_length(on_failure), 0)
"""
# The trigger of a native job is short: writing it out would take longer than all the rest.
_TOLD_BYTES = """
  CASE WHEN written IS NULL THEN 0
       ELSE octet_length(written::text) + octet_length(trigger::text) END
  + coalesce(octet_length(name), 0) + coalesce(octet_length(tags::text), 0)
"""
_CONTENT = "url, signature, content_type, data, manner, on_success, on_failure"
_BYTES = f"content_bytes({_CONTENT}) + told_bytes(trigger, written, name, tags)"
_HAS_ROOM = """
  jobs + more_jobs <= jobs_quota AND bytes + more_bytes <= bytes_quota
  AND answers + more_answers <= answers_quota"""
_FIRST_SLOT = "(SELECT first_slot FROM usage WHERE account_id = account)"


def _take(slots: str) -> str:
    """Count in one of the account's slots, if one of these has room and is not locked.

    Nobody waits for it: whoever did, with another slot locked, might wait in a circle.
    """
    return f"""
      UPDATE usage_slot
      SET jobs = jobs + more_jobs, bytes = bytes + more_bytes, answers = answers + more_answers,
          booked = booked + 1
      WHERE account_id = account
        AND slot = (SELECT slot FROM usage_slot
                    WHERE account_id = account AND slot {slots} AND {_HAS_ROOM}
                    LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)"""


_OWN_SLOT = f"{_FIRST_SLOT} + pg_backend_pid() % {SLOTS}"
_TAKE_OWN = _take(f"= {_OWN_SLOT}")
_TAKE_ANY = _take(f">= {_FIRST_SLOT}")
_ANSWER_BYTES = "answer_bytes(key, headers, body)"
_COUNT_KEPT = f"""
  PERFORM take_room(account_id, 0, 0, answers) FROM (
    SELECT account_id, sum({_ANSWER_BYTES})::bigint AS answers
    FROM kept GROUP BY account_id ORDER BY account_id) AS found;
"""
_COUNT_DROPPED = f"""
  INSERT INTO usage_release (account_id, jobs, bytes, answers)
  SELECT account_id, 0, 0, sum({_ANSWER_BYTES}) FROM dropped GROUP BY account_id;
"""


def _count_changed(name: str, counted: str, size: str) -> str:
    """A function that counts by how much rows of a table became longer or shorter."""
    more = {each: f"more.{each}" if each == counted else "0" for each in ("bytes", "answers")}
    return f"""
    CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
      more record;
    BEGIN
      FOR more IN
        SELECT account_id, sum(size)::bigint AS {counted} FROM (
          SELECT account_id, {size} AS size FROM after_change
          UNION ALL
          SELECT account_id, -({size}) FROM before_change) AS changed
        GROUP BY account_id HAVING sum(size) <> 0 ORDER BY account_id
      LOOP
        IF more.{counted} > 0 THEN
          PERFORM take_room(more.account_id, 0, {more["bytes"]}, {more["answers"]});
        ELSE
          INSERT INTO usage_release
          VALUES (more.account_id, 0, -{more["bytes"]}, -{more["answers"]});
        END IF;
      END LOOP;
      RETURN NULL;
    END $$
    """


TABLES = (
    # What the service said last that the account may have: NULL where that is not limited. Its row
    # is locked by whoever moves quota or folds what was released, before the rows of the others.
    """
    CREATE TABLE IF NOT EXISTS usage (
      account_id bigint PRIMARY KEY REFERENCES account ON DELETE CASCADE,
      jobs_limit bigint CHECK (jobs_limit >= 0),
      bytes_limit bigint CHECK (bytes_limit >= 0),
      answers_limit bigint CHECK (answers_limit >= 0),
      first_slot integer NOT NULL DEFAULT 0 CHECK (first_slot >= 0),
      recounted_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
    """,
    # `booked` says how often a row was updated: before a snapshot that stays open keeps very many
    # old versions of it, the account gets other rows, from another `first_slot` on.
    # Below zero where what was counted in one slot was released to another. All rows of an account
    # are updated all the time, and none of their columns is indexed but the key.
    f"""
    CREATE TABLE IF NOT EXISTS usage_slot (
      account_id bigint REFERENCES account ON DELETE CASCADE,
      slot integer CHECK (slot >= 0),
      booked integer NOT NULL DEFAULT 0,
      jobs bigint NOT NULL DEFAULT 0,
      bytes bigint NOT NULL DEFAULT 0,
      answers bigint NOT NULL DEFAULT 0,
      jobs_quota bigint NOT NULL DEFAULT {UNLIMITED},
      bytes_quota bigint NOT NULL DEFAULT {UNLIMITED},
      answers_quota bigint NOT NULL DEFAULT {UNLIMITED},
      PRIMARY KEY (account_id, slot),
      CONSTRAINT usage_slot_is_within_its_quota CHECK (
        jobs <= jobs_quota AND bytes <= bytes_quota AND answers <= answers_quota)
    ) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0.05,
            autovacuum_vacuum_cost_delay = 0)
    """,
    # No key: whoever ends a job only appends, and waits for nobody.
    """
    CREATE TABLE IF NOT EXISTS usage_release (
      account_id bigint NOT NULL,
      jobs bigint NOT NULL,
      bytes bigint NOT NULL,
      answers bigint NOT NULL DEFAULT 0
    ) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0)
    """,
    "CREATE INDEX IF NOT EXISTS usage_release_account ON usage_release (account_id)",
)

FUNCTIONS = (
    f"""
    CREATE OR REPLACE FUNCTION content_bytes(
      url text, signature text, content_type text, data bytea, manner jsonb, on_success text,
      on_failure text) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT {_CONTENT_BYTES} $$
    """,
    f"""
    CREATE OR REPLACE FUNCTION told_bytes(trigger jsonb, written jsonb, name text, tags text[])
    RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT {_TOLD_BYTES} $$
    """,
    # A session books in a slot of its own, and in another one that nobody has locked where its own
    # has no room. An account that no process of this release has met yet is not limited.
    f"""
    CREATE OR REPLACE FUNCTION take_room(
      account bigint, more_jobs bigint, more_bytes bigint, more_answers bigint)
    RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
      {_TAKE_OWN};
      IF FOUND THEN RETURN; END IF;
      {_TAKE_ANY};
      IF FOUND THEN RETURN; END IF;
      IF NOT EXISTS (SELECT FROM usage_slot WHERE account_id = account) THEN
        INSERT INTO usage (account_id) VALUES (account) ON CONFLICT DO NOTHING;
        INSERT INTO usage_slot (account_id, slot)
        SELECT account, {_FIRST_SLOT} + generate_series(0, {SLOTS - 1}) ON CONFLICT DO NOTHING;
        {_TAKE_OWN};
        IF FOUND THEN RETURN; END IF;
      END IF;
      RAISE EXCEPTION 'no slot of account % has room', account
        USING ERRCODE = '53W01', DETAIL = format('%s %s %s', more_jobs, more_bytes, more_answers);
    END $$
    """,
    # Nearly always the session's own slot has room. It may be waited for: a booking is the first
    # to lock a slot in its transaction, and the only one.
    f"""
    CREATE OR REPLACE FUNCTION count_booked() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
      account bigint;
      last bigint;
      more_jobs bigint;
      more_bytes bigint;
    BEGIN
      SELECT min(account_id), max(account_id), count(*), sum({_BYTES})::bigint
      INTO account, last, more_jobs, more_bytes FROM booked;
      IF account = last THEN
        UPDATE usage_slot
        SET jobs = jobs + more_jobs, bytes = bytes + more_bytes, booked = booked + 1
        WHERE account_id = account AND slot = {_OWN_SLOT}
          AND jobs + more_jobs <= jobs_quota AND bytes + more_bytes <= bytes_quota;
        IF FOUND THEN RETURN NULL; END IF;
      END IF;
      FOR account, more_jobs, more_bytes IN
        SELECT account_id, count(*), sum({_BYTES})::bigint
        FROM booked GROUP BY account_id ORDER BY account_id
      LOOP
        PERFORM take_room(account, more_jobs, more_bytes, 0);
      END LOOP;
      RETURN NULL;
    END $$
    """,
    _count_changed("count_changed", "bytes", _BYTES),
    _count_changed("count_changed_answer", "answers", _ANSWER_BYTES),
    f"""
    CREATE OR REPLACE FUNCTION count_ended() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO usage_release
      SELECT account_id, count(*), sum({_BYTES}) FROM ended GROUP BY account_id;
      RETURN NULL;
    END $$
    """,
    # What this release keeps, it has counted; what the release before kept names no account.
    f"""
    CREATE OR REPLACE FUNCTION count_dropped() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO usage_release
      SELECT account_id, 0, sum(content_bytes({_CONTENT})) FROM dropped
      WHERE account_id IS NOT NULL GROUP BY account_id;
      RETURN NULL;
    END $$
    """,
    """
    CREATE OR REPLACE FUNCTION answer_bytes(key text, headers jsonb, body bytea)
    RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT octet_length(key)::bigint + octet_length(headers::text) + octet_length(body) $$
    """,
    *(
        f"""
        CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          {" ".join(steps)}
          RETURN NULL;
        END $$
        """
        for name, steps in {
            "count_kept": [_COUNT_KEPT],
            "count_dropped_answer": [_COUNT_DROPPED],
        }.items()
    ),
)

_TRIGGERS = (
    ("answer_kept", "INSERT ON kept_answer", "NEW TABLE AS kept", "count_kept"),
    (
        "answer_changed",
        "UPDATE ON kept_answer",
        "OLD TABLE AS before_change NEW TABLE AS after_change",
        "count_changed_answer",
    ),
    ("answer_dropped", "DELETE ON kept_answer", "OLD TABLE AS dropped", "count_dropped_answer"),
    ("job_booked", "INSERT ON job", "NEW TABLE AS booked", "count_booked"),
    (
        "job_changed",
        "UPDATE ON job",
        "OLD TABLE AS before_change NEW TABLE AS after_change",
        "count_changed",
    ),
    ("job_ended", "DELETE ON job", "OLD TABLE AS ended", "count_ended"),
    ("superseded_dropped", "DELETE ON superseded", "OLD TABLE AS dropped", "count_dropped"),
)
# Each by itself, so that no lock is held while another is waited for. Once a trigger is there,
# nobody is in the middle of writing what it does not count.
TRIGGERS = (
    "ALTER TABLE superseded ADD COLUMN IF NOT EXISTS account_id bigint",
    *(
        f"CREATE OR REPLACE TRIGGER {name} AFTER {event} REFERENCING {tables} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        for name, event, tables, function in _TRIGGERS
    ),
)

# The truth and what the triggers have counted since, seen in one snapshot, however much is booked
# meanwhile: the difference is what was there before them.
COUNT_WHAT_WAS_THERE = (
    "INSERT INTO usage (account_id) SELECT id FROM account ON CONFLICT DO NOTHING",
    f"""
    INSERT INTO usage_slot (account_id, slot)
    SELECT u.account_id, u.first_slot + n FROM usage u, generate_series(0, {SLOTS - 1}) n
    WHERE EXISTS (SELECT FROM job j WHERE j.account_id = u.account_id)
       OR EXISTS (SELECT FROM kept_answer k WHERE k.account_id = u.account_id)
    ON CONFLICT DO NOTHING
    """,
    f"""
    WITH found AS (
      SELECT account_id, count(*) AS jobs, sum({_BYTES}) AS bytes, 0 AS answers
      FROM job GROUP BY account_id
      UNION ALL
      SELECT account_id, 0, 0, sum(answer_bytes(key, headers, body))
      FROM kept_answer GROUP BY account_id
      UNION ALL
      SELECT account_id, 0, sum(content_bytes({_CONTENT})), 0
      FROM superseded WHERE account_id IS NOT NULL GROUP BY account_id
      UNION ALL
      SELECT account_id, -sum(jobs), -sum(bytes), -sum(answers)
      FROM usage_slot GROUP BY account_id
      UNION ALL
      SELECT account_id, sum(jobs), sum(bytes), sum(answers)
      FROM usage_release GROUP BY account_id
    )
    UPDATE usage_slot s
    SET jobs = s.jobs + d.jobs, bytes = s.bytes + d.bytes, answers = s.answers + d.answers
    FROM (SELECT account_id, sum(jobs) AS jobs, sum(bytes) AS bytes, sum(answers) AS answers
          FROM found GROUP BY account_id) AS d JOIN usage u USING (account_id)
    WHERE s.account_id = d.account_id AND s.slot = u.first_slot
      AND (d.jobs, d.bytes, d.answers) <> (0, 0, 0)
    """,
)

INDEX = (
    "DROP INDEX CONCURRENTLY IF EXISTS superseded_account",
    """
    CREATE INDEX CONCURRENTLY superseded_account ON superseded (account_id, superseded_at)
    WHERE account_id IS NOT NULL
    """,
)

DOWNGRADE = (
    "DROP INDEX superseded_account",
    "DROP TRIGGER superseded_dropped ON superseded",
    *(f"DROP TRIGGER {name} ON job" for name in ("job_booked", "job_changed", "job_ended")),
    *(f"DROP TRIGGER answer_{name} ON kept_answer" for name in ("kept", "changed", "dropped")),
    "DROP FUNCTION count_kept(), count_changed_answer(), count_dropped_answer()",
    "DROP FUNCTION count_booked(), count_changed(), count_ended(), count_dropped()",
    "DROP FUNCTION take_room(bigint, bigint, bigint, bigint)",
    "DROP FUNCTION answer_bytes(text, jsonb, bytea)",
    "DROP FUNCTION content_bytes(text, text, text, bytea, jsonb, text, text)",
    "DROP FUNCTION told_bytes(jsonb, jsonb, text, text[])",
    "ALTER TABLE superseded DROP COLUMN account_id",
    "DROP TABLE usage_release, usage_slot, usage",
)


def upgrade() -> None:
    """Count from now on; then, beside those who write, what was there before."""
    for statement in (*TABLES, *FUNCTIONS):
        op.execute(statement)
    with op.get_context().autocommit_block():
        for statement in TRIGGERS:
            op.execute(statement)
        op.execute("SET lock_timeout = 0")
        for statement in (*INDEX, *COUNT_WHAT_WAS_THERE):
            op.execute(statement)
        op.execute("SET lock_timeout = '4s'")


def downgrade() -> None:
    """Count nothing any more."""
    for statement in DOWNGRADE:
        op.execute(statement)
