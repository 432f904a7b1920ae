"""Repeats against the real web server: at once, and after its process died at the worst moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest

from tests.api.server import Reply, Web, ask, request, serving, until
from tests.factories import connect, in_thread, one, wait_until_blocked

BODY = b'{"url": "http://127.0.0.1/", "when": "2099-05-11T15:30:00Z"}'
JOBS = "SELECT count(*) FROM job"
AT_ONCE = 8


@pytest.fixture
def mortal(web_environ: dict[str, str], web_key: str) -> Iterator[Web]:
    """A web server that dies on request and is restarted; once, because twice would be a loop."""
    assert web_key
    with serving(web_environ, "tests.api.crashing_app:asgi", log_level="critical") as running:
        yield running


@pytest.fixture
def connection(web_environ: dict[str, str]) -> Iterator[psycopg.Connection]:
    with connect(web_environ["DATABASE_URL"]) as opened:
        opened.execute("DELETE FROM job")
        yield opened


@pytest.fixture
def key() -> str:
    return str(uuid4())


def post(web: Web, web_key: str, key: str, **headers: str) -> Reply:
    sent = {"X_API_Key": web_key, "Idempotency_Key": key, "Content_Type": "application/json"}
    return ask(web, request("POST", "/1/jobs", BODY, **sent, **headers))


def answers(web: Web) -> bool:
    """Whether it is back; a connection may still reach the process that is dying."""
    try:
        return ask(web, request("GET", "/healthz")).status == 200
    except (AssertionError, OSError):
        return False


def test_equal_requests_at_once_make_one_job(
    web: Web, web_key: str, connection: psycopg.Connection, key: str
) -> None:
    barrier = threading.Barrier(AT_ONCE)

    def send() -> Reply:
        barrier.wait(30)
        return post(web, web_key, key)

    with ThreadPoolExecutor(AT_ONCE) as clients:
        replies = [each.result() for each in [clients.submit(send) for _ in range(AT_ONCE)]]

    assert {each.status for each in replies} <= {201, 409}
    done = [each for each in replies if each.status == 201]
    assert [each for each in done if "idempotency-replayed" not in each.headers][1:] == []
    assert {each.body for each in done} == {done[0].body}
    assert one(connection, JOBS) == 1
    last = post(web, web_key, key)
    assert (last.status, last.body, last.headers["idempotency-replayed"]) == (
        201,
        done[0].body,
        "true",
    )


def test_while_the_first_request_runs_its_repeat_is_refused_with_retry_after(
    web: Web, web_key: str, connection: psycopg.Connection, key: str
) -> None:
    with connection.transaction():
        connection.execute("LOCK TABLE kept_answer IN EXCLUSIVE MODE")
        with in_thread(lambda: post(web, web_key, key)) as finish:
            wait_until_blocked(connection)
            second = post(web, web_key, key, Accept="application/json")
            # The job that is being booked is nobody's business yet.
            assert one(connection, JOBS) == 0
            connection.execute("COMMIT")
            first = finish()
            connection.execute("BEGIN")

    assert (second.status, second.json()["type"]) == (409, "/problems/still-running")
    assert second.headers["retry-after"] == "1"
    third = post(web, web_key, key)
    assert (first.status, third.status, third.body) == (201, 201, first.body)
    assert one(connection, JOBS) == 1


@pytest.mark.parametrize(
    ("point", "kept"),
    [("before-keeping", False), ("before-commit", False), ("before-answering", True)],
)
def test_a_process_that_dies_books_once_whenever_that_was(
    mortal: Web, web_key: str, connection: psycopg.Connection, key: str, point: str, *, kept: bool
) -> None:
    with pytest.raises((AssertionError, ConnectionError)):
        post(mortal, web_key, key, X_Die=point)
    until(lambda: answers(mortal))
    assert one(connection, JOBS) == kept

    repeat = post(mortal, web_key, key)

    assert (repeat.status, "idempotency-replayed" in repeat.headers) == (201, kept)
    assert str(one(connection, "SELECT id FROM job")) == repeat.body.decode()
    assert one(connection, JOBS) == 1
