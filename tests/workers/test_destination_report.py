"""What a worker reports of calls that it holds back, and what is read of it while it runs."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection

from app.domain.circuit_breaker import CLOSED, BlockReason, CircuitBreaker
from app.domain.waiting_report import MAX_REPORTED, WaitingReport, united
from app.store import heartbeats
from tests.factories import add_account, connect, open_engine
from workers.dispatch.destination import Destination
from workers.dispatch.destination_report import DestinationReport, report_of

NOW = 1000.0
DOWN = CircuitBreaker(block_reason=BlockReason.DOWN, until=NOW + 12.34)
HALF = CircuitBreaker(allowed=2)


def destination(
    host: str = "a.example", *, account: int = 1, breaker: CircuitBreaker = CLOSED, waiting: int = 0
) -> Destination[Any]:
    made: Destination[Any] = Destination(account, "https", host, 443, 4)
    made.breaker = breaker
    made.waiting = deque([object()] * waiting)
    made.in_flight = 3
    return made


def test_only_destinations_that_are_held_back_are_reported() -> None:
    parked = destination("d.example")
    parked.parked = 7
    rows = report_of(
        [
            destination(),
            destination("b.example", breaker=DOWN, waiting=2),
            destination("c.example", breaker=HALF),
            parked,
            # A few failures, and still closed.
            destination("e.example", breaker=CircuitBreaker(failures=3)),
        ],
        NOW,
    )
    assert sorted(rows) == [
        [1, "https://b.example:443", "down", 3, 2, 12.3],
        [1, "https://c.example:443", "recovering", 3, 0, None],
        [1, "https://d.example:443", "full", 3, 7, None],
    ]


def test_a_report_has_the_destinations_with_the_most_calls() -> None:
    many = [destination(f"h{number}.example", waiting=number + 1) for number in range(200)]
    rows = report_of(many, NOW)
    assert [row[4] for row in rows] == list(range(200, 200 - MAX_REPORTED, -1))


def test_many_destinations_are_looked_through_less_often() -> None:
    times = [0.0]
    looked: list[int] = []

    def known() -> list[Destination[Any]]:
        looked.append(1)
        return [destination(waiting=1)] * 20_000

    held = DestinationReport(known, lambda: times[0])
    for times[0] in (0.0, 2.0, 9.0, 10.0, 12.0):
        assert len(held.report()) == MAX_REPORTED
    assert len(looked) == 2


@pytest.fixture
def connection(database: str) -> Any:
    with connect(database) as opened:
        yield opened


@pytest.fixture
def reading(database: str) -> Any:
    engine = open_engine(database)
    with engine.connect() as opened:
        yield opened.execution_options(isolation_level="AUTOCOMMIT")
    engine.dispose()


def test_reports_of_running_workers_are_read_by_account(
    connection: psycopg.Connection, reading: Connection
) -> None:
    account, other = add_account(connection), add_account(connection, "other")
    rows = report_of(
        [
            destination(account=account, breaker=DOWN, waiting=2),
            destination("b.example", account=other, waiting=1),
        ],
        NOW,
    )
    heartbeats.beat(connection, "worker", "w1", rows)
    heartbeats.beat(connection, "scheduler", "s1")

    (found,) = heartbeats.held(reading, account)
    assert (found.account, found.destination, found.state) == (
        "demo",
        "https://a.example:443",
        "down",
    )
    assert (found.under_way, found.waiting) == (3, 2)
    beats = {each.id: each for each in heartbeats.list_all(reading)}
    assert found.next_call_at == beats["w1"].at + timedelta(seconds=12.3)
    assert [each.is_recent for each in beats.values()] == [True, True]
    assert {each.account for each in heartbeats.held(reading)} == {"demo", "other"}

    heartbeats.beat(connection, "worker", "w1")
    assert heartbeats.held(reading) == []
    heartbeats.beat(connection, "worker", "w1", rows)
    connection.execute("UPDATE heartbeat SET beaten_at = beaten_at - interval '5 minutes'")
    assert heartbeats.held(reading) == []


def test_the_reports_of_several_workers_are_added_up() -> None:
    one = WaitingReport(
        account_id=1, destination="a", state="down", under_way=1, waiting=2, next_call_at=None
    )
    few = replace(one, account_id=2, waiting=1)
    assert united([one, few, replace(one, state="full", under_way=4, waiting=5)]) == [
        replace(one, state="full", under_way=5, waiting=7),
        few,
    ]
