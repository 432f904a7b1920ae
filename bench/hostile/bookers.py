"""Attacks of an account that books: jobs far ahead, jobs due at once, and what their calls meet."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, cycle
from typing import Any, Final
from urllib.parse import quote

from bench.hostile.attack import Attack, Facts, Requests, ask
from bench.hostile.target import PER_BULK, Target, far, soon

_BULKS: Final = 4
"""Connections of attacks that book in bulk: each has a thousand jobs under way."""

_APP: Final = "attacker"


def _book(target: Target, _number: int) -> Iterator[bytes]:
    return cycle([target.json("POST", "/1/jobs", {"url": target.url("/ok"), "when": far()})])


def _bulk(target: Target, _number: int) -> Iterator[bytes]:
    return cycle([target.json("POST", "/1/jobs/bulk", target.bulk("/ok", far()))])


def _burst(path: str, **members: Any) -> Requests:  # noqa: ANN401 - members of a job
    """Bulks of jobs that are due as soon as they are booked."""

    def requests(target: Target, _number: int) -> Iterator[bytes]:
        marked = target.bulk(path, "WHEN", **members)
        while True:
            yield target.json("POST", "/1/jobs/bulk", marked.replace(b"WHEN", soon().encode()))

    return requests


def _self_calls(target: Target, _number: int) -> Iterator[bytes]:
    """Jobs that book jobs at Wakecall itself."""
    callback = quote(target.url("/ok"), safe="")
    own = f"http://127.0.0.1:{target.port}/1/jobs/{quote(far(), safe='')}/{callback}"
    headers = {"Authorization": f"Bearer {target.key}"}
    while True:
        jobs = [{"url": own, "when": soon(), "headers": headers}] * PER_BULK
        yield target.json("POST", "/1/jobs/bulk", jobs)


def _put_app(path: str, *, closed: bool = False) -> Any:  # noqa: ANN401 - a preparation
    def prepare(target: Target) -> Facts:
        url = f"http://127.0.0.1:{target.closed}" if closed else target.url(path)
        target.ask("PUT", f"/1/dapr-apps/{_APP}", {"url": url})
        return {}

    return prepare


def _dapr(target: Target, number: int, document: dict[str, Any]) -> Iterator[bytes]:
    for n in count():
        yield target.json("POST", f"/v1.0/jobs/job-{number}-{n}", document)


def _unreachable(target: Target, number: int) -> Iterator[bytes]:
    return _dapr(target, number, {"dueTime": "0s", "failurePolicy": {"constant": {}}})


def _sub_second(target: Target, number: int) -> Iterator[bytes]:
    """The shortest schedule there is: on half of the connections one that may be too short."""
    return _dapr(target, number, {"schedule": "@every 1ms" if number % 2 else "@every 1s"})


def _one_job(target: Target) -> Facts:
    """A job that is never due."""
    job = target.ask("POST", "/1/jobs", {"url": target.url("/ok"), "when": far()})
    return {"job": job["id"]}


def _fire(target: Target, _number: int) -> Iterator[bytes]:
    return cycle([target.request("POST", f"/1/jobs/{target.facts['job']}/fire")])


ATTACKS: Final = (
    Attack(name="book", about="one booking after the other", connect=ask(_book)),
    Attack(name="bulk", about="bulks of 1,000 jobs", connect=ask(_bulk, _BULKS)),
    Attack(
        name="burst",
        about="bulks of jobs that are due at once",
        connect=ask(_burst("/ok"), _BULKS),
    ),
    Attack(
        name="hang",
        about="the same, for receivers that never answer",
        connect=ask(_burst("/hang"), _BULKS),
    ),
    Attack(
        name="later",
        about="the same, answered 202 with `Wakecall-Complete: later`",
        connect=ask(_burst("/later"), _BULKS),
    ),
    Attack(
        name="self-calls",
        about="the same, for bookings at Wakecall itself",
        connect=ask(_self_calls, _BULKS),
    ),
    Attack(
        name="unreachable",
        about="Dapr jobs whose app cannot be reached, tried without end",
        connect=ask(_unreachable, 16),
        prepare=_put_app("", closed=True),
    ),
    Attack(
        name="sub-second",
        about="Dapr jobs with `@every 1ms` and `@every 1s`",
        connect=ask(_sub_second, 16),
        prepare=_put_app("/ok"),
    ),
    Attack(name="fire", about="a job fired by hand", connect=ask(_fire), prepare=_one_job),
)
