"""Text codec: a job is written as its bare id."""

from __future__ import annotations

from uuid import UUID


def write(job_id: UUID) -> bytes:
    """The id alone, without a line end."""
    return str(job_id).encode()
