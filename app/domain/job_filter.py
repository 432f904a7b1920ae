"""Job filter: which jobs of an account a list shows."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.job import Dialect


@dataclass(frozen=True, kw_only=True, slots=True)
class JobFilter:
    """Which jobs of an account are selected: those that meet all conditions that are given."""

    tags: tuple[str, ...] = ()
    """Jobs that have all of these tags."""
    name_prefix: str | None = None
    """Jobs whose name begins with this text."""
    dialect: Dialect | None = None
    endpoint: str | None = None
    """Jobs that call this Dapr app or Fusion runner."""
    host: str | None = None
    """Jobs whose URL has this host, in lower case; a job that calls an endpoint has no host."""

    @property
    def is_open(self) -> bool:
        """Whether every job is selected."""
        return self == JobFilter()
