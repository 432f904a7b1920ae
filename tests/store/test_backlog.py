"""The figures of the backlog: exact while there is little, and cheap however much there is."""

from __future__ import annotations

import psycopg
import pytest

from app import config
from app.store import beats
from app.store.engine import watch_engine

_RUNS = """
INSERT INTO inflight (id, job_id, account_id, job_version, kind, due_at, final, state, send_at,
                      look_at, lease_until)
SELECT gen_random_uuid(), gen_random_uuid(), %s, 1, 'scheduled', now(), true,
       CASE WHEN n %% 4 = 0 THEN 'claimed' ELSE 'taken' END, now(), now(),
       CASE WHEN n %% 4 <> 0 THEN now() END
FROM generate_series(1, %s) AS n
"""


def backlog(url: str) -> dict[str, int]:
    engine = watch_engine(config.load({"DATABASE_URL": url}))
    try:
        with engine.connect() as connection:
            return beats.backlog(connection, most=100)
    finally:
        engine.dispose()


def test_few_runs_are_counted_and_many_are_estimated(
    connection: psycopg.Connection, database: str, account_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beats, "MAX_COUNTED", 2000)
    monkeypatch.setattr(beats, "MAX_PAGES", 100)
    connection.execute(_RUNS, (account_id, 2000))
    connection.commit()
    assert backlog(database) == {"overdue": 0, "claimed": 500, "taken": 1500}

    connection.execute(_RUNS, (account_id, 18_000))
    connection.commit()
    found = backlog(database)
    assert found["claimed"] + found["taken"] == pytest.approx(20_000, rel=0.4)
    assert found["claimed"] / found["taken"] == pytest.approx(1 / 3, rel=0.2)
