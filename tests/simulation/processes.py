"""Processes: schedulers, workers and the quarantine, whose threads take turns when they are due."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import psycopg

from app.delivery.loop import Loop
from app.domain.completion import Tokens
from app.domain.limits import UNLIMITED
from app.domain.timings.leases import SUSPECT_SETTLE_INTERVAL_S
from app.domain.timings.settling import SETTLE_INTERVAL_S
from app.service.secrets import SecretBox
from app.store import quarantine
from app.store.connection import ReconnectingConnection
from app.store.overdue import Slots
from app.store.takes import Ticket
from tests.simulation.clock import SimulatedClock
from tests.simulation.effects import Effects, Killed, Process
from tests.simulation.notifications import Notifications
from tests.simulation.receivers import Receivers, SimulatedEngine
from workers.clock_repairs import ClockRepairs
from workers.clock_watch import ClockWatch
from workers.dispatch.account_cache import AccountCache
from workers.dispatch.channels import Channels
from workers.dispatch.database_poller import DatabasePoller
from workers.dispatch.dispatcher import Dispatcher
from workers.dispatch.lease_watch import LeaseWatch
from workers.dispatch.payload_loader import PayloadLoader
from workers.dispatch.settler import Settler
from workers.dispatch.taking import begin_overdue, take
from workers.firing_limits import KnownFirings
from workers.loop_thread import LoopThread
from workers.maintenance import Maintenance
from workers.notifier import SUSPECT
from workers.quarantine import QuarantineFeeder
from workers.queue_lookback import LeftBehindSearch
from workers.scheduler import Scheduler

NEVER: Final = float("inf")
_LOOP_STEPS: Final = 6
_MAINTENANCE_S: Final = 6 * 3600.0
"""A pause for which nothing need be repaired; as long as the real one would cost most of the time.
"""
_LOOP_FIRST: Final = 0.7
"""How often the event loop has its turn before the other threads of a worker."""
_POLLED_S: Final = 0.3
_REST_S: Final = 1.2
_BEFORE_S: Final = 0.35
"""How long before something is due nobody rests: the scheduler claims so far ahead."""


@dataclass(kw_only=True, slots=True)
class Surroundings:
    """What all processes of a simulation share."""

    clock: SimulatedClock
    effects: Effects
    receivers: Receivers
    notifications: Notifications
    database: str
    key: str
    random: random.Random
    on_take: Callable[[str], None] = lambda _name: None
    """Called with the name of a worker that has taken runs."""

    def connection(self, name: str) -> ReconnectingConnection:
        """A connection of one thread."""
        return ReconnectingConnection(self.database, name)


class Threads:
    """The threads of a process, each with the time of its next turn."""

    def __init__(self, around: Surroundings, process: Process) -> None:
        self._clock = around.clock
        self._process = process
        self._effects = around.effects
        self._chance = around.random
        self._turns: dict[LoopThread, float] = {}

    def add(self, thread: LoopThread) -> None:
        """Let the thread have its first turn now."""
        self._turns[thread] = self._clock.passed

    def next_at(self) -> float:
        """When the next turn is due."""
        return min(self._turns.values())

    def wake(self) -> None:
        """End all rests: something has happened that a thread would find at its next turn."""
        now = self._clock.passed
        for thread, at in self._turns.items():
            self._turns[thread] = min(at, now + max(thread.interval, 0.001))

    def run(self, rest: float = 0.0) -> None:
        """Give each thread a turn whose time has come, in any order. May end with Killed.

        A turn that would find nothing new costs time and shows nothing: so a thread that polls
        may rest for `rest` seconds, until shortly before something is due, or until it is woken.
        """
        turns = list(self._turns.items())
        self._chance.shuffle(turns)
        for thread, at in turns:
            if at > self._clock.passed:
                continue
            try:
                with self._effects.of(self._process):
                    thread.run_once()
                pause = thread.interval
            except Exception as error:  # noqa: BLE001 - one bad turn never stops a loop
                thread._report(error)
                pause = 0.2 + thread.interval
            if pause < _POLLED_S:
                pause = max(pause, rest)
            self._turns[thread] = self._clock.passed + max(pause, 0.001)


class SimulatedScheduler:
    """A scheduler with its threads; the slow ones have turns as maintenance has them."""

    def __init__(self, around: Surroundings, name: str, ahead: Callable[[], float]) -> None:
        self.process = Process(name)
        self.paused_until = 0.0
        self.ahead = ahead
        """In how many seconds the next row of the database is due."""
        self._threads = Threads(around, self.process)
        uptime = around.clock.uptime
        watch = ClockWatch(clock=uptime, wall=around.clock.wall)
        self.scheduler = Scheduler(
            around.connection("scheduler"),
            around.notifications,
            name,
            clock=uptime,
            clock_watch=watch,
        )
        self._threads.add(self.scheduler)
        self._threads.add(ClockRepairs(around.connection("clock"), watch, clock=uptime))
        self._threads.add(
            LeftBehindSearch(
                around.connection("left_behind"),
                due=self.scheduler.due,
                inflight=self.scheduler.inflight,
                clock=uptime,
            )
        )
        maintenance = Maintenance(
            around.connection("maintenance"),
            retention_days=400,
            clock=uptime,
            clock_watch=watch,
            interval=_MAINTENANCE_S,
        )
        self._threads.add(maintenance)

    def next_at(self) -> float:
        """When it has something to do next."""
        return max(self._threads.next_at(), self.paused_until)

    def wake(self) -> None:
        """Let no thread rest any longer."""
        self._threads.wake()

    def run(self) -> None:
        """Do what is to be done now. May end with Killed."""
        self._threads.run(rest=min(self.ahead(), _REST_S))


class SimulatedWorker:
    """A worker, or with `poll` false the process that tries suspects."""

    def __init__(self, around: Surroundings, name: str, *, poll: bool = True) -> None:
        self.process = Process(name)
        self.paused_until = 0.0
        self._around = around
        clock = around.clock
        self._loop = Loop(clock=clock.uptime, wall=clock.wall)
        self._channels = Channels()
        self.dispatcher = Dispatcher(
            self._loop,
            SimulatedEngine(self._loop, around.receivers, name),
            self._channels,
            tokens=Tokens([around.key]),
            concurrency=200,
            jitter=around.random.random,
        )
        self._cache = AccountCache(SecretBox([around.key]), clock=clock.uptime)
        self._firings = KnownFirings(UNLIMITED, clock=clock.uptime)
        self._listener = around.connection("rq_listener")
        self._threads = Threads(around, self.process)
        self._settler = Settler(
            around.connection("settler"),
            self.dispatcher,
            self._channels,
            name,
            clock=clock.uptime,
            interval=SETTLE_INTERVAL_S if poll else SUSPECT_SETTLE_INTERVAL_S,
        )
        self._threads.add(
            LeaseWatch(around.connection("lease_watch"), self.dispatcher, clock=clock.uptime)
        )
        self._threads.add(
            DatabasePoller(
                around.connection("database_poller"),
                self.dispatcher,
                self._channels.unpark_requests,
                self._cache,
                redis_is_connected=lambda: not around.notifications.conditions.away,
                on_suspects=lambda _connection: None,
                poll=poll,
                clock=clock.uptime,
            )
        )
        self._loader = PayloadLoader(
            around.connection("loader"),
            self.dispatcher,
            self._channels.payload_orders,
            clock=clock.uptime,
        )
        self._threads.add(self._settler)

    def wake(self) -> None:
        """Let no thread rest any longer."""
        self._threads.wake()

    @property
    def is_writing(self) -> bool:
        """Whether it has something to write that others may find."""
        return not self._settler.empty

    @property
    def busy(self) -> bool:
        """Whether it holds runs, or has something to write."""
        return bool(self.dispatcher.leased_runs) or not self._settler.empty

    def next_at(self) -> float:
        """When it has something to do next."""
        return max(min(self._threads.next_at(), self._next_timer()), self.paused_until)

    def _next_timer(self) -> float:
        timers = [at for at, _, timer in self._loop._timers if timer.call is not None]
        started = self._around.clock.uptime() - self._around.clock.passed
        return min(timers, default=NEVER) - started

    def take(self, tickets: Sequence[Ticket] | Slots) -> int:
        """Take a batch, as the listener does; the number of runs taken. May end with Killed."""
        with self._around.effects.of(self.process):
            try:
                with self._listener.use() as connection:
                    taken = self._take(connection, tickets)
            except psycopg.Error:
                return 0  # the batch is lost with the turn of the listener
        if taken:
            self._around.on_take(self.process.name)
        return taken

    def _take(self, connection: psycopg.Connection, tickets: Sequence[Ticket] | Slots) -> int:
        clock = self._around.clock.uptime
        if isinstance(tickets, Slots):
            return begin_overdue(
                connection, tickets, self.dispatcher, self._cache, self._firings, clock
            )
        return take(connection, tickets, self.dispatcher, self._cache, clock)

    def run(self) -> None:
        """Do what is to be done now. May end with Killed."""
        # After a pause, any thread may be the first to go on.
        is_first = self._around.random.random() < _LOOP_FIRST
        if is_first:
            self._turn_loop()
        ahead = self._next_timer() - self._around.clock.passed - _BEFORE_S
        has_written = self._settler.empty and not self._channels.unpark_requests
        # Until the loop has had its turn, what waits for it is not known.
        self._threads.run(rest=min(ahead, _REST_S) if has_written and is_first else 0.0)
        if not self._channels.payload_orders.empty():
            with self._around.effects.of(self.process):
                self._loader.run_once()
        self._turn_loop()

    def close(self) -> None:
        """Close what the process had open; whoever was called has been called."""
        self._loop.close()

    def _turn_loop(self) -> None:
        with self._around.effects.of(self.process):
            for _ in range(_LOOP_STEPS):
                self._loop.step(patience=0)


class _Held:
    """The lock of the quarantine: there is one in a simulation."""

    def keep(self) -> bool:
        return True


class SimulatedQuarantine(SimulatedWorker):
    """The process that tries suspects, with the feeder of the real one."""

    def __init__(self, around: Surroundings, name: str) -> None:
        super().__init__(around, name, poll=False)
        self.ended = False
        self._threads.add(
            QuarantineFeeder(
                _RuntimeOf(self),  # type: ignore[arg-type] # what the feeder uses of a runtime
                around.connection("feeder"),
                _Held(),  # type: ignore[arg-type] # what the feeder uses of the lock
            )
        )


class _RuntimeOf:
    """What the feeder uses of a runtime."""

    def __init__(self, worker: SimulatedQuarantine) -> None:
        self._worker = worker
        self.dispatcher = worker.dispatcher

    def take(self, _database: ReconnectingConnection, tickets: Sequence[Ticket]) -> int:
        return self._worker.take(tickets)

    def stop(self) -> None:
        self._worker.ended = True


AnyProcess = SimulatedScheduler | SimulatedWorker


def killed(process: AnyProcess, turn: Callable[[], object]) -> bool:
    """Whether the process was killed in this turn; then its sessions are closed."""
    try:
        turn()
    except Killed:
        process.process.close_sessions()
        if isinstance(process, SimulatedWorker):
            process.close()
        return True
    return False


def any_suspects(connection: psycopg.Connection) -> bool:
    """Whether runs wait for the quarantine."""
    return bool(quarantine.suspects(connection, limit=1))


def goes_to_quarantine(name: str) -> bool:
    """Whether a batch of this queue is for the quarantine."""
    return name == SUSPECT
