"""Request: what is sent for one attempt of a run, byte for byte (DESIGN §6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from uuid import UUID

from app.delivery.addressing import TOKEN_HEADER as APP_TOKEN_HEADER
from app.delivery.signing import sign
from app.domain.call_options import BODILESS, DEFAULT_OPTIONS, CallOptions
from app.domain.completion import TOKEN_HEADER
from app.domain.instants import format_utc
from app.domain.run import DEPTH_HEADER, KEPT_BODY

VERSION: Final = "0.1.0"
USER_AGENT: Final = f"Wakecall/{VERSION}"
TIMEOUT: Final = 15.0
"""Seconds for a whole call: name lookup, connection, request and answer."""

_DEFAULT_TYPE: Final = "application/octet-stream"
_MICROSECOND: Final = timedelta(microseconds=1)
_SECOND_US: Final = 1_000_000

_scheduled_for = lru_cache(maxsize=1024)(format_utc)
"""Many runs are due at the same instant."""


class Delivery(NamedTuple):
    """One attempt of a run that a worker has taken; `attempt` counts from 1.

    `lateness` is how long after `due_at` it begins; `missed` is the number of missed firings that
    the run represents; `call_options` is None for the defaults. With `completion_token` the
    receiver may report the outcome later. For an event, `job_id` is the id of the run that it
    reports. `app_token` authenticates the call to an app. `depth` is the number of calls that led
    to this one.
    """

    run_id: UUID
    job_id: UUID
    url: str
    content_type: str | None
    signature: str | None
    data: bytes | None
    due_at: datetime
    attempt: int
    lateness: timedelta = timedelta()
    missed: int = 0
    call_options: CallOptions | None = None
    completion_token: str | None = None
    is_event: bool = False
    app_token: str | None = None
    depth: int = 0


class Call(NamedTuple):
    """One request: `headers` are lines without line ends, `timeout` is in seconds.

    A Content-Type is the first line. `own` are the lines that the client booked; they may replace
    headers that libcurl would set. `keep` bytes of the response body are returned. `is_grpc` is set
    for a gRPC call, which is made over HTTP/2 (app/delivery/grpc.py).
    """

    url: str
    headers: tuple[str, ...]
    body: bytes = b""
    timeout: float = TIMEOUT
    method: str = "POST"
    own: tuple[str, ...] = ()
    keep: int = KEPT_BODY
    is_grpc: bool = False


def build(delivery: Delivery, secrets: Sequence[str], timestamp: int) -> Call:
    """Return the signed call of one attempt.

    `secrets` are the account's signing secrets, newest first; `timestamp` is the wall clock when it
    is sent, in whole seconds since 1970. Raises ValueError for a malformed secret.
    """
    run_id = str(delivery.run_id)
    body = delivery.data or b""
    options = delivery.call_options or DEFAULT_OPTIONS
    method = options.method or "POST"
    signature = sign(secrets, message_id=run_id, timestamp=timestamp, body=body)
    lines = []
    # RFC 9110, 8.6: no header describes content if there is none and none is expected.
    if body or method not in BODILESS:
        lines.append(f"Content-Type: {delivery.content_type or _DEFAULT_TYPE}")
    if delivery.signature:
        lines.append(f"X-Content-Signature: {delivery.signature}")
    lines += (
        f"webhook-id: {run_id}",
        f"webhook-timestamp: {timestamp}",
        f"webhook-signature: {signature}",
        f"{'Wakecall-Run' if delivery.is_event else 'Wakecall-Job'}: {delivery.job_id}",
        f"Wakecall-Scheduled-For: {_scheduled_for(delivery.due_at)}",
        _lateness(delivery.lateness // _MICROSECOND),
        f"Wakecall-Attempt: {delivery.attempt}",
        f"{DEPTH_HEADER}: {delivery.depth + 1}",
    )
    if delivery.missed:
        lines.append(f"Wakecall-Missed: {delivery.missed}")
    if delivery.completion_token:
        lines.append(f"{TOKEN_HEADER}: {delivery.completion_token}")
    if delivery.app_token:
        lines.append(f"{APP_TOKEN_HEADER}: {delivery.app_token}")
    own = tuple([f"{name}: {value}" for name, value in options.headers]) if options.headers else ()
    return Call(delivery.url, tuple(lines), body, options.timeout or TIMEOUT, method, own)


class Prepared:
    """A call that was built before its time `begins_at`, as it is if it begins then.

    If it begins later, only the header with its lateness differs, until another second begins,
    which is signed.
    """

    __slots__ = ("_call", "_late_us", "_left_us", "_place")

    def __init__(self, call: Call, *, due_at: datetime, begins_at: datetime) -> None:
        late = begins_at - due_at
        self._call = call
        self._late_us = late // _MICROSECOND
        self._left_us = _SECOND_US - begins_at.microsecond
        self._place = call.headers.index(_lateness(self._late_us))

    def begin(self, after_s: float) -> Call | None:
        """The call that begins so many seconds after its time; None if it has to be built anew."""
        after_us = round(after_s * _SECOND_US)
        if not 0 <= after_us < self._left_us:
            return None
        line, headers = _lateness(self._late_us + after_us), list(self._call.headers)
        if headers[self._place] == line:
            return self._call
        headers[self._place] = line
        return self._call._replace(headers=tuple(headers))


def _lateness(microseconds: int) -> str:
    return f"Wakecall-Lateness-Ms: {max(microseconds // 1000, 0)}"
