"""Invocation: a request that a sidecar passes on to another app (Dapr's service invocation)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from app.domain.call_options import MAX_TIMEOUT
from app.domain.endpoint import AppProtocol

METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
TIMEOUT_S: Final = MAX_TIMEOUT
"""Seconds for the whole call of the other app, as for the call of a job."""

MAX_ANSWER: Final = 4 * 1024 * 1024
"""Bytes of the other app's answer, as many as a request may have."""

_CALLER: Final = "dapr-caller-app-id"
_CALLEE: Final = "dapr-callee-app-id"
_NAMESPACE: Final = "dapr-caller-namespace"
_OF_SIDECAR: Final = frozenset({_CALLER, _CALLEE, _NAMESPACE})
"""Fields by which an app knows who calls it: only the sidecar sets them."""

_DEFAULT_NAMESPACE: Final = "default"

# RFC 9110, 7.6.1: fields that are for the next hop alone; and what the client of this hop makes.
_OF_THE_HOP: Final = frozenset(
    {
        *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding"),
        *("upgrade", "proxy-authenticate", "proxy-authorization"),
        *("host", "content-length", "content-type", "accept-encoding", "expect"),
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Callee:
    """An app that may be invoked: its URL, and the token by which it knows its sidecar."""

    app_id: str
    url: str
    token: str | None = None
    protocol: AppProtocol = AppProtocol.HTTP


@dataclass(frozen=True, kw_only=True, slots=True)
class Invocation:
    """One request for an app; `target` is its path and query, still encoded, without a slash."""

    callee: Callee
    caller: str
    """The id of the app that asks."""
    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str | None = None
    body: bytes = b""

    @property
    def url(self) -> str:
        """Where the request goes."""
        return f"{self.callee.url.rstrip('/')}/{self.target}"

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """The client's fields, and those of the sidecar, which replace the client's."""
        return (
            *(field for field in self.headers if field[0].lower() not in _OF_SIDECAR),
            (_CALLER, self.caller),
            (_CALLEE, self.callee.app_id),
            (_NAMESPACE, _DEFAULT_NAMESPACE),
        )


def passed_on(
    headers: Iterable[tuple[str, str]], *, without: Iterable[str] = ()
) -> tuple[tuple[str, str], ...]:
    """Of a request's fields those that are for the app: not of the hop, nor in `without`.

    A field that `Connection` names is of the hop, too. A value of more than visible ASCII cannot
    be sent, and is left out.
    """
    given = [(name, value) for name, value in headers if value.isascii() and value.isprintable()]
    named = {
        each.strip().lower()
        for name, value in given
        if name.lower() == "connection"
        for each in value.split(",")
    }
    left_out = _OF_THE_HOP | named | {name.lower() for name in without}
    return tuple((name, value) for name, value in given if name.lower() not in left_out)
