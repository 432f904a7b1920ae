"""Batches: collects what requests ask of one thread while it is busy, and asks for all at once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from typing import Generic, TypeVar

from app.api.shared_budget import SharedBudget
from app.errors import Unavailable

T = TypeVar("T")
R = TypeVar("R")


class Batches(Generic[T, R]):
    """Passes items to `work` in batches of at most `size`, one batch at a time, in `executor`.

    `work` returns a result for each item. Owners of items take turns: an item that is the first of
    its owner is in the next batch, unless more owners than its size wait. At most `most` items
    wait, of one owner no more than it leaves free, and batches are `pause_s` seconds apart. Only
    one event loop may use it, so it needs no lock.
    """

    def __init__(
        self,
        executor: Executor,
        work: Callable[[Sequence[T]], Sequence[R]],
        *,
        size: int,
        most: int,
        pause_s: float = 0.0,
    ) -> None:
        self._executor = executor
        self._work = work
        self._size = size
        self._pause_s = pause_s
        self._places = SharedBudget(most)
        self._waiting: OrderedDict[Hashable, deque[tuple[T, asyncio.Future[R]]]] = OrderedDict()
        self._working: asyncio.Task[None] | None = None

    async def submit(self, item: T, owner: Hashable = None) -> R:
        """Return the result for this item.

        Raises what `work` raises, and Unavailable if too many items of this owner wait.
        """
        if not self._places.acquire(owner):
            raise Unavailable("Too many requests of this kind wait. Try again shortly.")
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append((item, future))
        if self._working is None:
            self._working = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._do(self._next())
                if self._pause_s:
                    await asyncio.sleep(self._pause_s)
        finally:
            self._working = None

    def _next(self) -> list[tuple[T, asyncio.Future[R]]]:
        """Take a batch: of each owner in turn its oldest item."""
        batch: list[tuple[T, asyncio.Future[R]]] = []
        while self._waiting and len(batch) < self._size:
            owner, items = next(iter(self._waiting.items()))
            batch.append(items.popleft())
            self._places.release(owner)
            if items:
                self._waiting.move_to_end(owner)
            else:
                del self._waiting[owner]
        return batch

    async def _do(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        loop = asyncio.get_running_loop()
        try:
            results = await loop.run_in_executor(
                self._executor, self._work, [item for item, _ in batch]
            )
        except Exception as error:  # noqa: BLE001 - of whoever waits for it
            if len(batch) == 1 or isinstance(error, Unavailable):
                _fail(batch, error)
                return
            # One item that cannot be worked on must not fail the others.
            for each in batch:
                await self._do([each])
            return
        for (_, future), result in zip(batch, results, strict=True):
            # Whoever waited may have gone.
            with suppress(asyncio.InvalidStateError):
                future.set_result(result)


def _fail(batch: list[tuple[T, asyncio.Future[R]]], error: Exception) -> None:
    for _, future in batch:
        with suppress(asyncio.InvalidStateError):
            future.set_exception(error)
