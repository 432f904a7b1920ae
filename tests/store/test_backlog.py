"""The figures of the backlog: exact while there is little, and cheap however much there is."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import Connection

from app.service.backlog_watch import BacklogWatch
from app.store import backlog
from tests.factories import book

_RUNS = """
INSERT INTO inflight (id, job_id, account_id, job_version, kind, due_at, final, state, send_at,
                      look_at, lease_until)
SELECT gen_random_uuid(), gen_random_uuid(), %s, 1, 'scheduled', now(), true,
       CASE WHEN n %% 4 = 0 THEN 'claimed' ELSE 'taken' END, now(), now(),
       CASE WHEN n %% 4 <> 0 THEN now() END
FROM generate_series(1, %s) AS n
"""


class Clock:
    """Tells what it is set to; each reading takes `passes` seconds."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.passes = 0.0

    def __call__(self) -> float:
        self.now += self.passes
        return self.now


def test_few_runs_are_counted_and_many_are_estimated(
    connection: psycopg.Connection,
    watching: Connection,
    account_id: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backlog, "MAX_COUNTED", 2000)
    monkeypatch.setattr(backlog, "MAX_PAGES", 100)
    connection.execute(_RUNS, (account_id, 2000))
    assert backlog.backlog(watching).inflight == {"claimed": 500, "taken": 1500}

    connection.execute(_RUNS, (account_id, 18_000))
    found = backlog.backlog(watching).inflight
    assert found["claimed"] + found["taken"] == pytest.approx(20_000, rel=0.4)
    assert found["claimed"] / found["taken"] == pytest.approx(1 / 3, rel=0.2)


def test_what_is_further_back_is_counted_when_it_is_time_to_count_all(
    connection: psycopg.Connection, watching: Connection, account_id: int
) -> None:
    clock = Clock()
    watch = BacklogWatch(clock)
    clock.passes = 0.2
    assert watch.count(watching).overdue == 0
    clock.passes = 0.0

    book(connection, account_id, due_in=-5)
    book(connection, account_id, due_in=-3600)
    connection.execute(_RUNS, (account_id, 4))
    connection.execute("UPDATE inflight SET look_at = now() - interval '1 hour'")
    found = watch.count(watching)
    assert (found.overdue, found.inflight) == (1, {})

    # It took 0.2 s to count all: the next time is 10 s later.
    clock.now += 10.1
    found = watch.count(watching)
    assert (found.overdue, found.inflight) == (2, {"claimed": 1, "taken": 3})


def test_what_was_there_the_last_time_is_counted_until_it_is_gone(
    connection: psycopg.Connection, watching: Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-3600)
    connection.execute(_RUNS, (account_id, 4))
    connection.execute("UPDATE inflight SET look_at = now() - interval '1 hour'")
    clock = Clock()
    watch = BacklogWatch(clock)
    clock.passes = 0.2
    counts = []
    for _ in range(3):
        counts.append(watch.count(watching))
        clock.passes = 0.0
        clock.now += 1.0

    assert [each.overdue for each in counts] == [1, 1, 1]
    assert [sum(each.inflight.values()) for each in counts] == [4, 4, 4]
    connection.execute("UPDATE due SET next_at = NULL")
    assert watch.count(watching).overdue == 0


def test_runs_of_a_suspended_account_are_counted(
    connection: psycopg.Connection, watching: Connection, account_id: int
) -> None:
    connection.execute(_RUNS, (account_id, 4))
    connection.execute("UPDATE inflight SET look_at = 'infinity'")
    watch = BacklogWatch()

    assert sum(watch.count(watching).inflight.values()) == 4
    assert sum(watch.count(watching).inflight.values()) == 4
