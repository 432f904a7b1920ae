"""Outcome: the result of a libcurl transfer as a Reply, with stable error codes and a text."""

from __future__ import annotations

from typing import Final

import pycurl

from app.delivery import grpc
from app.delivery.transfer import BLANK, MAX_HEADER_BYTES, MAX_HEADER_LINES, Transfer
from app.domain.completion import HEADER
from app.domain.run import Reply, Timing

_KEPT_VALUE: Final = 1024
_KEPT_HEADERS: Final = 8 * 1024

_MEANT: Final = frozenset({"retry-after", HEADER.lower()})
"""Fields that decide what follows, which are kept wherever they stand."""

_WEIRD_REPLY: Final = 8
_TOO_LARGE: Final = 100
_HTTP2_STREAM: Final = 92
"""CURLE_WEIRD_SERVER_REPLY, CURLE_TOO_LARGE and CURLE_HTTP2_STREAM, which pycurl does not name."""

_DENIED: Final = "The host leads to an address that callbacks may not reach."
_FLOOD: Final = "The answer has too many frames that carry no data."
_FINAL: Final = 200
_BODILESS: Final = (204, 304)
_MILLISECOND: Final = 0.001

_LOST: Final = (pycurl.E_SEND_ERROR, pycurl.E_RECV_ERROR, pycurl.E_GOT_NOTHING)

_CLOSED: Final = frozenset({*_LOST, pycurl.E_HTTP2, _HTTP2_STREAM})

_UNSENT: Final = (pycurl.E_SEND_ERROR, pycurl.E_RECV_ERROR, pycurl.E_OPERATION_TIMEDOUT)

_CODES: Final = {
    "timeout": (pycurl.E_OPERATION_TIMEDOUT,),
    "connect-failed": (pycurl.E_COULDNT_CONNECT, pycurl.E_NO_CONNECTION_AVAILABLE),
    "connection-lost": _LOST,
    "too-many-headers": (_TOO_LARGE,),
    "bad-response": (
        pycurl.E_UNSUPPORTED_PROTOCOL,
        _WEIRD_REPLY,
        pycurl.E_PARTIAL_FILE,
        pycurl.E_HTTP2,
        _HTTP2_STREAM,
        pycurl.E_BAD_CONTENT_ENCODING,
    ),
    "tls-failed": (
        pycurl.E_SSL_CONNECT_ERROR,
        pycurl.E_PEER_FAILED_VERIFICATION,
        pycurl.E_SSL_CERTPROBLEM,
        pycurl.E_SSL_CIPHER,
        pycurl.E_SSL_CACERT_BADFILE,
        pycurl.E_SSL_ISSUER_ERROR,
        pycurl.E_SSL_INVALIDCERTSTATUS,
        pycurl.E_SSL_SHUTDOWN_FAILED,
    ),
    "invalid-request": (pycurl.E_URL_MALFORMAT, pycurl.E_BAD_FUNCTION_ARGUMENT),
}
_CODE_OF: Final = {number: code for code, numbers in _CODES.items() for number in numbers}


def read(transfer: Transfer, number: int, text: str) -> Reply:
    """The reply of a finished transfer; `number` and `text` are libcurl's result."""
    status = error = detail = log_detail = None
    # A body that is too long does not change the status, which came before it.
    if number == pycurl.E_OK or transfer.excess or _was_answered_early(transfer, number):
        status = transfer.curl.getinfo(pycurl.RESPONSE_CODE)
        detail = _incomplete(transfer.lines, status)
        if detail is not None:
            status, error = None, "bad-response"
    else:
        error, detail, log_detail = _fault(transfer, number, text)
    headers = _headers(transfer.lines)
    connected = error is None or _connected(transfer)
    timing = _timing(transfer)
    reply = Reply(
        status,
        error,
        detail,
        headers,
        bytes(transfer.body),
        timing,
        connected,
        log_detail=log_detail,
    )
    if transfer.call.is_grpc:
        return grpc.interpret(reply, _all_fields(transfer.lines), truncated=transfer.excess)
    return reply


def unanswered(
    error: str,
    detail: str,
    *,
    dns: float | None = None,
    total: float = 0.0,
    log_detail: str | None = None,
) -> Reply:
    """The reply of a call for which no connection was opened; times are in seconds."""
    return Reply(
        error=error,
        error_detail=detail,
        timing=Timing(dns=None if dns is None else dns * 1000, total=total * 1000),
        connected=False,
        log_detail=log_detail,
    )


def connecting(transfer: Transfer) -> bool:
    """Whether the transfer ended before a connection was made, so that nothing was sent."""
    return transfer.opened and transfer.curl.getinfo(pycurl.CONNECT_TIME) == 0


def was_closed_before(transfer: Transfer, number: int) -> bool:
    """Whether a kept connection of HTTP/2 ended before any part of a response was received."""
    kept = transfer.curl.getinfo(pycurl.NUM_CONNECTS) == 0
    return kept and number in _CLOSED and not transfer.lines


def _connected(transfer: Transfer) -> bool:
    """Whether there was a connection: a new one, or a kept one on which something was sent."""
    getinfo = transfer.curl.getinfo
    return bool(getinfo(pycurl.CONNECT_TIME) or getinfo(pycurl.REQUEST_SIZE))


def _securing(transfer: Transfer) -> bool:
    """Whether the transfer ended after its new connection was made, and before TLS was."""
    is_secured = transfer.curl.getinfo(pycurl.APPCONNECT_TIME) != 0
    return transfer.opened and not is_secured and transfer.call.url[:6].lower() == "https:"


def _fault(transfer: Transfer, number: int, text: str) -> tuple[str, str, str | None]:
    """The error code, the text for the account, and a more detailed text for logs, if any."""
    if transfer.denied is not None:
        return "denied-address", _DENIED, transfer.denied
    if transfer.pin not in text and number != pycurl.E_COULDNT_CONNECT:
        return *_describe(transfer, number, text), None
    # libcurl names the address that the name was resolved to.
    neutral = _describe(transfer, number, pycurl.easy_strerror(number))
    return *neutral, f"{text or neutral[1]}"


def _describe(transfer: Transfer, number: int, text: str) -> tuple[str, str]:
    if transfer.unopened is not None:
        return "connect-failed", transfer.unopened
    if transfer.too_many_headers or number == _TOO_LARGE:
        limit = f"{MAX_HEADER_LINES} lines or {MAX_HEADER_BYTES // 1024} KiB"
        return "too-many-headers", f"The answer's headers exceed {limit}."
    malformed = transfer.malformed or (_FLOOD if transfer.flooded else None)
    if malformed is not None:
        return "bad-response", malformed
    if number == pycurl.E_OPERATION_TIMEDOUT:
        return "timeout", _late(transfer, text)
    if number in _LOST and transfer.lines:
        return "bad-response", f"The answer broke off: {text}."
    return _CODE_OF.get(number, "transport-failed"), f"{text or pycurl.easy_strerror(number)}."


def _late(transfer: Transfer, text: str) -> str:
    """What had not come when the time was over."""
    if connecting(transfer):
        return f"No connection within the time allowed: {text}."
    if _securing(transfer):
        return f"The TLS handshake was not finished within {_handshake_limit(transfer)}."
    return f"No complete answer within the time allowed: {text}."


def _handshake_limit(transfer: Transfer) -> str:
    """The limit that ended the handshake, as it was set: a call's includes resolving the name."""
    limit = transfer.call.timeout
    if transfer.before + transfer.connect_within >= limit - _MILLISECOND:
        return f"the {limit:g} s of the call"
    return f"{transfer.connect_within:.3g} s"


def _incomplete(lines: list[bytes], status: int) -> str | None:
    """What is missing in a response that libcurl accepted; None if it is complete."""
    if status < _FINAL:
        return f"The answer {status} is not final, and was not asked for."
    if lines[-1] in BLANK or any(line in BLANK for line in lines[_final_section(lines) :]):
        return None
    return "The connection was closed in the middle of the answer's headers."


def _was_answered_early(transfer: Transfer, number: int) -> bool:
    """Whether a complete final response was received although the request was not fully sent.

    A receiver may respond before it has read the request, which libcurl continues to send. Without
    a length, it is unknown whether the response is complete.
    """
    if number not in _UNSENT:
        return False
    status = transfer.curl.getinfo(pycurl.RESPONSE_CODE)
    refused = transfer.too_many_headers or transfer.malformed is not None
    if refused or not transfer.lines or _incomplete(transfer.lines, status):
        return False
    fields = _all_fields(transfer.lines)
    length = "0" if status in _BODILESS else fields.get("content-length")
    return length == str(transfer.body_bytes) and "transfer-encoding" not in fields


def _timing(transfer: Transfer) -> Timing:
    """Milestones since the call was posted; libcurl counts from the start of the transfer."""
    getinfo = transfer.curl.getinfo
    before = transfer.before
    dns = connect = tls = None
    if transfer.dns is not None:
        dns = transfer.dns * 1000
    if transfer.opened:
        connected, secured = getinfo(pycurl.CONNECT_TIME), getinfo(pycurl.APPCONNECT_TIME)
        connect = (before + connected) * 1000 if connected else None
        tls = (before + secured) * 1000 if secured else None
    answered = getinfo(pycurl.STARTTRANSFER_TIME)
    first_byte = (before + answered) * 1000 if answered else None
    total = (before + getinfo(pycurl.TOTAL_TIME)) * 1000
    return Timing(dns, connect, tls, first_byte, total)


def _headers(lines: list[bytes]) -> tuple[tuple[str, str], ...]:
    """The header fields of the final response, cut to what history keeps."""
    kept: list[tuple[str, str]] = []
    room = _KEPT_HEADERS
    for line in lines[_final_section(lines) :]:
        name, colon, value = line.partition(b":")
        if not colon:
            break
        room -= len(line)
        text = name.decode("latin-1")
        if room >= 0 or text.lower() in _MEANT:
            kept.append((text, value.strip().decode("latin-1")[:_KEPT_VALUE]))
    return tuple(kept)


def _all_fields(lines: list[bytes]) -> dict[str, str]:
    """The fields in headers and trailers of the final response, with names in lower case."""
    fields = {}
    for line in lines[_final_section(lines) :]:
        name, colon, value = line.partition(b":")
        if colon:
            fields[name.decode("latin-1").lower()] = value.strip().decode("latin-1")
    return fields


def _final_section(lines: list[bytes]) -> int:
    """The index of the first field of the final response, after those of interim ones (1xx)."""
    start = 1
    for number, line in enumerate(lines[:-1]):
        if line in BLANK and lines[number + 1].startswith(b"HTTP/"):
            start = number + 2
    return start
