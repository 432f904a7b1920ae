"""Procrastinate: deferred jobs in PostgreSQL."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from bench.children import Failed, child
from bench.peers import servers
from bench.peers.jobs import URL
from bench.peers.peer import Book, Peer, PeerSetup, booker, environment
from local.instance import CHECKOUT
from local.program import Program

_TASKS: Final = "bench.peers.programs.procrastinate_tasks"
_AT_ONCE: Final = 20
_BOOKING: Final = 4
_POLL_S: Final = 0.1


@contextmanager
def _start(setup: PeerSetup) -> Iterator[Book]:
    with servers.temp_folder(setup.folder) as home, servers.postgresql(setup.folder) as url:
        environ = environment(**{URL: url})
        app = ("procrastinate", "--app", f"{_TASKS}.app")
        _apply(setup.python(*app, "schema", "--apply"), environ)
        worker = Program(
            name="procrastinate",
            command=setup.python(
                *(*app, "worker", "--concurrency", f"{_AT_ONCE}"),
                *("--fetch-job-polling-interval", f"{_POLL_S}"),
            ),
            log=home / "worker.log",
            environment=environ,
            folder=CHECKOUT,
        )
        command = setup.python(_TASKS, f"{_BOOKING}")
        with child(worker), booker(command, home / "booker.log", environ) as book:
            yield book


def _apply(command: tuple[str, ...], environ: Mapping[str, str]) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=CHECKOUT, env=dict(environ)
    )
    if done.returncode:
        raise Failed(f"its schema is refused: {(done.stderr.strip() or '?').splitlines()[-1]}")


PEER: Final = Peer(
    name="procrastinate",
    package="procrastinate",
    start=_start,
    settings={
        "jobs": "a job with schedule_at each; finished ones stay, as it comes",
        "worker": "one, --concurrency 20, --fetch-job-polling-interval 0.1 (instead of 1 and 5 s)",
        "handler": "requests.post in a thread, unsigned",
        "booking": "defer, four threads with a connection each",
    },
    durability=f"{servers.POSTGRESQL}; a job whose worker died stays and must be retried by code "
    "of one's own",
)
