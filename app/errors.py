"""The error tree: what can go wrong, with stable codes and no HTTP in it.

WakecallError
├── Refused                    the caller can mend it
│   ├── MalformedDocument      the body is not a well-formed document of its type
│   │   └── TooSlow            it did not arrive within the time it is given
│   ├── InvalidMember          one member, parameter or header is wrong (names it)
│   ├── TooLarge               a body, document or payload over its limit
│   │   └── AddressTooLong     the address of the request is
│   ├── Unauthenticated        no key, an unknown key, a revoked key
│   ├── CrossSite              a page of another site asks, by way of somebody's browser
│   ├── AccountSuspended       the operator has suspended the account: it can only read
│   ├── InsufficientScope      the key is valid, and not for this (names its scope)
│   ├── LimitReached           the account has as much as it may have (names the limit)
│   ├── NotFound               unknown, or somebody else's: the two are told alike
│   ├── Conflict               contradicts what is stored
│   │   ├── StillRunning       another request with the same Idempotency-Key is under way
│   │   └── AnswerUnreadable   the request was done; its kept answer cannot be read
│   ├── KeyReused              the Idempotency-Key came before, with another request
│   ├── NotAcceptable          none of the asked-for formats is offered
│   ├── UnsupportedFormat      the body's media type is not taken
│   │   └── UnsupportedEncoding    it is compressed
│   ├── MethodNotOffered       the path exists, the method does not
│   ├── LoopDetected           calls lead to requests and these to calls, too deep
│   └── RateLimited            more requests than the account may send (names the limit)
├── Unavailable                the database is away; try again
└── Misconfigured              settings or command line; told in one line, and 503 over HTTP
"""

from __future__ import annotations

from typing import ClassVar, Self


class WakecallError(Exception):
    """Any failure Wakecall tells somebody about; `code` is stable, `message` is for people."""

    code: ClassVar[str] = "internal"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Refused(WakecallError):
    """A request that cannot be granted as it stands.

    `member` names what is wrong (a document member, path part, parameter or header),
    `remedy` says what would be right.
    """

    code = "refused"

    def __init__(self, message: str, *, member: str | None = None, remedy: str = "") -> None:
        super().__init__(message)
        self.member = member
        self.remedy = remedy

    def at(self, index: int) -> Self:
        """This refusal, told of the job at `index` among several: `[17].url` is its member."""
        self.message = f"Job {index} (counted from 0): {self.message}"
        self.args = (self.message,)
        self.member = f"[{index}].{self.member}" if self.member else f"[{index}]"
        return self


class MalformedDocument(Refused):
    """The body is not a well-formed document of its media type."""

    code = "malformed-document"


class InvalidMember(Refused):
    """One member, path part, parameter or header has a value that cannot be taken."""

    code = "invalid-member"

    def __init__(self, member: str, message: str, *, remedy: str) -> None:
        super().__init__(message, member=member, remedy=remedy)


class TooLarge(Refused):
    """A body, document or payload over its limit."""

    code = "too-large"


class AddressTooLong(TooLarge):
    """The address of the request is over its limit."""

    code = "address-too-long"


class TooSlow(MalformedDocument):
    """The body did not arrive within the time it is given."""

    code = "too-slow"


class Unauthenticated(Refused):
    """No key, a mistyped key, an unknown key or a revoked key: told alike."""

    code = "unauthenticated"


class AccountSuspended(Refused):
    """The operator of this service has suspended the account: it can read, and change nothing."""

    code = "account-suspended"


class InsufficientScope(Refused):
    """The API key is valid, but its scope, or the Dapr app it is bound to, does not allow this."""

    code = "insufficient-scope"


class LimitReached(Refused):
    """The account has as much of something as it may have; `limit` names it."""

    code = "limit-reached"

    def __init__(
        self, message: str, *, limit: str, allowed: int, used: int, remedy: str = ""
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.limit = limit
        self.allowed = allowed
        self.used = used


class CrossSite(Refused):
    """A browser sends the request for a page of another site, or to a sidecar by another name."""

    code = "cross-site"


class NotFound(Refused):
    """Nothing of that id belongs to this account."""

    code = "not-found"


class Conflict(Refused):
    """The request contradicts what is stored."""

    code = "conflict"


class StillRunning(Conflict):
    """Another request with the same Idempotency-Key is being answered just now."""

    code = "still-running"


class AnswerUnreadable(Conflict):
    """The request was done when it first came; the answer kept under its key cannot be read."""

    code = "answer-unreadable"


class KeyReused(Refused):
    """The Idempotency-Key came within the last 24 hours with another request."""

    code = "idempotency-key-reused"


class NotAcceptable(Refused):
    """None of the formats named in Accept is offered here."""

    code = "not-acceptable"


class UnsupportedFormat(Refused):
    """The body's media type is not one this route takes."""

    code = "unsupported-format"


class UnsupportedEncoding(UnsupportedFormat):
    """The body is compressed, or encoded in another way that `Content-Encoding` names."""

    code = "unsupported-encoding"


class MethodNotOffered(Refused):
    """The path exists, the method does not; `allowed` lists those that do."""

    code = "method-not-offered"

    def __init__(self, method: str, allowed: tuple[str, ...]) -> None:
        offered = ", ".join(allowed)
        super().__init__(f"{method} is not offered here.", remedy=f"Use one of: {offered}.")
        self.allowed = allowed


class RateLimited(Refused):
    """The account sends more requests than it may; `limit` names which limit that is.

    `retry_after` is in how many seconds to send the request again.
    """

    code = "rate-limited"

    def __init__(
        self,
        message: str,
        *,
        limit: str | None = None,
        allowed: int = 0,
        used: int = 0,
        retry_after: int = 1,
        remedy: str = "",
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.limit = limit
        self.allowed = allowed
        self.used = used
        self.retry_after = retry_after


class LoopDetected(Refused):
    """The request comes from a call that a call led to, and so on, too many times."""

    code = "loop-detected"


class Unavailable(WakecallError):
    """The database is away, or too much arrives at once; nothing was stored; try again later."""

    code = "unavailable"


class Misconfigured(WakecallError):
    """A setting or a command line that cannot work; the message says what to do."""

    code = "misconfigured"
