"""Celery: tasks with an ETA, through Valkey."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bench.children import child
from bench.peers import servers
from bench.peers.jobs import URL
from bench.peers.peer import Book, Peer, PeerSetup, booker, environment
from local.instance import CHECKOUT
from local.program import Program

_TASKS: Final = "bench.peers.programs.celery_tasks"
_WORKERS: Final = 8
_BOOKING: Final = 4


@contextmanager
def _start(setup: PeerSetup) -> Iterator[Book]:
    with (
        servers.temp_folder(setup.folder) as home,
        servers.appending(setup.folder) as socket,
    ):
        environ = environment(**{URL: f"redis+socket://{socket}"})
        worker = Program(
            name="celery",
            command=setup.python(
                *("celery", "-A", _TASKS, "worker", "--pool", "prefork"),
                *("--concurrency", f"{_WORKERS}", "--loglevel", "WARNING"),
            ),
            log=home / "worker.log",
            environment=environ,
            folder=CHECKOUT,
        )
        command = setup.python(_TASKS, f"{_BOOKING}")
        with child(worker), booker(command, home / "booker.log", environ) as book:
            yield book


PEER: Final = Peer(
    name="celery",
    package="celery",
    start=_start,
    settings={
        "jobs": "a task with an ETA each; no results kept",
        "worker": "one, prefork, --concurrency 8; all else as it comes",
        "handler": "requests.post, unsigned",
        "booking": "apply_async, four threads",
    },
    durability=f"{servers.VALKEY}; a task is acknowledged before it runs, and then lost with its "
    "worker",
)
