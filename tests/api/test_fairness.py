"""The real web server shared by two accounts, one of which uses everything that it may."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest

from app import config, create_app
from app.api.asgi import THREADS
from app.api.context import current_context
from app.api.uploads import MAX_LONG_BODIES
from app.service import accounts
from app.store.engine import db
from tests.api.server import Web, ask, read_reply, request, until

BULK = (
    b"[" + b",".join([b'{"url":"http://127.0.0.1/","when":"2099-05-11T15:30:00Z"}'] * 1000) + b"]"
)
ONCE = b'{"url": "http://127.0.0.1/", "when": "2099-05-11T15:30:00Z"}'
JSON = {"Content_Type": "application/json", "Accept": "application/json"}


@pytest.fixture(scope="module")
def other_key(web_environ: dict[str, str], web_key: str) -> str:
    """The key of a second account."""
    assert web_key
    app = create_app(config.load(web_environ))
    with app.app_context():
        key = accounts.create(current_context(), "other")
        db.engine.dispose()
    return key


ONE_RUN = "/1/runs/01900000-0000-7000-8000-000000000000"
"""Not a list: of those an account gets one at a time."""


@contextmanager
def held_up(web_environ: dict[str, str]) -> Iterator[psycopg.Connection]:
    """Whoever asks for runs waits for a lock in the meantime."""
    with psycopg.connect(web_environ["DATABASE_URL"]) as connection:
        connection.execute("LOCK TABLE run IN ACCESS EXCLUSIVE MODE")
        yield connection
        connection.rollback()


def waiting(web_environ: dict[str, str]) -> int:
    """How many requests wait for a lock."""
    with psycopg.connect(web_environ["DATABASE_URL"]) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_one_account_s_requests_that_hang_leave_half_of_the_threads_to_others(
    web: Web, web_environ: dict[str, str], web_key: str, other_key: str
) -> None:
    assert ask(web, request("GET", "/1/account", X_API_Key=web_key)).status == 200
    with ExitStack() as stack:
        stack.enter_context(held_up(web_environ))
        hanging = [stack.enter_context(web.connect()) for _ in range(3 * THREADS)]
        for connection in hanging:
            connection.sendall(request("GET", ONE_RUN, X_API_Key=web_key))
        until(lambda: waiting(web_environ) == THREADS // 2)
        begun = time.monotonic()
        for _ in range(5):
            sent = request("POST", "/1/jobs", ONCE, X_API_Key=other_key, **JSON)
            assert ask(web, sent).status == 201
        assert time.monotonic() - begun < 5
        assert waiting(web_environ) == THREADS // 2


def test_clients_without_a_key_take_no_slot_for_long_bodies(web: Web, other_key: str) -> None:
    head = request("POST", "/1/jobs/bulk", None, Content_Length="90000", **JSON)
    with ExitStack() as stack:
        for _ in range(4 * MAX_LONG_BODIES):
            connection = stack.enter_context(web.connect())
            connection.sendall(head + b" " * 70_000)
        sent = request("POST", "/1/jobs/bulk?dryRun=true", BULK, X_API_Key=other_key, **JSON)
        assert [ask(web, sent).status for _ in range(3)] == [200] * 3


def test_an_account_s_slow_long_bodies_leave_places_to_others(
    web: Web, web_key: str, other_key: str
) -> None:
    head = request("POST", "/1/jobs/bulk", None, Content_Length="90000", X_API_Key=web_key, **JSON)
    with ExitStack() as stack:
        slow = [stack.enter_context(web.connect()) for _ in range(2 * MAX_LONG_BODIES)]
        for connection in slow:
            connection.sendall(head + b" " * 70_000)
        sent = request("POST", "/1/jobs/bulk?dryRun=true", BULK, X_API_Key=other_key, **JSON)
        assert [ask(web, sent).status for _ in range(3)] == [200] * 3
        replies = [read_reply(connection).status for connection in slow]
    assert set(replies) <= {408, 429}
    assert replies.count(408) <= MAX_LONG_BODIES // 2
