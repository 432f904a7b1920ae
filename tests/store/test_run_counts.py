"""Counts of runs: read from indexes alone, and of each day's partition where its runs are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, event

from app.domain.run_counts import Span
from app.store import run_counts
from app.store.partitions import make_ahead
from tests.factories import add_account, one, open_engine

DAYS = 5
A_DAY = 20_000
"""Runs of the account in a day, beside as many of another one. Counts of more take more in
proportion: only those of the bucket are read, whose number the test asserts."""

ADD = """
INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state, attempts,
                 settled_at)
SELECT gen_random_uuid(), gen_random_uuid(), %(account_id)s, 1, 'scheduled', due_at, 0,
       CASE WHEN n %% 10 = 0 THEN (ARRAY['failed', 'dead', 'cancelled'])[n / 10 %% 3 + 1]
            ELSE 'succeeded' END, 1, due_at
FROM generate_series(0, %(number)s - 1) n,
     LATERAL (SELECT %(begins)s + n * %(every)s::interval AS due_at) at
"""


@pytest.fixture
def web(database: str) -> Iterator[Connection]:
    """A connection as the web has them."""
    engine = open_engine(database)
    with engine.connect() as opened:
        yield opened


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The scans of runs in a plan that were made at all."""
    if str(node.get("Relation Name")).startswith("run") and node["Actual Loops"]:
        yield node
    for inner in node.get("Plans", []):
        yield from nodes(inner)


@pytest.mark.parametrize("step", [timedelta(minutes=30), timedelta(hours=1), timedelta(days=1)])
def test_counts_read_the_runs_of_their_buckets_from_indexes_alone(
    connection: psycopg.Connection, web: Connection, account_id: int, step: timedelta
) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    make_ahead(connection, today.date())
    other = add_account(connection, "other")
    for owner in (account_id, other):
        every = timedelta(days=1) / A_DAY
        values = {"begins": today, "every": every, "number": DAYS * A_DAY, "account_id": owner}
        connection.execute(ADD, values)
    connection.execute("VACUUM (ANALYZE) run")
    assert one(connection, "SELECT count(DISTINCT tableoid) FROM run") == DAYS

    seen: list[tuple[str, Any]] = []
    event.listen(web.engine, "before_cursor_execute", lambda *given: seen.append(given[2:4]))
    span = Span(begins=today + timedelta(days=1), ends=today + timedelta(days=3), step=step)
    with run_counts.stream(web, account_id, span) as rows:
        found = list(rows)
    ((query, params),) = seen

    assert [row.begins for row in found] == [
        span.ends - (number + 1) * step for number in range(timedelta(days=2) // step)
    ]
    each = A_DAY * step / timedelta(days=1)
    assert sum(row.succeeded for row in found) == 2 * A_DAY * 0.9
    for row in found:
        assert row.succeeded + row.failed + row.dead + row.cancelled == pytest.approx(each, abs=1)
        assert min(row.failed, row.dead, row.cancelled) > 0
    explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {query}"
    (plan,) = web.exec_driver_sql(explained, params).scalar_one()
    scans = list(nodes(plan["Plan"]))
    assert {scan["Node Type"] for scan in scans} == {"Index Only Scan"}
    assert all("Filter" not in scan for scan in scans)
    read = sum(scan["Actual Rows"] * scan["Actual Loops"] for scan in scans)
    assert read == pytest.approx(2 * A_DAY, rel=0.02)
    # Two days, and the partition for runs that are settled late.
    assert len({scan["Relation Name"] for scan in scans}) <= 3
