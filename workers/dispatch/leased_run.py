"""Held: a run that this worker has taken, from the take to its settlement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.delivery.addressing import JSON, address, payload
from app.delivery.request import Delivery
from app.domain.circuit_breaker import BlockReason
from app.domain.dapr.series import MAX_SECONDS
from app.domain.instants import format_utc
from app.domain.job import Dialect
from app.domain.retry import RetryAt
from app.domain.retry_policy import DEFAULT, Constant, Policy
from app.domain.run import Attempt, RunKind, RunState
from app.domain.timings.leases import LEASE, LEASE_MARGIN
from app.store.parking import Parking
from app.store.settling import CalledTicks, Settlement
from app.store.takes import Taken, Ticket
from workers.dispatch.destination import Destination

_LEASE_S: Final = (LEASE - LEASE_MARGIN).total_seconds()
_SUSPENDED: Final = "suspended"
_NOWHERE: Final = ""
"""Both in place of a destination: nobody sends for the run."""

_KEY_AGAIN_S: Final = 5.0
_MAX_KEY_PAUSE_S: Final = 300.0
"""How soon, and how late at most, a run comes back that a missing key keeps from being sent."""

_UNWELL: Final = frozenset({RunState.FAILED, RunState.DEAD})


@dataclass(slots=True, eq=False)
class LeasedRun:
    """A taken run and what is known of it, in seconds of the monotonic clock.

    `fire_at` is when its attempt may begin; `lease_ends` counts from before the statement that
    took or extended it; `confirmed` is when a statement about this run was sent that found it
    wanted, and `withdrawn` tells whether a later word has it that it is not; `decided` that what
    is to be written of it is known, be it that it is given back; `put_off` is by how
    much it was to begin before `fire_at`, had its destination had room then.
    `address` is the URL to call, None where its endpoint is not configured, or its content is lost.
    `app_token` is what its endpoint knows us by: empty where it does not open. `spared` tells
    whether what does not reach its app consumes nothing. Where the take left the payload behind,
    `body` is it once it was loaded, `counted` tells whether there is room for it, and `awaiting`
    that its turn has come: it has a slot, and is called as soon as the payload is here.
    Where it calls several ticks in a row, `run` is as of the one whose turn it is, but for its id
    and token; `tick` counts those before it, and `called` is what is to be recorded of them, of
    which the first began at `series_since`.
    """

    run: Taken
    secrets: tuple[str, ...]
    fire_at: float
    lease_ends_at: float
    confirmed_at: float
    begun_at: float = 0.0
    parked_for: float = 0.0
    destination: Destination | None = None
    waiting_since: float = 0.0
    withdrawn: bool = False
    decided: bool = False
    address: str | None = None
    app_token: str | None = None
    unreachable_is_free: bool = False
    body: bytes | None = None
    payload_reserved: bool = False
    awaiting_payload: bool = False
    tick: int = 0
    first_tick: Settlement | None = None
    series_since: float = 0.0
    earliest: float = float("-inf")
    """The least that `fire_at` can be, by what the take has told."""

    @property
    def call_id(self) -> UUID:
        """The id of its call: the run's, or one of their own for the further ticks it calls.

        It follows from the run's, so that a tick that is called again has the same.
        """
        return UUID(int=self.run.id.int + self.tick) if self.tick else self.run.id

    @property
    def ticket(self) -> Ticket:
        """What its holder presents."""
        return self.run.id, self.run.token

    def is_leased(self, now: float) -> bool:
        """Whether a call may begin now as far as the lease is concerned."""
        return now < self.lease_ends_at

    @property
    def leased_at(self) -> float:
        """When the statement was sent that gave it its lease, or extended that last."""
        return self.lease_ends_at - _LEASE_S

    def lose_lease(self) -> None:
        """Its lease is another's, or nobody can tell."""
        self.lease_ends_at = float("-inf")

    def extend(self, asked: float) -> None:
        """Its lease was extended by a statement sent at `asked`."""
        self.lease_ends_at = asked + _LEASE_S

    def is_withdrawn_by(self, withdrawn: Mapping[UUID, int]) -> bool:
        """Whether it is among these, each withdrawn from holders of a token up to the one told."""
        return withdrawn.get(self.run.id, 0) >= self.run.token

    def retimed_by(self, offset: float) -> None:
        """Monotonic and the database's clock are at most `offset` apart: its time more closely.

        The take has told that its time does not come before `earliest`. An offset by which it would
        come sooner was read before the database's clock was set, and is not used.
        """
        fire_at = self.run.send_at.timestamp() + offset
        if fire_at >= self.earliest:
            self.fire_at = min(self.fire_at, fire_at)

    def lateness(self, now: float) -> float:
        """Seconds since its attempt was to begin."""
        return max(0.0, now - self.fire_at + self.parked_for)

    def wall(self, now: float) -> datetime:
        """The database's clock at monotonic `now`, as far as this run can tell."""
        return self.run.send_at + timedelta(seconds=now - self.fire_at)

    @property
    def retry(self) -> Policy:
        """How often it is tried again, and until when."""
        manner = self.run.manner
        return DEFAULT if manner is None or manner.retry is None else manner.retry

    @property
    def is_event(self) -> bool:
        """Whether it tells of another run."""
        return self.run.kind == RunKind.EVENT

    @property
    def ends_its_job(self) -> bool:
        """Whether a receiver that is gone takes the job along.

        That of an event speaks for the URL that is told, and a Fusion job is there until its
        account forgets it.
        """
        return not self.is_event and self.run.dialect != Dialect.FUSION

    def wants_event(self, state: RunState | None) -> bool:
        """Whether its job wants to be told that it ends in this state."""
        run = self.run
        if state is RunState.SUCCEEDED:
            return run.tells_success
        return run.tells_failure and state in _UNWELL

    def settlement(
        self,
        state: RunState | None = None,
        *,
        retry: RetryAt | None = None,
        reason: str | None = None,
        gone: bool = False,
        attempt: Attempt | None = None,
        within: int | None = None,
    ) -> Settlement:
        """What is to be written of it: how it ended, or why and until when it waits."""
        run = self.run
        settlement = Settlement(
            self.call_id,
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
            self.wants_event(state),
            run.kind == RunKind.SCHEDULED and not run.missed_in_pause,
            run.serial,
        )
        return (
            settlement if self.first_tick is None else self._with_ticks(settlement, self.first_tick)
        )

    def has_further_tick(self, settlement: Settlement, now: float) -> bool:
        """Whether it may go on with a further tick of its job, after this came of one."""
        further = self.run.further
        if further is None or settlement.state is not RunState.SUCCEEDED or self.withdrawn:
            return False
        since = self.begun_at if self.first_tick is None else self.series_since
        return self.tick < len(further) - 1 and now - since < MAX_SECONDS

    def advance_tick(self, settlement: Settlement) -> None:
        """Turn to the next tick; this came of the one before, which succeeded."""
        following = (self.run.further or ())[self.tick]
        if following is None:
            raise ValueError("no tick follows")
        if self.first_tick is None:
            self.first_tick, self.series_since = settlement, self.begun_at
        self.tick += 1
        later = (following - self.run.send_at).total_seconds()
        self.fire_at += later
        self.earliest += later
        self.begun_at = self.parked_for = self.waiting_since = 0.0
        self.run = self.run._replace(
            due_at=following,
            send_at=following,
            planned_at=None,
            missed=0,
            missed_in_pause=False,
            attempts=0,
            tried=0,
        )

    def interrupted_settlement(self, reason: str) -> Settlement:
        """It has called ticks, and cannot call the next one now: that is a run of its own."""
        return self.settlement(retry=RetryAt(instant=self.run.due_at, reason=reason), reason=reason)

    def _with_ticks(self, settlement: Settlement, first: Settlement) -> Settlement:
        """What came of the tick whose turn it is, with what came of those before it."""
        further = self.run.further or ()
        at = [first.due_at, *further]
        after = at[self.tick + 1]
        ticks = CalledTicks(self.run.id, self.tick, at[1] or first.due_at, after, None)
        if settlement.state is RunState.SUCCEEDED:
            reason = _in_a_row(self.tick + 1, self.run.due_at)
            return first._replace(reason=reason, last=after is None, ticks=ticks)
        before = first
        if self.tick > 1:
            before = first._replace(reason=_in_a_row(self.tick, at[self.tick - 1] or first.due_at))
        return settlement._replace(last=after is None, ticks=ticks._replace(before=before))

    def set_aside(self, *, stopping: bool = False) -> Parking:
        """Give it back at once, for another worker where this one is `stopping`.

        Otherwise its account is suspended: the scheduler rings for no run of that.
        """
        if stopping:
            return self.park(0.0, BlockReason.STOPPING, "The worker that held it was stopped.")
        return self.park(0.0, BlockReason.SUSPENDED, "The account is suspended.", where=_SUSPENDED)

    def park_without_key(self, why: str, now: float) -> Parking:
        """Give it back, as a key is missing: it comes back by itself, the later the longer."""
        park_for = min(max(_KEY_AGAIN_S, self.lateness(now)), _MAX_KEY_PAUSE_S)
        return self.park(park_for, BlockReason.KEY_MISSING, why)

    def park(
        self, park_for: float, block_reason: BlockReason, why: str, *, where: str = _NOWHERE
    ) -> Parking:
        """Give it back for so many seconds, to no destination."""
        self.destination = None
        return Parking(self.run.id, self.run.token, where, park_for, block_reason, why)

    def delivery(self, wall: datetime, completion_token: str | None = None) -> Delivery:
        """What is to be sent at `wall`. The run must have an address."""
        run = self.run
        content_type, data = run.content_type, self.body if run.size else run.data
        if run.endpoint:
            content_type = JSON
            data = payload(data, dialect=run.dialect, run_id=run.id)
        return Delivery(
            self.call_id,
            run.job_id,
            self.address or "",
            content_type,
            run.signature,
            data,
            run.due_at,
            run.attempts + 1,
            wall - run.due_at,
            run.missed,
            run.manner,
            completion_token,
            self.is_event,
            self.app_token,
            run.depth,
        )


def _in_a_row(number: int, last: datetime) -> str:
    return f"{number} ticks were called in a row, the last of them due at {format_utc(last)}."


def lease(
    run: Taken,
    secrets: tuple[str, ...],
    *,
    asked: float,
    answered: float,
    app_token: str | None = None,
) -> LeasedRun:
    """A run taken by a statement sent at `asked` and answered at `answered`.

    The remaining time counts from the answer: the database read its clock before that, so the
    attempt is late by the way back, never early.
    """
    leased = LeasedRun(run, secrets, answered + run.remaining, asked + _LEASE_S, asked)
    leased.earliest = asked + run.remaining
    leased.address = run.url
    leased.unreachable_is_free = run.manner is not None and isinstance(run.manner.retry, Constant)
    if run.endpoint and run.url is not None:
        leased.address = address(run.url, dialect=run.dialect, endpoint=run.endpoint, base=run.base)
        leased.app_token = app_token
    if run.planned_at is not None:
        leased.parked_for = (run.send_at - run.planned_at).total_seconds()
    return leased
