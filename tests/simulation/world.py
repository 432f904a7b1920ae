"""World: all processes of a simulation, and the order in which things happen."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import psycopg

from app.domain.timings.claiming import LOOK_AHEAD
from app.store.overdue import Slots
from app.store.takes import Ticket
from tests.simulation.clients import Clients
from tests.simulation.clock import BEGIN, SimulatedClock
from tests.simulation.dapr.clients import DaprClients
from tests.simulation.effects import Effects
from tests.simulation.fusion.clients import FusionClients
from tests.simulation.items import Item
from tests.simulation.notifications import Notifications
from tests.simulation.processes import (
    NEVER,
    AnyProcess,
    SimulatedQuarantine,
    SimulatedScheduler,
    SimulatedWorker,
    Surroundings,
    any_suspects,
    goes_to_quarantine,
    killed,
)
from tests.simulation.receivers import Arrival, Receivers

_NEXT: Final = """
SELECT extract(epoch FROM least(
  (SELECT min(next_at) - %(ahead)s::interval FROM due), (SELECT min(look_at) FROM inflight)))
"""
_SOON_S: Final = 0.5
_SUSPECTS_S: Final = 0.5
_STALLED_S: Final = 600.0
"""How long something may be due or under way, without a call, until a simulation is given up."""


class Endless(Exception):
    """More was done than could be needed."""


@dataclass(frozen=True, slots=True)
class Incident:
    """A time in which something was wrong, and for which promises are weaker."""

    begins: float
    ends: float
    what: str
    process: str = ""
    """Which process died, stood still or had no database; empty if none did."""


@dataclass(frozen=True, slots=True)
class Away:
    """A time in which nobody could connect to an address."""

    address: str
    begins: float
    ends: float


@dataclass(slots=True)
class World:
    """The processes, the script of what befalls them, and the time."""

    around: Surroundings
    clients: Clients
    dapr: DaprClients
    fusion: FusionClients
    connection: psycopg.Connection
    schedulers: int = 2
    workers: int = 2
    most_moments: int = 1_000_000
    running: dict[str, AnyProcess] = field(default_factory=dict)
    incidents: list[Incident] = field(default_factory=list)
    aways: list[Away] = field(default_factory=list)
    acted: set[Item] = field(default_factory=set)
    """The items of the scenario that have begun."""
    quarantine: SimulatedQuarantine | None = None
    down_until: float = 0.0
    """Until when no process is started."""
    restart_after: Callable[[], float] = lambda: 1.0
    _idle: bool = True
    """Whether nothing is under way, and nothing is due soon."""
    _calls: int = 0
    _moved_at: float = 0.0
    """When there were that many calls at first, or nothing was under way."""
    _suspects_at: float = 0.0
    """When it is asked next whether runs wait for the quarantine."""
    _script: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: count[int] = field(default_factory=count)
    _names: count[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.around.receivers.on_later = self._complete_later

    @property
    def clock(self) -> SimulatedClock:
        """The time of all."""
        return self.around.clock

    def start(self) -> None:
        """Start the schedulers and workers that are missing."""
        for number in range(self.schedulers):
            self._start_one(f"scheduler-{number}")
        for number in range(self.workers):
            self._start_one(f"worker-{number}")

    def at(self, when: float, do: Callable[[], None]) -> None:
        """Let something happen at that time."""
        heapq.heappush(self._script, (when, next(self._order), do))

    def run(self, until: float) -> None:
        """Let time pass until then."""
        while (now := self._next()) <= until:
            if self.around.effects.moments > self.most_moments:
                raise Endless(f"after {self.clock.now - BEGIN} nothing comes to its end")
            self.clock.advance(now)
            self._note_progress()
            self._happen()
        self.clock.advance(until)

    def _note_progress(self) -> None:
        """Give the simulation up where processes are at work for long, and no call comes of it."""
        now, calls = self.clock.passed, len(self.around.receivers.arrivals)
        if self._idle or not self.running or calls > self._calls:
            self._calls, self._moved_at = calls, now
        elif now - self._moved_at > _STALLED_S:
            raise Endless(f"after {self.clock.now - BEGIN} nothing goes on for {_STALLED_S:.0f} s")

    def is_quiet(self) -> bool:
        """Whether nothing is under way."""
        row = self.connection.execute("SELECT 1 FROM inflight LIMIT 1").fetchone()
        return row is None and not self._busy() and not self._script

    def kill(self, name: str) -> None:
        """End a process as SIGKILL does; another takes its place after a while."""
        process = self.running.pop(name, None)
        if process is None:
            return
        process.process.close_sessions()
        if isinstance(process, SimulatedWorker):
            process.close()
        self._replace(name, process)

    def note_incident(self, seconds: float, what: str, process: str = "") -> None:
        """Note that from now on, for so long, something is wrong."""
        now = self.clock.passed
        self.incidents.append(Incident(now, now + seconds, what, process))

    def set_away(self, address: str, seconds: float) -> None:
        """Let nobody connect to an address from now on, for so long."""
        now = self.clock.passed
        self.aways.append(Away(address, now, now + seconds))
        away = self.around.receivers.away
        away[address] = max(away.get(address, 0.0), now + seconds)

    def _start_one(self, name: str) -> None:
        if name in self.running:
            return
        if self.clock.passed < self.down_until:
            self.at(self.down_until, lambda: self._start_one(name))
            return
        title = f"{name}.{next(self._names)}"
        if name.startswith("scheduler"):
            self.running[name] = SimulatedScheduler(self.around, title, self._ahead)
        else:
            self.running[name] = SimulatedWorker(self.around, title)

    def _ahead(self) -> float:
        """In how many seconds a row is due."""
        return self._next_row() - self.clock.passed - 0.1

    def _replace(self, name: str, process: AnyProcess) -> None:
        pause = self.restart_after()
        self.note_incident(pause + 10.0, "was killed", process.process.name)
        self.at(self.clock.passed + pause, lambda: self._start_one(name))

    def _next(self) -> float:
        """When the next thing happens."""
        script = self._script[0][0] if self._script else NEVER
        at = min(script, self.around.notifications.next_at())
        busy = self._busy()
        due = NEVER if busy else self._next_row()
        self._idle = not busy and due > self.clock.passed + _SOON_S
        if self._idle:
            return min(at, due)
        return min(at, min((each.next_at() for each in self._processes()), default=NEVER))

    def _next_row(self) -> float:
        """When the next row of the database is due; infinity if there is none."""
        row = self.connection.execute(_NEXT, {"ahead": LOOK_AHEAD}).fetchone()
        if row is None or row[0] is None:
            return NEVER
        return float(row[0]) - BEGIN.timestamp() - self.clock.database_ahead

    def _busy(self) -> bool:
        workers = [each for each in self._processes() if isinstance(each, SimulatedWorker)]
        return any(each.busy for each in workers) or self.quarantine is not None

    def _processes(self) -> list[AnyProcess]:
        running = list(self.running.values())
        return [*running, self.quarantine] if self.quarantine else running

    def _happen(self) -> None:
        """Do all that is to be done now."""
        is_news = bool(self._script) and self._script[0][0] <= self.clock.passed
        while self._script and self._script[0][0] <= self.clock.passed:
            heapq.heappop(self._script)[2]()
        while (batch := self.around.notifications.arrived()) is not None:
            self._deliver(*batch)
            is_news = True
        is_news = is_news or self._is_written()
        for name, process in list(self.running.items()):
            if process.next_at() <= self.clock.passed and killed(process, process.run):
                self.running.pop(name, None)
                self._replace(name, process)
        self._quarantine()
        if is_news:
            for process in self._processes():
                process.wake()

    def _is_written(self) -> bool:
        """Whether a worker is about to write what others may find."""
        return any(
            isinstance(each, SimulatedWorker) and each.is_writing for each in self._processes()
        )

    def _deliver(self, name: str, tickets: Sequence[Ticket] | Slots) -> None:
        workers = [
            (key, each)
            for key, each in self.running.items()
            if isinstance(each, SimulatedWorker) and each.paused_until <= self.clock.passed
        ]
        if not workers or goes_to_quarantine(name):
            return
        key, worker = self.around.random.choice(workers)
        if killed(worker, lambda: worker.take(tickets)):
            self.running.pop(key, None)
            self._replace(key, worker)

    def _quarantine(self) -> None:
        """Run the process that tries suspects while there are any."""
        if self.quarantine is None:
            if self.clock.passed < self._suspects_at or not self._has_workers():
                return
            self._suspects_at = self.clock.passed + _SUSPECTS_S
            if any_suspects(self.connection):
                title = f"quarantine.{next(self._names)}"
                self.quarantine = SimulatedQuarantine(self.around, title)
            return
        process = self.quarantine
        if process.next_at() <= self.clock.passed and killed(process, process.run):
            self.quarantine = None
            self.note_incident(15.0, "was killed", process.process.name)
        elif process.ended and not process.busy:
            process.process.close_sessions()
            process.close()
            self.quarantine = None

    def _has_workers(self) -> bool:
        return any(isinstance(each, SimulatedWorker) for each in self.running.values())

    def _complete_later(self, arrival: Arrival, when: float, status: str) -> None:
        token = arrival.headers["wakecall-completion-token"]

        def report(tries: int = 10) -> None:
            if not self.clients.complete(arrival.run_id, token, status) and tries:
                self.at(self.clock.passed + 1.0, lambda: report(tries - 1))

        self.at(when, report)


def make_surroundings(
    clock: SimulatedClock, effects: Effects, database: str, key: str, seed: int
) -> Surroundings:
    """What all processes share, drawn from one seed."""
    chance = random.Random(seed)
    return Surroundings(
        clock=clock,
        effects=effects,
        receivers=Receivers(clock=clock, seed=seed),
        notifications=Notifications(clock, random.Random(chance.random())),
        database=database,
        key=key,
        random=random.Random(chance.random()),
    )
