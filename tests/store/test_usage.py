"""Usage: what accounts store is counted in the same transaction, within the slot's quota."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from app.domain.usage import NOTHING, Allowed, Use
from app.store import usage
from app.store.usage import SLOTS, balance, lock, used
from tests.factories import book, connect, in_thread, one, wait_until_blocked

TRUTH = """
SELECT count(*)::int, coalesce(sum(content_bytes(url, signature, content_type, data, manner,
         on_success, on_failure) + told_bytes(trigger, written, name, tags)), 0)::bigint
FROM job WHERE account_id = %s
"""


def truth(connection: psycopg.Connection, account_id: int) -> Use:
    row = connection.execute(TRUTH, (account_id,)).fetchone()
    assert row is not None
    return Use(jobs=row[0], bytes=row[1])


def fold(connection: psycopg.Connection) -> None:
    while usage.fold_page(connection, after=0, limit=100):
        pass


def allow(connection: psycopg.Connection, account_id: int, jobs: int | None) -> Use:
    with connection.transaction():
        lock(connection, account_id)
        allowed = Allowed(jobs=jobs, bytes=None, answers=None)
        usage.allow(connection, account_id, allowed)
        return balance(connection, account_id, allowed)


def jobs(connection: psycopg.Connection, account_id: int, count: int) -> list[UUID]:
    return [book(connection, account_id, due_in=60) for _ in range(count)]


def own_slot(connection: psycopg.Connection) -> int:
    """Where a session books, of the only account."""
    first: int = one(connection, "SELECT first_slot FROM usage")
    return first + connection.info.backend_pid % SLOTS


def test_what_is_booked_changed_and_ended_is_counted(
    connection: psycopg.Connection, account_id: int
) -> None:
    made = jobs(connection, account_id, 3)
    assert used(connection, account_id) == truth(connection, account_id)
    assert used(connection, account_id).jobs == 3
    for data in ("longer than it was before", "short", ""):
        connection.execute("UPDATE job SET data = %s WHERE id = %s", (data, made[0]))
        assert used(connection, account_id) == truth(connection, account_id)
    connection.execute("UPDATE job SET tags = '{a,b}', name = id::text, on_success = 'http://a/'")
    connection.execute("""UPDATE job SET manner = '{"method": "PUT"}' WHERE id = %s""", (made[1],))
    assert used(connection, account_id) == truth(connection, account_id)
    connection.execute("DELETE FROM job WHERE id = ANY (%s)", (made[:2],))
    assert used(connection, account_id) == truth(connection, account_id)
    connection.execute("DELETE FROM job")
    assert used(connection, account_id) == NOTHING
    fold(connection)
    assert used(connection, account_id) == NOTHING
    assert one(connection, "SELECT count(*) FROM usage_release") == 0


def test_a_statement_may_book_for_several_accounts(
    connection: psycopg.Connection, account_id: int
) -> None:
    other = one(connection, "INSERT INTO account (name) VALUES ('other') RETURNING id")
    connection.execute(
        "INSERT INTO job (id, account_id, version, url, trigger, enabled) "
        "SELECT gen_random_uuid(), (ARRAY[%s, %s])[1 + n %% 2], 1, 'http://a/', "
        """'{"kind": "at"}', true FROM generate_series(1, 5) n""",
        (account_id, other),
    )
    assert (used(connection, account_id).jobs, used(connection, other).jobs) == (2, 3)


def test_no_more_is_booked_than_the_quota_allows(
    connection: psycopg.Connection, account_id: int
) -> None:
    allow(connection, account_id, 20)
    jobs(connection, account_id, 20)
    with pytest.raises(psycopg.OperationalError) as refused:
        jobs(connection, account_id, 1)
    assert refused.value.sqlstate == "53W01"
    assert used(connection, account_id) == truth(connection, account_id)
    connection.execute("DELETE FROM job WHERE id = ANY (ARRAY(SELECT id FROM job LIMIT 5))")
    fold(connection)
    jobs(connection, account_id, 5)
    with pytest.raises(psycopg.OperationalError):
        jobs(connection, account_id, 1)
    allow(connection, account_id, None)
    jobs(connection, account_id, 1)
    assert used(connection, account_id).jobs == 21
    assert allow(connection, account_id, 7).jobs == 21
    with pytest.raises(psycopg.OperationalError):
        jobs(connection, account_id, 1)
    connection.execute("DELETE FROM job")
    assert allow(connection, account_id, 7) == NOTHING


def test_an_account_above_its_limit_books_nothing_in_the_place_of_what_ends(
    connection: psycopg.Connection, account_id: int
) -> None:
    jobs(connection, account_id, 20)
    allow(connection, account_id, 7)
    for left in (15, 10, 7):
        connection.execute("DELETE FROM job WHERE id IN (SELECT id FROM job OFFSET %s)", (left,))
        fold(connection)
        assert used(connection, account_id) == truth(connection, account_id)
        with pytest.raises(psycopg.OperationalError) as refused:
            jobs(connection, account_id, 1)
        assert refused.value.sqlstate == "53W01"
    connection.execute("DELETE FROM job WHERE id IN (SELECT id FROM job LIMIT 2)")
    fold(connection)
    jobs(connection, account_id, 2)
    with pytest.raises(psycopg.OperationalError):
        jobs(connection, account_id, 1)


def test_a_session_books_in_another_slot_where_its_own_has_no_room(
    connection: psycopg.Connection, account_id: int
) -> None:
    allow(connection, account_id, SLOTS)
    own = own_slot(connection)
    jobs(connection, account_id, 1)
    slots = "SELECT count(*) FROM usage_slot WHERE jobs > 0"
    assert one(connection, "SELECT jobs FROM usage_slot WHERE slot = %s", own) == 1
    jobs(connection, account_id, SLOTS - 1)
    assert one(connection, slots) == SLOTS


def test_a_slot_that_is_locked_holds_up_nobody_who_has_another(
    connection: psycopg.Connection, other: psycopg.Connection, account_id: int
) -> None:
    allow(connection, account_id, 2 * SLOTS)
    own = own_slot(other)
    with connection.transaction():
        connection.execute("SELECT FROM usage_slot WHERE slot <> %s FOR UPDATE", (own,))
        other.execute("SET lock_timeout = '2s'")
        jobs(other, account_id, 2)
        # Its own slot is full, and all others are locked: refused at once, without waiting.
        with pytest.raises(psycopg.OperationalError) as refused:
            jobs(other, account_id, 1)
        assert refused.value.sqlstate == "53W01"
    jobs(other, account_id, 1)


def test_what_is_released_beyond_what_was_booked_keeps_no_slot_from_its_quota(
    connection: psycopg.Connection, account_id: int
) -> None:
    allow(connection, account_id, 16)
    jobs(connection, account_id, 16)
    # As where a job ends and its content is kept: more is counted, and nothing is refused.
    connection.execute("INSERT INTO usage_release VALUES (%s, -3, -500)", (account_id,))
    fold(connection)
    assert used(connection, account_id).jobs == 19
    with pytest.raises(psycopg.OperationalError):
        jobs(connection, account_id, 1)


def test_what_was_counted_wrongly_is_mended_while_others_book(
    connection: psycopg.Connection, other: psycopg.Connection, account_id: int
) -> None:
    jobs(connection, account_id, 4)
    allow(connection, account_id, 100_000)
    connection.execute("UPDATE usage_slot SET jobs = jobs + 2, bytes = bytes - 9 WHERE jobs > 0")
    connection.execute("UPDATE usage SET recounted_at = now() - interval '2 days'")
    # What is booked and not committed yet is neither seen nor lost.
    other.execute("BEGIN")
    jobs(other, account_id, 1)
    with in_thread(lambda: recounted(connection)) as finish:
        wait_until_blocked(other)
        jobs(other, account_id, 1)
        other.execute("COMMIT")
        assert finish() == [(account_id, Use(jobs=-2, bytes=9))]
    assert used(connection, account_id) == truth(connection, account_id)
    assert used(connection, account_id).jobs == 6
    assert recounted(connection) == []


SLOWLY = """
CREATE OR REPLACE FUNCTION answer_bytes(key text, headers jsonb, body bytea)
RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN PERFORM pg_advisory_lock_shared(1); RETURN 0; END $$
"""


def test_an_account_that_takes_too_long_to_count_keeps_no_other_from_being_recounted(
    connection: psycopg.Connection, other: psycopg.Connection, account_id: int
) -> None:
    small = one(connection, "INSERT INTO account (name) VALUES ('small') RETURNING id")
    for each in (account_id, small):
        allow(connection, each, 100)
        connection.execute(
            "UPDATE usage SET recounted_at = now() - interval '3 days' + %s * interval '1 hour'"
            " WHERE account_id = %s",
            (each, each),
        )
    connection.execute(
        "INSERT INTO kept_answer (account_id, key, fingerprint, status, headers, body, sealed)"
        " VALUES (%s, 'key', sha256(''), 201, '[]', '', false)",
        (account_id,),
    )
    connection.execute(SLOWLY)
    other.execute("SELECT pg_advisory_lock(1)")
    with in_thread(lambda: recounted(connection)) as finish:
        wait_until_blocked(other)
        # What the account is allowed is not locked meanwhile.
        other.execute("SET lock_timeout = '2s'")
        allow(other, account_id, 200)
        other.execute("SELECT pg_cancel_backend(%s)", (connection.info.backend_pid,))
        with pytest.raises(psycopg.errors.QueryCanceled):
            finish()

    assert recounted(connection) == [(small, NOTHING)]


def recounted(connection: psycopg.Connection) -> list[tuple[int, Use]]:
    found = []
    while (each := usage.recount_one(connection, age=timedelta(days=1))) is not None:
        found.append(each)
    return found


def test_an_account_that_books_much_gets_other_slots_and_nobody_who_waits_is_refused(
    connection: psycopg.Connection, other: psycopg.Connection, account_id: int
) -> None:
    allow(connection, account_id, 100_000)
    jobs(connection, account_id, 3)
    before = own_slot(connection)
    assert usage.renew_busy(connection, booked=3) == 0
    connection.execute("BEGIN")
    assert usage.renew_busy(connection, booked=2) == 1
    with in_thread(lambda: jobs(other, account_id, 2)) as finish:
        # For a slot that is gone once it is no longer locked.
        wait_until_blocked(connection)
        connection.execute("COMMIT")
        finish()
    assert own_slot(connection) == before + SLOTS
    assert one(connection, "SELECT count(*) FROM usage_slot") == SLOTS
    assert used(connection, account_id) == truth(connection, account_id)
    assert used(connection, account_id).jobs == 5
    assert one(connection, "SELECT sum(jobs_quota) FROM usage_slot") == 100_000


def test_an_account_that_is_gone_leaves_nothing(
    connection: psycopg.Connection, account_id: int, database: str
) -> None:
    jobs(connection, account_id, 2)
    connection.execute("DELETE FROM job")
    connection.execute("DELETE FROM account")
    fold(connection)
    with connect(database) as again:
        for table in ("usage", "usage_slot", "usage_release"):
            assert one(again, f"SELECT count(*) FROM {table}") == 0


def test_kept_content_goes_the_oldest_first_as_far_as_is_needed(
    connection: psycopg.Connection, account_id: int
) -> None:
    connection.execute(
        "INSERT INTO superseded (job_id, version, url, data, superseded_at, account_id) "
        "SELECT gen_random_uuid(), n, 'http://a/', 'payload', now() - n * interval '1 h', %s "
        "FROM generate_series(1, 5) n",
        (account_id,),
    )
    running = book(connection, account_id, due_in=60)
    connection.execute("UPDATE superseded SET job_id = %s WHERE version = 5", (running,))
    connection.execute(
        "INSERT INTO inflight (id, job_id, account_id, job_version, kind, due_at, final, state, "
        "send_at, look_at) VALUES (gen_random_uuid(), %s, %s, 5, 'scheduled', now(), true, "
        "'claimed', now(), now())",
        (running, account_id),
    )
    # 16 bytes each: one is not enough for 20.
    assert usage.drop_kept(connection, account_id, 20) == 2
    assert one(connection, "SELECT array_agg(version ORDER BY version) FROM superseded") == [
        1,
        2,
        5,
    ]
