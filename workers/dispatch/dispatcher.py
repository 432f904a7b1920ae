"""Dispatcher: the runs this worker holds, each sent at its time through the one engine."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from types import MappingProxyType
from typing import Final
from uuid import UUID

from app.delivery.loop import Loop
from app.delivery.request import Call
from app.domain.completion import Tokens
from app.domain.retry import Unreached
from app.domain.run import Attempt, Reply, RunState
from app.domain.timings.claiming import ON_TIME_S
from app.domain.timings.leases import RETIME_BEFORE
from app.log import logger
from app.store.parking import Parking
from app.store.settling import Settlement
from workers.dispatch.calls import ABORTED, WITHDRAWN, Sender, call_of, missing_key
from workers.dispatch.cancellations import Cancellations, CancellationSnapshot
from workers.dispatch.fair_queue import AccountSlots, FairQueue
from workers.dispatch.flow_control import FlowControl
from workers.dispatch.job_backoff import MAX_WAIT_HERE_S, JobBackoff
from workers.dispatch.leased_run import LeasedRun
from workers.dispatch.payload_budget import PayloadBudget
from workers.dispatch.settlements import LOST, after_a_call, without_a_call
from workers.dispatch.unparking import UnparkRequest

_RETIME_BEFORE_S: Final = RETIME_BEFORE.total_seconds()
_BEGIN_AT_ONCE: Final = 16
"""Few: answers are heard in between, and calls under way are the cheaper the fewer they are."""

_LATE_ENOUGH: Final = 600
"""What a loop at its fastest sends while another batch is taken; others may take the rest."""


class Dispatcher:
    """Waits with each run until its time, sends it, and turns the reply into a settlement.

    Everything runs in the loop's thread, but for `accept`, `update_cancellations`, `loaded`,
    `saturated` and the queues.
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
        payload_bytes: int = 256 * 1024 * 1024,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._loop = loop
        self._engine = engine
        self._tokens = tokens
        self._concurrency = concurrency
        self._jitter = jitter
        self._slots = AccountSlots(concurrency)
        self._on_time = FairQueue(self._slots)
        self._overdue = FairQueue(self._slots)
        self._loaded: deque[LeasedRun] = deque()
        self._pumping = False
        self._late: set[LeasedRun] = set()
        self.cancellations = Cancellations(loop.clock, loop.wall)
        self._stalled = False
        self._job_backoff = JobBackoff()
        self._stopping = False
        self.flow_control = FlowControl(
            loop,
            self._turn,
            has_slot=self._slots.has,
            connections=connections,
            limits=limits,
            most_waiting=concurrency // 2,
            jitter=jitter,
        )
        self.payload_budget = PayloadBudget(payload_bytes)
        self.leased_runs: set[LeasedRun] = set()
        self.outcomes: deque[tuple[LeasedRun, Settlement]] = deque()
        """What came of runs, to be settled."""

    @property
    def saturated(self) -> bool:
        """Whether more overdue runs would only wait here instead of in the queue."""
        return (
            len(self._late) >= _LATE_ENOUGH
            or len(self.leased_runs) >= self._concurrency
            or self.flow_control.crowded
        )

    def accept(self, runs: Sequence[LeasedRun]) -> None:
        """Take charge of runs that were just taken; from any thread."""
        now = self._loop.clock()
        self._late.update([each for each in runs if each.fire_at <= now])
        self.leased_runs.update(runs)
        self._loop.call_soon_threadsafe(self._wait_for, runs)

    def update_cancellations(self, snapshot: CancellationSnapshot) -> None:
        """Hear which runs are wanted no more; from any thread."""
        self._loop.call_soon_threadsafe(self._on_cancellations, snapshot)

    def loaded(
        self, batch: Sequence[LeasedRun], asked_at: float, found: Mapping[UUID, bytes | None]
    ) -> None:
        """Hear the payloads of the runs still wanted, None where it is lost; from any thread."""
        self._loop.call_soon_threadsafe(self._on_loaded, batch, asked_at, found)

    def on_parked(self, batch: Sequence[LeasedRun], parked: AbstractSet[UUID]) -> None:
        """Let go of runs that were given back; from any thread."""
        for leased in batch:
            self.forget(leased)
        self._loop.call_soon_threadsafe(self.flow_control.unparker.on_parked, batch, parked)

    def settled_instead(self, batch: Sequence[LeasedRun]) -> None:
        """Hear that runs are settled, not given back as they were to be; from any thread.

        They are let go of when that is written.
        """
        self._loop.call_soon_threadsafe(
            self.flow_control.unparker.on_parked, batch, frozenset[UUID]()
        )

    def on_unparked(self, request: UnparkRequest, number: int) -> None:
        """Hear how many parked runs were taken for a destination; from any thread."""
        self._loop.call_soon_threadsafe(self.flow_control.unparker.on_unparked, request, number)

    def share_among(self, workers: int) -> None:
        """Hear how many workers there are; from any thread."""
        self._loop.call_soon_threadsafe(self.flow_control.share_among, workers)

    def forget(self, leased: LeasedRun) -> None:
        """Let go of a run: it was settled, or is no longer this worker's; from any thread."""
        self._late.discard(leased)
        self.leased_runs.discard(leased)

    def stop(self) -> None:
        """Begin no call any more: runs are given back, those that are held and those that come."""
        self._stopping = True
        self.flow_control.stop()
        self._leave_to_others(list(self.leased_runs))

    def _leave_to_others(self, runs: Sequence[LeasedRun]) -> None:
        """Give back those whose calls have not begun, for another worker to call them."""
        for leased in runs:
            if not (leased.begun_at or leased.decided):
                self._withdraw(leased)

    def _wait_for(self, runs: Sequence[LeasedRun]) -> None:
        now = self._loop.clock()
        # A word may have told of a run while its take was being answered.
        self._apply_cancellations(runs)
        if self._stopping:
            self._leave_to_others(runs)
            return
        offset = self.cancellations.offset(now)
        for leased in runs:
            if leased.fire_at <= now:
                self._line_up(leased, now)
                continue
            self.payload_budget.get_ahead(leased)
            near_at = leased.fire_at - _RETIME_BEFORE_S
            if near_at > now and leased.address is not None:
                self._engine.prepare(leased.address)
            if offset is None and near_at > now:
                self._loop.call_at(near_at, self._near, leased)
            else:
                self._set_timer(leased, offset)
        self._pump()

    def _near(self, leased: LeasedRun) -> None:
        self._set_timer(leased, self.cancellations.offset(self._loop.clock()))

    def _set_timer(self, leased: LeasedRun, offset: float | None) -> None:
        """The answer to a take is large: a word takes less time on its way, and tells it closer."""
        if offset is not None:
            leased.retimed_by(offset)
        self._loop.call_at(leased.fire_at, self._due, leased)

    def _on_cancellations(self, snapshot: CancellationSnapshot) -> None:
        self.cancellations.update(snapshot)
        # All that it names, also what the word before named: a run may have been taken since.
        if snapshot.withdrawn:
            self._apply_cancellations(list(self.leased_runs))
        if self._stalled:
            self._stalled = False
            self.flow_control.go_on()
        self._pump()

    def _apply_cancellations(self, runs: Sequence[LeasedRun]) -> None:
        """Some may be under way: they go on, and only those still to begin are withdrawn."""
        withdrawn = self.cancellations.withdrawn
        if withdrawn:
            for leased in runs:
                leased.withdrawn = leased.withdrawn or leased.is_withdrawn_by(withdrawn)

    def _on_loaded(
        self, batch: Sequence[LeasedRun], asked_at: float, found: Mapping[UUID, bytes | None]
    ) -> None:
        for leased in batch:
            body = found.get(leased.run.id)
            if body is not None:
                leased.confirmed_at = max(leased.confirmed_at, asked_at)
                if self.payload_budget.arrived(leased, body) and leased.awaiting_payload:
                    self._loaded.append(leased)
            elif leased.awaiting_payload and leased.run.id in found:
                self._step_back(leased)
                self._settle(leased, leased.settlement(RunState.DEAD, reason=LOST))
            elif leased.awaiting_payload:
                self._withdraw(leased)
            elif leased.body is None:
                self.payload_budget.drop(leased)
        self._pump()

    def _due(self, leased: LeasedRun) -> None:
        if self._stopping:
            self._leave_to_others([leased])
        else:
            self._line_up(leased, self._loop.clock())
            self._pump()

    def _line_up(self, leased: LeasedRun, now: float) -> None:
        self._late.add(leased)
        (self._overdue if leased.lateness(now) > ON_TIME_S else self._on_time).append(leased)

    def _pump(self) -> None:
        """Begin what is ready while there is room, letting sockets in between."""
        if not (self._pumping or self._stopping):
            self._pump_again(more=self._begin_some())

    def _pump_on(self) -> None:
        self._pumping = False
        if self._stopping:
            return
        more = self._begin_some()
        if self._loaded:
            # One at a time, behind all that is short: to sign a long body takes milliseconds.
            self._resume(self._loaded.popleft())
        self._pump_again(more=more)

    def _pump_again(self, *, more: bool) -> None:
        if (more or (self._loaded and not self._stalled)) and not self._pumping:
            self._pumping = True
            self._loop.call_soon(self._pump_on)

    def _begin_some(self) -> bool:
        """Begin the first of both lines; whether there may be more to begin."""
        for _ in range(_BEGIN_AT_ONCE):
            line = self._on_time
            leased = line.pop()
            if leased is None:
                line = self._overdue
                leased = line.pop()
            if leased is None:
                return False
            if not self._begin(leased):
                line.put_first([leased])
                return False
        return True

    def _may_begin(self, leased: LeasedRun) -> bool:
        """A look-up took its time: whether the call may begin now, which is when it begins."""
        leased.begun_at = self._loop.clock()
        return self._may_go_on(leased)

    def _may_go_on(self, leased: LeasedRun) -> bool:
        """An address was tried in vain: whether the call may be made at the next one."""
        now = self._loop.clock()
        sure = leased.is_leased(now) and self.cancellations.confirms(now, leased)
        wanted = not leased.withdrawn and not self.cancellations.stops(leased.run.account_id)
        return sure and wanted and not self._stopping

    def _turn(self, leased: LeasedRun) -> bool:
        """A run that waited for its destination has its turn; False where it has to wait on."""
        return self._slots.has(leased.run.account_id) and self._begin(leased)

    def _begin(self, leased: LeasedRun) -> bool:
        """Send it, or end it; False where it has to wait for the next word."""
        now = self._loop.clock()
        if not leased.is_leased(now):
            self._lose(leased)
            return True
        if leased.withdrawn or self.cancellations.stops(leased.run.account_id):
            self._withdraw(leased)
            return True
        if not self.cancellations.confirms(now, leased):
            self._stalled = True
            return False
        self._late.discard(leased)
        if self._is_put_off(leased, now):
            return True
        if not self.flow_control.admit(leased, now):
            self.payload_budget.drop(leased)
            return True
        self._slots.begin(leased.run.account_id)
        if not leased.run.size:
            self._send(leased, now)
        elif self.payload_budget.ready(leased):
            self._loaded.append(leased)
        return True

    def _is_put_off(self, leased: LeasedRun, now: float) -> bool:
        """Whether its call does not begin now: there is none to make, or its job has to wait."""
        over = without_a_call(leased, now)
        if over is not None:
            self._settle(leased, over)
            return True
        missing, until = missing_key(leased), self._job_backoff.until(leased, now)
        if missing is not None:
            self._park(leased, leased.park_without_key(missing, now))
        elif until is None:
            return False
        elif until - now <= MAX_WAIT_HERE_S:
            self._loop.call_at(until, self._due, leased)
        else:
            self._park(leased, self._job_backoff.park(leased, until, now))
        return True

    def _resume(self, leased: LeasedRun) -> None:
        """Send a run whose payload has arrived, unless it has to wait for the next word."""
        now = self._loop.clock()
        if not leased.awaiting_payload:
            return  # it was withdrawn meanwhile
        if not leased.is_leased(now):
            self._step_back(leased)
            self._lose(leased)
        elif leased.withdrawn or self.cancellations.stops(leased.run.account_id):
            self._withdraw(leased)
        elif self.cancellations.confirms(now, leased):
            leased.awaiting_payload = False
            self._send(leased, now)
        else:
            self._stalled = True
            self._loaded.appendleft(leased)

    def _step_back(self, leased: LeasedRun) -> None:
        """A run that had its turn will not begin: its payload and its places are free."""
        leased.awaiting_payload = False
        self.payload_budget.drop(leased)
        self._slots.end(leased.run.account_id)
        self.flow_control.withdrawn(leased)

    def _lose(self, leased: LeasedRun) -> None:
        """Its lease ran out: it is no longer ours."""
        logger.warning("run.lease_lost", run_id=str(leased.run.id))
        self.payload_budget.drop(leased)
        self.forget(leased)

    def _send(self, leased: LeasedRun, now: float) -> None:
        leased.begun_at = now
        call = call_of(leased, now, self._tokens)
        if isinstance(call, Call):
            self._engine.post(
                call,
                partial(self._done, leased),
                may_begin=partial(self._may_begin, leased),
                may_go_on=partial(self._may_go_on, leased),
            )
        else:
            self._done(leased, call)

    def _done(self, leased: LeasedRun, reply: Reply) -> None:
        self._slots.end(leased.run.account_id)
        self.payload_budget.drop(leased)
        if reply.error in {WITHDRAWN, ABORTED}:
            leased.begun_at = 0.0
            self.flow_control.withdrawn(leased)
            self._due(leased)
            return
        now = self._loop.clock()
        begun = leased.begun_at
        attempt = Attempt(
            leased.run.attempts + 1, leased.wall(begun), leased.lateness(begun) * 1000, reply
        )
        settlement = after_a_call(leased, attempt, now=now, jitter=self._jitter())
        if isinstance(settlement, Unreached):
            self.flow_control.unreached(leased, reply, now)
        elif leased.has_further_tick(settlement, now) and not self._stopping:
            self.flow_control.done(leased, reply, now)
            leased.advance_tick(settlement)
            self._wait_for([leased])
        else:
            if settlement.state is not None:
                self._job_backoff.note(leased, reply, now)
            self._settle(leased, settlement)
            self.flow_control.done(leased, reply, now)
        self._pump()

    def _withdraw(self, leased: LeasedRun) -> None:
        """Its account is suspended, this worker stops, or, as the token tells, it is not wanted."""
        self._late.discard(leased)
        if leased.awaiting_payload:
            self._step_back(leased)
        suspended = self.cancellations.stops(leased.run.account_id)
        if leased.withdrawn or not (suspended or self._stopping):
            self._settle(leased, leased.settlement(RunState.CANCELLED))
        else:
            self._park(leased, leased.set_aside(stopping=not suspended))

    def _park(self, leased: LeasedRun, parking: Parking) -> None:
        self.payload_budget.drop(leased)
        leased.decided = True
        self.flow_control.parked.append((leased, parking))

    def _settle(self, leased: LeasedRun, settlement: Settlement) -> None:
        self.payload_budget.drop(leased)
        leased.decided = True
        self.outcomes.append((leased, settlement))
