"""Threads that run the application: results, errors, waiting that is cancelled, and their end."""

from __future__ import annotations

import asyncio
import threading

import pytest

from app.api.request_threads import RequestThreads


def test_results_and_errors_come_back_from_threads_of_their_own() -> None:
    def name(text: str) -> str:
        return f"{text} {threading.current_thread().name}"

    def fail() -> str:
        raise LookupError("not there")

    async def use() -> None:
        threads = RequestThreads[str](1)
        assert await threads.run(name, "by") == "by request_0"
        with pytest.raises(LookupError, match="not there"):
            await threads.run(fail)
        assert await threads.run(name, "by") == "by request_0"
        threads.shutdown()

    asyncio.run(use())


def test_each_thread_begins_with_what_it_was_given_for_that() -> None:
    begun: list[str] = []

    async def use() -> None:
        threads = RequestThreads[str](2, begin=lambda: begun.append(_name()))
        met = threading.Barrier(2, timeout=30)

        def meet() -> str:
            met.wait()
            return _name()

        found = await asyncio.gather(*(threads.run(meet) for _ in range(2)))
        await threads.run(_name)
        assert sorted(begun) == sorted(found)
        threads.shutdown()

    asyncio.run(use())


def _name() -> str:
    return threading.current_thread().name


def test_calls_run_at_once_in_as_many_threads_as_there_are() -> None:
    met = threading.Barrier(3, timeout=30)

    async def use() -> None:
        threads = RequestThreads[int](3)
        assert len({*await asyncio.gather(*(threads.run(met.wait) for _ in range(3)))}) == 3
        threads.shutdown()

    asyncio.run(use())


def test_a_call_that_nobody_waits_for_any_more_goes_on_and_its_thread_is_free_then() -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> bool:
        begun.set()
        go_on.wait(30)
        ended.set()
        return True

    async def use() -> None:
        threads = RequestThreads[bool](1)
        waiting = asyncio.create_task(threads.run(work))
        await asyncio.to_thread(begun.wait, 30)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not ended.is_set()
        go_on.set()
        assert await threads.run(ended.is_set)
        threads.shutdown()

    asyncio.run(use())


def test_a_loop_that_is_closed_ends_no_thread() -> None:
    go_on = threading.Event()
    threads = RequestThreads[bool](1)

    async def leave() -> None:
        task = asyncio.create_task(threads.run(go_on.wait, 30))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(leave())
    go_on.set()

    # It waits for the thread, which has nobody left to tell.
    threads.shutdown()
    assert not any(each.is_alive() for each in threads._threads)


def test_a_thread_starts_only_when_all_others_are_busy() -> None:
    met = threading.Barrier(2, timeout=30)

    def name() -> str:
        return threading.current_thread().name

    async def use() -> None:
        threads = RequestThreads[object](3)
        assert {await threads.run(name) for _ in range(5)} == {"request_0"}
        await asyncio.gather(threads.run(met.wait), threads.run(met.wait))
        assert {await threads.run(name) for _ in range(9)} <= {"request_0", "request_1"}
        threads.shutdown()

    asyncio.run(use())
