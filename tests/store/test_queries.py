"""The workers' statements: each finds its rows by an index, whatever the statistics say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
import pytest
from psycopg.pq import ExecStatus

from app.store import accuracy, idempotency
from app.store.connection import ReconnectingConnection
from app.store.partitions import make_ahead
from app.store.queries import SQL
from tests.factories import add_account

_PLACEHOLDER: Final = re.compile(r"%\((\w+)\)[bs]")

ELSEWHERE: Final = {
    "accuracy purge": accuracy._PURGE,
    "answers purge": idempotency._PURGE,
}
"""Those of the same sessions that stand beside what they belong to."""

ONCE_READ_WHOLE: Final = {name for name in SQL if name.startswith("set_back_")}
"""After the clock was set back, all that is under way is read once, by whatever plan."""

_COUNT: Final = """
ANALYZE job, due, superseded, inflight, run, attempt, accuracy, kept_answer, account, signing_secret
"""
_TABLES: Final = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
"""
_COLUMNS: Final = """
SELECT array_agg(pg_get_indexdef(i.indexrelid, n, true) ORDER BY n)
FROM pg_index i, generate_series(1, i.indnkeyatts) n WHERE i.indexrelid = %s::regclass
"""
# Those that hold nothing but what is looked for.
_WHOLE: Final = {"due_unarmed", "due_owed", "inflight_suspect", "account_suspended"}

_FILL: Final = """
WITH v AS MATERIALIZED (SELECT n, gen_random_uuid() AS id FROM generate_series(1, 5000) n),
jobs AS (
  INSERT INTO job (id, account_id, version, url, data, trigger, enabled)
  SELECT id, %(account)s, 1, 'http://127.0.0.1/', convert_to(repeat('x', 300), 'UTF8'),
         '{"kind": "at", "at": "2030-01-01T00:00:00Z"}', true FROM v
), dues AS (
  INSERT INTO due (job_id, account_id, version, recurring, next_at)
  SELECT id, %(account)s, 1, false, now() FROM v
), contents AS (
  INSERT INTO superseded (job_id, version, url) SELECT id, 1, 'http://127.0.0.1/' FROM v
), runs AS (
  INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state, attempts,
                   settled_at)
  SELECT id, id, %(account)s, 1, 'scheduled', now(), 0, 'succeeded', 1, now() FROM v
), attempts AS (
  INSERT INTO attempt (run_id, number, due_at, started_at, lateness_ms, status, total_ms)
  SELECT id, 1, now(), now(), 1, 204, 1 FROM v
), secrets AS (
  INSERT INTO signing_secret (account_id, sealed, expires_at)
  SELECT %(account)s, 'sealed', now() FROM v
), accuracies AS (
  INSERT INTO accuracy (account_id, begins, counts, most_ms)
  SELECT n, 'epoch', '{1}', 1 FROM v
), kept AS (
  INSERT INTO kept_answer (account_id, key, fingerprint, status, headers, body, sealed)
  SELECT %(account)s, n::text, sha256(''), 201, '[]', '', false FROM v
)
INSERT INTO inflight (id, job_id, account_id, job_version, kind, due_at, final, state, send_at,
                      look_at)
SELECT id, id, %(account)s, 1, 'scheduled', now(), true, 'claimed', now(), now() FROM v
"""


def _never(_connection: psycopg.Connection, _other: psycopg.Connection) -> None:
    """No table was ever counted, and all are empty."""


def _while_empty(connection: psycopg.Connection, _other: psycopg.Connection) -> None:
    connection.execute(_COUNT)


def _before_the_commit(connection: psycopg.Connection, other: psycopg.Connection) -> None:
    """Pages are there, but no row that the count may see: all of them seem to hold none."""
    account = add_account(connection)
    with connection.transaction():
        connection.execute(_FILL, {"account": account})
        other.execute(_COUNT)


def _when_full(connection: psycopg.Connection, _other: psycopg.Connection) -> None:
    connection.execute(_FILL, {"account": add_account(connection)})
    connection.execute(_COUNT)


@pytest.fixture
def worker(database: str) -> Iterator[psycopg.Connection]:
    """A worker's connection to a database with today's partitions."""
    reconnecting = ReconnectingConnection(database, "plans")
    with reconnecting.use() as connection:
        make_ahead(connection, datetime.now(UTC).date())
        yield connection
    reconnecting.close()


@pytest.mark.parametrize("counted", [_never, _while_empty, _before_the_commit, _when_full])
def test_each_row_is_looked_up_whenever_the_tables_were_counted_last(
    worker: psycopg.Connection,
    connection: psycopg.Connection,
    other: psycopg.Connection,
    counted: Any,
) -> None:
    counted(connection, other)

    found = {
        name: astray(worker, query)
        for name, query in (SQL | ELSEWHERE).items()
        if name not in ONCE_READ_WHOLE
    }

    assert {name: nodes for name, nodes in found.items() if nodes} == {}


def test_the_earliest_are_claimed_without_sorting_the_backlog(worker: psycopg.Connection) -> None:
    # The turns of accounts are sorted: a row for each slot and account, none of the backlog.
    assert sorted_tables(worker, "claim_due") == set()
    used = {
        "due_slot",
        "due_enqueued",
        "due_pkey",
        "due_owed",
        "firing_pace_pkey",
        "account_suspended",
    }
    assert used == indexes(worker, "claim_due")
    assert indexes(worker, "fetch_checkable") == {"inflight_look"}


def test_parked_runs_are_found_in_order_without_reading_those_of_others(
    worker: psycopg.Connection,
) -> None:
    assert "Sort" not in kinds(worker, "unpark")
    assert "inflight_parked" in indexes(worker, "unpark")


def test_a_plan_that_was_kept_outlives_a_column_that_the_next_release_adds(
    worker: psycopg.Connection, other: psycopg.Connection
) -> None:
    for name, query in (SQL | ELSEWHERE).items():
        _run(worker, f'PREPARE "{name}" AS {numbered(query)[0]}')
    for (table,) in worker.execute(_TABLES).fetchall():
        other.execute(f"ALTER TABLE {table} ADD COLUMN added integer")

    for name, query in (SQL | ELSEWHERE).items():
        values = f"({', '.join(['NULL'] * count)})" if (count := numbered(query)[1]) else ""
        _run(worker, f'EXPLAIN EXECUTE "{name}" {values}')


def astray(connection: psycopg.Connection, query: str) -> list[str]:
    """Reads of a whole table or index, and joins that compare each row with each."""
    found = []
    for node in nodes(plan(connection, query)):
        scans = "Relation Name" in node and "Scan" in node["Node Type"]
        if scans and not _leads_to_rows(connection, node):
            how = node.get("Index Cond", "all of it")
            found.append(f"{node['Node Type']} of {node.get('Index Name')}: {how}")
        if "Join Filter" in node or node["Node Type"] in {"Hash Join", "Merge Join"}:
            found.append(f"{node['Node Type']}: {node.get('Join Filter')}")
    return found


def _leads_to_rows(connection: psycopg.Connection, node: dict[str, Any]) -> bool:
    """An index is asked by what it is sorted by: by a later column alone, all of it is walked."""
    name = node.get("Index Name")
    if name is None or name in _WHOLE:
        return name is not None or "TID Cond" in node
    columns = connection.execute(_COLUMNS, (name,)).fetchone()
    assert columns is not None
    needed = columns[0] if name == "job_account" else columns[0][:1]
    return all(re.search(rf"\b{each}\b", node.get("Index Cond", "")) for each in needed)


def kinds(connection: psycopg.Connection, name: str) -> set[str]:
    return {node["Node Type"] for node in nodes(plan(connection, SQL[name]))}


def sorted_tables(connection: psycopg.Connection, name: str) -> set[str]:
    """The tables whose rows are sorted."""
    sorts = [each for each in nodes(plan(connection, SQL[name])) if "Sort" in each["Node Type"]]
    below = [node for each in sorts for node in nodes(each)]
    return {node["Relation Name"] for node in below if "Relation Name" in node}


def indexes(connection: psycopg.Connection, name: str) -> set[str]:
    found = {node.get("Index Name") for node in nodes(plan(connection, SQL[name]))}
    return {each for each in found if each}


def plan(connection: psycopg.Connection, query: str) -> dict[str, Any]:
    explained = _run(connection, f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {numbered(query)[0]}")
    made: dict[str, Any] = json.loads(explained or b"")[0]["Plan"]
    return made


def numbered(query: str) -> tuple[str, int]:
    """The query with PostgreSQL's own placeholders, and how many they are."""
    names = list(dict.fromkeys(_PLACEHOLDER.findall(query)))
    return _PLACEHOLDER.sub(lambda found: f"${names.index(found[1]) + 1}", query), len(names)


def _run(connection: psycopg.Connection, statement: str) -> bytes | None:
    """Through the simple protocol: in the extended one the placeholders would want values."""
    result = connection.pgconn.exec_(statement.encode())
    ran = result.status in {ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK}
    assert ran, result.error_message.decode()
    return result.get_value(0, 0) if result.ntuples else None


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from nodes(child)
