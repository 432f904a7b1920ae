"""Load: books calls at a constant rate, whatever happens, and keeps the responses.

Every request has an Idempotency-Key, and is sent again after 503 or no answer, as a client should.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from math import ceil
from typing import Any, NamedTuple, Protocol, Self
from uuid import uuid4

from app.domain.instants import format_utc
from tests.soak.receiver import FLAKY, TICK
from tests.soak.records import Asked, Fate

THREADS = 12
EVERY_S = 5
APP = "soak"
FIRST_TICK_S = 3.0
FLAKY_RETRY = {"schedule": [1, 2, 4]}
FLAKY_SHARE, DELETED_SHARE = 0.04, 0.04
SOONEST_S, DELETED_AHEAD_S = 1.0, 4.0
AGAIN_S = 0.4
TIMEOUT_S = 40.0
BEHIND_S = 1.0
"""Where requests hung for longer than that, the rate begins anew: there is no burst afterwards."""


class Answer(NamedTuple):
    """The status and JSON of an answer; 0 and nothing where none came."""

    status: int
    body: Any


class Target(NamedTuple):
    """Where the service listens, on any of these ports, and for whom it is asked."""

    ports: list[int]
    key: str


class Urls(Protocol):
    """A receiver, as far as the load needs it."""

    def url(self, path: str) -> str:
        """The URL of a path there."""


class Load:
    """Books as long as the block lasts, each call at most `latest` seconds ahead.

    `asked` is what it asked for, and `unanswered` are the times of the requests to which no answer
    came, or one of 500 or above. Every path begins with `prefix`, and every job has its path as
    data and `retry`, where that is given, as its retry policy.
    """

    def __init__(
        self,
        target: Target,
        receiver: Urls,
        *,
        rate: float,
        schedules: int,
        latest: float,
        prefix: str = "",
        threads: int = THREADS,
        retry: Mapping[str, object] | None = None,
    ) -> None:
        self._target = target
        self._receiver = receiver
        self._prefix = prefix
        self._members: dict[str, Any] = {} if retry is None else {"retry": retry}
        self._rate = rate
        self._schedules = schedules
        self._latest = latest
        self._numbers = count()
        self._lock = threading.Lock()
        self._next_at = 0.0
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        self._ticking: list[tuple[str, float]] = []
        self.asked: list[Asked] = []
        self.unanswered: list[float] = []
        self.ended_at = 0.0

    def __enter__(self) -> Self:
        if self._schedules:
            self._book_schedules()
        self._next_at = time.time()
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_failure: object) -> None:
        self.end()

    def end(self) -> None:
        """Book nothing more; returns when all requests are answered."""
        self._ended.set()
        for each in self._threads:
            each.join()
        self.ended_at = self.ended_at or time.time()

    def ticks(self) -> list[Asked]:
        """The ticks of the schedules up to now; those after the end may be made."""
        ended = self.ended_at or time.time()
        found = []
        for path, first in self._ticking:
            due = first
            while due < time.time() + EVERY_S:
                key = f"{path}@{format_utc(datetime.fromtimestamp(due, UTC))}"
                fate = Fate.BOOKED if due < ended else Fate.UNKNOWN
                found.append(Asked(key=key, due=due, fate=fate))
                due += EVERY_S
        return found

    def _book_schedules(self) -> None:
        client = Client(self._target)
        app = {"url": self._receiver.url(TICK)}
        assert client.ask("PUT", f"/1/dapr-apps/{APP}", app, {}).status in {200, 201}
        first = ceil(time.time() + FIRST_TICK_S)
        at = format_utc(datetime.fromtimestamp(first, UTC))
        schedule = {"schedule": f"@every {EVERY_S}s", "dueTime": at}
        for number in range(self._schedules):
            name = f"job/{number}"
            answer = client.ask("POST", f"/v1.0/jobs/{number}", schedule, {"dapr-app-id": APP})
            assert answer.status == 204, answer
            self._ticking.append((f"{TICK}/{name}", first))
        client.close()

    def _run(self) -> None:
        client = Client(self._target)
        while not self._ended.wait(self._pause()):
            number = next(self._numbers)
            chosen = random.random()
            if chosen < FLAKY_SHARE:
                path = f"{self._prefix}{FLAKY}/{number}"
                asked = self._book(client, path, **{"retry": FLAKY_RETRY, **self._members})
            elif chosen < FLAKY_SHARE + DELETED_SHARE:
                asked = self._book_and_delete(client, f"{self._prefix}deleted/{number}")
            else:
                path = f"{self._prefix}once/{number}"
                asked = self._book(client, path, **self._members)
            self.asked.append(asked)
        client.close()

    def _pause(self) -> float:
        """Seconds until the next request of whichever thread asks."""
        with self._lock:
            now = time.time()
            if self._next_at < now - BEHIND_S:
                self._next_at = now
            self._next_at += 1 / self._rate
            return max(0.0, self._next_at - now)

    def _book(
        self,
        client: Client,
        path: str,
        *,
        soonest: float = SOONEST_S,
        **members: Any,
    ) -> Asked:
        """Book a call on this path, and ask again while nobody can tell whether that was done."""
        due = round(time.time() + random.uniform(soonest, self._latest), 3)
        when = format_utc(datetime.fromtimestamp(due, UTC))
        url = self._receiver.url(path)
        document = {"url": url, "when": when, "data": path, **members}
        headers = {"Idempotency-Key": uuid4().hex}
        answers: list[int] = []
        while True:
            answer = client.ask("POST", "/1/jobs", document, headers)
            answers.append(answer.status)
            is_unknown = answer.status == 0 or answer.status >= 500
            if is_unknown:
                self.unanswered.append(time.time())
            again = is_unknown or answer.status == 409
            if not again or time.time() + AGAIN_S > due or self._ended.wait(AGAIN_S):
                break
        uncertain = any(each == 0 or each >= 500 for each in answers)
        fate, job = Fate.REFUSED, None
        if answer.status == 201:
            fate, job = Fate.BOOKED, answer.body["id"]
        elif uncertain:
            fate = Fate.UNKNOWN
        return Asked(key=path, due=due, fate=fate, job=job, answers=tuple(answers))

    def _book_and_delete(self, client: Client, path: str) -> Asked:
        """Book a call and take it back well before it is due."""
        asked = self._book(client, path, soonest=DELETED_AHEAD_S)
        if asked.fate is not Fate.BOOKED:
            return asked
        answer = client.ask("DELETE", f"/1/jobs/{asked.job}", None, {})
        deleted = 200 <= answer.status < 300
        return Asked(
            key=path,
            due=asked.due,
            fate=Fate.DELETED if deleted else Fate.UNKNOWN,
            job=asked.job,
            deleted_at=time.time() if deleted else None,
            answers=(*asked.answers, answer.status),
        )


class Client:
    """Kept connections to the service."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._connections: dict[int, http.client.HTTPConnection] = {}

    def ask(self, method: str, path: str, document: object, headers: Mapping[str, str]) -> Answer:
        """The answer; status 0 where there is none."""
        body = None if document is None else json.dumps(document)
        given = {"X-API-Key": self._target.key, "Accept": "application/json", **headers}
        if body is not None:
            given["Content-Type"] = "application/json"
        connection = self._connection()
        try:
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            text = answer.read().decode()
            return Answer(answer.status, json.loads(text) if text.startswith("{") else None)
        except (OSError, http.client.HTTPException):
            connection.close()
            return Answer(0, None)

    def close(self) -> None:
        for each in self._connections.values():
            each.close()

    def _connection(self) -> http.client.HTTPConnection:
        port = random.choice(self._target.ports)
        if port not in self._connections:
            made = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
            self._connections[port] = made
        return self._connections[port]
