"""Unparker: asks for parked runs as soon as their destinations have room for them."""

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
"""Seconds between two checks: at least the first, and the second for each destination checked."""

_UNPARK_AHEAD_S: Final = 0.1
"""Runs that begin within so many seconds are asked for ahead of time, as taking them takes time."""

_MAX_UNPARKED: Final = 500
"""Runs of one destination that are asked for at once, at most."""


class UnparkRequest(NamedTuple):
    """A request to take parked runs of one destination."""

    destination: Destination[LeasedRun]
    number: int
    """How many runs to take, at most."""
    known: int
    """How many runs were parked there, as far as the worker knew."""


class Unparker:
    """Counts parked runs by destination, and requests them; `requests` is read by the poller.

    Used by the loop's thread, but for `on_parked` and `on_unparked`. `room` returns how many more
    runs this worker may hold for their destinations, `has_slot` whether an account may begin a
    call. `refill` begins the runs that wait at a destination once the expected runs have come.
    """

    def __init__(
        self,
        loop: Loop,
        requests: deque[UnparkRequest],
        *,
        room: Callable[[], int],
        has_slot: Callable[[int], bool],
        refill: Callable[[Destination[LeasedRun]], None],
    ) -> None:
        self._loop = loop
        self._requests = requests
        self._room = room
        self._has_slot = has_slot
        self._refill = refill
        self._with_parked: dict[Destination[LeasedRun], None] = {}
        self._checking = False
        self._requested = 0
        self._stopped = False

    def watch(self, destination: Destination[LeasedRun]) -> None:
        """Request parked runs of this destination from now on, as it has room."""
        self._with_parked[destination] = None
        if not self._checking and not self._stopped:
            self._checking = True
            self._loop.call_at(self._loop.clock() + _CHECK_S, self._check)

    def forget(self, destination: Destination[LeasedRun]) -> None:
        """Request no more runs of this destination."""
        self._with_parked.pop(destination, None)

    def stop(self) -> None:
        """Request no more runs at all."""
        self._stopped = True

    def on_parked(self, batch: Sequence[LeasedRun], parked: AbstractSet[UUID]) -> None:
        """Count runs that were to be parked; from any thread.

        Those in `parked` were; the others were no longer this worker's, or were settled instead.
        """
        self._loop.call_soon_threadsafe(self._count_parked, batch, parked)

    def on_unparked(self, request: UnparkRequest, number: int) -> None:
        """Note that `number` runs were found for this request; from any thread."""
        # One step of the loop later the runs that were taken have had their turn, ahead of others.
        self._loop.call_soon_threadsafe(self._loop.call_soon, self._expect_no_more, request, number)

    def _count_parked(self, batch: Sequence[LeasedRun], parked: AbstractSet[UUID]) -> None:
        for leased in batch:
            destination = leased.destination
            if destination is not None:
                destination.parking -= 1
                if leased.run.id in parked:
                    destination.parked += 1
                    self.watch(destination)

    def _expect_no_more(self, request: UnparkRequest, number: int) -> None:
        """End a request. Where fewer runs than requested were found, no known one is left."""
        destination = request.destination
        destination.expected = 0
        self._requested -= request.number
        if number == request.number:
            # Other workers park runs there too: only a request in vain shows that none is left.
            destination.parked = max(1, destination.parked - number)
        else:
            destination.parked = max(0, destination.parked - request.known)
        if not destination.parked:
            self.forget(destination)
        destination.update_limit()
        self._refill(destination)

    def _check(self) -> None:
        """Request parked runs for each destination that has room."""
        self._checking = False
        if self._stopped or not self._with_parked:
            return
        now = self._loop.clock()
        left = self._room() - self._requested
        each = left // len(self._with_parked)
        for destination in list(self._with_parked):
            number = min(_room_at(destination, now), left, max(each, destination.share))
            # Without a slot of its account a run would wait here, and more be requested after it.
            if number > 0 and self._has_slot(destination.account_id):
                left -= number
                self._requested += number
                # The next check begins with the other destinations.
                self._with_parked[destination] = self._with_parked.pop(destination)
                destination.expected = min(number, destination.parked)
                destination.update_limit()
                self._requests.append(UnparkRequest(destination, number, destination.parked))
        self._checking = True
        pause = max(_CHECK_S, len(self._with_parked) * _CHECK_EACH_S)
        self._loop.call_at(now + pause, self._check)


def _room_at(destination: Destination[LeasedRun], now: float) -> int:
    """How many parked runs to request for it; none while runs are expected."""
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
