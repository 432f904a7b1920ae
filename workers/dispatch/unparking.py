"""Unparker: sends for runs that were given back, as their destinations have room for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple
from uuid import UUID

from app.delivery.loop import Loop
from app.domain.circuit_breaker import CLOSED, may_begin
from workers.dispatch.destination import Destination
from workers.dispatch.leased_run import LeasedRun

_CHECK_S: Final = 0.05
_CHECK_EACH_S: Final = 3e-5
"""Pause between two looks: at least the first, and so long for each destination looked at."""

_UNPARK_AHEAD_S: Final = 0.1
_MAX_UNPARKED: Final = 500


class UnparkRequest(NamedTuple):
    """So many runs of a destination are to be fetched; `known` are said to be parked for it."""

    destination: Destination
    number: int
    known: int


class Unparker:
    """Looks after parked runs, in the loop's thread; `summons` is for other threads too.

    `room` says how many more runs may be here at all, `has_slot` whether an account may begin a
    call; `refill` is told of a destination whose slots are no longer spoken for.
    """

    def __init__(
        self,
        loop: Loop,
        *,
        room: Callable[[], int],
        has_slot: Callable[[int], bool],
        refill: Callable[[Destination], None],
    ) -> None:
        self._loop = loop
        self._room = room
        self._has_slot = has_slot
        self._refill = refill
        self._with_parked: dict[Destination, None] = {}
        self._checking = False
        self._unparking = 0
        self._stopped = False
        self.requests: deque[UnparkRequest] = deque()
        """Runs to be fetched, as there is room for them."""

    def watch(self, destination: Destination) -> None:
        """Runs are parked for it: see that they are sent for."""
        self._with_parked[destination] = None
        if not self._checking and not self._stopped:
            self._checking = True
            self._loop.call_at(self._loop.clock() + _CHECK_S, self._check)

    def forget(self, destination: Destination) -> None:
        """Send for none of its runs any more."""
        self._with_parked.pop(destination, None)

    def stop(self) -> None:
        """Send for none at all."""
        self._stopped = True

    def on_parked(self, batch: Sequence[LeasedRun], parked: AbstractSet[UUID]) -> None:
        """These runs were given back; those that were still ours are parked, and can be fetched."""
        for leased in batch:
            destination = leased.destination
            if destination is not None:
                destination.parking -= 1
                if leased.run.id in parked:
                    destination.parked += 1
                    self.watch(destination)

    def on_unparked(self, request: UnparkRequest, number: int) -> None:
        """So many runs were found and taken; fewer than asked for: all that were known are gone."""
        # What was taken has its turn in the loop's next step, ahead of what comes by itself.
        self._loop.call_soon(self._expect_no_more, request, number)

    def _expect_no_more(self, request: UnparkRequest, number: int) -> None:
        destination = request.destination
        destination.expected = 0
        self._unparking -= request.number
        if number == request.number:
            # Other workers park there too: only one that is sent for in vain shows the last.
            destination.parked = max(1, destination.parked - number)
        else:
            destination.parked = max(0, destination.parked - request.known)
        if not destination.parked:
            self.forget(destination)
        destination.update_limit()
        self._refill(destination)

    def _check(self) -> None:
        """Send for parked runs wherever there is room."""
        self._checking = False
        if self._stopped or not self._with_parked:
            return
        now = self._loop.clock()
        left = self._room() - self._unparking
        each = left // len(self._with_parked)
        for destination in list(self._with_parked):
            number = min(_room_at(destination, now), left, max(each, destination.share))
            # Without a slot it would wait here, and others would be sent for on top of it.
            if number > 0 and self._has_slot(destination.account_id):
                left -= number
                self._unparking += number
                # Next time, others come first.
                self._with_parked[destination] = self._with_parked.pop(destination)
                destination.expected = min(number, destination.parked)
                destination.update_limit()
                self.requests.append(UnparkRequest(destination, number, destination.parked))
        self._checking = True
        pause = max(_CHECK_S, len(self._with_parked) * _CHECK_EACH_S)
        self._loop.call_at(now + pause, self._check)


def _room_at(destination: Destination, now: float) -> int:
    """How many of its runs to send for; none where some are on their way."""
    if destination.expected:
        return 0
    breaker = destination.breaker
    in_flight = destination.in_flight + len(destination.waiting)
    if breaker.block_reason is not None:
        probing = destination.probe is not None
        # As a number: PostgreSQL takes no list in which numbers and truth values are mixed.
        return int(
            may_begin(breaker, now, in_flight=in_flight, share=destination.share, probing=probing)
        )
    room = destination.cap(fresh=False) - in_flight
    if breaker is CLOSED:
        room += int((destination.rate or 0.0) * _UNPARK_AHEAD_S)
    return min(room, _MAX_UNPARKED)
