"""Effects: every round trip to the database, at each of which the process that makes it may die."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

import psycopg

from app.store.sessions import Session


class Killed(BaseException):
    """The end of a process: nothing of it runs after this."""


class Process:
    """What the simulation knows of a process: its sessions, and how its database answers."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sessions: WeakSet[Session] = WeakSet()
        self.dead = False
        self.cut_off = False
        """Whether the database does not answer this process."""

    def close_sessions(self) -> None:
        """End all sessions as the kernel does at the end of a process: nothing more is sent."""
        for session in list(self.sessions):
            session.pgconn.finish()


class Effects:
    """Counts round trips, and ends the process that makes a chosen one.

    `kill_at` is the number of a moment: each round trip has one before it, when nothing was sent,
    and one after it, when it is done and its answer is lost.
    """

    def __init__(self) -> None:
        self.moments = 0
        self.kill_at: int | None = None
        self.killed: list[str] = []
        self.on_moment: Callable[[Process], None] = lambda _process: None
        self._process: Process | None = None
        self._wait = Session.wait

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Watch the sessions of all processes."""
        own, effects = self._wait, self

        def wait(session: Session, gen: Any, *args: Any, **options: Any) -> Any:
            return effects._around(session, lambda: own(session, gen, *args, **options))

        Session.wait = wait  # type: ignore[method-assign,assignment] # every trip goes through it
        try:
            yield
        finally:
            Session.wait = own  # type: ignore[method-assign] # as it was

    @contextmanager
    def of(self, process: Process) -> Iterator[None]:
        """What runs inside belongs to the process. It may end with Killed."""
        before, self._process = self._process, process
        try:
            yield
        finally:
            self._process = before

    def _around(self, session: Session, trip: Callable[[], Any]) -> Any:
        process = self._process
        if process is None:
            return trip()
        process.sessions.add(session)
        self._moment(process)
        if process.cut_off:
            session.pgconn.finish()
            raise psycopg.OperationalError("the simulation has cut the connection")
        answer = trip()
        self._moment(process)
        return answer

    def _moment(self, process: Process) -> None:
        if not process.dead:
            self.moments += 1
            self.on_moment(process)
            process.dead = self.moments == self.kill_at
            if process.dead:
                self.killed.append(process.name)
        if process.dead:
            raise Killed
