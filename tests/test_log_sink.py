"""The log sink: writing never blocks or raises, and dropped lines are counted."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.log_sink import LogSink
from tests.broken_logs import BROKEN, fill, full_pipe

LINE = b"a line\n"


def until(true: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 30
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def report(dropped: int) -> bytes:
    return b"%d dropped\n" % dropped


def test_lines_are_written_in_order() -> None:
    reader, writer = os.pipe()
    sink = LogSink(writer)
    for number in range(1000):
        sink.write(b"%d\n" % number)
    sink.flush()
    os.close(writer)
    with os.fdopen(reader, "rb") as written:
        assert [int(line) for line in written] == list(range(1000))
    assert sink.take_dropped() == 0


@pytest.mark.parametrize("kind", [kind for kind in BROKEN if kind != "full pipe"])
def test_what_cannot_be_written_is_dropped_and_counted_once(kind: str) -> None:
    with BROKEN[kind]() as writer:
        sink = LogSink(writer, render_dropped=report)
        for _ in range(100):
            sink.write(LINE)
        sink.flush(30)
        assert sink.take_dropped() == 100
        assert sink.take_dropped() == 0


def test_a_full_pipe_holds_up_nobody_and_no_more_than_the_bound_waits() -> None:
    with full_pipe() as writer:
        sink = LogSink(writer, max_bytes=10 * len(LINE))
        began = time.monotonic()
        for _ in range(10_000):
            sink.write(LINE)
        sink.flush(0.1)
        assert time.monotonic() - began < 10
        assert sink.take_dropped() == 10_000 - 10


def test_a_line_says_how_many_were_dropped_once_it_works_again() -> None:
    reader, writer = os.pipe()
    fill(writer)
    sink = LogSink(writer, max_bytes=2 * len(LINE), render_dropped=report)
    for _ in range(5):
        sink.write(LINE)
    with os.fdopen(reader, "rb") as read:
        while read.read(1) != LINE[:1]:
            pass
        assert read.readline() == LINE[1:]
        assert read.readline() == LINE
        assert read.readline() == b"3 dropped\n"
    os.close(writer)


def test_a_disk_that_has_room_again_gets_whole_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    disk = os.open("/dev/full", os.O_WRONLY)
    sink = LogSink(disk, render_dropped=report)
    sink.write(LINE)
    sink.flush(30)
    file = os.open(log, os.O_WRONLY | os.O_CREAT)
    os.dup2(file, disk)
    sink.write(LINE)
    sink.flush(30)
    until(lambda: log.read_bytes().count(b"\n") == 2)
    assert log.read_bytes() == LINE + b"1 dropped\n"
    os.close(file)
    os.close(disk)


def test_the_line_after_one_that_was_cut_stands_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    written = bytearray()
    room = [3]

    def write(_fd: int, data: memoryview) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        taken = bytes(data[: room[0]])
        written.extend(taken)
        room[0] -= len(taken)
        return len(taken)

    monkeypatch.setattr(os, "write", write)
    sink = LogSink(-1, render_dropped=report)
    sink.write(LINE)
    sink.flush(30)
    room[0] = 1000
    sink.write(LINE)
    sink.flush(30)
    until(lambda: written.endswith(b"dropped\n"))
    assert bytes(written) == b"a l\n" + LINE + b"1 dropped\n"


def test_a_forked_process_writes_its_own_lines() -> None:
    reader, writer = os.pipe()
    sink = LogSink(writer)
    sink.write(b"parent\n")
    sink.flush()
    child = os.fork()
    if not child:
        sink.write(b"child\n")
        sink.flush()
        os._exit(0)
    assert os.waitpid(child, 0) == (child, 0)
    os.close(writer)
    with os.fdopen(reader, "rb") as written:
        assert written.read() == b"parent\nchild\n"
