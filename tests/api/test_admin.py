"""The admin port: a process that cannot listen at it does not serve without it."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, cast

import pytest

from app.api.admin import AdminPort
from app.api.asgi import AsgiApp
from app.errors import Misconfigured
from tests.api.exchange import Message, application

if TYPE_CHECKING:
    from app.api.health import QuickAnswers


def test_a_process_does_not_begin_without_its_admin_port() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def begin(port: int) -> None:
        admin = AdminPort(cast("QuickAnswers", None), "127.0.0.1", port)
        await AsgiApp(application([]), begin=admin.start)({"type": "lifespan"}, receive, send)

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(Misconfigured, match=f"WAKECALL_ADMIN_PORT cannot be {port}"):
            asyncio.run(begin(port))
    assert sent == []
