"""Browsers: requests that a page of another site makes in the name of whoever looks at it.

A browser adds the password that it remembers for Wakecall, and reaches a sidecar on its own
machine, whatever page asks it to. It says which page that is in fields that no page can set: Fetch
Metadata (https://www.w3.org/TR/fetch-metadata/) and `Origin` (RFC 6454). Others send neither.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from flask import request

from app.domain.checks import quoted
from app.errors import CrossSite

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, 9.2.1): no route may change anything for one of them."""

OWN_SITE: Final = frozenset({"same-origin", "none"})
"""Values of `Sec-Fetch-Site` for Wakecall's own pages, and for what the user opened directly."""

_LOOPBACK: Final = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_REMEDY: Final = (
    "Send the request from a page of this service, or from a program that sends neither Origin "
    "nor Sec-Fetch-Site."
)


def refuse_other_sites() -> None:
    """Refuse a request that may change something and comes from another site's page.

    Raises CrossSite. A proxy must pass the `Host` on that the client sent.
    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site not in OWN_SITE:
            raise CrossSite(
                f"The request comes from a page of another site: Sec-Fetch-Site is {quoted(site)}.",
                member="Sec-Fetch-Site",
                remedy=_REMEDY,
            )
        return
    origin = request.headers.get("Origin")
    if origin is not None and not _is_same_host(origin, request.headers.get("Host", "")):
        raise CrossSite(
            f"The request comes from a page of another site: its Origin {quoted(origin)} does not "
            f"match the Host {quoted(request.headers.get('Host', ''))}.",
            member="Origin",
            remedy=_REMEDY,
        )


def refuse_other_hosts() -> None:
    """Refuse a request whose `Host` is not a name of this machine's loopback interface.

    A page of another site gets to a listener on loopback by a name of its own that it lets resolve
    to 127.0.0.1 (DNS rebinding); to the browser, both are one site then. Raises CrossSite.
    """
    host = request.headers.get("Host", "")
    if _LOOPBACK.fullmatch(host) is None:
        raise CrossSite(
            f"The Host {quoted(host)} is not a loopback name of this machine.",
            member="Host",
            remedy="Use localhost, 127.0.0.1 or [::1] as the host in the URL.",
        )


def is_browser() -> bool:
    """Whether a browser sends this request.

    Over plain http it sends no Fetch Metadata, but `Upgrade-Insecure-Requests` with each page it
    opens. `Sec-Fetch-Mode: cors` alone is not a browser's: `fetch` of Node.js sends it.
    """
    headers = request.headers
    if "Sec-Fetch-Site" in headers or "Upgrade-Insecure-Requests" in headers:
        return True
    return headers.get("Sec-Fetch-Mode", "cors") != "cors"


def _is_same_host(origin: str, host: str) -> bool:
    """Whether an origin has this host and port; a default port may be left out of either."""
    scheme, separator, authority = origin.partition("://")
    port = _DEFAULT_PORTS.get(scheme.lower())
    if not separator or port is None:
        return False
    same = _host_and_port(authority, port)
    return same is not None and same == _host_and_port(host, port)


def _host_and_port(authority: str, default: int) -> tuple[str, int] | None:
    """Both in a form that can be compared; None for what is not a host with a port or without."""
    try:
        parts = urlsplit(f"//{authority}")
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or parts.netloc != authority or parts.username is not None:
        return None
    return parts.hostname, default if port is None else port
