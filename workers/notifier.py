"""The doorbell: batches of run ids and tokens through RQ, where a lost one costs little."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final
from uuid import UUID

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer
from rq.worker_registration import clean_worker_registry

from app.domain.timings.notifying import (
    MAX_ENTRIES,
    NOTIFY_TTL_S,
    REDIS_AWAY_PAUSE_S,
    REDIS_TIMEOUT_S,
)
from app.log import logger
from app.store.takes import Ticket
from workers.loop_thread import LoopThread

ON_TIME: Final = "on_time"
OVERDUE: Final = "overdue"
SUSPECT: Final = "suspect"
QUEUES: Final = (ON_TIME, OVERDUE, SUSPECT)
"""In the order in which workers answer them."""

TAKE: Final = "workers.rq_worker.take"
"""The name RQ keeps for what is to be done; the doorman never imports it."""


_TIDY_S: Final = 10.0

Wire = list[tuple[str, int]]


def redis_client(url: str) -> Redis:
    """A client that gives up after a second rather than hold anybody up."""
    return Redis.from_url(
        url, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S
    )


def open_queue(name: str, redis: Redis) -> Queue:
    """The RQ queue of that name; what is in it is JSON and never pickled."""
    return Queue(name, connection=redis, serializer=JSONSerializer)


def to_wire(tickets: Sequence[Ticket]) -> Wire:
    """Tickets as JSON carries them."""
    return [(run_id.hex, token) for run_id, token in tickets]


def from_wire(wire: object) -> list[Ticket]:
    """Tickets out of what RQ delivered; raises ValueError where it is something else."""
    try:
        return [(UUID(run_id), int(token)) for run_id, token in wire]  # type: ignore[attr-defined] # judged by trying
    except (TypeError, AttributeError) as error:
        raise ValueError("not a batch of run ids and tokens") from error


class Notifier(LoopThread):
    """Rings from a thread of its own, so that Redis, slow or away, holds up no claim."""

    def __init__(self, redis: Redis, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__("notifier", interval=0.0)
        self._clock = clock
        self._tidied_at = float("-inf")
        self._queues = {name: open_queue(name, redis) for name in QUEUES}
        self._waiting: queue.SimpleQueue[tuple[str, list[Ticket]]] = queue.SimpleQueue()
        self._away = False

    def notify(self, name: str, tickets: Sequence[Ticket]) -> None:
        """Announce a batch of runs on a queue, as one RQ job; returns at once."""
        self._waiting.put((name, list(tickets)))

    def run_once(self) -> None:
        """Ring for one batch, or wait a moment for one."""
        try:
            batch = self._waiting.get(timeout=0.5)
        except queue.Empty:
            batch = None
        if batch is None and (self._away or not self._is_untidy()):
            return
        try:
            if batch is not None:
                notify(self._queues[batch[0]], batch[1])
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
            # Whoever hears no bell polls PostgreSQL; old news is not worth keeping.
            for _ in self._drain():
                pass
            self.interval = REDIS_AWAY_PAUSE_S
            return
        if self._away:
            logger.warning("redis.back")
        self._away = False
        self.interval = 0.0

    def _is_untidy(self) -> bool:
        return self._clock() - self._tidied_at >= _TIDY_S

    def _tidy(self) -> None:
        """Drop the oldest entries above MAX_ENTRIES, and workers that were killed.

        RQ drops those when a worker starts, or takes a job; an idle one waits in one command.
        """
        for each in self._queues.values():
            each.connection.ltrim(each.key, -MAX_ENTRIES, -1)
            clean_worker_registry(each)
        self._tidied_at = self._clock()

    def _drain(self) -> Iterator[tuple[str, list[Ticket]]]:
        while not self._waiting.empty():
            yield self._waiting.get_nowait()


def notify(where: Queue, tickets: Sequence[Ticket]) -> None:
    """Enqueue one batch; it fades after a minute, as the scheduler rings again long before."""
    where.enqueue_call(
        TAKE,
        args=(to_wire(tickets),),
        timeout=NOTIFY_TTL_S,
        result_ttl=0,
        failure_ttl=NOTIFY_TTL_S,
        ttl=NOTIFY_TTL_S,
    )
