"""Random ids: in the order of the clock, unlike each other, in each process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from uuid import UUID

import pytest

from app.random_ids import new_id, request_id


def milliseconds(made: UUID) -> int:
    return made.int >> 80


def test_an_id_is_a_uuid_of_version_7_that_has_the_time() -> None:
    before = time.time_ns() // 1_000_000
    made = new_id()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert before <= milliseconds(made) <= time.time_ns() // 1_000_000


def test_ids_are_in_the_order_of_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    times: Iterator[int] = iter(range(10**18, 10**18 + 3_000_000, 250))
    monkeypatch.setattr("app.random_ids.time.time_ns", lambda: next(times))
    made = [new_id() for _ in range(12_000)]
    assert made == sorted(made)
    # However many there are, they are not ahead of the clock.
    assert milliseconds(made[-1]) == 10**12 + 2


def test_all_are_different_with_many_threads() -> None:
    barrier = threading.Barrier(4)
    made: list[UUID | str] = []

    def make() -> None:
        barrier.wait(30)
        made.extend(each() for _ in range(2000) for each in (new_id, request_id))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    chances = {
        each.int & (1 << 62) - 1 if isinstance(each, UUID) else int(each, 16) & (1 << 62) - 1
        for each in made
    }
    assert len(made) == len(chances) == 16_000


def test_a_forked_process_has_random_bytes_of_its_own() -> None:
    request_id()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, request_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 16).decode() != request_id()
    os.close(reading)
    os.close(writing)
