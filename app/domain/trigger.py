"""Trigger: when a job is due, once or by cron, and what may be booked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class At:
    """Due once, at `instant` (UTC)."""

    instant: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Cron:
    """Due whenever `expression` (Quartz dialect) matches, evaluated in UTC."""

    expression: str


Trigger = At | Cron
