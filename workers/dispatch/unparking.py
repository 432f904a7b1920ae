"""Fetcher: sends for runs that were given back, as their destinations have room for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple
from uuid import UUID

from app.delivery.loop import Loop
from app.domain.circuit_breaker import FREE, may_begin
from workers.dispatch.destination import Destination
from workers.dispatch.leased_run import Held

_LOOK_S: Final = 0.05
_LOOK_EACH_S: Final = 3e-5
"""Pause between two looks: at least the first, and so long for each destination looked at."""

_SUMMON_S: Final = 0.1
_MAX_SUMMONED: Final = 500


class Summons(NamedTuple):
    """So many runs of a destination are to be fetched; `known` are said to be parked for it."""

    destination: Destination
    number: int
    known: int


class Fetcher:
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
        self._parking: dict[Destination, None] = {}
        self._looking = False
        self._fetching = 0
        self._stopped = False
        self.summons: deque[Summons] = deque()
        """Runs to be fetched, as there is room for them."""

    def watch(self, place: Destination) -> None:
        """Runs are parked for it: see that they are sent for."""
        self._parking[place] = None
        if not self._looking and not self._stopped:
            self._looking = True
            self._loop.call_at(self._loop.clock() + _LOOK_S, self._look)

    def forget(self, place: Destination) -> None:
        """Send for none of its runs any more."""
        self._parking.pop(place, None)

    def stop(self) -> None:
        """Send for none at all."""
        self._stopped = True

    def written(self, batch: Sequence[Held], parked: AbstractSet[UUID]) -> None:
        """These runs were given back; those that were still ours are parked, and can be fetched."""
        for held in batch:
            place = held.destination
            if place is not None:
                place.leaving -= 1
                if held.run.id in parked:
                    place.parked += 1
                    self.watch(place)

    def fetched(self, summons: Summons, number: int) -> None:
        """So many runs were found and taken; fewer than asked for: all that were known are gone."""
        # What was taken has its turn in the loop's next step, ahead of what comes by itself.
        self._loop.call_soon(self._expect_no_more, summons, number)

    def _expect_no_more(self, summons: Summons, number: int) -> None:
        place = summons.destination
        place.expected = 0
        self._fetching -= summons.number
        if number == summons.number:
            # Other workers park there too: only one that is sent for in vain shows the last.
            place.parked = max(1, place.parked - number)
        else:
            place.parked = max(0, place.parked - summons.known)
        if not place.parked:
            self.forget(place)
        place.consider()
        self._refill(place)

    def _look(self) -> None:
        """Send for parked runs wherever there is room."""
        self._looking = False
        if self._stopped or not self._parking:
            return
        now = self._loop.clock()
        left = self._room() - self._fetching
        each = left // len(self._parking)
        for place in list(self._parking):
            number = min(_vacant(place, now), left, max(each, place.share))
            # Without a slot it would wait here, and others would be sent for on top of it.
            if number > 0 and self._has_slot(place.account_id):
                left -= number
                self._fetching += number
                # Next time, others come first.
                self._parking[place] = self._parking.pop(place)
                place.expected = min(number, place.parked)
                place.consider()
                self.summons.append(Summons(place, number, place.parked))
        self._looking = True
        pause = max(_LOOK_S, len(self._parking) * _LOOK_EACH_S)
        self._loop.call_at(now + pause, self._look)


def _vacant(place: Destination, now: float) -> int:
    """How many of its runs to send for; none where some are on their way."""
    if place.expected:
        return 0
    brake = place.brake
    under_way = place.in_flight + len(place.waiting)
    if brake.cause is not None:
        probing = place.probe is not None
        # As a number: PostgreSQL takes no list in which numbers and truth values are mixed.
        return int(may_begin(brake, now, under_way=under_way, share=place.share, probing=probing))
    room = place.cap(fresh=False) - under_way
    if brake is FREE:
        room += int((place.rate or 0.0) * _SUMMON_S)
    return min(room, _MAX_SUMMONED)
