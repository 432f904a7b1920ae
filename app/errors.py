"""The error tree: every failure that Wakecall reports, with stable codes and without HTTP.

WakecallError
├── Refused                    the client can correct the request
│   ├── MalformedDocument      the body is not a well-formed document of its media type
│   │   └── TooSlow            the body did not arrive in time
│   ├── InvalidMember          one member, parameter or header is invalid (named in `member`)
│   ├── TooLarge               a body, document or payload exceeds its maximum size
│   │   └── AddressTooLong     the URL of the request exceeds its maximum length
│   ├── Unauthenticated        no API key, or one that is unknown, revoked or expired
│   ├── CrossSite              a browser sent the request for a page of another site
│   ├── AccountSuspended       the operator suspended the account: it can only read
│   ├── InsufficientScope      the API key is valid, but its scope does not allow the request
│   ├── InsufficientRole       a user is signed in, but has a lesser role in the account
│   ├── LimitReached           the account would exceed one of its limits (named in `limit`)
│   ├── NotFound               unknown, or of another account: the two look alike
│   ├── Conflict               the request contradicts what is stored
│   │   ├── StillRunning       another request with the same Idempotency-Key is under way
│   │   └── AnswerUnreadable   the request was processed; its stored response cannot be read
│   ├── KeyReused              the Idempotency-Key was used for a different request
│   ├── NotAcceptable          none of the media types in Accept is available
│   ├── UnsupportedFormat      the media type of the body is not supported
│   │   └── UnsupportedEncoding    the body is compressed
│   ├── MethodNotOffered       the path exists, but not with this method
│   ├── LoopDetected           calls led to requests, and these to calls, too many times
│   └── RateLimited            the account sent more requests than allowed (named in `limit`)
├── Unavailable                the database cannot be used, or the process is overloaded
└── Misconfigured              a setting or a command line is invalid; 503 over HTTP
"""

from __future__ import annotations

from typing import ClassVar, Self


class WakecallError(Exception):
    """Any failure that Wakecall reports; `code` is stable, `message` is for people."""

    code: ClassVar[str] = "internal"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Refused(WakecallError):
    """A request that is refused, and that the client can correct.

    `member` names the part that is wrong: a member of the document, a part of the path, a parameter
    or a header. `remedy` tells the client what to do, in a sentence.
    """

    code = "refused"

    def __init__(self, message: str, *, member: str | None = None, remedy: str = "") -> None:
        super().__init__(message)
        self.member = member
        self.remedy = remedy

    def at(self, index: int) -> Self:
        """Return this error as one of the job at `index` in a bulk document: `[17].url`."""
        self.message = f"Job {index} (counted from 0): {self.message}"
        self.args = (self.message,)
        self.member = f"[{index}].{self.member}" if self.member else f"[{index}]"
        return self


class MalformedDocument(Refused):
    """The body is not a well-formed document of its media type."""

    code = "malformed-document"


class InvalidMember(Refused):
    """One member, path part, parameter or header has an invalid value."""

    code = "invalid-member"

    def __init__(self, member: str, message: str, *, remedy: str) -> None:
        super().__init__(message, member=member, remedy=remedy)


class TooLarge(Refused):
    """The body, the document or the payload exceeds its maximum size."""

    code = "too-large"


class AddressTooLong(TooLarge):
    """The URL of the request exceeds its maximum length."""

    code = "address-too-long"


class TooSlow(MalformedDocument):
    """The body of the request did not arrive in time."""

    code = "too-slow"


class Unauthenticated(Refused):
    """The request has no API key, or one that is malformed, unknown, revoked or expired."""

    code = "unauthenticated"


class AccountSuspended(Refused):
    """The operator of this service suspended the account: it can read data, but change nothing."""

    code = "account-suspended"


class InsufficientScope(Refused):
    """The API key is valid, but its scope or its Dapr app does not allow this request."""

    code = "insufficient-scope"


class InsufficientRole(Refused):
    """A user is signed in to the console, whose role in the account does not allow this request."""

    code = "insufficient-role"


class LimitReached(Refused):
    """The request would exceed a limit of the account; `limit` names the limit."""

    code = "limit-reached"

    def __init__(
        self, message: str, *, limit: str, allowed: int, used: int, remedy: str = ""
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.limit = limit
        self.allowed = allowed
        self.used = used


class CrossSite(Refused):
    """A browser sent the request for a page of another site, or to a sidecar under another host."""

    code = "cross-site"


class NotFound(Refused):
    """The account has no resource of this id or name, or the path does not exist."""

    code = "not-found"


class Conflict(Refused):
    """The request contradicts the stored state of the resource."""

    code = "conflict"


class StillRunning(Conflict):
    """Another request with the same Idempotency-Key is still being processed."""

    code = "still-running"


class AnswerUnreadable(Conflict):
    """The request was processed when it was first sent, but its stored response is unreadable."""

    code = "answer-unreadable"


class KeyReused(Refused):
    """The Idempotency-Key was used for a different request within the last 24 hours."""

    code = "idempotency-key-reused"


class NotAcceptable(Refused):
    """None of the media types in Accept is available for this request."""

    code = "not-acceptable"


class UnsupportedFormat(Refused):
    """The media type or charset of the body is not supported for this request."""

    code = "unsupported-format"


class UnsupportedEncoding(UnsupportedFormat):
    """The body is compressed, according to its Content-Encoding or its Transfer-Encoding."""

    code = "unsupported-encoding"


class MethodNotOffered(Refused):
    """The path exists, but not with this method; the header Allow lists the methods it has."""

    code = "method-not-offered"

    def __init__(self, method: str, allowed: tuple[str, ...]) -> None:
        offered = ", ".join(allowed)
        super().__init__(
            f"This path does not support the method {method}.", remedy=f"Use one of: {offered}."
        )
        self.allowed = allowed


class RateLimited(Refused):
    """The account sent more requests than it may; `limit` names the limit.

    `retry_after` is the number of seconds after which to send the request again.
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
    """The request was caused by a chain of Wakecall's own calls that is too long."""

    code = "loop-detected"


class Unavailable(WakecallError):
    """The database cannot be reached, or too many requests arrive at once.

    The message is one of few, because it is logged once a second however many requests get it.
    Nothing was stored, unless the connection was lost while the request was being stored.
    """

    code = "unavailable"


class Misconfigured(WakecallError):
    """A setting or a command line is invalid; the message contains the remedy."""

    code = "misconfigured"
