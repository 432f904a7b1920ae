"""Create: bookings over HTTP, singly and in bulk, in turn with a route that only inserts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from app.domain.instants import format_utc
from bench.bookings import BODY_BYTES
from bench.children import Failed, ask, child, free_port, last_words
from bench.client import WARM_UP_S, request
from bench.figures import middle, rounded, spread
from bench.harness import BenchHarness, Findings, Progress
from bench.processor import since
from bench.yardsticks.insert_route import TABLE
from local.client import Client, await_ready
from local.instance import CHECKOUT
from local.processes import procfile
from local.program import Program

CONNECTIONS: Final = 32
_BULK_CONNECTIONS: Final = 4
_START_S: Final = 30.0


def run(harness: BenchHarness, progress: Progress) -> Findings:
    """`create_per_s` (JSON), `create_p99_ms`, `create_vs_insert_route` and `bulk_per_s`."""
    harness.connection.execute(TABLE)
    forms = requests(
        harness.now() + timedelta(days=30), harness.account.key, harness.receiver.plain
    )
    rates: dict[str, list[float]] = {name: [] for name in (*forms, "insert_route")}
    cpu: dict[str, dict[str, float]] = {}
    late: dict[str, list[float]] = {name: [] for name in rates}
    with _insert_route(harness) as port:
        for n in range(harness.plan.rounds):
            for name, text in forms.items():
                progress(f"round {n + 1}: {name}")
                before = harness.instance.cpu()
                found = _answers(harness, harness.instance.port, text)
                rates[name].append(found.per_s)
                late[name].append(found.p99_ms)
                used = since(before, harness.instance.cpu())
                cpu[name] = _cpu(found, used)
                harness.purge()
            progress(f"round {n + 1}: the route that inserts")
            row = request("POST", "/insert", b"x" * BODY_BYTES)
            inserted = _answers(harness, port, row)
            rates["insert_route"].append(inserted.per_s)
            late["insert_route"].append(inserted.p99_ms)
            harness.connection.execute("TRUNCATE yardstick")
    harness.connection.execute("DROP TABLE yardstick")
    progress("bulk")
    bulk = _bulk(harness)
    route = middle(rates["insert_route"])
    return {
        "create_per_s": rounded(middle(rates["json"])),
        "create_p99_ms": middle(late["json"]),
        "create_vs_insert_route": rounded(middle(rates["json"]) / route),
        "bulk_per_s": bulk,
        "details": {
            "create": {
                name: {
                    "per_s": rounded(middle(found)),
                    "spread": spread(found),
                    "vs_insert_route": rounded(middle(found) / route),
                    "p99_ms": middle(late[name]),
                    "cpu_us": cpu.get(name),
                }
                for name, found in rates.items()
            }
        },
    }


def requests(when: datetime, key: str, port: int) -> dict[str, bytes]:
    """One booking in each form: a payload of 500 bytes, to be delivered at `when`."""
    at, url = format_utc(when), f"http://127.0.1.1:{port}/wake"
    data = ("wake up " * BODY_BYTES)[:BODY_BYTES]
    bearer = f"Bearer {key}"
    document = {"url": url, "contentType": "text/plain", "data": data, "when": at}
    members = "".join(f"<{name}>{value}</{name}>" for name, value in document.items())
    return {
        "json": request(
            "POST",
            "/1/jobs",
            json.dumps(document).encode(),
            Authorization=bearer,
            Content_Type="application/json",
        ),
        "xml": request(
            "POST",
            "/1/jobs",
            f"<job>{members}</job>".encode(),
            Authorization=bearer,
            Content_Type="text/xml",
        ),
        "path": request(
            "POST",
            f"/1/jobs/{quote(at, safe='')}/{quote(url, safe='')}",
            data.encode(),
            Authorization=bearer,
            Content_Type="text/plain",
        ),
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answers:
    """What one round of requests gave, after the warm-up."""

    count: int
    per_s: float
    p99_ms: float
    seconds: float
    client_s: float
    """CPU seconds of the client."""


def _answers(
    harness: BenchHarness, port: int, text: bytes, connections: int = CONNECTIONS
) -> _Answers:
    """Send a request again and again. Raises Failed where an answer is not a 201."""
    found = ask(
        "bench.client",
        {
            "port": port,
            "requests": [text.decode("latin-1")],
            "connections": connections,
            "seconds": harness.plan.create_s,
        },
    )
    if set(found["statuses"]) != {"201"}:
        raise Failed(f"a booking was answered {found['statuses']}: {found['refusal']}")
    count = found["statuses"]["201"]
    return _Answers(
        count=count,
        per_s=count / found["took"],
        p99_ms=found["ms"]["p99"],
        seconds=found["took"],
        client_s=found["cpu_s"],
    )


def _cpu(found: _Answers, used: Mapping[str, float]) -> dict[str, float]:
    """CPU of an answer in µs: of the web, PostgreSQL and the client."""
    # Those of the warm-up are as many a second.
    all_answers = found.per_s * (found.seconds + WARM_UP_S)
    return {
        **{kind: round(used[kind] / all_answers * 1e6) for kind in ("web", "postgres")},
        "client": round(found.client_s / found.count * 1e6),
    }


def _bulk(harness: BenchHarness) -> float:
    """Jobs a second booked in bulk."""
    count = harness.plan.bulk_documents
    text = request(
        "POST",
        "/1/jobs/bulk",
        json.dumps(_documents(harness, count)).encode(),
        Authorization=f"Bearer {harness.account.key}",
        Content_Type="application/json",
    )
    before = _booked(harness)
    found = _answers(harness, harness.instance.port, text, _BULK_CONNECTIONS)
    booked = _booked(harness) - before
    if booked < found.count * count:
        raise Failed(f"{found.count} bulk answers, but {booked} jobs")
    return rounded(found.per_s * count)


def _documents(harness: BenchHarness, count: int) -> list[dict[str, Any]]:
    when = format_utc(harness.now() + timedelta(days=30))
    data = ("wake up " * BODY_BYTES)[:BODY_BYTES]
    url = f"http://127.0.1.1:{harness.receiver.plain}/wake"
    return [
        {"url": f"{url}/{n}", "contentType": "text/plain", "data": data, "when": when}
        for n in range(count)
    ]


def _booked(harness: BenchHarness) -> int:
    return int(harness.value("SELECT count(*) FROM job"))


@contextmanager
def _insert_route(harness: BenchHarness) -> Iterator[int]:
    """The route, served by the command of the Procfile; its port."""
    port = free_port()
    command = procfile(CHECKOUT / "Procfile")["web"]
    facts = harness.instance.facts()
    program = Program(
        name="insert-route",
        command=("/bin/sh", "-c", f"exec {_ours(command)}"),
        log=harness.receiver.folder / "insert-route.log",
        environment={
            **harness.instance.environment,
            "PATH": f"{Path(sys.executable).parent}:{harness.instance.environment['PATH']}",
            "HOST": "127.0.0.1",
            "PORT": f"{port}",
            "DATABASE_URL": facts["database_url"],
            "REDIS_URL": facts["redis_url"],
        },
        folder=CHECKOUT,
    )
    with child(program) as process:
        client = Client(host="127.0.0.1", port=port)
        said = await_ready(client, lambda: process.poll() is None, patience_s=_START_S)
        if said:
            raise Failed(f"The route that inserts does not start: {last_words(program.log)}")
        yield port


def _ours(command: str) -> str:
    """The web's command line with another application."""
    words = command.replace(" wsgi:asgi ", " bench.yardsticks.insert_route:asgi ")
    if words == command:
        raise Failed("The line `web` of the Procfile does not name wsgi:asgi.")
    return words
