"""Migrations: the head is what the code's tables say, and there is a way back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask_migrate import downgrade, upgrade

from app import config, create_app
from app.domain.circuit_breaker import BlockReason
from app.store.engine import db
from app.store.parking import Parking, park
from app.store.partitions import make_ahead
from app.store.settling import settle
from app.store.tables import account
from local.instance import CHECKOUT
from tests.factories import URL, add_account, book, claim_and_take, connect, one, open_engine
from tests.store.test_completions import later

PARTITIONS = ("run_", "attempt_")


def _ours(_thing: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:  # noqa: FBT001 - as Alembic calls it
    return not (kind == "table" and (name or "").startswith((*PARTITIONS, "alembic")))


def test_the_head_equals_the_tables(database: str) -> None:
    assert account.metadata is db.metadata
    engine = open_engine(database)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": _ours, "compare_type": True}
        )
        differences: list[Any] = compare_metadata(context, db.metadata)
    engine.dispose()

    assert differences == []


def test_flow_control_can_be_taken_back_with_runs_parked_and_brought_again(
    database: str,
) -> None:
    app = create_app(config.load({"DATABASE_URL": database, "WAKECALL_HOME": "/nowhere"}))
    with connect(database) as connection, app.app_context():
        book(connection, add_account(connection), due_in=-1)
        (run,) = claim_and_take(connection)
        park(connection, [Parking(run.id, run.token, "http://x:80", 60, BlockReason.FULL, "full")])

        downgrade(directory=f"{CHECKOUT / 'migrations'}", revision="0001")
        assert one(connection, "SELECT state FROM inflight") == "claimed"
        assert one(connection, "SELECT look_at <= clock_timestamp() FROM inflight") is True

        upgrade(directory=f"{CHECKOUT / 'migrations'}")
        db.engine.dispose()
        assert one(connection, "SELECT planned_at IS NULL FROM inflight") is True


FOLDER = f"{CHECKOUT / 'migrations'}"
WITHOUT_INDEX = """
SELECT count(*) FROM pg_inherits i WHERE i.inhparent = 'run'::regclass AND 2 <> (
  SELECT count(*) FROM pg_index x JOIN pg_inherits a ON a.inhrelid = x.indexrelid
  WHERE x.indrelid = i.inhrelid AND x.indisvalid
    AND a.inhparent IN ('run_succeeded'::regclass, 'run_unsuccessful'::regclass))
"""
UNCHECKED = "SELECT count(*) FROM pg_constraint WHERE NOT convalidated"
SETTLED_BY_THE_RELEASE_BEFORE = """
INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state, attempts,
                 settled_at)
VALUES (gen_random_uuid(), gen_random_uuid(), 1, 1, 'scheduled', now(), 0, 'dead', 1, now())
"""

BOOKED_BY_AN_EARLIER_RELEASE = """
INSERT INTO job (id, account_id, version, url, data, trigger, enabled)
VALUES (gen_random_uuid(), %s, 1, %s, %s, '{"kind": "at", "at": "2100-01-01T00:00:00Z"}', true)
"""


@contextmanager
def in_app(database: str) -> Iterator[None]:
    app = create_app(config.load({"DATABASE_URL": database, "WAKECALL_HOME": "/nowhere"}))
    with app.app_context():
        yield
        db.engine.dispose()


def check_indexes(connection: psycopg.Connection) -> None:
    assert one(connection, WITHOUT_INDEX) == 0
    names = ["run_succeeded", "run_unsuccessful"]
    query = "SELECT bool_and(indisvalid) FROM pg_index WHERE indexrelid = ANY (%s::regclass[])"
    assert one(connection, query, names) is True


def test_runs_that_are_there_are_indexed_partition_by_partition(database: str) -> None:
    with in_app(database), connect(database) as connection:
        downgrade(directory=FOLDER, revision="0005-1")
        make_ahead(connection, datetime.now(UTC).date() + timedelta(days=3))
        connection.execute(SETTLED_BY_THE_RELEASE_BEFORE)
        make_ahead(connection, datetime.now(UTC).date())

        upgrade(directory=FOLDER)

        check_indexes(connection)
        connection.execute(SETTLED_BY_THE_RELEASE_BEFORE)
        assert one(connection, "SELECT count(*) FROM run WHERE token IS NULL") == 2
        # A partition that is made later has them from the beginning.
        make_ahead(connection, datetime.now(UTC).date() + timedelta(days=30))
        check_indexes(connection)


def test_a_migration_that_was_interrupted_is_finished(database: str) -> None:
    with in_app(database), connect(database) as connection:
        make_ahead(connection, datetime.now(UTC).date())
        before = one(connection, "SELECT version_num FROM alembic_version")
        # What stands when the second part is stopped half way.
        connection.execute("DROP INDEX inflight_delayed, run_unsuccessful")
        connection.execute(
            "CREATE INDEX run_unsuccessful ON ONLY run (account_id, state, due_at, id)"
            " WHERE state <> 'succeeded'"
        )
        connection.execute("UPDATE alembic_version SET version_num = '0004'")

        upgrade(directory=FOLDER, revision="0005")

        check_indexes(connection)
        assert one(connection, "SELECT to_regclass('inflight_delayed') IS NOT NULL") is True
        connection.execute("UPDATE alembic_version SET version_num = %s", (before,))


def test_jobs_that_are_there_are_found_by_their_tags(database: str) -> None:
    found = (
        "SELECT count(*) FROM job WHERE tags IS NOT NULL"
        " AND tag_keys(account_id, tags) @> tag_keys(account_id, '{a}')"
    )
    with in_app(database), connect(database) as connection:
        # Booked first: the store books by columns that the revision before does not have.
        book(connection, add_account(connection), due_in=60)
        downgrade(directory=FOLDER, revision="0005")
        connection.execute("UPDATE job SET tags = '{b,a}'")

        upgrade(directory=FOLDER)

        connection.execute("SET enable_seqscan = off")
        assert "job_tags" in str(connection.execute(f"EXPLAIN {found}").fetchall())
        assert one(connection, found) == 1


def test_an_index_of_tags_that_was_left_half_made_is_replaced(database: str) -> None:
    made = "SELECT pg_get_indexdef('job_tags'::regclass)"
    with in_app(database), connect(database) as connection:
        whole = one(connection, made)
        assert "tag_keys" in whole
        downgrade(directory=FOLDER, revision="0006")
        connection.execute("DROP INDEX job_tags")
        connection.execute("CREATE INDEX job_tags ON job (version)")
        connection.execute("UPDATE alembic_version SET version_num = '0005'")

        upgrade(directory=FOLDER)

        assert one(connection, made) == whole


def test_completion_can_be_taken_back_with_runs_to_be_completed(database: str) -> None:
    with in_app(database), connect(database) as connection:
        book(connection, add_account(connection), due_in=-1)
        (run,) = claim_and_take(connection)
        settle(connection, [later(run)])
        connection.execute(
            "INSERT INTO inflight (id, job_id, account_id, job_version, kind, due_at, final, state,"
            " send_at, look_at) SELECT gen_random_uuid(), id, account_id, 3, 'event', now(), false,"
            " 'claimed', now(), now() FROM inflight"
        )

        downgrade(directory=FOLDER, revision="0007")
        query = "SELECT state, look_at <= clock_timestamp() FROM inflight"
        assert connection.execute(query).fetchone() == ("waiting", True)

        upgrade(directory=FOLDER)
        assert one(connection, "SELECT complete_by IS NULL FROM inflight") is True
        assert one(connection, UNCHECKED) == 0


def test_who_started_a_run_can_be_taken_back_with_runs_that_were_started(database: str) -> None:
    with in_app(database), connect(database) as connection:
        book(connection, add_account(connection), due_in=-1)
        (run,) = claim_and_take(connection)
        connection.execute("UPDATE inflight SET kind = 'manual', started_by = 'first'")

        downgrade(directory=FOLDER, revision="0009")
        connection.execute(SETTLED_BY_THE_RELEASE_BEFORE)
        upgrade(directory=FOLDER)

        assert one(connection, "SELECT id FROM inflight WHERE started_by IS NULL") == run.id
        assert one(connection, "SELECT count(*) FROM run WHERE started_by IS NULL") == 1
        assert one(connection, UNCHECKED) == 0


def test_the_manner_of_calls_is_judged_alike_before_and_after_it_has_a_function(
    database: str,
) -> None:
    documents = (
        """'{"method": "PUT", "timeout": 5}'""",
        """'{"method": "OPTIONS"}'""",
        """'{"retry": 5}'""",
        """'{"timeout": 61}'""",
        "'{}'",
    )

    def stored(connection: psycopg.Connection) -> list[bool]:
        found = []
        for manner in documents:
            with suppress(psycopg.errors.CheckViolation):
                connection.execute("UPDATE job SET manner = NULL")
                connection.execute(f"UPDATE job SET manner = {manner}")
            found.append(one(connection, "SELECT manner IS NOT NULL FROM job") is True)
        return found

    with in_app(database), connect(database) as connection:
        book(connection, add_account(connection), due_in=60)
        after = stored(connection)
        downgrade(directory=FOLDER, revision="0012")
        before = stored(connection)
        upgrade(directory=FOLDER)

        assert before == after == [True, False, False, False, False]
        assert one(connection, UNCHECKED) == 0


def test_a_suspension_can_be_taken_back_with_what_waits_for_its_end(database: str) -> None:
    with in_app(database), connect(database) as connection:
        account_id = add_account(connection)
        book(connection, account_id, due_in=-1)
        (run,) = claim_and_take(connection)
        book(connection, account_id, due_in=-1)
        connection.execute("UPDATE account SET suspended_at = now()")
        claim_and_take(connection)
        connection.execute("UPDATE inflight SET look_at = 'infinity'")
        assert one(connection, "SELECT count(*) FROM due WHERE held_at IS NOT NULL") == 1

        downgrade(directory=FOLDER, revision="0021")
        assert one(connection, "SELECT count(*) FROM due WHERE next_at IS NOT NULL") == 1
        assert one(connection, "SELECT look_at <= clock_timestamp() FROM inflight") is True

        upgrade(directory=FOLDER)
        assert len(claim_and_take(connection)) == 1
        assert one(connection, "SELECT count(*) FROM inflight WHERE id = %s", run.id) == 1
        assert one(connection, UNCHECKED) == 0


def test_keys_of_a_lesser_scope_are_revoked_where_nothing_knows_of_scopes(database: str) -> None:
    with in_app(database), connect(database) as connection:
        account_id = add_account(connection)
        for scope in ("read", "book", "admin"):
            connection.execute(
                "INSERT INTO api_key (id, account_id, digest, scope)"
                " VALUES (rpad(%(scope)s, 10, '0'), %(account)s, sha256('x'), %(scope)s)",
                {"scope": scope, "account": account_id},
            )

        downgrade(directory=FOLDER, revision="0016")
        upgrade(directory=FOLDER)

        left = "SELECT array_agg(id), min(scope) FROM api_key WHERE revoked_at IS NULL"
        assert connection.execute(left).fetchone() == (["admin00000"], "admin")


def test_keys_that_expire_are_revoked_where_nothing_knows_of_expiry(database: str) -> None:
    with in_app(database), connect(database) as connection:
        account_id = add_account(connection)
        for key_id, expires in (("expires000", "now() + interval '1 day'"), ("stays00000", "NULL")):
            connection.execute(
                "INSERT INTO api_key (id, account_id, digest, expires_at)"
                f" VALUES (%s, %s, sha256('x'), {expires})",
                (key_id, account_id),
            )

        downgrade(directory=FOLDER, revision="0032")
        upgrade(directory=FOLDER)

        left = "SELECT array_agg(id) FROM api_key WHERE revoked_at IS NULL"
        assert one(connection, left) == ["stays00000"]


def test_what_was_stored_before_is_counted_and_what_is_stored_meanwhile(database: str) -> None:
    counted = (
        "SELECT account_id, sum(jobs)::int, sum(bytes)::int, sum(answers)::int FROM ("
        " SELECT account_id, jobs, bytes, answers FROM usage_slot"
        " UNION ALL SELECT account_id, -jobs, -bytes, -answers FROM usage_release) AS found"
        " GROUP BY account_id ORDER BY account_id"
    )
    with in_app(database), connect(database) as connection:
        accounts = [add_account(connection, name) for name in ("a", "b", "c")]
        downgrade(directory=FOLDER, revision="0022")
        for account_id in (accounts[0], accounts[0], accounts[1]):
            connection.execute(BOOKED_BY_AN_EARLIER_RELEASE, (account_id, URL, b"payload"))
        connection.execute(
            "INSERT INTO kept_answer (account_id, key, fingerprint, status, headers, body, sealed)"
            " VALUES (%s, 'key', sha256(''), 201, '[]', 'body', false)",
            (accounts[1],),
        )

        upgrade(directory=FOLDER)

        size = len(URL) + len(b"payload")
        assert connection.execute(counted).fetchall() == [
            (accounts[0], 2, 2 * size, 0),
            (accounts[1], 1, size, len("key[]body")),
        ]
        # As where it was interrupted after the triggers were made: what they count meanwhile is
        # not counted twice.
        connection.execute("UPDATE alembic_version SET version_num = '0022'")
        connection.execute(BOOKED_BY_AN_EARLIER_RELEASE, (accounts[2], URL, b"payload"))
        connection.execute("DELETE FROM job WHERE account_id = %s", (accounts[1],))
        upgrade(directory=FOLDER)

        assert connection.execute(counted).fetchall() == [
            (accounts[0], 2, 2 * size, 0),
            (accounts[1], 0, 0, len("key[]body")),
            (accounts[2], 1, size, 0),
        ]
        assert one(connection, UNCHECKED) == 0
