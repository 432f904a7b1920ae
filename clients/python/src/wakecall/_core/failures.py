"""Failures: what an exception of the HTTP library means for the request that it interrupted."""

from __future__ import annotations

from typing import Final

import httpx2

from wakecall._core.attempts import Failure

_BEFORE_SENDING: Final = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
    httpx2.LocalProtocolError,
)
_LASTING: Final = (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)


def failure_of(error: httpx2.RequestError) -> Failure:
    """The failure of an attempt that ended with this exception."""
    named = str(error) or type(error).__name__
    if isinstance(error, httpx2.TimeoutException) and not str(error):
        named = "the time for it ran out"
    is_sent = not isinstance(error, _BEFORE_SENDING)
    return Failure(
        reason=named if is_sent else f"{named.rstrip('.')}{_address(error)}",
        is_sent=is_sent,
        is_lasting=isinstance(error, _LASTING),
    )


def _address(error: httpx2.RequestError) -> str:
    """The address that was tried, which errors of a connection do not name."""
    try:
        url = error.request.url
    except RuntimeError:
        return ""
    return f" ({url.scheme}://{url.netloc.decode()})"
