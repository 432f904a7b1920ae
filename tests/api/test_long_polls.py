"""Long polls on the real server: they wait without a thread, and are answered when a call comes."""

from __future__ import annotations

import select
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from flask import Flask

from app import config, create_app
from app.api.context import current_context
from app.api.long_polls import MAX_OF_ACCOUNT
from app.service import accounts
from app.store.engine import db
from tests.api.server import (
    PATIENCE_S,
    Reply,
    Web,
    ask,
    read_reply,
    request,
    serving,
    until,
)

JSON = "application/json"


@pytest.fixture(scope="module")
def app(web_environ: dict[str, str]) -> Iterator[Flask]:
    """The use cases on the database of the running web server."""
    made = create_app(config.load(web_environ))
    yield made
    with made.app_context():
        db.engine.dispose()


@pytest.fixture
def key(app: Flask) -> str:
    """The key of an account of its own."""
    with app.app_context():
        return accounts.create(current_context(), f"account-{uuid4()}")


def get(path: str, key: str) -> bytes:
    return request("GET", path, X_API_Key=key, Accept=JSON)


def make_inbox(web: Web, key: str) -> dict[str, Any]:
    made: dict[str, Any] = ask(
        web, request("POST", "/1/inboxes", b"", X_API_Key=key, Accept=JSON)
    ).json()
    return made


def call(web: Web, inbox: dict[str, Any]) -> None:
    assert ask(web, request("POST", urlsplit(inbox["url"]).path, b"")).status == 204


@contextmanager
def polling(web: Web, inbox: dict[str, Any], key: str, query: str) -> Iterator[Any]:
    """A request that waits; the yielded function returns its response."""
    with web.connect() as connection:
        connection.sendall(get(f"/1/inboxes/{inbox['id']}/calls?{query}", key))

        def reply() -> Reply:
            return read_reply(connection)

        yield reply


def test_a_call_ends_the_wait(web: Web, key: str) -> None:
    inbox = make_inbox(web, key)
    with polling(web, inbox, key, "wait=25&after=0") as reply:
        begun = time.monotonic()
        call(web, inbox)
        assert [each["number"] for each in reply().json()] == [1]
    assert time.monotonic() - begun < 20


def test_a_call_that_another_process_took_ends_the_wait(
    web: Web, web_environ: dict[str, str], key: str
) -> None:
    inbox = make_inbox(web, key)
    with serving(web_environ) as another, polling(web, inbox, key, "wait=25&after=0") as reply:
        call(another, inbox)
        assert [each["number"] for each in reply().json()] == [1]


def test_the_wait_ends_with_its_time(web: Web, key: str) -> None:
    inbox = make_inbox(web, key)
    call(web, inbox)
    begun = time.monotonic()
    with polling(web, inbox, key, "wait=1&after=1") as reply:
        assert reply().json() == []
    assert time.monotonic() - begun >= 1


def test_an_inbox_that_is_deleted_ends_the_wait(web: Web, key: str) -> None:
    inbox = make_inbox(web, key)
    with polling(web, inbox, key, "wait=25") as reply:
        path = f"/1/inboxes/{inbox['id']}"
        assert ask(web, request("DELETE", path, X_API_Key=key)).status == 204
        assert reply().status == 404


def test_a_server_that_stops_ends_the_wait(web: Web, web_environ: dict[str, str], key: str) -> None:
    inbox = make_inbox(web, key)
    with serving(web_environ) as stopped, ExitStack() as stack:
        connections = [stack.enter_context(stopped.connect()) for _ in range(MAX_OF_ACCOUNT + 1)]
        for each in connections:
            each.sendall(get(f"/1/inboxes/{inbox['id']}/calls?wait=25", key))
        # One is refused: all others wait.
        until(lambda: select.select(connections, (), (), 0)[0])

        stopped.process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        replies = [read_reply(each) for each in connections]
        stopped.process.wait(PATIENCE_S)
        took_s = time.monotonic() - begun

    assert sorted(each.status for each in replies) == [200] * MAX_OF_ACCOUNT + [429]
    assert [each.json() for each in replies if each.status == 200] == [[]] * MAX_OF_ACCOUNT
    assert took_s < 15


def test_waiting_holds_no_thread_and_few_of_an_account_wait(web: Web, key: str) -> None:
    inbox = make_inbox(web, key)
    excess = 9
    with ExitStack() as stack:
        connections = [stack.enter_context(web.connect()) for _ in range(MAX_OF_ACCOUNT + excess)]
        for each in connections:
            each.sendall(get(f"/1/inboxes/{inbox['id']}/calls?wait=25", key))
        until(lambda: len(select.select(connections, (), (), 0)[0]) == excess)
        assert ask(web, get("/1/jobs", key)).status == 200

        call(web, inbox)
        replies = [read_reply(each) for each in connections]

    assert [each.status for each in replies].count(200) == MAX_OF_ACCOUNT
    refused = next(each.json() for each in replies if each.status == 429)
    assert (refused["limit"], refused["allowed"]) == ("waitingRequests", MAX_OF_ACCOUNT)


def test_clients_that_went_away_wait_no_longer(web: Web, key: str) -> None:
    inbox = make_inbox(web, key)
    for _ in range(2):
        with ExitStack() as stack:
            for _ in range(MAX_OF_ACCOUNT):
                stack.enter_context(polling(web, inbox, key, "wait=25"))
    path = f"/1/inboxes/{inbox['id']}/calls?wait=1"
    until(lambda: ask(web, get(path, key)).status == 200)
