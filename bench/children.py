"""Children: processes of the benchmark's own, which end with it."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final

from local.instance import CHECKOUT
from local.orphans import kill_group
from local.program import Program, dying_with_parent, open_log
from local.terminal import say

_PATIENCE_S: Final = 60.0
_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_OURS: Final = (
    *("WAKECALL_", "DATABASE_URL", "REDIS_URL", "PORT", "HOST", "WEB_CONCURRENCY"),
    *("PYTHONPATH", "FLASK_"),
)


class Failed(Exception):
    """The benchmark cannot go on, or has found what must not be; the text says what."""


def free_port() -> int:
    """Return a free port outside the range of ephemeral ports."""
    chosen = random.SystemRandom()
    while True:
        port = chosen.randrange(15_000, 30_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def environment(**settings: str) -> dict[str, str]:
    """This process's environment without settings of Wakecall, and then with these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**kept, **settings}


@contextmanager
def child(program: Program) -> Iterator[subprocess.Popen[bytes]]:
    """The running program, asked to end when the block is left, and made to if it does not."""
    log = open_log(program)
    try:
        process = subprocess.Popen(
            dying_with_parent(program),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=program.folder,
            env=dict(program.environment) or None,
            # Ctrl-C is for the benchmark, which then ends its children in order.
            start_new_session=True,
        )
    finally:
        os.close(log)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(program.stop)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE_S)
        kill_group(process.pid)
        process.wait()


def python(module: str, *arguments: str) -> tuple[str, ...]:
    """The command line that runs a module of the checkout."""
    return (sys.executable, "-m", module, *arguments)


def ask(
    module: str, question: Mapping[str, Any], environ: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Run a module that reads one JSON document and prints another. Raises Failed."""
    program = Program(name=module, command=python(module), log=Path(os.devnull))
    with subprocess.Popen(
        dying_with_parent(program),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=CHECKOUT,
        env=None if environ is None else dict(environ),
        start_new_session=True,
    ) as process:
        try:
            said, complaints = process.communicate(json.dumps(question))
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode:
        lines = complaints.strip().splitlines() or [f"status {process.returncode}"]
        raise Failed(f"{module}: {lines[-1]}")
    answer: dict[str, Any] = json.loads(said)
    return answer


def interruptible() -> None:
    """Have Ctrl-C, SIGTERM and SIGHUP end what was started, in order, by KeyboardInterrupt."""
    for number in _ENDINGS:
        signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # A second signal would interrupt the cleaning up.
    for number in _ENDINGS:
        signal.signal(number, signal.SIG_IGN)
    say("Stopping", "everything that was started")
    raise KeyboardInterrupt


def last_words(log: Path) -> str:
    """The last line a process has logged."""
    with suppress(OSError):
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        if lines:
            return lines[-1]
    return "it printed nothing"
