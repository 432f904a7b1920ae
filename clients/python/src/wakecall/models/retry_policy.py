"""Retry policy: how the service repeats the calls of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from wakecall._core.requests import camel
from wakecall.models._reading import Model
from wakecall.spans import to_seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Backoff(Model):
    """Growing waits: the first is `initial`, each next one `factor` times as long, up to `max`."""

    initial: timedelta
    factor: float | None = None
    max: timedelta | None = None

    def to_document(self) -> Mapping[str, Any]:
        """Its members on the wire."""
        return _without_none(
            initial=to_seconds(self.initial),
            factor=self.factor,
            max=None if self.max is None else to_seconds(self.max),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy(Model):
    """How a run is tried again: after the waits of `schedule`, or with `backoff`."""

    max_attempts: int | None = None
    """Calls of one run, including the first."""

    schedule: tuple[timedelta, ...] = ()
    backoff: Backoff | None = None
    max_age: timedelta | None = None
    """No attempt begins later than this after the due time, except the first."""

    def to_document(self) -> Mapping[str, Any]:
        """Its members on the wire."""
        return _without_none(
            max_attempts=self.max_attempts,
            schedule=[to_seconds(each) for each in self.schedule] or None,
            backoff=None if self.backoff is None else self.backoff.to_document(),
            max_age=None if self.max_age is None else to_seconds(self.max_age),
        )


def _without_none(**members: object) -> Mapping[str, Any]:
    return {camel(name): value for name, value in members.items() if value is not None}
