"""Accuracy: how late calls began."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from wakecall.models._reading import Model, on_the_wire


@dataclass(frozen=True, kw_only=True, slots=True)
class Lateness(Model):
    """The lateness of first attempts; None where there were none."""

    since: datetime | None = None
    deliveries: int
    p50: Annotated[timedelta | None, on_the_wire("p50Ms")] = None
    p95: Annotated[timedelta | None, on_the_wire("p95Ms")] = None
    p99: Annotated[timedelta | None, on_the_wire("p99Ms")] = None
    max: Annotated[timedelta | None, on_the_wire("maxMs")] = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Accuracy(Model):
    """How late the account's calls began in the last hour, and in the last day."""

    as_of: datetime
    hour: Lateness
    day: Lateness
