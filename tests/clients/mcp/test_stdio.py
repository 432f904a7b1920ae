"""`wakecall mcp` as an agent starts it: a process that speaks over standard input and output."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from cryptography.fernet import Fernet
from flask import Flask
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.api.server import serving
from tests.clients.mcp.conftest import Tenant
from tests.ports import free_port
from wakecall.cli.failures import Exit

CLIENT = Path(__file__).parents[3] / "clients" / "python" / "src"


def parameters(url: str, key: str, *options: str) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "wakecall.cli", "mcp", *options],
        env={"PYTHONPATH": str(CLIENT), "WAKECALL_URL": url, "WAKECALL_KEY": key},
    )


def start(url: str, key: str) -> subprocess.CompletedProcess[str]:
    """Start the server without an agent; it ends when its input does."""
    server = parameters(url, key)
    return subprocess.run(
        [server.command, *server.args],
        env=server.env,
        input="",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_service_that_is_away_at_the_start_keeps_nobody_from_serving() -> None:
    done = start(f"http://127.0.0.1:{free_port()}", "wk_any")
    assert (done.returncode, done.stdout) == (0, "")
    assert "The service cannot be asked yet: " in done.stderr


async def names_and_account(server: StdioServerParameters) -> tuple[list[str], object]:
    async with Client(stdio_client(server)) as client:
        tools = [each.name for each in (await client.list_tools()).tools]
        overview = await client.call_tool("account_overview", {})
        assert overview.structured_content is not None
        return tools, overview.structured_content["account"]


def test_an_agent_starts_the_server_and_asks(
    service: Flask, service_database: str, tenant: Tenant, tmp_path: Path
) -> None:
    del service
    environ = {
        "DATABASE_URL": service_database,
        "WAKECALL_HOME": str(tmp_path),
        "WAKECALL_SECRET_KEY": Fernet.generate_key().decode(),
    }
    with serving(environ) as web:
        url = f"http://127.0.0.1:{web.port}"
        tools, account = asyncio.run(names_and_account(parameters(url, tenant.key)))
        assert (len(tools), account) == (10, tenant.name)
        reading, _ = asyncio.run(names_and_account(parameters(url, tenant.key, "--read-only")))
        assert len(reading) == 7
        refused = start(url, "wk_wrong")
        assert (refused.returncode, refused.stdout) == (Exit.UNAUTHENTICATED, "")
        assert refused.stderr.startswith("wakecall: ")
        assert "The key is that of WAKECALL_KEY." in refused.stderr
        hidden, _ = asyncio.run(names_and_account(parameters(url, tenant.read_key)))
        assert hidden == reading
