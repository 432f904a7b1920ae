"""Long answers: reads those of the service in a thread, so that the event loop answers others."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar, Final, TypeVar

from wakecall import AsyncClient
from wakecall._async.session import AsyncSession
from wakecall._core.answers import Answer
from wakecall._core.attempts import Attempts, Failure, Finished, Wait

T = TypeVar("T")

LONG_BYTES: Final = 64 * 1024
"""A longer answer takes more than a millisecond to read, and one of 4 MiB takes 50."""

SWITCH_S: Final = 0.0005
"""How long that thread keeps the interpreter before the event loop may have it: a tenth of Python's
default. After each of its waits the event loop waits so long, and a tool has tens of them."""

_THREAD: Final = ThreadPoolExecutor(1, thread_name_prefix="long_answers")
"""One for all: several that compute keep the interpreter from the event loop for longer."""


class _Session(AsyncSession):
    async def _judge(self, attempts: Attempts[T], outcome: Answer | Failure) -> Finished[T] | Wait:
        if isinstance(outcome, Answer) and len(outcome.body) > LONG_BYTES:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(_THREAD, attempts.judge, outcome)
        return await super()._judge(attempts, outcome)


class SharedClient(AsyncClient):
    """A client for a server that works for several accounts."""

    _session_type: ClassVar[type[AsyncSession]] = _Session
