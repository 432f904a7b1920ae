"""Retry: whether a run is done after an attempt, and when the next one begins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from app.domain.retry_policy import DEFAULT, RetryPolicy, most_attempts, wait_after
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
class Failed:
    """No further attempt will be made; `gone` (a 410) ends the job as well."""

    reason: str
    gone: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryAt:
    """A further attempt is due at `instant`, never sooner."""

    instant: datetime
    reason: str


Verdict = Failed | RetryAt


def is_success(reply: Reply) -> bool:
    """Whether the receiver answered 2xx: the run is done."""
    return reply.status in _SUCCESS


def decide(
    reply: Reply,
    *,
    attempts_made: int,
    due_at: datetime,
    now: datetime,
    jitter: float,
    policy: RetryPolicy = DEFAULT,
) -> Verdict:
    """What follows from a reply that is no success.

    `attempts_made` counts this attempt (1, 2, …); `jitter` is a random number in [0, 1).
    410 ends run and job, all else is tried again until the policy's attempts are used up. A
    Retry-After on 429 or 503 (RFC 9110, 10.2.3) can put the next attempt off, to 24 hours at most,
    but never brings it forward. No further attempt is due once the policy's max_age has passed
    since `due_at`.
    """
    reason = _reason(reply)
    if reply.status == _GONE:
        return Failed(reason=reason, gone=True)
    asked = retry_after(reply, now) if reply.status in _SLOW_DOWN else timedelta()
    return again(
        reason,
        attempts_made=attempts_made,
        due_at=due_at,
        now=now,
        jitter=jitter,
        policy=policy,
        at_least=asked,
    )


def again(
    reason: str,
    *,
    attempts_made: int,
    due_at: datetime,
    now: datetime,
    jitter: float,
    policy: RetryPolicy = DEFAULT,
    at_least: timedelta = timedelta(),
) -> Verdict:
    """What follows from an attempt that failed for this reason, by the policy alone.

    The arguments are those of `decide`; the wait is `at_least` so long.
    """
    if attempts_made >= most_attempts(policy):
        return Failed(reason=f"{reason} All {attempts_made} attempts are used up.")
    wait = max(wait_after(policy, attempts_made), at_least)
    instant = now + wait * (1 + JITTER * jitter)
    if is_too_old(policy, due_at=due_at, now=instant):
        return Failed(reason=f"{reason} {too_old(policy)}")
    return RetryAt(instant=instant, reason=reason)


def is_too_old(policy: RetryPolicy, *, due_at: datetime, now: datetime) -> bool:
    """Whether no attempt but the first of a run due at `due_at` may begin at `now` any more."""
    return policy.max_age is not None and now > due_at + timedelta(seconds=policy.max_age)


def too_old(policy: RetryPolicy) -> str:
    """Why a run gets no further attempt, in words."""
    return f"Its maxAge of {policy.max_age:.15g} s leaves no time for another attempt."


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
