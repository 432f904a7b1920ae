"""Turns: how many tools of one account work at once, so that none holds the others' back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from wakecall.mcp.access import Busy

MAX_AT_ONCE: Final = 4
MAX_WAITING: Final = 16
PATIENCE_S: Final = 30.0
"""Seconds that a tool may take, its wait included."""


@dataclass(slots=True)
class _Account:
    """The tools of an account that work or wait."""

    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_AT_ONCE))
    number: int = 0


class Turns:
    """Lets tools work by account. Accounts without a tool under way take no memory."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._accounts: dict[str, _Account] = {}

    @asynccontextmanager
    async def turn(self, account: str) -> AsyncIterator[None]:
        """Wait for a turn, and hold it. Raises Busy."""
        found = self._accounts.setdefault(account, _Account())
        if found.number >= MAX_AT_ONCE + MAX_WAITING:
            raise Busy(f"The account has {found.number} tools at work. Call fewer at once.")
        found.number += 1
        try:
            async with asyncio.timeout(self._patience_s), found.turns:
                yield
        except TimeoutError:
            raise Busy(
                f"The tool was stopped after {self._patience_s:g} s. "
                "If it writes, look what was done before you try again."
            ) from None
        finally:
            found.number -= 1
            if not found.number:
                self._accounts.pop(account, None)
