"""Notifier: sends batches of run ids and tokens to workers, through RQ; a lost one costs little."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Final, TypeVar
from uuid import UUID

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer
from rq.worker_registration import clean_worker_registry

from app.domain.timings.notifying import (
    DIVIDED_FROM,
    MAX_ENTRIES,
    MAX_OFFERS,
    NOTIFY_BATCH,
    NOTIFY_TTL_S,
    REDIS_AWAY_PAUSE_S,
    REDIS_TIMEOUT_S,
)
from app.log import logger
from app.store.overdue import Slots
from app.store.takes import Ticket
from workers.loop_thread import LoopThread

ON_TIME: Final = "on_time"
OVERDUE: Final = "overdue"
SUSPECT: Final = "suspect"
QUEUES: Final = (ON_TIME, OVERDUE, SUSPECT)
"""In the order in which workers dequeue from them."""

TAKE: Final = "workers.rq_worker.take"
"""The function name that RQ stores with a job; the batch worker never imports it."""


_TIDY_S: Final = 10.0

Wire = list[tuple[str, int]]

_T = TypeVar("_T")


def redis_client(url: str) -> Redis:
    """A client whose commands fail after REDIS_TIMEOUT_S, so that no thread waits for longer."""
    return Redis.from_url(
        url, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S
    )


def open_queue(name: str, redis: Redis) -> Queue:
    """The RQ queue of that name; its jobs are JSON and never pickled."""
    return Queue(name, connection=redis, serializer=JSONSerializer)


def to_wire(tickets: Sequence[Ticket]) -> Wire:
    """Tickets as they stand in the JSON of an RQ job."""
    return [(run_id.hex, token) for run_id, token in tickets]


def from_wire(wire: object) -> list[Ticket]:
    """Tickets from the JSON of an RQ job; raises ValueError if it is not a batch of tickets."""
    try:
        return [(UUID(run_id), int(token)) for run_id, token in wire]  # type: ignore[attr-defined] # checked by unpacking it
    except (TypeError, AttributeError) as error:
        raise ValueError("not a batch of run ids and tokens") from error


def batches(runs: Sequence[_T], workers: int) -> list[Sequence[_T]]:
    """The runs, in the order of their times, as the batches of so many workers.

    Runs that follow each other are in different batches: so what is due within a moment is called
    by all workers, and not by one of them while the others have nothing to do.
    """
    number = max(-(-len(runs) // NOTIFY_BATCH), min(workers, len(runs) // DIVIDED_FROM))
    return [runs[first::number] for first in range(number)]


def slots_from_wire(wire: object) -> Slots:
    """Slots from the JSON of an RQ job; raises ValueError if it is not a pair of numbers."""
    try:
        numbers = [int(each) for each in wire]  # type: ignore[attr-defined] # checked by iterating
        return Slots._make(numbers)
    except (TypeError, OverflowError) as error:
        raise ValueError("not a pair of slots") from error


class Notifier(LoopThread):
    """Enqueues from a thread of its own, so that no claim waits for a slow or absent Redis."""

    def __init__(self, redis: Redis, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__("notifier", interval=0.0)
        self._clock = clock
        self._tidied_at = float("-inf")
        self._queues = {name: open_queue(name, redis) for name in QUEUES}
        self._waiting: queue.SimpleQueue[tuple[str, list[Ticket] | Slots]] = queue.SimpleQueue()
        self._away = False

    def notify(self, name: str, tickets: Sequence[Ticket]) -> None:
        """Have a batch of runs enqueued as one RQ job; returns at once."""
        self._waiting.put((name, list(tickets)))

    def offer(self, slots: Slots) -> bool:
        """Have workers begin what is overdue in these slots by themselves; returns at once.

        False where Redis was away when it was asked last.
        """
        self._waiting.put((OVERDUE, slots))
        return not self._away

    def run_once(self) -> None:
        """Enqueue the next batch, or wait a moment for one."""
        try:
            batch = self._waiting.get(timeout=0.5)
        except queue.Empty:
            batch = None
        if batch is None and (self._away or not self._is_untidy()):
            return
        try:
            if batch is not None:
                self._enqueue(*batch)
            if self._is_untidy():
                self._tidy()
        except RedisError as error:
            if not self._away:
                logger.warning(
                    "redis.away",
                    error=str(error),
                    batches=self._waiting.qsize() + (batch is not None),
                )
            self._away = True
            # Workers that Redis does not answer poll PostgreSQL: the batches need not be kept.
            for _ in self._drain():
                pass
            self.interval = REDIS_AWAY_PAUSE_S
            return
        if self._away:
            logger.warning("redis.back")
        self._away = False
        self.interval = 0.0

    def close(self) -> None:
        """Enqueue what still waits; workers find by their polls what Redis does not take."""
        with suppress(RedisError):
            for each in self._drain():
                self._enqueue(*each)

    def _enqueue(self, name: str, what: list[Ticket] | Slots) -> None:
        if isinstance(what, Slots):
            offer(self._queues[name], what)
        else:
            notify(self._queues[name], what)

    def _is_untidy(self) -> bool:
        return self._clock() - self._tidied_at >= _TIDY_S

    def _tidy(self) -> None:
        """Drop the oldest entries above MAX_ENTRIES, and the registrations of killed workers.

        RQ drops registrations only when a worker starts or dequeues a job; an idle worker waits in
        one command.
        """
        for each in self._queues.values():
            each.connection.ltrim(each.key, -MAX_ENTRIES, -1)
            clean_worker_registry(each)
        self._tidied_at = self._clock()

    def _drain(self) -> Iterator[tuple[str, list[Ticket] | Slots]]:
        while not self._waiting.empty():
            yield self._waiting.get_nowait()


def notify(where: Queue, tickets: Sequence[Ticket]) -> None:
    """Enqueue one batch; it expires after NOTIFY_TTL_S, long after it was notified again."""
    _enqueue_call(where, to_wire(tickets))


def offer(where: Queue, slots: Slots) -> None:
    """Fill the queue up to MAX_OFFERS with offers of these slots.

    To a worker of the release before, an offer is a batch without runs.
    """
    for _ in range(MAX_OFFERS - where.count):
        _enqueue_call(where, [], list(slots))


def _enqueue_call(where: Queue, *arguments: object) -> None:
    where.enqueue_call(
        TAKE,
        args=arguments,
        timeout=NOTIFY_TTL_S,
        result_ttl=0,
        failure_ttl=NOTIFY_TTL_S,
        ttl=NOTIFY_TTL_S,
    )
