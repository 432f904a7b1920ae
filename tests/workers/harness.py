"""Test harness: a dispatcher with a fake clock and a fake engine, and runs that it can lease."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any
from uuid import UUID

from uuid6 import uuid7

from app.delivery.loop import Loop
from app.delivery.request import Call
from app.domain.circuit_breaker import DOWN_AFTER, BlockReason
from app.domain.completion import Tokens
from app.domain.run import Reply, RunState
from app.store.parking import Parking
from app.store.takes import Taken
from workers.dispatch.cancellations import CancellationSnapshot
from workers.dispatch.channels import Channels
from workers.dispatch.destination import Destination
from workers.dispatch.dispatcher import Dispatcher
from workers.dispatch.known_destinations import ConnectionLimits
from workers.dispatch.leased_run import LeasedRun, lease

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKENS = Tokens(["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="])
START = 1000.0
OK = Reply(status=204)
REFUSED = Reply(error="connect-failed", error_detail="nobody listens", connected=False)
URL = "http://receiver.test/cb"
OTHER = "http://other.test/cb"


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


class FakeEngine:
    """Records the calls that it is asked to make; the test answers them."""

    def __init__(self) -> None:
        self.calls: list[tuple[Call, Callable[[Reply], None], Callable[[], bool]]] = []
        self.may_go_on: list[Callable[[], bool]] = []
        self.prepared: list[str] = []

    @property
    def in_flight(self) -> int:
        return len(self.calls)

    def post(
        self,
        call: Call,
        done: Callable[[Reply], None],
        *,
        may_begin: Callable[[], bool],
        may_go_on: Callable[[], bool],
    ) -> None:
        self.calls.append((call, done, may_begin))
        self.may_go_on.append(may_go_on)

    def prepare(self, url: str) -> None:
        self.prepared.append(url)

    def answer(self, reply: Reply) -> None:
        _, done, _ = self.calls.pop(0)
        done(reply)


class Harness:
    """A dispatcher with a fake clock and a fake engine, both controlled by the test."""

    set_by = 0.0
    """Seconds by which the wall clock is ahead of the monotonic clock, after a step."""

    def __init__(self, concurrency: int = 100) -> None:
        self.clock = Clock()
        self.loop = Loop(clock=self.clock, wall=self.wall)
        self.engine = FakeEngine()
        self.channels = Channels()
        self.dispatcher = Dispatcher(
            self.loop,
            self.engine,
            self.channels,
            tokens=TOKENS,
            concurrency=concurrency,
            jitter=lambda: 0.0,
        )

    def lease(self, remaining: float, *, took: float = 0.0, **changes: Any) -> LeasedRun:
        """Lease a run whose take was sent `took` seconds ago and is answered now."""
        run = taken(remaining)._replace(**changes)
        now = self.clock.now
        leased = lease(run, (SECRET,), sent_at=now - took, answered=now)
        self.dispatcher.accept([leased])
        self.step()
        return leased

    def step(self, seconds: float = 0.0) -> None:
        self.clock.now += seconds
        for _ in range(5):
            self.loop.step(patience=0)

    def wall(self) -> float:
        return self.clock.now + self.set_by

    def poll_cancellations(
        self, *withdrawn: LeasedRun, offset: float = inf, suspended: frozenset[int] = frozenset()
    ) -> None:
        """Deliver a cancellation poll: the withdrawn runs, the database clock's offset in seconds,
        and the suspended accounts."""
        tokens = {leased.run.id: leased.run.token for leased in withdrawn}
        self.dispatcher.update_cancellations(
            CancellationSnapshot(self.clock.now, offset, tokens, suspended)
        )
        self.step()

    def report_parked(self, batch: Sequence[LeasedRun], parked: set[UUID]) -> None:
        """Report a batch as the settler does: `parked` holds the ids of the runs that were parked;
        the others belong to another worker."""
        for leased in batch:
            self.dispatcher.forget(leased)
        self.dispatcher.flow_control.unparker.on_parked(batch, parked)

    def settled(self) -> RunState | None:
        _, settlement = self.channels.settlements.popleft()
        return settlement.state


class Capped(Harness):
    """A harness that allows four calls at once to a destination, and two for account 2."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.loop = Loop(clock=self.clock, wall=self.wall)
        self.engine = FakeEngine()
        self.channels = Channels()
        self.dispatcher = Dispatcher(
            self.loop,
            self.engine,
            self.channels,
            tokens=TOKENS,
            concurrency=100,
            connections=ConnectionLimits(4, {2: 2}),
            jitter=lambda: 0.0,
        )
        self.flow = self.dispatcher.flow_control

    def lease_many(self, number: int, url: str = URL, account: int = 1) -> list[LeasedRun]:
        return [self.lease(0.0, url=url, account_id=account) for _ in range(number)]

    def come_back(self, parked: LeasedRun, *, late: float = 10.0) -> LeasedRun:
        """Take a parked run again, `late` seconds after it was due."""
        run = parked.run
        send_at = run.due_at + timedelta(seconds=late)
        again = run._replace(token=run.token + 2, planned_at=run.due_at, send_at=send_at)
        leased = lease(again, (SECRET,), sent_at=self.clock.now, answered=self.clock.now)
        self.dispatcher.accept([leased])
        self.step()
        return leased

    def urls(self) -> list[str]:
        return [call.url for call, _, _ in self.engine.calls]

    def destination(self, url: str = URL) -> Destination[LeasedRun]:
        host = url.split("/")[2]
        return next(each for each in self.flow.destinations if each.host == host)

    def parked_runs(self) -> list[Parking]:
        batch = list(self.channels.parked)
        self.channels.parked.clear()
        parked = [parking for _, parking in batch]
        self.report_parked([leased for leased, _ in batch], {each.id for each in parked})
        self.step()
        return parked

    def answer_all(self, reply: Reply) -> None:
        for _ in range(len(self.engine.calls)):
            self.engine.answer(reply)
        self.step()

    def go_down(self, reply: Reply = REFUSED) -> None:
        for _ in range(DOWN_AFTER):
            self.lease(0.0)
            self.engine.answer(reply)
            self.step()
        self.channels.settlements.clear()


def taken(remaining: float) -> Taken:
    due_at = datetime(2026, 1, 1, tzinfo=UTC)
    return Taken(
        id=UUID(int=uuid7().int),
        token=2,
        job_id=UUID(int=uuid7().int),
        account_id=1,
        job_version=1,
        due_at=due_at,
        send_at=due_at,
        planned_at=None,
        missed=0,
        ends_job=True,
        attempts=0,
        reclaims=0,
        remaining=remaining,
        url="http://receiver.test/cb",
        signature=None,
        content_type=None,
        data=b"x",
    )


def block_reasons(parkings: Sequence[Parking]) -> set[BlockReason]:
    return {each.block_reason for each in parkings}
