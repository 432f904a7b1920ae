"""Attacks of an account that asks for what is long, or costs much to work out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count, cycle
from typing import Final

from bench.children import Failed
from bench.hostile.attack import Attack, Facts, ask, ask_and_not_read, long_upload, send_slowly
from bench.hostile.target import PER_BULK, Target, far, soon

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


def book_many(target: Target, jobs: int) -> None:
    """Book so many jobs, in thousands, that are due long after the measurement."""
    bulk = [{"url": target.url("/ok"), "when": far()}] * PER_BULK
    for _ in range(jobs // PER_BULK):
        target.ask("POST", "/1/jobs/bulk", bulk)


def _many_jobs(target: Target) -> Facts:
    book_many(target, _JOBS)
    return {}


def list_ids(target: Target, number: int) -> Iterator[bytes]:
    """Lists of all ids; on half of the connections HEAD, for which the same is read."""
    return cycle([target.request("HEAD" if number % 2 else "GET", "/1/jobs")])


def fail_often(target: Target, runs: int) -> list[str]:
    """Make runs that fail at each of many attempts, with all that history keeps of an answer.

    The account may have no other job. Return the ids of the runs. Raises Failed.
    """
    policy = {"constant": {"interval": "0s", "maxRetries": _ATTEMPTS - 1}}
    target.ask("PUT", "/1/dapr-apps/failing", {"url": target.url("/fail")})
    for n in range(runs):
        document = {"dueTime": soon(), "failurePolicy": policy}
        target.ask("POST", f"/v1.0/jobs/failing-{n}", document)
    return _await_runs(target, runs)


def _failed_runs(target: Target) -> Facts:
    return {"runs": fail_often(target, _RUNS)}


def _runs_failed_once(target: Target) -> Facts:
    """Runs that failed, of jobs that stay."""
    job = {"url": target.url("/fail"), "when": soon(), "retry": {"maxAttempts": 1}}
    target.ask("POST", "/1/jobs/bulk", [job] * PER_BULK)
    return {"runs": _await_runs(target, PER_BULK)}


def _await_runs(target: Target, expected: int) -> list[str]:
    """The runs that have failed, once all jobs have ended."""
    give_up = time.monotonic() + _WAIT_S
    while target.ask("GET", "/1/jobs?limit=1"):
        if time.monotonic() > give_up:
            raise Failed(f"jobs of a preparation have not ended within {_WAIT_S:g} s")
        time.sleep(_POLL_S)
    runs = [run["id"] for run in target.ask_all("/1/runs?state=failed&limit=1000")]
    if len(runs) != expected:
        raise Failed(f"{len(runs)} of {expected} runs of a preparation have failed")
    return runs


def list_runs(target: Target, _number: int) -> Iterator[bytes]:
    """Lists of the longest pages of failed runs."""
    return cycle([target.request("GET", "/1/runs?state=failed&limit=1000")])


def redeliver(target: Target, number: int) -> Iterator[bytes]:
    """Half of the connections ask for all runs together, the others for one run each time."""
    if number % 2:
        return cycle([target.json("POST", "/1/runs/redeliver", {})])
    paths = (f"/1/runs/{run}/redeliver" for run in target.facts["runs"][number::2])
    return cycle([target.request("POST", path) for path in paths])


def put_long_tasks(target: Target, tasks: int) -> None:
    """Save tasks as long as tasks may be: `long-0` and so on."""
    for n in range(tasks):
        target.ask("PUT", f"/api/tasks/long-{n}", long_task(target, f"long-{n}"))


def long_task(target: Target, name: str) -> dict[str, object]:
    """A task whose payload is nearly as long as a task may be."""
    call = {"uri": target.url("/ok"), "method": "post", "entity": "x" * _TASK_BYTES}
    return {"id": name, "type": "rest-call", "callParams": call}


def _many_tasks(target: Target) -> Facts:
    put_long_tasks(target, _TASKS)
    return {}


def _list_tasks(target: Target, number: int) -> Iterator[bytes]:
    return cycle([target.request("GET", "/api/jobs" if number % 4 == 0 else "/api/tasks")])


def _preview(target: Target, number: int) -> Iterator[bytes]:
    """Schedules of zones whose clocks change; on half of the connections a hundred at once."""
    if number % 2:
        triggers = [
            {"type": "cron", "enabled": True, "expression": f"{n % 60} {n % 59} {n % 24} * * ?"}
            for n in range(100)
        ]
        document: dict[str, object] = {"dialect": "fusion", "triggers": triggers, "count": 100}
        return cycle([target.json("POST", "/1/preview", document)])
    return cycle(
        target.json("POST", "/1/preview", {"cron": cron, "timezone": zone, "count": 100})
        for cron, zone in zoned_crons(number)
    )


def zoned_crons(number: int) -> list[tuple[str, str]]:
    """Different expressions, each with a zone; how close they fire is long to work out."""
    return [
        (
            f"{(n + number) % 60} {k},{k + 15},{k + 30},{k + 45} * ? * MON,WED,FRI",
            _ZONES[n % len(_ZONES)],
        )
        for n in range(_CRONS)
        for k in [n // 60 % 15]
    ]


def _dry_run(target: Target, number: int) -> Iterator[bytes]:
    """Dry runs of a thousand cron jobs in one zone, each time with other expressions."""
    for n in count():
        jobs = [
            {"url": target.url("/ok"), "cron": cron, "timezone": _ZONES[0]}
            for cron, _zone in zoned_crons(number + n)
        ]
        yield target.json("POST", "/1/jobs/bulk?dryRun=true", jobs)


def _kept_dry_run(target: Target, number: int) -> Iterator[bytes]:
    """Dry runs with a long answer, each under an Idempotency-Key of its own."""
    jobs = target.bulk("/ok", far(), data="x" * 2048)
    for n in count():
        yield target.json("POST", "/1/jobs/bulk?dryRun=true", jobs, Idempotency_Key=f"{number}-{n}")


def _namespaces(target: Target, _number: int) -> Iterator[bytes]:
    """Jobs in XML below an element with very many namespaces, 64 KiB in all."""
    declared = "".join(f' xmlns:n{n:x}="u"' for n in range(_DECLARATIONS))
    job = f"<job><url>http://a/</url><when>{far()}</when></job>"
    body = f"<jobs{declared}>{job * _XML_JOBS}</jobs>".encode()
    return cycle(
        [target.request("POST", "/1/jobs/bulk?dryRun=true", body, Content_Type="text/xml")]
    )


def _upload(target: Target) -> bytes:
    return long_upload(target.request("POST", "/1/jobs/bulk", Content_Type="application/json"))


ATTACKS: Final = (
    Attack(
        name="redeliver",
        about="failed runs sent again, one by one and together",
        connect=ask(redeliver, 16),
        prepare=_runs_failed_once,
    ),
    Attack(
        name="list-runs",
        about="lists of runs with many attempts",
        connect=ask(list_runs, 16),
        prepare=_failed_runs,
    ),
    Attack(
        name="list-ids",
        about="lists of the ids of 20,000 jobs, and HEAD of them",
        connect=ask(list_ids),
        prepare=_many_jobs,
    ),
    Attack(
        name="list-tasks",
        about="lists of 100 tasks of 60 KB",
        connect=ask(_list_tasks, 16),
        prepare=_many_tasks,
    ),
    Attack(
        name="unread",
        about="lists of runs that are asked for and not read",
        connect=ask_and_not_read(list_runs, held=48),
        prepare=_failed_runs,
    ),
    Attack(
        name="preview",
        about="previews in zones whose clocks change, and of 100 triggers",
        connect=ask(_preview),
    ),
    Attack(
        name="dry-run",
        about="dry runs of 1,000 cron jobs in Asia/Gaza",
        connect=ask(_dry_run, 16),
    ),
    Attack(
        name="kept-dry-run",
        about="dry runs with answers of 2 MB, each under an `Idempotency-Key`",
        connect=ask(_kept_dry_run, 8),
    ),
    Attack(
        name="xml",
        about="bulks in XML with 2,500 namespaces",
        connect=ask(_namespaces, 16),
    ),
    Attack(
        name="slow-upload",
        about="64 bulks sent a byte every 2 s",
        connect=send_slowly(_upload, b" ", connections=_SLOW),
    ),
)
