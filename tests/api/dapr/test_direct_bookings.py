"""Direct bookings of Dapr jobs: over HTTP, gRPC and at a sidecar, the responses are the routes'."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

import psycopg
import pytest
from flask import Flask

from app.api.auth import Bound
from app.api.dapr.rpc import routes as rpc_routes
from app.api.dapr.rpc.requests import environ_of
from app.api.dapr.sidecar import _BoundApplication
from app.protos.dapr_runtime_pb2 import Job, ScheduleJobRequest
from app.service.booking_batches import Outcome
from tests.api.both_ways import Answered, Asked, Ways
from tests.api.dapr.calls import add_app
from tests.factories import one

PLAIN: Final = {"dueTime": "720h", "data": {"a": 1}}
_RPC: Final = "/dapr.proto.runtime.v1.Dapr/ScheduleJobAlpha1"

pytestmark = pytest.mark.usefixtures("each_way")


@pytest.fixture
def token(app: Flask, key: str) -> str:
    """The key of account-1, which has the one app `job-service`."""
    add_app(app)
    return key


def asked(
    document: object = PLAIN, *, name: str = "<n>", path: str = "/v1.0/jobs/", **headers: str
) -> Asked:
    fields = {"dapr_app_id": "job-service", "host": "localhost", **headers}
    return Asked(path=f"{path}{name}", body=json.dumps(document).encode(), headers=fields)


def numbered(request: Asked, number: int) -> Asked:
    """The same request with a name of its own."""
    return Asked(
        path=request.path.replace("<n>", f"{number}"), body=request.body, headers=request.headers
    )


def both(ways: Ways, *requests: Asked) -> list[Answered]:
    """The responses to these requests, which both ways must agree on."""

    async def play(ways: Ways) -> list[Answered]:
        found = []
        await ways.ask(ways.by_route, numbered(requests[0], -1))
        # Of a job that is booked at the first attempt the route notes the clock.
        await ways.ask(ways.by_route, numbered(requests[0], -2))
        for number, each in enumerate(requests):
            expected = await ways.ask(ways.by_route, numbered(each, 2 * number))
            assert await ways.ask_directly(numbered(each, 2 * number + 1)) == expected
            found.append(expected)
        return found

    answers: list[Answered] = ways.play(play)
    return answers


DIRECT: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"path": "/v1.0-alpha1/jobs/"},
    {"document": {"dueTime": "2099-01-01T00:00:00Z", "overwrite": True}},
    {"document": {"job": {"due_time": "PT1H", "data": "x"}}},
    {"document": {**PLAIN, "failurePolicy": {"constant": {"interval": "2s", "maxRetries": 2}}}},
    {"document": {**PLAIN, "unknown": 1}, "content_type": "text/plain"},
    {"name": "a+b%20<n>"},
)

BY_ROUTE: Final[tuple[dict[str, Any], ...]] = (
    {"document": {"schedule": "@every 1h"}},
    {"document": {"schedule": "@every 1h", "dueTime": "1h"}},
    {"document": {}},
    {"document": []},
    {"document": {"dueTime": "never"}},
    {"document": {"dueTime": "1h", "repeats": 2}},
    {"document": {"dueTime": "1h", "name": "b"}},
    {"document": {"dueTime": "1h", "data": "x" * 9000}},
    {"document": {"dueTime": "1h", "data": "x" * 2040}},
    {"document": {"dueTime": "1h", **{f"{n}": 1 for n in range(64)}}},
    {"name": "a%2Fb"},
    {"name": "a%2"},
    {"name": "+"},
    {"name": "%1Fc"},
    {"path": "//v1.0/jobs/"},
    {"path": "/v1.0/jobs/a/"},
    {"name": "<n>?dryRun=true"},
    {"name": "<n>?a=b"},
    {"dapr_app_id": "other"},
    {"origin": "https://example.com"},
    {"content_encoding": "gzip"},
)


def test_over_http(app: Flask, token: str, connection: psycopg.Connection) -> None:
    ways = Ways(app)
    requests = [asked(**each, dapr_api_token=token) for each in DIRECT]
    assert {each.status for each in both(ways, *requests)} == {204}
    assert ways.outcomes == [Outcome.STORED] * len(DIRECT)
    assert ways.taken == (len(DIRECT) if Ways.is_whole else 0)
    contents = "SELECT count(*) FROM (SELECT 1 FROM job GROUP BY data, manner, written) AS kinds"
    assert one(connection, contents) == 4

    others = [asked(**{"name": "r<n>", **each}, dapr_api_token=token) for each in BY_ROUTE]
    ways = Ways(app)
    both(ways, asked(name="first <n>", dapr_api_token=token), *others)
    # The statement finds that there is no app of the name `other`.
    assert ways.outcomes == [Outcome.STORED, Outcome.LEFT_OUT]


def test_without_a_key(app: Flask, token: str) -> None:
    ways = Ways(app)
    good = asked(dapr_api_token=token)
    answers = both(ways, good, asked(), asked(dapr_api_token=token[:-1]))
    assert [each.status for each in answers] == [204, 401, 401]
    assert ways.outcomes == [Outcome.STORED]


def test_a_name_that_is_taken(app: Flask, token: str, connection: psycopg.Connection) -> None:
    async def play(ways: Ways) -> list[Answered]:
        first = asked(name="a", dapr_api_token=token)
        over = asked({**PLAIN, "overwrite": True}, name="a", dapr_api_token=token)
        for number in range(2):
            await ways.ask(ways.by_route, asked(name=f"{number}", dapr_api_token=token))
        return [
            await ways.ask_directly(first),
            await ways.ask_directly(first),
            await ways.ask(ways.by_route, first),
            await ways.ask_directly(over),
        ]

    ways = Ways(app)
    booked, taken, by_route, replaced = ways.play(play)
    assert (booked.status, taken.status, replaced.status) == (204, 409, 204)
    assert taken == by_route
    assert ways.outcomes == [Outcome.STORED, Outcome.LEFT_OUT, Outcome.LEFT_OUT]
    assert one(connection, "SELECT max(version) FROM job WHERE name = 'a'") == 2


def test_at_a_sidecar(app: Flask, token: str) -> None:
    assert token
    bound = Bound(account="account-1", app="job-service")
    ways = Ways(app, bound=bound, wsgi=_BoundApplication(app, bound))
    answers = both(
        ways,
        asked(),
        # The headers of a key and an app mean nothing here.
        asked(dapr_api_token="none", dapr_app_id="other"),
        asked(host="example.com"),
        asked({"schedule": "@every 1h"}),
        Asked(path="/1/jobs", body=b"{}", headers={"content_type": "application/json"}),
    )
    assert [each.status for each in answers] == [204, 204, 403, 204, 403]
    assert ways.outcomes == [Outcome.STORED] * 2
    assert ways.taken == (2 if Ways.is_whole else 0)


def test_over_grpc(app: Flask, token: str, connection: psycopg.Connection) -> None:
    rpc_routes.install(app)

    def message(name: str, **fields: Any) -> bytes:
        overwrite = fields.pop("overwrite", False)
        job = Job(name=name, **{"due_time": "1h", **fields})
        job.data.value = b"x"
        return ScheduleJobRequest(job=job, overwrite=overwrite).SerializeToString()

    async def ask(ways: Ways, body: bytes, *, directly: bool, key: str = token) -> Any:
        environ = environ_of(_RPC, [("dapr-api-token", key)], "ipv4:127.0.0.1:5")
        environ["HTTP_DAPR_APP_ID"] = "job-service"
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(event: dict[str, Any]) -> None:
            sent.append(event)

        asgi = ways.directly if directly else ways.by_route
        asgi.identify(environ)
        await asgi.serve(environ, receive, send)
        fields = [each for each in sent[0]["headers"] if each[0] != b"X-Request-Id"]
        return sent[0]["status"], fields, sent[1]["body"]

    async def play(ways: Ways) -> None:
        for number in range(2):
            await ask(ways, message(f"{number}"), directly=False)
        assert await ask(ways, message("a"), directly=True) == await ask(
            ways, message("b"), directly=False
        )
        assert ways.outcomes == [Outcome.STORED]
        refused = [
            message("a"),
            message(""),
            message("c", due_time="never"),
            b"\xff",
        ]
        for each in refused:
            assert await ask(ways, each, directly=True) == await ask(ways, each, directly=False)
        assert ways.outcomes == [Outcome.STORED, Outcome.LEFT_OUT]
        replaced = [
            await ask(ways, message("a", overwrite=True), directly=directly)
            for directly in (True, False)
        ]
        assert replaced[0] == replaced[1]
        no_key = [await ask(ways, message("d"), directly=each, key="x") for each in (True, False)]
        assert no_key[0] == no_key[1]

    Ways(app).play(play)
    assert one(connection, "SELECT count(*) FROM job WHERE name IN ('a', 'b')") == 2


def test_many_at_once_are_stored_together(app: Flask, token: str) -> None:
    async def play(ways: Ways) -> list[Answered]:
        for number in range(2):
            await ways.ask(ways.by_route, asked(name=f"{number}", dapr_api_token=token))
        requests = [asked(name=f"many {n}", dapr_api_token=token) for n in range(20)]
        return list(await asyncio.gather(*map(ways.ask_directly, requests)))

    ways = Ways(app)
    assert {each.status for each in ways.play(play)} == {204}
    assert len(ways.batches) == 1
