"""Access: with which key the tools of a request work, and what that key may do."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import datetime, tzinfo
from typing import Any, Protocol, TypeAlias

from mcp.server.mcpserver import Context

from wakecall import AsyncClient


class Access(Protocol):
    """What tools, resources and prompts need besides their arguments."""

    @property
    def zone(self) -> tzinfo:
        """The zone in which instants are shown, unless a job has its own."""

    def now(self) -> datetime:
        """The present instant."""

    def client(self) -> AsyncClient:
        """The client with the key of the request under way."""

    async def may_write(self) -> bool:
        """Whether the tools that change things are offered to the request under way."""

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Entered while a tool works; raises Busy if the account uses too many at once."""


class Busy(Exception):
    """An account has as many tools at work as it may have."""


Ctx: TypeAlias = Context[Access, Any]
"""The context of a request, which the framework gives to tools and resources."""


def access_of(ctx: Ctx) -> Access:
    """The access of a request."""
    return ctx.request_context.lifespan_context
