"""Dapr: bookings of Dapr jobs over HTTP and gRPC, at the service and through a sidecar."""

from __future__ import annotations

import json
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from app.protos.dapr_runtime_pb2 import Job, ScheduleJobRequest
from bench.bookings import BODY_BYTES
from bench.children import Failed, ask, child, free_port, last_words, python
from bench.client import request
from bench.figures import middle, rounded, spread
from bench.harness import BenchHarness, Findings, Progress
from bench.peers.booking import each_once
from bench.yardsticks import empty_rpc
from local.instance import CHECKOUT
from local.program import Program

APP: Final = "bench-app"
_PATH: Final = "/dapr.proto.runtime.v1.Dapr/ScheduleJob"
_CONNECTIONS: Final = 32
_PROCESSES: Final = 2
"""Of the sidecar and of `dapr-grpc`: as many as `web` has."""

_START_S: Final = 30.0
_DUE: Final = "720h"
_WARM_UP: Final = 500

DAPR_PER_S: Final = 2370.0
"""Bookings a second of Dapr itself: the better of two runs, with etcd synced, of daprd and its
scheduler (master after 1.18.3) over HTTP on two cores. They were measured once, by hand: this
benchmark does not run Dapr."""


def run(harness: BenchHarness, progress: Progress) -> Findings:
    """`create_vs_dapr`, over HTTP through a sidecar, and bookings a second by each way.

    Beside them, RPCs a second of servers that do nothing: what grpcio leaves for bookings.
    """
    key = harness.account.key
    _add_app(harness)
    count = harness.plan.dapr_jobs
    http, rpc, service = free_port(), free_port(), free_port()
    mine = [("dapr-api-token", key), ("dapr-app-id", APP)]
    ways: dict[str, Callable[[int], float]] = {
        "http": lambda number: _http(harness.instance.port, number, mine),
        "http_sidecar": lambda number: _http(http, number, []),
        "grpc": lambda number: _grpc(service, number, mine),
        "grpc_sidecar": lambda number: _grpc(rpc, number, []),
    }
    empty = {kind: free_port() for kind in empty_rpc.KINDS}
    rates: dict[str, list[float]] = {name: [] for name in (*ways, *empty)}
    with _processes(harness, http, rpc, service), _empty_servers(harness, empty):
        for measure in ways.values():
            # Each process learns of the account and the app, and opens its connections.
            measure(_WARM_UP)
            _start_anew(harness)
        for port in empty.values():
            _grpc(port, _WARM_UP, mine)
        for n in range(harness.plan.rounds):
            for name, measure in ways.items():
                progress(f"round {n + 1}: {name.replace('_', ' in a ')}")
                rates[name].append(measure(count))
                _check_booked(harness, count)
                _start_anew(harness)
            for kind, port in empty.items():
                progress(f"round {n + 1}: empty RPCs of {kind}")
                rates[kind].append(_grpc(port, count, mine))
    basis = middle(rates["http"])
    found = {
        name: {
            "per_s": rounded(middle(each)),
            "spread": spread(each),
            "vs_http": rounded(middle(each) / basis),
        }
        for name, each in rates.items()
    }
    booked = {
        name: found[name] | {"vs_dapr": rounded(middle(rates[name]) / DAPR_PER_S)} for name in ways
    }
    for name in ("grpc", "grpc_sidecar"):
        booked[name]["vs_empty"] = rounded(middle(rates[name]) / middle(rates["core"]))
    return {
        "create_vs_dapr": booked["http_sidecar"]["vs_dapr"],
        "details": {"dapr": booked, "grpc_empty": {kind: found[kind] for kind in empty}},
    }


def _start_anew(harness: BenchHarness) -> None:
    harness.purge()
    # Apps are purged as well.
    _add_app(harness)


def _add_app(harness: BenchHarness) -> None:
    harness.connection.execute(
        "INSERT INTO endpoint (account_id, dialect, name, url) VALUES (%s, 'dapr', %s, %s)",
        (harness.account.id, APP, f"http://127.0.0.1:{harness.receiver.plain}"),
    )


def _check_booked(harness: BenchHarness, count: int) -> None:
    booked = harness.value("SELECT count(*) FROM job WHERE dialect = 'dapr'")
    if booked != count:
        raise Failed(f"{booked} of {count} jobs are booked")


def _document() -> bytes:
    return json.dumps({"dueTime": _DUE, "data": _data()}).encode()


def _message(name: str) -> bytes:
    job = Job(name=name, due_time=_DUE)
    job.data.value = json.dumps(_data()).encode()
    return ScheduleJobRequest(job=job).SerializeToString()


def _data() -> str:
    return ("wake up " * BODY_BYTES)[:BODY_BYTES]


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
            "path": _PATH,
            "messages": [b64encode(_message(f"job-{n}")).decode() for n in range(count)],
            "metadata": metadata,
            "connections": _CONNECTIONS,
        },
    )
    if found["refusal"]:
        raise Failed(f"a booking was refused: {found['refusal']}")
    return count / float(found["took"])


@contextmanager
def _processes(harness: BenchHarness, http: int, rpc: int, service: int) -> Iterator[None]:
    """A sidecar at `http` and `rpc`, and the service's processes for gRPC at `service`."""
    flask = (sys.executable, "-m", "flask", "--app", "wsgi")
    sidecar = (
        *(*flask, "dapr-sidecar", "--account", harness.account.name, "--app-id", APP),
        *("--app-port", f"{harness.receiver.plain}"),
        *("--dapr-http-port", f"{http}", "--dapr-grpc-port", f"{rpc}"),
    )
    grpc = (*flask, "dapr-grpc", "--host", "127.0.0.1", "--port", f"{service}")
    # What each prints once it, and each of its processes, answers.
    started = {
        "dapr-sidecar": (sidecar, "listens on", 1),
        "dapr-grpc": (grpc, "grpc.started", _PROCESSES),
    }
    with ExitStack() as stack:
        for name, (command, words, times) in started.items():
            program = Program(
                name=name,
                command=(*command, "--processes", f"{_PROCESSES}"),
                log=Path(harness.receiver.folder) / f"{name}.log",
                environment=harness.instance.environment,
                folder=CHECKOUT,
            )
            stack.enter_context(child(program))
            _await(partial(_says, program.log, words, times), program.log)
        yield


@contextmanager
def _empty_servers(harness: BenchHarness, ports: Mapping[str, int]) -> Iterator[None]:
    """As many processes of each kind of server that does nothing, at its port."""
    with ExitStack() as stack:
        for kind, port in ports.items():
            for n in range(_PROCESSES):
                program = Program(
                    name=f"empty-{kind}",
                    command=python("bench.yardsticks.empty_rpc", kind, f"{port}"),
                    log=Path(harness.receiver.folder) / f"empty-{kind}-{n}.log",
                    folder=CHECKOUT,
                )
                stack.enter_context(child(program))
                _await(partial(_says, program.log, empty_rpc.SERVES, 1), program.log)
        yield


def _says(log: Path, words: str, times: int) -> bool:
    return log.read_text(encoding="utf-8").count(words) == times


def _await(happens: Callable[[], bool], log: Path) -> None:
    give_up = time.monotonic() + _START_S
    while not happens():
        if time.monotonic() > give_up:
            raise Failed(f"a process of the Dapr API does not start: {last_words(log)}")
        time.sleep(0.05)
