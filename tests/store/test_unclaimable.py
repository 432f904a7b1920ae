"""Unclaimable rows: a row that the database refuses to claim never keeps others from it."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import Mock

import psycopg
import pytest

from app.domain.firing_rate import Allowed, FiringLimits
from app.store import halving
from app.store.claims import Claims, claim, claim_fairly
from app.store.orphans import rearm_orphans
from tests.factories import add_account, book, claim_all, one, refuse_rows


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halving, "_SECONDS", 60.0)


def accept(connection: psycopg.Connection) -> None:
    connection.execute("ALTER TABLE inflight DROP CONSTRAINT refused")


def plainly(connection: psycopg.Connection, unclaimable: Mock) -> Claims:
    return claim(connection, budget=500, ahead=0.3, unreadable=Mock(), unclaimable=unclaimable)


def fairly(connection: psycopg.Connection, unclaimable: Mock) -> Claims:
    return claim_fairly(
        *(connection,),
        share=500,
        ahead=0.3,
        lookback=60,
        skip=[],
        unreadable=Mock(),
        unclaimable=unclaimable,
    )


@pytest.mark.parametrize("make", [plainly, fairly])
@pytest.mark.parametrize("cron", [None, "0 0 4 1 1 ?"])
def test_others_are_claimed_beside_rows_that_the_database_refuses(
    connection: psycopg.Connection,
    account_id: int,
    make: Callable[[psycopg.Connection, Mock], Claims],
    cron: str | None,
) -> None:
    jobs = [book(connection, account_id, due_in=-3 + n / 100, cron=cron) for n in range(100)]
    bad = {jobs[0], jobs[37], jobs[38], jobs[99]}
    refuse_rows(connection, "inflight", *bad)
    unclaimable = Mock()

    claims = make(connection, unclaimable)

    assert sorted(each.args[0] for each in unclaimable.call_args_list) == sorted(bad)
    assert len(claims.runs) == 96
    assert claims.is_cut
    made = connection.execute("SELECT job_id FROM inflight").fetchall()
    assert {job_id for (job_id,) in made} == set(jobs) - bad
    # They are out of the way, and their instants are kept.
    held = connection.execute("SELECT job_id FROM due WHERE held_at < now() AND next_at IS NULL")
    assert {job_id for (job_id,) in held.fetchall()} == bad


def test_a_row_that_was_set_aside_is_claimed_once_the_database_accepts_it(
    connection: psycopg.Connection, account_id: int
) -> None:
    job_id = book(connection, account_id, due_in=-3)
    due_at = one(connection, "SELECT next_at FROM due")
    refuse_rows(connection, "inflight", job_id)
    assert plainly(connection, Mock()).runs == []
    connection.execute("UPDATE job SET updated_at = clock_timestamp() - interval '1 hour'")

    assert rearm_orphans(connection, limit=10, unreadable=Mock()) == (1, 0)
    still_refused = Mock()
    plainly(connection, still_refused)
    accept(connection)
    rearm_orphans(connection, limit=10, unreadable=Mock())

    still_refused.assert_called_once()
    (run,) = claim_all(connection)
    assert one(connection, "SELECT due_at FROM inflight WHERE id = %s", run.run_id) == due_at


def test_a_row_that_cannot_be_moved_either_keeps_no_other_from_being_claimed(
    connection: psycopg.Connection, account_id: int
) -> None:
    jobs = [book(connection, account_id, due_in=-3) for _ in range(20)]
    refuse_rows(connection, "due", jobs[3])
    unclaimable = Mock()

    claims = plainly(connection, unclaimable)

    assert len(claims.runs) == 19
    assert one(connection, "SELECT job_id FROM due WHERE next_at IS NOT NULL") == jobs[3]
    book(connection, add_account(connection, "other"), due_in=-1)
    assert len(plainly(connection, unclaimable).runs) == 1
    assert unclaimable.call_count == 2


def test_a_postponed_firing_that_is_refused_is_found_before_it_is_expected(
    connection: psycopg.Connection, account_id: int
) -> None:
    bad = book(connection, account_id, due_in=-3)
    good = book(connection, account_id, due_in=-2)
    connection.execute(
        "UPDATE due SET owed_at = next_at, next_at = now() + interval '1 min',"
        " owed_till = now() + interval '1 min', owed_for = 'firingsPerSecond'"
    )
    refuse_rows(connection, "inflight", bad)
    limits = FiringLimits(of={account_id: Allowed(per_second=100)}, queued=frozenset({account_id}))
    unclaimable = Mock()

    def claim_owed() -> Claims:
        return claim(
            connection,
            budget=500,
            ahead=0.3,
            unreadable=Mock(),
            unclaimable=unclaimable,
            limits=limits,
        )

    claim_owed()
    claim_owed()

    unclaimable.assert_called_once()
    assert one(connection, "SELECT array_agg(job_id) FROM inflight") == [good]


def test_nothing_is_set_aside_where_all_rows_are_refused(
    connection: psycopg.Connection, account_id: int
) -> None:
    for _ in range(50):
        book(connection, account_id, due_in=-3)
    connection.execute("ALTER TABLE inflight ADD CONSTRAINT none CHECK (false)")
    unclaimable = Mock()

    with pytest.raises(psycopg.errors.CheckViolation):
        plainly(connection, unclaimable)

    unclaimable.assert_not_called()
    assert one(connection, "SELECT count(*) FROM due WHERE next_at IS NOT NULL") == 50


def test_a_job_that_was_moved_meanwhile_is_not_set_aside(
    connection: psycopg.Connection, account_id: int
) -> None:
    job_id = book(connection, account_id, due_in=-3)
    refuse_rows(connection, "inflight", job_id)

    def move(*_: object) -> None:
        connection.execute("UPDATE due SET next_at = now() + interval '1 hour'")

    plainly(connection, Mock(side_effect=move))

    assert one(connection, "SELECT next_at > now() FROM due") is True
