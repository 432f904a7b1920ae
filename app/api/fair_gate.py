"""Fair gate: gives few slots to many requests, taking turns by lane, so that none starves."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final

MAX_WAITING: Final = 256
MAX_WAIT_S: Final = 10.0

Queue = deque[asyncio.Future[None]]


class GateRefused(Exception):
    """Too many requests of a lane wait, or this request has waited too long."""

    def __init__(self, *, slots: int, waiting: int) -> None:
        super().__init__()
        self.slots = slots
        self.waiting = waiting


@dataclass(kw_only=True, slots=True)
class _Lane:
    """The requests of one lane: the number that have a slot, and those that wait, by member."""

    slots: int
    running: int = 0
    waiting: OrderedDict[Hashable, Queue] = field(default_factory=OrderedDict)


class FairGate:
    """Slots that lanes take in turn; a lane has at most `share` of them at once.

    Members of a lane take turns too. A free slot goes to the next waiting lane that is below its
    share, so a lane waits for at most one request of each other lane. Only one event loop may use
    a gate, so it needs no lock.
    """

    def __init__(
        self,
        slots: int,
        share: int,
        *,
        max_waiting: int = MAX_WAITING,
        max_wait_s: float | None = MAX_WAIT_S,
    ) -> None:
        self._free = slots
        self._share = share
        self._max_waiting = max_waiting
        self._max_wait_s = max_wait_s
        self._lanes: dict[Hashable, _Lane] = {}
        self._turns: OrderedDict[Hashable, None] = OrderedDict()

    def slot(self, lane: Hashable, member: Hashable = None, *, share: int | None = None) -> Slot:
        """Return a context that holds a slot; `share`, if given, is the lane's.

        Entering it raises GateRefused.
        """
        return Slot(self, lane, member, self._share if share is None else share)

    async def take(self, key: Hashable, member: Hashable, share: int) -> _Lane:
        """Take a slot, as soon as it is the lane's turn. Raises GateRefused."""
        lane = self.take_free(key, share)
        if lane is None:
            lane = self._lane(key, share)
            await self._wait(key, member, lane)
        return lane

    def take_free(self, key: Hashable, share: int) -> _Lane | None:
        """Take a slot, if it is the lane's turn; None if it is not."""
        if not self.has_room(key, share):
            return None
        lane = self._lane(key, share)
        self._start(lane)
        return lane

    def has_room(self, key: Hashable, share: int) -> bool:
        """Whether a request of the lane would get a slot at once."""
        lane = self._lanes.get(key)
        return self._free > 0 and (lane is None or (lane.running < share and not lane.waiting))

    def give_back(self, key: Hashable, lane: _Lane) -> None:
        """Give back a slot of a lane."""
        lane.running -= 1
        self._free += 1
        self._drop_idle(key, lane)
        self._start_next()

    def half_of_rest(self, lane: Hashable) -> int:
        """Half of the slots that other lanes have left, at least 1.

        With this as the share of each lane, a new lane finds a free slot unless many have theirs.
        """
        found = self._lanes.get(lane)
        return max(1, (self._free + (found.running if found else 0)) // 2)

    def _lane(self, key: Hashable, share: int) -> _Lane:
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(slots=share)
        lane.slots = share
        return lane

    def _start(self, lane: _Lane) -> None:
        self._free -= 1
        lane.running += 1

    async def _wait(self, key: Hashable, member: Hashable, lane: _Lane) -> None:
        queue = lane.waiting.setdefault(member, deque())
        if len(queue) >= self._max_waiting:
            raise GateRefused(slots=lane.slots, waiting=len(queue))
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        self._turns.setdefault(key)
        try:
            async with asyncio.timeout(self._max_wait_s):
                await turn
        except TimeoutError:
            self._leave(key, member, lane, turn)
            raise GateRefused(slots=lane.slots, waiting=len(queue) + 1) from None
        except asyncio.CancelledError:
            self._leave(key, member, lane, turn)
            raise

    def _leave(
        self, key: Hashable, member: Hashable, lane: _Lane, turn: asyncio.Future[None]
    ) -> None:
        """Remove a request that no longer waits; if it has just got a slot, free the slot."""
        if turn.done() and not turn.cancelled():
            lane.running -= 1
            self._free += 1
            self._start_next()
        else:
            queue = lane.waiting[member]
            queue.remove(turn)
            if not queue:
                del lane.waiting[member]
            if not lane.waiting:
                self._turns.pop(key, None)
        self._drop_idle(key, lane)

    def _start_next(self) -> None:
        for key in list(self._turns):
            if not self._free:
                return
            lane = self._lanes[key]
            if lane.running >= lane.slots:
                continue
            found = _first(lane)
            if found is None:
                continue
            member, queue, turn = found
            queue.remove(turn)
            if queue:
                lane.waiting.move_to_end(member)
            else:
                del lane.waiting[member]
            if lane.waiting:
                self._turns.move_to_end(key)
            else:
                del self._turns[key]
            self._start(lane)
            turn.set_result(None)

    def _drop_idle(self, key: Hashable, lane: _Lane) -> None:
        if not lane.running and not lane.waiting:
            self._lanes.pop(key, None)


class Slot:
    """A slot of a gate, held from the beginning of a context to its end."""

    __slots__ = ("_gate", "_key", "_lane", "_member", "_share")

    def __init__(self, gate: FairGate, key: Hashable, member: Hashable, share: int) -> None:
        self._gate = gate
        self._key = key
        self._member = member
        self._share = share

    def is_free(self) -> bool:
        """Whether entering would not wait."""
        return self._gate.has_room(self._key, self._share)

    def take_free(self) -> bool:
        """Enter if that would not wait, and return whether it did not; `leave` ends it."""
        lane = self._gate.take_free(self._key, self._share)
        if lane is None:
            return False
        self._lane = lane
        return True

    def leave(self) -> None:
        """Give the slot back."""
        self._gate.give_back(self._key, self._lane)

    async def take(self) -> None:
        """Enter; `leave` ends it. Raises GateRefused."""
        self._lane = await self._gate.take(self._key, self._member, self._share)

    async def __aenter__(self) -> None:
        await self.take()

    async def __aexit__(self, *_: object) -> None:
        self.leave()


def _first(lane: _Lane) -> tuple[Hashable, Queue, asyncio.Future[None]] | None:
    """The request whose turn it is.

    Passed over are those that have been cancelled, and have not run since to leave their queue.
    """
    waiting = ((member, queue, turn) for member, queue in lane.waiting.items() for turn in queue)
    return next((each for each in waiting if not each[2].done()), None)
