"""Job text: sentences about a job, and the request that it will send. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from app.domain.call_options import BODILESS
from app.domain.instants import format_utc
from app.domain.job import Dialect, Job
from app.domain.misfire import MisfirePolicy, window_of
from app.domain.one_time import At

DEFAULT_TIMEOUT: Final = 15
"""Seconds for a call of a job that sets none (app/delivery/request.py)."""


class Line(NamedTuple):
    """A header of the request."""

    name: str
    value: str
    is_own: bool = False
    """Whether the client booked it; its value may be a secret."""


def misfire(job: Job) -> str:
    """Return how the job handles missed firings, in a sentence."""
    booking = job.booking
    window = window_of(booking.misfire)
    limit = "" if window is None else f"{window.total_seconds():,.15g} seconds"
    if isinstance(booking.trigger, At):
        if window is None:
            return "If the call cannot be made on time, it is made as soon as possible."
        return f"If the call cannot be made within {limit}, it is skipped."
    match booking.misfire.policy:
        case MisfirePolicy.ALL:
            text = "All missed firings are made, the oldest first, each with its own due time"
        case MisfirePolicy.SKIP | MisfirePolicy.ONE | None:
            text = (
                "For missed firings, one call is made, with the number of firings that were missed"
            )
    if window is None:
        return f"{text}, however late."
    return f"{text}. Firings that are more than {limit} late are skipped."


def request_line(job: Job) -> str:
    """Return the first line of the request: `POST /wake HTTP/1.1`."""
    parts = urlsplit(job.booking.url)
    path = parts.path or "/"
    query = f"?{parts.query}" if parts.query else ""
    return f"{job.booking.call_options.method or 'POST'} {path}{query} HTTP/1.1"


def headers(job: Job) -> Iterator[Line]:
    """Yield the headers of the first attempt of the next run, in the order in which they are sent.

    What is known only then is described in angle brackets.
    """
    booking = job.booking
    if booking.dialect is Dialect.NATIVE:
        yield Line("Host", urlsplit(booking.url).netloc.rpartition("@")[2])
    if booking.data or (booking.call_options.method or "POST") not in BODILESS:
        yield Line("Content-Type", booking.content_type or "application/octet-stream")
    if booking.signature:
        yield Line("X-Content-Signature", booking.signature)
    yield Line("webhook-id", "<id of the run>")
    yield Line("webhook-timestamp", "<seconds since 1970>")
    yield Line("webhook-signature", "<v1,… by each signing secret>")
    yield Line("Wakecall-Job", str(job.id))
    due = job.owed_at or job.next_at
    yield Line("Wakecall-Scheduled-For", "<due time>" if due is None else format_utc(due))
    yield Line("Wakecall-Lateness-Ms", "<milliseconds after the due time>")
    yield Line("Wakecall-Attempt", "1")
    yield Line("Wakecall-Depth", "<1, or more if a call booked this job>")
    yield Line("Wakecall-Completion-Token", "<for 202 Accepted, to report the result later>")
    for name, value in booking.call_options.headers:
        yield Line(name, value, is_own=True)
