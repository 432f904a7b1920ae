"""Direct bookings: the same request, answered directly and by its route, has the same response."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice, pairwise
from typing import Any, Final

import psycopg
import pytest
from flask import Flask

from app.api.booking_batches import MAX_WAITING
from app.api.context import current_context
from app.api.direct_bookings import MAX_BODY, DirectBooking, DirectRequest, Reader
from app.api.fair_gate import FairGate
from app.api.senders import Sender
from app.domain import key as keys
from app.service import accounts
from app.service.booking_batches import Outcome
from app.store import booking_batches
from app.store.booking_batches import WantedJob
from tests.api.both_ways import Answered, Asked, Ways
from tests.api.conftest import MakeApp
from tests.factories import connect, one

WHEN: Final = (datetime.now(UTC) + timedelta(days=400)).strftime("%Y-%m-%dT%H:%M:%SZ")
PLAIN: Final[dict[str, Any]] = {"url": "https://example.com/wake", "when": WHEN}


@pytest.fixture
def ask(key: str) -> Callable[..., Asked]:
    """Makes a request of account-1: members of the document, and headers."""

    def make(
        document: object = PLAIN,
        *,
        path: str = "/1/jobs",
        body: bytes | None = None,
        **headers: str,
    ) -> Asked:
        content = json.dumps(document).encode() if body is None else body
        fields = {"authorization": f"Bearer {key}", "content_type": "application/json"}
        return Asked(path=path, body=content, headers={**fields, **headers})

    return make


def both(ways: Ways, *requests: Asked) -> list[Answered]:
    """The responses to these requests, which both ways must agree on."""

    async def play(ways: Ways) -> list[Answered]:
        # The first request with a key is answered by the route, which reads and caches the key.
        await ways.ask(ways.by_route, requests[0])
        found = []
        for each in requests:
            expected = await ways.ask(ways.by_route, each)
            assert await ways.ask_directly(each) == expected
            found.append(expected)
        return found

    answers: list[Answered] = ways.play(play)
    return answers


DIRECT: Final[dict[str, dict[str, Any]]] = {
    "plain": {},
    "everything": {
        "document": {
            **PLAIN,
            "contentType": "text/plain",
            "signature": "s",
            "data": "wäke <up> \u0001",
            "enabled": False,
            "tags": ["a", "ü"],
            "method": "PUT",
            "headers": {"X-A": "b"},
            "timeout": 2.5,
            "retry": {"maxAttempts": 3, "backoff": {"initial": 1.0}},
            "misfire": "all",
            "misfireWindow": 60,
            "onSuccess": "https://example.com/a",
            "onFailure": "https://example.com/b",
        },
        "accept": "application/json",
    },
    "base64": {
        "document": {**PLAIN, "data": "AAH/", "dataEncoding": "base64"},
        "accept": "text/xml",
    },
    "json": {"accept": "application/json"},
    "xml": {"accept": "application/xml;q=0.9, image/png"},
    "any": {"accept": "*/*"},
    "nulls": {"document": {**PLAIN, "name": None, "cron": None}},
    "read only": {"document": {**PLAIN, "id": "x", "account": "y", "next": "z"}},
    "local": {"document": {**PLAIN, "when": WHEN.removesuffix("Z")}},
    "charset": {"content_type": "application/json; charset=utf-8"},
    "proxied": {"x_forwarded_for": "192.0.2.1", "via": "1.1 a", "traceparent": "00-a-b-01"},
    "node": {"sec_fetch_mode": "cors", "accept_language": "*", "user_agent": "node"},
}
"""Requests that are answered directly."""

BY_ROUTE: Final[dict[str, dict[str, Any]]] = {
    "no key": {"authorization": ""},
    "wrong key": {"authorization": "Bearer wk_no"},
    "basic": {"authorization": "Basic d2s6d2s="},
    "two keys": {"x_api_key": "wk_no"},
    "dapr's token": {"dapr_api_token": "wk_no"},
    "no host": {"host": ""},
    "two hosts": {"host": "a,b"},
    "cron": {"document": {"url": PLAIN["url"], "cron": "0 0 12 1 1 ?"}},
    "zone": {"document": {**PLAIN, "when": WHEN[:-1], "timezone": "Europe/Berlin"}},
    "dry run": {"path": "/1/jobs?dryRun=true"},
    "unknown parameter": {"path": "/1/jobs?a=b"},
    "not acceptable": {"accept": "image/png"},
    "xml body": {"body": b"<job/>", "content_type": "text/xml"},
    "no media type": {"content_type": ""},
    "not JSON": {"body": b"{"},
    "not UTF-8": {"body": b'{"url": "\xff"}'},
    "not an object": {"document": []},
    "empty": {"body": b""},
    "unknown member": {"document": {**PLAIN, "wen": "x"}},
    "repeated member": {"body": b'{"url": "a", "url": "b"}'},
    "wrong type": {"document": {**PLAIN, "url": 1}},
    "no url": {"document": {"when": WHEN}},
    "no time": {"document": {"url": PLAIN["url"]}},
    "both times": {"document": {**PLAIN, "cron": "0 0 12 1 1 ?"}},
    "past": {"document": {**PLAIN, "when": "2020-01-01T00:00:00Z"}},
    "private address": {"document": {**PLAIN, "url": "http://10.0.0.1/"}},
    "too much data": {"document": {**PLAIN, "data": "x" * 2049}},
    "a NUL": {"document": {**PLAIN, "url": "https://example.com/\0"}},
    "half a pair": {"body": b'{"url": "\\ud800"}'},
    "nested": {"body": b"[" * 2000},
    "many quotation marks": {"document": {**PLAIN, "data": '"' * 128}},
    "long": {"document": {**PLAIN, "data": "x" * MAX_BODY}},
    "another site": {"origin": "https://example.com"},
    "fetched from a site": {"sec_fetch_site": "cross-site"},
    "encoded": {"content_encoding": "gzip"},
    "chunked": {"transfer_encoding": "chunked", "content_length": ""},
    "length": {"content_length": "9"},
    "depth": {"wakecall_depth": "3"},
    "too deep": {"wakecall_depth": "9999"},
    "bad depth": {"wakecall_depth": "x"},
    "unknown header": {"x_unknown": "1"},
}
"""Requests that go to their route, with the same response as without direct bookings."""


def test_plain_bookings_have_the_responses_of_their_route(
    app: Flask, ask: Callable[..., Asked], database: str
) -> None:
    ways = Ways(app)
    answers = both(ways, *(ask(**each) for each in DIRECT.values()))
    assert {each.status for each in answers} == {201}
    assert ways.outcomes == [Outcome.STORED] * len(DIRECT)
    with connect(database) as connection:
        # All but the first by both ways alike.
        kinds = "SELECT count(*) FROM (SELECT 1 FROM job GROUP BY %s) AS kinds"
        columns = "url, data, tags, manner, trigger, enabled, misfire, on_success, content_type"
        assert one(connection, kinds.replace("%s", columns)) == 3
        assert one(connection, "SELECT count(*) FROM due") == 2 * len(DIRECT) + 1


@pytest.mark.parametrize("name", ["Bearer", "bearer", "X-API-Key"])
def test_a_key_is_found_where_its_route_finds_it(
    app: Flask, key: str, ask: Callable[..., Asked], name: str
) -> None:
    given = {"authorization": f"{name} {key}", "x_api_key": ""}
    if name == "X-API-Key":
        given = {"authorization": "", "x_api_key": key}
    ways = Ways(app)
    assert both(ways, ask(**given))[0].status == 201
    assert ways.outcomes == [Outcome.STORED]


def test_all_others_are_answered_by_their_route(app: Flask, ask: Callable[..., Asked]) -> None:
    ways = Ways(app)
    both(ways, ask(), *(ask(**each) for each in BY_ROUTE.values()))
    # Only the plain one, with which the key became known.
    assert ways.outcomes == [Outcome.STORED]


def test_a_request_with_an_idempotency_key_is_answered_by_its_route(
    app: Flask, ask: Callable[..., Asked]
) -> None:
    async def play(ways: Ways) -> list[Answered]:
        await ways.ask(ways.by_route, ask())
        keyed = ask(idempotency_key='"a"')
        return [await ways.ask_directly(keyed) for _ in range(2)]

    ways = Ways(app)
    first, again = ways.play(play)
    assert (first.status, again.status, again.field("Idempotency-Replayed")) == (201, 201, "true")
    assert ways.outcomes == []


def test_a_name_that_is_taken_is_refused_by_its_route(
    app: Flask, ask: Callable[..., Asked]
) -> None:
    async def play(ways: Ways) -> list[Answered]:
        await ways.ask(ways.by_route, ask())
        named = [ask({**PLAIN, "name": name}) for name in ("a", "a", "b", "a")]
        return list(await asyncio.gather(*map(ways.ask_directly, named)))

    ways = Ways(app)
    answers = ways.play(play)
    assert len(ways.batches) == 1
    assert sorted(each.status for each in answers) == [201, 201, 409, 409]
    taken = next(each for each in answers if each.status == 409)
    assert b"already used by job <id>" in taken.body

    again = Ways(app)
    assert both(again, ask(), ask({**PLAIN, "name": "a"}))[1] == taken
    assert again.outcomes == [Outcome.STORED, Outcome.LEFT_OUT]


def test_a_key_that_was_revoked_meanwhile_is_refused(
    app: Flask, ask: Callable[..., Asked], database: str
) -> None:
    async def play(ways: Ways) -> list[Answered]:
        await ways.ask(ways.by_route, ask())
        assert (await ways.ask_directly(ask())).status == 201
        with connect(database) as connection:
            connection.execute("UPDATE api_key SET revoked_at = now()")
        return [await ways.ask_directly(ask()), await ways.ask(ways.by_route, ask())]

    ways = Ways(app)
    refused, again = ways.play(play)
    assert (refused.status, refused) == (401, again)
    assert ways.outcomes == [Outcome.STORED, Outcome.LEFT_OUT]


def test_credentials_that_are_too_long_for_the_route_book_nothing(
    app: Flask, key: str, ask: Callable[..., Asked]
) -> None:
    ways = Ways(app)
    answers = both(ways, ask(), ask(authorization=f"Bearer {' ' * 512}{key}"))
    assert [each.status for each in answers] == [201, 401]
    assert ways.outcomes == [Outcome.STORED]


def test_the_account_of_a_direct_booking_is_remembered(
    app: Flask, ask: Callable[..., Asked]
) -> None:
    async def play(ways: Ways) -> None:
        await ways.ask(ways.by_route, ask())
        ways.directly._senders.remember = noting  # type: ignore[method-assign]
        assert (await ways.ask_directly(ask())).status == 201

    remembered = []

    def noting(sender: Sender, status: int) -> None:
        remembered.append((sender.account, sender.max_concurrent, status))

    Ways(app).play(play)
    with app.app_context():
        account = accounts.get_account(current_context(), "account-1")
        limits = current_context().limit_cache.get(account.id)
    assert limits is not None
    assert remembered == [(account.id, limits.concurrent_requests, 201)]


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


def test_the_rate_limit_counts_each_request_once(
    make_app: MakeApp, ask: Callable[..., Asked], redis_url: str
) -> None:
    app = make_app(WAKECALL_RATE_LIMIT="1000", REDIS_URL=redis_url)

    async def play(ways: Ways) -> list[Answered]:
        # Counts are not exchanged during the test.
        await ways.ask(ways.by_route, ask())
        ways.direct._rates._sync_at = float("inf")
        named = ask({**PLAIN, "name": "a"})
        asked = [ask(), ask(), named, named, ask(), ask({**PLAIN, "url": "x"})]
        return [await ways.ask_directly(each) for each in asked]

    ways = Ways(app)
    answers = ways.play(play)
    assert [each.status for each in answers] == [201, 201, 201, 409, 201, 400]
    left = [int((each.field("RateLimit") or "").split(";r=")[1].split(";")[0]) for each in answers]
    # What was refused has been tried directly as well.
    assert all(0 <= before - after <= 1 for before, after in pairwise(left))
    assert answers[0].headers[-2:] == [
        (b"RateLimit-Policy", b'"requests";q=1000;w=1'),
        (b"RateLimit", f'"requests";r={left[0]};t=1'.encode()),
    ]
    assert ways.outcomes.count(Outcome.STORED) == 4


def test_the_limit_of_jobs_is_exact_for_many_at_once(
    make_app: MakeApp, ask: Callable[..., Asked], database: str
) -> None:
    app = make_app(WAKECALL_LIMIT_JOBS="10")

    async def play(ways: Ways) -> list[Answered]:
        await ways.ask(ways.by_route, ask())
        return list(await asyncio.gather(*(ways.ask_directly(ask()) for _ in range(30))))

    answers = Ways(app).play(play)
    assert sorted(each.status for each in answers) == [201] * 9 + [403] * 21
    with connect(database) as connection:
        assert one(connection, "SELECT count(*) FROM job") == 10


def test_a_changed_limit_is_in_force_for_direct_bookings_too(
    app: Flask, ask: Callable[..., Asked]
) -> None:
    async def play(ways: Ways) -> list[Answered]:
        await ways.ask(ways.by_route, ask())
        with app.app_context():
            accounts.set_limits(current_context(), "account-1", {"jobs": 1})
        return [await ways.ask_directly(ask()) for _ in range(2)]

    ways = Ways(app)
    assert [each.status for each in ways.play(play)] == [403, 403]


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


def test_locations_have_the_prefix_of_the_proxy(
    make_app: MakeApp, ask: Callable[..., Asked]
) -> None:
    ways = Ways(make_app(WAKECALL_PATH_PREFIX="/wakecall"))
    (answer,) = both(ways, ask())
    assert answer.field("Location") == "/wakecall/1/jobs/<id>"
    assert ways.outcomes == [Outcome.STORED]


def test_a_read_key_is_refused_by_the_route(
    app: Flask, ask: Callable[..., Asked], database: str
) -> None:
    with connect(database) as connection:
        connection.execute("UPDATE api_key SET scope = 'read'")
    ways = Ways(app)
    assert both(ways, ask())[0].status == 403
    assert ways.outcomes == []
