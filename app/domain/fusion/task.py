"""Task: a `rest-call` of Fusion, and the HTTP call that it makes."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.fusion.resource import Kind, Resource


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One HTTP call of a task."""

    url: str
    """With the query."""
    method: str
    headers: tuple[tuple[str, str], ...] = ()
    """All but Content-Type."""
    data: bytes | None = None
    content_type: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A task as a client has sent it."""

    id: str
    call: Call
    source_document: str
    """The document as JSON text, as it is stored and returned, members in the client's order."""


def resource_of(task: Task) -> Resource:
    """Return the resource of the job of a task."""
    return Resource(kind=Kind.TASK, id=task.id)
