"""Agents: the requests, tools, resources and prompts of the MCP server over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any, Final

from bench.hostile.attack import Requests
from bench.hostile.target import Target
from bench.neighbours.operation import Operation, Surface, at, in_turn, mcp_request

_VERSION: Final = "2025-06-18"


def _calls(method: str, **params: Any) -> Requests:  # noqa: ANN401 - JSON
    """The same request again and again; texts are paths with facts of the target."""

    def requests(target: Target, _number: int) -> Iterator[bytes]:
        filled = _filled(target, params)
        while True:
            yield mcp_request(target, method, filled)

    return requests


def _filled(target: Target, value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {name: _filled(target, each) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(target, each) for each in value]
    return at(target, value) if isinstance(value, str) else value


def _tool(name: str, **arguments: Any) -> Operation:  # noqa: ANN401 - JSON
    return in_turn(
        f"TOOL {name}", _calls("tools/call", name=name, arguments=arguments), Surface.MCP
    )


def _method(method: str, **params: Any) -> Operation:  # noqa: ANN401 - JSON
    return in_turn(f"MCP {method}", _calls(method, **params), Surface.MCP)


def _bookings(target: Target, _number: int) -> Iterator[bytes]:
    for n in count():
        arguments = {
            "url": target.url("/ok", n),
            "after": "720h",
            "payload": "x" * 2048,
            "dry_run": False,
        }
        params = {"name": "book_call", "arguments": arguments}
        yield mcp_request(target, "tools/call", params)


ALL: Final[tuple[Operation, ...]] = (
    _method(
        "initialize",
        protocolVersion=_VERSION,
        capabilities={},
        clientInfo={"name": "neighbour", "version": "1"},
    ),
    _method("ping"),
    _method("server/discover"),
    _method("tools/list"),
    _method("resources/list"),
    _method("resources/templates/list"),
    _method("prompts/list"),
    _tool("account_overview"),
    _tool("find_jobs", text="n"),
    _tool("get_job", job="{job}"),
    _tool("find_runs", state=["failed"]),
    _tool("get_run", run="{run}"),
    _tool("preview_schedule", cron="0 0,15,30,45 * ? * MON,WED,FRI", timezone="Asia/Gaza"),
    _tool("search_docs", query="job run call account time key request re"),
    in_turn("TOOL book_call", _bookings, Surface.MCP),
    _tool("change_job", job="{job}", action="pause"),
    _tool("redeliver", state=["failed"], dry_run=True),
    _method("resources/read", uri="wakecall://docs/reference/dapr"),
    _method("prompts/get", name="explain_failure", arguments={"run": "{run}"}),
)
