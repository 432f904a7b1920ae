"""The MCP server over HTTP against the application: several tenants, each by its own key."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import httpx2
import pytest
from cryptography.fernet import Fernet
from flask import Flask
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from local.processes import procfile
from tests.api.server import PATIENCE_S, ROOT, serving, until
from tests.clients.mcp.conftest import Tenant
from tests.clients.mcp.test_stdio import CLIENT
from tests.ports import free_port
from wakecall.mcp.access import Busy
from wakecall.mcp.http import connections
from wakecall.mcp.turns import MAX_AT_ONCE, MAX_WAITING, Turns


class Served(NamedTuple):
    """The server, and the service behind it."""

    url: str
    service_url: str


@pytest.fixture(scope="module")
def served(
    service: Flask, service_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """`wakecall mcp --http` in a process of its own, before a web process."""
    del service
    environ = {
        "DATABASE_URL": service_database,
        "WAKECALL_HOME": str(tmp_path_factory.mktemp("home")),
        "WAKECALL_SECRET_KEY": Fernet.generate_key().decode(),
    }
    with serving(environ) as web:
        port = free_port()
        service_url = f"http://127.0.0.1:{web.port}"
        command = procfile(ROOT / "Procfile")["mcp"].removeprefix("wakecall ")
        process = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {sys.executable} -m wakecall.cli {command}"],
            env={
                "HOST": "127.0.0.1",
                "PORT": f"{port}",
                "PYTHONPATH": str(CLIENT),
                "WAKECALL_URL": service_url,
                "WAKECALL_MCP_HOSTS": "mcp.example.com other.example.com",
            },
        )
        url = f"http://127.0.0.1:{port}/mcp"
        try:
            until(lambda: process.poll() is not None or _answers(url))
            assert process.poll() is None
            yield Served(url, service_url)
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url).status_code == 405
    except httpx2.TransportError:
        return False


def converse(
    url: str, key: str, conversation: Callable[[Client], Awaitable[Any]], mode: str = "auto"
) -> Any:
    async def run() -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=PATIENCE_S) as http,
            Client(streamable_http_client(url, http_client=http), mode=mode) as client,
        ):
            return await conversation(client)

    return asyncio.run(run())


async def look(client: Client) -> tuple[int, str]:
    tools = (await client.list_tools()).tools
    overview = await client.call_tool("account_overview", {})
    assert overview.structured_content is not None
    return len(tools), overview.structured_content["account"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_each_request_works_with_its_own_key(served: Served, tenant: Tenant, mode: str) -> None:
    assert converse(served.url, tenant.key, look, mode) == (10, tenant.name)
    assert converse(served.url, tenant.read_key, look, mode) == (7, tenant.name)


def test_tenants_do_not_see_each_other(
    served: Served, tenant: Tenant, make_account: Callable[[], tuple[str, str]]
) -> None:
    async def book(client: Client) -> Any:
        arguments = {"url": "https://example.com/wake", "after": "1h", "dry_run": False}
        return (await client.call_tool("book_call", arguments)).structured_content

    async def jobs(client: Client) -> Any:
        found = (await client.call_tool("find_jobs", {})).structured_content
        assert found is not None
        return [each["id"] for each in found["jobs"]]

    other, other_key = make_account()
    booked = converse(served.url, tenant.key, book)
    assert converse(served.url, tenant.key, jobs) == [booked["id"]]
    assert converse(served.url, other_key, jobs) == []
    assert converse(served.url, other_key, look) == (10, other)


def test_requests_without_a_valid_key_of_an_unknown_host_or_of_a_browser_are_refused(
    served: Served, tenant: Tenant
) -> None:
    def status(headers: dict[str, str], body: bytes = b"{}") -> int:
        content = {"Content-Type": "application/json", "Accept": "application/json"}
        return httpx2.post(served.url, content=body, headers={**content, **headers}).status_code

    key = {"Authorization": f"Bearer {tenant.key}"}
    assert status({}) == 401
    assert status({"Authorization": "Bearer wk_wrong"}) == 401
    assert status({"Authorization": f"Basic {tenant.key}"}) == 401
    assert status({**key, "Host": "evil.example"}) == 421
    assert status({**key, "Host": "mcp.example.com"}) == 400
    assert status({**key, "Origin": "https://evil.example"}) == 403
    assert status(key, b"[" * 70_000) == 413
    assert httpx2.get(served.url, headers=key).status_code == 405
    assert httpx2.delete(served.url, headers=key).status_code == 405


def test_a_cookie_of_one_account_is_not_sent_for_the_next() -> None:
    async def run() -> list[str | None]:
        seen: list[str | None] = []

        def answer(request: httpx2.Request) -> httpx2.Response:
            seen.append(request.headers.get("cookie"))
            return httpx2.Response(200, headers={"Set-Cookie": "session=a; Path=/"})

        async with connections(httpx2.MockTransport(answer)) as http:
            for _ in range(2):
                await http.get("http://wakecall.test/1/account")
        return seen

    assert asyncio.run(run()) == [None, None]


def test_an_account_holds_its_own_tools_back_and_no_others() -> None:
    async def run() -> None:
        found = Turns()
        async with AsyncExitStack() as stack:
            for _ in range(MAX_AT_ONCE):
                await stack.enter_async_context(found.turn("busy"))
            waiting = [asyncio.ensure_future(_enter(found, "busy")) for _ in range(MAX_WAITING)]
            await asyncio.sleep(0)
            with pytest.raises(Busy, match=r"20 tools at work"):
                await _enter(found, "busy")
            await _enter(found, "calm")
            assert not any(each.done() for each in waiting)
        await asyncio.gather(*waiting)
        assert found._accounts == {}

    asyncio.run(run())


def test_a_tool_that_takes_too_long_is_stopped() -> None:
    async def run() -> None:
        found = Turns(patience_s=0.01)
        with pytest.raises(Busy, match="was stopped"):
            async with found.turn("slow"):
                await asyncio.Event().wait()
        assert found._accounts == {}

    asyncio.run(run())


async def _enter(found: Turns, account: str) -> None:
    async with found.turn(account):
        pass
