"""Browsers: refuses requests that a page of another site sends through its user's browser.

A browser adds the password that it remembers for Wakecall to a request of any page, and any page
can make it send requests to a sidecar on its own machine. The browser names the page in fields
that no page can set: Fetch Metadata (https://www.w3.org/TR/fetch-metadata/) and `Origin`
(RFC 6454). Other clients send neither.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from flask import request

from app.domain.checks import quoted
from app.errors import CrossSite

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods for which no route may change anything (RFC 9110, 9.2.1)."""

OWN_SITE: Final = frozenset({"same-origin", "none"})
"""Values of `Sec-Fetch-Site` for Wakecall's own pages, and for what the user opened directly."""

_LOOPBACK: Final = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_REMEDY: Final = (
    "Send the request from a page of this service, or from a program that sends neither Origin "
    "nor Sec-Fetch-Site."
)


def refuse_other_sites() -> None:
    """Refuse a request that may change something and comes from a page of another site.

    Raises CrossSite. A proxy must pass on the `Host` that the client sent.
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

    A page of another site can reach a listener on loopback by DNS rebinding: its own host name
    resolves to 127.0.0.1, so that the browser takes both for one site. Raises CrossSite.
    """
    host = request.headers.get("Host", "")
    if not is_loopback(host):
        raise CrossSite(
            f"The Host {quoted(host)} is not a loopback name of this machine.",
            member="Host",
            remedy="Use localhost, 127.0.0.1 or [::1] as the host in the URL.",
        )


def is_loopback(host: str) -> bool:
    """Whether a `Host` is a name of this machine's loopback interface."""
    return _LOOPBACK.fullmatch(host) is not None


def is_browser() -> bool:
    """Whether a browser sends this request.

    Over plain http, a browser sends no Fetch Metadata, but it sends `Upgrade-Insecure-Requests`
    for each page that it opens. `Sec-Fetch-Mode: cors` alone does not prove a browser, because
    `fetch` of Node.js sends it.
    """
    headers = request.headers
    if "Sec-Fetch-Site" in headers or "Upgrade-Insecure-Requests" in headers:
        return True
    return headers.get("Sec-Fetch-Mode", "cors") != "cors"


def _is_same_host(origin: str, host: str) -> bool:
    """Whether an origin has this host and port; either may omit the default port."""
    scheme, separator, authority = origin.partition("://")
    port = _DEFAULT_PORTS.get(scheme.lower())
    if not separator or port is None:
        return False
    same = _host_and_port(authority, port)
    return same is not None and same == _host_and_port(host, port)


def _host_and_port(authority: str, default: int) -> tuple[str, int] | None:
    """Return host and port in a comparable form; None for a text that is not an authority."""
    try:
        parts = urlsplit(f"//{authority}")
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or parts.netloc != authority or parts.username is not None:
        return None
    return parts.hostname, default if port is None else port
