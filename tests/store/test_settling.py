"""Settling: under the token, in batches, past bad rows, and with the job's last word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from app.domain.run import Attempt, Reply, RunState, Timing
from app.domain.timings.claiming import LOOK_AHEAD
from app.store.rescue import check
from app.store.settling import Settlement, settle
from app.store.single_settling import settle_singly_if_needed
from app.store.takes import Taken
from tests.factories import book, claim_all, claim_and_take, in_thread, one, wait_until_blocked


def settlement_of(
    run: Taken, state: RunState | None = RunState.SUCCEEDED, status: int = 204
) -> Settlement:
    """The settlement of a taken run after one attempt."""
    retry_at = datetime.now(UTC) + timedelta(seconds=60) if state is None else None
    return Settlement(
        id=run.id,
        token=run.token,
        job_id=run.job_id,
        job_version=run.job_version,
        due_at=run.due_at,
        state=state,
        retry_at=retry_at,
        reason=None if state is RunState.SUCCEEDED else f"the receiver answered {status}",
        ends_job=run.ends_job,
        gone=status == 410,
        attempt=Attempt(
            number=run.attempts + 1,
            started_at=run.due_at,
            lateness_ms=1.5,
            reply=Reply(
                status=status,
                headers=(("Server", "test"),),
                body=b"\x00answer",
                timing=Timing(connect=0.5, first_byte=1.0, total=2.0),
            ),
        ),
    )


def test_a_success_enters_history_and_ends_a_one_time_job(
    connection: psycopg.Connection, account_id: int
) -> None:
    job_id = book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)

    assert settle(connection, [settlement_of(run)]) == {run.id}

    history = connection.execute("SELECT id, job_id, state, attempts FROM run").fetchall()
    assert history == [(run.id, job_id, "succeeded", 1)]
    attempts = connection.execute("SELECT run_id, number, status, body FROM attempt").fetchall()
    assert attempts == [(run.id, 1, 204, b"\x00answer")]
    for table in ("inflight", "job", "due"):
        assert one(connection, f"SELECT count(*) FROM {table}") == 0


@pytest.mark.parametrize(
    ("reason", "kept"),
    [("postponed: too many", "postponed: too many"), ("waiting: it is full", None)],
)
def test_a_success_keeps_why_it_was_late_where_its_account_was_at_a_limit(
    connection: psycopg.Connection, account_id: int, reason: str, kept: str | None
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    connection.execute("UPDATE inflight SET reason = %s", (reason,))

    settle(connection, [settlement_of(run)])

    assert one(connection, "SELECT reason FROM run") == kept


def test_a_recurring_job_outlives_its_runs(connection: psycopg.Connection, account_id: int) -> None:
    job_id = book(connection, account_id, due_in=-1, cron="0 0/15 * * * ?")
    (run,) = claim_and_take(connection)

    settle(connection, [settlement_of(run)])

    assert one(connection, "SELECT next_at IS NOT NULL FROM due WHERE job_id = %s", job_id) is True


def test_a_failure_waits_for_its_retry_and_keeps_its_attempt(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    outcome = settlement_of(run, None, 500)

    settle(connection, [outcome])

    row = connection.execute(
        "SELECT state, attempts, send_at, lease_until FROM inflight"
    ).fetchone()
    assert row == ("waiting", 1, outcome.retry_at, None)
    # A worker is notified ahead of the retry, as of a firing.
    assert one(connection, "SELECT send_at - look_at FROM inflight") == LOOK_AHEAD
    assert one(connection, "SELECT status FROM attempt") == 500
    assert one(connection, "SELECT count(*) FROM job") == 1


def test_a_retry_whose_time_had_passed_when_it_was_settled_is_looked_at_now(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    outcome = settlement_of(run, None, 500)
    late = datetime.now(UTC) - timedelta(minutes=5)

    settle(connection, [outcome._replace(retry_at=late)])

    ago = one(connection, "SELECT extract(epoch FROM now() - look_at)::float8 FROM inflight")
    assert 0 <= ago < 60
    assert len(check(connection, limit=10, leases_count=True, lookback=60).to_notify) == 1


def test_a_worker_that_lost_the_token_settles_nothing(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    connection.execute(
        "UPDATE inflight SET lease_until = clock_timestamp() - interval '1 s',"
        " look_at = clock_timestamp()"
    )
    check(connection, limit=10, leases_count=True)

    settled = settle_singly_if_needed(connection, [settlement_of(run)])

    assert settled.done == ()
    assert [each.id for each in settled.token_mismatch] == [run.id]
    assert one(connection, "SELECT state FROM inflight") == "claimed"
    for table in ("run", "attempt"):
        assert one(connection, f"SELECT count(*) FROM {table}") == 0
    assert one(connection, "SELECT count(*) FROM job") == 1


def test_a_job_booked_again_while_its_last_run_is_settled_is_not_purged(
    connection: psycopg.Connection, other: psycopg.Connection, account_id: int
) -> None:
    job_id = book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)

    with other.transaction():
        other.execute("SELECT FROM due WHERE job_id = %s FOR UPDATE", (job_id,))
        with in_thread(lambda: settle(connection, [settlement_of(run)])) as finish:
            wait_until_blocked(other)
            other.execute("UPDATE job SET version = 2 WHERE id = %s", (job_id,))
            other.execute(
                "UPDATE due SET version = 2, next_at = clock_timestamp() + interval '1 day'"
                " WHERE job_id = %s",
                (job_id,),
            )
            other.execute("COMMIT")
            assert finish() == {run.id}
            other.execute("BEGIN")

    assert one(connection, "SELECT version FROM job WHERE id = %s", job_id) == 2
    assert one(connection, "SELECT state FROM run") == "succeeded"


def test_a_job_with_another_run_in_flight_is_not_purged(
    connection: psycopg.Connection, account_id: int
) -> None:
    job_id = book(connection, account_id, due_in=-2)
    (first,) = claim_and_take(connection)
    connection.execute("UPDATE due SET next_at = clock_timestamp() WHERE job_id = %s", (job_id,))
    claim_all(connection)

    settle(connection, [settlement_of(first)])

    assert one(connection, "SELECT count(*) FROM job") == 1


def test_what_only_some_runs_of_a_batch_have_stays_theirs(
    connection: psycopg.Connection, account_id: int
) -> None:
    for _ in range(3):
        book(connection, account_id, due_in=-1)
    ended, unreached, unattempted = sorted(claim_and_take(connection))
    timing = Timing(dns=0.25, total=3.0)
    reply = Reply(error="connect-failed", error_detail="nobody listens", timing=timing)
    empty = Reply(status=204, timing=Timing(total=2.0))
    failed = settlement_of(unreached, RunState.FAILED)
    well = settlement_of(ended)._replace(attempt=Attempt(1, ended.due_at, 1.5, empty))
    unwell = [
        settlement_of(unattempted, RunState.DEAD)._replace(attempt=None, reason="lost"),
        failed._replace(attempt=Attempt(1, unreached.due_at, 2.5, reply), reason="given up"),
    ]

    for batch in ([well], unwell):
        assert len(settle(connection, batch)) == len(batch)

    runs = connection.execute("SELECT id, state, attempts, reason FROM run ORDER BY id").fetchall()
    assert runs == [
        (ended.id, "succeeded", 1, None),
        (unreached.id, "failed", 1, "given up"),
        (unattempted.id, "dead", 0, "lost"),
    ]
    attempts = connection.execute("""
        SELECT run_id, status, error, detail, headers, body, dns_ms, connect_ms, total_ms
        FROM attempt ORDER BY run_id""").fetchall()
    assert attempts == [
        (ended.id, 204, None, None, None, None, None, None, 2.0),
        (unreached.id, None, "connect-failed", "nobody listens", None, None, 0.25, None, 3.0),
    ]


def test_gone_ends_the_job_and_what_is_still_to_come_of_it(
    connection: psycopg.Connection, account_id: int
) -> None:
    job_id = book(connection, account_id, due_in=-2, cron="0 0/15 * * * ?")
    (run,) = claim_and_take(connection)
    connection.execute("UPDATE due SET next_at = clock_timestamp() WHERE job_id = %s", (job_id,))
    claim_all(connection)

    settle(connection, [settlement_of(run, RunState.FAILED, 410)])

    assert one(connection, "SELECT count(*) FROM job") == 0
    assert one(connection, "SELECT cancelled_at IS NOT NULL FROM inflight") is True
    ended = check(connection, limit=10, leases_count=True).ended
    assert [each.state for each in ended] == [RunState.CANCELLED]


def test_gone_does_not_end_a_version_that_was_not_asked(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-2, cron="0 0/15 * * * ?")
    (run,) = claim_and_take(connection)
    connection.execute("UPDATE job SET version = 2")

    settle(connection, [settlement_of(run, RunState.FAILED, 410)])

    assert one(connection, "SELECT count(*) FROM job") == 1


def test_a_row_that_cannot_be_stored_holds_up_no_other(
    connection: psycopg.Connection, account_id: int
) -> None:
    for _ in range(3):
        book(connection, account_id, due_in=-1)
    good, poisoned, fine = (settlement_of(run) for run in claim_and_take(connection))
    assert poisoned.attempt is not None
    impossible = poisoned.attempt._replace(reply=poisoned.attempt.reply._replace(status=7))
    poisoned = poisoned._replace(attempt=impossible)

    settled = settle_singly_if_needed(connection, [good, poisoned, fine])

    assert {each.id for each in settled.done} == {good.id, fine.id}
    assert [each.id for each, _ in settled.failed] == [poisoned.id]
    assert one(connection, "SELECT id FROM inflight") == poisoned.id


def test_what_a_receiver_sent_never_keeps_its_run_out_of_history(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    outcome = settlement_of(run)
    assert outcome.attempt is not None
    reply = outcome.attempt.reply._replace(
        headers=(("X-Odd\0", "caf\udce9\0"),),
        body=b"\xff" * 5000,
    )

    settled = settle_singly_if_needed(
        connection, [outcome._replace(attempt=outcome.attempt._replace(reply=reply))]
    )

    assert [each.id for each in settled.done] == [run.id]
    assert one(connection, "SELECT length(body) FROM attempt") == 1024


def test_a_run_cancelled_during_its_call_is_not_tried_again(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    connection.execute("UPDATE inflight SET cancelled_at = clock_timestamp(), reason = 'deleted'")

    settle(connection, [settlement_of(run, None, 500)])
    ended = check(connection, limit=10, leases_count=True).ended
    settle(connection, ended)

    row = connection.execute("SELECT state, attempts, reason FROM run").fetchone()
    assert row == ("cancelled", 1, "deleted")
    assert one(connection, "SELECT count(*) FROM inflight") == 0


def test_a_run_that_ends_as_cancelled_after_a_call_ended_then(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    connection.execute("UPDATE inflight SET cancelled_at = due_at - interval '1 s'")

    settle(connection, [settlement_of(run, RunState.CANCELLED)])

    assert one(connection, "SELECT settled_at >= due_at FROM run") is True


def test_a_run_that_was_not_cancelled_is_not_settled_as_cancelled(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)

    assert settle(connection, [settlement_of(run, RunState.CANCELLED)]) == set()
    assert one(connection, "SELECT count(*) FROM inflight") == 1
