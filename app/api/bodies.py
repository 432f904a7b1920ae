"""Request bodies: reads complete bodies within their limits, under any WSGI server."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from flask import request
from werkzeug.exceptions import ClientDisconnected
from werkzeug.http import parse_options_header

from app.api import dialects
from app.api.wsgi_bridge import MAX_TARGET
from app.domain.checks import quoted
from app.errors import (
    AddressTooLong,
    InvalidMember,
    MalformedDocument,
    RateLimited,
    TooLarge,
    TooSlow,
    Unavailable,
    UnsupportedEncoding,
)

MAX_DOCUMENT: Final = 64 * 1024
MAX_LONG: Final = 4 * 1024 * 1024
MAX_CONTENT_TYPE: Final = 1024
FAILURE: Final = "wakecall.body_failure"
_KEPT: Final = "wakecall.body"


class BodyFailure(StrEnum):
    """Why the ASGI application passes no body on; stored in the WSGI environment under FAILURE."""

    LONG = "long"
    """The body has more bytes than any route allows it."""
    SLOW = "slow"
    """The body did not arrive in time."""
    CUT = "cut"
    """The connection ended before the body, or the body is not valid chunked coding."""
    CROWDED = "crowded"
    """Too many long bodies, or messages of gRPC, were arriving from others."""
    CROWDED_BY_ITSELF = "crowded by itself"
    """The account had so many long bodies under way already that the rest is left for others."""


def max_size(environ: Mapping[str, Any]) -> int:
    """Return the most bytes that the body of this request may have; the route may allow fewer."""
    is_long = environ["REQUEST_METHOD"] == "POST" and dialects.takes_long_body(environ["PATH_INFO"])
    return MAX_LONG if is_long else MAX_DOCUMENT


def read(limit: int, *, member: str | None = None) -> bytes:
    """Return the whole body of the request, which may have at most `limit` bytes.

    Not much more than `limit` bytes are kept in memory. Raises UnsupportedEncoding, TooLarge and
    TooSlow, MalformedDocument for a body that ends too early, and Unavailable or RateLimited if too
    many long bodies arrive at once. `member` is the member that a TooLarge names.
    """
    _check_encoding()
    check_arrived(limit, member=member)
    announced = request.content_length
    kept: bytes | None = request.environ.get(_KEPT)
    body = _received(limit) if kept is None else kept
    if len(body) > limit:
        raise _too_large(limit, member)
    if announced is not None and len(body) != announced:
        raise _incomplete()
    return body


def check_arrived(limit: int, *, member: str | None = None) -> None:
    """Refuse a body that the ASGI application did not pass on, or that is announced as too long.

    Raises what `read` raises for these.
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
        case BodyFailure.CROWDED:
            raise Unavailable(
                "Too many bodies of more than 64 KiB, or messages of gRPC, are arriving at once; "
                "try again shortly."
            )
        case BodyFailure.CROWDED_BY_ITSELF:
            raise RateLimited(
                "This account has as many bodies of more than 64 KiB under way at one web process "
                "as it may.",
                remedy="Send fewer of them at once, and send this request again after the number "
                "of seconds in Retry-After.",
            )
    announced = request.content_length
    if announced is not None and announced > limit:
        raise _too_large(limit, member)


def media_type() -> tuple[str, str | None]:
    """Return the media type of the body, in lower case, and the charset, from Content-Type.

    They are "" and None if Content-Type is absent or has more than MAX_CONTENT_TYPE characters.
    """
    field = request.headers.get("Content-Type", "")
    found, options = parse_options_header(field if len(field) <= MAX_CONTENT_TYPE else None)
    return found.lower(), options.get("charset")


def _check_encoding() -> None:
    """Refuse a compressed body, because its compressed bytes would become the payload."""
    coding = request.headers.get("Transfer-Encoding", "")
    if any(each.strip(" \t").lower() not in {"", "chunked"} for each in coding.split(",")):
        raise UnsupportedEncoding(
            f"The Transfer-Encoding {quoted(coding)} is not supported.",
            member="Transfer-Encoding",
            remedy="Send the body with Content-Length, or with the Transfer-Encoding `chunked`.",
        )
    field = request.headers.get("Content-Encoding", "")
    if any(each.strip(" \t").lower() not in {"", "identity"} for each in field.split(",")):
        raise UnsupportedEncoding(
            f"The Content-Encoding {quoted(field)} is not supported.",
            member="Content-Encoding",
            remedy="Send the body without an encoding. To deliver a compressed payload, book it "
            'as a document with dataEncoding "base64" and with Content-Encoding among its headers.',
        )


def keep() -> bytes:
    """Return the whole body, and keep it so that the route can `read` it; raises as `read` does."""
    body = read(max_size(request.environ))
    request.environ[_KEPT] = body
    return body


def check_target() -> None:
    """Refuse a URL that is too long or not UTF-8; raises AddressTooLong, InvalidMember."""
    length = len(request.environ["PATH_INFO"]) + len(request.environ.get("QUERY_STRING", ""))
    if max(length, len(request.environ.get("REQUEST_URI", ""))) > MAX_TARGET:
        raise AddressTooLong(
            f"The URL has more than {MAX_TARGET} characters.",
            remedy=dialects.address_remedy(request.environ["PATH_INFO"]),
        )
    try:
        # WSGI passes the bytes of a URL as characters of ISO-8859-1 (PEP 3333).
        request.query_string.decode()
    except UnicodeDecodeError:
        raise InvalidMember(
            "query",
            "The query string is not valid UTF-8.",
            remedy="Percent-encode the query string as UTF-8.",
        ) from None


def _received(limit: int) -> bytes:
    """Read from the server, up to one byte more than `limit`."""
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
