"""Job: what a client booked, as asked for (Booking) and as stored (Job)."""

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
    """The API that a job was booked through; its documents show the job in its own terms."""

    NATIVE = "native"
    DAPR = "dapr"
    FUSION = "fusion"


@dataclass(frozen=True, kw_only=True, slots=True)
class Booking:
    """What a client asks for, in whatever dialect and format; app/domain/booking.py judges it."""

    url: str
    trigger: Trigger
    signature: str | None = None
    content_type: str | None = None
    data: bytes | None = None
    """The payload, delivered byte for byte; None if none was given."""
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
    """The account's Dapr app or Fusion runner that is called; empty where `url` says it all."""
    written: Mapping[str, Any] | None = None
    """What the dialect must show again as the client wrote it."""
    remaining: int | None = None
    """How many firings the schedule has left; None for no limit."""
    follows: tuple[Follow, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadOnlyMembers:
    """Read-only members a document may repeat; on update they must equal what is stored.

    `next` is an instant as written: where a job is booked nobody reads it.
    """

    id: str | None = None
    account: str | None = None
    next: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A booking as stored."""

    id: UUID
    account: str
    """The name of the account."""
    version: int
    """1 as booked; each change makes the next one."""
    next_at: datetime | None
    """The next firing (UTC); None once the last has been claimed, and while the job is paused.

    Of a serial job it may be past: it waits for the run that is in flight.
    """
    booking: Booking
    owed_at: datetime | None = None
    """When the firing was due that a limit of the account postponed; `next_at` is then the latest
    time at which it is expected to be made."""
    owed_for: Bound | None = None
    """The limit that postponed it."""
