"""Turns: two actors, of which one runs at a time; each may stop before any of its round trips."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus

from app.store.sessions import Session

_WAITS: Final = "SELECT cardinality(pg_blocking_pids(%s)) > 0"
_LOOK_AFTER_S: Final = 0.002
_MAX_S: Final = 60.0

# Trips that send nothing, or BEGIN, which takes neither a lock nor a snapshot: to stop before the
# next one is the same.
_BEGIN: Final = "_enter_gen"
_SILENT: Final = frozenset({_BEGIN, "_set_autocommit_gen", "_set_isolation_level_gen"})
_SILENT_IF_IDLE: Final = frozenset({"_commit_gen", "_rollback_gen"})


@dataclass(slots=True)
class Actor:
    """One of the two operations, in a thread of its own."""

    do: Callable[[], object]
    trips: int = 0
    """How many round trips it has begun."""
    between: list[int] = field(default_factory=list)
    """After how many trips it is between two transactions."""
    has_just_begun: bool = False
    """Whether the present transaction has done nothing yet."""
    pid: int = 0
    """The process of PostgreSQL that serves it now."""
    is_waiting: bool = False
    """Whether it stands before a trip that it may not begin yet."""
    has_ended: bool = False
    result: object = None
    error: BaseException | None = None
    thread: threading.Thread | None = None


class Stuck(AssertionError):
    """An operation neither ended nor waited for a lock in time."""


@dataclass(slots=True)
class Turns:
    """Two actors, and which of them may go on; `observer` sees who waits for whom."""

    observer: psycopg.Connection
    first: Actor
    second: Actor
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _turn: Actor | None = None
    _until: int | None = None

    def run(self, stops: tuple[int, ...]) -> None:
        """Run both to their ends; each stop is before that trip of the actor whose turn it is.

        The turns alternate, and `first` has the first. An actor that waits for a lock of the other
        loses its turn. After the last stop, each has its turn until it ends or waits.
        """
        both = (self.first, self.second)
        for each in both:
            each.thread = threading.Thread(target=self._run, args=(each,), daemon=True)
            each.thread.start()
        deadline = time.monotonic() + _MAX_S
        for number, stop in enumerate(stops):
            self._let(both[number % 2], stop, deadline)
        number = len(stops)
        while not all(each.has_ended for each in both):
            self._let(both[number % 2], None, deadline)
            number += 1
        for each in both:
            if each.thread is not None:
                each.thread.join(_MAX_S)

    def gate(self, session: Session, trip: str) -> None:
        """Let the actor of this thread wait for its turn. Nothing happens in other threads."""
        actor = next((a for a in (self.first, self.second) if a.thread is _me()), None)
        if actor is None:
            return
        is_idle = session.info.transaction_status is TransactionStatus.IDLE
        if _is_silent(trip, is_idle=is_idle):
            actor.has_just_begun = actor.has_just_begun or (trip == _BEGIN and is_idle)
            return
        with self._changed:
            if is_idle or actor.has_just_begun:
                actor.between.append(actor.trips)
            actor.has_just_begun = False
            actor.pid = session.info.backend_pid
            actor.is_waiting = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._may_go(actor))
            actor.is_waiting = False
            actor.trips += 1

    def _may_go(self, actor: Actor) -> bool:
        return self._turn is actor and (self._until is None or actor.trips < self._until)

    def _let(self, actor: Actor, until: int | None, deadline: float) -> None:
        """Give the actor its turn until it ends, stands before that trip, or waits for a lock."""
        other = self.second if actor is self.first else self.first
        with self._changed:
            self._turn, self._until = actor, until
            self._changed.notify_all()
            while not self._changed.wait_for(lambda: self._is_over(actor), _LOOK_AFTER_S):
                if not other.has_ended and self._waits_for_a_lock(actor):
                    break
                if time.monotonic() > deadline:
                    raise Stuck(f"after {actor.trips} and {other.trips} round trips")
            self._turn = None

    def _is_over(self, actor: Actor) -> bool:
        return actor.has_ended or (
            actor.is_waiting and self._until is not None and actor.trips >= self._until
        )

    def _waits_for_a_lock(self, actor: Actor) -> bool:
        if actor.is_waiting or not actor.pid:
            return False
        row = self.observer.execute(_WAITS, (actor.pid,)).fetchone()
        return row is not None and bool(row[0])

    def _run(self, actor: Actor) -> None:
        try:
            actor.result = actor.do()
        except BaseException as error:  # noqa: BLE001 - judged by the thread that lets it run
            actor.error = error
        with self._changed:
            actor.has_ended = True
            self._changed.notify_all()


def _me() -> threading.Thread:
    return threading.current_thread()


def _is_silent(trip: str, *, is_idle: bool) -> bool:
    return trip in _SILENT or (is_idle and trip in _SILENT_IF_IDLE)


class Gates:
    """The gates of all sessions: at each round trip, those of the actors that run now."""

    def __init__(self) -> None:
        self.turns: Turns | None = None

    @contextmanager
    def of(self, turns: Turns) -> Iterator[Turns]:
        """Let these actors stop at the gates."""
        self.turns = turns
        try:
            yield turns
        finally:
            self.turns = None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Stop at each trip of each session, and send statements one by one, not in pipelines."""
        own, gates = Session.wait, self

        def wait(session: Session, gen: Any, *args: Any, **options: Any) -> Any:
            if gates.turns is not None:
                gates.turns.gate(session, getattr(gen, "__name__", ""))
            return own(session, gen, *args, **options)

        Session.wait = wait  # type: ignore[method-assign,assignment] # every trip goes through it
        Session.pipeline = _one_by_one  # type: ignore[method-assign,assignment] # as above
        try:
            yield
        finally:
            Session.wait = own  # type: ignore[method-assign] # as it was
            del Session.pipeline


def _one_by_one(_session: Session) -> Any:
    """Take the place of a pipeline, in which other sessions may come between any two statements."""
    return nullcontext()
