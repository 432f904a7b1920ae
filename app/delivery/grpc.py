"""gRPC: frames, headers and status of one unary call over HTTP/2."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from app.delivery.request import Call
from app.domain.grpc_status import ERRORS, GrpcStatus
from app.domain.run import Reply

CONTENT_TYPE: Final = "application/grpc"

STATUS_FIELD: Final = "grpc-status"
MESSAGE_FIELD: Final = "grpc-message"

_PREFIX: Final = 5
"""Bytes before each message: whether it is compressed, then its length in four bytes."""

_MAX_MESSAGE: Final = 1024
"""Characters of grpc-message that an attempt shows."""

_CODE: Final = re.compile("[0-9]{1,9}")

_HTTP_OK: Final = 200
_BY_HTTP_STATUS: Final = {
    400: GrpcStatus.INTERNAL,
    401: GrpcStatus.UNAUTHENTICATED,
    403: GrpcStatus.PERMISSION_DENIED,
    404: GrpcStatus.UNIMPLEMENTED,
    429: GrpcStatus.UNAVAILABLE,
    502: GrpcStatus.UNAVAILABLE,
    503: GrpcStatus.UNAVAILABLE,
    504: GrpcStatus.UNAVAILABLE,
}
"""The gRPC status of an answer without grpc-status (gRPC, "HTTP to gRPC Status Code Mapping")."""


def frame(message: bytes) -> bytes:
    """The message as the body of a request: uncompressed, behind its prefix."""
    return b"".join((b"\0", len(message).to_bytes(4, "big"), message))


def unframe(body: bytes) -> bytes:
    """The message at the start of a body, as far as it has come; the body itself if it has none."""
    if len(body) < _PREFIX or body[0] > 1:
        return body
    return body[_PREFIX : _PREFIX + int.from_bytes(body[1:_PREFIX], "big")]


def with_deadline(call: Call, timeout: float) -> Call:
    """The gRPC call with `timeout` seconds left, which are sent to its receiver as well."""
    lines = [line for line in call.headers if not line.startswith("grpc-timeout:")]
    # At most eight digits are allowed, which in milliseconds are more than a day.
    lines.append(f"grpc-timeout: {max(1, int(timeout * 1000))}m")
    return call._replace(headers=tuple(lines), timeout=timeout)


def as_grpc(call: Call) -> Call:
    """A call whose body is a message, as a gRPC call of HTTP/2."""
    headers = (*call.headers, "te: trailers")
    framed = call._replace(headers=headers, body=frame(call.body), is_grpc=True)
    return with_deadline(framed, call.timeout)


def interpret(reply: Reply, fields: dict[str, str], *, truncated: bool) -> Reply:
    """The reply with what its gRPC status means.

    `fields` are those of headers and trailers, with names in lower case. `truncated` where the
    body was too long to be read to its end, behind which the status is.
    """
    if reply.status is None:
        return reply
    status, words = _status(reply.status, fields)
    reply = reply._replace(body=unframe(reply.body))
    if truncated:
        detail = "The answer's body is too long, so that its gRPC status was not read."
        return reply._replace(status=None, error="bad-response", error_detail=detail)
    trailers = [
        (name, fields[name][:_MAX_MESSAGE])
        for name in (STATUS_FIELD, MESSAGE_FIELD)
        if name in fields and all(name != known.lower() for known, _ in reply.headers)
    ]
    reply = reply._replace(headers=(*reply.headers, *trailers))
    if status is GrpcStatus.OK:
        return reply._replace(status=_HTTP_OK)
    detail = f"The app answered {status.name} ({status.value})"
    detail += f": {words}" if words else "."
    return reply._replace(status=None, error=ERRORS[status], error_detail=detail)


def decode_message(text: str) -> str:
    """The text of grpc-message, percent-encoded UTF-8; what cannot be shown becomes U+FFFD."""
    decoded = unquote_to_bytes(text).decode(errors="replace")[:_MAX_MESSAGE].strip()
    return "".join(each if each.isprintable() else "\ufffd" for each in decoded)


def _status(http_status: int, fields: dict[str, str]) -> tuple[GrpcStatus, str]:
    """The status of an answer, and what it says about it."""
    code = fields.get(STATUS_FIELD)
    if code is None:
        status = _BY_HTTP_STATUS.get(http_status, GrpcStatus.UNKNOWN)
        return status, f"the answer is HTTP {http_status} without {STATUS_FIELD}."
    words = decode_message(fields.get(MESSAGE_FIELD, ""))
    number = int(code) if _CODE.fullmatch(code) else -1
    if number not in GrpcStatus._value2member_map_:
        return GrpcStatus.UNKNOWN, f"{STATUS_FIELD} {decode_message(code)[:20]} {words}".rstrip()
    return GrpcStatus(number), words
