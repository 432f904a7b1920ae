"""Call options: the method, headers, timeout and retry policy that a job sets for its calls."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from app.domain.checks import check_between, member_name, quoted
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
"""RFC 9110, 5.5: the values that no intermediary alters or misreads."""

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
"""Headers of one connection, not of the message: RFC 9110, 7.6.1, 10.1.1 and 11.7."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CallOptions:
    """What a job sets for its calls; a member that is None or empty has its default."""

    method: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    """Sent after Wakecall's own headers, in this order."""
    timeout: float | None = None
    """Seconds, for a whole call."""
    retry: Policy | None = None


DEFAULT_OPTIONS: Final = CallOptions()


def check_call_options(options: CallOptions) -> None:
    """Check the call options of a native job; raises InvalidMember.

    Refused are values that cannot be sent, headers that Wakecall sets itself, and the retry
    policies of another dialect.
    """
    if options.method is not None and options.method not in METHODS:
        raise InvalidMember(
            "method",
            f"{quoted(options.method)} is not a method that a job can use.",
            remedy="Use POST, PUT, PATCH, GET, HEAD or DELETE.",
        )
    if options.timeout is not None:
        check_between("timeout", options.timeout, MIN_TIMEOUT, MAX_TIMEOUT, "seconds")
    if isinstance(options.retry, Constant):
        raise InvalidMember(
            "retry",
            "retry has the form of a Dapr failure policy, which only Dapr jobs can have.",
            remedy="Give maxAttempts, schedule or backoff, maxAge, or leave retry out.",
        )
    if options.retry is not None:
        check_retry(options.retry)
    check_headers(options.headers)


def check_value(member: str, value: str, most: int) -> None:
    """Check that a header can carry `value` unaltered; raises InvalidMember for `member`."""
    if len(value) > most:
        raise InvalidMember(
            member,
            f"{member} has {len(value)} characters.",
            remedy=f"Use at most {most} characters.",
        )
    if not _VISIBLE.fullmatch(value):
        raise InvalidMember(
            member,
            f"{member} is empty or contains characters that a header cannot carry.",
            remedy="Use visible ASCII characters, with spaces only between them.",
        )


def check_headers(
    headers: tuple[tuple[str, str], ...], *, member: str = "headers", ours: str = _ELSEWHERE
) -> None:
    """Check that the headers can be sent, and are not set by Wakecall; raises InvalidMember.

    `member` is the path of the headers in the document. `ours` ends the remedy for a header that
    Wakecall sets.
    """
    if len(headers) > MAX_HEADERS:
        raise InvalidMember(
            member,
            f"{member} has {len(headers)} headers.",
            remedy=f"Give at most {MAX_HEADERS} headers.",
        )
    seen: set[str] = set()
    for name, value in headers:
        path = f"{member}.{member_name(name)}"
        _check_name(path, name, seen, ours)
        check_value(path, value, MAX_CHARACTERS)
    total = sum(len(name) + len(value) for name, value in headers)
    if total > MAX_CHARACTERS:
        raise InvalidMember(
            member,
            f"The names and values of the headers have {total} characters in total.",
            remedy=f"Use at most {MAX_CHARACTERS} characters.",
        )


def _check_name(member: str, name: str, seen: set[str], ours: str) -> None:
    """Check one name; names are compared without case (RFC 9110, 5.1)."""
    if not _TOKEN.fullmatch(name):
        raise InvalidMember(
            member,
            f"{quoted(name)} is not a valid header name.",
            remedy="Use letters, digits and any of !#$%&'*+-.^_`|~ (RFC 9110, 5.6.2).",
        )
    lower = name.lower()
    if lower in _OURS or lower.startswith(_OUR_PREFIXES):
        raise InvalidMember(
            member,
            f"The header {name} is set by Wakecall.",
            remedy=f"Leave it out{ours}.",
        )
    if lower in _OF_CONNECTION:
        raise InvalidMember(
            member,
            f"The header {name} belongs to one connection, so a job cannot set it.",
            remedy="Leave it out.",
        )
    if lower in seen:
        raise InvalidMember(
            member, f"The header {name} is given more than once.", remedy="Give each header once."
        )
    seen.add(lower)
