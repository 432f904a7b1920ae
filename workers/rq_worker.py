"""RQ worker: dequeues batches of run ids, and the thread that keeps such a worker running."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import count
from typing import Final, Protocol

import psycopg
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import DequeueTimeout, StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.timeouts import TimerDeathPenalty

from app.domain.timings.notifying import (
    RQ_LISTEN_S,
    RQ_RECONNECT_PAUSE_S,
    SATURATION_POLL_S,
    URGENT_POLL_S,
)
from app.log import in_words, logger
from app.store.takes import Ticket
from workers.notifier import OVERDUE, QUEUES, from_wire, open_queue

_TTL_S: Final = 60
_HEARTBEAT_S: Final = 5.0


class Intake(Protocol):
    """What accepts the batches that a batch worker dequeues."""

    def accept(self, name: str, tickets: list[Ticket]) -> None:
        """Take a batch that came through queue `name`; raises psycopg.Error where it cannot."""

    @property
    def saturated(self) -> bool:
        """Whether overdue batches had better wait outside."""

    @property
    def stopping(self) -> bool:
        """Whether nothing is taken any more."""


class BatchWorker(SimpleWorker):
    """An RQ worker whose jobs are done once their runs are taken.

    What becomes of the runs is PostgreSQL's to remember; so one process has the runs of many RQ
    jobs under way at once. It runs in a thread: no signals, no forks, and what an RQ job names as
    its function is never imported.
    """

    death_penalty_class = TimerDeathPenalty

    def __init__(
        self, redis: Redis, intake: Intake, identity: str, *, on_heard: Callable[[], None]
    ) -> None:
        self._rq_queues = [open_queue(name, redis) for name in QUEUES]
        self._urgent = [each for each in self._rq_queues if each.name != OVERDUE]
        super().__init__(
            self._rq_queues,
            connection=redis,
            name=identity,
            serializer=JSONSerializer,
            worker_ttl=_TTL_S,
            log_job_description=False,
        )
        self._intake = intake
        self._beaten_at = float("-inf")
        self._on_heard = on_heard

    def _install_signal_handlers(self) -> None:
        """Signals are the main thread's."""

    def check_for_suspension(self, burst: bool) -> None:  # noqa: FBT001 - as RQ calls it
        """Workers are not suspended through Redis either."""

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """RQ beats after every batch; every few seconds are enough."""
        now = time.monotonic()
        if now - self._beaten_at >= _HEARTBEAT_S:
            self._beaten_at = now
            super().heartbeat(timeout, pipeline)

    def subscribe(self) -> None:
        """No commands are taken through Redis: what stops a worker is a signal."""

    def unsubscribe(self) -> None:
        """Nothing was subscribed to."""

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """The next batch: punctual ones first, overdue ones only while there is room for them."""
        del timeout, max_idle_time
        while True:
            if self._intake.stopping:
                raise StopRequested
            self.heartbeat()
            found = self._dequeue()
            self._on_heard()
            if found is not None:
                return found
            self._wait_for_room()

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Take the batch; a failure to take is RQ's to note and the scheduler's to mend.

        What came while this worker was being stopped is left to the others.
        """
        if self._intake.stopping:
            queue.push_job_id(job.id, at_front=True)
            return
        try:
            self._intake.accept(queue.name, from_wire(job.args[0]))
        except (psycopg.Error, ValueError, IndexError) as error:
            # RQ keeps it in Redis, which may hold no row of anybody's.
            failure = RuntimeError(in_words(error))
            execution = self.prepare_execution(job)
            self.prepare_job_execution(job)
            self._finalize_failure(
                job, queue, execution, (RuntimeError, failure, error.__traceback__)
            )
        else:
            # RQ's own account of a success takes some twenty commands, all of them undone by
            # result_ttl=0 at once: what is left of the batch is forgotten in one.
            self.connection.delete(job.key)

    def _dequeue(self) -> tuple[Job, Queue] | None:
        """The next batch; when saturated, one EXISTS tells whether an urgent batch waits."""
        saturated = self._intake.saturated
        queues = self._urgent if saturated else self._rq_queues
        if saturated and not self.connection.exists(*[each.key for each in queues]):
            return None
        try:
            # Never one queue alone: RQ would then move the job through an intermediate queue.
            found: tuple[Job, Queue] | None = Queue.dequeue_any(
                queues,
                None if saturated else RQ_LISTEN_S,
                connection=self.connection,
                job_class=self.job_class,
                serializer=self.serializer,
                death_penalty_class=self.death_penalty_class,
            )
        except DequeueTimeout:
            return None
        return found

    def _wait_for_room(self) -> None:
        """Let some time pass, less where there is room for overdue batches sooner."""
        until = time.monotonic() + URGENT_POLL_S
        while self._intake.saturated and time.monotonic() < until:
            time.sleep(SATURATION_POLL_S)


class RQListener(threading.Thread):
    """Keeps a batch worker running: starts a new one whenever Redis was away."""

    def __init__(self, connect: Callable[[], Redis], intake: Intake, identity: str) -> None:
        super().__init__(name="rq_listener", daemon=True)
        self._connect = connect
        self._intake = intake
        # RQ refuses a name whose registration is still there, as it is for a minute and more after
        # Redis took no writes for a while.
        self._names = (f"{identity}.{number}" for number in count(1))
        self._heard_at = float("-inf")
        self._away = False

    @property
    def is_connected(self) -> bool:
        """Whether Redis was heard within the last moments."""
        return time.monotonic() - self._heard_at < 2 * RQ_LISTEN_S

    def run(self) -> None:
        """Dequeue batches until the intake is stopping."""
        while not self._intake.stopping:
            try:
                with self._connect() as redis:
                    name = next(self._names)
                    batch_worker = BatchWorker(redis, self._intake, name, on_heard=self._on_heard)
                    # RQ ends its work, and says so at level error, when Redis fails it.
                    batch_worker.work(logging_level="CRITICAL")
            except (RedisError, OSError, ValueError) as error:
                # ValueError: RQ's word for a name that is registered already.
                self._on_lost(str(error))
            if not self._intake.stopping:
                self._on_lost("the connection was lost")
                time.sleep(RQ_RECONNECT_PAUSE_S)

    def _on_heard(self) -> None:
        self._heard_at = time.monotonic()
        if self._away:
            logger.warning("redis.back")
        self._away = False

    def _on_lost(self, error: str) -> None:
        self._heard_at = float("-inf")
        if not self._away:
            logger.warning("redis.away", error=error)
        self._away = True
