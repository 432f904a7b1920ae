"""Destinations: which runs of this worker may be sent now, which wait, and which are given back."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from app.delivery.addressing import missing
from app.delivery.loop import Loop
from app.domain.circuit_breaker import (
    FREE,
    LOST,
    PATIENT_FOR,
    Cause,
    absent,
    after,
    is_soon,
    leave,
    leave_unreachable,
    may_begin,
    reason,
)
from app.domain.run import Reply
from app.domain.target import split
from app.errors import InvalidMember
from app.log import logger
from app.store.parking import Parking
from workers.dispatch.destination import NOBODY, Destination
from workers.dispatch.leased_run import Held
from workers.dispatch.unparking import Fetcher
from workers.dispatch.unreachable import Unreachable

_PATIENCE_S: Final = 1.0
_CROWD: Final = 500
_MIN_ROOM: Final = 100
_TIDY_S: Final = 10.0
_CROWDED_TIDY_S: Final = 1.0
_IDLE_S: Final = 60.0
_MAX_KNOWN: Final = 20_000
_SEASONING: Final = 0.1

_Key = tuple[int, str, int, str, bool]


class Destinations:
    """Flow control, in the loop's thread; `releases` and `crowded` are for other threads too.

    `turn` begins a run that waited, or returns False where it cannot now. `has_slot` says whether
    an account may begin a call at all. `limits` has the accounts with another number of
    `connections`; at most `most_waiting` runs wait here.
    """

    def __init__(
        self,
        loop: Loop,
        turn: Callable[[Held], bool],
        *,
        has_slot: Callable[[int], bool],
        connections: int,
        limits: Mapping[int, int],
        most_waiting: int,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._loop = loop
        self._turn = turn
        self._connections = connections
        self._limits = limits
        self._most_waiting = max(1, most_waiting)
        self._jitter = jitter
        self._known: dict[_Key, Destination] = {}
        self._unreachable = Unreachable()
        self._tidying = False
        self._tidied_at = 0.0
        self._waiting = 0
        self._workers = 1
        self.releases: deque[tuple[Held, Parking]] = deque()
        """Runs given back, to be written so."""
        self.fetcher = Fetcher(loop, room=self._room, has_slot=has_slot, refill=self._refill)

    @property
    def crowded(self) -> bool:
        """Whether so many runs wait for their destination that no more overdue ones are wanted."""
        return self._waiting >= _CROWD

    @property
    def accounts(self) -> set[int]:
        """The accounts whose destinations are known; from any thread."""
        return {each.account_id for each in list(self._known.values())}

    # What the courier tells of a run.

    def admits(self, held: Held, now: float) -> bool:
        """Whether the run may begin now, and then counts as under way.

        If not, it has been put aside here: it waits for its turn, or is given back.
        """
        place = held.destination
        if place is None:
            if held.address is None:
                self._miss(held, now)
                return False
            place = self._find(held, held.address)
            if place is None:
                return True
        if place.in_flight < place.limit:
            place.in_flight += 1
            return True
        return self._consider(held, place, now)

    def done(self, held: Held, reply: Reply, now: float) -> None:
        """A call that was admitted has ended."""
        place = held.destination
        if place is None:
            return
        place.in_flight -= 1
        place.seen = now
        took = now - held.begun
        known = place.seconds
        place.seconds = took if known is None else known + (took - known) * _SEASONING
        status = reply.status
        if place.brake is not FREE or status is None or not 200 <= status < 300:  # noqa: PLR2004 - a success
            self._judge(held, place, reply, now)
        self._refill(place)

    def unreached(self, held: Held, reply: Reply, now: float) -> None:
        """A call that was admitted met nobody, and counts for nothing: its run is given back."""
        self.done(held, reply, now)
        if held.destination is not None:
            self._give_back(held, held.destination, Cause.AWAY, now, called=True)

    def withdrawn(self, held: Held) -> None:
        """A run that was admitted did not begin after all; it will ask again."""
        place = held.destination
        if place is None:
            return
        place.in_flight -= 1
        if place.probe is held:
            place.probe = None
        held.waits_since = 0.0
        self._refill(place)

    # What the station tells.

    def share_among(self, workers: int) -> None:
        """So many workers share what each account may have under way."""
        self._workers = max(1, workers)
        for place in self._known.values():
            place.share_out(self._allowed(place.account_id), self._workers)

    def go_on(self) -> None:
        """Begin what had its turn while no call could begin."""
        for place in list(self._known.values()):
            self._refill(place)

    def stop(self) -> None:
        """Let nothing wait any more, and send for nothing: the courier gives back what waits."""
        self.fetcher.stop()
        for place in self._known.values():
            place.waiting = NOBODY
        self._waiting = 0

    # Inside.

    def _find(self, held: Held, address: str) -> Destination | None:
        run = held.run
        try:
            target = split(address)
        except InvalidMember:
            return None
        if run.endpoint:
            self._found(run.account_id, run.endpoint)
        return self._at(
            held, (run.account_id, target.host, target.port, target.scheme, held.spared)
        )

    def _miss(self, held: Held, now: float) -> None:
        """There is no such app: as one that cannot be reached, known by its name alone."""
        run = held.run
        place = self._at(held, _unknown(run.account_id, run.endpoint or ""))
        place.seen = now
        if now >= place.brake.until:
            trouble, number = missing(run.endpoint, run.dialect), self._number_unreachable(place)
            place.brake = absent(place.brake, trouble, now, unreachable=number)
            self._unreachable.note(place)
            place.consider()
        self._give_back(held, place, Cause.AWAY, now)

    def _found(self, account_id: int, endpoint: str) -> None:
        """The app is there: what waited because it was not may come."""
        place = self._known.get(_unknown(account_id, endpoint))
        if place is not None and place.brake is not FREE:
            place.brake = FREE
            self._unreachable.forget(place)
            place.consider()

    def _at(self, held: Held, key: _Key) -> Destination:
        run = held.run
        place = self._known.get(key)
        if place is None:
            place = self._known[key] = self._make(key)
        if run.planned_at is not None and not place.parked:
            # Others may be parked there that this worker knows nothing of.
            place.parked = 1
            self.fetcher.watch(place)
        held.destination = place
        return place

    def _make(self, key: _Key) -> Destination:
        account_id, host, port, scheme, spared = key
        place = Destination(account_id, scheme, host, port, 1, spared=spared)
        place.share_out(self._allowed(account_id), self._workers)
        place.seen = self._loop.clock()
        if not self._tidying:
            self._tidying = True
            self._loop.call_at(place.seen + _TIDY_S, self._tidy)
        if len(self._known) >= _MAX_KNOWN and place.seen - self._tidied_at > _CROWDED_TIDY_S:
            self._forget_idle(place.seen)
        return place

    def _allowed(self, account_id: int) -> int:
        return self._limits.get(account_id, self._connections)

    def _consider(self, held: Held, place: Destination, now: float) -> bool:
        brake = place.brake
        cap = place.cap(fresh=held.run.planned_at is None)
        cause = brake.cause
        impatient = cause is not Cause.AWAY and held.lateness(now) > PATIENT_FOR
        if cause is None or impatient:
            if place.in_flight < cap:
                place.in_flight += 1
                return True
            if self._is_soon(held, place, cap):
                self._wait(held, place, now)
                return False
            cause = Cause.FULL
        elif may_begin(
            brake,
            now,
            under_way=place.in_flight,
            share=place.share,
            probing=place.probe is not None,
        ):
            place.probe = held
            place.in_flight += 1
            return True
        self._give_back(held, place, cause, now)
        return False

    def _is_soon(self, held: Held, place: Destination, cap: int) -> bool:
        if held.waits_since:
            return True
        if self._waiting >= self._most_waiting:
            return False
        return is_soon(ahead=len(place.waiting), seconds=place.seconds, share=max(1, cap))

    def _wait(self, held: Held, place: Destination, now: float) -> None:
        self._waiting += 1
        if place.waiting is NOBODY:
            place.waiting = deque()
        if held.waits_since:
            place.waiting.appendleft(held)
        else:
            held.waits_since = now
            place.waiting.append(held)
        if not place.sweeping:
            place.sweeping = True
            self._loop.call_at(held.waits_since + _PATIENCE_S, self._sweep, place)

    def _sweep(self, place: Destination) -> None:
        """Give back what hoped in vain to begin soon."""
        place.sweeping = False
        now = self._loop.clock()
        waiting = place.waiting
        swept = False
        while waiting and waiting[0].waits_since + _PATIENCE_S <= now:
            self._waiting -= 1
            self._give_back(waiting.popleft(), place, Cause.FULL, now)
            swept = True
        if swept:
            place.seconds = max(_PATIENCE_S, 2 * (place.seconds or 0.0))
        if waiting:
            place.sweeping = True
            self._loop.call_at(waiting[0].waits_since + _PATIENCE_S, self._sweep, place)

    def _refill(self, place: Destination) -> None:
        """Begin what waits while there is room."""
        waiting = place.waiting
        for _ in range(len(waiting)):
            held = waiting[0]
            if place.in_flight >= place.cap(fresh=held.run.planned_at is None):
                return
            waiting.popleft()
            self._waiting -= 1
            if not self._turn(held):
                waiting.appendleft(held)
                self._waiting += 1
                return

    def _room(self) -> int:
        # Those for which there is room have it also while others wait elsewhere.
        return max(self._most_waiting - self._waiting, min(_MIN_ROOM, self._most_waiting))

    def _judge(self, held: Held, place: Destination, reply: Reply, now: float) -> None:
        if place.probe is held:
            place.probe = None
        before = place.brake
        place.brake = brake = after(
            before,
            reply,
            begun=held.begun,
            now=now,
            wall=held.wall(now),
            share=place.share,
            spared=place.spared,
            unreachable=self._number_unreachable(place),
        )
        if Cause.AWAY in {before.cause, brake.cause}:
            self._unreachable.note(place)
        place.consider()
        if brake.cause is not None:
            self._clear(place, brake.cause, now)
        if (before.cause in LOST) is not (brake.cause in LOST):
            where = {"account_id": place.account_id, "destination": place.key}
            if brake.cause in LOST:
                last, detail = reply.error or reply.status, reply.log_detail or reply.error_detail
                logger.warning("destination.down", **where, last=last, detail=detail)
            else:
                logger.warning("destination.up", **where)

    def _number_unreachable(self, place: Destination) -> int:
        """How many destinations of the same account no call reaches, this one included."""
        number = self._unreachable.number(place.account_id)
        return number if place.brake.cause is Cause.AWAY else number + 1

    def _clear(self, place: Destination, cause: Cause, now: float) -> None:
        """Give back all that waits."""
        while place.waiting:
            self._waiting -= 1
            self._give_back(place.waiting.popleft(), place, cause, now)

    def _give_back(
        self, held: Held, place: Destination, cause: Cause, now: float, *, called: bool = False
    ) -> None:
        run = held.run
        held.decided = True
        place.leaving += 1
        held_up = max(0.0, place.brake.until - now) if cause is not Cause.FULL else 0.0
        why = reason(
            cause,
            place.host,
            under_way=place.in_flight,
            at=held.wall(now + held_up),
            trouble=place.brake.trouble,
        )
        jitter = self._jitter()
        if cause is Cause.AWAY:
            parked = self._unreachable.parked(place.account_id, now)
            stays = leave_unreachable(parked=parked, held_up=held_up, jitter=jitter)
        else:
            stays = leave(
                parked=place.parked + place.leaving,
                rate=place.rate,
                held_up=held_up,
                late=held.lateness(now),
                jitter=jitter,
            )
        release = Parking(run.id, run.token, place.key, stays, cause, why, called)
        self.releases.append((held, release))

    # Forgetting what is idle.

    def _tidy(self) -> None:
        now = self._loop.clock()
        self._forget_idle(now)
        self._tidying = bool(self._known)
        if self._known:
            self._loop.call_at(now + _TIDY_S, self._tidy)

    def _forget_idle(self, now: float) -> None:
        """Forget what has long been idle; where too many are known, whatever is idle now."""
        self._tidied_at = now
        crowd = len(self._known) >= _MAX_KNOWN
        for key, place in list(self._known.items()):
            waits = place.parked or now < place.brake.until
            if place.idle and (crowd or (not waits and now - place.seen > _IDLE_S)):
                del self._known[key]
                self._unreachable.forget(place)
                self.fetcher.forget(place)


def _unknown(account_id: int, endpoint: str) -> _Key:
    """Where runs wait for an app that is not configured: no host is called so."""
    return account_id, endpoint, 0, "", True
