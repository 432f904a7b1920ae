"""Errors: what a call can end with instead of a value.

WakecallError
├── NotConfigured            no address, or no API key
├── Unreachable              nothing was sent: the request was surely not carried out
├── NoAnswer                 the request may have been carried out
├── ProblemError             the service refused the request
│   ├── InvalidMember        a member, parameter or header has a value that is not accepted
│   ├── Unauthenticated      no valid API key
│   ├── Forbidden            the key, its scope or the account does not allow this
│   │   └── LimitReached     the account has reached a limit on what is stored
│   ├── NotFound
│   ├── Conflict             the request contradicts what is stored
│   ├── TooLarge
│   ├── KeyReused            the idempotency key was used for another request
│   ├── RateLimited          too many requests, also after the retries
│   └── ServerError          a defect, or an answer that is not Wakecall's
│       └── Unavailable      not available, also after the retries
├── NotOver                  `wait_for` waited for as long as it was allowed to
└── SignatureError           a call was not sent by this Wakecall: answer it with 401
    ├── NoSignature
    ├── WrongSignature
    └── Stale
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final


class WakecallError(Exception):
    """Any error of this library."""

    idempotency_key: str | None = None
    """The key of the request. A request that is repeated with it is carried out once."""

    may_be_done: bool = False
    """Whether the request may have been carried out, because an attempt of it had no answer."""


class NotConfigured(WakecallError):
    """The client has no address of a service, or no API key."""


class Unreachable(WakecallError):
    """No connection was made, so that nothing was sent."""


class NoAnswer(WakecallError):
    """A request was sent, and no answer that can be read came back in time."""


class NotOver(WakecallError, TimeoutError):
    """The run that was waited for is not over, or has not begun."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """What the answer to a refused request tells (RFC 9457)."""

    status: int
    type: str = ""
    """What kind of problem it is: `/problems/` and a code; empty if a proxy answered."""

    title: str = ""
    detail: str = ""
    """What is wrong with this request."""

    member: str | None = None
    """The member, parameter or header that is wrong."""

    remedy: str | None = None
    """What can be done about it."""

    request_id: str | None = None
    """The `X-Request-Id` under which the operator finds the request in the log."""

    retry_after: timedelta | None = None
    """After which time the request may be sent again."""

    document: Mapping[str, object] = field(default_factory=dict, repr=False)
    """The whole problem document; empty if the answer is not Wakecall's."""

    @property
    def code(self) -> str:
        """The last part of `type`, such as `invalid-member`."""
        return self.type.rpartition("/")[2]


class ProblemError(WakecallError):
    """The service refused the request."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem: Final = problem
        self.status: Final = problem.status
        self.type: Final = problem.type
        self.code: Final = problem.code
        self.title: Final = problem.title
        self.detail: Final = problem.detail
        self.member: Final = problem.member
        self.remedy: Final = problem.remedy
        self.request_id: Final = problem.request_id
        self.retry_after: Final = problem.retry_after

    def __str__(self) -> str:
        parts = (self.detail or self.title or f"The service answered {self.status}.", self.remedy)
        return " ".join(part for part in parts if part)


class InvalidMember(ProblemError):
    """A member, path segment, parameter or header has a value that is not accepted."""


class Unauthenticated(ProblemError):
    """The request has no valid API key."""


class Forbidden(ProblemError):
    """The key is valid, and does not allow the request."""


class LimitReached(Forbidden):
    """The account has reached a limit on what is stored; `problem.document` names the limit."""


class NotFound(ProblemError):
    """The account has no such job, run, name or path."""


class Conflict(ProblemError):
    """The request contradicts what is stored."""


class TooLarge(ProblemError):
    """The document, the payload or the response is too large."""


class KeyReused(ProblemError):
    """The idempotency key was used for another request within 24 hours."""


class RateLimited(ProblemError):
    """The account sends too many requests; `retry_after` tells when it may go on."""


class ServerError(ProblemError):
    """A defect of the service, or an answer that is not Wakecall's."""


class Unavailable(ServerError):
    """The service, or a proxy before it, is not available or overloaded."""


class SignatureError(WakecallError):
    """A call does not come from this Wakecall, or not from now: answer it with 401."""


class NoSignature(SignatureError):
    """A header of Standard Webhooks is missing or cannot be read."""


class WrongSignature(SignatureError):
    """No signature of the call was made with one of the secrets over this body."""


class Stale(SignatureError):
    """The call was signed too long ago, or by a clock that is ahead."""
