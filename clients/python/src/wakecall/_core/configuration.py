"""Configuration: where the service is, and with which key it is called."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from wakecall._core.requests import VISIBLE, Request
from wakecall._version import VERSION
from wakecall.errors import NotConfigured

URL: Final = "WAKECALL_URL"
KEY: Final = "WAKECALL_KEY"
_LONGEST_S: Final = 1e8
"""Three years. Sockets do not take all numbers of seconds."""

_SEEN: Final = re.compile(r"[^\s\x00-\x1f\x7f\ud800-\udfff]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Configuration:
    """The address of the service, and how requests to it are authorized."""

    url: str
    key: str | None = field(repr=False)
    account: str | None = None
    """The account that the key must belong to; the service refuses the key of another one."""

    def url_of(self, request: Request) -> str:
        """Where a request goes."""
        query = f"?{urlencode(request.query, quote_via=quote)}" if request.query else ""
        return f"{self.url}{request.path}{query}"

    def headers_of(self, request: Request) -> dict[str, str]:
        """The headers of a request; raises NotConfigured without a key."""
        headers = {
            "accept": "application/json",
            "user-agent": f"wakecall-python/{VERSION}",
            **{name.lower(): value for name, value in request.headers},
        }
        if "authorization" not in headers and "x-api-key" not in headers:
            headers["authorization"] = self._authorization(request)
        if request.idempotency_key is not None:
            headers["idempotency-key"] = request.idempotency_key
        return headers

    def _authorization(self, request: Request) -> str:
        if request.token is not None:
            return f"Bearer {request.token}"
        if self.key is None:
            raise NotConfigured(f"There is no API key. Give the client one, or set {KEY}.")
        if self.account is None:
            return f"Bearer {self.key}"
        pair = f"{self.account}:{self.key}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


def configure(
    key: str | None,
    url: str | None,
    account: str | None,
    environ: Mapping[str, str] | None = None,
) -> Configuration:
    """The configuration that is given, else that of the environment; raises NotConfigured."""
    found = os.environ if environ is None else environ
    key = key if key is not None else found.get(KEY) or None
    return Configuration(
        url=_checked_url(url if url is not None else found.get(URL, "")),
        key=None if key is None else _checked_key(key.strip()),
        account=account,
    )


def checked_timeout(seconds: float) -> float:
    """A time limit; raises ValueError for one that is not a number, or leaves no time."""
    if not seconds > 0:
        raise ValueError("timeout is a number of seconds above 0.")
    return min(seconds, _LONGEST_S)


def is_address(url: str) -> bool:
    """Whether a URL is that of a service, with a host that can be looked up and without a query."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        # Raises UnicodeError for labels that are empty or too long, as looking the host up does.
        host.encode("idna")
        is_whole = parts.scheme in {"http", "https"} and bool(host) and parts.port != 0
    except ValueError:
        return False
    is_bare = not parts.query and not parts.fragment and parts.username is None
    # urlsplit leaves out line breaks and tabs, which the URL has still.
    return is_whole and is_bare and _SEEN.fullmatch(url) is not None


def _checked_url(url: str) -> str:
    if not url:
        raise NotConfigured(
            f"There is no address of a Wakecall. Give the client its url, or set {URL}."
        )
    if not is_address(url):
        raise NotConfigured(
            f"{url[:200]!r} is not the address of a Wakecall. Write it as in "
            "https://wakecall.example.com, without a query or a user name."
        )
    return url.rstrip("/")


def _checked_key(key: str) -> str:
    if not VISIBLE.fullmatch(key):
        raise NotConfigured("The API key is empty, or has a character that a header cannot carry.")
    return key
