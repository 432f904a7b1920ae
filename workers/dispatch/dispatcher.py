"""Courier: the runs this worker holds, each sent at its time through the one engine."""

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
from app.domain.timings import RETIME_BEFORE
from app.log import logger
from app.store.parking import Parking
from app.store.settling import Settlement
from workers.dispatch.calls import ABORTED, WITHDRAWN, Sender, call_of, missing_key
from workers.dispatch.cancellations import Cancellations, CancellationSnapshot
from workers.dispatch.fair_queue import Line, Slots
from workers.dispatch.flow_control import Destinations
from workers.dispatch.job_backoff import MAX_WAIT_HERE_S, JobBrakes
from workers.dispatch.leased_run import Held
from workers.dispatch.payload_budget import Payloads
from workers.dispatch.settlements import LOST, after_a_call, without_a_call
from workers.dispatch.unparking import Summons

_RETIME_BEFORE_S: Final = RETIME_BEFORE.total_seconds()
_BEGIN_AT_ONCE: Final = 16
"""Few: answers are heard in between, and calls under way are the cheaper the fewer they are."""

_LATE_ENOUGH: Final = 600
"""What a loop at its fastest sends while another batch is taken; others may take the rest."""

_PUNCTUAL_S: Final = 2.0


class Courier:
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
        self._slots = Slots(concurrency)
        self._punctual = Line(self._slots)
        self._overdue = Line(self._slots)
        self._loaded: deque[Held] = deque()
        self._pumping = False
        self._late: set[Held] = set()
        self.cancellations = Cancellations(loop.clock, loop.wall)
        self._stalled = False
        self._brakes = JobBrakes()
        self._stopping = False
        self.destinations = Destinations(
            loop,
            self._turn,
            has_slot=self._slots.has,
            connections=connections,
            limits=limits,
            most_waiting=concurrency // 2,
            jitter=jitter,
        )
        self.payloads = Payloads(payload_bytes)
        self.held: set[Held] = set()
        self.outcomes: deque[tuple[Held, Settlement]] = deque()
        """What came of runs, to be settled."""

    @property
    def saturated(self) -> bool:
        """Whether more overdue runs would only wait here instead of in the queue."""
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

    def update_cancellations(self, snapshot: CancellationSnapshot) -> None:
        """Hear which runs are wanted no more; from any thread."""
        self._loop.call_soon_threadsafe(self._on_cancellations, snapshot)

    def loaded(
        self, batch: Sequence[Held], asked_at: float, found: Mapping[UUID, bytes | None]
    ) -> None:
        """Hear the payloads of the runs still wanted, None where it is lost; from any thread."""
        self._loop.call_soon_threadsafe(self._on_loaded, batch, asked_at, found)

    def given_back(self, batch: Sequence[Held], parked: AbstractSet[UUID]) -> None:
        """Let go of runs that were given back; from any thread."""
        for held in batch:
            self.forget(held)
        self._loop.call_soon_threadsafe(self.destinations.fetcher.written, batch, parked)

    def settled_instead(self, batch: Sequence[Held]) -> None:
        """Hear that runs are settled, not given back as they were to be; from any thread.

        They are let go of when that is written.
        """
        self._loop.call_soon_threadsafe(self.destinations.fetcher.written, batch, frozenset[UUID]())

    def fetched(self, summons: Summons, number: int) -> None:
        """Hear how many parked runs were taken for a destination; from any thread."""
        self._loop.call_soon_threadsafe(self.destinations.fetcher.fetched, summons, number)

    def share_among(self, workers: int) -> None:
        """Hear how many workers there are; from any thread."""
        self._loop.call_soon_threadsafe(self.destinations.share_among, workers)

    def forget(self, held: Held) -> None:
        """Let go of a run: it was settled, or is no longer this worker's; from any thread."""
        self._late.discard(held)
        self.held.discard(held)

    def stop(self) -> None:
        """Begin no call any more: runs are given back, those that are held and those that come."""
        self._stopping = True
        self.destinations.stop()
        self._leave_to_others(list(self.held))

    def _leave_to_others(self, runs: Sequence[Held]) -> None:
        """Give back those whose calls have not begun, for another worker to call them."""
        for held in runs:
            if not (held.begun or held.decided):
                self._withdraw(held)

    def _wait_for(self, runs: Sequence[Held]) -> None:
        now = self._loop.clock()
        # A word may have told of a run while its take was being answered.
        self._apply_cancellations(runs)
        if self._stopping:
            self._leave_to_others(runs)
            return
        offset = self.cancellations.offset(now)
        for held in runs:
            if held.fire_at <= now:
                self._line_up(held, now)
                continue
            self.payloads.get_ahead(held)
            near_at = held.fire_at - _RETIME_BEFORE_S
            if near_at > now and held.address is not None:
                self._engine.prepare(held.address)
            if offset is None and near_at > now:
                self._loop.call_at(near_at, self._near, held)
            else:
                self._set_timer(held, offset)
        self._pump()

    def _near(self, held: Held) -> None:
        self._set_timer(held, self.cancellations.offset(self._loop.clock()))

    def _set_timer(self, held: Held, offset: float | None) -> None:
        """The answer to a take is large: a word takes less time on its way, and tells it closer."""
        if offset is not None:
            held.nearer(offset)
        self._loop.call_at(held.fire_at, self._due, held)

    def _on_cancellations(self, snapshot: CancellationSnapshot) -> None:
        self.cancellations.update(snapshot)
        # All that it names, also what the word before named: a run may have been taken since.
        if snapshot.withdrawn:
            self._apply_cancellations(list(self.held))
        if self._stalled:
            self._stalled = False
            self.destinations.go_on()
        self._pump()

    def _apply_cancellations(self, runs: Sequence[Held]) -> None:
        """Some may be under way: they go on, and only those still to begin are withdrawn."""
        withdrawn = self.cancellations.withdrawn
        if withdrawn:
            for held in runs:
                held.withdrawn = held.withdrawn or held.is_withdrawn_by(withdrawn)

    def _on_loaded(
        self, batch: Sequence[Held], asked_at: float, found: Mapping[UUID, bytes | None]
    ) -> None:
        for held in batch:
            body = found.get(held.run.id)
            if body is not None:
                held.confirmed = max(held.confirmed, asked_at)
                if self.payloads.arrived(held, body) and held.awaiting:
                    self._loaded.append(held)
            elif held.awaiting and held.run.id in found:
                self._step_back(held)
                self._settle(held, held.came_to(RunState.DEAD, reason=LOST))
            elif held.awaiting:
                self._withdraw(held)
            elif held.body is None:
                self.payloads.drop(held)
        self._pump()

    def _due(self, held: Held) -> None:
        if self._stopping:
            self._leave_to_others([held])
        else:
            self._line_up(held, self._loop.clock())
            self._pump()

    def _line_up(self, held: Held, now: float) -> None:
        self._late.add(held)
        (self._overdue if held.lateness(now) > _PUNCTUAL_S else self._punctual).append(held)

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
            line = self._punctual
            held = line.pop()
            if held is None:
                line = self._overdue
                held = line.pop()
            if held is None:
                return False
            if not self._begin(held):
                line.put_first([held])
                return False
        return True

    def _may_begin(self, held: Held) -> bool:
        """A look-up took its time: whether the call may begin now, which is when it begins."""
        held.begun = self._loop.clock()
        return self._may_go_on(held)

    def _may_go_on(self, held: Held) -> bool:
        """An address was tried in vain: whether the call may be made at the next one."""
        now = self._loop.clock()
        sure = held.lease_runs(now) and self.cancellations.confirms(now, held)
        wanted = not held.withdrawn and not self.cancellations.stops(held.run.account_id)
        return sure and wanted and not self._stopping

    def _turn(self, held: Held) -> bool:
        """A run that waited for its destination has its turn; False where it has to wait on."""
        return self._slots.has(held.run.account_id) and self._begin(held)

    def _begin(self, held: Held) -> bool:
        """Send it, or end it; False where it has to wait for the next word."""
        now = self._loop.clock()
        if not held.lease_runs(now):
            self._lose(held)
            return True
        if held.withdrawn or self.cancellations.stops(held.run.account_id):
            self._withdraw(held)
            return True
        if not self.cancellations.confirms(now, held):
            self._stalled = True
            return False
        self._late.discard(held)
        if self._is_put_off(held, now):
            return True
        if not self.destinations.admits(held, now):
            self.payloads.drop(held)
            return True
        self._slots.begin(held.run.account_id)
        if not held.run.size:
            self._send(held, now)
        elif self.payloads.ready(held):
            self._loaded.append(held)
        return True

    def _is_put_off(self, held: Held, now: float) -> bool:
        """Whether its call does not begin now: there is none to make, or its job has to wait."""
        over = without_a_call(held, now)
        if over is not None:
            self._settle(held, over)
            return True
        missing, until = missing_key(held), self._brakes.until(held, now)
        if missing is not None:
            self._give_back(held, held.without_key(missing, now))
        elif until is None:
            return False
        elif until - now <= MAX_WAIT_HERE_S:
            self._loop.call_at(until, self._due, held)
        else:
            self._give_back(held, self._brakes.release(held, until, now))
        return True

    def _resume(self, held: Held) -> None:
        """Send a run whose payload has arrived, unless it has to wait for the next word."""
        now = self._loop.clock()
        if not held.awaiting:
            return  # it was withdrawn meanwhile
        if not held.lease_runs(now):
            self._step_back(held)
            self._lose(held)
        elif held.withdrawn or self.cancellations.stops(held.run.account_id):
            self._withdraw(held)
        elif self.cancellations.confirms(now, held):
            held.awaiting = False
            self._send(held, now)
        else:
            self._stalled = True
            self._loaded.appendleft(held)

    def _step_back(self, held: Held) -> None:
        """A run that had its turn will not begin: its payload and its places are free."""
        held.awaiting = False
        self.payloads.drop(held)
        self._slots.end(held.run.account_id)
        self.destinations.withdrawn(held)

    def _lose(self, held: Held) -> None:
        """Its lease ran out: it is no longer ours."""
        logger.warning("run.lease_lost", run_id=str(held.run.id))
        self.payloads.drop(held)
        self.forget(held)

    def _send(self, held: Held, now: float) -> None:
        held.begun = now
        call = call_of(held, now, self._tokens)
        if isinstance(call, Call):
            self._engine.post(
                call,
                partial(self._done, held),
                may_begin=partial(self._may_begin, held),
                may_go_on=partial(self._may_go_on, held),
            )
        else:
            self._done(held, call)

    def _done(self, held: Held, reply: Reply) -> None:
        self._slots.end(held.run.account_id)
        self.payloads.drop(held)
        if reply.error in {WITHDRAWN, ABORTED}:
            held.begun = 0.0
            self.destinations.withdrawn(held)
            self._due(held)
            return
        now = self._loop.clock()
        begun = held.begun
        attempt = Attempt(
            held.run.attempts + 1, held.wall(begun), held.lateness(begun) * 1000, reply
        )
        settlement = after_a_call(held, attempt, now=now, jitter=self._jitter())
        if isinstance(settlement, Unreached):
            self.destinations.unreached(held, reply, now)
        elif held.has_more(settlement, now) and not self._stopping:
            self.destinations.done(held, reply, now)
            held.go_on(settlement)
            self._wait_for([held])
        else:
            if settlement.state is not None:
                self._brakes.note(held, reply, now)
            self._settle(held, settlement)
            self.destinations.done(held, reply, now)
        self._pump()

    def _withdraw(self, held: Held) -> None:
        """Its account is suspended, this worker stops, or, as the token tells, it is not wanted."""
        self._late.discard(held)
        if held.awaiting:
            self._step_back(held)
        suspended = self.cancellations.stops(held.run.account_id)
        if held.withdrawn or not (suspended or self._stopping):
            self._settle(held, held.came_to(RunState.CANCELLED))
        else:
            self._give_back(held, held.set_aside(stopping=not suspended))

    def _give_back(self, held: Held, release: Parking) -> None:
        self.payloads.drop(held)
        held.decided = True
        self.destinations.releases.append((held, release))

    def _settle(self, held: Held, settlement: Settlement) -> None:
        self.payloads.drop(held)
        held.decided = True
        self.outcomes.append((held, settlement))
