"""Run, attempt, reply: one firing of a job, its HTTP calls, and the result of each call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID


class RunState(StrEnum):
    """The state of a run; the last four are final (docs/state_machine.md)."""

    CLAIMED = "claimed"
    TAKEN = "taken"
    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DEAD = "dead"


LIVE: Final = frozenset({RunState.CLAIMED, RunState.TAKEN, RunState.WAITING, RunState.RUNNING})
"""The states of a run that is under way."""

SETTLED: Final = frozenset(RunState) - LIVE
"""The states of a run that is over."""


FIRST_TOKEN: Final = 1
"""The token of a claimed run that no worker has taken yet; each take raises the token."""

PAUSED: Final = "the job was paused"
"""The reason of runs that a pause withdrew; statements tell them by it (`was_paused`)."""

KEPT_BODY: Final = 1024
"""Bytes of a response's body that are read into a Reply, and kept with its attempt."""

MAX_DEPTH: Final = 3
"""The callback depth from which on a request is refused: calls led to it, one to the next."""

DEPTH_HEADER: Final = "Wakecall-Depth"
"""A call carries the callback depth of the requests that it leads to; receivers pass it on."""


class RunKind(StrEnum):
    """Why a run exists.

    Its job was due, a client asked for it, it reports another run, or another job ended.
    """

    SCHEDULED = "scheduled"
    MANUAL = "manual"
    EVENT = "event"
    CHAINED = "chained"


class Timing(NamedTuple):
    """Milliseconds from the start of the call to each milestone; None if it was not reached.

    All values that are made for every call are named tuples: a frozen dataclass takes twice as
    long to make.
    """

    dns: float | None = None
    connect: float | None = None
    tls: float | None = None
    first_byte: float | None = None
    total: float = 0.0


_UNTIMED: Final = Timing()


class Reply(NamedTuple):
    """The response to one HTTP call, or why there is none: either `status` or `error` is set."""

    status: int | None = None
    """The status of a complete, final response."""
    error: str | None = None
    """One of the stable codes of docs/decisions/0004-outbound-client.md, such as `timeout`."""
    error_detail: str | None = None
    """The error in words."""
    headers: tuple[tuple[str, str], ...] = ()
    """The headers, cut to what history keeps."""
    body: bytes = b""
    """The first KEPT_BODY bytes of the body."""
    timing: Timing = _UNTIMED
    connected: bool = True
    """False if no connection was made, so that nothing was sent. Not stored."""
    kept: bool = True
    """False if history has neither headers nor body, because the account is at its limit."""
    log_detail: str | None = None
    """The error in words with internal addresses, which only logs may show. Not stored."""


class Attempt(NamedTuple):
    """One HTTP call of a run as history has it; `number` counts from 1."""

    number: int
    started_at: datetime
    lateness_ms: float
    reply: Reply


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One firing of one job at one due time, under way or settled; its id is the `webhook-id`."""

    id: UUID
    job_id: UUID
    job_version: int
    kind: RunKind
    due_at: datetime
    state: RunState
    missed: int
    """How many firings before it were missed."""
    settled_at: datetime | None
    next_attempt_at: datetime | None
    """Set while a retry is pending."""
    reason: str | None
    """Why the run ended as it did, or why it waits, in words."""
    attempts: tuple[Attempt, ...]
    """The newest attempts, oldest first; of a brief run, the first and the newest one."""
    complete_by: datetime | None = None
    """Until when the receiver has to report the result; None unless it is expected to."""

    @property
    def omitted_attempts(self) -> int:
        """How many attempts were made before the newest one and are not in `attempts`."""
        return self.attempts[-1].number - len(self.attempts) if self.attempts else 0

    @property
    def reported_run(self) -> UUID | None:
        """The run that an event reports, whose id is in `job_id`; None for any other kind."""
        return self.job_id if self.kind is RunKind.EVENT else None


class Position(NamedTuple):
    """The position of a run in a list that is ordered by due time, then id."""

    due_at: datetime
    id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class Redelivered:
    """The result of a bulk redelivery, or of its dry run."""

    count: int
    """Runs that are sent again, or would be."""
    lost: int
    """Further runs that can never be sent again: their content is no longer kept, or they were
    attempted too often."""
    more_after: Position | None
    """The position after which to continue; None if no runs are left."""
