"""Calls to inboxes in the store: counted, trimmed and purged, whoever writes at the same time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from flask import Flask

from app.domain.inbox import KEPT_CALLS, Answer, Inbox, NewCall, Received, Signature, new_token
from app.store import inbox_calls, inboxes
from app.store.engine import db
from tests.factories import in_thread, one, wait_until_blocked

NOW = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)


def received(path: str = "", *, at: datetime = NOW) -> Received:
    return Received(
        received_at=at,
        method="POST",
        path=path,
        query="a=1",
        headers=(("content-type", "text/plain"), ("x", "\xe9")),
        body=b"\x00\xff",
        body_bytes=2,
        signature=Signature.VERIFIED,
        run_id=UUID(int=1),
        attempt=2,
        scheduled_for=at - timedelta(milliseconds=1.5),
    )


def add(account_id: int) -> Inbox:
    with db.engine.begin() as opened:
        return inboxes.add(
            opened, account_id, inbox_id=uuid4(), token=new_token(), label="", answer="204"
        )


def store(connection: psycopg.Connection, *calls: tuple[UUID, Received]) -> list[int | None]:
    with connection.transaction():
        return inbox_calls.store(
            connection,
            [
                NewCall(inbox_id=inbox_id, answer=Answer.OK, received=each)
                for inbox_id, each in calls
            ],
        )


def test_a_call_comes_back_as_it_came(
    app: Flask, connection: psycopg.Connection, account_id: int
) -> None:
    inbox, other = add(account_id), add(account_id)

    assert store(connection, (inbox.id, received("/a")), (inbox.id, received("/b"))) == [1, 2]
    assert store(connection, (other.id, received("/c"))) == [1]

    with db.engine.connect() as opened:
        newest = inbox_calls.newest_first(opened, inbox.id, below=None, limit=10)
        assert [each.number for each in newest] == [2, 1]
        assert newest[0].received == received("/b")
        assert newest[0].received.lateness_ms == pytest.approx(1.5)
        assert inbox_calls.newest_first(opened, inbox.id, below=2, limit=10) == newest[1:]
        assert inbox_calls.oldest_after(opened, inbox.id, after=1, limit=10) == newest[:1]
        assert inbox_calls.find(opened, account_id, inbox.id, 1) == newest[1]
        assert inbox_calls.find(opened, account_id + 1, inbox.id, 1) is None
        assert inboxes.find(opened, account_id, inbox.id) is not None
        assert [each.last_number for each in inboxes.list_of_account(opened, account_id)] == [2, 1]


def test_the_newest_are_kept(app: Flask, connection: psycopg.Connection, account_id: int) -> None:
    inbox = add(account_id)
    many = [(inbox.id, received(f"/{number}")) for number in range(KEPT_CALLS + 50)]

    numbers = store(connection, *many)
    assert numbers == list(range(1, KEPT_CALLS + 51))
    store(connection, *many[:7])

    kept = connection.execute("SELECT number FROM inbox_call ORDER BY number").fetchall()
    assert [number for (number,) in kept] == list(range(58, KEPT_CALLS + 58))


def test_calls_of_an_inbox_that_is_gone_are_dropped(
    app: Flask, connection: psycopg.Connection, account_id: int
) -> None:
    inbox, gone = add(account_id), add(account_id)
    with db.engine.begin() as opened:
        assert inboxes.remove(opened, account_id, gone.id)
        assert not inboxes.remove(opened, account_id, gone.id)

    assert store(connection, (gone.id, received()), (inbox.id, received())) == [None, 1]
    assert inbox_calls.latest(connection, [gone.id, inbox.id]) == {inbox.id: 1}


def test_two_processes_that_write_to_one_inbox_count_on(
    app: Flask, connection: psycopg.Connection, other: psycopg.Connection, account_id: int
) -> None:
    inbox = add(account_id)
    with connection.transaction():
        first = inbox_calls.store(
            connection, [NewCall(inbox_id=inbox.id, answer=Answer.OK, received=received())]
        )
        with in_thread(lambda: store(other, (inbox.id, received()))) as finish:
            wait_until_blocked(connection)
            connection.execute("COMMIT")
            second = finish()
        connection.execute("BEGIN")

    assert (first, second) == ([1], [2])


def test_an_inbox_is_found_by_its_token_with_the_secrets_that_are_valid(
    app: Flask, connection: psycopg.Connection, account_id: int
) -> None:
    inbox = add(account_id)
    connection.execute(
        "INSERT INTO signing_secret (account_id, sealed, expires_at) "
        "VALUES (%(id)s, 'over', now() - interval '1 s'), "
        "(%(id)s, 'older', now() + interval '1 h'), (%(id)s, 'newest', NULL)",
        {"id": account_id},
    )

    found = inbox_calls.find_open(connection, [inbox.token, new_token()])

    assert found.keys() == {inbox.token}
    assert found[inbox.token].id == inbox.id
    assert found[inbox.token].answer is Answer.OK
    assert found[inbox.token].sealed_secrets == (b"newest", b"older")


def test_what_came_a_day_ago_is_deleted(
    app: Flask, connection: psycopg.Connection, account_id: int
) -> None:
    inbox = add(account_id)
    now = one(connection, "SELECT clock_timestamp()")
    for hours in (30, 25, 23, 1):
        store(connection, (inbox.id, received(f"/{hours}", at=now - timedelta(hours=hours))))

    assert inbox_calls.purge(connection, limit=1) == 1
    assert inbox_calls.purge(connection, limit=10) == 1
    assert inbox_calls.purge(connection, limit=10) == 0
    left = connection.execute("SELECT path FROM inbox_call ORDER BY number").fetchall()
    assert left == [("/23",), ("/1",)]
