"""Retry: whether a run is done after an attempt, and when the next one begins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from app.domain.retry_policy import (
    DEFAULT,
    Constant,
    Policy,
    most_attempts,
    pause_after,
    since_due,
    wait_after,
)
from app.domain.run import Reply

MAX_RETRY_AFTER: Final = timedelta(hours=24)
"""What a receiver may ask for at most; longer wishes are cut to this."""

JITTER: Final = 0.1
"""A wait is lengthened by up to this part of itself and never shortened."""

_SUCCESS: Final = range(200, 300)
_REDIRECT: Final = range(300, 400)
_NOT_FOUND: Final = 404
_GONE: Final = 410
_GONE_WITH_JOB: Final = "The receiver answered 410: it is gone, and the job with it."
_DIGITS: Final = 9
"""As many digits are read: 30 years and more, and never too many for int or timedelta."""
_TOO_MANY: Final = 429
_SLOW_DOWN: Final = frozenset({_TOO_MANY, 503})
MIN_SLOW_DOWN: Final = timedelta(seconds=1)
"""How long a job waits at least whose app answers 429 and does not say how long."""
_UNCONNECTED: Final = frozenset({"connect-failed", "dns-failure", "denied-address"})


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreached:
    """Nothing of the call reached the app: no attempt was made, and the run waits for the app."""

    reason: str


Ensuing = Failed | RetryAt
Verdict = Failed | RetryAt | Unreached


def is_success(reply: Reply, policy: Policy = DEFAULT) -> bool:
    """Whether the run is done: the receiver answered 2xx; under `Constant` a 404 is as good."""
    if reply.status in _SUCCESS:
        return True
    return reply.status == _NOT_FOUND and isinstance(policy, Constant)


def is_unreached(reply: Reply) -> bool:
    """Whether no connection was made, so that the receiver knows nothing of the call."""
    return reply.error in _UNCONNECTED or (reply.error == "timeout" and not reply.connected)


def decide(
    reply: Reply,
    *,
    attempts_made: int,
    due_at: datetime,
    now: datetime,
    jitter: float,
    policy: Policy = DEFAULT,
) -> Verdict:
    """What follows from a reply that is no success.

    `attempts_made` counts this attempt (1, 2, …); `jitter` is a random number in [0, 1).
    410 ends run and job, all else is tried again until the policy's attempts are used up. A
    Retry-After on 429 or 503 (RFC 9110, 10.2.3) can put the next attempt off, to 24 hours at most,
    but never brings it forward. No further attempt is due once the policy's max_age has passed
    since `due_at`. Under `Constant` 410 ends nothing, a 429 without Retry-After puts the next
    attempt off too (`job_pause`), and what never reached the receiver consumes nothing.
    """
    asked = _asked(reply, now)
    at_least = asked
    if isinstance(policy, Constant):
        if is_unreached(reply):
            return Unreached(reason=in_words(reply))
        at_least = job_pause(reply, now)
    elif reply.status == _GONE:
        return Failed(reason=_GONE_WITH_JOB, gone=True)
    return again(
        in_words(reply, asked),
        attempts_made=attempts_made,
        due_at=due_at,
        now=now,
        jitter=jitter,
        policy=policy,
        at_least=at_least,
    )


def job_pause(reply: Reply, now: datetime) -> timedelta:
    """How long the next call of one job waits after this reply, where that concerns the job alone.

    A 429 or 503 with Retry-After says how long; a 429 without it means MIN_SLOW_DOWN.
    """
    asked = _asked(reply, now)
    return asked or (MIN_SLOW_DOWN if reply.status == _TOO_MANY else asked)


def _asked(reply: Reply, now: datetime) -> timedelta:
    return retry_after(reply, now) if reply.status in _SLOW_DOWN else timedelta()


def again(
    reason: str,
    *,
    attempts_made: int,
    due_at: datetime,
    now: datetime,
    jitter: float,
    policy: Policy = DEFAULT,
    at_least: timedelta = timedelta(),
) -> Ensuing:
    """What follows from an attempt that failed for this reason, by the policy alone.

    The arguments are those of `decide`; the wait is `at_least` so long. Under `Constant` retry n is
    due n intervals after `due_at`, without jitter, and no sooner than `pause_after` allows.
    """
    if attempts_made >= most_attempts(policy):
        return Failed(reason=f"{reason} All {attempts_made} attempts are used up.")
    if isinstance(policy, Constant):
        planned = due_at + since_due(policy, attempts_made)
        pause = max(pause_after(policy, attempts_made), at_least)
        return RetryAt(instant=max(planned, now + pause), reason=reason)
    wait = max(wait_after(policy, attempts_made), at_least)
    instant = now + wait * (1 + JITTER * jitter)
    over = too_old(policy, due_at=due_at, now=instant)
    if over is not None:
        return Failed(reason=f"{reason} {over}")
    return RetryAt(instant=instant, reason=reason)


def too_old(policy: Policy, *, due_at: datetime, now: datetime) -> str | None:
    """Why no attempt but the first of a run due at `due_at` may begin at `now`; None if it may."""
    age = None if isinstance(policy, Constant) else policy.max_age
    if age is None or now <= due_at + timedelta(seconds=age):
        return None
    return f"Its maxAge of {age:.15g} s leaves no time for another attempt."


def in_words(reply: Reply, asked: timedelta = timedelta()) -> str:
    """What a reply that is not a success came to; `asked` is the wait that it asked for."""
    if reply.status is None:
        return f"{reply.error}: {reply.error_detail}"
    if reply.status in _REDIRECT:
        return f"The receiver answered {reply.status}; redirects are not followed."
    if asked:
        more = " or more" if asked >= MAX_RETRY_AFTER else ""
        wait = f"{asked.total_seconds():.0f} s{more}"
        return f"The receiver answered {reply.status} and asked for a wait of {wait}."
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
