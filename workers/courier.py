"""Courier: the runs this worker holds, each sent at its time through the one engine."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from types import MappingProxyType
from typing import Final, Protocol
from uuid import UUID

from app.delivery.addressing import missing
from app.delivery.loop import Loop
from app.delivery.request import Call, build
from app.domain.completion import Tokens, within
from app.domain.job import Dialect
from app.domain.pace import CONFIRM_AHEAD, CONFIRMED_FOR
from app.domain.retry import Failed, RetryAt, Unreached, decide, is_success, too_old
from app.domain.run import Attempt, Reply, RunKind, RunState
from app.log import logger
from app.store.settling import Settlement
from workers.destinations import Destinations
from workers.fetcher import Summons
from workers.held import Held

_CONFIRMED_S: Final = CONFIRMED_FOR.total_seconds()
_CONFIRM_AHEAD_S: Final = CONFIRM_AHEAD.total_seconds()
_BEGIN_AT_ONCE: Final = 16
"""Few: answers are heard in between, and calls under way are the cheaper the fewer they are."""

_LATE_ENOUGH: Final = 200
_ASKED_ENOUGH: Final = 200
_PUNCTUAL_S: Final = 2.0

WITHDRAWN: Final = "withdrawn"
"""The engine's error for a call that `may_begin` stopped."""


_UNSIGNED: Final = Reply(
    error="signing-failed",
    error_detail="No signing secret of the account opens; see WAKECALL_SECRET_KEY.",
    connected=False,
)
_TOKENLESS: Final = Reply(
    error="token-failed",
    error_detail="The token of the app does not open; see WAKECALL_SECRET_KEY, or PUT it again.",
    connected=False,
)


class Sender(Protocol):
    """What the courier needs of the engine."""

    @property
    def in_flight(self) -> int:
        """Calls under way."""

    def post(
        self, call: Call, done: Callable[[Reply], None], *, may_begin: Callable[[], bool]
    ) -> None:
        """Send; `done` is called once, in the loop's thread.

        Where the name had to be resolved first, `may_begin` is asked again; if it says no, the
        reply's error is `withdrawn` and nothing was sent.
        """

    def prepare(self, url: str) -> None:
        """Resolve and judge the host of `url` ahead of time."""


class Courier:
    """Waits with each run until its time, sends it, and turns the reply into a settlement.

    Everything but `accept`, `answered`, `saturated` and the three queues runs in the loop's thread.
    """

    def __init__(
        self,
        loop: Loop,
        engine: Sender,
        *,
        tokens: Tokens,
        concurrency: int,
        connections: int = 50,
        limits: Mapping[int, int] = MappingProxyType({}),
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._loop = loop
        self._engine = engine
        self._tokens = tokens
        self._concurrency = concurrency
        self._jitter = jitter
        self._punctual: deque[Held] = deque()
        self._overdue: deque[Held] = deque()
        self._pumping = False
        self._late: set[Held] = set()
        self._asked: set[Held] = set()
        self.destinations = Destinations(
            loop,
            self._turn,
            connections=connections,
            limits=limits,
            most_waiting=concurrency // 2,
            jitter=jitter,
        )
        self.held: set[Held] = set()
        self.questions: deque[Held] = deque()
        """Runs to be asked about: are they still wanted?"""
        self.outcomes: deque[tuple[Held, Settlement]] = deque()
        """What came of runs, to be settled."""

    @property
    def saturated(self) -> bool:
        """Whether more overdue runs would only wait here instead of in the queue.

        Whoever waits here longer than a word on it is good for must be asked about again.
        """
        return (
            len(self._late) >= _LATE_ENOUGH
            or len(self.held) >= self._concurrency
            or self.destinations.crowded
        )

    def accept(self, runs: Sequence[Held]) -> None:
        """Take charge of runs that were just taken; from any thread."""
        now = self._loop.clock()
        self._late.update([each for each in runs if each.fire_at <= now])
        self.held.update(runs)
        self._loop.call_soon_threadsafe(self._wait_for, runs)

    def answered(
        self,
        asked: Sequence[Held],
        asked_at: float,
        answered_at: float,
        wanted: dict[UUID, float],
    ) -> None:
        """Hear which of the runs asked about are still wanted; from any thread."""
        self._loop.call_soon_threadsafe(self._go_on, asked, asked_at, answered_at, wanted)

    def given_back(self, batch: Sequence[Held], parked: AbstractSet[UUID]) -> None:
        """Let go of runs that were given back; from any thread."""
        for held in batch:
            self.forget(held)
        self._loop.call_soon_threadsafe(self.destinations.fetcher.written, batch, parked)

    def fetched(self, summons: Summons, number: int) -> None:
        """Hear how many parked runs were taken for a destination; from any thread."""
        self._loop.call_soon_threadsafe(self.destinations.fetcher.fetched, summons, number)

    def share_among(self, workers: int) -> None:
        """Hear how many workers there are; from any thread."""
        self._loop.call_soon_threadsafe(self.destinations.share_among, workers)

    def forget(self, held: Held) -> None:
        """Let go of a run: it was settled, or is no longer this worker's; from any thread."""
        self._late.discard(held)
        self._asked.discard(held)
        self.held.discard(held)

    def _wait_for(self, runs: Sequence[Held]) -> None:
        now = self._loop.clock()
        for held in runs:
            if held.fire_at <= now:
                self._line_up(held, now)
            elif held.fire_at - held.confirmed <= _CONFIRMED_S:
                self._loop.call_at(held.fire_at, self._due, held)
            else:
                if held.address is not None:
                    self._engine.prepare(held.address)
                ask_at = held.fire_at - _CONFIRM_AHEAD_S
                self._loop.call_at(ask_at, self.questions.append, held)
        self._pump()

    def _go_on(
        self,
        asked: Sequence[Held],
        asked_at: float,
        answered_at: float,
        wanted: dict[UUID, float],
    ) -> None:
        now = self._loop.clock()
        late: list[Held] = []
        for held in asked:
            remaining = wanted.get(held.run.id)
            if remaining is None:
                self._withdraw(held)
                continue
            held.wanted(asked_at, answered_at + remaining)
            if held.fire_at > now:
                self._loop.call_at(held.fire_at, self._due, held)
            else:
                late.append(held)
        # Ahead of all others: behind them the word would grow stale, and be asked for without end.
        self._punctual.extendleft(reversed(late))
        self._pump()

    def _due(self, held: Held) -> None:
        self._line_up(held, self._loop.clock())
        self._pump()

    def _line_up(self, held: Held, now: float) -> None:
        self._late.add(held)
        (self._overdue if held.lateness(now) > _PUNCTUAL_S else self._punctual).append(held)

    def _pump(self) -> None:
        """Begin what is ready while there is room, letting sockets in between."""
        if self._pumping:
            return
        for _ in range(_BEGIN_AT_ONCE):
            ready = self._punctual or self._overdue
            if not ready or self._engine.in_flight >= self._concurrency:
                return
            held = ready.popleft()
            if not self._begin(held):
                # Asked now, it would wait so long behind the others that it must be asked again.
                ready.appendleft(held)
                return
        self._pumping = True
        self._loop.call_soon(self._pump_on)

    def _pump_on(self) -> None:
        self._pumping = False
        self._pump()

    def _may_begin(self, held: Held) -> bool:
        """A look-up took its time: whether the call may begin now, which is when it begins."""
        held.begun = self._loop.clock()
        return held.lease_runs(held.begun) and held.is_confirmed(held.begun)

    def _turn(self, held: Held) -> bool:
        """A run that waited for its destination has its turn; False where it has to wait on."""
        return self._engine.in_flight < self._concurrency and self._begin(held)

    def _begin(self, held: Held) -> bool:
        """Send it, or ask whether it is still wanted; False where it has to wait for that."""
        now = self._loop.clock()
        if not held.lease_runs(now):
            logger.warning("run.lease_lost", run_id=str(held.run.id))
            self.destinations.gone(held)
            self.forget(held)
            return True
        if not held.is_confirmed(now):
            if len(self._asked) >= _ASKED_ENOUGH and held not in self._asked:
                return False
            self._asked.add(held)
            self.questions.append(held)
            return True
        self._asked.discard(held)
        self._late.discard(held)
        if self._is_over(held, now):
            self.destinations.gone(held)
            return True
        if not self.destinations.admits(held, now):
            return True
        held.begun = now
        call = self._call(held, now)
        if call is not None:
            self._engine.post(
                call, partial(self._done, held), may_begin=partial(self._may_begin, held)
            )
        return True

    def _is_over(self, held: Held, now: float) -> bool:
        """Whether there is no attempt to make any more; then the run is settled so."""
        run = held.run
        if run.url is None:
            self._settle(held, state=RunState.DEAD, reason="the content of its version is lost")
            return True
        if held.address is None and run.dialect != Dialect.DAPR:
            why = missing(run.endpoint, run.dialect)
            self._settle(held, state=RunState.FAILED, reason=why)
            return True
        again = run.attempts > run.tried
        over = too_old(held.retry, due_at=run.due_at, now=held.wall(now)) if again else None
        if over is not None:
            self._settle(held, state=RunState.FAILED, reason=over)
        return over is not None

    def _call(self, held: Held, now: float) -> Call | None:
        """The signed call, or None where it cannot be signed and the attempt has failed so."""
        if not held.secrets or held.app_token == "":
            self._done(held, _UNSIGNED if not held.secrets else _TOKENLESS)
            return None
        wall = held.wall(now)
        # Of an event nothing is to be said later: it has no token, and its 202 is a success.
        token = None if held.is_event else self._tokens.make(held.run.id)
        return build(held.delivery(wall, token), held.secrets, int(wall.timestamp()))

    def _done(self, held: Held, reply: Reply) -> None:
        if reply.error == WITHDRAWN:
            self.destinations.withdrawn(held)
            self._due(held)
            return
        now = self._loop.clock()
        begun = held.begun
        attempt = Attempt(
            held.run.attempts + 1, held.wall(begun), held.lateness(begun) * 1000, reply
        )
        if is_success(reply, held.retry):
            self._succeed(held, attempt)
            self.destinations.done(held, reply, now)
            self._pump()
            return
        verdict = decide(
            reply,
            attempts_made=attempt.number - held.run.tried,
            due_at=held.run.due_at,
            now=held.wall(now),
            jitter=self._jitter(),
            policy=held.retry,
        )
        match verdict:
            case Failed(gone=True) if held.is_event:
                # It speaks for the URL that is told, not for the job that it is told of.
                reason = "The receiver answered 410: it is gone."
                self._settle(held, state=RunState.FAILED, reason=reason, attempt=attempt)
            case Failed(reason=reason, gone=gone):
                self._settle(held, state=RunState.FAILED, reason=reason, gone=gone, attempt=attempt)
            case RetryAt(reason=reason):
                self._settle(held, retry=verdict, reason=reason, attempt=attempt)
            case Unreached():
                self.destinations.unreached(held, reply, now)
                self._pump()
                return
        self.destinations.done(held, reply, now)
        self._pump()

    def _succeed(self, held: Held, attempt: Attempt) -> None:
        """The receiver took the call; of a 202 it may say later what came of it."""
        later = None if held.is_event else within(attempt.reply)
        if later is None:
            self._settle(held, state=RunState.SUCCEEDED, attempt=attempt)
        else:
            reason = f"The receiver has {later} s to say what came of it."
            self._settle(held, within=later, reason=reason, attempt=attempt)

    def _withdraw(self, held: Held) -> None:
        """It is no longer wanted, or no longer ours; the settlement's token tells which."""
        self._late.discard(held)
        self._asked.discard(held)
        self.destinations.gone(held)
        self._settle(held, state=RunState.CANCELLED)

    def _settle(
        self,
        held: Held,
        *,
        state: RunState | None = None,
        retry: RetryAt | None = None,
        reason: str | None = None,
        gone: bool = False,
        attempt: Attempt | None = None,
        within: int | None = None,
    ) -> None:
        run = held.run
        settlement = Settlement(
            run.id,
            run.token,
            run.job_id,
            run.job_version,
            run.due_at,
            state,
            retry.instant if retry else None,
            reason,
            run.final,
            gone,
            attempt,
            within,
            held.tells(state),
            run.kind == RunKind.SCHEDULED,
            run.serial,
        )
        self.outcomes.append((held, settlement))
