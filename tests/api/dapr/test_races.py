"""Several clients of one name at once: one job, and no client gets a wrong answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest
from flask.testing import FlaskClient

from tests.api.dapr.calls import DUE, JOBS, schedule
from tests.factories import one

AT_ONCE = 4
ROUNDS = 10

Call = Callable[[FlaskClient, str], int]


def book(client: FlaskClient, name: str) -> int:
    return schedule(client, name).status_code


def overwrite(client: FlaskClient, name: str) -> int:
    body = {"schedule": "@every 1h", "overwrite": True}
    return schedule(client, name, body).status_code


def delete(client: FlaskClient, name: str) -> int:
    return client.delete(f"{JOBS}/{name}").status_code


def at_once(client: FlaskClient, calls: list[Call], name: str) -> Counter[int]:
    """The statuses of these calls, made as much at once as can be."""
    barrier = Barrier(len(calls))

    def ask(call: Call) -> int:
        own = client.application.test_client()
        own.environ_base.update(client.environ_base)
        barrier.wait()
        return call(own, name)

    with ThreadPoolExecutor(len(calls)) as pool:
        return Counter(pool.map(ask, calls))


def test_one_of_several_bookings_gets_the_name(
    dapr: FlaskClient, connection: psycopg.Connection
) -> None:
    for number in range(ROUNDS):
        statuses = at_once(dapr, [book] * AT_ONCE, f"n{number}")
        assert statuses == {204: 1, 409: AT_ONCE - 1}
    assert one(connection, "SELECT count(*) FROM job") == ROUNDS


def test_every_overwriting_is_taken_and_one_job_stands(
    dapr: FlaskClient, connection: psycopg.Connection
) -> None:
    for number in range(ROUNDS):
        assert at_once(dapr, [overwrite] * AT_ONCE, f"n{number}") == {204: AT_ONCE}
    assert one(connection, "SELECT count(*) FROM job") == ROUNDS
    assert one(connection, "SELECT sum(version) FROM job") == ROUNDS * AT_ONCE


@pytest.mark.parametrize("other", [book, overwrite])
def test_a_deletion_among_them_fails_nobody(
    dapr: FlaskClient, connection: psycopg.Connection, other: Call
) -> None:
    for number in range(ROUNDS):
        assert schedule(dapr, f"n{number}", DUE).status_code == 204
        statuses = at_once(dapr, [delete, other, overwrite, delete], f"n{number}")
        assert set(statuses) <= {204, 409}
        assert statuses[204] >= 3
    assert (
        one(
            connection,
            "SELECT count(*) FROM job j FULL JOIN due ON job_id = j.id"
            " WHERE job_id IS NULL OR j.id IS NULL",
        )
        == 0
    )
