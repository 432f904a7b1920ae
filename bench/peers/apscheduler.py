"""APScheduler: dated jobs in PostgreSQL, run by the process that books them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bench.peers import servers
from bench.peers.jobs import URL
from bench.peers.peer import Book, Peer, PeerSetup, booker, environment

_SERVICE: Final = "bench.peers.programs.apscheduler_service"
_BOOKING: Final = 1
_POSTING: Final = 10


@contextmanager
def _start(setup: PeerSetup) -> Iterator[Book]:
    with servers.temp_folder(setup.folder) as home, servers.postgresql(setup.folder) as url:
        environ = environment(**{URL: url.replace("postgresql:", "postgresql+psycopg:", 1)})
        command = setup.python(_SERVICE, f"{_BOOKING}", f"{_POSTING}")
        with booker(command, home / "booker.log", environ) as book:
            yield book


PEER: Final = Peer(
    name="apscheduler",
    package="apscheduler",
    start=_start,
    settings={
        "jobs": "a job with a date trigger each, in SQLAlchemyJobStore",
        "worker": "one process that books and runs, a pool of 10 threads, as it comes; "
        "misfire_grace_time None (with the second it comes with it drops what is later)",
        "handler": "requests.post, unsigned",
        "booking": "add_job, one thread",
    },
    durability=f"{servers.POSTGRESQL}; a job is removed when it is handed to the pool, and lost "
    "with the process",
)
