"""Receivers: what answers the calls, and the record of all that arrived."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

import orjson

from app.delivery.loop import Loop
from app.delivery.request import Call
from app.domain.run import Reply
from tests.simulation.clock import SimulatedClock

RUNNER: Final = "/runner"
"""The path of the Fusion runner; what it is to do is in the body."""

_LEAST_WITHIN_S: Final = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Habits:
    """How the receiver of one job answers; times are in seconds."""

    latency: tuple[float, float] = (0.005, 0.3)
    """The least and the most that it takes for an answer."""
    failures: int = 0
    """How many of the first calls of each run fail."""
    ways: tuple[str, ...] = ("500",)
    """In which ways these fail, in turn: a status, `hang` or `reset`."""
    good: int = 204
    """The status of the calls that do not fail."""
    later: float | None = None
    """If given, calls that do not fail are answered with 202, and the result is reported so long
    after the answer; if negative, so long before it."""
    report: Literal["succeeded", "failed"] | None = "succeeded"
    """The result that is reported later; None if none is reported of the first call of a run."""


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
    ended_at: float = 0.0
    """When the call was over for the worker that made it."""
    address: str = ""
    """Host and port."""

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
    seed: int
    habits: dict[str, Habits] = field(default_factory=dict)
    arrivals: list[Arrival] = field(default_factory=list)
    away: dict[str, float] = field(default_factory=dict)
    """Until when nobody can connect to an address (host and port)."""
    on_later: Callable[[Arrival, float, str], None] = lambda _arrival, _at, _status: None
    """Called with what is to be reported, when and with which result."""
    on_arrival: Callable[[Arrival], None] = lambda _arrival: None
    on_first: dict[str, Callable[[Arrival], None]] = field(default_factory=dict)
    """By path, what happens once, at the first call that arrives there."""
    _attempts: dict[tuple[str, str], int] = field(default_factory=dict)

    def answer(self, call: Call, worker: str) -> tuple[float, Reply]:
        """After how many seconds, and with what, the call is answered."""
        parts = urlsplit(call.url)
        now = self.clock.passed
        if self.away.get(parts.netloc, 0.0) > now:
            return 0.001, Reply(error="connect-failed", error_detail="away", connected=False)
        path = parts.path if parts.path != RUNNER else path_of_action(call.body)
        headers = dict(line.split(": ", 1) for line in (*call.headers, *call.own))
        headers = {name.lower(): value for name, value in headers.items()}
        arrival = Arrival(now, worker, path, headers, call.body, address=parts.netloc)
        self.arrivals.append(arrival)
        latency, reply = self._reply(call, arrival)
        arrival.ended_at = now + latency
        self.on_arrival(arrival)
        self.on_first.pop(path, _nothing)(arrival)
        return latency, reply

    def _reply(self, call: Call, arrival: Arrival) -> tuple[float, Reply]:
        habits = self.habits.get(arrival.path) or Habits()
        before = self._attempts.get((arrival.path, arrival.run_id), 0)
        self._attempts[arrival.path, arrival.run_id] = before + 1
        # Drawn by the call alone, so that it is the same whatever else is played.
        due = arrival.headers["wakecall-scheduled-for"]
        chance = random.Random(f"{self.seed} {arrival.path} {due} {before}")
        latency = chance.uniform(*habits.latency)
        if before < habits.failures:
            way = habits.ways[before % len(habits.ways)]
            return self._failure(call, arrival, way, latency)
        return self._success(call, arrival, habits, latency, before)

    def _failure(
        self, call: Call, arrival: Arrival, way: str, latency: float
    ) -> tuple[float, Reply]:
        if way == "hang" or latency >= call.timeout:
            return call.timeout, Reply(error="timeout", error_detail="no answer")
        if way == "reset":
            return latency, Reply(error="connection-lost", error_detail="reset")
        arrival.answered, arrival.answered_at = int(way), arrival.at + latency
        return latency, Reply(status=int(way))

    def _success(
        self, call: Call, arrival: Arrival, habits: Habits, latency: float, before: int
    ) -> tuple[float, Reply]:
        if latency >= call.timeout:
            return call.timeout, Reply(error="timeout", error_detail="too slow")
        arrival.answered_at = arrival.at + latency
        if habits.later is None:
            arrival.answered = habits.good
            return latency, Reply(status=habits.good)
        arrival.answered = 202
        status = habits.report or (None if before == 0 else "succeeded")
        if status is not None:
            self.on_later(arrival, arrival.at + max(latency + habits.later, 0.001), status)
        within = round(abs(habits.later) * 2) + _LEAST_WITHIN_S
        return latency, Reply(
            status=202, headers=(("wakecall-complete", f"later; within={within}"),)
        )


def _nothing(_arrival: Arrival) -> None:
    """Do nothing."""


def path_of_action(body: bytes) -> str:
    """The path under which a call of the runner is recorded: one for each action and resource."""
    document = orjson.loads(body)
    return f"{RUNNER}/{document['action']}/{document['resource']}"


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
