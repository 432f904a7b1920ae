"""Deeds of an account that asks for what is long, or costs much to work out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count, cycle
from typing import Final

from bench.children import Failed
from bench.hostile.deed import Deed, Facts, ask, ask_and_not_read, long_upload, send_slowly
from bench.hostile.ground import PER_BULK, Ground, far, soon

_JOBS: Final = 20_000
_RUNS: Final = 500
_ATTEMPTS: Final = 12
_TASKS: Final = 100
_TASK_BYTES: Final = 60_000
_WAIT_S: Final = 60.0
_POLL_S: Final = 0.2
_CRONS: Final = 1000
_DECLARATIONS: Final = 2500
_XML_JOBS: Final = 250
_ZONES: Final = ("Asia/Gaza", "Africa/Casablanca", "America/Asuncion", "Europe/Dublin")
_SLOW: Final = 64


def _many_jobs(ground: Ground) -> Facts:
    jobs = [{"url": ground.url("/ok"), "when": far()}] * PER_BULK
    for _ in range(_JOBS // PER_BULK):
        ground.ask("POST", "/1/jobs/bulk", jobs)
    return {}


def _ids(ground: Ground, number: int) -> Iterator[bytes]:
    return cycle([ground.request("HEAD" if number % 2 else "GET", "/1/jobs")])


def _failed_runs(ground: Ground) -> Facts:
    """Runs that failed at each of many attempts, with all that history keeps of an answer."""
    policy = {"constant": {"interval": "0s", "maxRetries": _ATTEMPTS - 1}}
    ground.ask("PUT", "/1/dapr-apps/failing", {"url": ground.url("/fail")})
    for n in range(_RUNS):
        document = {"dueTime": soon(), "failurePolicy": policy}
        ground.ask("POST", f"/v1.0/jobs/failing-{n}", document)
    return {"runs": _await_runs(ground, _RUNS)}


def _runs_failed_once(ground: Ground) -> Facts:
    """Runs that failed, of jobs that stay."""
    job = {"url": ground.url("/fail"), "when": soon(), "retry": {"maxAttempts": 1}}
    ground.ask("POST", "/1/jobs/bulk", [job] * PER_BULK)
    return {"runs": _await_runs(ground, PER_BULK)}


def _await_runs(ground: Ground, expected: int) -> list[str]:
    """The runs that have failed, once all jobs have ended."""
    give_up = time.monotonic() + _WAIT_S
    while ground.ask("GET", "/1/jobs?limit=1"):
        if time.monotonic() > give_up:
            raise Failed(f"jobs of a preparation have not ended within {_WAIT_S:g} s")
        time.sleep(_POLL_S)
    runs = [run["id"] for run in ground.ask_all("/1/runs?state=failed&limit=1000")]
    if len(runs) != expected:
        raise Failed(f"{len(runs)} of {expected} runs of a preparation have failed")
    return runs


def _list_runs(ground: Ground, _number: int) -> Iterator[bytes]:
    return cycle([ground.request("GET", "/1/runs?state=failed&limit=1000")])


def _redeliver(ground: Ground, number: int) -> Iterator[bytes]:
    """Half of the connections ask for all runs together, the others for one run each time."""
    if number % 2:
        return cycle([ground.json("POST", "/1/runs/redeliver", {})])
    paths = (f"/1/runs/{run}/redeliver" for run in ground.facts["runs"][number::2])
    return cycle([ground.request("POST", path) for path in paths])


def _many_tasks(ground: Ground) -> Facts:
    """Tasks as long as tasks may be."""
    call = {"uri": ground.url("/ok"), "method": "post", "entity": "x" * _TASK_BYTES}
    for n in range(_TASKS):
        ground.ask("PUT", f"/api/tasks/long-{n}", _task(f"long-{n}", call))
    return {}


def _task(name: str, call: dict[str, str]) -> dict[str, object]:
    return {"id": name, "type": "rest-call", "callParams": call}


def _list_tasks(ground: Ground, number: int) -> Iterator[bytes]:
    return cycle([ground.request("GET", "/api/jobs" if number % 4 == 0 else "/api/tasks")])


def _preview(ground: Ground, number: int) -> Iterator[bytes]:
    """Schedules of zones whose clocks change; on half of the connections a hundred at once."""
    if number % 2:
        triggers = [
            {"type": "cron", "enabled": True, "expression": f"{n % 60} {n % 59} {n % 24} * * ?"}
            for n in range(100)
        ]
        document: dict[str, object] = {"dialect": "fusion", "triggers": triggers, "count": 100}
        return cycle([ground.json("POST", "/1/preview", document)])
    return cycle(
        ground.json("POST", "/1/preview", {"cron": cron, "timezone": zone, "count": 100})
        for cron, zone in _zoned(number)
    )


def _zoned(number: int) -> list[tuple[str, str]]:
    """Different expressions, each with a zone; how close they fire is long to work out."""
    return [
        (
            f"{(n + number) % 60} {k},{k + 15},{k + 30},{k + 45} * ? * MON,WED,FRI",
            _ZONES[n % len(_ZONES)],
        )
        for n in range(_CRONS)
        for k in [n // 60 % 15]
    ]


def _dry_run(ground: Ground, number: int) -> Iterator[bytes]:
    """Dry runs of a thousand cron jobs in one zone, each time with other expressions."""
    for n in count():
        jobs = [
            {"url": ground.url("/ok"), "cron": cron, "timezone": _ZONES[0]}
            for cron, _zone in _zoned(number + n)
        ]
        yield ground.json("POST", "/1/jobs/bulk?dryRun=true", jobs)


def _kept_dry_run(ground: Ground, number: int) -> Iterator[bytes]:
    """Dry runs with a long answer, each under an Idempotency-Key of its own."""
    jobs = ground.bulk("/ok", far(), data="x" * 2048)
    for n in count():
        yield ground.json("POST", "/1/jobs/bulk?dryRun=true", jobs, Idempotency_Key=f"{number}-{n}")


def _namespaces(ground: Ground, _number: int) -> Iterator[bytes]:
    """Jobs in XML below an element with very many namespaces, 64 KiB in all."""
    declared = "".join(f' xmlns:n{n:x}="u"' for n in range(_DECLARATIONS))
    job = f"<job><url>http://a/</url><when>{far()}</when></job>"
    body = f"<jobs{declared}>{job * _XML_JOBS}</jobs>".encode()
    return cycle(
        [ground.request("POST", "/1/jobs/bulk?dryRun=true", body, Content_Type="text/xml")]
    )


def _upload(ground: Ground) -> bytes:
    return long_upload(ground.request("POST", "/1/jobs/bulk", Content_Type="application/json"))


DEEDS: Final = (
    Deed(
        name="redeliver",
        about="failed runs sent again, one by one and together",
        attack=ask(_redeliver, 16),
        prepare=_runs_failed_once,
    ),
    Deed(
        name="list-runs",
        about="lists of runs with many attempts",
        attack=ask(_list_runs, 16),
        prepare=_failed_runs,
    ),
    Deed(
        name="list-ids",
        about="lists of the ids of 20,000 jobs, and HEAD of them",
        attack=ask(_ids),
        prepare=_many_jobs,
    ),
    Deed(
        name="list-tasks",
        about="lists of 100 tasks of 60 KB",
        attack=ask(_list_tasks, 16),
        prepare=_many_tasks,
    ),
    Deed(
        name="unread",
        about="lists of runs that are asked for and not read",
        attack=ask_and_not_read(_list_runs, held=48),
        prepare=_failed_runs,
    ),
    Deed(
        name="preview",
        about="previews in zones whose clocks change, and of 100 triggers",
        attack=ask(_preview),
    ),
    Deed(
        name="dry-run",
        about="dry runs of 1,000 cron jobs in Asia/Gaza",
        attack=ask(_dry_run, 16),
    ),
    Deed(
        name="kept-dry-run",
        about="dry runs with answers of 2 MB, each under an `Idempotency-Key`",
        attack=ask(_kept_dry_run, 8),
    ),
    Deed(
        name="xml",
        about="bulks in XML with 2,500 namespaces",
        attack=ask(_namespaces, 16),
    ),
    Deed(
        name="slow-upload",
        about="64 bulks sent a byte every 2 s",
        attack=send_slowly(_upload, b" ", connections=_SLOW),
    ),
)
