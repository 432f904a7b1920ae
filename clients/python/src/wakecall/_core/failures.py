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
    return Failure(
        reason="the time for it ran out"
        if isinstance(error, httpx2.TimeoutException) and not str(error)
        else named,
        is_sent=not isinstance(error, _BEFORE_SENDING),
        is_lasting=isinstance(error, _LASTING),
    )
