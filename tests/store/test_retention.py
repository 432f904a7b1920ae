"""Retention: what was kept for long enough is dropped, and nothing that is needed."""

from __future__ import annotations

import psycopg

from app.store.retention import drop_aborted, drop_superseded
from app.store.settling import settle
from tests.factories import book, claim_and_take, in_seconds, one
from tests.store.test_settling import settlement_of


def test_superseded_content_is_kept_until_retention_and_while_a_run_needs_it(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    connection.execute(
        "INSERT INTO superseded (job_id, version, url) SELECT id, version, url FROM job"
    )

    assert drop_superseded(connection, in_seconds(3600), limit=10) == 0
    settle(connection, [settlement_of(run)])
    assert drop_superseded(connection, in_seconds(-3600), limit=10) == 0
    assert one(connection, "SELECT count(*) FROM superseded") == 1
    assert drop_superseded(connection, in_seconds(3600), limit=10) == 1
    assert one(connection, "SELECT count(*) FROM superseded") == 0


def test_notes_of_aborted_runs_are_kept_for_a_minute(connection: psycopg.Connection) -> None:
    for seconds in (55, 65, 65):
        connection.execute(
            "INSERT INTO aborted"
            " VALUES (gen_random_uuid(), clock_timestamp() - make_interval(secs => %s))",
            (seconds,),
        )

    assert [drop_aborted(connection, limit=1) for _ in range(3)] == [1, 1, 0]
    assert one(connection, "SELECT count(*) FROM aborted") == 1
