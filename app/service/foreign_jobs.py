"""Foreign jobs: jobs that were booked in another dialect, which the native API cannot replace."""

from __future__ import annotations

from typing import Final

from app.domain.checks import quoted
from app.domain.job import Dialect, Job
from app.errors import Conflict

_CHANGED_BY: Final[dict[Dialect, str]] = {}


def register(dialect: Dialect, *, changed_by: str) -> None:
    """Register which request changes a job of the dialect: a clause, as in "PUT … replaces it"."""
    _CHANGED_BY[dialect] = changed_by


def refuse_foreign(job: Job) -> None:
    """Raise Conflict for a job that was booked in another dialect."""
    dialect, name = job.booking.dialect, job.booking.name or ""
    if dialect is not Dialect.NATIVE:
        raise Conflict(
            f"The job {job.id} is the {dialect.title()} job {quoted(name)}.",
            member="id",
            remedy=f"{_CHANGED_BY[dialect]}; pause, resume, fire and DELETE work here too.",
        )
