"""Run, Attempt, Outcome: one firing of a job, its HTTP calls, and what came of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID


class RunState(StrEnum):
    """Where a run is; the last four are final (docs/state_machine.md)."""

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
"""The token of a run that was claimed, and that no worker has taken yet: each take raises it."""

KEPT_BODY: Final = 1024
"""Bytes of a response's body that are read into a Reply, and kept with its attempt."""

MAX_DEPTH: Final = 3
"""How deep calls may lead to requests, and these to calls; a request this deep is refused."""

DEPTH_HEADER: Final = "Wakecall-Depth"
"""In calls: how deep a request is that the call leads to. Requests pass it on."""


class RunKind(StrEnum):
    """Why a run exists.

    Its job was due, somebody asked for it, it reports another run, or another job ended.
    """

    SCHEDULED = "scheduled"
    MANUAL = "manual"
    EVENT = "event"
    CHAINED = "chained"


class Timing(NamedTuple):
    """Milliseconds from the start of the call to each milestone; None where it was not reached.

    A tuple, as is all that is made for every call: frozen dataclasses take twice the time.
    """

    dns: float | None = None
    connect: float | None = None
    tls: float | None = None
    first_byte: float | None = None
    total: float = 0.0


_UNTIMED: Final = Timing()


class Reply(NamedTuple):
    """What came back from one HTTP call, or why nothing did.

    Exactly one of `status` (a complete, final answer) and `error` is set; `error` is one of
    the stable codes of docs/decisions/0004-outbound-client.md, such as `timeout` or
    `denied-address`, with `error_detail` in words.
    `log_detail` says it with the inner addresses that logs alone may tell, and is not kept.
    `headers` and `body` are cut to what history keeps; `kept` is false where history has neither,
    as its account is at its limit. `connected` is false where no connection stood, so that nothing
    was sent; it is not kept.
    """

    status: int | None = None
    error: str | None = None
    error_detail: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    timing: Timing = _UNTIMED
    connected: bool = True
    kept: bool = True
    log_detail: str | None = None


class Attempt(NamedTuple):
    """One HTTP call of a run as kept in history; `number` counts from 1."""

    number: int
    started_at: datetime
    lateness_ms: float
    reply: Reply


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One firing of one job at one due time, live or settled; its id is the webhook-id.

    `reason` says in words why the run ended as it did or still waits; `next_attempt_at`
    is set while a retry is pending, `complete_by` while its receiver has still to say what
    came of it. `attempts` are the newest ones, oldest first; the numbers of all count from 1.
    """

    id: UUID
    job_id: UUID
    job_version: int
    kind: RunKind
    due_at: datetime
    state: RunState
    missed: int
    settled_at: datetime | None
    next_attempt_at: datetime | None
    reason: str | None
    attempts: tuple[Attempt, ...]
    complete_by: datetime | None = None

    @property
    def omitted_attempts(self) -> int:
        """How many attempts came before those that are listed."""
        return self.attempts[0].number - 1 if self.attempts else 0

    @property
    def reported_run(self) -> UUID | None:
        """The run that an event reports, whose id stands in `job_id`; None for any other kind."""
        return self.job_id if self.kind is RunKind.EVENT else None


class Position(NamedTuple):
    """Where a run stands in a list that is ordered by due time, then id."""

    due_at: datetime
    id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFilter:
    """Which runs of an account are meant: all that is given must hold.

    `after` is the earliest due time, `before` the first that is too late.
    """

    states: frozenset[RunState]
    job_id: UUID | None = None
    after: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Redelivered:
    """What a bulk redelivery came to: `count` runs were taken up, or would be.

    `lost` more were met whose content is gone; `more_after` is where to go on, if anywhere.
    """

    count: int
    lost: int
    more_after: Position | None
