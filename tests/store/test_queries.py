"""The hot path's statements: each finds its rows by an index, whatever the statistics say."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.pq import ExecStatus

from app.store.queries import SQL
from workers.link import Link

_PLACEHOLDER = re.compile(r"%\((\w+)\)[bs]")


@pytest.fixture
def worker(database: str) -> Iterator[psycopg.Connection]:
    """A worker's connection to a database without rows and without statistics."""
    link = Link(database, "plans")
    with link.use() as connection:
        yield connection
    link.drop()


def plan(connection: psycopg.Connection, name: str) -> str:
    names = list(dict.fromkeys(_PLACEHOLDER.findall(SQL[name])))
    numbered = _PLACEHOLDER.sub(lambda found: f"${names.index(found[1]) + 1}", SQL[name])
    # Through the simple protocol: in the extended one the placeholders would want values.
    explain = f"EXPLAIN (GENERIC_PLAN, COSTS OFF) {numbered}".encode()
    result = connection.pgconn.exec_(explain)
    assert result.status == ExecStatus.TUPLES_OK, result.error_message.decode()
    lines = (result.get_value(row, 0) or b"" for row in range(result.ntuples))
    return b"\n".join(lines).decode()


@pytest.mark.parametrize("name", sorted(SQL))
def test_a_plan_made_while_the_tables_are_empty_serves_when_they_are_full(
    worker: psycopg.Connection, name: str
) -> None:
    made = plan(worker, name)

    assert "Seq Scan" not in made
    assert "Bitmap Heap Scan" not in made
    assert "Hash Join" not in made


def test_the_earliest_are_claimed_without_sorting_the_backlog(worker: psycopg.Connection) -> None:
    assert "Sort" not in plan(worker, "claim_due")
    assert "Index Scan using due_slot" in plan(worker, "claim_due")
    assert "Index Scan using inflight_look" in plan(worker, "look")


def test_parked_runs_are_found_in_order_without_reading_those_of_others(
    worker: psycopg.Connection,
) -> None:
    assert "Sort" not in plan(worker, "summon")
    assert "Index Scan using inflight_parked" in plan(worker, "summon")
