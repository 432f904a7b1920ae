"""LeasedRun: a run that this worker has taken, from the take until it is settled or parked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.delivery.addressing import address
from app.delivery.request import Prepared
from app.domain.circuit_breaker import BlockReason
from app.domain.dapr.series import MAX_SECONDS
from app.domain.endpoint import AppProtocol
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

_CONVERSION_FACTOR: Final = 6
"""A payload takes up to so many times its bytes as a message of gRPC, or as JSON made of one."""

NO_DESTINATION: Final = ""
"""The destination of parked runs that no worker unparks: they wait for something else."""

_FAILURES: Final = frozenset({RunState.FAILED, RunState.DEAD})


@dataclass(slots=True, eq=False)
class LeasedRun:
    """A taken run and what this worker knows about it. Times are in seconds of its monotonic clock.

    Other threads read it; only the loop's thread and the lease watch change it.
    """

    run: Taken
    """The run as the take returned it. Where it calls further ticks of its job, due time and
    attempts are those of the tick whose turn it is; id and token stay."""
    secrets: tuple[str, ...]
    """The signing secrets of its account; empty where none can be opened."""
    fire_at: float
    """When its attempt may begin."""
    lease_ends_at: float
    """When its lease ends, less a margin; counted from before the statement that granted it."""
    confirmed_at: float
    """When the last statement about this run was sent that did not find it cancelled."""
    begun_at: float = 0.0
    """When its call began; 0 while no call of it is in flight."""
    parked_for: float = 0.0
    """How many seconds before `fire_at` its attempt was to begin, had it not been parked."""
    destination: Destination[LeasedRun] | None = None
    """Its destination, once it was looked up."""
    waiting_since: float = 0.0
    """Since when it waits for its turn at its destination; 0 where it does not wait."""
    withdrawn: bool = False
    """Whether it was cancelled, so that its call must not begin."""
    decided: bool = False
    """Whether its settlement or parking is handed to the settler already."""
    address: str | None = None
    """The URL to call; None where its endpoint is not configured or its content is lost."""
    app_token: str | None = None
    """The token by which its app or runner knows this service; empty where it cannot be opened."""
    unreachable_is_free: bool = False
    """Whether a call that does not reach its receiver uses no attempt, as of a Dapr app."""
    body: bytes | None = None
    """Its payload as its app gets it, once it was loaded, where the take left it behind."""
    payload_error: str | None = None
    """Why that payload cannot be sent to its app."""
    payload_reserved: bool = False
    """Whether the payload budget has reserved memory for its payload."""
    awaiting_payload: bool = False
    """Whether its turn has come and it has its slots, but its payload is still to be loaded."""
    tick: int = 0
    """How many ticks of its job it has called before the one whose turn it is."""
    first_tick: Settlement | None = None
    """The settlement of the first of those ticks."""
    series_since: float = 0.0
    """When the call of the first of those ticks began."""
    earliest: float = float("-inf")
    """The least value that `fire_at` can have, according to the take."""
    prepared: Prepared | None = None
    """Its call, where that was built before its time."""

    @property
    def call_id(self) -> UUID:
        """The id of its call: the run's id, or for a further tick an id derived from it.

        So a tick that is called again has the same id.
        """
        return UUID(int=self.run.id.int + self.tick) if self.tick else self.run.id

    @property
    def ticket(self) -> Ticket:
        """Its id and token, which every statement about it presents."""
        return self.run.id, self.run.token

    def is_leased(self, now: float) -> bool:
        """Whether its lease has not ended, so that its call may begin."""
        return now < self.lease_ends_at

    @property
    def leased_at(self) -> float:
        """When the last statement was sent that granted or renewed its lease."""
        return self.lease_ends_at - _LEASE_S

    def lose_lease(self) -> None:
        """Count its lease as ended, as another worker may have it."""
        self.lease_ends_at = float("-inf")

    def extend(self, sent_at: float) -> None:
        """Note that a statement sent at `sent_at` renewed its lease."""
        self.lease_ends_at = sent_at + _LEASE_S

    def is_withdrawn_by(self, withdrawn: Mapping[UUID, int]) -> bool:
        """Whether `withdrawn`, the highest cancelled token of each run, cancels it."""
        return withdrawn.get(self.run.id, 0) >= self.run.token

    def retimed_by(self, offset: float) -> None:
        """Bring `fire_at` closer to its time, now that an `offset` of the clocks is known.

        Monotonic time less the database's clock is at most `offset`. One by which the attempt would
        begin before `earliest` was read before the database's clock was set, and is not used.
        """
        fire_at = self.run.send_at.timestamp() + offset
        if fire_at >= self.earliest:
            self.fire_at = min(self.fire_at, fire_at)

    def lateness(self, now: float) -> float:
        """By how many seconds its attempt is late."""
        return max(0.0, now - self.fire_at + self.parked_for)

    def wall(self, now: float) -> datetime:
        """The database's clock at monotonic `now`, computed from its time to send."""
        return self.run.send_at + timedelta(seconds=now - self.fire_at)

    @property
    def retry(self) -> Policy:
        """Its retry policy."""
        options = self.run.call_options
        return DEFAULT if options is None or options.retry is None else options.retry

    @property
    def is_event(self) -> bool:
        """Whether it is an event: a run that reports the end of another run."""
        return self.run.kind == RunKind.EVENT

    @property
    def ends_its_job(self) -> bool:
        """Whether its job is deleted when the receiver answers 410.

        Not for an event, whose receiver is another than its job's, and not for a Fusion job, which
        exists until its account deletes it.
        """
        return not self.is_event and self.run.dialect != Dialect.FUSION

    def wants_event(self, state: RunState | None) -> bool:
        """Whether its job has a callback for an end in this state."""
        run = self.run
        if state is RunState.SUCCEEDED:
            return run.notify_on_success
        return run.notify_on_failure and state in _FAILURES

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
        """What the settler is to write: how the run ended, or why and until when it waits.

        `gone` is true where the receiver answered 410; `within` is how many seconds the receiver
        has to report the outcome.
        """
        run = self.run
        settlement = Settlement(
            id=self.call_id,
            token=run.token,
            job_id=run.job_id,
            job_version=run.job_version,
            due_at=run.due_at,
            state=state,
            retry_at=retry.instant if retry else None,
            reason=reason,
            ends_job=run.ends_job,
            gone=gone,
            attempt=attempt,
            within=within,
            may_notify=self.wants_event(state),
            counts_for_lateness=run.kind == RunKind.SCHEDULED and not run.precedes_version,
            serial=run.serial,
        )
        return (
            settlement if self.first_tick is None else self._with_ticks(settlement, self.first_tick)
        )

    def has_further_tick(self, settlement: Settlement, now: float) -> bool:
        """Whether it may call a further tick of its job, now that one ended with `settlement`."""
        further = self.run.further
        if further is None or settlement.state is not RunState.SUCCEEDED or self.withdrawn:
            return False
        since = self.begun_at if self.first_tick is None else self.series_since
        return self.tick < len(further) - 1 and now - since < MAX_SECONDS

    def advance_tick(self, settlement: Settlement) -> None:
        """Turn to the next tick; `settlement` is that of the tick before, which succeeded."""
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
        self.prepared = None
        self.run = self.run._replace(
            due_at=following,
            send_at=following,
            planned_at=None,
            missed=0,
            attempts=0,
            attempts_before_redelivery=0,
        )

    def interrupted_settlement(self, reason: str) -> Settlement:
        """The settlement where it has called ticks and cannot call the next one now.

        The next tick then becomes a run of its own.
        """
        return self.settlement(retry=RetryAt(instant=self.run.due_at, reason=reason), reason=reason)

    def _with_ticks(self, settlement: Settlement, first: Settlement) -> Settlement:
        """The settlement of the current tick, together with that of the ticks before it.

        Ticks in a row that succeeded are settled as one run. Of a run that was withdrawn, the last
        is a run of its own: its due time tells where a job that was paused has stopped.
        """
        further = self.run.further or ()
        at = [first.due_at, *further]
        after = at[self.tick + 1]
        ticks = CalledTicks(self.run.id, self.tick, at[1] or first.due_at, after, None)
        if settlement.state is RunState.SUCCEEDED and not self.withdrawn:
            reason = _in_a_row(self.tick + 1, self.run.due_at)
            return first._replace(reason=reason, ends_job=after is None, ticks=ticks)
        before = first
        if self.tick > 1:
            before = first._replace(reason=_in_a_row(self.tick, at[self.tick - 1] or first.due_at))
        return settlement._replace(ends_job=after is None, ticks=ticks._replace(before=before))

    def park(
        self,
        park_for: float,
        block_reason: BlockReason,
        reason: str,
        *,
        destination: str = NO_DESTINATION,
    ) -> Parking:
        """What the settler is to write so that the run waits in the database for a while.

        It waits for no destination of this worker.
        """
        self.destination = None
        return Parking(
            id=self.run.id,
            token=self.run.token,
            destination=destination,
            park_for=park_for,
            block_reason=block_reason,
            reason=reason,
        )


def _in_a_row(number: int, last: datetime) -> str:
    return f"{number} ticks were called in a row, the last of them due at {format_utc(last)}."


def lease(
    run: Taken,
    secrets: tuple[str, ...],
    *,
    sent_at: float,
    answered: float,
    app_token: str | None = None,
) -> LeasedRun:
    """The leased run of a take that was sent at `sent_at` and answered at `answered`.

    `run.remaining` counts from the answer. The database read its clock before it answered, so the
    attempt is late by the way back, never early.
    """
    leased = LeasedRun(
        run=run,
        secrets=secrets,
        fire_at=answered + run.remaining,
        lease_ends_at=sent_at + _LEASE_S,
        confirmed_at=sent_at,
        earliest=sent_at + run.remaining,
    )
    leased.address = run.url
    leased.unreachable_is_free = run.call_options is not None and isinstance(
        run.call_options.retry, Constant
    )
    if run.endpoint and run.url is not None:
        leased.address = address(
            run.url,
            dialect=run.dialect,
            endpoint=run.endpoint,
            base=run.base,
            protocol=run.protocol,
        )
        leased.app_token = app_token
        if run.size and (run.protocol == AppProtocol.GRPC or run.type_url is not None):
            leased.run = run._replace(size=run.size * _CONVERSION_FACTOR)
    if run.planned_at is not None:
        leased.parked_for = (run.send_at - run.planned_at).total_seconds()
    return leased
