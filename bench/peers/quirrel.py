"""Quirrel: its server calls the endpoint itself; jobs are in Valkey."""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import quote

from bench.children import Failed, child, free_port, last_words
from bench.client import request
from bench.peers import servers
from bench.peers.booking import CONNECTIONS, each_once
from bench.peers.jobs import Batch, Job
from bench.peers.peer import Book, Peer, PeerSetup, environment
from local.program import Program

_SERVER: Final = "node_modules/quirrel/dist/cjs/src/api/main.js"
_PASSPHRASE: Final = "benchmark"  # noqa: S105 - of a server on loopback that lives for a minute
_START_S: Final = 30.0
_POLL_S: Final = 0.1


@contextmanager
def _start(setup: PeerSetup) -> Iterator[Book]:
    port = free_port()
    with (
        servers.temp_folder(setup.folder) as home,
        servers.appending(setup.folder) as socket,
    ):
        program = Program(
            name="quirrel",
            command=("node", f"{setup.installed / _SERVER}"),
            log=home / "quirrel.log",
            environment=environment(
                PORT=f"{port}",
                HOST="127.0.0.1",
                REDIS_URL=f"{socket}",
                PASSPHRASES=_PASSPHRASE,
                NODE_ENV="production",
                LOG_LEVEL="warn",
                DISABLE_TELEMETRY="1",
            ),
            folder=setup.installed,
        )
        with child(program) as process:
            key = _token(port, lambda: process.poll() is None)
            if not key:
                raise Failed(f"its server does not start: {last_words(program.log)}")

            def book(batch: Batch) -> float:
                return each_once(port, [_booking(job, key) for job in batch.jobs()])

            yield book


def _booking(job: Job, key: str) -> bytes:
    """The request; the id carries what the receiver must tell, since no header can."""
    document = {"body": job.body, "runAt": job.due_text, "id": f"{job.due_text}/{job.id}"}
    return request(
        "POST",
        f"/queues/{quote(job.url, safe='')}",
        json.dumps(document).encode(),
        Authorization=f"Bearer {key}",
        Content_Type="application/json",
    )


def _token(port: int, alive: Callable[[], bool]) -> str:
    """A token of the running server, once it answers; nothing where it does not."""
    word = base64.b64encode(f":{_PASSPHRASE}".encode()).decode()
    give_up = time.monotonic() + _START_S
    while alive() and time.monotonic() < give_up:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("PUT", "/tokens/bench", headers={"Authorization": f"Basic {word}"})
            answer = connection.getresponse()
            text = answer.read().decode()
        except OSError:
            time.sleep(_POLL_S)
        else:
            if answer.status != http.client.CREATED:
                raise Failed(f"it gives no token: {answer.status} {text[:100]}")
            return text
        finally:
            connection.close()
    return ""


PEER: Final = Peer(
    name="quirrel",
    package="quirrel",
    start=_start,
    settings={
        "jobs": "a job with runAt each, one queue for each address",
        "worker": "one process, server and worker, 100 calls at once, as it comes; telemetry off, "
        "log level warn",
        "handler": "none: it posts itself, signed",
        "booking": f"HTTP, one job a request, {CONNECTIONS} connections",
    },
    durability=f"{servers.VALKEY}; a job in hand when its server died is taken up after an hour",
)
