"""Deeds of an account that books: jobs far ahead, jobs due at once, and what their calls meet."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, cycle
from typing import Any, Final
from urllib.parse import quote

from bench.hostile.deed import Deed, Facts, Requests, ask
from bench.hostile.ground import PER_BULK, Ground, far, soon

_BULKS: Final = 4
"""Connections of deeds that book in bulk: each has a thousand jobs under way."""

_APP: Final = "attacker"


def _book(ground: Ground, _number: int) -> Iterator[bytes]:
    return cycle([ground.json("POST", "/1/jobs", {"url": ground.url("/ok"), "when": far()})])


def _bulk(ground: Ground, _number: int) -> Iterator[bytes]:
    return cycle([ground.json("POST", "/1/jobs/bulk", ground.bulk("/ok", far()))])


def _burst(path: str, **members: Any) -> Requests:  # noqa: ANN401 - members of a job
    """Bulks of jobs that are due as soon as they are booked."""

    def requests(ground: Ground, _number: int) -> Iterator[bytes]:
        marked = ground.bulk(path, "WHEN", **members)
        while True:
            yield ground.json("POST", "/1/jobs/bulk", marked.replace(b"WHEN", soon().encode()))

    return requests


def _self_calls(ground: Ground, _number: int) -> Iterator[bytes]:
    """Jobs that book jobs at Wakecall itself."""
    callback = quote(ground.url("/ok"), safe="")
    own = f"http://127.0.0.1:{ground.port}/1/jobs/{quote(far(), safe='')}/{callback}"
    headers = {"Authorization": f"Bearer {ground.key}"}
    while True:
        jobs = [{"url": own, "when": soon(), "headers": headers}] * PER_BULK
        yield ground.json("POST", "/1/jobs/bulk", jobs)


def _put_app(path: str, *, closed: bool = False) -> Any:  # noqa: ANN401 - a preparation
    def prepare(ground: Ground) -> Facts:
        url = f"http://127.0.0.1:{ground.closed}" if closed else ground.url(path)
        ground.ask("PUT", f"/1/dapr-apps/{_APP}", {"url": url})
        return {}

    return prepare


def _dapr(ground: Ground, number: int, document: dict[str, Any]) -> Iterator[bytes]:
    for n in count():
        yield ground.json("POST", f"/v1.0/jobs/job-{number}-{n}", document)


def _unreachable(ground: Ground, number: int) -> Iterator[bytes]:
    return _dapr(ground, number, {"dueTime": "0s", "failurePolicy": {"constant": {}}})


def _sub_second(ground: Ground, number: int) -> Iterator[bytes]:
    """The shortest schedule there is: on half of the connections one that may be too short."""
    return _dapr(ground, number, {"schedule": "@every 1ms" if number % 2 else "@every 1s"})


def _one_job(ground: Ground) -> Facts:
    """A job that is never due."""
    job = ground.ask("POST", "/1/jobs", {"url": ground.url("/ok"), "when": far()})
    return {"job": job["id"]}


def _fire(ground: Ground, _number: int) -> Iterator[bytes]:
    return cycle([ground.request("POST", f"/1/jobs/{ground.facts['job']}/fire")])


DEEDS: Final = (
    Deed(name="book", about="one booking after the other", attack=ask(_book)),
    Deed(name="bulk", about="bulks of 1,000 jobs", attack=ask(_bulk, _BULKS)),
    Deed(
        name="burst",
        about="bulks of jobs that are due at once",
        attack=ask(_burst("/ok"), _BULKS),
    ),
    Deed(
        name="hang",
        about="the same, for receivers that never answer",
        attack=ask(_burst("/hang"), _BULKS),
    ),
    Deed(
        name="later",
        about="the same, answered 202 with `Wakecall-Complete: later`",
        attack=ask(_burst("/later"), _BULKS),
    ),
    Deed(
        name="self-calls",
        about="the same, for bookings at Wakecall itself",
        attack=ask(_self_calls, _BULKS),
    ),
    Deed(
        name="unreachable",
        about="Dapr jobs whose app cannot be reached, tried without end",
        attack=ask(_unreachable, 16),
        prepare=_put_app("", closed=True),
    ),
    Deed(
        name="sub-second",
        about="Dapr jobs with `@every 1ms` and `@every 1s`",
        attack=ask(_sub_second, 16),
        prepare=_put_app("/ok"),
    ),
    Deed(name="fire", about="a job fired by hand", attack=ask(_fire), prepare=_one_job),
)
