"""Processes that an earlier run of this data directory left behind when it was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Final

PATIENCE_S: Final = 4.0
SERVER_PATIENCE_S: Final = 30.0
_GROUP_S: Final = 2.0
_POLL_S: Final = 0.05


def identity(pid: int) -> str:
    """When the process began, which tells it from a later one of the same number; or nothing."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "" if Path("/proc/self/stat").exists() else _ps("lstart=", pid)
    state, *fields = status.rpartition(")")[2].split()
    return "" if state in {"Z", "X"} else fields[18]


def command_line(pid: int) -> str:
    """The command line of a process, or nothing."""
    try:
        found = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return "" if Path("/proc/self/stat").exists() else _ps("command=", pid)
    return found.replace(b"\0", b" ").decode(errors="replace")


def clear(records: Any) -> list[str]:  # noqa: ANN401 - read from a file that anybody may edit
    """End the recorded processes that still live, and wait for it; their names.

    Each record is `name: [pid, identity, stop signal]`.
    """
    if not isinstance(records, dict):
        return []
    ended = []
    for name, record in records.items():
        match record:
            case [int(pid), str(began), int(stop)] if began and identity(pid) == began:
                end(pid, stop)
                ended.append(str(name))
            case _:
                continue
    return ended


def end(pid: int, stop: int) -> None:
    """Ask a process that is not a child to end, make it when it does not; and all its group."""
    began = identity(pid)
    _send(pid, stop)
    give_up = time.monotonic() + (PATIENCE_S if stop == signal.SIGTERM else SERVER_PATIENCE_S)
    while began and identity(pid) == began and time.monotonic() < give_up:
        time.sleep(_POLL_S)
    # Its address is free when the last of them is gone, a moment after the signal.
    give_up = time.monotonic() + _GROUP_S
    while kill_group(pid) and time.monotonic() < give_up:
        time.sleep(_POLL_S)


def kill_group(pid: int) -> bool:
    """Kill what is left of the process group that `pid` leads or led; whether there was any."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _ps(column: str, pid: int) -> str:
    done = subprocess.run(
        ["ps", "-o", column, "-p", f"{pid}"],  # noqa: S607 - wherever the system keeps it
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()
