"""The table of operations is complete, and each row asks for what it is named after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException

from app import config, create_app
from app.domain.inbox_address import PATH
from app.protos.dapr_runtime_pb2 import DESCRIPTOR
from bench.hostile.target import Target
from bench.neighbours import beside, table
from bench.neighbours.beside import Figures, Load, Noticed
from bench.neighbours.operation import Operation, Surface
from bench.neighbours.operations import GROUPS, OPERATIONS
from tests.api.routes import VALUES
from tests.bench.test_hostile import BATCH, FIRST, arrival
from wakecall.mcp.one_key import OneKey
from wakecall.mcp.server import build

_ID = VALUES["job_id"]
_POOL = [_ID] * 20
_POOLS = ("runs", "inboxes", "page_inboxes", "disposable", "page_disposable", "paused", "waiting")
FACTS: dict[str, Any] = {
    **dict.fromkeys(("job", "run", "failing", "inbox"), _ID),
    **dict.fromkeys(_POOLS, _POOL),
    **{name: ["1"] * 20 for name in ("sessions", "members", "keys", "apps")},
    **dict.fromkeys(("member", "key_id", "account_id", "rpc_port", "mcp_port"), "1"),
    **{name: name for name in ("app", "name", "dapr_job", "account", "email", "image")},
    **{name: [{"cookie": "wakecall=x", "token": "x"}] for name in ("users", "leaving")},
    "url": "http://127.0.0.1/",
    "inbox_path": f"{PATH}x",
    "style_sheet": "console.css",
    "day_ago": "2030-01-01T00:00:00Z",
}
TARGET = Target(port=1, account="attacker", key="wk_a_key", receiver=2, closed=3, facts=FACTS)
HTTP = [each for each in OPERATIONS.values() if each.surface not in {Surface.RPC, Surface.MCP}]


@pytest.fixture(scope="module")
def app() -> Flask:
    return create_app(config.load({"DATABASE_URL": "postgresql:///no", "WAKECALL_HOME": "/none"}))


def offered(app: Flask) -> Iterator[str]:
    """All that a client may ask of the service; of views with several paths, the view."""
    for rule in app.url_map.iter_rules():
        yield from (f"{each} {rule.endpoint}" for each in (rule.methods or set()))
    yield from (f"RPC {each.name}" for each in DESCRIPTOR.services_by_name["Dapr"].methods)
    # The event loop answers calls of inboxes, which are no routes.
    yield "CALL inbox"
    server = build(OneKey(client=None))  # type: ignore[arg-type] # nothing is called
    yield "MCP initialize"
    # Tools are rows of their own.
    yield from (
        f"MCP {each}" for each in server._lowlevel_server._request_handlers if each != "tools/call"
    )
    yield from (f"TOOL {each.name}" for each in server._tool_manager.list_tools())


def expected(app: Flask) -> set[str]:
    return {each for each in offered(app) if not each.startswith(("HEAD ", "OPTIONS "))}


def test_each_operation_that_a_tenant_may_do_is_in_the_table(app: Flask) -> None:
    assert OPERATIONS.keys() == expected(app)
    assert len(OPERATIONS) == sum(map(len, GROUPS.values()))


def test_an_operation_that_is_new_is_missed() -> None:
    app = create_app(config.load({"DATABASE_URL": "postgresql:///no", "WAKECALL_HOME": "/none"}))
    app.add_url_rule("/1/new", endpoint="native.new", methods=["PUT"])

    assert expected(app) - OPERATIONS.keys() == {"PUT native.new"}


def views(app: Flask, request: bytes) -> str:
    """The method and view that a request reaches; empty where it reaches none."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    method, target, _version = line.split(" ")
    headers = {name.lower(): text.strip() for name, _, text in (f.partition(":") for f in fields)}
    assert int(headers["content-length"]) == len(body)
    if headers.get("content-type") == "application/json":
        json.loads(body)
    path = unquote(urlsplit(target).path)
    if path.startswith(PATH):
        return "CALL inbox"
    try:
        endpoint, _arguments = app.url_map.bind("localhost").match(
            path, method="GET" if method == "HEAD" else method
        )
    except HTTPException:
        return ""
    return f"{'GET' if method == 'HEAD' else method} {endpoint}"


@pytest.mark.parametrize("each", HTTP, ids=lambda operation: operation.name)
def test_requests_of_a_row_are_complete_and_reach_its_operation(
    app: Flask, each: Operation
) -> None:
    sent = islice(each.requests(TARGET, 0), 2)

    assert each.name in {views(app, request) for request in sent}


def figures(p99: float = 1.0, failed: int = 0) -> Figures:
    return Figures(p50=1.0, p99=p99, max=p99, count=100, failed=failed)


def noticed(**otherwise: Any) -> Noticed:
    usual: dict[str, Any] = {
        "calls": figures(),
        "requests": {"bookings": figures(2.0), "reads": figures(), "pages": figures()},
        "answered": {"GET a": {"200": 30, "429": 10}},
        "waited_ms": 5.0,
    }
    return Noticed(**{**usual, **otherwise})


def test_what_is_measured_is_counted_once_and_what_is_missing_is_late() -> None:
    asked = {"reads": {"took": [0.1, 0.2], "statuses": {"200": 1, "0": 1}}}
    attacked = {"seconds": 2.0, "operations": {"GET a": {"answered": 40, "statuses": {"200": 40}}}}
    load = Load(seconds=2.0, connections=4, patience_s=9.0)
    came = [arrival(n, 0.001) for n in (0, 0, 1, 2)]

    found = beside.noticed(BATCH, came, asked, attacked, load)

    assert FIRST
    assert (found.calls.failed, found.calls.max) == (1, 9000)
    assert (found.requests["reads"].failed, found.requests["reads"].max) == (1, 200)
    assert found.waited_ms == 200


def test_a_row_compares_an_operation_with_nothing() -> None:
    idle = {
        "nothing (1)": noticed(requests={"bookings": figures(2.0), "reads": figures()}, answered={})
    }
    found = {"GET a": noticed(requests={**noticed().requests, "bookings": figures(8.0)})}

    rows = list(table.rows(idle, found, 2.0))

    assert rows[0][-3:] == ("1.0", "", "")
    assert rows[1][-3:] == ("4.0", "20", "25%")
    assert rows[1][-5:-3] == ("1.0 ms", "1.0 ms")
    assert len(list(table.lines(iter(rows)))) == 3


@pytest.mark.parametrize(
    ("otherwise", "line"),
    [
        ({"calls": figures(failed=2)}, "GET a: 2 calls did not come"),
        ({"calls": figures(101)}, "GET a: calls are late by p99 101 ms"),
        (
            {"requests": {"reads": figures(failed=3)}},
            "GET a: 3 of 100 reads were refused",
        ),
        ({"requests": {"reads": figures(251)}}, "GET a: reads took p99 251 ms"),
        ({"requests": {"pages": figures(501)}}, "GET a: pages took p99 501 ms"),
    ],
)
def test_what_is_above_an_aim_is_named(otherwise: dict[str, Any], line: str) -> None:
    assert table.misses("GET a", noticed(**otherwise)) == [line]
    assert table.misses("GET a", noticed()) == []
