"""Receivers: what answers the calls, and the record of all that arrived."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from app.delivery.loop import Loop
from app.delivery.request import Call
from app.domain.run import Reply
from tests.simulation.clock import SimulatedClock

_RETRYABLE: Final = (500, 502, 503, 429)


@dataclass(frozen=True, kw_only=True, slots=True)
class Habits:
    """How the receiver of one job answers.

    The first `failures` attempts of each run fail, each in one of `ways`; calls between `down`
    reach nobody. `later` seconds after an answer of 202 the result is reported, if it is not None.
    """

    latency: tuple[float, float] = (0.005, 0.3)
    failures: int = 0
    ways: tuple[str, ...] = ("500",)
    down: tuple[float, float] | None = None
    later: float | None = None


@dataclass(slots=True)
class Arrival:
    """One call that arrived; times are seconds since the beginning."""

    at: float
    worker: str
    path: str
    headers: dict[str, str]
    body: bytes
    answered: int | None = None
    answered_at: float | None = None

    @property
    def run_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def succeeded(self) -> bool:
        """Whether the receiver has taken it on, as far as it knows."""
        return self.answered is not None and self.answered < 300


@dataclass(slots=True)
class Receivers:
    """All receivers; the path of a call tells which one it is for."""

    clock: SimulatedClock
    random: random.Random
    habits: dict[str, Habits] = field(default_factory=dict)
    arrivals: list[Arrival] = field(default_factory=list)
    on_later: Callable[[Arrival, float], None] = lambda _arrival, _seconds: None
    _attempts: dict[tuple[str, str], int] = field(default_factory=dict)

    def answer(self, call: Call, worker: str) -> tuple[float, Reply]:
        """After how many seconds, and with what, the call is answered."""
        path = "/" + call.url.split("/", 3)[3]
        habits = self.habits[path]
        now = self.clock.passed
        if habits.down and habits.down[0] <= now < habits.down[1]:
            return 0.001, Reply(error="connect-failed", error_detail="down", connected=False)
        headers = dict(line.split(": ", 1) for line in (*call.headers, *call.own))
        headers = {name.lower(): value for name, value in headers.items()}
        arrival = Arrival(now, worker, path, headers, call.body)
        self.arrivals.append(arrival)
        before = self._attempts.get((path, arrival.run_id), 0)
        self._attempts[path, arrival.run_id] = before + 1
        latency = self.random.uniform(*habits.latency)
        if before < habits.failures:
            way = habits.ways[before % len(habits.ways)]
            return self._failure(call, arrival, way, latency)
        return self._success(arrival, habits, latency, call.timeout)

    def _failure(
        self, call: Call, arrival: Arrival, way: str, latency: float
    ) -> tuple[float, Reply]:
        if way == "hang":
            return call.timeout, Reply(error="timeout", error_detail="no answer")
        if way == "reset":
            return latency, Reply(error="connection-lost", error_detail="reset")
        arrival.answered, arrival.answered_at = int(way), arrival.at + latency
        return latency, Reply(status=int(way))

    def _success(
        self, arrival: Arrival, habits: Habits, latency: float, timeout: float
    ) -> tuple[float, Reply]:
        if latency >= timeout:
            return timeout, Reply(error="timeout", error_detail="too slow")
        arrival.answered_at = arrival.at + latency
        if habits.later is None:
            arrival.answered = 204
            return latency, Reply(status=204)
        arrival.answered = 202
        self.on_later(arrival, arrival.at + latency + habits.later)
        ask = (("wakecall-complete", f"later; within={round(habits.later * 2) + 60}"),)
        return latency, Reply(status=202, headers=ask)


class SimulatedEngine:
    """The engine of one worker: what it sends arrives at once, and is answered later."""

    def __init__(self, loop: Loop, receivers: Receivers, worker: str) -> None:
        self._loop = loop
        self._receivers = receivers
        self._worker = worker
        self.in_flight = 0

    def post(
        self,
        call: Call,
        done: Callable[[Reply], None],
        *,
        may_begin: Callable[[], bool],
        may_go_on: Callable[[], bool],
    ) -> None:
        """Send the call, unless it was withdrawn meanwhile."""
        del may_go_on  # a receiver has one address
        self.in_flight += 1
        if may_begin():
            latency, reply = self._receivers.answer(call, self._worker)
        else:
            latency, reply = 0.0, Reply(error="withdrawn", error_detail="withdrawn")
        self._loop.call_at(self._loop.clock() + latency, self._answer, done, reply)

    def prepare(self, url: str) -> None:
        """Names of receivers need no resolving."""

    def _answer(self, done: Callable[[Reply], None], reply: Reply) -> None:
        self.in_flight -= 1
        done(reply)
