"""Turns: how much of one account is worked on at once, so that none holds the others back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from wakecall.mcp.access import Busy

MAX_AT_ONCE: Final = 4
MAX_WAITING: Final = 16
PATIENCE_S: Final = 30.0
"""Seconds that a tool may take, its wait included."""


@dataclass(slots=True)
class _Account:
    """The tools or requests of an account that work or wait."""

    turns: asyncio.Semaphore
    number: int = 0


class Turns:
    """Lets tools, or whole requests, work by account; one without any takes no memory.

    Without `patience_s` they take as long as they take.
    """

    def __init__(
        self,
        patience_s: float | None = PATIENCE_S,
        *,
        max_at_once: int = MAX_AT_ONCE,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._patience_s = patience_s
        self._max_at_once = max_at_once
        self._max_waiting = max_waiting
        self._accounts: dict[str, _Account] = {}

    @asynccontextmanager
    async def turn(self, account: str) -> AsyncIterator[None]:
        """Wait for a turn, and hold it. Raises Busy."""
        found = self._accounts.get(account)
        if found is None:
            found = self._accounts[account] = _Account(asyncio.Semaphore(self._max_at_once))
        if found.number >= self._max_at_once + self._max_waiting:
            raise Busy(f"The account has {found.number} tools at work. Call fewer at once.")
        found.number += 1
        try:
            async with asyncio.timeout(self._patience_s), found.turns:
                yield
        except TimeoutError:
            raise Busy(
                f"The tool was stopped after {self._patience_s or 0:g} s. "
                "If it writes, look what was done before you try again."
            ) from None
        finally:
            found.number -= 1
            if not found.number:
                self._accounts.pop(account, None)
