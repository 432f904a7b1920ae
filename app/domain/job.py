"""Job: what was booked, and the limits a booking must keep."""

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
    """In whose words a job was booked, and is told again."""

    NATIVE = "native"
    DAPR = "dapr"
    FUSION = "fusion"


@dataclass(frozen=True, kw_only=True, slots=True)
class Booking:
    """What a client asks for, whatever format or path it came in; not yet checked.

    `data` is the payload byte for byte as it will be delivered; None means none was given. `name`
    is unique among the account's jobs of one dialect and endpoint; `on_success` and `on_failure`
    are URLs told of each run's end. `endpoint` names the place of the account's that the calls go
    to, where that is not said by `url` alone. `written` is what the dialect must tell again as the
    client wrote it. `remaining` firings are left by the schedule, None for no limit.
    """

    url: str
    trigger: Trigger
    signature: str | None = None
    content_type: str | None = None
    data: bytes | None = None
    enabled: bool = True
    name: str | None = None
    tags: tuple[str, ...] = ()
    call_options: CallOptions = DEFAULT_OPTIONS
    misfire: Misfire = DEFAULT
    on_success: str | None = None
    on_failure: str | None = None
    dialect: Dialect = Dialect.NATIVE
    endpoint: str = ""
    written: Mapping[str, Any] | None = None
    remaining: int | None = None
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
    """A booking as stored; `next_at` is its next firing (UTC), None while the last is under way.

    Where its calls must not overlap, the next firing may be past: it waits for the one under way.
    `owed_at` is when a firing was due that a limit of the account postponed: then `next_at` is when
    that is expected to be made at the latest; `owed_for` is the limit.
    """

    id: UUID
    account: str
    version: int
    url: str
    trigger: Trigger
    signature: str | None
    content_type: str | None
    data: bytes | None
    enabled: bool
    next_at: datetime | None
    name: str | None = None
    tags: tuple[str, ...] = ()
    call_options: CallOptions = DEFAULT_OPTIONS
    misfire: Misfire = DEFAULT
    on_success: str | None = None
    on_failure: str | None = None
    dialect: Dialect = Dialect.NATIVE
    endpoint: str = ""
    written: Mapping[str, Any] | None = None
    remaining: int | None = None
    follows: tuple[Follow, ...] = ()
    owed_at: datetime | None = None
    owed_for: Bound | None = None


def booking_of(job: Job) -> Booking:
    """What would have to be booked for this job to come of it."""
    return Booking(
        url=job.url,
        trigger=job.trigger,
        signature=job.signature,
        content_type=job.content_type,
        data=job.data,
        enabled=job.enabled,
        name=job.name,
        tags=job.tags,
        call_options=job.call_options,
        misfire=job.misfire,
        on_success=job.on_success,
        on_failure=job.on_failure,
        dialect=job.dialect,
        endpoint=job.endpoint,
        written=job.written,
        remaining=job.remaining,
        follows=job.follows,
    )
