"""The RQ worker against a real Valkey: the contract with the pinned RQ, batches, and lost ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest
from redis import Redis
from rq.job import Job
from rq.registry import FailedJobRegistry, StartedJobRegistry
from uuid6 import uuid7

from app.domain.timings.notifying import MAX_ENTRIES, MAX_OFFERS
from app.store.overdue import Slots
from app.store.takes import Ticket
from workers.notifier import (
    ON_TIME,
    OVERDUE,
    QUEUES,
    SUSPECT,
    TAKE,
    Notifier,
    from_wire,
    notify,
    offer,
    open_queue,
    redis_client,
    slots_from_wire,
    to_wire,
)
from workers.rq_worker import RQListener

EMPTY = "redis://127.0.0.1:1/0"


class Intake:
    """Accepts everything, unless the test sets otherwise."""

    def __init__(self) -> None:
        self.accepted: list[tuple[str, list[Ticket]]] = []
        self.offered: list[Slots] = []
        self.saturated = False
        self.stopping = False
        self.failing = False
        self._changed = threading.Condition()

    def accept(self, name: str, tickets: list[Ticket]) -> None:
        with self._changed:
            self.accepted.append((name, tickets))
            self._changed.notify_all()
        if self.failing:
            raise psycopg.OperationalError("away")

    def begin_overdue(self, slots: Slots) -> None:
        with self._changed:
            self.offered.append(slots)
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.accepted) >= count, timeout=30)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with redis_client(redis_url) as client:
        yield client


@pytest.fixture
def intake(redis_url: str) -> Iterator[Intake]:
    made = Intake()
    listener = RQListener(lambda: redis_client(redis_url), made, f"test.{uuid7()}")
    listener.start()
    yield made
    made.stopping = True
    listener.join(30)
    assert not listener.is_alive()


def batch(size: int = 2) -> list[Ticket]:
    return [(uuid7(), token) for token in range(1, size + 1)]


def until(condition: object) -> None:
    """Return once `condition()` holds."""
    assert callable(condition)
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_batch_reaches_the_worker_as_it_was_enqueued(intake: Intake, redis: Redis) -> None:
    tickets = batch()

    notify(open_queue(ON_TIME, redis), tickets)

    intake.wait_for(1)
    assert intake.accepted == [(ON_TIME, tickets)]


def test_a_finished_batch_leaves_nothing_behind_in_redis(intake: Intake, redis: Redis) -> None:
    for name in QUEUES:
        notify(open_queue(name, redis), batch())
    intake.wait_for(len(QUEUES))

    for name in QUEUES:
        queue = open_queue(name, redis)
        until(lambda queue=queue: StartedJobRegistry(queue=queue).count == 0)
        assert queue.count == 0
    until(lambda: not redis.keys("rq:job:*"))


def test_offers_fill_the_queue_and_reach_the_worker(redis: Redis) -> None:
    queue, slots = open_queue(OVERDUE, redis), Slots(17_600_000_000, 17_600_000_300)
    notify(queue, batch())

    offer(queue, slots)
    offer(queue, slots)

    assert queue.count == MAX_OFFERS
    jobs = [
        Job.fetch(each, connection=redis, serializer=queue.serializer) for each in queue.job_ids
    ]
    assert [from_wire(job.args[0]) for job in jobs[1:]] == [[]] * (MAX_OFFERS - 1)
    assert {slots_from_wire(job.args[1]) for job in jobs[1:]} == {slots}


def test_an_offer_that_is_taken_up_leaves_nothing_behind_in_redis(
    intake: Intake, redis: Redis
) -> None:
    slots = Slots(5, 7)

    offer(open_queue(OVERDUE, redis), slots)

    until(lambda: len(intake.offered) >= MAX_OFFERS)
    assert set(intake.offered) == {slots}
    assert intake.accepted == []
    until(lambda: not redis.keys("rq:job:*"))


@pytest.mark.parametrize("wire", [None, 7, [1], ["a", "b"], [1, 2, 3], [1, float("inf")]])
def test_an_invalid_offer_is_refused(wire: object) -> None:
    with pytest.raises(ValueError, match=r".*"):
        slots_from_wire(wire)


def test_a_batch_that_could_not_be_taken_is_noted_and_the_next_one_taken(
    intake: Intake, redis: Redis
) -> None:
    intake.failing = True
    queue = open_queue(ON_TIME, redis)
    notify(queue, batch())
    intake.wait_for(1)
    until(lambda: FailedJobRegistry(queue=queue).count == 1)
    intake.failing = False

    notify(queue, batch())

    intake.wait_for(2)


def test_a_saturated_worker_takes_on_time_batches_only(intake: Intake, redis: Redis) -> None:
    intake.saturated = True
    # The present look-out of at most a second may still have all queues in view.
    notify(open_queue(ON_TIME, redis), batch())
    intake.wait_for(1)
    notify(open_queue(OVERDUE, redis), batch())
    notify(open_queue(ON_TIME, redis), batch())
    intake.wait_for(2)

    assert [name for name, _ in intake.accepted] == [ON_TIME, ON_TIME]
    intake.saturated = False
    intake.wait_for(3)
    assert intake.accepted[2][0] == OVERDUE


def test_a_saturated_worker_has_suspects_tried_nevertheless(intake: Intake, redis: Redis) -> None:
    intake.saturated = True
    # As above: what ends the present look-out.
    notify(open_queue(ON_TIME, redis), batch())
    intake.wait_for(1)

    notify(open_queue(SUSPECT, redis), batch())

    intake.wait_for(2)
    assert intake.accepted[1][0] == SUSPECT


def test_a_batch_that_comes_while_a_worker_stops_is_left_to_another(
    redis_url: str, redis: Redis
) -> None:
    closing, other = Intake(), Intake()
    listeners = [
        RQListener(lambda: redis_client(redis_url), intake, f"test.{uuid7()}")
        for intake in (closing, other)
    ]
    listeners[0].start()
    until(lambda: listeners[0].is_connected)
    closing.stopping = True
    tickets = batch()
    notify(open_queue(ON_TIME, redis), tickets)
    listeners[0].join(30)

    listeners[1].start()
    other.wait_for(1)
    other.stopping = True
    listeners[1].join(30)
    assert closing.accepted == []
    assert other.accepted == [(ON_TIME, tickets)]


def test_what_a_job_names_as_its_function_is_never_called(intake: Intake, redis: Redis) -> None:
    queue = open_queue(ON_TIME, redis)
    queue.enqueue_call("os.abort", args=("not a batch",), result_ttl=0)
    until(lambda: FailedJobRegistry(queue=queue).count == 1)

    notify(queue, batch())

    intake.wait_for(1)


def test_the_listener_dequeues_again_after_redis_lost_everything(
    intake: Intake, redis: Redis
) -> None:
    notify(open_queue(ON_TIME, redis), batch())
    intake.wait_for(1)

    redis.flushdb()
    notify(open_queue(ON_TIME, redis), batch())

    intake.wait_for(2)


def test_the_listener_dequeues_again_once_redis_accepts_writes(
    redis_url: str, redis: Redis
) -> None:
    """RQ keeps a name that it could not unregister for longer than this waits."""
    intake = Intake()
    listener = RQListener(lambda: redis_client(redis_url), intake, f"test.{uuid7()}")
    listener.start()
    try:
        until(lambda: listener.is_connected)
        redis.replicaof("127.0.0.1", 1)
        until(lambda: not listener.is_connected)
        redis.replicaof("NO", "ONE")
        until(lambda: listener.is_connected)
        notify(open_queue(ON_TIME, redis), batch())
        intake.wait_for(1)
    finally:
        redis.replicaof("NO", "ONE")
        intake.stopping = True
        listener.join(30)


def test_without_redis_the_listener_is_not_connected() -> None:
    intake = Intake()
    listener = RQListener(lambda: redis_client(EMPTY), intake, "deaf")
    listener.start()
    assert listener.is_connected is False
    intake.stopping = True
    listener.join(30)
    assert not listener.is_alive()


def test_without_redis_notifying_returns_at_once_and_resumes_later(
    redis_url: str, redis: Redis
) -> None:
    deaf = Notifier(redis_client(EMPTY))
    deaf.start()
    before = time.monotonic()
    for _ in range(100):
        deaf.notify(ON_TIME, batch(1))
    assert time.monotonic() - before < 5
    deaf.stop()
    deaf.join(30)
    assert not deaf.is_alive()

    notifier = Notifier(redis_client(redis_url))
    notifier.start()
    notifier.notify(OVERDUE, batch(500))
    queue = open_queue(OVERDUE, redis)
    until(lambda: queue.count == 1)
    notifier.stop()
    notifier.join(30)


def test_while_no_worker_is_there_a_queue_grows_to_a_bound(redis_url: str, redis: Redis) -> None:
    now = 0.0
    notifier = Notifier(redis_client(redis_url), clock=lambda: now)
    queue = open_queue(OVERDUE, redis)
    redis.rpush(queue.key, *(f"faded-{number}" for number in range(2 * MAX_ENTRIES)))

    for _ in range(3):
        notifier.notify(OVERDUE, batch(1))
        notifier.run_once()
    assert queue.count == MAX_ENTRIES + 2, "it is seen to once in ten seconds"
    now = 10.0
    notifier.notify(OVERDUE, batch(1))
    notifier.run_once()

    assert queue.count == MAX_ENTRIES
    assert [each for each in queue.job_ids[-5:] if each.startswith("faded")] == ["faded-1999"]


def test_workers_that_were_killed_are_forgotten_while_others_are_idle(
    redis_url: str, redis: Redis
) -> None:
    redis.sadd("rq:workers", "rq:worker:killed", "rq:worker:alive")
    redis.sadd(f"rq:workers:{OVERDUE}", "rq:worker:killed", "rq:worker:alive")
    redis.hset("rq:worker:alive", "birth", "now")
    notifier = Notifier(redis_client(redis_url))

    notifier.run_once()

    assert redis.smembers("rq:workers") == {b"rq:worker:alive"}
    assert redis.smembers(f"rq:workers:{OVERDUE}") == {b"rq:worker:alive"}


def test_no_payload_and_no_secret_goes_through_redis(redis: Redis) -> None:
    tickets = batch()
    notify(open_queue(SUSPECT, redis), tickets)

    (job_id,) = open_queue(SUSPECT, redis).job_ids
    job = Job.fetch(job_id, connection=redis, serializer=open_queue(SUSPECT, redis).serializer)

    assert job.func_name == TAKE
    assert list(job.args) == [[list(each) for each in to_wire(tickets)]]
    assert from_wire(job.args[0]) == tickets


@pytest.mark.parametrize("wire", [None, 7, [1], [["no-uuid", 1]], [[str(uuid7())]], "text"])
def test_an_invalid_batch_is_refused(wire: object) -> None:
    with pytest.raises(ValueError, match=r".*"):
        from_wire(wire)
