"""Direct bookings: what one account may use of the event loop, and what a lost database leaves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import Any

import psycopg
import pytest
from flask import Flask

from app.api.booking_batches import MAX_WAITING
from app.api.context import current_context
from app.api.direct_bookings import DirectBooking, DirectRequest, Reader
from app.api.fair_gate import FairGate
from app.domain import key as keys
from app.service import accounts
from app.service.booking_batches import Outcome
from app.store import booking_batches
from app.store.booking_batches import WantedJob
from tests.api.both_ways import Answered, Asked, Ways
from tests.factories import connect, one
from tests.http_server.serving import serving

pytestmark = pytest.mark.usefixtures("each_way")


def test_the_account_of_a_direct_booking_is_remembered(
    app: Flask, ask: Callable[..., Asked]
) -> None:
    async def play(ways: Ways) -> None:
        await ways.ask(ways.by_route, ask())
        assert (await ways.ask_directly(ask())).status == 201

    ways = Ways(app)
    ways.play(play)
    with app.app_context():
        account = accounts.get_account(current_context(), "account-1")
        limits = current_context().limit_cache.get(account.id)
    assert limits is not None
    remembered = list(ways.directly._senders._known.values())
    assert remembered == [(account.id, limits.concurrent_requests)]


def test_of_an_account_few_bookings_are_read_on_the_event_loop_at_once(
    app: Flask, ask: Callable[..., Asked]
) -> None:
    read: list[DirectRequest] = []
    begun, go = threading.Event(), threading.Event()

    async def play(ways: Ways) -> None:
        await ways.ask(ways.by_route, ask())
        write = ways.direct._batches._write

        def waiting(wanted: Sequence[WantedJob]) -> list[Outcome]:
            begun.set()
            assert go.wait(30)
            return write(wanted)

        ways.direct._batches._write = waiting
        ways.direct._offers = [
            each._replace(reader=partial(noting, each.reader)) for each in ways.direct._offers
        ]
        first = asyncio.create_task(ways.ask_directly(ask()))
        await asyncio.to_thread(begun.wait, 30)
        crowd = [asyncio.create_task(ways.ask_directly(ask())) for _ in range(MAX_WAITING + 3)]
        # Three are answered by their route meanwhile.
        for each in islice(asyncio.as_completed(crowd), 3):
            assert (await each).status == 201
        assert sum(each.done() for each in crowd) == 3
        assert len(read) == 1 + MAX_WAITING
        go.set()
        answers = await asyncio.gather(first, *crowd)
        assert {each.status for each in answers} == {201}

    def noting(reader: Reader, request: DirectRequest) -> DirectBooking | None:
        read.append(request)
        return reader(request)

    Ways(app).play(play)


def test_after_a_body_that_broke_off_the_same_head_is_answered_directly(
    app: Flask, ask: Callable[..., Asked]
) -> None:
    async def play(ways: Ways) -> None:
        await ways.ask(ways.by_route, ask())
        cut = await ways.ask_directly(ask(), cut=True)
        assert (cut.status, ways.outcomes) == (400, [])
        assert (await ways.ask_directly(ask())).status == 201
        assert ways.outcomes == [Outcome.STORED]

    Ways(app).play(play)


def test_a_forged_key_does_not_mark_the_real_one_as_used(
    app: Flask, key: str, ask: Callable[..., Asked]
) -> None:
    secret = key[-38:-6]
    body = key[:-38] + secret[::-1]
    forged = body + keys._checksum(body)

    async def play(ways: Ways) -> None:
        await ways.ask(ways.by_route, ask())
        used = ways.direct._context.key_use._used
        used.clear()
        assert (await ways.ask_directly(ask(authorization=f"Bearer {forged}"))).status == 401
        assert used == set()
        assert (await ways.ask_directly(ask())).status == 201
        assert len(used) == 1

    Ways(app).play(play)


@pytest.mark.parametrize("accept", ["application/json", "text/xml", "text/plain"])
def test_a_database_that_is_lost_while_it_stores_is_reported_and_not_asked_again(
    app: Flask, ask: Callable[..., Asked], database: str, accept: str, monkeypatch: Any
) -> None:
    insert = booking_batches.insert_batch

    def lose(connection: psycopg.Connection, wanted: Any) -> Any:
        insert(connection, wanted)
        with connect(database) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
        connection.execute("SELECT 1")

    async def play(ways: Ways) -> list[Answered]:
        await ways.ask(ways.by_route, ask(accept=accept))
        with monkeypatch.context() as patched:
            patched.setattr("app.service.booking_batches.insert_batch", lose)
            lost = await ways.ask_directly(ask(accept=accept))
        found = [lost, await ways.ask_directly(ask(accept=accept))]
        ways.direct._context.database.engine.dispose()
        with monkeypatch.context() as patched:
            patched.setattr("app.store.sessions._connect", refuse)
            found.append(await ways.ask(ways.by_route, ask(accept=accept)))
        return found

    def refuse(*_: object, **__: object) -> None:
        raise psycopg.OperationalError("away")

    ways = Ways(app)
    lost, after, away = ways.play(play)
    assert (lost.status, lost.field("Retry-After"), after.status) == (503, "1", 201)
    assert lost == away
    # Once by the route, once although the answer was lost, and once afterwards.
    with connect(database) as connection:
        assert one(connection, "SELECT count(*) FROM job") == 3


def test_no_refusal_replaces_an_unknown_outcome(
    app: Flask, ask: Callable[..., Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(ways: Ways) -> Answered:
        await ways.ask(ways.by_route, ask())
        monkeypatch.setattr(ways.direct._batches, "_write", lose)
        # Each request is refused by this gate, and the client leaves responses unread meanwhile.
        monkeypatch.setattr(ways.directly, "_gate", FairGate(0, 0, max_waiting=0))
        return await ways.ask_directly(ask())

    def lose(wanted: Sequence[WantedJob]) -> list[Outcome]:
        monkeypatch.setattr(ways.directly._downloads.unread, "exhausted", lambda _owner: True)
        return [Outcome.UNKNOWN] * len(wanted)

    ways = Ways(app)
    assert ways.play(play).status == 503


def test_a_defect_in_an_answer_does_not_leave_its_client_waiting(
    app: Flask, ask: Callable[..., Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ways, "is_whole", True)

    async def play(ways: Ways) -> list[int]:
        await ways.ask(ways.by_route, ask())
        with monkeypatch.context() as patched:
            patched.setattr("app.api.direct_bookings.random_ids.request_id", lambda: None)
            failed = await ways.ask_directly(ask())
        return [failed.status, (await ways.ask_directly(ask())).status]

    assert Ways(app).play(play) == [500, 201]


def test_over_a_connection_the_same_head_is_answered_the_same_by_all_ways(
    app: Flask, ask: Callable[..., Asked]
) -> None:
    async def play(ways: Ways) -> None:
        await ways.ask(ways.by_route, ask())
        asked = ask()
        fields = [f"{name.replace('_', '-')}: {each}" for name, each in asked.fields().items()]
        head = "\r\n".join(("POST /1/jobs HTTP/1.1", *fields, "", "")).encode()
        async with serving(ways.directly) as server:
            client = await server.connect()
            answers = [await client.ask(head + asked.body) for _ in range(3)]
            ways.direct._batches._write = lambda wanted: [Outcome.LEFT_OUT] * len(wanted)
            answers.append(await client.ask(head + asked.body))
            assert server.server.heads.read(head[:-4]).notes
        assert [status for status, _, _ in answers] == [201] * 4
        names = [list(fields) for _, fields, _ in answers]
        assert names[0] == names[1] == names[2]
        assert set(names[3]) == set(names[0])

    ways = Ways(app)
    taken = []
    take = ways.directly.take
    ways.directly.take = lambda request: taken.append(take(request)) or taken[-1]  # type: ignore[method-assign, func-returns-value] # it notes what is taken
    ways.play(play)
    assert taken == [True] * 3
