"""Orphans: only the very processes that were recorded are ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from local import orphans
from tests.local.processes import DEAF, SLEEPS


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-S", "-c", SLEEPS]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True) as started:
        yield started
        started.kill()


def test_a_recorded_process_is_asked_to_end(process: subprocess.Popen[bytes]) -> None:
    record = [process.pid, orphans.identity(process.pid), int(signal.SIGTERM)]

    assert orphans.clear({"worker": record}) == ["worker"]
    assert process.wait(10) == -signal.SIGTERM


def test_a_process_that_got_a_recorded_number_later_is_left_alone(
    process: subprocess.Popen[bytes],
) -> None:
    began = orphans.identity(process.pid)

    assert orphans.clear({"worker": [process.pid, f"{began}0", int(signal.SIGTERM)]}) == []
    assert process.poll() is None


def test_one_that_does_not_listen_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "PATIENCE_S", 0.1)
    command = [sys.executable, "-u", "-S", "-c", DEAF]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as deaf:
        assert deaf.stdout is not None
        assert deaf.stdout.readline() == b"up\n"

        orphans.end(deaf.pid, signal.SIGTERM)

        assert deaf.wait(10) == -signal.SIGKILL


@pytest.mark.parametrize(
    "records", [None, [], "x", {"web": None}, {"web": [1]}, {"web": ["1", "2", "3"]}, {"w": {}}]
)
def test_invalid_records_end_no_process(records: object) -> None:
    assert orphans.clear(records) == []


def test_a_process_is_known_by_its_beginning_and_its_command_line() -> None:
    me = os.getpid()

    assert orphans.identity(me) == orphans.identity(me) != ""
    assert "python" in orphans.command_line(me)
    assert orphans.identity(2**22 + 1) == orphans.command_line(2**22 + 1) == ""
