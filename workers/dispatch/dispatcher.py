"""Dispatcher: sends each leased run at its time, through the one engine of this worker."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final
from uuid import UUID

from app.delivery.job_event_calls import JobEventCalls
from app.delivery.loop import Loop
from app.delivery.request import Call
from app.domain.completion import Tokens
from app.domain.retry import Unreached
from app.domain.run import Reply, RunState
from app.log import logger
from app.store.parking import Parking
from app.store.settling import Settlement
from workers.dispatch import settlements
from workers.dispatch.calls import ABORTED, WITHDRAWN, Sender, missing_key
from workers.dispatch.cancellations import Cancellations, CancellationSnapshot
from workers.dispatch.channels import Channels
from workers.dispatch.due_timers import DueTimers
from workers.dispatch.fair_queue import AccountSlots, ReadyQueue
from workers.dispatch.flow_control import FlowControl
from workers.dispatch.job_backoff import MAX_WAIT_HERE_S, JobBackoff
from workers.dispatch.known_destinations import DEFAULT_CONNECTIONS, ConnectionLimits
from workers.dispatch.leased_run import LeasedRun
from workers.dispatch.payload_budget import PayloadBudget
from workers.dispatch.prepared_calls import PreparedCalls

_BEGIN_AT_ONCE: Final = 16
"""Calls that begin before replies are handled again: few, as fewer calls in flight cost less."""

_LATE_ENOUGH: Final = 600
"""Runs past their time from which on this worker takes no overdue ones: a loop at its fastest
sends as many while another batch is taken, and other workers may take the rest."""


class Dispatcher:
    """Keeps each leased run until its time, sends it, and makes a settlement of the reply.

    Runs in the loop's thread, but for `saturated`, `leased_runs` and the methods that say so.
    """

    def __init__(
        self,
        loop: Loop,
        engine: Sender,
        channels: Channels,
        *,
        tokens: Tokens,
        concurrency: int,
        connections: ConnectionLimits = DEFAULT_CONNECTIONS,
        payload_bytes: int = 256 * 1024 * 1024,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._loop = loop
        self._engine = engine
        self._job_events = JobEventCalls(engine.post, loop.clock)
        self._calls = PreparedCalls(loop, tokens)
        self._settlements = channels.settlements
        self._parked = channels.parked
        self._concurrency = concurrency
        self._jitter = jitter
        self._slots = AccountSlots(concurrency)
        self._ready = ReadyQueue(self._slots)
        self._loaded: deque[LeasedRun] = deque()
        """Runs that have their slots and their payloads, and are to be sent."""
        self._pumping = False
        """Whether the loop is to begin further runs in its next step."""
        self._late: set[LeasedRun] = set()
        """Runs whose time has come and whose calls have not begun."""
        self.cancellations = Cancellations(loop.clock, loop.wall)
        self._due_timers = DueTimers(loop, engine, self.cancellations, self._due)
        self._stalled = False
        """Whether runs wait for the next poll for cancellations."""
        self._job_backoff = JobBackoff()
        self._stopping = False
        self.flow_control = FlowControl(
            loop,
            self._begin_waiting,
            channels,
            has_slot=self._slots.has,
            connections=connections,
            max_waiting=concurrency // 2,
            jitter=jitter,
        )
        self.payload_budget = PayloadBudget(payload_bytes, channels.payload_orders)
        self.leased_runs: set[LeasedRun] = set()
        """The runs that this worker holds, until they are settled or parked."""

    @property
    def saturated(self) -> bool:
        """Whether this worker should take no more overdue runs; from any thread."""
        return (
            len(self._late) >= _LATE_ENOUGH
            or len(self.leased_runs) >= self._concurrency
            or self.flow_control.crowded
        )

    def accept(self, runs: Sequence[LeasedRun]) -> None:
        """Add runs that were just taken; from any thread."""
        now = self._loop.clock()
        self._late.update([each for each in runs if each.fire_at <= now])
        self.leased_runs.update(runs)
        self._loop.call_soon_threadsafe(self._wait_for, runs)

    def give_back(self, runs: Sequence[tuple[LeasedRun, Parking]]) -> None:
        """Park runs that were just taken and cannot be called here; from any thread."""
        for leased, _ in runs:
            leased.decided = True
        self.leased_runs.update(leased for leased, _ in runs)
        self._parked.extend(runs)

    def update_cancellations(self, snapshot: CancellationSnapshot) -> None:
        """Apply the latest poll for cancellations; from any thread."""
        self._loop.call_soon_threadsafe(self._on_cancellations, snapshot)

    def on_payloads(
        self, batch: Sequence[LeasedRun], asked_at: float, found: Mapping[UUID, bytes | None]
    ) -> None:
        """Use payloads that were read by a statement sent at `asked_at`; from any thread.

        `found` lacks runs that are cancelled or another worker's; None: the payload is lost.
        """
        self._loop.call_soon_threadsafe(self._on_payloads, batch, asked_at, found)

    def forget(self, leased: LeasedRun) -> None:
        """Remove a run that is settled, parked or another worker's; from any thread."""
        self._late.discard(leased)
        self.leased_runs.discard(leased)

    def stop(self) -> None:
        """Begin no more calls: park the runs that this worker holds or still gets."""
        self._stopping = True
        self.flow_control.stop()
        self._park_for_others(list(self.leased_runs))

    def close(self) -> None:
        """Park what is held still, as the loop has ended and delivers no more replies."""
        # The settler's thread removes runs meanwhile.
        for leased in list(self.leased_runs):
            leased.begun_at = 0.0
        self.stop()

    def _park_for_others(self, runs: Sequence[LeasedRun]) -> None:
        """Park those whose calls have not begun, for another worker to call them."""
        for leased in runs:
            if not (leased.begun_at or leased.decided):
                self._withdraw(leased)

    def _wait_for(self, runs: Sequence[LeasedRun]) -> None:
        now = self._loop.clock()
        # A poll may have found a run cancelled while its take was being answered.
        self.cancellations.mark(runs)
        if self._stopping:
            self._park_for_others(runs)
            return
        for leased in runs:
            if leased.fire_at <= now:
                self._enqueue(leased, now)
            else:
                self.payload_budget.reserve_early(leased)
                self._due_timers.start(leased, now)
        self._calls.prepare(runs)
        self._pump()

    def _on_cancellations(self, snapshot: CancellationSnapshot) -> None:
        self.cancellations.update(snapshot)
        # All that it names, also what an earlier poll named: a run may have been taken since.
        if snapshot.withdrawn:
            self.cancellations.mark(list(self.leased_runs))
        if self._stalled:
            self._stalled = False
            self.flow_control.resume()
        self._pump()

    def _on_payloads(
        self, batch: Sequence[LeasedRun], asked_at: float, found: Mapping[UUID, bytes | None]
    ) -> None:
        for leased in batch:
            body = found.get(leased.run.id)
            if body is not None:
                leased.confirmed_at = max(leased.confirmed_at, asked_at)
                if self.payload_budget.store(leased, body) and leased.awaiting_payload:
                    self._loaded.append(leased)
            elif leased.awaiting_payload and leased.run.id in found:
                self._undo_begin(leased)
                self._settle(
                    leased, leased.settlement(RunState.DEAD, reason=settlements.CONTENT_LOST)
                )
            elif leased.awaiting_payload:
                self._withdraw(leased)
            elif leased.body is None:
                self.payload_budget.drop(leased)
        self._pump()

    def _due(self, leased: LeasedRun) -> None:
        if self._stopping:
            self._park_for_others([leased])
        else:
            self._enqueue(leased, self._loop.clock())
            self._pump()

    def _enqueue(self, leased: LeasedRun, now: float) -> None:
        self._late.add(leased)
        self._ready.append(leased, now)

    def _pump(self) -> None:
        """Begin ready runs while there is room, and handle sockets in between."""
        if not (self._pumping or self._stopping):
            self._pump_again(more=self._begin_some())

    def _pump_on(self) -> None:
        self._pumping = False
        if self._stopping:
            return
        more = self._begin_some()
        if self._loaded:
            # One at a time, behind all runs with short payloads: signing a long one takes
            # milliseconds.
            self._send_loaded(self._loaded.popleft())
        self._pump_again(more=more)

    def _pump_again(self, *, more: bool) -> None:
        if (more or (self._loaded and not self._stalled)) and not self._pumping:
            self._pumping = True
            self._loop.call_soon(self._pump_on)

    def _begin_some(self) -> bool:
        """Begin the first ready runs; returns whether there may be more to begin."""
        for _ in range(_BEGIN_AT_ONCE):
            leased = self._ready.pop()
            if leased is None:
                return False
            if not self._begin(leased):
                self._ready.put_back(leased)
                return False
        return True

    def _may_begin(self, leased: LeasedRun) -> bool:
        """After a DNS lookup, which may have taken long: set the begin, and check it again."""
        leased.begun_at = self._loop.clock()
        return self._may_go_on(leased)

    def _may_go_on(self, leased: LeasedRun) -> bool:
        """Whether a call may still be made: lease, cancellations and account allow it."""
        now = self._loop.clock()
        sure = leased.is_leased(now) and self.cancellations.confirms(now, leased)
        wanted = not leased.withdrawn and not self.cancellations.stops(leased.run.account_id)
        return sure and wanted and not self._stopping

    def _begin_waiting(self, leased: LeasedRun) -> bool:
        """Begin a run that waited for its destination; False where it has to wait on."""
        return self._slots.has(leased.run.account_id) and self._begin(leased)

    def _begin(self, leased: LeasedRun) -> bool:
        """Begin, end or park a run; False where it waits for the next poll for cancellations."""
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
        if self._has_no_call_now(leased, now):
            return True
        if not self.flow_control.admit(leased, now):
            self.payload_budget.drop(leased)
            return True
        self._slots.begin(leased.run.account_id)
        if not leased.run.size:
            self._send(leased, now)
        elif self.payload_budget.request(leased):
            self._loaded.append(leased)
        return True

    def _has_no_call_now(self, leased: LeasedRun, now: float) -> bool:
        """Whether no call is to be made now: the run ends, lacks a key, or its job has to wait."""
        over = settlements.without_a_call(leased, now)
        if over is not None:
            self._settle(leased, over)
            return True
        missing, until = missing_key(leased), self._job_backoff.until(leased, now)
        if missing is not None:
            self._park(leased, settlements.parked_without_key(leased, missing, now))
        elif until is None:
            return False
        elif until - now <= MAX_WAIT_HERE_S:
            self._loop.call_at(until, self._due, leased)
        else:
            self._park(leased, self._job_backoff.park(leased, until, now))
        return True

    def _send_loaded(self, leased: LeasedRun) -> None:
        """Send a run whose payload was loaded, or keep it until the next poll for cancellations."""
        now = self._loop.clock()
        if not leased.awaiting_payload:
            return  # it was cancelled before its payload came
        if not leased.is_leased(now):
            self._undo_begin(leased)
            self._lose(leased)
        elif leased.withdrawn or self.cancellations.stops(leased.run.account_id):
            self._withdraw(leased)
        elif self.cancellations.confirms(now, leased):
            leased.awaiting_payload = False
            self._send(leased, now)
        else:
            self._stalled = True
            self._loaded.appendleft(leased)

    def _undo_begin(self, leased: LeasedRun) -> None:
        """Free the payload and the slots of a run whose call does not begin after all."""
        leased.awaiting_payload = False
        self.payload_budget.drop(leased)
        self._slots.end(leased.run.account_id)
        self.flow_control.withdrawn(leased)

    def _lose(self, leased: LeasedRun) -> None:
        """Remove a run whose lease ended: another worker may take it."""
        logger.warning("run.lease_lost", run_id=str(leased.run.id))
        self.payload_budget.drop(leased)
        self.forget(leased)

    def _send(self, leased: LeasedRun, now: float) -> None:
        leased.begun_at = now
        call = self._calls.call_of(leased, now)
        if isinstance(call, Call):
            post = self._job_events.post if call.is_grpc else self._engine.post
            post(
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
        settlement = settlements.after_a_call(leased, reply, now=now, jitter=self._jitter())
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
        """Settle a cancelled run; park one of a suspended account, or of a worker that stops."""
        self._late.discard(leased)
        if leased.awaiting_payload:
            self._undo_begin(leased)
        suspended = self.cancellations.stops(leased.run.account_id)
        if leased.withdrawn or not (suspended or self._stopping):
            self._settle(leased, leased.settlement(RunState.CANCELLED))
        else:
            park = settlements.parked_as_suspended if suspended else settlements.parked_as_stopping
            self._park(leased, park(leased))

    def _park(self, leased: LeasedRun, parking: Parking) -> None:
        self.payload_budget.drop(leased)
        leased.decided = True
        self._parked.append((leased, parking))

    def _settle(self, leased: LeasedRun, settlement: Settlement) -> None:
        self.payload_budget.drop(leased)
        leased.decided = True
        self._settlements.append((leased, settlement))
