"""Dapr: bookings of Dapr jobs over HTTP and gRPC, at the service and through a sidecar."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from bench.bookings import BODY_BYTES
from bench.children import Failed, ask, child, free_port, last_words
from bench.client import request
from bench.figures import middle, rounded, spread
from bench.harness import BenchHarness, Findings, Progress
from bench.peers.booking import each_once
from local.instance import CHECKOUT
from local.program import Program

APP: Final = "bench-app"
_CONNECTIONS: Final = 16
_START_S: Final = 30.0
_DUE: Final = "720h"


def run(harness: BenchHarness, progress: Progress) -> Findings:
    """`dapr`: bookings a second by each way, and as ratios to HTTP at the service."""
    key = harness.account.key
    _add_app(harness)
    count = harness.plan.dapr_jobs
    http, rpc, service = free_port(), free_port(), free_port()
    mine = [("dapr-api-token", key), ("dapr-app-id", APP)]
    ways: dict[str, Callable[[], float]] = {
        "http": lambda: _http(harness.instance.port, count, mine),
        "http_sidecar": lambda: _http(http, count, []),
        "grpc": lambda: _grpc(service, count, mine),
        "grpc_sidecar": lambda: _grpc(rpc, count, []),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    with _processes(harness, http, rpc, service):
        for n in range(harness.plan.rounds):
            for name, measure in ways.items():
                progress(f"round {n + 1}: {name.replace('_', ' in a ')}")
                rates[name].append(measure())
                harness.purge()
                # Apps are purged as well.
                _add_app(harness)
    basis = middle(rates["http"])
    found = {
        name: {
            "per_s": rounded(middle(each)),
            "spread": spread(each),
            "vs_http": rounded(middle(each) / basis),
        }
        for name, each in rates.items()
    }
    return {"details": {"dapr": found}}


def _add_app(harness: BenchHarness) -> None:
    harness.connection.execute(
        "INSERT INTO endpoint (account_id, dialect, name, url) VALUES (%s, 'dapr', %s, %s)",
        (harness.account.id, APP, f"http://127.0.0.1:{harness.receiver.plain}"),
    )


def _document() -> bytes:
    data = ("wake up " * BODY_BYTES)[:BODY_BYTES]
    return json.dumps({"dueTime": _DUE, "data": data}).encode()


def _http(port: int, count: int, headers: list[tuple[str, str]]) -> float:
    fields = {name.replace("-", "_"): value for name, value in headers}
    requests = [
        request("POST", f"/v1.0/jobs/job-{n}", _document(), host="localhost", **fields)
        for n in range(count)
    ]
    return count / each_once(port, requests, status="204")


def _grpc(port: int, count: int, metadata: list[tuple[str, str]]) -> float:
    found = ask(
        "bench.grpc_client",
        {
            "port": port,
            "count": count,
            "data": "wake up " * (BODY_BYTES // 8),
            "due_time": _DUE,
            "metadata": metadata,
            "connections": _CONNECTIONS,
        },
    )
    if found["refusal"]:
        raise Failed(f"a booking was refused: {found['refusal']}")
    return count / float(found["took"])


@contextmanager
def _processes(harness: BenchHarness, http: int, rpc: int, service: int) -> Iterator[None]:
    """A sidecar at `http` and `rpc`, and the service's process for gRPC at `service`."""
    flask = (sys.executable, "-m", "flask", "--app", "wsgi")
    sidecar = (
        *(*flask, "dapr-sidecar", "--account", harness.account.name, "--app-id", APP),
        *("--app-port", f"{harness.receiver.plain}"),
        *("--dapr-http-port", f"{http}", "--dapr-grpc-port", f"{rpc}"),
    )
    grpc = (*flask, "dapr-grpc", "--host", "127.0.0.1", "--port", f"{service}")
    with ExitStack() as stack:
        for name, command in (("dapr-sidecar", sidecar), ("dapr-grpc", grpc)):
            log = Path(harness.receiver.folder) / f"{name}.log"
            program = Program(
                name=name,
                command=command,
                log=log,
                environment=harness.instance.environment,
                folder=CHECKOUT,
            )
            stack.enter_context(child(program))
        for port in (http, rpc, service):
            _await_port(port, log)
        yield


def _await_port(port: int, log: Path) -> None:
    give_up = time.monotonic() + _START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > give_up:
                raise Failed(f"nothing listens at port {port}: {last_words(log)}") from None
            time.sleep(0.05)
        else:
            return
