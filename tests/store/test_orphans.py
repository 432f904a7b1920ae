"""Orphans: no live job stays without a next firing or a run."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import psycopg

from app.store.orphans import rearm_orphans
from app.store.settling import settle
from tests.factories import book, claim_all, claim_and_take, one
from tests.store.test_settling import settlement_of


def repair(connection: psycopg.Connection) -> tuple[int, int]:
    connection.execute("UPDATE job SET updated_at = clock_timestamp() - interval '1 hour'")
    return rearm_orphans(connection, limit=100, unreadable=lambda *_: None)


def test_sound_jobs_are_left_alone(connection: psycopg.Connection, account_id: int) -> None:
    book(connection, account_id, due_in=60)
    book(connection, account_id, due_in=-1)
    book(connection, account_id, due_in=-1, cron="0 0/15 * * * ?")
    claim_all(connection)

    assert repair(connection) == (0, 0)


def test_a_recurring_job_without_a_next_firing_is_armed(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1, cron="0 0/15 * * * ?")
    connection.execute("UPDATE due SET next_at = NULL")

    assert repair(connection) == (1, 0)
    assert one(connection, "SELECT next_at > clock_timestamp() FROM due") is True


def test_a_recurring_job_goes_on_after_the_last_firing_that_history_knows(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1, cron="0 0/15 * * * ?")
    (run,) = claim_and_take(connection)
    settle(connection, [settlement_of(run)])
    connection.execute("UPDATE due SET next_at = NULL")
    connection.execute("UPDATE run SET due_at = due_at - interval '50 min'")

    assert repair(connection) == (1, 0)
    missed = one(connection, "SELECT next_at - (SELECT due_at FROM run) FROM due")
    assert timedelta() < missed <= timedelta(minutes=15)


def test_nothing_was_missed_before_a_job_was_as_it_is_now(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1, cron="0 0/15 * * * ?")
    (run,) = claim_and_take(connection)
    settle(connection, [settlement_of(run)])
    connection.execute("UPDATE due SET next_at = NULL")
    connection.execute("UPDATE run SET due_at = due_at - interval '5 hours'")

    assert repair(connection) == (1, 0)
    assert one(connection, "SELECT next_at > updated_at FROM due JOIN job ON job.id = due.job_id")


def test_a_one_time_job_that_never_fired_gets_its_instant_back(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-60)
    instant = one(connection, "SELECT next_at FROM due")
    connection.execute("UPDATE due SET next_at = NULL")

    assert repair(connection) == (1, 0)
    assert one(connection, "SELECT next_at FROM due") == instant


def test_a_one_time_job_that_fired_is_ended_not_fired_again(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-60)
    (run,) = claim_and_take(connection)
    connection.execute("UPDATE job SET enabled = false")
    settle(connection, [settlement_of(run)])
    connection.execute("UPDATE job SET enabled = true")

    assert repair(connection) == (0, 1)
    assert one(connection, "SELECT count(*) FROM job") == 0


def test_a_trigger_that_cannot_be_read_is_reported_and_stops_no_other(
    connection: psycopg.Connection, account_id: int
) -> None:
    bad = book(connection, account_id, due_in=60, cron="0 0/15 * * * ?")
    book(connection, account_id, due_in=60, cron="0 0/15 * * * ?")
    connection.execute(
        """UPDATE job SET trigger = '{"kind": "cron", "expression": "no"}' WHERE id = %s""", (bad,)
    )
    connection.execute("UPDATE due SET next_at = NULL")
    connection.execute("UPDATE job SET updated_at = clock_timestamp() - interval '1 hour'")
    reported: list[UUID] = []

    rearm_orphans(connection, limit=100, unreadable=lambda job_id, _: reported.append(job_id))

    assert reported == [bad]
    assert one(connection, "SELECT count(*) FROM due WHERE next_at IS NULL") == 1
