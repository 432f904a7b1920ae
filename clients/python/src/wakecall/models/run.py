"""Run: one firing of a job, its attempts, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from wakecall.models._reading import PAIRS, Model, on_the_wire, payload
from wakecall.models.accuracy import Lateness

RunState = Literal[
    "claimed", "taken", "waiting", "running", "succeeded", "failed", "cancelled", "dead"
]
RunKind = Literal["scheduled", "manual", "event", "chained"]
LastStatus = Literal["2xx", "3xx", "4xx", "5xx", "error"]
Bucket = Literal["5m", "15m", "30m", "1h", "6h", "1d"]
Result = Literal["succeeded", "failed"]

SETTLED: Final = frozenset({"succeeded", "failed", "cancelled", "dead"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing(Model):
    """The time from the start of a call to each milestone; None if it was not reached."""

    dns: Annotated[timedelta | None, on_the_wire("dnsMs")] = None
    connect: Annotated[timedelta | None, on_the_wire("connectMs")] = None
    tls: Annotated[timedelta | None, on_the_wire("tlsMs")] = None
    first_byte: Annotated[timedelta | None, on_the_wire("firstByteMs")] = None
    total: Annotated[timedelta | None, on_the_wire("totalMs")] = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt(Model):
    """One call of a run: it has a `status`, or an `error`."""

    number: int
    webhook_id: str
    started: datetime
    lateness: Annotated[timedelta, on_the_wire("latenessMs")]
    """From the instant at which it was due to the beginning of the call."""

    status: int | None = None
    error: str | None = None
    error_detail: str | None = None
    timing: Timing | None = None
    headers: Annotated[tuple[tuple[str, str], ...], PAIRS] = ()
    """Those of the receiver's response."""

    body: Annotated[bytes | None, payload("body", "bodyEncoding")] = None
    """The first 1,024 bytes of the receiver's response."""

    not_kept: bool = False
    """Whether the response is not kept, because the account is at a limit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run(Model):
    """One firing of one job, under way or over; its id is the `webhook-id` of its calls."""

    id: str
    job: str | None = None
    """The id of the job; None for an event."""

    version: int | None = None
    run: str | None = None
    """The run that an event reports."""

    kind: RunKind
    due: datetime
    state: RunState
    missed: int = 0
    """How many missed firings it stands for."""

    settled: datetime | None = None
    next_attempt: datetime | None = None
    complete_by: datetime | None = None
    reason: str | None = None
    """Why it ended as it did, or why it waits."""

    omitted_attempts: int = 0
    """How many attempts before the newest one are not listed."""

    attempts: tuple[Attempt, ...] = ()
    """The newest attempts, in their order; in a brief list, the first and the newest one."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.state in SETTLED


@dataclass(frozen=True, kw_only=True, slots=True)
class RunCount(Model):
    """How many runs that were due in a span of time ended in which state."""

    begins: datetime
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    dead: int = 0
    lateness: Lateness | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FailingJob(Model):
    """The failed and dead runs of one job, or of all events together."""

    job: str | None = None
    name: str | None = None
    kind: RunKind
    count: int
    newest: str
    """The id of the newest of these runs; what follows is about this run."""

    due: datetime
    state: RunState
    status: int | None = None
    error: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Failures(Model):
    """Failed and dead runs by their job, the job with the newest failure first."""

    jobs: tuple[FailingJob, ...] = ()
    more: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Redelivery(Model):
    """How many runs were redelivered, or would be."""

    count: int
    lost: int
    """How many further runs cannot be: content not kept, or attempted 1,000 times."""

    more: bool
    cursor: str | None = None
    """Where to continue if there are more."""
