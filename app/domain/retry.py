"""Retry: whether a run is done after an attempt, and when the next one begins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from app.domain.run import Reply

MAX_RETRY_AFTER: Final = timedelta(hours=24)
"""What a receiver may ask for at most; longer wishes are cut to this."""

JITTER: Final = 0.1
"""A wait is lengthened by up to this part of itself and never shortened."""

_SUCCESS: Final = range(200, 300)
_REDIRECT: Final = range(300, 400)
_GONE: Final = 410
_DIGITS: Final = 9
"""As many digits are read: 30 years and more, and never too many for int or timedelta."""
_SLOW_DOWN: Final = frozenset({429, 503})


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """The waits between the attempts of a run: one attempt more than there are delays."""

    delays: tuple[timedelta, ...]


DEFAULT: Final = RetryPolicy(
    delays=(
        timedelta(seconds=5),
        timedelta(minutes=5),
        timedelta(minutes=30),
        timedelta(hours=2),
        timedelta(hours=5),
        timedelta(hours=10),
        timedelta(hours=10),
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Succeeded:
    """The receiver answered 2xx: the run is done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """No further attempt will be made; `gone` (a 410) ends the job as well."""

    reason: str
    gone: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryAt:
    """A further attempt is due at `instant`, never sooner."""

    instant: datetime
    reason: str


Verdict = Succeeded | Failed | RetryAt


def decide(
    reply: Reply,
    *,
    attempts_made: int,
    now: datetime,
    jitter: float,
    policy: RetryPolicy = DEFAULT,
) -> Verdict:
    """What follows from one attempt's reply.

    `attempts_made` counts this attempt (1, 2, …); `jitter` is a random number in [0, 1).
    2xx succeeds, 410 ends run and job, all else is tried again until the policy's delays are
    used up. A Retry-After on 429 or 503 (RFC 9110, 10.2.3) can put the next attempt off, to
    24 hours at most, but never brings it forward.
    """
    status = reply.status
    if status in _SUCCESS:
        return Succeeded()
    reason = _reason(reply)
    if status == _GONE:
        return Failed(reason=reason, gone=True)
    if attempts_made > len(policy.delays):
        return Failed(reason=f"{reason} All {attempts_made} attempts are used up.")
    wait = policy.delays[attempts_made - 1]
    if status in _SLOW_DOWN:
        wait = max(wait, retry_after(reply, now))
    return RetryAt(instant=now + wait * (1 + JITTER * jitter), reason=reason)


def _reason(reply: Reply) -> str:
    if reply.status is None:
        return f"{reply.error}: {reply.error_detail}"
    if reply.status in _REDIRECT:
        return f"The receiver answered {reply.status}; redirects are not followed."
    if reply.status == _GONE:
        return "The receiver answered 410: it is gone, and the job with it."
    return f"The receiver answered {reply.status}."


def retry_after(reply: Reply, now: datetime) -> timedelta:
    """The wait a Retry-After asks for (RFC 9110, 10.2.3), at most MAX_RETRY_AFTER.

    Nothing where the field is absent, malformed or past.
    """
    text = next((value for name, value in reply.headers if name.lower() == "retry-after"), "")
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:_DIGITS])), MAX_RETRY_AFTER)
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return timedelta()
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return min(max(instant - now, timedelta()), MAX_RETRY_AFTER)
