"""The loop: timers in order and never early, sockets, work from other threads, and failures."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from app.delivery.loop import READ, WRITE, Loop


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def slow(clock: Clock) -> Iterator[Loop]:
    loop = Loop(clock=clock)
    yield loop
    loop.close()


def test_timers_fire_in_the_order_of_their_instants_then_of_their_booking(
    slow: Loop, clock: Clock
) -> None:
    fired: list[str] = []
    for when, name in ((1003, "c"), (1001, "a"), (1002, "b"), (1001, "a2"), (1003, "c2")):
        slow.call_at(when, fired.append, name)
    slow.step(0)
    assert fired == []
    clock.now = 1002.5
    slow.step(0)
    assert fired == ["a", "a2", "b"]
    clock.now = 1003
    slow.step(0)
    assert fired == ["a", "a2", "b", "c", "c2"]


def test_a_timer_never_fires_early_by_the_real_clock(loop: Loop) -> None:
    late: list[float] = []
    for number in range(50):
        when = loop.clock() + 0.001 * number + 0.0003
        loop.call_at(when, lambda when=when: late.append(loop.clock() - when))
    loop.run(until=lambda: len(late) == 50)
    assert min(late) >= 0
    assert max(late) < 5


def test_timers_that_come_thick_wake_the_loop_but_once_in_a_while(loop: Loop) -> None:
    early: list[float] = []
    start = time.monotonic() + 0.01
    instants = [start + n * 5e-5 for n in range(200)]
    for instant in instants:
        loop.call_at(instant, lambda instant=instant: early.append(instant - time.monotonic()))
    steps = 0
    while len(early) < len(instants):
        loop.step()
        steps += 1
    assert max(early) <= 0
    # Ten milliseconds of them, and the wait before.
    assert steps <= 20


@pytest.mark.parametrize(("apart", "slept"), [(0.0005, [0.001]), (0.0015, [])])
def test_a_socket_waits_for_a_timer_only_where_timers_come_thick(
    slow: Loop, clock: Clock, monkeypatch: pytest.MonkeyPatch, apart: float, slept: list[float]
) -> None:
    sleeps: list[float] = []
    monkeypatch.setattr(time, "sleep", lambda seconds: sleeps.append(round(seconds, 6)))
    served: list[int] = []
    readable, writable = os.pipe()
    os.write(writable, b"x")
    slow.call_at(clock.now, lambda: None)
    slow.call_at(clock.now + apart, lambda: None)
    slow.step(0)

    slow.watch(readable, READ, lambda fd, _: served.append(fd))
    slow.step()

    slow.unwatch(readable)
    os.close(readable)
    os.close(writable)
    assert served == [readable]
    assert sleeps == slept


def test_a_cancelled_timer_does_not_fire(slow: Loop, clock: Clock) -> None:
    fired: list[str] = []
    timer = slow.call_at(1001, fired.append, "cancelled")
    slow.call_at(1001, fired.append, "kept")
    slow.cancel(timer)
    slow.cancel(timer)
    clock.now = 1002
    slow.step(0)
    slow.cancel(timer)
    assert fired == ["kept"]


def test_50000_cancelled_timers_leave_room_and_the_others_in_order(
    slow: Loop, clock: Clock
) -> None:
    fired: list[int] = []
    timers = [slow.call_at(1000 + number, fired.append, number) for number in range(50_000)]
    for number, timer in enumerate(timers):
        if number % 100:
            slow.cancel(timer)
    assert len(slow._timers) < 5000
    clock.now = 60_000
    slow.run(until=lambda: len(fired) == 500)
    assert fired == list(range(0, 50_000, 100))


def test_a_timer_may_cancel_others_and_book_new_ones(slow: Loop, clock: Clock) -> None:
    fired: list[str] = []
    others = [slow.call_at(1002, fired.append, "other") for _ in range(5000)]

    def first() -> None:
        for other in others:
            slow.cancel(other)
        slow.call_at(1001, fired.append, "booked")

    slow.call_at(1001, first)
    clock.now = 1003
    for _ in range(3):
        slow.step(0)
    assert fired == ["booked"]


def test_a_herd_of_timers_lets_sockets_in_between(slow: Loop, clock: Clock) -> None:
    order: list[str] = []
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for _ in range(1000):
            slow.call_at(1001, order.append, "timer")
        slow.watch(ours.fileno(), READ, lambda fd, _events: order.append(os.read(fd, 1).decode()))
        clock.now = 1002
        slow.step(0)
        theirs.send(b"x")
        slow.run(until=lambda: len(order) == 1001)
        slow.unwatch(ours.fileno())
    assert 0 < order.index("x") < 1000


def test_a_herd_of_sockets_lets_timers_in_between(slow: Loop, clock: Clock) -> None:
    order: list[str] = []
    pairs = [socket.socketpair() for _ in range(200)]

    def read(fd: int, _events: int) -> None:
        os.read(fd, 1)
        clock.now += 1
        order.append("socket")

    for ours, theirs in pairs:
        slow.watch(ours.fileno(), READ, read)
        theirs.send(b"x")
    slow.call_at(1010, order.append, "timer")
    slow.step(0)
    assert order.count("socket") == 200
    assert order.index("timer") < 100
    for ours, theirs in pairs:
        slow.unwatch(ours.fileno())
        ours.close()
        theirs.close()


def test_sockets_are_served_by_what_they_are_watched_for(loop: Loop) -> None:
    seen: list[int] = []
    ours, theirs = socket.socketpair()
    with ours, theirs:
        fd = ours.fileno()
        loop.watch(fd, WRITE, lambda _fd, events: seen.append(events))
        loop.step(1)
        assert seen == [WRITE]
        loop.rewatch(fd, READ, lambda _fd, events: seen.append(events))
        loop.step(0)
        assert seen == [WRITE]
        theirs.send(b"x")
        loop.step(1)
        assert seen == [WRITE, READ]
        loop.unwatch(fd)
        loop.step(0)
        loop.unwatch(fd)
        assert seen == [WRITE, READ]


def test_work_handed_in_by_other_threads_wakes_the_loop(loop: Loop) -> None:
    done: list[int] = []

    def hand_in() -> None:
        for number in range(1000):
            loop.call_soon_threadsafe(done.append, number)

    threads = [threading.Thread(target=hand_in) for _ in range(4)]
    for thread in threads:
        thread.start()
    loop.run(until=lambda: len(done) == 4000)
    for thread in threads:
        thread.join()
    assert sorted(done) == sorted([*range(1000)] * 4)


def test_a_waiting_loop_is_woken_at_once(loop: Loop) -> None:
    waiting = threading.Event()
    woken: list[float] = []
    loop.call_at(loop.clock() + 600, lambda: None)
    loop.call_soon(waiting.set)

    def wake() -> None:
        waiting.wait()
        loop.call_soon_threadsafe(lambda: woken.append(time.monotonic()))

    thread = threading.Thread(target=wake)
    thread.start()
    loop.run(until=lambda: bool(woken))
    thread.join()


def test_stop_ends_run_from_another_thread_and_run_may_begin_again(loop: Loop) -> None:
    for _ in range(2):
        thread = threading.Thread(target=loop.stop)
        thread.start()
        loop.run()
        thread.join()


def test_what_callbacks_raise_is_logged_and_ends_nothing(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    logged: list[str] = []
    monkeypatch.setattr("app.delivery.loop.report", lambda _call, error: logged.append(str(error)))

    def fail(*_args: object) -> None:
        raise RuntimeError("a callback has failed")

    ours, theirs = socket.socketpair()
    with ours, theirs:
        loop.watch(ours.fileno(), WRITE, fail)
        loop.call_at(0, fail)
        loop.call_at(0, done.append, "timer")
        loop.call_soon(fail)
        loop.call_soon(done.append, "soon")
        loop.step(0)
        loop.unwatch(ours.fileno())
    assert done == ["timer", "soon"]
    assert logged == ["a callback has failed"] * 3


def test_posting_to_a_closed_loop_raises() -> None:
    loop = Loop()
    loop.close()
    loop.close()
    with pytest.raises(RuntimeError):
        loop.call_soon_threadsafe(print)
