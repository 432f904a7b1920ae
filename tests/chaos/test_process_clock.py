"""The clock of one process is set while it runs, and its monotonic clock is not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.chaos import process_clock
from tests.chaos.disk import MOUNT_REFUSED, small_disk
from tests.chaos.process_clock import NO_COMPILER, ProcessClock

PROGRAM = """
import datetime, sys, time
for _ in sys.stdin:
    print(time.time(), datetime.datetime.now().timestamp(), time.monotonic(), flush=True)
"""


def test_a_running_process_gets_another_time_and_keeps_its_monotonic_clock(tmp_path: Path) -> None:
    library = process_clock.build(tmp_path)
    if library is None:
        pytest.skip(NO_COMPILER)
    clock = ProcessClock(library, tmp_path / "clock")
    with subprocess.Popen(
        (sys.executable, "-c", PROGRAM),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **clock.environment},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for ahead in (0, 3600, -40, 0):
            clock.set(ahead)
            before = time.time(), time.monotonic()
            process.stdin.write("\n")
            process.stdin.flush()
            wall, read, monotonic = (float(each) for each in process.stdout.readline().split())
            after = time.time(), time.monotonic()
            assert before[0] <= wall - ahead <= after[0]
            assert before[0] <= read - ahead <= after[0]
            assert before[1] <= monotonic <= after[1]
        process.stdin.close()


def test_a_small_disk_takes_nothing_while_it_is_full(tmp_path: Path) -> None:
    with small_disk(tmp_path, 1 << 20) as disk:
        if disk is None:
            pytest.skip(MOUNT_REFUSED)
        (tmp_path / "before").write_bytes(b"." * 100_000)
        disk.fill()
        with pytest.raises(OSError, match="No space left"):
            (tmp_path / "during").write_bytes(b"." * 10_000)
        disk.free()
        (tmp_path / "after").write_bytes(b"." * 500_000)
    assert not list(tmp_path.iterdir())
