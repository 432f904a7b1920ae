"""Exploration: two operations one after the other, then interleaved, and both compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import psycopg
from cryptography.fernet import Fernet

from app import config, create_app
from app.api.context import context_of
from app.domain.account import Caller
from app.service import accounts
from app.store.clock import read_clock
from app.store.connection import ReconnectingConnection
from app.store.usage import fold_page
from tests.interleavings import invariants, outcome
from tests.interleavings.case import Case
from tests.interleavings.operations import Operation
from tests.interleavings.outcome import Outcome
from tests.interleavings.situations import Situation
from tests.interleavings.turns import Actor, Gates, Turns

_EMPTY: Final = """
DELETE FROM follow; DELETE FROM inflight; DELETE FROM due; DELETE FROM job;
DELETE FROM superseded; DELETE FROM run; DELETE FROM attempt; DELETE FROM aborted;
DELETE FROM audit; DELETE FROM firing_pace; DELETE FROM runs_under_way;
UPDATE account SET suspended_at = NULL, resumed_at = NULL, deleting_at = NULL
"""
_FOLD_EVERY: Final = 20
_OFTEN: Final = 40
"""The first so many round trips of an operation are all stopped at; few operations have more."""
_SELDOM: Final = 5
"""Of those that follow, each fifth is stopped at."""

Pair = tuple[Operation, Operation]


@dataclass(frozen=True, slots=True)
class Result:
    """What two operations have led to, and what is wrong."""

    outcome: Outcome | None
    violations: tuple[str, ...]
    trips: int
    """How many round trips the first operation has made."""
    between: tuple[int, ...]
    """After how many of them it is between two transactions."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An interleaving that breaks an invariant, or whose outcome neither order has."""

    situation: str
    pair: tuple[str, str]
    stops: tuple[int, ...]
    """The first operation stops before the trip of that number, then the second."""
    what: tuple[str, ...]

    def __str__(self) -> str:
        stops = ", ".join(f"{each}" for each in self.stops) or "none"
        lines = "\n    ".join(self.what)
        return f"{self.situation}: {' | '.join(self.pair)}, stops: {stops}\n    {lines}"


class Environment:
    """A database with an account, and the processes that work on it."""

    def __init__(self, database: str, home: Path) -> None:
        settings = {
            "WAKECALL_HOME": f"{home}",
            "DATABASE_URL": database,
            "WAKECALL_SECRET_KEY": Fernet.generate_key().decode(),
            "WAKECALL_ALLOW_TARGETS": "127.0.0.0/8",
        }
        self.executed = 0
        self._orders: dict[tuple[str | bool | int | None, ...], Result] = {}
        self._context = context_of(create_app(config.load(settings)))
        self._caller = self._new_caller("demo")
        self._limited = self._new_caller("limited", runsUnderWay=1)
        self._workers = [ReconnectingConnection(database, f"actor {n}") for n in range(2)]
        self._finisher = ReconnectingConnection(database, "finisher")
        self._observer = psycopg.connect(database, autocommit=True)
        self._gates = Gates()
        self._open_sessions()

    def execute(self, situation: Situation, pair: Pair, stops: Sequence[int] = ()) -> Result:
        """Run both operations in that situation, the first of them first."""
        self.executed += 1
        case = self._prepared(situation)
        actors = [
            Actor(partial(_perform, each, case, worker))
            for each, worker in zip(pair, self._workers, strict=True)
        ]
        with self._gates.of(Turns(self._observer, actors[0], actors[1])) as turns:
            turns.run(tuple(stops))
        trips, between = actors[0].trips, tuple(actors[0].between)
        results = list(zip(pair, actors, strict=True))
        wrong = [f"{each.name}: {actor.error!r}" for each, actor in results if actor.error]
        wrong += [*case.violations, *invariants.broken(self._observer)]
        if case.is_damaged:
            wrong = [each for each in wrong if not each.startswith(invariants.LOST)]
        if wrong:
            return Result(None, tuple(wrong), trips, between)
        answers = sorted(f"{each.name}: {actor.result}" for each, actor in results)
        with self._finisher.use() as connection:
            outcome.finish(case, connection)
        wrong += invariants.broken(self._observer)
        found = outcome.read(case, self._observer, answers)
        return Result(found, tuple(wrong), trips, between)

    def in_order(self, situation: Situation, pair: Pair, stop: int | None = None) -> Result:
        """Run one operation after the other, or return the result that this had before.

        With a stop, the second operation is run as a whole where the first has made so many trips.
        """
        first, second = pair
        key = (situation.name, first.name, first.skips, second.name, second.skips, stop)
        if key not in self._orders:
            stops = () if stop is None else (stop,)
            self._orders[key] = self.execute(situation, pair, stops)
        return self._orders[key]

    def allowed(self, situation: Situation, pair: Pair) -> set[Outcome | None]:
        """Return the outcomes that the documents allow, besides those of the other order.

        A client's operation is one step. A process may be between two transactions, and what it
        passes over, since it is locked, it does later.
        """
        first, second = pair
        in_order = self.in_order(situation, pair)
        found = {in_order.outcome}
        if not first.is_client:
            for stop in in_order.between[1:]:
                found.add(self.in_order(situation, pair, stop).outcome)
        if first.skips:
            found.add(self.in_order(situation, (first.idle(), second)).outcome)
        return found

    @contextmanager
    def gated(self) -> Iterator[None]:
        """Stop the operations at their round trips."""
        with self._gates.installed():
            yield

    def close(self) -> None:
        """Close all sessions."""
        for each in (*self._workers, self._finisher):
            each.close()
        self._observer.close()
        self._context.database.engine.dispose()

    def _prepared(self, situation: Situation) -> Case:
        self._observer.execute(_EMPTY)
        self._caller = self._kept_or_new(self._caller)
        if self.executed % _FOLD_EVERY == 0:
            fold_page(self._observer, after=0, limit=1)
        with self._context.database.statement() as connection:
            now = read_clock(connection)
        case = Case(self._context, self._caller, self._limited, self._observer, now)
        situation.prepare(case)
        return case

    def _kept_or_new(self, caller: Caller) -> Caller:
        """The caller, or one of a new account of that name if the account was deleted."""
        params = (caller.account.id,)
        row = self._observer.execute("SELECT FROM account WHERE id = %s", params).fetchone()
        return self._new_caller(caller.account.name) if row is None else caller

    def _new_caller(self, name: str, **limits: int) -> Caller:
        key = accounts.create(self._context, name)
        if limits:
            accounts.set_limits(self._context, name, dict(limits))
        return accounts.authenticate(self._context, key, account=None)

    def _open_sessions(self) -> None:
        """Open all sessions that two operations need at once, before any of them may be stopped."""
        for each in (*self._workers, self._finisher):
            with each.use():
                pass
        with ExitStack() as stack:
            for _ in range(4):
                stack.enter_context(self._context.database.separate_transaction())


def _perform(operation: Operation, case: Case, worker: ReconnectingConnection) -> str:
    with worker.use() as connection:
        return operation.perform(case, connection)


@contextmanager
def environment(database: str, home: Path) -> Iterator[Environment]:
    """An environment in a database that is migrated and empty."""
    made = Environment(database, home)
    try:
        with made.gated():
            yield made
    finally:
        made.close()


def explore(
    made: Environment, situation: Situation, pair: Pair, *, switches: int = 1
) -> Iterator[Finding]:
    """Interleave the pair in each way with up to `switches` stops; yield what is wrong.

    The outcome must be one that `allowed` has for one of the two orders.
    """
    first, second = pair
    names = (first.name, second.name)
    one_way = made.in_order(situation, pair)
    other_way = made.in_order(situation, (second, first))
    if one_way.violations:
        yield Finding(situation.name, names, (), one_way.violations)
    allowed = made.allowed(situation, pair) | made.allowed(situation, (second, first))
    for stops in _stops(one_way.trips, other_way.trips, switches):
        result = made.execute(situation, pair, stops)
        if result.violations:
            yield Finding(situation.name, names, stops, result.violations)
        elif result.outcome not in allowed:
            wrong = [f"neither order has {result.outcome}", *(f"one has {x}" for x in allowed)]
            yield Finding(situation.name, names, stops, tuple(wrong))


def _stops(first: int, second: int, switches: int) -> Iterator[tuple[int, ...]]:
    often, seldom = range(1, min(first, _OFTEN)), range(_OFTEN, first, _SELDOM)
    for one in (*often, *seldom):
        yield (one,)
        if switches > 1:
            for two in range(1, second):
                yield one, two
