"""Tests of both Python clients by the cases that all clients play against the fault server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import wakecall
from tests.clients.fault_server import FaultServer
from wakecall import AsyncClient, Client, NewJob, ProblemError, Retries, WakecallError

CONTRACT = json.loads(
    (Path(__file__).parents[2] / "clients" / "contract" / "cases.json").read_text()
)
URL, JOB, RUN = CONTRACT["url"], CONTRACT["job"], CONTRACT["run"]
WHEN = datetime.fromisoformat(CONTRACT["when"])
UNKNOWN = "00000000-0000-7000-8000-000000000000"
CRON = "0 15 10 ? * *"
JOBS = [NewJob(url=URL, when=WHEN)] * 2

CALLS: dict[str, Callable[[Client], Any]] = {
    "book": lambda client: client.jobs.book(URL, when=WHEN),
    "bookMany": lambda client: client.jobs.book_many(JOBS),
    "fire": lambda client: client.jobs.fire(JOB),
    "get": lambda client: client.jobs.get(JOB),
    "getUnknown": lambda client: client.jobs.get(UNKNOWN),
    "delete": lambda client: client.jobs.delete(JOB),
    "deleteUnknown": lambda client: client.jobs.delete(UNKNOWN),
    "put": lambda client: client.jobs.put("invoices", URL, cron=CRON),
    "complete": lambda client: client.runs.complete(RUN, token="token-1"),
    "list": lambda client: list(client.jobs.list()),
}


async def _list(client: AsyncClient) -> list[Any]:
    return [job async for job in client.jobs.list()]


ASYNC_CALLS: dict[str, Callable[[AsyncClient], Awaitable[Any]]] = {
    "book": lambda client: client.jobs.book(URL, when=WHEN),
    "bookMany": lambda client: client.jobs.book_many(JOBS),
    "fire": lambda client: client.jobs.fire(JOB),
    "get": lambda client: client.jobs.get(JOB),
    "getUnknown": lambda client: client.jobs.get(UNKNOWN),
    "delete": lambda client: client.jobs.delete(JOB),
    "deleteUnknown": lambda client: client.jobs.delete(UNKNOWN),
    "put": lambda client: client.jobs.put("invoices", URL, cron=CRON),
    "complete": lambda client: client.runs.complete(RUN, token="token-1"),
    "list": _list,
}


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer() as serving:
        yield serving


def play(case: dict[str, Any], url: str) -> Any:
    options = {**CONTRACT["client"], **case.get("client", {})}
    retries = Retries(max_attempts=options["maxAttempts"], max_wait=options["maxWait"])
    with Client("key", url=url, timeout=options["timeout"], retries=retries) as client:
        return CALLS[case["call"]](client)


def play_async(case: dict[str, Any], url: str) -> Any:
    options = {**CONTRACT["client"], **case.get("client", {})}
    retries = Retries(max_attempts=options["maxAttempts"], max_wait=options["maxWait"])

    async def run() -> Any:
        async with AsyncClient(
            "key", url=url, timeout=options["timeout"], retries=retries
        ) as client:
            return await ASYNC_CALLS[case["call"]](client)

    return asyncio.run(run())


@pytest.mark.parametrize("player", [play, play_async], ids=["sync", "async"])
@pytest.mark.parametrize(
    "case", CONTRACT["cases"], ids=[each["name"] for each in CONTRACT["cases"]]
)
def test_contract(
    case: dict[str, Any], player: Callable[[dict[str, Any], str], Any], server: FaultServer
) -> None:
    expected = case["expect"]
    server.begin(case["steps"])
    port = server.refusing_port if case.get("refused") else server.port
    value, error = None, None
    try:
        value = player(case, f"http://127.0.0.1:{port}")
    except WakecallError as raised:
        error = raised
    report = server.report()
    _check_requests(expected, report)
    assert report["bookings"] == expected["bookings"]
    if expected["outcome"] == "value":
        assert error is None
        if "items" in expected:
            assert value is not None
            assert len(value) == expected["items"]
    else:
        assert type(error) is getattr(wakecall, expected["outcome"])
        assert error is not None
        _check_error(expected, error, report)


def _check_requests(expected: dict[str, Any], report: dict[str, Any]) -> None:
    requests = report["requests"]
    if "requests" in expected:
        assert len(requests) == expected["requests"]
    assert len(requests) >= expected.get("requestsAtLeast", 0)
    keys = {each["idempotencyKey"] for each in requests if "dropped" not in each}
    if expected.get("key", True):
        assert len(keys) <= 1
        assert None not in keys
    else:
        assert keys <= {None}
    if "authorization" in expected:
        assert {each["authorization"] for each in requests} == {expected["authorization"]}
    if "waitedAtLeast" in expected:
        assert requests[-1]["at"] - requests[0]["at"] >= expected["waitedAtLeast"]


def _check_error(expected: dict[str, Any], error: WakecallError, report: dict[str, Any]) -> None:
    assert error.may_be_done is expected["mayBeDone"]
    if error.may_be_done:
        keys = {each["idempotencyKey"] for each in report["requests"] if "dropped" not in each}
        assert keys == {error.idempotency_key}
    if not isinstance(error, ProblemError):
        return
    for name in ("status", "detail", "member", "remedy"):
        if name in expected:
            assert getattr(error, name) == expected[name]
    if "requestId" in expected:
        assert error.request_id == expected["requestId"]
    if "retryAfter" in expected:
        assert error.retry_after == timedelta(seconds=expected["retryAfter"])
