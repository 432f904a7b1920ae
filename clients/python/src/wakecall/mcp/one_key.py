"""One key: the access of a server that works for one account, over standard input and output."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, tzinfo

import anyio

from wakecall import AsyncClient, WakecallError
from wakecall.mcp.access import Access
from wakecall.mcp.server import build

READ: str = "read"
"""The scope of keys that change nothing."""


class OneKey(Access):
    """The access with one key. `is_read_only` hides the writing tools from any key."""

    def __init__(
        self, client: AsyncClient, *, is_read_only: bool = False, zone: tzinfo | None = None
    ) -> None:
        self._client = client
        self._is_read_only = is_read_only
        self._zone = zone or datetime.now(UTC).astimezone().tzinfo or UTC
        self._scope: str | None = None

    @property
    def zone(self) -> tzinfo:
        """The zone of this machine, or the one that was given."""
        return self._zone

    def now(self) -> datetime:
        """The present instant."""
        return datetime.now(UTC)

    def client(self) -> AsyncClient:
        """The client with the key."""
        return self._client

    async def may_write(self) -> bool:
        """Whether the key may change things. A service that cannot be asked refuses by itself."""
        if self._is_read_only:
            return False
        if self._scope is None:
            try:
                account = await self._client.account()
            except WakecallError:
                return True
            self._scope = account.key.scope if account.key else ""
        return self._scope != READ

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Let a tool work: one account alone disturbs nobody."""
        yield


def serve(key: str, url: str, *, is_read_only: bool = False, zone: tzinfo | None = None) -> None:
    """Serve one key over standard input and output, until the input ends."""

    async def run() -> None:
        async with AsyncClient(key, url=url) as client:
            access = OneKey(client, is_read_only=is_read_only, zone=zone)
            await build(access).run_stdio_async()

    anyio.run(run)
