"""Request bodies: counted, complete and within their limits, whatever server handed them over."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from flask import request
from werkzeug.exceptions import ClientDisconnected

from app.errors import AddressTooLong, MalformedDocument, TooLarge, TooSlow

MAX_DOCUMENT: Final = 64 * 1024
MAX_TARGET: Final = 16 * 1024
FAILURE: Final = "wakecall.body_failure"
MAX_BODY: Final = MAX_DOCUMENT
"""The largest body any route takes."""

_KEPT: Final = "wakecall.body"


class BodyFailure(StrEnum):
    """Why the front handed over no body: under the name FAILURE in the request's environment."""

    LONG = "long"
    SLOW = "slow"
    CUT = "cut"


def read(limit: int, *, member: str | None = None) -> bytes:
    """The whole body of the request, never more than `limit` bytes of it in memory.

    Raises TooLarge, TooSlow, and MalformedDocument for a body that ends too early.
    """
    match request.environ.get(FAILURE):
        case BodyFailure.LONG:
            raise _too_large(limit, member)
        case BodyFailure.SLOW:
            raise TooSlow(
                "The body did not arrive in time.", remedy="Send the request again, faster."
            )
        case BodyFailure.CUT:
            raise _incomplete()
    announced = request.content_length
    if announced is not None and announced > limit:
        raise _too_large(limit, member)
    kept: bytes | None = request.environ.get(_KEPT)
    body = _received(limit) if kept is None else kept
    if len(body) > limit:
        raise _too_large(limit, member)
    if announced is not None and len(body) != announced:
        raise _incomplete()
    return body


def keep() -> bytes:
    """The whole body, kept so that the route can `read` it again; raises as `read` does."""
    body = read(MAX_BODY)
    request.environ[_KEPT] = body
    return body


def check_target() -> None:
    """Refuse an address no call needs; raises AddressTooLong."""
    length = len(request.environ["PATH_INFO"]) + len(request.environ.get("QUERY_STRING", ""))
    if max(length, len(request.environ.get("REQUEST_URI", ""))) > MAX_TARGET:
        raise AddressTooLong(
            f"The address has more than {MAX_TARGET} characters.",
            remedy="POST the job as a document to /1/jobs.",
        )


def _received(limit: int) -> bytes:
    """What the server hands over, up to one byte more than `limit`."""
    try:
        body: bytes = request.stream.read(limit + 1)
    except ClientDisconnected:
        raise _incomplete() from None
    return body


def _too_large(limit: int, member: str | None) -> TooLarge:
    return TooLarge(
        f"The body has more than {limit} bytes.",
        member=member,
        remedy=f"Send at most {limit} bytes.",
    )


def _incomplete() -> MalformedDocument:
    return MalformedDocument(
        "The body ended before it was complete.", remedy="Send the whole body."
    )
