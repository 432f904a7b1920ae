"""Hostile clients do what they are to do, and their effect on an account is reported."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from lxml import etree

from bench import paced
from bench.bookings import Batch
from bench.client import request
from bench.hostile import attack as ways
from bench.hostile import attacks, receiver, table
from bench.hostile.attack import Attack
from bench.hostile.attacker import carry_out
from bench.hostile.target import Target
from bench.phases import hostile
from bench.receiver import Arrival
from tests.factories import connect, one
from tests.receiver import Received, Receiver, answer

KEY = "wk_a_key"
FACTS = {"job": "a-job", "runs": [f"run-{n}" for n in range(20)]}
FIRST = datetime(2030, 1, 1, tzinfo=UTC)
# They hold connections by the thousand, or never send a whole request.
UNFINISHED = {"idle", "slow-upload", "slow-upload-no-key"}
WHOLE = [each for each in attacks.ATTACKS if each.name not in UNFINISHED]


@pytest.fixture
def server() -> Iterator[Receiver]:
    with Receiver(answer(200)) as made:
        yield made


@pytest.fixture
def target(server: Receiver) -> Target:
    return Target(port=server.port, account="attacker", key=KEY, receiver=1, closed=2, facts=FACTS)


def do(way: ways.Connect, target: Target, seconds: float = 0.5) -> dict[str, Any]:
    return asyncio.run(carry_out(Attack(name="a", about="a attack", connect=way), target, seconds))


def check_body(sent: Received) -> None:
    kind = sent.header("content-type")
    if kind == "application/json":
        json.loads(sent.body)
    elif kind == "text/xml":
        etree.fromstring(sent.body)


@pytest.mark.parametrize("each", WHOLE, ids=lambda attack: attack.name)
def test_an_attack_sends_complete_requests(each: Attack, server: Receiver, target: Target) -> None:
    score = asyncio.run(carry_out(each, target, 1.0))

    assert score["sent"] > 0
    sent = server.wait_for(1)[0]
    assert sent.target.startswith("/")
    check_body(sent)
    keys = {sent.header("authorization") for sent in server.requests}
    assert (keys == {f"Bearer {KEY}"}) == (each in attacks.ACCOUNT)


def test_attacks_have_different_names() -> None:
    assert len({each.name for each in attacks.ATTACKS}) == len(attacks.ATTACKS)
    assert [attacks.named(each.name) for each in attacks.ATTACKS] == list(attacks.ATTACKS)


def get(_target: Target, _number: int) -> Iterator[bytes]:
    while True:
        yield request("GET", "/")


def test_answers_are_counted_by_their_status(server: Receiver, target: Target) -> None:
    server.default = answer(429)

    score = do(ways.ask(get, 3), target)

    assert score["answered"] == score["refused"] == score["statuses"]["429"] > 3
    assert score["answered"] <= score["sent"] <= score["answered"] + 3
    assert score["opened"] == 3


def test_a_connection_that_is_closed_is_opened_again(server: Receiver, target: Target) -> None:
    server.default = lambda exchange: exchange.link.close()

    score = do(ways.ask(get, 1), target)

    assert score["answered"] == 0
    assert score["opened"] > 1


def test_unread_answers_stay_on_connections_that_are_bounded(
    server: Receiver, target: Target
) -> None:
    score = do(ways.ask_and_not_read(get, held=4, connections=2), target)

    assert score["answered"] == 0
    assert score["sent"] == score["opened"] > 4


def test_a_slow_request_is_not_sent_to_its_end(server: Receiver, target: Target) -> None:
    upload = ways.long_upload(request("POST", "/upload"))

    score = do(ways.send_slowly(lambda _target: upload, b" ", connections=2, pause_s=0.1), target)

    assert (score["opened"], score["answered"]) == (2, 0)
    assert server.requests == []


def test_a_slow_request_that_is_answered_is_begun_again(server: Receiver, target: Target) -> None:
    score = do(ways.send_slowly(lambda _target: request("GET", "/"), b"x", connections=1), target)

    assert score["statuses"]["200"] > 1


def test_silent_connections_are_kept(server: Receiver, target: Target) -> None:
    score = do(ways.both(ways.say_nothing(3), ways.say_nothing(2)), target)

    assert (score["opened"], score["sent"]) == (5, 0)


@pytest.mark.parametrize(
    ("path", "start"),
    [
        ("/ok", b"HTTP/1.1 204 "),
        ("/fail/1", b"HTTP/1.1 500 "),
        ("/later", b"HTTP/1.1 202 Accepted\r\nWakecall-Complete: later"),
        ("/base/job/x", b"HTTP/1.1 404 "),
    ],
)
def test_the_attackers_receiver_answers_by_path(path: str, start: bytes) -> None:
    assert receiver.answer(request("POST", path)).startswith(start)


def test_a_call_that_hangs_is_not_answered() -> None:
    assert receiver.answer(request("POST", "/hang")) == b""
    assert len(receiver.FAILURE) > 8 * 1024


def test_bookings_are_timed_from_their_planned_instant(server: Receiver) -> None:
    found = asyncio.run(
        paced.measure(
            server.port,
            request("GET", "/", Connection="close"),
            begin_in=0.1,
            per_s=20,
            seconds=0.5,
            patience_s=0.5,
        )
    )

    # The receiver keeps the connection; what is not ended by it counts as not answered.
    assert found["statuses"] == {paced.UNANSWERED: 10}
    assert min(found["took"]) >= 0.5


def close_after(exchange: Any) -> None:
    answer(201)(exchange)
    exchange.link.close()


def test_bookings_that_are_answered_have_a_status(server: Receiver) -> None:
    server.default = close_after

    found = asyncio.run(
        paced.measure(
            server.port, request("GET", "/"), begin_in=0.1, per_s=20, seconds=0.5, patience_s=10
        )
    )

    assert found["statuses"] == {201: 10}
    assert max(found["took"]) < 10


BATCH = Batch(accounts=[1], count=4, first=FIRST, step=timedelta(seconds=1), port=1)
BOOKED = {"took": [0.002, 0.001, 0.3], "statuses": {"201": 2, "503": 1}}


def arrival(number: int, late: float) -> Arrival:
    return Arrival(run=f"{number}", due=FIRST + timedelta(seconds=number), late=late)


def test_the_measurement_counts_each_call_once() -> None:
    came = [arrival(n, 0.001 * (n + 1)) for n in range(4)]

    found = hostile.measured(
        BATCH, [*came, arrival(0, 9)], BOOKED, waited=FIRST + timedelta(minutes=1)
    )

    assert found["calls_ms"] == {"p50": 2.0, "p99": 4.0, "max": 4.0}
    assert (found["calls"], found["missed"]) == (4, 0)
    assert found["bookings_ms"] == {"p50": 2.0, "p99": 300.0, "max": 300.0}
    assert (found["bookings"], found["bookings_refused"]) == (3, 1)


def test_a_call_that_did_not_come_is_as_late_as_it_was_waited_for() -> None:
    came = [arrival(n, 0.001) for n in range(3)]

    found = hostile.measured(BATCH, came, BOOKED, waited=FIRST + timedelta(seconds=14))

    assert found["missed"] == 1
    assert found["calls_ms"]["max"] == 10_000


def test_the_attackers_answers_are_shown_per_second() -> None:
    score = {
        "answered": 50,
        "refused": 10,
        "seconds": 2.0,
        "statuses": {"201": 40, "429": 10},
        "opened": 3,
    }

    found = hostile.attacked(score)

    assert (found["attack_per_s"], found["attack_refused"]) == (25, 0.2)
    assert hostile.attacked({**score, "answered": 0, "refused": 0})["attack_refused"] == 0


def test_seconds_of_aborts_are_made_minutes(database: str) -> None:
    with connect(database) as connection:
        connection.execute("INSERT INTO aborted (run_id) SELECT uuidv7() FROM generate_series(1,3)")

        hostile.age(connection, ("aborted", "aborted_at"), seconds=30.0)

        assert one(connection, "SELECT count(*) FROM aborted") == 33
        assert _within(connection, "5 minutes") == 33
        assert _within(connection, "30 s") < 33


def _within(connection: psycopg.Connection, interval: str) -> int:
    query = "SELECT count(*) FROM aborted WHERE aborted_at > clock_timestamp() - %s::interval"
    found: int = one(connection, query, interval)
    return found


FINE: dict[str, Any] = {
    "calls_ms": {"p50": 1.0, "p99": 100, "max": 120.0},
    "calls": 600,
    "missed": 0,
    "bookings_ms": {"p50": 5.0, "p99": 250, "max": 300.0},
    "bookings": 120,
    "bookings_refused": 0,
    "attack_per_s": 1234.0,
    "attack_refused": 0.25,
    "attack_statuses": {},
    "attack_connections": 32,
    "web_growth_mib": 12.3,
}


def row(name: str, **otherwise: Any) -> tuple[str, ...]:
    return next(iter(table.rows({"hostile": {"attacks": {name: {**FINE, **otherwise}}}})))


def test_a_row_within_its_bounds_has_nothing_in_bold() -> None:
    assert row("fire") == (
        *("a job fired by hand", "1.0 ms", "100 ms", "0", "250 ms"),
        *("1,234/s", "25%", "12 MiB"),
    )


@pytest.mark.parametrize(
    ("otherwise", "marked"),
    [
        ({"calls_ms": {**FINE["calls_ms"], "p99": 101}}, "**101 ms**"),
        ({"missed": 3}, "**3**"),
        ({"bookings_ms": {**FINE["bookings_ms"], "p99": 251}}, "**251 ms**"),
        ({"bookings_refused": 2}, "250 ms, **2 of 120 refused**"),
    ],
)
def test_what_is_out_of_bounds_is_in_bold(otherwise: dict[str, Any], marked: str) -> None:
    assert marked in row("book", **otherwise)


def test_a_row_shows_attacks_without_a_key_and_unanswered_requests() -> None:
    assert row("wrong-keys")[0] == "wrong keys, no key"
    assert row("nothing")[0] == row("unknown")[0].replace("unknown", "nothing")
    assert row("idle", attack_per_s=0.0)[5:7] == ("none on 32 connections", "")
