"""Call options: method, headers, timeout and retries that a job asks for itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from app.domain.checks import check_between, escaped, quoted
from app.domain.retry_policy import Constant, Policy, check_retry
from app.errors import InvalidMember

METHODS: Final = ("POST", "PUT", "PATCH", "GET", "HEAD", "DELETE")
BODILESS: Final = frozenset({"GET", "HEAD", "DELETE"})
"""Methods whose content has no meaning that receivers agree on (RFC 9110, 9.3)."""

MIN_TIMEOUT: Final = 1.0
MAX_TIMEOUT: Final = 60.0
MAX_HEADERS: Final = 20
MAX_CHARACTERS: Final = 4096
MAX_LABEL: Final = 1024
"""Characters of `signature` and of `contentType`."""

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110, 5.6.2."""

_VISIBLE: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
"""RFC 9110, 5.5: what a header value may hold without being altered or misread on the way."""

_OURS: Final = frozenset(
    {"content-type", "content-length", "host", "user-agent", "x-content-signature"}
)
_OUR_PREFIXES: Final = ("webhook-", "wakecall-")
_ELSEWHERE: Final = "; contentType and signature are members of the job"
_OF_CONNECTION: Final = frozenset(
    {
        *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding"),
        *("upgrade", "http2-settings", "proxy-authenticate", "proxy-authorization", "expect"),
    }
)
"""What speaks of one connection and not of the message: RFC 9110, 7.6.1, 10.1.1 and 11.7."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CallOptions:
    """What a job sets for its calls; None or empty where it keeps the default.

    `headers` are sent besides ours, in this order; `timeout` is in seconds for a whole call.
    """

    method: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    timeout: float | None = None
    retry: Policy | None = None


DEFAULT_OPTIONS: Final = CallOptions()


def check_call_options(options: CallOptions) -> None:
    """Refuse what a native job cannot ask for; raises InvalidMember.

    That is what could not be sent, or would not be what we send, and another dialect's retries.
    """
    if options.method is not None and options.method not in METHODS:
        raise InvalidMember(
            "method",
            f"method is {quoted(options.method)}.",
            remedy="Give POST, PUT, PATCH, GET, HEAD or DELETE.",
        )
    if options.timeout is not None:
        check_between("timeout", options.timeout, MIN_TIMEOUT, MAX_TIMEOUT, "seconds")
    if isinstance(options.retry, Constant):
        raise InvalidMember(
            "retry",
            "retry is a failure policy of Dapr jobs.",
            remedy="Give maxAttempts, schedule or backoff, maxAge, or leave retry out.",
        )
    if options.retry is not None:
        check_retry(options.retry)
    check_headers(options.headers)


def check_value(member: str, value: str, most: int) -> None:
    """Refuse what a header's value cannot carry unaltered; raises InvalidMember."""
    if len(value) > most:
        raise InvalidMember(
            member,
            f"{member} has {len(value)} characters.",
            remedy=f"Use at most {most} characters.",
        )
    if not _VISIBLE.fullmatch(value):
        raise InvalidMember(
            member,
            f"{member} is empty or holds characters that a header cannot carry.",
            remedy="Use visible ASCII characters; spaces only between them.",
        )


def check_headers(
    headers: tuple[tuple[str, str], ...], *, member: str = "headers", ours: str = _ELSEWHERE
) -> None:
    """Refuse what could not be sent, or is not a client's to set; raises InvalidMember.

    `member` is what holds the headers; `ours` is said of those that Wakecall sets.
    """
    if len(headers) > MAX_HEADERS:
        raise InvalidMember(
            member,
            f"There are {len(headers)} headers.",
            remedy=f"Give at most {MAX_HEADERS}.",
        )
    seen: set[str] = set()
    for name, value in headers:
        path = f"{member}.{escaped(name)}"
        _check_name(path, name, seen, ours)
        check_value(path, value, MAX_CHARACTERS)
    total = sum(len(name) + len(value) for name, value in headers)
    if total > MAX_CHARACTERS:
        raise InvalidMember(
            member,
            f"The headers have {total} characters, names and values together.",
            remedy=f"Use at most {MAX_CHARACTERS}.",
        )


def _check_name(member: str, name: str, seen: set[str], ours: str) -> None:
    """Names are the same in either case (RFC 9110, 5.1)."""
    if not _TOKEN.fullmatch(name):
        raise InvalidMember(
            member,
            f"{quoted(name)} is no name of a header.",
            remedy="Use letters, digits and any of !#$%&'*+-.^_`|~, as RFC 9110 has it.",
        )
    lower = name.lower()
    if lower in _OURS or lower.startswith(_OUR_PREFIXES):
        raise InvalidMember(
            member,
            f"{name} is set by Wakecall.",
            remedy=f"Leave it out{ours}.",
        )
    if lower in _OF_CONNECTION:
        raise InvalidMember(
            member,
            f"{name} concerns one connection, not the message, and is not passed on.",
            remedy="Leave it out.",
        )
    if lower in seen:
        raise InvalidMember(
            member, f"The header {name} is given more than once.", remedy="Give each header once."
        )
    seen.add(lower)
