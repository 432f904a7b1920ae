"""Direct bookings: the same request, answered directly and by its route, has the same response."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final
from urllib.parse import quote

import pytest
from flask import Flask

from app.api.context import current_context
from app.api.direct_bookings import MAX_BODY
from app.service import accounts
from app.service.booking_batches import Outcome
from tests.api.both_ways import Answered, Asked, Ways
from tests.api.conftest import MakeApp
from tests.api.native.plain import PLAIN, WHEN
from tests.factories import connect, one

pytestmark = pytest.mark.usefixtures("each_way")


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


XML: Final = f"<job><url>https://example.com/wake</url><when>{WHEN}</when></job>".encode()
TAGGED: Final = XML.replace(b"</job>", b"<tags><tag>\xe4</tag></tags></job>")
BY_PATH: Final = f"/1/jobs/{quote(WHEN, safe='')}/https%3A%2F%2Fexample.com%2Fwake"

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
    "xml body": {"body": XML, "content_type": "text/xml"},
    "xml in latin-1": {
        "body": b"<?xml version='1.0' encoding='iso-8859-1'?>" + TAGGED,
        "content_type": "application/xml",
        "accept": "text/xml",
    },
    "xml with a charset": {
        "body": TAGGED.replace(b"\xe4", "ä".encode()),
        "content_type": "text/xml; charset=UTF-8",
    },
    "path": {"path": BY_PATH, "body": b"\0\xff", "content_type": "a/b;c", "accept": "text/xml"},
    "path without a type": {
        "path": f"/1/jobs/{WHEN}/http://example.com//a%2520b",
        "body": b"a",
        "content_type": "",
        "x_content_signature": "s",
        "accept": "application/json",
    },
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
    "empty xml body": {"body": b"<job/>", "content_type": "text/xml"},
    "xml in another encoding": {"body": XML, "content_type": "text/xml; charset=iso-8859-1"},
    "xml with a DTD": {"body": b"<!DOCTYPE job>" + XML, "content_type": "text/xml"},
    "much xml": {
        "body": XML.replace(b"</job>", b"<!-- -->" * 100 + b"</job>"),
        "content_type": "text/xml",
    },
    "long xml": {"body": XML + b" " * 4096, "content_type": "text/xml"},
    "document with a signature beside it": {"x_content_signature": "s"},
    "path with cron": {"path": "/1/jobs/0+0+12+1+1+%3F/http%3A%2F%2Fexample.com", "body": b"a"},
    "path with a parameter": {"path": f"{BY_PATH}?dryRun=true", "body": b"a"},
    "path with a past time": {
        "path": "/1/jobs/2020-01-01T00%3A00Z/http%3A%2F%2Fexample.com",
        "body": b"a",
    },
    "path with too much data": {"path": BY_PATH, "body": b"x" * 2049},
    "long path": {"path": f"{BY_PATH}{'x' * 2048}", "body": b"a"},
    "path with a bad escape": {"path": f"{BY_PATH}%zz", "body": b"a"},
    "path without a URL": {"path": f"/1/jobs/{WHEN}/x", "body": b"a"},
    "path of a job": {"path": "/1/jobs/20300101-0000-7000-8000-000000000000/pause", "body": b"a"},
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
    assert ways.taken == (len(DIRECT) if Ways.is_whole else 0)
    with connect(database) as connection:
        # All but the first by both ways alike.
        kinds = "SELECT count(*) FROM (SELECT 1 FROM job GROUP BY %s) AS kinds"
        columns = "url, data, tags, manner, trigger, enabled, misfire, on_success, content_type"
        assert one(connection, kinds.replace("%s", columns)) == 6
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
