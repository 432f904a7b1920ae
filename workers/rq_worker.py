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
from app.log import describe_error, logger
from app.store.overdue import Slots
from app.store.takes import Ticket
from workers.notifier import OVERDUE, QUEUES, from_wire, open_queue, slots_from_wire

_TTL_S: Final = 60
_REGISTER_S: Final = 5.0


class Intake(Protocol):
    """What accepts the batches that a batch worker dequeues."""

    def accept(self, name: str, tickets: list[Ticket]) -> None:
        """Take the runs of a batch from queue `name`; raises psycopg.Error where that fails."""

    def begin_overdue(self, slots: Slots) -> None:
        """Claim and take what is overdue in these slots; raises psycopg.Error."""

    @property
    def saturated(self) -> bool:
        """Whether overdue batches should stay in their queue for now."""

    @property
    def stopping(self) -> bool:
        """Whether no further batch is taken."""


class BatchWorker(SimpleWorker):
    """An RQ worker whose jobs are done once their runs are taken.

    PostgreSQL keeps the state of the runs from then on, so that one process has the runs of many RQ
    jobs under way at once. The worker runs in a thread: no signals, no forks, and the function that
    an RQ job names is never imported.
    """

    death_penalty_class = TimerDeathPenalty

    def __init__(
        self, redis: Redis, intake: Intake, identity: str, *, on_answer: Callable[[], None]
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
        self._registered_at = float("-inf")
        self._on_answer = on_answer

    def _install_signal_handlers(self) -> None:
        """Install none: the main thread handles signals."""

    def check_for_suspension(self, burst: bool) -> None:  # noqa: FBT001 - as RQ calls it
        """Never suspend: workers are not suspended through Redis."""

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Refresh the registration every few seconds only; RQ asks for it after every batch."""
        now = time.monotonic()
        if now - self._registered_at >= _REGISTER_S:
            self._registered_at = now
            super().heartbeat(timeout, pipeline)

    def subscribe(self) -> None:
        """Do nothing: no commands are taken through Redis, a worker is stopped by a signal."""

    def unsubscribe(self) -> None:
        """Do nothing, as nothing was subscribed to."""

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """The next batch: on-time ones first, overdue ones only while the intake has room."""
        del timeout, max_idle_time
        while True:
            if self._intake.stopping:
                raise StopRequested
            self.heartbeat()
            found = self._dequeue()
            self._on_answer()
            if found is not None:
                return found
            self._wait_while_saturated()

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Take the batch. RQ records a failure, and the scheduler notifies a worker again.

        A batch that arrives while this worker is stopping goes back to its queue, for the others.
        """
        if self._intake.stopping:
            queue.push_job_id(job.id, at_front=True)
            return
        try:
            tickets, *offered = job.args
            if offered:
                self._intake.begin_overdue(slots_from_wire(offered[0]))
            else:
                self._intake.accept(queue.name, from_wire(tickets))
        except (psycopg.Error, ValueError, IndexError) as error:
            # RQ stores the error in Redis, which must not contain data of any row.
            failure = RuntimeError(describe_error(error))
            execution = self.prepare_execution(job)
            self.prepare_job_execution(job)
            self._finalize_failure(
                job, queue, execution, (RuntimeError, failure, error.__traceback__)
            )
        else:
            # RQ records a success with some twenty commands, all undone at once by result_ttl=0:
            # one command deletes what is left of the batch.
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

    def _wait_while_saturated(self) -> None:
        """Wait for URGENT_POLL_S, or less if the intake is no longer saturated."""
        until = time.monotonic() + URGENT_POLL_S
        while self._intake.saturated and time.monotonic() < until:
            time.sleep(SATURATION_POLL_S)


class RQListener(threading.Thread):
    """Keeps a batch worker running: starts a new one whenever Redis was away."""

    def __init__(self, connect: Callable[[], Redis], intake: Intake, identity: str) -> None:
        super().__init__(name="rq_listener", daemon=True)
        self._connect = connect
        self._intake = intake
        # RQ refuses a name that is still registered, as it is for more than a minute after Redis
        # refused writes for a while: each try has a name of its own.
        self._names = (f"{identity}.{number}" for number in count(1))
        self._answered_at = float("-inf")
        self._away = False

    @property
    def is_connected(self) -> bool:
        """Whether Redis has answered within the last 2 RQ_LISTEN_S."""
        return time.monotonic() - self._answered_at < 2 * RQ_LISTEN_S

    def run(self) -> None:
        """Dequeue batches until the intake is stopping."""
        while not self._intake.stopping:
            try:
                with self._connect() as redis:
                    name = next(self._names)
                    batch_worker = BatchWorker(redis, self._intake, name, on_answer=self._on_answer)
                    # When Redis fails, RQ ends and logs an error; this thread logs it instead.
                    batch_worker.work(logging_level="CRITICAL")
            except (RedisError, OSError, ValueError) as error:
                # ValueError: RQ raises it for a name that is registered already.
                self._on_lost(str(error))
            if not self._intake.stopping:
                self._on_lost("the connection was lost")
                time.sleep(RQ_RECONNECT_PAUSE_S)

    def _on_answer(self) -> None:
        self._answered_at = time.monotonic()
        if self._away:
            logger.warning("redis.back")
        self._away = False

    def _on_lost(self, error: str) -> None:
        self._answered_at = float("-inf")
        if not self._away:
            logger.warning("redis.away", error=error)
        self._away = True
