"""Job: the values that a client books (Booking), and a booked job with its identity (Job)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from app.domain.call_options import DEFAULT_OPTIONS, CallOptions
from app.domain.firing_rate import Bound
from app.domain.follow import Follow
from app.domain.misfire import DEFAULT, Misfire
from app.domain.trigger import Trigger

MAX_DATA: Final = 2048
MAX_NAME: Final = 128
MAX_TAGS: Final = 20
MAX_TAG: Final = 64


class Dialect(StrEnum):
    """The API through which a job was booked; its documents show the job in the API's own form."""

    NATIVE = "native"
    DAPR = "dapr"
    FUSION = "fusion"


@dataclass(frozen=True, kw_only=True, slots=True)
class Booking:
    """What a client chose of a job, in any dialect and format; app/domain/booking.py checks it."""

    url: str
    trigger: Trigger
    signature: str | None = None
    content_type: str | None = None
    data: bytes | None = None
    """The payload, delivered unchanged; None if the client gave none."""
    type_url: str | None = None
    """Set where `data` is the value of a google.protobuf.Any, booked over gRPC; empty for none."""
    enabled: bool = True
    name: str | None = None
    """Unique among the account's jobs of one dialect and endpoint."""
    tags: tuple[str, ...] = ()
    call_options: CallOptions = DEFAULT_OPTIONS
    misfire: Misfire = DEFAULT
    on_success: str | None = None
    """A URL that gets an event when a run succeeds."""
    on_failure: str | None = None
    """A URL that gets an event when a run ends otherwise."""
    dialect: Dialect = Dialect.NATIVE
    endpoint: str = ""
    """The name of the Dapr app or the Fusion runner that is called; empty if `url` is called."""
    written: Mapping[str, Any] | None = None
    """The parts of the document that the dialect has to show as the client wrote them."""
    remaining: int | None = None
    """How many firings the schedule has left; None for no limit."""
    follows: tuple[Follow, ...] = ()
    """The jobs after whose runs this job starts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadOnlyMembers:
    """Read-only members that a document may repeat; an update compares them with the stored job.

    `next` is the text of an instant, which is not parsed when a job is booked.
    """

    id: str | None = None
    account: str | None = None
    next: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A stored job: an identity, and the booking of its current version."""

    id: UUID
    account: str
    """The name of the account."""
    version: int
    """1 after the booking; each change adds 1."""
    next_at: datetime | None
    """The next firing (UTC); None after the last one was claimed, and while the job is paused.

    The next firing of a serial job may be in the past: it waits for the run that is in flight.
    """
    booking: Booking
    owed_at: datetime | None = None
    """The due time of a postponed firing. Its `next_at` is then the latest time at which the firing
    is expected to be made."""
    owed_for: Bound | None = None
    """The limit of the account because of which the firing was postponed."""
