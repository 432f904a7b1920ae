"""Job: what was booked, and when it fires next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from wakecall.models._reading import Model, payload
from wakecall.models.retry_policy import RetryPolicy

Dialect = Literal["native", "dapr", "fusion"]
Kind = Literal["once", "cron", "interval", "chained"]
Method = Literal["POST", "PUT", "PATCH", "GET", "HEAD", "DELETE"]
Misfire = Literal["one", "all", "skip"]
OnGap = Literal["skip", "next"]
OnOverlap = Literal["second", "first", "both"]
Outcome = Literal["created", "replaced", "unchanged"]
Sort = Literal["newest", "next", "name"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Job(Model):
    """A job as the service has it. A member that was not booked is None: its default applies."""

    id: str = ""
    """Empty for a job that was only checked."""

    account: str
    url: str | None = None
    """Where it calls; None for jobs of other dialects, which have an `endpoint`."""

    when: datetime | None = None
    """The instant of a job that fires once."""

    cron: str | None = None
    timezone: str | None = None
    on_gap: OnGap | None = None
    on_overlap: OnOverlap | None = None
    next: datetime | None = None
    """When a recurring job fires next."""

    data: Annotated[bytes | None, payload("data", "dataEncoding")] = None
    """The payload."""

    data_omitted: int | None = None
    """The length of a payload that a list leaves out, in bytes."""

    content_type: str | None = None
    signature: str | None = None
    enabled: bool = True
    """False while the job is paused."""

    name: str | None = None
    tags: tuple[str, ...] = ()
    method: Method | None = None
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    timeout: timedelta | None = None
    retry: RetryPolicy | None = None
    misfire: Misfire | None = None
    misfire_window: timedelta | None = None
    on_success: str | None = None
    on_failure: str | None = None
    dialect: Dialect = "native"
    """The API through which the job was booked."""

    endpoint: str | None = None
    """The Dapr app or Fusion runner that the job calls."""

    schedule: str | None = None
    """The schedule of a Dapr job as it was written."""

    remaining: int | None = None
    """How many firings are left, if they are counted."""

    @property
    def text(self) -> str:
        """The payload as text; raises UnicodeDecodeError if it is not UTF-8."""
        return (self.data or b"").decode()

    def json(self) -> Any:  # noqa: ANN401 - JSON holds anything
        """The payload as the value of its JSON; raises ValueError."""
        return json.loads(self.data or b"")

    @property
    def due(self) -> datetime | None:
        """When the job fires next, as far as this document tells; None if it is paused."""
        return (self.when or self.next) if self.enabled else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Put:
    """A job that was put by its name, and what the service did for it."""

    job: Job
    outcome: Outcome | None
    """None from a service that does not tell `replaced` from `unchanged`."""
