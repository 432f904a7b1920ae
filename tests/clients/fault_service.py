"""Fault service: as much of Wakecall as the fault server needs, with its idempotency."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

JOB = "01a20290-027f-7fc0-b123-b43bd8583de0"
"""A job that exists at the beginning of each case."""

RUN = "01a20291-fd53-77b6-a6ff-09e31b448f7c"

_PROBLEMS = {
    "unavailable": {"detail": "The database is unavailable.", "remedy": "Send it again."},
    "rate-limited": {"detail": "Too many requests.", "remedy": "Send it after Retry-After."},
    "invalid-member": {
        "detail": "The URL has the scheme ftp.",
        "member": "url",
        "remedy": "Use http or https.",
    },
}


class Reply(NamedTuple):
    """An answer."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, status: int, document: Any, *headers: tuple[str, str]) -> Self:
        return cls(status, json.dumps(document).encode(), headers=headers)

    def written(self) -> bytes:
        """The bytes of the answer, after which the connection ends."""
        lines = [f"HTTP/1.1 {self.status} Status", "Connection: close", "X-Request-Id: r1"]
        if self.status != 204:
            lines += [f"Content-Length: {len(self.body)}", f"Content-Type: {self.content_type}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def problem(status: int, code: str, retry_after: str | None = None) -> Reply:
    """The refusal of a request."""
    document = {"type": f"/problems/{code}", "title": code, "status": status}
    headers = () if retry_after is None else (("Retry-After", retry_after),)
    body = json.dumps({**document, **_PROBLEMS.get(code, {})}).encode()
    return Reply(status, body, "application/problem+json", headers)


class Service:
    """Jobs of one account, and the responses that are kept for repeats."""

    def __init__(self) -> None:
        self.bookings = 0
        """How many requests did something that a repeat would do again."""

        self._lock = threading.Lock()
        self._jobs: dict[str, dict[str, Any]] = {JOB: _job(JOB, {"url": "https://example.com/"})}
        self._names: dict[str, str] = {}
        self._kept: dict[str, tuple[str, bytes, Reply]] = {}
        self._running: set[str | None] = set()

    @contextmanager
    def running(self, key: str | None) -> Iterator[None]:
        """While a request with this key is being answered, a repeat is told so."""
        self._running.add(key)
        try:
            yield
        finally:
            self._running.discard(key)

    def carry_out(self, method: str, target: str, key: str | None, body: bytes) -> Reply:
        """The answer to a request, which is carried out once for a key."""
        with self._lock:
            if method != "POST" or key is None or target.endswith("/complete"):
                return self._carry_out(method, target, body)
            if key in self._running:
                return problem(409, "still-running", "1")
            if key not in self._kept:
                reply = self._carry_out(method, target, body)
                self._kept[key] = (target, body, reply)
                return reply
            kept_target, kept_body, reply = self._kept[key]
            if (kept_target, kept_body) != (target, body):
                return problem(422, "idempotency-key-reused")
            return reply._replace(headers=(*reply.headers, ("Idempotency-Replayed", "true")))

    def _carry_out(self, method: str, target: str, body: bytes) -> Reply:
        path, _, query = target.partition("?")
        match [method, *path.removeprefix("/1/").split("/")]:
            case ["GET", "jobs"]:
                reply = self._list(query)
            case ["POST", "jobs"]:
                reply = Reply.of(201, self._book(json.loads(body)))
            case ["POST", "jobs", "bulk"]:
                reply = Reply.of(201, [self._book(each) for each in json.loads(body)])
            case ["PUT", "jobs", "by-name", name]:
                reply = self._put(name, json.loads(body))
            case ["POST", "runs", _, "complete"]:
                reply = Reply.of(200, _run("succeeded"))
            case [_, "jobs", job_id, *action] if job_id in self._jobs:
                reply = self._act(method, job_id, is_fired=action == ["fire"])
            case _:
                reply = problem(404, "not-found")
        return reply

    def _book(self, document: dict[str, Any]) -> dict[str, Any]:
        self.bookings += 1
        job_id = f"01a20290-0000-7000-8000-{self.bookings:012d}"
        self._jobs[job_id] = _job(job_id, document)
        return self._jobs[job_id]

    def _put(self, name: str, document: dict[str, Any]) -> Reply:
        if name not in self._names:
            self._names[name] = self._book({**document, "name": name})["id"]
            return Reply.of(201, self._jobs[self._names[name]])
        return Reply.of(200, self._jobs[self._names[name]])

    def _act(self, method: str, job_id: str, *, is_fired: bool) -> Reply:
        if is_fired:
            self.bookings += 1
            return Reply.of(202, _run("claimed"))
        if method == "DELETE":
            del self._jobs[job_id]
            return Reply(204)
        return Reply.of(200, self._jobs[job_id])

    def _list(self, query: str) -> Reply:
        """Three jobs in two pages. The Link has the address behind a proxy, which is elsewhere."""
        if "cursor=second" in query:
            return Reply.of(200, [_job(RUN, {"url": "https://example.com/3"})])
        jobs = [_job(JOB, {"url": f"https://example.com/{number}"}) for number in (1, 2)]
        link = '<https://elsewhere.example/x/1/jobs?view=full&cursor=second>; rel="next"'
        return Reply.of(200, jobs, ("Link", link))


def _job(job_id: str, document: dict[str, Any]) -> dict[str, Any]:
    return {"id": job_id, "account": "demo", **document}


def _run(state: str) -> dict[str, Any]:
    return {
        "id": RUN,
        "job": JOB,
        "version": 1,
        "kind": "manual",
        "due": "2026-11-22T09:30:00Z",
        "state": state,
        "missed": 0,
        "attempts": [],
    }
