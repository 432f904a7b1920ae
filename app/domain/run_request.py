"""Run request: the headers and content that the attempts of a run send, for pages and commands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.domain.call_options import BODILESS, CallOptions
from app.domain.instants import format_utc
from app.domain.job import Dialect
from app.domain.run import DEPTH_HEADER, Attempt, Run, RunKind

_DEFAULT_TYPE: Final = "application/octet-stream"
_DEFAULT_METHOD: Final = "POST"

SIGNATURE: Final = "webhook-signature"
"""The header whose value is shown by no page: it is made with the account's signing secrets."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunContent:
    """What the version of the job that made a run sends."""

    url: str
    """A path, if `endpoint` is set."""
    endpoint: str
    dialect: Dialect
    content_type: str | None
    signature: str | None
    data: bytes
    options: CallOptions
    depth: int
    """How many calls led to this one."""

    @property
    def method(self) -> str:
        """The HTTP method of the calls."""
        return self.options.method or _DEFAULT_METHOD


def headers_of(run: Run, content: RunContent, attempt: Attempt) -> Iterator[tuple[str, str]]:
    """Yield the headers of an attempt in their order, without SIGNATURE and secrets.

    `app/delivery/request.py` sends them; HTTP's own, as Host, are not among them.
    """
    if content.data or content.method not in BODILESS:
        yield "Content-Type", content.content_type or _DEFAULT_TYPE
    if content.signature:
        yield "X-Content-Signature", content.signature
    yield "webhook-id", str(run.id)
    yield "webhook-timestamp", str(int(attempt.started_at.timestamp()))
    yield "Wakecall-Run" if run.kind is RunKind.EVENT else "Wakecall-Job", str(run.job_id)
    yield "Wakecall-Scheduled-For", format_utc(run.due_at)
    yield "Wakecall-Lateness-Ms", str(max(int(attempt.lateness_ms), 0))
    yield "Wakecall-Attempt", str(attempt.number)
    yield DEPTH_HEADER, str(content.depth + 1)
    if run.missed:
        yield "Wakecall-Missed", str(run.missed)
    yield from content.options.headers
