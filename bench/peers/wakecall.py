"""Wakecall: as `make run` starts it, given the same jobs as its peers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bench import instance
from bench.client import request
from bench.peers import servers
from bench.peers.booking import CONNECTIONS, each_once
from bench.peers.jobs import Batch, Job
from bench.peers.peer import Book, Peer, PeerSetup


@contextmanager
def _start(setup: PeerSetup) -> Iterator[Book]:
    with instance.running(setup.receiver.authority, folder=setup.folder) as running:
        key = running.account("peers").key

        def book(batch: Batch) -> float:
            return each_once(running.port, [_booking(job, key) for job in batch.jobs()])

        yield book


def _booking(job: Job, key: str) -> bytes:
    document = {
        "url": job.url,
        "contentType": "application/json",
        "data": job.body,
        "when": job.due_text,
    }
    return request(
        "POST",
        "/1/jobs",
        json.dumps(document).encode(),
        Authorization=f"Bearer {key}",
        Content_Type="application/json",
    )


PEER: Final = Peer(
    name="wakecall",
    package="wakecall",
    start=_start,
    settings={
        "jobs": "a job with when each",
        "worker": "one of each process, as make run starts them",
        "handler": "none: it posts itself, signed, and writes history",
        "booking": f"HTTP, one job a request, {CONNECTIONS} connections",
    },
    durability=f"{servers.POSTGRESQL}; what was not settled when its worker died is called again",
)
