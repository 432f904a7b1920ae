"""Peer: what one is to the benchmark, and how its processes are started and spoken to."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.children import Failed, last_words
from bench.peers.jobs import Batch
from bench.receiver import Receiver
from local.instance import CHECKOUT
from local.orphans import kill_group
from local.program import Program, dying_with_parent, open_log

Book = Callable[[Batch], float]
"""Books a batch through the peer's own API, and returns the seconds it took. Raises Failed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PeerSetup:
    """What a peer is put up on: where it is installed, where its data may lie, whom it calls."""

    installed: Path
    folder: Path
    receiver: Receiver

    def python(self, *words: str) -> tuple[str, ...]:
        """The command line of a Python program of the peer's environment."""
        return (f"{self.installed / 'bin' / 'python'}", "-m", *words)


@dataclass(frozen=True, kw_only=True, slots=True)
class Peer:
    """One peer: how it is started, and what a reader of its figures must know."""

    name: str
    package: str
    start: Callable[[PeerSetup], AbstractContextManager[Book]]
    settings: Mapping[str, Any]
    durability: str


def environment(**settings: str) -> dict[str, str]:
    """This process's environment for a peer: not that of our interpreter, and then these."""
    foreign = ("PYTHON", "VIRTUAL_ENV", "WAKECALL_", "DATABASE_URL", "REDIS_URL", "PORT", "HOST")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **settings}


@contextmanager
def booker(command: tuple[str, ...], log: Path, environ: Mapping[str, str]) -> Iterator[Book]:
    """A process of `programs.booker`, ready to book. Raises Failed where it ends instead."""
    program = Program(name="booker", command=command, log=log, folder=CHECKOUT)
    complaints = open_log(program)
    try:
        process = subprocess.Popen(
            dying_with_parent(program),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            cwd=CHECKOUT,
            env=dict(environ),
            start_new_session=True,
        )
    finally:
        os.close(complaints)

    def heard() -> dict[str, Any]:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise Failed(f"its bookings end: {last_words(log)}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def book(batch: Batch) -> float:
        if process.stdin:
            with suppress(BrokenPipeError):  # then it says why
                process.stdin.write(batch.text() + "\n")
                process.stdin.flush()
        return float(heard()["seconds"])

    try:
        heard()
        yield book
    finally:
        kill_group(process.pid)
        process.communicate()
